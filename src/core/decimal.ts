/**
 * @file Decimal text and integer grids: how prices and sizes become ticks and lots without losing a digit.
 *
 * Venues print decimals ("63943.90"). `Number(text)` is the nearest double, off by at most one part in 2^53, so
 * dividing by the step and rounding to the nearest integer is exact whenever the quotient stays below 2^50: the
 * error before rounding is under 2^-2 of a step. `Grid.index` checks that the result was on the grid, so a value
 * between two steps is refused and never silently moved. (Test: every decimal of up to 15 digits comes back.)
 */

import { GimbalError } from './errors.ts'

/** Nearest integer, halves away from zero, so that the two sides of a trade round alike (`Math.round` sends −0.5 to 0). */
export function roundHalfAway(value: number): number {
  return value < 0 ? -Math.round(-value) : Math.round(value)
}

/** An exact decimal, mantissa × 10^exponent. */
export interface Decimal {
  readonly mantissa: number
  readonly exponent: number
}

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/

/**
 * Reads decimal text exactly.
 *
 * @throws {GimbalError} `payload-invalid` for anything that is not a decimal, or has over 15 significant digits.
 */
export function parseDecimal(text: string): Decimal {
  const match = DECIMAL.exec(text)
  const digits = match ? `${match[2]}${match[3] ?? ''}` : ''
  if (!match || digits === '')
    throw new GimbalError('payload-invalid', 'Not a decimal number', { text: text.slice(0, 40) })
  const significant = digits.replace(/^0+/, '')
  const trimmed = significant.replace(/0+$/, '')
  if (trimmed.length > 15)
    throw new GimbalError('payload-invalid', 'More than 15 significant digits', { text: text.slice(0, 40) })
  const exponent = Number(match[4] ?? 0) - (match[3]?.length ?? 0) + (significant.length - trimmed.length)
  const mantissa = trimmed === '' ? 0 : Number(trimmed)
  return { mantissa: match[1] === '-' ? -mantissa : mantissa, exponent: trimmed === '' ? 0 : exponent }
}

/** The double nearest to mantissa × 10^exponent; exact powers of ten are used up to 10^22. */
export function decimalValue({ mantissa, exponent }: Decimal): number {
  return Number(`${mantissa}e${exponent}`)
}

/** Plain text of a decimal without exponent or trailing zeros: `0.001`. */
export function decimalText({ mantissa, exponent }: Decimal): string {
  if (mantissa === 0) return '0'
  const sign = mantissa < 0 ? '-' : ''
  const digits = String(Math.abs(mantissa))
  if (exponent >= 0) return sign + digits + '0'.repeat(exponent)
  const point = digits.length + exponent
  return sign + (point > 0 ? `${digits.slice(0, point)}.${digits.slice(point)}` : `0.${'0'.repeat(-point)}${digits}`)
}

/** The multiples of one step: prices on a tick size, sizes on a lot size. */
export class Grid {
  /** Decimal text of the step, without trailing zeros. */
  readonly text: string
  readonly step: Decimal
  /** The step as a double, for display and conversion back. */
  readonly size: number
  readonly #decimals: number
  readonly #scale: number

  constructor(text: string) {
    const step = parseDecimal(text)
    if (!(step.mantissa > 0)) throw new GimbalError('instrument-invalid', 'A step must be positive', { step: text })
    this.step = step
    this.text = decimalText(step)
    this.size = decimalValue(step)
    this.#decimals = Math.max(0, -step.exponent)
    this.#scale = 10 ** Math.max(0, -step.exponent)
  }

  /** Index of `value` on the grid, or NaN when it lies between two steps. */
  index(value: number): number {
    // Multiplying by an exact power of ten and dividing by a small integer keeps 0.3 / 0.1 from becoming 2.9999….
    const scaled = this.step.exponent >= 0 ? value / this.size : (value * this.#scale) / this.step.mantissa
    const index = Math.round(scaled)
    return Math.abs(scaled - index) <= 1e-6 + Math.abs(scaled) * 4e-16 ? index : Number.NaN
  }

  /** Nearest index at or below `value`. */
  floor(value: number): number {
    const exact = this.index(value)
    return Number.isNaN(exact) ? Math.floor(value / this.size) : exact
  }

  /** Nearest index at or above `value`. */
  ceil(value: number): number {
    const exact = this.index(value)
    return Number.isNaN(exact) ? Math.ceil(value / this.size) : exact
  }

  /** The double nearest to index × step. */
  value(index: number): number {
    return this.step.exponent >= 0 ? index * this.size : (index * this.step.mantissa) / this.#scale
  }

  /** Text of index × step with the step's decimals: `63943.90`. */
  format(index: number): string {
    return this.value(index).toFixed(this.#decimals)
  }
}

/**
 * Finds the coarsest step every seen value lies on, of the form {1, 2, 2.5, 5} × 10^k.
 *
 * Feed it every price (or size) of a recording. What it finds is an upper bound of the venue's true step: a
 * recording that never used the finest digit yields a coarser grid, and a later recording may refine it.
 */
export class StepFinder {
  #decimals = 0
  #scale = 1
  #divisor = 0
  #count = 0

  get count(): number {
    return this.#count
  }

  /** Takes one value into account; returns false when it needs more than 12 decimals. */
  add(value: number): boolean {
    let scaled = value * this.#scale
    let whole = Math.round(scaled)
    // Relative, unlike Grid.index: with no step known yet, 1e-8 must not pass for a zero of a coarser grid.
    while (Math.abs(scaled - whole) > Math.abs(scaled) * 1e-15) {
      if (this.#decimals === 12) return false
      this.#decimals++
      this.#scale *= 10
      this.#divisor *= 10
      scaled = value * this.#scale
      whole = Math.round(scaled)
    }
    this.#count++
    let a = Math.abs(whole)
    let b = this.#divisor
    while (a > 0) {
      const rest = b % a
      b = a
      a = rest
    }
    this.#divisor = b
    return true
  }

  /** The step as decimal text, or undefined when nothing but zeros was seen. */
  step(): string | undefined {
    if (this.#divisor === 0) return undefined
    let power = 1
    while (this.#divisor % (power * 10) === 0) power *= 10
    const rest = this.#divisor / power
    const lead = rest % 5 === 0 ? 5 : rest % 2 === 0 ? 2 : 1
    const quarter = lead === 5 && rest % 25 === 0
    return decimalText({ mantissa: (quarter ? 25 : lead) * power, exponent: -this.#decimals })
  }
}
