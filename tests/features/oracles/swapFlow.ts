/** @file Swap flow by filtering the list of all swaps; amounts are whole numbers and summed as such. */

import { Kind } from '../../../src/market/tape.ts'
import type { Oracle } from '../oracle.ts'
import { columns, instrumentOf, rowsOf, sum } from '../replayedMarket.ts'
import { list, listening, windowStart } from './replica.ts'

/** Exact where the figures are whole numbers, as amounts in smallest units are. */
function exactSum(figures: readonly number[]): number {
  if (!figures.every(Number.isInteger)) return sum(figures)
  return Number(figures.reduce((total, each) => total + BigInt(each), 0n))
}

export const swapFlow: Oracle = ({ rows, universe, target, settings, timesUs }) => {
  const instrument = instrumentOf(universe, settings['instrument'], target)
  const swaps = rowsOf(rows, instrument)
    .filter((row) => rows.kind[row] === Kind.POOL_SWAP)
    .map((row) => ({ timeUs: rows.timeUs[row]!, amount0: rows.lots[row]!, amount1: rows.value[row]! }))
    .filter(({ amount0, amount1 }) => Number.isFinite(amount0 + amount1) && (amount0 !== 0 || amount1 !== 0))
  const heard = listening(rows, instrument)
  const windows = list(settings['windowsSeconds'])
  return columns(4 * windows.length, timesUs, (nowUs) =>
    windows.flatMap((seconds) => {
      const startUs = windowStart(nowUs, seconds)
      if (!heard(startUs, nowUs)) return [Number.NaN, Number.NaN, Number.NaN, Number.NaN]
      const within = swaps.filter(({ timeUs }) => timeUs >= startUs && timeUs <= nowUs)
      const net0 = exactSum(within.map(({ amount0 }) => amount0))
      const gross = exactSum(within.map(({ amount0 }) => Math.abs(amount0)))
      return [
        net0,
        exactSum(within.map(({ amount1 }) => amount1)),
        gross > 0 ? net0 / gross : Number.NaN,
        within.length,
      ]
    }),
  )
}
