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
import { lelandVolatility } from '../research/hedging/hedgeBands.ts'
import { type CampaignRules, OneCampaign } from './oneCampaign.ts'
import { OptionCampaign } from './optionCampaign.ts'
import { freshExpiries, straddle } from './optionChoice.ts'
import {
  chooseOptionUniverse,
  OPTION_POLICY_SETTINGS,
  type OptionDesk,
  OptionPolicy,
  requireTenors,
} from './optionPolicy.ts'
import type { Policy } from './policy.ts'

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

export class GammaScalper implements CampaignRules {
  readonly tag = 'gamma-scalper'
  readonly #settings: Settings
  readonly #desk: OptionDesk

  private constructor(settings: Settings, desk: OptionDesk) {
    this.#settings = settings
    this.#desk = desk
  }

  /** @throws {GimbalError} `config-invalid`, `instrument-unknown`. */
  static fromSettings(given: Readonly<Record<string, SettingValue>>, universe: Universe): Policy {
    const settings = readSettings('policy gamma-scalper', GAMMA_SCALPER_SETTINGS, given)
    requireTenors('gamma-scalper', settings)
    const chosen = chooseOptionUniverse('gamma-scalper', universe, settings)
    return new OptionPolicy('gamma-scalper', settings, chosen, (desk) => {
      return new OneCampaign(desk, new GammaScalper(settings, desk))
    })
  }

  get rollDays(): number {
    return this.#settings.rollDays
  }

  worthAdding(): boolean {
    return true
  }

  /** Whether others now pay more for the movement than is expected of it. */
  over({ legs }: OptionCampaign): boolean {
    const { board, expected } = this.#desk
    return legs.every(
      ({ option }) =>
        board.fresh(option) && board.volatilityAt(option, option.market.bestBid) > expected + this.#settings.exitEdge,
    )
  }

  enter(): OptionCampaign | undefined {
    const { tenorDays, tenorDaysMin, tenorDaysMax, entryEdge, horizonHours, gammaShare, premiumShare } = this.#settings
    const { board, expected, hedge, equity, nowUs } = this.#desk
    const cost = hedge.costRate
    const { spot } = board
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
