/** @file Breaker: funding so large that holding is the trade. */

import { HOUR_US } from '../../core/clock.ts'

/** Absolute funding rate, settled or forecast, per eight hours. */
export class FundingExtreme {
  readonly allowed: number
  measured = 0

  /** @param rateMax As a fraction of notional per eight hours. */
  constructor(rateMax: number) {
    this.allowed = rateMax
  }

  /** @param rate As a fraction of notional per interval of `intervalUs`. */
  observe(rate: number, intervalUs: number): boolean {
    this.measured = Math.abs(rate) * ((8 * HOUR_US) / intervalUs)
    return !(this.measured <= this.allowed)
  }

  rebase(): void {}
}
