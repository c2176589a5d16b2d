/**
 * @file What can be said of fills when all we know of the market is bars.
 *
 * A bar hides its path, its spread and its queue, so each is assumed against us:
 *
 * - market orders, and limits already marketable, fill at the next bar's open, worsened by half a spread and by impact
 *   growing with the square root of our share of the bar's volume (Almgren et al. 2005, "Direct estimation of equity
 *   market impact");
 * - other limits fill only when a bar trades through their price by a tick or more, at their price;
 * - stops fill at the worse of trigger and open, worsened likewise; take-profits at the trigger at best;
 * - all our fills in a bar together take at most a stated share of its volume; a bar without volume fills nothing;
 * - one side per bar: where a bar spans our bid and our ask it fills the one that looks worse at its close; stops go
 *   first, for the adverse extreme is assumed to come first;
 * - an order can only fill in a bar that opened after it arrived (give or take `graceUs`, so that an order sent on one
 *   bar's close meets the next bar's open), never in the bar on whose close it was sent.
 *
 * Where it is optimistic: the open is taken as reachable although orders arrive a latency later; volume is assumed to
 * be spread evenly, so our share could be had; a fill is booked when its bar closes, but priced within it.
 */

import type { Side } from '../market/book.ts'
import type { Instrument } from '../market/instrument.ts'

/** Settings of {@link BarModel}. */
export interface BarSettings {
  /** Half the bid-ask spread, in basis points of the price; at least half a tick is charged. */
  readonly halfSpreadBps: number
  /** Price impact in basis points when we take all of a bar's volume; by square root below. */
  readonly impactBps: number
  /** Greatest share of a bar's volume that our fills may make up. */
  readonly participation: number
  /** How much after a bar's open an order may arrive and still meet that open, in µs. */
  readonly graceUs: number
}

export const DEFAULT_BARS: BarSettings = { halfSpreadBps: 1, impactBps: 100, participation: 0.1, graceUs: 1_000_000 }

/** One bar, in ticks and lots. */
export interface Bar {
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  readonly lots: number
  readonly openUs: number
}

export class BarModel {
  readonly settings: BarSettings

  constructor(settings: Partial<BarSettings> = {}) {
    this.settings = { ...DEFAULT_BARS, ...settings }
  }

  get assumption(): string {
    const { halfSpreadBps, impactBps, participation } = this.settings
    return `bars: market orders at the next open + ${halfSpreadBps} bps + ${impactBps} bps × √share of volume; limits only when traded through; at most ${participation * 100} % of a bar's volume; one side per bar, the worse`
  }

  /** Lots of a bar that may be ours. */
  lotsMax(bar: Bar): number {
    return Math.floor(bar.lots * this.settings.participation)
  }

  /** Whether an order that arrived then may fill in this bar. */
  inTime(arrivedUs: number, bar: Bar): boolean {
    return arrivedUs <= bar.openUs + this.settings.graceUs
  }

  /** `tick` worsened for whoever takes `lots` there: half a spread and impact, rounded against us. */
  takerTick(side: Side, tick: number, lots: number, bar: Bar): number {
    const share = bar.lots > 0 ? Math.min(1, lots / bar.lots) : 1
    const bps = this.settings.impactBps * Math.sqrt(share)
    const spread = Math.max(0.5, (tick * this.settings.halfSpreadBps) / 10_000)
    const worse = spread + (tick * bps) / 10_000
    return side > 0 ? Math.ceil(tick + worse - 1e-9) : Math.max(1, Math.floor(tick - worse + 1e-9))
  }

  /** Whether the bar traded through a limit: beyond it by a tick or more. */
  tradedThrough(side: Side, tick: number, bar: Bar): boolean {
    return side > 0 ? bar.low <= tick - 1 : bar.high >= tick + 1
  }

  /** Whether the bar reached a trigger. `rising`: it fires at that price or above. */
  reached(triggerTick: number, rising: boolean, bar: Bar): boolean {
    return rising ? bar.high >= triggerTick : bar.low <= triggerTick
  }

  /** Where a triggered order starts: its trigger, or the open where the bar opened beyond it (stops: always the worse). */
  triggeredTick(side: Side, triggerTick: number, bar: Bar): number {
    return side > 0 ? Math.max(triggerTick, bar.open) : Math.min(triggerTick, bar.open)
  }
}

/** The bar a market state holds after its BAR_CLOSE row. */
export function barOf(
  market: {
    readonly instrument: Instrument
    readonly barOpen: number
    readonly barHigh: number
    readonly barLow: number
    readonly barClose: number
    readonly barLots: number
    readonly barDurationUs: number
  },
  closeUs: number,
): Bar {
  return {
    open: market.barOpen,
    high: market.barHigh,
    low: market.barLow,
    close: market.barClose,
    lots: market.barLots,
    openUs: closeUs - market.barDurationUs,
  }
}
