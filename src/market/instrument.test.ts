/**
 * Goal: names that can be read back, and money that is exact.
 * Method: round trips; hand-worked contracts of each kind; symmetry, so that what one side pays the other gets.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Instrument, type InstrumentSpec, instrumentId, parseInstrumentId, Universe } from './instrument.ts'

const perp: InstrumentSpec = {
  base: 'BTC',
  quote: 'USDT',
  kind: 'perp',
  venue: 'binance-usdm',
  venueSymbol: 'BTCUSDT',
  payoff: 'linear',
  settle: 'USDT',
  tickSize: '0.10',
  lotSize: '0.001',
  multiplier: '1',
  source: 'test',
}
const inverse: InstrumentSpec = {
  ...perp,
  quote: 'USD',
  venue: 'binance-coinm',
  venueSymbol: 'BTCUSD_PERP',
  payoff: 'inverse',
  settle: 'BTC',
  lotSize: '1',
  multiplier: '100',
}
const option: InstrumentSpec = {
  ...perp,
  quote: 'USD',
  kind: 'option',
  venue: 'deribit',
  venueSymbol: 'BTC-16JAN26-82000-C',
  payoff: 'inverse',
  settle: 'BTC',
  tickSize: '0.0001',
  lotSize: '0.1',
  expiry: '2026-01-16',
  strike: '82000',
  right: 'call',
}

test.each([
  'BTC-USDT-SPOT@binance',
  'ETH-USD-PERP@binance-coinm',
  'BTC-USD-FUTURE-20240927@deribit',
  'BTC-USD-OPTION-20260116-82000-C@deribit',
  'SOL-USDC-OPTION-20260116-0.5-P@derive',
  'WETH-USDC-POOL-0x45dda9cb7c25131df268515131f647d726f50608@uniswap-v3-polygon',
])('%s is read back as it was written', (id) => {
  const parsed = parseInstrumentId(id)
  expect(instrumentId({ ...perp, ...parsed })).toBe(id)
})

test.each([
  '',
  'BTC',
  'BTC-USDT-PERP',
  'BTC-USDT-SWAP@okx',
  '-USDT-PERP@x',
  'BTC-USD-FUTURE@x',
  'BTC-USD-OPTION-20260116-C@x',
  'BTC-USD-OPTION-20260116-0-C@x',
  'BTC-USDT-PERP-1@x',
])('%j is no instrument', (id) => {
  expect(() => parseInstrumentId(id)).toThrow(expect.objectContaining({ code: 'instrument-invalid' }))
})

describe('money', () => {
  test('a linear contract: 2 BTC at 63,943.9 is 127,887.8 dollars, to the micro', () => {
    expect(new Instrument(perp).valueAtoms(639_439, 2_000)).toBe(127_887_800_000)
  })

  test('an inverse contract: 1 contract of 100 USD from 50,000 to 60,000 gains 100/50,000 − 100/60,000 BTC', () => {
    const contract = new Instrument(inverse)
    const gain = contract.valueAtoms(600_000, 1) - contract.valueAtoms(500_000, 1)
    expect(gain).toBe(Math.round((100 / 50_000) * 1e10) - Math.round((100 / 60_000) * 1e10))
  })

  test('a coin-priced option: 0.5 contracts at 0.0855 BTC is worth 0.04275 BTC', () => {
    expect(new Instrument(option).valueAtoms(855, 5)).toBe(427_500_000)
  })

  test('fees round against us and rebates towards nothing', () => {
    const contract = new Instrument(perp)
    expect(contract.feeAtoms(639_439, 1, 4.5)).toBe(Math.ceil(63.9439 * 4.5 * 100))
    expect(contract.feeAtoms(1, 1, 0.01)).toBe(1)
    expect(contract.feeAtoms(1, 1, -0.01)).toBe(-0)
  })

  test('what a buyer pays is what a seller gets, to the atom', () => {
    const contracts = [new Instrument(perp), new Instrument(inverse), new Instrument(option)]
    fc.assert(
      fc.property(
        fc.constantFrom(...contracts),
        fc.integer({ min: 1_000, max: 2_000_000 }),
        fc.integer({ min: 1, max: 20_000 }),
        (contract, tick, lots) => {
          expect(contract.valueAtoms(tick, -lots)).toBe(-contract.valueAtoms(tick, lots))
          expect(contract.valueAtPrice(contract.ticks.value(tick), lots)).toBeCloseTo(
            contract.valueAtoms(tick, lots),
            -1,
          )
        },
      ),
    )
  })
})

test('a trade too large to be counted exactly is refused, not rounded', () => {
  expect(() => new Instrument(perp).valueAtoms(2_000_000_000, 1e9)).toThrow(
    expect.objectContaining({ code: 'argument-invalid' }),
  )
})

test('options know their expiry at 08:00 UTC and how far it is', () => {
  const contract = new Instrument(option)
  expect(contract.expiryUs).toBe(Date.UTC(2026, 0, 16, 8) * 1000)
  expect(contract.yearsToExpiry(Date.UTC(2025, 0, 16, 8) * 1000)).toBe(1)
  expect(new Instrument(perp).yearsToExpiry(0)).toBe(Number.POSITIVE_INFINITY)
})

test('a universe finds instruments by name and says which it knows', () => {
  const universe = new Universe([new Instrument(perp), new Instrument(inverse)])
  expect(universe.index('BTC-USD-PERP@binance-coinm')).toBe(1)
  expect(() => universe.index('DOGE-USDT-PERP@binance-usdm')).toThrow(/BTC-USDT-PERP@binance-usdm/)
})
