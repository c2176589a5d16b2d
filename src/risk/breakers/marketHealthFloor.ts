/** @file Breaker: a market too unwell to add to. */

import type { MarketHealth } from '../systemic/marketHealth.ts'

/**
 * Health of one market below a floor. Nothing is judged until `partsMin` of its parts were known once; if fewer are known after
 * that, it counts as 0 and is confirmed like any other breach: what was watched and went dark is not well, but a feed that is
 * resubscribed goes dark for a moment.
 */
export class MarketHealthFloor {
  /** The floor. */
  readonly allowed: number
  /** Score of the last sample. */
  measured = 1
  readonly #partsMin: number
  #armed = false

  /** @param healthMin Least score, 0 to 1. @param partsMin Parts of it that must be known. */
  constructor(healthMin: number, partsMin: number) {
    this.allowed = healthMin
    this.#partsMin = partsMin
  }

  observe({ score, known }: MarketHealth): boolean {
    if (known >= this.#partsMin) this.#armed = true
    if (!this.#armed) return false
    this.measured = known >= this.#partsMin ? score : 0
    return !(this.measured >= this.allowed)
  }

  /** Waits again until enough is known. */
  rebase(): void {
    this.#armed = false
  }
}
