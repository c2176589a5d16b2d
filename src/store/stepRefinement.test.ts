/**
 * Goal: the step found is the coarsest every price lies on, never so fine that a tick overflows.
 *
 * Method: prices generated as multiples of a known step; the step found must divide it, and all of them.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Grid, parseDecimal } from '../core/decimal.ts'
import { Instrument, instrumentId, Universe } from '../market/instrument.ts'
import { INSTRUMENT_TABLE, knownInstrument, knownSteps } from './instrumentTable.ts'
import { commonStep, StepTracker, TICK_MAX } from './stepRefinement.ts'

test.each([
  ['0.1', '0.25', '0.05'],
  ['0.1', '0.01', '0.01'],
  ['2.5', '1', '0.5'],
  ['0.0005', '0.0001', '0.0001'],
  ['10', '100', '10'],
])('the common step of %s and %s is %s', (a, b, expected) => {
  expect(commonStep(a, b)).toBe(expected)
  expect(commonStep(b, a)).toBe(expected)
})

test('whatever the order of prices, the same step is found, and all lie on it', () => {
  const steps = fc.constantFrom('0.01', '0.05', '0.5', '0.25', '1', '2.5', '10', '0.0001')
  fc.assert(
    fc.property(
      steps,
      fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 40 }),
      (text, indexes) => {
        const grid = new Grid(text)
        const prices = indexes.map((index) => Number(grid.format(index)))
        const forwards = new StepTracker(TICK_MAX)
        const backwards = new StepTracker(TICK_MAX)
        for (const price of prices) expect(forwards.see(price)).toBe('fits')
        for (const price of prices.toReversed()) expect(backwards.see(price)).toBe('fits')
        expect(forwards.step).toBe(backwards.step)
        const found = new Grid(forwards.step!)
        for (const price of prices) expect(found.index(price)).not.toBeNaN()
        // At least as coarse as the true step.
        expect(found.size).toBeGreaterThanOrEqual(grid.size * 0.999999)
      },
    ),
  )
})

test('a step that would overflow ticks is refused, for prices seen now or by earlier imports', () => {
  const tracker = new StepTracker(TICK_MAX, '0.1', 200_000_000)
  expect(tracker.see(0.05)).toBe('off-grid')
  expect(tracker.see(300_000_000)).toBe('out-of-range')
  expect(tracker.see(99.9)).toBe('fits')
  expect(tracker.step).toBe('0.1')
})

test('the built-in table makes instruments, each once, each with its sources', () => {
  const universe = new Universe(INSTRUMENT_TABLE.map((spec) => new Instrument(spec)))
  expect(new Set(universe.instruments.map(({ id }) => id)).size).toBe(INSTRUMENT_TABLE.length)
  for (const spec of INSTRUMENT_TABLE) {
    expect(knownInstrument(instrumentId(spec))).toBe(spec)
    expect(spec.source).toContain('built-in table')
    expect(parseDecimal(spec.tickSize).mantissa).toBeGreaterThan(0)
    if (spec.fees) expect(spec.fees.source).not.toBe('')
  }
  expect(knownSteps('BTC-USD-OPTION@deribit')).toMatchObject({ tickSize: '0.0001', lotSize: '0.1' })
  expect(knownInstrument('XYZ-USDT-PERP@binance-usdm')).toBeUndefined()
})

test('margin tiers of the table are continuous, with the deductions the venue prints', () => {
  const { margin } = knownInstrument('BTC-USDT-PERP@binance-usdm')!
  let deduction = 0
  const deductions = margin!.tiers.map((tier, i) => {
    const before = margin!.tiers[i - 1]
    if (before) deduction += tier.notionalFloor * (tier.maintenanceRate - before.maintenanceRate)
    return Math.round(deduction)
  })
  expect(deductions).toEqual([
    0, 50, 950, 11_450, 131_450, 481_450, 2_981_450, 14_481_450, 26_481_450, 41_481_450, 121_481_450, 421_481_450,
  ])
  const hyperliquid = knownInstrument('BTC-USDC-PERP@hyperliquid')!
  expect(hyperliquid).toMatchObject({ tickSize: '0.1', lotSize: '0.00001' })
  expect(hyperliquid.margin!.tiers.map(({ maintenanceRate }) => maintenanceRate)).toEqual([0.0125, 0.025])
})
