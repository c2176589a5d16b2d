/**
 * Goal: whatever a file of a book, a market or a chain says, the desk answers with figures, with what it does not know by its name, or
 * with a named error; never with a number that means nothing.
 * Method: fuzzed books and markets as text (FUZZ sets how many, 3000 of each when absent), each accepted one valued, differentiated and
 * margined; damaged chains; fuzzed accounts through every margin engine.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { GimbalError } from '../../core/errors.ts'
import type { Book, VenueAccount } from '../../portfolio/book.ts'
import { greeksTable } from '../../portfolio/greeksTable.ts'
import { assessAccount, MARGIN_ENGINES } from '../../portfolio/margin/registry.ts'
import { type MarketFacts, SnapshotView } from '../../portfolio/marketView.ts'
import { bookValue } from '../../portfolio/valuation.ts'
import { surfaceArbitrage } from '../../pricing/surfaceArbitrage.ts'
import { parseBook } from './bookFile.ts'
import { deskMarket } from './deskMarket.ts'
import { surfaceFacts } from './surfaceFacts.ts'

const FOLDER = mkdtempSync(join(tmpdir(), 'gimbal-bad-'))
const RUNS = Number(process.env['FUZZ'] ?? 3000)
const NOW_US = Date.UTC(2026, 0, 5, 12) * 1000

afterAll(() => rmSync(FOLDER, { recursive: true, force: true }))

const MARKET: MarketFacts = {
  timeUs: NOW_US,
  spot: { BTC: 90_000, ETH: 3000 },
  volatility: { BTC: 0.5, ETH: 0.6 },
}

/** Mostly ordinary sizes, now and then what no feed should say. */
const number = fc.oneof(
  { weight: 3, arbitrary: fc.double({ min: -1e5, max: 1e5, noNaN: true }) },
  { weight: 2, arbitrary: fc.double({ min: 1e-3, max: 2, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom(0, -0, 5e-324, 1e-200, 1e200, -1e308, 1e308) },
)
const broken = fc.oneof(
  { weight: 8, arbitrary: number },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY) },
)
const asset = fc.constantFrom('BTC', 'ETH', 'USDC', 'WIF', 'constructor', '__proto__')
const settle = fc.constantFrom('USDC', 'BTC', 'ETH', 'SOL')

const expiry = fc.constantFrom(
  '2025-12-26',
  '2026-01-31',
  '2026-01-05T12:00:00Z',
  '2026-02-30',
  '5',
  '+275760-09-13',
  '',
)
const written = fc.oneof(
  fc.record(
    {
      kind: fc.constantFrom('perp', 'future'),
      asset,
      size: number,
      entry: number,
      settle,
      payoff: fc.constantFrom('linear', 'inverse'),
      expiry,
      leverage: number,
      isolatedMargin: number,
    },
    { requiredKeys: ['kind', 'asset', 'size', 'entry', 'settle'] },
  ),
  fc.record(
    {
      kind: fc.constant('option'),
      asset,
      size: number,
      right: fc.constantFrom('call', 'put'),
      strike: number,
      expiry,
      settle,
      entry: number,
    },
    { requiredKeys: ['kind', 'asset', 'size', 'right', 'strike', 'expiry', 'settle'] },
  ),
  fc.record(
    {
      kind: fc.constant('pool'),
      asset,
      liquidity: number,
      quote: asset,
      lower: number,
      upper: number,
      feesBase: number,
    },
    { requiredKeys: ['kind', 'asset', 'liquidity', 'quote', 'lower'] },
  ),
  fc.record({ kind: fc.constantFrom('supply', 'debt'), asset, amount: number, liquidationThreshold: number }),
)
const margin = fc.constantFrom(...MARGIN_ENGINES, 'nosuch')
const bookOf = fc.record({
  accounts: fc.array(
    fc.record(
      {
        venue: fc.constantFrom('hyperliquid', 'deribit', 'w'),
        margin,
        balances: fc.dictionary(asset, number, { maxKeys: 2 }),
        positions: fc.array(written, { maxLength: 2 }),
      },
      { requiredKeys: ['venue', 'balances', 'positions'] },
    ),
    { maxLength: 2 },
  ),
})

/** The answer, or undefined where it was refused by one of these codes; any other error is ours. */
function answered<T>(ask: () => T, codes: readonly string[]): T | undefined {
  try {
    return ask()
  } catch (error) {
    if (error instanceof GimbalError && codes.includes(error.code)) return undefined
    throw error
  }
}

/** A worth is a number exactly when nothing held is without a price, and margins that are none can be liquidated. */
function requireHonest(book: Book, facts: MarketFacts): void {
  const view = new SnapshotView(facts)
  const { unpriced, total } = greeksTable(book, view)
  const value = bookValue(book, view)
  if (unpriced.length === 0 && Math.abs(total.value) < 1e280) expect(Number.isNaN(value)).toBe(false)
  for (const figure of Object.values(total)) expect(typeof figure === 'number' && Number.isNaN(figure)).toBe(false)
  if (unpriced.length > 0) for (const { missing } of unpriced) expect(missing.length).toBeGreaterThan(0)
  for (const account of book.accounts) {
    const report = answered(() => assessAccount(account, view), ['margin-unsupported', 'argument-invalid'])
    if (report === undefined) continue
    const known = !Number.isNaN(report.equity + report.initial + report.maintenance)
    expect(known || report.liquidatable, JSON.stringify({ account, report })).toBe(true)
  }
}

test('a book of any words is refused by a name, or valued with what has no price named', { timeout: 3_600_000 }, () => {
  let accepted = 0
  fc.assert(
    fc.property(bookOf, (said) => {
      const book = answered(() => parseBook(JSON.stringify(said), 'fuzz'), ['file-invalid', 'argument-invalid'])
      if (book === undefined) return
      accepted++
      requireHonest(book, MARKET)
    }),
    { numRuns: RUNS },
  )
  expect(accepted).toBeGreaterThan(RUNS / 50)
})

test('a book cut, overwritten or doubled anywhere is a book or refused as a file', { timeout: 3_600_000 }, () => {
  const text = JSON.stringify({
    accounts: [
      {
        venue: 'deribit',
        margin: 'deribit-standard',
        balances: { BTC: 2 },
        positions: [
          { kind: 'option', asset: 'BTC', size: -1, right: 'put', strike: 80000, expiry: '2026-01-31', settle: 'BTC' },
        ],
      },
    ],
  })
  fc.assert(
    fc.property(fc.nat(text.length), fc.nat(12), fc.string({ maxLength: 3 }), (at, cut, put) => {
      const damaged = text.slice(0, at) + put + text.slice(at + cut)
      const book = answered(() => parseBook(damaged, 'fuzz'), ['file-invalid', 'argument-invalid'])
      if (book !== undefined) requireHonest(book, MARKET)
    }),
    { numRuns: RUNS },
  )
})

test('of accounts with figures that are no numbers, expired options and nothing at all, no engine makes up a margin', {
  timeout: 3_600_000,
}, () => {
  const expiryUs = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(NOW_US + 1, NOW_US + 26 * 86_400e6, NOW_US, NOW_US - 86_400e6) },
    { weight: 1, arbitrary: broken },
  )
  const common = {
    asset: fc.constantFrom('BTC', 'ETH', 'WIF'),
    size: broken,
    settle: fc.constantFrom('USDC', 'BTC', 'ETH'),
  }
  const held = fc.oneof(
    fc.record({
      kind: fc.constant('option' as const),
      ...common,
      right: fc.constantFrom(1 as const, -1 as const),
      strike: broken,
      expiryUs,
    }),
    fc.record({ kind: fc.constant('perp' as const), ...common, payoff: fc.constant('linear' as const), entry: broken }),
    fc.record({
      kind: fc.constant('perp' as const),
      ...common,
      payoff: fc.constant('linear' as const),
      entry: broken,
      isolatedMargin: broken,
    }),
    fc.record({
      kind: fc.constantFrom('supply' as const, 'debt' as const),
      asset: common.asset,
      amount: broken,
      rate: broken,
    }),
  )
  const account = fc.record({
    venue: fc.constant('v'),
    margin: fc.constantFrom(...MARGIN_ENGINES),
    balances: fc.dictionary(fc.constantFrom('USDC', 'BTC', 'ETH', 'WIF'), broken, { maxKeys: 2 }),
    positions: fc.array(held, { maxLength: 3 }),
  })
  let assessed = 0
  fc.assert(
    fc.property(account, broken, (given, volatility) => {
      const view = new SnapshotView({ ...MARKET, volatility: { BTC: volatility, ETH: 0.6 } })
      const report = answered(
        () => assessAccount(given as VenueAccount, view),
        ['margin-unsupported', 'argument-invalid'],
      )
      if (report === undefined) return
      assessed++
      const known = !Number.isNaN(report.equity + report.initial + report.maintenance)
      expect(known || report.liquidatable).toBe(true)
    }),
    { numRuns: RUNS },
  )
  expect(assessed).toBeGreaterThan(RUNS / 50)
})

/** Rows of a chain as its file has them; every figure may be spoilt, and whole columns may be alike. */
test('a damaged chain becomes a surface free of arbitrage, or is refused by a name', {
  timeout: 3_600_000,
}, async () => {
  const header =
    'timestamp,instrument_name,underlying,underlying_name,option_type,strike,expiry_datetime,time_to_maturity,bid_price,ask_price,mark_price,mid_price,futures_price,futures_instrument_name,implied_volatility,delta,vega,open_interest,volume,bid_ask_spread,currency,index_price,volume_usd'
  const at = '2026-03-25T16:18:04.340015+00:00'
  const row = (strike: number, right: 'C' | 'P', bid: string, ask: string, day = '24APR26', forward = '71000') => {
    const iso = day === '24APR26' ? '2026-04-24' : '2026-06-26'
    const name = `BTC-${day}-${strike}-${right}`
    const type = right === 'C' ? 'call' : 'put'
    return `${at},${name},${forward},BTC-${day},${type},${strike},${iso}T08:00:00+00:00,0.08,${bid},${ask},0.02,0.02,${forward},BTC-${day},0.5,0.3,50,10,5,0.001,BTC,70900,1000`
  }
  const strikes = [50_000, 60_000, 65_000, 70_000, 75_000, 80_000, 90_000]
  const rows = (bid: string, ask: string, day?: string) =>
    strikes.flatMap((strike) => [row(strike, 'C', bid, ask, day), row(strike, 'P', bid, ask, day)])
  const cases: Record<string, string[]> = {
    'no rows': [],
    'one row': [row(70_000, 'C', '0.02', '0.021')],
    'one strike': [row(70_000, 'C', '0.05', '0.052'), row(70_000, 'P', '0.04', '0.041')],
    'identical rows': Array.from({ length: 20 }, () => row(70_000, 'C', '0.05', '0.052')),
    'crossed everywhere': rows('0.05', '0.01'),
    'bids only': rows('0.02', ''),
    'asks only': rows('', '0.03'),
    neither: rows('', ''),
    'no numbers': rows('nan', 'nan'),
    negative: rows('-0.02', '-0.01'),
    endless: rows('inf', 'inf'),
    'more than the coin': rows('5', '6'),
    'one price for all': rows('0.02', '0.021'),
    'two expiries of one price': [...rows('0.02', '0.021'), ...rows('0.02', '0.021', '26JUN26')],
    'no forward': [row(70_000, 'C', '0.05', '0.052', '24APR26', ''), row(70_000, 'P', '0.04', '0.041', '24APR26', '0')],
    'half a row': [row(70_000, 'C', '0.05', '0.052').slice(0, 80)],
    'another kind of file': ['{"accounts":[]}', 'x'],
  }
  let fitted = 0
  let refused = 0
  const file = join(FOLDER, 'chain_20260325T161804Z.csv')
  for (const [name, lines] of Object.entries(cases)) {
    writeFileSync(file, `${[header, ...lines].join('\n')}\n`)
    try {
      const market = await deskMarket({ chain: file })
      const facts = market.chains.length > 0 ? surfaceFacts(market) : []
      for (const { fit } of market.chains) expect(surfaceArbitrage(fit.surface).free, name).toBe(true)
      for (const { expiries } of facts)
        for (const { volatility } of expiries) expect(volatility >= 0 && volatility < 100, name).toBe(true)
      fitted++
    } catch (error) {
      expect(error, name).toBeInstanceOf(GimbalError)
      expect((error as GimbalError).code, name).toMatch(
        /^(fit-failed|import-rejected|catalog-empty|format-unknown|file-invalid|payload-invalid|argument-invalid)$/,
      )
      refused++
    }
  }
  expect(fitted).toBeGreaterThan(0)
  expect(refused).toBeGreaterThan(0)
})
