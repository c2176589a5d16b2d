/**
 * Goal: rows of one contract ask what the venue asks of the one position it holds.
 * Method: for every engine that nets, accounts in random lots against the same account in one row; then tiers and hedges by hand.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CALL, PUT } from '../../pricing/right.ts'
import type { FuturePosition, OptionPosition, Position, VenueAccount } from '../book.ts'
import { SnapshotView } from '../marketView.ts'
import { marginEngine } from './registry.ts'

const market = new SnapshotView({ timeUs: 0, spot: { BTC: 90_000 }, volatility: { BTC: 0.6 } })
const perp: FuturePosition = { kind: 'perp', asset: 'BTC', size: 1, entry: 90_000, payoff: 'linear', settle: 'USDC' }
const inverse: FuturePosition = { ...perp, payoff: 'inverse', settle: 'BTC' }
const call: OptionPosition = {
  kind: 'option', asset: 'BTC', size: 1, right: CALL, strike: 100_000, expiryUs: 30 * 86_400e6, settle: 'USDC',
} // biome-ignore format: one contract
const carried: Record<string, readonly (FuturePosition | OptionPosition)[]> = {
  hyperliquid: [perp],
  'dydx-v4': [perp],
  'derive-standard': [perp, call, { ...call, right: PUT }],
  'derive-portfolio': [perp, call, { ...call, right: PUT }],
  'deribit-standard': [perp, inverse, call, { ...call, right: PUT, settle: 'BTC' }],
  'deribit-portfolio': [perp, inverse, call, { ...call, right: PUT, settle: 'BTC' }],
}
const account = (positions: Position[]): VenueAccount => ({ venue: 'v', balances: { USDC: 1e6 }, positions })

test('lots and both sides of a contract ask what their sum asks, whatever the venue', () => {
  const size = fc.double({ min: -3_000, max: 3_000, noNaN: true })
  for (const [name, contracts] of Object.entries(carried)) {
    const engine = marginEngine(name)
    const lots = fc.array(fc.record({ which: fc.nat(contracts.length - 1), size }), { maxLength: 8 })
    fc.assert(
      fc.property(lots, (rows) => {
        const units = (which: number) => (contracts[which] === inverse ? 90_000 : 1)
        const many = rows.map((row) => ({ ...contracts[row.which]!, size: row.size * units(row.which) }))
        const one = contracts.map((contract, i) => ({
          ...contract,
          size: rows.reduce((sum, row) => sum + (row.which === i ? row.size : 0), 0) * units(i),
        }))
        const [split, whole] = [engine.assess(account(many), market), engine.assess(account(one), market)]
        for (const figure of ['equity', 'initial', 'maintenance'] as const)
          expect(Math.abs(split[figure] - whole[figure])).toBeLessThan(1e-6 + 1e-9 * Math.abs(whole[figure]))
      }),
      { numRuns: 40 },
    )
  }
})

test('two lots of a hundred million dollars are one position in the second tier, at the least leverage of either', () => {
  const lot = { ...perp, size: 1e8 / 90_000 }
  const [pool] = marginEngine('hyperliquid').assess(account([lot, { ...lot, leverage: 10 }]), market).pools
  expect(pool!.maintenance).toBeCloseTo(2e8 / 40 - 1_875_000, 3)
  expect(pool!.initial).toBeCloseTo(2e8 / 10, 3)
  expect(pool!.lines).toHaveLength(1)
})

test('an option bought back asks nothing, and a put hides no call', () => {
  for (const name of ['derive-standard', 'deribit-standard']) {
    const asked = (rows: OptionPosition[]) => marginEngine(name).assess(account(rows), market).initial
    const sold = { ...call, size: -1 }
    expect(asked([sold, { ...call, instrument: 'BTC-C' }])).toBe(0)
    expect(asked([sold, { ...call, right: PUT }])).toBeCloseTo(asked([sold]), 9)
    expect(asked([sold, { ...call, strike: 120_000, size: 1 }])).toBeGreaterThan(0)
  }
})
