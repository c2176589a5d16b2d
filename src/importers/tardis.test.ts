/**
 * Goal: a dataset of tardis.dev becomes the venue's own messages: books reset when the service says, sides and sizes
 * are the venue's, and a lost level makes the book doubtful rather than wrong.
 *
 * Method: hand-made lines under the service's headers; damage by the fuzz driver.
 */

import { expect, test } from 'vitest'
import { Flag, Kind } from '../market/tape.ts'
import { fuzzCases, fuzzImporter, importText } from './fuzz.ts'
import type { ListSink } from './listSink.ts'
import { tardis } from './tardis.ts'
import { tardisInstrument } from './tardisSymbol.ts'

const PREFIX = 'exchange,symbol,timestamp,local_timestamp,'
const T = 1_700_000_000_000_000

const LEVELS = `${PREFIX}is_snapshot,side,price,amount`
const TRADES = `${PREFIX}id,side,price,amount`

/** A level of BTC-PERPETUAL at Deribit, heard 5 ms after it happened. */
function level(offsetUs: number, cells: string): string {
  return `deribit,BTC-PERPETUAL,${T + offsetUs},${T + offsetUs + 5000},${cells}`
}

const file = (...lines: string[]) => `${lines.join('\n')}\n`
const names = (sink: ListSink) => sink.traps.map(({ name }) => name)

test('levels of one instant are one message, and a snapshot resets the book once', async () => {
  const sink = await importText(
    tardis,
    'deltas.csv',
    file(
      LEVELS,
      level(0, 'true,ask,6421.5,18640'),
      level(0, 'true,bid,6421,10000'),
      level(900, 'true,bid,6420.5,50'),
      level(1000, 'false,bid,6421,0'),
      level(1000, 'false,bid,6420,70'),
      level(2000, 'true,ask,6422,10'),
    ),
  )
  expect(sink.messages.map(({ rows, timeUs, venueTimeUs }) => [rows.length, timeUs - T, venueTimeUs - T])).toEqual([
    [2, 5000, 0],
    [1, 5900, 900],
    [2, 6000, 1000],
    [1, 7000, 2000],
  ])
  const resets = sink.rows().map(({ flags }) => (flags & Flag.RESET) !== 0)
  expect(resets).toEqual([true, false, false, false, false, true])
  expect(sink.rows()[3]).toMatchObject({ kind: Kind.DEPTH, side: 1, price: 6421, size: 0 })
  expect(sink.instruments).toMatchObject([{ payoff: 'inverse', settle: 'BTC', kind: 'perp' }])
})

test('updates before any snapshot are flagged', async () => {
  const sink = await importText(tardis, 'deltas.csv', file(LEVELS, level(0, 'false,bid,6421,10')))
  expect(names(sink)).toEqual(['no-snapshot'])
  expect(sink.rows()[0]!.flags & Flag.SUSPECT).toBe(Flag.SUSPECT)
})

test('a level that cannot be read leaves a gap in the book it may have belonged to', async () => {
  const lines = [level(0, 'true,bid,6421,10'), level(1000, 'false,bid,6x21,10'), level(2000, 'false,bid,6420,1')]
  const sink = await importText(tardis, 'deltas.csv', file(LEVELS, ...lines))
  expect(sink.rejects).toMatchObject([{ name: 'number-invalid', place: { line: 3 } }])
  expect(sink.messages.map(({ rows }) => rows[0]!.kind)).toEqual([Kind.DEPTH, Kind.GAP, Kind.DEPTH])
})

test('a whole snapshot a line, asks and bids by turns, absent levels left out', async () => {
  const header =
    PREFIX +
    [0, 1, 2, 3, 4].map((i) => `asks[${i}].price,asks[${i}].amount,bids[${i}].price,bids[${i}].amount`).join(',')
  const sink = await importText(
    tardis,
    'snapshots.csv',
    file(
      header,
      `binance-futures,BTCUSDT,${T},${T + 9},11657.08,1.714,11657.07,10.896,11657.54,5.4,11656.97,0.2,,,,,,,,,,,,`,
      `binance-futures,BTCUSDT,${T + 20},${T + 29},,,,,,,,,,,,,,,,,,,,`,
    ),
  )
  expect(sink.rows().map(({ side, price, size, flags }) => [side, price, size, flags])).toEqual([
    [-1, 11657.08, 1.714, Flag.RESET | Flag.SNAPSHOT],
    [1, 11657.07, 10.896, Flag.SNAPSHOT],
    [-1, 11657.54, 5.4, Flag.SNAPSHOT],
    [1, 11656.97, 0.2, Flag.SNAPSHOT | Flag.END],
    [0, 0, 0, Flag.RESET | Flag.SNAPSHOT | Flag.END],
  ])
})

test('trades keep the aggressor and a numeric id; liquidations are told by their path', async () => {
  const line = (id: string, side: string) => `bitmex,XBTUSD,${T},${T + 3},${id},${side},8531.5,2152`
  const content = file(TRADES, line('ccc3c1fa-212c', 'sell'), line('77', 'buy'), line('78', 'unknown'))
  const trades = await importText(tardis, 'bitmex_trades.csv', content)
  expect(trades.rows().map(({ kind, side, value }) => [kind, side, value])).toEqual([
    [Kind.TRADE, -1, 0],
    [Kind.TRADE, 1, 77],
    [Kind.TRADE, 0, 78],
  ])
  const forced = await importText(tardis, 'bitmex_liquidations_2020-03-01_XBTUSD.csv', content)
  expect(forced.messages.map(({ stream }) => stream)).toEqual(['liquidation', 'liquidation'])
  expect(forced.rejects).toMatchObject([{ name: 'side-invalid' }])
})

test('quotes come ask amount first, and an absent side is no level', async () => {
  const content = file(
    `${PREFIX}ask_amount,ask_price,bid_price,bid_amount`,
    `huobi-dm-swap,BTC-USD,${T},${T + 4},5494,8629.3,8629.2,806`,
    `huobi-dm-swap,BTC-USD,${T + 10},${T + 14},,,8629.2,806`,
  )
  const sink = await importText(tardis, 'quotes.csv', content)
  expect(sink.rows().map(({ side, price, size }) => [side, price, size])).toEqual([
    [1, 8629.2, 806],
    [-1, 8629.3, 5494],
    [1, 8629.2, 806],
    [-1, 0, 0],
  ])
  expect(sink.instruments).toMatchObject([{ payoff: 'inverse', multiplier: '100' }])
})

test('a ticker is mark and index, the rate until it is due, and open interest', async () => {
  const content = file(
    `${PREFIX}funding_timestamp,funding_rate,predicted_funding_rate,open_interest,last_price,index_price,mark_price`,
    `bitmex,XBTUSD,${T},${T + 100},${T + 600},0.0001,0.00012,1000000,9500.5,9500.0,9500.25`,
    `bitmex,XBTUSD,${T + 200},${T + 300},${T - 600},0.0002,,,,,9501`,
  )
  const sink = await importText(tardis, 'ticker.csv', content)
  expect(sink.rows().map(({ kind, size, value }) => [kind, size, value])).toEqual([
    [Kind.MARK, 0, 9500.25],
    [Kind.INDEX, 0, 9500],
    [Kind.FUNDING_FORECAST, 500, 0.0001],
    [Kind.OPEN_INTEREST, 1000000, 0],
    [Kind.MARK, 0, 9501],
    [Kind.FUNDING_FORECAST, 0, 0.0002],
  ])
  expect(names(sink)).toEqual(['funding-due-past'])
})

test('an option summary carries implied volatility as a fraction and the forward', async () => {
  const content = file(
    `${PREFIX}type,strike_price,expiration,open_interest,last_price,bid_price,bid_amount,bid_iv,ask_price,ask_amount,ask_iv,mark_price,mark_iv,underlying_index,underlying_price,delta,gamma,vega,theta,rho`,
    `deribit,BTC-9JUN20-9875-P,${T},${T + 7},put,9875,1591689600000000,0.1,0.0295,0.0205,15.1,55.5,0.0235,,68,0.022,62.5,SYN.BTC-9JUN20,9756.36,-0.61,0.001,2.24,-53.05,-0.22`,
    `deribit,BTC-9JUN20-9875-P,${T},${T + 7},call,9875,1591689600000000,,,,,,,,,,,,,,,,,`,
  )
  const sink = await importText(tardis, 'options_chain.csv', content)
  expect(sink.rows().map(({ kind, price, size, value }) => [kind, price, size, value])).toEqual([
    [Kind.QUOTE, 0.0205, 15.1, 0.555],
    [Kind.QUOTE, 0, 0, 0.68],
    [Kind.MARK, 0, 0, 0.022],
    [Kind.IMPLIED_VOLATILITY, 0, 0, 0.625],
    [Kind.DELTA, 0, 0, -0.61],
    [Kind.GAMMA, 0, 0, 0.001],
    [Kind.VEGA, 0, 0, 2.24],
    [Kind.THETA, 0, 0, -53.05],
    [Kind.RHO, 0, 0, -0.22],
    [Kind.FORWARD, 0, 0, 9756.36],
    [Kind.OPEN_INTEREST, 0, 0.1, 0],
  ])
  expect(sink.rejects).toMatchObject([{ name: 'option-contradictory', place: { line: 3 } }])
})

test('nanoseconds, clocks behind and time running backwards are traps by name', async () => {
  const content = file(
    TRADES,
    `bitmex,XBTUSD,${T}123,${T + 5}456,1,sell,1,1`,
    `bitmex,XBTUSD,${T + 90},${T + 10},2,sell,1,1`,
    `bitmex,XBTUSD,${T},${T + 2},3,sell,1,1`,
  )
  const sink = await importText(tardis, 'trades.csv', content)
  expect(names(sink)).toEqual(['nanosecond-stamps', 'nanosecond-stamps', 'clock-behind', 'out-of-order'])
  expect(sink.messages[0]).toMatchObject({ timeUs: T + 5, venueTimeUs: T })
})

test.each([
  ['time-invalid', `bitmex,XBTUSD,${T / 1000},${T},1,sell,1,1`],
  ['symbol-unknown', `bitmex,ETHUSD,${T},${T},1,sell,1,1`],
  ['symbol-unknown', `nowhere,XBTUSD,${T},${T},1,sell,1,1`],
  ['side-invalid', `bitmex,XBTUSD,${T},${T},1,ask,1,1`],
  ['size-negative', `bitmex,XBTUSD,${T},${T},1,sell,1,-1`],
])('%s is refused', async (reason, line) => {
  const sink = await importText(tardis, 'trades.csv', file(TRADES, line))
  expect(sink.rejects.map(({ name }) => name)).toEqual([reason])
  expect(sink.messages).toEqual([])
})

test('a symbol we do not know is named by hand', async () => {
  const options = { instrument: 'ETH-USD-PERP@bitmex', payoff: 'linear', multiplier: '0.000001', settle: 'BTC' }
  const sink = await importText(tardis, 'trades.csv', file(TRADES, `bitmex,ETHUSD,${T},${T},1,sell,1,1`), options)
  expect(sink.messages[0]?.instrument).toBe('ETH-USD-PERP@bitmex')
  expect(sink.instruments).toMatchObject([{ multiplier: '0.000001', settle: 'BTC' }])
})

test('a foreign header is refused whole', async () => {
  const read = importText(tardis, 'trades.csv', file(`${PREFIX}id,side,price`, `a,b,${T},${T},1,buy,1`))
  await expect(read).rejects.toMatchObject({ code: 'file-invalid' })
  expect(tardis.recognise('x.csv', `${TRADES}\n`)).toBeGreaterThan(0.9)
  expect(tardis.recognise('x.csv', `${PREFIX}id,side,price\n`)).toBe(0)
})

test.each([
  ['binance', 'BTCUSDT', 'BTC', 'spot', 'linear'],
  ['binance-delivery', 'ETHUSD_PERP', 'ETH', 'perp', 'inverse'],
  ['bitmex', 'XBTM20', 'BTC', 'future', 'inverse'],
  ['bybit', 'BTCUSD', 'BTC', 'perp', 'inverse'],
  ['okex-swap', 'BTC-USDT-SWAP', 'BTC', 'perp', 'linear'],
  ['dydx', 'ETH-USD', 'ETH', 'perp', 'linear'],
  ['hyperliquid', 'BTC', 'BTC', 'perp', 'linear'],
  ['cryptofacilities', 'PI_XBTUSD', 'BTC', 'perp', 'inverse'],
])('%s %s is known', (exchange, symbol, base, kind, payoff) => {
  expect(tardisInstrument(exchange, symbol)).toMatchObject({ base, kind, payoff })
})

test('quarterly contracts of BitMEX expire on the last Friday', () => {
  expect(tardisInstrument('bitmex', 'XBTM20')).toMatchObject({ expiry: '2020-06-26' })
  expect(tardisInstrument('bitmex', 'XBTZ21')).toMatchObject({ expiry: '2021-12-31' })
})

test('no damage makes an impossible book', { timeout: 3_600_000 }, async () => {
  const lines = [LEVELS, level(0, 'true,ask,6421.5,18640'), level(0, 'true,bid,6421,10000')]
  for (let i = 1; i < 6; i++) lines.push(level(i * 1000, `false,${i % 2 ? 'bid' : 'ask'},642${i},${i * 10}`))
  const report = await fuzzImporter(tardis, 'deltas.csv', lines, fuzzCases(process.env), 31)
  expect(report.rejects).toBeGreaterThan(0)
  expect(report.messages).toBeGreaterThan(0)
  expect(report.gaps).toBeGreaterThan(0)
})

test('no damage makes an impossible trade', { timeout: 3_600_000 }, async () => {
  const lines = [TRADES]
  for (let i = 0; i < 6; i++)
    lines.push(`bitmex,XBTUSD,${T + i},${T + i + 4},${i},${i % 2 ? 'buy' : 'sell'},853${i}.5,21`)
  const report = await fuzzImporter(tardis, 'trades.csv', lines, fuzzCases(process.env), 32)
  expect(report.rejects).toBeGreaterThan(0)
  expect(report.messages).toBeGreaterThan(0)
})
