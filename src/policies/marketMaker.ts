/**
 * @file Market maker: one bid and one ask around the mid, wide for volatility, leaning against its inventory.
 *
 * Quotes are the closed forms of quoteFormulas.ts with σ, A and k estimated online (features/), per instrument and
 * independently of other instruments. Around them, what a venue demands: whole ticks, never crossing, post-only, few
 * messages, no quote without a sound book, and no order whose fill would exceed the inventory limit.
 *
 * At most one order rests per side: a new one is sent only after the venue said that the last is gone, so no delay of
 * answers can double an exposure. Decisions are made at most once per `requoteIntervalMs`; between them a message costs
 * a few comparisons and allocates nothing.
 *
 * Where it is simple: the book is taken as shown, our own orders included; several instruments share no inventory.
 */

import { HOUR_US, SECOND_US } from '../core/clock.ts'
import { readSettings, type SettingsOf, type SettingValue } from '../core/settings.ts'
import { ExponentialMoments } from '../features/exponentialMoments.ts'
import { OrderIntensity } from '../features/orderIntensity.ts'
import { RealisedVolatility } from '../features/realisedVolatility.ts'
import { ASK, BID, type Side } from '../market/book.ts'
import type { Instrument, Universe } from '../market/instrument.ts'
import type { MarketState } from '../market/marketState.ts'
import type { OrderEvent } from '../market/order.ts'
import type { Forecast } from '../models/forecast.ts'
import { chooseInstruments, lotWorth } from './instrumentChoice.ts'
import { freshValue, perRootSecond, requireForecast } from './modelled.ts'
import type { Policy, PolicyContext } from './policy.ts'
import { finiteHorizonBidDistance, steadyStateBidDistance } from './quoteFormulas.ts'

export const MARKET_MAKER_SETTINGS = {
  instruments: {
    default: '',
    doc: 'Names, comma-separated; empty: every perpetual, or every spot where there is none.',
  },
  formula: {
    default: 'steady-state',
    choices: ['steady-state', 'avellaneda-stoikov'],
    doc: 'Steady state of Guéant-Lehalle-Fernandez-Tapia, or Avellaneda-Stoikov with a horizon that always lies ahead.',
  },
  riskAversion: {
    default: 0.1,
    min: 0,
    max: 100,
    doc: 'γ/k: risk aversion per order of inventory, relative to the decay of the fill rate. 0 ignores inventory.',
  },
  horizonSeconds: { default: 60, min: 1, doc: 'Horizon of avellaneda-stoikov.' },
  orderNotional: { default: 1000, min: 0, doc: 'Worth of one order in the quote currency; at least one lot is sent.' },
  orderLots: { default: 0, min: 0, doc: 'Size of one order in lots; above 0 it replaces orderNotional.' },
  inventoryOrders: { default: 10, min: 1, doc: 'Inventory limit on either side, in orders.' },
  edgeBps: {
    default: 0,
    min: -100,
    doc: 'Least gain of a quote against the mid without inventory, net of the maker fee.',
  },
  coverFees: { default: true, doc: 'Whether the maker fee (or rebate) is part of the least distance from the mid.' },
  requoteShare: {
    default: 0.2,
    min: 0,
    doc: 'A quote is moved when it is off by this share of the half-spread, at least a tick.',
  },
  requoteIntervalMs: { default: 250, min: 1, doc: 'Least time between decisions on one instrument.' },
  replace: {
    default: 'amend',
    choices: ['amend', 'cancel-new'],
    doc: 'How a quote is moved: by one amendment, or by cancelling and sending a new order.',
  },
  staleMs: { default: 5000, min: 1, doc: 'Quotes are pulled when the touch was not heard of for this long.' },
  volatilityHalfLifeSeconds: { default: 300, min: 1, doc: 'Memory of the volatility estimate.' },
  volatilitySampleMs: { default: 500, min: 1, doc: 'Sampling interval of the volatility estimate.' },
  intensityHalfLifeSeconds: { default: 600, min: 1, doc: 'Memory of the estimate of the fill rate.' },
  volatilityFrom: {
    default: 'past',
    choices: ['past', 'model'],
    doc: 'Whether the volatility quotes are made for is the past’s or a model’s forecast; past serves while the model is silent.',
  },
  forecastSeconds: { default: 10, min: 0.1, doc: 'Horizon of the forecasts asked for.' },
  sizeByDemand: {
    default: 0,
    min: 0,
    max: 2,
    doc: 'Orders grow with the forecast volume over its own mean, to this power; 0 leaves sizes alone. Needs a volume model. What rests is cut when it is too large by requoteShare.',
  },
} as const

/** Least time between two fits of the intensity. */
const FIT_US = 5 * SECOND_US
/** Sweeps are measured from a mid this old: some venues tell of a book's change before the trade that caused it. */
const ANCHOR_US = 100_000
/** After refusals the pause between decisions doubles, up to 2^7 intervals. */
const REFUSALS_MAX = 7
/** Sizes are moved by demand by at most this factor, either way. */
const DEMAND_FACTOR_MAX = 4
/** Memory of the mean forecast volume that sizes are measured against. */
const DEMAND_HALF_LIFE_US = HOUR_US

/** Everything kept about one instrument. */
class Quoting {
  readonly index: number
  readonly instrument: Instrument
  readonly market: MarketState
  readonly volatility: RealisedVolatility
  readonly intensity: OrderIntensity
  readonly parameters = { volatility: 0.5, arrival: 0.5, decay: 0.5, riskAversion: 0.5 }
  /** Our order on each side; 0 none. */
  bidId = 0
  askId = 0
  /** Orders found after a restart beyond one a side: cancelled, and their side waits until they are gone. */
  surplus: readonly number[] = []
  adopted = false
  mid = Number.NaN
  anchorMid = Number.NaN
  anchorUs = Number.NEGATIVE_INFINITY
  nextUs = Number.NEGATIVE_INFINITY
  nextFitUs = Number.NEGATIVE_INFINITY
  refusals = 0
  /** Forecast volumes heard, to say what is usual. */
  readonly demand = new ExponentialMoments(DEMAND_HALF_LIFE_US)

  constructor(index: number, market: MarketState, settings: SettingsOf<typeof MARKET_MAKER_SETTINGS>) {
    this.index = index
    this.instrument = market.instrument
    this.market = market
    this.volatility = new RealisedVolatility(
      settings.volatilitySampleMs * 1000,
      settings.volatilityHalfLifeSeconds * SECOND_US,
    )
    this.intensity = new OrderIntensity(settings.intensityHalfLifeSeconds * SECOND_US)
  }
}

export class MarketMaker implements Policy {
  readonly name = 'market-maker'
  readonly settings: SettingsOf<typeof MARKET_MAKER_SETTINGS>
  readonly #instruments: readonly number[]
  readonly #quotings: (Quoting | undefined)[] = []
  readonly #intervalUs: number
  readonly #staleUs: number
  readonly #watchUs: number
  readonly #horizonUs: number
  /** Present only when models are traded on. */
  readonly onForecast?: (forecast: Forecast) => void
  /** Whether the timer that looks for stale quotes is armed. */
  #watching = false
  #context!: PolicyContext

  private constructor(settings: SettingsOf<typeof MARKET_MAKER_SETTINGS>, instruments: readonly number[]) {
    this.settings = settings
    this.#instruments = instruments
    this.#intervalUs = settings.requoteIntervalMs * 1000
    this.#staleUs = settings.staleMs * 1000
    this.#watchUs = Math.ceil(this.#staleUs / 2)
    this.#horizonUs = settings.forecastSeconds * SECOND_US
    if (settings.volatilityFrom === 'model' || settings.sizeByDemand > 0) {
      this.onForecast = (forecast) => {
        const { quantity, instrument, timeUs, value } = forecast
        if (quantity !== 'volume' || !(value > 0) || value === Number.POSITIVE_INFINITY) return
        // A run may forecast several horizons: only the one that sizes follow says what is usual.
        if (forecast !== this.#context.forecasts.latest('volume', instrument, this.#horizonUs)) return
        this.#quotings[instrument]?.demand.add(timeUs, value)
      }
    }
  }

  /** @throws {GimbalError} `config-invalid`, `instrument-unknown`. */
  static fromSettings(given: Readonly<Record<string, SettingValue>>, universe: Universe): MarketMaker {
    const settings = readSettings('policy market-maker', MARKET_MAKER_SETTINGS, given)
    const perps = universe.instruments.some(({ kind }) => kind === 'perp')
    const suits = ({ kind }: Instrument) =>
      settings.instruments === '' ? kind === (perps ? 'perp' : 'spot') : kind !== 'option' && kind !== 'pool'
    const wanted = 'perpetuals, dated futures or spot with an order book'
    return new MarketMaker(settings, chooseInstruments('market-maker', universe, settings.instruments, suits, wanted))
  }

  start(context: PolicyContext): readonly number[] {
    this.#context = context
    const { volatilityFrom, sizeByDemand } = this.settings
    for (const index of this.#instruments) {
      this.#quotings[index] = new Quoting(index, context.market(index), this.settings)
      if (volatilityFrom === 'model') requireForecast(this.name, context, 'variance', index, this.#horizonUs)
      if (sizeByDemand > 0) requireForecast(this.name, context, 'volume', index, this.#horizonUs)
    }
    return this.#instruments
  }

  onMarket(index: number): void {
    const quoting = this.#quotings[index]!
    const market = quoting.market
    const nowUs = this.#context.clock.nowUs
    if (!quoting.adopted) this.#adopt(quoting)
    if (!market.quoted) {
      this.#pull(quoting)
      quoting.volatility.interrupt()
      return
    }
    const mid = (market.bestBid + market.bestAsk) / 2
    if (nowUs >= quoting.anchorUs + ANCHOR_US) {
      quoting.anchorUs = nowUs
      quoting.anchorMid = quoting.mid
    }
    quoting.mid = mid
    quoting.volatility.update(nowUs, mid)
    if (market.tradedUs === nowUs && !Number.isNaN(quoting.anchorMid)) {
      const beyond = market.tradeTick - quoting.anchorMid
      const side = market.tradeSide
      quoting.intensity.onTrade(nowUs, side, side > 0 ? beyond : side < 0 ? -beyond : Math.abs(beyond))
    }
    if (nowUs >= quoting.nextUs) this.#decide(quoting, nowUs)
  }

  onOrder(event: OrderEvent): void {
    const quoting = this.#quotings[event.instrument]
    if (!quoting) return
    if (event.kind === 'rejected' || event.kind === 'amend-rejected') this.#backOff(quoting)
    else if (event.kind === 'accepted' || event.kind === 'amended') quoting.refusals = 0
  }

  onTimer(): void {
    // The timer runs only while something rests: the next quote arms it again.
    const nowUs = this.#context.clock.nowUs
    let resting = false
    for (const index of this.#instruments) {
      const quoting = this.#quotings[index]!
      if (nowUs - quoting.market.quotedUs >= this.#staleUs) this.#pull(quoting)
      resting ||= this.#alive(quoting.bidId) || this.#alive(quoting.askId)
    }
    this.#watching = resting
    if (resting) this.#context.schedule(nowUs + this.#watchUs, 'stale')
  }

  /** Takes over what rests from before a restart: one order a side is kept, the rest cancelled. */
  #adopt(quoting: Quoting): void {
    quoting.adopted = true
    const surplus: number[] = []
    for (const order of this.#context.orders()) {
      if (order.instrument !== quoting.index) continue
      if (order.side === BID && quoting.bidId === 0) quoting.bidId = order.id
      else if (order.side === ASK && quoting.askId === 0) quoting.askId = order.id
      else surplus.push(order.id)
    }
    quoting.surplus = surplus
    for (const id of surplus) this.#context.cancel(id)
    if (quoting.bidId !== 0 || quoting.askId !== 0) this.#watch()
  }

  #watch(): void {
    if (this.#watching) return
    this.#watching = true
    this.#context.schedule(this.#context.clock.nowUs + this.#watchUs, 'stale')
  }

  #alive(id: number): boolean {
    return id !== 0 && this.#context.order(id) !== undefined
  }

  /** Cancels what rests; the engine sends each cancellation once. */
  #pull(quoting: Quoting): void {
    if (quoting.bidId !== 0) this.#context.cancel(quoting.bidId)
    if (quoting.askId !== 0) this.#context.cancel(quoting.askId)
  }

  #backOff(quoting: Quoting): void {
    const pauseUs = this.#intervalUs * 2 ** Math.min(quoting.refusals, REFUSALS_MAX)
    quoting.refusals++
    quoting.nextUs = Math.max(quoting.nextUs, this.#context.clock.nowUs + pauseUs)
  }

  /** Works out both quotes and brings what rests near to them. */
  #decide(quoting: Quoting, nowUs: number): void {
    quoting.nextUs = nowUs + this.#intervalUs
    const { instrument, market, mid, parameters, intensity } = quoting
    if (nowUs >= quoting.nextFitUs) {
      quoting.nextFitUs = nowUs + FIT_US
      intensity.fit(nowUs)
    }
    parameters.volatility = this.#volatility(quoting, nowUs)
    parameters.arrival = intensity.arrivalPerSecond
    parameters.decay = intensity.decayPerTick
    parameters.riskAversion = this.settings.riskAversion * parameters.decay
    if (!(parameters.volatility >= 0) || !(parameters.decay > 0)) return
    if (quoting.surplus.length > 0 && quoting.surplus.some((id) => this.#alive(id))) return

    const { orderLots, orderNotional, inventoryOrders, coverFees, edgeBps, requoteShare } = this.settings
    const worth = lotWorth(instrument, mid * instrument.ticks.size)
    const lots = orderLots > 0 ? Math.round(orderLots) : Math.max(1, Math.round(orderNotional / worth))
    const lotsMax = Math.floor(lots * inventoryOrders)
    const position = this.#context.portfolio.lots(quoting.index)

    // The distance without inventory is bounded from below; inventory then shifts both quotes alike.
    const atZero = this.#distance(parameters, 0)
    const shift = this.#distance(parameters, position / lots) - atZero
    const leastBps = edgeBps + (coverFees ? instrument.makerBps : 0)
    const base = Math.max(atZero, (leastBps / 10_000) * mid)
    const bid = Math.min(Math.floor(mid - base - shift), market.bestAsk - 1)
    const ask = Math.max(Math.ceil(mid + base - shift), market.bestBid + 1)
    const threshold = Math.max(1, requoteShare * base)

    // Spot cannot be sold short.
    const least = instrument.kind === 'spot' ? 0 : -lotsMax
    const size = Math.max(1, Math.round(lots * this.#demandFactor(quoting, nowUs)))
    this.#quote(quoting, BID, bid, size, lotsMax - position, threshold)
    this.#quote(quoting, ASK, ask, size, position - least, threshold)
  }

  /** Volatility in ticks per √second: the model's, or the past's where it is wanted or the model is silent. */
  #volatility(quoting: Quoting, nowUs: number): number {
    if (this.settings.volatilityFrom === 'model') {
      const forecast = this.#context.forecasts.latest('variance', quoting.index, this.#horizonUs)
      const modelled = perRootSecond(forecast, nowUs) * quoting.mid
      if (modelled > 0) return modelled
    }
    return quoting.volatility.perRootSecond
  }

  /** How much larger than usual orders are to be: 1 while the model is silent. */
  #demandFactor(quoting: Quoting, nowUs: number): number {
    const { sizeByDemand } = this.settings
    if (sizeByDemand === 0) return 1
    const volume = freshValue(this.#context.forecasts.latest('volume', quoting.index, this.#horizonUs), nowUs)
    const factor = (volume / quoting.demand.mean) ** sizeByDemand
    return factor > 0 ? Math.min(DEMAND_FACTOR_MAX, Math.max(1 / DEMAND_FACTOR_MAX, factor)) : 1
  }

  #distance(parameters: Quoting['parameters'], inventory: number): number {
    return this.settings.formula === 'steady-state'
      ? steadyStateBidDistance(parameters, inventory)
      : finiteHorizonBidDistance(parameters, inventory, this.settings.horizonSeconds)
  }

  /**
   * Brings one side to the wanted price and size: places, moves, shrinks, cancels or leaves alone.
   *
   * @param room Lots that the inventory limit leaves on this side: never exceeded.
   */
  #quote(quoting: Quoting, side: Side, tick: number, size: number, room: number, threshold: number): void {
    const context = this.#context
    const lots = Math.min(size, room)
    const id = side === BID ? quoting.bidId : quoting.askId
    const order = id === 0 ? undefined : context.order(id)
    if (!order) {
      if (id !== 0) this.#setId(quoting, side, 0)
      if (lots > 0 && tick > 0) this.#place(quoting, side, tick, lots)
      return
    }
    if (order.state !== 'open') return
    if (lots <= 0 || tick <= 0) {
      context.cancel(id)
      return
    }
    const moved = Math.abs(order.tick - tick) >= threshold
    // A forecast wobbles from look to look: following each wobble down cost two thirds more messages and gained nothing.
    const slack = this.settings.sizeByDemand > 0 ? 1 + this.settings.requoteShare : 1
    const tooLarge = order.leavesLots > Math.min(room, size * slack)
    if (!moved && !tooLarge) return
    if (this.settings.replace === 'cancel-new') context.cancel(id)
    else {
      // The total includes what was filled, so a fill under way makes the rest smaller and never the exposure larger.
      context.amend(id, moved ? tick : order.tick, order.lots - order.leavesLots + lots)
      if (context.lastRefusal !== '') this.#refused(quoting, id)
    }
  }

  #place(quoting: Quoting, side: Side, tick: number, lots: number): void {
    const id = this.#context.submit({
      instrument: quoting.index,
      side,
      lots,
      type: 'limit',
      tick,
      timeInForce: 'GTC',
      postOnly: true,
      tag: 'quote',
    })
    this.#setId(quoting, side, id)
    if (id === 0) this.#backOff(quoting)
    else this.#watch()
  }

  /** The gate will not have the quote moved: better none than one at a price no longer wanted. */
  #refused(quoting: Quoting, id: number): void {
    if (this.#context.lastRefusal !== 'order-busy') this.#context.cancel(id)
    this.#backOff(quoting)
  }

  #setId(quoting: Quoting, side: Side, id: number): void {
    if (side === BID) quoting.bidId = id
    else quoting.askId = id
  }
}
