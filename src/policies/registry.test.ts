/**
 * Goal: every policy the command line offers can be built with nothing but its name, and says what it is.
 * Method: build each, rebuild it from its own settings, and ask for one that is not there.
 */

import { expect, test } from 'vitest'
import { Universe } from '../market/instrument.ts'
import { idealInstrument } from './idealVenue.ts'
import { buildPolicy, POLICIES } from './registry.ts'

const option = idealInstrument('perp', 'ETH', { kind: 'option', expiry: '2026-01-30', strike: '3000', right: 'call' })
const universe = new Universe([idealInstrument('spot'), idealInstrument('perp'), option])

test.each(Object.keys(POLICIES))('%s is built by its name, and again from what it says of itself', (name) => {
  const policy = buildPolicy(name, {}, universe)
  expect(policy.name).toBe(name)
  expect(Object.keys(policy.settings)).toEqual(Object.keys(POLICIES[name].settings))
  expect(buildPolicy(name, policy.settings, universe).settings).toEqual(policy.settings)
})

test('an unknown policy is refused with the list of known ones', () => {
  expect(() => buildPolicy('toString', {}, universe)).toThrow(
    expect.objectContaining({
      code: 'config-invalid',
      facts: { asked: 'toString', known: Object.keys(POLICIES).join(' ') },
    }),
  )
})
