/** @file Life of the queues from the list of all touches and trades: every window counted afresh. */

import { Kind } from '../../../src/market/tape.ts'
import type { Oracle } from '../oracle.ts'
import { between, list, listening, type Moment, replay, windowStart } from './replica.ts'

interface Change {
  readonly timeUs: number
  readonly what: 'compared' | 'added' | 'removed' | 'traded' | 'standing' | 'refilled' | 'lost'
  readonly lots: number
}

export const queueDynamics: Oracle = ({ rows, target, settings, timesUs }) => {
  const refillUs = Number(settings['refillSeconds']) * 1e6
  const moments = replay(rows, target, settings['snapshots'] === true)
  const heard = listening(rows, target)
  // Stretches of touches that may be compared with one another.
  const stretches: Moment[][] = [[]]
  for (const moment of moments) {
    if (moment.broken) stretches.push([])
    if (moment.sound) stretches.at(-1)!.push(moment)
  }
  const sides = ([1, -1] as const).map((sign) => {
    const price = (moment: Moment) => (sign === 1 ? moment.bid : -moment.ask)
    const lotsOf = (moment: Moment) => (sign === 1 ? moment.bidLots : moment.askLots)
    const changes: Change[] = []
    for (const stretch of stretches) {
      for (let i = 1; i < stretch.length; i++) {
        const { timeUs } = stretch[i]!
        const [p, q, before, standing] = [
          price(stretch[i]!),
          lotsOf(stretch[i]!),
          price(stretch[i - 1]!),
          lotsOf(stretch[i - 1]!),
        ]
        changes.push({ timeUs, what: 'compared', lots: 1 }, { timeUs, what: 'standing', lots: q })
        if (p > before) changes.push({ timeUs, what: 'added', lots: q })
        else if (p < before) changes.push({ timeUs, what: 'removed', lots: standing })
        else changes.push({ timeUs, what: q > standing ? 'added' : 'removed', lots: Math.abs(q - standing) })
        if (p >= before) continue
        // A depletion: what became of it?
        const later = stretch.slice(i + 1, i + 2000)
        const end = later.findIndex(
          (moment, j) =>
            price(moment) >= before ||
            price(moment) < price(later[j - 1] ?? stretch[i]!) ||
            moment.timeUs - timeUs > refillUs,
        )
        const settled = later[end]
        if (!settled) continue
        const back = price(settled) >= before && settled.timeUs - timeUs <= refillUs
        changes.push({ timeUs: settled.timeUs, what: back ? 'refilled' : 'lost', lots: 1 })
      }
    }
    let at = 0
    let last: Moment | undefined
    for (let row = 0; row < rows.count; row++) {
      // The touch known before this row: of the last sound message that ended, if nothing broke since.
      for (; at < moments.length && moments[at]!.row < row; at++) {
        if (moments[at]!.broken) last = undefined
        if (moments[at]!.sound) last = moments[at]
      }
      if (rows.instrument[row] !== target || rows.kind[row] !== Kind.TRADE || rows.side[row] !== -sign || !last)
        continue
      const timeUs = rows.timeUs[row]!
      if (sign * rows.tick[row]! >= price(last)) changes.push({ timeUs, what: 'traded', lots: rows.lots[row]! })
    }
    return changes.sort((a, b) => a.timeUs - b.timeUs)
  })
  return list(settings['windowsSeconds']).flatMap((windowSeconds) =>
    sides.flatMap((changes) => {
      const out = Array.from({ length: 5 }, () => new Float64Array(timesUs.length).fill(Number.NaN))
      for (const [i, nowUs] of timesUs.entries()) {
        const startUs = windowStart(nowUs, windowSeconds)
        const within = between(changes, startUs, nowUs)
        const sum = (wanted: Change['what']) =>
          within.reduce((total, { what, lots }) => (what === wanted ? total + lots : total), 0)
        const compared = sum('compared')
        if (compared === 0 || !heard(startUs, nowUs)) continue
        const seconds = (nowUs - startUs) / 1e6
        const [removed, traded, refilled, lost] = [sum('removed'), sum('traded'), sum('refilled'), sum('lost')]
        out[0]![i] = sum('added') / seconds
        out[1]![i] = Math.max(0, removed - traded) / seconds
        out[2]![i] = traded / seconds
        if (removed > 0) out[3]![i] = (Math.log(2) * (sum('standing') / compared)) / (removed / seconds)
        if (refilled + lost > 0) out[4]![i] = refilled / (refilled + lost)
      }
      return out
    }),
  )
}
