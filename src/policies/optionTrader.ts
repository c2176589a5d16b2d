/**
 * @file Trading options only on what is quoted now: orders go to the touch of a fresh two-sided quote, for no more than is shown
 * there, and what is not filled at once is gone.
 *
 * A chain is told option by option, so a decision waits a moment after the first of them until the rest has come.
 */

import { HOUR_US, MINUTE_US, SECOND_US } from '../core/clock.ts'
import type { SettingsOf } from '../core/settings.ts'
import type { OrderEvent } from '../market/order.ts'
import type { Listed, OptionBoard } from './optionBoard.ts'
import type { PolicyContext } from './policy.ts'

export const OPTION_SETTINGS = {
  asset: { default: '', doc: 'Base asset of the options, BTC; empty: the only one with options.' },
  venue: { default: '', doc: 'Venue of the options; empty: every one.' },
  freshSeconds: { default: 10, min: 0.1, doc: 'Options are traded on two-sided quotes no older than this.' },
  settleSeconds: {
    default: 1,
    min: 0.001,
    doc: 'How long after the first quote of a chain the others are waited for.',
  },
  decisionSeconds: { default: 60, min: 0.1, doc: 'Least time between two decisions on options.' },
} as const

/** Name of the timer of {@link OptionTrader}. */
export const CHAIN_TIMER = 'chain'

const REST_US = MINUTE_US
const REST_MAX_US = HOUR_US

export class OptionTrader {
  readonly #context: PolicyContext
  readonly #board: OptionBoard
  readonly #settings: SettingsOf<typeof OPTION_SETTINGS>
  /** Options the gate or the venue refused, until when they rest, and for how long. */
  readonly #resting = new Map<number, { untilUs: number; restUs: number }>()
  /** Lots already asked for of the quote shown, by option and side: they may be gone although they are shown. */
  readonly #asked = new Map<number, { readonly quotedUs: number; lots: number }>()
  #armed = false
  #decidedUs = Number.NEGATIVE_INFINITY

  constructor(context: PolicyContext, board: OptionBoard, settings: SettingsOf<typeof OPTION_SETTINGS>) {
    this.#context = context
    this.#board = board
    this.#settings = settings
  }

  /** An option was quoted: {@link CHAIN_TIMER} will call when the chain has settled. */
  heard(): void {
    if (this.#armed) return
    this.#armed = true
    const { settleSeconds, decisionSeconds } = this.#settings
    const settledUs = this.#context.clock.nowUs + settleSeconds * SECOND_US
    this.#context.schedule(Math.max(settledUs, this.#decidedUs + decisionSeconds * SECOND_US), CHAIN_TIMER)
  }

  /** The timer rang. */
  decided(): void {
    this.#armed = false
    this.#decidedUs = this.#context.clock.nowUs
  }

  /** Lots held, signed. */
  held({ index }: Listed): number {
    return this.#context.portfolio.lots(index)
  }

  /** Whether an order of ours is under way in the option. */
  busy({ index }: Listed): boolean {
    return this.#context.orders().some(({ instrument }) => instrument === index)
  }

  /**
   * Takes signed `lots` at the touch, as far as shown.
   *
   * @returns Signed lots asked for; 0 when nothing was sent: no fresh quote, an order under way, resting, or refused.
   */
  take(option: Listed, lots: number, tag: string): number {
    const { nowUs } = this.#context.clock
    const resting = this.#resting.get(option.index)
    if (lots === 0 || (resting && nowUs < resting.untilUs) || !this.#board.fresh(option) || this.busy(option)) return 0
    const side = lots > 0 ? 1 : -1
    const { market } = option
    const key = side * (option.index + 1)
    const asked = this.#asked.get(key)
    const gone = asked?.quotedUs === market.quotedUs ? asked.lots : 0
    const shown = side > 0 ? market.bestAskLots : market.bestBidLots
    const size = Math.min(Math.abs(lots), shown - gone)
    if (!(size >= 1)) return 0
    const id = this.#context.submit({
      instrument: option.index,
      side,
      lots: Math.floor(size),
      type: 'limit',
      tick: side > 0 ? market.bestAsk : market.bestBid,
      timeInForce: 'IOC',
      tag,
    })
    if (id === 0) {
      this.#rest(option.index)
      return 0
    }
    this.#asked.set(key, { quotedUs: market.quotedUs, lots: gone + Math.floor(size) })
    return side * Math.floor(size)
  }

  onOrder(event: OrderEvent): void {
    if (!this.#board.at(event.instrument)) return
    if (event.kind === 'rejected') this.#rest(event.instrument)
    else if (event.kind === 'filled') this.#resting.delete(event.instrument)
  }

  #rest(index: number): void {
    const restUs = Math.min(REST_MAX_US, 2 * (this.#resting.get(index)?.restUs ?? REST_US / 2))
    this.#resting.set(index, { untilUs: this.#context.clock.nowUs + restUs, restUs })
  }
}
