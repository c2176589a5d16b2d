/** @file Basis from two lists of prices. */

import { Kind } from '../../../src/market/tape.ts'
import type { Oracle } from '../oracle.ts'
import { columns, instrumentOf, known, mean, PriceHistory, steps, sum } from '../replayedMarket.ts'

const KINDS: Record<string, number> = { index: Kind.INDEX, mark: Kind.MARK, forward: Kind.FORWARD }
const YEAR_US = 365 * 86_400e6

export const basis: Oracle = ({ rows, universe, target, settings, timesUs }) => {
  const intervalUs = Number(settings['intervalSeconds']) * 1e6
  const changes = steps(settings['changesSeconds'], intervalUs)
  const [history] = steps(settings['historySeconds'], intervalUs)
  const index = instrumentOf(universe, settings['instrument'], target)
  const other = settings['other'] === '' ? undefined : universe.index(String(settings['other']))
  const instrument = universe.at(index)
  const price = new PriceHistory(rows, index, intervalUs)
  const reference = new PriceHistory(
    rows,
    other ?? index,
    intervalUs,
    other === undefined ? KINDS[String(settings['against'])] : 0,
  )
  const unit = other === undefined ? 1 : universe.at(other).ticks.size
  const at = (point: number) => Math.log((price.value(point) * instrument.ticks.size) / (reference.value(point) * unit))
  const carried = (nowUs: number) => {
    const expiries = [instrument.expiryUs, other === undefined ? Number.POSITIVE_INFINITY : universe.at(other).expiryUs]
    const expiry = expiries.find(Number.isFinite)
    if (expiry !== undefined) return expiry - nowUs >= 3600e6 ? expiry - nowUs : Number.NaN
    return instrument.kind === 'perp' ? 8 * 3600e6 : Number.NaN
  }
  return columns(3 + changes.length, timesUs, (nowUs) => {
    const last = price.pointAt(nowUs)
    const now = at(last)
    const past = known(Array.from({ length: history! }, (_, i) => at(last - history! + 1 + i)))
    const deviation = Math.sqrt(sum(past.map((each) => (each - mean(past)) ** 2)) / past.length)
    return [
      now,
      now * (YEAR_US / carried(nowUs)),
      2 * past.length >= history! && deviation > 1e-9 ? (now - mean(past)) / deviation : Number.NaN,
      ...changes.map((count) => {
        const whole = [price, reference].every((each) => each.breaks(last) === each.breaks(last - count))
        return whole ? now - at(last - count) : Number.NaN
      }),
    ]
  })
}
