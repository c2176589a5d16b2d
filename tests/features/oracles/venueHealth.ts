/** @file Venue health from the list of all rows. */

import { Flag, Kind } from '../../../src/market/tape.ts'
import type { Oracle } from '../oracle.ts'
import { columns, instrumentOf, lastBefore, rowsOf } from '../replayedMarket.ts'
import { quantileOf } from './pendingPressure.ts'
import { list, windowStart } from './replica.ts'

export const venueHealth: Oracle = ({ rows, universe, target, settings, timesUs }) => {
  const venueTimeUs = rows.venueTimeUs ?? rows.timeUs
  const windows = list(settings['windowsSeconds'])
  const memory = Number(settings['memorySeconds']) * 1e6
  let isDown = false
  const all = rowsOf(rows, instrumentOf(universe, settings['instrument'], target)).map((row) => {
    const outage = rows.kind[row] === Kind.OUTAGE
    const begins = outage && rows.value[row] !== 0 && !isDown
    if (outage) isDown = rows.value[row] !== 0
    return {
      timeUs: rows.timeUs[row]!,
      latency: (rows.timeUs[row]! - venueTimeUs[row]!) / 1000,
      gap: rows.kind[row] === Kind.GAP,
      message: !outage && rows.kind[row] !== Kind.GAP && (rows.flags[row]! & Flag.END) !== 0,
      outage,
      begins,
      down: isDown,
    }
  })
  const times = all.map(({ timeUs }) => timeUs)
  const outages = all.filter(({ outage }) => outage)
  const messages = all.filter(({ message }) => message)
  const outageTimes = outages.map(({ timeUs }) => timeUs)
  const messageTimes = messages.map(({ timeUs }) => timeUs)
  const places = new Map(all.map((each, place) => [each, place]))
  return columns(5 + 2 * windows.length, timesUs, (nowUs) => {
    const last = all[lastBefore(times, nowUs)]
    if (!last) return new Array<number>(5 + 2 * windows.length).fill(Number.NaN)
    const outage = outages[lastBefore(outageTimes, nowUs)]
    const to = lastBefore(messageTimes, nowUs) + 1
    const heard = messages
      .slice(Math.max(0, to - 256), to)
      .filter((each) => outage === undefined || places.get(each)! > places.get(outage)!)
    const latencies = heard.map(({ latency }) => latency)
    const fresh = heard.length > 0 && nowUs - heard.at(-1)!.timeUs <= memory
    const enough = fresh && latencies.length >= 20
    const median = quantileOf(latencies, 0.5)
    const range = quantileOf(latencies, 0.75) - quantileOf(latencies, 0.25)
    const excess = Math.max(-100, Math.min(100, (latencies.at(-1)! - median) / range))
    const breaks = all.filter((each) => each.timeUs <= nowUs && (each.gap || each.begins))
    return [
      (nowUs - last.timeUs) / 1e6,
      last.down ? 1 : 0,
      fresh ? latencies.at(-1)! : Number.NaN,
      enough ? median : Number.NaN,
      enough && range > 0 ? excess : Number.NaN,
      ...windows.flatMap((seconds) => {
        const startUs = windowStart(nowUs, seconds)
        const within = breaks.filter(({ timeUs }) => timeUs >= startUs)
        return times[0]! <= startUs
          ? [within.filter(({ gap }) => gap).length, within.filter(({ begins }) => begins).length]
          : [Number.NaN, Number.NaN]
      }),
    ]
  })
}
