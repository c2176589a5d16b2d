/** @file Hayashi and Yoshida's double sum over every pair of returns. */

import type { Oracle } from '../oracle.ts'
import { columns, lastBefore, othersOf, PriceHistory, steps } from '../replayedMarket.ts'

interface Move {
  readonly from: number
  readonly to: number
  readonly change: number
}

function moves(price: PriceHistory, first: number, last: number): Move[] {
  const points = Array.from({ length: last - first + 1 }, (_, i) => first + i).filter((point) => price.said(point))
  return points
    .slice(1)
    .map((to, i) => ({ from: points[i]!, to, change: price.change(points[i]!, to) }))
    .filter(({ change }) => !Number.isNaN(change))
}

/** Every pair whose times overlap, the second moved by `lag`; those that end too early or begin too late are passed over. */
function covariance(x: readonly Move[], y: readonly Move[], lag: number): number {
  let total = 0
  const ends = y.map(({ to }) => to + lag)
  for (const a of x)
    for (let j = lastBefore(ends, a.from) + 1; j < y.length; j++) {
      const b = y[j]!
      if (b.from + lag >= a.to) break
      if (Math.max(a.from, b.from + lag) < Math.min(a.to, b.to + lag)) total += a.change * b.change
    }
  return total
}

export const leadLag: Oracle = ({ rows, universe, target, settings, timesUs }) => {
  const intervalUs = Number(settings['intervalSeconds']) * 1e6
  const [window] = steps(settings['windowSeconds'], intervalUs)
  const [most] = steps(settings['lagSeconds'], intervalUs)
  const others = othersOf(universe, settings['others'], target)
  const named = settings['others'] !== ''
  const own = new PriceHistory(rows, target, intervalUs)
  const theirs = others.map((other) => new PriceHistory(rows, other, intervalUs))
  return columns((named ? 5 * others.length : 0) + 4, timesUs, (nowUs) => {
    const last = own.pointAt(nowUs)
    const x = moves(own, last - window!, last)
    const xx = x.reduce((total, { change }) => total + change * change, 0)
    const figures: number[] = []
    const leads: { lag: number; peak: number; gap: number }[] = []
    for (const other of theirs) {
      const y = moves(other, last - window!, last)
      const yy = y.reduce((total, { change }) => total + change * change, 0)
      if (x.length < 10 || y.length < 10 || !(xx > 0) || !(yy > 0)) {
        if (named) figures.push(...new Array<number>(5).fill(Number.NaN))
        continue
      }
      // From the shortest lag to the longest, the other's lead before its following.
      const lags = [0]
      for (let lag = 1; lag <= most!; lag++) lags.push(lag, -lag)
      const correlations = lags.map((lag) => covariance(x, y, lag) / Math.sqrt(xx * yy))
      const peak = Math.max(...correlations.map(Math.abs))
      const at = correlations.findIndex((each) => Math.abs(each) === peak)
      const squares = (sign: number) =>
        correlations.reduce((total, each, i) => total + (Math.sign(lags[i]!) === sign ? each * each : 0), 0)
      const lag = lags[at]!
      const gap = other.change(last - lag, last) - own.change(last - lag, last)
      leads.push({ lag, peak: correlations[at]!, gap })
      const ratio = squares(1) > 0 && squares(-1) > 0 ? Math.log(squares(1) / squares(-1)) : Number.NaN
      if (named) figures.push(covariance(x, y, 0), correlations[0]!, (lag * intervalUs) / 1e6, correlations[at]!, ratio)
    }
    const ahead = leads.filter(({ lag }) => lag > 0)
    const strongest = Math.max(0, ...ahead.map(({ peak }) => Math.abs(peak)))
    const leader = ahead.find(({ peak }) => Math.abs(peak) === strongest)
    if (leads.length === 0) return [...figures, ...new Array<number>(4).fill(Number.NaN)]
    return [
      ...figures,
      leader ? (leader.lag * intervalUs) / 1e6 : 0,
      leader ? leader.peak : 0,
      leader ? leader.gap : Number.NaN,
      ahead.length / leads.length,
    ]
  })
}
