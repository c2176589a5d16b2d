/**
 * @file Relative value: sells the option whose bid lies furthest above a smooth surface and buys the one whose ask lies furthest
 * below it, of equal vega, and waits for both to come back to it.
 *
 * A surface is fitted to every settled chain. An option is rich by the volatility of its bid over the surface, cheap by that of its
 * ask below it, each less the fee; a pair is entered when both together exceed what leaving costs (half of both spreads) by an
 * edge. Pairs of one expiry trade the skew, of two the calendar. A pair is left when the mids have come back to within the exit
 * edge, after a number of days, or before an expiry. Delta is hedged; vega is neutral at entry; what remains is that the
 * surface's shape may be right and the quotes may be, too: size is small, and no option is in two pairs.
 *
 * The long leg is bought first and the short one sold in proportion to what of it was filled (optionCampaign.ts). The options of the
 * asset are the account's: no other policy should trade them in the same run.
 */

import { DAY_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import { readSettings, type SettingsOf, type SettingValue } from '../core/settings.ts'
import { dollarLike, type Universe } from '../market/instrument.ts'
import { fitSurface } from '../pricing/fitSurface.ts'
import type { OptionQuotes } from '../pricing/optionQuotes.ts'
import type { VolatilitySurface } from '../pricing/volatilitySurface.ts'
import type { Listed } from './optionBoard.ts'
import { OptionCampaign } from './optionCampaign.ts'
import { type FreshOption, freshExpiries } from './optionChoice.ts'
import {
  chooseOptionUniverse,
  OPTION_POLICY_SETTINGS,
  type OptionDesk,
  OptionPolicy,
  type OptionStrategy,
} from './optionPolicy.ts'
import type { Policy } from './policy.ts'

export const RELATIVE_VALUE_SETTINGS = {
  pairs: {
    default: 'both',
    choices: ['skew', 'calendar', 'both'],
    doc: 'Whether the options of a pair share their expiry, do not, or may do either.',
  },
  tenorDaysMin: { default: 4, min: 0, doc: 'Least days to expiry to enter with.' },
  tenorDaysMax: { default: 70, min: 0.1, doc: 'Most days to expiry to enter with.' },
  deviationsMax: {
    default: 1.5,
    min: 0.05,
    max: 10,
    doc: 'Strikes traded lie within so many standard deviations of the forward.',
  },
  entryEdge: { default: 0.01, min: 0, doc: 'Volatility a pair must be off by, after fees and what leaving costs.' },
  exitEdge: { default: 0.003, doc: 'A pair is left when its mids are off by less than this volatility.' },
  holdDays: { default: 5, min: 0.01, doc: 'A pair is left after so many days whatever it has done.' },
  rollDays: { default: 2, min: 0, doc: 'Days before expiry at which a pair is left.' },
  vegaShare: {
    default: 0.0005,
    min: 0,
    max: 1,
    doc: 'Vega of one leg, as the share of equity that one point (0.01) of volatility moves.',
  },
  vegaMismatch: { default: 0.2, min: 0, max: 1, doc: 'Most vega left by whole lots, as a share of a leg’s.' },
  pairsMax: { default: 3, min: 1, max: 100, doc: 'Most pairs held at once.' },
  ...OPTION_POLICY_SETTINGS,
} as const

type Settings = SettingsOf<typeof RELATIVE_VALUE_SETTINGS>

/** Fits a surface to the fresh quotes of one moment; undefined when they do not make one. */
export type FitQuotes = (quotes: OptionQuotes) => VolatilitySurface | undefined

/** Slices of SVI through bids and asks, free of arbitrage (pricing/fitSurface.ts). */
function fitSvi(quotes: OptionQuotes): VolatilitySurface | undefined {
  try {
    return fitSurface(quotes).surface
  } catch (error) {
    // Too few quotes to make a smile are a matter of the hour; anything else is not.
    if (error instanceof GimbalError && error.code === 'fit-failed') return undefined
    throw error
  }
}

/** A fresh option against the surface. */
interface Judged {
  readonly option: FreshOption
  /** Volatility its bid lies above the surface, and the surface above its ask, after fees. */
  readonly rich: number
  readonly cheap: number
  /** Half its spread in volatility. */
  readonly half: number
}

/** Two options of equal vega, one of them sold. */
interface Pair {
  readonly campaign: OptionCampaign
  readonly sinceUs: number
}

export class RelativeValue implements OptionStrategy {
  readonly #settings: Settings
  readonly #desk: OptionDesk
  readonly #fit: FitQuotes
  #pairs: Pair[] = []

  private constructor(settings: Settings, desk: OptionDesk, fit: FitQuotes) {
    this.#settings = settings
    this.#desk = desk
    this.#fit = fit
  }

  /** @throws {GimbalError} `config-invalid`, `instrument-unknown`. */
  static fromSettings(
    given: Readonly<Record<string, SettingValue>>,
    universe: Universe,
    fit: FitQuotes = fitSvi,
  ): Policy {
    const settings = readSettings('policy relative-value', RELATIVE_VALUE_SETTINGS, given)
    const { rollDays, tenorDaysMin, tenorDaysMax, exitEdge, entryEdge } = settings
    if (!(rollDays < tenorDaysMin && tenorDaysMin < tenorDaysMax && exitEdge < entryEdge))
      throw new GimbalError(
        'config-invalid',
        'Policy relative-value needs rollDays < tenorDaysMin < tenorDaysMax, and an exitEdge below entryEdge',
        { rollDays, tenorDaysMin, tenorDaysMax, exitEdge, entryEdge },
      )
    const chosen = chooseOptionUniverse('relative-value', universe, settings)
    const settlements = new Set(chosen.options.map((index) => dollarLike(universe.at(index).settle)))
    if (settlements.size > 1)
      throw new GimbalError('config-invalid', 'Policy relative-value fits one chain: name its venue', {
        asset: chosen.asset,
        venues: [...new Set(chosen.options.map((index) => universe.at(index).venue))].join(' '),
      })
    return new OptionPolicy('relative-value', settings, chosen, (desk) => new RelativeValue(settings, desk, fit))
  }

  /** What is held was chosen on a surface that is gone, and is left. */
  adopt(held: readonly Listed[]): void {
    if (held.length === 0) return
    const campaign = new OptionCampaign(held.map((option) => ({ option, lots: this.#desk.trader.held(option) })))
    campaign.closing = true
    this.#pairs.push({ campaign, sinceUs: this.#desk.nowUs })
  }

  decide(): void {
    const { trader, nowUs } = this.#desk
    const judged = this.#judge(nowUs)
    for (const pair of this.#pairs) {
      const { campaign, sinceUs } = pair
      const { holdDays, rollDays } = this.#settings
      const late = nowUs - sinceUs > holdDays * DAY_US || campaign.expiryUs - nowUs <= rollDays * DAY_US
      if (late || this.#returned(campaign, judged)) campaign.closing = true
    }
    // A pair of which nothing was filled was not to be had: it is judged anew.
    this.#pairs = this.#pairs.filter(({ campaign }) => !campaign.flat(trader))
    if (this.#pairs.length < this.#settings.pairsMax) this.#enter(judged, nowUs)
    this.work()
  }

  work(): void {
    for (const { campaign } of this.#pairs) campaign.work(this.#desk.trader, 'relative-value')
  }

  /** Every fresh option near enough to the money, against the surface of this moment, by index. */
  #judge(nowUs: number): ReadonlyMap<number, Judged> {
    const { rollDays, tenorDaysMax, deviationsMax } = this.#settings
    const { board } = this.#desk
    const { spot } = board
    const expiries = freshExpiries(board, nowUs, tenorDaysMax, rollDays, tenorDaysMax)
    const options = expiries.flatMap((expiry) => expiry.options)
    const judged = new Map<number, Judged>()
    const surface = options.length > 0 ? this.#fit(this.#quotes(options, nowUs, spot)) : undefined
    if (!surface) return judged
    for (const option of options) {
      const { market, strike, expiryUs } = option
      const fair = surface.volatility(expiryUs, strike)
      const bid = board.volatilityAt(option, market.bestBid, spot)
      const ask = board.volatilityAt(option, market.bestAsk, spot)
      const distance = Math.abs(Math.log(strike / board.forward(option, spot)))
      // A bid below exercise has no volatility, and is neither rich nor cheap.
      if (!(distance <= deviationsMax * fair * Math.sqrt(board.years(option))) || !(ask > bid)) continue
      const fee = ((market.instrument.takerBps / 10_000) * spot) / option.slopes.vega
      judged.set(option.index, { option, rich: bid - fair - fee, cheap: fair - ask - fee, half: 0.5 * (ask - bid) })
    }
    return judged
  }

  #quotes(options: readonly FreshOption[], timeUs: number, spot: number): OptionQuotes {
    const { board } = this.#desk
    const column = (of: (option: FreshOption) => number) => Float64Array.from(options, of)
    const price = (option: FreshOption, tick: number) => tick * option.market.instrument.ticks.size
    return {
      asset: board.asset,
      timeUs,
      settlement: options[0]!.inCoin ? 'coin' : 'quote',
      right: Int8Array.from(options, ({ right }) => right),
      strike: column(({ strike }) => strike),
      expiryUs: column(({ expiryUs }) => expiryUs),
      bid: column((option) => price(option, option.market.bestBid)),
      ask: column((option) => price(option, option.market.bestAsk)),
      forward: column((option) => board.forward(option, spot)),
    }
  }

  /** Whether the mids of a pair have come back to the surface; not while one of them is not quoted. */
  #returned({ legs }: OptionCampaign, judged: ReadonlyMap<number, Judged>): boolean {
    let off = 0
    for (const { option, lots } of legs) {
      const found = judged.get(option.index)
      if (!found) return false
      // Bid over surface plus half the spread is the mid over it; fees were paid, and cancel.
      off += 0.5 * Math.sign(lots) * (found.cheap - found.rich)
    }
    return off < this.#settings.exitEdge
  }

  #enter(judged: ReadonlyMap<number, Judged>, nowUs: number): void {
    const { pairsMax, entryEdge, tenorDaysMin } = this.#settings
    const { board, trader } = this.#desk
    const taken = (index: number) =>
      trader.held(board.at(index)!) !== 0 || this.#pairs.some(({ campaign }) => campaign.includes(index))
    const free = [...judged.values()].filter(
      ({ option }) => !taken(option.index) && option.expiryUs - nowUs >= tenorDaysMin * DAY_US,
    )
    const byRich = free.toSorted((a, b) => b.rich - b.half - (a.rich - a.half) || a.option.index - b.option.index)
    const byCheap = free.toSorted((a, b) => b.cheap - b.half - (a.cheap - a.half) || a.option.index - b.option.index)
    const used = new Set<number>()
    for (const sold of byRich) {
      if (this.#pairs.length >= pairsMax) return
      const bought = byCheap.find((each) => !used.has(each.option.index) && this.#match(sold.option, each.option))
      if (!bought || used.has(sold.option.index)) continue
      // Not the end: who may only be paired within an expiry, or only across, can find a better partner further down.
      if (sold.rich - sold.half + bought.cheap - bought.half <= entryEdge) continue
      const campaign = this.#size(sold.option, bought.option)
      if (!campaign) continue
      used.add(sold.option.index).add(bought.option.index)
      this.#pairs.push({ campaign, sinceUs: nowUs })
    }
  }

  #match(sold: FreshOption, bought: FreshOption): boolean {
    if (sold.index === bought.index) return false
    const { pairs } = this.#settings
    return pairs === 'both' || (sold.expiryUs === bought.expiryUs) === (pairs === 'skew')
  }

  /** A pair of whole lots, no more than is shown now; undefined where they leave too much vega. */
  #size(sold: FreshOption, bought: FreshOption): OptionCampaign | undefined {
    const { vegaShare, vegaMismatch } = this.#settings
    const vega = vegaShare * this.#desk.equity
    const lotVega = (option: FreshOption) => option.slopes.vega * 0.01 * option.lotBase
    let longLots = Math.min(Math.floor(vega / lotVega(bought) + 1e-9), bought.market.bestAskLots)
    let shortLots = Math.round((longLots * lotVega(bought)) / lotVega(sold))
    if (shortLots > sold.market.bestBidLots) {
      shortLots = sold.market.bestBidLots
      longLots = Math.round((shortLots * lotVega(sold)) / lotVega(bought))
    }
    if (!(longLots >= 1) || !(shortLots >= 1)) return undefined
    const left = Math.abs(longLots * lotVega(bought) - shortLots * lotVega(sold))
    if (left > vegaMismatch * longLots * lotVega(bought)) return undefined
    const { board } = this.#desk
    const cover = { option: board.at(bought.index)!, lots: longLots }
    return new OptionCampaign([cover, { option: board.at(sold.index)!, lots: -shortLots, cover }])
  }
}
