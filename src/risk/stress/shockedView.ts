/**
 * @file A market as a scenario leaves it: another {@link MarketView}, so that valuation and margin need not know of stress.
 *
 * The price a venue margins by may be an older one (a frozen oracle): that is an older view, not a flag of this one.
 */

import { DAY_US } from '../../core/clock.ts'
import { dollarLike } from '../../market/instrument.ts'
import type { Liquidity, MarketView } from '../../portfolio/marketView.ts'
import { underlyingOf } from '../underlying.ts'
import type {
  BasisShock,
  CorrelationShock,
  DepegShock,
  DepthShock,
  FundingShock,
  GasShock,
  Levels,
  Shock,
  SkewShock,
  SpotShock,
  Stickiness,
  TermShock,
  VolatilityShock,
} from './scenario.ts'
import { EVERY } from './scenario.ts'

/** Gas of one swap or repayment, for prices of gas given in gwei. */
const TRANSACTION_GAS = 300_000
const WEEK_DAYS = 7
/** Furthest from the money a skew goes on growing, in log-moneyness. */
const SKEW_REACH = 0.3

export class ShockedView implements MarketView {
  readonly timeUs: number
  readonly dollarRate: number
  readonly #base: MarketView
  readonly #levels: Levels
  readonly #sticky: Stickiness
  readonly #pushed: ReadonlyMap<string, number>
  readonly #factors = new Map<string, number>()

  /**
   * @param laterUs Time passed since the base view.
   * @param pushed Log moves that our own trades left in the price, by asset; read at every question, so it may change.
   */
  constructor(
    base: MarketView,
    levels: Levels,
    laterUs = 0,
    sticky: Stickiness = 'strike',
    pushed: ReadonlyMap<string, number> = new Map(),
  ) {
    this.#base = base
    this.#levels = levels
    this.#sticky = sticky
    this.#pushed = pushed
    this.timeUs = base.timeUs + laterUs
    this.dollarRate = base.dollarRate
  }

  /** Price of an asset over its price before, our own pushes left out. */
  factor(asset: string): number {
    let factor = this.#factors.get(asset)
    if (factor === undefined) this.#factors.set(asset, (factor = this.#scenarioFactor(asset)))
    return factor
  }

  #scenarioFactor(asset: string): number {
    const depeg = this.#levels.get(`depeg ${asset}`) as DepegShock | undefined
    if (depeg) return depeg.price / this.#base.spot(asset)
    const own = this.#levels.get(`spot ${asset}`) as SpotShock | undefined
    if (own) return own.factor
    if (dollarLike(asset)) return 1
    const underlying = underlyingOf(asset)
    if (underlying !== asset) return this.factor(underlying)
    const correlation = this.#levels.get('correlation') as CorrelationShock | undefined
    const leader = correlation && (this.#levels.get(`spot ${correlation.given}`) as SpotShock | undefined)
    if (leader && asset !== correlation.given)
      return leader.factor ** (correlation.to * (correlation.ratios[asset] ?? 1))
    return (this.#levels.get(`spot ${EVERY}`) as SpotShock | undefined)?.factor ?? 1
  }

  #moved(asset: string): number {
    const pushed = this.#pushed.get(asset)
    return pushed === undefined || pushed === 0 ? this.factor(asset) : this.factor(asset) * Math.exp(pushed)
  }

  spot(asset: string): number {
    return this.#base.spot(asset) * this.#moved(asset)
  }

  forward(asset: string, expiryUs: number, instrument?: string): number {
    if (expiryUs <= this.timeUs) return this.spot(asset)
    return this.#base.forward(asset, expiryUs, instrument) * this.#moved(asset)
  }

  volatility(asset: string, expiryUs: number, strike: number, instrument?: string): number {
    const moved = this.#moved(asset)
    // Sticky moneyness: the strike that lay as far from the forward as this one does now.
    const asked = this.#sticky === 'moneyness' ? strike / moved : strike
    const volatility = this.#base.volatility(asset, expiryUs, asked, instrument)
    const level = this.#ofAsset('volatility', asset) as VolatilityShock | undefined
    const skew = this.#ofAsset('skew', asset) as SkewShock | undefined
    const term = this.#ofAsset('term', asset) as TermShock | undefined
    let shocked = level ? volatility * level.factor + level.add : volatility
    if (skew) {
      const logMoneyness = Math.log(strike / this.forward(asset, expiryUs, instrument))
      shocked -= skew.add * 10 * Math.min(SKEW_REACH, Math.max(-SKEW_REACH, logMoneyness))
    }
    if (term) shocked += term.add * Math.sqrt(WEEK_DAYS / Math.max(1, (expiryUs - this.timeUs) / DAY_US))
    return Math.max(0, shocked)
  }

  perpetual(venue: string, asset: string, instrument?: string): number {
    const basis = this.#ofPlace('basis', venue, asset) as BasisShock | undefined
    return this.#base.perpetual(venue, asset, instrument) * this.#moved(asset) * (1 + (basis?.add ?? 0))
  }

  fundingPerDay(venue: string, asset: string, instrument?: string): number {
    const funding = this.#ofPlace('funding', venue, asset) as FundingShock | undefined
    if (funding?.mode === 'per-day') return funding.value
    return this.#base.fundingPerDay(venue, asset, instrument) * (funding?.value ?? 1)
  }

  liquidity(venue: string, asset: string): Liquidity | undefined {
    const known = this.#base.liquidity(venue, asset)
    if (known === undefined) return undefined
    const depth = this.#ofPlace('depth', venue, asset) as DepthShock | undefined
    const widening = this.spreadFactor(venue, asset)
    if (!depth && widening === 1) return known
    return {
      halfSpread: known.halfSpread * widening,
      depth: known.depth * (depth?.factor ?? 1),
      takerFee: known.takerFee,
    }
  }

  /** Spreads over what they were: options have theirs in volatility, which no {@link Liquidity} tells. */
  spreadFactor(venue: string, asset: string): number {
    return (this.#ofPlace('spread', venue, asset) as DepthShock | undefined)?.factor ?? 1
  }

  transactionCost(venue: string): number {
    const before = this.#base.transactionCost(venue)
    const gas = (this.#levels.get(`gas ${venue}`) ?? this.#levels.get(`gas ${EVERY}`)) as GasShock | undefined
    if (!gas || before === 0) return before
    if (gas.mode === 'factor') return before * gas.value
    return gas.mode === 'dollars' ? gas.value : gas.value * 1e-9 * TRANSACTION_GAS * this.spot('ETH')
  }

  #ofAsset(shock: 'volatility' | 'skew' | 'term', asset: string): Shock | undefined {
    return this.#levels.get(`${shock} ${asset}`) ?? this.#levels.get(`${shock} ${EVERY}`)
  }

  /** The most particular level: of this asset here, of this asset, of this venue, of all. */
  #ofPlace(shock: 'basis' | 'funding' | 'depth' | 'spread', venue: string, asset: string): Shock | undefined {
    const levels = this.#levels
    return (
      levels.get(`${shock} ${venue} ${asset}`) ??
      levels.get(`${shock} ${EVERY} ${asset}`) ??
      levels.get(`${shock} ${venue} ${EVERY}`) ??
      levels.get(`${shock} ${EVERY} ${EVERY}`)
    )
  }
}
