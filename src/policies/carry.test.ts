/**
 * Goal: the pair is held when funding pays for it and not otherwise, stays hedged, and keeps its margin.
 *
 * Method: the real engine in the ideal market (idealVenue.ts) on hand-made paths of price and funding, with every
 * expected figure worked out in the test's name or beside it.
 */

import { describe, expect, test } from 'vitest'
import { HOUR_US, SECOND_US } from '../core/clock.ts'
import type { SettingValue } from '../core/settings.ts'
import { Engine } from '../engine/engine.ts'
import { NoJournal } from '../journal/journal.ts'
import { type Instrument, Universe } from '../market/instrument.ts'
import { Kind } from '../market/tape.ts'
import { OpenGate } from '../risk/gate.ts'
import { Carry, carryOutlook, deleveragingCut } from './carry.ts'
import { IdealVenue, idealInstrument } from './idealVenue.ts'

const SPOT = 0
const PERP = 1

/** Fees of 10 bps on spot and 5 on the perpetual: 30 bps in and out. */
function pair(base = 'ETH'): Instrument[] {
  return [
    idealInstrument('spot', base, { fees: { makerBps: 10, takerBps: 10, source: 'test' } }),
    idealInstrument('perp', base, { fees: { makerBps: 5, takerBps: 5, source: 'test' }, lotSize: '0.1' }),
  ]
}

function rig(settings: Record<string, SettingValue> = {}, instruments = pair()) {
  const universe = new Universe(instruments)
  const venue = new IdealVenue()
  const engine = new Engine({
    universe,
    policies: [Carry.fromSettings({ capitalShare: 0.9, ...settings }, universe)],
    gate: () => new OpenGate(),
    journal: new NoJournal(),
    venue,
    cash: { USDC: 100_000 },
    seed: 1,
  })
  venue.drive(engine)
  /** One hour of bars at a price, funding of 8 hours every 8th hour, paid to whoever is short. */
  const hours = (count: number, tick: number, rate: number, premium = 0) => {
    for (let i = 0; i < count; i++) {
      venue.waitUntil((Math.floor(venue.nowUs / HOUR_US) + 1) * HOUR_US)
      for (let at = 0; at < instruments.length; at += 2) {
        venue.bar(at, tick, HOUR_US)
        venue.bar(at + 1, tick + premium, HOUR_US)
        if ((venue.nowUs / HOUR_US) % 8 !== 0) continue
        const atoms = engine.universe.at(at + 1).valueAtoms(tick, engine.ledger.lots(at + 1))
        const cashAtoms = Math.round(-atoms * rate)
        venue.message(at + 1, [[Kind.FUNDING, 0, 0, 8 * HOUR_US, rate, 0]])
        if (cashAtoms === 0) continue
        const time = { timeUs: venue.nowUs, venueTimeUs: venue.nowUs }
        const nothing = { side: 0, tick: 0, lots: 0 } as const
        venue.account({ kind: 'funding', ...time, instrument: at + 1, ...nothing, cashAtoms, currency: 'USDC' })
      }
    }
  }
  /** Base units held: spot in lots of 0.01, perpetual in lots of 0.1. */
  const held = (at = 0) => [engine.ledger.lots(at) * 0.01, engine.ledger.lots(at + 1) * 0.1]
  return { venue, engine, hours, held }
}

describe('weighing a pair', () => {
  test('1 bp every 8 hours is 42 bps in a fortnight; 30 of them are fees and 5 the basis', () => {
    const outlook = carryOutlook(0.0001 / 8, 336, 10, 5, 0.00025, 2)
    expect(outlook.fundingBps).toBeCloseTo(42, 10)
    expect(outlook).toMatchObject({ feesBps: 30, basisRiskBps: 5 })
    expect(outlook.netBps).toBeCloseTo(7, 10)
  })

  test('a short of 90,000 on 10,000 of collateral is back at twice when 23,333 of both legs are sold', () => {
    const cut = deleveragingCut(90_000, 10_000, 2, true)
    expect(cut).toBeCloseTo(23_333.33, 1)
    expect((90_000 - cut) / (10_000 + cut)).toBeCloseTo(2, 10)
    // Where the spot sold does not become collateral, the cut must do it alone.
    expect(deleveragingCut(90_000, 10_000, 2, false)).toBe(70_000)
    expect(deleveragingCut(90_000, 60_000, 2, true)).toBe(0)
    expect(deleveragingCut(90_000, -100_000, 2, false)).toBe(90_000)
  })
})

describe('a year of funding by hand: equity 100,000, price 3,000', () => {
  test('at 1 bp the pair is entered after the third funding with 20 coins a side, and earns 6 dollars each time', () => {
    const { engine, hours, held } = rig()
    hours(23, 30_000, 0.0001)
    expect(held()).toEqual([0, 0])
    // 90 % of equity ÷ (1 + 1/2) = 60,000 = 20 coins.
    hours(10, 30_000, 0.0001)
    expect(held()[0]).toBeCloseTo(20, 9)
    expect(held()[1]).toBeCloseTo(-20, 9)
    const before = engine.ledger.holding(PERP).fundingAtoms
    hours(80, 30_000, 0.0001)
    expect(engine.ledger.holding(PERP).fundingAtoms - before).toBe(10 * 6_000_000)
    // Entry cost 10 bps and 5 bps of 60,000: 90 dollars, and nothing since.
    expect(engine.ledger.holding(SPOT).feesAtoms + engine.ledger.holding(PERP).feesAtoms).toBe(90_000_000)
  })

  test('half of it does not pay for the fees, and nothing is done', () => {
    const { venue, hours } = rig()
    hours(240, 30_000, 0.00005)
    expect(venue.sent).toEqual([])
  })

  test('a basis that wanders by 30 bps costs more than funding brings', () => {
    const { venue, hours } = rig()
    for (let hour = 0; hour < 240; hour++) hours(1, 30_000, 0.0001, hour % 2 === 0 ? 90 : -90)
    expect(venue.sent).toEqual([])
  })

  test('a few negative payments are sat through; when the smoothed rate turns the pair is left', () => {
    const { hours, held } = rig()
    hours(240, 30_000, 0.0001)
    hours(24, 30_000, -0.0001)
    expect(held()[0]).toBeCloseTo(20, 9)
    // Half-life of 72 hours: after 72 of −1 the smoothed rate is about 0.
    hours(72, 30_000, -0.0001)
    expect(held()[0]).toBeCloseTo(0, 9)
    expect(held()[1]).toBeCloseTo(0, 9)
  })

  test('two pairs share the capital', () => {
    const { hours, held } = rig({}, [...pair('ETH'), ...pair('BTC')])
    hours(40, 30_000, 0.0001)
    expect(held(0)[0]).toBeCloseTo(10, 9)
    // The first pair's fees were paid by then: the second is a lot of 0.1 smaller.
    expect(held(2)[1]).toBeCloseTo(-9.9, 9)
  })
})

describe('margin and size', () => {
  test('a price up 35 % overnight: both legs are cut together, leverage is twice, and the pair stays even', () => {
    const { engine, hours, held } = rig()
    hours(60, 30_000, 0.0001)
    hours(2, 40_500, 0.0001)
    const [spot, perp] = held()
    expect(spot).toBeCloseTo(-perp, 9)
    // Collateral of 39,928 fell by 20 × 1,050 to about 18,900, worth rose to 81,000: 4.3 times. The cut is
    // (81,000 − 2 × 18,900) ÷ 3 = 14,400, 3.6 coins.
    expect(spot).toBeGreaterThan(16.2)
    expect(spot).toBeLessThan(16.6)
    const collateral = engine.ledger.cashAtoms('USDC') / 1e6 + engine.ledger.unrealisedAtoms(PERP) / 1e6
    expect(-engine.ledger.exposure(PERP) / collateral).toBeGreaterThan(1.9)
    expect(-engine.ledger.exposure(PERP) / collateral).toBeLessThan(2.1)
  })

  test('a price that drifts by less than the band is left alone', () => {
    const { venue, hours } = rig()
    hours(60, 30_000, 0.0001)
    const sent = venue.sent.length
    for (let hour = 0; hour < 100; hour++) hours(1, 30_000 + 40 * hour, 0.0001)
    expect(venue.sent.length).toBe(sent)
  })

  test('a liquidated leg is put back, whichever it was', () => {
    const { venue, hours, held } = rig()
    hours(60, 30_000, 0.0001)
    const time = { timeUs: venue.nowUs, venueTimeUs: venue.nowUs }
    const lost = { side: 1, tick: 30_000, lots: 50, cashAtoms: 0, currency: 'USDC' } as const
    venue.account({ kind: 'deleveraging', ...time, instrument: PERP, ...lost })
    expect(held()[1]).toBeCloseTo(-15, 9)
    hours(2, 30_000, 0.0001)
    expect(held()[0]).toBeCloseTo(-held()[1], 9)
  })
})

describe('execution', () => {
  /** Teaches three fundings over books of a given spread, then lets time pass in seconds. */
  function withBooks(settings: Record<string, SettingValue> = {}) {
    const all = rig({ decisionSeconds: 1, sliceNotional: 6000, ...settings })
    const show = (seconds: number) => {
      for (let i = 0; i < seconds; i++) {
        all.venue.waitUntil(all.venue.nowUs + SECOND_US)
        all.venue.book(SPOT, 29_998, 30_002)
        all.venue.book(PERP, 29_998, 30_002)
      }
    }
    show(2)
    for (let i = 0; i < 3; i++) {
      all.venue.waitUntil(all.venue.nowUs + 1)
      all.venue.message(PERP, [[Kind.FUNDING, 0, 0, 8 * HOUR_US, 0.0001, 0]])
    }
    return { ...all, show }
  }

  test('each slice is a pair of limit orders at the touch, and goes to market after the timeout', () => {
    const { venue, show, held } = withBooks()
    show(2)
    const first = venue.sent
      .slice(0, 2)
      .map(({ order }) => [order.instrument, order.type, order.side, order.tick, order.lots])
    // 6,000 dollars: 2 coins, bought at the bid and sold at the ask.
    expect(first).toEqual([
      [SPOT, 'limit', 1, 29_998, 200],
      [PERP, 'limit', -1, 30_002, 20],
    ])
    expect(held()).toEqual([0, 0])
    show(30)
    expect(venue.sent.slice(2, 4).map(({ kind }) => kind)).toEqual(['cancel', 'cancel'])
    expect(venue.sent.slice(4, 6).map(({ order }) => order.type)).toEqual(['market', 'market'])
    expect(held()).toEqual([2, -2])
    show(9 * 32)
    expect(held()[0]).toBeCloseTo(20, 9)
    expect(held()[1]).toBeCloseTo(-20, 9)
  })

  test('when one leg fills and the other does not, the other follows before anything else is bought', () => {
    const { venue, show, held } = withBooks()
    show(2)
    venue.trade(SPOT, -1, 29_998)
    expect(held()).toEqual([2, 0])
    show(29)
    expect(held()[0]).toBe(2)
    show(3)
    expect(held()[1]).toBe(-2)
    expect(venue.sent.filter(({ order, kind }) => kind === 'order' && order.instrument === SPOT).length).toBe(2)
  })

  test('never is more than a slice unhedged, however fills come', () => {
    for (const lotsMax of [7, 33, 170]) {
      const { venue, show, held } = withBooks({ limitSeconds: 2 })
      venue.lotsMax = lotsMax
      for (let i = 0; i < 200; i++) {
        show(1)
        const [spot, perp] = held()
        expect(Math.abs(spot + perp)).toBeLessThanOrEqual(2 + 1e-9)
      }
      expect(held()[0]).toBeGreaterThan(1)
    }
  })

  test('a leg refused three times is given up: the other is closed and the pair rests for an hour', () => {
    const { venue, show, held } = withBooks()
    venue.refuse = (order) => (order.instrument === PERP ? 'margin' : '')
    show(2)
    venue.trade(SPOT, -1, 29_998)
    show(60)
    expect(held()).toEqual([0, 0])
    const sent = venue.sent.length
    show(300)
    expect(venue.sent.length).toBe(sent)
  })

  test('a market order that finds nothing is repeated once a second, not without end', () => {
    const { venue, show } = withBooks({ limitSeconds: 2 })
    show(2)
    venue.lotsMax = 0
    const from = venue.sent.length
    show(20)
    const markets = venue.sent.slice(from).filter(({ kind, order }) => kind === 'order' && order.type === 'market')
    expect(markets.length).toBeGreaterThan(10)
    expect(markets.length).toBeLessThanOrEqual(40)
  })

  test('a market order that the venue fills only later, as on bars, is waited for and not cancelled', () => {
    const { venue, show, held } = withBooks({ limitSeconds: 2 })
    venue.slow = true
    show(8)
    expect(venue.sent.filter(({ kind, order }) => kind === 'cancel' && order.type === 'market')).toEqual([])
    expect(venue.sent.filter(({ order }) => order.type === 'market').length).toBe(2)
    expect(held()).toEqual([0, 0])
  })

  test('nothing is traded on a lost or silent book', () => {
    const { venue, show, held } = withBooks({ staleSeconds: 10 })
    show(1)
    venue.message(PERP, [[Kind.GAP, 0, 0, 0, 1, 0]])
    const sent = venue.sent.length
    for (let i = 0; i < 100; i++) {
      venue.waitUntil(venue.nowUs + SECOND_US)
      venue.book(SPOT, 29_998, 30_002)
    }
    expect(venue.sent.length).toBe(sent)
    expect(held()).toEqual([0, 0])
  })
})

test('after a restart a held pair is kept and what was under way is cancelled', () => {
  const { venue, engine, hours, held } = rig()
  const event = { kind: 'settlement', timeUs: 0, venueTimeUs: 0, cashAtoms: 0, currency: 'USDC', tick: 30_000 } as const
  venue.account({ ...event, instrument: SPOT, side: 1, lots: 1000 })
  venue.account({ ...event, instrument: PERP, side: -1, lots: 100 })
  const order = { id: 3, instrument: SPOT, side: 1, lots: 5, type: 'limit', tick: 29_000, timeInForce: 'GTC' } as const
  const old = { ...order, policy: 0, sentUs: 0, decisionTick: 30_000 }
  engine.adopt(old, 5)
  venue.resting.set(3, { order: old, tick: 29_000, lots: 5, leavesLots: 5 })
  hours(3, 30_000, 0.0001)
  expect(venue.sent[0].kind).toBe('cancel')
  // 10 coins are half of what the capital allows: the pair is then brought to its size, evenly.
  hours(20, 30_000, 0.0001)
  expect(held()[0]).toBeCloseTo(20, 1)
  expect(held()[0]).toBeCloseTo(-held()[1], 9)
})

describe('pairs', () => {
  test('an inverse perpetual is refused by name', () => {
    const universe = new Universe([...pair(), idealInstrument('inverse')])
    const pairs = 'ETH-USDC-SPOT@ideal-spot/ETH-USD-PERP@ideal-coin'
    expect(() => Carry.fromSettings({ pairs }, universe)).toThrow(expect.objectContaining({ code: 'config-invalid' }))
  })

  test.each([
    [{ pairs: 'ETH-USDC-PERP@ideal' }],
    [{ leverageTarget: 4, leverageMax: 3 }],
    [{ capitalShare: 1.5 }],
    [{ slices: 3 }],
  ])('%j is refused', (settings) => {
    expect(() => Carry.fromSettings(settings as Record<string, SettingValue>, new Universe(pair()))).toThrow(
      expect.objectContaining({ code: 'config-invalid' }),
    )
  })

  test('without spot there is no pair', () => {
    expect(() => Carry.fromSettings({}, new Universe([idealInstrument('perp')]))).toThrow(
      expect.objectContaining({ code: 'config-invalid' }),
    )
  })
})
