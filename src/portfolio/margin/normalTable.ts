/**
 * @file The normal distribution function from a table, for margin scans that price the same options dozens of times.
 *
 * A scan of a hundred options over thirty scenarios needs six thousand probabilities, of which nobody asks more than that
 * the sum be right to the last digits of the largest. `core/errorFunction` gives every tail its own digits and is what prices
 * are made of; this gives 5e-16 absolute in a fraction of the time: Taylor expansions around nodes a sixteenth apart.
 */

import { normalCdf } from '../../core/errorFunction.ts'

/** Beyond this N(x) is 0 or 1 to the last digit. */
const END = 8.5
const PER_UNIT = 16
const NODES = 2 * END * PER_UNIT + 1
/** Terms of each expansion: at most half a node's distance away, the first one left out is below 1e-17. */
const TERMS = 9

const TABLE = (() => {
  const table = new Float64Array(NODES * TERMS)
  for (let i = 0; i < NODES; i++) {
    const x = i / PER_UNIT - END
    table[i * TERMS] = normalCdf(x)
    const density = Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI)
    // Derivatives of N are n(x) times Hermite polynomials: He' recursion He_{k+1} = x He_k − k He_{k−1}, sign (−1)^k.
    let before = 0
    let hermite = 1
    let factorial = 1
    for (let k = 1; k < TERMS; k++) {
      factorial *= k
      table[i * TERMS + k] = ((k % 2 === 1 ? 1 : -1) * density * hermite) / factorial
      const next = x * hermite - (k - 1) * before
      before = hermite
      hermite = next
    }
  }
  return table
})()

/** N(x), to 5e-16 absolute; NaN of NaN. */
export function tabulatedNormalCdf(x: number): number {
  if (!(x > -END)) return x <= -END ? 0 : Number.NaN
  if (x >= END) return 1
  // Nearest node; x + END is positive, so truncating after adding a half rounds.
  const scaled = (x + END) * PER_UNIT
  const node = (scaled + 0.5) | 0
  const e = (scaled - node) * (1 / PER_UNIT)
  const at = node * TERMS
  const e2 = e * e
  const e4 = e2 * e2
  // Estrin's order: four independent pairs instead of one long chain.
  const low = TABLE[at]! + TABLE[at + 1]! * e + (TABLE[at + 2]! + TABLE[at + 3]! * e) * e2
  const high = TABLE[at + 4]! + TABLE[at + 5]! * e + (TABLE[at + 6]! + TABLE[at + 7]! * e) * e2
  return low + (high + TABLE[at + 8]! * e4) * e4
}
