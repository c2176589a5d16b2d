/** @file How a simulated venue behaves, as plain settings; each names the model it stands for. */

import { assert } from '../core/errors.ts'
import { BarModel } from './barFills.ts'
import type { Window } from './connection.ts'
import type { FeeSettings } from './feeModels.ts'
import { type ImpactModel, noImpact } from './impactModels.ts'
import { constantLatency, type LatencyModel } from './latencyModels.ts'
import type { MatchingRules } from './matcher.ts'
import { type QueueModel, riskAverse } from './queueModels.ts'

/** A token bucket: one token a message, refilled evenly. */
export interface RateLimit {
  /** Messages that may come at once. */
  readonly burst: number
  readonly perSecond: number
  /** Whether cancellations cost a token too. */
  readonly cancelsCount: boolean
}

/** How the venue closes a position whose margin is used up. */
export interface LiquidationRules {
  /** Penalty on what is closed, in basis points of notional; goes to the insurance fund. */
  readonly feeBps: number
  /** Positions worth more than this many quote units are first closed in part; infinite for never. */
  readonly partialAbove: number
  readonly partialFraction: number
  /** Time between two partial closings, in µs. */
  readonly cooldownUs: number
  /** Below this share of the maintenance margin everything is closed at once. */
  readonly backstopShare: number
}

/** Hyperliquid's rules (docs, "Liquidations"): 20 % first when over 100,000, 30 s apart, all below ⅔ of maintenance. */
export const PARTIAL_LIQUIDATION: Partial<LiquidationRules> = {
  partialAbove: 100_000,
  partialFraction: 0.2,
  cooldownUs: 30_000_000,
  backstopShare: 2 / 3,
}

/** How the venue closes winners when losers cannot pay. */
export interface DeleveragingRules {
  /** `ranked`: our place among the winners is modelled; `none`: it never happens to us, which is optimistic. */
  readonly model: 'ranked' | 'none'
  /**
   * Mean score (return on cost × leverage) of the other winners, whose scores are taken as exponential: the share of
   * them ahead of us is exp(−score ÷ mean). Where open interest is unknown we are first in line.
   */
  readonly othersScore: number
  /** Dollars in the venue's insurance fund. When given, LIQUIDATION rows worse than bankruptcy drain it, and empty it deleverages. */
  readonly fundDollars: number
}

/** Settings of one venue; whatever is left out has the careful or the customary value. */
export interface VenueSettings {
  /** Opening balances in whole units by currency; else the run's cash is shared out. */
  readonly cash?: Readonly<Record<string, number>>
  readonly latency?: LatencyModel
  readonly queue?: QueueModel
  readonly impact?: ImpactModel
  readonly bars?: BarModel
  readonly fees?: FeeSettings
  readonly partialFills?: boolean
  readonly compatibility?: 'none' | 'hftbacktest'
  readonly postOnly?: 'reject' | 'slide'
  /** What happens to a reduce-only order larger than the position. */
  readonly reduceOnly?: 'cap' | 'reject'
  readonly selfTrade?: MatchingRules['selfTrade']
  readonly takenUntil?: MatchingRules['takenUntil']
  readonly touchLotsMax?: number
  readonly priceBandBps?: number
  readonly rate?: RateLimit
  /** Spans of venue time during which it takes no orders. What rests may still be filled: that is the danger. */
  readonly downtime?: readonly Window[]
  /** Spans during which our line to it is cut. */
  readonly disconnects?: readonly Window[]
  readonly restingWhileDown?: 'kept' | 'cancelled'
  readonly cancelOnDisconnect?: boolean
  /** What funding is reckoned on: the mark, or the index (Hyperliquid and dYdX: the oracle). */
  readonly fundingPrice?: 'mark' | 'index'
  readonly margin?: 'cross' | 'isolated' | 'none'
  /** Our leverage setting; the tiers' limits apply where lower. */
  readonly leverage?: number
  /** Whether spot may be sold that is not held. */
  readonly spotShort?: boolean
  readonly liquidation?: Partial<LiquidationRules>
  readonly deleveraging?: Partial<DeleveragingRules>
}

/** All of a venue's settings, filled in. */
export interface VenueRules extends MatchingRules {
  readonly latency: LatencyModel
  readonly fees: FeeSettings
  readonly reduceOnly: 'cap' | 'reject'
  readonly rate: RateLimit | undefined
  readonly downtime: readonly Window[]
  readonly disconnects: readonly Window[]
  readonly restingWhileDown: 'kept' | 'cancelled'
  readonly cancelOnDisconnect: boolean
  readonly fundingPrice: 'mark' | 'index'
  readonly margin: 'cross' | 'isolated' | 'none'
  readonly leverage: number
  readonly spotShort: boolean
  readonly liquidation: LiquidationRules
  readonly deleveraging: DeleveragingRules
}

/** Fills in what `settings` leave out. */
export function venueRules(settings: VenueSettings): VenueRules {
  for (const window of [...(settings.downtime ?? []), ...(settings.disconnects ?? [])]) {
    assert(window.toUs > window.fromUs, 'a window ends after it begins')
  }
  return {
    latency: settings.latency ?? constantLatency(50_000),
    queue: settings.queue ?? riskAverse(),
    impact: settings.impact ?? noImpact(),
    bars: settings.bars ?? new BarModel(),
    fees: settings.fees ?? {},
    partialFills: settings.partialFills ?? true,
    compatibility: settings.compatibility ?? 'none',
    postOnly: settings.postOnly ?? 'reject',
    reduceOnly: settings.reduceOnly ?? 'cap',
    selfTrade: settings.selfTrade ?? 'cancel-newest',
    takenUntil: settings.takenUntil ?? 'update',
    touchLotsMax: settings.touchLotsMax ?? Number.POSITIVE_INFINITY,
    priceBandBps: settings.priceBandBps ?? Number.POSITIVE_INFINITY,
    rate: settings.rate,
    downtime: settings.downtime ?? [],
    disconnects: settings.disconnects ?? [],
    restingWhileDown: settings.restingWhileDown ?? 'kept',
    cancelOnDisconnect: settings.cancelOnDisconnect ?? false,
    fundingPrice: settings.fundingPrice ?? 'mark',
    margin: settings.margin ?? 'cross',
    leverage: settings.leverage ?? Number.POSITIVE_INFINITY,
    spotShort: settings.spotShort ?? false,
    liquidation: {
      feeBps: 50,
      partialAbove: Number.POSITIVE_INFINITY,
      partialFraction: 0.2,
      cooldownUs: 30_000_000,
      backstopShare: 2 / 3,
      ...settings.liquidation,
    },
    deleveraging: {
      model: 'ranked',
      othersScore: 0.5,
      fundDollars: Number.POSITIVE_INFINITY,
      ...settings.deleveraging,
    },
  }
}

/** What the rules assume, in sentences: for reports. */
export function assumptions(rules: VenueRules): string[] {
  const said = [
    rules.latency.assumption,
    rules.queue.assumption,
    rules.impact.assumption,
    rules.bars.assumption,
    rules.partialFills ? 'fills: in parts, never more than traded or offered' : 'fills: resting orders fill whole',
    `taken liquidity: counted as gone until the level's next ${rules.takenUntil}`,
    `self-trades: ${rules.selfTrade}; post-only: ${rules.postOnly}; reduce-only: ${rules.reduceOnly}`,
    rules.margin === 'none'
      ? 'margin: none; positions are never liquidated'
      : `margin: ${rules.margin}, tiers of each instrument (else 20x, 2.5 %), liquidation fee ${rules.liquidation.feeBps} bps`,
    `funding: on the ${rules.fundingPrice} price at the venue's time`,
    'while the recording has a gap or the venue is down, orders are refused; after a gap resting orders queue anew',
  ]
  if (rules.compatibility === 'hftbacktest') {
    said.push('compatibility: hftbacktest 0.9.4 fill rules, less careful: liquidity is reused, crossing fills whole')
  }
  return said
}
