/** @file Breaker: a venue refuses order after order, so something we believe about it is wrong. */

/** Rejections within a sliding window. */
export class RejectStorm {
  readonly allowed: number
  /** Rejections in the window; no more than one above `allowed` is counted. */
  measured = 0
  readonly #windowUs: number
  /** Times of the last allowed + 1 rejections. */
  readonly #times: Float64Array
  #next = 0

  constructor(rejectsMax: number, windowUs: number) {
    this.allowed = rejectsMax
    this.#windowUs = windowUs
    this.#times = new Float64Array(rejectsMax + 1).fill(Number.NEGATIVE_INFINITY)
  }

  /** One more rejection. */
  observe(nowUs: number): boolean {
    this.#times[this.#next] = nowUs
    this.#next = this.#next === this.allowed ? 0 : this.#next + 1
    let measured = 0
    for (let i = 0; i < this.#times.length; i++) if (nowUs - this.#times[i]! <= this.#windowUs) measured++
    this.measured = measured
    return measured > this.allowed
  }

  rebase(): void {
    this.#times.fill(Number.NEGATIVE_INFINITY)
  }
}
