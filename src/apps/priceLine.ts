/**
 * @file One option as a JSON object in, its price and Greeks or its implied volatility as a JSON object out: the filter
 * `gimbal price`.
 *
 * Read strictly: a word that is not known may be a misspelt one that mattered. An answer never holds a figure that is not a
 * number; what cannot be priced is answered with an `error` that says why.
 */

import { z } from 'zod'
import { readUtc } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import { black76, blackScholes, inverseBlack76 } from '../pricing/black76.ts'
import { impliedVolatility } from '../pricing/impliedVolatility.ts'
import { CALL, PUT } from '../pricing/right.ts'

const YEAR_MS = 365 * 86_400_000

const time = z.string().transform((text, context) => {
  const timeUs = readUtc(text, 8)
  if (timeUs !== undefined) return timeUs / 1000
  context.addIssue({ code: 'custom', message: 'not a UTC time such as 2026-01-30 or 2026-01-30T08:00:00Z' })
  return z.NEVER
})

const positive = z.number().positive()

/** The fields of a line. */
const line = z
  .strictObject({
    id: z.union([z.string(), z.number()]).optional(),
    right: z.enum(['call', 'put']),
    strike: positive,
    forward: positive.optional(),
    spot: positive.optional(),
    years: z.number().nonnegative().optional(),
    expiry: time.optional(),
    at: time.optional(),
    volatility: z.number().nonnegative().optional(),
    price: z.number().nonnegative().optional(),
    rate: z.number().default(0),
    yield: z.number().default(0),
    settle: z.enum(['quote', 'coin']).default('quote'),
  })
  .superRefine((given, context) => {
    const fault = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    const one = (a: 'forward' | 'years' | 'volatility', b: 'spot' | 'expiry' | 'price') => {
      if ((given[a] === undefined) === (given[b] === undefined)) fault(a, `give either ${a} or ${b}`)
    }
    one('forward', 'spot')
    one('years', 'expiry')
    one('volatility', 'price')
    if (given.expiry !== undefined && given.at === undefined) fault('at', 'an expiry needs the time now, `at`')
    if (given.yield !== 0 && given.spot === undefined) fault('yield', 'a yield belongs to a spot')
    if (given.settle === 'coin' && given.rate !== 0) fault('rate', 'a premium in coins is not discounted')
    if (given.settle === 'coin' && given.spot !== undefined)
      fault('spot', 'coin-settled options are priced on a forward')
    if (given.expiry !== undefined && given.at !== undefined && given.expiry < given.at) fault('expiry', 'is past')
  })

/** What is answered: plain data ready to be written as JSON. */
export type PriceAnswer = Readonly<Record<string, string | number | Readonly<Record<string, string | number>>>>

function refused(code: string, message: string, more: Readonly<Record<string, string | number>> = {}): PriceAnswer {
  return { error: { code, message, ...more } }
}

/** The answer to a line that could not even be read. */
export function unreadable(fault: string): PriceAnswer {
  return refused('file-invalid', fault)
}

/**
 * Prices one line.
 *
 * Greeks carry the units of `pricing/black76.ts`: vega and rho per 1.00, theta, charm, color and veta per year. Coin-settled prices
 * are in coins, spot options are by Black-Scholes with a continuous yield.
 *
 * @param text One JSON object.
 */
export function priceLine(text: string): PriceAnswer {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    return refused('file-invalid', `not JSON: ${(cause as Error).message}`)
  }
  const read = line.safeParse(json)
  const id = (json as { id?: unknown } | null)?.id
  const named = typeof id === 'string' || typeof id === 'number' ? { id } : {}
  if (!read.success) {
    const message = read.error.issues
      .map((issue) => `${issue.path.join('.') || 'the line'}: ${issue.message}`)
      .join('; ')
    return { ...named, ...refused('argument-invalid', message) }
  }
  const given = read.data
  const right = given.right === 'call' ? CALL : PUT
  const years = given.years ?? (given.expiry! - given.at!) / YEAR_MS
  const { strike, rate, settle, spot } = given
  const forward = given.forward ?? spot! * Math.exp((rate - given.yield) * years)
  try {
    let volatility = given.volatility
    if (volatility === undefined) {
      const price = settle === 'coin' ? given.price! * forward : given.price!
      volatility = impliedVolatility({ right, forward, strike, years, price, rate })
    }
    const figures: Readonly<Record<string, number>> = {
      ...(settle === 'coin'
        ? inverseBlack76({ right, forward, strike, years, volatility })
        : spot === undefined
          ? black76({ right, forward, strike, years, volatility, rate })
          : blackScholes({ right, spot, strike, years, volatility, rate, yield: given.yield })),
    }
    const unsound = Object.entries(figures).filter(([, value]) => !Number.isFinite(value))
    if (unsound.length > 0) {
      const names = unsound.map(([name]) => name).join(', ')
      return { ...named, ...refused('argument-invalid', `beyond what a number can hold: ${names}`) }
    }
    return { ...named, forward, years, volatility, ...figures }
  } catch (error) {
    if (!(error instanceof GimbalError)) throw error
    const { reason } = error.facts
    const [summary] = error.message.split('\n')
    return { ...named, ...refused(error.code, reason === undefined ? summary! : `${summary}: ${reason}`) }
  }
}
