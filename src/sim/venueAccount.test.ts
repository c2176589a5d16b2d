/**
 * Goal: what the venue does to our account (fees, funding, margin, liquidation, deleveraging, settlement) is what its
 * rules say, in atoms.
 *
 * Method: hand-worked cases, the arithmetic in comments. One tick a dollar, one lot a coin: a dollar is 1e6 atoms.
 */

import { describe, expect, test } from 'vitest'
import { DAY_US, HOUR_US } from '../core/clock.ts'
import { Instrument, type InstrumentSpec } from '../market/instrument.ts'
import { Kind } from '../market/tape.ts'
import { HandDrivenExchange, PLAIN_PERP } from './handDrivenExchange.ts'
import { constantLatency } from './latencyModels.ts'
import { initialMarginAtoms, maintenanceMarginAtoms } from './marginRules.ts'
import { PARTIAL_LIQUIDATION, type VenueSettings } from './venueRules.ts'

const DOLLAR = 1e6
const FEES = { makerBps: -1, takerBps: 5, source: 'test' }

/** Bids 99 and asks 101 of a thousand each, marked at 100. */
function deep(settings: VenueSettings, spec: Partial<InstrumentSpec> = {}, dollars = 1000): HandDrivenExchange {
  const cash = { USDT: dollars }
  return new HandDrivenExchange(settings, [{ ...PLAIN_PERP, ...spec }], cash)
    .book(1, [[99, 1000]], [[101, 1000]])
    .mark(2, 100)
}

describe('fees', () => {
  test('makers are paid, takers pay, rounded against us', () => {
    const venue = deep({}, { fees: { makerBps: -0.333, takerBps: 0.777, source: 'test' } })
    venue.send(10, 1, 1, 0, { type: 'market' }) // 101e6 × 0.777e-4 = 7847.7 → 7848
    venue.send(11, 1, 1, 100)
    venue.trade(20, -1, 100, 1) // 100e6 × −0.333e-4 = −3330
    expect(venue.fills().map((fill) => fill.feeAtoms)).toEqual([7848, -3330])
  })

  test('tiers follow the volume of the last thirty days, settled at midnight', () => {
    const tiers = [
      { volumeFloor: 0, makerBps: 2, takerBps: 10 },
      { volumeFloor: 1000, makerBps: 1, takerBps: 5 },
    ]
    const venue = deep({ fees: { tiers } }, {}, 1e6)
    const buy = (timeUs: number) => {
      venue.depth(timeUs, -1, 101, 1000)
      venue.send(timeUs, 1, 10, 0, { type: 'market' }) // 1010 dollars.
      return venue.fills()[0]!.feeAtoms
    }
    expect(buy(10)).toBe(1_010_000) // 10 bps, and so all day,
    expect(buy(HOUR_US)).toBe(1_010_000)
    expect(buy(DAY_US + 10)).toBe(505_000) // then 5,
    expect(buy(2 * DAY_US)).toBe(505_000)
    expect(buy(40 * DAY_US)).toBe(1_010_000) // until the volume is over a month old.
  })

  test('an option pays on its underlying, at most an eighth of its premium', () => {
    const option: Partial<InstrumentSpec> = {
      kind: 'option',
      quote: 'USD',
      settle: 'BTC',
      payoff: 'inverse',
      expiry: '2026-12-25',
      strike: '50000',
      right: 'call',
      tickSize: '0.0005',
      lotSize: '0.1',
      fees: { makerBps: 3, takerBps: 3, source: 'test' },
    } // prettier-ignore
    const venue = new HandDrivenExchange({}, [{ ...PLAIN_PERP, ...option }], { BTC: 10 })
    venue.row(1, Kind.QUOTE, -1, 2, 50).row(1, Kind.QUOTE, 1, 1, 50)
    venue.send(10, 1, 10, 2) // One contract at 0.001: an eighth is 0.000125 < 0.0003.
    venue.row(11, Kind.QUOTE, -1, 100, 50)
    venue.send(12, 1, 10, 100) // At 0.05: 3 bps of a coin, 0.0003.
    expect(venue.fills().map((fill) => fill.feeAtoms)).toEqual([1_250_000, 3_000_000])
  })
})

describe('funding', () => {
  test.each([
    [1, 0.0001, -0.03 * DOLLAR], // A long of 3 at mark 100: 300 × 1 bp.
    [-1, 0.0001, 0.03 * DOLLAR],
    [-1, -0.0002, -0.06 * DOLLAR],
  ] as const)('side %i at rate %f', (side, rate, cash) => {
    const venue = deep({})
    venue.send(10, side, 3, 0, { type: 'market' })
    venue.answers()
    venue.row(20, Kind.FUNDING, 0, 0, 8 * HOUR_US, rate)
    expect(venue.said()).toEqual([`funding ${cash}`])
  })

  test('goes by the position at that moment at the venue, not by what we know', () => {
    const venue = deep({ latency: constantLatency(100) })
    venue.send(10, 1, 3, 0, { type: 'market' })
    venue.row(20, Kind.FUNDING, 0, 0, 8 * HOUR_US, 0.01) // The order is still on its way.
    venue.exchange.advanceTo(500)
    expect(venue.said()).toEqual(['1 accepted', '1 filled 3@101 taker'])
  })

  test('on the index where the venue uses it', () => {
    const venue = deep({ fundingPrice: 'index' }).row(3, Kind.INDEX, 0, 0, 0, 200)
    venue.send(10, 1, 1, 0, { type: 'market' })
    venue.answers()
    venue.row(20, Kind.FUNDING, 0, 0, HOUR_US, 0.001)
    expect(venue.said()).toEqual([`funding ${-0.2 * DOLLAR}`])
  })

  test('an inverse contract pays in coin', () => {
    const spec: InstrumentSpec = { ...PLAIN_PERP, quote: 'USD', payoff: 'inverse', settle: 'BTC', multiplier: '100' }
    const venue = new HandDrivenExchange({}, [spec], { BTC: 1 }).book(1, [[99, 9]], [[101, 9]]).mark(2, 200)
    venue.send(10, 1, 4, 0, { type: 'market' }) // 4 × 100 dollars ÷ 200 = 2 coins; × 1 % = 0.02.
    venue.answers()
    venue.row(20, Kind.FUNDING, 0, 0, HOUR_US, 0.01)
    expect(venue.said()).toEqual([`funding ${-0.02 * 1e10}`])
  })
})

describe('margin', () => {
  const tiers = [
    { notionalFloor: 0, leverageMax: 50, maintenanceRate: 0.01 },
    { notionalFloor: 10_000, leverageMax: 20, maintenanceRate: 0.025 },
  ]
  const tiered = { ...PLAIN_PERP, margin: { since: '2024-01-01', source: 'test', tiers } }

  test('is reckoned tier by tier, slice by slice', () => {
    const instrument = new Instrument(tiered)
    // 200 coins at 100: 20,000. Keep: 10,000 × 1 % + 10,000 × 2.5 % = 350; open: 200 + 500 = 700.
    expect(maintenanceMarginAtoms(instrument, 100, -200, Number.NaN)).toBe(350 * DOLLAR)
    expect(initialMarginAtoms(instrument, 100, 200, 100, Number.NaN)).toBe(700 * DOLLAR)
    // With a leverage of 10 chosen: a tenth of all.
    expect(initialMarginAtoms(instrument, 100, 200, 10, Number.NaN)).toBe(2000 * DOLLAR)
  })

  test('of instruments without tiers: 20x and 2.5 %', () => {
    const instrument = new Instrument(PLAIN_PERP)
    expect(initialMarginAtoms(instrument, 100, 2, 100, Number.NaN)).toBe(10 * DOLLAR)
    expect(maintenanceMarginAtoms(instrument, 100, 2, Number.NaN)).toBe(5 * DOLLAR)
  })

  test.each([
    // Deribit's figures without the premium itself: 0.301 − 0.151, 0.226 − 0.151 and so on.
    ['call', 58_500, 65_000, 0.151, 0.15, 0.075],
    ['put', 68_250, 65_000, 0.1866, 0.15, 0.075],
    ['call', 6000, 3000, 0.0299, 0.1, 0.075],
  ] as const)('of a sold %s struck at %i with the index at %i', (right, strike, index, mark, initial, maintenance) => {
    const spec: InstrumentSpec = {
      ...PLAIN_PERP,
      kind: 'option',
      quote: 'USD',
      settle: 'BTC',
      payoff: 'inverse',
      expiry: '2026-12-25',
      strike: String(strike),
      right,
      tickSize: '0.0001',
    } // prettier-ignore
    const option = new Instrument(spec)
    expect(initialMarginAtoms(option, mark, -1, 1, index)).toBeCloseTo(initial * 1e10, -1)
    expect(maintenanceMarginAtoms(option, mark, -1, index)).toBeCloseTo(maintenance * 1e10, -1)
    expect(maintenanceMarginAtoms(option, mark, 1, index)).toBe(0)
  })

  test('an order that the equity cannot carry is refused, with all that is already open', () => {
    const venue = deep({ margin: 'cross' }, {}, 100) // 100 dollars at 20x: 20 coins at 100.
    venue.send(10, 1, 12, 99)
    venue.send(11, 1, 9, 99) // 12 + 9 > 20.
    venue.send(12, -1, 20, 101) // The other side is reckoned by itself.
    expect(venue.said()).toEqual(['1 accepted', '2 rejected margin', '3 accepted'])
  })

  test('closing is always allowed', () => {
    const venue = deep({ margin: 'cross', liquidation: { feeBps: 0 } }, {}, 100)
    venue.send(10, 1, 19, 0, { type: 'market' })
    venue.mark(20, 98.5) // Equity 100 − 19 × 2.5 = 52.5: far below what opening takes, still above 46.8 to keep.
    venue.send(21, 1, 1, 98)
    venue.send(22, -1, 19, 101)
    expect(venue.said()).toEqual(['1 accepted', '1 filled 19@101 taker', '2 rejected margin', '3 accepted'])
  })

  test('spot is paid for, and sold only from what is held', () => {
    const venue = deep({ margin: 'cross' }, { kind: 'spot', fees: FEES }, 205)
    venue.send(10, -1, 1, 101)
    venue.send(11, 1, 2, 0, { type: 'market' }) // 202 and a fee of 0.101.
    venue.send(12, 1, 1, 99)
    venue.send(13, -1, 2, 102)
    venue.send(14, -1, 1, 102)
    expect(venue.said()).toEqual([
      '1 rejected margin',
      '2 accepted',
      '2 filled 2@101 taker',
      '3 rejected margin',
      '4 accepted',
      '5 rejected margin',
    ])
  })
})

describe('liquidation', () => {
  test('cross: orders go, the book is taken, the penalty is paid', () => {
    const venue = deep({ margin: 'cross', liquidation: { feeBps: 100 } }, {}, 100)
    venue.send(10, 1, 10, 0, { type: 'market' }) // 10 at 101.
    venue.send(11, 1, 1, 95)
    venue.answers()
    venue.depth(20, 1, 99, 0).depth(21, 1, 93, 6).depth(22, 1, 92, 6)
    venue.mark(30, 94) // Equity 100 − 70 = 30; needs 940 × 2.5 % = 23.5.
    expect(venue.said()).toEqual([])
    venue.mark(31, 93) // 20 < 23.25: 6 at 93 and 4 at 92, 1 % of 558 and of 368.
    expect(venue.said()).toEqual([
      '2 cancelled liquidation',
      'liquidation -6@93 -5580000',
      'liquidation -4@92 -3680000',
    ])
    // 100 − 6 × 8 − 4 × 9 − 9.26 = 6.74 dollars are left.
    expect(venue.exchange.ledger('test').cashAtoms('USDT')).toBe(6.74 * DOLLAR)
    expect(venue.exchange.insuranceAtoms('test', 'USDT')).toBe(9.26 * DOLLAR)
  })

  test('what is lost beyond everything the insurance fund pays', () => {
    const venue = deep({ margin: 'cross', liquidation: { feeBps: 0 } }, {}, 100)
    venue.send(10, 1, 19, 0, { type: 'market' })
    venue.answers()
    venue.depth(20, 1, 99, 0).depth(21, 1, 80, 50)
    venue.mark(30, 82) // 100 − 19 × 21 = −299.
    expect(venue.said()).toEqual(['liquidation -19@80', `liquidation ${299 * DOLLAR}`])
    expect(venue.exchange.ledger('test').cashAtoms('USDT')).toBe(0)
    expect(venue.exchange.insuranceAtoms('test', 'USDT')).toBe(-299 * DOLLAR)
  })

  test('in part where the venue does so, again after a pause, and whole when little is left', () => {
    const liquidation = { ...PARTIAL_LIQUIDATION, partialAbove: 500, feeBps: 0 }
    const venue = deep({ margin: 'cross', liquidation }, {}, 100)
    venue.send(10, 1, 10, 0, { type: 'market' })
    venue.answers()
    venue.mark(1e6, 93.3) // Equity 23, needs 23.325: a fifth goes, at the bid of 99.
    expect(venue.said()).toEqual(['liquidation -2@99'])
    venue.mark(2e6, 91) // 96 − 8 × 10 = 16 < 18.2, but the pause lasts.
    expect(venue.said()).toEqual([])
    venue.mark(40e6, 91) // A fifth of 8, rounded up.
    expect(venue.said()).toEqual(['liquidation -2@99'])
    venue.mark(41e6, 86) // 92 − 6 × 15 = 2, under two thirds of 12.9: the rest.
    expect(venue.said()).toEqual(['liquidation -6@99'])
  })

  test('an extreme between two marks is enough', () => {
    const venue = deep({ margin: 'cross', liquidation: { feeBps: 0 } }, {}, 100)
    venue.send(10, -1, 10, 0, { type: 'market' }) // Sold at 99.
    venue.answers()
    venue.row(30, Kind.MARK_EXTREME, 1, 0, 0, 107) // 100 − 80 = 20 < 26.75.
    expect(venue.said()).toEqual(['liquidation +10@101'])
  })

  test('without marks the mid decides', () => {
    const cash = { USDT: 100 }
    const venue = new HandDrivenExchange({ margin: 'cross', liquidation: { feeBps: 0 } }, [PLAIN_PERP], cash)
    venue.book(1, [[99, 50]], [[101, 50]])
    venue.send(10, 1, 10, 0, { type: 'market' })
    venue.answers()
    venue.book(20, [[93, 50]], [[94, 50]]) // Mid 93.5: 100 − 75 = 25 > 23.375.
    expect(venue.said()).toEqual([])
    venue.book(21, [[92, 50]], [[94, 50]]) // 93: 20 < 23.25.
    expect(venue.said()).toEqual(['liquidation -10@92'])
  })

  test('isolated: no more is lost than was set aside', () => {
    const venue = deep({ margin: 'isolated', leverage: 10, liquidation: { feeBps: 0 } }, {}, 1000)
    venue.send(10, 1, 10, 0, { type: 'market' }) // 1010 at 10x: 101 set aside.
    venue.answers()
    venue.depth(20, 1, 99, 0).depth(21, 1, 80, 50)
    venue.mark(30, 94) // 101 − 70 = 31 > 23.5
    expect(venue.said()).toEqual([])
    venue.mark(31, 92) // 11 < 23: closed at 80, 210 lost, 109 of it not ours.
    expect(venue.said()).toEqual(['liquidation -10@80', `liquidation ${109 * DOLLAR}`])
    expect(venue.exchange.ledger('test').cashAtoms('USDT')).toBe(899 * DOLLAR)
  })
})

describe('deleveraging', () => {
  const won = (settings: VenueSettings) => {
    const venue = deep({ margin: 'cross', ...settings }, {}, 1000)
    venue.send(10, -1, 10, 0, { type: 'market' }) // Short at 99.
    venue.answers()
    return venue.mark(20, 80)
  }

  test('with open interest unknown we are first in line', () => {
    const venue = won({})
    venue.row(30, Kind.DELEVERAGING, 1, 79, 4) // Buys that close winning shorts.
    venue.row(31, Kind.DELEVERAGING, -1, 79, 4) // Longs: not us.
    expect(venue.said()).toEqual(['deleveraging +4@79'])
    expect(venue.exchange.ledger('test').lots(0)).toBe(-6)
  })

  test('with it our turn comes by rank', () => {
    const venue = won({ deleveraging: { othersScore: 0.5 } }).row(21, Kind.OPEN_INTEREST, 0, 0, 1000)
    // Won 200 on 990 (0.202), leverage 790 ÷ 1200 (0.658): score 0.133; e^(−0.133 ÷ 0.5) = 77 % stand ahead of us.
    venue.row(30, Kind.DELEVERAGING, 1, 79, 700)
    expect(venue.said()).toEqual([])
    venue.row(31, Kind.DELEVERAGING, 1, 79, 100)
    expect(venue.said()).toEqual(['deleveraging +10@79'])
  })

  test('losers are never chosen', () => {
    const venue = won({})
    venue.row(30, Kind.DELEVERAGING, 1, 120, 4)
    expect(venue.said()).toEqual([])
  })

  test('an insurance fund run dry by others turns on the winners', () => {
    const venue = won({ deleveraging: { fundDollars: 100 } })
    // Longs sold out at 70 with the mark at 80: bankrupt at 78, so 8 dollars a coin are lost.
    venue.row(30, Kind.LIQUIDATION, -1, 70, 10) // 80 of the 100.
    expect(venue.said()).toEqual([])
    venue.row(31, Kind.LIQUIDATION, -1, 70, 3) // 24 more.
    expect(venue.said()).toEqual(['deleveraging +3@70'])
  })
})

describe('settlement', () => {
  const expiryUs = 1e9

  test('a future is settled at the index, and closed', () => {
    const venue = deep({}, { kind: 'future', expiry: '2024-09-27', expiryUs })
    venue.row(3, Kind.INDEX, 0, 0, 0, 110.25)
    venue.send(10, 1, 2, 0, { type: 'market' })
    venue.send(11, 1, 1, 90)
    venue.exchange.advanceTo(expiryUs)
    venue.send(expiryUs + 1, 1, 1, 90)
    expect(venue.said()).toEqual([
      '1 accepted',
      '1 filled 2@101 taker',
      '2 accepted',
      '2 expired instrument-closed',
      'settlement -2@110 500000', // The quarter dollar the grid cannot say, twice.
      '3 rejected instrument-closed',
    ])
    expect(venue.exchange.ledger('test').cashAtoms('USDT')).toBe((1000 + 2 * 9.25) * DOLLAR)
  })

  test.each([
    ['call', 60_000, 1 / 6],
    ['call', 40_000, 0],
    ['put', 40_000, 0.25],
  ] as const)('a %s on coin pays its intrinsic value with the index at %i', (right, index, coins) => {
    const spec: InstrumentSpec = {
      ...PLAIN_PERP,
      kind: 'option',
      quote: 'USD',
      settle: 'BTC',
      payoff: 'inverse',
      expiry: '2024-09-27',
      expiryUs,
      strike: '50000',
      right,
      tickSize: '0.0005',
    } // prettier-ignore
    const venue = new HandDrivenExchange({}, [spec], { BTC: 5 })
    venue.row(1, Kind.QUOTE, -1, 20, 50).row(2, Kind.INDEX, 0, 0, 0, index)
    venue.send(10, 1, 3, 20) // Three at 0.01.
    venue.exchange.advanceTo(expiryUs)
    const cash = venue.exchange.ledger('test').cashAtoms('BTC')
    expect(cash).toBe(5e10 - 3 * 1e8 + Math.round(3 * coins * 1e10))
  })
})
