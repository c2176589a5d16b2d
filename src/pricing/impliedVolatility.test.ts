/**
 * Goal: the volatility that comes out is the one the price was made with, as far as a price can tell, and a price that no
 * volatility makes never becomes a number.
 *
 * Method: thirteen prices whose volatility was solved for at 50 digits; the public vectors where they are; a round trip over
 * everything between; the edges by name; fuzzed rows. FULL=1 fuzzes a million.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import { black76Batch, black76Price } from './black76.ts'
import {
  impliedTotalVolatility,
  impliedVolatility,
  impliedVolatilityBatch,
  type QuotedOption,
  VOLATILITY_STATUS_NAMES,
  VolatilityStatus,
} from './impliedVolatility.ts'
import { normalisedBlack } from './normalisedBlack.ts'
import { CALL, PUT, type Right } from './right.ts'

const EPSILON = 2 ** -52
const relative = (found: number, expected: number) => Math.abs(found / expected - 1)

/** x = ln(F/K), β, the s that makes it, and by how much an error of β is multiplied in s (at least 1). */
const KNOWN: readonly (readonly [number, number, number, number])[] = [
  [0, 3.989422804014325e-8, 1e-7, 1],
  [0, 0.13892036641534736, 0.35, 1.01],
  [-1e-6, 7.973845275577431e-4, 0.002, 1],
  [-0.003, 0.0030505444532967657, 0.011, 1],
  [-0.02, 1.8020477618376121e-25, 0.0021, 1],
  [-0.12, 0.03364386238546085, 0.2, 1],
  [-0.7, 8.226866677131394e-10, 0.13, 1],
  [-0.7, 0.5153239925437617, 2.5999999999999996, 1.199],
  [-3, 2.2177499398729317e-25, 0.3, 1],
  [-3, 0.2123861328126687, 5.000000000000001, 2.9],
  [-12, 1.3562410997096405e-67, 0.7, 1],
  [-25, 3.5226838995095406e-6, 9, 1.16],
  [-0.3, 0.860701184548977, 8.999999999996701, 5986],
]

test.each(KNOWN)('at moneyness %d a time value of %d means s = %d', (x, beta, s, condition) => {
  expect(relative(impliedTotalVolatility(beta, x), s)).toBeLessThan(8 * condition * EPSILON)
  expect(relative(normalisedBlack(x, s), beta)).toBeLessThan(EPSILON * (6 + 2 * (x / s) ** 2))
})

const folder = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'reference/vectors')
const normalised = join(folder, 't01_implied_vol_normalised.json')
const edges = join(folder, 't01_implied_vol_edges.json')

test(`reference vectors: within 8 × what the price can tell, all of them ${existsSync(normalised) ? '' : '(absent: nothing compared)'}`, () => {
  if (!existsSync(normalised)) return
  const { cases } = JSON.parse(readFileSync(normalised, 'utf8')) as {
    cases: { x: number; beta: number; s: number; attainable_rel: number }[]
  }
  expect(cases.length).toBeGreaterThan(100)
  const worst = Math.max(
    ...cases.map(({ x, beta, s, attainable_rel }) => relative(impliedTotalVolatility(beta, x), s) / attainable_rel),
  )
  expect(worst).toBeLessThan(8)
})

test(`reference edges: a number or the name of what is wrong ${existsSync(edges) ? '' : '(absent: nothing compared)'}`, () => {
  if (!existsSync(edges)) return
  const { cases } = JSON.parse(readFileSync(edges, 'utf8')) as {
    cases: {
      F: number
      K: number
      T: number
      type: string
      undiscounted_price: number
      sigma?: number
      expect: string
    }[]
  }
  expect(cases.length).toBeGreaterThan(5)
  for (const { F, K, T, type, undiscounted_price: price, sigma, expect: wanted } of cases) {
    const option = { right: type === 'call' ? CALL : PUT, forward: Number(F), strike: K, years: T, price }
    if (sigma !== undefined) expect(relative(impliedVolatility(option), sigma)).toBeLessThan(1e-14)
    else if (wanted.startsWith('sigma=0')) expect(impliedVolatility(option)).toBe(0)
    else expect(() => impliedVolatility(option)).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
  }
})

test('a volatility survives being priced and read back, calls and puts, in and out of the money', () => {
  const option = fc.record({
    right: fc.constantFrom(CALL, PUT),
    forward: fc.double({ min: 1e-5, max: 2e5, noNaN: true }),
    deviations: fc.double({ min: -8, max: 8, noNaN: true }),
    years: fc.double({ min: 1e-4, max: 5, noNaN: true }),
    volatility: fc.double({ min: 0.02, max: 3, noNaN: true }),
    rate: fc.constantFrom(0, 0.05, -0.02),
  })
  fc.assert(
    fc.property(option, ({ deviations, ...rest }) => {
      const s = rest.volatility * Math.sqrt(rest.years)
      const strike = rest.forward * Math.exp(deviations * s)
      const price = black76Price({ ...rest, strike })
      // In the money all digits but the time value's are lost, deep in it those too: the venue quotes the other right.
      const exercise = rest.right * (rest.forward - strike)
      if (exercise > 0 && Math.abs(deviations) > 3) return
      const lost =
        exercise > 0 ? (EPSILON * (rest.forward + strike)) / (rest.forward * s * Math.exp(-0.5 * deviations ** 2)) : 0
      const found = impliedVolatility({ ...rest, strike, price })
      expect(relative(found, rest.volatility)).toBeLessThan(1e-13 + 40 * lost)
    }),
  )
})

const sound: QuotedOption = { right: CALL, forward: 100, strike: 80, years: 1, price: 25 }
const refused: readonly (readonly [string, Partial<Record<keyof QuotedOption, number>>, number])[] = [
  ['less than exercise', { price: 19.999 }, VolatilityStatus.BELOW_INTRINSIC],
  ['a negative price', { strike: 120, price: -1e-9 }, VolatilityStatus.BELOW_INTRINSIC],
  ['a call at its forward', { price: 100 }, VolatilityStatus.ABOVE_MAXIMUM],
  ['a put above its strike', { right: -1, price: 80.5 }, VolatilityStatus.ABOVE_MAXIMUM],
  ['an expired option', { years: 0 }, VolatilityStatus.TIME_NOT_POSITIVE],
  ['negative time', { years: -1 }, VolatilityStatus.TIME_NOT_POSITIVE],
  ['no time', { years: Number.NaN }, VolatilityStatus.INPUT_INVALID],
  ['endless time', { years: Number.POSITIVE_INFINITY }, VolatilityStatus.INPUT_INVALID],
  ['no forward', { forward: Number.NaN }, VolatilityStatus.INPUT_INVALID],
  ['a strike of nothing', { strike: 0 }, VolatilityStatus.INPUT_INVALID],
  ['no price', { price: Number.NaN }, VolatilityStatus.INPUT_INVALID],
  ['an endless rate', { rate: Number.POSITIVE_INFINITY }, VolatilityStatus.INPUT_INVALID],
  ['neither call nor put', { right: 3 }, VolatilityStatus.INPUT_INVALID],
  ['a price among the denormal numbers', { strike: 200, price: 1e-310 }, VolatilityStatus.OUT_OF_RANGE],
  ['a product no number holds', { forward: 1e200, strike: 1e200, price: 1 }, VolatilityStatus.OUT_OF_RANGE],
]

test.each(refused)('%s has no volatility', (_, change, status) => {
  const option = { ...sound, ...change } as QuotedOption
  expect(() => impliedVolatility(option)).toThrow(
    expect.objectContaining({
      code: 'argument-invalid',
      facts: expect.objectContaining({ reason: VOLATILITY_STATUS_NAMES[status] }),
    }),
  )
  const volatility = Float64Array.of(7)
  const outcome = new Uint8Array(1)
  const columns = {
    right: Int8Array.of(option.right),
    forward: Float64Array.of(option.forward),
    strike: Float64Array.of(option.strike),
    years: Float64Array.of(option.years),
    price: Float64Array.of(option.price),
    rate: Float64Array.of(option.rate ?? 0),
  }
  expect(impliedVolatilityBatch(columns, volatility, outcome)).toBe(1)
  expect(volatility[0]).toBeNaN()
  expect(outcome[0]).toBe(status)
})

test('a price of exactly what exercise brings means no volatility at all', () => {
  expect(impliedVolatility({ ...sound, price: 20 })).toBe(0)
  expect(impliedVolatility({ ...sound, strike: 120, price: 0 })).toBe(0)
})

test('columns of different lengths are refused', () => {
  const one = Float64Array.of(1)
  const columns = { right: Int8Array.of(1), forward: one, strike: one, years: one, price: new Float64Array(2) }
  expect(() => impliedVolatilityBatch(columns, new Float64Array(1), new Uint8Array(1))).toThrow(
    expect.objectContaining({ code: 'argument-invalid', facts: { right: 1, price: 2 } }),
  )
})

const ROWS = process.env['FULL'] === '1' ? 1_000_000 : 100_000

test(`of ${ROWS} fuzzed rows every one is solved, and gives its price again, or says why not`, () => {
  const random = new Random(17)
  const strange = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -1, 5e-324, 1.7e308]
  const figure = (low: number, high: number) =>
    random.uniform() < 0.02 ? strange[random.integer(0, strange.length - 1)]! : low * (high / low) ** random.uniform()
  const floats = () => new Float64Array(ROWS)
  const options = { right: new Int8Array(ROWS), forward: floats(), strike: floats(), years: floats(), price: floats() }
  for (let i = 0; i < ROWS; i++) {
    const forward = figure(1e-3, 1e5)
    const right: Right = random.bits() > 0 ? CALL : PUT
    options.right[i] = random.uniform() < 0.01 ? 2 : right
    options.forward[i] = forward
    options.strike[i] = forward * Math.exp(2 * random.normal())
    options.years[i] = figure(1e-5, 10)
    // From below exercise to above the forward, and down to tails of 1e-200.
    const exercise = Math.max(0, right * (forward - options.strike[i]!))
    const size = Math.min(forward, options.strike[i]!)
    const share = random.uniform() < 0.5 ? 1.2 * random.uniform() - 0.1 : 10 ** (-200 * random.uniform())
    options.price[i] = random.uniform() < 0.02 ? figure(1e-9, 1e9) : exercise + share * size
  }
  const volatility = floats()
  const status = new Uint8Array(ROWS)
  const unsolved = impliedVolatilityBatch(options, volatility, status)
  const out = {
    price: floats(),
    deltaForward: floats(),
    gamma: floats(),
    vega: floats(),
    theta: floats(),
    rho: floats(),
  }
  black76Batch({ ...options, volatility }, { ...out, status: new Uint8Array(ROWS) })
  const seen = new Uint32Array(VOLATILITY_STATUS_NAMES.length)
  let nan = 0
  let wrong = ''
  for (let i = 0; i < ROWS; i++) {
    seen[status[i]!]!++
    if (Number.isNaN(volatility[i])) nan++
    const solved = status[i] === VolatilityStatus.SOLVED || status[i] === VolatilityStatus.AT_INTRINSIC
    if (solved === Number.isNaN(volatility[i])) wrong = `row ${i}: ${status[i]} ${volatility[i]}`
    // Of an option with 1e-300 years left the vega itself is no number any more.
    if (status[i] !== VolatilityStatus.SOLVED || options.years[i]! < 1e-100) continue
    // The price again, to what rounding the volatility by itself changes.
    const price = options.price[i]!
    const tolerance = 1e-13 * price + 16 * EPSILON * (out.vega[i]! * volatility[i]! + price)
    if (!(Math.abs(out.price[i]! - price) <= tolerance))
      wrong = `row ${i}: σ ${volatility[i]} T ${options.years[i]} F ${options.forward[i]} K ${options.strike[i]} gives ${out.price[i]}, not ${price}`
  }
  expect(wrong).toBe('')
  expect(nan).toBe(unsolved)
  for (const outcome of Object.values(VolatilityStatus))
    expect(seen[outcome], VOLATILITY_STATUS_NAMES[outcome]!).toBeGreaterThan(0)
})

test('at strikes a rounding away from the forward the volatility is found as at the forward', () => {
  for (const x of [-1e-19, -2.95e-17, -7.24e-17, -1.01e-16, -2.3e-16, -1e-15, -4e-13, -6e-13])
    for (const s of [1e-10, 2.8e-9, 1e-7, 1e-4, 0.3]) {
      const beta = normalisedBlack(x, s)
      const condition = Math.max(1, beta / (s * Math.exp(-0.5 * ((x / s) ** 2 + 0.25 * s * s)) * 0.3989422804014327))
      expect(relative(impliedTotalVolatility(beta, x), s)).toBeLessThan(8 * condition * EPSILON)
    }
})
