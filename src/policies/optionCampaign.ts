/**
 * @file A position in several options that belong together, built up and taken down as quotes allow.
 *
 * A short leg may name a long one that covers it. Cover is hard: at no moment are more lots sold than the lots held of what covers
 * them allow, and nothing that covers is sold before what it covers has been bought back. So whatever fills and whatever does not,
 * the loss stays bounded as meant.
 */

import type { Listed } from './optionBoard.ts'
import type { OptionTrader } from './optionTrader.ts'

export interface Leg {
  readonly option: Listed
  /** Lots wanted, signed. */
  lots: number
  /** Long leg without which a lot of this short one is not sold; lots in the ratio of both legs' wanted lots. */
  readonly cover?: Leg
}

export class OptionCampaign {
  /** Longs before shorts: what covers is bought first. */
  readonly legs: readonly Leg[]
  /** Lots wanted at first, by leg, for the ratio of cover. */
  readonly #whole: ReadonlyMap<Leg, number>
  /** Whether everything is to be got rid of. */
  closing = false

  constructor(legs: readonly Leg[]) {
    this.legs = [...legs].sort((a, b) => b.lots - a.lots)
    this.#whole = new Map(legs.map((leg) => [leg, Math.abs(leg.lots)]))
  }

  /** Earliest expiry of a leg. */
  get expiryUs(): number {
    return Math.min(...this.legs.map(({ option }) => option.expiryUs))
  }

  includes(index: number): boolean {
    return this.legs.some(({ option }) => option.index === index)
  }

  /** Whether nothing is held or under way. */
  flat(trader: OptionTrader): boolean {
    return this.legs.every(({ option }) => trader.held(option) === 0 && !trader.busy(option))
  }

  /** Takes what can be taken now towards what is wanted. Called after every fill, for one leg waits for another. */
  work(trader: OptionTrader, tag: string): void {
    for (const leg of this.legs) {
      const held = trader.held(leg.option)
      const wanted = this.closing ? 0 : leg.lots
      const change = this.#allowed(leg, held, wanted, trader) - held
      if (change !== 0) trader.take(leg.option, change, tag)
    }
  }

  /** What a leg may hold now on its way to what is wanted. */
  #allowed(leg: Leg, held: number, wanted: number, trader: OptionTrader): number {
    if (wanted < held && leg.cover) {
      const covered = Math.floor(trader.held(leg.cover.option) * this.#ratio(leg) + 1e-9)
      return Math.min(held, Math.max(wanted, -Math.max(0, covered)))
    }
    if (wanted < held && held > 0) {
      let needed = 0
      for (const short of this.legs) {
        if (short.cover !== leg) continue
        // An order to sell that is under way may still fill.
        const sold = trader.busy(short.option) ? this.#whole.get(short)! : Math.max(0, -trader.held(short.option))
        needed += Math.ceil(sold / this.#ratio(short) - 1e-9)
      }
      return Math.min(held, Math.max(wanted, needed))
    }
    return wanted
  }

  /** Lots of a short leg that one lot of its cover allows. */
  #ratio(short: Leg): number {
    return this.#whole.get(short)! / this.#whole.get(short.cover!)!
  }
}
