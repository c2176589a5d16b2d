/** @file Breaker: the liquidity one would need to get out has gone. */

import { RunningMedian } from './runningMedian.ts'

/** Size near the touch against its own running median. */
export class DepthCollapse {
  /** In lots. */
  allowed = 0
  measured = 0
  readonly #ratioMin: number
  readonly #sampleUs: number
  readonly #usual: RunningMedian
  #nextSampleUs = Number.NEGATIVE_INFINITY

  constructor(ratioMin: number, samples: number, sampleUs: number) {
    this.#ratioMin = ratioMin
    this.#sampleUs = sampleUs
    this.#usual = new RunningMedian(samples)
  }

  /** @param lots Size of the thinner side's best levels. */
  observe(lots: number, nowUs: number): boolean {
    this.measured = lots
    if (!(lots >= this.allowed)) return true
    if (nowUs >= this.#nextSampleUs) {
      this.#nextSampleUs = nowUs + this.#sampleUs
      this.#usual.add(lots)
      if (this.#usual.full) this.allowed = this.#usual.median * this.#ratioMin
    }
    return false
  }

  /** Depth that stays low after a person looked at it is the new usual: learning starts afresh. */
  rebase(): void {
    this.#usual.clear()
    this.allowed = 0
  }
}
