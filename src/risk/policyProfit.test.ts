/**
 * Goal: the policies' profits add up to the account's, whoever caused a trade.
 * Method: random fills of two policies, closing orders of the gate and funding, beside the real ledger; and one case
 * by hand.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BID, type Side } from '../market/book.ts'
import { Instrument, Universe } from '../market/instrument.ts'
import { MarketState } from '../market/marketState.ts'
import type { AccountEvent, OrderEvent } from '../market/order.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import { Ledger } from '../portfolio/portfolio.ts'
import { PolicyProfit } from './policyProfit.ts'

function account(payoff: 'linear' | 'inverse') {
  const settle = payoff === 'linear' ? 'USDT' : 'BTC'
  const universe = new Universe([
    new Instrument({
      base: 'BTC',
      quote: payoff === 'linear' ? 'USDT' : 'USD',
      kind: 'perp',
      venue: 'test',
      venueSymbol: 'BTC',
      payoff,
      settle,
      tickSize: '1',
      lotSize: '1',
      multiplier: payoff === 'linear' ? '1' : '100',
      source: 'test',
    }),
  ])
  const markets = universe.instruments.map((instrument) => new MarketState(instrument))
  const ledger = new Ledger(universe, markets, { [settle]: 1_000 })
  const profit = new PolicyProfit({ universe, markets, ledger, openOrders: () => [] })
  let fills = 0
  return {
    ledger,
    profit,
    settle,
    mark(price: number) {
      const batch = new TapeBatch(8)
      batch.push(1, 1, Kind.MARK, 0, 0, 0, 0, price, Flag.END)
      markets[0]!.apply(batch, 0, 1)
    },
    fill(policy: number, side: Side, lots: number, tick: number, feeAtoms: number) {
      const event: OrderEvent = {
        kind: 'filled',
        timeUs: 0,
        venueTimeUs: 0,
        orderId: 1,
        instrument: 0,
        side,
        tick,
        lots,
        leavesLots: 0,
        feeAtoms,
        liquidity: 'taker',
        reason: '',
        fillId: ++fills,
        queueAheadLots: -1,
      }
      ledger.applyFill(event, tick)
      profit.applyFill(event, policy)
    },
    funding(cashAtoms: number) {
      const event: AccountEvent = {
        kind: 'funding',
        timeUs: 0,
        venueTimeUs: 0,
        instrument: 0,
        side: 0,
        tick: 0,
        lots: 0,
        cashAtoms,
        currency: settle,
      }
      ledger.applyAccount(event)
      profit.applyAccount(event)
    },
  }
}

test('the gate closes what each policy holds on its side, and leaves the other side alone', () => {
  const { profit, fill, mark } = account('linear')
  mark(1_000)
  fill(0, 1, 5, 1_000, 0)
  fill(1, -1, 2, 1_000, 0)
  fill(2, 1, 4, 1_000, 0)
  fill(-1, -1, 7, 900, 0)
  expect([0, 1, 2].map((policy) => profit.lots(policy, 0))).toEqual([0, -2, 2])
  mark(900)
  expect([0, 1, 2, 3].map((policy) => profit.profit(policy))).toEqual([-500, 200, -400, 0])
})

test.each(['linear', 'inverse'] as const)('%s: profits of the policies add up to that of the account', (payoff) => {
  const step = fc.record({
    policy: fc.integer({ min: -1, max: 1 }),
    side: fc.constantFrom<Side>(1, -1),
    lots: fc.integer({ min: 1, max: 9 }),
    tick: fc.integer({ min: 900, max: 1_100 }),
    fee: fc.integer({ min: -10, max: 100 }),
    funding: fc.integer({ min: -1_000, max: 1_000 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 800, max: 1_200 }), (steps, last) => {
      const desk = account(payoff)
      for (const { policy, side, lots, tick, fee, funding } of steps) {
        desk.mark(tick)
        const held = desk.ledger.lots(0)
        if (policy >= 0) desk.fill(policy, side, lots, tick, fee)
        // The gate only ever closes.
        else if (held !== 0) desk.fill(-1, held > 0 ? -1 : BID, Math.min(lots, Math.abs(held)), tick, fee)
        if (desk.ledger.lots(0) !== 0) desk.funding(funding)
      }
      desk.mark(last)
      const rate = payoff === 'linear' ? 1 : last
      const earned = desk.ledger.equity - 1_000 * rate
      // Each fill of an inverse contract is rounded to an atom, shared ones once a part.
      expect(desk.profit.profit(0) + desk.profit.profit(1)).toBeCloseTo(earned, payoff === 'linear' ? 6 : 3)
    }),
    { numRuns: 200, seed: 5 },
  )
})
