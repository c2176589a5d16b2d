/** @file Whether what was last heard of an instrument can still be traded on, and at which price. */

import { SECOND_US } from '../core/clock.ts'
import type { MarketState } from '../market/marketState.ts'

/** Most bar durations that may pass before a bar's close is no price any more: it is complete one after the last, and may be late. */
const BARS_OLD = 2.5

/**
 * Price in quote per base, possibly between ticks; NaN while the venue is down, the book is lost or crossed, or the price is
 * older than `staleSeconds` or two and a half bars.
 */
export function freshPrice(market: MarketState, nowUs: number, staleSeconds: number): number {
  const barred = !market.hasBook && market.barUs > Number.NEGATIVE_INFINITY
  const allowedUs = Math.max(staleSeconds * SECOND_US, barred ? BARS_OLD * market.barDurationUs : 0)
  if (market.down || nowUs - market.quotedUs > allowedUs || (!market.quoted && !barred)) return Number.NaN
  const tick = market.referenceTick
  return tick > 0 ? tick * market.instrument.ticks.size : Number.NaN
}
