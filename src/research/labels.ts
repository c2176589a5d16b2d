/**
 * @file What a forecast is held against: what the market did after a sample was taken.
 *
 * Labels are made from the target's path on its grid. The window of a sample taken at t begins at the first grid point at or
 * after t and ends a whole number of steps later: nothing of it was known at t, and every label of one kind covers the same
 * length. On grid times that is (t, t + horizon]; between them it begins up to a step later, and `endsUs` says when it ended.
 *
 * A label is NaN, and so is its end, where any of its window was not recorded, or any price in it is unknown: a window with
 * an outage is no smaller window. A triple barrier that was touched before the outage is known.
 *
 * Sources: T. Andersen, T. Bollerslev, F. Diebold, P. Labys, Econometrica 71 (2003): realised variance. M. López de Prado,
 * "Advances in financial machine learning" (2018), chapter 3: triple barrier, meta-labels.
 */

import { GimbalError } from '../core/errors.ts'
import type { TargetPath } from './dataset.ts'

/** One label a sample, and the moment it is known. */
export interface Labels {
  /** NaN where the future is not known. */
  readonly label: Float64Array
  /** µs; NaN where the label is. */
  readonly endsUs: Float64Array
}

/** Steps summed at once: long windows are sums of blocks, so that no digit is lost to differences of running sums. */
const BLOCK = 256

/**
 * Realised variance over the horizon: the sum of squared log returns of the grid. Not annualised.
 *
 * @param settings `spacingUs`: distance of the prices the returns are taken between, a multiple of the path's step that
 *   divides the horizon; the step itself unless told. On paths of a second or less a spacing of 10 s to 5 min keeps the bounce
 *   between bid and ask out; on paths of bars the step is right.
 * @throws {GimbalError} `argument-invalid` unless horizon and spacing are multiples of the step.
 */
export function forwardVariance(
  path: TargetPath,
  timesUs: Float64Array,
  settings: { readonly horizonUs: number; readonly spacingUs?: number },
): Labels {
  const { horizonUs, spacingUs = path.stepUs } = settings
  const windows = new Windows(path, timesUs, horizonUs)
  const every = stepsOf(path, spacingUs, 'spacing')
  if (windows.steps % every !== 0)
    throw new GimbalError('argument-invalid', 'The spacing of returns does not divide the horizon', {
      horizonUs,
      spacingUs,
    })
  const squares = new Float64Array(path.points).fill(Number.NaN)
  for (let i = every; i < path.points; i++) squares[i] = Math.log(path.price[i]! / path.price[i - every]!) ** 2
  if (every > 1) {
    return windows.label((from, to) => {
      let sum = 0
      for (let i = from + every; i <= to; i += every) sum += squares[i]!
      return sum
    })
  }
  const blocks = blockSums(squares)
  return windows.label((from, to) => sumBetween(squares, blocks, from + 1, to + 1))
}

/** Traded over the horizon, both sides, in quote. @throws {GimbalError} `argument-invalid` for a horizon off the grid. */
export function forwardVolume(
  path: TargetPath,
  timesUs: Float64Array,
  settings: { readonly horizonUs: number },
): Labels {
  const { buyVolume, sellVolume } = path
  return new Windows(path, timesUs, settings.horizonUs).label(
    (from, to) => buyVolume[to]! - buyVolume[from]! + (sellVolume[to]! - sellVolume[from]!),
  )
}

/**
 * Demand for liquidity over the horizon: what the busier side of aggressors traded, over what was displayed for it when the
 * window began (half of the depth within 10 bps of the mid). 1 means that side asked for all that stood there. NaN without a
 * book.
 *
 * @throws {GimbalError} `argument-invalid` for a horizon off the grid.
 */
export function liquidityDemand(
  path: TargetPath,
  timesUs: Float64Array,
  settings: { readonly horizonUs: number },
): Labels {
  const { buyVolume, sellVolume, depth } = path
  return new Windows(path, timesUs, settings.horizonUs).label((from, to) => {
    if (!(depth[from]! > 0)) return Number.NaN
    return Math.max(buyVolume[to]! - buyVolume[from]!, sellVolume[to]! - sellVolume[from]!) / (depth[from]! / 2)
  })
}

/** What trading costs. */
export interface TradingCost {
  /** Of each of the two trades. */
  readonly feeBps: number
  /** Full quoted spread; what the path recorded at the time of each trade unless told, and NaN where it recorded none. */
  readonly spreadBps?: number
}

/**
 * Return over the horizon of a position of one quote's worth, net of both trades and of funding: bought at the ask and sold at
 * the bid, or the other way round, with the fee on each. A fraction of the mid the window began at.
 *
 * @param settings `side`: +1 long, −1 short. With fee and spread 0 it is the bare return and funding.
 * @throws {GimbalError} `argument-invalid` for a horizon off the grid.
 */
export function forwardReturn(
  path: TargetPath,
  timesUs: Float64Array,
  settings: TradingCost & { readonly horizonUs: number; readonly side: 1 | -1 },
): Labels {
  return new Windows(path, timesUs, settings.horizonUs).label((from, to) =>
    netReturn(path, from, to, settings.side, settings),
  )
}

function netReturn(path: TargetPath, from: number, to: number, side: number, cost: TradingCost): number {
  const { price, spread, funding } = path
  const fee = cost.feeBps / 1e4
  const half = (point: number) => (cost.spreadBps === undefined ? spread[point]! : cost.spreadBps / 1e4) / 2
  // What is paid and received is further from the mid by half a spread, and by the fee on what changes hands.
  const entry = (1 + side * half(from)) * (1 + side * fee)
  const exit = (price[to]! / price[from]!) * (1 - side * half(to)) * (1 - side * fee)
  return side * (exit - entry - (funding[to]! - funding[from]!))
}

/** Barriers around the price a window begins at. */
export interface Barriers {
  /** Vertical barrier. */
  readonly horizonUs: number
  /** Per sample: volatility over the horizon known at its time, as a fraction of the price (0.01: 1 %). */
  readonly volatility: Float64Array
  /** Distances of the upper and lower barrier in multiples of the volatility; infinite for none. */
  readonly above: number
  readonly below: number
}

/** Which barrier was touched first, and what the price had done by then. */
export interface BarrierLabels extends Labels {
  /** Return of the price from the beginning of the window to the touch, a fraction; NaN where the label is. */
  readonly returns: Float64Array
}

/**
 * Triple barrier: +1 where the upper was touched first, −1 the lower, 0 where time ran out. A barrier is touched by the first
 * grid point at or beyond it.
 *
 * @throws {GimbalError} `argument-invalid`: a horizon off the grid, not one volatility a sample, distances not above 0.
 */
export function tripleBarrier(path: TargetPath, timesUs: Float64Array, barriers: Barriers): BarrierLabels {
  const touches = new Touches(path, timesUs, barriers)
  const returns = new Float64Array(timesUs.length).fill(Number.NaN)
  const labels = touches.label((sample, first, touch, side) => {
    returns[sample] = path.price[touch]! / path.price[first]! - 1
    return side
  })
  return { ...labels, returns }
}

/**
 * Whether acting on a primary model's side paid: 1 where the position it wanted earned something, after costs, by the first
 * touch of a barrier (`above` taking profit, `below` cutting the loss, as seen from that side); 0 where it did not. NaN where
 * the primary wanted nothing (side 0).
 *
 * @param side Per sample: +1, −1 or 0.
 * @throws {GimbalError} `argument-invalid`.
 */
export function metaLabel(
  path: TargetPath,
  timesUs: Float64Array,
  side: Float64Array | Int8Array,
  settings: Barriers & TradingCost,
): Labels {
  if (side.length !== timesUs.length)
    throw new GimbalError('argument-invalid', 'There is not one side a sample', {
      samples: timesUs.length,
      sides: side.length,
    })
  return new Touches(path, timesUs, settings, side).label((sample, first, touch) => {
    const earned = netReturn(path, first, touch, Math.sign(side[sample]!), settings)
    return earned > 0 ? 1 : earned <= 0 ? 0 : Number.NaN
  })
}

/**
 * Volatility over a horizon as the path knew it at each sample: the root of the realised variance of the window before it,
 * scaled to the horizon. For barriers; NaN where the window holds an unknown price.
 *
 * @throws {GimbalError} `argument-invalid` for a window off the grid.
 */
export function trailingVolatility(
  path: TargetPath,
  timesUs: Float64Array,
  settings: { readonly windowUs: number; readonly horizonUs: number },
): Float64Array {
  const steps = stepsOf(path, settings.windowUs, 'window')
  const squares = new Float64Array(path.points).fill(Number.NaN)
  for (let i = 1; i < path.points; i++) squares[i] = Math.log(path.price[i]! / path.price[i - 1]!) ** 2
  const blocks = blockSums(squares)
  return Float64Array.from(timesUs, (timeUs) => {
    // The last point at or before the sample: what was known.
    const last = Math.floor((timeUs - path.startUs) / path.stepUs)
    if (last - steps < 0 || last >= path.points) return Number.NaN
    const variance = sumBetween(squares, blocks, last - steps + 1, last + 1)
    return Math.sqrt((variance * settings.horizonUs) / settings.windowUs)
  })
}

/** Sums of whole blocks of {@link BLOCK} figures. */
function blockSums(figures: Float64Array): Float64Array {
  const sums = new Float64Array(Math.ceil(figures.length / BLOCK))
  for (let i = 0; i < figures.length; i++) sums[(i / BLOCK) | 0]! += figures[i]!
  return sums
}

/** Sum of figures[from, to). */
function sumBetween(figures: Float64Array, blocks: Float64Array, from: number, to: number): number {
  const firstBlock = Math.ceil(from / BLOCK)
  const lastBlock = Math.floor(to / BLOCK)
  let sum = 0
  if (firstBlock >= lastBlock) {
    for (let i = from; i < to; i++) sum += figures[i]!
    return sum
  }
  for (let i = from; i < firstBlock * BLOCK; i++) sum += figures[i]!
  for (let block = firstBlock; block < lastBlock; block++) sum += blocks[block]!
  for (let i = lastBlock * BLOCK; i < to; i++) sum += figures[i]!
  return sum
}

/** @throws {GimbalError} `argument-invalid`. */
function stepsOf(path: TargetPath, lengthUs: number, what: string): number {
  const steps = lengthUs / path.stepUs
  if (Number.isSafeInteger(steps) && steps > 0) return steps
  throw new GimbalError('argument-invalid', `A ${what} is a whole number of the path's steps`, {
    lengthUs,
    stepUs: path.stepUs,
  })
}

/** The windows of samples on the grid, and whether all of each is known. */
class Windows {
  readonly steps: number
  readonly #path: TargetPath
  readonly #timesUs: Float64Array
  /** Points before i whose price is unknown. */
  readonly #unknown: Uint32Array

  constructor(path: TargetPath, timesUs: Float64Array, horizonUs: number) {
    this.steps = stepsOf(path, horizonUs, 'horizon')
    this.#path = path
    this.#timesUs = timesUs
    this.#unknown = new Uint32Array(path.points + 1)
    for (let i = 0; i < path.points; i++) this.#unknown[i + 1] = this.#unknown[i]! + (path.price[i]! > 0 ? 0 : 1)
  }

  /** Labels every sample whose window is known; `of` is given its first and last point, and may say NaN. */
  label(of: (from: number, to: number, sample: number) => number): Labels {
    const samples = this.#timesUs.length
    const label = new Float64Array(samples).fill(Number.NaN)
    const endsUs = new Float64Array(samples).fill(Number.NaN)
    for (let sample = 0; sample < samples; sample++) {
      const from = firstPoint(this.#path, this.#timesUs[sample]!)
      const to = from + this.steps
      if (!(from >= 0 && to < this.#path.points) || this.#unknown[to + 1]! > this.#unknown[from]!) continue
      const value = of(from, to, sample)
      if (Number.isNaN(value)) continue
      label[sample] = value
      endsUs[sample] = this.#path.startUs + to * this.#path.stepUs
    }
    return { label, endsUs }
  }
}

/** First grid point at or after a time. */
function firstPoint(path: TargetPath, timeUs: number): number {
  return Math.ceil((timeUs - path.startUs) / path.stepUs)
}

/** First touches of barriers. */
class Touches {
  readonly #path: TargetPath
  readonly #timesUs: Float64Array
  readonly #barriers: Barriers
  readonly #side: Float64Array | Int8Array | undefined
  readonly #steps: number
  /** Least and greatest price of each block: a block between the barriers is passed over at once. NaN where one is unknown. */
  readonly #low: Float64Array
  readonly #high: Float64Array

  constructor(path: TargetPath, timesUs: Float64Array, barriers: Barriers, side?: Float64Array | Int8Array) {
    const { volatility, above, below, horizonUs } = barriers
    this.#steps = stepsOf(path, horizonUs, 'horizon')
    if (volatility.length !== timesUs.length || !(above > 0) || !(below > 0))
      throw new GimbalError('argument-invalid', 'Barriers need a volatility a sample and distances above 0', {
        samples: timesUs.length,
        volatilities: volatility.length,
        above,
        below,
      })
    this.#path = path
    this.#timesUs = timesUs
    this.#barriers = barriers
    this.#side = side
    const blocks = Math.ceil(path.points / BLOCK)
    this.#low = new Float64Array(blocks).fill(Number.POSITIVE_INFINITY)
    this.#high = new Float64Array(blocks).fill(Number.NEGATIVE_INFINITY)
    for (let i = 0; i < path.points; i++) {
      const block = (i / BLOCK) | 0
      // Math.min and Math.max hand on a NaN.
      const price = path.price[i]! > 0 ? path.price[i]! : Number.NaN
      this.#low[block] = Math.min(this.#low[block]!, price)
      this.#high[block] = Math.max(this.#high[block]!, price)
    }
  }

  label(of: (sample: number, first: number, touch: number, side: 1 | -1 | 0) => number): Labels {
    const { startUs, stepUs, price, points } = this.#path
    const { volatility, above, below } = this.#barriers
    const samples = this.#timesUs.length
    const label = new Float64Array(samples).fill(Number.NaN)
    const endsUs = new Float64Array(samples).fill(Number.NaN)
    for (let sample = 0; sample < samples; sample++) {
      const first = firstPoint(this.#path, this.#timesUs[sample]!)
      const width = volatility[sample]!
      const side = this.#side ? Math.sign(this.#side[sample]!) : 1
      if (!(first >= 0 && first < points && price[first]! > 0 && width > 0) || (side !== 1 && side !== -1)) continue
      const [up, down] = side === 1 ? [above, below] : [below, above]
      const high = price[first]! * (1 + up * width)
      const low = price[first]! * (1 - down * width)
      const touch = this.#firstTouch(first + 1, first + this.#steps, low, high)
      if (touch < 0) continue
      const touched = price[touch]! >= high ? 1 : price[touch]! <= low ? -1 : 0
      const value = of(sample, first, touch, touched)
      if (Number.isNaN(value)) continue
      label[sample] = value
      endsUs[sample] = startUs + touch * stepUs
    }
    return { label, endsUs }
  }

  /** First point in [from, to] outside (low, high), else `to`; −1 where an unknown price or the end of the path comes first. */
  #firstTouch(from: number, to: number, low: number, high: number): number {
    const { price, points } = this.#path
    for (let i = from; i <= to; ) {
      if (i >= points) return -1
      const block = (i / BLOCK) | 0
      if (i % BLOCK === 0 && i + BLOCK - 1 <= to && i + BLOCK <= points) {
        if (this.#low[block]! > low && this.#high[block]! < high) {
          i += BLOCK
          continue
        }
      }
      const value = price[i]!
      if (!(value > 0)) return -1
      if (value >= high || value <= low) return i
      i++
    }
    return to
  }
}
