/**
 * @file One snapshot of an option chain as columns, and what of it can be believed.
 *
 * No row is dropped: each gets a status, those that are not `USED` weigh nothing in a fit and are counted by name. What is left of
 * a believed row is a band of total variance, from that of its bid to that of its ask, at its log-moneyness.
 */

import { GimbalError } from '../core/errors.ts'
import { ForwardCurve as Curve, type ForwardCurve, type ForwardNode, parityForward } from './forwardCurve.ts'
import { impliedTotalVolatility } from './impliedVolatility.ts'
import { logRatio } from './logRatio.ts'

const YEAR_US = 365 * 86_400_000_000

/** Quotes of the options of one asset at one moment, a row each, all columns of one length. */
export interface OptionQuotes {
  readonly asset: string
  /** The moment, microseconds. */
  readonly timeUs: number
  /** Whether premiums are coins (a fraction of the base) or quote currency. */
  readonly settlement: 'coin' | 'quote'
  /** +1 call, −1 put. */
  readonly right: Int8Array
  /** Quote per base. */
  readonly strike: Float64Array
  readonly expiryUs: Float64Array
  /** 0 or NaN where nobody bids. */
  readonly bid: Float64Array
  /** 0 or NaN where nobody offers. */
  readonly ask: Float64Array
  /** Forward of the row's expiry as the venue had it when it quoted the row; NaN where it does not say. */
  readonly forward?: Float64Array
  /** When the row was quoted; `timeUs` where absent. */
  readonly quoteUs?: Float64Array
  /** The venue's own mark, unit of the quotes. */
  readonly mark?: Float64Array
  /** The venue's volatility of its mark, a fraction a year. */
  readonly markVolatility?: Float64Array
  /** The venue's delta. */
  readonly delta?: Float64Array
  /** The venue's vega, in its unit. */
  readonly vega?: Float64Array
  /** Contracts open. */
  readonly openInterest?: Float64Array
  /** Discounting of quote-settled premiums, continuously compounded a year; 0 where absent. Coins are not discounted. */
  readonly rate?: number
}

/** What became of a row; sentences in {@link QUOTE_STATUS_NAMES}. */
export const QuoteStatus = {
  USED: 0,
  /** A figure is no number or not positive, or the right is neither call nor put. */
  INPUT_INVALID: 1,
  /** At or after its expiry. */
  EXPIRED: 2,
  /** Neither bid nor ask. */
  UNQUOTED: 3,
  /** A bid or an ask alone. */
  ONE_SIDED: 4,
  /** The bid is above the ask. */
  CROSSED: 5,
  /** Quoted too long ago. */
  STALE: 6,
  /** The ask is below what exercise is worth, or the bid above what any volatility gives. */
  OUTSIDE_BOUNDS: 7,
  /** Bid and ask are too far apart to say much. */
  TOO_WIDE: 8,
  /** No forward is known for its expiry. */
  FORWARD_UNKNOWN: 9,
} as const

/** Names for counting, by status. */
export const QUOTE_STATUS_NAMES = [
  'used',
  'input-invalid',
  'expired',
  'unquoted',
  'one-sided',
  'crossed',
  'stale',
  'outside-bounds',
  'too-wide',
  'forward-unknown',
] as const

/** Name of a {@link QuoteStatus}. */
export type QuoteStatusName = (typeof QUOTE_STATUS_NAMES)[number]

/** When a quote is not believed. */
export interface QuoteRules {
  /** Age at which a quote is stale, microseconds. */
  readonly staleUs?: number
  /** Greatest (ask − bid)/mid, all three as volatilities. */
  readonly widthMax?: number
}

/** A snapshot sorted out. Columns have a row for each of the quotes. */
export interface CleanQuotes {
  readonly quotes: OptionQuotes
  readonly curve: ForwardCurve
  /** {@link QuoteStatus}. */
  readonly status: Uint8Array
  /** How many rows have each status. */
  readonly counts: Readonly<Record<QuoteStatusName, number>>
  /** ln(K/F), F the row's own forward. NaN unless the row could be read that far. */
  readonly logMoneyness: Float64Array
  /** Total variance of the bid, 0 where it is worth no more than exercise; NaN unless the row is USED, TOO_WIDE or STALE. */
  readonly bidVariance: Float64Array
  /** Total variance of the ask, Infinity where no volatility reaches it. */
  readonly askVariance: Float64Array
  /** Total variance of the mid price; NaN where it has none. */
  readonly midVariance: Float64Array
}

/** @throws {GimbalError} `argument-invalid` unless all columns are of one length and the time is a number. */
function requireColumns(quotes: OptionQuotes): void {
  const rows = quotes.right.length
  for (const [name, column] of Object.entries(quotes) as [string, unknown][])
    if (ArrayBuffer.isView(column) && (column as Float64Array).length !== rows)
      throw new GimbalError('argument-invalid', 'Columns of quotes differ in length', {
        right: rows,
        [name]: (column as Float64Array).length,
      })
  if (!Number.isFinite(quotes.timeUs))
    throw new GimbalError('argument-invalid', 'Quotes need the time they were taken at', { timeUs: quotes.timeUs })
}

function positive(value: number): boolean {
  return value > 0 && value < Number.POSITIVE_INFINITY
}

/** Rows of readable options by expiry, ascending in time. */
function rowsByExpiry(quotes: OptionQuotes): [expiryUs: number, rows: number[]][] {
  const found = new Map<number, number[]>()
  const { right, strike, expiryUs, timeUs } = quotes
  for (let i = 0; i < right.length; i++) {
    if ((right[i] !== 1 && right[i] !== -1) || !positive(strike[i]!)) continue
    const expiry = expiryUs[i]!
    if (!(expiry > timeUs && expiry < Number.POSITIVE_INFINITY)) continue
    const rows = found.get(expiry)
    if (rows) rows.push(i)
    else found.set(expiry, [i])
  }
  return [...found].sort(([p], [q]) => p - q)
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((p, q) => p - q)
  const half = sorted.length >> 1
  return sorted.length % 2 ? sorted[half]! : 0.5 * (sorted[half - 1]! + sorted[half]!)
}

/** Parity of the rows of one expiry; with `reference`, as ratios to the venue's forwards. */
function parityOf(quotes: OptionQuotes, rows: readonly number[], reference: boolean) {
  const calls = new Map<number, number>()
  for (const i of rows) if (quotes.right[i] === 1) calls.set(quotes.strike[i]!, i)
  const pairs: [call: number, put: number][] = []
  for (const i of rows) {
    const call = quotes.right[i] === -1 ? calls.get(quotes.strike[i]!) : undefined
    if (call !== undefined) pairs.push([call, i])
  }
  const forward = quotes.forward
  const years = rows.length === 0 ? 0 : (quotes.expiryUs[rows[0]!]! - quotes.timeUs) / YEAR_US
  return parityForward({
    settlement: quotes.settlement,
    discount: Math.exp(-(quotes.rate ?? 0) * years),
    strike: pairs.map(([call]) => quotes.strike[call]!),
    callBid: pairs.map(([call]) => quotes.bid[call]!),
    callAsk: pairs.map(([call]) => quotes.ask[call]!),
    putBid: pairs.map(([, put]) => quotes.bid[put]!),
    putAsk: pairs.map(([, put]) => quotes.ask[put]!),
    ...(reference && forward
      ? { reference: pairs.map(([call, put]) => 0.5 * (forward[call]! + forward[put]!)) }
      : undefined),
  })
}

/**
 * Forwards of a snapshot: the venue's where it names them, moved into the range parity allows where they lie outside it; parity's
 * where it does not. Expiries with neither are left out.
 *
 * @param futures Prices of listed futures by expiry in microseconds, quote per base: taken where rows name no forward.
 * @throws {GimbalError} `argument-invalid` when columns differ in length; `fit-failed` when no expiry has a forward.
 */
export function forwardCurveOf(
  quotes: OptionQuotes,
  spot = Number.NaN,
  futures?: ReadonlyMap<number, number>,
): ForwardCurve {
  requireColumns(quotes)
  const nodes: ForwardNode[] = []
  for (const [expiryUs, rows] of rowsByExpiry(quotes)) {
    const named = rows.filter((i) => positive(quotes.forward?.[i] ?? Number.NaN))
    const listed = futures?.get(expiryUs) ?? Number.NaN
    if (named.length > 0) {
      const forward = median(named.map((i) => quotes.forward![i]!))
      const parity = parityOf(quotes, named, true)
      const ratio = parity === undefined ? 1 : Math.min(Math.max(1, parity.low), parity.high)
      nodes.push({ expiryUs, forward: forward * ratio, source: ratio === 1 ? 'venue' : 'venue-corrected' })
      continue
    }
    const parity = parityOf(quotes, rows, false)
    if (positive(listed)) {
      const forward = parity === undefined ? listed : Math.min(Math.max(listed, parity.low), parity.high)
      nodes.push({ expiryUs, forward, source: forward === listed ? 'venue' : 'venue-corrected' })
    } else if (parity !== undefined) nodes.push({ expiryUs, forward: parity.forward, source: 'parity' })
  }
  if (nodes.length === 0)
    throw new GimbalError('fit-failed', 'No expiry has a forward: none is named, listed or implied by parity', {
      asset: quotes.asset,
      rows: quotes.right.length,
    })
  return new Curve(quotes.timeUs, nodes, spot)
}

/** σ²T of a price over the forward, undiscounted; 0 at or below exercise, Infinity at or above the greatest price. */
function varianceOf(right: number, k: number, ratio: number, price: number): number {
  const exercise = right * (1 - ratio)
  const timeValue = exercise > 0 ? price - exercise : price
  if (timeValue <= 0) return 0
  if (timeValue >= Math.min(1, ratio)) return Number.POSITIVE_INFINITY
  const s = impliedTotalVolatility(timeValue / Math.sqrt(ratio), k > 0 ? -k : k)
  return s * s
}

/** Status of a row by its figures alone, before anything is computed from them. */
function statusOf(quotes: OptionQuotes, i: number): number {
  const { right, strike, expiryUs, timeUs } = quotes
  const bid = quotes.bid[i]!
  const ask = quotes.ask[i]!
  if ((right[i] !== 1 && right[i] !== -1) || !positive(strike[i]!) || !Number.isFinite(expiryUs[i]!))
    return QuoteStatus.INPUT_INVALID
  if (bid < 0 || ask < 0 || bid === Number.POSITIVE_INFINITY || ask === Number.POSITIVE_INFINITY)
    return QuoteStatus.INPUT_INVALID
  if (expiryUs[i]! <= timeUs) return QuoteStatus.EXPIRED
  if (!(bid > 0) && !(ask > 0)) return QuoteStatus.UNQUOTED
  if (!(bid > 0) || !(ask > 0)) return QuoteStatus.ONE_SIDED
  return bid > ask ? QuoteStatus.CROSSED : QuoteStatus.USED
}

/**
 * Sorts out a snapshot: status and band of every row.
 *
 * A quote is stale by `rules.staleUs` (default: a minute) and too wide where volatilities of bid and ask differ by more than
 * `rules.widthMax` (default: half) of that of the mid.
 *
 * @throws {GimbalError} `argument-invalid` when columns differ in length.
 */
export function cleanQuotes(quotes: OptionQuotes, curve: ForwardCurve, rules: QuoteRules = {}): CleanQuotes {
  requireColumns(quotes)
  const { staleUs = 60_000_000, widthMax = 0.5 } = rules
  const rows = quotes.right.length
  const status = new Uint8Array(rows)
  const logMoneyness = new Float64Array(rows).fill(Number.NaN)
  const bidVariance = new Float64Array(rows).fill(Number.NaN)
  const askVariance = new Float64Array(rows).fill(Number.NaN)
  const midVariance = new Float64Array(rows).fill(Number.NaN)
  const { ratioOf } = rowForwards(quotes, curve)
  const tally = new Array<number>(QUOTE_STATUS_NAMES.length).fill(0)
  for (let i = 0; i < rows; i++) {
    let outcome = statusOf(quotes, i)
    const years = (quotes.expiryUs[i]! - quotes.timeUs) / YEAR_US
    if (outcome !== QuoteStatus.INPUT_INVALID && outcome !== QuoteStatus.EXPIRED) {
      const forward = ratioOf(i)
      if (!positive(forward)) outcome = QuoteStatus.FORWARD_UNKNOWN
      else {
        const strike = quotes.strike[i]!
        logMoneyness[i] = logRatio(strike, forward)
        if (outcome === QuoteStatus.USED) {
          const unit = quotes.settlement === 'coin' ? 1 : Math.exp((quotes.rate ?? 0) * years) / forward
          outcome = fillBand(quotes, i, strike / forward, unit, widthMax, logMoneyness[i]!, {
            bidVariance,
            askVariance,
            midVariance,
          })
          const aged = quotes.quoteUs === undefined ? 0 : quotes.timeUs - quotes.quoteUs[i]!
          if (outcome !== QuoteStatus.OUTSIDE_BOUNDS && !(aged <= staleUs)) outcome = QuoteStatus.STALE
        }
      }
    }
    status[i] = outcome
    tally[outcome] = tally[outcome]! + 1
  }
  const counts = Object.fromEntries(QUOTE_STATUS_NAMES.map((name, i) => [name, tally[i]!])) as Record<
    QuoteStatusName,
    number
  >
  return { quotes, curve, status, counts, logMoneyness, bidVariance, askVariance, midVariance }
}

/** Forward of each row: the one it was quoted against, moved as the curve moved its expiry's; the curve's where none is named. */
function rowForwards(quotes: OptionQuotes, curve: ForwardCurve): { ratioOf(row: number): number } {
  const known = new Map<number, { forward: number; ratio: number }>()
  for (const [expiryUs, rows] of rowsByExpiry(quotes)) {
    const forward = curve.at(expiryUs)
    const named = rows.filter((i) => positive(quotes.forward?.[i] ?? Number.NaN))
    const ratio = named.length === 0 ? Number.NaN : forward / median(named.map((i) => quotes.forward![i]!))
    known.set(expiryUs, { forward, ratio })
  }
  return {
    ratioOf(row) {
      const expiry = known.get(quotes.expiryUs[row]!)
      if (expiry === undefined) return Number.NaN
      const named = quotes.forward?.[row] ?? Number.NaN
      return positive(named) ? named * expiry.ratio : expiry.forward
    },
  }
}

/** Fills the band of a two-sided row; returns its status. */
function fillBand(
  quotes: OptionQuotes,
  i: number,
  ratio: number,
  unit: number,
  widthMax: number,
  k: number,
  out: Pick<CleanQuotes, 'bidVariance' | 'askVariance' | 'midVariance'>,
): number {
  const right = quotes.right[i]!
  const bid = quotes.bid[i]! * unit
  const ask = quotes.ask[i]! * unit
  const exercise = Math.max(0, right * (1 - ratio))
  if (ask < exercise || bid >= (right === 1 ? 1 : ratio)) return QuoteStatus.OUTSIDE_BOUNDS
  const low = varianceOf(right, k, ratio, bid)
  const high = varianceOf(right, k, ratio, ask)
  const mid = varianceOf(right, k, ratio, 0.5 * (bid + ask))
  // Beyond what the inversion can hold: moneyness or prices among denormal numbers.
  if (Number.isNaN(low) || Number.isNaN(high) || Number.isNaN(mid)) return QuoteStatus.OUTSIDE_BOUNDS
  out.bidVariance[i] = low
  out.askVariance[i] = high
  out.midVariance[i] = mid === 0 || mid === Number.POSITIVE_INFINITY ? Number.NaN : mid
  const narrow =
    mid > 0 && high < Number.POSITIVE_INFINITY && Math.sqrt(high) - Math.sqrt(low) <= widthMax * Math.sqrt(mid)
  return narrow ? QuoteStatus.USED : QuoteStatus.TOO_WIDE
}
