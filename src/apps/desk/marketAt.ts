/** @file What a catalog knew at a moment: every instrument as the engine would have seen it then. */

import { DAY_US, isoTime } from '../../core/clock.ts'
import { GimbalError } from '../../core/errors.ts'
import type { Universe } from '../../market/instrument.ts'
import { MarketState } from '../../market/marketState.ts'
import { MergedTape, type MergeInput } from '../../market/tape.ts'
import { Catalog, describeCatalog } from '../../store/catalog.ts'
import { openTapes } from '../../store/openTapes.ts'

export interface KnownMarkets {
  readonly universe: Universe
  /** By index in the universe. Instruments silent over the whole look back are not in it. */
  readonly markets: readonly MarketState[]
  /** The moment asked for, or that of the last row. */
  readonly timeUs: number
  readonly provenance: 'real' | 'synthetic' | 'mixed'
  /** Of the rows read. */
  readonly contentHash: string
}

export interface MomentOptions {
  /** The last row of the catalog when absent. */
  readonly atUs?: number
  /** How far back an instrument may have spoken last; a day when absent. */
  readonly lookBackUs?: number
  /** Names, in which `*` stands for anything; all when absent. */
  readonly instruments?: readonly string[]
  readonly barUs?: number
}

/**
 * Reads the rows before a moment into one state an instrument.
 *
 * @throws {GimbalError} what opening tapes throws; `catalog-empty` where nothing was said in the span.
 */
export async function marketAt(folder: string, options: MomentOptions = {}): Promise<KnownMarkets> {
  const catalog = new Catalog(folder)
  const { lookBackUs = DAY_US, instruments, barUs } = options
  const lastUs = describeCatalog(catalog).reduce(
    (last, entry) => Math.max(last, entry.lastUs),
    Number.NEGATIVE_INFINITY,
  )
  const atUs = options.atUs ?? lastUs
  const opened = await openTapes(catalog, {
    ...(instruments && instruments.length > 0 ? { instruments } : {}),
    ...(barUs === undefined ? {} : { barUs }),
    fromUs: atUs - lookBackUs,
    toUs: atUs + 1,
  })
  const { markets, timeUs } = statesOf(opened.universe, opened.inputs, atUs)
  if (timeUs === Number.NEGATIVE_INFINITY) {
    throw new GimbalError('catalog-empty', 'The catalog says nothing of that time', {
      from: isoTime(atUs - lookBackUs),
      to: isoTime(atUs),
    })
  }
  return {
    universe: opened.universe,
    markets,
    timeUs: options.atUs ?? timeUs,
    provenance: opened.provenance,
    contentHash: opened.contentHash,
  }
}

/** Every instrument after the rows of some inputs up to a moment, and the time of the last of these rows. */
export function statesOf(
  universe: Universe,
  inputs: readonly MergeInput[],
  atUs = Number.POSITIVE_INFINITY,
): { readonly markets: readonly MarketState[]; readonly timeUs: number } {
  const markets = universe.instruments.map((instrument) => new MarketState(instrument))
  const tape = new MergedTape(inputs)
  let timeUs = Number.NEGATIVE_INFINITY
  try {
    while (tape.advance() && tape.timeUs <= atUs) {
      markets[tape.instrument]!.apply(tape.batch, tape.row, tape.timeUs)
      timeUs = tape.timeUs
    }
  } finally {
    tape.close()
  }
  return { markets, timeUs }
}
