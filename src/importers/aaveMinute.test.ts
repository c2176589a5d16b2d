/**
 * Goal: rates and indices of a reserve are read in the right columns, and an index never falls.
 *
 * Method: hand-made minutes; damage by the fuzz driver.
 */

import { expect, test } from 'vitest'
import { MINUTE_US } from '../core/clock.ts'
import { Kind } from '../market/tape.ts'
import { aaveMinute } from './aaveMinute.ts'
import { fuzzCases, fuzzImporter, importText } from './fuzz.ts'

const HEADER =
  'block_timestamp,liquidity_rate,stable_borrow_rate,variable_borrow_rate,liquidity_index,variable_borrow_index'
const NAME = 'polygon-aave_v3-0x2791bca1f2de4661ed88a30c99a7a9449aa84174-2023-08-14.minute.csv'
const line = (minute: number, cells = `0.0486,0.0752,0.0602,1.02397${minute}1,1.03760${minute}2`) =>
  `2023-08-14 00:0${minute}:00,${cells}`
const file = (...lines: string[]) => `${[HEADER, ...lines].join('\n')}\n`

test('a minute is one message of rates and indices', async () => {
  const sink = await importText(aaveMinute, NAME, file(line(0, '0.048602666889132299337496032,0.075,0.06,1.02,1.03')))
  const timeUs = Date.UTC(2023, 7, 14) * 1000 + MINUTE_US
  expect(sink.messages).toMatchObject([{ stream: 'lending', instrument: 'USDC-USD-SPOT@aave-v3-polygon', timeUs }])
  expect(sink.rows().map(({ kind, size, value }) => [kind, size, value])).toEqual([
    [Kind.SUPPLY_RATE, 0, 0.0486026668891323],
    [Kind.BORROW_RATE, 0, 0.06],
    [Kind.SUPPLY_INDEX, 0, 1.02],
    [Kind.BORROW_INDEX, 0, 1.03],
    [Kind.SCALAR, 1, 0.075],
  ])
})

test.each([
  ['index-fell', '0.05,0.07,0.06,1.0239,1.04'],
  ['index-jumped', '0.05,0.07,0.06,1.2,1.04'],
  ['rate-beyond-belief', '500,0.07,0.06,1.0240,1.04'],
  ['size-negative', '-0.05,0.07,0.06,1.0240,1.04'],
  ['number-invalid', '0.05,0.07,,1.0240,1.04'],
])('%s is refused', async (reason, cells) => {
  const sink = await importText(aaveMinute, NAME, file(line(0), line(1, cells)))
  expect(sink.rejects).toMatchObject([{ name: reason, place: { line: 3 } }])
})

test('an unknown reserve is known by its address, an unknown name not at all', async () => {
  const name = NAME.replace('0x2791bca1f2de4661ed88a30c99a7a9449aa84174', `0x${'12'.repeat(20)}`)
  const sink = await importText(aaveMinute, name, file(line(0)))
  expect(sink.messages[0]?.instrument).toBe(`0x${'12'.repeat(20)}-USD-SPOT@aave-v3-polygon`)
  await expect(importText(aaveMinute, 'reserve.csv', file(line(0)))).rejects.toMatchObject({ code: 'file-invalid' })
})

test('no damage makes an impossible rate', { timeout: 3_600_000 }, async () => {
  const lines = [HEADER, ...[0, 1, 2, 3, 4].map((minute) => line(minute))]
  const report = await fuzzImporter(aaveMinute, NAME, lines, fuzzCases(process.env), 72)
  expect(report.rejects).toBeGreaterThan(0)
  expect(report.messages).toBeGreaterThan(0)
})
