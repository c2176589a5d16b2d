/**
 * Goal: whatever trips in one moment, and however often it is asked again, what is sent to close a position is never more than the position.
 * Method: a venue that knows no reduce-only and fills market orders whole, when the test says so; several breakers over several scopes.
 */

import { expect, test } from 'vitest'
import { testPerpetual } from '../../tests/testPerpetual.ts'
import { SECOND_US } from '../core/clock.ts'
import { NoJournal } from '../journal/journal.ts'
import { ASK, BID, type Side } from '../market/book.ts'
import { Instrument, Universe } from '../market/instrument.ts'
import type { Order } from '../market/order.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import type { OpenOrder, Policy } from '../policies/policy.ts'
import { stillToClose } from '../risk/gate.ts'
import { DEFAULT_RISK, type RiskConfig } from '../risk/riskConfig.ts'
import { RiskGate } from '../risk/riskGate.ts'
import { Engine, type VenuePort } from './engine.ts'

const universe = new Universe([new Instrument(testPerpetual('BTC'))])
const LOTS = 100
const rule = { confirmations: 1, cooldownUs: 0, act: 'flatten' } as const
const { sizing: _, ...UNSIZED } = DEFAULT_RISK
const CONFIG: RiskConfig = {
  ...UNSIZED,
  breakers: [
    { ...rule, breaker: 'drawdown-from-peak', limit: 0.05 },
    { ...rule, breaker: 'drawdown-from-start', limit: 0.05 },
    { ...rule, breaker: 'daily-loss', limit: 0.05 },
    { ...rule, breaker: 'trade-loss', limit: 0.05 },
    { ...rule, breaker: 'equity-nan', act: 'reduce-only', startupUs: 1 },
  ],
  checkUs: 1,
  confirmUs: 1,
}

/** Trips after the others, when more is lost. */
const HALT = { ...rule, breaker: 'drawdown-from-start', act: 'halt', limit: 0.075 } as const

/** A desk that is long, the venue it trades at, and prices. */
function desk({ halt = false } = {}) {
  const sent: Order[] = []
  const cancelled: number[] = []
  const venue: VenuePort = {
    submit: (order) => sent.push(order),
    cancel: (id) => cancelled.push(id),
    amend: () => {},
  }
  const policy: Policy = { name: 'holder', settings: {}, start: () => [0], onMarket: () => {} }
  const engine = new Engine({
    universe,
    policies: [policy],
    gate: (parts) => new RiskGate({ ...CONFIG, breakers: halt ? [...CONFIG.breakers, HALT] : CONFIG.breakers }, parts),
    journal: new NoJournal(),
    venue,
    cash: { USDT: 100_000 },
    seed: 1,
  })
  const batch = new TapeBatch(2)
  let nowUs = 0
  let fillId = 0
  const price = (mid: number) => {
    nowUs += SECOND_US
    batch.count = 0
    batch.push(nowUs, nowUs, Kind.DEPTH, 0, 1, mid - 1, 1_000_000, 0, Flag.RESET)
    batch.push(nowUs, nowUs, Kind.DEPTH, 0, -1, mid + 1, 1_000_000, 0, Flag.END)
    engine.stepRow(batch, 0, 0, nowUs)
    engine.stepRow(batch, 1, 0, nowUs)
    // Equity is read when the moment is over.
    engine.stepClock(++nowUs)
  }
  const fill = (order: Order, lots: number, leavesLots: number) => {
    nowUs += 1_000
    engine.stepOrder({
      kind: 'filled', timeUs: nowUs, venueTimeUs: nowUs, orderId: order.id, instrument: 0, side: order.side,
      tick: engine.markets[0]!.bestBid, lots, leavesLots, feeAtoms: 0, liquidity: 'taker', reason: '', fillId: ++fillId,
      queueAheadLots: -1,
    }) // biome-ignore format: an event
  }
  const buy = (lots: number) => {
    const { id } = engine.submit({ instrument: 0, side: 1, lots, type: 'market', tick: 0 }, 0)
    fill(sent.find((order) => order.id === id)!, lots, 0)
    sent.length = 0
  }
  price(1_000_000)
  return {
    engine,
    sent,
    cancelled,
    price,
    fill,
    buy,
    wait(seconds: number) {
      nowUs += seconds * SECOND_US
      engine.stepClock(nowUs)
    },
  }
}

const lotsOf = (orders: readonly Order[]) => orders.reduce((sum, { side, lots }) => sum + side * lots, 0)

test('four breakers that trip in one moment close the position once', () => {
  const { engine, sent, cancelled, price, buy, fill } = desk()
  buy(LOTS)
  const held = engine.ledger.lots(0)
  price(300_000)
  expect(engine.gate.latched.filter(({ act }) => act === 'flatten').length).toBeGreaterThan(1)
  expect([held, lotsOf(sent), cancelled]).toEqual([LOTS, -LOTS, []])
  for (const order of [...sent]) fill(order, order.lots, 0)
  expect(engine.ledger.lots(0)).toBe(0)
})

test('what is on its way is waited for, however often it is asked again', () => {
  const { engine, sent, cancelled, price, buy, fill, wait } = desk()
  buy(LOTS)
  price(300_000)
  const [first] = [...sent]
  fill(first!, 40, 60)
  wait(120)
  price(290_000)
  // Sixty are still being closed: nothing more is asked for.
  expect([lotsOf(sent), cancelled]).toEqual([-LOTS, []])
  fill(first!, 60, 0)
  wait(120)
  expect([engine.ledger.lots(0), lotsOf(sent)]).toEqual([0, -LOTS])
})

test('a halt calls back what was on its way: what is held is a person’s now', () => {
  const { engine, sent, cancelled, price, buy } = desk({ halt: true })
  buy(LOTS)
  price(300_000)
  expect([lotsOf(sent), cancelled]).toEqual([-LOTS, []])
  price(200_000)
  expect(engine.gate.latched.map(({ act }) => act)).toContain('halt')
  expect([sent.length, cancelled]).toEqual([1, [sent[0]!.id]])
})

test('a hedge first left in part and then not at all is closed by the rest, and an order too many closes nothing more', () => {
  const order = (side: Side, leavesLots: number, policy = -1, instrument = 0): OpenOrder => {
    const sent = { id: 1, tick: 0, reduceOnly: true, state: 'sent', sentUs: 0 } as const
    return { ...sent, policy, instrument, side, lots: leavesLots, leavesLots }
  }
  const rest = (left: number, orders: readonly OpenOrder[]) => stillToClose({ held: -30, left }, 0, orders)
  expect(rest(-20, [])).toBe(-10)
  expect(rest(-20, [order(BID, 10)])).toBe(0)
  expect(rest(0, [order(BID, 10)])).toBe(-20)
  expect(rest(0, [order(BID, 25), order(BID, 25)])).toBe(0)
  // Policies' orders may be cancelled, others are about something else.
  expect(rest(0, [order(BID, 10, 0), order(ASK, 10), order(BID, 10, -1, 1)])).toBe(-30)
})
