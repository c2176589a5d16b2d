/**
 * Goal: a halt leaves positions to a person, unless closing them was demanded before it.
 * Method: demands in both orders, and what the gate's own order may then do.
 */

import { expect, test } from 'vitest'
import { Instrument, Universe } from '../market/instrument.ts'
import type { GateActKind, Scope } from './gate.ts'
import { Latches } from './latches.ts'

const universe = new Universe(
  ['a', 'b'].map(
    (venue) =>
      new Instrument({
        base: 'BTC',
        quote: 'USDT',
        kind: 'perp',
        venue,
        venueSymbol: 'BTC',
        payoff: 'linear',
        settle: 'USDT',
        tickSize: '1',
        lotSize: '1',
        multiplier: '1',
        source: 'test',
      }),
  ),
)
const account: Scope = { of: 'account' }

function demand(latches: Latches, breaker: string, act: GateActKind, scope: Scope = account): void {
  latches.demand({
    breaker,
    scope,
    act,
    timeUs: 0,
    measured: 2,
    allowed: 1,
    unit: '',
    reads: [{ timeUs: 0, measured: 2 }],
    cooldownUs: 0,
  })
}

test('a flatten demanded before a halt is still carried out, one after it is not', () => {
  const before = new Latches(universe, 1)
  demand(before, 'x', 'flatten')
  demand(before, 'y', 'halt')
  expect(before.permitsFlatten(0)).toBe(true)
  const after = new Latches(universe, 1)
  demand(after, 'y', 'halt')
  demand(after, 'x', 'flatten')
  expect(after.permitsFlatten(0)).toBe(false)
  const same = new Latches(universe, 1)
  demand(same, 'x', 'flatten')
  demand(same, 'x', 'halt')
  demand(same, 'x', 'flatten')
  expect(same.take()!.map(({ act }) => act)).toEqual(['flatten', 'halt'])
  expect(same.permitsFlatten(0)).toBe(true)
})

test('a flatten reaches as far as its scope', () => {
  const latches = new Latches(universe, 1)
  demand(latches, 'x', 'flatten', { of: 'venue', venue: 'b' })
  expect([latches.permitsFlatten(0), latches.permitsFlatten(1)]).toEqual([false, true])
  demand(latches, 'y', 'flatten', { of: 'position', instrument: 0 })
  expect(latches.permitsFlatten(0)).toBe(true)
  expect([latches.forbids(0, 0, false), latches.forbids(1, 0, false), latches.forbids(1, 0, true)]).toEqual([
    'y',
    'x',
    '',
  ])
})

test('after a halt a position is not asked for again, resting orders are', () => {
  const latches = new Latches(universe, 10)
  demand(latches, 'x', 'flatten')
  demand(latches, 'y', 'halt')
  latches.take()
  latches.repeat({ resting: () => false, open: () => true }, 10)
  expect(latches.take()).toBeUndefined()
  latches.repeat({ resting: (_, reducingToo) => reducingToo, open: () => true }, 20)
  expect(latches.take()!.map(({ act }) => act)).toEqual(['halt'])
})
