/**
 * @file Keeping the delta of everything held on one asset where it should be, over as many venues as there are to hedge on: the
 * part that the delta hedger and every policy that holds options have in common.
 *
 * When. `interval` hedges at fixed times; `band` when the delta is off by a share of what is held; `whalley-wilmott` when it is
 * off by more than the asymptotically best band for proportional costs and gas (research/hedging/hedgeBands.ts), and the risk of the
 * deviation over the hedge's horizon pays for trading it; `forecast` is the same with Greeks at the volatility expected instead of
 * the one quoted.
 *
 * Where. On the hedge that costs least (half the spread, fee, funding over the horizon, gas), or, for `minimum-variance`, on the
 * mixture of hedges that leaves least risk after these costs, impact and margin (hedgeRatios.ts).
 *
 * How. At most one order rests on each hedge. On a touch it reaches a few basis points beyond it and takes what is there; where only
 * bars are known it goes to market. A hedge that refuses rests for a minute, then two, up to an hour, and the next one serves.
 */

import { DAY_US, HOUR_US, MINUTE_US, SECOND_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import type { SettingsOf } from '../core/settings.ts'
import { atomsPerUnit, dollarLike, type Instrument, type Universe } from '../market/instrument.ts'
import type { MarketState } from '../market/marketState.ts'
import type { OrderEvent } from '../market/order.ts'
import { bandTrade, gammaBand, type HedgeBand, holdingBand, widerBand } from '../research/hedging/hedgeBands.ts'
import { freshPrice } from './freshPrice.ts'
import { hedgeRatios } from './hedgeRatios.ts'
import { heldGreeks, noHeldGreeks } from './heldGreeks.ts'
import { chooseInstruments } from './instrumentChoice.ts'
import type { OptionBoard } from './optionBoard.ts'
import type { PolicyContext } from './policy.ts'
import { ReturnCovariance } from './returnCovariance.ts'
import type { VolatilityOutlook } from './volatilityOutlook.ts'

export const HEDGE_SETTINGS = {
  hedges: {
    default: '',
    doc: 'Instruments to hedge with, comma-separated; empty: every perpetual of the asset, or its spot where there is none.',
  },
  rule: {
    default: 'whalley-wilmott',
    choices: ['interval', 'band', 'whalley-wilmott', 'forecast'],
    doc: 'When to hedge: at fixed times, beyond a share of what is held, beyond the best band for costs, or that band at the volatility expected.',
  },
  hedgeMinutes: { default: 60, min: 0.1, doc: 'Rule interval: time between two hedges.' },
  bandShare: {
    default: 0.05,
    min: 0,
    max: 10,
    doc: 'Rule band: deviation of delta traded away, as a share of the sizes of all that is hedged.',
  },
  riskAversion: {
    default: 30,
    min: 0.001,
    max: 1e6,
    doc: 'Relative risk aversion, by which the best band weighs risk: divided by equity, per dollar. Tenfold halves the band.',
  },
  horizonHours: {
    default: 24,
    min: 0.01,
    doc: 'Time a hedge is expected to stand: for the funding it costs and the risk of leaving a deviation.',
  },
  gas: {
    default: '',
    doc: 'Dollars a transaction costs, by venue: VENUE=DOLLARS, comma-separated; 0 where not named.',
  },
  orderCost: {
    default: 0.05,
    min: 0,
    doc: 'Dollars an order is worth besides what it costs to fill: keeps the best bands from trading lot by lot at their edge.',
  },
  halfSpreadBps: { default: 1, min: 0, max: 1000, doc: 'Half the spread where only bars are known.' },
  reachBps: { default: 5, min: 0, max: 500, doc: 'How far beyond the touch a hedge may take.' },
  sliceNotional: { default: 50_000, min: 0, doc: 'Most dollars of one hedge order; at least one lot is sent.' },
  allocation: {
    default: 'cheapest',
    choices: ['cheapest', 'minimum-variance'],
    doc: 'Whether the cheapest hedge takes all, or the mixture of least risk after costs.',
  },
  impactBpsPerMillion: {
    default: 5,
    min: 0,
    doc: 'Minimum variance: cost of trading a million dollars at once beyond the spread, rising in proportion.',
  },
  marginYearly: {
    default: 0.05,
    min: 0,
    max: 10,
    doc: 'Minimum variance: what money bound as margin would earn a year; a tenth of a hedge is bound.',
  },
  collateral: {
    default: 'hedge',
    choices: ['hedge', 'keep'],
    doc: 'Whether coins held as margin are part of the delta to hedge, or are wanted as coins.',
  },
  hedgeSeconds: { default: 60, min: 0.1, doc: 'Time between two looks at the delta.' },
  staleSeconds: { default: 60, min: 1, doc: 'No hedging on a price older than this, or two and a half bars.' },
} as const

export type HedgeSettings = SettingsOf<typeof HEDGE_SETTINGS>

const REST_US = MINUTE_US
const REST_MAX_US = HOUR_US
/** Initial margin of a hedge as a share of it, where capital is priced. */
const MARGIN_SHARE = 0.1
/** Grid and memory of the covariances between hedges. */
const COVARIANCE_SAMPLE_US = 15 * MINUTE_US
const COVARIANCE_HALF_LIFE_US = 3 * DAY_US
const COVARIANCE_RIDGE = 1e-4
const YEAR_US = 365 * DAY_US

/** One instrument to hedge with. */
class Hedge {
  readonly index: number
  readonly market: MarketState
  readonly instrument: Instrument
  /** Dollars one order costs whatever its size: gas, and what an order is worth. */
  readonly orderCost: number
  pausedUntilUs = Number.NEGATIVE_INFINITY
  restUs = REST_US
  orderId = 0
  /** Dollars per base, fresh; set by every look. */
  price = Number.NaN

  constructor(market: MarketState, index: number, orderCost: number) {
    this.index = index
    this.market = market
    this.instrument = market.instrument
    this.orderCost = orderCost
  }

  /** Base units of one lot at the hedge's price. */
  get lotBase(): number {
    const contract = this.instrument.lots.size * Number(this.instrument.spec.multiplier)
    return this.instrument.inverse ? contract / this.price : contract
  }

  /** Half the spread and the fee, a fraction. */
  costRate(halfSpreadBps: number): number {
    const { market, price, instrument } = this
    const half = market.quoted
      ? (0.5 * (market.bestAsk - market.bestBid) * instrument.ticks.size) / price
      : halfSpreadBps / 10_000
    return half + instrument.takerBps / 10_000
  }

  /** What a long position pays, as a fraction of its worth over a time. */
  carryRate(nowUs: number, horizonUs: number): number {
    const { market } = this
    if (this.instrument.kind !== 'perp' || !(market.fundingIntervalUs > 0)) return 0
    const told = market.fundingDueUs >= nowUs && !Number.isNaN(market.fundingForecast)
    const rate = told ? market.fundingForecast : market.fundingRate
    return Number.isNaN(rate) ? 0 : (rate * horizonUs) / market.fundingIntervalUs
  }
}

/** Reads `VENUE=DOLLARS,…`. @throws {GimbalError} `config-invalid`. */
function gasByVenue(policy: string, text: string, universe: Universe): ReadonlyMap<string, number> {
  const venues = new Set(universe.instruments.map(({ venue }) => venue))
  const gas = new Map<string, number>()
  for (const part of text.split(',').filter((each) => each.trim() !== '')) {
    const [venue = '', dollars = ''] = part.split('=').map((each) => each.trim())
    if (!venues.has(venue) || dollars === '' || !(Number(dollars) >= 0))
      throw new GimbalError('config-invalid', `Setting gas of policy ${policy} makes no sense`, {
        given: part,
        allowed: 'VENUE=DOLLARS of venues in this run',
        known: [...venues].join(' '),
      })
    gas.set(venue, Number(dollars))
  }
  return gas
}

/** What a hedge is planned from before the run begins: found out when the policy is built, so that mistakes show then. */
export interface HedgeChoice {
  readonly hedges: readonly number[]
  readonly gas: ReadonlyMap<string, number>
}

/** @throws {GimbalError} `config-invalid`, `instrument-unknown`. */
export function chooseHedges(policy: string, universe: Universe, asset: string, settings: HedgeSettings): HedgeChoice {
  const { instruments } = universe
  const ofAsset = ({ spec }: Instrument) => spec.base === asset && dollarLike(spec.quote)
  const perps = instruments.some((each) => ofAsset(each) && each.kind === 'perp')
  const suits = (each: Instrument) =>
    ofAsset(each) && (settings.hedges === '' ? each.kind === (perps ? 'perp' : 'spot') : each.kind !== 'option')
  const hedges = chooseInstruments(
    policy,
    universe,
    settings.hedges,
    suits,
    `perpetuals, futures, spot or pools of ${asset}`,
  )
  return { hedges, gas: gasByVenue(policy, settings.gas, universe) }
}

export class DeltaHedge {
  /** Instruments whose messages it must hear: hedges and what prices the asset. */
  readonly instruments: readonly number[]
  /** What was held when last looked. */
  readonly greeks = noHeldGreeks()
  readonly #context: PolicyContext
  readonly #board: OptionBoard
  readonly #settings: HedgeSettings
  readonly #outlook: VolatilityOutlook
  readonly #hedges: readonly Hedge[]
  readonly #hedgeSet: ReadonlySet<number>
  readonly #linear: readonly number[]
  readonly #horizonUs: number
  readonly #covariance: ReturnCovariance | undefined
  #nextUs = Number.NEGATIVE_INFINITY
  #dueUs = Number.NEGATIVE_INFINITY
  /** Whether a hedge is on its way to the inner point of its band: sliced, or not filled. */
  #working = false
  #adopted = false

  constructor(
    context: PolicyContext,
    board: OptionBoard,
    choice: HedgeChoice,
    settings: HedgeSettings,
    outlook: VolatilityOutlook,
  ) {
    this.#context = context
    this.#board = board
    this.#settings = settings
    this.#outlook = outlook
    this.#hedges = choice.hedges.map((index) => {
      const market = context.market(index)
      return new Hedge(market, index, settings.orderCost + (choice.gas.get(market.instrument.venue) ?? 0))
    })
    this.#hedgeSet = new Set(choice.hedges)
    const { universe } = context
    this.#linear = [...universe.instruments.keys()].filter((index) => {
      const { kind, spec } = universe.at(index)
      return kind !== 'option' && spec.base === board.asset
    })
    this.#horizonUs = settings.horizonHours * HOUR_US
    this.instruments = [...new Set([...choice.hedges, ...board.prices])]
    if (settings.allocation === 'minimum-variance')
      this.#covariance = new ReturnCovariance(1 + this.#hedges.length, COVARIANCE_SAMPLE_US, COVARIANCE_HALF_LIFE_US)
  }

  /** Whether an instrument is one of the hedges. */
  hedgesWith(index: number): boolean {
    return this.#hedgeSet.has(index)
  }

  /** A message about one of its {@link instruments}. @param target Delta wanted, in base units. */
  onMarket(target: number): void {
    const { nowUs } = this.#context.clock
    if (this.#covariance) this.#learn(this.#covariance, nowUs)
    if (nowUs >= this.#nextUs) this.#look(nowUs, target)
  }

  /** An answer about an order on a hedge. */
  onOrder(event: OrderEvent, target: number): void {
    const hedge = this.#hedges.find(({ index }) => index === event.instrument)
    if (!hedge) return
    if (event.kind === 'filled') {
      hedge.restUs = REST_US
      if (event.leavesLots <= 0 && this.#working) this.#look(this.#context.clock.nowUs, target)
    } else if (event.kind === 'rejected' || event.kind === 'cancelled' || event.kind === 'expired') {
      // An order that found nothing is not repeated before the next look: there is nothing yet that it could find.
      this.#working = true
      if (event.kind === 'rejected') this.#rest(hedge)
    }
  }

  /** What is held has changed without an order on a hedge: looks again at the next price. */
  disturb(): void {
    this.#nextUs = Number.NEGATIVE_INFINITY
  }

  #learn(covariance: ReturnCovariance, nowUs: number): void {
    const { spot } = this.#board
    if (spot > 0) covariance.update(0, nowUs, spot)
    for (const [at, { market }] of this.#hedges.entries()) {
      const price = freshPrice(market, nowUs, this.#settings.staleSeconds)
      if (price > 0) covariance.update(1 + at, nowUs, price)
    }
  }

  #look(nowUs: number, target: number): void {
    this.#nextUs = nowUs + this.#settings.hedgeSeconds * SECOND_US
    if (!this.#adopted) {
      this.#adopted = true
      // An order of before a restart was decided on another delta.
      for (const { index } of this.#hedges) this.#context.cancelAll(index)
    }
    if (this.#context.orders().some(({ instrument }) => this.#hedgeSet.has(instrument))) return
    const { spot } = this.#board
    if (!(spot > 0) || !this.#measure()) return
    const deviation = this.greeks.delta - target
    const band = this.#band(spot, nowUs)
    if (!band) return
    const units = this.#working
      ? bandTrade(deviation, { inner: band.inner, outer: band.inner })
      : bandTrade(deviation, band)
    this.#working = false
    if (units === 0) return
    if (this.#settings.allocation === 'cheapest') this.#tradeCheapest(units, nowUs)
    else this.#tradeMixture(deviation, spot, nowUs)
  }

  #measure(): boolean {
    const { rule, collateral } = this.#settings
    const expected = rule === 'forecast' ? this.#outlook.yearly(this.#context, this.#board.prices[0]!) : undefined
    // A rule told to follow a forecast does nothing while there is none.
    if (Number.isNaN(expected)) return false
    return heldGreeks(
      this.#context,
      this.#board,
      this.#linear,
      this.#hedgeSet,
      collateral === 'hedge',
      this.greeks,
      expected,
    )
  }

  /** The band of the rule; undefined while nothing is due or something needed is unknown. */
  #band(spot: number, nowUs: number): HedgeBand | undefined {
    const { rule, hedgeMinutes, bandShare, halfSpreadBps, riskAversion } = this.#settings
    if (rule === 'interval') {
      if (nowUs < this.#dueUs && !this.#working) return undefined
      const everyUs = hedgeMinutes * MINUTE_US
      if (nowUs >= this.#dueUs) this.#dueUs = (Math.floor(nowUs / everyUs) + 1) * everyUs
      return { inner: 0, outer: 0 }
    }
    if (rule === 'band') {
      const outer = bandShare * this.greeks.gross
      return { inner: 0, outer }
    }
    const { equity } = this.#context.portfolio
    const cheapest = this.#cheapestCost(halfSpreadBps, nowUs)
    if (!(equity > 0) || !cheapest) return undefined
    const aversion = riskAversion / equity
    const band = gammaBand(cheapest, spot, this.greeks.gamma, aversion)
    const expected = this.#outlook.yearly(this.#context, this.#board.prices[0]!)
    const volatility = rule === 'forecast' || Number.isNaN(this.greeks.volatility) ? expected : this.greeks.volatility
    if (!(volatility > 0)) return this.greeks.gamma === 0 ? undefined : band
    return widerBand(band, holdingBand(cheapest, spot, volatility, this.#horizonUs / YEAR_US, aversion))
  }

  /** Least cost of trading a hedge now, a fraction; NaN while none can be traded. */
  get costRate(): number {
    return this.#cheapestCost(this.#settings.halfSpreadBps, this.#context.clock.nowUs)?.proportional ?? Number.NaN
  }

  #cheapestCost(halfSpreadBps: number, nowUs: number): { proportional: number; fixed: number } | undefined {
    let best: { proportional: number; fixed: number } | undefined
    for (const hedge of this.#usable(nowUs)) {
      const proportional = hedge.costRate(halfSpreadBps)
      if (!best || proportional < best.proportional) best = { proportional, fixed: hedge.orderCost }
    }
    return best
  }

  /** Hedges with a fresh price that are not resting. */
  #usable(nowUs: number): Hedge[] {
    return this.#hedges.filter((hedge) => {
      hedge.price = freshPrice(hedge.market, nowUs, this.#settings.staleSeconds)
      return hedge.price > 0 && nowUs >= hedge.pausedUntilUs
    })
  }

  /** Most base units that can be traded on a side: spot is sold from what is held and bought with what is there. */
  #room(hedge: Hedge, side: 1 | -1): number {
    if (hedge.instrument.kind !== 'spot') return Number.POSITIVE_INFINITY
    const { portfolio } = this.#context
    if (side < 0) return Math.max(0, portfolio.lots(hedge.index) * hedge.lotBase)
    const { settle } = hedge.instrument
    return Math.max(0, (0.99 * portfolio.cashAtoms(settle)) / atomsPerUnit(settle) / hedge.price)
  }

  #tradeCheapest(units: number, nowUs: number): void {
    const { halfSpreadBps } = this.#settings
    const side = units > 0 ? 1 : -1
    const priced = this.#usable(nowUs).map((hedge) => {
      const fixed = hedge.orderCost / (Math.abs(units) * hedge.price)
      return { hedge, cost: hedge.costRate(halfSpreadBps) + side * hedge.carryRate(nowUs, this.#horizonUs) + fixed }
    })
    priced.sort((a, b) => a.cost - b.cost || a.hedge.index - b.hedge.index)
    let left = Math.abs(units)
    for (const { hedge } of priced) {
      const size = Math.min(left, this.#room(hedge, side))
      if (!this.#trade(hedge, side * size)) continue
      left -= size
      if (left < hedge.lotBase / 2) return
    }
    // Nothing could be traded, or not all: it is still due at the next look, not an interval later.
    if (priced.every(({ hedge }) => left >= hedge.lotBase / 2)) this.#working = true
  }

  #tradeMixture(deviation: number, spot: number, nowUs: number): void {
    const covariance = this.#covariance!
    const usable = this.#usable(nowUs)
    const { equity } = this.#context.portfolio
    if (!covariance.known || usable.length === 0 || !(equity > 0)) return
    const { halfSpreadBps, impactBpsPerMillion, marginYearly, riskAversion } = this.#settings
    const places = usable.map((hedge) => 1 + this.#hedges.indexOf(hedge))
    const held = usable.map((hedge) => this.#context.portfolio.lots(hedge.index) * hedge.lotBase * spot)
    const n = usable.length
    const book = deviation * spot - held.reduce((sum, each) => sum + each, 0)
    const returns = new Float64Array(n * n)
    for (let j = 0; j < n; j++)
      for (let k = 0; k < n; k++) returns[j * n + k] = covariance.over(places[j]!, places[k]!, this.#horizonUs)
    const { holdings } = hedgeRatios({
      instruments: usable.map((hedge, j) => ({
        held: held[j]!,
        costRate: hedge.costRate(halfSpreadBps),
        impact: impactBpsPerMillion / 1e10,
        marginRate: (MARGIN_SHARE * marginYearly * this.#horizonUs) / YEAR_US,
        carryRate: hedge.carryRate(nowUs, this.#horizonUs),
        lower: hedge.instrument.kind === 'spot' ? 0 : Number.NEGATIVE_INFINITY,
        upper: hedge.instrument.kind === 'spot' ? held[j]! + this.#room(hedge, 1) * spot : Number.POSITIVE_INFINITY,
      })),
      covariance: returns,
      withBook: Float64Array.from(places, (place) => book * covariance.over(place, 0, this.#horizonUs)),
      riskAversion: riskAversion / equity,
      ridge: COVARIANCE_RIDGE,
    })
    for (const [j, hedge] of usable.entries()) this.#trade(hedge, (holdings[j]! - held[j]!) / spot)
  }

  /** Sends one slice of a hedge; false when nothing was sent. */
  #trade(hedge: Hedge, units: number): boolean {
    const { market, instrument, lotBase, price } = hedge
    const { sliceNotional, reachBps } = this.#settings
    const whole = Math.round(Math.abs(units) / lotBase)
    if (whole === 0) return false
    const slice = Math.max(1, Math.floor(sliceNotional / (lotBase * price)))
    const held = instrument.kind === 'spot' && units < 0 ? this.#context.portfolio.lots(hedge.index) : whole
    const lots = Math.min(whole, slice, held)
    if (lots <= 0) return false
    if (lots < whole) this.#working = true
    const side = units > 0 ? 1 : -1
    const touch = side > 0 ? market.bestAsk : market.bestBid
    const reach = touch * (1 + (side * reachBps) / 10_000)
    hedge.orderId = this.#context.submit({
      instrument: hedge.index,
      side,
      lots,
      ...(market.quoted
        ? { type: 'limit', tick: side > 0 ? Math.floor(reach) : Math.ceil(reach), timeInForce: 'IOC' }
        : { type: 'market', tick: 0 }),
      tag: 'delta hedge',
    })
    if (hedge.orderId === 0) {
      this.#rest(hedge)
      return false
    }
    return true
  }

  #rest(hedge: Hedge): void {
    hedge.pausedUntilUs = this.#context.clock.nowUs + hedge.restUs
    hedge.restUs = Math.min(2 * hedge.restUs, REST_MAX_US)
  }
}
