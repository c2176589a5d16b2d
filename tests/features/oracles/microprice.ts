/**
 * @file Microprice from the list of all changes of the touch: counts are weighed afresh for every fit, first moves are found by
 * eliminating state by state, and the series is summed by doubling, each sum made antisymmetric.
 */

import type { Oracle } from '../oracle.ts'
import { momentAt, replay } from './replica.ts'

export const microprice: Oracle = ({ rows, target, settings, timesUs }) => {
  const n = Number(settings['buckets'])
  const spreads = Number(settings['spreads'])
  const most = Number(settings['moveTicksMax'])
  const refit = Number(settings['refitEvents'])
  const kept = Number(settings['kept'])
  const stateOf = (bid: number, bidLots: number, ask: number, askLots: number): readonly [number, number] => [
    Math.min(n - 1, Math.floor((bidLots / (bidLots + askLots)) * n)),
    Math.min(spreads, ask - bid) - 1,
  ]
  const changes: Change[] = []
  const moments = replay(rows, target, settings['snapshots'] === true)
  let before: (typeof moments)[number] | undefined
  for (const moment of moments) {
    if (moment.broken) before = undefined
    if (!moment.sound) continue
    const old = before
    before = moment
    if (!old) continue
    if ((['bid', 'bidLots', 'ask', 'askLots'] as const).every((each) => old[each] === moment[each])) continue
    const move = (moment.bid + moment.ask) / 2 - (old.bid + old.ask) / 2
    changes.push({
      timeUs: moment.timeUs,
      from: stateOf(old.bid, old.bidLots, old.ask, old.askLots),
      to: stateOf(moment.bid, moment.bidLots, moment.ask, moment.askLots),
      move: Math.sign(move) * Math.min(most, Math.abs(move)),
    })
  }
  const fits: { timeUs: number; adjustment: number[] }[] = []
  const blocks: Counts[] = []
  for (let end = refit; end <= changes.length; end += refit) {
    blocks.push(count(changes.slice(end - refit, end), n, spreads))
    const weights = blocks.map((_, i) => kept ** (blocks.length - 1 - i))
    fits.push({ timeUs: changes[end - 1]!.timeUs, adjustment: solve(blocks, weights, n, spreads) })
  }
  const out = Array.from({ length: 4 }, () => new Float64Array(timesUs.length).fill(Number.NaN))
  for (const [i, nowUs] of timesUs.entries()) {
    const now = momentAt(moments, nowUs)
    if (!now?.sound || nowUs - now.touchedUs > Number(settings['staleSeconds']) * 1e6) continue
    const { bid, bidLots, ask, askLots } = now
    const mid = (bid + ask) / 2
    const weighted = (ask - bid) * (bidLots / (bidLots + askLots) - 0.5)
    const [imbalance, spread] = stateOf(bid, bidLots, ask, askLots)
    const micro = momentAt(fits, nowUs)?.adjustment[imbalance + n * spread] ?? Number.NaN
    for (const [o, value] of [weighted, (weighted / mid) * 1e4, micro, (micro / mid) * 1e4].entries())
      out[o]![i] = value
  }
  return out
}

interface Change {
  readonly timeUs: number
  readonly from: readonly [imbalance: number, spread: number]
  readonly to: readonly [imbalance: number, spread: number]
  readonly move: number
}
/** Changes counted by state before and after, each also with bid and ask exchanged. */
interface Counts {
  readonly still: Float64Array
  readonly moved: Float64Array
  readonly shift: Float64Array
}

function count(changes: readonly Change[], n: number, spreads: number): Counts {
  const size = n * spreads
  const counts = {
    still: new Float64Array(size * size),
    moved: new Float64Array(size * size),
    shift: new Float64Array(size),
  }
  const at = ([imbalance, spread]: Change['from']) => imbalance + n * spread
  const flip = ([imbalance, spread]: Change['from']) => n - 1 - imbalance + n * spread
  for (const { from, to, move } of changes) {
    for (const [x, y, dm] of [
      [at(from), at(to), move],
      [flip(from), flip(to), -move],
    ] as const) {
      if (dm === 0) counts.still[x * size + y]!++
      else counts.moved[x * size + y]!++
      counts.shift[x]! += dm
    }
  }
  return counts
}

function solve(blocks: readonly Counts[], weights: readonly number[], n: number, spreads: number): number[] {
  const size = n * spreads
  const mirror = (x: number) => n - 1 - (x % n) + n * Math.floor(x / n)
  const weighted = (flat: (counts: Counts) => Float64Array, length: number) => {
    const sum = new Float64Array(length)
    for (const [b, block] of blocks.entries()) {
      const values = flat(block)
      for (let i = 0; i < length; i++) sum[i]! += weights[b]! * values[i]!
    }
    return [...sum]
  }
  const rowsOf = (flat: number[]) => Array.from({ length: size }, (_, x) => flat.slice(x * size, (x + 1) * size))
  const still = rowsOf(weighted((counts) => counts.still, size * size))
  const moved = rowsOf(weighted((counts) => counts.moved, size * size))
  const shift = weighted((counts) => counts.shift, size)
  for (let x = 0; x < size; x++) {
    moved[x]![x]! += 0.5
    moved[x]![mirror(x)]! += 0.5
  }
  // (T − still) G = shift and (T − still) B = moved, T the row totals: states are eliminated one by one, what leaves a state
  // being summed and not subtracted (Grassmann, Taksar, Heyman, Operations Research 33 (1985) 1107).
  const right = moved.map((row, x) => [shift[x]!, ...row])
  const leave = moved.map((row) => row.reduce((a, b) => a + b, 0))
  for (let k = size - 1; k >= 0; k--) {
    const out = leave[k]! + still[k]!.slice(0, k).reduce((a, b) => a + b, 0)
    for (let x = 0; x < k; x++) {
      const share = still[x]![k]! / out
      if (share === 0) continue
      for (let y = 0; y < k; y++) if (y !== x) still[x]![y]! += share * still[k]![y]!
      for (let c = 0; c <= size; c++) right[x]![c]! += share * right[k]![c]!
      leave[x]! += share * leave[k]!
    }
  }
  const solution: number[][] = []
  for (let x = 0; x < size; x++) {
    const out = leave[x]! + still[x]!.slice(0, x).reduce((a, b) => a + b, 0)
    solution.push(
      right[x]!.map((value, c) => {
        let sum = value
        for (let y = 0; y < x; y++) sum += still[x]![y]! * solution[y]![c]!
        return sum / out
      }),
    )
  }
  const antisymmetric = (g: number[]) => g.map((value, x) => (value - g[mirror(x)]!) / 2)
  // The first 2k terms are the first k, and the first k moved on by k steps.
  let sum = antisymmetric(solution.map((row) => row[0]!))
  // On antisymmetric figures the chain acts as the half of it that tells a state from its mirror image; its powers vanish.
  let power = solution.map((row) => row.slice(1).map((weight, y) => (weight - row[1 + mirror(y)]!) / 2))
  for (let doubling = 0; doubling < 60; doubling++) {
    const later = antisymmetric(power.map((row) => row.reduce((total, weight, y) => total + weight * sum[y]!, 0)))
    sum = sum.map((value, x) => value + later[x]!)
    if (Math.max(...later.map(Math.abs)) < 1e-18) break
    const before = power
    power = before.map((row) => {
      const next = new Array<number>(size).fill(0)
      for (const [k, weight] of row.entries()) for (let y = 0; y < size; y++) next[y]! += weight * before[k]![y]!
      return next
    })
  }
  return sum
}
