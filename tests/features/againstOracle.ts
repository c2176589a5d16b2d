/**
 * @file One family under chosen settings against its batch definition, for the tests beside each family: tighter than the joint test
 * (relative to the figure itself, however small) and with windows short enough for figures to be known.
 */

import { Random } from '../../src/core/random.ts'
import { readSettings, type SettingValue } from '../../src/core/settings.ts'
import type { FeatureFamily } from '../../src/features/feature.ts'
import { Instrument, type InstrumentSpec, Universe } from '../../src/market/instrument.ts'
import { MarketState } from '../../src/market/marketState.ts'
import { Flag, Kind, MemoryTape, TapeBatch } from '../../src/market/tape.ts'
import type { Oracle } from './oracle.ts'
import { materialise, type WholeTape } from './tapes.ts'

/** Relative, of the figure; absolute for what is a difference of figures of order 1. */
const RELATIVE = 1e-11
const ABSOLUTE = 1e-15

type Settings = Readonly<Record<string, SettingValue>>

/** Feeds a tape to a family and asks at the given moments; one record of figures by name a moment. */
export function ask(
  family: FeatureFamily,
  given: Settings,
  { universe, rows }: WholeTape,
  target: number,
  timesUs: readonly number[],
): Record<string, number>[] {
  const settings = readSettings(`feature ${family.name}`, family.settings, given)
  const names = family.outputs(settings).map(({ name }) => name)
  const markets = universe.instruments.map((instrument) => new MarketState(instrument))
  const feature = family.build(settings, { universe, markets, target })
  const wanted = new Set(feature.instruments)
  const out = new Float64Array(names.length)
  const answers: Record<string, number>[] = []
  const batch = new TapeBatch(8)
  let asked = 0
  for (let row = 0; row <= rows.count; row++) {
    const timeUs = row < rows.count ? rows.timeUs[row]! : Number.POSITIVE_INFINITY
    for (; asked < timesUs.length && timesUs[asked]! < timeUs; asked++) {
      feature.write(out, 0, timesUs[asked]!)
      answers.push(Object.fromEntries(names.map((name, i) => [name, out[i]!])))
    }
    if (asked === timesUs.length) break
    const { kind, side, tick, lots, value, flags } = rows
    const instrument = rows.instrument[row]!
    batch.count = 0
    batch.push(
      timeUs,
      rows.venueTimeUs?.[row] ?? timeUs,
      kind[row]!,
      instrument,
      side[row]!,
      tick[row]!,
      lots[row]!,
      value[row]!,
      flags[row]!,
    )
    markets[instrument]!.apply(batch, 0, timeUs)
    if (wanted.has(instrument)) feature.onRow(batch, 0, instrument, timeUs)
  }
  return answers
}

/** What a comparison found. */
export interface Comparison {
  /** Figures that differ, in words; none when all is well. */
  readonly differences: readonly string[]
  /** Figures that were numbers, of those asked for, by name. */
  readonly known: Readonly<Record<string, number>>
}

/** Asks a family and its oracle at `count` random moments, on events, on whole seconds and between. */
export function compare(
  family: FeatureFamily,
  oracle: Oracle,
  given: Settings,
  tape: WholeTape,
  target: number,
  count = 40,
  seed = 1,
): Comparison {
  const random = new Random(seed)
  const { rows, universe } = tape
  const times = new Set<number>()
  while (times.size < count) {
    const at = rows.timeUs[random.integer(0, rows.count - 1)]!
    const pick = random.integer(0, 2)
    times.add(pick === 0 ? at : pick === 1 ? Math.ceil(at / 60e6) * 60e6 : at + random.integer(0, 90_000_000))
  }
  const timesUs = [...times].sort((a, b) => a - b)
  const settings = readSettings(`feature ${family.name}`, family.settings, given)
  const streamed = ask(family, given, tape, target, timesUs)
  const batch = oracle({ rows, universe, target, settings, timesUs })
  const differences: string[] = []
  const known: Record<string, number> = {}
  for (const [output, { name }] of family.outputs(settings).entries()) {
    known[name] = 0
    for (const [i, timeUs] of timesUs.entries()) {
      const a = streamed[i]![name]!
      const b = batch[output]![i]!
      if (!Number.isNaN(a)) known[name]!++
      if (Number.isNaN(a) && Number.isNaN(b)) continue
      if (!(Math.abs(a - b) <= Math.max(ABSOLUTE, RELATIVE * Math.max(Math.abs(a), Math.abs(b)))))
        differences.push(`${name} on ${tape.name} at ${timeUs}: ${a}, batch ${b}`)
    }
  }
  return { differences, known }
}

/** Columns of a row; 0 where absent. */
interface RowColumns {
  readonly instrument?: number
  readonly side?: number
  readonly tick?: number
  readonly lots?: number
  readonly value?: number
  readonly flags?: number
}

/** A market written row by row, for named cases: a linear perpetual (or what is asked for), tick 0.1, lot 0.001. */
export class WrittenTape {
  readonly universe: Universe
  readonly #tape = new MemoryTape()
  readonly startUs = Date.UTC(2025, 5, 1) * 1000

  constructor(...specs: readonly Partial<InstrumentSpec>[]) {
    this.universe = new Universe(
      (specs.length > 0 ? specs : [{}]).map(
        (spec, index) =>
          new Instrument({
            base: ['BTC', 'ETH', 'SOL', 'XRP'][index] ?? `C${index}`,
            quote: 'USDT',
            kind: 'perp',
            venue: 'written',
            venueSymbol: 'X',
            payoff: 'linear',
            settle: 'USDT',
            tickSize: '0.1',
            lotSize: '0.001',
            multiplier: '1',
            source: 'written',
            ...spec,
          }),
      ),
    )
  }

  /** A message of one row, `seconds` after the start; `END` unless told otherwise. */
  row(seconds: number, kind: number, columns: RowColumns = {}): void {
    const { instrument = 0, side = 0, tick = 0, lots = 0, value = 0, flags = Flag.END } = columns
    const timeUs = this.startUs + Math.round(seconds * 1e6)
    this.#tape.push(timeUs, timeUs, kind, instrument, side, tick, lots, value, flags)
  }

  /** A touch one tick around a mid. */
  quote(seconds: number, mid: number, instrument = 0): void {
    this.row(seconds, Kind.QUOTE, { instrument, side: 1, tick: mid - 1, lots: 5, flags: 0 })
    this.row(seconds, Kind.QUOTE, { instrument, side: -1, tick: mid + 1, lots: 5 })
  }

  trade(seconds: number, tick: number, lots: number, side = 1, instrument = 0): void {
    this.row(seconds, Kind.TRADE, { instrument, side, tick, lots })
  }

  /** A completed bar, told at its close. */
  bar(
    seconds: number,
    durationSeconds: number,
    [open, high, low, close]: readonly number[],
    lots = 1,
    instrument = 0,
  ): void {
    this.row(seconds, Kind.BAR_OPEN, { instrument, tick: open!, flags: 0 })
    this.row(seconds, Kind.BAR_HIGH, { instrument, tick: high!, flags: 0 })
    this.row(seconds, Kind.BAR_LOW, { instrument, tick: low!, flags: 0 })
    this.row(seconds, Kind.BAR_CLOSE, { instrument, tick: close!, lots, value: durationSeconds * 1e6 })
  }

  get whole(): WholeTape {
    return materialise('written tape', this.universe, [{ source: this.#tape.reader() }])
  }

  /** Asks a family about the first instrument, `seconds` after the start. */
  ask(family: FeatureFamily, settings: Settings, ...seconds: readonly number[]): Record<string, number>[] {
    const timesUs = seconds.map((each) => this.startUs + Math.round(each * 1e6))
    return ask(family, settings, this.whole, 0, timesUs)
  }
}
