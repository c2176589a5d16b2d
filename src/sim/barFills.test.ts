/**
 * Goal: with nothing but bars an order gets what a cautious trader would count on, and nothing within the bar on
 * whose close it was sent.
 *
 * Method: hand-worked bars. Half a spread is 10 bps, impact 100 bps × √share, our share at most a tenth of the volume.
 */

import { expect, test } from 'vitest'
import { BarModel } from './barFills.ts'
import { HandDrivenExchange } from './handDrivenExchange.ts'

const MINUTE = 60_000_000

/** After one bar that closed at minute 1, at 10,000. */
function barred(): HandDrivenExchange {
  const bars = new BarModel({ halfSpreadBps: 10, impactBps: 100, participation: 0.1, graceUs: 1_000_000 })
  return new HandDrivenExchange({ bars }).bar(MINUTE, [9990, 10_050, 9950, 10_000], 1000, MINUTE)
}

test('a market order sent on a close fills at the next open, half a spread and impact worse', () => {
  const venue = barred()
  venue.send(MINUTE + 1000, 1, 40, 0, { type: 'market' })
  expect(venue.said()).toEqual(['1 accepted'])
  venue.bar(2 * MINUTE, [10_010, 10_100, 9900, 10_060], 1000, MINUTE)
  // 10,010 + 10.01 + 10,010 × 1 % × √0.04 (20.02) = 10,040.03, rounded up.
  expect(venue.said()).toEqual(['1 filled 40@10041 taker'])
})

test('an order that arrives within a bar waits for the next', () => {
  const venue = barred()
  venue.send(MINUTE + 30e6, -1, 10, 0, { type: 'market' })
  venue.send(MINUTE + 30e6, 1, 10, 9950)
  venue.bar(2 * MINUTE, [10_010, 10_100, 9900, 10_060], 1000, MINUTE)
  expect(venue.said()).toEqual(['1 accepted', '2 accepted'])
  venue.bar(3 * MINUTE, [10_060, 10_100, 9990, 10_060], 1000, MINUTE)
  // 10,060 − 10.06 − 10,060 × 1 % × 0.1 = 10,039.88, rounded down.
  expect(venue.said()).toEqual(['1 filled 10@10039 taker'])
})

test('all our orders share a tenth of the volume, and what a market order does not get expires', () => {
  const venue = barred()
  venue.send(MINUTE, 1, 70, 0, { type: 'market' })
  venue.send(MINUTE, 1, 70, 0, { type: 'market' })
  venue.bar(2 * MINUTE, [10_000, 10_000, 10_000, 10_000], 1000, MINUTE)
  const lots = venue
    .answers()
    .map(({ order }) => [order!.orderId, order!.kind, order!.kind === 'filled' ? order!.lots : 0])
  expect(lots).toEqual([
    [1, 'accepted', 0],
    [2, 'accepted', 0],
    [1, 'filled', 70],
    [2, 'filled', 30],
    [2, 'expired', 0],
  ])
})

test('a limit must be traded through by a tick; touching is not enough', () => {
  const venue = barred()
  venue.send(MINUTE, 1, 10, 9900)
  venue.bar(2 * MINUTE, [10_000, 10_010, 9900, 9950], 1000, MINUTE)
  expect(venue.said()).toEqual(['1 accepted'])
  venue.bar(3 * MINUTE, [9950, 10_000, 9899, 9950], 60, MINUTE) // A tenth of 60.
  expect(venue.said()).toEqual(['1 filled 6@9900 maker'])
})

test('a bar without volume fills nothing', () => {
  const venue = barred()
  venue.send(MINUTE, 1, 10, 9900)
  venue.send(MINUTE, 1, 10, 0, { type: 'market' })
  venue.bar(2 * MINUTE, [10_000, 10_010, 9000, 9950], 0, MINUTE)
  expect(venue.said()).toEqual(['1 accepted', '2 accepted', '2 expired no-liquidity'])
})

test('a marketable limit takes the open when that is within its limit', () => {
  const venue = barred()
  venue.send(MINUTE, 1, 10, 10_100)
  venue.bar(2 * MINUTE, [10_000, 10_010, 9950, 9950], 1000, MINUTE)
  // 10,000 + 10 + 10,000 × 1 % × 0.1 = 10,020.
  expect(venue.said()).toEqual(['1 accepted', '1 filled 10@10020 taker'])
})

test('a stop fills at the worse of trigger and open', () => {
  const venue = barred()
  venue.send(MINUTE, -1, 10, 0, { type: 'stop', triggerTick: 9900 })
  venue.send(MINUTE, -1, 10, 0, { type: 'stop', triggerTick: 9800 })
  venue.bar(2 * MINUTE, [10_000, 10_010, 9890, 9950], 1000, MINUTE)
  // 9900 − 9.9 − 9.9 = 9880.2.
  expect(venue.said()).toEqual(['1 accepted', '2 accepted', '1 triggered', '1 filled 10@9880 taker'])
  venue.bar(3 * MINUTE, [9700, 9710, 9690, 9700], 1000, MINUTE) // Opened below the second: 9700 − 9.7 − 9.7.
  expect(venue.said()).toEqual(['2 triggered', '2 filled 10@9680 taker'])
})

test('a take-profit is not credited with a better open', () => {
  const venue = barred()
  venue.send(MINUTE, -1, 10, 0, { type: 'take-profit', triggerTick: 10_100 })
  venue.bar(2 * MINUTE, [10_500, 10_600, 10_400, 10_500], 1000, MINUTE)
  // 10,100 − 10.1 − 10.1.
  expect(venue.said()).toEqual(['1 accepted', '1 triggered', '1 filled 10@10079 taker'])
})

test('where a bar spans bid and ask only the one that looks worse at its close is filled', () => {
  const venue = barred()
  venue.send(MINUTE, 1, 1, 9900)
  venue.send(MINUTE, -1, 1, 10_100)
  venue.bar(2 * MINUTE, [10_000, 10_200, 9800, 9850], 1000, MINUTE) // Closes below the bid.
  expect(venue.said()).toEqual(['1 accepted', '2 accepted', '1 filled 1@9900 maker'])
})

test('a stop-out goes before a profit in the same bar', () => {
  const venue = barred()
  venue.send(MINUTE, 1, 10, 0, { type: 'market' })
  venue.bar(2 * MINUTE, [10_000, 10_000, 10_000, 10_000], 1000, MINUTE)
  venue.send(2 * MINUTE, -1, 10, 10_100, { reduceOnly: true })
  venue.send(2 * MINUTE, -1, 10, 0, { type: 'stop', triggerTick: 9900, reduceOnly: true })
  venue.answers()
  venue.bar(3 * MINUTE, [10_000, 10_200, 9800, 10_150], 1000, MINUTE)
  expect(venue.said()).toEqual(['3 triggered', '3 filled 10@9880 taker', '2 cancelled reduce-only'])
})

test('where bars judge, trades do not fill as well', () => {
  const venue = barred()
  venue.send(MINUTE, 1, 10, 9950)
  venue.trade(MINUTE + 5e6, -1, 9950, 500)
  expect(venue.said()).toEqual(['1 accepted'])
})

test('when a book comes up, what waited for an open meets it, and limits queue behind it', () => {
  const venue = barred()
  venue.send(MINUTE, 1, 2, 0, { type: 'market' })
  venue.send(MINUTE, 1, 1, 9950)
  venue.book(MINUTE + 10, [[9950, 5]], [[9960, 5]]) // prettier-ignore
  venue.depth(MINUTE + 15, 1, 9950, 6)
  venue.trade(MINUTE + 20, -1, 9950, 5)
  expect(venue.said()).toEqual(['1 accepted', '2 accepted', '1 filled 2@9960 taker'])
  venue.trade(MINUTE + 30, -1, 9949, 1)
  expect(venue.said()).toEqual(['2 filled 1@9950 maker'])
})

test("a bar's adverse extreme liquidates, at a price worse than it", () => {
  const bars = new BarModel({ halfSpreadBps: 10, impactBps: 100, participation: 0.1 })
  const settings = { bars, margin: 'cross' as const, liquidation: { feeBps: 0 } }
  const venue = new HandDrivenExchange(settings, undefined, { USDT: 10_000 })
  venue.bar(MINUTE, [10_000, 10_000, 10_000, 10_000], 10_000, MINUTE)
  venue.send(MINUTE, 1, 10, 0, { type: 'market' })
  venue.bar(2 * MINUTE, [10_000, 10_000, 9990, 10_000], 10_000, MINUTE)
  venue.answers()
  // 10 bought at 10,042; at 9200 the equity is 10,000 − 8420 = 1580, under 92,000 × 2.5 % = 2300; it closed at 10,100.
  venue.bar(3 * MINUTE, [10_000, 10_200, 9200, 10_100], 10_000, MINUTE)
  // 9200 − 9.2 − 9200 × 1 % × √0.001 (2.9) = 9187.9.
  expect(venue.said()).toEqual(['liquidation -10@9187'])
})
