/** @file Pool liquidity from the list of all states. */

import { Kind } from '../../../src/market/tape.ts'
import type { Oracle } from '../oracle.ts'
import { columns, instrumentOf, lastBefore, rowsOf, sum } from '../replayedMarket.ts'
import { list, windowStart } from './replica.ts'

interface State {
  readonly timeUs: number
  /** NaN: the feed broke. */
  readonly tick: number
  readonly liquidity: number
}

export const poolLiquidity: Oracle = ({ rows, universe, target, settings, timesUs }) => {
  const states: State[] = []
  const outages: { timeUs: number; down: boolean }[] = []
  let down = false
  for (const row of rowsOf(rows, instrumentOf(universe, settings['instrument'], target))) {
    const timeUs = rows.timeUs[row]!
    const kind = rows.kind[row]!
    if (kind === Kind.OUTAGE) {
      down = rows.value[row] !== 0
      outages.push({ timeUs, down })
    }
    if (kind === Kind.GAP || kind === Kind.OUTAGE) states.push({ timeUs, tick: Number.NaN, liquidity: Number.NaN })
    else if (kind === Kind.POOL_STATE && !down && rows.value[row]! >= 0)
      states.push({ timeUs, tick: rows.tick[row]!, liquidity: rows.value[row]! })
  }
  const times = states.map(({ timeUs }) => timeUs)
  const firstUs = states.find(({ tick }) => !Number.isNaN(tick))?.timeUs ?? Number.POSITIVE_INFINITY
  const memory = Number(settings['memorySeconds']) * 1e6
  const windows = list(settings['windowsSeconds'])
  const at = (timeUs: number, oldest: number) => {
    const place = lastBefore(times, timeUs)
    const state = states[place]
    const believed = state && !Number.isNaN(state.tick) && timeUs - state.timeUs <= memory
    return believed && place >= oldest ? place : -1
  }
  return columns(1 + 5 * windows.length, timesUs, (nowUs) => {
    const last = lastBefore(times, nowUs)
    const oldest = last + 1 - 8192
    const now = at(nowUs, oldest)
    const isDown = outages.findLast(({ timeUs }) => timeUs <= nowUs)?.down ?? false
    if (now < 0 || isDown) return new Array<number>(1 + 5 * windows.length).fill(Number.NaN)
    const { liquidity, tick } = states[now]!
    return [
      liquidity > 0 ? Math.log(liquidity) : Number.NaN,
      ...windows.flatMap((seconds) => {
        const then = at(nowUs - seconds * 1e6, oldest)
        const between = then < 0 ? [] : states.slice(then, last + 1)
        const whole = between.length > 0 && !between.some((each) => Number.isNaN(each.tick))
        const start = between[0]
        const startUs = windowStart(nowUs, seconds)
        const steps = states
          .map((state, i) => ({
            timeUs: state.timeUs,
            far: Math.abs(state.tick - (states[i - 1]?.tick ?? Number.NaN)),
          }))
          .filter(({ timeUs, far }) => timeUs >= startUs && timeUs <= nowUs && !Number.isNaN(far))
        const ticks = between.map((each) => each.tick).filter((each) => !Number.isNaN(each))
        const range = Math.max(...ticks) - Math.min(...ticks)
        const root = (p: number) => 1.0001 ** (p / 2)
        const low = Math.min(...ticks)
        // √1.0001 of adjoining ticks cancels: the distance is taken first.
        const width = root(low) * Math.expm1((Math.max(1, range) / 2) * Math.log(1.0001))
        return [
          whole && start!.liquidity > 0 && liquidity > 0
            ? Math.log(liquidity) - Math.log(start!.liquidity)
            : Number.NaN,
          whole ? tick - start!.tick : Number.NaN,
          firstUs <= startUs ? sum(steps.map(({ far }) => far)) : Number.NaN,
          then < 0 ? Number.NaN : range,
          then < 0 || !(liquidity > 0) ? Number.NaN : Math.log(liquidity) + Math.log(width),
        ]
      }),
    ]
  })
}
