/** @file `gimbal margin`: what every venue asks, how far each account is from being liquidated, and which money should move. */

import { DAY_US } from '../../core/clock.ts'
import { GimbalError } from '../../core/errors.ts'
import type { AccountFacts, MarginFacts } from '../../report/deskReport.ts'
import { CAPITAL_TERMS, type CapitalTerms, movesFacts, optimisedFacts } from '../desk/capitalFacts.ts'
import { type BookOptions, type Desk, frameOf, openDesk, printFrame, writeDesk } from '../desk/deskInput.ts'
import { greeksFacts } from '../desk/greeksFacts.ts'
import { accountFacts, marginLadder } from '../desk/marginFacts.ts'
import { surfaceFacts } from '../desk/surfaceFacts.ts'
import { EXIT, lengthOption, numberOption, type Terminal } from '../terminal.ts'

interface MarginOptions extends BookOptions {
  readonly optimise?: boolean
  readonly survive: string
  readonly transferFee: string
  readonly transferTime: string
  readonly capitalRate: string
  readonly horizon: string
  readonly sigmas: string
}

/** A number above 0 and, where that is given, below `most`. */
function above0(text: string, option: string, most = Number.POSITIVE_INFINITY): number {
  const value = numberOption(text, option, 0)
  if (value > 0 && value < most) return value
  const below = most < Number.POSITIVE_INFINITY ? ` and below ${most}` : ''
  throw new GimbalError('argument-invalid', `${option} takes a number above 0${below}`, { given: text })
}

function termsOf(options: MarginOptions): CapitalTerms {
  return {
    survive: above0(options.survive, '--survive', 100) / 100,
    transferFee: numberOption(options.transferFee, '--transfer-fee', 0),
    transferUs: lengthOption(options.transferTime, '--transfer-time'),
    capitalRate: above0(options.capitalRate, '--capital-rate') / 100,
    horizonDays: lengthOption(options.horizon, '--horizon') / DAY_US,
    sigmas: above0(options.sigmas, '--sigmas', 100),
  }
}

/**
 * Exit code 3 when some account could be liquidated now, its venue's rules cannot say, something held has no price, or what --optimise
 * asks for cannot be had.
 */
export async function margin(terminal: Terminal, options: MarginOptions): Promise<number> {
  const terms = termsOf(options)
  const desk = await openDesk(terminal, options)
  const found = await marginFacts(terminal, desk, options.optimise === true, terms)
  const { market, book } = desk
  const greeks = greeksFacts(book, market.view)
  const report = {
    ...frameOf(market, desk),
    ...(market.chains.length > 0 ? { surfaces: surfaceFacts(market) } : {}),
    greeks,
    margin: found,
  }
  const { unpriced } = greeks.table
  printFrame(terminal, report)
  for (const { name, venue, missing } of unpriced)
    terminal.prose(`${name} at ${venue} is not priced: ${missing.join(', ')}`, 2)
  printMargin(terminal, found, terms)
  writeDesk(terminal, options.out, report)
  terminal.result({ market: report.market, book: report.book, unpriced, ...found })
  const sound =
    unpriced.length === 0 &&
    found.accounts.every(({ liquidatable, refusal }) => !liquidatable && refusal === '') &&
    found.optimised?.feasible !== false
  return sound ? EXIT.ok : EXIT.found
}

/** All of the margin section. */
export async function marginFacts(
  terminal: Terminal,
  { book, market }: Desk,
  optimise: boolean,
  terms: CapitalTerms = CAPITAL_TERMS,
): Promise<MarginFacts> {
  terminal.progress('margin of accounts')
  const accounts = accountFacts(book, market.view)
  const ladder = marginLadder(book, market.view, accounts)
  const moves = await movesFacts(book, market.view, accounts, terms)
  if (optimise) terminal.progress('placing perpetuals anew')
  const optimised = optimise ? { optimised: await optimisedFacts(book, market.view, terms) } : {}
  terminal.progress('', true)
  return { accounts, ladder, moves, ...optimised }
}

const whole = (value: number) => (Number.isFinite(value) ? Math.round(value).toLocaleString('en-US') : '–')
const units = (value: number) => (Number.isFinite(value) ? String(Number(value.toPrecision(5))) : '–')

function ratioText(account: AccountFacts): string {
  if (account.engine === '' || account.refusal !== '') return '–'
  return Number.isFinite(account.ratio) ? account.ratio.toFixed(2) : 'no end'
}

function printMargin(terminal: Terminal, { accounts, moves, optimised }: MarginFacts, { sigmas }: CapitalTerms): void {
  terminal.line()
  terminal.table(
    ['account', 'rules', 'worth $', 'equity $', 'initial $', 'maint $', 'free $', 'equity/maint'],
    accounts.map((each) => [
      each.venue,
      each.engine || 'wallet',
      whole(each.value),
      whole(each.equity),
      whole(each.initial),
      whole(each.maintenance),
      each.engine === '' ? '–' : whole(each.free),
      ratioText(each),
    ]),
  )
  for (const { venue, refusal, missing, liquidatable } of accounts) {
    if (refusal !== '') terminal.prose(`${venue}: ${refusal}`, 2)
    if (missing.length > 0) terminal.prose(`${venue}: not known and needed: ${missing.join(', ')}`, 2)
    else if (liquidatable) terminal.prose(`${venue} CAN BE LIQUIDATED NOW`, 2)
  }
  terminal.line()
  const away = (price: number, move: number, deviations: number) =>
    Number.isFinite(price)
      ? `${units(price)} (${move > 0 ? '+' : ''}${move.toFixed(1)} %, ${deviations.toFixed(1)} σ)`
      : 'none'
  terminal.table(
    ['account', 'asset', 'price', 'liquidated below', 'liquidated above'],
    accounts.flatMap(({ venue, liquidations }) =>
      liquidations.map((each) => [
        venue,
        each.asset,
        units(each.price),
        away(each.down, each.downPercent, each.downDeviations),
        away(each.up, each.upPercent, each.upDeviations),
      ]),
    ),
  )
  terminal.prose('One asset moves alone; σ: standard deviations of a day at today’s volatility.', 2)
  terminal.line()
  terminal.table(
    ['account', 'pool', 'what is asked', 'initial', 'maint', 'in'],
    accounts.flatMap(({ venue, pools }) =>
      pools.flatMap((pool) =>
        pool.lines.map((line) => [
          venue,
          pool.name,
          line.what,
          units(line.initial),
          units(line.maintenance),
          pool.currency,
        ]),
      ),
    ),
  )
  terminal.line()
  const asked = `So that every account survives ${moves.survived.join(' and ')}`
  if (moves.refusal !== '') terminal.prose(moves.refusal)
  else if (moves.moves.length === 0 && moves.missing.length === 0) terminal.prose(`${asked}: no money has to move.`)
  else {
    terminal.prose(`${asked}:`)
    for (const { from, to, currency, units: sent, cost } of moves.moves)
      terminal.prose(`send ${units(sent)} ${currency} from ${from} to ${to} (costs ${cost.toFixed(2)} dollars)`, 2)
    for (const { venue, dollars } of moves.missing)
      terminal.prose(`${venue} would still lack ${whole(dollars)} dollars: no free money reaches it`, 2)
  }
  if (!optimised) return
  terminal.line()
  const { initialBefore, initial, trading, carry, horizonDays, feasible, violations } = optimised
  terminal.prose(`The same deltas at the least cost of capital, every account surviving ${sigmas} deviations of a day:`)
  if (!feasible) terminal.prose(`NOT POSSIBLE: ${violations.join('; ')} missing; what comes nearest:`, 2)
  for (const { name, size, cost } of optimised.trades)
    terminal.prose(
      `${size > 0 ? 'buy' : 'sell'} ${units(Math.abs(size))} of ${name} (costs ${cost.toFixed(2)} dollars)`,
      2,
    )
  if (optimised.trades.length === 0) terminal.prose('no trade would pay', 2)
  for (const { venue, currency, units: moved } of optimised.collateral)
    terminal.prose(
      `${moved > 0 ? 'put' : 'take'} ${units(Math.abs(moved))} ${currency} ${moved > 0 ? 'into' : 'out of'} ${venue}`,
      2,
    )
  terminal.prose(
    `initial margin ${whole(initialBefore)} before, ${whole(initial)} after; trading costs ${trading.toFixed(2)}, carry of the trades ${carry.toFixed(2)} over ${horizonDays} days, in dollars`,
    2,
  )
}
