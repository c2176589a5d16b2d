/**
 * Goal: a shock does what its sentence says to the prices it names, and nothing to any other.
 * Method: one calm market, each shock by itself, figures worked by hand.
 */

import { describe, expect, test } from 'vitest'
import { DAY_US } from '../../core/clock.ts'
import { SnapshotView } from '../../portfolio/marketView.ts'
import type { Stickiness } from './scenario.ts'
import { parseScenario } from './scenarioText.ts'
import { ShockedView } from './shockedView.ts'
import { levelsOf } from './staticShock.ts'

const NOW_US = 1_767_600_000_000_000
const MONTH_US = NOW_US + 28 * DAY_US

/** Smile: 60 % at 90,000, a point less for each thousand above. */
const surface = {
  asset: 'BTC',
  timeUs: NOW_US,
  expiriesUs: [MONTH_US],
  forward: () => 91_000,
  totalVariance: () => Number.NaN,
  volatility: (_: number, strike: number) => 0.6 - (strike - 90_000) / 100_000,
}
const calm = new SnapshotView({
  timeUs: NOW_US,
  spot: { BTC: 90_000, ETH: 3000, SOL: 150, stETH: 2990 },
  volatility: { BTC: surface, ETH: 0.7 },
  perpetual: { 'hyperliquid BTC': 90_090 },
  fundingPerDay: { 'hyperliquid BTC': 0.0003, 'deribit BTC': 0.0002 },
  liquidity: { 'hyperliquid BTC': { halfSpread: 0.0001, depth: 10e6, takerFee: 0.0005 } },
  transactionCost: { aave: 4 },
})

function under(text: string, laterUs = 0, sticky: Stickiness = 'strike'): ShockedView {
  return new ShockedView(calm, levelsOf(parseScenario(text).steps[0]!.shocks), laterUs, sticky)
}

test('spot takes forwards and perpetuals with it, wrapped coins too, and leaves other assets alone', () => {
  const view = under('spot BTC -30%, spot ETH x0.5')
  expect(view.spot('BTC')).toBeCloseTo(63_000, 9)
  expect(view.forward('BTC', MONTH_US)).toBeCloseTo(0.7 * 91_000, 9)
  expect(view.perpetual('hyperliquid', 'BTC')).toBeCloseTo(0.7 * 90_090, 9)
  expect(view.spot('stETH')).toBe(1495)
  expect(view.spot('SOL')).toBe(150)
  expect(view.spot('USDC')).toBe(1)
})

test('all coins move, dollar coins do not, and what is named moves by its own', () => {
  const view = under('spot * -50%, spot SOL -80%')
  expect([view.spot('BTC'), view.spot('stETH'), view.spot('USDT')]).toEqual([45_000, 1495, 1])
  expect(view.spot('SOL')).toBeCloseTo(30, 12)
})

test('at correlation one others follow the given asset, in proportion to their volatility', () => {
  const view = under('spot BTC x0.64, correlation BTC 1 SOL 1.5')
  expect(view.spot('ETH')).toBeCloseTo(0.64 * 3000, 9)
  expect(view.spot('SOL')).toBeCloseTo(0.512 * 150, 9)
  expect(under('spot BTC x0.64, correlation BTC 0.5').spot('ETH')).toBeCloseTo(0.8 * 3000, 9)
})

describe('volatility', () => {
  test('a strike keeps its volatility when it is sticky, or the volatility moves along with the forward', () => {
    expect(under('spot BTC -10%').volatility('BTC', MONTH_US, 90_000)).toBeCloseTo(0.6, 12)
    // What was 100,000 to yesterday's forward is 90,000 to one a tenth lower.
    expect(under('spot BTC -10%', 0, 'moneyness').volatility('BTC', MONTH_US, 90_000)).toBeCloseTo(0.5, 12)
  })

  test('level, skew and term add up in points', () => {
    const at = (text: string, strike: number, expiryUs = MONTH_US) => under(text).volatility('ETH', expiryUs, strike)
    expect(at('vol x1.2+10', 3000)).toBeCloseTo(0.94, 12)
    expect(at('skew +5', 3000 * Math.exp(-0.1))).toBeCloseTo(0.75, 12)
    expect(at('skew +5', 3000 * Math.exp(0.1))).toBeCloseTo(0.65, 12)
    expect(at('skew +5', 1)).toBeCloseTo(0.85, 12)
    expect(at('term +10', 3000)).toBeCloseTo(0.75, 12)
    expect(at('term +10', 3000, NOW_US + 7 * DAY_US)).toBeCloseTo(0.8, 12)
    expect(at('vol -90', 3000)).toBe(0)
    expect(under('vol BTC +20').volatility('ETH', MONTH_US, 3000)).toBe(0.7)
  })
})

test('a coin that loses its peg is worth what is said', () => {
  expect(under('depeg USDC 0.87').spot('USDC')).toBe(0.87)
  expect(under('depeg USDC 0.87').spot('USDT')).toBe(1)
})

test('the most particular level of funding, depth, spread and basis holds', () => {
  const view = under('funding BTC x3, funding BTC@deribit 1%/d, depth x0.1, spread BTC@hyperliquid x5, basis BTC -5%')
  expect(view.fundingPerDay('hyperliquid', 'BTC')).toBeCloseTo(0.0009, 12)
  expect(view.fundingPerDay('deribit', 'BTC')).toBe(0.01)
  expect(view.liquidity('hyperliquid', 'BTC')).toEqual({ halfSpread: 0.0005, depth: 1e6, takerFee: 0.0005 })
  expect(view.liquidity('aave', 'ETH')).toBeUndefined()
  expect(view.perpetual('hyperliquid', 'BTC')).toBeCloseTo(0.95 * 90_090, 9)
})

test('gas is dollars, a factor, or gwei at the shocked price of ETH; where it cost nothing it costs nothing', () => {
  expect(under('gas 400').transactionCost('aave')).toBe(400)
  expect(under('gas x20').transactionCost('aave')).toBe(80)
  // 300,000 gas × 400e-9 ETH × 1,500.
  expect(under('gas 400gwei, spot ETH -50%').transactionCost('aave')).toBeCloseTo(180, 9)
  expect(under('gas 400').transactionCost('deribit')).toBe(0)
})

test('time passes', () => {
  const view = under('spot BTC -10%', 2 * DAY_US)
  expect(view.timeUs).toBe(NOW_US + 2 * DAY_US)
  expect(view.forward('BTC', NOW_US + DAY_US)).toBe(view.spot('BTC'))
})
