/** @file Quantiles of weighted figures, by selection: leaf values and constants of the absolute and the quantile loss. */

/**
 * The figure that minimises Σ weight × pinball loss: the least one at which the weight up to it reaches the share `alpha`
 * of all; the middle between it and the next where it is reached exactly, since then all between are as good.
 *
 * Expected linear time (C. A. R. Hoare's selection, pivot the median of three). Reorders `values` and `weights`.
 *
 * @param weights None counts every figure once. With weight nowhere the answer is 0.
 */
export function weightedQuantile(values: Float64Array, weights: Float64Array | undefined, alpha: number): number {
  let total = 0
  if (weights) for (const weight of weights) total += weight
  else total = values.length
  if (!(total > 0)) return 0
  const target = alpha * total
  let from = 0
  let to = values.length
  let before = 0 // Weight of all figures below values[from].
  let next = Number.POSITIVE_INFINITY // Least figure known to be above those in [from, to).
  for (;;) {
    const pivot = median(values[from]!, values[(from + to - 1) >>> 1]!, values[to - 1]!)
    // Three ways: below in [from, low), equal in [low, high), above in [high, to).
    let low = from
    let high = to
    let below = 0
    let equal = 0
    for (let i = from; i < high; ) {
      const value = values[i]!
      if (value < pivot) {
        below += weights ? weights[i]! : 1
        swap(values, weights, i++, low++)
      } else if (value > pivot) swap(values, weights, i, --high)
      else {
        equal += weights ? weights[i]! : 1
        i++
      }
    }
    if (below > 0 && before + below >= target) {
      to = low
      next = pivot // Rows of no weight may stand there; they only matter when the target is met exactly.
      if (equal === 0) next = leastOfWeight(values, weights, low, values.length)
    } else if (before + below + equal >= target) {
      if (before + below + equal > target) return pivot
      const above = leastOfWeight(values, weights, high, to)
      const after = Math.min(above, next)
      return after === Number.POSITIVE_INFINITY ? pivot : pivot + (after - pivot) / 2
    } else {
      before += below + equal
      from = high
      if (from >= to) return pivot // Sums rounded below the target: this is the last figure.
    }
  }
}

function leastOfWeight(values: Float64Array, weights: Float64Array | undefined, from: number, to: number): number {
  let least = Number.POSITIVE_INFINITY
  for (let i = from; i < to; i++) if ((!weights || weights[i]! > 0) && values[i]! < least) least = values[i]!
  return least
}

function median(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c))
}

function swap(values: Float64Array, weights: Float64Array | undefined, i: number, j: number): void {
  const value = values[i]!
  values[i] = values[j]!
  values[j] = value
  if (!weights) return
  const weight = weights[i]!
  weights[i] = weights[j]!
  weights[j] = weight
}
