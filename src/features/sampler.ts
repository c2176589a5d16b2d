/**
 * @file When features are looked at: every so often, or after so much happened.
 *
 * Time samples lie on multiples of the interval and contain everything received up to and including that moment: they are
 * taken a microsecond later. Event samples are taken at the end of the message that reached the threshold.
 */

import { GimbalError } from '../core/errors.ts'
import type { TapeBatch } from '../market/tape.ts'

/** Says when to look. Deterministic in the rows; must not allocate. */
export interface Sampler {
  /** Next moment that is due whether or not anything happens, µs; infinite for samplers that wait for events. */
  readonly dueUs: number
  /** A row was applied. Returns true when a sample is to be taken now; only ever at the end of a message. */
  onRow(batch: TapeBatch, row: number, instrument: number, timeUs: number): boolean
  /** The sample due at `dueUs` was taken: moves on to the first later than `nowUs`. */
  taken(nowUs: number): void
}

/** Every `intervalUs`, at multiples of it, from the first row on. */
export class TimeSampler implements Sampler {
  readonly #intervalUs: number
  dueUs = Number.POSITIVE_INFINITY
  #started = false

  /** @throws {GimbalError} `config-invalid` unless positive and whole. */
  constructor(intervalUs: number) {
    if (!(intervalUs > 0) || !Number.isSafeInteger(intervalUs))
      throw new GimbalError('config-invalid', 'A sampling interval is a whole number of microseconds above 0', {
        intervalUs,
      })
    this.#intervalUs = intervalUs
  }

  onRow(_batch: TapeBatch, _row: number, _instrument: number, timeUs: number): boolean {
    if (!this.#started) {
      this.#started = true
      this.dueUs = Math.ceil(timeUs / this.#intervalUs) * this.#intervalUs
    }
    return false
  }

  taken(nowUs: number): void {
    this.dueUs = (Math.floor(nowUs / this.#intervalUs) + 1) * this.#intervalUs
  }
}
