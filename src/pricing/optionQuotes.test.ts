/**
 * Goal: of a snapshot only what can be believed is believed, and every row that is not says why.
 *
 * Method: one chain, spoilt row by row in each of the ways venues spoil them; forwards named, listed and implied; bands against the
 * price formula; a hundred thousand fuzzed rows (FUZZ=1000000 for more), each of which must end with a status and a band or none.
 */

import { describe, expect, test } from 'vitest'
import { DAY_US } from '../core/clock.ts'
import { Random } from '../core/random.ts'
import { black76Price } from './black76.ts'
import { ForwardCurve } from './forwardCurve.ts'
import { cleanQuotes, forwardCurveOf, type OptionQuotes, QUOTE_STATUS_NAMES, QuoteStatus } from './optionQuotes.ts'

const NOW = 1_767_000_000_000_000
const FORWARD = 91_000
const YEAR_US = 365 * DAY_US

interface Row {
  right?: number
  strike?: number
  expiryUs?: number
  bid?: number
  ask?: number
  forward?: number
  quoteUs?: number
}

const EXPIRY = NOW + 30 * DAY_US

/** Fair price of a row at 50 %, in coin. */
function fair(right: 1 | -1, strike: number, volatility = 0.5, expiryUs = EXPIRY): number {
  return black76Price({ right, forward: FORWARD, strike, years: (expiryUs - NOW) / YEAR_US, volatility }) / FORWARD
}

/** Columns of rows that differ from a call at the money, two ticks wide, in what they say. */
function snapshot(rows: readonly Row[], settlement: 'coin' | 'quote' = 'coin'): OptionQuotes {
  const full = rows.map(({ right = 1, strike = FORWARD, expiryUs = EXPIRY, ...row }) => {
    const price = fair(right === -1 ? -1 : 1, strike > 0 ? strike : 1)
    return { right, strike, expiryUs, bid: price - 0.0005, ask: price + 0.0005, forward: FORWARD, quoteUs: NOW, ...row }
  })
  const unit = settlement === 'coin' ? 1 : FORWARD
  return {
    asset: 'BTC',
    timeUs: NOW,
    settlement,
    right: Int8Array.from(full, (row) => row.right),
    strike: Float64Array.from(full, (row) => row.strike),
    expiryUs: Float64Array.from(full, (row) => row.expiryUs),
    bid: Float64Array.from(full, (row) => row.bid * unit),
    ask: Float64Array.from(full, (row) => row.ask * unit),
    forward: Float64Array.from(full, (row) => row.forward),
    quoteUs: Float64Array.from(full, (row) => row.quoteUs),
  }
}

const curve = new ForwardCurve(NOW, [{ expiryUs: EXPIRY, forward: FORWARD, source: 'venue' }], FORWARD)

describe.each(['coin', 'quote'] as const)('premiums in %s', (settlement) => {
  test('a believed row is a band of total variance around the one it was priced at', () => {
    const strikes = [60_000, 80_000, 91_000, 100_000, 130_000]
    const rows = strikes.map((strike): Row => ({ strike, right: strike < FORWARD ? -1 : 1 }))
    const { status, bidVariance, askVariance, logMoneyness, counts } = cleanQuotes(
      snapshot(
        rows.map((row) => {
          const right = row.right as 1 | -1
          return { ...row, bid: fair(right, row.strike!, 0.48), ask: fair(right, row.strike!, 0.52) }
        }),
        settlement,
      ),
      curve,
    )
    const years = 30 / 365
    strikes.forEach((strike, i) => {
      expect(status[i]).toBe(QuoteStatus.USED)
      expect(logMoneyness[i]).toBeCloseTo(Math.log(strike / FORWARD), 14)
      expect(Math.sqrt(bidVariance[i]! / years)).toBeCloseTo(0.48, 9)
      expect(Math.sqrt(askVariance[i]! / years)).toBeCloseTo(0.52, 9)
    })
    expect(counts.used).toBe(5)
  })

  test.each<[keyof typeof QuoteStatus, Row]>([
    ['INPUT_INVALID', { right: 0 }],
    ['INPUT_INVALID', { strike: -5 }],
    ['INPUT_INVALID', { strike: Number.NaN }],
    ['INPUT_INVALID', { expiryUs: Number.NaN }],
    ['INPUT_INVALID', { bid: -0.01 }],
    ['INPUT_INVALID', { ask: Number.POSITIVE_INFINITY }],
    ['EXPIRED', { expiryUs: NOW }],
    ['EXPIRED', { expiryUs: NOW - DAY_US }],
    ['UNQUOTED', { bid: 0, ask: 0 }],
    ['UNQUOTED', { bid: Number.NaN, ask: Number.NaN }],
    ['ONE_SIDED', { bid: 0 }],
    ['ONE_SIDED', { ask: Number.NaN }],
    ['CROSSED', { bid: 0.07, ask: 0.06 }],
    ['STALE', { quoteUs: NOW - 120_000_000 }],
    ['STALE', { quoteUs: Number.NaN }],
    ['OUTSIDE_BOUNDS', { strike: 50_000, bid: 0.3, ask: 0.4 }],
    ['OUTSIDE_BOUNDS', { bid: 1.01, ask: 1.02 }],
    ['OUTSIDE_BOUNDS', { right: -1, strike: 45_500, bid: 0.51, ask: 0.52 }],
    ['TOO_WIDE', { bid: 0.01, ask: 0.2 }],
    ['TOO_WIDE', { strike: 50_000, bid: 0.4, ask: 0.6 }],
    ['TOO_WIDE', { bid: 0.9, ask: 1.5 }],
    // Worth exactly its exercise: no volatility to speak of.
    ['TOO_WIDE', { strike: 45_500, bid: 0.5, ask: 0.5 }],
  ])('%s: %o', (name, row) => {
    const { status, counts, bidVariance } = cleanQuotes(snapshot([{}, row], settlement), curve)
    expect(status[0]).toBe(QuoteStatus.USED)
    expect(status[1]).toBe(QuoteStatus[name])
    expect(counts[QUOTE_STATUS_NAMES[QuoteStatus[name]]]).toBe(1)
    if (name !== 'TOO_WIDE' && name !== 'STALE') expect(bidVariance[1]).toBeNaN()
  })
})

test('rules are the caller’s: how old, and how wide', () => {
  const rows = [{ quoteUs: NOW - 5_000_000 }, { bid: 0.04, ask: 0.07 }]
  const strict = cleanQuotes(snapshot(rows), curve, { staleUs: 1_000_000, widthMax: 0.1 })
  expect([...strict.status]).toEqual([QuoteStatus.STALE, QuoteStatus.TOO_WIDE])
  const loose = cleanQuotes(snapshot(rows), curve, { staleUs: 1e9, widthMax: 2 })
  expect([...loose.status]).toEqual([QuoteStatus.USED, QuoteStatus.USED])
})

test('a row is measured from the forward it was quoted against, an expiry from the curve', () => {
  const rows = [{ forward: FORWARD * 1.001 }, {}, {}]
  const { logMoneyness } = cleanQuotes(snapshot(rows), curve)
  expect(logMoneyness[0]).toBeCloseTo(-Math.log(1.001), 10)
  expect(logMoneyness[1]).toBeCloseTo(0, 10)
})

test('forwards are the venue’s unless parity forbids, then the nearest it allows; parity’s own where none is named', () => {
  const pair = (expiryUs: number, forward: number): Row[] =>
    [80_000, 91_000, 100_000].flatMap((strike) =>
      ([1, -1] as const).map((right) => {
        const price = fair(right, strike, 0.5, expiryUs)
        return { right, strike, expiryUs, forward, bid: price - 0.0002, ask: price + 0.0002 }
      }),
    )
  const near = EXPIRY
  const far = NOW + 90 * DAY_US
  const farther = NOW + 180 * DAY_US
  const quotes = snapshot([
    ...pair(near, FORWARD * 1.0001),
    ...pair(far, FORWARD * 1.01),
    ...pair(farther, Number.NaN),
    { expiryUs: NOW + 270 * DAY_US, forward: Number.NaN },
  ])
  const { nodes } = forwardCurveOf(quotes, FORWARD)
  expect(nodes.map(({ source }) => source)).toEqual(['venue', 'venue-corrected', 'parity'])
  expect(nodes[0]!.forward).toBe(FORWARD * 1.0001)
  expect(nodes[1]!.forward / FORWARD).toBeLessThan(1.0006)
  expect(nodes[2]!.forward / FORWARD).toBeCloseTo(1, 4)
  const listed = forwardCurveOf(quotes, FORWARD, new Map([[farther, FORWARD * 1.0002]]))
  expect(listed.nodes[2]).toMatchObject({ source: 'venue', forward: FORWARD * 1.0002 })
  expect(() => forwardCurveOf(snapshot([{ forward: Number.NaN }]))).toThrow(
    expect.objectContaining({ code: 'fit-failed' }),
  )
})

test('columns of different lengths are refused', () => {
  const quotes = { ...snapshot([{}, {}]), bid: new Float64Array(1) }
  const refused = expect.objectContaining({ code: 'argument-invalid' })
  expect(() => cleanQuotes(quotes, curve)).toThrow(refused)
  expect(() => forwardCurveOf(quotes)).toThrow(refused)
})

test('whatever a row says, it ends with a status, and with a band exactly when it can have one', () => {
  const rows = Number(process.env['FUZZ'] ?? 100_000)
  const random = new Random(11)
  const strange = [0, -1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e-320, 1e300, 5e-9]
  const draw = (sound: () => number) =>
    random.uniform() < 0.08 ? strange[random.integer(0, strange.length - 1)]! : sound()
  const column = (sound: () => number) => Float64Array.from({ length: rows }, () => draw(sound))
  const quotes: OptionQuotes = {
    asset: 'BTC',
    timeUs: NOW,
    settlement: 'coin',
    right: Int8Array.from({ length: rows }, () => random.integer(-1, 1) || 1),
    strike: column(() => FORWARD * Math.exp(3 * (random.uniform() - 0.5))),
    expiryUs: column(() => NOW + random.integer(-1, 20) * 10 * DAY_US),
    bid: column(() => 0.2 * random.uniform() ** 3),
    ask: column(() => 0.25 * random.uniform() ** 3),
    forward: column(() => FORWARD * (1 + 0.001 * random.normal())),
    quoteUs: column(() => NOW - random.integer(0, 70_000_000)),
  }
  const found = cleanQuotes(quotes, forwardCurveOf(quotes, FORWARD))
  const { status, bidVariance, askVariance, midVariance, counts } = found
  let used = 0
  for (let i = 0; i < rows; i++) {
    const banded = [QuoteStatus.USED, QuoteStatus.TOO_WIDE, QuoteStatus.STALE].includes(status[i] as 0)
    if (Number.isNaN(bidVariance[i]!) === banded)
      throw new Error(`row ${i}: status ${status[i]} band ${bidVariance[i]}`)
    if (status[i] !== QuoteStatus.USED) continue
    used++
    const sound = bidVariance[i]! > 0 && bidVariance[i]! <= midVariance[i]! && midVariance[i]! <= askVariance[i]!
    if (!sound || !(askVariance[i]! < Number.POSITIVE_INFINITY)) throw new Error(`row ${i} is no band`)
  }
  expect(used).toBeGreaterThan(rows / 200)
  expect(counts.used).toBe(used)
  expect(Object.values(counts).reduce((p, q) => p + q)).toBe(rows)
  for (const name of QUOTE_STATUS_NAMES) if (name !== 'unquoted') expect(counts[name]).toBeGreaterThan(0)
})
