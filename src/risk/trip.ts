/**
 * @file From a breach to an act: how many reads it takes, and the evidence kept.
 *
 * The breaker says whether a read breaches; the trip counts reads in a row, keeps each, and demands the act once. NaN
 * acts at once: a breaker that cannot measure must not be the one that stays silent.
 */

import type { GateActKind, Scope } from './gate.ts'
import type { Latches } from './latches.ts'

/** A read that counted as a breach, whether or not it led to an act. */
export interface BreachRecord {
  readonly timeUs: number
  readonly breaker: string
  readonly scope: Scope
  readonly measured: number
  readonly allowed: number
  readonly unit: string
  /** Its place in its row of breaches, and how many the rule wants. */
  readonly count: number
  readonly confirmations: number
}

/** The last breaching reads of all breakers: what was seen when nothing was done. */
export class BreachLog {
  readonly #records: BreachRecord[] = []
  readonly #capacity: number
  #next = 0
  /** Breaching reads since the start, kept or not. */
  total = 0

  constructor(capacity = 1024) {
    this.#capacity = capacity
  }

  add(record: BreachRecord): void {
    this.#records[this.#next] = record
    this.#next = (this.#next + 1) % this.#capacity
    this.total++
  }

  /** Oldest first. */
  list(): readonly BreachRecord[] {
    const at = this.#records.length < this.#capacity ? 0 : this.#next
    return [...this.#records.slice(at), ...this.#records.slice(0, at)]
  }
}

/** The part of a rule a trip needs. */
export interface TripRule {
  readonly breaker: string
  readonly act: GateActKind
  readonly confirmations: number
  readonly cooldownUs: number
}

/** One rule over one scope. */
export class Trip {
  readonly breaker: string
  readonly scope: Scope
  readonly unit: string
  readonly #rule: TripRule
  readonly #latches: Latches
  readonly #log: BreachLog
  readonly #times: Float64Array
  readonly #measured: Float64Array
  #count = 0
  /** Whether it has acted and waits for a reset. */
  latched = false

  constructor(rule: TripRule, scope: Scope, unit: string, latches: Latches, log: BreachLog) {
    this.breaker = rule.breaker
    this.scope = scope
    this.unit = unit
    this.#rule = rule
    this.#latches = latches
    this.#log = log
    this.#times = new Float64Array(rule.confirmations)
    this.#measured = new Float64Array(rule.confirmations)
  }

  /** Reads in a row that breached so far. */
  get count(): number {
    return this.#count
  }

  /** Takes one read; `measured` and `allowed` are only looked at when it breached. Returns true when it trips. */
  read(breached: boolean, measured: number, allowed: number, nowUs: number): boolean {
    if (!breached) {
      this.#count = 0
      return false
    }
    return !this.latched && this.#breach(measured, allowed, nowUs)
  }

  /**
   * As `read`, for values that are looked at more often than they change: a breach counts only when what it was
   * computed from was heard after the last one that counted, or `confirmUs` later.
   *
   * @param evidenceUs When the oldest part of the measurement was heard.
   */
  readFresh(
    breached: boolean,
    measured: number,
    allowed: number,
    nowUs: number,
    evidenceUs: number,
    confirmUs: number,
  ): boolean {
    if (breached && this.#count > 0 && !Number.isNaN(measured)) {
      const lastUs = this.#times[this.#count - 1]!
      if (!(evidenceUs > lastUs || nowUs - lastUs >= confirmUs)) return false
    }
    return this.read(breached, measured, allowed, nowUs)
  }

  /** A breach that needs no second look: it is a fact of the books and not a price that may be wrong. */
  certain(measured: number, allowed: number, nowUs: number): boolean {
    if (this.latched) return false
    this.#keep(measured, allowed, nowUs)
    this.#demand(measured, allowed, nowUs)
    return true
  }

  /** Forgets the count and the latch. */
  rearm(): void {
    this.#count = 0
    this.latched = false
  }

  #breach(measured: number, allowed: number, nowUs: number): boolean {
    this.#keep(measured, allowed, nowUs)
    if (this.#count < this.#rule.confirmations && !Number.isNaN(measured)) return false
    this.#demand(measured, allowed, nowUs)
    return true
  }

  #keep(measured: number, allowed: number, nowUs: number): void {
    const { breaker, confirmations } = this.#rule
    this.#times[this.#count] = nowUs
    this.#measured[this.#count] = measured
    this.#count++
    const { scope, unit } = this
    this.#log.add({ timeUs: nowUs, breaker, scope, measured, allowed, unit, count: this.#count, confirmations })
  }

  #demand(measured: number, allowed: number, nowUs: number): void {
    const { breaker, act, cooldownUs } = this.#rule
    const reads = Array.from({ length: this.#count }, (_, i) => ({
      timeUs: this.#times[i]!,
      measured: this.#measured[i]!,
    }))
    this.latched = true
    const { scope, unit } = this
    this.#latches.demand({ breaker, scope, act, timeUs: nowUs, measured, allowed, unit, reads, cooldownUs })
  }
}
