/** @file Returns, scaled returns and extremes from a list of prices. */

import type { Oracle } from '../oracle.ts'
import { columns, instrumentOf, known, mean, PriceHistory, steps } from '../replayedMarket.ts'

export const returns: Oracle = ({ rows, universe, target, settings, timesUs }) => {
  const intervalUs = Number(settings['intervalSeconds']) * 1e6
  const horizons = steps(settings['horizonsSeconds'], intervalUs)
  const [volatility] = steps(settings['volatilitySeconds'], intervalUs)
  const [extremes] = steps(settings['extremesSeconds'], intervalUs)
  const price = new PriceHistory(rows, instrumentOf(universe, settings['instrument'], target), intervalUs)
  return columns(2 * horizons.length + 2, timesUs, (nowUs) => {
    const last = price.pointAt(nowUs)
    const r = known(price.returns(last, volatility!))
    const step = 2 * r.length >= volatility! ? Math.sqrt(mean(r.map((x) => x * x))) : Number.NaN
    const changes = horizons.flatMap((horizon) => {
      const change = price.change(last - horizon, last)
      return [change, step > 0 ? change / Math.sqrt(step * step * horizon) : Number.NaN]
    })
    const window = Array.from({ length: extremes! }, (_, i) => last - i)
    const now = price.value(last)
    const values = known(
      window.filter((point) => price.breaks(point) === price.breaks(last)).map((point) => price.value(point)),
    )
    if (Number.isNaN(now) || 2 * values.length < extremes!) return [...changes, Number.NaN, Number.NaN]
    const high = Math.max(...values)
    const low = Math.min(...values)
    return [...changes, Math.log1p((now - high) / high), Math.log1p((now - low) / low)]
  })
}
