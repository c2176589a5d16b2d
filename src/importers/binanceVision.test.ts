/**
 * Goal: every file of the Binance archive is read as the market it comes from, with or without header, in either unit.
 *
 * Method: hand-made files of each type and market; damage by the fuzz driver.
 */

import { expect, test } from 'vitest'
import { HOUR_US, MINUTE_US } from '../core/clock.ts'
import { Kind } from '../market/tape.ts'
import type { InputFile } from '../store/inputFile.ts'
import { binanceVision } from './binanceVision.ts'
import { fuzzCases, fuzzImporter, importText, memoryFile } from './fuzz.ts'
import { ListSink } from './listSink.ts'

const MS = 1_704_067_200_000 // 2024-01-01 00:00 UTC
const file = (...lines: string[]) => `${lines.join('\n')}\n`
const kline = (ms: number, cells: string) => `${ms},${cells},${ms + 3_599_999},0,0,0,0,0`

/** Reads a file as if it lay at a path of the archive. */
async function readAt(path: string, content: string): Promise<ListSink> {
  const name = path.slice(path.lastIndexOf('/') + 1)
  const sink = new ListSink()
  await binanceVision.read({ ...memoryFile(name, content), path } as InputFile, sink, {})
  return sink
}

test('klines in milliseconds and in microseconds end at the same instant', async () => {
  const old = await importText(binanceVision, 'BTCUSDT-1h-2024-01.csv', file(kline(MS, '1,3,0.5,2,7')), {
    market: 'spot',
  })
  const line = `${MS}000,1,3,0.5,2,7,${MS + 3_599_999}999,0,0,0,0,0`
  const recent = await importText(binanceVision, 'BTCUSDT-1h-2025-01.csv', file(line), { market: 'spot' })
  expect(recent.messages).toEqual(old.messages)
  expect(old.messages).toMatchObject([{ instrument: 'BTC-USDT-SPOT@binance', timeUs: MS * 1000 + HOUR_US }])
})

test.each([
  [
    '/d/futures/um/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-01.zip!BTCUSDT-1h-2024-01.csv',
    'BTC-USDT-PERP@binance-usdm',
    Kind.BAR_OPEN,
  ],
  [
    '/d/futures/cm/daily/klines/BTCUSD_PERP/1h/BTCUSD_PERP-1h-2024-01-01.csv',
    'BTC-USD-PERP@binance-coinm',
    Kind.BAR_OPEN,
  ],
  ['/d/futures/um/monthly/markPriceKlines/ETHUSDT/1h/ETHUSDT-1h-2024-01.csv', 'ETH-USDT-PERP@binance-usdm', Kind.MARK],
  [
    '/d/futures/um/monthly/indexPriceKlines/ETHUSDT/1h/ETHUSDT-1h-2024-01.csv',
    'ETH-USDT-PERP@binance-usdm',
    Kind.INDEX,
  ],
  [
    '/d/futures/um/monthly/premiumIndexKlines/ETHUSDT/1h/ETHUSDT-1h-2024-01.csv',
    'ETH-USDT-PERP@binance-usdm',
    Kind.SCALAR,
  ],
  ['/d/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-01-01.csv', 'BTC-USDT-SPOT@binance', Kind.BAR_OPEN],
])('the path tells market and sort of %s', async (path, instrument, kind) => {
  const header =
    'open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore'
  const sink = await readAt(path, file(header, kline(MS, '1,3,0.5,2,7')))
  expect(sink.messages[0]).toMatchObject({ instrument })
  expect(sink.rows()[0]?.kind).toBe(kind)
})

test('klines whose market nothing tells are an error that says so', async () => {
  const read = importText(binanceVision, 'BTCUSDT-1h-2024-01.csv', file(kline(MS, '1,3,0.5,2,7')))
  await expect(read).rejects.toMatchObject({ code: 'argument-invalid' })
})

test('a month is as long as it is', async () => {
  const line = `${MS},1,3,0.5,2,7,${Date.UTC(2024, 1, 1) - 1},0,0,0,0,0`
  const sink = await importText(binanceVision, 'BTCUSDT-1mo-2024-01.csv', file(line), { market: 'um' })
  expect(sink.messages[0]?.timeUs).toBe(Date.UTC(2024, 1, 1) * 1000)
})

test('a kline that ends when it should not is refused', async () => {
  const line = `${MS},1,3,0.5,2,7,${MS + 59_999},0,0,0,0,0`
  const sink = await importText(binanceVision, 'BTCUSDT-1h-2024-01.csv', file(line), { market: 'um' })
  expect(sink.rejects).toMatchObject([{ name: 'close-time-contradictory' }])
})

test('when the buyer was the maker the aggressor sold; the number of columns tells spot from futures', async () => {
  const spot = await importText(
    binanceVision,
    'BTCUSDT-aggTrades-2024-01-01.csv',
    file(
      `7,100.5,0.25,70,71,${MS},True,True`,
      `8,100.6,0.5,72,72,${MS + 1},False,True`,
      `12,100.7,1,75,75,${MS + 2},false,true`,
    ),
  )
  expect(spot.messages[0]?.instrument).toBe('BTC-USDT-SPOT@binance')
  expect(spot.rows().map(({ side, price, size, value }) => [side, price, size, value])).toEqual([
    [-1, 100.5, 0.25, 7],
    [1, 100.6, 0.5, 8],
    [1, 100.7, 1, 12],
  ])
  expect(spot.traps).toMatchObject([{ name: 'missing-ids' }])
  const header = 'agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker'
  const futures = await importText(
    binanceVision,
    'BTCUSDT-aggTrades-2024-01-01.csv',
    file(header, `7,100.5,0.25,70,71,${MS},true`, `7,100.5,0.25,70,71,${MS},true`),
  )
  expect(futures.messages[0]?.instrument).toBe('BTC-USDT-PERP@binance-usdm')
  expect(futures.rejects).toMatchObject([{ name: 'duplicate-id', place: { line: 3 } }])
})

test('trades, touches, funding, metrics, bands and liquidations', async () => {
  const trades = await importText(binanceVision, 'BTCUSDT-trades-2024-01-01.csv', file(`9,100.5,2,201,${MS},false`))
  expect(trades.rows()).toMatchObject([{ kind: Kind.TRADE, side: 1, value: 9 }])

  const touch = await importText(
    binanceVision,
    'BTCUSDT-bookTicker-2024-01-01.csv',
    file(
      'update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time',
      `5,99.5,3,99.6,4,${MS},${MS + 6}`,
    ),
  )
  expect(touch.messages).toMatchObject([{ timeUs: (MS + 6) * 1000, venueTimeUs: MS * 1000 }])

  const paid = await importText(
    binanceVision,
    'BTCUSDT-fundingRate-2024-01.csv',
    file(
      'calc_time,funding_interval_hours,last_funding_rate',
      `${MS},8,0.0001`,
      `${MS + 28_800_003},4,-0.0002`,
      `${MS + 43_200_000},4,0`,
    ),
  )
  expect(paid.rows().map(({ size, value }) => [size / HOUR_US, value])).toEqual([
    [8, 0.0001],
    [4, -0.0002],
    [4, 0],
  ])
  expect(paid.traps).toEqual([])

  const metrics = await importText(
    binanceVision,
    'BTCUSDT-metrics-2024-01-01.csv',
    file(
      'create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio',
      '2024-01-01 00:05:00,BTCUSDT,88353.137,3712345678.9,1.5,1.25,,0.75',
    ),
  )
  expect(metrics.messages[0]?.timeUs).toBe(MS * 1000 + 5 * MINUTE_US)
  expect(metrics.rows().map(({ kind, size, value }) => [kind, size, value])).toEqual([
    [Kind.OPEN_INTEREST, 88353.137, 3712345678.9],
    [Kind.SCALAR, 1, 1.5],
    [Kind.SCALAR, 2, 1.25],
    [Kind.SCALAR, 4, 0.75],
  ])

  const bands = await importText(
    binanceVision,
    'BTCUSDT-bookDepth-2024-01-01.csv',
    file(
      'timestamp,percentage,depth,notional',
      '2024-01-01 00:00:08,-5,10,1000',
      '2024-01-01 00:00:08,0.2,3,300',
      '2024-01-01 00:00:38,5,4,400',
    ),
  )
  expect(bands.messages.map(({ rows }) => rows.map(({ size, value }) => [size, value]))).toEqual([
    [
      [950, 10],
      [1950, 1000],
      [1002, 3],
      [2002, 300],
    ],
    [
      [1050, 4],
      [2050, 400],
    ],
  ])

  const forced = await importText(
    binanceVision,
    'BTCUSD_PERP-liquidationSnapshot-2023-06-25.csv',
    file(
      'time,side,order_type,time_in_force,original_quantity,price,average_price,order_status,last_fill_quantity,accumulated_fill_quantity',
      `${MS},SELL,LIMIT,IOC,12,30000.1,30050.2,FILLED,2,12`,
      `${MS},BUY,LIMIT,IOC,12,30000.1,30050.2,NEW,0,0`,
    ),
  )
  expect(forced.rows()).toMatchObject([{ kind: Kind.LIQUIDATION, side: -1, price: 30050.2, size: 12 }])
  expect(forced.skips.get('liquidation order without fill')).toBe(1)
  expect(forced.instruments).toMatchObject([{ payoff: 'inverse', multiplier: '100' }])
})

test('a name or a symbol of no market is refused', async () => {
  await expect(importText(binanceVision, 'prices.csv', '1\n')).rejects.toMatchObject({ code: 'file-invalid' })
  const read = importText(binanceVision, 'BTCUSDT-1h-2024-01.csv', file(kline(MS, '1,3,0.5,2,7')), { market: 'cm' })
  await expect(read).rejects.toMatchObject({ code: 'file-invalid' })
  expect(
    binanceVision.recognise('BTCUSDT-aggTrades-2024-01-01.csv', `7,100.5,0.25,70,71,${MS},true\n`),
  ).toBeGreaterThan(0.9)
})

test('no damage makes an impossible kline', { timeout: 3_600_000 }, async () => {
  const lines = Array.from({ length: 6 }, (_, i) => kline(MS + i * 3_600_000, `10${i},12${i},9${i},11${i},7.5`))
  const name = 'BTCUSDT-1h-2024-01.csv'
  const report = await fuzzImporter(binanceVision, name, lines, fuzzCases(process.env), 41, { market: 'um' })
  expect(report.rejects).toBeGreaterThan(0)
  expect(report.messages).toBeGreaterThan(0)
})

test('no damage makes an impossible trade', { timeout: 3_600_000 }, async () => {
  const lines = Array.from({ length: 6 }, (_, i) => `${70 + i},100.${i},0.25,${i},${i},${MS + i},${i % 2 === 0}`)
  const report = await fuzzImporter(
    binanceVision,
    'BTCUSDT-aggTrades-2024-01-01.csv',
    lines,
    fuzzCases(process.env),
    42,
  )
  expect(report.rejects).toBeGreaterThan(0)
  expect(report.messages).toBeGreaterThan(0)
})
