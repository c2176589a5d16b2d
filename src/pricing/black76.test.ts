/**
 * Goal: no digit of a price or a Greek is wrong, in the money or a hundred orders of magnitude out of it, and nothing that makes
 * no sense is given a number.
 *
 * Method: six options whose fifteen figures were got by differentiating the price numerically at 50 digits; the public vectors
 * where they are; identities (parity, homogeneity, the differential equation) and finite differences for everything between;
 * fuzzed rows. FULL=1 fuzzes a million.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import {
  type Black76Greeks,
  black76,
  black76Batch,
  black76Price,
  blackScholes,
  type CoinGreeks,
  inverseBlack76,
  inverseBlack76Batch,
  type OptionTerms,
  PriceStatus,
} from './black76.ts'
import { CALL, PUT, type Right } from './right.ts'

const relative = (found: number, expected: number) => (found === expected ? 0 : Math.abs(found / expected - 1))

type Figures = Omit<Black76Greeks, 'deltaPremiumAdjusted'>

/** right, F, K, T, σ, r and the figures. */
const KNOWN: readonly (readonly [Right, number, number, number, number, number, Figures])[] = [
  [
    1,
    61234.5,
    70000.0,
    0.115,
    0.55,
    0.04,
    {
      price: 1682.268398582851,
      deltaForward: 0.2650811294288405,
      gamma: 2.8618307849676706e-5,
      vega: 6787.296679168221,
      theta: -16163.201322937215,
      rho: -193.46086583702788,
      vanna: 0.4816889801299214,
      volga: 6241.925938326213,
      charm: -1.1412617073074411,
      speed: 1.0963063666856158e-9,
      zomma: -2.5714508475089143e-5,
      color: 6.26359482326785e-5,
      veta: -44164.83832956213,
      ultima: -29087.03121585867,
    },
  ],
  [
    -1,
    61234.5,
    45000.0,
    0.0105,
    0.82,
    0.0,
    {
      price: 0.13144241873752738,
      deltaForward: -0.000104384208771861,
      gamma: 8.009925087910905e-8,
      vega: 2.5859728321062785,
      theta: -100.97608201557848,
      rho: -0.0013801453967440375,
      vanna: -0.0018214782265267594,
      volga: 42.3812345900467,
      charm: 0.07112438789294964,
      speed: -5.903555004444193e-11,
      zomma: 1.2150561175620853e-6,
      color: -4.744504840004332e-5,
      veta: -1778.0278664735508,
      ultima: 539.5011105980265,
    },
  ],
  [
    1,
    3.25,
    2.9,
    1.75,
    0.95,
    -0.01,
    {
      price: 1.654874225474353,
      deltaForward: 0.7774263325743458,
      gamma: 0.07675686907940939,
      vega: 1.3478626142952224,
      theta: -0.3823971661348753,
      rho: -2.8960298945801175,
      vanna: 0.1774429370792271,
      volga: -0.5485420932686654,
      charm: -0.05593734624724795,
      speed: -0.037130135411530894,
      zomma: -0.11203458654636819,
      color: 0.029641819086077274,
      veta: -0.24969223348294944,
      ultima: -0.40328021495106064,
    },
  ],
  [
    -1,
    100.0,
    100.0,
    0.25,
    0.6,
    0.03,
    {
      price: 11.834446448208519,
      deltaForward: -0.43709179516852664,
      gamma: 0.01305106009907874,
      vega: 19.57659014861811,
      theta: -23.136874784895475,
      rho: -2.9586116120521297,
      vanna: 0.09788295074309054,
      volga: -0.7341221305731791,
      charm: -0.13057229474676446,
      speed: -0.0001957659014861811,
      zomma: -0.022241181585513355,
      color: 0.027080949705588386,
      veta: -37.68493603608986,
      ultima: -1.1960073043921378,
    },
  ],
  [
    1,
    1.0,
    1.9,
    0.02,
    0.8,
    0.0,
    {
      price: 1.8186863802162438e-10,
      deltaForward: 9.733528556329592e-9,
      gamma: 4.976916649397978e-7,
      vega: 7.963066639036765e-9,
      theta: -1.5926133278073533e-7,
      rho: -3.6373727604324874e-12,
      vanna: 4.032881948910416e-7,
      volga: 3.2033881336370314e-7,
      charm: -8.065763897820833e-6,
      speed: 2.4210128850810505e-5,
      zomma: 1.9399061254056696e-5,
      color: -0.00038798122508113393,
      veta: -6.6058529332499814e-6,
      ultima: 1.1685182846573012e-5,
    },
  ],
  [
    -1,
    2500.0,
    4000.0,
    0.5,
    1.1,
    0.05,
    {
      price: 1848.8085439181093,
      deltaForward: -0.5708031452037056,
      gamma: 0.00019550802674579321,
      vega: 672.0588419386643,
      theta: -646.8242989366253,
      rho: -924.4042719590547,
      vanna: 0.34325150047226727,
      volga: 130.6724365298842,
      charm: -0.4061168077796793,
      speed: -5.655143944106593e-8,
      zomma: -0.0001397207700511184,
      color: 0.00016346824839351992,
      veta: -782.1955800246037,
      ultima: -667.0013667663869,
    },
  ],
]

test.each(KNOWN)('%d × option on %d struck at %d has the figures of 50-digit differentiation', (...known) => {
  const [right, forward, strike, years, volatility, rate, expected] = known
  const found = black76({ right, forward, strike, years, volatility, rate })
  for (const [name, value] of Object.entries(expected))
    expect(relative(found[name as keyof Figures], value), name).toBeLessThan(2e-13)
  expect(black76Price({ right, forward, strike, years, volatility, rate })).toBeCloseTo(found.price, 9)
  expect(relative(found.deltaPremiumAdjusted, found.deltaForward - found.price / forward)).toBeLessThan(1e-9)
})

interface VectorCase {
  readonly F: number
  readonly K: number
  readonly sigma: number
  readonly T: number
  readonly r: number
  readonly type: string
  readonly black76: Readonly<Record<string, number>>
  readonly inverse: Readonly<Record<string, number>>
}

const OF_VECTOR: Readonly<Record<string, keyof Black76Greeks>> = {
  price: 'price', delta_fwd: 'deltaForward', gamma_fwd: 'gamma', vega: 'vega', theta: 'theta', rho: 'rho', vanna: 'vanna',
  volga: 'volga', charm: 'charm', speed: 'speed', zomma: 'zomma', color: 'color', veta: 'veta', ultima: 'ultima',
} // biome-ignore format: one list
const COIN_OF_VECTOR: Readonly<Record<string, keyof CoinGreeks>> = {
  price_coin: 'price', bs_delta: 'deltaForward', delta_coin_per_usd: 'deltaCoin', pa_delta: 'deltaPremiumAdjusted',
  gamma_coin: 'gammaCoin', vega_coin: 'vegaCoin', vanna_coin: 'vannaCoin', volga_coin: 'volgaCoin', theta_coin: 'thetaCoin',
  charm_coin_per_usd: 'charmCoin',
} // biome-ignore format: one list

const vectors = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'reference/vectors/t01_black76_greeks.json')

test(`reference vectors: every figure to 1e-12 relative ${existsSync(vectors) ? '' : '(absent: nothing compared)'}`, () => {
  if (!existsSync(vectors)) return
  const { cases } = JSON.parse(readFileSync(vectors, 'utf8')) as { cases: VectorCase[] }
  expect(cases.length).toBeGreaterThan(200)
  for (const { F: forward, K: strike, sigma: volatility, T: years, r: rate, type, ...expected } of cases) {
    const terms: OptionTerms = { right: type === 'call' ? CALL : PUT, forward, strike, years, volatility }
    const quote = black76({ ...terms, rate })
    const coin = inverseBlack76(terms)
    for (const [theirs, ours] of Object.entries(OF_VECTOR))
      expect(relative(quote[ours], expected.black76[theirs]!), `${theirs} ${JSON.stringify(terms)}`).toBeLessThan(1e-12)
    for (const [theirs, ours] of Object.entries(COIN_OF_VECTOR))
      expect(relative(coin[ours], expected.inverse[theirs]!), `${theirs} ${JSON.stringify(terms)}`).toBeLessThan(1e-12)
  }
})

/** Options a venue might list, and stranger ones. */
const listed = fc.record({
  right: fc.constantFrom(CALL, PUT),
  forward: fc.double({ min: 0.01, max: 2e5, noNaN: true }),
  deviations: fc.double({ min: -6, max: 6, noNaN: true }),
  years: fc.double({ min: 1e-4, max: 5, noNaN: true }),
  volatility: fc.double({ min: 0.02, max: 3, noNaN: true }),
  rate: fc.double({ min: -0.1, max: 0.1, noNaN: true }),
})
type Listed = typeof listed extends fc.Arbitrary<infer Value> ? Value : never
const termsOf = ({ deviations, ...rest }: Listed): Required<OptionTerms> => ({
  ...rest,
  strike: rest.forward * Math.exp(deviations * rest.volatility * Math.sqrt(rest.years)),
})

test('a call less a put is the forward less the strike', () => {
  fc.assert(
    fc.property(listed, (sample) => {
      const terms = termsOf(sample)
      const call = black76({ ...terms, right: CALL })
      const put = black76({ ...terms, right: PUT })
      const discount = Math.exp(-terms.rate * terms.years)
      const scale = Math.max(terms.forward, terms.strike)
      expect(Math.abs(call.price - put.price - discount * (terms.forward - terms.strike)) / scale).toBeLessThan(
        1e-15 * 4,
      )
      expect(Math.abs(call.deltaForward - put.deltaForward - discount)).toBeLessThan(1e-15)
      for (const same of ['gamma', 'vega', 'vanna', 'volga', 'speed', 'zomma', 'ultima'] as const)
        expect(call[same]).toBe(put[same])
    }),
  )
})

test('each Greek is the slope of what it is the slope of', () => {
  fc.assert(
    fc.property(listed, (sample) => {
      const terms = termsOf({ ...sample, deviations: sample.deviations / 3 })
      const g = black76(terms)
      const slope = (of: keyof Black76Greeks, by: 'forward' | 'volatility' | 'years' | 'rate') => {
        const step =
          by === 'rate'
            ? 1e-5
            : by === 'forward'
              ? 1e-4 * terms.forward * terms.volatility * Math.sqrt(terms.years)
              : 1e-5 * terms[by]
        const up = black76({ ...terms, [by]: terms[by] + step })
        const down = black76({ ...terms, [by]: terms[by] - step })
        return (up[of] - down[of]) / (2 * step)
      }
      const s = terms.volatility * Math.sqrt(terms.years)
      const near = (found: number, expected: number, scale: number) =>
        expect(Math.abs(found - expected) / scale).toBeLessThan(1e-4)
      const { forward, volatility, years } = terms
      near(g.deltaForward, slope('price', 'forward'), 1)
      near(g.gamma, slope('deltaForward', 'forward'), 1 / (forward * s))
      near(g.vega, slope('price', 'volatility'), forward * Math.sqrt(years))
      near(g.theta, -slope('price', 'years'), (forward * s) / years + forward)
      near(g.rho, slope('price', 'rate'), forward * years)
      near(g.vanna, slope('deltaForward', 'volatility'), 1 / volatility)
      near(g.volga, slope('vega', 'volatility'), (forward * Math.sqrt(years)) / volatility)
      near(g.charm, -slope('deltaForward', 'years'), 1 / years + 1)
      near(g.speed, slope('gamma', 'forward'), 1 / (forward * s) ** 2)
      near(g.zomma, slope('gamma', 'volatility'), 1 / (forward * s * volatility))
      near(g.color, -slope('gamma', 'years'), (1 / years + 1) / (forward * s))
      near(g.veta, -slope('vega', 'years'), forward * Math.sqrt(years) * (1 / years + 1))
      near(g.ultima, slope('volga', 'volatility'), (forward * Math.sqrt(years)) / volatility ** 2)
    }),
  )
})

test('an option on a spot obeys the Black-Scholes equation, and its Greeks are slopes in the spot', () => {
  const terms = { right: CALL, spot: 3200, strike: 3000, years: 0.4, volatility: 0.7, rate: 0.05, yield: 0.02 }
  const g = blackScholes(terms)
  const drift = 0.03
  const equation = g.theta + drift * 3200 * g.deltaSpot + 0.5 * 0.49 * 3200 ** 2 * g.gamma - 0.05 * g.price
  expect(Math.abs(equation) / g.price).toBeLessThan(1e-13)
  const slope = (of: keyof typeof g, by: 'spot' | 'years' | 'rate' | 'volatility' | 'yield', step: number) =>
    (blackScholes({ ...terms, [by]: terms[by] + step })[of] - blackScholes({ ...terms, [by]: terms[by] - step })[of]) /
    (2 * step)
  expect(relative(g.deltaSpot, slope('price', 'spot', 0.5))).toBeLessThan(1e-6)
  expect(relative(g.gamma, slope('deltaSpot', 'spot', 0.5))).toBeLessThan(1e-6)
  expect(relative(g.speed, slope('gamma', 'spot', 0.5))).toBeLessThan(1e-6)
  expect(relative(g.theta, -slope('price', 'years', 1e-5))).toBeLessThan(1e-6)
  expect(relative(g.charm, -slope('deltaSpot', 'years', 1e-5))).toBeLessThan(1e-6)
  expect(relative(g.color, -slope('gamma', 'years', 1e-5))).toBeLessThan(1e-6)
  expect(relative(g.veta, -slope('vega', 'years', 1e-5))).toBeLessThan(1e-6)
  expect(relative(g.vanna, slope('deltaSpot', 'volatility', 1e-5))).toBeLessThan(1e-6)
  expect(relative(g.rho, slope('price', 'rate', 1e-5))).toBeLessThan(1e-6)
  expect(relative(g.rhoYield, slope('price', 'yield', 1e-5))).toBeLessThan(1e-6)
  expect(relative(g.deltaPremiumAdjusted, g.deltaSpot - g.price / 3200)).toBeLessThan(1e-13)
  // Haug (2007), section 1.1.3: a call on an index paying 5 %, struck at 95.
  const haug = blackScholes({ right: PUT, spot: 100, strike: 95, years: 0.5, volatility: 0.2, rate: 0.1, yield: 0.05 })
  expect(haug.price).toBeCloseTo(2.4648, 4)
})

test('a coin-settled option is the other one in coins', () => {
  fc.assert(
    fc.property(listed, (sample) => {
      const { rate: _, ...terms } = termsOf({ ...sample, deviations: sample.deviations / 3 })
      const coin = inverseBlack76(terms)
      const g = black76(terms)
      const { forward, volatility, years } = terms
      const s = volatility * Math.sqrt(years)
      const step = 1e-4 * forward * s
      const at = (f: number, extra: Partial<OptionTerms> = {}) => inverseBlack76({ ...terms, forward: f, ...extra })
      const slope = (of: keyof CoinGreeks) => (at(forward + step)[of] - at(forward - step)[of]) / (2 * step)
      expect(relative(coin.price, g.price / forward)).toBeLessThan(1e-15)
      expect(Math.abs(coin.deltaCoin - slope('price')) * forward).toBeLessThan(1e-4)
      expect(Math.abs(coin.gammaCoin - slope('deltaCoin')) * forward * forward * s).toBeLessThan(1e-3)
      expect(Math.abs(coin.vannaCoin - slope('vegaCoin')) * forward * volatility).toBeLessThan(1e-3)
      const later = at(forward, { years: years * (1 - 1e-5) }).deltaCoin
      const sooner = at(forward, { years: years * (1 + 1e-5) }).deltaCoin
      const charm = (later - sooner) / (2e-5 * years)
      expect(Math.abs(coin.charmCoin - charm) * forward * years).toBeLessThan(1e-3)
    }),
  )
})

describe('at the edges', () => {
  const terms: OptionTerms = { right: CALL, forward: 100, strike: 90, years: 0, volatility: 0.5, rate: 0.05 }

  test('an expired option is worth its exercise', () => {
    expect(black76(terms)).toMatchObject({ price: 10, deltaForward: 1, gamma: 0, vega: 0, rho: -0 })
    expect(black76({ ...terms, right: PUT })).toMatchObject({ price: 0, deltaForward: 0, gamma: 0 })
    expect(inverseBlack76({ ...terms, rate: 0 })).toMatchObject({
      price: 0.1,
      deltaPremiumAdjusted: 0.9,
      deltaCoin: 0.9 / 100,
    })
  })

  test('an option without volatility is worth its exercise, later', () => {
    const g = black76({ ...terms, years: 1, volatility: 0 })
    expect(g.price).toBeCloseTo(10 * Math.exp(-0.05), 12)
    expect(g.theta).toBeCloseTo(0.05 * g.price, 12)
  })

  test('at the money without time there is a price but no Greek', () => {
    expect(black76Price({ ...terms, strike: 100 })).toBe(0)
    expect(() => black76({ ...terms, strike: 100 })).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
  })

  test('an option so far out that nothing is left is worth nothing, and no Greek is NaN', () => {
    for (const right of [CALL, PUT])
      for (const strike of [1e-99, 0.001, 99, 101, 1e6, 1e99])
        for (const volatility of [1e-9, 1e-4, 0.5, 100, 1e4])
          for (const years of [1e-9, 1, 100]) {
            const option = { right, forward: 100, strike, years, volatility }
            for (const [name, value] of [...Object.entries(black76(option)), ...Object.entries(inverseBlack76(option))])
              expect(Number.isNaN(value), `${name} ${JSON.stringify(option)}`).toBe(false)
          }
  })

  const senseless: readonly (readonly [string, Partial<Record<keyof OptionTerms, number>>])[] = [
    ['no number', { forward: Number.NaN }],
    ['a strike of nothing', { strike: 0 }],
    ['a negative forward', { forward: -1 }],
    ['negative time', { years: -1e-9 }],
    ['negative volatility', { volatility: -0.1 }],
    ['endless volatility', { volatility: Number.POSITIVE_INFINITY }],
    ['endless time', { years: Number.POSITIVE_INFINITY }],
    ['no rate', { rate: Number.NaN }],
    ['neither call nor put', { right: 0 }],
    ['a right that would wrap around to 1', { right: 257 }],
  ]
  test.each(senseless)('%s is refused', (_, change) => {
    const option = { ...terms, years: 1, ...change } as OptionTerms
    expect(() => black76(option)).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
    expect(() => black76Price(option)).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
  })

  test('a premium in coins is not discounted', () => {
    expect(() => inverseBlack76({ ...terms, years: 1 })).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
  })

  test('columns of different lengths are refused', () => {
    const options = columnsOf([{ ...terms, years: 1 }])
    const out = outputs(1)
    expect(() => black76Batch({ ...options, strike: new Float64Array(2) }, out)).toThrow(
      expect.objectContaining({ code: 'argument-invalid', facts: { right: 1, strike: 2 } }),
    )
    expect(() => black76Batch(options, { ...out, vega: new Float64Array(3) })).toThrow(
      expect.objectContaining({ facts: { right: 1, vega: 3 } }),
    )
  })
})

function columnsOf(terms: readonly OptionTerms[]) {
  return {
    right: Int8Array.from(terms, ({ right }) => right),
    forward: Float64Array.from(terms, ({ forward }) => forward),
    strike: Float64Array.from(terms, ({ strike }) => strike),
    years: Float64Array.from(terms, ({ years }) => years),
    volatility: Float64Array.from(terms, ({ volatility }) => volatility),
    rate: Float64Array.from(terms, ({ rate }) => rate ?? 0),
  }
}

const FIRST = ['price', 'deltaForward', 'gamma', 'vega', 'theta', 'rho'] as const
const HIGHER = [
  'deltaPremiumAdjusted', 'vanna', 'volga', 'charm', 'speed', 'zomma', 'color', 'veta', 'ultima',
] as const // biome-ignore format: one list
const COIN = [
  'price', 'deltaForward', 'deltaPremiumAdjusted', 'deltaCoin', 'gammaCoin', 'vegaCoin', 'vannaCoin', 'volgaCoin', 'thetaCoin',
  'charmCoin',
] as const // biome-ignore format: one list

function floats<Name extends string>(names: readonly Name[], rows: number): Record<Name, Float64Array> {
  return Object.fromEntries(names.map((name) => [name, new Float64Array(rows)])) as Record<Name, Float64Array>
}
function outputs(rows: number) {
  return { ...floats(FIRST, rows), status: new Uint8Array(rows) }
}

const ROWS = process.env['FULL'] === '1' ? 1_000_000 : 100_000

test(`of ${ROWS} fuzzed rows every one has finite figures or is flagged, and columns say what single options say`, () => {
  const random = new Random(11)
  const strange = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, -1, 5e-324, 1.7e308]
  const figure = (low: number, high: number) =>
    random.uniform() < 0.03 ? strange[random.integer(0, strange.length - 1)]! : low * (high / low) ** random.uniform()
  const terms = Array.from({ length: ROWS }, () => {
    const forward = figure(1e-6, 1e6)
    return {
      right: random.uniform() < 0.01 ? (0 as Right) : random.bits() > 0 ? CALL : PUT,
      forward,
      strike: random.uniform() < 0.05 ? forward : figure(1e-6, 1e6),
      years: figure(1e-7, 30),
      volatility: figure(1e-3, 20),
      rate: random.uniform() < 0.5 ? 0 : figure(1e-4, 0.2),
    }
  })
  const options = columnsOf(terms)
  const out = outputs(ROWS)
  const higher = floats(HIGHER, ROWS)
  const refused = black76Batch(options, out, higher)
  const coin = { ...floats(COIN, ROWS), status: new Uint8Array(ROWS) }
  const { rate: _, ...undiscounted } = options
  inverseBlack76Batch(undiscounted, coin)
  const inside = (price: number) => price > 1e-100 && price < 1e100
  let flagged = 0
  let wrong = ''
  for (let i = 0; i < ROWS; i++) {
    const { right, forward, strike, years, volatility, rate } = terms[i]!
    const finite = [forward, strike, years, volatility, rate].every(Number.isFinite) && Math.abs(rate * years) < 700
    const sound = Math.abs(right) === 1 && finite && inside(forward) && inside(strike) && years >= 0 && volatility >= 0
    if (out.status[i] !== PriceStatus.PRICED) flagged++
    if (sound !== (out.status[i] !== PriceStatus.INPUT_INVALID)) wrong = `status of row ${i}`
    if (out.status[i] === PriceStatus.INPUT_INVALID) {
      for (const name of FIRST) if (!Number.isNaN(out[name][i])) wrong = `${name} of refused row ${i}`
      for (const name of COIN)
        if (Number.isFinite(rate) && !(Math.abs(rate * years) >= 700) && !Number.isNaN(coin[name][i]))
          wrong = `coin ${name} of ${i}`
      continue
    }
    const price = out.price[i]!
    const bound = Math.exp(-rate * years) * (right === CALL ? forward : strike)
    if (!(price >= 0 && price <= bound * (1 + 1e-14))) wrong = `price ${price} of row ${i}: ${JSON.stringify(terms[i])}`
    if (out.status[i] !== PriceStatus.PRICED) continue
    // Beyond what numbers can hold a figure may be infinite, never NaN.
    for (const name of FIRST) if (Number.isNaN(out[name][i])) wrong = `${name} of row ${i}: ${JSON.stringify(terms[i])}`
    for (const name of HIGHER)
      if (Number.isNaN(higher[name][i])) wrong = `${name} of row ${i}: ${JSON.stringify(terms[i])}`
    for (const name of COIN)
      if (Number.isNaN(coin[name][i])) wrong = `coin ${name} of row ${i}: ${JSON.stringify(terms[i])}`
    if (i % 50 === 0) {
      const single = black76(terms[i]!)
      for (const name of FIRST) if (!Object.is(single[name], out[name][i])) wrong = `${name} of row ${i} differs`
      for (const name of HIGHER) if (!Object.is(single[name], higher[name][i])) wrong = `${name} of row ${i} differs`
    }
  }
  expect(wrong).toBe('')
  expect(flagged).toBe(refused)
  expect(refused).toBeGreaterThan(ROWS / 20)
})

test('on a spot, a minute and a half before expiry and forty deviations in the money, figures are those of 60 digits', () => {
  const short = blackScholes({
    right: PUT,
    spot: 100,
    strike: 100,
    years: 3e-6,
    volatility: 0.02,
    rate: 0.3,
    yield: -0.1,
  })
  const expected = {
    price: 0.0013228053040247978,
    deltaSpot: -0.48617623759352013,
    vanna: -0.690228336229103,
    volga: 0.004143440702383305,
    speed: -1152.6824724586402,
    theta: -210.74376133487573,
    charm: -2303.014415216719,
    color: 19205631.276100498,
    veta: -11495.742002360477,
  }
  for (const [name, value] of Object.entries(expected))
    expect(Math.abs(short[name as keyof typeof expected] / value - 1), name).toBeLessThan(1e-12)
  // Without a yield the spot delta of an option that is sure to be exercised does not move: not by rounding either.
  const deep = blackScholes({ right: CALL, spot: 100, strike: 60, years: 0.25, volatility: 0.05, rate: 0.07 })
  expect(deep.charm).toBeCloseTo(0, 60)
  expect(Math.abs(deep.theta / -4.1271393897933075 - 1)).toBeLessThan(1e-14)
})
