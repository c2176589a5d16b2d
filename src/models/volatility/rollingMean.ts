/** @file Means over a sliding window, without the drift of adding at one end and subtracting at the other. */

/**
 * Mean of the last `window` figures at every place: out[i] is over figures (from + i - window, from + i]; NaN where one of
 * them is NaN or lies before the first.
 *
 * Running sums from both sides of blocks as long as the window (M. van Herk, Pattern Recognition Letters 13 (1992) 517, who
 * did so for maxima): two additions a figure, nothing ever subtracted, and a missing figure is forgotten with its window.
 *
 * @param from First place asked for. @param to One past the last.
 */
export function rollingMean(figures: Float64Array, window: number, from: number, to: number): Float64Array {
  const out = new Float64Array(to - from).fill(Number.NaN)
  // suffix[k]: sum from place k of a block to the block's end.
  const suffix = new Float64Array(window + 1)
  const firstBlock = Math.max(0, Math.floor((from - window + 1) / window) * window)
  for (let block = firstBlock; block + window - 1 < to; block += window) {
    suffix[window] = 0
    for (let k = window - 1; k >= 0; k--) suffix[k] = suffix[k + 1]! + figures[block + k]!
    // Windows that begin in this block end up to a window later.
    let prefix = 0
    for (let k = 0; k < window; k++) {
      const end = block + window - 1 + k
      if (end >= to) break
      if (k > 0) prefix += figures[end]!
      if (end >= from) out[end - from] = (suffix[k]! + prefix) / window
    }
  }
  return out
}
