/** @file The HAR ladder by definition: variances of units cut out of the array of returns. */

import type { Oracle } from '../oracle.ts'
import { columns, instrumentOf, known, PriceHistory, sum } from '../replayedMarket.ts'

const DAY_US = 86_400e6

export const harLadder: Oracle = ({ rows, universe, target, settings, timesUs }) => {
  const intervalUs = Number(settings['intervalSeconds']) * 1e6
  const unitUs = Number(settings['unitSeconds']) * 1e6
  const units = settings['dayLadder'] && unitUs !== DAY_US ? [unitUs, DAY_US] : [unitUs]
  const price = new PriceHistory(rows, instrumentOf(universe, settings['instrument'], target), intervalUs)
  const longest = (22 * Math.max(...units)) / intervalUs
  return columns(10 * units.length, timesUs, (nowUs) => {
    const all = price.returns(price.pointAt(nowUs), longest)
    return units.flatMap((each) => {
      const unit = each / intervalUs
      const slices = [1, 5, 22].map((k) => all.slice(all.length - k * unit))
      const variance = slices.map((slice) => {
        const r = known(slice)
        return 2 * r.length < slice.length ? Number.NaN : (unit * sum(r.map((x) => x * x))) / r.length
      })
      const day = known(slices[0]!)
      // The mean of r⁴ a step, at all the steps of a unit: n/3 · n · mean.
      const quarticity = ((unit * unit) / 3) * (sum(day.map((x) => x ** 4)) / day.length)
      return [
        ...variance,
        ...variance.map((v) => (v > 0 ? Math.log(v) : Number.NaN)),
        Math.sqrt(quarticity) * variance[0]!,
        ...slices.map((slice, i) => {
          const r = known(slice)
          return 2 * r.length < slice.length ? Number.NaN : Math.min(0, sum(r)) / [1, 5, 22][i]!
        }),
      ]
    })
  })
}
