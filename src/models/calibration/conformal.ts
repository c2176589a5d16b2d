/**
 * @file Intervals around forecasts that hold what they promise, whatever the forecaster.
 *
 * A score is the error of a forecast in units of its own scale, (actual − forecast) / scale, so that wide forecasts may err
 * widely. Below and above are calibrated apart, each at half the miss rate: errors of variances and volumes are lopsided, and
 * an interval that is symmetric for them is too wide on one side and too narrow on the other.
 *
 * Sources: V. Vovk, A. Gammerman, G. Shafer, "Algorithmic learning in a random world" (2005), for split conformal prediction;
 * I. Gibbs, E. Candès, "Adaptive conformal inference under distribution shift", NeurIPS 34 (2021), for the adaptive kind.
 */

import { GimbalError } from '../../core/errors.ts'

/**
 * Quantile of scores with the finite-sample correction: the ⌈(n + 1) × level⌉-th smallest. A new score exchangeable with
 * them is at most this with probability at least `level`. Infinite when so many scores are too few to promise that; -Infinity
 * for a level of 0 or less.
 *
 * @param sorted Ascending; the first `count` are looked at.
 */
export function conformalQuantile(sorted: Float64Array, level: number, count = sorted.length): number {
  // A level such as 1 − 0.1 times 10 is 9.000000000000002: what rounding added must not cost a rank.
  const rank = Math.ceil((count + 1) * level - 1e-9)
  if (rank < 1) return Number.NEGATIVE_INFINITY
  return rank > count ? Number.POSITIVE_INFINITY : sorted[rank - 1]!
}

/** Widths of an interval in units of the forecast's scale: from forecast − below × scale to forecast + above × scale. */
export interface ConformalSpec {
  /** Share of actual figures that may lie outside. */
  readonly missRate: number
  readonly below: number
  readonly above: number
  /** Scores it was calibrated on. */
  readonly count: number
}

/**
 * Split conformal: widths from scores of forecasts that were not trained on. Actual figures exchangeable with the
 * calibrating ones lie outside with probability at most `missRate`. NaN scores are left out.
 *
 * @param scores (actual − forecast) / scale.
 * @throws {GimbalError} `config-invalid` for a miss rate outside (0, 1); `table-invalid` when there are too few scores for any
 *   finite interval: fewer than 2 / missRate − 1.
 */
export function calibrateInterval(scores: Float64Array, missRate: number): ConformalSpec {
  requireMissRate(missRate)
  const sorted = scores.filter((score) => !Number.isNaN(score)).sort()
  const above = conformalQuantile(sorted, 1 - missRate / 2)
  const below = conformalQuantile(sorted.map((score) => -score).reverse(), 1 - missRate / 2)
  if (!Number.isFinite(above) || !Number.isFinite(below))
    throw new GimbalError('table-invalid', 'Too few errors to promise an interval on', {
      errors: sorted.length,
      least: Math.ceil(2 / missRate - 1),
      missRate,
    })
  return { missRate, below, above, count: sorted.length }
}

/** What adaptive inference needs to go on where it was: plain data. */
export interface AdaptiveConformalState {
  readonly missRate: number
  readonly step: number
  readonly window: number
  /** Miss rate aimed at now, on each side; may leave [0, 1] for a while, and then the side is infinite or shut. */
  readonly belowRate: number
  readonly aboveRate: number
  /** Scores remembered, oldest first. */
  readonly scores: readonly number[]
}

/**
 * Adaptive conformal inference: widths from the last scores, at a level that follows what was missed.
 *
 * After every outcome the rate aimed at on a side moves by step × (missRate / 2 − missed). So for *any* sequence of outcomes, drift
 * and regimes included, the share missed on a side differs from missRate / 2 by at most (1 + step) / (step × outcomes): a
 * property, tested as such. The price of a greater step is widths that swing more; 0.005 to 0.02 are usual.
 *
 * Outcomes may come late, as those of forecasts over a horizon do: tell with each the widths that had been given. Levels then
 * overshoot by what is under way: the bound grows by (outcomes under way) / outcomes.
 */
export class AdaptiveConformal {
  readonly missRate: number
  readonly #step: number
  /** Last scores in order of arrival, and sorted. */
  readonly #ring: Float64Array
  readonly #sorted: Float64Array
  readonly #negated: Float64Array
  #count = 0
  #head = 0
  #belowRate: number
  #aboveRate: number
  #below = Number.POSITIVE_INFINITY
  #above = Number.POSITIVE_INFINITY

  /**
   * @param missRate Share of actual figures that may lie outside.
   * @param step How far a miss moves the level.
   * @param window Scores remembered.
   * @param scores Scores to begin with, oldest first, such as those of a split conformal calibration.
   * @throws {GimbalError} `config-invalid` unless 0 < missRate < 1, 0 < step < 1 and the window is a whole number of at least 1.
   */
  constructor(missRate: number, step: number, window: number, scores: Iterable<number> = []) {
    requireMissRate(missRate)
    if (!(step > 0 && step < 1) || !Number.isSafeInteger(window) || window < 1)
      throw new GimbalError('config-invalid', 'Adaptive intervals need a step in (0, 1) and a window of whole scores', {
        step,
        window,
      })
    this.missRate = missRate
    this.#step = step
    this.#ring = new Float64Array(window)
    this.#sorted = new Float64Array(window)
    this.#negated = new Float64Array(window)
    this.#belowRate = this.#aboveRate = missRate / 2
    for (const score of scores) this.#remember(score)
    this.#measure()
  }

  /** Goes on from where {@link state} was taken: what follows is the same as if nothing had been interrupted. */
  static from({ missRate, step, window, belowRate, aboveRate, scores }: AdaptiveConformalState): AdaptiveConformal {
    const adaptive = new AdaptiveConformal(missRate, step, window, scores)
    adaptive.#belowRate = belowRate
    adaptive.#aboveRate = aboveRate
    adaptive.#measure()
    return adaptive
  }

  /** Width below the forecast in units of its scale; infinite until enough is known, -Infinity when that side is shut. */
  get below(): number {
    return this.#below
  }

  /** Width above the forecast, likewise. */
  get above(): number {
    return this.#above
  }

  /**
   * An outcome: moves the levels and remembers the score. NaN (forecast or outcome unknown) changes nothing.
   *
   * @param score (actual − forecast) / scale.
   * @param below Width that had been given below, and @param above above, when the forecast was made.
   */
  learn(score: number, below: number, above: number): void {
    if (Number.isNaN(score)) return
    const aim = this.missRate / 2
    this.#belowRate += this.#step * (aim - (-score > below ? 1 : 0))
    this.#aboveRate += this.#step * (aim - (score > above ? 1 : 0))
    this.#remember(score)
    this.#measure()
  }

  /** Everything needed to go on: plain data. */
  state(): AdaptiveConformalState {
    const window = this.#ring.length
    const first = (this.#head - this.#count + window) % window
    return {
      missRate: this.missRate,
      step: this.#step,
      window,
      belowRate: this.#belowRate,
      aboveRate: this.#aboveRate,
      scores: Array.from({ length: this.#count }, (_, i) => this.#ring[(first + i) % window]!),
    }
  }

  #measure(): void {
    const count = this.#count
    this.#above = side(this.#sorted, this.#aboveRate, count)
    this.#below = side(this.#negated, this.#belowRate, count)
  }

  #remember(score: number): void {
    if (Number.isNaN(score)) return
    const window = this.#ring.length
    if (this.#count === window) {
      drop(this.#sorted, this.#count, this.#ring[this.#head]!)
      drop(this.#negated, this.#count, -this.#ring[this.#head]!)
      this.#count--
    }
    insert(this.#sorted, this.#count, score)
    insert(this.#negated, this.#count, -score)
    this.#ring[this.#head] = score
    this.#head = (this.#head + 1) % window
    this.#count++
  }
}

/** Width at a miss rate: all there is at 0 and less, nothing at 1 and more, so that the levels always come back. */
function side(sorted: Float64Array, rate: number, count: number): number {
  if (rate <= 0) return Number.POSITIVE_INFINITY
  return rate >= 1 ? Number.NEGATIVE_INFINITY : conformalQuantile(sorted, 1 - rate, count)
}

/** First place among the first `count` whose figure is not less. */
function placeOf(sorted: Float64Array, count: number, value: number): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}

function insert(sorted: Float64Array, count: number, value: number): void {
  const at = placeOf(sorted, count, value)
  sorted.copyWithin(at + 1, at, count)
  sorted[at] = value
}

function drop(sorted: Float64Array, count: number, value: number): void {
  const at = placeOf(sorted, count, value)
  sorted.copyWithin(at, at + 1, count)
}

function requireMissRate(missRate: number): void {
  if (!(missRate > 0 && missRate < 1))
    throw new GimbalError('config-invalid', 'A miss rate is a share between 0 and 1', { missRate })
}
