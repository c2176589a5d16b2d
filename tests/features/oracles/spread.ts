/** @file Spread and its means over time, every stretch of a standing touch weighed afresh. */

import type { Oracle } from '../oracle.ts'
import { momentAt, replay } from './replica.ts'

export const spread: Oracle = ({ rows, target, settings, timesUs }) => {
  const staleUs = Number(settings['staleSeconds']) * 1e6
  const halfLifeUs = Number(settings['halfLifeSeconds']) * 1e6
  const rate = Math.log(2) / halfLifeUs
  const moments = replay(rows, target, settings['snapshots'] === true)
  const out = Array.from({ length: 5 }, () => new Float64Array(timesUs.length).fill(Number.NaN))
  for (const [i, nowUs] of timesUs.entries()) {
    const now = momentAt(moments, nowUs)
    if (!now?.sound || nowUs - now.touchedUs > staleUs) continue
    let weight = 0
    let sum = 0
    let ones = 0
    let watchedUs = 0
    let widenedUs = Number.NaN
    let before = Number.NaN
    for (const [m, moment] of moments.entries()) {
      if (moment.timeUs > nowUs) break
      if (moment.broken) before = widenedUs = Number.NaN
      if (!moment.sound) continue
      const ticks = moment.ask - moment.bid
      if (ticks > before) widenedUs = moment.timeUs
      before = ticks
      const endUs = Math.min(moments[m + 1]?.timeUs ?? nowUs, nowUs, moment.touchedUs + staleUs)
      if (endUs <= moment.timeUs) continue
      const w = (Math.exp(rate * (endUs - nowUs)) * (1 - Math.exp(rate * (moment.timeUs - endUs)))) / rate
      const exact =
        rate * (endUs - moment.timeUs) < 1e-3
          ? Math.exp(rate * (endUs - nowUs)) * small(rate, endUs - moment.timeUs)
          : w
      weight += exact
      sum += exact * ticks
      if (ticks === 1) ones += exact
      watchedUs += endUs - moment.timeUs
    }
    const ticks = now.ask - now.bid
    out[0]![i] = ticks
    out[1]![i] = (20_000 * ticks) / (now.bid + now.ask)
    if (watchedUs >= halfLifeUs) {
      out[2]![i] = ones / weight
      out[3]![i] = (ticks * weight) / sum
    }
    out[4]![i] = (nowUs - widenedUs) / 1e6
  }
  return out
}

/** (1 − exp(−rate × length)) / rate for short lengths, by its series. */
function small(rate: number, length: number): number {
  const x = rate * length
  return length * (1 - x / 2 + (x * x) / 6 - (x * x * x) / 24 + (x * x * x * x) / 120)
}
