/**
 * Goal: forwards between and beyond listed expiries, and forwards out of options, are the ones an arbitrageur would find.
 *
 * Method: chains priced by Black's formula at known forwards, in both settlements, with bands, noise and quotes that are plainly
 * wrong; curves against their formula.
 */

import { describe, expect, test } from 'vitest'
import { DAY_US } from '../core/clock.ts'
import { Random } from '../core/random.ts'
import { black76Price } from './black76.ts'
import { ForwardCurve, type ParityQuotes, parityForward, parityLine } from './forwardCurve.ts'

const NOW = 1_767_000_000_000_000
const refused = expect.objectContaining({ code: 'argument-invalid' })

/** A chain around a forward with a half spread; prices in coin or quote. */
function chain(settlement: 'coin' | 'quote', forward: number, half: number, discount = 1): ParityQuotes {
  const strike = Array.from({ length: 21 }, (_, i) => Math.round(forward * (0.7 + 0.03 * i)))
  const unit = settlement === 'coin' ? 1 / forward : discount
  const price = (right: 1 | -1, k: number) =>
    unit * black76Price({ right, forward, strike: k, years: 0.2, volatility: 0.6 })
  return {
    settlement,
    discount,
    strike,
    callBid: strike.map((k) => price(1, k) - half),
    callAsk: strike.map((k) => price(1, k) + half),
    putBid: strike.map((k) => price(-1, k) - half),
    putAsk: strike.map((k) => price(-1, k) + half),
  }
}

test('between nodes the forward grows at a constant rate, from spot before the first, on beyond the last', () => {
  const node = (days: number, forward: number) => ({
    expiryUs: NOW + days * DAY_US,
    forward,
    source: 'venue' as const,
  })
  const curve = new ForwardCurve(NOW, [node(10, 101), node(40, 104)], 100)
  expect(curve.at(NOW + 10 * DAY_US)).toBe(101)
  expect(curve.at(NOW + 25 * DAY_US)).toBeCloseTo(Math.sqrt(101 * 104), 10)
  expect(curve.at(NOW + 5 * DAY_US)).toBeCloseTo(Math.sqrt(100 * 101), 10)
  expect(curve.at(NOW + 80 * DAY_US)).toBeCloseTo(104 * 1.04, 10)
  expect(curve.at(NOW)).toBe(100)
  expect(curve.at(NOW - 1)).toBeNaN()
  expect(curve.carry(NOW + 40 * DAY_US)).toBeCloseTo((Math.log(1.04) * 365) / 40, 10)
  const blind = new ForwardCurve(NOW, [node(10, 101), node(40, 104)])
  expect(blind.at(NOW + 5 * DAY_US)).toBe(101)
  expect(blind.at(NOW + 80 * DAY_US)).toBe(104)
})

test('curves that make no sense are refused', () => {
  const node = { expiryUs: NOW + 1, forward: 100, source: 'venue' as const }
  expect(() => new ForwardCurve(NOW, [])).toThrow(refused)
  expect(() => new ForwardCurve(NOW, [node, node])).toThrow(refused)
  expect(() => new ForwardCurve(NOW + 1, [node])).toThrow(refused)
  expect(() => new ForwardCurve(NOW, [{ ...node, forward: Number.NaN }])).toThrow(refused)
  expect(() => new ForwardCurve(NOW, [node], -1)).toThrow(refused)
  expect(() => new ForwardCurve(Number.NaN, [node])).toThrow(refused)
})

describe.each(['coin', 'quote'] as const)('parity of options settled in %s', (settlement) => {
  const half = settlement === 'coin' ? 0.0005 : 30
  const discount = settlement === 'coin' ? 1 : 0.97

  test('the forward is found within the bands, and every band holds it', () => {
    const found = parityForward(chain(settlement, 91_234.5, half, discount))!
    expect(found.forward / 91_234.5).toBeCloseTo(1, 4)
    expect(found.low).toBeLessThanOrEqual(91_234.5 * (1 + 1e-9))
    expect(found.high).toBeGreaterThanOrEqual(91_234.5 * (1 - 1e-9))
    expect(found.strikes).toBe(21)
    expect(found.agreeing).toBe(21)
  })

  test('as ratios to a reference, rows quoted at different moments agree', () => {
    const quotes = chain(settlement, 50_000, half, discount)
    const found = parityForward({ ...quotes, reference: quotes.strike.length ? Array(21).fill(50_050) : [] })!
    expect(found.forward).toBeCloseTo(50_000 / 50_050, 4)
  })

  test('quotes that are plainly wrong do not move it, and are seen not to agree', () => {
    const quotes = chain(settlement, 50_000, half, discount)
    const wrong = [3, 8, 12, 17]
    const bent = (column: ArrayLike<number>, by: number) =>
      Array.from(column, (price, i) => (wrong.includes(i) ? price + by * 40 * half : price))
    const found = parityForward({ ...quotes, callBid: bent(quotes.callBid, 1), callAsk: bent(quotes.callAsk, 1) })!
    expect(found.forward / 50_000).toBeCloseTo(1, 3)
    expect(found.agreeing).toBe(17)
  })

  test('a locked quote, however exact, does not outvote the chain', () => {
    const quotes = chain(settlement, 50_000, half, discount)
    const locked = (column: ArrayLike<number>, price: number) =>
      Array.from(column, (each, i) => (i === 10 ? price : each))
    const call = quotes.callAsk[10]! + 20 * half
    const put = (quotes.putBid[10]! + quotes.putAsk[10]!) / 2
    const found = parityForward({
      ...quotes,
      callBid: locked(quotes.callBid, call),
      callAsk: locked(quotes.callAsk, call),
      putBid: locked(quotes.putBid, put),
      putAsk: locked(quotes.putAsk, put),
    })!
    expect(found.forward / 50_000).toBeCloseTo(1, 3)
    expect(found.agreeing).toBe(20)
  })

  test('one-sided, crossed and missing quotes say nothing; none at all, no forward', () => {
    const quotes = chain(settlement, 50_000, half, discount)
    const callBid = Array.from(quotes.callBid, (price, i) => [0, Number.NaN, price][i % 3]!)
    expect(parityForward({ ...quotes, callBid })!.strikes).toBe(7)
    expect(parityForward({ ...quotes, callBid: quotes.callBid.length ? Array(21).fill(0) : [] })).toBeUndefined()
  })
})

test('where the rate is unknown a line through the differences gives discount and forward, whatever a few quotes say', () => {
  const random = new Random(4)
  const strike = Array.from({ length: 30 }, (_, i) => 3000 + 50 * i)
  const difference = strike.map((k) => 0.985 * (3850 - k) + 0.3 * random.normal())
  difference[5] = difference[5]! + 200
  difference[20] = difference[20]! - 90
  const line = parityLine(strike, difference, Array(30).fill(1))
  expect(line.discount).toBeCloseTo(0.985, 2)
  expect(line.forward / 3850).toBeCloseTo(1, 3)
  const failed = expect.objectContaining({ code: 'fit-failed' })
  expect(() => parityLine([100], [1], [1])).toThrow(failed)
  expect(() => parityLine([100, 110], [1, 2], [1, 1])).toThrow(failed)
})
