/**
 * Goal: facts about contracts that hold together: steps that make grids, tiers that rise, fees that are never missing.
 * Method: every entry of the table, then what is charged where it says nothing.
 */

import { expect, test } from 'vitest'
import { Instrument, instrumentId } from '../market/instrument.ts'
import { feesOf, INSTRUMENT_TABLE, knownInstrument } from './instrumentTable.ts'

test.each(INSTRUMENT_TABLE.map((spec) => [instrumentId(spec), spec] as const))('%s makes sense', (id, spec) => {
  expect(new Instrument(spec).id).toBe(id)
  expect(spec.source).not.toBe('')
  expect(spec.fees!.takerBps).toBeGreaterThanOrEqual(spec.fees!.makerBps)
  const tiers = spec.margin?.tiers ?? []
  for (let i = 1; i < tiers.length; i++) {
    expect(tiers[i]!.notionalFloor).toBeGreaterThan(tiers[i - 1]!.notionalFloor)
    expect(tiers[i]!.leverageMax).toBeLessThan(tiers[i - 1]!.leverageMax)
    expect(tiers[i]!.maintenanceRate).toBeGreaterThan(tiers[i - 1]!.maintenanceRate)
  }
})
test('no contract trades for free because its fees are unknown', () => {
  const spec = knownInstrument('BTC-USDT-PERP@binance-usdm')!
  const { fees: own, ...bare } = spec
  expect(feesOf(spec)).toBe(own)
  expect(feesOf({ ...bare, base: 'WLD' })).toMatchObject({ makerBps: 2, takerBps: 5 })
  expect(feesOf({ ...bare, venue: 'nowhere' })).toMatchObject({
    makerBps: 10,
    takerBps: 10,
    source: expect.stringContaining('assumed'),
  })
  expect(feesOf({ ...bare, venue: 'deribit', kind: 'option' })).toMatchObject({ takerBps: 3 })
})
