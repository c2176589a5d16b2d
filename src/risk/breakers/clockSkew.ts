/**
 * @file Breaker: the venue's clock and ours disagree.
 *
 * A venue time in our future is impossible unless a clock is wrong. In the other direction a wrong clock looks like
 * latency, but latency varies and a clock's error does not: the least latency of a window bounds the error from above
 * (the idea of the clock filter of NTP, RFC 5905 section 10: the sample with the least delay is the truest).
 */

/** Which way the clocks disagree. */
export type SkewKind = 'ahead' | 'behind' | 'drift' | ''

export class ClockSkew {
  allowed = 0
  /** Lead of the venue's clock over ours, least latency, or its change since the first window, by `kind`; in µs. */
  measured = 0
  kind: SkewKind = ''
  /** Whether the last observation says anything: a message from the future always, a lag only when a window ends. */
  judged = false
  readonly #aheadMaxUs: number
  readonly #behindMaxUs: number
  readonly #driftMaxUs: number
  readonly #windowUs: number
  #windowEndUs = Number.NEGATIVE_INFINITY
  #leastUs = Number.POSITIVE_INFINITY
  #firstLeastUs = Number.NaN

  constructor(aheadMaxUs: number, behindMaxUs: number, driftMaxUs: number, windowUs: number) {
    this.#aheadMaxUs = aheadMaxUs
    this.#behindMaxUs = behindMaxUs
    this.#driftMaxUs = driftMaxUs
    this.#windowUs = windowUs
  }

  observe(nowUs: number, venueTimeUs: number): boolean {
    const latencyUs = nowUs - venueTimeUs
    if (!(latencyUs >= -this.#aheadMaxUs)) return this.#say('ahead', -latencyUs, this.#aheadMaxUs)
    if (latencyUs < this.#leastUs) this.#leastUs = latencyUs
    // A message in good time ends a row of messages from the future; it says nothing about lag.
    this.judged = this.kind === 'ahead'
    this.kind = ''
    return nowUs >= this.#windowEndUs && this.#endWindow(nowUs)
  }

  #endWindow(nowUs: number): boolean {
    const least = this.#leastUs
    const full = this.#windowEndUs > Number.NEGATIVE_INFINITY
    this.#windowEndUs = nowUs + this.#windowUs
    // The first message opens a window and closes none.
    if (!full) return false
    this.#leastUs = Number.POSITIVE_INFINITY
    this.judged = true
    if (least > this.#behindMaxUs) return this.#say('behind', least, this.#behindMaxUs)
    if (Number.isNaN(this.#firstLeastUs)) this.#firstLeastUs = least
    const drift = Math.abs(least - this.#firstLeastUs)
    return drift > this.#driftMaxUs && this.#say('drift', drift, this.#driftMaxUs)
  }

  #say(kind: SkewKind, measured: number, allowed: number): boolean {
    this.judged = true
    this.kind = kind
    this.measured = measured
    this.allowed = allowed
    return true
  }

  /** The next window sets the latency that drift is measured from. */
  rebase(): void {
    this.#firstLeastUs = Number.NaN
    this.#leastUs = Number.POSITIVE_INFINITY
    this.#windowEndUs = Number.NEGATIVE_INFINITY
  }
}
