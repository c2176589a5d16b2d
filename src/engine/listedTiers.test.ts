/**
 * Goal: the margin the gate hears of is the margin the replayed exchange acts on.
 * Method: random positions in instruments with tiers and without, linear and inverse, by both codes.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { testPerpetual } from '../../tests/testPerpetual.ts'
import { atomsPerUnit, Instrument, type MarginTier, Universe } from '../market/instrument.ts'
import { SnapshotView } from '../portfolio/marketView.ts'
import { initialMarginAtoms, maintenanceMarginAtoms } from '../sim/marginRules.ts'
import { listedTiers } from './listedTiers.ts'

const TIERS: readonly MarginTier[] = [
  { notionalFloor: 0, leverageMax: 50, maintenanceRate: 0.004 },
  { notionalFloor: 50_000, leverageMax: 20, maintenanceRate: 0.025 },
  { notionalFloor: 600_000, leverageMax: 10, maintenanceRate: 0.05 },
]
const margin = { since: '2026-01-01', source: 'test', tiers: TIERS }
const inverse = { payoff: 'inverse', quote: 'USD', settle: 'BTC', lotSize: '1', multiplier: '100' } as const
const INSTRUMENTS = [
  new Instrument(testPerpetual('BTC')),
  new Instrument(testPerpetual('BTC', { margin, venueSymbol: 'tiered' })),
  new Instrument(testPerpetual('BTC', { ...inverse, venueSymbol: 'inverse' })),
  new Instrument(testPerpetual('BTC', { ...inverse, margin, venueSymbol: 'tiered inverse' })),
]

test('asked and left are what the replayed exchange reckons, to the atom', () => {
  fc.assert(
    fc.property(
      fc.nat(INSTRUMENTS.length - 1),
      fc.integer({ min: -50_000, max: 50_000 }).filter((lots) => lots !== 0),
      fc.integer({ min: 1_000_0, max: 200_000_0 }),
      fc.integer({ min: 1_000_0, max: 200_000_0 }),
      (which, lots, paidTick, markTick) => {
        const instrument = INSTRUMENTS[which]!
        const [entry, mark] = [paidTick / 10, markTick / 10]
        const { id, settle, spec, inverse: isInverse } = instrument
        const size = lots * instrument.lots.size * Number(spec.multiplier)
        const payoff = isInverse ? ('inverse' as const) : ('linear' as const)
        const engine = listedTiers(new Universe([instrument]))
        const [pool] = engine.assess(
          {
            venue: 'test',
            balances: { [settle]: 10 },
            positions: [{ kind: 'perp', asset: 'BTC', instrument: id, size, payoff, entry, settle }],
          },
          new SnapshotView({ timeUs: 0, spot: { BTC: mark }, perpetual: { 'test BTC': mark } }),
        ).pools
        const atoms = atomsPerUnit(settle)
        const near = (ours: number, theirs: number) => expect(Math.abs(ours * atoms - theirs)).toBeLessThan(1.01)
        near(pool!.initial, initialMarginAtoms(instrument, mark, lots, Number.POSITIVE_INFINITY, Number.NaN))
        near(pool!.maintenance, maintenanceMarginAtoms(instrument, mark, lots, Number.NaN))
        const profit = instrument.valueAtPrice(mark, lots) - instrument.valueAtPrice(entry, lots)
        near(pool!.equity - 10, profit)
      },
    ),
  )
})
