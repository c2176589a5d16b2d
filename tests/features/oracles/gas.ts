/** @file Gas by filtering the list of all updates. */

import { Kind } from '../../../src/market/tape.ts'
import type { Oracle, Rows } from '../oracle.ts'
import { columns, known, lastBefore, mean, rowsOf } from '../replayedMarket.ts'
import { list, listening, windowStart } from './replica.ts'

/** Updates of a fee as ln gwei; NaN where the feed broke. */
function updates(rows: Rows, own: readonly number[], kind: number): { timeUs: number; level: number }[] {
  const found: { timeUs: number; level: number }[] = []
  let down = false
  for (const row of own) {
    const timeUs = rows.timeUs[row]!
    const value = rows.value[row]!
    if (rows.kind[row] === Kind.GAP || rows.kind[row] === Kind.OUTAGE) {
      if (rows.kind[row] === Kind.OUTAGE) down = value !== 0
      found.push({ timeUs, level: Number.NaN })
    } else if (rows.kind[row] === kind && !down && value > 0 && Number.isFinite(value))
      found.push({ timeUs, level: Math.log(value / 1e9) })
  }
  return found
}

export const gas: Oracle = ({ rows, universe, target, settings, timesUs }) => {
  const named = universe.instruments.findIndex(({ spec }) => spec.base === 'GAS')
  const instrument = settings['instrument']
    ? universe.index(String(settings['instrument']))
    : named < 0
      ? target
      : named
  const own = rowsOf(rows, instrument)
  const windows = list(settings['windowsSeconds'])
  const memory = Number(settings['memorySeconds']) * 1e6
  const blocks = own.filter((row) => rows.kind[row] === Kind.BLOCK).map((row) => rows.timeUs[row]!)
  const heard = listening(rows, instrument)
  const fees = [Kind.BASE_FEE, Kind.GAS_PRICE].map((kind) => {
    const all = updates(rows, own, kind)
    const times = all.map(({ timeUs }) => timeUs)
    const at = (timeUs: number) => {
      const place = lastBefore(times, timeUs)
      return place >= 0 && timeUs - times[place]! <= memory ? place : -1
    }
    return { all, times, at }
  })
  return columns(2 * (1 + 2 * windows.length) + windows.length, timesUs, (nowUs) => [
    ...fees.flatMap(({ all, times, at }) => {
      const level = all[at(nowUs)]?.level ?? Number.NaN
      const to = lastBefore(times, nowUs)
      return [
        level,
        ...windows.flatMap((seconds) => {
          const then = at(nowUs - seconds * 1e6)
          const between = then < 0 ? [Number.NaN] : all.slice(then, to + 1).map((each) => each.level)
          const past = all.slice(lastBefore(times, nowUs - seconds * 1e6) + 1, to + 1).slice(-4096)
          const levels = known(past.map((each) => each.level))
          const m = mean(levels)
          const deviation = Math.sqrt(mean(levels.map((each) => (each - m) ** 2)))
          return [
            between.some(Number.isNaN) ? Number.NaN : level - all[then]!.level,
            levels.length >= 5 && deviation > 1e-9 ? (level - m) / deviation : Number.NaN,
          ]
        }),
      ]
    }),
    ...windows.map((seconds) => {
      const startUs = windowStart(nowUs, seconds)
      const within = blocks.filter((timeUs) => timeUs >= startUs && timeUs <= nowUs).length
      return heard(startUs, nowUs) ? within / ((nowUs - startUs) / 60e6) : Number.NaN
    }),
  ])
}
