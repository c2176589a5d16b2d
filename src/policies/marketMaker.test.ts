/**
 * Goal: the maker quotes what the closed forms say, where and when a venue allows it, and never beyond its own limits.
 *
 * Method: the real engine in the ideal market (idealVenue.ts). A short generated history teaches the estimators; then
 * named situations, and one property over random markets.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SECOND_US } from '../core/clock.ts'
import { Random } from '../core/random.ts'
import type { SettingValue } from '../core/settings.ts'
import { Engine } from '../engine/engine.ts'
import { NoJournal } from '../journal/journal.ts'
import { type Instrument, Universe } from '../market/instrument.ts'
import type { Order } from '../market/order.ts'
import { Flag, Kind } from '../market/tape.ts'
import { OpenGate } from '../risk/gate.ts'
import { IdealVenue, idealInstrument } from './idealVenue.ts'
import { MarketMaker } from './marketMaker.ts'

const PERP = idealInstrument('perp')

function rig(settings: Record<string, SettingValue> = {}, instruments: Instrument[] = [PERP]) {
  const universe = new Universe(instruments)
  const venue = new IdealVenue()
  const policy = MarketMaker.fromSettings({ orderLots: 10, staleMs: 1_000_000, ...settings }, universe)
  const engine = new Engine({
    universe,
    policies: [policy],
    gate: () => new OpenGate(),
    journal: new NoJournal(),
    venue,
    cash: { USDC: 1_000_000, ETH: 100 },
    seed: 1,
  })
  venue.drive(engine)
  return { venue, engine, policy }
}

/** Two minutes of quiet market around 30,000 ticks: σ about 3 ticks per √s, sweeps of mean depth 4 ticks, 2 a second. */
function teach(venue: IdealVenue, instrument = 0, seconds = 120, middle = 30_000, seed = 5): number {
  const random = new Random(seed)
  let mid = middle
  const random2 = random.fork('depth')
  for (let i = 0; i < seconds * 4; i++) {
    venue.waitUntil(venue.nowUs + SECOND_US / 4)
    mid += Math.round(1.5 * random.normal())
    venue.book(instrument, mid - 2, mid + 2)
    if (i % 2 === 0) {
      const side = random.bits() > 0 ? 1 : -1
      // Reported without touching our quotes: the estimators learn, the inventory stays.
      venue.message(instrument, [[Kind.TRADE, side, mid + side * Math.ceil(random2.exponential(4)), 1, 0, 0]])
    }
  }
  return mid
}

const quotes = (venue: IdealVenue, instrument = 0) => {
  const find = (side: number) =>
    [...venue.resting.values()].find(({ order }) => order.side === side && order.instrument === instrument)
  return { bid: find(1), ask: find(-1), count: venue.resting.size }
}

describe('in the ideal market', () => {
  test('nothing is quoted before volatility and intensity are known', () => {
    const { venue } = rig()
    teach(venue, 0, 4)
    expect(venue.sent).toEqual([])
  })

  test('without inventory the quotes lie evenly around the mid, about 1/k and the inventory premium away', () => {
    const { venue } = rig()
    const mid = teach(venue)
    const { bid, ask, count } = quotes(venue)
    expect(count).toBe(2)
    const half = (ask!.tick - bid!.tick) / 2
    // 1/k = 4 (ceil makes it a little more) plus half the skew; requotes lag by up to a fifth of it.
    expect(half).toBeGreaterThan(3)
    expect(half).toBeLessThan(9)
    expect(Math.abs((ask!.tick + bid!.tick) / 2 - mid)).toBeLessThanOrEqual(2)
    expect(bid!.order.postOnly && ask!.order.postOnly).toBe(true)
    expect(bid!.lots).toBe(10)
  })

  test('a long inventory lowers both quotes by the skew of each order held', () => {
    const { venue, engine } = rig({ requoteShare: 0 })
    const mid = teach(venue)
    const before = quotes(venue)
    const centre = (before.bid!.tick + before.ask!.tick) / 2 - mid
    for (let i = 0; i < 4; i++) {
      const bid = quotes(venue).bid!.tick
      venue.trade(0, -1, bid)
      venue.waitUntil(venue.nowUs + SECOND_US)
      venue.book(0, mid - 2, mid + 2)
    }
    expect(engine.ledger.lots(0)).toBe(40)
    const after = quotes(venue)
    expect((after.bid!.tick + after.ask!.tick) / 2 - mid).toBeLessThan(centre - 1)
  })

  test('the maker earns the spread where flow is uninformed', () => {
    const { venue, engine } = rig()
    const mid = teach(venue)
    const random = new Random(9)
    for (let i = 0; i < 400; i++) {
      venue.waitUntil(venue.nowUs + SECOND_US / 2)
      venue.book(0, mid - 2, mid + 2)
      const side = random.bits() > 0 ? 1 : -1
      venue.trade(0, side, mid + side * Math.ceil(random.exponential(4)))
    }
    const holding = engine.ledger.holding(0)
    expect(holding.fills).toBeGreaterThan(30)
    expect(holding.spreadAtoms).toBeGreaterThan(0)
    expect(engine.ledger.equity).toBeGreaterThan(1_000_000)
  })

  test('an inverse contract and a linear one are quoted at the same time, each by its own market', () => {
    const { venue } = rig({ instruments: 'ETH-USDC-PERP@ideal,ETH-USD-PERP@ideal-coin' }, [
      PERP,
      idealInstrument('inverse'),
    ])
    const mid = teach(venue, 0)
    expect(quotes(venue, 1).bid).toBeUndefined()
    const other = teach(venue, 1, 120, 20_000)
    expect(quotes(venue, 0).bid!.tick).toBeLessThan(mid)
    expect(quotes(venue, 1).bid!.tick).toBeLessThan(other)
    expect(quotes(venue, 1).ask!.tick).toBeGreaterThan(other)
  })

  test('an order of 1,000 dollars is 33 lots of 0.01 at 3,000, and 100 inverse contracts of 10 dollars', () => {
    const instruments = [PERP, idealInstrument('inverse')]
    const { venue } = rig({ orderLots: 0, orderNotional: 1000 }, instruments)
    teach(venue, 0)
    teach(venue, 1)
    expect(quotes(venue, 0).bid!.lots).toBe(33)
    expect(quotes(venue, 1).bid!.lots).toBe(100)
  })

  test('spot is never offered beyond what is held', () => {
    const { venue, engine } = rig({}, [idealInstrument('spot')])
    const mid = teach(venue)
    expect(quotes(venue).ask).toBeUndefined()
    venue.trade(0, -1, quotes(venue).bid!.tick, 4)
    venue.waitUntil(venue.nowUs + SECOND_US)
    venue.book(0, mid - 2, mid + 2)
    expect(engine.ledger.lots(0)).toBe(4)
    expect(quotes(venue).ask!.lots).toBe(4)
  })
})

describe('fees', () => {
  const withFee = (makerBps: number) =>
    idealInstrument('perp', 'ETH', { fees: { makerBps, takerBps: 5, source: 'test' } })

  test('a maker fee of 10 bps keeps both quotes 30 ticks from a mid of 30,000', () => {
    const { venue } = rig({ requoteShare: 0 }, [withFee(10)])
    const mid = teach(venue)
    expect(quotes(venue).bid!.tick).toBeLessThanOrEqual(mid - 29)
    expect(quotes(venue).ask!.tick).toBeGreaterThanOrEqual(mid + 29)
  })

  test('a rebate changes nothing, and neither does a fee that is not to be covered', () => {
    const distance = (settings: Record<string, SettingValue>, makerBps: number) => {
      const { venue } = rig({ requoteShare: 0, ...settings }, [withFee(makerBps)])
      return teach(venue) - quotes(venue).bid!.tick
    }
    expect(distance({}, -1)).toBe(distance({ coverFees: false }, 10))
  })
})

describe('what venues demand', () => {
  test('quotes move only by the threshold, and at most once an interval', () => {
    const { venue } = rig({ requoteIntervalMs: 1000 })
    const mid = teach(venue)
    const sent = venue.sent.length
    for (let i = 0; i < 50; i++) {
      venue.waitUntil(venue.nowUs + 10_000)
      venue.book(0, mid - 2 + (i % 2), mid + 2 + (i % 2))
    }
    expect(venue.sent.length - sent).toBeLessThanOrEqual(2)
    const far = venue.sent.length
    for (let i = 0; i < 500; i++) {
      venue.waitUntil(venue.nowUs + 10_000)
      venue.book(0, mid - 2 + 5 * i, mid + 2 + 5 * i)
    }
    // Five seconds in which the market runs away: five rounds of two quotes, and one at either end.
    expect(venue.sent.length - far).toBeLessThanOrEqual(12)
  })

  test('a quote is moved by one amendment, or by a cancellation and then a new order', () => {
    for (const replace of ['amend', 'cancel-new']) {
      const { venue } = rig({ replace })
      const mid = teach(venue)
      for (let i = 0; i < 3; i++) {
        venue.waitUntil(venue.nowUs + SECOND_US)
        venue.book(0, mid - 2, mid + 2)
      }
      const from = venue.sent.length
      for (let i = 0; i < 3; i++) {
        venue.waitUntil(venue.nowUs + SECOND_US)
        venue.book(0, mid + 38, mid + 42)
      }
      const kinds = venue.sent.slice(from).map(({ kind }) => kind)
      if (replace === 'amend') expect(kinds.slice(0, 2)).toEqual(['amend', 'amend'])
      else expect(kinds.slice(0, 4)).toEqual(['cancel', 'cancel', 'order', 'order'])
      expect(quotes(venue).count).toBe(2)
    }
  })

  test('a lost book pulls both quotes, and its return brings them back', () => {
    const { venue } = rig()
    const mid = teach(venue)
    venue.message(0, [[Kind.GAP, 0, 0, 0, 3, 0]])
    expect(quotes(venue).count).toBe(0)
    venue.waitUntil(venue.nowUs + SECOND_US)
    venue.book(0, mid - 2, mid + 2)
    expect(quotes(venue).count).toBe(2)
  })

  test('a crossed book pulls both quotes', () => {
    const { venue } = rig()
    const mid = teach(venue)
    venue.message(0, [[Kind.DEPTH, 1, mid + 2, 5, 0, 0]])
    expect(quotes(venue).count).toBe(0)
  })

  test('silence pulls both quotes', () => {
    const { venue } = rig({ staleMs: 2000 })
    teach(venue)
    expect(quotes(venue).count).toBe(2)
    venue.waitUntil(venue.nowUs + 3 * SECOND_US)
    expect(quotes(venue).count).toBe(0)
  })

  test('a post-only rejection is answered by a new quote, many of them by ever longer pauses', () => {
    const { venue } = rig({ requoteIntervalMs: 100 })
    const mid = teach(venue)
    venue.message(0, [[Kind.GAP, 0, 0, 0, 1, 0]])
    venue.refuse = () => 'post-only'
    const from = venue.sent.length
    for (let i = 0; i < 600; i++) {
      venue.waitUntil(venue.nowUs + 100_000)
      venue.book(0, mid - 2, mid + 2)
    }
    // A minute at ten decisions a second would be 1,200 orders.
    expect(venue.sent.length - from).toBeGreaterThan(4)
    expect(venue.sent.length - from).toBeLessThan(40)
    venue.refuse = () => ''
    venue.waitUntil(venue.nowUs + 20 * SECOND_US)
    venue.book(0, mid - 2, mid + 2)
    expect(quotes(venue).count).toBe(2)
  })

  test('what is left of a partial fill keeps its place, and a moved quote is whole again', () => {
    const { venue } = rig()
    const mid = teach(venue)
    const bid = quotes(venue).bid!
    venue.trade(0, -1, bid.tick, 3)
    const from = venue.sent.length
    venue.waitUntil(venue.nowUs + SECOND_US)
    venue.book(0, mid - 2, mid + 2)
    const bids = venue.sent.slice(from).filter(({ order }) => order.side === 1)
    expect(bids).toEqual([])
    venue.waitUntil(venue.nowUs + SECOND_US)
    venue.book(0, mid - 52, mid - 48)
    expect(quotes(venue).bid!.leavesLots).toBe(10)
    expect(quotes(venue).bid!.lots).toBe(13)
  })
})

test('after a restart the quotes of before are kept, and what there is too much of is cancelled', () => {
  const { venue, engine } = rig()
  const old = (id: number, side: 1 | -1, tick: number): Order => ({
    id,
    instrument: 0,
    side,
    lots: 10,
    type: 'limit',
    tick,
    timeInForce: 'GTC',
    postOnly: true,
    policy: 0,
    sentUs: 0,
    decisionTick: 30_000,
  })
  for (const order of [old(1, 1, 29_990), old(2, 1, 29_989), old(3, -1, 30_010)]) {
    engine.adopt(order, 10)
    venue.resting.set(order.id, { order, tick: order.tick, lots: 10, leavesLots: 10 })
  }
  venue.book(0, 29_998, 30_002)
  expect([...venue.resting.keys()]).toEqual([1, 3])
  teach(venue)
  expect([...venue.resting.keys()]).toEqual([1, 3])
  expect(venue.sent.filter(({ kind }) => kind === 'order')).toEqual([])
})

test('in any market quotes never cross, never double, and no fill takes the inventory beyond its limit', () => {
  const step = fc.record({
    move: fc.integer({ min: -12, max: 12 }),
    spread: fc.integer({ min: 1, max: 9 }),
    waitMs: fc.integer({ min: 1, max: 900 }),
    hit: fc.constantFrom<0 | 1 | -1>(0, 1, -1),
    lots: fc.integer({ min: 1, max: 15 }),
    lost: fc.integer({ min: 0, max: 19 }),
  })
  const replace = fc.constantFrom('amend', 'cancel-new')
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 80 }), replace, (steps, how) => {
      const { venue, engine } = rig({ inventoryOrders: 2, requoteIntervalMs: 200, replace: how })
      let bid = teach(venue, 0, 30)
      for (const { move, spread, waitMs, hit, lots, lost } of steps) {
        venue.waitUntil(venue.nowUs + waitMs * 1000)
        if (lost === 0) venue.message(0, [[Kind.GAP, 0, 0, 0, 1, 0]])
        bid += move
        venue.message(0, [
          [Kind.DEPTH, 1, bid, 100, 0, Flag.RESET],
          [Kind.DEPTH, -1, bid + spread, 100, 0, 0],
        ])
        for (const side of [1, -1] as const) {
          const own = [...venue.resting.values()].filter(({ order }) => order.side === side)
          expect(own.length).toBeLessThanOrEqual(1)
        }
        const last = venue.sent.at(-1)
        if (last && last.kind !== 'cancel' && last.timeUs === venue.nowUs)
          expect(last.order.side === 1 ? last.order.tick < bid + spread : last.order.tick > bid).toBe(true)
        if (hit !== 0) venue.trade(0, hit, hit > 0 ? bid + spread + 30 : bid - 30, lots)
        expect(Math.abs(engine.ledger.lots(0))).toBeLessThanOrEqual(20)
      }
    }),
    { numRuns: 40 },
  )
})

describe('settings', () => {
  const universe = new Universe([PERP, idealInstrument('spot')])
  test.each([
    [{ riskAversion: -1 }],
    [{ riskAversion: Number.NaN }],
    [{ requoteIntervalMs: '0' }],
    [{ formula: 'guess' }],
    [{ coverFees: 'perhaps' }],
    [{ gamma: 1 }],
    [{ volatilityHalfLifeSeconds: 'soon' }],
  ])('%j is refused', (settings) => {
    expect(() => MarketMaker.fromSettings(settings as Record<string, SettingValue>, universe)).toThrow(
      expect.objectContaining({ code: 'config-invalid' }),
    )
  })

  test('they come back as plain data that builds the same policy', () => {
    const policy = MarketMaker.fromSettings({ riskAversion: '0.5', coverFees: 'false' }, universe)
    expect(policy.settings).toMatchObject({ riskAversion: 0.5, coverFees: false, formula: 'steady-state' })
    expect(MarketMaker.fromSettings(policy.settings, universe).settings).toEqual(policy.settings)
  })

  test('with nothing named the perpetuals are quoted', () => {
    const { policy, venue } = rig({}, [idealInstrument('spot'), PERP])
    venue.book(0, 1, 3)
    teach(venue, 1)
    expect(policy.name).toBe('market-maker')
    expect(quotes(venue, 1).bid?.order).toMatchObject({ instrument: 1, side: 1 })
    expect(quotes(venue, 0).bid).toBeUndefined()
  })
})
