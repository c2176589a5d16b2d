/**
 * Goal: a bar is known when it ends, says what its file says, and what is invented, missing or impossible is named.
 *
 * Method: hand-made files of each layout; an invented bar among real ones; damage by the fuzz driver.
 */

import { expect, test } from 'vitest'
import { HOUR_US, MINUTE_US } from '../core/clock.ts'
import { Flag, Kind } from '../market/tape.ts'
import { bars } from './bars.ts'
import { fuzzCases, fuzzImporter, importText } from './fuzz.ts'
import type { ListSink } from './listSink.ts'

const HEADER = 'time_ms,open,high,low,close,volume'
const START_MS = 1_735_603_200_000 // 2024-12-31 00:00 UTC

/** Five-minute bars of a file named for BTC. */
function fiveMinutes(...lines: string[]): string {
  return `${[HEADER, ...lines].join('\n')}\n`
}

function bar(index: number, cells: string): string {
  return `${START_MS + index * 300_000},${cells}`
}

const names = (sink: ListSink) => sink.traps.map(({ name }) => name)
const reasons = (sink: ListSink) => sink.rejects.map(({ name }) => name)

test('a bar is four rows of one message at the time it ended', async () => {
  const sink = await importText(bars, 'BTC_USDT-5m.csv', fiveMinutes(bar(0, '100.5,103,99.5,102,7.25')))
  const endUs = START_MS * 1000 + 5 * MINUTE_US
  expect(sink.messages).toMatchObject([
    { stream: 'bar', instrument: 'BTC-USDT-SPOT@binance', timeUs: endUs, venueTimeUs: endUs },
  ])
  expect(sink.rows()).toEqual([
    { kind: Kind.BAR_OPEN, side: 0, price: 100.5, size: 0, value: 0, flags: 0 },
    { kind: Kind.BAR_HIGH, side: 0, price: 103, size: 0, value: 0, flags: 0 },
    { kind: Kind.BAR_LOW, side: 0, price: 99.5, size: 0, value: 0, flags: 0 },
    { kind: Kind.BAR_CLOSE, side: 0, price: 102, size: 7.25, value: 5 * MINUTE_US, flags: Flag.END },
  ])
})

test.each([
  ['BTC_USDT-5m.csv.gz', 'BTC-USDT-SPOT@binance'],
  ['SOL_USDT_USDT-1h-futures.csv.gz', 'SOL-USDT-PERP@binance-usdm'],
  ['BTC_USD_BTC-1h-futures.csv.gz', 'BTC-USD-PERP@binance-coinm'],
  ['ETHUSDT_spot_1h_2019_2025.csv.gz', 'ETH-USDT-SPOT@binance'],
  ['BTCUSDT_perp_1h_2020_2022.csv.gz', 'BTC-USDT-PERP@binance-usdm'],
  ['Bitstamp_BTCUSD_1h.csv', 'BTC-USD-SPOT@bitstamp'],
])('%s holds %s', async (name, instrument) => {
  const sink = await importText(bars, name, fiveMinutes(bar(0, '1,2,1,2,3')))
  expect(sink.messages[0]?.instrument).toBe(instrument)
  expect(bars.recognise(name, fiveMinutes())).toBeGreaterThan(0.5)
})

test('after a bar of marks the last mark is the close and the extremes still stand', async () => {
  const sink = await importText(bars, 'BTC_USDT_USDT-1h-mark.csv', fiveMinutes(bar(0, '100.123456,103,99.5,102.25,0')))
  expect(sink.messages).toMatchObject([{ stream: 'mark', timeUs: START_MS * 1000 + HOUR_US }])
  expect(sink.rows().map(({ kind, side, value }) => [kind, side, value])).toEqual([
    [Kind.MARK, 0, 102.25],
    [Kind.MARK_EXTREME, 1, 103],
    [Kind.MARK_EXTREME, -1, 99.5],
  ])
})

test('a table named for funding holds the rate in open, at the pace of its times and not of its name', async () => {
  const line = (hours: number, rate: string) => `${START_MS + hours * 3_600_000},${rate},0,0,0,0`
  const content = fiveMinutes(line(0, '0.0001'), line(8, '-0.00002'), line(16, '0'), line(32, '0.0003'))
  const sink = await importText(bars, 'BTC_USDT_USDT-1h-funding_rate.csv', content)
  expect(sink.rows(Kind.FUNDING).map(({ size, value }) => [size, value])).toEqual([
    [8 * HOUR_US, 0.0001],
    [8 * HOUR_US, -0.00002],
    [8 * HOUR_US, 0],
    [8 * HOUR_US, 0.0003],
  ])
  expect(sink.messages.map(({ timeUs }) => timeUs)).toEqual([0, 8, 16, 32].map((h) => START_MS * 1000 + h * HOUR_US))
  expect(names(sink)).toEqual(['rate-in-open', 'missing-funding'])
})

test('a venue that starts to pay every four hours is believed, one late payment is not', async () => {
  const line = (hours: number) => `${START_MS + hours * 3_600_000},0.0001,0,0,0,0`
  const paid = async (...hours: number[]) =>
    importText(bars, 'BTC_USDT_USDT-1h-funding_rate.csv', fiveMinutes(...hours.map(line)))
  const changed = await paid(0, 8, 16, 20, 24, 28)
  expect(changed.rows().map(({ size }) => size / HOUR_US)).toEqual([8, 8, 8, 4, 4, 4])
  expect(names(changed)).toContain('funding-interval-changed')
  const missed = await paid(0, 1, 2, 4, 5)
  expect(missed.rows().map(({ size }) => size / HOUR_US)).toEqual([1, 1, 1, 1, 1])
  expect(names(missed)).toContain('missing-funding')
})

test('prices under the name of funding are refused', async () => {
  const sink = await importText(bars, 'BTC_USDT_USDT-1h-funding_rate.csv', fiveMinutes(bar(0, '0.1,0.2,0.1,0.2,7')))
  expect(reasons(sink)).toEqual(['not-funding'])
})

test('a table newest first is read in reverse, and says so', async () => {
  const content = [
    'https://www.CryptoDataDownload.com',
    'unix,date,symbol,open,high,low,close,Volume BTC,Volume USDT,tradecount',
    '1655078400000,2022-06-13 00:00:00,BTC/USDT,12,14,11,13,7,80,9',
    '1655074800000,2022-06-12 23:00:00,BTC/USDT,10,12,10,12,5,60,9',
    '',
  ].join('\n')
  const sink = await importText(bars, 'BTCUSDT_perp_1h_2020_2022.csv', content)
  expect(sink.rows(Kind.BAR_CLOSE).map(({ price, size }) => [price, size])).toEqual([
    [12, 5],
    [13, 7],
  ])
  expect(names(sink)).toEqual(['newest-first'])
  expect(bars.recognise('any.csv', content)).toBeGreaterThan(0.9)
})

test('bars drawn through an outage are flagged, even those that happen to lie on the grid', async () => {
  const content = fiveMinutes(
    bar(0, '100.5,101,100,100.5,10'),
    bar(1, '104.0,105,103,104.25,7.5'),
    bar(2, '108.0,109.3333333333333,106.6666666666667,108.25,8.333333333333333'),
    bar(3, '112.0,113.6666666666667,110.3333333333333,112.25,9.166666666666667'),
    bar(4, '116.0,118,114,116.25,10'),
    bar(5, '115.0,118,113,117,20'),
  )
  const sink = await importText(bars, 'BTC_USDT-5m.csv', content)
  const suspect = sink.messages.map(({ rows }) => rows.every(({ flags }) => (flags & Flag.SUSPECT) !== 0))
  expect(suspect).toEqual([false, false, true, true, false, false])
  expect(sink.traps).toMatchObject([{ name: 'interpolated-bars', place: { line: 4 } }])
  expect(sink.counts.get('interpolated bars')).toBe(2)
  // On the grid of the bars that were traded: two decimals.
  expect(sink.rows(Kind.BAR_HIGH).map(({ price }) => price)).toEqual([101, 105, 109.33, 113.67, 118, 118])
})

test('an outage may begin with a flat bar of which only the volume is drawn', async () => {
  const content = fiveMinutes(
    bar(0, '100.5,102,100,101,20.361211'),
    bar(1, '101,101,101,101,424.313571'),
    bar(2, '101,103,100,102,828.265931'),
    bar(3, '102,102,102,102,2'),
    bar(4, '102,102,102,102,3'),
    bar(5, '102,102,102,102,4'),
  )
  const sink = await importText(bars, 'BTC_USDT-5m.csv', content)
  const suspect = sink.messages.map(({ rows }) => (rows[0]!.flags & Flag.SUSPECT) !== 0)
  expect(suspect).toEqual([false, true, false, false, false, false])
})

test('missing bars are counted with their span, repeated ones refused, late ones flagged', async () => {
  const flat = '100,101,99,100,1'
  const content = fiveMinutes(bar(0, flat), bar(1, flat), bar(4, flat), bar(4, flat), bar(3, flat), bar(5, flat))
  const sink = await importText(bars, 'BTC_USDT-5m.csv', content)
  expect(sink.counts.get('missing bars')).toBe(2)
  expect(names(sink)).toEqual(['missing-bars', 'out-of-order'])
  expect(sink.rejects).toMatchObject([{ name: 'duplicate-time', place: { line: 5 } }])
  expect(sink.messages.map(({ rows }) => rows[0]!.flags & Flag.SUSPECT)).toEqual([0, 0, 0, Flag.SUSPECT, 0])
})

test('a long run without a trade is reported, two quiet bars are not', async () => {
  const quiet = '100,100,100,100,0'
  const run = await importText(bars, 'BTC_USDT-5m.csv', fiveMinutes(bar(0, quiet), bar(1, quiet), bar(2, quiet)))
  expect(names(run)).toEqual(['flat-bars'])
  const pair = await importText(bars, 'BTC_USDT-5m.csv', fiveMinutes(bar(0, quiet), bar(1, quiet)))
  expect(names(pair)).toEqual([])
  expect(pair.counts.get('flat bars')).toBe(2)
})

test.each([
  ['bar-high-below-low', '100,99,101,100,1'],
  ['bar-open-outside', '102,101,99,100,1'],
  ['bar-close-outside', '100,101,99,98,1'],
  ['price-not-positive', '0,101,0,100,1'],
  ['price-not-positive', '-5,101,99,100,1'],
  ['size-negative', '100,101,99,100,-1'],
  ['number-invalid', '100,NaN,99,100,1'],
])('a bar with %s is refused: %s', async (reason, cells) => {
  const sink = await importText(bars, 'BTC_USDT-5m.csv', fiveMinutes(bar(0, cells)))
  expect(reasons(sink)).toEqual([reason])
  expect(sink.messages).toEqual([])
})

test('a base without a quote is an unnamed venue stamped at the close with volume in dollars', async () => {
  const content = 'timestamp,open,high,low,close,volume\n2021-12-31 23:01:00.000000,100.0,100.0,100.0,100.0,2500.5\n'
  const sink = await importText(bars, 'BTC_perp_1m_202201.csv', content)
  expect(sink.messages).toMatchObject([
    { instrument: 'BTC-USD-PERP@unnamed', timeUs: Date.UTC(2021, 11, 31, 23, 1) * 1000 },
  ])
  expect(sink.rows(Kind.BAR_CLOSE)[0]?.size).toBe(25.005)
  expect(names(sink)).toEqual(['stamped-at-close', 'volume-in-quote', 'venue-unnamed'])
})

test('any table is read with a column map', async () => {
  const content = 'when,o,h,l,c,v\n2024-01-01 03:00:00,10,12,9,11,4\n'
  const sink = await importText(bars, 'mine.csv', content, {
    columns: 'time=when,open=o,high=h,low=l,close=c,volume=v',
    'time-unit': 'iso',
    'time-zone-offset': '+3',
    instrument: 'ETH-USD-PERP@deribit',
    payoff: 'inverse',
    interval: '1h',
  })
  expect(sink.messages).toMatchObject([{ instrument: 'ETH-USD-PERP@deribit', timeUs: Date.UTC(2024, 0, 1, 1) * 1000 }])
  expect(sink.instruments).toMatchObject([{ payoff: 'inverse', settle: 'ETH' }])
})

test.each([
  ['an unknown instrument', 'mine.csv', { interval: '1h' }],
  ['an unknown length', 'mine.csv', { instrument: 'BTC-USDT-SPOT@binance' }],
  ['an unknown series', 'BTC_USDT-5m.csv', { series: 'ticks' }],
  ['a column map of unknown columns', 'BTC_USDT-5m.csv', { columns: 'price=open' }],
  ['an unknown zone', 'BTC_USDT-5m.csv', { 'time-zone-offset': 'Moscow' }],
])('%s is an error that says so', async (_, name, options) => {
  const read = importText(bars, name, fiveMinutes(bar(0, '1,2,1,2,3')), options as Record<string, string>)
  await expect(read).rejects.toMatchObject({ code: 'argument-invalid' })
})

test('a header without a column of bars names what was expected', async () => {
  const read = importText(bars, 'BTC_USDT-5m.csv', 'time_ms,open,high,low,volume\n1735603200000,1,2,1,3\n')
  await expect(read).rejects.toMatchObject({ code: 'file-invalid', facts: { expected: 'close', line: 1, byte: 0 } })
})

test('no damage makes an impossible bar', { timeout: 3_600_000 }, async () => {
  const lines = [HEADER]
  for (let i = 0; i < 6; i++) lines.push(bar(i, `${100 + i}.5,${103 + i},${99 + i},${101 + i},${7 + i}.25`))
  const report = await fuzzImporter(bars, 'BTC_USDT-5m.csv', lines, fuzzCases(process.env), 11)
  expect(report.rejects).toBeGreaterThan(0)
  expect(report.messages).toBeGreaterThan(0)
})

test('no damage makes an impossible funding payment', { timeout: 3_600_000 }, async () => {
  const lines = [HEADER]
  for (let i = 0; i < 6; i++) lines.push(`${START_MS + i * 28_800_000},0.000${i},0,0,0,0`)
  const report = await fuzzImporter(bars, 'BTC_USDT_USDT-1h-funding_rate.csv', lines, fuzzCases(process.env), 12)
  expect(report.rejects).toBeGreaterThan(0)
  expect(report.messages).toBeGreaterThan(0)
})
