/**
 * @file Breakers that have tripped: who may still trade, what the engine was asked to do, and how it ends.
 *
 * A latch is one breaker over one scope. It only ever grows more severe, and only a person's reset with a reason takes
 * it away. A demand the venue did not meet (a cancellation refused, a market order that found no liquidity) is made
 * again: a breaker that asked once and looked away is not a breaker.
 */

import { GimbalError } from '../core/errors.ts'
import type { Universe } from '../market/instrument.ts'
import type { BreachRead, GateAct, GateActKind, GateReset, LatchView, Scope } from './gate.ts'

const SEVERITY: Readonly<Record<GateActKind, number>> = { pause: 0, cancel: 1, 'reduce-only': 2, flatten: 3, halt: 4 }

/** Longest wait between two repetitions of a demand. */
const REDEMAND_MAX_US = 60_000_000

/** Longest name of a person and longest reason, in characters: both must fit a journal record. */
const SIGNED_MAX = 2_000

/** Stable text of a scope: `account`, `venue/deribit`, `policy/0`, `position/3`. */
export function scopeKey(scope: Scope): string {
  switch (scope.of) {
    case 'account':
      return 'account'
    case 'venue':
      return `venue/${scope.venue}`
    case 'policy':
      return `policy/${scope.policy}`
    case 'position':
      return `position/${scope.instrument}`
  }
}

/** Whether an order of `policy` in `instrument` lies under a scope. */
export function covers(scope: Scope, instrument: number, policy: number, universe: Universe): boolean {
  switch (scope.of) {
    case 'account':
      return true
    case 'venue':
      return universe.at(instrument).venue === scope.venue
    case 'policy':
      return policy === scope.policy
    case 'position':
      return instrument === scope.instrument
  }
}

/** What a trip tells the latches. */
export interface Demand {
  readonly breaker: string
  readonly scope: Scope
  readonly act: GateActKind
  readonly timeUs: number
  readonly measured: number
  readonly allowed: number
  readonly unit: string
  readonly reads: readonly BreachRead[]
  readonly cooldownUs: number
}

class Latch implements LatchView {
  readonly breaker: string
  readonly scope: Scope
  readonly unit: string
  readonly sinceUs: number
  act: GateActKind
  actUs: number
  measured: number
  allowed: number
  cooldownUs: number
  reads: readonly BreachRead[]
  /** Numbers of the last flatten and of the halt in the order of all demands; 0 for never. */
  flattenNumber = 0
  haltNumber = 0
  redemandAtUs: number
  redemandUs: number
  /** Whether the act was still incomplete when last looked at. */
  waiting = true

  constructor(demand: Demand, redemandUs: number) {
    this.breaker = demand.breaker
    this.scope = demand.scope
    this.unit = demand.unit
    this.sinceUs = demand.timeUs
    this.act = demand.act
    this.actUs = demand.timeUs
    this.measured = demand.measured
    this.allowed = demand.allowed
    this.cooldownUs = demand.cooldownUs
    this.reads = demand.reads
    this.redemandUs = redemandUs
    this.redemandAtUs = demand.timeUs + redemandUs
  }
}

/** What still stands in the way of a latch's act being complete. */
export interface Unmet {
  /** Whether an order that this act should have removed still rests under the scope and nobody asked to cancel it. */
  resting(scope: Scope, reducingToo: boolean): boolean
  /** Whether more of a position under the scope is open than a flatten leaves and orders of the gate are closing. */
  open(scope: Scope): boolean
}

/** All latches of one gate, and the acts not yet taken by the engine. */
export class Latches {
  readonly #universe: Universe
  readonly #redemandUs: number
  readonly #latches: Latch[] = []
  #acts: GateAct[] = []
  #demands = 0

  constructor(universe: Universe, redemandUs: number) {
    this.#universe = universe
    this.#redemandUs = redemandUs
  }

  get any(): boolean {
    return this.#latches.length > 0
  }

  get view(): readonly LatchView[] {
    return this.#latches
  }

  /** Earliest time an incomplete act is to be demanded again; infinite when none is. */
  get redemandAtUs(): number {
    let earliest = Number.POSITIVE_INFINITY
    for (const latch of this.#latches)
      if (latch.act !== 'pause' && latch.waiting && latch.redemandAtUs < earliest) earliest = latch.redemandAtUs
    return earliest
  }

  /** Latches and demands the act, unless the same breaker already asked for as much over the same scope. */
  demand(demand: Demand): void {
    const key = scopeKey(demand.scope)
    let latch = this.#latches.find((each) => each.breaker === demand.breaker && scopeKey(each.scope) === key)
    if (!latch) {
      latch = new Latch(demand, this.#redemandUs)
      this.#latches.push(latch)
    } else {
      latch.cooldownUs = Math.max(latch.cooldownUs, demand.cooldownUs)
      if (SEVERITY[demand.act] <= SEVERITY[latch.act]) return
      latch.act = demand.act
      latch.actUs = demand.timeUs
      latch.measured = demand.measured
      latch.allowed = demand.allowed
      latch.reads = demand.reads
      latch.redemandUs = this.#redemandUs
      latch.redemandAtUs = demand.timeUs + this.#redemandUs
      latch.waiting = true
    }
    this.#issue(latch, demand.timeUs)
  }

  /** The acts demanded since last asked; undefined for none. */
  take(): readonly GateAct[] | undefined {
    if (this.#acts.length === 0) return undefined
    const acts = this.#acts
    this.#acts = []
    return acts
  }

  /** Whether acts wait to be taken. */
  get pending(): boolean {
    return this.#acts.length > 0
  }

  /** Demands again what has not been met; the acts appear in `take`. */
  repeat(unmet: Unmet, nowUs: number): void {
    for (const latch of this.#latches) {
      if (latch.act === 'pause' || nowUs < latch.redemandAtUs) continue
      const halted = latch.act === 'halt'
      // After a halt the position belongs to a person: only orders are asked for again.
      const wanting =
        unmet.resting(latch.scope, halted) ||
        (latch.act === 'flatten' && !this.#halted(latch.scope) && unmet.open(latch.scope))
      latch.waiting = wanting
      if (wanting) {
        this.#issue(latch, nowUs)
        latch.redemandUs = Math.min(2 * latch.redemandUs, REDEMAND_MAX_US)
      } else latch.redemandUs = this.#redemandUs
      latch.redemandAtUs = nowUs + latch.redemandUs
    }
  }

  /** Name of the latch that forbids an order of a policy, or ''. `reduces`: it can only make the position smaller. */
  forbids(instrument: number, policy: number, reduces: boolean): string {
    for (const latch of this.#latches) {
      if (!this.#covers(latch.scope, instrument, policy)) continue
      if (latch.act === 'halt' || !reduces) return latch.breaker
    }
    return ''
  }

  /** Whether a flatten in force covers an instrument. `holds`: whether a policy holds some of it. */
  flattening(instrument: number, holds: (policy: number) => boolean): boolean {
    for (const { act, scope } of this.#latches) {
      if (act !== 'flatten') continue
      if (scope.of === 'policy' ? holds(scope.policy) : this.#covers(scope, instrument, -1)) return true
    }
    return false
  }

  /** Whether the gate's own closing order answers a flatten that was demanded before any halt over the instrument. */
  permitsFlatten(instrument: number): boolean {
    let flattened = 0
    let halted = Number.POSITIVE_INFINITY
    for (const latch of this.#latches) {
      // A flatten for a policy closes whatever that policy's instruments hold, which may be any of them.
      if (latch.scope.of !== 'policy' && !this.#covers(latch.scope, instrument, -1)) continue
      if (latch.flattenNumber > flattened) flattened = latch.flattenNumber
      if (latch.haltNumber > 0 && latch.scope.of !== 'policy' && latch.haltNumber < halted) halted = latch.haltNumber
    }
    return flattened > 0 && flattened < halted
  }

  /**
   * Takes a latch away.
   *
   * @throws {GimbalError} `reset-refused` when nothing is latched there, the reason is empty, nobody signs, either is
   *   longer than a record holds, or the cool-down has not passed.
   */
  reset(breaker: string, scope: Scope, who: string, reason: string, nowUs: number): GateReset {
    const key = scopeKey(scope)
    const at = this.#latches.findIndex((each) => each.breaker === breaker && scopeKey(each.scope) === key)
    const refuse = (why: string): never => {
      throw new GimbalError('reset-refused', `Breaker not reset: ${why}`, { breaker, scope: key, who, reason })
    }
    const latch = this.#latches[at] ?? refuse('it is not latched over this scope')
    if (who.trim() === '') refuse('nobody signs for it')
    if (reason.trim() === '') refuse('no reason was given')
    if (who.length > SIGNED_MAX || reason.length > SIGNED_MAX)
      throw new GimbalError('reset-refused', `Breaker not reset: say it in ${SIGNED_MAX} characters`, {
        breaker,
        scope: key,
      })
    if (!(nowUs >= latch.actUs + latch.cooldownUs))
      refuse(`cool-down lasts ${(latch.actUs + latch.cooldownUs - nowUs) / 1e6} s more`)
    this.#latches.splice(at, 1)
    return { breaker, scope, act: latch.act, latchedUs: latch.sinceUs, who, reason, timeUs: nowUs }
  }

  #issue(latch: Latch, timeUs: number): void {
    const number = ++this.#demands
    if (latch.act === 'flatten') latch.flattenNumber = number
    if (latch.act === 'halt') latch.haltNumber ||= number
    this.#acts.push({
      act: latch.act,
      breaker: latch.breaker,
      scope: latch.scope,
      timeUs,
      measured: latch.measured,
      allowed: latch.allowed,
      unit: latch.unit,
      confirmations: latch.reads.length,
      reads: latch.reads,
    })
  }

  #halted(scope: Scope): boolean {
    for (const latch of this.#latches) {
      if (latch.act !== 'halt') continue
      if (latch.scope.of === 'account' || scopeKey(latch.scope) === scopeKey(scope)) return true
      if (latch.scope.of === 'venue' && scope.of === 'position')
        if (this.#universe.at(scope.instrument).venue === latch.scope.venue) return true
    }
    return false
  }

  #covers(scope: Scope, instrument: number, policy: number): boolean {
    return covers(scope, instrument, policy, this.#universe)
  }
}
