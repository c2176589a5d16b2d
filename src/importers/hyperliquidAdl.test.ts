/**
 * Goal: what happened at a known instant is put there; what is only a total says so.
 *
 * Method: hand-made tables and summaries; damage by the fuzz driver.
 */

import { expect, test } from 'vitest'
import { Flag, Kind } from '../market/tape.ts'
import { fuzzCases, fuzzImporter, importText } from './fuzz.ts'
import { BY_COIN, BY_USER, hyperliquidAdl, NET_VOLUME, SUMMARY } from './hyperliquidAdl.ts'

const EVENTS =
  'user,coin,time,adl_price,adl_size,adl_notional,closed_pnl,position_size,entry_price,account_value_realtime,total_unrealized_pnl,total_equity,is_negative_equity,leverage_realtime,position_unrealized_pnl,pnl_percent,liquidated_user,timestamp,time_str'
const USER = `0x${'ab'.repeat(20)}`
const MS = Date.UTC(2025, 9, 10, 21, 17)
const DAY_END_US = Date.UTC(2025, 9, 11) * 1000 - 1
const TABLE = 'hyperliquid_20251010_table.csv'

/** An event that many milliseconds into the cascade, closing a position of the given signed size. */
const event = (ms: number, position: number, notional = 1000) =>
  `${USER},BTC,${MS + ms},100000.0,0.01,${notional},5,${position},110000,1,2,3,False,9,1,2,${USER},2025-10-10 21:17:00,21:17:00`

test('a closed short is bought back, and the table sorted by leverage is put in order of time', async () => {
  const content = `${[EVENTS, event(9, -0.01), event(3, 0.01)].join('\n')}\n`
  const sink = await importText(hyperliquidAdl, TABLE, content)
  expect(sink.messages.map(({ timeUs, rows }) => [timeUs, rows[0]!.side])).toEqual([
    [(MS + 3) * 1000, -1],
    [(MS + 9) * 1000, 1],
  ])
  expect(sink.rows()[0]).toMatchObject({ kind: Kind.DELEVERAGING, price: 100000, size: 0.01 })
  expect(sink.traps.map(({ name }) => name)).toEqual(['not-in-time-order'])
})

test('an event told twice, or whose figures do not agree, is refused', async () => {
  const content = `${[EVENTS, event(9, -0.01), event(9, -0.01), event(10, -0.01, 1001), event(11, 0)].join('\n')}\n`
  const sink = await importText(hyperliquidAdl, TABLE, content)
  expect(sink.rejects.map(({ name, place }) => [name, place.line])).toEqual([
    ['duplicate-event', 3],
    ['notional-contradictory', 4],
    ['position-zero', 5],
  ])
})

test.each([
  ['coin', BY_COIN, 'BTC', 1, 'BTC-USDC-PERP@hyperliquid'],
  ['ticker', NET_VOLUME, 'BTC', 11, 'BTC-USDC-PERP@hyperliquid'],
  ['user', BY_USER, USER, 21, 'VENUE-USDC-PERP@hyperliquid'],
] as const)('totals by %s stand at the end of the day, flagged', async (key, columns, name, first, instrument) => {
  const cells = columns.map((column, at) =>
    key === 'user' && column === 'is_negative_equity' ? 'True' : `${at + 1}.5`,
  )
  const content = `${key},${columns.join(',')}\n${name},${cells.join(',')}\n${name},${cells.join(',')}\n`
  const sink = await importText(hyperliquidAdl, TABLE, content)
  expect(sink.messages).toMatchObject([{ stream: 'scalar', instrument, timeUs: DAY_END_US }])
  expect(sink.traps.map((trap) => trap.name)).toEqual(['no-event-time'])
  expect(sink.rejects).toMatchObject([{ name: 'duplicate-key', place: { line: 3 } }])
  const figures = sink.rows().filter(({ size }) => size >= first && size !== 20)
  expect(figures.map(({ size }) => size)).toEqual(columns.map((_, at) => first + at))
  if (key === 'user') expect(sink.rows()[0]).toMatchObject({ size: 20, value: 2 })
  expect(sink.rows().every(({ flags }) => (flags & Flag.SUSPECT) !== 0)).toBe(true)
})

test('a timeline is put at the end of its seconds, bursts at their own microsecond', async () => {
  const timing = {
    event_start: '2025-10-10T21:15:03.127372+00:00',
    timeline: [
      { second: 0, liquidations: 104, adls: 0 },
      { second: 61, liquidations: 12, adls: 7 },
      { second: 60, liquidations: 1, adls: 1 },
    ],
  }
  const name = 'hyperliquid_20251010_cascade_timing_results.json'
  const sink = await importText(hyperliquidAdl, name, JSON.stringify(timing))
  const startUs = Date.UTC(2025, 9, 10, 21, 15, 3) * 1000 + 127_372
  expect(sink.messages.map(({ timeUs, rows }) => [timeUs - startUs, ...rows.map(({ value }) => value)])).toEqual([
    [1e6, 104, 0],
    [62e6, 12, 7],
  ])
  expect(sink.rejects).toMatchObject([{ name: 'instant-invalid', detail: 'timeline[2]' }])

  const bursts = {
    top_shared_bursts: [{ timestamp: '2025-10-10T21:16:04.831874+00:00', liquidations: 3, adls: 2 }, {}],
  }
  const burst = await importText(hyperliquidAdl, 'hyperliquid_20251010_batch.json', JSON.stringify(bursts))
  expect(burst.messages).toMatchObject([{ timeUs: Date.UTC(2025, 9, 10, 21, 16, 4) * 1000 + 831_874 }])
  expect(burst.rejects).toHaveLength(1)
})

test('a summary is its ten figures, all or none', async () => {
  const figures = Object.fromEntries(SUMMARY.slice(3).map((name, at) => [name, at + 3]))
  const whole = { events_processed: 0, adl_events_analyzed: 1, accounts_tracked: 2, key_findings: figures }
  const name = 'hyperliquid_20251010_summary.json'
  const sink = await importText(hyperliquidAdl, name, JSON.stringify(whole))
  expect(sink.rows().map(({ size, value }) => [size, value])).toEqual(SUMMARY.map((_, at) => [41 + at, at]))
  const part = await importText(hyperliquidAdl, name, JSON.stringify({ ...whole, accounts_tracked: 'many' }))
  expect(part.rejects).toMatchObject([{ name: 'number-invalid', detail: 'accounts_tracked' }])
})

test('other tables, other summaries and names without a day are refused whole', async () => {
  const read = (name: string, content: string) => importText(hyperliquidAdl, name, content)
  await expect(read(TABLE, 'a,b\n1,2\n')).rejects.toMatchObject({ code: 'file-invalid' })
  await expect(read('table.csv', `${EVENTS}\n`)).rejects.toMatchObject({ code: 'file-invalid' })
  await expect(read('hyperliquid_20251010_x.json', '{"a":1}')).rejects.toMatchObject({ code: 'file-invalid' })
  await expect(read('hyperliquid_20251010_x.json', '{"a":')).rejects.toMatchObject({ code: 'file-invalid' })
})

test('no damage makes an impossible event', { timeout: 3_600_000 }, async () => {
  const lines = [EVENTS, ...[0, 1, 2, 3, 4].map((i) => event(i, i % 2 ? 0.01 : -0.01))]
  const report = await fuzzImporter(hyperliquidAdl, TABLE, lines, fuzzCases(process.env), 91)
  expect(report.rejects).toBeGreaterThan(0)
  expect(report.messages).toBeGreaterThan(0)
})

test('no damage makes an impossible summary', { timeout: 3_600_000 }, async () => {
  const timeline = [0, 6, 12, 18].map((second) => ({ second, liquidations: second + 1, adls: second }))
  const value = { event_start: '2025-10-10T21:15:03.127372+00:00', timeline }
  const lines = JSON.stringify(value, null, 1).split('\n')
  const report = await fuzzImporter(hyperliquidAdl, 'hyperliquid_20251010_t.json', lines, fuzzCases(process.env), 92)
  expect(report.refused).toBeGreaterThan(0)
  expect(report.rejects).toBeGreaterThan(0)
  expect(report.messages).toBeGreaterThan(0)
})
