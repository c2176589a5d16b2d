/**
 * @file What every policy that trades options and hedges them goes through: listening, waiting for a chain to settle, hedging in
 * between. A policy says only what to want of a settled chain.
 */

import { GimbalError } from '../core/errors.ts'
import type { SettingsOf } from '../core/settings.ts'
import type { Universe } from '../market/instrument.ts'
import type { AccountEvent, OrderEvent } from '../market/order.ts'
import { chooseHedges, DeltaHedge, HEDGE_SETTINGS, type HedgeChoice } from './deltaHedge.ts'
import { freshPrice } from './freshPrice.ts'
import { chooseAsset, type Listed, OptionBoard, optionsOf, pricesOf } from './optionBoard.ts'
import { CHAIN_TIMER, OPTION_SETTINGS, OptionTrader } from './optionTrader.ts'
import type { Policy, PolicyContext } from './policy.ts'
import { VOLATILITY_SETTINGS, VolatilityOutlook } from './volatilityOutlook.ts'

export const OPTION_POLICY_SETTINGS = { ...OPTION_SETTINGS, ...HEDGE_SETTINGS, ...VOLATILITY_SETTINGS } as const

export type OptionPolicySettings = SettingsOf<typeof OPTION_POLICY_SETTINGS>

/** When a policy enters, which tenor it would rather have, and when it leaves; days to expiry. */
export interface Tenors {
  readonly rollDays: number
  readonly tenorDaysMin: number
  readonly tenorDays: number
  readonly tenorDaysMax: number
}

/** @throws {GimbalError} `config-invalid` unless tenors ascend, and nothing is entered that is already to be left. */
export function requireTenors(policy: string, { rollDays, tenorDaysMin, tenorDays, tenorDaysMax }: Tenors): void {
  if (rollDays < tenorDaysMin && tenorDaysMin <= tenorDays && tenorDays <= tenorDaysMax) return
  throw new GimbalError(
    'config-invalid',
    `Policy ${policy} needs rollDays < tenorDaysMin <= tenorDays <= tenorDaysMax`,
    { rollDays, tenorDaysMin, tenorDays, tenorDaysMax },
  )
}

/** What is found out about a run before it begins. */
export interface OptionUniverse {
  readonly asset: string
  readonly options: readonly number[]
  readonly prices: readonly number[]
  readonly hedges: HedgeChoice
}

/** @throws {GimbalError} `config-invalid` when there are no options, no price in dollars, or nothing to hedge with. */
export function chooseOptionUniverse(
  policy: string,
  universe: Universe,
  settings: OptionPolicySettings,
): OptionUniverse {
  const asset = chooseAsset(policy, universe, settings.asset)
  const options = optionsOf(universe, asset, settings.venue)
  const prices = pricesOf(universe, asset)
  if (options.length === 0 || prices.length === 0)
    throw new GimbalError('config-invalid', `Policy ${policy} lacks options or a price of their asset`, {
      asset,
      venue: settings.venue || 'any',
      options: options.length,
      prices: prices.length,
    })
  return { asset, options, prices, hedges: chooseHedges(policy, universe, asset, settings) }
}

/** What a policy that trades options and hedges them has to say; everything else is {@link OptionPolicy}. */
export interface OptionStrategy {
  /** After a restart, before the first decision: options held already, orders on them withdrawn. */
  adopt(held: readonly Listed[]): void
  /** A chain has settled, with fresh quotes. */
  decide(): void
  /** An option was filled: what waited for it may go on. */
  work(): void
}

/** What a strategy works with during one run. */
export class OptionDesk {
  readonly board: OptionBoard
  readonly trader: OptionTrader
  readonly hedge: DeltaHedge
  readonly #context: PolicyContext
  readonly #outlook: VolatilityOutlook
  readonly #staleSeconds: number

  constructor(policy: string, context: PolicyContext, universe: OptionUniverse, settings: OptionPolicySettings) {
    const { asset, options, prices, hedges } = universe
    this.#context = context
    this.#staleSeconds = settings.staleSeconds
    this.board = new OptionBoard(context, asset, options, prices, settings.freshSeconds, settings.staleSeconds)
    this.trader = new OptionTrader(context, this.board, settings)
    this.#outlook = new VolatilityOutlook(settings)
    this.#outlook.start(policy, context, prices[0]!)
    this.hedge = new DeltaHedge(context, this.board, hedges, settings, this.#outlook)
  }

  /** Volatility expected of the asset, a year; NaN unknown. */
  get expected(): number {
    return this.#outlook.yearly(this.#context, this.board.prices[0]!)
  }

  /** Equity in dollars; NaN unknown. */
  get equity(): number {
    return this.#context.portfolio.equity
  }

  get nowUs(): number {
    return this.#context.clock.nowUs
  }

  /** Options held, in the order of the board. */
  held(): Listed[] {
    return this.board.options.filter((option) => this.trader.held(option) !== 0)
  }

  /** Learns from a price of the asset. */
  hearPrice(index: number): void {
    const price = freshPrice(this.#context.market(index), this.nowUs, this.#staleSeconds)
    if (price > 0) this.#outlook.update(index, this.nowUs, price)
  }
}

/** A strategy on options as a policy. */
export class OptionPolicy<Settings extends OptionPolicySettings> implements Policy {
  readonly name: string
  readonly settings: Settings
  readonly #universe: OptionUniverse
  readonly #strategyOn: (desk: OptionDesk) => OptionStrategy
  #context!: PolicyContext
  #desk!: OptionDesk
  #strategy!: OptionStrategy
  #adopted = false

  /** @param strategyOn Makes the strategy when a run begins. */
  constructor(
    name: string,
    settings: Settings,
    universe: OptionUniverse,
    strategyOn: (desk: OptionDesk) => OptionStrategy,
  ) {
    this.name = name
    this.settings = settings
    this.#universe = universe
    this.#strategyOn = strategyOn
  }

  start(context: PolicyContext): readonly number[] {
    this.#context = context
    this.#desk = new OptionDesk(this.name, context, this.#universe, this.settings)
    this.#strategy = this.#strategyOn(this.#desk)
    return [...new Set([...this.#desk.hedge.instruments, ...this.#universe.options])]
  }

  onMarket(index: number): void {
    const { board, trader, hedge } = this.#desk
    const option = board.at(index)
    if (option) {
      if (board.fresh(option)) trader.heard()
    } else if (index === board.prices[0]) this.#desk.hearPrice(index)
    hedge.onMarket(0)
  }

  onOrder(event: OrderEvent): void {
    const { board, trader, hedge } = this.#desk
    hedge.onOrder(event, 0)
    if (!board.at(event.instrument)) return
    trader.onOrder(event)
    if (event.kind !== 'filled') return
    hedge.disturb()
    this.#strategy.work()
  }

  onAccount(event: AccountEvent): void {
    if (event.lots !== 0) this.#desk.hedge.disturb()
  }

  onTimer(name: string): void {
    if (name !== CHAIN_TIMER) return
    this.#desk.trader.decided()
    if (!this.#adopted) {
      this.#adopted = true
      withdrawOptionOrders(this.#context, this.#desk.board)
      this.#strategy.adopt(this.#desk.held())
    }
    this.#strategy.decide()
  }
}

/** Withdraws every order of ours on an option: one of before a restart was decided on quotes that are gone. */
export function withdrawOptionOrders(context: PolicyContext, board: OptionBoard): void {
  for (const order of context.orders()) if (board.at(order.instrument)) context.cancel(order.id)
}
