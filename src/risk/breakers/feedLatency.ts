/** @file Breaker: a venue's messages arrive late. */

/** Receive time less venue time of each message. */
export class FeedLatency {
  /** In µs. */
  readonly allowed: number
  measured = 0

  constructor(latencyMaxUs: number) {
    this.allowed = latencyMaxUs
  }

  observe(nowUs: number, venueTimeUs: number): boolean {
    this.measured = nowUs - venueTimeUs
    return !(this.measured <= this.allowed)
  }

  rebase(): void {}
}
