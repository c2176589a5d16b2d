/**
 * @file What a unit of gas costs: its level, how it moved, how unusual it is, and how fast blocks come.
 *
 * Base fee (`BASE_FEE`) and price paid (`GAS_PRICE`) are followed apart, as natural logarithms of gwei. Per window: `change`
 * since the value in force when the window began; `score`, the level less the mean over the deviation of all updates in the
 * window (of the last 4096 where there were more; five at least). `blocks` are `BLOCK` rows a minute over the window.
 *
 * A level is unknown after `memorySeconds` without an update, after a `GAP` or `OUTAGE` until the next update, and while the feed is
 * down; no change is taken across a break.
 *
 * The instrument is the first of base GAS in the universe; the target where there is none.
 */

import { MINUTE_US } from '../core/clock.ts'
import { readSettings, type SettingsOf, type SettingsShape } from '../core/settings.ts'
import type { Universe } from '../market/instrument.ts'
import type { MarketState } from '../market/marketState.ts'
import { Kind, type TapeBatch } from '../market/tape.ts'
import type { Feature, FeatureContext, FeatureFamily, FeatureOutput, TapeContents } from './feature.ts'
import { RecentFigures } from './recentFigures.ts'
import { numberList, spanName, spanUs } from './settingLists.ts'
import { Hearing, WindowSums } from './windowSums.ts'

const SETTINGS = {
  instrument: {
    default: '',
    doc: 'instrument whose gas it is, by id; the first of base GAS, else the target, when empty',
  },
  windowsSeconds: { default: '300,3600', doc: 'lengths of the windows, seconds, ascending' },
  memorySeconds: { default: 600, min: 1, doc: 'seconds without an update after which a level is no longer known' },
} as const satisfies SettingsShape

const OWNER = 'feature gas'
const WEI_PER_GWEI = 1e9
const REMEMBERED = 4096
/** Updates a score needs. */
const LEAST = 5
/** Deviations below this of a logarithm are rounding: there is no scale. */
const STILL = 1e-9

/** Index of the instrument that carries gas: see the file's header. */
export function gasInstrumentOf(universe: Universe, target: number, id: string): number {
  if (id !== '') return universe.index(id)
  const first = universe.instruments.findIndex(({ spec }) => spec.base === 'GAS')
  return first < 0 ? target : first
}

/** Whether the tape says anything in one of the streams about the chain's gas. */
export function gasHas({ universe, target, streams }: TapeContents, ...wanted: readonly string[]): boolean {
  const has = streams[gasInstrumentOf(universe, target, '')] ?? []
  return wanted.some((stream) => has.includes(stream))
}

/** One of the two fees. */
class FeeLevel {
  readonly #recent = new RecentFigures(REMEMBERED)
  readonly #known = new Float64Array(REMEMBERED)

  hear(timeUs: number, wei: number): void {
    if (wei > 0 && wei < Number.POSITIVE_INFINITY) this.#recent.push(timeUs, Math.log(wei / WEI_PER_GWEI))
  }

  breakOff(timeUs: number): void {
    this.#recent.pushBreak(timeUs)
  }

  /** Level in force at a time, given that everything up to it was heard. */
  #entryAt(timeUs: number, memoryUs: number): number {
    const entry = this.#recent.inForce(timeUs)
    return entry >= 0 && timeUs - this.#recent.timeUs(entry) <= memoryUs ? entry : -1
  }

  /** Level, then change and score a window. */
  write(out: Float64Array, at: number, nowUs: number, memoryUs: number, windowsUs: readonly number[]): void {
    const recent = this.#recent
    const entry = this.#entryAt(nowUs, memoryUs)
    const level = entry < 0 ? Number.NaN : recent.first(entry)
    out[at] = level
    for (let i = 0; i < windowsUs.length; i++) {
      const startUs = nowUs - windowsUs[i]!
      const then = this.#entryAt(startUs, memoryUs)
      out[at + 1 + 2 * i] = then >= 0 && then > recent.lastBreak ? level - recent.first(then) : Number.NaN
      out[at + 2 + 2 * i] = this.#score(level, startUs)
    }
  }

  #score(level: number, startUs: number): number {
    const known = this.#known
    const count = this.#recent.copyKnown(this.#recent.after(startUs), known)
    if (count < LEAST) return Number.NaN
    // Two passes over the figures themselves: running sums of squares would keep no digits of so small a deviation.
    let sum = 0
    for (let i = 0; i < count; i++) sum += known[i]!
    const mean = sum / count
    let squares = 0
    for (let i = 0; i < count; i++) squares += (known[i]! - mean) ** 2
    const deviation = Math.sqrt(squares / count)
    return deviation > STILL ? (level - mean) / deviation : Number.NaN
  }
}

class Gas implements Feature {
  readonly instruments: readonly number[]
  readonly #market: MarketState
  readonly #hearing: Hearing
  readonly #baseFee = new FeeLevel()
  readonly #price = new FeeLevel()
  readonly #windowsUs: readonly number[]
  readonly #blocks: readonly WindowSums[]
  readonly #memoryUs: number

  constructor(settings: SettingsOf<typeof SETTINGS>, context: FeatureContext) {
    const instrument = gasInstrumentOf(context.universe, context.target, settings.instrument)
    this.instruments = [instrument]
    this.#market = context.markets[instrument]!
    this.#hearing = new Hearing(this.#market)
    this.#windowsUs = numberList(OWNER, 'windowsSeconds', settings.windowsSeconds, 1).map(spanUs)
    this.#blocks = this.#windowsUs.map((us) => new WindowSums(us, 1))
    this.#memoryUs = spanUs(settings.memorySeconds)
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    this.#hearing.onRow(timeUs)
    switch (batch.kind[row]) {
      case Kind.BASE_FEE:
        if (!this.#market.down) this.#baseFee.hear(timeUs, batch.value[row]!)
        break
      case Kind.GAS_PRICE:
        if (!this.#market.down) this.#price.hear(timeUs, batch.value[row]!)
        break
      case Kind.BLOCK:
        for (let i = 0; i < this.#blocks.length; i++) this.#blocks[i]!.add(timeUs, 0, 1)
        break
      case Kind.GAP:
      case Kind.OUTAGE:
        this.#baseFee.breakOff(timeUs)
        this.#price.breakOff(timeUs)
        break
    }
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const each = 1 + 2 * this.#windowsUs.length
    this.#baseFee.write(out, at, nowUs, this.#memoryUs, this.#windowsUs)
    this.#price.write(out, at + each, nowUs, this.#memoryUs, this.#windowsUs)
    for (let i = 0; i < this.#blocks.length; i++) {
      const blocks = this.#blocks[i]!
      const startUs = blocks.startUs(nowUs)
      out[at + 2 * each + i] = this.#hearing.covers(startUs)
        ? blocks.sum(nowUs, 0) / ((nowUs - startUs) / MINUTE_US)
        : Number.NaN
    }
  }
}

export const GAS: FeatureFamily = {
  name: 'gas',
  summary: 'Base fee and gas price: level, change and score over windows; blocks a minute.',
  version: 1,
  settings: SETTINGS,
  outputs(given) {
    const settings = readSettings(OWNER, SETTINGS, given)
    const spans = numberList(OWNER, 'windowsSeconds', settings.windowsSeconds, 1).map(spanName)
    const outputs: FeatureOutput[] = []
    for (const [fee, what] of [
      ['base-fee', 'base fee'],
      ['price', 'gas price'],
    ] as const) {
      outputs.push({ name: fee, unit: 'ln gwei', doc: `Logarithm of the ${what}.` })
      for (const span of spans)
        outputs.push(
          { name: `${fee}-change-${span}`, unit: '', doc: `Its change over ${span}.` },
          { name: `${fee}-score-${span}`, unit: '', doc: `Its distance from the mean of ${span}, in deviations.` },
        )
    }
    for (const span of spans)
      outputs.push({ name: `blocks-${span}`, unit: '1/min', doc: `Blocks a minute over ${span}.` })
    return outputs
  },
  suits: (tape) => gasHas(tape, 'gas', 'block'),
  build: (settings, context) => new Gas(readSettings(OWNER, SETTINGS, settings), context),
}
