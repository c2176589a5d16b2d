/**
 * Goal: the filter says what the formulae say, refuses what makes no sense by name, and never answers with no number.
 * Method: lines against the library; single fields spoilt; lines of arbitrary fields (FUZZ sets how many).
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { black76, blackScholes, inverseBlack76 } from '../pricing/black76.ts'
import { priceLine } from './priceLine.ts'

const said = (line: object) => priceLine(JSON.stringify(line))
const BASE = { right: 'call', strike: 100, forward: 105, years: 0.5, volatility: 0.6 }

test('a line is priced as the library prices it: on a forward, on a spot, in coins', () => {
  expect(said({ ...BASE, id: 7, rate: 0.03 })).toEqual({
    id: 7, forward: 105, years: 0.5, volatility: 0.6,
    ...black76({ right: 1, strike: 100, forward: 105, years: 0.5, volatility: 0.6, rate: 0.03 }),
  }) // biome-ignore format: a row
  const { forward: _, ...spot } = { ...BASE, right: 'put', spot: 90, rate: 0.02, yield: 0.01 }
  expect(said(spot)).toMatchObject(
    blackScholes({ right: -1, strike: 100, spot: 90, years: 0.5, volatility: 0.6, rate: 0.02, yield: 0.01 }),
  )
  expect(said({ ...BASE, settle: 'coin' })).toMatchObject(
    inverseBlack76({ right: 1, strike: 100, forward: 105, years: 0.5, volatility: 0.6 }),
  )
})

test('an expiry is years of 365 days from the time given, at 08:00 UTC where only a day is', () => {
  const { years: _, ...rest } = BASE
  expect(said({ ...rest, expiry: '2026-01-31', at: '2026-01-01T08:00:00Z' })['years']).toBeCloseTo(30 / 365, 15)
})

test('the volatility of a price gives the price again', () => {
  for (const settle of ['quote', 'coin']) {
    const priced = said({ ...BASE, settle })
    const { volatility: _, ...rest } = BASE
    expect(said({ ...rest, settle, price: priced['price'] })['volatility']).toBeCloseTo(0.6, 12)
  }
})

describe('refuses by name', () => {
  const { years: _y, ...timeless } = BASE
  const { volatility: _v, ...unquoted } = BASE
  test.each([
    ['no JSON', 'nonsense', 'not JSON'],
    ['a misspelt word', { ...BASE, volatilty: 0.5 }, 'volatilty'],
    ['a negative time', { ...BASE, years: -1 }, 'years'],
    ['neither time', timeless, 'either years or expiry'],
    ['forward and spot', { ...BASE, spot: 3 }, 'either forward or spot'],
    ['a price below exercise', { ...unquoted, price: 1 }, 'below intrinsic value'],
    ['a price no volatility gives', { ...unquoted, price: 106 }, 'at or above the greatest price'],
    ['a number in quotes', { ...BASE, strike: '100' }, 'strike'],
    ['a past expiry', { ...timeless, expiry: '2026-01-01', at: '2026-02-01' }, 'is past'],
    ['a discount in coins', { ...BASE, settle: 'coin', rate: 0.1 }, 'not discounted'],
    ['a list', [], 'expected object'],
  ])('%s', (_, line, words) => {
    const answer = priceLine(typeof line === 'string' ? line : JSON.stringify(line))
    expect(JSON.stringify(answer)).toContain('error')
    expect((answer['error'] as { message: string }).message).toContain(words)
  })
})

test('of arbitrary lines every answer is finite figures or an error', { timeout: 3_600_000 }, () => {
  const number = fc.oneof(
    fc.double(),
    fc.double({ min: 1e-3, max: 1e6, noNaN: true }),
    fc.constantFrom(0, -0, 1e-320, 1e308, -1),
  )
  const common = { right: fc.constantFrom('call', 'put'), strike: number, years: number }
  const line = fc.oneof(
    fc.record({ ...common, forward: number, volatility: number }),
    fc.record({ ...common, forward: number, price: number, rate: fc.double({ min: -1, max: 1, noNaN: true }) }),
    fc.record({ ...common, spot: number, volatility: number, rate: number, yield: number }),
    fc.record({ ...common, forward: number, volatility: number, settle: fc.constant('coin') }),
    fc.record({
      ...common,
      forward: number,
      price: fc.double({ min: 0, max: 1, noNaN: true }),
      settle: fc.constant('coin'),
    }),
    fc.record(
      { ...common, right: fc.constantFrom('CALL', null), spot: number, price: number },
      { requiredKeys: ['right'] },
    ),
  )
  let priced = 0
  fc.assert(
    fc.property(line, (fields) => {
      const answer = said(fields)
      if ('error' in answer) return
      priced++
      for (const [name, value] of Object.entries(answer)) expect(Number.isFinite(value), name).toBe(true)
    }),
    { numRuns: Number(process.env['FUZZ'] ?? 20_000) },
  )
  expect(priced).toBeGreaterThan(100)
})
