/** @file `gimbal greeks`: what a book's worth depends on, by asset, venue, account and bucket, and along the price. */

import { GimbalError } from '../../core/errors.ts'
import type { BucketSettings, CashGreeks } from '../../portfolio/greeksTable.ts'
import type { GreeksFacts } from '../../report/deskReport.ts'
import { type BookOptions, frameOf, openDesk, printFrame, writeDesk } from '../desk/deskInput.ts'
import { greeksFacts } from '../desk/greeksFacts.ts'
import { surfaceFacts } from '../desk/surfaceFacts.ts'
import { count, EXIT, numberOption, type Terminal } from '../terminal.ts'

interface GreeksOptions extends BookOptions {
  readonly strikes: string
  readonly expiryDays?: string
}

/** Exit code 3 when something held has no price: the table is then part of the book. */
export async function greeks(terminal: Terminal, options: GreeksOptions): Promise<number> {
  const buckets = bucketsOf(options)
  const desk = await openDesk(terminal, options)
  const { market, book } = desk
  const found = greeksFacts(book, market.view, buckets)
  const report = {
    ...frameOf(market, desk),
    ...(market.chains.length > 0 ? { surfaces: surfaceFacts(market) } : {}),
    greeks: found,
  }
  printFrame(terminal, report)
  printGreeks(terminal, found)
  writeDesk(terminal, options.out, report)
  terminal.result({ market: report.market, book: report.book, ...found })
  return found.table.unpriced.length > 0 ? EXIT.found : EXIT.ok
}

/** @throws {GimbalError} `argument-invalid`. */
function bucketsOf({ strikes, expiryDays }: GreeksOptions): BucketSettings {
  const by = strikes.split(':')[0]
  const given = strikes.includes(':') ? strikes.slice(strikes.indexOf(':') + 1).split(',') : undefined
  const bounds = given?.map((text) => numberOption(text, '--strikes'))
  const days = expiryDays?.split(',').map((text) => numberOption(text, '--expiry-days', 0))
  const expiries = days === undefined ? {} : { expiryDays: days }
  if (by === 'strike' && bounds === undefined) return { ...expiries, strikes: { by } }
  if (by === 'delta' && bounds === undefined) return expiries
  if ((by === 'delta' || by === 'moneyness') && bounds !== undefined) return { ...expiries, strikes: { by, bounds } }
  if (by === 'moneyness') return { ...expiries, strikes: { by, bounds: [-0.2, -0.1, -0.05, 0, 0.05, 0.1, 0.2] } }
  throw new GimbalError('argument-invalid', '--strikes takes delta, moneyness or strike, the first two with bounds', {
    given: strikes,
    example: 'delta:0.25,0.5,0.75',
  })
}

const whole = (value: number) => value.toLocaleString('en-US', { maximumFractionDigits: 0 })
const small = (value: number) => Number(value.toPrecision(4))

const COLUMNS = ['value $', 'delta', 'delta $', '$ a 1 %', 'vega $', 'theta $/d', 'carry $/d', 'vanna', 'charm/d']

function cells(greeks: Readonly<CashGreeks>): (string | number)[] {
  const { value, delta, deltaDollars, gammaDollars, vega, theta, carry, vanna, charm } = greeks
  return [
    Math.round(value),
    small(delta),
    Math.round(deltaDollars),
    Math.round(gammaDollars),
    Math.round(vega),
    Math.round(theta),
    Math.round(carry),
    small(vanna),
    small(charm),
  ]
}

function printGreeks(terminal: Terminal, { table, ladders }: GreeksFacts): void {
  const { assets, venues, accounts, buckets, total, unpriced } = table
  terminal.line()
  terminal.table(
    ['asset', ...COLUMNS],
    assets.map(({ asset, greeks }) => [asset, ...cells(greeks)]),
  )
  terminal.prose(
    `Together: value ${whole(total.value)}, delta ${whole(total.deltaDollars)} (gross ${whole(total.grossDeltaDollars)}), gamma ${whole(total.gammaDollars)} a 1 %, vega ${whole(total.vega)}, theta ${whole(total.theta)} a day, carry ${whole(total.carry)} a day, rho ${whole(total.rho)}, in dollars.`,
    2,
  )
  terminal.prose(
    '$ a 1 %: by what gamma moves the delta in dollars when the price moves 1 %. Vega and vanna: a point of volatility.',
    2,
  )
  terminal.line()
  // Two accounts at one venue are told apart; where there is one, its row is the venue's.
  if (accounts.length > venues.length)
    terminal.table(
      ['account', 'venue', 'asset', ...COLUMNS],
      accounts.map(({ account, venue, asset, greeks }) => [
        account < 0 ? 'transit' : `${account + 1}`,
        venue,
        asset,
        ...cells(greeks),
      ]),
    )
  else
    terminal.table(
      ['venue', 'asset', ...COLUMNS],
      venues.map(({ venue, asset, greeks }) => [venue, asset, ...cells(greeks)]),
    )
  terminal.line()
  terminal.table(
    ['asset', 'expiry', 'strike', ...COLUMNS],
    buckets.map(({ asset, expiry, strike, greeks }) => [asset, expiry || '–', strike || '–', ...cells(greeks)]),
  )
  for (const { asset, rows } of ladders) {
    terminal.line()
    terminal.table(
      [`${asset} moves`, 'price', 'profit $', 'delta', 'delta $', '$ a 1 %', 'vega $', 'theta $/d'],
      rows
        .filter((_, i) => i % 5 === 0)
        .map((row) => [
          `${row.factor >= 1 ? '+' : '−'}${Math.abs(100 * (row.factor - 1)).toFixed(0)} %`,
          Math.round(row.price),
          Math.round(row.profit),
          small(row.delta),
          Math.round(row.deltaDollars),
          Math.round(row.gammaDollars),
          Math.round(row.vega),
          Math.round(row.theta),
        ]),
    )
  }
  if (unpriced.length === 0) return
  terminal.line()
  terminal.line(`${count(unpriced.length, 'holding')} without a price, in no sum above:`)
  for (const { venue, name, missing } of unpriced) terminal.prose(`${name} at ${venue}: ${missing.join(', ')}`, 2)
}
