/**
 * Goal: a line of the archive is a whole book, or a coin's state at its minute; anything else is refused by name.
 *
 * Method: hand-made lines of both kinds; damage by the fuzz driver.
 */

import { expect, test } from 'vitest'
import { MINUTE_US } from '../core/clock.ts'
import { Flag, Kind } from '../market/tape.ts'
import { fuzzCases, fuzzImporter, importText } from './fuzz.ts'
import { hyperliquidArchive } from './hyperliquidArchive.ts'

const MS = Date.UTC(2025, 2, 11, 9, 0, 3)

/** A snapshot heard 296.545473 ms after the second, with the given levels. */
function book(second: number, bids = [['2000.5', '3']], asks = [['2000.6', '4']]): string {
  const side = (levels: string[][]) => levels.map(([px, sz]) => ({ px, sz, n: 1 }))
  const data = { coin: 'ETH', time: MS + second * 1000, levels: [side(bids), side(asks)] }
  return JSON.stringify({
    time: `2025-03-11T09:00:0${3 + second}.296545473`,
    ver_num: 1,
    raw: { channel: 'l2Book', data },
  })
}

test('a snapshot resets the book; nanoseconds are cut, not rounded', async () => {
  const content = `${book(0, [['2000.5', '3'], ['2000.4', '1']])}\n${book(1, [], [])}\n` // biome-ignore format: levels
  const sink = await importText(hyperliquidArchive, 'ETH', content)
  expect(sink.messages[0]).toMatchObject({
    stream: 'book',
    instrument: 'ETH-USDC-PERP@hyperliquid',
    timeUs: MS * 1000 + 296_545,
    venueTimeUs: MS * 1000,
  })
  expect(sink.rows().map(({ side, price, size, flags }) => [side, price, size, flags])).toEqual([
    [1, 2000.5, 3, Flag.RESET | Flag.SNAPSHOT],
    [1, 2000.4, 1, Flag.SNAPSHOT],
    [-1, 2000.6, 4, Flag.SNAPSHOT | Flag.END],
    [0, 0, 0, Flag.RESET | Flag.SNAPSHOT | Flag.END],
  ])
})

test.each([
  ['json-invalid', '{"time":'],
  ['channel-unknown', book(1).replace('l2Book', 'trades')],
  ['time-invalid', book(1).replace('09:00', '29:00')],
  ['coin-invalid', book(1).replace('"ETH"', '"@107"')],
  ['levels-invalid', book(1, [['2000.4', '1'], ['2000.5', '3']])], // biome-ignore format: levels
  ['levels-invalid', book(1, [['-1', '1']])],
  ['levels-invalid', book(1, [['1', '0']])],
])('%s is refused', async (reason, bad) => {
  const sink = await importText(hyperliquidArchive, 'ETH', `${book(0)}\n${bad}\n`)
  expect(sink.rejects).toMatchObject([{ name: reason, place: { line: 2 } }])
  expect(sink.messages).toHaveLength(1)
})

test('a crossed book and a clock behind are traps', async () => {
  const sink = await importText(
    hyperliquidArchive,
    'ETH',
    `${book(0, [['2001', '3']])}\n${book(1).replace('04.29', '03.99')}\n`,
  )
  expect(sink.traps.map(({ name }) => name)).toEqual(['crossed-book', 'clock-behind'])
})

const CONTEXTS =
  'time,coin,funding,open_interest,prev_day_px,day_ntl_vlm,premium,oracle_px,mark_px,mid_px,impact_bid_px,impact_ask_px'

test('a context is mark, oracle, the rate until the hour, interest and scalars', async () => {
  const content = `${CONTEXTS}\n2025-03-11T09:59:00Z,BTC,0.0000125,1500.5,80000,9e8,-0.0001,81000,81001.5,,81001,81002\n`
  const sink = await importText(hyperliquidArchive, '20250311.csv', content)
  expect(sink.messages.map(({ stream }) => stream)).toEqual(['mark', 'funding', 'interest', 'scalar'])
  expect(sink.rows().map(({ kind, size, value }) => [kind, size, value])).toEqual([
    [Kind.MARK, 0, 81001.5],
    [Kind.INDEX, 0, 81000],
    [Kind.FUNDING_FORECAST, MINUTE_US, 0.0000125],
    [Kind.OPEN_INTEREST, 1500.5, 0],
    [Kind.VOLUME, 0, 9e8],
    [Kind.SCALAR, 1, -0.0001],
    [Kind.SCALAR, 3, 81001],
    [Kind.SCALAR, 4, 81002],
    [Kind.SCALAR, 5, 80000],
  ])
})

test('a coin twice in a minute is refused, two coins are not', async () => {
  const line = (coin: string) => `2025-03-11T09:59:00Z,${coin},0,1,1,1,0,1,1,1,1,1`
  const content = `${[CONTEXTS, line('BTC'), line('ETH'), line('BTC')].join('\n')}\n`
  const sink = await importText(hyperliquidArchive, '20250311.csv', content)
  expect(sink.rejects).toMatchObject([{ name: 'duplicate-time', place: { line: 4 } }])
  expect(sink.counts.get('contexts')).toBe(2)
})

test('no damage makes an impossible book', { timeout: 3_600_000 }, async () => {
  const lines = [0, 1, 2, 3, 4].map((second) => book(second))
  const report = await fuzzImporter(hyperliquidArchive, 'ETH', lines, fuzzCases(process.env), 81)
  expect(report.rejects).toBeGreaterThan(0)
  expect(report.messages).toBeGreaterThan(0)
})

test('no damage makes an impossible context', { timeout: 3_600_000 }, async () => {
  const lines = [CONTEXTS, ...[0, 1, 2, 3].map((i) => `2025-03-11T09:5${i}:00Z,BTC,0.0001,1,2,3,0.1,4,5,6,7,8`)]
  const report = await fuzzImporter(hyperliquidArchive, '20250311.csv', lines, fuzzCases(process.env), 82)
  expect(report.rejects).toBeGreaterThan(0)
  expect(report.messages).toBeGreaterThan(0)
})
