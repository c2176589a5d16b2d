/**
 * Goal: a hedge of coins held as collateral is no losing trade, and a tail is that of what was held.
 * Method: coins in cash, an option sold in them, a perpetual sold against both; prices that run away from one leg alone or from
 * the sum.
 */

import { expect, test } from 'vitest'
import { ASK, BID, type Side } from '../market/book.ts'
import { atomsPerUnit, Instrument, Universe } from '../market/instrument.ts'
import { MarketState } from '../market/marketState.ts'
import type { AccountEvent, OrderEvent } from '../market/order.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import { Ledger } from '../portfolio/portfolio.ts'
import { type BreakerRule, DEFAULT_RISK } from './riskConfig.ts'
import { RiskGate } from './riskGate.ts'

const PERP = 0
const OPTION = 1

const rule = { confirmations: 1, cooldownUs: 0 } as const
const TRADE_LOSS: BreakerRule = { ...rule, breaker: 'trade-loss', act: 'flatten', limit: 0.05 }

/** Two coins in cash at 50,000, and a gate with nothing but a limit of 5 % on a trade's loss. */
function desk(watching = TRADE_LOSS, cash: Record<string, number> = { BTC: 2, USDT: 10_000 }) {
  const venue = { base: 'BTC', venue: 'test', venueSymbol: 'x', multiplier: '1', source: 'test' } as const
  const universe = new Universe([
    new Instrument({ ...venue, quote: 'USDT', kind: 'perp', payoff: 'linear', settle: 'USDT', tickSize: '1', lotSize: '0.1' }),
    new Instrument({
      ...venue, quote: 'USD', kind: 'option', payoff: 'inverse', settle: 'BTC', tickSize: '0.0001', lotSize: '0.1',
      expiry: '2030-01-25', strike: '50000', right: 'call',
    }),
  ]) // biome-ignore format: an instrument a row
  const markets = universe.instruments.map((instrument) => new MarketState(instrument))
  const ledger = new Ledger(universe, markets, cash)
  const breakers: BreakerRule[] = [watching, { ...rule, breaker: 'equity-nan', act: 'reduce-only', startupUs: 1 }]
  const config = { ...DEFAULT_RISK, breakers, checkUs: 1, confirmUs: 1 }
  const gate = new RiskGate(config, { universe, markets, ledger, openOrders: () => [] })
  let nowUs = 0
  let fills = 0
  return {
    gate,
    mark(instrument: number, price: number) {
      nowUs += 1_000_000
      const batch = new TapeBatch(1)
      batch.push(nowUs, nowUs, Kind.MARK, 0, 0, 0, 0, price, Flag.END)
      markets[instrument]!.apply(batch, 0, nowUs)
      gate.onMarket(instrument, nowUs)
      // Equity is read when the moment is over.
      gate.onClock(nowUs + 1)
    },
    fill(instrument: number, side: Side, lots: number, tick: number) {
      const event: OrderEvent = {
        kind: 'filled', timeUs: nowUs, venueTimeUs: nowUs, orderId: 1, instrument, side, tick, lots, leavesLots: 0,
        feeAtoms: 0, liquidity: 'taker', reason: '', fillId: ++fills, queueAheadLots: -1,
      } // biome-ignore format: an event
      ledger.applyFill(event, tick)
      gate.onOrderEvent(event, undefined)
    },
    transfer(coins: number) {
      const event: AccountEvent = {
        kind: 'transfer', timeUs: nowUs, venueTimeUs: nowUs, instrument: -1, currency: 'BTC', cashAtoms: coins * atomsPerUnit('BTC'),
        side: 0, lots: 0, tick: 0,
      } // biome-ignore format: an event
      ledger.applyAccount(event)
      gate.onAccountEvent(event)
    },
  }
}

test('a perpetual sold against coins loses what the coins gain', () => {
  const { gate, mark, fill } = desk()
  mark(PERP, 50_000)
  fill(PERP, ASK, 20, 50_000)
  for (let price = 51_000; price <= 80_000; price += 1_000) mark(PERP, price)
  expect(gate.latched).toEqual([])
})

test('coins alone are no trade, and a bought perpetual still loses beside them', () => {
  const { gate, mark, fill } = desk()
  mark(PERP, 50_000)
  mark(PERP, 49_000)
  expect(gate.latched).toEqual([])
  fill(PERP, BID, 20, 49_000)
  mark(PERP, 46_000)
  expect(gate.latched).toMatchObject([{ breaker: 'trade-loss' }])
})

test('coins that fall accuse no trade: not a small one beside them, and not the hedge that won what they lost', () => {
  const { gate, mark, fill } = desk()
  mark(PERP, 50_000)
  fill(PERP, BID, 1, 50_000)
  for (let price = 49_000; price >= 30_000; price -= 1_000) mark(PERP, price)
  // Two coins lost two fifths of what they were worth; the trade lost 2,000 of 110,000 dollars.
  expect(gate.latched).toEqual([])
})

test('a hedge opened after the coins had fallen is excused for what they win back', () => {
  const { gate, mark, fill } = desk()
  for (let price = 50_000; price >= 40_000; price -= 1_000) mark(PERP, price)
  fill(PERP, ASK, 20, 40_000)
  for (let price = 41_000; price <= 60_000; price += 1_000) mark(PERP, price)
  expect(gate.latched).toEqual([])
})

test('what coins gained between two trades excuses nothing of the second', () => {
  const { gate, mark, fill } = desk()
  mark(PERP, 50_000)
  fill(PERP, BID, 1, 50_000)
  fill(PERP, ASK, 1, 50_000)
  for (let price = 51_000; price <= 70_000; price += 1_000) mark(PERP, price)
  fill(PERP, BID, 20, 70_000)
  // Two coins bought at 70,000 lose 8,000 of 150,000 dollars.
  mark(PERP, 67_000)
  expect(gate.latched).toEqual([])
  mark(PERP, 66_000)
  expect(gate.latched).toMatchObject([{ breaker: 'trade-loss' }])
})

test('what an option lost in coins is counted once, at the price of today', () => {
  const { gate, mark, fill } = desk()
  mark(PERP, 50_000)
  mark(OPTION, 0.05)
  fill(OPTION, ASK, 10, 500)
  // 0.1 coins lost of 2.2 coins’ worth is less than 5 %, however the coins were worth at the start.
  mark(OPTION, 0.15)
  fill(OPTION, BID, 10, 1_500)
  mark(PERP, 50_100)
  expect(gate.latched).toEqual([])
  fill(OPTION, ASK, 10, 1_500)
  mark(OPTION, 0.27)
  expect(gate.latched).toMatchObject([{ breaker: 'trade-loss' }])
})

test('coins that come in the middle of a trade excuse nothing of what it lost before', () => {
  const { gate, mark, fill, transfer } = desk()
  mark(PERP, 50_000)
  fill(PERP, BID, 1, 50_000)
  fill(PERP, ASK, 1, 50_000)
  for (let price = 51_000; price <= 54_000; price += 1_000) mark(PERP, price)
  fill(PERP, BID, 40, 54_000)
  transfer(4)
  mark(PERP, 53_000)
  expect(gate.latched).toEqual([])
  // Four bought at 54,000 lose 6,000 of 118,000 dollars.
  mark(PERP, 52_500)
  expect(gate.latched).toMatchObject([{ breaker: 'trade-loss' }])
})

test('what coins gained stays gained when they are taken away, and excuses what their hedge lost', () => {
  const { gate, mark, fill, transfer } = desk()
  mark(PERP, 50_000)
  fill(PERP, ASK, 20, 50_000)
  for (let price = 51_000; price <= 60_000; price += 1_000) mark(PERP, price)
  transfer(-2)
  mark(PERP, 60_000)
  expect(gate.latched).toEqual([])
  // From here on two are sold against nothing: 2 × 2,800 of 110,000 dollars.
  mark(PERP, 62_800)
  expect(gate.latched).toMatchObject([{ breaker: 'trade-loss' }])
})

test('a large position held between two samples of a tail teaches no more than it lost per dollar', () => {
  const minute = { sampleUs: 60_000_000, horizonUs: 60_000_000, window: 50, warmup: 20, level: 0.9 } as const
  const tail: BreakerRule = { ...rule, ...minute, breaker: 'expected-shortfall', act: 'pause', limit: 0.05 }
  const { gate, mark, fill } = desk(tail, { USDT: 100_000 })
  mark(PERP, 50_000)
  fill(PERP, BID, 1, 50_000)
  const minutes = (count: number, price: number) => {
    for (let second = 0; second < 60 * count; second++) mark(PERP, price)
  }
  minutes(30, 50_000)
  mark(PERP, 50_000)
  fill(PERP, BID, 20, 50_000)
  for (let second = 0; second < 5; second++) mark(PERP, 49_500)
  fill(PERP, ASK, 20, 49_500)
  minutes(2, 49_500)
  // A percent lost of the most that was held, one of 32 minutes: a position as large as the account may be held.
  fill(PERP, BID, 20, 49_500)
  minutes(2, 49_500)
  expect(gate.latched).toEqual([])
})
