/**
 * @file A series of bars on its way into a sink: what is impossible, invented, flat, missing or repeated in it.
 *
 * Bars drawn through an outage. Some published histories fill a venue's downtime by linear interpolation, which moves
 * towards a price nobody knew yet. Such a bar is the exact midpoint of its neighbours in open, high, low, close and
 * volume at once; five independent coincidences do not happen, so the test needs no tolerance beyond double rounding
 * and finds invented bars whose prices happen to lie on the grid as well. It needs the bar after, hence the delay of one.
 * Its first bar may stand still at the last price with only the volume drawn.
 */

import { isoTime } from '../core/clock.ts'
import { Flag, Kind } from '../market/tape.ts'
import type { ImportSink, Place, SketchedInstrument } from '../store/importer.ts'
import type { TableRow } from './csv.ts'
import { Cadence } from './csvCadence.ts'

/** What bars are of: trades (BAR rows), the mark (MARK and its extremes) or the index (INDEX with the close). */
export type BarKind = 'trade' | 'mark' | 'index'

/** One bar as numbers, with how finely it was written. */
export interface Bar {
  /** When the bar ended, which is when it is known. */
  readonly closeUs: number
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  /** As written: in the base, or in the quote where the series was told so. */
  readonly volume: number
  readonly priceDecimals: number
  readonly volumeDecimals: number
  readonly place: Place
}

/** Shortest run of bars without trade and without move that is reported as a trap. */
const FLAT_RUN_MIN = 3

/** Decimals a number is written with, trailing zeros apart; 12 for scientific notation, which no venue's grid needs. */
export function decimalsOf(text: string): number {
  const point = text.indexOf('.')
  if (/[eE]/.test(text)) return 12
  if (point < 0) return 0
  let end = text.length
  while (text.charCodeAt(end - 1) === 48) end--
  return Math.min(12, end - point - 1)
}

/** Leaves a fault on the row when a bar's prices contradict each other. */
export function checkBar(row: TableRow, open: number, high: number, low: number, close: number): void {
  const prices = `open ${open}, high ${high}, low ${low}, close ${close}`
  if (high < low) row.fault('bar-high-below-low', prices)
  else if (open > high || open < low) row.fault('bar-open-outside', prices)
  else if (close > high || close < low) row.fault('bar-close-outside', prices)
}

/** Consecutive bars of one sort, reported once it ends. */
interface Run {
  first: Bar
  last: Bar
  count: number
}

/** Takes bars in order of time and passes them on one behind. */
export class BarSeries {
  readonly #sink: ImportSink
  readonly #kind: BarKind
  readonly #durationUs: number
  readonly #quoteVolumeDecimals: number | undefined
  readonly #index: number
  readonly #cadence: Cadence
  #before: Bar | undefined
  #pending: Bar | undefined
  #pendingFlags = 0
  #priceDecimals = 0
  #volumeDecimals = 0
  #drawn: Run | undefined
  #flat: Run | undefined

  /**
   * @param durationUs Length of a bar; where it varies (months) the nominal one, for gaps.
   * @param quoteVolumeDecimals Given when volumes are in the quote: they are divided by the bar's mean price and
   *   rounded to so many decimals.
   */
  constructor(
    sink: ImportSink,
    instrument: SketchedInstrument,
    kind: BarKind,
    durationUs: number,
    quoteVolumeDecimals?: number,
  ) {
    this.#sink = sink
    this.#kind = kind
    this.#durationUs = durationUs
    this.#quoteVolumeDecimals = quoteVolumeDecimals
    this.#index = sink.instrument(instrument)
    this.#cadence = new Cadence(sink, 'bars', durationUs)
  }

  /** Takes the next bar; returns the reason for refusing it, or nothing. */
  take(bar: Bar): string {
    const step = this.#cadence.take(bar.closeUs, bar.place)
    if (step === 'repeated') return 'duplicate-time'
    this.#pass(bar)
    this.#pending = bar
    this.#pendingFlags = step === 'backwards' ? Flag.SUSPECT : 0
    return ''
  }

  /** Passes on the last bar and reports runs still open. */
  end(): void {
    this.#pass(undefined)
    this.#reportDrawn()
    this.#reportFlat()
  }

  #pass(next: Bar | undefined): void {
    const bar = this.#pending
    if (!bar) return
    const drawn =
      this.#before !== undefined &&
      next !== undefined &&
      (midpoint(this.#before, bar, next) || this.#volumeDrawn(this.#before, bar, next))
    this.#watchFlat(bar)
    this.#before = bar
    this.#pending = undefined
    if (!drawn) {
      this.#reportDrawn()
      this.#priceDecimals = Math.max(this.#priceDecimals, bar.priceDecimals)
      this.#volumeDecimals = Math.max(this.#volumeDecimals, bar.volumeDecimals)
      this.#emit(bar, this.#pendingFlags)
      return
    }
    if (this.#drawn) {
      this.#drawn.last = bar
      this.#drawn.count++
    } else this.#drawn = { first: bar, last: bar, count: 1 }
    // What was never traded lies between two ticks: it is moved to the grid of the bars that were, and marked.
    this.#emit(
      {
        ...bar,
        open: rounded(bar.open, this.#priceDecimals),
        high: rounded(bar.high, this.#priceDecimals),
        low: rounded(bar.low, this.#priceDecimals),
        close: rounded(bar.close, this.#priceDecimals),
        volume: rounded(bar.volume, this.#volumeDecimals),
      },
      Flag.SUSPECT,
    )
  }

  /** Whether a bar stands still at the last price with a volume drawn between its neighbours'. */
  #volumeDrawn(before: Bar, bar: Bar, next: Bar): boolean {
    const still = bar.high === bar.low && bar.close === before.close
    return still && before.volume !== bar.volume && unlikely(bar) && halfway(before.volume, bar.volume, next.volume)
  }

  #emit(bar: Bar, flags: number): void {
    const sink = this.#sink
    const { open, high, low, close, closeUs } = bar
    sink.begin(this.#kind === 'trade' ? 'bar' : 'mark', this.#index, closeUs, closeUs)
    if (this.#kind === 'trade') {
      sink.row(Kind.BAR_OPEN, 0, open, 0, 0, flags)
      sink.row(Kind.BAR_HIGH, 0, high, 0, 0, flags)
      sink.row(Kind.BAR_LOW, 0, low, 0, 0, flags)
      sink.row(Kind.BAR_CLOSE, 0, close, this.#volumeOf(bar), this.#durationUs, flags)
    } else if (this.#kind === 'mark') {
      sink.row(Kind.MARK, 0, 0, 0, close, flags)
      sink.row(Kind.MARK_EXTREME, 1, 0, 0, high, flags)
      sink.row(Kind.MARK_EXTREME, -1, 0, 0, low, flags)
    } else sink.row(Kind.INDEX, 0, 0, 0, close, flags)
    sink.end()
    sink.count('bars')
  }

  /** Volume in base units. */
  #volumeOf({ open, high, low, close, volume }: Bar): number {
    if (this.#quoteVolumeDecimals === undefined) return volume
    return rounded((4 * volume) / (open + high + low + close), this.#quoteVolumeDecimals)
  }

  #watchFlat(bar: Bar): void {
    if (this.#kind !== 'trade' || bar.volume !== 0 || bar.high !== bar.low) {
      this.#reportFlat()
      return
    }
    this.#sink.count('flat bars')
    if (this.#flat) {
      this.#flat.last = bar
      this.#flat.count++
    } else this.#flat = { first: bar, last: bar, count: 1 }
  }

  #reportDrawn(): void {
    const run = this.#drawn
    this.#drawn = undefined
    if (!run) return
    this.#sink.trap('interpolated-bars', run.first.place, `${run.count} invented: ${this.#span(run)}`)
    this.#sink.count('interpolated bars', run.count)
  }

  #reportFlat(): void {
    const run = this.#flat
    this.#flat = undefined
    if (run && run.count >= FLAT_RUN_MIN) {
      this.#sink.trap('flat-bars', run.first.place, `${run.count} without trade: ${this.#span(run)}`)
    }
  }

  #span(run: Run): string {
    return `bars from ${isoTime(run.first.closeUs - this.#durationUs)} to ${isoTime(run.last.closeUs)}`
  }
}

/** Whether a bar is the midpoint of its neighbours in all five columns, and moved or traded at all. */
function midpoint(before: Bar, bar: Bar, after: Bar): boolean {
  if (bar.volume === 0) return false
  const moved = before.open !== after.open || before.close !== after.close
  if (!moved && (before.volume === after.volume || !unlikely(bar))) return false
  return (
    halfway(before.open, bar.open, after.open) &&
    halfway(before.high, bar.high, after.high) &&
    halfway(before.low, bar.low, after.low) &&
    halfway(before.close, bar.close, after.close) &&
    halfway(before.volume, bar.volume, after.volume)
  )
}

/** Whether a volume has digits enough that it is not halfway between two others by chance: 3 is, 424.313571 is not. */
function unlikely({ volume, volumeDecimals }: Bar): boolean {
  return volume * 10 ** volumeDecimals >= 1e6
}

function halfway(before: number, middle: number, after: number): boolean {
  return Math.abs(before + after - 2 * middle) <= 1e-12 * (Math.abs(before) + Math.abs(after) + Math.abs(middle))
}

function rounded(value: number, decimals: number): number {
  const scale = 10 ** decimals
  return Math.round(value * scale) / scale
}
