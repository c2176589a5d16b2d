/**
 * @file A thing tradable on a venue, and the arithmetic that belongs to it.
 *
 * Symbology: `BASE-QUOTE-KIND@venue`, with what tells contracts of one kind apart after the kind:
 *
 *   BTC-USDT-SPOT@binance                    ETH-USD-PERP@binance-coinm   (inverse: settles in ETH)
 *   BTC-USDT-PERP@binance-usdm               BTC-USD-FUTURE-20240927@deribit
 *   BTC-USD-OPTION-20260116-82000-C@deribit  WETH-USDC-POOL-0x45dd…@uniswap-v3-polygon
 *
 * Money is counted in atoms of the settlement currency: 1e-6 of a dollar coin, 1e-10 of any other coin, always
 * integers, so that ledgers balance to zero and not to 1e-9.
 */

import { DAY_US } from '../core/clock.ts'
import { Grid, roundHalfAway } from '../core/decimal.ts'
import { GimbalError } from '../core/errors.ts'

export type InstrumentKind = 'spot' | 'perp' | 'future' | 'option' | 'pool'
/** Linear contracts are worth price × size in the quote; inverse ones size ÷ price in the base (coin-margined). */
export type Payoff = 'linear' | 'inverse'

/** One maintenance-margin tier: applies to the part of the notional above `notionalFloor`. */
export interface MarginTier {
  /** Lower bound of position notional, in units of the quote currency. */
  readonly notionalFloor: number
  readonly leverageMax: number
  /** Maintenance margin as a fraction of notional; the sum over tiers is continuous (`deduction` follows). */
  readonly maintenanceRate: number
}

/** Margin tiers as the venue published them on a day. */
export interface MarginSchedule {
  /** ISO day from which it holds. */
  readonly since: string
  readonly source: string
  readonly tiers: readonly MarginTier[]
}

/** Trading fees as fractions of notional; a negative maker fee is a rebate. */
export interface FeeSchedule {
  readonly makerBps: number
  readonly takerBps: number
  readonly source: string
}

/** What a venue says about an instrument; plain data, stored in the catalog as JSON. */
export interface InstrumentSpec {
  readonly base: string
  readonly quote: string
  readonly kind: InstrumentKind
  readonly venue: string
  /** The venue's own name: `BTCUSD_PERP`. */
  readonly venueSymbol: string
  readonly payoff: Payoff
  /** Currency of margin, profit and fees. */
  readonly settle: string
  /** Decimal text of the smallest price step, in quote per base (settlement coin per contract for coin-priced options). */
  readonly tickSize: string
  /** Decimal text of the smallest size step, in contracts (base units where a contract is one base). */
  readonly lotSize: string
  /** Base units per contract (linear) or quote units per contract (inverse). */
  readonly multiplier: string
  /** ISO day of expiry at 08:00 UTC unless `expiryUs` says otherwise. */
  readonly expiry?: string
  readonly expiryUs?: number
  readonly strike?: string
  readonly right?: 'call' | 'put'
  /** Pool address or other discriminator. */
  readonly detail?: string
  readonly fees?: FeeSchedule
  readonly margin?: MarginSchedule
  /** Interval between funding payments, in microseconds; perpetuals only. */
  readonly fundingIntervalUs?: number
  /** Where the definition comes from: a table with its date, a venue file, or `inferred from N prices`. */
  readonly source: string
}

const DOLLARS = new Set(['USD', 'USDT', 'USDC', 'USDE', 'BUSD', 'FDUSD', 'TUSD', 'DAI', 'USDH', 'EUR', 'GBP'])

/** Whether gimbal counts a currency in millionths (dollar-like) rather than in 1e-10 (coins). */
export function dollarLike(currency: string): boolean {
  return DOLLARS.has(currency)
}

/** Decimals of the smallest unit kept of a currency: see the header. */
export function atomDecimals(currency: string): number {
  return dollarLike(currency) ? 6 : 10
}

/** Atoms in one unit of a currency. */
export function atomsPerUnit(currency: string): number {
  return 10 ** atomDecimals(currency)
}

/** The stable name of an instrument: `BTC-USDT-PERP@binance-usdm`. */
export function instrumentId(spec: InstrumentSpec): string {
  const parts: string[] = [spec.base, spec.quote, spec.kind.toUpperCase()]
  if (spec.kind === 'future' || spec.kind === 'option') parts.push((spec.expiry ?? '').replaceAll('-', ''))
  if (spec.kind === 'option') parts.push(spec.strike ?? '', spec.right === 'put' ? 'P' : 'C')
  if (spec.kind === 'pool') parts.push(spec.detail ?? '')
  return `${parts.join('-')}@${spec.venue}`
}

/** What an instrument's name says. */
export interface ParsedId {
  readonly base: string
  readonly quote: string
  readonly kind: InstrumentKind
  readonly venue: string
  readonly expiry?: string
  readonly strike?: string
  readonly right?: 'call' | 'put'
  readonly detail?: string
}

const KINDS: Record<string, InstrumentKind> = {
  SPOT: 'spot',
  PERP: 'perp',
  FUTURE: 'future',
  OPTION: 'option',
  POOL: 'pool',
}
const FIELDS: Record<InstrumentKind, number> = { spot: 3, perp: 3, future: 4, option: 6, pool: 4 }

/**
 * Reads an instrument's name back into its parts.
 *
 * @throws {GimbalError} `instrument-invalid`.
 */
export function parseInstrumentId(id: string): ParsedId {
  const at = id.lastIndexOf('@')
  const parts = id.slice(0, at).split('-')
  const kind = KINDS[parts[2] ?? '']
  const venue = id.slice(at + 1)
  const fail = (): never => {
    throw new GimbalError('instrument-invalid', 'Not an instrument name', {
      name: id,
      expected:
        'BASE-QUOTE-SPOT|PERP@venue, …-FUTURE-YYYYMMDD@venue, …-OPTION-YYYYMMDD-STRIKE-C|P@venue, …-POOL-ADDRESS@venue',
    })
  }
  if (at < 1 || !kind || !venue || !parts[0] || !parts[1] || parts.length !== FIELDS[kind]) return fail()
  const head = { base: parts[0], quote: parts[1], kind, venue }
  if (kind === 'pool') return { ...head, detail: parts[3]! }
  if (kind === 'spot' || kind === 'perp') return head
  const day = /^(\d{4})(\d\d)(\d\d)$/.exec(parts[3]!)
  if (!day) return fail()
  const expiry = `${day[1]}-${day[2]}-${day[3]}`
  if (kind === 'future') return { ...head, expiry }
  if (!(Number(parts[4]) > 0) || (parts[5] !== 'C' && parts[5] !== 'P')) return fail()
  return { ...head, expiry, strike: parts[4]!, right: parts[5] === 'P' ? 'put' : 'call' }
}

/** An instrument ready for use: its grids and its payoff arithmetic, all in integers. */
export class Instrument {
  readonly spec: InstrumentSpec
  readonly id: string
  readonly kind: InstrumentKind
  readonly venue: string
  readonly settle: string
  readonly inverse: boolean
  readonly ticks: Grid
  readonly lots: Grid
  readonly expiryUs: number
  readonly strike: number
  readonly right: 'call' | 'put' | undefined
  readonly makerBps: number
  readonly takerBps: number
  /** Linear: atoms of one tick times one lot. Inverse: atoms × ticks of one lot. */
  readonly #scale: number
  readonly #divisor: number

  /** @throws {GimbalError} `instrument-invalid` when a step or a date makes no sense. */
  constructor(spec: InstrumentSpec) {
    this.spec = spec
    this.id = instrumentId(spec)
    parseInstrumentId(this.id)
    this.kind = spec.kind
    this.venue = spec.venue
    this.settle = spec.settle
    this.inverse = spec.payoff === 'inverse' && spec.kind !== 'option'
    this.ticks = new Grid(spec.tickSize)
    this.lots = new Grid(spec.lotSize)
    this.strike = spec.strike === undefined ? Number.NaN : Number(spec.strike)
    this.right = spec.right
    this.expiryUs =
      spec.expiryUs ??
      (spec.expiry === undefined ? Number.POSITIVE_INFINITY : Date.parse(`${spec.expiry}T08:00:00Z`) * 1000)
    this.makerBps = spec.fees?.makerBps ?? 0
    this.takerBps = spec.fees?.takerBps ?? 0
    const multiplier = new Grid(spec.multiplier).step
    const tick = this.ticks.step
    const lot = this.lots.step
    // Powers of ten are combined before they are evaluated, so 0.1 × 0.001 × 1e6 is 100 and not 100.00000000000001.
    const atoms = atomDecimals(spec.settle)
    const exponent = this.inverse
      ? lot.exponent + multiplier.exponent + atoms - tick.exponent
      : lot.exponent + multiplier.exponent + atoms + tick.exponent
    const mantissa = this.inverse
      ? lot.mantissa * multiplier.mantissa
      : lot.mantissa * multiplier.mantissa * tick.mantissa
    this.#scale = exponent >= 0 ? mantissa * 10 ** exponent : mantissa
    this.#divisor = (exponent >= 0 ? 1 : 10 ** -exponent) * (this.inverse ? tick.mantissa : 1)
    if (!(this.expiryUs > 0)) throw new GimbalError('instrument-invalid', 'Unreadable expiry', { instrument: this.id })
  }

  /**
   * Worth of `lots` (signed) at price `tick`, in atoms of the settlement currency, rounded half away from zero.
   *
   * A trade's profit is always value(exit) − value(entry): for linear contracts that is Δprice × size; an inverse
   * contract is worth −size ÷ price, which makes the same difference right and lets one ledger serve both.
   */
  valueAtoms(tick: number, lots: number): number {
    if (lots === 0) return 0
    const exact = this.inverse
      ? -(lots * this.#scale) / (tick * this.#divisor)
      : (lots * tick * this.#scale) / this.#divisor
    return this.#whole(exact, lots)
  }

  /** Whole atoms, half away from zero. @throws {GimbalError} `argument-invalid` beyond 2^53, where integers stop being exact. */
  #whole(exact: number, lots: number): number {
    if (exact > Number.MAX_SAFE_INTEGER || exact < -Number.MAX_SAFE_INTEGER) {
      throw new GimbalError('argument-invalid', `A trade too large to be counted exactly in ${this.settle}`, {
        instrument: this.id,
        lots,
        atoms: exact,
      })
    }
    return roundHalfAway(exact)
  }

  /** As {@link valueAtoms} for a price off the grid, such as a mark: `price` in quote per base. */
  valueAtPrice(price: number, lots: number): number {
    if (lots === 0) return 0
    const tick = price / this.ticks.size
    const exact = this.inverse
      ? -(lots * this.#scale) / (tick * this.#divisor)
      : (lots * tick * this.#scale) / this.#divisor
    return this.#whole(exact, lots)
  }

  /** Notional of `lots` at price `tick`: atoms of the settlement currency, never negative. */
  notionalAtoms(tick: number, lots: number): number {
    return Math.abs(this.valueAtoms(tick, lots))
  }

  /** Fee on a trade in atoms of the settlement currency, rounded up (against us); negative for a rebate, rounded towards zero. */
  feeAtoms(tick: number, lots: number, feeBps: number): number {
    return Math.ceil((this.notionalAtoms(tick, lots) * feeBps) / 10_000 - 1e-9)
  }

  /** Years of 365 days until expiry; infinite for what never expires. */
  yearsToExpiry(nowUs: number): number {
    return (this.expiryUs - nowUs) / (365 * DAY_US)
  }
}

/** The instruments of a run, each known inside by its index. */
export class Universe {
  readonly instruments: readonly Instrument[]
  readonly #indexes = new Map<string, number>()

  constructor(instruments: readonly Instrument[]) {
    this.instruments = instruments
    for (const [index, instrument] of instruments.entries()) this.#indexes.set(instrument.id, index)
  }

  get size(): number {
    return this.instruments.length
  }

  at(index: number): Instrument {
    return this.instruments[index]!
  }

  /** @throws {GimbalError} `instrument-unknown`. */
  index(id: string): number {
    const index = this.#indexes.get(id)
    if (index === undefined) {
      throw new GimbalError('instrument-unknown', 'No such instrument in this run', {
        asked: id,
        known: [...this.#indexes.keys()].slice(0, 20).join(' '),
      })
    }
    return index
  }

  has(id: string): boolean {
    return this.#indexes.has(id)
  }
}

/** Worth of so many lots at a price, in the quote currency; an inverse contract is worth its face. */
export function quoteWorth(instrument: Instrument, tick: number, lots: number): number {
  const size = lots * instrument.lots.size * Number(instrument.spec.multiplier)
  return instrument.inverse ? size : size * tick * instrument.ticks.size
}
