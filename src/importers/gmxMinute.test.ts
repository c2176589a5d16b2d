/**
 * Goal: every column of a GMX file keeps one number wherever it stands, and prices come out in dollars.
 *
 * Method: hand-made minutes of both versions, columns moved about; damage by the fuzz driver.
 */

import { expect, test } from 'vitest'
import { MINUTE_US } from '../core/clock.ts'
import { Kind } from '../market/tape.ts'
import { fuzzCases, fuzzImporter, importText } from './fuzz.ts'
import { gmxMinute, V2_COLUMNS } from './gmxMinute.ts'

const V1 = 'avalanche_gmx_2024-10-15.csv'
const V2 = 'arbitrum-GmxV2-0x70d95587d40a2caf56bd97485ab3eec10bee6336-2025-01-08.minute.csv'
const V1_HEADER = ',glp,weth_price,weth_pool,usdc.e_usdg,aum,glp_price,new_thing'
const V1_LINE =
  '2024-10-15 00:00:00,23218773871711187101247422,2629059000000000000000000000000000,2242029846463803580550,5.5,7e36,0.944,1'
const endUs = Date.UTC(2024, 9, 15) * 1000 + MINUTE_US

test('a wide table becomes numbered scalars, and prices in dollars', async () => {
  const sink = await importText(gmxMinute, V1, `${V1_HEADER}\n${V1_LINE}\n`)
  expect(sink.messages.map(({ stream, instrument, timeUs }) => [stream, instrument, timeUs])).toEqual([
    ['scalar', 'GLP-USD-SPOT@gmx-v1-avalanche', endUs],
    ['mark', 'WETH-USD-PERP@gmx-v1-avalanche', endUs],
  ])
  expect(sink.rows(Kind.SCALAR).map(({ size, value }) => [size, value])).toEqual([
    [1, Number('23218773871711187101247422')],
    [201, 2.629059e33],
    [204, Number('2242029846463803580550')],
    [706, 5.5],
    [4, 7e36],
    [5, 0.944],
  ])
  expect(sink.rows(Kind.INDEX)[0]!.value).toBeCloseTo(2629.059, 9)
  expect(sink.counts.get('columns not stored')).toBe(1)
})

test('a market of the second version is numbered by its column, wherever that stands', async () => {
  const columns = [...V2_COLUMNS].reverse()
  const cells = columns.map((name) => (name === 'indexPrice' ? '3384.5' : String(V2_COLUMNS.indexOf(name) + 1)))
  const content = `timestamp,${columns.join(',')}\n2025-01-08 00:00:00,${cells.join(',')}\n`
  const sink = await importText(gmxMinute, V2, content)
  expect(sink.messages[0]?.instrument).toBe('ETH-USD-POOL-0x70d95587d40a2caf56bd97485ab3eec10bee6336@gmx-v2-arbitrum')
  const rows = sink.rows(Kind.SCALAR)
  expect(rows).toHaveLength(V2_COLUMNS.length)
  for (const { size, value } of rows) expect(value).toBe(size === 13 ? 3384.5 : size)
  expect(sink.rows(Kind.INDEX)).toMatchObject([{ value: 3384.5 }])
})

test('a name of neither version, or a missing column, is refused whole', async () => {
  await expect(importText(gmxMinute, 'gmx.csv', `${V1_HEADER}\n${V1_LINE}\n`)).rejects.toMatchObject({
    code: 'file-invalid',
  })
  const read = importText(gmxMinute, V2, 'timestamp,poolValue\n2025-01-08 00:00:00,1\n')
  await expect(read).rejects.toMatchObject({ code: 'file-invalid', facts: { expected: 'marketTokensSupply' } })
})

test('a line with one bad cell is refused', async () => {
  const sink = await importText(gmxMinute, V1, `${V1_HEADER}\n${V1_LINE.replace('0.944', 'nan')}\n`)
  expect(sink.rejects).toMatchObject([{ name: 'number-invalid', place: { line: 2 } }])
  expect(sink.messages).toEqual([])
})

test('no damage makes an impossible minute', { timeout: 3_600_000 }, async () => {
  const lines = [V1_HEADER, ...[0, 1, 2, 3].map((minute) => V1_LINE.replace('00:00:00', `00:0${minute}:00`))]
  const report = await fuzzImporter(gmxMinute, V1, lines, fuzzCases(process.env), 73)
  expect(report.rejects).toBeGreaterThan(0)
  expect(report.messages).toBeGreaterThan(0)
})
