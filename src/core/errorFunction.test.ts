/**
 * Goal: tails keep all their digits, because a wing option is worth nothing but a tail.
 *
 * Method: values by arbitrary-precision arithmetic (50 digits, rounded once) on both sides of every branch, and identities for
 * everything between.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { erf, erfc, erfcx, fillTails, normalCdf, normalQuantile } from './errorFunction.ts'

const EXACT = 1e-15
const relative = (found: number, expected: number) => Math.abs(found / expected - 1)

/** x, erf, erfc, erfcx. */
const VALUES: readonly (readonly [number, number, number, number])[] = [
  [-3, -0.9999779095030014, 1.9999779095030015, 16205.988853999586],
  [-1, -0.8427007929497149, 1.8427007929497148, 5.008980080762283],
  [-0.3, -0.3286267594591274, 1.3286267594591274, 1.4537492328427655],
  [1e-9, 1.1283791670955127e-9, 0.9999999988716208, 0.9999999988716208],
  [0.2, 0.22270258921047847, 0.7772974107895215, 0.8090195199015807],
  [0.46875, 0.49261347321793797, 0.507386526782062, 0.6320696892495561],
  [0.47, 0.4937450508860821, 0.5062549491139179, 0.6314005166600343],
  [1, 0.8427007929497149, 0.15729920705028513, 0.427583576155807],
  [2.5, 0.999593047982555, 4.069520174449589e-4, 0.2108063640611436],
  [3.99, 0.9999999832607886, 1.6739211364520814e-8, 0.1373240409142297],
  [4.01, 0.9999999858030606, 1.4196939421371052e-8, 0.13667636742994915],
  [7, 1, 4.183825607779414e-23, 0.07980005432915294],
  [15, 1, 7.212994172451207e-100, 0.03752960638850576],
  [26, 1, 5.663192408856143e-296, 0.021683584850562907],
]

test.each(VALUES)('error functions at %d', (x, ordinary, complement, scaled) => {
  expect(relative(erf(x), ordinary)).toBeLessThan(EXACT)
  expect(relative(erfc(x), complement)).toBeLessThan(EXACT)
  expect(relative(erfcx(x), scaled)).toBeLessThan(EXACT)
})

const PROBABILITIES: readonly (readonly [number, number])[] = [
  [-37, 5.725571222524577e-300],
  [-20, 2.7536241186062337e-89],
  [-9, 1.1285884059538405e-19],
  [-8.4, 2.2323931972880437e-17],
  [-4, 3.1671241833119924e-5],
  [-1.5, 0.06680720126885807],
  [-0.5, 0.3085375387259869],
  [0.3, 0.6179114221889527],
  [2, 0.9772498680518208],
  [6, 0.9999999990134123],
]

test.each(PROBABILITIES)('the normal distribution at %d, and back', (x, probability) => {
  expect(relative(normalCdf(x), probability)).toBeLessThan(EXACT)
  // Near 1 a probability cannot tell x any better than this.
  const told = (x > 0 ? 2 ** -52 : 0) / (Math.exp(-0.5 * x * x) * Math.abs(x))
  expect(relative(normalQuantile(probability), x)).toBeLessThan(2e-15 + 3 * told)
})

test('a percentile exists only between 0 and 1', () => {
  expect(normalQuantile(0)).toBe(Number.NEGATIVE_INFINITY)
  expect(normalQuantile(1)).toBe(Number.POSITIVE_INFINITY)
  expect(normalQuantile(-1e-9)).toBeNaN()
  expect(normalQuantile(1.1)).toBeNaN()
  expect(normalQuantile(Number.NaN)).toBeNaN()
})

test('a percentile undoes a probability, however small', () => {
  fc.assert(
    fc.property(fc.double({ min: -37, max: 0, noNaN: true }), (x) => {
      // A change of one unit in the last place of p moves x by 1/(x n(x)/N(x)) of it, never by more than one.
      expect(Math.abs(normalQuantile(normalCdf(x)) - x)).toBeLessThan(4e-15 * (1 + Math.abs(x)))
    }),
  )
})

test('both tails of an option, and their ratios, are those computed alone', () => {
  fc.assert(
    fc.property(
      fc.double({ min: -5, max: 5, noNaN: true }),
      fc.double({ min: 0.01, max: 3, noNaN: true }),
      (moneyness, s) => {
        const d = [moneyness / s + s / 2, moneyness / s - s / 2]
        if (Math.abs(d[0]!) > 30 || Math.abs(d[1]!) > 30) return
        const row = Float64Array.of(d[0]!, d[1]!, 0, Math.exp(moneyness), 0, 0, 0, 0)
        fillTails(row, 0, 2, 4, 6)
        for (const [k, x] of d.entries()) {
          const density = Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI)
          // Rounding d by itself changes a density by d² units in the last place.
          const rounding = 2e-15 + 1e-15 * Math.max(d[0]! ** 2, d[1]! ** 2)
          expect(relative(row[2 + k]!, density)).toBeLessThan(rounding)
          expect(relative(row[6 + k]!, normalCdf(-Math.abs(x)))).toBeLessThan(rounding)
          expect(relative(row[4 + k]!, row[6 + k]! / row[2 + k]!)).toBeLessThan(EXACT)
        }
      },
    ),
  )
})
