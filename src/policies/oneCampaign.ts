/**
 * @file One position in options at a time: entered when nothing is held, worked chain by chain, left when its time has come or what
 * it was entered for is gone.
 */

import { DAY_US } from '../core/clock.ts'
import type { Listed } from './optionBoard.ts'
import { type Leg, OptionCampaign } from './optionCampaign.ts'
import type { OptionDesk, OptionStrategy } from './optionPolicy.ts'

/** What to hold, and until when. */
export interface CampaignRules {
  /** Tag of its orders. */
  readonly tag: string
  /** Days before the first expiry at which a position is left. */
  readonly rollDays: number
  /** The position to build up from now on; undefined while there is none worth it. */
  enter(): OptionCampaign | undefined
  /** Whether what it was entered for is gone. */
  over(campaign: OptionCampaign): boolean
  /** Whether it is still worth adding to: a chain shows little at a time, so a position is built over several. */
  worthAdding(campaign: OptionCampaign): boolean
}

export class OneCampaign implements OptionStrategy {
  readonly #desk: OptionDesk
  readonly #rules: CampaignRules
  #campaign: OptionCampaign | undefined

  constructor(desk: OptionDesk, rules: CampaignRules) {
    this.#desk = desk
    this.#rules = rules
  }

  /** What is held becomes the campaign, the short options covered by long ones of their right and expiry; nothing is added to it. */
  adopt(held: readonly Listed[]): void {
    if (held.length === 0) return
    const { trader } = this.#desk
    const longs: Leg[] = []
    for (const option of held) if (trader.held(option) > 0) longs.push({ option, lots: trader.held(option) })
    const shorts = held
      .filter((option) => trader.held(option) < 0)
      .map((option): Leg => {
        const cover = longs.find((leg) => leg.option.right === option.right && leg.option.expiryUs === option.expiryUs)
        return { option, lots: trader.held(option), ...(cover ? { cover } : {}) }
      })
    this.#campaign = new OptionCampaign([...longs, ...shorts])
  }

  decide(): void {
    const { trader } = this.#desk
    const campaign = this.#campaign
    if (campaign?.flat(trader) && (campaign.closing || this.#due(campaign))) this.#campaign = undefined
    if (this.#campaign) {
      if (this.#due(this.#campaign) || this.#rules.over(this.#campaign)) this.#campaign.closing = true
    } else if (this.#desk.held().length === 0) this.#campaign = this.#rules.enter()
    if (this.#campaign && (this.#campaign.closing || this.#rules.worthAdding(this.#campaign))) this.work()
  }

  work(): void {
    this.#campaign?.work(this.#desk.trader, this.#rules.tag)
  }

  /** Whether the time to leave has come. */
  #due({ expiryUs }: OptionCampaign): boolean {
    return expiryUs - this.#desk.nowUs <= this.#rules.rollDays * DAY_US
  }
}
