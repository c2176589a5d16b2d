/**
 * @file How a person names a tripped breaker on the command line: `NAME:SCOPE`, the scope being `account`,
 * `venue=deribit`, `policy=carry` or `position=BTC-USDT-PERP@binance-usdm`.
 */

import { GimbalError } from '../core/errors.ts'
import type { Universe } from '../market/instrument.ts'
import type { GateActKind, LatchView, Scope } from '../risk/gate.ts'

/** What scopes refer to by number and people by name. */
export interface ScopeNames {
  readonly universe: Universe
  readonly policyNames: readonly string[]
}

/** A person's wish to put a breaker back. Without a scope, the only one over which it is latched. */
export interface ResetWish {
  readonly breaker: string
  readonly scope: Scope | undefined
  readonly who: string
  readonly reason: string
}

export function spellScope(scope: Scope, { universe, policyNames }: ScopeNames): string {
  switch (scope.of) {
    case 'account':
      return 'account'
    case 'venue':
      return `venue=${scope.venue}`
    case 'policy':
      return `policy=${policyNames[scope.policy] ?? scope.policy}`
    case 'position':
      return `position=${universe.at(scope.instrument).id}`
  }
}

/**
 * Reads `NAME[:SCOPE]`.
 *
 * @throws {GimbalError} `argument-invalid` naming what there is.
 */
export function parseBreaker(text: string, names: ScopeNames): Pick<ResetWish, 'breaker' | 'scope'> {
  const at = text.indexOf(':')
  if (at < 0) return { breaker: text, scope: undefined }
  return { breaker: text.slice(0, at), scope: parseScope(text.slice(at + 1), names) }
}

function parseScope(text: string, { universe, policyNames }: ScopeNames): Scope {
  if (text === 'account') return { of: 'account' }
  const at = text.indexOf('=')
  const name = text.slice(at + 1)
  const venues = [...new Set(universe.instruments.map(({ venue }) => venue))]
  switch (at < 0 ? '' : text.slice(0, at)) {
    case 'venue':
      if (venues.includes(name)) return { of: 'venue', venue: name }
      throw unknown('venue', name, venues)
    case 'policy':
      if (policyNames.includes(name)) return { of: 'policy', policy: policyNames.indexOf(name) }
      throw unknown('policy', name, policyNames)
    case 'position': {
      const known = universe.instruments.map(({ id }) => id)
      if (universe.has(name)) return { of: 'position', instrument: universe.index(name) }
      throw unknown('position', name, known.slice(0, 20))
    }
  }
  throw new GimbalError('argument-invalid', 'No such scope of a breaker', {
    asked: text,
    known: 'account, venue=NAME, policy=NAME, position=INSTRUMENT',
  })
}

function unknown(what: string, asked: string, known: readonly string[]): GimbalError {
  return new GimbalError('argument-invalid', `No such ${what} in this run`, { asked, known: known.join(' ') })
}

const MEANING: Readonly<Record<GateActKind, string>> = {
  pause: 'orders that add risk are refused',
  cancel: 'what rests is cancelled and orders that add risk are refused',
  'reduce-only': 'what rests is cancelled and only orders that reduce a position are let through',
  flatten: 'positions are closed at market and orders that add risk are refused',
  halt: 'every order is refused, and positions are left to a person',
}

/** A latch in one line: what it measured, what it does, and how to put it back. */
export function latchText({ breaker, scope, act, measured, allowed, unit }: LatchView, names: ScopeNames): string {
  const spelled = spellScope(scope, names)
  const figures = `measured ${figure(measured)}, allowed ${figure(allowed)} ${unit}`.trimEnd()
  return `${breaker} over ${spelled}: ${figures}; ${act}: ${MEANING[act]}. Once it is understood: --reset '${breaker}:${spelled}' --who PERSON --reason TEXT`
}

function figure(value: number): string {
  return Number.isNaN(value) ? 'not a number' : String(Number(value.toPrecision(6)))
}
