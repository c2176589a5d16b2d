/**
 * Goal: a payment is put at the hour the venue paid it, whatever clock wrote the file, and is never paid twice.
 *
 * Method: hand-made histories of each venue, right and wrong clocks; damage by the fuzz driver.
 */

import { expect, test } from 'vitest'
import { HOUR_US, isoTime } from '../core/clock.ts'
import { Flag, Kind } from '../market/tape.ts'
import { funding } from './funding.ts'
import { fuzzCases, fuzzImporter, importText } from './fuzz.ts'
import type { ListSink } from './listSink.ts'

const fileOf = (venue: string, symbol = 'BTC-USDT') => `${symbol}_${venue}_2020-01-01_2024-01-01_funding_history.csv`
const table = (...lines: string[]) => `Symbol,Date,Funding Rate\n${lines.map((line) => `${line}\n`).join('')}`
const hours = (sink: ListSink) => sink.messages.map(({ timeUs }) => isoTime(timeUs).slice(11, 16))

test.each([
  [
    'binance',
    ['03:00:00.000', '11:00:00.000', '19:00:00.000'],
    ['00:00', '08:00', '16:00'],
    'BTC-USDT-PERP@binance-usdm',
    8,
  ],
  ['bybit', ['03:00:00', '11:00:00', '19:00:00'], ['00:00', '08:00', '16:00'], 'BTC-USDT-PERP@bybit', 8],
  ['kucoin', ['07:00:00', '15:00:00', '23:00:00'], ['04:00', '12:00', '20:00'], 'BTC-USDT-PERP@kucoin', 8],
  ['dydx', ['00:00:00', '01:00:00', '02:00:00'], ['00:00', '01:00', '02:00'], 'BTC-USD-PERP@dydx', 1],
])('%s pays on its own hours', async (venue, written, paid, instrument, every) => {
  const lines = written.map((time, i) => `BTC-USDT,2022-03-05 ${time},0.000${i}`)
  const sink = await importText(funding, fileOf(venue), table(...lines))
  expect(hours(sink)).toEqual(paid)
  expect(sink.messages[0]).toMatchObject({ stream: 'funding', instrument })
  expect(sink.rows(Kind.FUNDING).map(({ size, value }) => [size / HOUR_US, value])).toEqual([
    [every, 0],
    [every, 0.0001],
    [every, 0.0002],
  ])
  expect(sink.traps.map(({ name }) => name)).toEqual(venue === 'dydx' ? [] : ['utc+3'])
})

test('a clock set by hand is used, and one set wrong shows', async () => {
  const content = table('BTC-USDT,2022-03-05 03:00:00,0.0001', 'BTC-USDT,2022-03-05 11:00:00,0.0001')
  const wrong = await importText(funding, fileOf('binance'), content, { 'time-zone-offset': '0' })
  expect(hours(wrong)).toEqual(['03:00', '11:00'])
  expect(wrong.traps.map(({ name }) => name)).toEqual(['off-funding-hours', 'off-funding-hours'])
  expect(wrong.rows().every(({ flags }) => (flags & Flag.SUSPECT) !== 0)).toBe(true)
})

test('an unknown venue needs its clock named', async () => {
  const content = table('BTC-USDT,2022-03-05 03:00:00,0.0001')
  await expect(importText(funding, fileOf('okx'), content)).rejects.toMatchObject({ code: 'argument-invalid' })
  const options = { 'time-zone-offset': '+8', instrument: 'BTC-USDT-PERP@okx' }
  expect(hours(await importText(funding, fileOf('okx'), content, options))).toEqual(['19:00'])
})

test.each([
  ['duplicate-time', 'BTC-USDT,2022-03-05 03:00:00,0.0001'],
  ['symbol-changed', 'ETH-USDT,2022-03-05 11:00:00,0.0001'],
  ['rate-beyond-one', 'BTC-USDT,2022-03-05 11:00:00,1.5'],
  ['time-invalid', 'BTC-USDT,2022-03-05 25:00:00,0.0001'],
  ['number-invalid', 'BTC-USDT,2022-03-05 11:00:00,'],
])('%s is refused', async (reason, line) => {
  const sink = await importText(funding, fileOf('binance'), table('BTC-USDT,2022-03-05 03:00:00,0.0001', line))
  expect(sink.rejects).toMatchObject([{ name: reason, place: { line: 3 } }])
  expect(sink.messages).toHaveLength(1)
})

test('no damage makes an impossible payment', { timeout: 3_600_000 }, async () => {
  const lines = ['Symbol,Date,Funding Rate']
  for (let i = 0; i < 6; i++) lines.push(`BTC-USDT,2022-03-0${1 + i} 03:00:00.000,-0.0000${i}`)
  const report = await fuzzImporter(funding, fileOf('binance'), lines, fuzzCases(process.env), 21)
  expect(report.rejects).toBeGreaterThan(0)
  expect(report.messages).toBeGreaterThan(0)
})
