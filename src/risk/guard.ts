/** @file A breaker at its post: what measures, and the trip that counts. */

import type { Scope } from './gate.ts'
import type { Latches } from './latches.ts'
import type { BreachLog, TripRule } from './trip.ts'
import { Trip } from './trip.ts'

/** What every breaker has; its `observe` takes what it needs and says whether that breaches. */
export interface Breaker {
  readonly measured: number
  readonly allowed: number
  /** Starts its own reference afresh, so that a reset can hold. */
  rebase(nowUs: number): void
}

export interface Guard<B extends Breaker = Breaker> {
  readonly breaker: B
  readonly trip: Trip
}

/** Posts guards and finds them again for a reset. */
export class Guards {
  readonly #latches: Latches
  readonly #log: BreachLog
  readonly #all: Guard[] = []

  constructor(latches: Latches, log: BreachLog) {
    this.#latches = latches
    this.#log = log
  }

  /** @param unit Of `measured` and `allowed`, for people. */
  post<B extends Breaker>(breaker: B, rule: TripRule, scope: Scope, unit: string): Guard<B> {
    const guard = { breaker, trip: new Trip(rule, scope, unit, this.#latches, this.#log) }
    this.#all.push(guard)
    return guard
  }

  /** Every guard of a breaker over a scope. */
  of(breaker: string, key: string, keyOf: (scope: Scope) => string): readonly Guard[] {
    return this.#all.filter(({ trip }) => trip.breaker === breaker && keyOf(trip.scope) === key)
  }
}
