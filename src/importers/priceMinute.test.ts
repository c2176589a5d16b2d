/**
 * Goal: each token's price is an index in the quote, and the quote is worth one of itself.
 *
 * Method: hand-made minutes; damage by the fuzz driver.
 */

import { expect, test } from 'vitest'
import { fuzzCases, fuzzImporter, importText } from './fuzz.ts'
import { priceMinute } from './priceMinute.ts'

const line = (minute: number, cells = `184${minute}.25,1`) => `2023-08-13 00:0${minute}:00,${cells}`
const file = (header: string, ...lines: string[]) => `${[header, ...lines].join('\n')}\n`

test('tokens are indices in the quote', async () => {
  const sink = await importText(priceMinute, 'price.csv', file(',WETH,USDC,WBTC', line(0, '1848.12,1,29000.5')))
  expect(sink.messages.map(({ instrument, rows }) => [instrument, rows[0]!.value])).toEqual([
    ['WETH-USDC-SPOT@price-table', 1848.12],
    ['WBTC-USDC-SPOT@price-table', 29000.5],
  ])
})

test('a quote that is not worth one is refused, and so is a table without one', async () => {
  const sink = await importText(priceMinute, 'price.csv', file(',WETH,USDC', line(0), line(1, '1848,0.99')))
  expect(sink.rejects).toMatchObject([{ name: 'quote-not-one', place: { line: 3 } }])
  const read = importText(priceMinute, 'price.csv', file(',WETH,WBTC', line(0)))
  await expect(read).rejects.toMatchObject({ code: 'file-invalid' })
  const named = await importText(priceMinute, 'price.csv', file(',WETH,WBTC', line(0, '0.06,1')), { quote: 'WBTC' })
  expect(named.messages[0]?.instrument).toBe('WETH-WBTC-SPOT@price-table')
})

test('a minute that comes late is flagged', async () => {
  const sink = await importText(priceMinute, 'price.csv', file(',WETH,USDC', line(0), line(2), line(1), line(3)))
  expect(sink.traps.map(({ name }) => name)).toEqual(['missing-minutes', 'out-of-order'])
  expect(sink.messages).toHaveLength(4)
})

test('no damage makes an impossible price', { timeout: 3_600_000 }, async () => {
  const lines = [',WETH,USDC', ...[0, 1, 2, 3, 4].map((minute) => line(minute))]
  const report = await fuzzImporter(priceMinute, 'price.csv', lines, fuzzCases(process.env), 75)
  expect(report.rejects).toBeGreaterThan(0)
  expect(report.messages).toBeGreaterThan(0)
})
