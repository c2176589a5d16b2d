/** @file Breaker: a book lost updates, or its venue went down, and no snapshot came to mend it. */

/** Time since the book stopped being trustworthy. */
export class GappedData {
  /** In µs. */
  readonly allowed: number
  measured = 0
  #sinceUs = Number.POSITIVE_INFINITY

  constructor(graceUs: number) {
    this.allowed = graceUs
  }

  observe(broken: boolean, nowUs: number): boolean {
    if (!broken) {
      this.#sinceUs = Number.POSITIVE_INFINITY
      return false
    }
    if (this.#sinceUs === Number.POSITIVE_INFINITY) this.#sinceUs = nowUs
    this.measured = nowUs - this.#sinceUs
    return !(this.measured <= this.allowed)
  }

  /** First whole microsecond at which the gap would be a breach; infinite while the book is whole. */
  get deadlineUs(): number {
    return this.#sinceUs + this.allowed + 1
  }

  /** The grace begins again. */
  rebase(): void {
    this.#sinceUs = Number.POSITIVE_INFINITY
  }
}
