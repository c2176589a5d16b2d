/**
 * Goal: every pre-trade limit lets through what lies exactly at it and refuses what lies one step beyond, by its name.
 * Method: one market of known depth and an account of a million dollars; each limit in turn is the only tight one.
 */

import { describe, expect, test } from 'vitest'
import { type Clock, HOUR_US } from '../core/clock.ts'
import { ASK, BID, type Side } from '../market/book.ts'
import { Instrument, type InstrumentSpec, Universe } from '../market/instrument.ts'
import { MarketState } from '../market/marketState.ts'
import type { Intent, Order } from '../market/order.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import type { OpenOrder } from '../policies/policy.ts'
import { Ledger } from '../portfolio/portfolio.ts'
import type { InstrumentLimits, LimitsConfig } from './riskConfig.ts'
import { RiskGate } from './riskGate.ts'

const NOW_US = 1_000_000
const SPEC: InstrumentSpec = {
  base: 'BTC',
  quote: 'USDT',
  kind: 'perp',
  venue: 'test',
  venueSymbol: 'BTC',
  payoff: 'linear',
  settle: 'USDT',
  tickSize: '1',
  lotSize: '0.01',
  multiplier: '1',
  source: 'test',
}
const OPTION: InstrumentSpec = {
  ...SPEC,
  kind: 'option',
  expiry: '2030-01-25',
  strike: '50000',
  right: 'call',
  lotSize: '0.1',
}
const NONE = Number.POSITIVE_INFINITY
const LOOSE: LimitsConfig = {
  instrument: {
    collarBps: NONE,
    takerCollarBps: NONE,
    optionCollarBps: NONE,
    optionQuoteAgeMaxUs: NONE,
    orderLotsMax: NONE,
    orderNotionalMax: NONE,
    openOrdersMax: NONE,
    positionLotsMax: NONE,
    positionNotionalMax: NONE,
    marketDepthShareMax: NONE,
  },
  byInstrument: {},
  openOrdersMax: NONE,
  messageRate: { perSecond: 1e6, burst: 1e6, reserve: 0 },
  messageRateByVenue: {},
  grossExposureMax: NONE,
  netExposureMax: NONE,
  leverageMax: NONE,
  marginUseMax: NONE,
  initialMarginRate: 0.1,
}

interface Desk {
  readonly gate: RiskGate
  readonly open: OpenOrder[]
  readonly markets: readonly MarketState[]
  /** Buys (or sells) at 10,000 as if it had happened. */
  hold(instrument: number, signedLots: number): void
  rest(instrument: number, side: Side, lots: number, extra?: Partial<OpenOrder>): OpenOrder
}

/** BTC and ETH, both quoted 9,999 at 10,001 with 100 lots a side on two levels; a lot is a hundred dollars. */
function desk(
  limits: Partial<LimitsConfig>,
  instrument: Partial<InstrumentLimits> = {},
  specs = [SPEC, { ...SPEC, base: 'ETH' }],
  clock?: Clock,
): Desk {
  const universe = new Universe(specs.map((spec) => new Instrument(spec)))
  const markets = universe.instruments.map((each) => new MarketState(each))
  const ledger = new Ledger(universe, markets, { USDT: 1_000_000 }, clock)
  const open: OpenOrder[] = []
  for (const market of markets) quote(market)
  const config = { ...LOOSE, ...limits, instrument: { ...LOOSE.instrument, ...limits.instrument, ...instrument } }
  const parts = { universe, markets, ledger, openOrders: () => open }
  const gate = new RiskGate({ limits: config, breakers: [], checkUs: 1, confirmUs: 1, redemandUs: 1 }, parts)
  let fills = 0
  let ids = 0
  return {
    gate,
    open,
    markets,
    hold(index, signedLots) {
      const side = signedLots > 0 ? BID : ASK
      const lots = Math.abs(signedLots)
      const event = {
        kind: 'filled',
        timeUs: 0,
        venueTimeUs: 0,
        orderId: 0,
        instrument: index,
        side,
        tick: 10_000,
        lots,
        leavesLots: 0,
      } as const
      ledger.applyFill(
        { ...event, feeAtoms: 0, liquidity: 'taker', reason: '', fillId: ++fills, queueAheadLots: -1 },
        10_000,
      )
    },
    rest(index, side, lots, extra = {}) {
      const order: OpenOrder = {
        id: ++ids,
        policy: 0,
        instrument: index,
        side,
        tick: 10_000,
        lots,
        leavesLots: lots,
        reduceOnly: false,
        state: 'open',
        sentUs: 0,
        ...extra,
      }
      open.push(order)
      return order
    },
  }
}

function quote(market: MarketState, lots = 50): void {
  const batch = new TapeBatch(8)
  for (const [at, side, tick] of [
    [0, BID, 9_999],
    [1, BID, 9_998],
    [2, ASK, 10_001],
    [3, ASK, 10_002],
  ] as const)
    batch.push(1, 1, Kind.DEPTH, 0, side, tick, lots, 0, at === 0 ? Flag.RESET : at === 3 ? Flag.END : 0)
  for (let row = 0; row < 4; row++) market.apply(batch, row, 1)
}

function forward(market: MarketState, price: number): void {
  const batch = new TapeBatch(1)
  batch.push(1, 1, Kind.FORWARD, 0, 0, 0, 0, price, Flag.END)
  market.apply(batch, 0, 1)
}

const limit = (side: Side, lots: number, tick = 10_000): Intent => ({
  instrument: 0,
  side,
  lots,
  type: 'limit',
  tick,
  postOnly: true,
})
const market = (side: Side, lots: number): Intent => ({ instrument: 0, side, lots, type: 'market', tick: 0 })
const judge = ({ gate }: Desk, intent: Intent) => gate.judge(intent, 0, NOW_US)

describe('price', () => {
  test.each([BID, ASK])('side %i: the collar holds on either side of the reference price', (side) => {
    const at = desk({}, { collarBps: 500 })
    for (const tick of [9_500, 10_500]) expect(judge(at, limit(side, 1, tick))).toBe('')
    for (const tick of [9_499, 10_501]) expect(judge(at, limit(side, 1, tick))).toBe('price-collar')
  })

  test('a price that would trade at once has a collar of its own', () => {
    const at = desk({}, { collarBps: 500, takerCollarBps: 50 })
    const taking = (tick: number): Intent => ({ instrument: 0, side: BID, lots: 1, type: 'limit', tick })
    expect(judge(at, taking(10_050))).toBe('')
    expect(judge(at, taking(10_051))).toBe('taker-collar')
    expect(judge(at, taking(9_600))).toBe('')
    expect(judge(at, { ...taking(9_949), side: ASK })).toBe('taker-collar')
    expect(judge(at, { ...taking(10_400), side: ASK })).toBe('')
  })

  test('a stop-limit is measured from its trigger, which may lie far away', () => {
    const at = desk({}, { collarBps: 500 })
    const stop = (tick: number): Intent => ({
      instrument: 0,
      side: ASK,
      lots: 1,
      type: 'stop-limit',
      triggerTick: 8_000,
      tick,
    })
    expect(judge(at, stop(7_600))).toBe('')
    expect(judge(at, stop(7_599))).toBe('price-collar')
  })

  test('an option may be bid across a touch wider than any share of its premium, in parts of what it is on', () => {
    // A premium of one coin in ticks of a ten-thousandth: 0.5 % of a coin is 50 ticks, 5 % of the premium 500.
    const collars = { collarBps: 500, takerCollarBps: 10, optionCollarBps: 50 }
    const coin = { ...OPTION, quote: 'USD', settle: 'BTC', tickSize: '0.0001' } as const
    const at = desk({}, collars, [coin])
    const taking = (tick: number): Intent => ({ instrument: 0, side: BID, lots: 1, type: 'limit', tick })
    expect([judge(at, taking(10_050)), judge(at, taking(10_051))]).toEqual(['', 'taker-collar'])
    // In dollars the forward says what half a per cent is; while it is unknown the share of the premium holds alone.
    const dollars = desk({}, { ...collars, collarBps: 5 }, [OPTION])
    expect(judge(dollars, limit(BID, 1, 9_900))).toBe('price-collar')
    forward(dollars.markets[0]!, 50_000)
    expect([judge(dollars, limit(BID, 1, 9_750)), judge(dollars, limit(BID, 1, 9_749))]).toEqual(['', 'price-collar'])
    expect(judge(desk({}, collars), taking(10_050))).toBe('taker-collar')
  })

  test('no order goes out on an option quoted too long ago, unless it closes', () => {
    const at = desk({}, { optionQuoteAgeMaxUs: NOW_US - 1 }, [OPTION])
    expect(judge(at, limit(BID, 1))).toBe('')
    expect(at.gate.judge(limit(BID, 1), 0, NOW_US + 1)).toBe('quote-age')
    at.hold(0, 1)
    expect(at.gate.judge({ ...limit(ASK, 1), postOnly: false, reduceOnly: true }, 0, NOW_US + 1)).toBe('')
    expect(desk({}, { optionQuoteAgeMaxUs: 0 }).gate.judge(limit(BID, 1), 0, NOW_US)).toBe('')
  })

  test('without a reference price nothing passes', () => {
    const at = desk({})
    at.markets[0]!.book.markGap()
    expect(judge(at, limit(BID, 1))).toBe('reference-unknown')
  })
})

describe('size', () => {
  test('in lots', () => {
    const at = desk({}, { orderLotsMax: 7 })
    expect([judge(at, limit(BID, 7)), judge(at, limit(BID, 8))]).toEqual(['', 'order-size'])
  })

  test('in dollars at the price of the order', () => {
    const at = desk({}, { orderNotionalMax: 700 })
    expect([judge(at, limit(BID, 7)), judge(at, limit(BID, 8))]).toEqual(['', 'order-notional'])
    expect([judge(at, limit(BID, 7, 10_001)), judge(at, market(BID, 7))]).toEqual(['order-notional', ''])
  })

  test('market orders against the size they would meet within the taker collar', () => {
    const at = desk({}, { marketDepthShareMax: 0.5, takerCollarBps: 2 })
    expect([judge(at, market(BID, 50)), judge(at, market(BID, 51))]).toEqual(['', 'market-depth'])
    const narrow = desk({}, { marketDepthShareMax: 0.5, takerCollarBps: 1 })
    expect([judge(narrow, market(ASK, 25)), judge(narrow, market(ASK, 26))]).toEqual(['', 'market-depth'])
    const stop: Intent = { ...market(ASK, 26), type: 'stop', triggerTick: 9_000 }
    expect(judge(narrow, stop)).toBe('market-depth')
  })

  test('an inverse contract is worth its dollars at any price', () => {
    const inverse = {
      ...SPEC,
      payoff: 'inverse',
      settle: 'BTC',
      multiplier: '100',
      lotSize: '1',
      quote: 'USD',
    } as const
    const at = desk({}, { orderNotionalMax: 700 }, [inverse])
    expect([judge(at, limit(BID, 7, 9_000)), judge(at, limit(BID, 8, 9_000))]).toEqual(['', 'order-notional'])
  })

  test('an option is as large as its underlying, however cheap', () => {
    const at = desk({}, { orderNotionalMax: 35_000 }, [OPTION])
    expect([judge(at, limit(ASK, 7)), judge(at, limit(ASK, 8))]).toEqual(['', 'order-notional'])
  })
})

describe('an option last heard of two hours ago', () => {
  test('is as large as its underlying is by now, in orders and positions', () => {
    const tell = (market: MarketState, kind: number, value: number, timeUs: number) => {
      const batch = new TapeBatch(1)
      batch.push(timeUs, timeUs, kind, 0, 0, 0, 0, value, Flag.END)
      market.apply(batch, 0, timeUs)
    }
    const far = { collarBps: NONE, takerCollarBps: NONE }
    const opened = (limits: Partial<InstrumentLimits>) => {
      const at = desk({}, { ...far, ...limits }, [OPTION, SPEC], { nowUs: 2 * HOUR_US })
      const [option, perp] = at.markets
      tell(option!, Kind.INDEX, 10_000, 2)
      tell(option!, Kind.FORWARD, 10_100, 2)
      tell(option!, Kind.MARK, 1_000, 2)
      tell(perp!, Kind.MARK, 12_000, 2 * HOUR_US)
      return at
    }
    // A tenth of a coin at 10,100 × 12,000 / 10,000.
    const lot = 1_212
    const single = opened({ orderNotionalMax: 3 * lot - 1 })
    expect([judge(single, limit(ASK, 2)), judge(single, limit(ASK, 3))]).toEqual(['', 'order-notional'])
    const held = opened({ positionNotionalMax: 3 * lot - 1 })
    held.hold(0, -1)
    expect([judge(held, limit(ASK, 1)), judge(held, limit(ASK, 2))]).toEqual(['', 'position-notional'])
  })
})

describe('number', () => {
  test('of open orders in an instrument, and in all', () => {
    const at = desk({ openOrdersMax: 4 }, { openOrdersMax: 2 })
    at.rest(0, BID, 1)
    expect(judge(at, limit(BID, 1))).toBe('')
    at.rest(0, ASK, 1, { state: 'cancelling' })
    expect(judge(at, limit(BID, 1))).toBe('open-orders-instrument')
    const wide = desk({ openOrdersMax: 2 })
    wide.rest(1, BID, 1)
    expect(judge(wide, limit(BID, 1))).toBe('')
    wide.rest(1, BID, 1)
    expect(judge(wide, limit(BID, 1))).toBe('open-orders')
  })

  test('of messages to a venue: a bucket that orders may not empty, refilled on the engine’s clock', () => {
    const at = desk({ messageRate: { perSecond: 10, burst: 5, reserve: 2 } })
    for (let i = 0; i < 3; i++) {
      expect(judge(at, limit(BID, 1))).toBe('')
      at.gate.onSent('order', 0, NOW_US)
    }
    expect(judge(at, limit(BID, 1))).toBe('message-rate')
    expect(at.gate.judge(limit(BID, 1), 0, NOW_US + 99_999)).toBe('message-rate')
    expect(at.gate.judge(limit(BID, 1), 0, NOW_US + 100_000)).toBe('')
    at.gate.onSent('cancel', 0, NOW_US + 100_000)
    expect(at.gate.judge(limit(BID, 1), 0, NOW_US + 100_000)).toBe('message-rate')
  })

  test('each venue has its own bucket', () => {
    const rate = { perSecond: 1, burst: 1, reserve: 0 }
    const at = desk({ messageRate: rate }, {}, [SPEC, { ...SPEC, venue: 'other' }])
    at.gate.onSent('order', 1, NOW_US)
    expect(judge(at, limit(BID, 1))).toBe('')
    expect(judge(at, { ...limit(BID, 1), instrument: 1 })).toBe('message-rate')
  })
})

describe('position: what is held and everything open on the same side', () => {
  test('in lots', () => {
    const at = desk({}, { positionLotsMax: 20 })
    at.hold(0, 8)
    at.rest(0, BID, 6)
    at.rest(0, BID, 9, { leavesLots: 4 })
    at.rest(0, ASK, 1_000)
    at.rest(1, BID, 1_000)
    expect([judge(at, limit(BID, 2)), judge(at, limit(BID, 3))]).toEqual(['', 'position-size'])
  })

  test('turning a long position short counts from the long side', () => {
    const at = desk({}, { positionLotsMax: 20 })
    at.hold(0, 8)
    expect([judge(at, limit(ASK, 28)), judge(at, limit(ASK, 29))]).toEqual(['', 'position-size'])
  })

  test('in dollars at the mark', () => {
    const at = desk({}, { positionNotionalMax: 1_000 })
    at.hold(0, -4)
    expect([judge(at, limit(ASK, 6)), judge(at, limit(ASK, 7))]).toEqual(['', 'position-notional'])
  })
})

describe('account, with everything open filled in the worst way', () => {
  test('gross exposure', () => {
    const at = desk({ grossExposureMax: 3_000 })
    at.hold(0, 5)
    at.rest(0, ASK, 12) // At worst 7 short, which is more than 5 long.
    at.rest(1, ASK, 10)
    expect([judge(at, limit(ASK, 13)), judge(at, limit(ASK, 14))]).toEqual(['', 'gross-exposure'])
    expect([judge(at, limit(BID, 15)), judge(at, limit(BID, 16))]).toEqual(['', 'gross-exposure'])
  })

  test('net exposure: a hedge gives room', () => {
    const at = desk({ netExposureMax: 1_000 })
    at.hold(1, -10)
    expect([judge(at, limit(BID, 20)), judge(at, limit(BID, 21))]).toEqual(['', 'net-exposure'])
    expect(judge(at, limit(ASK, 1))).toBe('net-exposure')
  })

  test('net exposure: a put bought leans with what is sold short, and offsets what is held', () => {
    const put = { ...OPTION, right: 'put' } as const
    const at = desk({ netExposureMax: 20_001 }, {}, [put, SPEC])
    at.hold(1, -100)
    // A lot of puts is 5,000 dollars of the underlying beside 10,000 sold: bought they add to it, sold they do not until past it.
    expect([judge(at, limit(BID, 2)), judge(at, limit(BID, 3))]).toEqual(['', 'net-exposure'])
    expect([judge(at, limit(ASK, 6)), judge(at, limit(ASK, 7))]).toEqual(['', 'net-exposure'])
    at.rest(0, BID, 2)
    expect(judge(at, limit(BID, 1))).toBe('net-exposure')
    expect(judge(at, limit(ASK, 6))).toBe('')
  })

  test('leverage', () => {
    const at = desk({ leverageMax: 2 })
    at.hold(1, 10_000)
    expect([judge(at, limit(ASK, 10_000)), judge(at, limit(ASK, 10_001))]).toEqual(['', 'leverage'])
  })

  test('initial margin by the tier of the whole notional, and by the assumed rate without tiers', () => {
    const tiers = [
      { notionalFloor: 5_000_000, leverageMax: 2, maintenanceRate: 0.1 },
      { notionalFloor: 0, leverageMax: 10, maintenanceRate: 0.01 },
    ]
    const tiered = { ...SPEC, margin: { since: '2026-01-01', source: 'test', tiers } }
    const at = desk({ marginUseMax: 0.6 }, {}, [tiered, { ...SPEC, base: 'ETH' }])
    // Up to 5 million at 10×; one lot more and all of it is at 2×.
    expect([judge(at, limit(BID, 50_000)), judge(at, limit(BID, 50_001))]).toEqual(['', 'margin'])
    at.hold(1, 10_000)
    expect(judge(at, limit(BID, 50_000))).toBe('')
    at.hold(1, 1)
    expect(judge(at, limit(BID, 50_000))).toBe('margin')
  })

  test('spot is paid in full', () => {
    const spot = { ...SPEC, kind: 'spot' } as const
    const at = desk({ marginUseMax: 1 }, {}, [spot])
    expect([judge(at, limit(BID, 10_000)), judge(at, limit(BID, 10_001))]).toEqual(['', 'margin'])
  })

  test('an exposure that cannot be computed lets nothing through', () => {
    const at = desk({})
    at.hold(1, 1)
    at.markets[1]!.mark = Number.NaN
    at.markets[1]!.markUs = 0
    expect(judge(at, limit(BID, 1))).toBe('equity-unknown')
  })
})

describe('reduce-only', () => {
  const reducing = (lots: number): Intent => ({ ...limit(ASK, lots), reduceOnly: true })
  const tight = { grossExposureMax: 0, netExposureMax: 0, leverageMax: 0, marginUseMax: 0 }

  test('passes exposure limits when it can only reduce', () => {
    const at = desk(tight, { positionLotsMax: 0 })
    at.hold(0, 10)
    expect([judge(at, reducing(10)), judge(at, reducing(11))]).toEqual(['', 'position-size'])
    expect(judge(at, { ...reducing(10), side: BID })).toBe('position-size')
    expect(judge(at, { ...reducing(10), reduceOnly: false })).toBe('gross-exposure')
  })

  test('what rests on its side comes first', () => {
    const at = desk(tight, { positionLotsMax: 0 })
    at.hold(0, 10)
    at.rest(0, ASK, 4)
    expect([judge(at, reducing(6)), judge(at, reducing(7))]).toEqual(['', 'position-size'])
  })

  test('is held to price and size like any other', () => {
    const at = desk({}, { orderLotsMax: 5, collarBps: 100 })
    at.hold(0, 10)
    expect(judge(at, reducing(6))).toBe('order-size')
    expect(judge(at, { ...reducing(5), tick: 10_101 })).toBe('price-collar')
  })
})

describe('amendment: judged as the order that would replace it', () => {
  const order = (open: OpenOrder): Order => ({
    ...limit(open.side, open.lots),
    id: open.id,
    timeInForce: 'GTC',
    policy: 0,
    sentUs: 0,
    decisionTick: 10_000,
  })

  test('what was filled already is in the position and not in the order', () => {
    const at = desk({}, { positionLotsMax: 20 })
    at.hold(0, 3)
    const open = at.rest(0, BID, 10, { leavesLots: 7 })
    const amend = (lots: number, tick = 10_000) => at.gate.judgeAmend(order(open), tick, lots, NOW_US)
    expect([amend(20), amend(21)]).toEqual(['', 'position-size'])
    expect([amend(3), amend(Number.NaN), amend(5, Number.NaN)]).toEqual(Array(3).fill('order-malformed'))
  })

  test('does not count against the number of open orders, but its price and rate are judged', () => {
    const at = desk(
      { openOrdersMax: 1, messageRate: { perSecond: 1, burst: 1, reserve: 0 } },
      { collarBps: 100, openOrdersMax: 1 },
    )
    const open = at.rest(0, BID, 1)
    expect(at.gate.judgeAmend(order(open), 10_101, 1, NOW_US)).toBe('price-collar')
    expect(at.gate.judgeAmend(order(open), 10_100, 1, NOW_US)).toBe('')
    at.gate.onSent('amend', 0, NOW_US)
    expect(at.gate.judgeAmend(order(open), 10_000, 1, NOW_US)).toBe('message-rate')
    expect(at.gate.judgeAmend({ ...order(open), id: 99 }, 10_000, 1, NOW_US)).toBe('unknown-order')
  })

  test('until the venue answers, the larger size counts', () => {
    const at = desk({}, { positionLotsMax: 20 })
    const open = at.rest(0, BID, 5)
    expect(at.gate.judgeAmend(order(open), 10_000, 15, NOW_US)).toBe('')
    expect([judge(at, limit(BID, 5)), judge(at, limit(BID, 6))]).toEqual(['', 'position-size'])
    const event = {
      kind: 'amend-rejected',
      timeUs: NOW_US,
      venueTimeUs: NOW_US,
      orderId: open.id,
      instrument: 0,
      side: BID,
      tick: 10_000,
      lots: 5,
      leavesLots: 5,
    } as const
    at.gate.onOrderEvent(
      { ...event, feeAtoms: 0, liquidity: '', reason: 'other', fillId: 0, queueAheadLots: -1 },
      order(open),
    )
    expect([judge(at, limit(BID, 15)), judge(at, limit(BID, 16))]).toEqual(['', 'position-size'])
  })
})

test.each([
  { lots: Number.NaN },
  { lots: 0 },
  { lots: -1 },
  { lots: 1.5 },
  { lots: Number.POSITIVE_INFINITY },
  { tick: Number.NaN },
  { tick: 0 },
  { tick: 10_000.5 },
  { side: 0 as Side },
  { instrument: 2 },
  { instrument: Number.NaN },
  { type: 'stop' as const },
  { type: 'stop' as const, triggerTick: Number.NaN },
  { type: 'market' as const, tick: Number.NaN },
  { expiresUs: Number.NaN },
])('%j is not an order', (part) => {
  const at = desk({})
  expect(judge(at, limit(BID, 1))).toBe('')
  expect(judge(at, { ...limit(BID, 1), ...part })).toBe('order-malformed')
})
