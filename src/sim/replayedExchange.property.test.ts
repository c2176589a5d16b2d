/**
 * Goal: whatever the market and we do, the exchange gives nothing away.
 *
 * Method: random events, seeded, against independent bookkeeping that knows only rows and answers. `FULL=1` runs a
 * million events; the everyday run a few tens of thousands. After every event:
 *
 * - an order's fills never exceed its size, and are never beyond its limit;
 * - our maker fills at a row never exceed what that row brought: the trade's size, or what the opposite side offers;
 * - at one price we are not filled by trades before what stood there when we came has traded (pessimistic queue);
 * - what we take between two updates of a level never exceeds what it showed.
 *
 * And at the end the venue's ledger, and one fed with the answers alone, agree to the atom.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import type { Side } from '../market/book.ts'
import type { InstrumentSpec } from '../market/instrument.ts'
import { MarketState } from '../market/marketState.ts'
import type { OrderEvent } from '../market/order.ts'
import { Kind } from '../market/tape.ts'
import { Ledger } from '../portfolio/portfolio.ts'
import { HandDrivenExchange, PLAIN_PERP } from './handDrivenExchange.ts'
import { constantLatency, resampledLatency } from './latencyModels.ts'
import { powerProbability, riskAverse } from './queueModels.ts'
import type { VenueSettings } from './venueRules.ts'

const EVENTS = process.env['FULL'] === '1' ? 1_000_000 : 20_000

interface Sent {
  readonly side: Side
  tick: number
  lots: number
  readonly market: boolean
  filled: number
}

/** Ledger of someone who hears only the answers. */
function listener(venue: HandDrivenExchange, cash: Readonly<Record<string, number>>): Ledger {
  return new Ledger(
    venue.universe,
    venue.universe.instruments.map((instrument) => new MarketState(instrument)),
    cash,
  )
}

const FEES = { makerBps: -0.5, takerBps: 4.5, source: 'test' }
const INVERSE: InstrumentSpec = {
  ...PLAIN_PERP,
  quote: 'USD',
  payoff: 'inverse',
  settle: 'BTC',
  tickSize: '0.1',
  multiplier: '100',
  fees: FEES,
}
const LINEAR: InstrumentSpec = { ...PLAIN_PERP, tickSize: '0.1', lotSize: '0.001', fees: FEES }
const CASH = { USDT: 50_000, BTC: 3 }

/** Runs random events on two instruments; returns everything said, for comparison. */
function storm(seed: number, events: number, settings: VenueSettings): string {
  const random = new Random(seed)
  const venue = new HandDrivenExchange(settings, [LINEAR, INVERSE], CASH)
  const heard = listener(venue, CASH)
  const sent = new Map<number, Sent>()
  const open: number[] = []
  let digest = 0
  let heardUs = 0
  const hear = () => {
    for (const { order, account } of venue.answers()) {
      const timeUs = (order ?? account!).timeUs
      expect(timeUs).toBeGreaterThanOrEqual(heardUs)
      heardUs = timeUs
      if (account) {
        heard.applyAccount(account)
        digest = (Math.imul(digest, 31) + account.cashAtoms + account.lots) | 0
        continue
      }
      const event = order!
      digest = (Math.imul(digest, 31) + event.orderId * 7 + event.lots * 3 + event.tick + event.kind.length) | 0
      const known = sent.get(event.orderId)!
      if (event.kind === 'amended') {
        known.tick = event.tick
        known.lots = event.lots
      }
      if (event.kind !== 'filled') continue
      heard.applyFill(event, Number.NaN)
      known.filled += event.lots
      expect(known.filled).toBeLessThanOrEqual(known.lots)
      expect(event.lots).toBeGreaterThan(0)
      if (!known.market) expect(known.side * event.tick).toBeLessThanOrEqual(known.side * known.tick)
    }
  }
  let timeUs = 1
  for (const at of [0, 1]) {
    venue.book(
      timeUs,
      [
        [999, 5],
        [998, 9],
      ],
      [
        [1001, 4],
        [1003, 8],
      ],
      at,
    ) // prettier-ignore
  }
  for (let event = 0; event < events; event++) {
    timeUs += random.integer(1, 50)
    const at = random.integer(0, 1)
    const side: Side = random.bits() > 0 ? 1 : -1
    const tick = 1000 - side * random.integer(-1, 6)
    const what = random.integer(0, 99)
    if (what < 45) venue.depth(timeUs, side, tick, random.integer(0, 2) * random.integer(0, 9), at)
    else if (what < 65) venue.trade(timeUs, side, 1000 + random.integer(-4, 4), random.integer(1, 9), at)
    else if (what < 67) venue.row(timeUs, Kind.MARK, 0, 0, 0, 100 + random.uniform(), 1, at)
    else if (what < 68) venue.row(timeUs, Kind.FUNDING, 0, 0, 28_800e6, (random.uniform() - 0.5) / 100, 1, at)
    else if (what < 69) venue.book(timeUs, [[998, 7]], [[1002, 7]], at)
    else if (what < 88) {
      const market = random.integer(0, 9) === 0
      const lots = random.integer(1, 8)
      const type = market ? 'market' : random.integer(0, 9) === 0 ? 'stop' : 'limit'
      const trigger = type === 'stop' ? { triggerTick: 1000 + side * 5 } : {}
      const inForce = market ? 'IOC' : (['GTC', 'GTC', 'GTC', 'IOC', 'FOK'] as const)[random.integer(0, 4)]!
      const flags = { postOnly: random.integer(0, 4) === 0, reduceOnly: random.integer(0, 6) === 0 }
      const id = venue.send(timeUs, side, lots, tick, {
        instrument: at,
        type,
        timeInForce: inForce,
        ...trigger,
        ...flags,
      })
      sent.set(id, { side, tick, lots, market: type !== 'limit', filled: 0 })
      open.push(id * 2 + at)
    } else if (open.length > 0) {
      const chosen = open[random.integer(Math.max(0, open.length - 30), open.length - 1)]!
      if (what < 95) venue.cancel(timeUs, chosen >> 1, chosen & 1)
      else {
        const known = sent.get(chosen >> 1)!
        // Either price may apply until the answer is here; the looser is what the checks above hold us to.
        known.lots = Math.max(known.lots, 9)
        known.tick = known.side * Math.max(known.side * known.tick, known.side * tick)
        venue.amend(timeUs, chosen >> 1, tick, random.integer(1, 9), chosen & 1)
      }
    }
    hear()
  }
  venue.exchange.advanceTo(timeUs + 1e6)
  hear()
  const ledger = venue.exchange.ledger('test')
  for (const index of [0, 1]) {
    const { spreadAtoms: _s, slippageAtoms: _t, ...theirs } = ledger.holding(index)
    expect(heard.holding(index)).toMatchObject(theirs)
  }
  for (const currency of ['USDT', 'BTC']) {
    expect(heard.cashAtoms(currency)).toBe(ledger.cashAtoms(currency))
    expect(Number.isInteger(heard.cashAtoms(currency))).toBe(true)
    // Opening cash + all that was realised, paid and received = cash: nothing appears, nothing vanishes.
    let sum = Math.round((CASH as Record<string, number>)[currency]! * (currency === 'BTC' ? 1e10 : 1e6))
    for (const [index, instrument] of venue.universe.instruments.entries()) {
      if (instrument.settle !== currency) continue
      const holding = ledger.holding(index)
      sum += holding.realisedAtoms - holding.feesAtoms + holding.fundingAtoms
    }
    expect(ledger.cashAtoms(currency)).toBe(sum)
  }
  expect([...sent.values()].some((order) => order.filled > 0)).toBe(true)
  return `${digest} ${ledger.cashAtoms('USDT')} ${ledger.cashAtoms('BTC')} ${ledger.lots(0)} ${ledger.lots(1)}`
}

const SETTINGS: [name: string, settings: () => VenueSettings][] = [
  ['cross margin, no delay', () => ({ margin: 'cross' })],
  ['isolated margin, delays', () => ({ margin: 'isolated', latency: constantLatency(120, 80) })],
  [
    'probable queue, drawn delays',
    () => ({ queue: powerProbability(3), latency: resampledLatency(new Random(5), [1, 60, 900]) }),
  ],
  [
    'refusals',
    () => ({ rate: { burst: 20, perSecond: 30_000, cancelsCount: true }, selfTrade: 'cancel-both', postOnly: 'slide' }),
  ],
  ['as hftbacktest', () => ({ compatibility: 'hftbacktest', queue: powerProbability(2) })],
] // prettier-ignore

test.each(SETTINGS)(
  'fills stay within order, limit and ledger, and repeat: %s',
  (_name, settings) => {
    const count = Math.ceil(EVENTS / SETTINGS.length)
    const once = storm(11, count, settings())
    expect(storm(11, Math.min(count, 4000), settings())).toBe(storm(11, Math.min(count, 4000), settings()))
    expect(once).not.toBe('')
  },
  600_000,
)

/** A row of the market, or an act of ours, for the queue's own property. */
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('trade' as const),
      tick: fc.integer({ min: 97, max: 103 }),
      lots: fc.integer({ min: 1, max: 6 }),
      side: fc.constantFrom<Side>(1, -1),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('depth' as const),
      tick: fc.integer({ min: 97, max: 103 }),
      lots: fc.integer({ min: 0, max: 6 }),
      side: fc.constantFrom<Side>(1, -1),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant('order' as const),
      tick: fc.integer({ min: 97, max: 103 }),
      lots: fc.integer({ min: 1, max: 6 }),
      side: fc.constantFrom<Side>(1, -1),
    }),
  },
) // prettier-ignore

test('no row gives more than it brought, and none before the queue ahead has traded', () => {
  const property = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const venue = new HandDrivenExchange({ queue: riskAverse() }).book(
      1,
      [
        [99, 5],
        [98, 9],
      ],
      [
        [101, 4],
        [103, 8],
      ],
    ) // prettier-ignore
    const market = venue.exchange.market(0)
    /** Ahead of each order when it joined, as shown; and traded at its price since. */
    const ahead = new Map<number, { lots: number; traded: number; side: Side; tick: number; crossed: boolean }>()
    /** What each level still has for us, reckoned from rows alone. */
    const offered = new Map<string, number>()
    for (const level of ['1/99/5', '1/98/9', '-1/101/4', '-1/103/8']) {
      const [side, tick, lots] = level.split('/')
      offered.set(`${side}/${tick}`, Number(lots))
    }
    let timeUs = 10
    for (const each of steps) {
      timeUs++
      let fills: OrderEvent[]
      if (each.what === 'order') {
        const shown = market.book.lotsAt(each.side, each.tick)
        const id = venue.send(timeUs, each.side, each.lots, each.tick)
        ahead.set(id, { lots: shown, traded: 0, side: each.side, tick: each.tick, crossed: false })
      } else if (each.what === 'depth') {
        offered.set(`${each.side}/${each.tick}`, each.lots)
        venue.depth(timeUs, each.side, each.tick, each.lots)
        for (const order of ahead.values()) {
          order.lots = Math.min(
            order.lots,
            order.side === each.side && order.tick === each.tick ? each.lots + order.traded : order.lots,
          )
          if (each.side !== order.side && each.lots > 0 && order.side * each.tick <= order.side * order.tick)
            order.crossed = true
        }
      } else {
        for (const order of ahead.values()) {
          if (order.side === each.side) continue
          if (order.tick === each.tick) order.traded += each.lots
          if (order.side * each.tick < order.side * order.tick) order.crossed = true
        }
        venue.trade(timeUs, each.side, each.tick, each.lots)
      }
      fills = venue.fills()
      if (each.what === 'trade') {
        const given = fills.reduce((sum, fill) => sum + fill.lots, 0)
        expect(given).toBeLessThanOrEqual(each.lots)
        for (const fill of fills) {
          const order = ahead.get(fill.orderId)!
          // Traded through or touched by the other side, or all that stood ahead has gone by.
          expect(order.crossed || order.traded > order.lots).toBe(true)
        }
      } else {
        // Takers, and makers met by the other side: together no more than the levels offered since they were last told.
        let left = fills.reduce((sum, fill) => sum + fill.lots, 0)
        const side = fills[0]?.side ?? 1
        const worst = Math.max(...fills.map((fill) => side * ahead.get(fill.orderId)!.tick))
        const levels = [...offered].filter(([key]) => key.startsWith(`${-side}/`))
        levels.sort(([a], [b]) => side * (Number(a.split('/')[1]) - Number(b.split('/')[1])))
        for (const [key, lots] of levels) {
          if (side * Number(key.split('/')[1]) > worst) break
          const used = Math.min(left, lots)
          offered.set(key, lots - used)
          left -= used
        }
        expect(left).toBe(0)
      }
    }
  })
  fc.assert(property, { numRuns: process.env['FULL'] === '1' ? 20_000 : 400 })
})
