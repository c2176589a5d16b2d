/**
 * Goal: no figure that is none becomes a price, a volatility or a parameter in silence, whichever function it is handed to.
 *
 * Method: each argument of each function in turn replaced by what is no number, too large, or text that looks like one.
 */

import { expect, test } from 'vitest'
import { black76, black76Price, blackScholes, inverseBlack76 } from './black76.ts'
import { digitalBySpread, digitalOption } from './digital.ts'
import { settleSlice } from './fitSvi.ts'
import { ForwardCurve } from './forwardCurve.ts'
import { hestonMeanVariance, hestonPrice } from './heston.ts'
import { impliedVolatility } from './impliedVolatility.ts'
import { perpetualOption, runPerpetual } from './perpetualOption.ts'
import {
  arbitrageShare,
  expectedPoolValue,
  feeImpliedVolatility,
  lambertVolatility,
  poolGreeks,
} from './poolLiquidity.ts'
import { nextNormalisation, powerImpliedVolatility, powerPerpetual, SQUEETH } from './powerPerpetual.ts'
import { fitSabr, sabrVolatility } from './sabr.ts'
import { ssviRaw } from './ssvi.ts'
import { fromJumpWings, jumpWings } from './svi.ts'
import { SviSurface } from './sviSurface.ts'
import { listedVariance } from './volatilityIndex.ts'

// biome-ignore lint/suspicious/noExplicitAny: arguments of any kind are what is tried
type Tried = any

const option = { right: 1, forward: 100, strike: 90, years: 1, volatility: 0.5, rate: 0.01 }
const { rate: _, ...coin } = option
const heston = { right: 1, forward: 100, strike: 100, years: 1, v0: 0.04, kappa: 1, theta: 0.04, xi: 0.5, rho: -0.5 }
const market = { spot: 1000, normalisation: 1, volatility: 0.5, rate: 0 }

const surface = new SviSurface('X', new ForwardCurve(1e12, [{ expiryUs: 2e12, forward: 101, source: 'venue' }]), [
  { expiryUs: 2e12, svi: { a: 0.04, b: 0.1, rho: -0.3, m: 0.01, sigma: 0.1 } },
])

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
  ['poolGreeks', (of) => poolGreeks({ ...of, upper: 200 }, of.price), { liquidity: 10, lower: 50, price: 100 }],
  [
    'expectedPoolValue',
    (of) => expectedPoolValue({ liquidity: 10, lower: 50, upper: 200 }, of.price, of.volatility, of.years),
    { price: 100, volatility: 0.5, years: 1 },
  ],
  [
    'lambertVolatility',
    (of) => lambertVolatility(of.fee, of.volume, of.liquidity),
    { fee: 0.003, volume: 1e6, liquidity: 1e4 },
  ],
  [
    'perpetualOption',
    (of) => perpetualOption(of, of.price, of.volatility, of),
    { right: 1, size: 1, strike: 100, factor: 1.1, price: 100, volatility: 0.5, left: 10, taken: 5, spread: 0.25 },
  ],
  [
    'runPerpetual',
    (of) => runPerpetual({ right: 1, size: 1, strike: 100, factor: 1.1 }, of.fee, [of, { ...of, from: 102, to: 101 }]),
    { fee: 0.003, from: 100, to: 102, volume: 1e5, poolLiquidity: 1e4 },
  ],
  [
    'digitalBySpread',
    (of) => [digitalOption(surface, of), digitalBySpread(surface, of, of.width)],
    { right: 1, expiryUs: 2e12, strike: 100, rate: 0, width: 1 },
  ],
  [
    'fromJumpWings',
    (of) => fromJumpWings(of, of.years),
    { variance: 0.2, skew: -0.1, putWing: 0.8, callWing: 0.5, leastVariance: 0.15, years: 1 },
  ],
  ['ssviRaw', ssviRaw, { theta: 0.04, rho: -0.3, phi: 2 }],
  [
    'settleSlice',
    (of) => settleSlice(of, of.years, undefined),
    { a: 0.04, b: 0.1, rho: -0.3, m: 0.01, sigma: 0.1, years: 1 },
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

test.each(functions)('%s takes neither text nor null for the number it looks like', (_, call, sound) => {
  for (const [name, value] of Object.entries(sound))
    for (const bad of [String(value), null])
      expect(() => call({ ...sound, [name]: bad }), `${name}: ${String(bad)}`).toThrow(
        expect.objectContaining({ code: 'argument-invalid' }),
      )
})

test('no surface and no curve of forwards is made of text, null or what is no number', () => {
  const slice = { a: 0.04, b: 0.1, rho: -0.3, m: 0.01, sigma: 0.1 }
  const surface = (of: Tried) =>
    new SviSurface('X', new ForwardCurve(of.timeUs, [{ expiryUs: of.node, forward: of.forward, source: 'venue' }]), [
      { expiryUs: of.expiryUs, svi: { ...slice, a: of.a } },
    ])
  const sound = { timeUs: 1, node: 10, forward: 100, expiryUs: 10, a: 0.04 }
  surface(sound)
  for (const [name, value] of Object.entries(sound))
    for (const bad of [String(value), null, Number.NaN, Number.POSITIVE_INFINITY, {}])
      expect(() => surface({ ...sound, [name]: bad }), `${name}: ${String(bad)}`).toThrow(
        expect.objectContaining({ code: 'argument-invalid' }),
      )
  const spot = (of: Tried) => new ForwardCurve(1, [{ expiryUs: 10, forward: 100, source: 'venue' }], of)
  for (const bad of ['100', null, 0, Number.POSITIVE_INFINITY, {}])
    expect(() => spot(bad), String(bad)).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
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
