/**
 * Goal: a hedge is made when it pays, where it costs least, in pieces the market can bear, and never on what cannot be trusted.
 *
 * Method: the delta hedger in the ideal market (idealVenue.ts), with a target delta of one coin and nothing held, so that what it
 * trades is known: worked figures, and the formula of the band on the volatility it heard.
 */

import { describe, expect, test } from 'vitest'
import { DAY_US, HOUR_US, MINUTE_US, SECOND_US } from '../core/clock.ts'
import { Random } from '../core/random.ts'
import type { SettingValue } from '../core/settings.ts'
import { Engine } from '../engine/engine.ts'
import { NoJournal } from '../journal/journal.ts'
import { type Instrument, Universe } from '../market/instrument.ts'
import { Kind } from '../market/tape.ts'
import { holdingBand } from '../research/hedging/hedgeBands.ts'
import { OpenGate } from '../risk/gate.ts'
import { DeltaHedger } from './deltaHedger.ts'
import { IdealVenue, idealInstrument } from './idealVenue.ts'
import { EwmaVolatility } from './volatilityTarget.ts'

const fees = (takerBps: number) => ({ fees: { makerBps: 0, takerBps, source: 'test' } })
const perp = (venue: string, takerBps: number) =>
  idealInstrument('perp', 'ETH', { venue, ...fees(takerBps), fundingIntervalUs: 8 * HOUR_US })
const TWO = [perp('north', 5), perp('south', 4)]

function rig(settings: Record<string, SettingValue>, instruments: Instrument[] = TWO) {
  const universe = new Universe(instruments)
  const venue = new IdealVenue()
  const engine = new Engine({
    universe,
    policies: [
      DeltaHedger.fromSettings({ rule: 'interval', targetDelta: 1, staleSeconds: 3600, ...settings }, universe),
    ],
    gate: () => new OpenGate(),
    journal: new NoJournal(),
    venue,
    cash: { USDC: 100_000, ETH: 0 },
    seed: 1,
  })
  venue.drive(engine)
  const books = (tick = 30_000) => {
    for (const index of instruments.keys()) venue.book(index, tick - 1, tick + 1)
  }
  /** Both venues are heard again and again, and looked at at the end, at 3,000. */
  const next = () => {
    for (let part = 0; part < 3; part++) {
      venue.waitUntil(venue.nowUs + 40 * SECOND_US)
      books()
    }
  }
  /** Both have been heard of before the first hedge is let through. */
  const begin = () => {
    venue.refuse = () => 'venue-down'
    books()
    venue.refuse = () => ''
    venue.waitUntil(venue.nowUs + 10 * MINUTE_US)
    venue.sent.length = 0
  }
  const lots = () => [...instruments.keys()].map((index) => engine.ledger.lots(index))
  return { venue, engine, books, next, begin, lots }
}

test('an interval that finds nothing to trade on hedges as soon as there is, not an interval later', () => {
  const { venue, engine, lots } = rig({ hedges: 'ETH-USDC-PERP@north', staleSeconds: 60 }, [
    perp('north', 5),
    idealInstrument('spot'),
  ])
  const minute = (both: boolean) => {
    venue.waitUntil(venue.nowUs + MINUTE_US)
    venue.book(1, 29_999, 30_001)
    if (both) venue.book(0, 29_999, 30_001)
  }
  for (let passed = 0; passed < 5; passed++) minute(false)
  expect(lots()[0]).toBe(0)
  for (let passed = 0; passed < 3; passed++) minute(true)
  expect(engine.ledger.lots(0)).toBe(100)
})

describe('where', () => {
  test('on the venue with the lower fee, within five basis points of its touch', () => {
    const { venue, begin, next, lots } = rig({})
    begin()
    next()
    expect(lots()).toEqual([0, 100])
    expect(venue.sent[0]!.order).toMatchObject({ type: 'limit', timeInForce: 'IOC', tick: 30_016, side: 1, lots: 100 })
  })

  test.each([
    // Longs pay: a day of 2 bps every eight hours in the south outweighs a fee that is 1 bp less; a short is paid.
    [1, [100, 0]],
    [-1, [0, -100]],
  ])('funding counts, for target %d', (targetDelta, held) => {
    const { venue, begin, next, lots } = rig({ targetDelta })
    venue.message(1, [[Kind.FUNDING, 0, 0, 8 * HOUR_US, 0.0002, 0]])
    begin()
    next()
    expect(lots()).toEqual(held)
  })

  test('gas counts by the size of the trade', () => {
    // 1 bp of 3,000 dollars is 30 cents.
    for (const [gas, held] of [
      ['south=0.2', [0, 100]],
      ['south=0.4', [100, 0]],
    ] as const) {
      const { begin, next, lots } = rig({ gas })
      begin()
      next()
      expect(lots()).toEqual(held)
    }
  })

  test('a venue that refuses rests, and the next one serves', () => {
    const { venue, next, lots } = rig({})
    venue.refuse = ({ instrument }) => (instrument === 1 ? 'margin' : '')
    for (let look = 0; look < 3; look++) next()
    expect(lots()).toEqual([100, 0])
  })

  test('spot is sold only as far as it is held, and what is left goes elsewhere', () => {
    const { next, lots, engine } = rig({ hedges: 'ETH-USDC-SPOT@ideal-spot,ETH-USDC-PERP@north', targetDelta: -1 }, [
      perp('north', 5),
      idealInstrument('spot', 'ETH', fees(1)),
    ])
    next()
    next()
    expect(lots()).toEqual([-100, 0])
    expect(engine.ledger.holding(1).fills).toBe(0)
  })

  test('an inverse perpetual hedges by its dollars', () => {
    const { next, lots } = rig({}, [idealInstrument('inverse')])
    next()
    next()
    // One coin of 3,000 in contracts of ten dollars.
    expect(lots()).toEqual([300])
  })
})

describe('how', () => {
  test('in slices, until all is done', () => {
    const { venue, begin, next, lots } = rig({ sliceNotional: 900 })
    begin()
    for (let look = 0; look < 3; look++) next()
    expect(lots()).toEqual([0, 100])
    expect(venue.sent.map(({ order }) => order.lots)).toEqual([30, 30, 30, 10])
  })

  test('what was not filled is asked for again at the next look, not at once', () => {
    const { venue, begin, next, lots } = rig({ hedgeMinutes: 1000 })
    begin()
    venue.lotsMax = 40
    for (let look = 0; look < 4; look++) next()
    const times = venue.sent.filter(({ kind }) => kind === 'order').map(({ timeUs }) => timeUs)
    expect(times).toHaveLength(3)
    expect(Math.min(times[1]! - times[0]!, times[2]! - times[1]!)).toBeGreaterThanOrEqual(MINUTE_US)
    expect(lots()).toEqual([0, 100])
  })

  test('not on a stale price, a lost book or a venue that is down', () => {
    const { venue, lots } = rig({ staleSeconds: 60 })
    venue.message(0, [[Kind.OUTAGE, 0, 0, 0, 1, 0]])
    venue.message(1, [[Kind.OUTAGE, 0, 0, 0, 1, 0]])
    venue.book(0, 29_999, 30_001)
    venue.waitUntil(venue.nowUs + 5 * MINUTE_US)
    venue.message(1, [[Kind.FUNDING, 0, 0, 8 * HOUR_US, 0.0002, 0]])
    expect(venue.sent).toEqual([])
    expect(lots()).toEqual([0, 0])
  })

  test('orders of before a restart are cancelled before anything is sent', () => {
    const { venue, engine, next } = rig({})
    const order = { id: 7, instrument: 1, side: 1, lots: 5, type: 'limit', tick: 29_000, timeInForce: 'GTC' } as const
    const old = { ...order, policy: 0, sentUs: 0, decisionTick: 30_000 }
    engine.adopt(old, 5)
    venue.resting.set(7, { order: old, tick: 29_000, lots: 5, leavesLots: 5 })
    next()
    expect(venue.sent[0]).toMatchObject({ kind: 'cancel' })
    expect(venue.sent.filter(({ kind }) => kind === 'order').length).toBeLessThanOrEqual(1)
  })
})

describe('when', () => {
  test('at fixed times, and not between them', () => {
    const { venue, books } = rig({ hedgeMinutes: 60, targetDelta: 0 }, [...TWO, idealInstrument('spot')])
    const times: number[] = []
    for (let minute = 1; minute <= 240; minute++) {
      venue.waitUntil(minute * MINUTE_US)
      books()
      times.push(venue.sent.length)
    }
    expect(times.at(-1)).toBe(0)
  })

  test('a share of what is held, for a band', () => {
    // Nothing is held, so any deviation is beyond the band: all of it is traded.
    const { begin, next, lots } = rig({ rule: 'band', bandShare: 0.5 })
    begin()
    next()
    expect(lots()).toEqual([0, 100])
  })

  test('without gamma, as far as the risk of a day pays for the trade, at the volatility heard', () => {
    const settings = { rule: 'whalley-wilmott', orderCost: 0, warmupHours: 12, halfLifeHours: 24, targetDelta: 3 }
    const { venue, engine } = rig(settings, [perp('north', 5)])
    const ewma = new EwmaVolatility(15 * MINUTE_US, 24 * HOUR_US, 12 * HOUR_US)
    const random = new Random(3)
    let tick = 30_000
    let expected = Number.NaN
    for (let minute = 5; engine.ledger.lots(0) === 0 && minute < 2000; minute += 5) {
      tick = Math.round(tick * Math.exp(0.002 * random.normal()))
      venue.waitUntil(minute * MINUTE_US + SECOND_US)
      ewma.update(0, venue.nowUs, tick * 0.1)
      const volatility = ewma.yearly(0)
      venue.book(0, tick - 1, tick + 1)
      const price = tick * 0.1
      // Half a spread of one tick, and the fee.
      const costs = { proportional: 0.1 / price + 0.0005, fixed: 0 }
      if (volatility > 0) expected = 3 - holdingBand(costs, price, volatility, 1 / 365, 30 / 100_000).inner
    }
    expect(venue.nowUs).toBeGreaterThan(12 * HOUR_US)
    expect(venue.nowUs).toBeLessThan(DAY_US)
    expect(expected).toBeLessThan(2.95)
    expect(engine.ledger.lots(0)).toBe(Math.round(100 * expected))
  })

  test('a forecast that is missing is asked for by name', () => {
    const { engine } = rig({ rule: 'forecast', volatilityFrom: 'model' })
    expect(() => engine.start()).toThrow(expect.objectContaining({ code: 'config-invalid' }))
  })

  test.each([
    [{ rule: 'sometimes' }],
    [{ gas: 'south' }],
    [{ gas: 'south=-1' }],
    [{ hedges: 'ETH-USDC-PERP@west' }],
    [{ asset: 'BTC' }],
    [{ riskAversion: 0 }],
  ])('%j is refused', (settings) => {
    expect(() => rig(settings as Record<string, SettingValue>)).toThrow(
      expect.objectContaining({ name: 'GimbalError' }),
    )
  })
})
