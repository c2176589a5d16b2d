/**
 * @file Snapshots of Deribit's option chain as columns to fit a surface to, without a catalog in between: what the importer
 * `deribit-chain` reads (see `deribitChain.ts` for the columns), all coins of the file, each by itself.
 */

import { GimbalError } from '../core/errors.ts'
import type { OptionQuotes } from '../pricing/optionQuotes.ts'

/** One coin's chain at one moment. */
export interface ChainSnapshot {
  /** All columns present; absent figures are NaN. */
  readonly quotes: Required<Omit<OptionQuotes, 'rate' | 'quoteUs'>>
  /** The venue's index, quote per base: median over rows. */
  readonly index: number
  /**
   * Index beside each row. It moves from row to row while the forward of an expiry does not: prices, marks and forwards of a file
   * are of one moment, deltas and vegas were asked for option by option over the minutes after.
   */
  readonly rowIndex: Float64Array
}

const COLUMNS = [
  'timestamp', 'option_type', 'strike', 'expiry_datetime', 'bid_price', 'ask_price', 'underlying', 'mark_price',
  'implied_volatility', 'delta', 'vega', 'open_interest', 'index_price', 'currency',
] as const // biome-ignore format: one list

/** `2026-01-03T15:27:25.683184+00:00` in microseconds; NaN for anything else. */
function microseconds(text: string): number {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:\+00:00|Z)$/.exec(text)
  return match ? Date.parse(`${match[1]}Z`) * 1000 + Number((match[2] ?? '').padEnd(6, '0')) : Number.NaN
}

/** A figure; NaN for an empty cell or what is no number. */
function figure(text: string): number {
  return text === '' ? Number.NaN : Number(text)
}

/**
 * Reads a snapshot. Prices are in coins; a row that says nothing legible keeps NaN and is flagged when cleaned.
 *
 * @param text The file, decompressed.
 * @throws {GimbalError} `file-invalid` where a column is missing, no row follows, or a coin's rows are of several moments.
 */
export function deribitQuotes(text: string): ChainSnapshot[] {
  const lines = text.split(/\r?\n/).filter((line) => line !== '')
  const header = (lines[0] ?? '').split(',')
  const missing = COLUMNS.find((name) => !header.includes(name))
  if (missing !== undefined || lines.length < 2)
    throw new GimbalError('file-invalid', 'Not a snapshot of an option chain', {
      lines: lines.length,
      missing: missing ?? 'rows',
    })
  const at = Object.fromEntries(COLUMNS.map((name) => [name, header.indexOf(name)])) as Record<
    (typeof COLUMNS)[number],
    number
  >
  const coins = new Map<string, string[][]>()
  for (const line of lines.slice(1)) {
    const cells = line.split(',')
    const coin = cells[at.currency] ?? ''
    const rows = coins.get(coin)
    if (rows) rows.push(cells)
    else coins.set(coin, [cells])
  }
  return [...coins].map(([asset, rows]) => {
    const column = (name: (typeof COLUMNS)[number]) => Float64Array.from(rows, (cells) => figure(cells[at[name]] ?? ''))
    const times = new Set(rows.map((cells) => cells[at.timestamp]))
    const timeUs = microseconds(rows[0]![at.timestamp] ?? '')
    if (times.size !== 1 || Number.isNaN(timeUs))
      throw new GimbalError('file-invalid', 'A snapshot of an option chain is of one moment', {
        asset,
        moments: times.size,
        first: rows[0]![at.timestamp] ?? '',
      })
    const rowIndex = column('index_price')
    const sorted = rowIndex.filter((price) => price > 0).sort()
    return {
      index: sorted.length === 0 ? Number.NaN : sorted[sorted.length >> 1]!,
      rowIndex,
      quotes: {
        asset,
        timeUs,
        settlement: 'coin',
        right: Int8Array.from(rows, (cells) => ({ call: 1, put: -1 })[cells[at.option_type] ?? ''] ?? 0),
        strike: column('strike'),
        expiryUs: Float64Array.from(rows, (cells) => microseconds(cells[at.expiry_datetime] ?? '')),
        bid: column('bid_price'),
        ask: column('ask_price'),
        forward: column('underlying'),
        mark: column('mark_price'),
        markVolatility: column('implied_volatility'),
        delta: column('delta'),
        vega: column('vega'),
        openInterest: column('open_interest'),
      },
    }
  })
}
