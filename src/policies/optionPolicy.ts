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
import { chooseAsset, OptionBoard, optionsOf, pricesOf } from './optionBoard.ts'
import { CHAIN_TIMER, OPTION_SETTINGS, OptionTrader } from './optionTrader.ts'
import type { PolicyContext } from './policy.ts'
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

/** The parts of one run. */
export class OptionDesk {
  readonly board: OptionBoard
  readonly trader: OptionTrader
  readonly hedge: DeltaHedge
  readonly outlook: VolatilityOutlook
  /** All instruments to hear about. */
  readonly instruments: readonly number[]
  readonly #context: PolicyContext
  readonly #staleSeconds: number
  readonly #decide: () => void
  readonly #work: () => void

  /**
   * @param decide Called when a chain has settled, with fresh quotes.
   * @param work Called after each fill of an option: what waited for it may go on.
   */
  constructor(
    policy: string,
    context: PolicyContext,
    universe: OptionUniverse,
    settings: OptionPolicySettings,
    decide: () => void,
    work: () => void,
  ) {
    const { asset, options, prices, hedges } = universe
    this.#context = context
    this.#staleSeconds = settings.staleSeconds
    this.#decide = decide
    this.#work = work
    this.board = new OptionBoard(context, asset, options, prices, settings.freshSeconds, settings.staleSeconds)
    this.trader = new OptionTrader(context, this.board, settings)
    this.outlook = new VolatilityOutlook(settings)
    this.outlook.start(policy, context, prices[0]!)
    this.hedge = new DeltaHedge(context, this.board, hedges, settings, this.outlook)
    this.instruments = [...new Set([...this.hedge.instruments, ...options])]
  }

  /** Volatility expected of the asset, a year; NaN unknown. */
  get expected(): number {
    return this.outlook.yearly(this.#context, this.board.prices[0]!)
  }

  onMarket(index: number): void {
    const option = this.board.at(index)
    if (option) {
      if (this.board.fresh(option)) this.trader.heard()
    } else if (index === this.board.prices[0]) {
      const { nowUs } = this.#context.clock
      const price = freshPrice(this.#context.market(index), nowUs, this.#staleSeconds)
      if (price > 0) this.outlook.update(index, nowUs, price)
    }
    this.hedge.onMarket(0)
  }

  onOrder(event: OrderEvent): void {
    this.hedge.onOrder(event, 0)
    if (!this.board.at(event.instrument)) return
    this.trader.onOrder(event)
    if (event.kind !== 'filled') return
    this.hedge.disturb()
    this.#work()
  }

  onAccount(event: AccountEvent): void {
    if (event.lots !== 0) this.hedge.disturb()
  }

  onTimer(name: string): void {
    if (name !== CHAIN_TIMER) return
    this.trader.decided()
    this.#decide()
  }
}
