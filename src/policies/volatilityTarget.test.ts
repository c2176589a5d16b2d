/**
 * Goal: the account moves by the volatility asked for, in the direction asked for, with few trades.
 *
 * Method: the real engine in the ideal market (idealVenue.ts) on paths of known volatility; worked figures for sizes.
 */

import { describe, expect, test } from 'vitest'
import { HOUR_US, MINUTE_US } from '../core/clock.ts'
import { Random } from '../core/random.ts'
import type { SettingValue } from '../core/settings.ts'
import { Engine } from '../engine/engine.ts'
import { NoJournal } from '../journal/journal.ts'
import { type Instrument, Universe } from '../market/instrument.ts'
import { OpenGate } from '../risk/gate.ts'
import { IdealVenue, idealInstrument } from './idealVenue.ts'
import { type VolatilityForecaster, VolatilityTarget } from './volatilityTarget.ts'

/** A forecaster that always says the same. */
const always = (yearly: number): VolatilityForecaster => ({ update: () => {}, yearly: () => yearly })

function rig(
  settings: Record<string, SettingValue>,
  forecaster?: VolatilityForecaster,
  instruments: Instrument[] = [idealInstrument('perp')],
) {
  const universe = new Universe(instruments)
  const venue = new IdealVenue()
  const engine = new Engine({
    universe,
    policies: [VolatilityTarget.fromSettings(settings, universe, forecaster)],
    gate: () => new OpenGate(),
    journal: new NoJournal(),
    venue,
    cash: { USDC: 100_000, ETH: 0 },
    seed: 1,
  })
  venue.drive(engine)
  return { venue, engine }
}

describe('sizes, worked by hand: equity 100,000, price 3,000, lots of 0.01 worth 30', () => {
  test.each([
    // 100,000 × 0.2 / 0.4 = 50,000 = 1,666.67 lots.
    { targetYearly: 0.2, yearly: 0.4, lots: 1666 },
    { targetYearly: 0.2, yearly: 0.8, lots: 833 },
    // 0.2 / 0.05 = 4, more than the leverage allowed: 200,000 = 6,666.67 lots.
    { targetYearly: 0.2, yearly: 0.05, lots: 6666 },
  ])('target $targetYearly, forecast $yearly: $lots lots', ({ targetYearly, yearly, lots }) => {
    const { venue, engine } = rig({ targetYearly }, always(yearly))
    venue.book(0, 29_999, 30_001)
    expect(engine.ledger.lots(0)).toBe(lots)
  })

  test('an inverse contract of 10 dollars: 5,000 of them', () => {
    const { venue, engine } = rig({ targetYearly: 0.2 }, always(0.4), [idealInstrument('inverse')])
    venue.book(0, 29_999, 30_001)
    expect(engine.ledger.lots(0)).toBe(5000)
  })

  test('two instruments share the target', () => {
    const { venue, engine } = rig({}, always(0.4), [idealInstrument('perp'), idealInstrument('perp', 'BTC')])
    venue.book(0, 29_999, 30_001)
    venue.book(1, 29_999, 30_001)
    expect([engine.ledger.lots(0), engine.ledger.lots(1)]).toEqual([833, 833])
  })

  test('spot is bought with the money that is there', () => {
    const { venue, engine } = rig({}, always(0.05), [idealInstrument('spot')])
    venue.book(0, 29_999, 30_001)
    expect(engine.ledger.lots(0)).toBe(3333)
  })
})

describe('on a simulated path', () => {
  test.each([
    { kind: 'bars', yearly: 0.6 },
    { kind: 'bars', yearly: 1.2 },
    { kind: 'books', yearly: 0.6 },
  ])('$kind of yearly volatility $yearly: the account’s is 20 %, within a twelfth', ({ kind, yearly }) => {
    const { venue, engine } = rig({ targetYearly: 0.2, sampleMinutes: 60, decisionMinutes: 60, leverageMax: 5 })
    const random = new Random(4)
    const perHour = yearly / Math.sqrt(365 * 24)
    let logPrice = Math.log(3000)
    let equity = Number.NaN
    const returns: number[] = []
    for (let hour = 0; hour < 24 * 60; hour++) {
      logPrice += perHour * random.normal() - perHour ** 2 / 2
      const tick = Math.round(10 * Math.exp(logPrice))
      venue.waitUntil((hour + 1) * HOUR_US)
      if (kind === 'bars') venue.bar(0, tick, HOUR_US)
      else venue.book(0, tick - 1, tick + 1)
      if (hour > 48) returns.push(Math.log(engine.ledger.equity / equity))
      equity = engine.ledger.equity
    }
    const variance = returns.reduce((sum, each) => sum + each * each, 0) / returns.length
    expect(Math.abs(Math.sqrt(variance * 365 * 24) / 0.2 - 1)).toBeLessThan(1 / 12)
  })

  test('a wider band trades less', () => {
    const fills = [0.05, 0.3].map((rebalanceBand) => {
      const { venue, engine } = rig({ rebalanceBand, sampleMinutes: 60 })
      const random = new Random(8)
      let logPrice = Math.log(3000)
      for (let hour = 0; hour < 500; hour++) {
        logPrice += 0.006 * random.normal()
        venue.waitUntil((hour + 1) * HOUR_US)
        venue.bar(0, Math.round(10 * Math.exp(logPrice)), HOUR_US)
      }
      return engine.ledger.holding(0).fills
    })
    expect(fills[1]).toBeLessThan(fills[0] / 3)
    expect(fills[1]).toBeGreaterThan(0)
  })
})

describe('direction', () => {
  test('momentum follows the sign of the past day, and waits until there is one', () => {
    const { venue, engine } = rig({ direction: 'momentum', momentumHours: 24 }, always(0.4))
    const day = (from: number, perHour: number) => {
      for (let hour = 1; hour <= 24; hour++) {
        venue.waitUntil(venue.nowUs + HOUR_US)
        venue.bar(0, from + perHour * hour, HOUR_US)
      }
    }
    day(30_000, 10)
    expect(engine.ledger.lots(0)).toBe(0)
    day(30_240, 10)
    expect(engine.ledger.lots(0)).toBeGreaterThan(1500)
    day(30_480, -20)
    expect(engine.ledger.lots(0)).toBeLessThan(-1500)
  })

  test('what falls is sold, not shorted, where it is spot', () => {
    const { venue, engine } = rig({ direction: 'momentum', momentumHours: 2 }, always(0.4), [idealInstrument('spot')])
    const seen: number[] = []
    for (const tick of [30_000, 30_010, 30_020, 30_030, 30_000, 29_900, 29_800, 29_700]) {
      venue.waitUntil(venue.nowUs + HOUR_US)
      venue.bar(0, tick, HOUR_US)
      seen.push(engine.ledger.lots(0))
    }
    expect(Math.max(...seen)).toBeGreaterThan(1000)
    expect(seen.at(-1)).toBe(0)
  })
})

describe('care', () => {
  test('nothing is decided on a lost book, or before volatility is known', () => {
    const { venue, engine } = rig({ warmupHours: 2 })
    for (let minute = 0; minute < 100; minute++) {
      venue.waitUntil(venue.nowUs + MINUTE_US)
      venue.book(0, 29_999 + (minute % 2), 30_001 + (minute % 2))
    }
    expect(venue.sent).toEqual([])
    for (let minute = 0; minute < 60; minute++) {
      venue.waitUntil(venue.nowUs + MINUTE_US)
      venue.book(0, 29_999 + (minute % 2), 30_001 + (minute % 2))
    }
    expect(engine.ledger.lots(0)).toBeGreaterThan(0)
  })

  test('an order of before a restart is cancelled, and nothing is sent beside it', () => {
    const { venue, engine } = rig({}, always(0.4))
    const order = { id: 7, instrument: 0, side: 1, lots: 5, type: 'limit', tick: 29_000, timeInForce: 'GTC' } as const
    const old = { ...order, policy: 0, sentUs: 0, decisionTick: 30_000 }
    engine.adopt(old, 5)
    venue.resting.set(7, { order: old, tick: 29_000, lots: 5, leavesLots: 5 })
    venue.book(0, 29_999, 30_001)
    expect(venue.sent.map(({ kind }) => kind)).toEqual(['cancel'])
    venue.book(0, 29_999, 30_001)
    expect(engine.ledger.lots(0)).toBe(1666)
  })

  test.each([
    [{ targetYearly: 0 }],
    [{ direction: 'up' }],
    [{ halfLifeHours: 0.1, sampleMinutes: 60 }],
    [{ leverage: 2 }],
  ])('%j is refused', (settings) => {
    const universe = new Universe([idealInstrument('perp')])
    expect(() => VolatilityTarget.fromSettings(settings as Record<string, SettingValue>, universe)).toThrow(
      expect.objectContaining({ code: 'config-invalid' }),
    )
  })
})
