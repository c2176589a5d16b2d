/**
 * Goal: the normalisation factor, the price of oSQTH and that of ether keep their own units and instruments.
 *
 * Method: hand-made minutes; damage by the fuzz driver.
 */

import { expect, test } from 'vitest'
import { Kind } from '../market/tape.ts'
import { fuzzCases, fuzzImporter, importText } from './fuzz.ts'
import { squeethMinute } from './squeethMinute.ts'

const HEADER = 'block_timestamp,norm_factor,WETH,OSQTH'
const NAME = 'ethereum-squeeth-controller-2023-08-14.minute.csv'
const line = (minute: number, cells = `0.28956${9 - minute},1839.25,0.0536`) => `2023-08-14 00:0${minute}:00,${cells}`
const file = (...lines: string[]) => `${[HEADER, ...lines].join('\n')}\n`

test('a minute is a factor, a mark in ether and an index in dollars', async () => {
  const sink = await importText(squeethMinute, NAME, file(line(0)))
  expect(
    sink.messages.map(({ stream, instrument, rows }) => [stream, instrument, rows[0]!.kind, rows[0]!.value]),
  ).toEqual([
    ['scalar', 'OSQTH-WETH-SPOT@squeeth-ethereum', Kind.SCALAR, 0.289569],
    ['mark', 'OSQTH-WETH-SPOT@squeeth-ethereum', Kind.MARK, 0.0536],
    ['mark', 'WETH-USD-SPOT@squeeth-ethereum', Kind.INDEX, 1839.25],
  ])
})

test.each([
  ['factor-rose', '0.3,1839.25,0.0536'],
  ['factor-above-one', '1.3,1839.25,0.0536'],
  ['price-not-positive', '0.2,0,0.0536'],
])('%s is refused', async (reason, cells) => {
  const sink = await importText(squeethMinute, NAME, file(line(0), line(1, cells)))
  expect(sink.rejects).toMatchObject([{ name: reason, place: { line: 3 } }])
})

test('no damage makes an impossible minute', { timeout: 3_600_000 }, async () => {
  const lines = [HEADER, ...[0, 1, 2, 3, 4].map((minute) => line(minute))]
  const report = await fuzzImporter(squeethMinute, NAME, lines, fuzzCases(process.env), 74)
  expect(report.rejects).toBeGreaterThan(0)
  expect(report.messages).toBeGreaterThan(0)
})
