/**
 * @file Realised measures of a run of returns, as plain functions over arrays.
 *
 * Every function takes the returns of entries [from, to), oldest first, where NaN stands for a return that is not known. It
 * sums over what is known and scales by how much that is: for n known returns of which k adjacent tuples are whole, a
 * product of m neighbours is weighted n/k, which without missing returns is the usual correction n/(n − m + 1). Answers
 * are sums over the known returns, NaN when there are none (or no whole tuple).
 *
 * Sources: O. Barndorff-Nielsen, N. Shephard, "Power and bipower variation with stochastic volatility and jumps", J. Financial
 * Econometrics 2 (2004), and 4 (2006); X. Huang, G. Tauchen, J. Financial Econometrics 3 (2005) 456; T. Andersen, D. Dobrev, E.
 * Schaumburg, "Jump-robust volatility estimation using nearest neighbor truncation", J. Econometrics 169 (2012); D. Amaya, P.
 * Christoffersen, K. Jacobs, A. Vasquez, J. Financial Economics 118 (2015). Accuracy: 1e-12 relative against numpy.
 */

type Figures = Float64Array | readonly number[]

/** 1/E|z|², 1/E|z|^(4/3)³ and the constants of the nearest-neighbour estimators for standard normal z. */
const BIPOWER = Math.PI / 2
/** E|z|^(4/3) = 2^(2/3) Γ(7/6) / Γ(1/2). */
const MU_FOUR_THIRDS = 0.8308609250295592
const TRIPOWER = 1 / MU_FOUR_THIRDS ** 3
const MED = Math.PI / (6 - 4 * Math.sqrt(3) + Math.PI)
const MIN = Math.PI / (Math.PI - 2)
/** μ₁⁻⁴ + 2μ₁⁻² − 5 of Huang & Tauchen. */
const RATIO_VARIANCE = (Math.PI / 2) ** 2 + Math.PI - 5

/** How many returns are known. */
export function knownCount(returns: Figures, from = 0, to = returns.length): number {
  let count = 0
  for (let i = from; i < to; i++) if (!Number.isNaN(returns[i]!)) count++
  return count
}

/** Sum of squares; the unit squared. */
export function realisedVariance(returns: Figures, from = 0, to = returns.length): number {
  let sum = 0
  let known = 0
  for (let i = from; i < to; i++) {
    const r = returns[i]!
    if (Number.isNaN(r)) continue
    sum += r * r
    known++
  }
  return known > 0 ? sum : Number.NaN
}

/** Bipower variation, corrected for the missing first product: π/2 · n/(n − 1) · Σ |r_i||r_{i−1}|. */
export function bipowerVariation(returns: Figures, from = 0, to = returns.length): number {
  let sum = 0
  let known = 0
  let pairs = 0
  let before = Number.NaN
  for (let i = from; i < to; i++) {
    const size = Math.abs(returns[i]!)
    if (!Number.isNaN(size)) {
      known++
      if (!Number.isNaN(before)) {
        pairs++
        sum += size * before
      }
    }
    before = size
  }
  return pairs > 0 ? (BIPOWER * sum * known) / pairs : Number.NaN
}

/** Smaller of two neighbours, squared: robust to jumps one at a time. */
export function minRealisedVariance(returns: Figures, from = 0, to = returns.length): number {
  let sum = 0
  let known = 0
  let pairs = 0
  let before = Number.NaN
  for (let i = from; i < to; i++) {
    const size = Math.abs(returns[i]!)
    if (!Number.isNaN(size)) {
      known++
      if (!Number.isNaN(before)) {
        pairs++
        const least = Math.min(size, before)
        sum += least * least
      }
    }
    before = size
  }
  return pairs > 0 ? (MIN * sum * known) / pairs : Number.NaN
}

/** Median of three neighbours, squared: robust to jumps and to zero returns. */
export function medRealisedVariance(returns: Figures, from = 0, to = returns.length): number {
  let sum = 0
  let known = 0
  let triples = 0
  let a = Number.NaN
  let b = Number.NaN
  for (let i = from; i < to; i++) {
    const c = Math.abs(returns[i]!)
    if (!Number.isNaN(c)) {
      known++
      if (!Number.isNaN(a + b)) {
        triples++
        const middle = Math.max(Math.min(a, b), Math.min(Math.max(a, b), c))
        sum += middle * middle
      }
    }
    a = b
    b = c
  }
  return triples > 0 ? (MED * sum * known) / triples : Number.NaN
}

/** Tripower quarticity, corrected for the missing first products: n · μ⁻³ · n/(n − 2) · Σ |r_i r_{i−1} r_{i−2}|^(4/3). */
export function tripowerQuarticity(returns: Figures, from = 0, to = returns.length): number {
  let sum = 0
  let known = 0
  let triples = 0
  let a = Number.NaN
  let b = Number.NaN
  for (let i = from; i < to; i++) {
    const r = returns[i]!
    // |r|^(4/3) as the cube root of r², squared.
    const root = Math.cbrt(r * r)
    const c = root * root
    if (!Number.isNaN(c)) {
      known++
      if (!Number.isNaN(a + b)) {
        triples++
        sum += a * b * c
      }
    }
    a = b
    b = c
  }
  return triples > 0 ? (TRIPOWER * sum * known * known) / triples : Number.NaN
}

/** Realised quarticity n/3 · Σ r⁴; the unit to the fourth power. */
export function realisedQuarticity(returns: Figures, from = 0, to = returns.length): number {
  let sum = 0
  let known = 0
  for (let i = from; i < to; i++) {
    const square = returns[i]! * returns[i]!
    if (Number.isNaN(square)) continue
    sum += square * square
    known++
  }
  return known > 0 ? (sum * known) / 3 : Number.NaN
}

/** Sum of squares of the rises. */
export function upperSemivariance(returns: Figures, from = 0, to = returns.length): number {
  let sum = 0
  let known = 0
  for (let i = from; i < to; i++) {
    const r = returns[i]!
    if (r > 0) sum += r * r
    if (!Number.isNaN(r)) known++
  }
  return known > 0 ? sum : Number.NaN
}

/** Sum of squares of the falls. */
export function lowerSemivariance(returns: Figures, from = 0, to = returns.length): number {
  let sum = 0
  let known = 0
  for (let i = from; i < to; i++) {
    const r = returns[i]!
    if (r < 0) sum += r * r
    if (!Number.isNaN(r)) known++
  }
  return known > 0 ? sum : Number.NaN
}

/** √n Σr³ / RV^(3/2); NaN while nothing moved. */
export function realisedSkew(returns: Figures, from = 0, to = returns.length): number {
  let cubes = 0
  let squares = 0
  let known = 0
  for (let i = from; i < to; i++) {
    const r = returns[i]!
    if (Number.isNaN(r)) continue
    squares += r * r
    cubes += r * r * r
    known++
  }
  return squares > 0 ? (Math.sqrt(known) * cubes) / (squares * Math.sqrt(squares)) : Number.NaN
}

/** n Σr⁴ / RV²: 3 for normal returns; NaN while nothing moved. */
export function realisedKurtosis(returns: Figures, from = 0, to = returns.length): number {
  let fourths = 0
  let squares = 0
  let known = 0
  for (let i = from; i < to; i++) {
    const square = returns[i]! * returns[i]!
    if (Number.isNaN(square)) continue
    squares += square
    fourths += square * square
    known++
  }
  return squares > 0 ? (known * fourths) / (squares * squares) : Number.NaN
}

/** Share of the variance that jumps made, (RV − BV)/RV, not below 0; NaN while nothing moved. */
export function jumpShare(variance: number, bipower: number): number {
  return variance > 0 ? Math.max(0, (variance - bipower) / variance) : Number.NaN
}

/**
 * Ratio statistic of Huang & Tauchen for "no jump", standard normal under it: large means that there was one.
 *
 * @param count Known returns. @param bipower, tripower As corrected above. NaN while nothing moved.
 */
export function jumpStatistic(variance: number, bipower: number, tripower: number, count: number): number {
  if (!(variance > 0) || !(bipower > 0)) return Number.NaN
  const spread = RATIO_VARIANCE * Math.max(1, tripower / (bipower * bipower))
  return (Math.sqrt(count) * (variance - bipower)) / variance / Math.sqrt(spread)
}

/** Parkinson's variance of one bar, from its range alone. J. Business 53 (1980) 61. */
export function parkinson(high: number, low: number): number {
  const range = Math.log(high / low)
  return (range * range) / (4 * Math.LN2)
}

/** Garman & Klass's variance of one bar without overnight move. J. Business 53 (1980) 67. */
export function garmanKlass(open: number, high: number, low: number, close: number): number {
  const range = Math.log(high / low)
  const change = Math.log(close / open)
  return 0.5 * range * range - (2 * Math.LN2 - 1) * change * change
}

/** Rogers & Satchell's variance of one bar: unbiased under drift. Annals of Applied Probability 1 (1991) 504. */
export function rogersSatchell(open: number, high: number, low: number, close: number): number {
  return Math.log(high / close) * Math.log(high / open) + Math.log(low / close) * Math.log(low / open)
}

/**
 * Yang & Zhang's variance a bar, of n bars and the close before the first: σ²_open + k σ²_close + (1 − k) σ²_RS with
 * k = 0.34 / (1.34 + (n + 1)/(n − 1)). J. Business 73 (2000) 477. NaN for fewer than two bars.
 *
 * @param jumps ln(open / close before), n of them. @param changes ln(close / open). @param ranges Rogers & Satchell's.
 */
export function yangZhang(jumps: Figures, changes: Figures, ranges: Figures, count = jumps.length): number {
  if (count < 2) return Number.NaN
  let mean = 0
  for (let i = 0; i < count; i++) mean += ranges[i]!
  const k = 0.34 / (1.34 + (count + 1) / (count - 1))
  return sampleVariance(jumps, count) + k * sampleVariance(changes, count) + ((1 - k) * mean) / count
}

function sampleVariance(figures: Figures, count: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += figures[i]!
  const mean = sum / count
  let squares = 0
  for (let i = 0; i < count; i++) squares += (figures[i]! - mean) * (figures[i]! - mean)
  return squares / (count - 1)
}
