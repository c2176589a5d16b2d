/**
 * Goal: whatever goes wrong around a hedge, the hedger orders nothing that makes no sense, and nothing beyond what the gate allows.
 * Method: the delta hedger in the ideal market behind the real gate, through random sequences of trouble: options that fall silent,
 * expire, are assigned, settled or liquidated; books that empty, cross, break or fall out; venues that are down or refuse; funding
 * and gas beyond all measure; volatilities, forwards, indexes, marks and forecasts that are no numbers. Each order is judged as it
 * leaves, and the hedger must still hedge once the trouble is over.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SaidForecaster } from '../../tests/models/saidForecaster.ts'
import { DAY_US, HOUR_US, MINUTE_US, SECOND_US } from '../core/clock.ts'
import { Engine } from '../engine/engine.ts'
import { NoJournal } from '../journal/journal.ts'
import { Instrument, Universe } from '../market/instrument.ts'
import type { AccountEvent, Intent, Order } from '../market/order.ts'
import { Flag, Kind } from '../market/tape.ts'
import { DEFAULT_RISK } from '../risk/riskConfig.ts'
import { RiskGate } from '../risk/riskGate.ts'
import { DeltaHedger } from './deltaHedger.ts'
import { IdealVenue, idealInstrument } from './idealVenue.ts'

const START_US = Date.UTC(2026, 0, 5) * 1000
const EXPIRY_US = Date.UTC(2026, 0, 9, 8) * 1000
const option = (right: 'call' | 'put', settle: string, strike: string): Instrument =>
  new Instrument({
    base: 'ETH', quote: settle === 'ETH' ? 'USD' : settle, kind: 'option', venue: 'options', venueSymbol: `${right} ${settle}`,
    payoff: settle === 'ETH' ? 'inverse' : 'linear', settle, tickSize: settle === 'ETH' ? '0.0001' : '0.1', lotSize: '1',
    multiplier: '1', expiry: '2026-01-09', strike, right, fees: { makerBps: 3, takerBps: 3, source: 'test' }, source: 'test',
  }) // biome-ignore format: one contract
const perp = (venue: string, takerBps: number) =>
  idealInstrument('perp', 'ETH', {
    venue,
    fees: { makerBps: 0, takerBps, source: 'test' },
    fundingIntervalUs: 8 * HOUR_US,
  })
const INSTRUMENTS = [
  perp('north', 5), perp('south', 4), idealInstrument('spot', 'ETH', { fees: { makerBps: 0, takerBps: 10, source: 'test' } }),
  option('call', 'ETH', '3000'), option('put', 'ETH', '2900'), option('call', 'USDC', '3100'),
] // biome-ignore format: hedges, then options
const HEDGES = [0, 1, 2]
const OPTIONS = [3, 4, 5]
const FORECAST_HOURS = 1

const WILD = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, 0, 1e-300, 1e300]
const wild = fc.constantFrom(...WILD)
/** No importer lets an infinite mark through; one that got in would halt the account, for the ledger refuses to count with it. */
const wildMark = fc.constantFrom(...WILD.filter((each) => Math.abs(each) < 1e9 || Number.isNaN(each)))

type Trouble =
  | { what: 'wait'; us: number }
  | { what: 'quote'; hedge: number; tick: number; lots: number; crossed: boolean }
  | { what: 'empty' | 'gap' | 'up' | 'down'; hedge: number }
  | { what: 'mark' | 'funding'; hedge: number; value: number }
  | { what: 'chain'; option: number; volatility: number; forward: number; index: number; mark: number }
  | { what: 'assign'; option: number; lots: number; kind: 'settlement' | 'liquidation' | 'deleveraging' }
  | { what: 'refuse'; venue: string }
  | { what: 'forecast'; value: number }

const hedge = fc.constantFrom(...HEDGES)
const sound = (least: number, most: number) => fc.double({ min: least, max: most, noNaN: true })
const trouble: fc.Arbitrary<Trouble> = fc.oneof(
  fc.record({ what: fc.constant('wait' as const), us: fc.oneof(fc.integer({ min: 1, max: 300e6 }), fc.integer({ min: 1, max: 2 * DAY_US })) }),
  fc.record({ what: fc.constant('quote' as const), hedge, tick: fc.integer({ min: 1, max: 90_000 }), lots: fc.integer({ min: 1, max: 5000 }), crossed: fc.boolean() }),
  fc.record({ what: fc.constantFrom('empty' as const, 'gap' as const, 'up' as const, 'down' as const), hedge }),
  fc.record({ what: fc.constant('funding' as const), hedge, value: fc.oneof(wild, sound(-0.05, 0.05)) }),
  fc.record({ what: fc.constant('mark' as const), hedge, value: fc.oneof(wildMark, sound(1000, 9000)) }),
  fc.record({
    what: fc.constant('chain' as const), option: fc.constantFrom(...OPTIONS), volatility: fc.oneof(wild, sound(0.2, 2)),
    forward: fc.oneof(wild, sound(2000, 4000)), index: fc.oneof(wild, sound(2000, 4000)), mark: fc.oneof(wildMark, sound(0, 0.5)),
  }),
  fc.record({
    what: fc.constant('assign' as const), option: fc.constantFrom(...OPTIONS), lots: fc.integer({ min: -400, max: 400 }),
    kind: fc.constantFrom('settlement' as const, 'liquidation' as const, 'deleveraging' as const),
  }),
  fc.record({ what: fc.constant('refuse' as const), venue: fc.constantFrom('', 'north', 'south', 'ideal-spot') }),
  fc.record({ what: fc.constant('forecast' as const), value: fc.oneof(wild, sound(1e-9, 1e-7)) }),
) // biome-ignore format: one trouble a row

const settings = fc.record({
  rule: fc.constantFrom('interval', 'band', 'whalley-wilmott', 'forecast'),
  hedges: fc.constantFrom('', 'ETH-USDC-SPOT@ideal-spot', 'ETH-USDC-PERP@north,ETH-USDC-SPOT@ideal-spot'),
  allocation: fc.constantFrom('cheapest', 'minimum-variance'),
  collateral: fc.constantFrom('hedge', 'keep'),
  volatilityFrom: fc.constantFrom('past', 'model'),
  gas: fc.constantFrom('', 'north=1e9', 'south=1e300,north=0.5', 'north=1e-300'),
  targetDelta: fc.constantFrom(0, 1, -500),
  riskAversion: fc.constantFrom(0.001, 30, 1e6),
  sliceNotional: fc.constantFrom(0, 50_000, 1e12),
})

/** The ideal venue does not hold an order to reduce only, so nothing is flattened here. */
const BREAKERS = DEFAULT_RISK.breakers.filter(({ act }) => act !== 'flatten')

function rig(given: Record<string, string | number>, breakers: boolean) {
  const universe = new Universe(INSTRUMENTS)
  const venue = new IdealVenue()
  venue.nowUs = START_US
  const forecaster = new SaidForecaster('variance', INSTRUMENTS[2]!.id, FORECAST_HOURS * HOUR_US, 10 * MINUTE_US, 1e-8)
  let gate: RiskGate | undefined
  const orders: Order[] = []
  const engine: Engine = new Engine({
    universe,
    policies: [DeltaHedger.fromSettings({ warmupHours: 0.1, sampleMinutes: 1, forecastHours: FORECAST_HOURS, hedgeMinutes: 1, ...given }, universe)],
    gate: (parts) => {
      // Without breakers nothing stops a hedger that has gone wild.
      gate = new RiskGate({ ...DEFAULT_RISK, breakers: breakers ? BREAKERS : [] }, parts)
      return gate
    },
    journal: new NoJournal(),
    venue,
    cash: { USDC: 500_000, ETH: 20 },
    seed: 1,
    forecasters: [forecaster],
    observer: {
      onOrder(order) {
        orders.push(order)
        judge(order)
      },
      onRefusal(intent, policy) {
        if (policy >= 0) requireSense(intent)
      },
    },
  }) // biome-ignore format: the engine
  venue.drive(engine)

  /** What the hedger wants, let through or not: the gate is no excuse. */
  function requireSense({ instrument, lots, tick }: Intent): void {
    const market = engine.markets[instrument]!
    expect(HEDGES).toContain(instrument)
    expect(Number.isSafeInteger(lots) && lots > 0).toBe(true)
    expect(Number.isSafeInteger(tick)).toBe(true)
    expect(market.down || market.book.status !== 'live').toBe(false)
  }

  /** Each order of the hedger, as it leaves. */
  function judge(order: Order): void {
    if (order.policy < 0) return
    requireSense(order)
    const market = engine.markets[order.instrument]!
    const { instrument } = market
    const price = market.referenceTick * instrument.ticks.size
    expect(price).toBeGreaterThan(0)
    const dollars = order.lots * instrument.lots.size * price
    const { orderNotionalMax, positionNotionalMax } = DEFAULT_RISK.limits.instrument
    // A limit a few basis points beyond the touch, and a mark beside the mid, are what lies between.
    expect(dollars).toBeLessThanOrEqual(1.01 * orderNotionalMax)
    const held = Math.abs(engine.ledger.lots(order.instrument) + order.side * order.lots)
    const worth = held * instrument.lots.size * market.markPrice
    if (held > Math.abs(engine.ledger.lots(order.instrument)))
      expect(worth).toBeLessThanOrEqual(1.01 * positionNotionalMax)
    if (instrument.kind === 'spot' && order.side < 0) expect(order.lots).toBeLessThanOrEqual(engine.ledger.lots(2))
  }

  const account = (event: Partial<AccountEvent>) =>
    venue.account({
      kind: 'settlement', timeUs: venue.nowUs, venueTimeUs: venue.nowUs, instrument: -1, side: 0, tick: 0, lots: 0, cashAtoms: 0,
      currency: 'USDC', ...event,
    }) // biome-ignore format: one event
  const books = (tick = 30_000) => {
    for (const index of HEDGES) venue.book(index, tick - 1, tick + 1)
  }
  /** Hedges quoted every twenty seconds, as a live market is. */
  const quoted = (count: number, tick = 30_000) => {
    for (let quote = 0; quote < count; quote++) {
      venue.waitUntil(venue.nowUs + 20 * SECOND_US)
      books(tick + (quote % 7))
    }
  }
  const apply = (each: Trouble) => {
    switch (each.what) {
      case 'wait':
        venue.waitUntil(venue.nowUs + each.us)
        break
      case 'quote':
        venue.book(each.hedge, each.tick, each.tick + (each.crossed ? -2 : 2), each.lots)
        break
      case 'empty':
        venue.message(each.hedge, [[Kind.DEPTH, 1, 0, 0, 0, Flag.RESET | Flag.SNAPSHOT]])
        break
      case 'gap':
        venue.message(each.hedge, [[Kind.GAP, 0, 0, 0, 0, 0]])
        break
      case 'up':
      case 'down':
        venue.message(each.hedge, [[Kind.OUTAGE, 0, 0, 0, each.what === 'down' ? 1 : 0, 0]])
        break
      case 'mark':
        venue.message(each.hedge, [[Kind.MARK, 0, 0, 0, each.value, 0]])
        break
      case 'funding':
        venue.message(each.hedge, [[Kind.FUNDING, 0, 0, 8 * HOUR_US, each.value, 0]])
        break
      case 'chain':
        venue.message(each.option, [
          [Kind.MARK, 0, 0, 0, each.mark, 0],
          [Kind.IMPLIED_VOLATILITY, 0, 0, 0, each.volatility, 0],
          [Kind.FORWARD, 0, 0, 0, each.forward, 0],
          [Kind.INDEX, 0, 0, 0, each.index, 0],
        ])
        break
      case 'assign':
        if (each.lots !== 0)
          account({
            kind: each.kind,
            instrument: each.option,
            side: each.lots > 0 ? 1 : -1,
            lots: Math.abs(each.lots),
            tick: 300,
          })
        break
      case 'refuse':
        venue.refuse = (order) => (INSTRUMENTS[order.instrument]!.venue === each.venue ? 'venue-down' : '')
        break
      case 'forecast':
        forecaster.value = each.value
        break
    }
  }
  return { venue, engine, gate: () => gate!, books, quoted, apply, account, orders }
}

test('whatever goes wrong, no order makes no sense, none is beyond the gate, and nothing is thrown', () => {
  let sent = 0
  fc.assert(
    fc.property(settings, fc.boolean(), fc.array(trouble, { minLength: 5, maxLength: 40 }), (given, breakers, troubles) => {
      const { venue, gate, quoted, apply, orders } = rig(given, breakers)
      // Well before: options heard and held, hedges quoted for a while, so that trouble finds something to spoil.
      quoted(30)
      for (const index of OPTIONS) {
        apply({ what: 'chain', option: index, volatility: 0.6, forward: 3005, index: 3000, mark: index === 5 ? 60 : 0.03 })
        apply({ what: 'assign', option: index, lots: -100, kind: 'settlement' })
      }
      for (const each of troubles) {
        apply(each)
        if (each.what !== 'wait') venue.waitUntil(venue.nowUs + 20 * SECOND_US)
      }
      expect(gate().failure).toBeUndefined()
      sent += orders.length
    }),
    { numRuns: 60 },
  )
  expect(sent).toBeGreaterThan(100)
}) // biome-ignore format: the property in view

test('a leg that vanishes leaves its delta hedged as last known until it is settled, and then the rest is unwound', () => {
  const { engine, books, quoted, apply, account } = rig({ rule: 'band', bandShare: 0.01, hedges: 'ETH-USDC-PERP@south', collateral: 'keep', volatilityFrom: 'past' }, true)
  books()
  quoted(3)
  apply({ what: 'chain', option: 5, volatility: 0.6, forward: 3000, index: 3000, mark: 40 })
  apply({ what: 'assign', option: 5, lots: -100, kind: 'settlement' })
  quoted(20)
  const hedged = engine.ledger.lots(1) / 100
  expect(hedged).toBeGreaterThan(20)
  expect(hedged).toBeLessThan(50)
  // Hours of silence from the options' venue while the coin falls by a twentieth: the hedge follows the price all the same.
  quoted(180)
  quoted(180, 28_500)
  expect(engine.ledger.lots(1) / 100).toBeLessThan(0.6 * hedged)
  expect(engine.ledger.lots(1)).toBeGreaterThan(0)
  account({ kind: 'settlement', instrument: 5, side: 1, lots: 100, tick: 10 })
  quoted(10, 28_500)
  expect(Math.abs(engine.ledger.lots(1) / 100)).toBeLessThanOrEqual(1)
}) // biome-ignore format: as above

test('at expiry what is not settled yet has no delta any more, and nothing is ordered on what cannot be known', () => {
  const { venue, engine, books, quoted, apply, orders } = rig({ rule: 'band', bandShare: 0.01, hedges: 'ETH-USDC-PERP@south', collateral: 'keep', volatilityFrom: 'past' }, false)
  books()
  apply({ what: 'chain', option: 3, volatility: 0.6, forward: 3000, index: 3000, mark: 0.03 })
  apply({ what: 'assign', option: 3, lots: -100, kind: 'settlement' })
  quoted(40)
  expect(engine.ledger.lots(1)).toBeGreaterThan(1000)
  orders.length = 0
  // No price for days, past expiry: nothing can be known, and nothing is sent.
  venue.waitUntil(EXPIRY_US + HOUR_US)
  expect(orders).toEqual([])
  quoted(30)
  // Coins received for the premium are all that moves with the coin.
  expect(Math.abs(engine.ledger.lots(1))).toBeLessThan(400)
}) // biome-ignore format: as above
