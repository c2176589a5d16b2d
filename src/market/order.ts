/**
 * @file Orders: what a policy wants (intent), what risk let through (order), and what the venue answers (order event).
 *
 * Own fills are always told at the venue's prices and in our integers; money is in atoms (see instrument.ts).
 */

import type { Side } from './book.ts'

export type OrderType = 'limit' | 'market' | 'stop' | 'stop-limit' | 'take-profit' | 'take-profit-limit'
export type TimeInForce = 'GTC' | 'IOC' | 'FOK' | 'GTT'

/** What a policy would like; the gate decides whether it becomes an order. */
export interface Intent {
  /** Index of the instrument in the run's universe. */
  readonly instrument: number
  readonly side: Side
  readonly lots: number
  readonly type: OrderType
  /** Limit price in ticks; ignored for market, stop and take-profit orders. */
  readonly tick: number
  /** Trigger price in ticks of stop and take-profit orders, judged on the mark where the venue has one, else on trades. */
  readonly triggerTick?: number
  /** Absent: GTC for limit orders, IOC for what executes at once. */
  readonly timeInForce?: TimeInForce
  /** When a GTT order expires, in µs on the venue's clock. */
  readonly expiresUs?: number
  readonly postOnly?: boolean
  readonly reduceOnly?: boolean
  /** The policy's own word for why; at most 40 characters, kept in journal and report. */
  readonly tag?: string
}

/** An intent that passed the gate. `id` counts from 1 over the life of the journal and never repeats. */
export interface Order extends Intent {
  readonly id: number
  readonly timeInForce: TimeInForce
  /** Index of the policy that wanted it; -1 for acts of the gate itself. */
  readonly policy: number
  /** When it left us. */
  readonly sentUs: number
  /** Reference price in ticks when it was decided, for slippage and shortfall; NaN unknown. */
  readonly decisionTick: number
}

/** What the venue may say no with. Stable; reports count by it. */
export type RejectReason =
  | 'post-only'
  | 'reduce-only'
  | 'no-liquidity'
  | 'fill-or-kill'
  | 'margin'
  | 'rate-limit'
  | 'venue-down'
  | 'off-grid'
  | 'unknown-order'
  | 'self-trade'
  | 'expired'
  | 'liquidation'
  | 'trigger-crossed'
  | 'size'
  | 'price-band'
  | 'instrument-closed'
  | 'other'

export type OrderEventKind =
  | 'accepted'
  | 'rejected'
  | 'triggered'
  | 'filled'
  | 'amended'
  | 'cancelled'
  | 'expired'
  | 'cancel-rejected'
  | 'amend-rejected'

/** The venue's answer about one order. */
export interface OrderEvent {
  readonly kind: OrderEventKind
  /** When we learned of it, and when it happened at the venue. */
  readonly timeUs: number
  readonly venueTimeUs: number
  readonly orderId: number
  readonly instrument: number
  readonly side: Side
  /** Fill price, or the order's price, in ticks. */
  readonly tick: number
  /** Lots filled by this event (fills), or the order's size. */
  readonly lots: number
  /** Lots still open afterwards. */
  readonly leavesLots: number
  /** Fee of this fill in atoms of the settlement currency; negative is a rebate. */
  readonly feeAtoms: number
  readonly liquidity: 'maker' | 'taker' | ''
  readonly reason: RejectReason | ''
  /** Venue's number of the fill, unique per venue: a fill seen twice is applied once. 0 for other events. */
  readonly fillId: number
  /** Size believed ahead of the order when it rested, and when it was filled; -1 unknown. For reports. */
  readonly queueAheadLots: number
}

/** What happens to an account without an order of ours. */
export interface AccountEvent {
  readonly kind: 'funding' | 'liquidation' | 'deleveraging' | 'settlement' | 'transfer' | 'venue-down' | 'venue-up'
  readonly timeUs: number
  readonly venueTimeUs: number
  /** Index of the instrument, or -1. */
  readonly instrument: number
  /** Position change: side and lots at `tick` (liquidation, deleveraging, settlement), else 0. */
  readonly side: Side | 0
  readonly tick: number
  readonly lots: number
  /** Cash change in atoms of `currency`: funding, transfers; fees and penalties are negative. */
  readonly cashAtoms: number
  readonly currency: string
}
