/** @file The data of a run: a part of a catalog, or a generated market. */

import { createHash } from 'node:crypto'
import { MINUTE_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import { streamOfKind } from '../market/message.ts'
import { MergedTape, type MergeInput } from '../market/tape.ts'
import { generateMarket } from '../sim/market/generatedMarket.ts'
import { optionMarket } from '../sim/market/optionMarket.ts'
import { Catalog } from '../store/catalog.ts'
import { partitionName } from '../store/importSink.ts'
import { openTapes } from '../store/openTapes.ts'
import type { Manifest } from '../store/provenance.ts'
import type { RunData } from './backtestRun.ts'
import type { DataPlan } from './runPlan.ts'
import { gimbalVersion } from './version.ts'

/**
 * Opens or makes the data a plan names.
 *
 * @param folder The catalog, for plans that read one.
 * @throws {GimbalError} whatever opening tapes throws; `argument-invalid` for a feed, which cannot be had again.
 */
export async function runData(
  plan: DataPlan,
  folder: string,
  onBuild?: (tape: string, rows: number) => void,
): Promise<RunData> {
  if (plan.from === 'catalog') return catalogData(plan, folder, onBuild)
  if (plan.from === 'generated') return generatedData(plan)
  if (plan.from === 'generated-options') return generatedOptions(plan)
  throw new GimbalError('argument-invalid', 'A live feed cannot be had again: its rows are in the journal itself', {})
}

async function catalogData(
  plan: Extract<DataPlan, { from: 'catalog' }>,
  folder: string,
  onBuild?: (tape: string, rows: number) => void,
): Promise<RunData> {
  const opened = await openTapes(
    new Catalog(folder),
    {
      ...(plan.instruments.length > 0 ? { instruments: plan.instruments } : {}),
      ...(plan.fromUs === null ? {} : { fromUs: plan.fromUs }),
      ...(plan.toUs === null ? {} : { toUs: plan.toUs }),
      ...(plan.barUs === undefined ? {} : { barUs: plan.barUs }),
      ...(plan.holdOut === undefined ? {} : { holdOut: plan.holdOut }),
    },
    onBuild ? { onBuild } : {},
  )
  const shifted = Object.entries(opened.venueShiftUs).filter(([, shift]) => shift !== 0)
  return {
    universe: opened.universe,
    inputs: () => opened.reopen(),
    kind: opened.provenance === 'real' ? 'replayed' : 'synthetic',
    streams: opened.universe.instruments.map(({ spec }) =>
      opened.labels
        .filter(({ venue, family }) => venue === spec.venue && family === partitionName(spec).family)
        .map(({ stream }) => stream),
    ),
    ...barLength(plan.barUs ?? opened.labels.flatMap(({ barDurationsUs }) => barDurationsUs)[0]),
    quotable: opened.labels.some(({ stream }) => stream === 'book' || stream === 'quote'),
    rows: opened.rows,
    dataHash: opened.contentHash,
    tapes: [{ name: 'catalog', sha256: opened.contentHash }],
    sources: opened.imports.map((manifest) => ({
      name: manifest.source.name,
      kind: manifest.provenance === 'real' ? 'replayed' : 'synthetic',
      sha256: manifest.source.sha256,
      rows: manifest.rows,
      importer: `${manifest.importer} ${manifest.version}`,
    })),
    assumptions: [
      ...told(opened.imports),
      ...shifted.map(([venue, shiftUs]) => ({
        about: `${venue}: clock`,
        text: `the clocks of recorder and venue disagreed: venue times are moved by ${(shiftUs / 1000).toFixed(1)} ms, so that no message arrives before it was sent; feed latencies are lower bounds`,
      })),
    ],
  }
}

/** Imports that tell what an earlier one told already; bars of several lengths are chosen between, and are no such case. */
function told(imports: readonly Manifest[]): { about: string; text: string }[] {
  return imports.flatMap(({ source, traps }) =>
    traps
      .filter(({ name }) => name === 'overlaps-import')
      .flatMap(({ first }) => first.filter(({ detail }) => !detail.startsWith('bar ')))
      .map(({ detail }) => ({
        about: 'data',
        text: `${source.name} overlaps an earlier import: ${detail}; what both hold is told twice`,
      })),
  )
}

function barLength(barUs: number | undefined): { readonly barUs?: number } {
  return barUs === undefined ? {} : { barUs }
}

/** Rows of a generated market after which every stream it has was heard of. */
const ROWS_LISTENED = 50_000

function streamsHeard(instruments: number, inputs: readonly MergeInput[]): string[][] {
  const heard = Array.from({ length: instruments }, () => new Set<string>())
  const tape = new MergedTape(inputs)
  for (let row = 0; row < ROWS_LISTENED && tape.advance(); row++) {
    const stream = streamOfKind(tape.batch.kind[tape.row]!)
    if (stream) heard[tape.instrument]!.add(stream)
  }
  tape.close()
  return heard.map((streams) => [...streams])
}

/** The generated market of a seed; one simulation serves one view, so it is run once for each. */
function generatedData(plan: Extract<DataPlan, { from: 'generated' }>): RunData {
  const market = generateMarket({ seed: plan.seed, hours: plan.hours })
  const name = `generated market, seed ${plan.seed}, ${plan.hours} h`
  const sha256 = createHash('sha256')
    .update(JSON.stringify({ generator: 'gimbal', version: gimbalVersion(), seed: plan.seed, hours: plan.hours }))
    .digest('hex')
  return {
    universe: market.universe,
    inputs: () => [...market.sources().inputs],
    streams: streamsHeard(market.universe.size, [...market.sources().inputs]),
    kind: 'synthetic',
    quotable: true,
    dataHash: sha256,
    tapes: [{ name, sha256 }],
    sources: [{ name, kind: 'synthetic', sha256, importer: `generator ${gimbalVersion()}` }],
    assumptions: [{ about: 'market', text: market.description }],
  }
}

/** Volatility the generated coin has, and the one its options are quoted at. */
const GENERATED_VOLATILITY = { realised: 0.5, implied: 0.6 } as const

/** The generated market of options of a seed: chains that reach beyond its end, so that there is always one to sell. */
function generatedOptions({ seed, days }: Extract<DataPlan, { from: 'generated-options' }>): RunData {
  const expiryDays = [9, 23, 37, 51, 65, 79].filter((each) => each <= days + 45)
  const market = optionMarket({ seed, days, ...GENERATED_VOLATILITY, expiryDays })
  const name = `generated option market, seed ${seed}, ${days} d`
  const sha256 = createHash('sha256')
    .update(JSON.stringify({ generator: 'gimbal options', version: gimbalVersion(), seed, days }))
    .digest('hex')
  return {
    universe: market.universe,
    inputs: () => market.inputs(),
    streams: streamsHeard(market.universe.size, market.inputs()),
    kind: 'synthetic',
    barUs: 5 * MINUTE_US,
    quotable: true,
    dataHash: sha256,
    tapes: [{ name, sha256 }],
    sources: [{ name, kind: 'synthetic', sha256, importer: `generator ${gimbalVersion()}` }],
    assumptions: [
      {
        about: 'market',
        text: `a coin of ${100 * GENERATED_VOLATILITY.realised} % volatility a year without jumps, options quoted at ${100 * GENERATED_VOLATILITY.implied} % at the money around a fixed smile: what selling them earns here was put in`,
      },
    ],
  }
}
