/** @file Pending transactions by filtering the list of all of them. */

import { Kind } from '../../../src/market/tape.ts'
import type { Oracle } from '../oracle.ts'
import { columns, rowsOf, sum } from '../replayedMarket.ts'
import { list, listening, windowStart } from './replica.ts'

/** Quantile by linear interpolation between order statistics. */
export function quantileOf(figures: readonly number[], share: number): number {
  const sorted = [...figures].sort((a, b) => a - b)
  const place = share * (sorted.length - 1)
  const below = sorted[Math.floor(place)]!
  return below + (place % 1) * ((sorted[Math.floor(place) + 1] ?? below) - below)
}

export const pendingPressure: Oracle = ({ rows, universe, target, settings, timesUs }) => {
  const named = universe.instruments.findIndex(({ spec }) => spec.base === 'GAS')
  const instrument = settings['instrument']
    ? universe.index(String(settings['instrument']))
    : named < 0
      ? target
      : named
  const waiting: { timeUs: number; gas: number; tip: number; baseFee: number }[] = []
  const outages: { timeUs: number; down: boolean }[] = []
  let baseFee = Number.NaN
  for (const row of rowsOf(rows, instrument)) {
    const timeUs = rows.timeUs[row]!
    const kind = rows.kind[row]!
    if (kind === Kind.BASE_FEE) baseFee = rows.value[row]!
    if (kind === Kind.GAP || kind === Kind.OUTAGE) baseFee = Number.NaN
    if (kind === Kind.OUTAGE) outages.push({ timeUs, down: rows.value[row] !== 0 })
    if (kind !== Kind.PENDING_TRANSACTION) continue
    const pending = { timeUs, gas: rows.lots[row]!, tip: rows.value[row]!, baseFee }
    if (pending.gas >= 0 && pending.tip >= 0 && Number.isFinite(pending.gas + pending.tip)) waiting.push(pending)
  }
  const heard = listening(rows, instrument)
  const windows = list(settings['windowsSeconds'])
  return columns(3 * windows.length + 2, timesUs, (nowUs) => {
    const past = waiting.filter(({ timeUs }) => timeUs <= nowUs)
    const tips = past
      .filter(({ timeUs }) => timeUs > nowUs - windows.at(-1)! * 1e6)
      .slice(-256)
      .map(({ tip }) => tip / 1e9)
    const down = outages.findLast(({ timeUs }) => timeUs <= nowUs)?.down ?? false
    const enough = tips.length >= 5 && !down
    return [
      ...windows.flatMap((seconds) => {
        const startUs = windowStart(nowUs, seconds)
        if (!heard(startUs, nowUs)) return [Number.NaN, Number.NaN, Number.NaN]
        const within = past.filter(({ timeUs }) => timeUs >= startUs)
        const told = within.filter((each) => each.baseFee >= 0)
        const gas = sum(told.map((each) => each.gas))
        const urgent = sum(told.filter((each) => each.tip > each.baseFee).map((each) => each.gas))
        return [sum(within.map((each) => each.gas)) / 1e6, within.length, gas > 0 ? urgent / gas : Number.NaN]
      }),
      enough ? quantileOf(tips, 0.5) : Number.NaN,
      enough ? quantileOf(tips, 0.9) : Number.NaN,
    ]
  })
}
