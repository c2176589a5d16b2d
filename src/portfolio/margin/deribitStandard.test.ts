/**
 * Goal: Deribit's standard margin, per currency, is that of its documentation.
 * Method: reference vectors for sold options, the documentation's own examples for futures, pools by hand.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CALL, PUT } from '../../pricing/right.ts'
import type { FuturePosition, OptionPosition, Position, VenueAccount } from '../book.ts'
import { SnapshotView } from '../marketView.ts'
import { optionDollars } from '../valuation.ts'
import { DERIBIT_FUTURES, deribitFutureMargin, deribitShortOption, deribitStandard } from './deribitStandard.ts'
import { liquidationPrices } from './liquidation.ts'

const VECTORS = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'reference/vectors/t08_venue_margin.json')
const given = existsSync(VECTORS)
const DAY_US = 86_400e6

const option = (right: 1 | -1, strike: number, size: number, more: Partial<OptionPosition> = {}): OptionPosition => ({
  kind: 'option', asset: 'BTC', size, right, strike, expiryUs: 30 * DAY_US, settle: 'BTC', ...more,
}) // biome-ignore format: a table row
const perp = (asset: string, size: number, entry: number, more: Partial<FuturePosition> = {}): FuturePosition => ({
  kind: 'perp', asset, size, entry, payoff: 'inverse', settle: asset, ...more,
}) // biome-ignore format: a table row
const account = (balances: Record<string, number>, positions: Position[]): VenueAccount => ({
  venue: 'deribit', margin: 'deribit-standard', balances, positions,
}) // biome-ignore format: a table row
const market = new SnapshotView({ timeUs: 0, spot: { BTC: 60_000, ETH: 2_000, SOL: 200 }, volatility: { BTC: 0.6 } })

test.skipIf(!given)('sold options as in the reference vectors (skipped where they are absent)', () => {
  // biome-ignore lint/suspicious/noExplicitAny: cases of many kinds, checked by what is expected of them
  const cases = JSON.parse(readFileSync(VECTORS, 'utf8')).cases.filter((each: any) =>
    each.kind.startsWith('deribit_standard'),
  )
  expect(cases.length).toBeGreaterThan(5)
  for (const c of cases) {
    const asked = deribitShortOption(c.type === 'call' ? CALL : PUT, c.K, c.index, c.mark_coin)
    expect(Math.abs(asked.initial / c.IM - 1)).toBeLessThan(1e-15)
    expect(Math.abs(asked.maintenance / c.MM - 1)).toBeLessThan(1e-15)
  }
})

test('futures as in the examples of the documentation', () => {
  expect(deribitFutureMargin(25, DERIBIT_FUTURES['BTC']!).initial * 100_000).toBeCloseTo(53_125, 8)
  expect(deribitFutureMargin(-350, DERIBIT_FUTURES['BTC']!).initial).toBeCloseTo(13.125, 12)
  expect(deribitFutureMargin(25, DERIBIT_FUTURES['BTC']!).maintenance * 100_000).toBeCloseTo(28_125, 8)
  expect(deribitFutureMargin(6_000, DERIBIT_FUTURES['SOL']!).initial * 200).toBeCloseTo(84_000, 8)
})

test('each coin is a pool of its own, and dollars back only what settles in dollars', () => {
  const held = account({ BTC: 1, USDC: 100_000 }, [
    perp('BTC', 60_000, 50_000),
    perp('SOL', -100, 210, { payoff: 'linear', settle: 'USDC' }),
  ])
  const report = deribitStandard().assess(held, market)
  const [btc, usdc] = report.pools
  expect(btc).toMatchObject({ name: 'BTC', currency: 'BTC' })
  expect(btc!.equity).toBeCloseTo(1 + 60_000 * (1 / 50_000 - 1 / 60_000), 12)
  expect(btc!.initial).toBeCloseTo(0.02 + 0.005e-2, 12)
  expect(usdc!.equity).toBe(101_000)
  expect(usdc!.initial).toBeCloseTo(100 * (0.04 + 100 * 0.0005e-2) * 200, 9)
  expect(report.initial).toBeCloseTo(btc!.initial * 60_000 + usdc!.initial, 9)
  expect(report.liquidatable).toBe(false)
})

test('a sold option is asked its mark and a share of the coin; a bought one neither asks nor backs', () => {
  const sold = option(CALL, 60_000, -2)
  const one = deribitStandard().assess(account({ BTC: 1 }, [sold]), market)
  const mark = optionDollars(sold, market) / 60_000
  expect(one.pools[0]!.equity).toBe(1)
  expect(one.pools[0]!.initial).toBeCloseTo(2 * (0.15 + mark), 12)
  expect(one.pools[0]!.maintenance).toBeCloseTo(2 * (0.075 + mark), 12)
  const both = deribitStandard().assess(account({ BTC: 1 }, [sold, option(CALL, 62_000, 2)]), market)
  expect(both.pools).toEqual(one.pools)
  const linear = deribitStandard().assess(account({ USDC: 1 }, [option(PUT, 50_000, -1, { settle: 'USDC' })]), market)
  const share = 0.1 * 60_000 + optionDollars(option(PUT, 50_000, -1, { settle: 'USDC' }), market)
  expect(linear.pools[0]!.initial).toBeCloseTo(share, 8)
})

test('a premium still owed by the ledger is one the venue has booked: received by the seller, gone from the buyer', () => {
  for (const size of [-2, 3]) {
    const booked = account({ BTC: 1 - size * 0.05 }, [option(CALL, 60_000, size)])
    const owed = account({ BTC: 1 }, [option(CALL, 60_000, size, { entry: 0.05 })])
    const [venue, ledger] = [booked, owed].map((each) => deribitStandard().assess(each, market))
    expect(ledger!.equity).toBeCloseTo(venue!.equity, 9)
    expect([ledger!.initial, ledger!.maintenance]).toEqual([venue!.initial, venue!.maintenance])
  }
})

test('a short in coins against coins cannot be liquidated by a fall, and is by a rise where the search says', () => {
  const held = account({ BTC: 1 }, [perp('BTC', -120_000, 60_000)])
  const found = liquidationPrices(deribitStandard(), held, 'BTC', market)
  expect(found.down).toBeNaN()
  const there = deribitStandard().assess(held, new SnapshotView({ timeUs: 0, spot: { BTC: found.up } })).pools[0]!
  expect(Math.abs(there.equity / there.maintenance - 1)).toBeLessThan(1e-9)
})

test('an option without volatility leaves nothing unsaid', () => {
  const dark = new SnapshotView({ timeUs: 0, spot: { BTC: 60_000 } })
  const report = deribitStandard().assess(account({ BTC: 100 }, [option(CALL, 60_000, -1)]), dark)
  expect(report.liquidatable).toBe(true)
  expect(report.missing).toEqual(['volatility BTC 1970-01-31 60000'])
})

test('contracts Deribit does not list are refused', () => {
  const refused = expect.objectContaining({ code: 'margin-unsupported' })
  const assess = (position: Position) => deribitStandard().assess(account({}, [position]), market)
  expect(() => assess(perp('BTC', 1, 1, { settle: 'ETH' }))).toThrow(refused)
  expect(() => assess(perp('DOGE', 1, 1))).toThrow(refused)
  expect(() => assess(perp('BTC', 1, 1, { isolatedMargin: 1 }))).toThrow(refused)
  expect(() => assess(option(CALL, 1, 1, { settle: 'ETH' }))).toThrow(refused)
  expect(() => assess({ kind: 'debt', asset: 'BTC', amount: 1, rate: 0 })).toThrow(refused)
})
