/** @file Prices of assets over the past of a catalog, side by side in even steps: what value at risk is taken from. */

import { dollarLike } from '../../market/instrument.ts'
import { MarketState } from '../../market/marketState.ts'
import { MergedTape } from '../../market/tape.ts'
import { Catalog } from '../../store/catalog.ts'
import { openTapes } from '../../store/openTapes.ts'

/** Prices by asset, a row each step, NaN before the first and while silent. */
export interface PriceHistory {
  readonly stepUs: number
  /** Of the first and last row. */
  readonly fromUs: number
  readonly toUs: number
  readonly prices: Readonly<Record<string, Float64Array>>
}

/** A price older than so many steps is no price of that step. */
const STEPS_STALE = 2

/** Spot before perpetuals. Dated futures are left out: their basis would be taken for a move. */
const RANKS: Readonly<Record<string, number>> = { spot: 0, perp: 1 }

/**
 * Reads marks at the end of each step from `fromUs` on up to `toUs`. Assets no instrument in dollars prices are left out.
 *
 * @throws {GimbalError} what opening tapes throws.
 */
export async function priceHistory(
  folder: string,
  assets: readonly string[],
  span: { readonly fromUs: number; readonly toUs: number; readonly stepUs: number; readonly barUs?: number },
): Promise<PriceHistory> {
  const { fromUs, toUs, stepUs, barUs } = span
  const catalog = new Catalog(folder)
  const instruments = [...catalog.instruments()]
    .filter(([, { spec }]) => assets.includes(spec.base) && dollarLike(spec.quote) && spec.kind in RANKS)
    .map(([name]) => name)
  if (instruments.length === 0) return { stepUs, fromUs, toUs, prices: {} }
  const opened = await openTapes(catalog, {
    ...(barUs === undefined ? {} : { barUs }),
    instruments,
    fromUs,
    toUs: toUs + 1,
  })
  const { universe, inputs } = opened
  const states = universe.instruments.map((instrument) => new MarketState(instrument))
  const heardUs = new Float64Array(states.length).fill(Number.NEGATIVE_INFINITY)
  const rows = Math.max(0, Math.floor((toUs - fromUs) / stepUs))
  const sources = new Map<string, number[]>()
  for (const asset of assets) {
    const found = universe.instruments
      .map(({ kind, spec }, index) => ({ index, kind, spec }))
      .filter(({ kind, spec }) => spec.base === asset && dollarLike(spec.quote) && kind in RANKS)
      .sort((p, q) => RANKS[p.kind]! - RANKS[q.kind]!)
    if (found.length > 0)
      sources.set(
        asset,
        found.map(({ index }) => index),
      )
  }
  const prices = Object.fromEntries(
    [...sources.keys()].map((asset) => [asset, new Float64Array(rows).fill(Number.NaN)]),
  )
  let row = 0
  const record = (untilUs: number) => {
    for (; row < rows && fromUs + (row + 1) * stepUs < untilUs; row++) {
      const atUs = fromUs + (row + 1) * stepUs
      for (const [asset, indexes] of sources) {
        // One instrument for an asset throughout a step: the best that still speaks.
        const index = indexes.find((each) => heardUs[each]! > atUs - STEPS_STALE * stepUs)
        if (index !== undefined) prices[asset]![row] = states[index]!.markPrice
      }
    }
  }
  const tape = new MergedTape(inputs)
  try {
    while (tape.advance()) {
      record(tape.timeUs)
      states[tape.instrument]!.apply(tape.batch, tape.row, tape.timeUs)
      heardUs[tape.instrument] = tape.timeUs
    }
    record(Number.POSITIVE_INFINITY)
  } finally {
    tape.close()
  }
  return { stepUs, fromUs: fromUs + stepUs, toUs: fromUs + rows * stepUs, prices }
}
