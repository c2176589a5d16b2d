/**
 * @file Delta hedger: keeps the delta of everything held on an asset at a target, whoever traded it: options here, perpetuals there,
 * spot elsewhere. See deltaHedge.ts for when, where and how.
 */

import { readSettings, type SettingsOf, type SettingValue } from '../core/settings.ts'
import type { Universe } from '../market/instrument.ts'
import type { AccountEvent, OrderEvent } from '../market/order.ts'
import { chooseHedges, DeltaHedge, HEDGE_SETTINGS, type HedgeChoice } from './deltaHedge.ts'
import { freshPrice } from './freshPrice.ts'
import { hedgeableAsset, OptionBoard, optionsOf, pricesOf } from './optionBoard.ts'
import type { Policy, PolicyContext } from './policy.ts'
import { VOLATILITY_SETTINGS, VolatilityOutlook } from './volatilityOutlook.ts'

export const DELTA_HEDGER_SETTINGS = {
  asset: {
    default: '',
    doc: 'Base asset to hedge, BTC; empty: the only one with options, or the only one of the run.',
  },
  targetDelta: { default: 0, doc: 'Delta wanted, in base units.' },
  ...HEDGE_SETTINGS,
  ...VOLATILITY_SETTINGS,
} as const

export class DeltaHedger implements Policy {
  readonly name = 'delta-hedger'
  readonly settings: SettingsOf<typeof DELTA_HEDGER_SETTINGS>
  readonly #asset: string
  readonly #options: readonly number[]
  readonly #prices: readonly number[]
  readonly #choice: HedgeChoice
  readonly #outlook: VolatilityOutlook
  #context!: PolicyContext
  #hedge!: DeltaHedge

  private constructor(
    settings: SettingsOf<typeof DELTA_HEDGER_SETTINGS>,
    universe: Universe,
    asset: string,
    choice: HedgeChoice,
  ) {
    this.settings = settings
    this.#asset = asset
    this.#options = optionsOf(universe, asset)
    this.#prices = pricesOf(universe, asset)
    this.#choice = choice
    this.#outlook = new VolatilityOutlook(settings)
  }

  /** @throws {GimbalError} `config-invalid`, `instrument-unknown`. */
  static fromSettings(given: Readonly<Record<string, SettingValue>>, universe: Universe): DeltaHedger {
    const settings = readSettings('policy delta-hedger', DELTA_HEDGER_SETTINGS, given)
    const asset = hedgeableAsset('delta-hedger', universe, settings.asset)
    return new DeltaHedger(settings, universe, asset, chooseHedges('delta-hedger', universe, asset, settings))
  }

  start(context: PolicyContext): readonly number[] {
    this.#context = context
    const { rule, staleSeconds } = this.settings
    if (rule === 'forecast') this.#outlook.start(this.name, context, this.#prices[0]!)
    const board = new OptionBoard(context, this.#asset, this.#options, this.#prices, staleSeconds, staleSeconds)
    this.#hedge = new DeltaHedge(context, board, this.#choice, this.settings, this.#outlook)
    return [...new Set([...this.#hedge.instruments, ...this.#options])]
  }

  onMarket(index: number): void {
    const { nowUs } = this.#context.clock
    if (index === this.#prices[0]) {
      const price = freshPrice(this.#context.market(index), nowUs, this.settings.staleSeconds)
      if (price > 0) this.#outlook.update(index, nowUs, price)
    }
    this.#hedge.onMarket(this.settings.targetDelta)
  }

  onOrder(event: OrderEvent): void {
    this.#hedge.onOrder(event, this.settings.targetDelta)
  }

  onAccount(event: AccountEvent): void {
    if (event.lots !== 0) this.#hedge.disturb()
  }
}
