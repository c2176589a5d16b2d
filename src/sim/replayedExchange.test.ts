/**
 * Goal: every kind of order does at the replayed exchange what it would have done at the venue, and no better.
 *
 * Method: hand-worked cases. The book is small enough to reckon on paper; one tick is a dollar, one lot a coin. Each
 * case says in a comment why the answer is what it is.
 */

import { describe, expect, test } from 'vitest'
import { Kind } from '../market/tape.ts'
import { HandDrivenExchange } from './handDrivenExchange.ts'
import { permanentLinearImpact } from './impactModels.ts'
import { constantLatency } from './latencyModels.ts'
import { powerProbability } from './queueModels.ts'
import type { VenueSettings } from './venueRules.ts'

/** Bids 99 × 5 and 98 × 9, asks 101 × 4 and 103 × 8. */
function quoted(settings: VenueSettings = {}): HandDrivenExchange {
  return new HandDrivenExchange(settings).book(
    1,
    [
      [99, 5],
      [98, 9],
    ],
    [
      [101, 4],
      [103, 8],
    ],
  )
}

describe('taking', () => {
  test('a market order walks the book and what the book cannot give expires', () => {
    const venue = quoted()
    venue.send(10, 1, 15, 0, { type: 'market' })
    // 4 at 101, 8 at 103, and no more asks: 3 remain.
    expect(venue.said()).toEqual([
      '1 accepted',
      '1 filled 4@101 taker',
      '1 filled 8@103 taker',
      '1 expired no-liquidity',
    ])
  })

  test('a market order into an empty side is rejected', () => {
    const venue = new HandDrivenExchange().book(1, [[99, 5]], [])
    venue.send(10, 1, 1, 0, { type: 'market' })
    expect(venue.said()).toEqual(['1 rejected no-liquidity'])
  })

  test('a limit order takes up to its limit and rests with the remainder', () => {
    const venue = quoted()
    venue.send(10, 1, 6, 102)
    expect(venue.said()).toEqual(['1 accepted', '1 filled 4@101 taker'])
    // A sale of 3 at 102, where nobody else bids: 2 are ours.
    venue.trade(20, -1, 102, 3)
    expect(venue.said()).toEqual(['1 filled 2@102 maker'])
  })

  test('liquidity taken is not there for the next order until the level is told anew', () => {
    const venue = quoted()
    venue.send(10, 1, 3, 101, { timeInForce: 'IOC' })
    venue.send(11, 1, 3, 101, { timeInForce: 'IOC' }) // 4 − 3 = 1 left.
    expect(venue.fills().map((fill) => fill.lots)).toEqual([3, 1])
    venue.depth(20, -1, 101, 4)
    venue.send(21, 1, 3, 101, { timeInForce: 'IOC' })
    expect(venue.fills().map((fill) => fill.lots)).toEqual([3])
  })

  test('or, where nobody is believed to refill, only as far as the level grows', () => {
    const venue = quoted({ takenUntil: 'increase' })
    venue.send(10, 1, 4, 101, { timeInForce: 'IOC' })
    venue.depth(20, -1, 101, 6) // Two more came to the four that we took.
    venue.send(21, 1, 5, 101, { timeInForce: 'IOC' })
    expect(venue.fills().map((fill) => fill.lots)).toEqual([4, 2])
  })

  test('fill-or-kill takes all or nothing', () => {
    const venue = quoted()
    venue.send(10, 1, 12, 103, { timeInForce: 'FOK' })
    venue.send(11, -1, 15, 98, { timeInForce: 'FOK' }) // 5 + 9 = 14 bids.
    expect(venue.said()).toEqual([
      '1 accepted',
      '1 filled 4@101 taker',
      '1 filled 8@103 taker',
      '2 rejected fill-or-kill',
    ])
  })

  test('immediate-or-cancel takes what is there', () => {
    const venue = quoted()
    venue.send(10, -1, 7, 99, { timeInForce: 'IOC' })
    expect(venue.said()).toEqual(['1 accepted', '1 filled 5@99 taker', '1 expired no-liquidity'])
  })

  test('permanent impact makes the next taking dearer, never cheaper', () => {
    const venue = quoted({ impact: permanentLinearImpact(0.5) })
    venue.send(10, 1, 2, 0, { type: 'market' }) // At 101; moves the market by 2 × 0.5 = 1 tick.
    venue.send(11, 1, 1, 0, { type: 'market' }) // 101 + 1.
    venue.send(12, -1, 1, 0, { type: 'market' }) // The bid is not raised for us.
    expect(venue.fills().map((fill) => fill.tick)).toEqual([101, 102, 99])
  })

  test('a price band stops a market order and refuses a limit far from the mark', () => {
    const venue = quoted({ priceBandBps: 200 }).mark(2, 100)
    venue.send(10, 1, 15, 0, { type: 'market' }) // Reaches 100 × 1.02 = 102.
    venue.send(11, 1, 1, 103)
    expect(venue.said()).toEqual([
      '1 accepted',
      '1 filled 4@101 taker',
      '1 expired no-liquidity',
      '2 rejected price-band',
    ])
  })
})

describe('resting', () => {
  test('a trade at our price fills us after what stood ahead', () => {
    const venue = quoted()
    venue.send(10, 1, 3, 99) // Behind 5.
    venue.trade(20, -1, 99, 4) // 1 left ahead.
    expect(venue.said()).toEqual(['1 accepted'])
    venue.trade(21, -1, 99, 3) // 1 ahead, so 2 for us.
    venue.trade(22, -1, 99, 9) // The last lot.
    const fills = venue.fills()
    expect(fills.map((fill) => [fill.lots, fill.leavesLots, fill.queueAheadLots])).toEqual([
      [2, 1, 1],
      [1, 0, 0],
    ])
  })

  test('a trade beyond our price fills us at our price, as far as it goes', () => {
    const venue = quoted()
    venue.send(10, 1, 3, 99)
    venue.trade(20, -1, 98, 2) // Traded below us: it had to pass us first, but there were only two.
    expect(venue.said()).toEqual(['1 accepted', '1 filled 2@99 maker'])
  })

  test('a trade is shared by our own orders in the order they arrived', () => {
    const venue = new HandDrivenExchange().book(1, [[98, 1]], [[101, 1]])
    venue.send(10, 1, 3, 99)
    venue.send(11, 1, 3, 99)
    venue.send(12, 1, 1, 100) // Better price goes first.
    venue.trade(20, -1, 99, 5)
    // 1 at 100, then 3 of order 1, then 1 of order 2: five in all.
    expect(venue.fills().map((fill) => [fill.orderId, fill.lots])).toEqual([
      [3, 1],
      [1, 3],
      [2, 1],
    ])
  })

  test('what our better order took of a trade does not shorten the queue of a worse one', () => {
    const venue = new HandDrivenExchange().book(1, [[99, 1]], [[101, 1]])
    venue.send(10, 1, 5, 99) // Behind 1.
    venue.send(11, 1, 2, 100)
    venue.trade(20, -1, 99, 4) // 2 at 100, 1 to who stood before us, 1 to us.
    expect(venue.fills().map((fill) => [fill.orderId, fill.lots])).toEqual([
      [2, 2],
      [1, 1],
    ])
  })

  test('an opposite quote at our price fills us as far as it goes, once', () => {
    const venue = quoted()
    venue.send(10, 1, 7, 100)
    venue.depth(20, -1, 100, 4)
    venue.depth(21, -1, 103, 9) // Another level says nothing new about 100.
    expect(venue.said()).toEqual(['1 accepted', '1 filled 4@100 maker'])
  })

  test('whole fills fill whole', () => {
    const venue = quoted({ partialFills: false })
    venue.send(10, 1, 7, 100)
    venue.trade(20, -1, 100, 1)
    expect(venue.said()).toEqual(['1 accepted', '1 filled 7@100 maker'])
  })

  test('an unnamed aggressor is told by the quotes', () => {
    const venue = quoted()
    venue.send(10, 1, 1, 100)
    venue.trade(20, 0, 101, 9) // At the ask: a buyer.
    expect(venue.said()).toEqual(['1 accepted'])
    venue.trade(21, 0, 99, 9)
    expect(venue.said()).toEqual(['1 filled 1@100 maker'])
  })

  test('block trades and doubted ones fill nobody', () => {
    const venue = quoted()
    venue.send(10, 1, 1, 100)
    venue.row(20, Kind.TRADE, -1, 90, 50, 1, 1 | 16).row(21, Kind.TRADE, -1, 90, 50, 1, 1 | 8)
    expect(venue.said()).toEqual(['1 accepted'])
  })

  test('a snapshot moves us as the levels changed, and after a gap to the back', () => {
    const venue = quoted()
    venue.send(10, 1, 1, 99) // Behind 5.
    venue.book(20, [[99, 3]], [[101, 4]]) // Cannot be further back than 3.
    venue.trade(21, -1, 99, 2) // 1 ahead.
    venue.row(22, Kind.GAP, 0, 0, 0)
    venue.book(23, [[99, 8]], [[101, 4]]) // Now behind 8.
    venue.trade(24, -1, 99, 8)
    expect(venue.said()).toEqual(['1 accepted'])
    venue.trade(25, -1, 99, 1)
    expect(venue.said()).toEqual(['1 filled 1@99 maker'])
  })

  test('cancellations ahead help only with a model that says so', () => {
    // Behind 5 of 5, then 5 join behind us: 10. A decrease of 4 with p = back/(back+front) = ½ takes 2 from ahead.
    const careful = quoted()
    const hopeful = quoted({ queue: powerProbability(1) })
    for (const venue of [careful, hopeful]) {
      venue.send(10, 1, 1, 99)
      venue.depth(20, 1, 99, 10).depth(21, 1, 99, 6).trade(22, -1, 99, 4)
    }
    expect(careful.said()).toEqual(['1 accepted']) // 5 − 4 = 1 still ahead.
    expect(hopeful.said()).toEqual(['1 accepted', '1 filled 1@99 maker']) // 3 − 4 < 0.
  })
})

test('a decrease that trades explain is no cancellation', () => {
  const venue = new HandDrivenExchange({ queue: powerProbability(1) }).book(1, [[99, 50]], [[101, 1]])
  venue.send(10, 1, 5, 99) // Behind 50, and 50 more come.
  venue.depth(11, 1, 99, 100).trade(12, -1, 99, 30).depth(13, 1, 99, 70) // 20 ahead, all explained.
  venue.trade(14, -1, 99, 17) // 3 ahead; 14 would have been, had the 30 counted as cancelled too.
  expect(venue.said()).toEqual(['1 accepted'])
})

test('at the front of the queue we stay there, whatever the formula makes of less than nothing', () => {
  const venue = new HandDrivenExchange({ queue: powerProbability(0.5) }).book(1, [[99, 2]], [[101, 1]])
  venue.send(10, 1, 5, 99)
  // p = √8 / (√8 + √2) = ⅔: 2 − ⅓ × 10 is less than nothing ahead, whose root is no number.
  venue.depth(11, 1, 99, 10).depth(12, 1, 99, 0).depth(13, 1, 99, 10).depth(14, 1, 99, 6)
  venue.trade(15, -1, 99, 1)
  expect(venue.said()).toEqual(['1 accepted', '1 filled 1@99 maker'])
})

describe('conditions', () => {
  test('post-only is refused where it would trade, or slides behind the touch', () => {
    const strict = quoted()
    strict.send(10, 1, 1, 101, { postOnly: true })
    expect(strict.said()).toEqual(['1 rejected post-only'])
    const sliding = quoted({ postOnly: 'slide' })
    sliding.send(10, 1, 1, 105, { postOnly: true })
    const [, amended] = sliding.answers()
    expect(amended!.order).toMatchObject({ kind: 'amended', tick: 100 })
  })

  test('reduce-only is capped by the position, and ends with it', () => {
    const venue = quoted()
    venue.send(10, 1, 3, 0, { type: 'market' })
    venue.send(11, -1, 5, 100, { reduceOnly: true })
    venue.send(12, 1, 1, 97, { reduceOnly: true })
    venue.send(13, -1, 2, 0, { type: 'market' })
    venue.trade(20, 1, 100, 9) // Only one lot is left to close.
    expect(venue.said()).toEqual([
      '1 accepted',
      '1 filled 3@101 taker',
      '2 accepted',
      '3 rejected reduce-only',
      '4 accepted',
      '4 filled 2@99 taker',
      '2 filled 1@100 maker',
      '2 cancelled reduce-only',
    ])
    expect(venue.exchange.ledger('test').lots(0)).toBe(0)
  })

  test('our own orders never trade with each other', () => {
    const newest = quoted()
    newest.send(10, -1, 1, 100)
    newest.send(11, 1, 2, 101)
    expect(newest.said()).toEqual(['1 accepted', '2 accepted', '2 cancelled self-trade'])
    const level = quoted() // Nobody can say which of the lots at one price is met first, so ours may be.
    level.send(10, -1, 1, 101)
    level.send(11, 1, 2, 101)
    expect(level.said()).toEqual(['1 accepted', '2 accepted', '2 cancelled self-trade'])
    const oldest = quoted({ selfTrade: 'cancel-oldest' })
    oldest.send(10, -1, 1, 100)
    oldest.send(11, 1, 2, 101)
    expect(oldest.said()).toEqual(['1 accepted', '2 accepted', '1 cancelled self-trade', '2 filled 2@101 taker'])
    const both = quoted({ selfTrade: 'cancel-both' })
    both.send(10, -1, 1, 100)
    both.send(11, 1, 2, 101)
    expect(both.said()).toEqual(['1 accepted', '2 accepted', '1 cancelled self-trade', '2 cancelled self-trade'])
  })

  test('good-till-time ends at its time on the venue clock', () => {
    const venue = quoted()
    venue.send(10, 1, 1, 99, { timeInForce: 'GTT', expiresUs: 50 })
    venue.send(11, 1, 1, 99, { timeInForce: 'GTT', expiresUs: 11 })
    venue.exchange.advanceTo(49)
    expect(venue.said()).toEqual(['1 accepted', '2 rejected expired'])
    venue.exchange.advanceTo(50)
    expect(venue.said()).toEqual(['1 expired expired'])
  })

  test.each([
    ['size', { lots: 0.5 }],
    ['size', { lots: 0 }],
    ['off-grid', { tick: 99.5 }],
    ['off-grid', { tick: 0 }],
    ['off-grid', { type: 'stop' as const }],
  ])('an impossible order is refused: %s', (reason, more) => {
    const venue = quoted()
    venue.send(10, 1, 1, 99, more)
    expect(venue.said()).toEqual([`1 rejected ${reason}`])
  })

  test('nothing can be sent where nothing was recorded yet', () => {
    const venue = new HandDrivenExchange()
    venue.send(10, 1, 1, 99)
    expect(venue.said()).toEqual(['1 rejected instrument-closed'])
  })
})

describe('triggers', () => {
  test('a stop fires on the mark where there is one, and takes the book', () => {
    const venue = quoted().mark(2, 100)
    venue.send(10, -1, 6, 0, { type: 'stop', triggerTick: 97 })
    venue.trade(20, -1, 96, 1) // A trade alone does not trigger it.
    expect(venue.said()).toEqual(['1 accepted'])
    venue.mark(21, 96.5)
    expect(venue.said()).toEqual(['1 triggered', '1 filled 5@99 taker', '1 filled 1@98 taker'])
  })

  test('without marks a stop fires on trades', () => {
    const venue = quoted()
    venue.trade(5, 1, 101, 1)
    venue.send(10, 1, 1, 0, { type: 'stop', triggerTick: 103 })
    venue.trade(20, 1, 103, 1)
    expect(venue.said()).toEqual(['1 accepted', '1 triggered', '1 filled 1@101 taker'])
  })

  test('a stop-limit rests at its limit once triggered', () => {
    const venue = quoted().mark(2, 100)
    venue.send(10, -1, 2, 100, { type: 'stop-limit', triggerTick: 98 })
    venue.mark(20, 98)
    venue.trade(21, 1, 100, 1)
    expect(venue.said()).toEqual(['1 accepted', '1 triggered', '1 filled 1@100 maker'])
  })

  test('take-profits fire the other way', () => {
    const venue = quoted().mark(2, 100)
    venue.send(10, -1, 1, 0, { type: 'take-profit', triggerTick: 102 })
    venue.send(11, -1, 1, 104, { type: 'take-profit-limit', triggerTick: 102 })
    venue.mark(20, 101).mark(21, 102)
    expect(venue.said()).toEqual(['1 accepted', '2 accepted', '1 triggered', '1 filled 1@99 taker', '2 triggered'])
  })

  test('an extreme of the mark between two marks triggers too', () => {
    const venue = quoted().mark(2, 100)
    venue.send(10, -1, 1, 0, { type: 'stop', triggerTick: 97 })
    venue.row(20, Kind.MARK_EXTREME, -1, 0, 0, 96.9)
    expect(venue.said()).toEqual(['1 accepted', '1 triggered', '1 filled 1@99 taker'])
  })

  test('a stop that would fire at once is refused', () => {
    const venue = quoted().mark(2, 100)
    venue.send(10, -1, 1, 0, { type: 'stop', triggerTick: 100 })
    expect(venue.said()).toEqual(['1 rejected trigger-crossed'])
  })
})

describe('changing and cancelling', () => {
  test('less size keeps the place, more size or another price loses it', () => {
    const venue = quoted()
    venue.send(10, 1, 3, 99) // Behind 5.
    venue.trade(20, -1, 99, 4) // Behind 1.
    venue.depth(21, 1, 99, 8)
    venue.amend(22, 1, 99, 2)
    venue.trade(23, -1, 99, 2) // 1 ahead, 1 ours.
    venue.amend(24, 1, 99, 3) // Two open again, behind the 8 shown.
    venue.trade(25, -1, 99, 8)
    expect(venue.said()).toEqual(['1 accepted', '1 amended', '1 filled 1@99 maker', '1 amended'])
    venue.trade(26, -1, 99, 5)
    expect(venue.said()).toEqual(['1 filled 2@99 maker'])
  })

  test('an amendment across the spread takes', () => {
    const venue = quoted()
    venue.send(10, 1, 5, 99)
    venue.amend(20, 1, 101, 5)
    expect(venue.said()).toEqual(['1 accepted', '1 amended', '1 filled 4@101 taker'])
  })

  test('amending to what is already filled is refused, as is amending the unknown', () => {
    const venue = quoted()
    venue.send(10, 1, 5, 100)
    venue.trade(20, -1, 100, 2)
    venue.amend(21, 1, 100, 2).amend(22, 7, 100, 1).cancel(23, 7).cancel(24, 1)
    expect(venue.said()).toEqual([
      '1 accepted',
      '1 filled 2@100 maker',
      '1 amend-rejected size',
      '7 amend-rejected unknown-order',
      '7 cancel-rejected unknown-order',
      '1 cancelled',
    ])
  })
})

describe('the line', () => {
  test('an order meets the market of its arrival, and the answer comes after the way back', () => {
    const venue = quoted({ latency: constantLatency(100, 30) })
    venue.send(10, 1, 1, 101)
    venue.depth(60, -1, 101, 0) // The ask is gone before the order is there.
    venue.exchange.advanceTo(110)
    const [accepted] = venue.answers()
    expect(accepted!.order).toMatchObject({ kind: 'accepted', venueTimeUs: 110, timeUs: 140, queueAheadLots: 0 })
  })

  test('a row of the very microsecond of an arrival comes first', () => {
    const venue = quoted({ latency: constantLatency(100) })
    venue.send(10, 1, 1, 101, { timeInForce: 'IOC' })
    venue.depth(110, -1, 101, 0)
    venue.exchange.advanceTo(110)
    expect(venue.said()).toEqual(['1 accepted', '1 expired no-liquidity'])
  })

  test('neither orders nor answers overtake', () => {
    let entry = 100
    const latency = {
      ...constantLatency(0),
      entryUs: () => (entry = Math.max(0, entry - 40)),
      responseUs: (at: number) => 500 - at,
    }
    const venue = quoted({ latency })
    venue.send(10, 1, 1, 99) // Arrives at 70.
    venue.send(20, 1, 1, 98) // Would arrive at 40, so arrives at 70 too.
    venue.send(100, 1, 1, 97)
    venue.exchange.advanceTo(200)
    const times = venue.answers().map(({ order }) => [order!.orderId, order!.venueTimeUs, order!.timeUs])
    expect(times).toEqual([
      [1, 70, 500],
      [2, 70, 500],
      [3, 100, 500],
    ])
  })

  test('a token bucket refuses what comes too fast', () => {
    const venue = quoted({ rate: { burst: 2, perSecond: 1, cancelsCount: true } })
    venue.send(10, 1, 1, 99)
    venue.send(11, 1, 1, 99)
    venue.cancel(12, 1)
    venue.cancel(1_000_013, 1) // A second later one token is back.
    expect(venue.said()).toEqual(['1 accepted', '2 accepted', '1 cancel-rejected rate-limit', '1 cancelled'])
  })
})

describe('when the venue is not there', () => {
  test('in a downtime nothing is taken, and what rests can still be filled', () => {
    const venue = quoted({ downtime: [{ fromUs: 100, toUs: 200 }] })
    venue.send(10, 1, 1, 100)
    venue.send(150, 1, 1, 100)
    venue.cancel(151, 1)
    venue.trade(160, -1, 100, 1)
    venue.exchange.advanceTo(200)
    venue.send(201, 1, 1, 100)
    expect(venue.said()).toEqual([
      '1 accepted',
      'venue-down',
      '2 rejected venue-down',
      '1 cancel-rejected venue-down',
      '1 filled 1@100 maker',
      'venue-up',
      '3 accepted',
    ])
  })

  test('or what rests is cancelled, where the venue does so', () => {
    const venue = quoted({ restingWhileDown: 'cancelled' })
    venue.send(10, 1, 1, 100)
    venue.row(20, Kind.OUTAGE, 0, 0, 0, 1)
    venue.send(21, 1, 1, 100)
    venue.row(30, Kind.OUTAGE, 0, 0, 0, 0)
    expect(venue.said()).toEqual([
      '1 accepted',
      '1 cancelled venue-down',
      'venue-down',
      '2 rejected venue-down',
      'venue-up',
    ])
  })

  test('a gap in the recording is a market nobody can vouch for', () => {
    const venue = quoted()
    venue.send(10, 1, 1, 100)
    venue.row(20, Kind.GAP, 0, 0, 0)
    venue.send(21, 1, 1, 0, { type: 'market' })
    venue.depth(22, -1, 100, 5) // A quote from within the gap fills nobody.
    expect(venue.said()).toEqual(['1 accepted', '2 rejected venue-down'])
  })

  test('while the line is cut answers wait and orders are lost', () => {
    const venue = quoted({ disconnects: [{ fromUs: 100, toUs: 200 }] })
    venue.send(10, 1, 1, 100)
    venue.exchange.advanceTo(100)
    venue.trade(120, -1, 100, 1)
    venue.send(150, 1, 1, 100)
    venue.exchange.advanceTo(200)
    const answers = venue
      .answers()
      .map(({ order, account }) => [order?.kind ?? account!.kind, (order ?? account)!.timeUs])
    expect(answers).toEqual([
      ['accepted', 10],
      ['venue-down', 100],
      ['filled', 200],
      ['rejected', 200],
      ['venue-up', 200],
    ])
  })
})

describe('recordings without a book', () => {
  test('with quotes and trades the touch is the book', () => {
    const venue = new HandDrivenExchange()
    venue.row(1, Kind.QUOTE, 1, 99, 5).row(1, Kind.QUOTE, -1, 101, 4)
    venue.send(10, 1, 6, 0, { type: 'market' })
    venue.send(11, 1, 1, 98) // Behind the touch nothing is known: no place until the touch is there.
    venue.trade(12, -1, 98, 50)
    expect(venue.said()).toEqual(['1 accepted', '1 filled 4@101 taker', '1 expired no-liquidity', '2 accepted'])
    venue.row(13, Kind.QUOTE, 1, 98, 7)
    venue.trade(14, -1, 98, 8)
    expect(venue.said()).toEqual(['2 filled 1@98 maker'])
  })

  test('a snapshot of an option sells no more than was stated', () => {
    const venue = new HandDrivenExchange({ touchLotsMax: 2 })
    venue.row(1, Kind.QUOTE, 1, 99, 5).row(1, Kind.QUOTE, -1, 101, 40)
    venue.send(10, 1, 6, 101, { timeInForce: 'IOC' })
    expect(venue.said()).toEqual(['1 accepted', '1 filled 2@101 taker', '1 expired no-liquidity'])
  })

  test('with trades alone only a trade beyond our price fills us', () => {
    const venue = new HandDrivenExchange()
    venue.trade(1, 1, 100, 1)
    venue.send(10, 1, 1, 99)
    venue.send(11, 1, 1, 0, { type: 'market' })
    venue.trade(20, -1, 99, 50).trade(21, -1, 98, 1)
    expect(venue.said()).toEqual(['1 accepted', '2 rejected no-liquidity', '1 filled 1@99 maker'])
  })

  test('with single orders our place is exact', () => {
    const venue = new HandDrivenExchange()
    const add = (timeUs: number, id: number, side: number, tick: number, lots: number) =>
      venue.row(timeUs, Kind.ORDER_ADD, side, tick, lots, id)
    add(1, 71, 1, 99, 4)
    add(2, 72, 1, 99, 2)
    add(3, 73, -1, 101, 9)
    venue.send(10, 1, 3, 99) // Behind 6.
    add(11, 74, 1, 99, 8) // Behind us.
    venue.row(12, Kind.ORDER_REMOVE, 1, 99, 0, 74) // So its leaving changes nothing,
    venue.row(13, Kind.ORDER_CHANGE, 1, 99, 1, 71) // but this brings us from 6 to 3.
    venue.trade(14, -1, 99, 3) // The trade first, then the rows of the orders it hit.
    venue.row(14, Kind.ORDER_REMOVE, 1, 99, 0, 71)
    venue.row(14, Kind.ORDER_REMOVE, 1, 99, 0, 72)
    expect(venue.said()).toEqual(['1 accepted'])
    venue.trade(15, -1, 99, 1)
    expect(venue.said()).toEqual(['1 filled 1@99 maker'])
  })

  test('order rows told before their trade are not counted twice', () => {
    const venue = new HandDrivenExchange()
    venue.row(1, Kind.ORDER_ADD, 1, 99, 4, 71).row(2, Kind.ORDER_ADD, -1, 101, 9, 73)
    venue.send(10, 1, 3, 99)
    venue.row(20, Kind.ORDER_REMOVE, 1, 99, 0, 71)
    venue.trade(20, -1, 99, 5) // Four of the five were order 71's.
    expect(venue.fills().map((fill) => fill.lots)).toEqual([1])
  })
})

describe('as hftbacktest', () => {
  test('what comes to our price fills us whole, what is taken stays, and each own order sees the whole trade', () => {
    const venue = quoted({ compatibility: 'hftbacktest' })
    venue.send(10, 1, 7, 100)
    venue.depth(20, -1, 100, 1) // One lot offered: seven filled.
    venue.depth(21, -1, 100, 0)
    venue.send(30, 1, 3, 101, { timeInForce: 'IOC' })
    venue.send(31, 1, 3, 101, { timeInForce: 'IOC' })
    venue.send(32, 1, 2, 100)
    venue.send(33, 1, 2, 100)
    venue.trade(40, -1, 100, 2)
    expect(venue.fills().map((fill) => [fill.orderId, fill.lots])).toEqual([
      [1, 7],
      [2, 3],
      [3, 3],
      [4, 2],
      [5, 2],
    ])
  })

  test('the rest of a crossing limit is filled at its limit', () => {
    const venue = quoted({ compatibility: 'hftbacktest' })
    venue.send(10, 1, 9, 102)
    expect(venue.said()).toEqual(['1 accepted', '1 filled 4@101 taker', '1 filled 5@102 taker'])
  })
})
