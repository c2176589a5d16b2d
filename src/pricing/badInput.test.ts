/**
 * Goal: no figure that is none becomes a price, a volatility or a parameter in silence, whichever function it is handed to.
 *
 * Method: each argument of each function in turn replaced by what is no number, too large, or text that looks like one.
 */

import { expect, test } from 'vitest'
import { black76, black76Price, blackScholes, inverseBlack76 } from './black76.ts'
import { hestonMeanVariance, hestonPrice } from './heston.ts'
import { impliedVolatility } from './impliedVolatility.ts'
import { arbitrageShare, feeImpliedVolatility } from './poolLiquidity.ts'
import { nextNormalisation, powerImpliedVolatility, powerPerpetual, SQUEETH } from './powerPerpetual.ts'
import { fitSabr, sabrVolatility } from './sabr.ts'
import { jumpWings } from './svi.ts'
import { listedVariance } from './volatilityIndex.ts'

// biome-ignore lint/suspicious/noExplicitAny: arguments of any kind are what is tried
type Tried = any

const option = { right: 1, forward: 100, strike: 90, years: 1, volatility: 0.5, rate: 0.01 }
const { rate: _, ...coin } = option
const heston = { right: 1, forward: 100, strike: 100, years: 1, v0: 0.04, kappa: 1, theta: 0.04, xi: 0.5, rho: -0.5 }
const market = { spot: 1000, normalisation: 1, volatility: 0.5, rate: 0 }

const functions: [string, (of: Tried) => unknown, Record<string, number>][] = [
  ['black76', black76, option],
  ['black76Price', black76Price, option],
  ['inverseBlack76', inverseBlack76, coin],
  [
    'blackScholes',
    blackScholes,
    { right: 1, spot: 100, strike: 90, years: 1, volatility: 0.5, rate: 0.01, yield: 0.02 },
  ],
  ['impliedVolatility', impliedVolatility, { right: 1, forward: 100, strike: 90, years: 1, price: 20, rate: 0.01 }],
  ['hestonPrice', hestonPrice, heston],
  ['hestonMeanVariance', (of) => hestonMeanVariance(of, of.years), { v0: 0.04, kappa: 1, theta: 0.04, years: 1 }],
  ['powerPerpetual', (of) => powerPerpetual(SQUEETH, of), market],
  [
    'powerImpliedVolatility',
    (of) => powerImpliedVolatility(SQUEETH, of),
    { price: 105, spot: 1000, normalisation: 1, rate: 0 },
  ],
  [
    'nextNormalisation',
    (of) => nextNormalisation(SQUEETH, of.n, of.ratio, of.years),
    { n: 0.9, ratio: 1.1, years: 0.1 },
  ],
  [
    'sabrVolatility',
    (of) => sabrVolatility(of, of.forward, of.strike, of.years),
    { alpha: 0.5, beta: 0.5, rho: 0.1, nu: 0.5, forward: 100, strike: 90, years: 1 },
  ],
  [
    'fitSabr',
    (of) => fitSabr(of.beta, of.forward, of.years, [90, 100, of.strike], [0.5, 0.5, of.volatility], [1, 1, of.weight]),
    { beta: 1, forward: 100, years: 1, strike: 110, volatility: 0.5, weight: 1 },
  ],
  ['jumpWings', (of) => jumpWings(of, of.years), { a: 0.04, b: 0.1, rho: -0.3, m: 0.01, sigma: 0.1, years: 1 }],
  [
    'arbitrageShare',
    (of) => arbitrageShare(of.fee, of.blocks, of.volatility),
    { fee: 0.003, blocks: 1e6, volatility: 0.5 },
  ],
  [
    'feeImpliedVolatility',
    (of) => feeImpliedVolatility(of, of.price),
    { fee: 0.003, volumePerYear: 1e6, poolLiquidity: 1e4, price: 100 },
  ],
]

test.each(functions)('%s refuses by name what is no number', (_, call, sound) => {
  call(sound)
  for (const name of Object.keys(sound))
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 'x', {}])
      expect(() => call({ ...sound, [name]: bad }), `${name}: ${String(bad)}`).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^(argument-invalid|fit-failed)$/) }),
      )
})

test.each(functions.slice(0, 5))('%s takes neither text nor null for the number it looks like', (_, call, sound) => {
  for (const [name, value] of Object.entries(sound))
    for (const bad of [String(value), null])
      expect(() => call({ ...sound, [name]: bad }), `${name}: ${String(bad)}`).toThrow(
        expect.objectContaining({ code: 'argument-invalid' }),
      )
})

test('an infinite price is no price of a strip', () => {
  const strip = (last: number) =>
    listedVariance({
      strike: [70, 80, 90, 100, 110, 120, 130],
      call: [30, 20, 12, 8, 5, 3, last],
      put: [1, 2, 4, 7, 14, 22, 31],
      forward: 101,
      years: 0.1,
    })
  expect(strip(Number.POSITIVE_INFINITY)).toEqual(strip(Number.NaN))
})
