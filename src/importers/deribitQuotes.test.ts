/**
 * Goal: a snapshot of a chain becomes columns that say what the file says, and what is not one is refused.
 *
 * Method: a file of three lines with what such files hold; broken copies.
 */

import { expect, test } from 'vitest'
import { deribitQuotes } from './deribitQuotes.ts'

const HEADER =
  'timestamp,instrument_name,underlying,underlying_name,option_type,strike,expiry_datetime,time_to_maturity,bid_price,ask_price,' +
  'mark_price,mid_price,futures_price,futures_instrument_name,implied_volatility,delta,vega,open_interest,volume,bid_ask_spread,' +
  'currency,index_price,volume_usd'
const TIME = '2026-01-03T15:27:25.683184+00:00'
const line = (type: string, strike: number, bid: string, coin: string) =>
  `${TIME},X,90167.59,BTC-16JAN26,${type},${strike},2026-01-16T08:00:00+00:00,0.03,${bid},0.099,0.0962528,0.09,90167.59,Y,0.4639,0.87309,34.977,2.3,3.0,0.0045,${coin},90010.02,26074.11`
const FILE = [
  HEADER,
  line('call', 82_000, '0.0945', 'BTC'),
  line('put', 3000, '', 'ETH'),
  line('put', 90_000, '0.1', 'BTC'),
]

test('each coin is a snapshot of its own; an absent bid is no number', () => {
  const [btc, eth] = deribitQuotes(`${FILE.join('\n')}\n`) as [
    ReturnType<typeof deribitQuotes>[0],
    ReturnType<typeof deribitQuotes>[0],
  ]
  expect(btc.quotes.asset).toBe('BTC')
  expect(btc.quotes.timeUs).toBe(Date.parse('2026-01-03T15:27:25Z') * 1000 + 683_184)
  expect([...btc.quotes.right]).toEqual([1, -1])
  expect([...btc.quotes.strike]).toEqual([82_000, 90_000])
  expect([...btc.quotes.bid]).toEqual([0.0945, 0.1])
  expect(btc.quotes.expiryUs[0]).toBe(Date.parse('2026-01-16T08:00:00Z') * 1000)
  expect(btc.quotes.forward[1]).toBe(90_167.59)
  expect(btc.index).toBe(90_010.02)
  expect([...btc.rowIndex]).toEqual([90_010.02, 90_010.02])
  expect(eth.quotes.bid[0]).toBeNaN()
  expect(eth.quotes.settlement).toBe('coin')
})

test('fractions of a second are read as long or short as they are written', () => {
  const half = FILE.join('\n').replaceAll('.683184+00:00', '.5+00:00')
  expect(deribitQuotes(half)[0]!.quotes.timeUs).toBe(Date.parse('2026-01-03T15:27:25Z') * 1000 + 500_000)
})

test('what is no call, no put, no number or no time is kept for the cleaning to flag', () => {
  const odd = deribitQuotes(
    [...FILE, line('straddle', Number.NaN, 'x', 'BTC').replace('2026-01-16T08', 'soon')].join('\n'),
  )
  const { right, strike, bid, expiryUs } = odd[0]!.quotes
  expect([right[2], strike[2], bid[2], expiryUs[2]]).toEqual([0, Number.NaN, Number.NaN, Number.NaN])
})

test('files that are no snapshot are refused', () => {
  const refused = expect.objectContaining({ code: 'file-invalid' })
  expect(() => deribitQuotes('')).toThrow(refused)
  expect(() => deribitQuotes(HEADER)).toThrow(refused)
  expect(() => deribitQuotes(FILE.join('\n').replace('mark_price', 'price'))).toThrow(refused)
  expect(() => deribitQuotes([...FILE, FILE[1]!.replace('15:27', '15:28')].join('\n'))).toThrow(refused)
  expect(() => deribitQuotes(FILE.join('\n').replaceAll(TIME, 'yesterday'))).toThrow(refused)
})
