/** @file Book and touch of one instrument over a whole tape, kept the plain way: sorted lists. */

import { Flag, Kind } from '../../../src/market/tape.ts'
import type { Rows } from '../oracle.ts'

/** One side: prices from the touch outwards, with their sizes. */
export interface SideOfBook {
  readonly ticks: number[]
  readonly lots: number[]
}

/** What stood at the end of a message that spoke of the book, the quotes, a gap or an outage. */
export interface Moment {
  readonly timeUs: number
  /** Index of the row that ended the message. */
  readonly row: number
  /** A gap, an outage or a reset lies between the moment before and this one. */
  readonly broken: boolean
  /** Two uncrossed sides that can be trusted. */
  readonly sound: boolean
  readonly hasBook: boolean
  readonly bid: number
  readonly bidLots: number
  readonly ask: number
  readonly askLots: number
  /** When book, or quotes where there is no book, were last heard. */
  readonly touchedUs: number
}

/** The last moment at or before a time, by bisection; undefined before the first. */
export function momentAt<T extends { readonly timeUs: number }>(moments: readonly T[], timeUs: number): T | undefined {
  let low = 0
  let high = moments.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (moments[middle]!.timeUs <= timeUs) low = middle + 1
    else high = middle
  }
  return moments[low - 1]
}

/** Those of a list in order of time that lie in [startUs, endUs], by bisection. */
export function between<T extends { readonly timeUs: number }>(all: readonly T[], startUs: number, endUs: number): T[] {
  const before = (limit: (timeUs: number) => boolean) => {
    let low = 0
    let high = all.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (limit(all[middle]!.timeUs)) low = middle + 1
      else high = middle
    }
    return low
  }
  return all.slice(
    before((timeUs) => timeUs < startUs),
    before((timeUs) => timeUs <= endUs),
  )
}

/**
 * Follows an instrument over all rows.
 *
 * @param snapshots Whether a reset of the book is no break.
 * @param onMoment Called at each moment with the book as it stands; keep nothing of it.
 */
export function replay(
  rows: Rows,
  instrument: number,
  snapshots = false,
  onMoment: (moment: Moment, bids: SideOfBook, asks: SideOfBook) => void = () => {},
): Moment[] {
  const bids: SideOfBook = { ticks: [], lots: [] }
  const asks: SideOfBook = { ticks: [], lots: [] }
  const moments: Moment[] = []
  let status: 'empty' | 'live' | 'gap' = 'empty'
  let down = false
  let hasBook = false
  let quotes = { bid: 0, bidLots: 0, ask: 0, askLots: 0 }
  let quoted = { bid: false, ask: false }
  let broken = false
  let spoken = false
  let touchedUs = Number.NEGATIVE_INFINITY
  const breakOff = () => {
    broken = true
    quoted = { bid: false, ask: false }
  }
  for (let row = 0; row < rows.count; row++) {
    if (rows.instrument[row] !== instrument) continue
    const kind = rows.kind[row]!
    const flags = rows.flags[row]!
    const side = rows.side[row]!
    const tick = rows.tick[row]!
    const lots = rows.lots[row]!
    if (kind === Kind.DEPTH) {
      if (!hasBook) breakOff()
      hasBook = true
      if (flags & Flag.RESET) {
        if (!snapshots) breakOff()
        status = 'live'
        for (const each of [bids, asks]) each.ticks.length = each.lots.length = 0
      }
      if (tick !== 0 || lots !== 0) setLevel(side === 1 ? bids : asks, side === 1 ? 1 : -1, tick, lots)
      spoken = true
      touchedUs = rows.timeUs[row]!
    } else if (kind === Kind.QUOTE) {
      quotes = side === 1 ? { ...quotes, bid: tick, bidLots: lots } : { ...quotes, ask: tick, askLots: lots }
      if (!hasBook) {
        quoted = side === 1 ? { ...quoted, bid: true } : { ...quoted, ask: true }
        spoken = true
        touchedUs = rows.timeUs[row]!
      }
    } else if (kind === Kind.GAP || kind === Kind.OUTAGE) {
      breakOff()
      if (kind === Kind.OUTAGE) down = rows.value[row] !== 0
      if ((kind === Kind.GAP || down) && status === 'live') status = 'gap'
      spoken = true
    }
    if (!spoken || !(flags & Flag.END)) continue
    spoken = false
    const touch = hasBook
      ? { bid: bids.ticks[0], bidLots: bids.lots[0]!, ask: asks.ticks[0], askLots: asks.lots[0]! }
      : {
          bid: quoted.bid && quotes.bidLots > 0 ? quotes.bid : undefined,
          bidLots: quotes.bidLots,
          ask: quoted.ask && quotes.askLots > 0 ? quotes.ask : undefined,
          askLots: quotes.askLots,
        }
    const { bid = Number.NaN, ask = Number.NaN, bidLots, askLots } = touch
    const sound = bid < ask && !down && (!hasBook || status === 'live')
    const moment = { timeUs: rows.timeUs[row]!, row, broken, sound, hasBook, bid, bidLots, ask, askLots, touchedUs }
    moments.push(moment)
    onMoment(moment, bids, asks)
    broken = false
  }
  return moments
}

function setLevel(side: SideOfBook, sign: number, tick: number, lots: number): void {
  let at = 0
  let end = side.ticks.length
  while (at < end) {
    const middle = (at + end) >> 1
    if (sign * side.ticks[middle]! > sign * tick) at = middle + 1
    else end = middle
  }
  const there = side.ticks[at] === tick
  if (lots === 0) {
    if (there) {
      side.ticks.splice(at, 1)
      side.lots.splice(at, 1)
    }
  } else if (there) side.lots[at] = lots
  else {
    side.ticks.splice(at, 0, tick)
    side.lots.splice(at, 0, lots)
  }
}

/** A figure for every time asked about from the book as it then stood; NaN while it is unsound or silent for `staleUs`. */
export function fromBook(
  rows: Rows,
  instrument: number,
  timesUs: readonly number[],
  staleUs: number,
  outputs: number,
  figures: (moment: Moment, bids: SideOfBook, asks: SideOfBook, timeUs: number) => readonly number[],
): Float64Array[] {
  const out = Array.from({ length: outputs }, () => new Float64Array(timesUs.length).fill(Number.NaN))
  // Answers are taken before the moment after the time asked about: the copies of the book would not fit in memory.
  let asked = 0
  let last: { moment: Moment; bids: SideOfBook; asks: SideOfBook } | undefined
  const copy = ({ ticks, lots }: SideOfBook): SideOfBook => ({ ticks: [...ticks], lots: [...lots] })
  const answer = (beforeUs: number) => {
    for (; asked < timesUs.length && timesUs[asked]! < beforeUs; asked++) {
      const timeUs = timesUs[asked]!
      if (!last?.moment.sound || timeUs - last.moment.touchedUs > staleUs) continue
      const values = figures(last.moment, last.bids, last.asks, timeUs)
      for (let i = 0; i < outputs; i++) out[i]![asked] = values[i]!
    }
  }
  const moments = replay(rows, instrument)
  let next = 0
  replay(rows, instrument, false, (moment, bids, asks) => {
    answer(moment.timeUs)
    next++
    const wanted = timesUs[asked]
    const following = moments[next]?.timeUs ?? Number.POSITIVE_INFINITY
    last = wanted !== undefined && wanted < following ? { moment, bids: copy(bids), asks: copy(asks) } : undefined
  })
  answer(Number.POSITIVE_INFINITY)
  return out
}

/** Beginning of a window of 20 buckets that ends at a time: the definition in src/features/windowSums.ts. */
export function windowStart(timeUs: number, windowSeconds: number): number {
  const bucketUs = Math.max(1, Math.round(Math.round(windowSeconds * 1e6) / 20))
  return (Math.floor(timeUs / bucketUs) - 19) * bucketUs
}

/** Whether an instrument was heard since before a window began, also within it, and its venue is up. */
export function listening(rows: Rows, instrument: number): (startUs: number, nowUs: number) => boolean {
  const heard: { timeUs: number; down: boolean }[] = []
  let down = false
  for (let row = 0; row < rows.count; row++) {
    if (rows.instrument[row] !== instrument) continue
    if (rows.kind[row] === Kind.OUTAGE) down = rows.value[row] !== 0
    heard.push({ timeUs: rows.timeUs[row]!, down })
  }
  return (startUs, nowUs) => {
    const last = momentAt(heard, nowUs)
    return last !== undefined && heard[0]!.timeUs <= startUs && last.timeUs >= startUs && !last.down
  }
}

/** Numbers of a comma text. */
export function list(text: unknown): number[] {
  return String(text).split(',').map(Number)
}
