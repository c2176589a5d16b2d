/**
 * Goal: a file finds its one importer; what none is sure of is an error that names the candidates.
 *
 * Method: names and heads of every layout against the whole list; the list itself against its own contract.
 */

import { expect, test } from 'vitest'
import { IMPORTERS, importerNamed, recogniseImporter } from './registry.ts'

test('importers have names of their own, a command that works, and a sentence for each option', () => {
  expect(new Set(IMPORTERS.map(({ name }) => name)).size).toBe(IMPORTERS.length)
  for (const { name, version, summary, example, options } of IMPORTERS) {
    expect(name).toMatch(/^[a-z]+(?:-[a-z]+)*$/)
    expect(Number.isInteger(version) && version >= 1).toBe(true)
    expect(summary.length).toBeGreaterThan(20)
    expect(example).toMatch(/^gimbal import --catalog DIR \S/)
    for (const [option, sentence] of Object.entries(options)) {
      expect(option).toMatch(/^[a-z]+(?:-[a-z]+)*$/)
      expect(sentence.length).toBeGreaterThan(10)
    }
    expect(importerNamed(name).name).toBe(name)
  }
})

const OHLC = 'open,high,low,close,volume'
test.each([
  ['bars', 'BTC_USDT-5m.csv.gz', `time_ms,${OHLC}\n`],
  ['bars', 'BTC_USDT_USDT-1h-funding_rate.csv.gz', `time_ms,${OHLC}\n`],
  [
    'bars',
    'Binance_BTCUSDT_1h.csv',
    `https://www.CryptoDataDownload.com\nunix,date,symbol,open,high,low,close,Volume BTC\n`,
  ],
  ['funding', 'BTC-USDT_kucoin_2021-01-01_2024-01-01_funding_history.csv.gz', 'Symbol,Date,Funding Rate\n'],
  ['binance-vision', 'BTCUSDT-1h-2024-01.zip!BTCUSDT-1h-2024-01.csv', `open_time,${OHLC},close_time\n`],
  ['binance-vision', 'BTCUSDT-aggTrades-2024-01-01.csv', '7,100.5,0.25,70,71,1704067200000,true\n'],
  ['tardis', 'trades.csv.gz', 'exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n'],
  ['gas', 'gas_price.csv.gz', 'block_timestamp,gas_price\n'],
  ['gas', 'basefee.csv', 'block_number,timestamp,basefee_gwei\n'],
  ['price-minute', 'price_weth_usdc_0813_0817.csv.gz', ',WETH,USDC\n'],
  ['eth-blocks', 'eth_block_trace_1.json.gz', '{"block_number": 1, "miner": ""'],
  ['lean-options', 'a.zip!20210104_spx_minute_trade.csv', '30600000,1,2,1,2,59\n'],
  [
    'hyperliquid-archive',
    'BTC.lz4',
    '{"time":"2025-03-11T09:00:03.296545473","ver_num":1,"raw":{"channel":"l2Book","data":{}}}\n',
  ],
])('%s reads %s', (importer, name, head) => {
  expect(recogniseImporter(name, head).name).toBe(importer)
})

test.each([
  ['notes.txt', 'buy low, sell high\n'],
  ['empty.csv', ''],
  ['prices.csv', `when,${OHLC}\n`],
])('%s is recognised by none', (name, head) => {
  expect(() => recogniseImporter(name, head)).toThrow(expect.objectContaining({ code: 'format-unknown' }))
})

test('bars under a name that tells nothing are offered, not guessed', () => {
  const recognise = () => recogniseImporter('prices.csv', `time,${OHLC}\n`)
  expect(recognise).toThrow(/bars \(0\.4\)/)
})

test('an importer that does not exist is an error that names those that do', () => {
  expect(() => importerNamed('bar')).toThrow(expect.objectContaining({ code: 'format-unknown' }))
})
