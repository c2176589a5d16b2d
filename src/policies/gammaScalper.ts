/**
 * @file Gamma scalper: buys straddles whose gamma costs less than the movement expected, and earns the difference by hedging.
 *
 * A straddle of gamma Γ bought at volatility σ and hedged earns ½ Γ S² (realised variance − σ²) a year. Of the straddles between
 * two tenors the one is bought whose ask lies furthest, in variance, below the volatility at which a buyer breaks even with the
 * costs of hedging; it is sold when its bid has risen over the expected volatility by the exit edge, or some days before expiry.
 * The loss is bounded by the premium, and the size by a share of equity for it. Wide bands let the gamma run, narrow ones scalp.
 *
 * The options of the asset are the account's: no other policy should trade them in the same run.
 */

import { DAY_US, HOUR_US } from '../core/clock.ts'
import { readSettings, type SettingsOf, type SettingValue } from '../core/settings.ts'
import type { Universe } from '../market/instrument.ts'
import type { AccountEvent, OrderEvent } from '../market/order.ts'
import { lelandVolatility } from '../research/hedging/hedgeBands.ts'
import { OptionCampaign } from './optionCampaign.ts'
import { freshExpiries, straddle } from './optionChoice.ts'
import {
  chooseOptionUniverse,
  OPTION_POLICY_SETTINGS,
  OptionDesk,
  type OptionUniverse,
  requireTenors,
} from './optionPolicy.ts'
import type { Policy, PolicyContext } from './policy.ts'

export const GAMMA_SCALPER_SETTINGS = {
  tenorDays: { default: 10, min: 0.1, doc: 'Days to expiry wanted, between equally cheap straddles.' },
  tenorDaysMin: { default: 4, min: 0, doc: 'Least days to expiry to enter with.' },
  tenorDaysMax: { default: 35, min: 0.1, doc: 'Most days to expiry to enter with.' },
  rollDays: { default: 1, min: 0, doc: 'Days before expiry at which a position is sold.' },
  entryEdge: { default: 0.02, doc: 'Volatility that the ask must lie below the buyer’s break-even.' },
  exitEdge: { default: 0.05, doc: 'The position is sold when its bid exceeds the expected volatility by this much.' },
  gammaShare: {
    default: 0.03,
    min: 0,
    max: 10,
    doc: 'Gamma wanted: dollars of delta that a move of 1 % brings, as a share of equity.',
  },
  premiumShare: { default: 0.05, min: 0, max: 1, doc: 'Most premium paid, as a share of equity.' },
  ...OPTION_POLICY_SETTINGS,
} as const

type Settings = SettingsOf<typeof GAMMA_SCALPER_SETTINGS>

const YEAR_US = 365 * DAY_US

export class GammaScalper implements Policy {
  readonly name = 'gamma-scalper'
  readonly settings: Settings
  readonly #universe: OptionUniverse
  #context!: PolicyContext
  #desk!: OptionDesk
  #campaign: OptionCampaign | undefined
  #adopted = false

  private constructor(settings: Settings, universe: OptionUniverse) {
    this.settings = settings
    this.#universe = universe
  }

  /** @throws {GimbalError} `config-invalid`, `instrument-unknown`. */
  static fromSettings(given: Readonly<Record<string, SettingValue>>, universe: Universe): GammaScalper {
    const settings = readSettings('policy gamma-scalper', GAMMA_SCALPER_SETTINGS, given)
    requireTenors('gamma-scalper', settings)
    return new GammaScalper(settings, chooseOptionUniverse('gamma-scalper', universe, settings))
  }

  start(context: PolicyContext): readonly number[] {
    this.#context = context
    const decide = () => this.#decide()
    const work = () => this.#campaign?.work(this.#desk.trader, this.name)
    this.#desk = new OptionDesk(this.name, context, this.#universe, this.settings, decide, work)
    return this.#desk.instruments
  }

  onMarket(index: number): void {
    this.#desk.onMarket(index)
  }

  onOrder(event: OrderEvent): void {
    this.#desk.onOrder(event)
  }

  onAccount(event: AccountEvent): void {
    this.#desk.onAccount(event)
  }

  onTimer(name: string): void {
    this.#desk.onTimer(name)
  }

  #decide(): void {
    const { trader, board } = this.#desk
    if (!this.#adopted) this.#adopt()
    const { nowUs } = this.#context.clock
    const due = (campaign: OptionCampaign) => campaign.expiryUs - nowUs <= this.settings.rollDays * DAY_US
    if (this.#campaign?.flat(trader) && (this.#campaign.closing || due(this.#campaign))) this.#campaign = undefined
    const campaign = this.#campaign
    if (campaign) {
      if (due(campaign) || this.#paid(campaign)) campaign.closing = true
    } else if (board.options.every((option) => trader.held(option) === 0)) this.#campaign = this.#enter(nowUs)
    this.#campaign?.work(trader, this.name)
  }

  /** After a restart: what is held becomes the campaign. */
  #adopt(): void {
    this.#adopted = true
    const { trader, board } = this.#desk
    for (const order of this.#context.orders()) if (board.at(order.instrument)) this.#context.cancel(order.id)
    const held = board.options.filter((option) => trader.held(option) !== 0)
    if (held.length > 0)
      this.#campaign = new OptionCampaign(held.map((option) => ({ option, lots: trader.held(option) })))
  }

  /** Whether others now pay more for the movement than is expected of it. */
  #paid({ legs }: OptionCampaign): boolean {
    const { board, expected } = this.#desk
    return legs.every(
      ({ option }) =>
        board.fresh(option) && board.volatilityAt(option, option.market.bestBid) > expected + this.settings.exitEdge,
    )
  }

  #enter(nowUs: number): OptionCampaign | undefined {
    const { tenorDays, tenorDaysMin, tenorDaysMax, entryEdge, horizonHours, gammaShare, premiumShare } = this.settings
    const { board, expected, hedge } = this.#desk
    const cost = hedge.costRate
    const { spot } = board
    const { equity } = this.#context.portfolio
    if (!(expected > 0) || Number.isNaN(cost) || !(equity > 0)) return undefined
    const breakEven = lelandVolatility(expected, cost, (horizonHours * HOUR_US) / YEAR_US, 1)
    let best: { readonly campaign: OptionCampaign; readonly advantage: number } | undefined
    for (const expiry of freshExpiries(board, nowUs, tenorDays, tenorDaysMin, tenorDaysMax)) {
      const found = straddle(board, expiry)
      if (!found) continue
      const { call, put } = found
      const asked =
        0.5 * (board.volatilityAt(call, call.market.bestAsk, spot) + board.volatilityAt(put, put.market.bestAsk, spot))
      const advantage = breakEven ** 2 - asked ** 2
      if (!(asked < breakEven - entryEdge) || (best && advantage <= best.advantage)) continue
      const gamma = (call.slopes.gamma + put.slopes.gamma) * spot * spot * 0.01
      const premium = call.slopes.price + put.slopes.price
      const units = Math.min((gammaShare * equity) / gamma, (premiumShare * equity) / premium)
      const lots = Math.floor(units / call.lotBase + 1e-9)
      if (lots < 1) continue
      const legs = [call, put].map(({ index }) => ({ option: board.at(index)!, lots }))
      best = { campaign: new OptionCampaign(legs), advantage }
    }
    return best?.campaign
  }
}
