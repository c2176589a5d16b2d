/**
 * Goal: an option's line says what the venue quoted, in coin; what nobody quoted is no quote; names and columns agree.
 *
 * Method: hand-made chains; damage by the fuzz driver.
 */

import { expect, test } from 'vitest'
import { Flag, Kind } from '../market/tape.ts'
import { deribitChain } from './deribitChain.ts'
import { fuzzCases, fuzzImporter, importText } from './fuzz.ts'

const HEADER =
  'timestamp,instrument_name,underlying,underlying_name,option_type,strike,expiry_datetime,time_to_maturity,bid_price,ask_price,mark_price,mid_price,futures_price,futures_instrument_name,implied_volatility,delta,vega,open_interest,volume,bid_ask_spread,currency,index_price,volume_usd'
const AT = '2026-01-05T12:00:00.250000+00:00'

/** A call on BTC of the given strike with the given bid and ask. */
function line(strike: number, bid = '0.084', ask = '0.088', right = 'call', name = `BTC-16JAN26-${strike}-C`): string {
  const quotes = `${bid},${ask},0.0855,,90100.5,BTC-16JAN26,0.4325,0.81,50.25,12.3,4.5,,BTC,90000.25,321.5`
  return `${AT},${name},90100.5,SYN.BTC-16JAN26,${right},${strike}.0,2026-01-16T08:00:00+00:00,0.029,${quotes}`
}

const file = (...lines: string[]) => `${[HEADER, ...lines].join('\n')}\n`

test('a line is one message of ten rows in coin', async () => {
  const sink = await importText(deribitChain, 'chain.csv', file(line(82000)))
  const timeUs = Date.UTC(2026, 0, 5, 12) * 1000 + 250_000
  expect(sink.messages).toMatchObject([
    { stream: 'option', instrument: 'BTC-USD-OPTION-20260116-82000-C@deribit', timeUs, venueTimeUs: timeUs },
  ])
  expect(sink.rows().map(({ kind, side, price, size, value }) => [kind, side, price, size, value])).toEqual([
    [Kind.QUOTE, 1, 0.084, 0.1, 0],
    [Kind.QUOTE, -1, 0.088, 0.1, 0],
    [Kind.MARK, 0, 0, 0, 0.0855],
    [Kind.IMPLIED_VOLATILITY, 0, 0, 0, 0.4325],
    [Kind.DELTA, 0, 0, 0, 0.81],
    [Kind.VEGA, 0, 0, 0, 50.25],
    [Kind.FORWARD, 0, 0, 0, 90100.5],
    [Kind.INDEX, 0, 0, 0, 90000.25],
    [Kind.OPEN_INTEREST, 0, 0, 12.3, 0],
    [Kind.VOLUME, 0, 0, 4.5, 321.5],
  ])
  expect(sink.instruments).toMatchObject([{ payoff: 'inverse', settle: 'BTC', tickSize: '0.0001', lotSize: '0.1' }])
  expect(sink.counts.get('synthetic forwards')).toBe(1)
})

test('sizes nobody tells are one lot, flagged and reported once; a side nobody quotes has none', async () => {
  const sink = await importText(deribitChain, 'chain.csv', file(line(80000), line(81000, ''), line(82000, '', '')))
  expect(sink.traps.map(({ name }) => name)).toEqual(['size-unknown'])
  expect(sink.counts.get('one-sided')).toBe(2)
  expect(sink.rows(Kind.QUOTE).map(({ price, size, flags }) => [price, size, flags])).toEqual([
    [0.084, 0.1, Flag.SUSPECT],
    [0.088, 0.1, Flag.SUSPECT],
    [0, 0, 0],
    [0.088, 0.1, Flag.SUSPECT],
    [0, 0, 0],
    [0, 0, 0],
  ])
})

test('a bid over the ask is a trap', async () => {
  const sink = await importText(deribitChain, 'chain.csv', file(line(80000, '0.09', '0.08')))
  expect(sink.traps.map(({ name }) => name)).toContain('crossed-quote')
})

test.each([
  ['name-contradicts-columns', line(82000, '0.084', '0.088', 'put')],
  ['name-contradicts-columns', line(82000, '0.084', '0.088', 'call', 'BTC-16JAN26-83000-C')],
  ['name-contradicts-columns', line(82000, '0.084', '0.088', 'call', 'BTC-17JAN26-82000-C')],
  ['name-invalid', line(82000, '0.084', '0.088', 'call', 'BTC-PERPETUAL')],
  ['delta-beyond-one', line(82000).replace(',0.81,', ',1.81,')],
  ['duplicate-option', line(80000)],
  ['size-negative', line(82000, '-0.1')],
])('%s is refused', async (reason, bad) => {
  const sink = await importText(deribitChain, 'chain.csv', file(line(80000), bad))
  expect(sink.rejects).toMatchObject([{ name: reason, place: { line: 3 } }])
  expect(sink.messages).toHaveLength(1)
})

test('a chain with other columns is refused whole', async () => {
  const read = importText(deribitChain, 'chain.csv', `${HEADER},gamma\n`)
  await expect(read).rejects.toMatchObject({ code: 'file-invalid' })
})

test('no damage makes an impossible option', { timeout: 3_600_000 }, async () => {
  const lines = [HEADER, line(80000), line(81000, ''), line(82000), line(83000, '', ''), line(84000)]
  const report = await fuzzImporter(deribitChain, 'chain.csv', lines, fuzzCases(process.env), 51)
  expect(report.rejects).toBeGreaterThan(0)
  expect(report.messages).toBeGreaterThan(0)
})
