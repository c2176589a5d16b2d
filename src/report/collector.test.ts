/**
 * Goal: what a report says happened is what happened, to the atom, however long the run was.
 *
 * Method: the real engine runs a scripted policy against a small venue; totals are compared with the engine's own ledger
 * and with independent sums; series and sketches are compared with the values they stand for.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MINUTE_US, SECOND_US } from '../core/clock.ts'
import { Engine } from '../engine/engine.ts'
import { NoJournal } from '../journal/journal.ts'
import { Instrument, Universe } from '../market/instrument.ts'
import type { AccountEvent, OrderEvent } from '../market/order.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import type { Policy, PolicyContext } from '../policies/policy.ts'
import { OpenGate } from '../risk/gate.ts'
import { COMPONENTS, MARKOUT_HORIZONS_US, RunCollector } from './collector.ts'
import { scriptedRun } from './scriptedRun.ts'

const script = { seed: 7, messages: 15_000, paceUs: 3 * SECOND_US, halfSpread: 8 }
const { run, engine } = scriptedRun(script)

test('a reset stands among the risk events, signed and with its reason', () => {
  const { engine } = scriptedRun({ ...script, messages: 50 })
  const collector = new RunCollector()
  collector.attach(engine)
  const timeUs = engine.clock.nowUs + SECOND_US
  collector.onGateReset({
    breaker: 'daily-loss',
    scope: { of: 'account' },
    act: 'flatten',
    latchedUs: timeUs - 5,
    who: 'Ada',
    reason: 'the loss is understood',
    timeUs,
  })
  expect(collector.finish(timeUs).riskEvents.entries).toMatchObject([
    {
      timeUs,
      breaker: 'daily-loss',
      act: 'reset',
      measured: null,
      reset: { who: 'Ada', reason: 'the loss is understood', lifted: 'flatten' },
    },
  ])
})

describe('money', () => {
  test('the script is lively enough to test on', () => {
    expect(run.fills.maker).toBeGreaterThan(300)
    expect(run.fills.taker).toBeGreaterThan(5)
    expect(run.riskEvents.count).toBe(1)
    expect(run.accountEvents.count).toBeGreaterThan(1)
    expect(run.orders.refused).toBeGreaterThan(0)
  })

  test('in every currency the components add up to the change of equity, to the atom', () => {
    expect(run.currencies.map((each) => each.currency)).toEqual(['USDT', 'BTC'])
    for (const each of run.currencies) {
      const sum = COMPONENTS.reduce((total, component) => total + each.attributionAtoms[component], 0)
      expect(each.closingAtoms).toBe(engine.ledger.equityAtoms(each.currency))
      expect(sum).toBe(each.closingAtoms! - each.openingAtoms - each.transfersAtoms)
      expect(each.unexplainedAtoms).toBe(0)
      expect(Number.isSafeInteger(sum)).toBe(true)
    }
  })

  test('per instrument the components add up to its profit, and instruments to their currency', () => {
    for (const currency of run.currencies) {
      const own = run.instruments.filter((each) => each.settle === currency.currency)
      for (const each of own) {
        expect(COMPONENTS.reduce((sum, component) => sum + each.attributionAtoms[component], 0)).toBe(each.profitAtoms)
      }
      expect(own.reduce((sum, each) => sum + each.profitAtoms, 0)).toBe(currency.closingAtoms! - currency.openingAtoms)
    }
  })

  test('in dollars the components, coins changing in worth included, add up to the change of equity', () => {
    const sum = COMPONENTS.reduce((total, component) => total + run.totals[component], 0)
    expect(sum).toBeCloseTo(run.endEquity - run.startEquity - run.transfers, 4)
    // The half coin of collateral fell with the market.
    expect(run.totals.collateral).toBeLessThan(-1000)
    expect(run.endEquity).toBeCloseTo(engine.ledger.equity, 6)
  })

  test('maker rebates and the spread gained are told apart from slippage and taker fees', () => {
    const [linear, inverse] = run.instruments
    expect(linear!.attributionAtoms.spread).toBeGreaterThan(0)
    expect(linear!.makerFills).toBeGreaterThan(0)
    expect(inverse!.makerFills).toBe(0)
    expect(inverse!.attributionAtoms.slippage).toBeLessThan(0)
    expect(inverse!.attributionAtoms.fees).toBeLessThan(0)
    expect(inverse!.attributionAtoms.spread).toBe(0)
  })
})

describe('counts', () => {
  test('fills by maker and taker, on the chart and in the ledger are the same fills', () => {
    const holdings = run.instruments.map((_, index) => engine.ledger.holding(index))
    const booked = holdings.reduce((sum, holding) => sum + holding.fills, 0)
    expect(run.fills.count).toBe(booked)
    expect(run.fills.maker + run.fills.taker).toBe(booked)
    for (const each of run.instruments) {
      const charted = [...each.buys!.count, ...each.sells!.count].reduce((sum, count) => sum + count, 0)
      expect(charted).toBe(each.fills)
      const bought = each.buys!.size.reduce((sum, size) => sum + size, 0)
      const sold = each.sells!.size.reduce((sum, size) => sum + size, 0)
      expect(bought + sold).toBeCloseTo(each.sizeTraded, 6)
      expect(bought - sold).toBeCloseTo(each.endPosition, 6)
    }
  })

  test('every order, cancel and amendment is counted with its answers', () => {
    expect(run.orders.sent).toBe(engine.lastOrderId)
    expect(run.orders.cancelsAsked).toBeGreaterThan(100)
    expect(run.orders.answers['cancelled']).toBeLessThanOrEqual(run.orders.cancelsAsked)
    expect(run.orders.answers['amended']).toBeLessThanOrEqual(run.orders.amendsAsked)
    expect(run.orders.refusalsByLimit).toEqual({ position: run.orders.refused })
    expect(run.orders.answers['filled']).toBe(run.fills.count)
    expect(run.latency.cancelToAnswer.count).toBe(run.orders.answers['cancelled'])
  })

  test('latencies are those of the venue: 2 to 6 ms there, 2 ms back', () => {
    expect(run.latency.orderToVenue.min).toBeGreaterThanOrEqual(2000)
    expect(run.latency.answer.min).toBe(2000)
    expect(run.latency.answer.max).toBe(2000)
    expect(run.latency.orderToAnswer.max).toBeLessThanOrEqual(8000)
    expect(run.latency.feed.p50! / (900 * Math.LN2)).toBeGreaterThan(0.9)
  })
})

test('the same run collects the same bytes', () => {
  expect(JSON.stringify(scriptedRun(script).run)).toBe(JSON.stringify(run))
})

test('a fortieth of the room keeps every extreme', () => {
  const long = scriptedRun({ ...script, messages: 6_000, bucketsMax: 100 }).run
  expect(long.timeline.startUs.length).toBeLessThanOrEqual(100)
  expect(long.equity.high.length).toBe(long.timeline.startUs.length)
  const short = scriptedRun({ ...script, messages: 6_000, bucketsMax: 4000 }).run
  const top = (values: readonly (number | null)[]) =>
    Math.max(...values.map((value) => value ?? Number.NEGATIVE_INFINITY))
  expect(top(long.equity.high)).toBe(top(short.equity.high))
  expect(top(long.drawdown)).toBe(top(short.drawdown))
  expect(top(long.drawdown)).toBeCloseTo(long.deepest.fraction, 9)
  expect(long.grossExposureMax).toBe(short.grossExposureMax)
})

/** An engine with one linear instrument quoted by hand, whose single policy does nothing by itself. */
function byHand() {
  const instrument = new Instrument({
    base: 'X',
    quote: 'USDT',
    kind: 'perp',
    venue: 'hand',
    venueSymbol: 'X',
    payoff: 'linear',
    settle: 'USDT',
    tickSize: '1',
    lotSize: '1',
    multiplier: '1',
    source: 'test',
  })
  const collector = new RunCollector({ sampleUs: 100_000 })
  let context!: PolicyContext
  const policy: Policy = {
    name: 'hand',
    settings: {},
    start: (given) => {
      context = given
      return [0]
    },
    onMarket: () => {},
  }
  const engine = new Engine({
    universe: new Universe([instrument]),
    policies: [policy],
    gate: () => new OpenGate(),
    journal: new NoJournal(),
    venue: { submit: () => {}, cancel: () => {}, amend: () => {} },
    cash: { USDT: 1000 },
    seed: 1,
    observer: collector,
  })
  collector.attach(engine)
  const batch = new TapeBatch(8)
  let fillId = 0
  return {
    engine,
    collector,
    quote(seconds: number, mid: number) {
      batch.count = 0
      const timeUs = seconds * SECOND_US
      batch.push(timeUs, timeUs - 10, Kind.QUOTE, 0, 1, mid - 1, 5, 0, 0)
      batch.push(timeUs, timeUs - 10, Kind.QUOTE, 0, -1, mid + 1, 5, 0, Flag.END)
      engine.stepRow(batch, 0, 0, timeUs)
      engine.stepRow(batch, 1, 0, timeUs)
    },
    fill(seconds: number, side: 1 | -1, tick: number, lots: number, liquidity: 'maker' | 'taker') {
      const orderId = context.submit({ instrument: 0, side, lots, type: 'limit', tick })
      const timeUs = seconds * SECOND_US
      const event: OrderEvent = {
        kind: 'filled',
        timeUs,
        venueTimeUs: timeUs,
        orderId,
        instrument: 0,
        side,
        tick,
        lots,
        leavesLots: 0,
        feeAtoms: 0,
        liquidity,
        reason: '',
        fillId: ++fillId,
        queueAheadLots: 0,
      }
      engine.stepOrder(event)
    },
    account(seconds: number, event: Partial<AccountEvent>) {
      const timeUs = seconds * SECOND_US
      engine.stepAccount({
        kind: 'funding',
        timeUs,
        venueTimeUs: timeUs,
        instrument: 0,
        side: 0,
        tick: 0,
        lots: 0,
        cashAtoms: 0,
        currency: 'USDT',
        ...event,
      })
    },
  }
}

describe('markouts', () => {
  test('a buy at 100 is good by 200 bps when the mid stands at 102 a second later', () => {
    const hand = byHand()
    hand.quote(0, 101)
    hand.fill(0.5, 1, 100, 2, 'maker')
    hand.fill(0.5, -1, 100, 1, 'taker')
    for (const [at, mid] of [
      [1, 101],
      [1.5, 102],
      [5.5, 99],
      [30.5, 100],
      [300.5, 150],
    ] as const)
      hand.quote(at, mid)
    const { markouts, fills } = hand.collector.finish(300.5 * SECOND_US)
    expect(markouts.map((each) => each.maker.mean)).toEqual([200, -100, 0, 5000])
    expect(markouts.map((each) => each.taker.mean)).toEqual([-200, 100, 0, -5000])
    expect(markouts[0]).toMatchObject({ horizonUs: SECOND_US, measured: 2, unmeasured: 0, makerWeightedBps: 200 })
    expect(markouts[0]!.dollars).toBeCloseTo(2 * 2 - 2, 9)
    expect(fills.first[0]!.edgeBps).toBe(100)
    expect(fills.first[0]!.markoutBps).toEqual([200, -100, 0, 5000])
    expect(fills.first[1]).toMatchObject({ side: 'sell', liquidity: 'taker', edgeBps: -100 })
  })

  test('without a price near the horizon, or past the end, a markout is unmeasured and not guessed', () => {
    const hand = byHand()
    hand.quote(0, 101)
    hand.fill(1, 1, 100, 1, 'maker')
    hand.quote(61, 140) // A minute bar, so to say: far too late for one second, in time for none but five minutes.
    hand.quote(300, 140)
    const { markouts, fills } = hand.collector.finish(300 * SECOND_US)
    expect(markouts.map((each) => [each.measured, each.unmeasured])).toEqual([
      [0, 1],
      [0, 1],
      [0, 1],
      [0, 1],
    ])
    expect(fills.first[0]!.markoutBps).toEqual([null, null, null, null])
    expect(fills.worstHorizonUs).toBe(0)
  })

  test('the worst fills come first, judged half a minute later', () => {
    const hand = byHand()
    for (let i = 0; i < 60; i++) {
      hand.quote(i * 100, 100)
      hand.fill(i * 100 + 1, 1, 100 + (i % 7), 1, 'maker')
      hand.quote(i * 100 + 31, 100)
    }
    const { fills } = hand.collector.finish(6000 * SECOND_US)
    expect(fills.worstHorizonUs).toBe(MARKOUT_HORIZONS_US[2])
    expect(fills.worst).toHaveLength(20)
    expect(fills.worst.slice(0, 9).map((fill) => fill.price)).toEqual([106, 106, 106, 106, 106, 106, 106, 106, 105])
    expect(fills.first).toHaveLength(20)
    expect(fills.last.at(-1)!.timeUs).toBe(5901 * SECOND_US)
  })
})

describe('the account', () => {
  test('a deposit is neither profit nor a return; a penalty is neither a fee nor inventory', () => {
    const hand = byHand()
    hand.quote(0, 100)
    hand.fill(1, 1, 100, 1, 'taker')
    hand.quote(60, 100)
    hand.account(70, { kind: 'transfer', instrument: -1, cashAtoms: 500e6 })
    hand.quote(80, 100)
    hand.account(90, { kind: 'liquidation', side: -1, tick: 90, lots: 1, cashAtoms: -3e6 })
    hand.account(91, { kind: 'funding', cashAtoms: 2e6 })
    hand.account(92, { kind: 'settlement', instrument: -1, cashAtoms: 7e6 })
    hand.quote(200, 100)
    const run = hand.collector.finish(200 * SECOND_US)
    expect(run.transfers).toBe(500)
    expect(run.totals).toMatchObject({ liquidation: -3, funding: 2, other: 7, inventory: -10, fees: 0, collateral: 0 })
    expect(run.currencies[0]).toMatchObject({ unexplainedAtoms: 0, transfersAtoms: 500e6 })
    expect(run.endEquity).toBe(1496)
    expect(run.deepest.dollars).toBe(13)
    expect(run.clocks.find((clock) => clock.clockUs === MINUTE_US)!.best).toBeLessThan(0.01)
    expect(run.accountTotals).toEqual([
      { kind: 'funding', count: 1, dollars: 2 },
      { kind: 'liquidation', count: 1, dollars: -3 },
      { kind: 'settlement', count: 1, dollars: 7 },
      { kind: 'transfer', count: 1, dollars: 500 },
    ])
  })

  test('of margins the fullest is kept with its moment, by venue; unknown ones are counted, and nothing left is null', () => {
    const { collector } = byHand()
    const look = (venue: string, timeUs: number, ratio: number, initialRatio: number) =>
      collector.onMargin({ venue, engine: 'listed-tiers', timeUs, ratio, initialRatio, missing: [] })
    look('a', 1, 0.2, 0.5)
    look('b', 1, 0.1, Number.POSITIVE_INFINITY)
    look('a', 2, 0.6, 0.7)
    look('a', 3, Number.NaN, Number.NaN)
    look('a', 4, 0.3, 0.9)
    expect(collector.finish(4 * SECOND_US).margins).toEqual([
      { venue: 'a', engine: 'listed-tiers', looks: 4, unknown: 1, fullest: 0.6, fullestUs: 2, initialFullest: 0.9 },
      { venue: 'b', engine: 'listed-tiers', looks: 1, unknown: 0, fullest: 0.1, fullestUs: 1, initialFullest: null },
    ])
  })

  test('leverage and margin use are the highest in their bucket', () => {
    const hand = byHand()
    hand.quote(0, 100)
    hand.fill(1, 1, 100, 20, 'taker')
    hand.quote(2, 100)
    hand.fill(3, -1, 100, 20, 'taker')
    hand.quote(4, 100)
    const run = hand.collector.finish(4 * SECOND_US)
    expect(run.leverageMax).toBe(2)
    expect(run.marginUseMax).toBeCloseTo(0.05, 9) // 2.5 % of 2,000 over 1,000, where no tiers are known.
    expect(run.instruments[0]!.position!.high.at(-1)).toBe(0)
  })
})

test('over any walk the books close to the atom', () => {
  const step = fc.record({
    side: fc.constantFrom(1 as const, -1 as const),
    mid: fc.integer({ min: 50, max: 150 }),
    away: fc.integer({ min: -3, max: 3 }),
    lots: fc.integer({ min: 1, max: 9 }),
    cash: fc.integer({ min: -1e6, max: 1e6 }),
    kind: fc.constantFrom('funding' as const, 'transfer' as const, 'settlement' as const, 'liquidation' as const),
  })
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
      const hand = byHand()
      for (const [i, { side, mid, away, lots, cash, kind }] of steps.entries()) {
        hand.quote(i * 3, mid)
        hand.fill(i * 3 + 1, side, mid + away, lots, away > 0 ? 'taker' : 'maker')
        hand.account(i * 3 + 2, { kind, cashAtoms: cash, instrument: cash % 2 === 0 ? 0 : -1 })
      }
      const [currency] = hand.collector.finish(steps.length * 3 * SECOND_US).currencies
      expect(currency!.unexplainedAtoms).toBe(0)
      expect(currency!.closingAtoms).toBe(hand.engine.ledger.equityAtoms('USDT'))
    }),
    { numRuns: 50 },
  )
})
