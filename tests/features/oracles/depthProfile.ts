/** @file Depth by band over its weighted mean, every sample weighed afresh for every moment asked about; and what is shown, in money. */

import { quoteWorth } from '../../../src/market/instrument.ts'
import type { Oracle } from '../oracle.ts'
import { fromBook, list, type Moment, replay, type SideOfBook } from './replica.ts'

export const depthProfile: Oracle = ({ rows, universe, target, settings, timesUs }) => {
  const bands = list(settings['bandsBps'])
  const sampleUs = Number(settings['sampleSeconds']) * 1e6
  const halfLifeUs = Number(settings['halfLifeSeconds']) * 1e6
  const measure = ({ bid, ask }: Moment, bids: SideOfBook, asks: SideOfBook) => {
    const mid = (bid + ask) / 2
    return [bids, asks].flatMap(({ ticks, lots }) =>
      bands.map((outer, i) =>
        ticks.reduce((sum, tick, level) => {
          const bps = (Math.abs(mid - tick) / mid) * 10_000
          return bps <= outer && (i === 0 || bps > bands[i - 1]!) ? sum + lots[level]! : sum
        }, 0),
      ),
    )
  }
  const samples: { timeUs: number; depth: number[] }[] = []
  let before = Number.NaN
  replay(rows, target, false, (moment, bids, asks) => {
    const interval = Math.floor(moment.timeUs / sampleUs)
    if (!moment.sound || !moment.hasBook || interval === before) return
    before = interval
    samples.push({ timeUs: moment.timeUs, depth: measure(moment, bids, asks) })
  })
  return fromBook(
    rows,
    target,
    timesUs,
    Number(settings['staleSeconds']) * 1e6,
    3 * bands.length,
    (moment, bids, asks, timeUs) => {
      const past = samples.filter((sample) => sample.timeUs <= timeUs)
      const mid = (moment.bid + moment.ask) / 2
      const worth = (bps: number) =>
        [bids, asks].reduce(
          (total, { ticks, lots }) =>
            ticks.reduce(
              (sum, tick, level) =>
                (Math.abs(mid - tick) / mid) * 10_000 <= bps
                  ? sum + quoteWorth(universe.at(target), tick, lots[level]!)
                  : sum,
              total,
            ),
          0,
        )
      const money = bands.map((bps) => (moment.hasBook && worth(bps) > 0 ? Math.log(worth(bps)) : Number.NaN))
      const relative = measure(moment, bids, asks).map((depth, i) => {
        let sum = 0
        let weight = 0
        for (const sample of past) {
          const w = 2 ** ((sample.timeUs - timeUs) / halfLifeUs)
          sum += w * sample.depth[i]!
          weight += w
        }
        return past.length >= 20 && sum > 0 && moment.hasBook ? depth / (sum / weight) : Number.NaN
      })
      return [...relative, ...money]
    },
  )
}
