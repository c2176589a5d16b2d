/**
 * Goal: the families of order flow equal their definitions under settings that make rare things happen often: short windows,
 * chains solved after every few changes, books told by snapshots; relative to the size of each figure, however small.
 *
 * Method: as streamingBatch.test.ts, over malicious tapes; and each figure must have been known at some moment, or nothing was compared.
 */

import { describe, expect, test } from 'vitest'
import { Random } from '../../src/core/random.ts'
import { readSettings, type SettingValue } from '../../src/core/settings.ts'
import { FAMILIES } from '../../src/features/families.ts'
import { MarketState } from '../../src/market/marketState.ts'
import { TapeBatch } from '../../src/market/tape.ts'
import { ORACLES } from './oracles.ts'
import { generatedTape, nastyTape, type WholeTape } from './tapes.ts'

const NERVOUS: readonly (readonly [name: string, settings: Readonly<Record<string, SettingValue>>])[] = [
  ['book-imbalance', { levels: '1,3', withinBps: '0.2,1', decayBps: 0.3, weightedLevels: 4, staleSeconds: 1 }],
  ['depth-profile', { bandsBps: '0.1,0.5', halfLifeSeconds: 2, sampleSeconds: 0.3 }],
  ['microprice', { buckets: 3, spreads: 4, refitEvents: 25, kept: 0.7, moveTicksMax: 1 }],
  ['microprice', { buckets: 4, refitEvents: 30, snapshots: true }],
  ['spread', { halfLifeSeconds: 1, staleSeconds: 0.5 }],
  ['spread', { halfLifeSeconds: 3, snapshots: true }],
  ['order-flow-imbalance', { windowsSeconds: '0.3,5', levels: 3 }],
  ['order-flow-imbalance', { windowsSeconds: '5', levels: 15, snapshots: true }],
  ['trade-flow', { windowsSeconds: '0.5,20' }],
  ['vpin', { buckets: 3, bucketLots: 300, barSeconds: 2, halfLifeSeconds: 20 }],
  ['vpin', { buckets: 4, bucketSeconds: 3, learnSeconds: 5, halfLifeSeconds: 30, barSeconds: 3 }],
  ['price-impact', { intervalSeconds: 2, halfLifeSeconds: 40, realisedSeconds: 4, quoteLagSeconds: 0.5 }],
  ['price-impact', { intervalSeconds: 3, realisedSeconds: 0, quoteLagSeconds: 0, snapshots: true }],
  ['hawkes', { decaysPerSecond: '0.05,3', binSeconds: 1, windowSeconds: 60 }],
  ['queue-dynamics', { windowsSeconds: '1,20', refillSeconds: 3 }],
  ['queue-dynamics', { windowsSeconds: '20', refillSeconds: 0.2, snapshots: true }],
]

/** The figures at every moment asked about, streamed row by row. */
function stream(
  name: string,
  settings: Readonly<Record<string, SettingValue>>,
  { universe, rows }: WholeTape,
  target: number,
  timesUs: readonly number[],
): Float64Array[] {
  const family = FAMILIES[name]!
  const markets = universe.instruments.map((instrument) => new MarketState(instrument))
  const feature = family.build(settings, { universe, markets, target })
  const out = new Float64Array(family.outputs(settings).length)
  const answers = Array.from(out, () => new Float64Array(timesUs.length))
  const batch = new TapeBatch(8)
  let asked = 0
  for (let row = 0; row <= rows.count; row++) {
    const timeUs = row < rows.count ? rows.timeUs[row]! : Number.POSITIVE_INFINITY
    for (; asked < timesUs.length && timesUs[asked]! < timeUs; asked++) {
      feature.write(out, 0, timesUs[asked]!)
      for (const [i, value] of out.entries()) answers[i]![asked] = value
    }
    if (row === rows.count) break
    const { kind, instrument, side, tick, lots, value, flags } = rows
    batch.count = 0
    batch.push(
      timeUs,
      timeUs,
      kind[row]!,
      instrument[row]!,
      side[row]!,
      tick[row]!,
      lots[row]!,
      value[row]!,
      flags[row]!,
    )
    markets[instrument[row]!]!.apply(batch, 0, timeUs)
    if (instrument[row] === target) feature.onRow(batch, 0, target, timeUs)
  }
  return answers
}

const TAPES = [nastyTape(11, 3000), nastyTape(12, 3000)].flatMap((tape) =>
  [0, 1, 2].map((target) => ({ tape, target })),
)
/** The first rows of a generated market: the definitions are slow. */
const CALM = firstRows(generatedTape(7), 12_000)

function firstRows(tape: WholeTape, count: number): WholeTape {
  return { ...tape, rows: { ...tape.rows, count } }
}

describe.each(NERVOUS)('%s %j', (name, given) => {
  test('is its definition', () => {
    const settings = readSettings(`feature ${name}`, FAMILIES[name]!.settings, given)
    const outputs = FAMILIES[name]!.outputs(settings)
    const known = new Set<string>()
    for (const { tape, target } of [...TAPES, { tape: CALM, target: 1 }]) {
      const { rows, universe } = tape
      const random = new Random(13)
      const times = new Set<number>()
      for (let i = 0; i < 40; i++)
        times.add(rows.timeUs[random.integer(0, rows.count - 1)]! + (i % 2) * random.integer(0, 900_000))
      const timesUs = [...times].sort((a, b) => a - b)
      const streamed = stream(name, settings, tape, target, timesUs)
      const defined = ORACLES[name]!({ rows, universe, target, settings, timesUs })
      for (const [i, output] of outputs.entries()) {
        for (const [at, timeUs] of timesUs.entries()) {
          const [a, b] = [streamed[i]![at]!, defined[i]![at]!]
          if (!Number.isNaN(b)) known.add(output.name)
          const same = Object.is(a, b) || Math.abs(a - b) <= 1e-12 * Math.max(1e-3, Math.abs(b))
          expect(same ? '' : `${output.name} on ${tape.name}, ${target}, at ${timeUs}: ${a}, by definition ${b}`).toBe(
            '',
          )
        }
      }
    }
    expect(outputs.map((output) => output.name).filter((each) => !known.has(each))).toEqual([])
  })
})
