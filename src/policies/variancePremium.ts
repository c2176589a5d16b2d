/**
 * @file Variance premium: sells options near the money when they are dear against the volatility expected, buys them when they are
 * cheap, and hedges the delta of either.
 *
 * When. Selling needs the volatility bid to exceed, by an edge, the volatility at which the seller breaks even with the costs of
 * hedging (Leland, research/hedging/hedgeBands.ts); buying needs the one asked to lie as far below the buyer's. A short position is
 * closed when the mid has come down to the expected volatility less an exit edge, and every position some days before its expiry:
 * in the last days gamma outgrows what a hedge from time to time can follow.
 *
 * The tail. Every option sold is covered by one further out that was bought before (optionCampaign.ts): the body cannot lose more
 * than the distance to its wing, however far the market jumps. Size is the least of what vega and this worst loss allow.
 *
 * The options of the asset are the account's: no other policy should trade them in the same run.
 */

import { DAY_US, HOUR_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import { readSettings, type SettingsOf, type SettingValue } from '../core/settings.ts'
import type { Universe } from '../market/instrument.ts'
import { lelandVolatility } from '../research/hedging/hedgeBands.ts'
import { type CampaignRules, OneCampaign } from './oneCampaign.ts'
import type { Listed } from './optionBoard.ts'
import { type Leg, OptionCampaign } from './optionCampaign.ts'
import { type FreshExpiry, type FreshOption, freshExpiries, nearestDelta, straddle } from './optionChoice.ts'
import {
  chooseOptionUniverse,
  OPTION_POLICY_SETTINGS,
  type OptionDesk,
  OptionPolicy,
  requireTenors,
} from './optionPolicy.ts'
import type { Policy } from './policy.ts'

export const VARIANCE_PREMIUM_SETTINGS = {
  direction: {
    default: 'sell',
    choices: ['sell', 'buy', 'both'],
    doc: 'Whether to sell dear options, buy cheap ones, or either.',
  },
  structure: {
    default: 'straddle',
    choices: ['straddle', 'strangle'],
    doc: 'Call and put at the money, or out of it by bodyDelta.',
  },
  bodyDelta: { default: 0.3, min: 0.05, max: 0.5, doc: 'Delta of the options of a strangle, as a fraction.' },
  wingDelta: {
    default: 0.08,
    min: 0.005,
    max: 0.4,
    doc: 'Delta of the options bought to cover those sold, as a fraction. There is no selling without.',
  },
  tenorDays: { default: 21, min: 0.1, doc: 'Days to expiry wanted.' },
  tenorDaysMin: { default: 7, min: 0, doc: 'Least days to expiry to enter with.' },
  tenorDaysMax: { default: 45, min: 0.1, doc: 'Most days to expiry to enter with.' },
  rollDays: { default: 2, min: 0, doc: 'Days before expiry at which a position is closed.' },
  entryEdge: {
    default: 0.02,
    doc: 'Volatility above (selling) or below (buying) the break-even that is asked to enter.',
  },
  exitEdge: {
    default: 0.05,
    doc: 'A position is closed when the mid has passed the expected volatility by this much, against it.',
  },
  vegaShare: {
    default: 0.002,
    min: 0,
    max: 1,
    doc: 'Most vega, as the share of equity that one point (0.01) of volatility moves.',
  },
  lossShare: {
    default: 0.1,
    min: 0,
    max: 1,
    doc: 'Most loss of the options at expiry, as a share of equity: distance to the wing, or the premium paid.',
  },
  ...OPTION_POLICY_SETTINGS,
} as const

type Settings = SettingsOf<typeof VARIANCE_PREMIUM_SETTINGS>

const YEAR_US = 365 * DAY_US

/** What is sold or bought, before its size is known. */
interface Structure {
  readonly call: FreshOption
  readonly put: FreshOption
  readonly callWing?: FreshOption
  readonly putWing?: FreshOption
}

export class VariancePremium implements CampaignRules {
  readonly tag = 'variance-premium'
  readonly #settings: Settings
  readonly #desk: OptionDesk

  private constructor(settings: Settings, desk: OptionDesk) {
    this.#settings = settings
    this.#desk = desk
  }

  /** @throws {GimbalError} `config-invalid`, `instrument-unknown`. */
  static fromSettings(given: Readonly<Record<string, SettingValue>>, universe: Universe): Policy {
    const settings = readSettings('policy variance-premium', VARIANCE_PREMIUM_SETTINGS, given)
    const { structure, bodyDelta, wingDelta } = settings
    requireTenors('variance-premium', settings)
    if (structure === 'strangle' && wingDelta >= bodyDelta)
      throw new GimbalError('config-invalid', 'Wings of policy variance-premium must lie further out than its body', {
        wingDelta,
        bodyDelta,
      })
    const chosen = chooseOptionUniverse('variance-premium', universe, settings)
    return new OptionPolicy('variance-premium', settings, chosen, (desk) => {
      return new OneCampaign(desk, new VariancePremium(settings, desk))
    })
  }

  get rollDays(): number {
    return this.#settings.rollDays
  }

  /** Whether what a campaign sells is still dear, or what it buys still cheap. */
  worthAdding({ legs }: OptionCampaign): boolean {
    const bodies = legs.filter(({ lots }) => lots < 0)
    return bodies.length > 0 ? this.#dear(bodies) : this.#cheap(legs)
  }

  #dear(bodies: readonly { readonly option: Listed }[]): boolean {
    const { board, expected, hedge } = this.#desk
    const bid = meanVolatility(bodies, (option) => board.volatilityAt(option, option.market.bestBid))
    return bid > lelandVolatility(expected, hedge.costRate, this.#spacingYears, -1) + this.#settings.entryEdge
  }

  #cheap(bodies: readonly { readonly option: Listed }[]): boolean {
    const { board, expected, hedge } = this.#desk
    const asked = meanVolatility(bodies, (option) => board.volatilityAt(option, option.market.bestAsk))
    return asked < lelandVolatility(expected, hedge.costRate, this.#spacingYears, 1) - this.#settings.entryEdge
  }

  /** Time between two trades of the hedge, for the break-even volatility. */
  get #spacingYears(): number {
    return (this.#settings.horizonHours * HOUR_US) / YEAR_US
  }

  /** Whether what was dear is no longer, or what was cheap. */
  over({ legs }: OptionCampaign): boolean {
    const { board, expected } = this.#desk
    const bodies = legs.filter(({ lots }) => lots < 0)
    const selling = bodies.length > 0
    const mid = meanVolatility(selling ? bodies : legs, (option) => {
      return board.fresh(option) ? board.volatility(option) : Number.NaN
    })
    const { exitEdge } = this.#settings
    return selling ? mid < expected - exitEdge : mid > expected + exitEdge
  }

  enter(): OptionCampaign | undefined {
    const { direction, tenorDays, tenorDaysMin, tenorDaysMax } = this.#settings
    const { board } = this.#desk
    for (const expiry of freshExpiries(board, this.#desk.nowUs, tenorDays, tenorDaysMin, tenorDaysMax)) {
      const found = this.#structure(expiry)
      if (!found) continue
      // Only the tenor nearest to the wanted one that can be had is judged: the next would be another trade.
      const bodies = [{ option: found.call }, { option: found.put }]
      if (direction !== 'buy' && found.callWing && found.putWing && this.#dear(bodies))
        return this.#sell(found, found.callWing, found.putWing)
      return direction !== 'sell' && this.#cheap(bodies) ? this.#buy(found) : undefined
    }
    return undefined
  }

  #structure(expiry: FreshExpiry): Structure | undefined {
    const { structure, bodyDelta, wingDelta } = this.#settings
    let body = straddle(this.#desk.board, expiry)
    if (structure === 'strangle' && body) {
      const call = nearestDelta(expiry, 1, bodyDelta, body.call.strike)
      const put = nearestDelta(expiry, -1, bodyDelta, body.put.strike)
      body = call && put && { call, put }
    }
    if (!body) return undefined
    const callWing = nearestDelta(expiry, 1, wingDelta, body.call.strike)
    const putWing = nearestDelta(expiry, -1, wingDelta, body.put.strike)
    return { ...body, ...(callWing ? { callWing } : {}), ...(putWing ? { putWing } : {}) }
  }

  #sell({ call, put }: Structure, callWing: FreshOption, putWing: FreshOption): OptionCampaign | undefined {
    // Beyond a wing the loss grows no further, and only one side can be in the money.
    const width = Math.max(callWing.strike - call.strike, put.strike - putWing.strike)
    const lots = this.#size(call, put, width)
    if (!(lots >= 1)) return undefined
    const long = (option: Listed): Leg => ({ option, lots })
    const coverCall = long(this.#listed(callWing))
    const coverPut = long(this.#listed(putWing))
    return new OptionCampaign([
      coverCall,
      coverPut,
      { option: this.#listed(call), lots: -lots, cover: coverCall },
      { option: this.#listed(put), lots: -lots, cover: coverPut },
    ])
  }

  #buy({ call, put }: Structure): OptionCampaign | undefined {
    const lots = this.#size(call, put, call.slopes.price + put.slopes.price)
    if (!(lots >= 1)) return undefined
    return new OptionCampaign([
      { option: this.#listed(call), lots },
      { option: this.#listed(put), lots },
    ])
  }

  /** Lots of each leg; NaN while equity is unknown. @param loss Most that one base unit can lose, in dollars. */
  #size(call: FreshOption, put: FreshOption, loss: number): number {
    const { vegaShare, lossShare } = this.#settings
    const { equity } = this.#desk
    const vegaPoint = 0.01 * (call.slopes.vega + put.slopes.vega)
    const units = Math.min((vegaShare * equity) / vegaPoint, (lossShare * equity) / loss)
    return Math.floor(units / call.lotBase + 1e-9)
  }

  /** The board's own entry of a chosen option: campaigns outlive the slopes they were chosen by. */
  #listed({ index }: FreshOption): Listed {
    return this.#desk.board.at(index)!
  }
}

/** Mean volatility of options, unweighted: the legs of a straddle have nearly the same vega. NaN if any is unknown. */
function meanVolatility(legs: readonly { readonly option: Listed }[], of: (option: Listed) => number): number {
  let sum = 0
  for (const { option } of legs) sum += of(option)
  return sum / legs.length
}
