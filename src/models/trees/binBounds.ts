/**
 * @file Where bins begin and end.
 *
 * Source: LightGBM's greedy bin finding (src/io/bin.cpp, GreedyFindBin; MIT), read for the rule; the code is our own. A column
 * with few distinct figures gets a bound between every two; otherwise figures so frequent that they fill a bin get one of
 * their own, and the rest is cut into bins of about equal count. Zero is a figure like any other, unless asked to be apart.
 */

/**
 * A figure from `low` up to but below `high`, halfway where doubles allow, so that `figure <= bound` tells them apart.
 */
export function boundBetween(low: number, high: number): number {
  const middle = low / 2 + high / 2
  return middle >= low && middle < high ? middle : low
}

const DOUBLE = new Float64Array(1)
const WORD = new BigInt64Array(DOUBLE.buffer)

/** The next double above a finite one. */
function nextUp(figure: number): number {
  DOUBLE[0] = figure + 0 // Of both zeros the one above which doubles count upwards.
  WORD[0]! += figure < 0 ? -1n : 1n
  return DOUBLE[0]!
}

/**
 * LightGBM's bound: the next double above the middle, so that a figure just there goes left; {@link boundBetween}'s where it would
 * reach `high`.
 */
function boundAboveMiddle(low: number, high: number): number {
  const bound = nextUp(low / 2 + high / 2)
  return bound >= low && bound < high ? bound : boundBetween(low, high)
}

/**
 * Bounds between bins: ascending, each between two of the figures; figure <= bound belongs to the bins up to it. One bound
 * less than bins.
 *
 * @param sorted Finite figures of the sample, ascending.
 * @param binsMax Most bins, at least 1.
 * @param rowsMin Fewest sampled rows of a bin.
 * @param between Where between two neighbours a bound lies.
 */
export function binBounds(sorted: Float64Array, binsMax: number, rowsMin: number, between = boundBetween): number[] {
  const figures: number[] = []
  const counts: number[] = []
  for (let i = 0; i < sorted.length; ) {
    let next = i + 1
    while (next < sorted.length && sorted[next] === sorted[i]) next++
    figures.push(sorted[i]!)
    counts.push(next - i)
    i = next
  }
  return figures.length <= binsMax
    ? boundsOfFew(figures, counts, rowsMin, between)
    : boundsOfMany(figures, counts, binsMax, rowsMin, between)
}

function boundsOfFew(
  figures: readonly number[],
  counts: readonly number[],
  rowsMin: number,
  between: typeof boundBetween,
): number[] {
  const bounds: number[] = []
  let inBin = 0
  for (let i = 0; i + 1 < figures.length; i++) {
    inBin += counts[i]!
    if (inBin < rowsMin) continue
    bounds.push(between(figures[i]!, figures[i + 1]!))
    inBin = 0
  }
  return bounds
}

function boundsOfMany(
  figures: readonly number[],
  counts: readonly number[],
  binsMax: number,
  rowsMin: number,
  between: typeof boundBetween,
): number[] {
  let rows = 0
  for (const count of counts) rows += count
  const binsWanted = Math.max(1, Math.min(binsMax, Math.floor(rows / rowsMin)))
  const fillsBin = rows / binsWanted
  let rowsLeft = rows
  let binsLeft = binsWanted
  for (const count of counts)
    if (count >= fillsBin) {
      rowsLeft -= count
      binsLeft--
    }
  const isBig = (index: number) => counts[index]! >= fillsBin
  let mean = rowsLeft / binsLeft
  const bounds: number[] = []
  let inBin = 0
  for (let i = 0; i + 1 < figures.length && bounds.length < binsWanted - 1; i++) {
    if (!isBig(i)) rowsLeft -= counts[i]!
    inBin += counts[i]!
    if (!(isBig(i) || inBin >= mean || (isBig(i + 1) && inBin >= Math.max(1, mean / 2)))) continue
    bounds.push(between(figures[i]!, figures[i + 1]!))
    inBin = 0
    if (!isBig(i)) mean = rowsLeft / --binsLeft
  }
  return bounds
}

/** LightGBM's zero: figures up to this size are taken for it (kZeroThreshold, a 32-bit 1e-35). */
const ZERO = Math.fround(1e-35)

/**
 * Bounds as LightGBM's own (FindBinWithZeroAsOneBin): zero has a bin to itself, occupied or not, and the figures below and
 * above it share the others by their counts. The others are the next doubles above the middles.
 */
export function binBoundsOfLightgbm(sorted: Float64Array, binsMax: number, rowsMin: number): number[] {
  const below = sorted.filter((figure) => figure <= -ZERO)
  const above = sorted.filter((figure) => figure > ZERO)
  const bounds: number[] = []
  if (below.length > 0 && binsMax > 1) {
    const share = Math.floor((below.length / (below.length + above.length)) * (binsMax - 1))
    bounds.push(...binBounds(below, Math.max(1, share), rowsMin, boundAboveMiddle), -ZERO)
  }
  const binsLeft = binsMax - 1 - bounds.length
  if (above.length > 0 && binsLeft > 0) bounds.push(ZERO, ...binBounds(above, binsLeft, rowsMin, boundAboveMiddle))
  return bounds
}
