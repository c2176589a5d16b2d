/**
 * @file Option vault: sells calls on coins that are held, and with a collar buys puts for them, roll after roll.
 *
 * Never more calls are sold than there are coins: balances in the coin and spot held. With a collar no call is sold without its
 * put, so that what the market pays for the upside is spent on the downside first. A position is closed some days before expiry, or
 * when the call has grown to the roll delta, and the next chain begins a new one; with `rollDays` 0 it is left to be settled.
 *
 * The delta of the coins is what a vault is for: nothing is hedged. The options of the asset are the account's.
 */

import { DAY_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import { readSettings, type SettingsOf, type SettingValue } from '../core/settings.ts'
import { atomsPerUnit, type Universe } from '../market/instrument.ts'
import type { OrderEvent } from '../market/order.ts'
import { chooseAsset, type Listed, OptionBoard, optionsOf, pricesOf } from './optionBoard.ts'
import { type Leg, OptionCampaign } from './optionCampaign.ts'
import { freshExpiries, nearestDelta } from './optionChoice.ts'
import { withdrawOptionOrders } from './optionPolicy.ts'
import { CHAIN_TIMER, OPTION_SETTINGS, OptionTrader } from './optionTrader.ts'
import type { Policy, PolicyContext } from './policy.ts'

export const OPTION_VAULT_SETTINGS = {
  structure: {
    default: 'covered-call',
    choices: ['covered-call', 'collar'],
    doc: 'Calls sold on coins held, or calls sold and puts bought with them.',
  },
  coverShare: { default: 1, min: 0.01, max: 1, doc: 'Share of the coins that calls are sold on.' },
  callDelta: { default: 0.2, min: 0.01, max: 0.9, doc: 'Delta of the calls sold, as a fraction.' },
  putDelta: { default: 0.15, min: 0.01, max: 0.9, doc: 'Delta of the puts bought, as a fraction.' },
  tenorDays: { default: 10, min: 0.1, doc: 'Days to expiry wanted.' },
  tenorDaysMin: { default: 3, min: 0, doc: 'Least days to expiry to enter with.' },
  tenorDaysMax: { default: 35, min: 0.1, doc: 'Most days to expiry to enter with.' },
  rollDays: { default: 0, min: 0, doc: 'Days before expiry at which a position is closed; 0 leaves it to be settled.' },
  rollDelta: {
    default: 0.8,
    min: 0.02,
    max: 1,
    doc: 'Delta of the call sold at which it is bought back; 1 for never.',
  },
  premiumYearly: {
    default: 0,
    min: 0,
    doc: 'Least premium received for the calls, a year, as a share of the coins they are on.',
  },
  staleSeconds: { default: 60, min: 1, doc: 'The coin’s own price may be no older than this, or two and a half bars.' },
  ...OPTION_SETTINGS,
} as const

type Settings = SettingsOf<typeof OPTION_VAULT_SETTINGS>

interface VaultUniverse {
  readonly asset: string
  readonly options: readonly number[]
  readonly prices: readonly number[]
  readonly spots: readonly number[]
}

export class OptionVault implements Policy {
  readonly name = 'option-vault'
  readonly settings: Settings
  readonly #universe: VaultUniverse
  #context!: PolicyContext
  #board!: OptionBoard
  #trader!: OptionTrader
  #campaign: OptionCampaign | undefined
  #adopted = false

  private constructor(settings: Settings, universe: VaultUniverse) {
    this.settings = settings
    this.#universe = universe
  }

  /** @throws {GimbalError} `config-invalid`. */
  static fromSettings(given: Readonly<Record<string, SettingValue>>, universe: Universe): OptionVault {
    const settings = readSettings('policy option-vault', OPTION_VAULT_SETTINGS, given)
    const { tenorDays, tenorDaysMin, tenorDaysMax, rollDays, callDelta, rollDelta } = settings
    if (!(rollDays <= tenorDaysMin && tenorDaysMin <= tenorDays && tenorDays <= tenorDaysMax) || rollDelta <= callDelta)
      throw new GimbalError(
        'config-invalid',
        'Policy option-vault needs rollDays <= tenorDaysMin <= tenorDays <= tenorDaysMax, and a rollDelta above callDelta',
        { rollDays, tenorDaysMin, tenorDays, tenorDaysMax, callDelta, rollDelta },
      )
    const asset = chooseAsset('option-vault', universe, settings.asset)
    const options = optionsOf(universe, asset, settings.venue)
    const prices = pricesOf(universe, asset)
    if (options.length === 0 || prices.length === 0)
      throw new GimbalError('config-invalid', 'Policy option-vault lacks options or a price of their asset', {
        asset,
        venue: settings.venue || 'any',
        options: options.length,
        prices: prices.length,
      })
    const spots = prices.filter((index) => universe.at(index).kind === 'spot')
    return new OptionVault(settings, { asset, options, prices, spots })
  }

  start(context: PolicyContext): readonly number[] {
    this.#context = context
    const { asset, options, prices } = this.#universe
    const { freshSeconds, staleSeconds } = this.settings
    this.#board = new OptionBoard(context, asset, options, prices, freshSeconds, staleSeconds)
    this.#trader = new OptionTrader(context, this.#board, this.settings)
    return [...options, ...prices]
  }

  onMarket(index: number): void {
    const option = this.#board.at(index)
    if (option && this.#board.fresh(option)) this.#trader.heard()
  }

  onOrder(event: OrderEvent): void {
    this.#trader.onOrder(event)
    if (event.kind === 'filled') this.#campaign?.work(this.#trader, this.name)
  }

  onTimer(name: string): void {
    if (name !== CHAIN_TIMER) return
    const trader = this.#trader
    trader.decided()
    if (!this.#adopted) this.#adopt()
    if (this.#campaign?.flat(trader) && (this.#campaign.closing || this.#over(this.#campaign)))
      this.#campaign = undefined
    if (this.#campaign) this.#keep(this.#campaign)
    else if (this.#board.options.every((option) => trader.held(option) === 0)) this.#campaign = this.#enter()
    this.#campaign?.work(trader, this.name)
  }

  /** Coins there are to sell calls on. */
  get #coins(): number {
    const { portfolio, universe } = this.#context
    const { asset, spots } = this.#universe
    let coins = portfolio.cashAtoms(asset) / atomsPerUnit(asset)
    for (const index of spots) coins += portfolio.lots(index) * universe.at(index).lots.size
    return coins
  }

  /** Lots of a call that the coins cover, with what trading them and their puts, in and out, costs in coins. */
  #lotsMax({ lotBase, market }: Listed): number {
    const fees = (4 * market.instrument.takerBps) / 10_000
    return Math.floor((this.settings.coverShare * this.#coins) / (lotBase * (1 + fees)) + 1e-9)
  }

  /** After a restart: what is held becomes the campaign. */
  #adopt(): void {
    this.#adopted = true
    const held = this.#board.options.filter((option) => this.#trader.held(option) !== 0)
    withdrawOptionOrders(this.#context, this.#board)
    if (held.length > 0)
      this.#campaign = new OptionCampaign(held.map((option) => ({ option, lots: this.#trader.held(option) })))
  }

  #over(campaign: OptionCampaign): boolean {
    const { rollDays } = this.settings
    return campaign.expiryUs - this.#context.clock.nowUs <= rollDays * DAY_US
  }

  /** Closes a campaign when its time has come, and sells back calls when coins have gone. */
  #keep(campaign: OptionCampaign): void {
    const { rollDays, rollDelta } = this.settings
    const calls = campaign.legs.filter(({ lots }) => lots < 0)
    const slopes = { price: 0, delta: 0, gamma: 0, vega: 0, theta: 0 }
    const grown = calls.some(({ option }) => this.#board.slopes(option, slopes) && slopes.delta > rollDelta)
    if (grown || (rollDays > 0 && this.#over(campaign))) campaign.closing = true
    for (const leg of calls) {
      const most = this.#lotsMax(leg.option)
      if (-leg.lots > most) leg.lots = most > 0 ? -most : 0
    }
  }

  #enter(): OptionCampaign | undefined {
    const { structure, callDelta, putDelta, tenorDays, tenorDaysMin, tenorDaysMax, premiumYearly } = this.settings
    const board = this.#board
    const { spot } = board
    for (const expiry of freshExpiries(board, this.#context.clock.nowUs, tenorDays, tenorDaysMin, tenorDaysMax)) {
      const call = nearestDelta(expiry, 1, callDelta, board.forward(expiry.options[0]!, spot))
      if (!call) continue
      const bid = call.market.bestBid * call.market.instrument.ticks.size
      const received = ((call.inCoin ? bid : bid / spot) * 365) / expiry.days
      const lots = this.#lotsMax(call)
      if (lots < 1 || received < premiumYearly) return undefined
      const sold = { option: board.at(call.index)!, lots: -lots }
      if (structure === 'covered-call') return new OptionCampaign([sold])
      const put = nearestDelta(expiry, -1, putDelta, board.forward(call, spot))
      if (!put) continue
      const bought: Leg = { option: board.at(put.index)!, lots }
      return new OptionCampaign([bought, { ...sold, cover: bought }])
    }
    return undefined
  }
}
