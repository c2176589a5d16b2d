/** @file Breaker: the spread is nothing like what it usually is: makers left, or two feeds were mixed. */

import type { SpreadShockRule } from '../riskConfig.ts'
import { RunningMedian } from './runningMedian.ts'

/** Spread against its own running median. */
export class SpreadShock {
  /** The bound that was broken, in ticks. */
  allowed = 0
  /** In ticks; infinite while a side is missing, negative while crossed. */
  measured = 0
  readonly #rule: Omit<SpreadShockRule, 'breaker' | 'act' | 'confirmations' | 'cooldownUs'>
  readonly #usual: RunningMedian
  #high = Number.POSITIVE_INFINITY
  #low = Number.NEGATIVE_INFINITY
  #nextSampleUs = Number.NEGATIVE_INFINITY

  constructor(rule: Omit<SpreadShockRule, 'breaker' | 'act' | 'confirmations' | 'cooldownUs'>) {
    this.#rule = rule
    this.#usual = new RunningMedian(rule.samples)
  }

  /** @param bidTick What the spread is measured against; absent bids make it infinite anyway. */
  observe(spreadTicks: number, bidTick: number, nowUs: number): boolean {
    this.measured = spreadTicks
    if (spreadTicks > this.#high) {
      const least = (Math.abs(bidTick) * this.#rule.blowoutBpsMin) / 10_000
      if (spreadTicks > least || spreadTicks === Number.POSITIVE_INFINITY) {
        this.allowed = Math.max(this.#high, least)
        return true
      }
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
    this.#nextSampleUs = nowUs + this.#rule.sampleUs
    if (!(spreadTicks > 0 && spreadTicks < Number.POSITIVE_INFINITY)) return
    this.#usual.add(spreadTicks)
    if (!this.#usual.full) return
    this.#high = this.#usual.median * this.#rule.blowoutRatio
    this.#low = this.#usual.median * this.#rule.collapseRatio
  }

  /** A spread that stays after a person looked at it is the new usual: learning starts afresh. */
  rebase(): void {
    this.#usual.clear()
    this.#high = Number.POSITIVE_INFINITY
    this.#low = Number.NEGATIVE_INFINITY
  }
}
