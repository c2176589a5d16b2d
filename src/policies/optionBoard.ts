/**
 * @file The options of one asset as a policy sees them: which may be traded now, at which volatility, and what one moves by.
 *
 * Recordings show options a few times a day and their underlying every few minutes. Between two looks at an option its forward
 * keeps the ratio to the index that the venue gave with it, and its volatility stays: so it has a delta at every moment, and a
 * quote only while it is fresh.
 */

import { SECOND_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import { dollarLike, type Instrument, type Universe } from '../market/instrument.ts'
import type { MarketState } from '../market/marketState.ts'
import { black76Batch, type OptionColumns, PriceStatus } from '../pricing/black76.ts'
import { impliedVolatilityBatch } from '../pricing/impliedVolatility.ts'
import { freshPrice } from './freshPrice.ts'
import type { PolicyContext } from './policy.ts'

/** One option on the board. */
export interface Listed {
  readonly index: number
  readonly market: MarketState
  readonly right: 1 | -1
  readonly strike: number
  readonly expiryUs: number
  /** Whether its price is in the coin, a fraction of the forward. */
  readonly inCoin: boolean
  /** Base units of one lot. */
  readonly lotBase: number
}

/** What one base unit of an option moves by, in dollars, with its underlying's spot. */
export interface OptionSlopes {
  /** Dollars. */
  price: number
  /** Base units, of what is owed in dollars: a coin-settled premium counts as dollars at once. */
  delta: number
  /** Base units per dollar. */
  gamma: number
  /** Dollars per 1.00 of volatility. */
  vega: number
  /** Dollars a year of time passing. */
  theta: number
}

/** Bases with options in a universe, in order of appearance. */
function optionAssets(universe: Universe): string[] {
  return [...new Set(universe.instruments.filter(({ kind }) => kind === 'option').map(({ spec }) => spec.base))]
}

/**
 * The asset a policy on options is about: the one named, or the only one with options.
 *
 * @throws {GimbalError} `config-invalid` when there are none, or several and none is named.
 */
export function chooseAsset(policy: string, universe: Universe, named: string): string {
  const assets = optionAssets(universe)
  if (named !== '' && assets.includes(named)) return named
  if (named === '' && assets.length === 1) return assets[0]!
  throw new GimbalError('config-invalid', `Policy ${policy} finds no options of its asset`, {
    asset: named || 'not named',
    known: assets.join(' ') || 'no options at all',
  })
}

/**
 * The asset a hedger is about: the one named, else the only one with options, else the only one traded against dollars.
 *
 * @throws {GimbalError} `config-invalid`.
 */
export function hedgeableAsset(policy: string, universe: Universe, named: string): string {
  const options = optionAssets(universe)
  if (named === '' && options.length === 1) return options[0]!
  const assets = [...new Set(universe.instruments.map(({ spec }) => spec.base))].filter(
    (asset) => pricesOf(universe, asset).length > 0,
  )
  if (named !== '' && assets.includes(named)) return named
  if (named === '' && options.length === 0 && assets.length === 1) return assets[0]!
  throw new GimbalError('config-invalid', `Policy ${policy} does not know its asset`, {
    asset: named || 'not named',
    known: assets.join(' ') || 'none with a price in dollars',
  })
}

/** Indices of the options of an asset, at one venue where one is named. */
export function optionsOf(universe: Universe, asset: string, venue = ''): number[] {
  return [...universe.instruments.keys()].filter((index) => {
    const { kind, spec } = universe.at(index)
    return kind === 'option' && spec.base === asset && (venue === '' || spec.venue === venue)
  })
}

/** Instruments whose price is the asset's in dollars, best first: spot, then perpetuals, then dated futures. */
export function pricesOf(universe: Universe, asset: string): number[] {
  const order = { spot: 0, perp: 1, future: 2, option: 3, pool: 3 }
  const suits = ({ kind, spec }: Instrument) => order[kind] < 3 && spec.base === asset && dollarLike(spec.quote)
  return [...universe.instruments.keys()]
    .filter((index) => suits(universe.at(index)))
    .sort((a, b) => order[universe.at(a).kind] - order[universe.at(b).kind] || a - b)
}

const YEAR_US = 365 * 86_400 * SECOND_US

/** One row, for options that come one at a time. */
const TERMS: Record<keyof Required<OptionColumns>, Int8Array | Float64Array> & OptionColumns = {
  right: new Int8Array(1),
  forward: new Float64Array(1),
  strike: new Float64Array(1),
  years: new Float64Array(1),
  volatility: new Float64Array(1),
  rate: new Float64Array(1),
}
const PRICED = {
  price: new Float64Array(1),
  deltaForward: new Float64Array(1),
  gamma: new Float64Array(1),
  vega: new Float64Array(1),
  theta: new Float64Array(1),
  rho: new Float64Array(1),
  status: new Uint8Array(1),
}
const PRICE = new Float64Array(1)
const VOLATILITY = new Float64Array(1)
const STATUS = new Uint8Array(1)

export class OptionBoard {
  readonly asset: string
  readonly options: readonly Listed[]
  /** Instruments that price the asset, best first. */
  readonly prices: readonly number[]
  readonly #context: PolicyContext
  readonly #staleSeconds: number
  readonly #freshUs: number
  readonly #byIndex: Listed[] = []

  /**
   * @param freshSeconds How long a quote of an option may be traded on. @param staleSeconds As {@link freshPrice}, for the asset.
   */
  constructor(
    context: PolicyContext,
    asset: string,
    options: readonly number[],
    prices: readonly number[],
    freshSeconds: number,
    staleSeconds: number,
  ) {
    this.asset = asset
    this.prices = prices
    this.#context = context
    this.#freshUs = freshSeconds * SECOND_US
    this.#staleSeconds = staleSeconds
    this.options = options.map((index) => {
      const market = context.market(index)
      const { instrument } = market
      return {
        index,
        market,
        right: instrument.right === 'put' ? -1 : 1,
        strike: instrument.strike,
        expiryUs: instrument.expiryUs,
        inCoin: !dollarLike(instrument.settle),
        lotBase: instrument.lots.size * Number(instrument.spec.multiplier),
      } as const
    })
    for (const option of this.options) this.#byIndex[option.index] = option
  }

  /** The option of an index; undefined for anything else. */
  at(index: number): Listed | undefined {
    return this.#byIndex[index]
  }

  /** Price of the asset in dollars; NaN while no instrument has a fresh one. */
  get spot(): number {
    const { nowUs } = this.#context.clock
    for (const index of this.prices) {
      const price = freshPrice(this.#context.market(index), nowUs, this.#staleSeconds)
      if (!Number.isNaN(price)) return price
    }
    return Number.NaN
  }

  /** Years to expiry, not above 0 once it has come. */
  years({ expiryUs }: Listed): number {
    return (expiryUs - this.#context.clock.nowUs) / YEAR_US
  }

  /** Forward of an option's expiry in dollars, carried along with the spot; where the venue tells none, the spot. */
  forward({ market }: Listed, spot = this.spot): number {
    if (Number.isNaN(market.forward)) return spot
    // A venue that tells a forward without its index leaves nothing to carry it by.
    return market.index > 0 ? (market.forward * spot) / market.index : market.forward
  }

  /** Volatility at which the option is worth a price in ticks (possibly between them); NaN where none is. */
  volatilityAt(option: Listed, tick: number, spot = this.spot): number {
    const forward = this.forward(option, spot)
    const price = tick * option.market.instrument.ticks.size
    TERMS.right[0] = option.right
    TERMS.forward[0] = forward
    TERMS.strike[0] = option.strike
    TERMS.years[0] = this.years(option)
    PRICE[0] = option.inCoin ? price * forward : price
    const { right, forward: forwards, strike, years } = TERMS
    impliedVolatilityBatch({ right, forward: forwards, strike, years, price: PRICE }, VOLATILITY, STATUS)
    return VOLATILITY[0]! > 0 ? VOLATILITY[0]! : Number.NaN
  }

  /** Volatility of the venue's mark where it tells one, else of the mid while it is quoted; NaN unknown. */
  volatility(option: Listed, spot = this.spot): number {
    const { market } = option
    if (market.impliedVolatility > 0) return market.impliedVolatility
    return market.quoted ? this.volatilityAt(option, market.referenceTick, spot) : Number.NaN
  }

  /** Whether the option has a two-sided quote told within the fresh time, and is not about to expire. */
  fresh({ market, expiryUs }: Listed): boolean {
    const { nowUs } = this.#context.clock
    return (
      market.quoted &&
      market.bestBid > 0 &&
      nowUs - market.quotedUs <= this.#freshUs &&
      nowUs + this.#freshUs < expiryUs
    )
  }

  /**
   * Price and slopes of one base unit, in dollars, at a volatility.
   *
   * @returns False, and NaN in `into`, where a figure is unknown; after expiry all are 0.
   */
  slopes(option: Listed, into: OptionSlopes, volatility = this.volatility(option), spot = this.spot): boolean {
    const years = this.years(option)
    if (years <= 0) {
      into.price = into.delta = into.gamma = into.vega = into.theta = 0
      return true
    }
    const forward = this.forward(option, spot)
    TERMS.right[0] = option.right
    TERMS.forward[0] = forward
    TERMS.strike[0] = option.strike
    TERMS.years[0] = years
    TERMS.volatility[0] = volatility
    black76Batch(TERMS, PRICED)
    // A coin's worth of premium is worth spot dollars, while the formula prices in units of the forward.
    const ratio = forward / spot
    const scale = option.inCoin ? 1 / ratio : 1
    into.price = PRICED.price[0]! * scale
    into.delta = PRICED.deltaForward[0]! * ratio * scale
    into.gamma = PRICED.gamma[0]! * ratio * ratio * scale
    into.vega = PRICED.vega[0]! * scale
    into.theta = PRICED.theta[0]! * scale
    return PRICED.status[0] === PriceStatus.PRICED && spot > 0
  }
}
