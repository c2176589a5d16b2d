/** @file Hawkes intensities as sums over all orders so far, and the branching ratio from a histogram. */

import { Kind } from '../../../src/market/tape.ts'
import type { Oracle } from '../oracle.ts'
import { list, listening } from './replica.ts'

export const hawkes: Oracle = ({ rows, target, settings, timesUs }) => {
  const decays = list(settings['decaysPerSecond'])
  const binUs = Number(settings['binSeconds']) * 1e6
  const bins = Math.floor((Number(settings['windowSeconds']) * 1e6) / binUs)
  const orders: { timeUs: number; side: number }[] = []
  for (let row = 0; row < rows.count; row++) {
    const [timeUs, side] = [rows.timeUs[row]!, rows.side[row]!]
    if (rows.instrument[row] !== target || rows.kind[row] !== Kind.TRADE || side === 0) continue
    const last = orders.at(-1)
    if (last?.timeUs !== timeUs || last.side !== side) orders.push({ timeUs, side })
  }
  const heard = listening(rows, target)
  const out = Array.from({ length: 2 + 3 * decays.length }, () => new Float64Array(timesUs.length).fill(Number.NaN))
  for (const [i, nowUs] of timesUs.entries()) {
    const endUs = Math.floor(nowUs / binUs) * binUs
    const startUs = endUs - bins * binUs
    const within = orders.filter(({ timeUs }) => timeUs >= startUs && timeUs < endUs)
    if (within.length < 20 || !heard(startUs, nowUs)) continue
    const histogram = new Array<number>(bins).fill(0)
    for (const { timeUs } of within) histogram[Math.floor((timeUs - startUs) / binUs)]!++
    const mean = within.length / bins
    const variance = histogram.reduce((sum, count) => sum + (count - mean) ** 2, 0) / (bins - 1)
    const branching = variance > mean ? 1 - Math.sqrt(mean / variance) : 0
    const seconds = (bins * binUs) / 1e6
    out[0]![i] = within.length / seconds
    out[1]![i] = branching
    for (const [d, decay] of decays.entries()) {
      const [buying, selling] = [1, -1].map((wanted) => {
        let memory = 0
        for (const { timeUs, side } of orders)
          if (side === wanted && timeUs <= nowUs) memory += Math.exp((decay * (timeUs - nowUs)) / 1e6)
        const rate = within.filter(({ side }) => side === wanted).length / seconds
        return (1 - branching) * rate + branching * decay * memory
      }) as [number, number]
      for (const [o, value] of [buying, selling, (buying - selling) / (buying + selling)].entries())
        out[2 + 3 * d + o]![i] = value
    }
  }
  return out
}
