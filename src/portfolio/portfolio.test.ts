/**
 * Goal: a ledger that balances to the atom, for every payoff, through zero and back.
 * Method: hand-worked trades; then properties: two accounts that trade only with each other sum to nothing, and
 * equity equals opening cash plus every part of the attribution.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Instrument, type InstrumentSpec, Universe } from '../market/instrument.ts'
import { MarketState } from '../market/marketState.ts'
import type { OrderEvent } from '../market/order.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import { Ledger } from './portfolio.ts'

const linear: InstrumentSpec = {
  base: 'BTC',
  quote: 'USDT',
  kind: 'perp',
  venue: 'a',
  venueSymbol: 'BTCUSDT',
  payoff: 'linear',
  settle: 'USDT',
  tickSize: '0.1',
  lotSize: '0.001',
  multiplier: '1',
  source: 'test',
}
const inverse: InstrumentSpec = {
  ...linear,
  quote: 'USD',
  venue: 'b',
  payoff: 'inverse',
  settle: 'BTC',
  lotSize: '1',
  multiplier: '100',
}
const spot: InstrumentSpec = { ...linear, kind: 'spot', venue: 'c', lotSize: '0.00001', tickSize: '0.01' }
const universe = new Universe([linear, inverse, spot].map((spec) => new Instrument(spec)))

function account(cash: Record<string, number> = { USDT: 10_000, BTC: 1 }): {
  ledger: Ledger
  mark(instrument: number, price: number): void
} {
  const markets = universe.instruments.map((instrument) => new MarketState(instrument))
  const batch = new TapeBatch(8)
  return {
    ledger: new Ledger(universe, markets, cash),
    mark: (instrument, price) => {
      batch.count = 0
      batch.push(0, 0, Kind.MARK, instrument, 0, 0, 0, price, Flag.END)
      markets[instrument]!.apply(batch, 0, 0)
    },
  }
}

function fill(
  instrument: number,
  side: 1 | -1,
  tick: number,
  lots: number,
  feeAtoms = 0,
  liquidity: 'maker' | 'taker' = 'maker',
): OrderEvent {
  return {
    kind: 'filled',
    timeUs: 0,
    venueTimeUs: 0,
    orderId: 1,
    instrument,
    side,
    tick,
    lots,
    leavesLots: 0,
    feeAtoms,
    liquidity,
    reason: '',
    fillId: 0,
    queueAheadLots: -1,
  }
}

test('a coin is priced by a perpetual until its spot market is heard, and by spot from then on', () => {
  const { ledger, mark } = account({ BTC: 2 })
  expect(ledger.equity).toBeNaN()
  mark(0, 50_000)
  expect(ledger.rate('BTC')).toBe(50_000)
  expect(ledger.equity).toBe(100_000)
  mark(2, 50_100)
  mark(0, 49_000)
  expect(ledger.rate('BTC')).toBe(50_100)
  mark(2, Number.NaN)
  expect(ledger.rate('BTC')).toBeNaN()
})

describe('worked by hand', () => {
  test('long one bitcoin from 50,000 to 51,000 with fees of 10 each way makes 980', () => {
    const { ledger, mark } = account()
    ledger.applyFill(fill(0, 1, 500_000, 1_000, 10e6), Number.NaN)
    mark(0, 50_500)
    expect(ledger.unrealisedAtoms(0)).toBe(500e6)
    expect(ledger.equityAtoms('USDT')).toBe(10_490e6)
    expect(ledger.exposure(0)).toBe(50_500)
    ledger.applyFill(fill(0, -1, 510_000, 1_000, 10e6), Number.NaN)
    expect(ledger.cashAtoms('USDT')).toBe(10_980e6)
    expect(ledger.holding(0)).toMatchObject({
      lots: 0,
      costAtoms: 0,
      realisedAtoms: 1_000e6,
      feesAtoms: 20e6,
      fills: 2,
    })
  })

  test('short 10 inverse contracts from 50,000 to 40,000 makes 1,000/40,000 − 1,000/50,000 bitcoin', () => {
    const { ledger, mark } = account()
    ledger.applyFill(fill(1, -1, 500_000, 10), Number.NaN)
    mark(1, 40_000)
    expect(ledger.unrealisedAtoms(1)).toBe(0.005 * 1e10)
    expect(ledger.exposure(1)).toBeCloseTo(-1_000, 6)
    ledger.applyFill(fill(1, 1, 400_000, 10), Number.NaN)
    expect(ledger.cashAtoms('BTC')).toBe(10_050_000_000)
  })

  test('spot is paid for: buying moves cash into coins and equity stays', () => {
    const { ledger, mark } = account()
    ledger.applyFill(fill(2, 1, 5_000_000, 10_000), Number.NaN)
    mark(2, 50_000)
    expect(ledger.cashAtoms('USDT')).toBe(5_000e6)
    expect(ledger.equityAtoms('USDT')).toBe(10_000e6)
    mark(2, 55_000)
    expect(ledger.equityAtoms('USDT')).toBe(10_500e6)
    ledger.applyFill(fill(2, -1, 5_500_000, 10_000), Number.NaN)
    expect(ledger.cashAtoms('USDT')).toBe(10_500e6)
  })

  test('selling through zero closes the long and opens a short at the same price', () => {
    const { ledger } = account()
    ledger.applyFill(fill(0, 1, 500_000, 1_000), Number.NaN)
    ledger.applyFill(fill(0, -1, 501_000, 3_000), Number.NaN)
    expect(ledger.holding(0)).toMatchObject({ lots: -2_000, realisedAtoms: 100e6, costAtoms: -100_200e6 })
  })

  test('a maker earns the spread at its fill, a taker pays slippage, and the market moves the rest', () => {
    const { ledger } = account()
    ledger.applyFill(fill(0, 1, 499_990, 1_000, 0, 'maker'), 500_000)
    ledger.applyFill(fill(0, -1, 499_980, 1_000, 0, 'taker'), 500_000)
    expect(ledger.holding(0)).toMatchObject({ spreadAtoms: 1e6, slippageAtoms: -2e6, realisedAtoms: -1e6 })
  })

  test('funding is income of its instrument, a transfer is nobody’s profit', () => {
    const { ledger } = account()
    const event = { timeUs: 0, venueTimeUs: 0, instrument: 0, side: 0, tick: 0, lots: 0, currency: 'USDT' } as const
    ledger.applyAccount({ ...event, kind: 'funding', cashAtoms: -3e6 })
    ledger.applyAccount({ ...event, kind: 'transfer', instrument: -1, cashAtoms: 100e6 })
    expect([ledger.cashAtoms('USDT'), ledger.holding(0).fundingAtoms, ledger.holding(0).feesAtoms]).toEqual([
      10_097e6, -3e6, 0,
    ])
  })

  test('equity over currencies is priced by spot first; without a price it is unknown, not zero', () => {
    const { ledger, mark } = account({ BTC: 2 })
    expect(ledger.equity).toBeNaN()
    mark(1, 40_000)
    expect(ledger.equity).toBe(80_000)
    mark(2, 50_000)
    expect(ledger.equity).toBe(100_000)
  })
})

const trades = fc.array(
  fc.record({
    instrument: fc.integer({ min: 0, max: 2 }),
    side: fc.constantFrom<1 | -1>(1, -1),
    tick: fc.integer({ min: 300_000, max: 700_000 }),
    lots: fc.integer({ min: 1, max: 5_000 }),
    fee: fc.integer({ min: -50, max: 1_000_000 }),
  }),
  { maxLength: 60 },
)

test('two accounts that trade with each other sum to nothing but the fees', () => {
  fc.assert(
    fc.property(trades, (list) => {
      const ours = account({}).ledger
      const theirs = account({}).ledger
      const fees = [0, 0, 0]
      for (const { instrument, side, tick, lots, fee } of list) {
        ours.applyFill(fill(instrument, side, tick, lots, fee), Number.NaN)
        theirs.applyFill(fill(instrument, side === 1 ? -1 : 1, tick, lots, 0), Number.NaN)
        fees[instrument]! += fee
      }
      for (const instrument of [0, 1, 2]) {
        expect(ours.lots(instrument) + theirs.lots(instrument)).toBe(0)
        expect(ours.holding(instrument).costAtoms + theirs.holding(instrument).costAtoms).toBe(0)
        expect(ours.holding(instrument).realisedAtoms + theirs.holding(instrument).realisedAtoms).toBe(0)
      }
      expect(ours.cashAtoms('USDT') + theirs.cashAtoms('USDT')).toBe(0 - fees[0]! - fees[2]!)
      expect(ours.cashAtoms('BTC') + theirs.cashAtoms('BTC')).toBe(0 - fees[1]!)
    }),
  )
})

test('a flat book has no cost left in it, and cash is opening cash plus realised less fees', () => {
  fc.assert(
    fc.property(trades, (list) => {
      const { ledger } = account({ USDT: 1_000_000, BTC: 10 })
      for (const { instrument, side, tick, lots, fee } of list)
        ledger.applyFill(fill(instrument, side, tick, lots, fee), Number.NaN)
      for (const instrument of [0, 1, 2]) {
        const lots = ledger.lots(instrument)
        if (lots !== 0) ledger.applyFill(fill(instrument, lots > 0 ? -1 : 1, 500_000, Math.abs(lots)), Number.NaN)
        expect(ledger.holding(instrument)).toMatchObject({ lots: 0, costAtoms: 0 })
      }
      const dollars =
        ledger.holding(0).realisedAtoms -
        ledger.holding(0).feesAtoms +
        ledger.holding(2).realisedAtoms -
        ledger.holding(2).feesAtoms
      expect(ledger.cashAtoms('USDT')).toBe(1_000_000e6 + dollars)
      expect(ledger.cashAtoms('BTC')).toBe(10e10 + ledger.holding(1).realisedAtoms - ledger.holding(1).feesAtoms)
    }),
  )
})
