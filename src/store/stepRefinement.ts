/**
 * @file Steps that follow the data: the grid all prices (or sizes) of an instrument lie on.
 *
 * A venue's table may be of another year (Binance's BTCUSDT ticked in cents before it ticked in dimes) and an inferred
 * step is only an upper bound, so steps are refined when the data demand it, and never coarsened. What would demand
 * a step so fine that ticks no longer fit 32 bits is not a price on any grid: it is refused, and the caller flags it.
 */

import { Grid, StepFinder } from '../core/decimal.ts'

/** Largest tick a tape can hold. */
export const TICK_MAX = 0x7ffffffe
/** Largest number of lots that is still counted exactly. */
export const LOTS_MAX = 2 ** 50

/** What a value turned out to be. */
export type Fit = 'fits' | 'off-grid' | 'out-of-range'

/** The greatest step of the form {1, 2, 2.5, 5} × 10^k that divides both. */
export function commonStep(a: string, b: string): string {
  const finder = new StepFinder()
  finder.add(new Grid(a).size)
  finder.add(new Grid(b).size)
  return finder.step()!
}

/** Keeps the coarsest step all values seen so far lie on. */
export class StepTracker {
  readonly #limit: number
  #grid: Grid | undefined
  /** Greatest value seen. */
  max: number
  /** Values that fitted. */
  count = 0
  /** Times a known step had to give way to a finer one. */
  refinements = 0

  /**
   * @param known Step known beforehand, as decimal text.
   * @param limit Largest index allowed: {@link TICK_MAX} or {@link LOTS_MAX}.
   * @param max Greatest value seen by earlier imports, which must stay representable.
   */
  constructor(limit: number, known?: string, max = 0) {
    this.#limit = limit
    this.#grid = known === undefined ? undefined : new Grid(known)
    this.max = max
  }

  /** The step, or undefined as long as nothing but zeros was seen. */
  get step(): string | undefined {
    return this.#grid?.text
  }

  /** Takes a finite value into account; refines the step if it must and may. */
  see(value: number): Fit {
    const size = Math.abs(value)
    const grid = this.#grid
    if (grid && !Number.isNaN(grid.index(value))) {
      if (size > this.max) {
        if (size / grid.size > this.#limit) return 'out-of-range'
        this.max = size
      }
      this.count++
      return 'fits'
    }
    return this.#refine(value, size)
  }

  /** Takes into account that a value must be representable, whether or not it lies on the grid. */
  hold(value: number): Fit {
    const size = Math.abs(value)
    if (this.#grid && size / this.#grid.size > this.#limit) return 'out-of-range'
    if (size > this.max) this.max = size
    return 'fits'
  }

  #refine(value: number, size: number): Fit {
    const finder = new StepFinder()
    if (this.#grid) {
      if (size / this.#grid.size > this.#limit) return 'out-of-range'
      finder.add(this.#grid.size)
    }
    const step = finder.add(value) ? finder.step() : undefined
    if (step === undefined) return 'off-grid'
    const finer = new Grid(step)
    const max = Math.max(size, this.max)
    if (max / finer.size > this.#limit || Number.isNaN(finer.index(value))) return 'off-grid'
    if (this.#grid) this.refinements++
    this.#grid = finer
    this.max = max
    this.count++
    return 'fits'
  }
}
