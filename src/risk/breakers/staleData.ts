/** @file Breaker: an instrument's quotes stopped coming. */

/** Age of the last book, touch or bar. */
export class StaleData {
  /** Greatest age in µs; grows with the duration of bars where there is nothing finer. */
  allowed: number
  measured = 0
  readonly #ageMaxUs: number
  #sinceUs = Number.NEGATIVE_INFINITY

  constructor(ageMaxUs: number) {
    this.#ageMaxUs = ageMaxUs
    this.allowed = ageMaxUs
  }

  /** @param barDurationUs Duration of the bars being received; 0 for none. */
  observe(quotedUs: number, barDurationUs: number, nowUs: number): boolean {
    const lastUs = Math.max(quotedUs, this.#sinceUs)
    // A bar is complete a whole duration after the one before; half of one more is the feed's allowance.
    this.allowed = Math.max(this.#ageMaxUs, 2.5 * barDurationUs)
    this.measured = nowUs - lastUs
    return !(this.measured <= this.allowed)
  }

  /** First whole microsecond at which silence since `quotedUs` would be a breach. */
  deadlineUs(quotedUs: number): number {
    return Math.floor(Math.max(quotedUs, this.#sinceUs) + this.allowed) + 1
  }

  /** Age is counted from now on. */
  rebase(nowUs: number): void {
    this.#sinceUs = nowUs
  }
}
