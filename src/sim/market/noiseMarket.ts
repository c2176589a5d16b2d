/**
 * @file A market in which nothing can be forecast: the placebo for everything that claims to forecast.
 *
 * Returns, volumes, spreads and depths are independent draws with the same distribution at every moment; the only honest
 * forecast of any of them is its long-run mean. Whatever finds an edge here finds edges in nothing.
 */

import { GimbalError } from '../../core/errors.ts'
import { Random } from '../../core/random.ts'
import { ASK, BID } from '../../market/book.ts'
import type { Instrument, Universe } from '../../market/instrument.ts'
import { Flag, Kind, MemoryTape, type MergeInput } from '../../market/tape.ts'

export interface NoiseMarketOptions {
  readonly seed: number
  readonly startUs: number
  /** Length, µs. */
  readonly lengthUs: number
  /** `bars`: completed bars of `barUs`; `book`: a book of twelve levels and trades, two messages a second. */
  readonly rows: 'bars' | 'book'
  readonly barUs?: number
  /** Deviation of a log return over a day; 4 % unless told. */
  readonly dailyDeviation?: number
}

const DAY_US = 86_400e6
/** Messages a second of the book kind. */
const MESSAGES_PER_SECOND = 2
const LEVELS = 6
const FUNDING_US = 8 * 3600e6
const START_TICKS = 500_000

/**
 * One tape over the instruments of a universe, each walking by itself.
 *
 * @throws {GimbalError} `argument-invalid` for bars without a length.
 */
export function noiseMarket(universe: Universe, options: NoiseMarketOptions): MergeInput[] {
  const { seed, startUs, lengthUs, rows, barUs = 0, dailyDeviation = 0.04 } = options
  if (rows === 'bars' && !(barUs > 0))
    throw new GimbalError('argument-invalid', 'A noise market of bars needs their length', { barUs })
  return universe.instruments.map((instrument, index) => {
    const random = new Random(seed).fork(`noise/${instrument.id}`)
    const tape =
      rows === 'bars'
        ? noiseBars(instrument, random, startUs, lengthUs, barUs, dailyDeviation)
        : noiseBook(random, startUs, lengthUs, dailyDeviation)
    return { source: tape.reader(), instruments: Uint16Array.of(index) }
  })
}

/** Steps within a bar from which its high and low come. */
const STEPS = 8

function noiseBars(
  instrument: Instrument,
  random: Random,
  startUs: number,
  lengthUs: number,
  barUs: number,
  dailyDeviation: number,
): MemoryTape {
  const tape = new MemoryTape()
  const deviation = dailyDeviation * Math.sqrt(barUs / DAY_US / STEPS)
  const perpetual = instrument.kind === 'perp'
  let log = Math.log(START_TICKS)
  const bars = Math.floor(lengthUs / barUs)
  for (let bar = 1; bar <= bars; bar++) {
    const open = log
    let high = log
    let low = log
    for (let step = 0; step < STEPS; step++) {
      log += deviation * random.normal()
      high = Math.max(high, log)
      low = Math.min(low, log)
    }
    const timeUs = startUs + bar * barUs
    const lots = Math.round(100_000 * Math.exp(0.5 * random.normal()))
    const push = (kind: number, price: number, size: number, value: number, flags: number) =>
      tape.push(timeUs, timeUs, kind, 0, 0, Math.round(Math.exp(price)), size, value, flags)
    push(Kind.BAR_OPEN, open, 0, 0, 0)
    push(Kind.BAR_HIGH, high, 0, 0, 0)
    push(Kind.BAR_LOW, low, 0, 0, 0)
    push(Kind.BAR_CLOSE, log, lots, barUs, Flag.END)
    if (perpetual && timeUs % FUNDING_US === 0)
      tape.push(timeUs, timeUs, Kind.FUNDING, 0, 0, 0, FUNDING_US, 1e-4 * random.normal(), Flag.END)
  }
  return tape
}

/** Every message replaces the levels of the one before by fresh draws: what one shows says nothing about the next. */
function noiseBook(random: Random, startUs: number, lengthUs: number, dailyDeviation: number): MemoryTape {
  const tape = new MemoryTape()
  const spacingUs = Math.round(1e6 / MESSAGES_PER_SECOND)
  const deviation = dailyDeviation * Math.sqrt(spacingUs / DAY_US)
  let log = Math.log(START_TICKS)
  let bid = 0
  let ask = 0
  const messages = Math.floor(lengthUs / spacingUs)
  for (let message = 1; message <= messages; message++) {
    const timeUs = startUs + message * spacingUs
    const first = message === 1
    log += deviation * random.normal()
    const mid = Math.round(Math.exp(log))
    const half = 1 + random.integer(0, 2)
    const push = (side: number, tick: number, lots: number, flags: number) =>
      tape.push(timeUs, timeUs, Kind.DEPTH, 0, side, tick, lots, message, flags | (first ? Flag.SNAPSHOT : 0))
    for (let level = 0; level < LEVELS && !first; level++) {
      const gone = bid - level
      if (gone > mid - half || gone <= mid - half - LEVELS) push(BID, gone, 0, 0)
      const lifted = ask + level
      if (lifted < mid + half || lifted >= mid + half + LEVELS) push(ASK, lifted, 0, 0)
    }
    bid = mid - half
    ask = mid + half
    for (let level = 0; level < LEVELS; level++) {
      push(BID, bid - level, random.integer(1, 1000), first && level === 0 ? Flag.RESET : 0)
      push(ASK, ask + level, random.integer(1, 1000), level === LEVELS - 1 ? Flag.END : 0)
    }
    if (random.uniform() < 0.5) {
      const side = random.bits() > 0 ? BID : ASK
      tape.push(
        timeUs,
        timeUs,
        Kind.TRADE,
        0,
        side,
        side === BID ? ask : bid,
        random.integer(1, 500),
        message,
        Flag.END,
      )
    }
  }
  return tape
}
