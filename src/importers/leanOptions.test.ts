/**
 * Goal: a minute of LEAN is put at its end on the right clock, in dollars, under the contract its name tells.
 *
 * Method: hand-made members in winter and summer; damage by the fuzz driver.
 */

import { expect, test } from 'vitest'
import { MINUTE_US } from '../core/clock.ts'
import { Kind } from '../market/tape.ts'
import { fuzzCases, fuzzImporter, importText } from './fuzz.ts'
import { leanOptions } from './leanOptions.ts'

const QUOTE = '20210104_spx_minute_quote_european_call_37000000_20210115.csv'
const TRADE = '20210104_spxw_minute_trade_european_put_37005000_20210106.csv'
const OPEN_MS = 34_200_000 // 09:30

const file = (...lines: string[]) => lines.map((line) => `${line}\n`).join('')

test('a minute of quotes is its closing touch, known when the minute ends in New York', async () => {
  const content = file(`${OPEN_MS},5649000,5668000,5629000,5641000,115,5708000,5710000,5683000,5691000,116`)
  const winter = await importText(leanOptions, `a.zip!${QUOTE}`, content)
  expect(winter.messages).toMatchObject([
    {
      stream: 'quote',
      instrument: 'SPX-USD-OPTION-20210115-3700-C@cboe',
      timeUs: Date.UTC(2021, 0, 4, 14, 31) * 1000,
    },
  ])
  expect(winter.rows().map(({ side, price, size }) => [side, price, size])).toEqual([
    [1, 564.1, 115],
    [-1, 569.1, 116],
  ])
  const summer = await importText(leanOptions, `a.zip!${QUOTE.replace('20210104', '20210714')}`, content)
  expect(summer.messages[0]?.timeUs).toBe(Date.UTC(2021, 6, 14, 13, 31) * 1000)
})

test('SPX settles on the opening of its last day, SPXW on the close', async () => {
  const spx = await importText(leanOptions, `a.zip!${QUOTE}`, file(`${OPEN_MS},,,,,0,1500,2500,1500,1500,3`))
  expect(spx.instruments).toMatchObject([{ expiryUs: Date.UTC(2021, 0, 15, 14, 30) * 1000, multiplier: '100' }])
  const weekly = await importText(leanOptions, `a.zip!${TRADE}`, file(`${OPEN_MS},100,100,100,100,3`))
  expect(weekly.instruments).toMatchObject([
    { expiryUs: Date.UTC(2021, 0, 6, 21) * 1000, strike: '3700.5', right: 'put' },
  ])
})

test('a side nobody quotes, or quotes at nothing, is no level', async () => {
  const lines = [`${OPEN_MS},,,,,0,1500,2500,1500,1500,3`, `${OPEN_MS + 60_000},0,0,0,0,5,500,500,500,500,3`]
  const sink = await importText(leanOptions, `a.zip!${QUOTE}`, file(...lines))
  expect(sink.rows().map(({ price, size }) => [price, size])).toEqual([
    [0, 0],
    [0.15, 3],
    [0, 0],
    [0.05, 3],
  ])
  expect(sink.counts.get('one-sided')).toBe(2)
})

test('a minute of trades is a bar, and minutes without one are not missed', async () => {
  const lines = [`${OPEN_MS},610000,620000,600000,615000,4`, `${OPEN_MS + 600_000},517100,517100,517100,517100,5`]
  const sink = await importText(leanOptions, `a.zip!${TRADE}`, file(...lines))
  expect(sink.rows(Kind.BAR_CLOSE).map(({ price, size, value }) => [price, size, value])).toEqual([
    [61.5, 4, MINUTE_US],
    [51.71, 5, MINUTE_US],
  ])
  expect(sink.traps).toEqual([])
})

test('open interest stands at the time given', async () => {
  const name = QUOTE.replace('quote', 'openinterest')
  const sink = await importText(leanOptions, `a.zip!${name}`, file('23400000,1732'))
  expect(sink.rows()).toMatchObject([{ kind: Kind.OPEN_INTEREST, size: 1732 }])
  expect(sink.messages[0]?.timeUs).toBe(Date.UTC(2021, 0, 4, 11, 30) * 1000)
})

test('the index is counted on the clock of Chicago and has no volume', async () => {
  const sink = await importText(
    leanOptions,
    'a.zip!20210104_spx_minute_trade.csv',
    file('30600000,3764.61,3769.99,3764.61,3766.63,59', '30660000,3766.41,3767.22,3765.83,3766.13,60'),
  )
  const firstUs = Date.UTC(2021, 0, 4, 14, 31) * 1000
  expect(new Set(sink.messages.map(({ timeUs }) => timeUs))).toEqual(new Set([firstUs, firstUs + MINUTE_US]))
  expect(sink.rows(Kind.INDEX).map(({ value }) => value)).toEqual([3766.63, 3766.13])
  expect(sink.rows(Kind.BAR_CLOSE).map(({ size }) => size)).toEqual([0, 0])
  expect(sink.traps.map(({ name }) => name)).toEqual(['chicago-time'])
})

test.each([
  ['whole-number-invalid', `${OPEN_MS + 60_000},56490.5,2,1,1,1,3,3,3,3,3`],
  ['duplicate-time', `${OPEN_MS},1,1,1,1,1,2,2,2,2,2`],
  ['bar-high-below-low', `${OPEN_MS + 60_000},5,4,6,5,1,7,7,7,7,1`],
  ['time-invalid', '86400000,1,1,1,1,1,2,2,2,2,2'],
  ['row-short', `${OPEN_MS + 60_000},1,1,1,1,1,2,2,2,2`],
])('%s is refused', async (reason, bad) => {
  const sink = await importText(leanOptions, `a.zip!${QUOTE}`, file(`${OPEN_MS},1,1,1,1,1,2,2,2,2,2`, bad))
  expect(sink.rejects).toMatchObject([{ name: reason, place: { line: 2 } }])
})

test('a crossed quote is a trap', async () => {
  const sink = await importText(leanOptions, `a.zip!${QUOTE}`, file(`${OPEN_MS},9,9,9,9,1,2,2,2,2,2`))
  expect(sink.traps.map(({ name }) => name)).toEqual(['crossed-quote'])
})

test('other names and widths are refused whole', async () => {
  await expect(importText(leanOptions, 'spx.csv', '1,2\n')).rejects.toMatchObject({ code: 'file-invalid' })
  await expect(importText(leanOptions, QUOTE, '1,2\n')).rejects.toMatchObject({ code: 'file-invalid' })
  expect(leanOptions.recognise(`a.zip!${TRADE}`, '1,2,3,4,5,6\n')).toBeGreaterThan(0.9)
  expect(leanOptions.recognise(`a.zip!${TRADE}`, '1,2\n')).toBe(0)
})

test('no damage makes an impossible quote', { timeout: 3_600_000 }, async () => {
  const lines = Array.from(
    { length: 6 },
    (_, i) => `${OPEN_MS + i * 60_000},100,300,50,${100 + i},7,500,700,400,${500 + i},9`,
  )
  const report = await fuzzImporter(leanOptions, QUOTE, lines, fuzzCases(process.env), 61)
  expect(report.rejects).toBeGreaterThan(0)
  expect(report.messages).toBeGreaterThan(0)
})
