/**
 * @file Prices, trades and settlements of one instrument read off whole arrays of rows, for batch definitions.
 *
 * It shares no code with what it judges: the book is a pair of maps, a point of the clock is looked up among all states the price
 * ever had, a cell is a list of the rows in it.
 */

import type { Universe } from '../../src/market/instrument.ts'
import { Flag, Kind } from '../../src/market/tape.ts'
import type { Rows } from './oracle.ts'

const MINUTE = 60e6

/** Numbers of the rows of one instrument. */
export function rowsOf(rows: Rows, instrument: number): number[] {
  const list: number[] = []
  for (let row = 0; row < rows.count; row++) if (rows.instrument[row] === instrument) list.push(row)
  return list
}

/** Place of the last time <= `timeUs`; −1 when there is none. */
export function lastBefore(timesUs: readonly number[], timeUs: number): number {
  let low = 0
  let high = timesUs.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (timesUs[middle]! <= timeUs) low = middle + 1
    else high = middle
  }
  return low - 1
}

/** A two-sided book of maps with what is best of each, found again by looking at all levels. */
class PlainBook {
  live = false
  seen = false
  readonly #sides = [new Map<number, number>(), new Map<number, number>()] as const
  readonly #best: (number | undefined)[] = [undefined, undefined]

  reset(): void {
    this.live = true
    for (const side of [0, 1]) {
      this.#sides[side]!.clear()
      this.#best[side] = undefined
    }
  }

  set(side: number, tick: number, lots: number): void {
    const place = side > 0 ? 0 : 1
    const levels = this.#sides[place]!
    if (lots > 0) levels.set(tick, lots)
    else levels.delete(tick)
    const best = this.#best[place]
    if (lots > 0) this.#best[place] = best === undefined || (place === 0 ? tick > best : tick < best) ? tick : best
    else if (best === tick) {
      let found: number | undefined
      for (const each of levels.keys())
        if (found === undefined || (place === 0 ? each > found : each < found)) found = each
      this.#best[place] = found
    }
  }

  get bid(): number | undefined {
    return this.#best[0]
  }

  get ask(): number | undefined {
    return this.#best[1]
  }
}

/** Every state of the price (or of an index, mark, forward price, open interest) of one instrument. */
export class PriceHistory {
  readonly #timesUs: number[] = []
  readonly #values: number[] = []
  readonly #heardUs: number[] = []
  readonly #barsUs: number[] = []
  readonly #breaks: number[] = []
  /** Places of the states at points asked before: the whole history is known, so they do not change. */
  readonly #states = new Map<number, number>()
  readonly #intervalUs: number
  readonly #silenceUs: number

  constructor(rows: Rows, instrument: number, intervalUs: number, kind = 0, silenceUs = MINUTE) {
    this.#intervalUs = intervalUs
    this.#silenceUs = Math.max(silenceUs, intervalUs)
    const book = new PlainBook()
    let down = false
    let breaks = 0
    let bid = [0, 0]
    let ask = [0, 0]
    let spoken = false
    let touchUs = Number.NEGATIVE_INFINITY
    let barUntilUs = Number.NEGATIVE_INFINITY
    const state = (row: number, value: number, heardUs: number, barUs: number) => {
      this.#timesUs.push(rows.timeUs[row]!)
      this.#values.push(value)
      this.#heardUs.push(heardUs)
      this.#barsUs.push(barUs)
      this.#breaks.push(breaks)
    }
    const hear = (row: number, value: number, barUs = 0) => {
      if (value > 0 && Number.isFinite(value)) state(row, value, rows.timeUs[row]!, barUs)
    }
    for (const row of rowsOf(rows, instrument)) {
      const timeUs = rows.timeUs[row]!
      const flags = rows.flags[row]!
      const rowKind = rows.kind[row]!
      const tick = rows.tick[row]!
      const lots = rows.lots[row]!
      if (rowKind === Kind.DEPTH) {
        book.seen = true
        if (flags & Flag.RESET) book.reset()
        if (tick !== 0 || lots !== 0) book.set(rows.side[row]!, tick, lots)
      } else if (rowKind === Kind.QUOTE) {
        if (rows.side[row]! === 1) bid = [tick, lots]
        else ask = [tick, lots]
      } else if (rowKind === Kind.GAP || rowKind === Kind.OUTAGE) {
        if (rowKind === Kind.OUTAGE) down = rows.value[row]! !== 0
        if (rowKind === Kind.GAP || down) book.live = false
        breaks++
        touchUs = barUntilUs = Number.NEGATIVE_INFINITY
        state(row, Number.NaN, Number.NEGATIVE_INFINITY, 0)
      }
      if (down) continue
      if (kind !== 0) {
        if (rowKind === kind) hear(row, kind === Kind.OPEN_INTEREST ? lots : rows.value[row]!)
        continue
      }
      spoken ||= rowKind === Kind.DEPTH || rowKind === Kind.QUOTE
      if (!(flags & Flag.END)) continue
      if (spoken) {
        spoken = false
        const best = book.seen
          ? [book.bid, book.ask]
          : [bid[1]! > 0 ? bid[0] : undefined, ask[1]! > 0 ? ask[0] : undefined]
        if (book.seen && !book.live) continue
        if (best[0] === undefined || best[1] === undefined || best[0] >= best[1]) continue
        touchUs = timeUs
        hear(row, (best[0] + best[1]) / 2)
      } else if (rowKind === Kind.BAR_CLOSE && timeUs > touchUs + MINUTE) {
        barUntilUs = timeUs + Math.max(rows.value[row]!, MINUTE)
        hear(row, tick, rows.value[row]!)
      } else if (rowKind === Kind.TRADE && timeUs > touchUs + MINUTE && timeUs > barUntilUs) hear(row, tick)
    }
  }

  /** Last point of the clock at or before a time. */
  pointAt(timeUs: number): number {
    return Math.floor(timeUs / this.#intervalUs)
  }

  #state(point: number): number {
    let state = this.#states.get(point)
    if (state === undefined) this.#states.set(point, (state = lastBefore(this.#timesUs, point * this.#intervalUs)))
    return state
  }

  value(point: number): number {
    const at = this.#state(point)
    if (at < 0) return Number.NaN
    const age = point * this.#intervalUs - this.#heardUs[at]!
    const bar = this.#barsUs[at]!
    const fresh = bar > 0 ? age < Math.max(bar, this.#intervalUs) : age <= this.#silenceUs
    return fresh ? this.#values[at]! : Number.NaN
  }

  breaks(point: number): number {
    const at = this.#state(point)
    return at < 0 ? 0 : this.#breaks[at]!
  }

  /** Whether the price was said between the point before and this one, and stood at its end. */
  said(point: number): boolean {
    const at = this.#state(point)
    return at >= 0 && this.value(point) > 0 && this.#heardUs[at]! > (point - 1) * this.#intervalUs
  }

  change(from: number, to: number): number {
    if (this.breaks(from) !== this.breaks(to)) return Number.NaN
    const before = this.value(from)
    return Math.log1p((this.value(to) - before) / before)
  }

  /** The `count` returns up to a point, oldest first. */
  returns(last: number, count: number): number[] {
    return Array.from({ length: count }, (_, i) => this.change(last - count + i, last - count + i + 1))
  }
}

/** What was traded between two moments of the clock. */
export interface Cell {
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  readonly lots: number
  /** Sum of price × size, in ticks × lots. */
  readonly tickLots: number
}

/** Cells of trades or bars; see src/features/tradedCells.ts for when one is known. */
export class CellHistory {
  readonly #rows: Rows
  readonly #intervalUs: number
  readonly #own: readonly number[]
  readonly #times: readonly number[]
  readonly #byCell = new Map<number, number[]>()
  /** Times at which the venue was said to be down or up. */
  readonly #outages: readonly number[]
  readonly #firstTradeUs: number
  readonly #place = new Map<number, number>()
  readonly #found = new Map<number, Cell | undefined>()

  constructor(rows: Rows, instrument: number, intervalUs: number) {
    this.#rows = rows
    this.#intervalUs = intervalUs
    this.#own = rowsOf(rows, instrument)
    this.#times = this.#own.map((row) => rows.timeUs[row]!)
    for (const [place, row] of this.#own.entries()) {
      this.#place.set(row, place)
      const cell = Math.ceil(rows.timeUs[row]! / intervalUs)
      if (!this.#byCell.has(cell)) this.#byCell.set(cell, [])
      this.#byCell.get(cell)!.push(row)
    }
    this.#outages = this.#own.filter((row) => rows.kind[row] === Kind.OUTAGE)
    const trade = this.#own.find((row) => rows.kind[row] === Kind.TRADE)
    this.#firstTradeUs = trade === undefined ? Number.POSITIVE_INFINITY : rows.timeUs[trade]!
  }

  /** What is known of a cell; undefined when nothing is. Prices are NaN when nothing was traded. */
  at(cell: number): Cell | undefined {
    if (!this.#found.has(cell)) this.#found.set(cell, this.#find(cell))
    return this.#found.get(cell)
  }

  #find(cell: number): Cell | undefined {
    const rows = this.#rows
    const endUs = cell * this.#intervalUs
    const startUs = endUs - this.#intervalUs
    const inside = this.#byCell.get(cell) ?? []
    if (inside.some((row) => rows.kind[row] === Kind.GAP || rows.kind[row] === Kind.OUTAGE)) return undefined
    const outage = this.#outages.filter((row) => rows.timeUs[row]! <= startUs).at(-1)
    if (outage !== undefined && rows.value[outage] !== 0) return undefined
    const bars: Cell[] = []
    let covered = 0
    for (const row of inside) {
      if (rows.kind[row] !== Kind.BAR_CLOSE || !(rows.value[row]! > 0 && rows.value[row]! <= this.#intervalUs)) continue
      covered += rows.value[row]!
      const latest = (kind: number) => this.#latest(row, kind)
      bars.push({
        open: latest(Kind.BAR_OPEN),
        high: latest(Kind.BAR_HIGH),
        low: latest(Kind.BAR_LOW),
        close: rows.tick[row]!,
        lots: rows.lots[row]!,
        tickLots: rows.tick[row]! * rows.lots[row]!,
      })
    }
    if (covered > 0) return covered === this.#intervalUs ? merge(bars) : undefined
    const heard = lastBefore(this.#times, endUs)
    if (heard < 0 || endUs - this.#times[heard]! >= Math.max(MINUTE, this.#intervalUs)) return undefined
    if (startUs < this.#firstTradeUs) return undefined
    const trades = inside.filter((row) => rows.kind[row] === Kind.TRADE)
    return merge(
      trades.map((row) => {
        const tick = rows.tick[row]!
        const lots = rows.lots[row]!
        return { open: tick, high: tick, low: tick, close: tick, lots, tickLots: tick * lots }
      }),
    )
  }

  /** Tick of the last row of a kind up to a row of this instrument. */
  #latest(row: number, kind: number): number {
    for (let at = this.#place.get(row)!; at >= 0; at--)
      if (this.#rows.kind[this.#own[at]!] === kind) return this.#rows.tick[this.#own[at]!]!
    return 0
  }

  /** Lots of the `count` cells up to one, scaled to all of them; NaN when fewer than half are known. */
  volume(last: number, count: number): number {
    return this.#over(last, count, 'lots')
  }

  /** The same, each lot times its price: in ticks × lots. */
  turnover(last: number, count: number): number {
    return this.#over(last, count, 'tickLots')
  }

  #over(last: number, count: number, figure: 'lots' | 'tickLots'): number {
    const known = Array.from({ length: count }, (_, i) => this.at(last - i)).filter((each) => each !== undefined)
    const sum = known.reduceRight((total, each) => total + each[figure], 0)
    return 2 * known.length >= count ? (sum * count) / known.length : Number.NaN
  }
}

function merge(parts: readonly Cell[]): Cell {
  const lots = parts.reduce((sum, each) => sum + each.lots, 0)
  const tickLots = parts.reduce((sum, each) => sum + each.tickLots, 0)
  const low = Math.min(...parts.map((each) => each.low))
  if (parts.length === 0 || !(low > 0))
    return { open: Number.NaN, high: Number.NaN, low: Number.NaN, close: Number.NaN, lots, tickLots }
  return {
    open: parts[0]!.open,
    high: Math.max(...parts.map((each) => each.high)),
    low,
    close: parts.at(-1)!.close,
    lots,
    tickLots,
  }
}

/** Lengths between commas, in steps of a clock. */
export function steps(text: unknown, intervalUs: number): number[] {
  return String(text)
    .split(',')
    .map((each) => Math.round(Number(each) * 1e6) / intervalUs)
}

/** Instrument a setting names. */
export function instrumentOf(universe: Universe, name: unknown, target: number): number {
  return name === '' || name === undefined ? target : universe.index(String(name))
}

/** The others a setting names; the first eight neighbours that are no options when it names none. */
export function othersOf(universe: Universe, text: unknown, target: number): number[] {
  if (text !== '')
    return String(text)
      .split(',')
      .map((name) => universe.index(name.trim()))
  const all = universe.instruments.map((_, index) => index)
  return all.filter((index) => index !== target && universe.at(index).kind !== 'option').slice(0, 8)
}

/** Answers in columns, from one function of a moment. */
export function columns(
  count: number,
  timesUs: readonly number[],
  answer: (nowUs: number) => readonly number[],
): Float64Array[] {
  const out = Array.from({ length: count }, () => new Float64Array(timesUs.length).fill(Number.NaN))
  for (const [i, nowUs] of timesUs.entries()) {
    const figures = answer(nowUs)
    if (figures.length !== count) throw new Error(`${figures.length} figures for ${count} columns`)
    for (const [column, figure] of figures.entries()) out[column]![i] = figure
  }
  return out
}

export const sum = (figures: readonly number[]): number => figures.reduce((total, each) => total + each, 0)
export const mean = (figures: readonly number[]): number => sum(figures) / figures.length
export const known = (figures: readonly number[]): number[] => figures.filter((each) => !Number.isNaN(each))
