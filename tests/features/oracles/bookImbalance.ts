/** @file Imbalance of the book by filtering whole lists of levels. */

import type { Oracle } from '../oracle.ts'
import { fromBook, list, type SideOfBook } from './replica.ts'

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0)

export const bookImbalance: Oracle = ({ rows, target, settings, timesUs }) => {
  const levels = list(settings['levels'])
  const within = list(settings['withinBps'])
  const decay = Number(settings['decayBps'])
  const weighted = Number(settings['weightedLevels'])
  return fromBook(
    rows,
    target,
    timesUs,
    Number(settings['staleSeconds']) * 1e6,
    levels.length + within.length + 1,
    ({ hasBook, bid, ask, bidLots, askLots }, bids, asks) => {
      const ratio = (b: number, a: number) => (b + a > 0 ? (b - a) / (b + a) : Number.NaN)
      if (!hasBook)
        return [...levels.map((n) => (n === 1 ? ratio(bidLots, askLots) : Number.NaN)), ...within, 0].map((x, i) =>
          i < levels.length ? x : Number.NaN,
        )
      const mid = (bid + ask) / 2
      const bps = (tick: number) => (Math.abs(mid - tick) / mid) * 10_000
      const both = (f: (side: SideOfBook) => number) => ratio(f(bids), f(asks))
      return [
        ...levels.map((n) => both(({ lots }) => sum(lots.slice(0, n)))),
        ...within.map((x) => both(({ ticks, lots }) => sum(lots.filter((_, i) => bps(ticks[i]!) <= x)))),
        both(({ ticks, lots }) =>
          sum(lots.slice(0, weighted).map((each, i) => each * Math.exp(-bps(ticks[i]!) / decay))),
        ),
      ]
    },
  )
}
