/** @file Breaker: the spread is nothing like what it usually is: makers left, or two feeds were mixed. */

import { RunningMedian } from './runningMedian.ts'

/** Spread against its own running median. */
export class SpreadShock {
  /** The bound that was broken, in ticks. */
  allowed = 0
  /** In ticks; infinite while a side is missing, negative while crossed. */
  measured = 0
  readonly #blowoutRatio: number
  readonly #collapseRatio: number
  readonly #sampleUs: number
  readonly #usual: RunningMedian
  #high = Number.POSITIVE_INFINITY
  #low = Number.NEGATIVE_INFINITY
  #nextSampleUs = Number.NEGATIVE_INFINITY

  constructor(blowoutRatio: number, collapseRatio: number, samples: number, sampleUs: number) {
    this.#blowoutRatio = blowoutRatio
    this.#collapseRatio = collapseRatio
    this.#sampleUs = sampleUs
    this.#usual = new RunningMedian(samples)
  }

  observe(spreadTicks: number, nowUs: number): boolean {
    this.measured = spreadTicks
    if (spreadTicks > this.#high) {
      this.allowed = this.#high
      return true
    }
    if (!(spreadTicks >= this.#low)) {
      this.allowed = this.#low
      return true
    }
    // Only what is not a breach teaches what is usual.
    if (nowUs >= this.#nextSampleUs) this.#learn(spreadTicks, nowUs)
    return false
  }

  #learn(spreadTicks: number, nowUs: number): void {
    this.#nextSampleUs = nowUs + this.#sampleUs
    if (!(spreadTicks > 0 && spreadTicks < Number.POSITIVE_INFINITY)) return
    this.#usual.add(spreadTicks)
    if (!this.#usual.full) return
    this.#high = this.#usual.median * this.#blowoutRatio
    this.#low = this.#usual.median * this.#collapseRatio
  }

  /** A spread that stays after a person looked at it is the new usual: learning starts afresh. */
  rebase(): void {
    this.#usual.clear()
    this.#high = Number.POSITIVE_INFINITY
    this.#low = Number.NEGATIVE_INFINITY
  }
}
