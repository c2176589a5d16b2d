/**
 * @file Which way a pool is traded: net flow of both tokens, its imbalance and the number of swaps, in windows of time.
 *
 * From `POOL_SWAP` rows (a swap, or the net of a minute where a file has no finer): positive is into the pool. Per window: `net0`,
 * `net1` in smallest units; `imbalance`, the net of token0 over the sum of the sizes of its flows (+1: everybody sold token0 to
 * the pool); `count` of rows with any flow. A window is that of `windowSums.ts`; with no swap in it nets and count are 0, if the pool was
 * heard at all, and the imbalance NaN.
 *
 * Amounts reach 1e25 and cancel: each bucket keeps its sum with what rounding took from it (Neumaier 1974), so that nets are
 * exact to the last digit.
 */

import { readSettings, type SettingsOf, type SettingsShape } from '../core/settings.ts'
import { Kind, type TapeBatch } from '../market/tape.ts'
import type { Feature, FeatureContext, FeatureFamily } from './feature.ts'
import { INSTRUMENT_SETTING, namedInstrument, numberList, spanName, spanUs, targetHas } from './settingLists.ts'
import { bucketWidthUs, Hearing, WINDOW_BUCKETS, WindowSums } from './windowSums.ts'

const SETTINGS = {
  instrument: INSTRUMENT_SETTING,
  windowsSeconds: { default: '300,3600', doc: 'lengths of the windows, seconds, ascending' },
} as const satisfies SettingsShape

const OWNER = 'feature swap-flow'
const PER_WINDOW = 4

/** A sum over a window whose terms cancel; buckets as in `WindowSums`. */
class CancellingSum {
  readonly #bucketUs: number
  readonly #stamps = new Float64Array(WINDOW_BUCKETS).fill(-1)
  readonly #sums = new Float64Array(WINDOW_BUCKETS)
  /** What rounding took from each sum. */
  readonly #lost = new Float64Array(WINDOW_BUCKETS)

  constructor(windowUs: number) {
    this.#bucketUs = bucketWidthUs(windowUs)
  }

  add(timeUs: number, value: number): void {
    const bucket = Math.floor(timeUs / this.#bucketUs)
    const slot = bucket % WINDOW_BUCKETS
    if (this.#stamps[slot] !== bucket) {
      this.#stamps[slot] = bucket
      this.#sums[slot] = 0
      this.#lost[slot] = 0
    }
    const before = this.#sums[slot]!
    const sum = before + value
    this.#lost[slot]! += Math.abs(before) >= Math.abs(value) ? before - sum + value : value - sum + before
    this.#sums[slot] = sum
  }

  sum(nowUs: number): number {
    const last = Math.floor(nowUs / this.#bucketUs)
    let sum = 0
    let lost = 0
    for (let bucket = last - WINDOW_BUCKETS + 1; bucket <= last; bucket++) {
      const slot = bucket % WINDOW_BUCKETS
      if (this.#stamps[slot] !== bucket) continue
      const value = this.#sums[slot]!
      const next = sum + value
      lost += (Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum) + this.#lost[slot]!
      sum = next
    }
    return sum + lost
  }
}

/** Fields of the plain windows. */
const GROSS = 0
const COUNT = 1

class SwapFlow implements Feature {
  readonly instruments: readonly number[]
  readonly #hearing: Hearing
  readonly #net0: readonly CancellingSum[]
  readonly #net1: readonly CancellingSum[]
  readonly #windows: readonly WindowSums[]

  constructor(settings: SettingsOf<typeof SETTINGS>, context: FeatureContext) {
    const instrument = namedInstrument(context, settings.instrument)
    this.instruments = [instrument]
    this.#hearing = new Hearing(context.markets[instrument]!)
    const spans = numberList(OWNER, 'windowsSeconds', settings.windowsSeconds, 0.001).map(spanUs)
    this.#net0 = spans.map((us) => new CancellingSum(us))
    this.#net1 = spans.map((us) => new CancellingSum(us))
    this.#windows = spans.map((us) => new WindowSums(us, 2))
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    this.#hearing.onRow(timeUs)
    if (batch.kind[row] !== Kind.POOL_SWAP) return
    const amount0 = batch.lots[row]!
    const amount1 = batch.value[row]!
    if (!Number.isFinite(amount0) || !Number.isFinite(amount1) || (amount0 === 0 && amount1 === 0)) return
    for (let i = 0; i < this.#windows.length; i++) {
      this.#net0[i]!.add(timeUs, amount0)
      this.#net1[i]!.add(timeUs, amount1)
      this.#windows[i]!.add(timeUs, GROSS, Math.abs(amount0))
      this.#windows[i]!.add(timeUs, COUNT, 1)
    }
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    for (let i = 0; i < this.#windows.length; i++) {
      const window = this.#windows[i]!
      const place = at + PER_WINDOW * i
      if (!this.#hearing.covers(window.startUs(nowUs))) {
        out.fill(Number.NaN, place, place + PER_WINDOW)
        continue
      }
      const net0 = this.#net0[i]!.sum(nowUs)
      const gross = window.sum(nowUs, GROSS)
      out[place] = net0
      out[place + 1] = this.#net1[i]!.sum(nowUs)
      out[place + 2] = gross > 0 ? net0 / gross : Number.NaN
      out[place + 3] = window.sum(nowUs, COUNT)
    }
  }
}

export const SWAP_FLOW: FeatureFamily = {
  name: 'swap-flow',
  summary: 'Net flow of both tokens through a pool, its imbalance and the number of swaps, in windows.',
  version: 1,
  settings: SETTINGS,
  outputs(given) {
    const { windowsSeconds } = readSettings(OWNER, SETTINGS, given)
    return numberList(OWNER, 'windowsSeconds', windowsSeconds, 0.001)
      .map(spanName)
      .flatMap((span) => [
        { name: `net0-${span}`, unit: 'smallest units', doc: `Token0 into the pool less out of it over ${span}.` },
        { name: `net1-${span}`, unit: 'smallest units', doc: 'The same of token1.' },
        { name: `imbalance-${span}`, unit: '', doc: 'Net flow of token0 over the sum of the sizes of its flows.' },
        { name: `count-${span}`, unit: '', doc: 'Swaps, or minutes with swaps.' },
      ])
  },
  suits: (tape) => targetHas(tape, 'pool') && tape.universe.at(tape.target).kind === 'pool',
  build: (settings, context) => new SwapFlow(readSettings(OWNER, SETTINGS, settings), context),
}
