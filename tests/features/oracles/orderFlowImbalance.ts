/** @file Order-flow imbalance from the paper's formula over the list of all books. */

import type { Oracle } from '../oracle.ts'
import { between, list, listening, replay, windowStart } from './replica.ts'

interface Flow {
  readonly timeUs: number
  readonly flow: number
  readonly depth: number
}
type Level = readonly [price: number, lots: number]

export const orderFlowImbalance: Oracle = ({ rows, target, settings, timesUs }) => {
  const levels = Number(settings['levels'])
  const best: Flow[] = []
  const deep: Flow[] = []
  let before: { bids: Level[]; asks: Level[] } | undefined
  let deepBefore: { bids: Level[]; asks: Level[] } | undefined
  const event = ([b1, qb1]: Level, [a1, qa1]: Level, [b0, qb0]: Level, [a0, qa0]: Level) =>
    qb1 * Number(b1 >= b0) - qb0 * Number(b1 <= b0) - qa1 * Number(a1 <= a0) + qa0 * Number(a1 >= a0)
  replay(rows, target, settings['snapshots'] === true, (moment, bids, asks) => {
    if (moment.broken) before = deepBefore = undefined
    if (!moment.sound) return
    const { timeUs } = moment
    const touch = { bids: [[moment.bid, moment.bidLots]] as Level[], asks: [[moment.ask, moment.askLots]] as Level[] }
    if (before) {
      const flow = event(touch.bids[0]!, touch.asks[0]!, before.bids[0]!, before.asks[0]!)
      best.push({ timeUs, flow, depth: (moment.bidLots + moment.askLots) / 2 })
    }
    before = touch
    if (!moment.hasBook) return
    const top = {
      bids: Array.from({ length: levels }, (_, i): Level => [bids.ticks[i] ?? -Infinity, bids.lots[i] ?? 0]),
      asks: Array.from({ length: levels }, (_, i): Level => [asks.ticks[i] ?? Infinity, asks.lots[i] ?? 0]),
    }
    if (deepBefore) {
      let flow = 0
      let depth = 0
      for (let i = 0; i < levels; i++) {
        flow += event(top.bids[i]!, top.asks[i]!, deepBefore.bids[i]!, deepBefore.asks[i]!)
        depth += (top.bids[i]![1] + top.asks[i]![1]) / 2
      }
      deep.push({ timeUs, flow, depth })
    }
    deepBefore = top
  })
  const heard = listening(rows, target)
  return list(settings['windowsSeconds']).flatMap((seconds) =>
    [best, deep].flatMap((flows) => {
      const out = [0, 1].map(() => new Float64Array(timesUs.length).fill(Number.NaN))
      for (const [i, nowUs] of timesUs.entries()) {
        const startUs = windowStart(nowUs, seconds)
        const within = between(flows, startUs, nowUs)
        if (within.length === 0 || !heard(startUs, nowUs)) continue
        const flow = within.reduce((sum, each) => sum + each.flow, 0)
        out[0]![i] = flow
        out[1]![i] = flow / (within.reduce((sum, each) => sum + each.depth, 0) / within.length)
      }
      return out
    }),
  )
}
