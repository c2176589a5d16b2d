/**
 * Goal: a book read from a file is the book that was written, and whatever does not fit is refused by its place.
 * Method: round trips of every kind of position; single words spoilt.
 */

import { describe, expect, test } from 'vitest'
import { GimbalError } from '../../core/errors.ts'
import type { Book } from '../../portfolio/book.ts'
import { bookText, parseBook } from './bookFile.ts'

const EXPIRY_US = Date.UTC(2026, 0, 30, 8) * 1000

const BOOK: Book = {
  accounts: [
    {
      venue: 'deribit',
      margin: 'deribit-standard',
      balances: { BTC: 2.5 },
      positions: [
        { kind: 'option', asset: 'BTC', size: -3, right: -1, strike: 80_000, expiryUs: EXPIRY_US, settle: 'BTC' },
        {
          kind: 'future',
          asset: 'BTC',
          size: 5000,
          payoff: 'inverse',
          entry: 90_000,
          settle: 'BTC',
          expiryUs: EXPIRY_US,
        },
      ],
    },
    {
      venue: 'hyperliquid',
      margin: 'hyperliquid',
      balances: { USDC: 10_000 },
      positions: [
        {
          kind: 'perp',
          asset: 'BTC',
          size: -0.5,
          payoff: 'linear',
          entry: 91_000,
          settle: 'USDC',
          isolatedMargin: 900,
        },
      ],
    },
    {
      venue: 'aave-v3',
      margin: 'aave-v3',
      balances: {},
      positions: [
        { kind: 'supply', asset: 'ETH', amount: 10, rate: 0.02, loanToValue: 0.8, liquidationThreshold: 0.83 },
        { kind: 'debt', asset: 'USDC', amount: 9000, rate: 0.05 },
      ],
    },
    {
      venue: 'uniswap-v3',
      balances: {},
      positions: [
        { kind: 'pool', asset: 'ETH', quote: 'USDC', liquidity: 100, lower: 0, upper: Number.POSITIVE_INFINITY },
        { kind: 'power', asset: 'ETH', size: -2, scale: 1e-4, normalisation: 0.3, entry: 300, settle: 'USDC' },
      ],
    },
  ],
  inTransit: [{ from: 'a', to: 'b', currency: 'USDC', units: 5, arrivesUs: EXPIRY_US }],
}

test('a book written is the book read', () => {
  expect(parseBook(bookText(BOOK), 'book.json')).toEqual(BOOK)
})

test('a position on GMX may be backed by coins alone', () => {
  const position = {
    kind: 'perp',
    asset: 'BTC',
    size: 1,
    entry: 90_000,
    payoff: 'linear',
    settle: 'BTC',
    isolatedMargin: 0.2,
  }
  const gmx = { accounts: [{ venue: 'gmx', margin: 'gmx-v2', positions: [position] }] }
  expect(parseBook(JSON.stringify(gmx), 'gmx.json').accounts[0]!.positions).toEqual([position])
})

test('a day means the morning options expire on', () => {
  const text = bookText(BOOK).replace('"2026-01-30T08:00:00.000Z"', '"2026-01-30"')
  expect(parseBook(text, 'book.json')).toEqual(BOOK)
})

describe('refuses by name', () => {
  const spoilt: [string, (text: string) => string, string][] = [
    ['a word nobody knows', (text) => text.replace('"size": -3', '"size": -3, "sise": 4'), 'sise'],
    ['a size that is no number', (text) => text.replace('"size": -3', '"size": "3"'), 'accounts.0.positions.0.size'],
    [
      'a strike below zero',
      (text) => text.replace('"strike": 80000', '"strike": -80000'),
      'accounts.0.positions.0.strike',
    ],
    [
      'a kind nobody holds',
      (text) => text.replace('"kind": "perp"', '"kind": "swap"'),
      '"swap" is no kind of position',
    ],
    ['an expiry that is no time', (text) => text.replace('2026-01-30T08:00:00.000Z', 'soon'), 'not a UTC time'],
    [
      'a dated future without a date',
      (text) => text.replace(/("settle": "BTC"),\s*"expiry": "[^"]*"(\s*})(?![\s\S]*"settle": "BTC",)/, '$1$2'),
      'without an expiry',
    ],
    ['a day no month has', (text) => text.replace('2026-01-30T08:00:00.000Z', '2026-02-30'), 'not a UTC time'],
    ['a number for a day', (text) => text.replace('2026-01-30T08:00:00.000Z', '5'), 'not a UTC time'],
    [
      'an inverse contract in dollars',
      (text) => text.replace('"payoff": "linear"', '"payoff": "inverse"'),
      'settles in its own asset',
    ],
    [
      'a linear contract in coins',
      (text) => text.replace('"payoff": "inverse"', '"payoff": "linear"'),
      'in a dollar coin',
    ],
    ['a pool of one token', (text) => text.replace('"quote": "USDC"', '"quote": "ETH"'), 'one token'],
    ['a range upside down', (text) => text.replace('"lower": 0', '"lower": 4000, "upper": 2000'), 'does not ascend'],
    ['rules nobody has', (text) => text.replace('"deribit-standard"', '"deribit-standrad"'), 'deribit-portfolio'],
    ['a name every object has', (text) => text.replace('"USDC": 10000', '"constructor": 1'), 'constructor'],
    ['a balance that would be dropped', (text) => text.replace('"USDC": 10000', '"__proto__": 1'), '__proto__'],
    ['half a file', (text) => text.slice(0, 200), 'not JSON'],
    ['no accounts', () => '{"accounts": []}', 'accounts'],
  ]
  test.each(spoilt)('%s', (_, spoil, words) => {
    const text = spoil(bookText(BOOK))
    expect(text).not.toBe(bookText(BOOK))
    const read = () => parseBook(text, 'book.json')
    expect(read).toThrow(GimbalError)
    expect(read).toThrow(words)
  })
})
