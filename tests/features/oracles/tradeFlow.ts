/** @file Trade flow by filtering the list of all trades. */

import { Kind } from '../../../src/market/tape.ts'
import type { Oracle } from '../oracle.ts'
import { between, list, listening, windowStart } from './replica.ts'

export const tradeFlow: Oracle = ({ rows, target, settings, timesUs }) => {
  const all: { timeUs: number; kind: number; side: number; lots: number; down: boolean }[] = []
  for (let row = 0; row < rows.count; row++) {
    const kind = rows.kind[row]!
    if (rows.instrument[row] !== target || ![Kind.TRADE, Kind.GAP, Kind.OUTAGE].includes(kind as 2)) continue
    const down = kind === Kind.OUTAGE && rows.value[row] !== 0
    all.push({ timeUs: rows.timeUs[row]!, kind, side: rows.side[row]!, lots: rows.lots[row]!, down })
  }
  const trades = all.filter(({ kind }) => kind === Kind.TRADE)
  const heard = listening(rows, target)
  const windows = list(settings['windowsSeconds'])
  const sum = (these: typeof trades) => these.reduce((total, { lots }) => total + lots, 0)
  const out = Array.from({ length: 6 * windows.length + 2 }, () => new Float64Array(timesUs.length).fill(Number.NaN))
  for (const [i, nowUs] of timesUs.entries()) {
    for (const [w, seconds] of windows.entries()) {
      const startUs = windowStart(nowUs, seconds)
      if (!heard(startUs, nowUs)) continue
      const within = between(trades, startUs, nowUs)
      const signed = within.reduce((total, { side, lots }) => total + side * lots, 0)
      const sided = sum(within.filter(({ side }) => side !== 0))
      const values = [
        signed,
        sided > 0 ? signed / sided : Number.NaN,
        sum(within),
        within.length,
        within.length > 0 ? sum(within) / within.length : Number.NaN,
        within.length > 0 ? Math.max(...within.map(({ lots }) => lots)) : Number.NaN,
      ]
      for (const [v, value] of values.entries()) out[6 * w + v]![i] = value
    }
    const past = all.filter(({ timeUs }) => timeUs <= nowUs)
    const lastBreak = past.findLastIndex(({ kind }) => kind !== Kind.TRADE)
    const down = past.findLast(({ kind }) => kind === Kind.OUTAGE)?.down ?? false
    const sided = past.slice(lastBreak + 1).filter(({ side }) => side !== 0)
    const last = sided.at(-1)
    if (!last || down || nowUs - last.timeUs > windows.at(-1)! * 1e6) continue
    const run = sided.slice(sided.findLastIndex(({ side }) => side !== last.side) + 1)
    out[6 * windows.length]![i] = last.side * run.length
    out[6 * windows.length + 1]![i] = last.side * sum(run)
  }
  return out
}
