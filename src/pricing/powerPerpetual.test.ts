/**
 * Goal: power perpetuals are worth, and cost, what their funding says; real squeeth tells a volatility of its market.
 *
 * Method: every Greek against differences of the price; the price as a bet that is fair under a geometric Brownian motion; three days
 * of squeeth on Ethereum (14 to 16 August 2023), whose factor is recomputed from its own marks.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { GimbalError } from '../core/errors.ts'
import {
  nextNormalisation,
  type PowerMarket,
  powerFundingRate,
  powerImpliedVolatility,
  powerPerpetual,
  powerRatio,
  SQUEETH,
} from './powerPerpetual.ts'

const market: PowerMarket = { spot: 1839.22, normalisation: 0.2896, volatility: 0.45, rate: 0.03 }
const cube = { ...SQUEETH, power: 3 }

for (const [name, terms] of [
  ['squeeth', SQUEETH],
  ['a third power', cube],
] as const)
  test(`all Greeks of ${name} are the differences of its price`, () => {
    const at = (change: Partial<PowerMarket>) => powerPerpetual(terms, { ...market, ...change })
    const g = at({})
    const slope = (of: 'price' | 'delta' | 'gamma' | 'vega', key: keyof PowerMarket, step: number) =>
      (at({ [key]: market[key]! + step })[of] - at({ [key]: market[key]! - step })[of]) / (2 * step)
    const near = (told: number, expected: number) => expect(told / expected).toBeCloseTo(1, 6)
    near(g.delta, slope('price', 'spot', 0.5))
    near(g.gamma, slope('delta', 'spot', 0.5))
    if (terms.power !== 2) near(g.speed, slope('gamma', 'spot', 0.5))
    else expect(g.speed).toBe(0)
    near(g.vega, slope('price', 'volatility', 1e-4))
    near(g.rho, slope('price', 'rate', 1e-4))
    near(g.vanna, slope('delta', 'volatility', 1e-4))
    near(g.volga, slope('vega', 'volatility', 1e-4))
    near(g.zomma, slope('gamma', 'volatility', 1e-4))
    // Time: the factor shrinks by what is due at the mark the price stands at.
    const years = 1e-4
    const wide = { ...terms, ratioMin: 1e-9, ratioMax: 1e9 }
    const later = at({ normalisation: nextNormalisation(wide, market.normalisation, g.price / g.index, years) })
    const close = (told: number, expected: number) => expect(told / expected).toBeCloseTo(1, 3)
    close(g.theta, (later.price - g.price) / years)
    close(g.charm, (later.delta - g.delta) / years)
    close(g.color, (later.gamma - g.gamma) / years)
    const more = { volatility: market.volatility + 1e-4 }
    const less = { volatility: market.volatility - 1e-4 }
    close(
      g.veta,
      (powerPerpetual(terms, { ...market, ...more }).theta - powerPerpetual(terms, { ...market, ...less }).theta) /
        2e-4,
    )
  })

test('what is paid for the convexity is its worth: ½Γσ²S² and the drift of the hedge against theta', () => {
  for (const terms of [SQUEETH, cube]) {
    const { price, delta, gamma, theta } = powerPerpetual(terms, market)
    const { spot, volatility, rate = 0 } = market
    // Black-Scholes' equation of something that does not depend on time but through its factor.
    const balance = theta + 0.5 * gamma * volatility ** 2 * spot ** 2 + rate * spot * delta - rate * price
    expect(Math.abs(balance)).toBeLessThan(1e-12 * price)
  }
})

test('a mark tells the volatility it was made of, and a mark below the index tells none', () => {
  for (const terms of [SQUEETH, cube]) {
    const { price } = powerPerpetual(terms, market)
    expect(powerImpliedVolatility(terms, { ...market, price })).toBeCloseTo(0.45, 12)
  }
  const { index } = powerPerpetual(SQUEETH, market)
  expect(powerImpliedVolatility(SQUEETH, { ...market, price: 0.99 * index })).toBeNaN()
  expect(powerFundingRate(SQUEETH, 3)).toBe(powerFundingRate(SQUEETH, 1.4))
  expect(powerFundingRate(SQUEETH, 0.5)).toBeCloseTo(Math.log(0.8) / SQUEETH.periodYears, 12)
  expect(() => powerImpliedVolatility({ ...SQUEETH, power: 1 }, { ...market, price: 1 })).toThrow(GimbalError)
  expect(() => powerPerpetual(SQUEETH, { ...market, spot: Number.NaN })).toThrow(GimbalError)
  expect(() => nextNormalisation(SQUEETH, 0.3, 1.01, -1)).toThrow(GimbalError)
})

const folder = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'data/onchain')
const days = ['14', '15', '16'].map((day) => join(folder, `ethereum-squeeth-controller-2023-08-${day}.minute.csv.gz`))
const present = days.every(existsSync)

test(`squeeth on Ethereum implies a volatility of its market, and its factor follows${present ? '' : ' (not checked: no such data here)'}`, () => {
  if (!present) return
  const rows = days.flatMap((path) =>
    gunzipSync(readFileSync(path))
      .toString()
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(',').slice(1).map(Number) as [normalisation: number, spot: number, coins: number]),
  )
  expect(rows.length).toBe(3 * 1440)
  const minute = 1 / (365 * 1440)
  const volatilities: number[] = []
  const shares: number[] = []
  let since = -1
  for (let i = 1; i < rows.length; i++) {
    const [normalisation, spot, coins] = rows[i]!
    const before = rows[i - 1]![0]
    const volatility = powerImpliedVolatility(SQUEETH, { price: coins * spot, spot, normalisation })
    if (volatility > 0) volatilities.push(volatility)
    if (normalisation === before) continue
    // Somebody traded: the contract books the time since it was last asked, at the ratio the old factor gives now.
    const next = nextNormalisation(
      SQUEETH,
      before,
      powerRatio(SQUEETH, coins * spot, spot, before),
      (i - since) * minute,
    )
    if (since >= 0) shares.push(Math.log(before / normalisation) / Math.log(before / next))
    since = i
  }
  volatilities.sort((a, b) => a - b)
  shares.sort((a, b) => a - b)
  const at = (sorted: number[], share: number) => sorted[Math.floor(share * sorted.length)]!
  // Options on ether were quoted at 25 to 45 % in these days.
  expect(volatilities.length / rows.length).toBeGreaterThan(0.95)
  expect(at(volatilities, 0.5)).toBeGreaterThan(0.25)
  expect(at(volatilities, 0.5)).toBeLessThan(0.5)
  // The contract takes means over seven minutes from other pools than the prices here: in the middle they agree.
  expect(shares.length).toBe(16)
  expect(at(shares, 0.5)).toBeGreaterThan(0.9)
  expect(at(shares, 0.5)).toBeLessThan(1.1)
})
