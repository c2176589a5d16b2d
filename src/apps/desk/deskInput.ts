/** @file What every desk command is asked: which market, which book, where the page goes. */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isoTime } from '../../core/clock.ts'
import { GimbalError } from '../../core/errors.ts'
import { dollarLike } from '../../market/instrument.ts'
import type { Book } from '../../portfolio/book.ts'
import { exposedAssets } from '../../portfolio/margin/liquidation.ts'
import { placedName } from '../../portfolio/margin/marginReport.ts'
import { type Liquidity, SnapshotView } from '../../portfolio/marketView.ts'
import { bookValue } from '../../portfolio/valuation.ts'
import { renderDesk } from '../../report/deskPage.ts'
import { DESK_SCHEMA_VERSION, type DeskReport } from '../../report/deskReport.ts'
import { count, lengthOption, money, type Terminal, timeOption, wholeOption } from '../terminal.ts'
import { gimbalVersion } from '../version.ts'
import { bookText, readBook } from './bookFile.ts'
import { type DeskMarket, deskMarket } from './deskMarket.ts'
import { exampleBook } from './exampleBook.ts'

/** Options of every desk command. */
export interface DeskOptions {
  readonly catalog?: string
  readonly at?: string
  readonly bars?: string
  readonly chain?: string
  readonly market?: string
  readonly seed: string
  readonly out: string
}

/** Options of those that ask about a book. */
export interface BookOptions extends DeskOptions {
  readonly book?: string
  readonly example?: string
}

/** A book in its market. */
export interface Desk {
  readonly market: DeskMarket
  readonly book: Book
  readonly name: string
  readonly example: boolean
}

/** Taken where nothing is known of what a venue shows of an asset. Ours: a fair book of a large coin. */
const ASSUMED: Liquidity = { halfSpread: 0.0002, depth: 5e6, takerFee: 0.0005 }
/** Dollars of a transaction where a venue is a protocol on a chain. Ours: an ordinary day on Ethereum. */
const ASSUMED_TRANSACTION = 5
const CHAIN_ENGINES = new Set(['aave-v3', 'gmx-v2'])

/** @throws {GimbalError} as {@link deskMarket}; `argument-invalid` for an option that cannot be read. */
export async function openMarket(terminal: Terminal, options: DeskOptions): Promise<DeskMarket> {
  const { catalog, chain, market, at, bars } = options
  if (catalog === undefined && bars !== undefined)
    throw new GimbalError('argument-invalid', '--bars belongs to --catalog', { given: bars })
  terminal.progress(`reading ${catalog ?? chain ?? market ?? 'a generated market'}`)
  const opened = await deskMarket({
    ...(catalog === undefined ? {} : { catalog }),
    ...(chain === undefined ? {} : { chain }),
    ...(market === undefined ? {} : { market }),
    ...(at === undefined ? {} : { atUs: timeOption(at, '--at') }),
    ...(bars === undefined ? {} : { barUs: lengthOption(bars, '--bars') }),
    seed: wholeOption(options.seed, '--seed', 0),
  })
  terminal.progress('', true)
  return opened
}

/**
 * The market and the book: the one given, or an example made to fit the market, which is written where `--example` says.
 *
 * @throws {GimbalError} as {@link openMarket}, {@link readBook}, {@link exampleBook}; `argument-invalid` for both at once and for an
 *   example that would overwrite a file.
 */
export async function openDesk(terminal: Terminal, options: BookOptions): Promise<Desk> {
  const { book: path, example } = options
  if (path !== undefined && example !== undefined)
    throw new GimbalError('argument-invalid', '--book and --example at once', { book: path, example })
  if (example !== undefined && existsSync(example))
    throw new GimbalError('argument-invalid', 'The example would overwrite a file', { file: example })
  const given = path === undefined ? undefined : readBook(path)
  const opened = await openMarket(terminal, options)
  const book = given ?? exampleBook(opened)
  if (example !== undefined) {
    mkdirSync(dirname(resolve(example)), { recursive: true })
    writeFileSync(example, bookText(book))
    terminal.notice(`Example book written to ${example}`)
  }
  return {
    market: suitedTo(opened, book),
    book,
    name: path ?? example ?? 'example book',
    example: path === undefined,
  }
}

/** The market with an assumption wherever the book trades and nothing is known of liquidity or of the price of a transaction. */
export function suitedTo(market: DeskMarket, book: Book): DeskMarket {
  const { facts } = market.view
  const liquidity: Record<string, Liquidity> = { ...facts.liquidity }
  const transactionCost: Record<string, number> = { ...facts.transactionCost }
  const assumed: string[] = []
  const chains: string[] = []
  // Scenarios state gas in units of ETH; without its price a transaction could not be priced then.
  const paid = market.view.spot('ETH') > 0
  for (const account of book.accounts) {
    const { venue, margin, positions } = account
    for (const asset of exposedAssets(account)) {
      const key = `${venue} ${asset}`
      if (dollarLike(asset) || key in liquidity) continue
      liquidity[key] = ASSUMED
      assumed.push(key)
    }
    const onChain = CHAIN_ENGINES.has(margin ?? '') || positions.some(({ kind }) => kind === 'pool')
    if (!onChain || venue in transactionCost) continue
    if (paid) transactionCost[venue] = ASSUMED_TRANSACTION
    chains.push(venue)
  }
  const expired = book.accounts.flatMap(({ venue, positions }) =>
    positions
      .filter((held) => 'expiryUs' in held && held.expiryUs !== undefined && held.expiryUs <= market.timeUs)
      .map((held) => placedName(held, venue)),
  )
  const unmarked = book.accounts.flatMap(({ venue, positions }) =>
    positions
      .filter(({ kind, asset }) => kind === 'perp' && facts.perpetual?.[`${venue} ${asset}`] === undefined)
      .map(({ asset }) => `${venue} ${asset}`),
  )
  return {
    ...market,
    view: new SnapshotView({ ...facts, liquidity, transactionCost }),
    assumptions: [
      ...market.assumptions,
      ...(assumed.length === 0
        ? []
        : [
            `${assumed.join(', ')}: nothing is known of liquidity; half spread ${ASSUMED.halfSpread * 1e4} bp, ${ASSUMED.depth / 1e6} million dollars a percent and a fee of ${ASSUMED.takerFee * 1e4} bp are assumed`,
          ]),
      ...(chains.length === 0
        ? []
        : [
            paid
              ? `${chains.join(', ')}: a transaction is assumed to cost ${ASSUMED_TRANSACTION} dollars`
              : `${chains.join(', ')}: transactions are taken to cost nothing, for no price of ETH is known`,
          ]),
      ...(expired.length === 0
        ? []
        : [
            `${[...new Set(expired)].join(', ')}: expired before this market; what was settled is not known, and it is taken at spot`,
          ]),
      ...(unmarked.length === 0
        ? []
        : [
            `${[...new Set(unmarked)].join(', ')}: the perpetual has no mark here and is taken at spot, its funding at 0`,
          ]),
    ],
  }
}

/** The frame of a report, to which sections are added. */
export function frameOf(market: DeskMarket, desk?: Desk): DeskReport {
  const spots = Object.entries(market.view.facts.spot).map(([asset, price]) => ({ asset, price }))
  return {
    schemaVersion: DESK_SCHEMA_VERSION,
    gimbalVersion: gimbalVersion(),
    market: {
      kind: market.provenance,
      source: market.source,
      timeUs: market.timeUs,
      assumptions: market.assumptions,
      spots,
    },
    ...(desk
      ? {
          book: {
            name: desk.name,
            example: desk.example,
            accounts: desk.book.accounts.length,
            positions: desk.book.accounts.reduce((sum, { positions }) => sum + positions.length, 0),
            value: bookValue(desk.book, market.view),
          },
        }
      : {}),
  }
}

/** First lines of every answer: which market and book it is about. */
export function printFrame(terminal: Terminal, { market, book }: DeskReport): void {
  terminal.line(`${market.source}, ${isoTime(market.timeUs).slice(0, 19)}Z  [${market.kind.toUpperCase()}]`)
  for (const assumption of market.assumptions) terminal.prose(`assumed: ${assumption}`, 2)
  if (!book) return
  const made = book.example ? ', made up to fit the market' : ''
  terminal.line(
    `${book.name}: ${count(book.accounts, 'account')}, ${count(book.positions, 'position')}, worth ${money(book.value)} dollars${made}`,
  )
}

/** Writes the page and its JSON twin; says where. */
export function writeDesk(terminal: Terminal, folder: string, report: DeskReport): void {
  mkdirSync(folder, { recursive: true })
  const page = join(folder, 'desk.html')
  writeFileSync(page, renderDesk(report))
  writeFileSync(join(folder, 'desk.json'), `${JSON.stringify(report, unknownAsNull, 1)}\n`)
  terminal.line()
  terminal.line(`Open ${pathToFileURL(resolve(page))}`)
}

function unknownAsNull(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? null : value
}
