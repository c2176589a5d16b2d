/**
 * @file What the gate is told: limits and breakers as plain data, which survives JSON and is shared with a watchdog.
 *
 * Every loss names its denominator: account rules divide by the account's equity, policy rules by the capital written
 * beside them, trade rules by the equity at the moment the trade was opened. A limit on one never borrows another's.
 */

import { DAY_US, HOUR_US, MINUTE_US, SECOND_US } from '../core/clock.ts'
import type { RejectReason } from '../market/order.ts'
import type { GateActKind } from './gate.ts'
import { DEFAULT_SIZING, type SizingConfig } from './sizing.ts'

/** Bounds on the orders and the position of one instrument. An infinite maximum means no limit. */
export interface InstrumentLimits {
  /** Furthest a limit price may lie from the reference price, on either side. */
  readonly collarBps: number
  /** As `collarBps`, for prices that would trade at once: they cost money the moment they are wrong. */
  readonly takerCollarBps: number
  /**
   * Of options: a price may always lie this far from the reference, in basis points of the underlying. Both collars are shares of
   * the premium, and the touch of a cheap option is wider than any share of it.
   */
  readonly optionCollarBps: number
  /** Of options: oldest quote to send an order on. They are quoted when there is something to say, so silence trips no breaker. */
  readonly optionQuoteAgeMaxUs: number
  readonly orderLotsMax: number
  /** In dollars at the order's price (reference price where it has none). */
  readonly orderNotionalMax: number
  readonly openOrdersMax: number
  /** Worst case: what is held plus everything open on the order's side. */
  readonly positionLotsMax: number
  /** As `positionLotsMax`, in dollars at the mark. */
  readonly positionNotionalMax: number
  /** Largest market order, as a share of the opposite side's size within `takerCollarBps` of the reference price. */
  readonly marketDepthShareMax: number
}

/** Messages to one venue: a bucket of `burst` tokens refilled at `perSecond`; orders leave `reserve` for cancellations. */
export interface MessageRate {
  readonly perSecond: number
  readonly burst: number
  readonly reserve: number
}

/** Pre-trade limits. Exposures are in dollars at the mark and count every open order as filled. */
export interface LimitsConfig {
  readonly instrument: InstrumentLimits
  /** Exceptions by instrument name: `BTC-USDT-PERP@binance-usdm`. */
  readonly byInstrument: Readonly<Record<string, Partial<InstrumentLimits>>>
  readonly openOrdersMax: number
  readonly messageRate: MessageRate
  /** Exceptions by venue. */
  readonly messageRateByVenue: Readonly<Record<string, MessageRate>>
  readonly grossExposureMax: number
  readonly netExposureMax: number
  /** Gross exposure over equity. */
  readonly leverageMax: number
  /** Initial margin of positions and open orders over equity. */
  readonly marginUseMax: number
  /** Initial margin as a fraction of notional where the instrument has no margin schedule. */
  readonly initialMarginRate: number
}

/** What all breaker rules have in common. */
export interface RuleBase {
  readonly act: GateActKind
  /** Reads in a row that must breach before it acts. NaN never waits. */
  readonly confirmations: number
  /** A reset is refused until this long after the last act. */
  readonly cooldownUs: number
}

/** Loss as a fraction of the account's equity; with `policy`, of that policy's own: its `capital` and its profit. */
export interface LossRule extends RuleBase {
  readonly breaker: 'drawdown-from-peak' | 'drawdown-from-start' | 'daily-loss'
  readonly limit: number
  readonly policy?: number
  /** Dollars the policy was given. */
  readonly capital?: number
}

/**
 * Loss on an underlying since a position in it was opened, as a fraction of the account's equity at that moment. Spot,
 * perpetuals and options of one coin count together, so that the losing leg of a hedge is not taken for a bad trade.
 */
export interface TradeLossRule extends RuleBase {
  readonly breaker: 'trade-loss'
  readonly limit: number
}

/** Equity that cannot be computed. */
export interface EquityNanRule extends RuleBase {
  readonly breaker: 'equity-nan'
  /** How long after the first event prices may still be unknown; orders are refused meanwhile. */
  readonly startupUs: number
}

export interface StaleDataRule extends RuleBase {
  readonly breaker: 'stale-data'
  /** Oldest book, touch or bar to trade on; for bars, at least two and a half of their durations. */
  readonly ageMaxUs: number
}

export interface GappedDataRule extends RuleBase {
  readonly breaker: 'gapped-data'
  /** How long a book may wait for its snapshot. */
  readonly graceUs: number
}

export interface FeedLatencyRule extends RuleBase {
  readonly breaker: 'feed-latency'
  /** Receive time less venue time. */
  readonly latencyMaxUs: number
}

export interface ClockSkewRule extends RuleBase {
  readonly breaker: 'clock-skew'
  /** Furthest a venue time may lie in our future: a message cannot arrive before it was sent. */
  readonly aheadMaxUs: number
  /** Greatest least latency of a window: a slow network is now and then fast, a clock behind ours never. */
  readonly behindMaxUs: number
  /** Furthest the least latency of a window may move from that of the first. */
  readonly driftMaxUs: number
  readonly windowUs: number
}

export interface SpreadShockRule extends RuleBase {
  readonly breaker: 'spread-shock'
  /** Trips above `blowoutRatio` times the running median spread and below `collapseRatio` times it. */
  readonly blowoutRatio: number
  /** A spread narrower than this, in bps of the price, is no blowout: where one tick is usual, fifty may be nothing. */
  readonly blowoutBpsMin: number
  readonly collapseRatio: number
  /** Length of the running median in samples, and how far apart they are. Nothing is judged before it is full. */
  readonly samples: number
  readonly sampleUs: number
}

export interface DepthCollapseRule extends RuleBase {
  readonly breaker: 'depth-collapse'
  /** Trips when the thinner side's first `levels` levels hold less than this share of their running median. */
  readonly ratioMin: number
  readonly levels: number
  readonly samples: number
  readonly sampleUs: number
}

export interface MarkDivergenceRule extends RuleBase {
  readonly breaker: 'mark-divergence'
  /** Furthest the mark may lie from the index or oracle price. */
  readonly divergenceMaxBps: number
}

export interface FundingExtremeRule extends RuleBase {
  readonly breaker: 'funding-extreme'
  /** Largest absolute rate, settled or forecast, per eight hours whatever the venue's interval. */
  readonly rateMax: number
}

export interface VolatilityJumpRule extends RuleBase {
  readonly breaker: 'volatility-jump'
  /** Short-run over long-run volatility. */
  readonly ratioMax: number
  /** Time constants of the two averages. */
  readonly shortUs: number
  readonly longUs: number
  readonly warmupUs: number
  readonly sampleUs: number
}

export interface CorrelationToOneRule extends RuleBase {
  readonly breaker: 'correlation-to-one'
  /** Largest average correlation over all pairs. */
  readonly correlationMax: number
  /** Memory of the averages, in samples. */
  readonly halfLife: number
  readonly warmup: number
  /** Many times the usual wait between messages: prices heard at different moments look less alike than they are. */
  readonly sampleUs: number
  /** Instruments to compare, by name; absent: the first of each base currency. Two of one base move together always. */
  readonly instruments?: readonly string[]
}

export interface RejectStormRule extends RuleBase {
  readonly breaker: 'reject-storm'
  /** Most rejections from one venue within `windowUs`. */
  readonly rejectsMax: number
  readonly windowUs: number
  /** Reasons that are a quoter's daily life and do not count. */
  readonly ignore: readonly RejectReason[]
}

export interface ModelRangeRule extends RuleBase {
  readonly breaker: 'model-range'
  /** Largest share of a model's inputs outside the range it was trained on. */
  readonly shareMax: number
}

/** What the account could lose over a horizon, as a fraction of its equity: see `breakers/tailLimit.ts` for how it is reckoned. */
export interface TailRule extends RuleBase {
  readonly breaker: 'value-at-risk' | 'expected-shortfall'
  readonly limit: number
  /** Share of samples that lose no more than the value at risk: 0.975. */
  readonly level: number
  readonly horizonUs: number
  readonly sampleUs: number
  /** Samples kept, and samples with a position before anything is judged: at least 1 / (1 − level). */
  readonly window: number
  readonly warmup: number
}

/** Margin of one venue used up, as its margin engine reports it through `Gate.reportMargin`. */
export interface MarginRatioRule extends RuleBase {
  readonly breaker: 'margin-ratio'
  /** Largest maintenance margin over equity; 1 is liquidation. */
  readonly ratioMax: number
}

/** Health of a perpetual's or future's market (`systemic/marketHealth.ts`), looked at every ten seconds. */
export interface MarketHealthRule extends RuleBase {
  readonly breaker: 'market-health'
  /** Least score, 0 to 1. */
  readonly healthMin: number
  /** Parts that must be known, 1 to 4. Fewer from the beginning: nothing is judged; fewer later: it counts as 0. */
  readonly partsMin: number
}

export type BreakerRule =
  | LossRule
  | TradeLossRule
  | EquityNanRule
  | StaleDataRule
  | GappedDataRule
  | FeedLatencyRule
  | ClockSkewRule
  | SpreadShockRule
  | DepthCollapseRule
  | MarkDivergenceRule
  | FundingExtremeRule
  | VolatilityJumpRule
  | CorrelationToOneRule
  | RejectStormRule
  | ModelRangeRule
  | TailRule
  | MarginRatioRule
  | MarketHealthRule

export type BreakerName = BreakerRule['breaker']

/** See {@link RiskConfig.flattenLeaves}. */
export type FlattenLeaves = 'coin-hedges' | 'nothing'

/** Everything the gate holds. A watchdog beside the engine reads the same object. */
export interface RiskConfig {
  readonly limits: LimitsConfig
  /** Several rules of one breaker make steps: pause at 5 %, flatten at 10 %. */
  readonly breakers: readonly BreakerRule[]
  /** Least engine time between two looks at equity, depth and the like. */
  readonly checkUs: number
  /**
   * A read of equity counts towards confirmations when every held instrument was priced anew since the last that
   * counted, or when this much time has passed: looking thrice at one bad tick is not three confirmations.
   */
  readonly confirmUs: number
  /** A demand not yet met (orders rest, a position stands) is repeated after this long, then after twice that, up to a minute. */
  readonly redemandUs: number
  /**
   * What a flatten leaves open. `coin-hedges`: the part of a perpetual, future or spot holding that offsets coins which stay, so
   * that a book worth the same dollars at any price is still that when it is flat. `nothing`: everything is closed and coins stay
   * as they are, for a run whose unit is the coin. Absent: `nothing`, which is what runs recorded without the choice did.
   */
  readonly flattenLeaves?: FlattenLeaves
  /** How sizes shrink in turbulence, ill health and drawdown; absent: they do not. */
  readonly sizing?: SizingConfig
}

/** The rules of the default configuration, each with the reason for its numbers. */
const DEFAULT_BREAKERS: readonly BreakerRule[] = [
  // Losses are read from marks, which misprint: three reads. What they ask for cannot wait for a person.
  { breaker: 'drawdown-from-peak', act: 'flatten', confirmations: 3, cooldownUs: 0, limit: 0.2 },
  { breaker: 'drawdown-from-start', act: 'flatten', confirmations: 3, cooldownUs: 0, limit: 0.25 },
  { breaker: 'daily-loss', act: 'flatten', confirmations: 3, cooldownUs: 0, limit: 0.1 },
  { breaker: 'trade-loss', act: 'flatten', confirmations: 3, cooldownUs: 0, limit: 0.05 },
  // Selling what cannot be priced is a second mistake: stop adding, and call someone.
  { breaker: 'equity-nan', act: 'reduce-only', confirmations: 1, cooldownUs: 0, startupUs: MINUTE_US },
  { breaker: 'stale-data', act: 'cancel', confirmations: 1, cooldownUs: 0, ageMaxUs: 30 * SECOND_US },
  { breaker: 'gapped-data', act: 'cancel', confirmations: 1, cooldownUs: 0, graceUs: 10 * SECOND_US },
  { breaker: 'feed-latency', act: 'cancel', confirmations: 20, cooldownUs: 0, latencyMaxUs: 5 * SECOND_US },
  {
    breaker: 'clock-skew',
    act: 'pause',
    confirmations: 5,
    cooldownUs: 0,
    aheadMaxUs: SECOND_US,
    behindMaxUs: 5 * SECOND_US,
    driftMaxUs: 2 * SECOND_US,
    windowUs: MINUTE_US,
  },
  {
    breaker: 'spread-shock',
    act: 'cancel',
    confirmations: 5,
    cooldownUs: 0,
    blowoutRatio: 50,
    blowoutBpsMin: 20,
    collapseRatio: 0.01,
    samples: 255,
    sampleUs: SECOND_US,
  },
  {
    breaker: 'depth-collapse',
    act: 'cancel',
    confirmations: 10,
    cooldownUs: 0,
    ratioMin: 0.005,
    levels: 5,
    samples: 255,
    sampleUs: SECOND_US,
  },
  { breaker: 'mark-divergence', act: 'reduce-only', confirmations: 3, cooldownUs: 0, divergenceMaxBps: 300 },
  // 0.75 % per eight hours is where the large venues cap BTC and ETH: beyond it something is broken.
  { breaker: 'funding-extreme', act: 'pause', confirmations: 1, cooldownUs: 0, rateMax: 0.0075 },
  {
    breaker: 'volatility-jump',
    act: 'pause',
    confirmations: 5,
    cooldownUs: 0,
    ratioMax: 6,
    shortUs: MINUTE_US,
    longUs: 6 * HOUR_US,
    warmupUs: HOUR_US,
    sampleUs: SECOND_US,
  },
  {
    breaker: 'correlation-to-one',
    act: 'pause',
    confirmations: 6,
    cooldownUs: 0,
    correlationMax: 0.98,
    halfLife: 60,
    warmup: 60,
    sampleUs: 10 * SECOND_US,
  },
  {
    breaker: 'reject-storm',
    act: 'cancel',
    confirmations: 1,
    cooldownUs: 0,
    rejectsMax: 20,
    windowUs: 10 * SECOND_US,
    ignore: ['post-only', 'reduce-only', 'unknown-order', 'fill-or-kill'],
  },
  { breaker: 'model-range', act: 'reduce-only', confirmations: 10, cooldownUs: 0, shareMax: 0.2 },
  // A forecast of a loss and no loss: it stops growth and sells nothing. A quarter of equity a day is beyond what any rule above allows.
  {
    breaker: 'expected-shortfall',
    act: 'pause',
    confirmations: 3,
    cooldownUs: 0,
    limit: 0.25,
    level: 0.975,
    horizonUs: DAY_US,
    sampleUs: 5 * MINUTE_US,
    window: 1_000,
    warmup: 200,
  },
  // Being closed by us at the touch is cheaper than by the venue beyond it: 10 % of the way is left for the closing itself.
  { breaker: 'margin-ratio', act: 'reduce-only', confirmations: 3, cooldownUs: 0, ratioMax: 0.7 },
  { breaker: 'margin-ratio', act: 'flatten', confirmations: 2, cooldownUs: 0, ratioMax: 0.9 },
  // A score of 0.1 is most of the way to 10 October 2025 in every known part; ten seconds a look makes a minute.
  { breaker: 'market-health', act: 'reduce-only', confirmations: 6, cooldownUs: 0, healthMin: 0.1, partsMin: 2 },
]

/** Limits and breakers that suit an account of a few hundred thousand dollars trading large perpetuals. */
export const DEFAULT_RISK: RiskConfig = {
  limits: {
    instrument: {
      collarBps: 1_000,
      takerCollarBps: 200,
      optionCollarBps: 50,
      optionQuoteAgeMaxUs: 30 * SECOND_US,
      orderLotsMax: Number.POSITIVE_INFINITY,
      orderNotionalMax: 250_000,
      openOrdersMax: 50,
      positionLotsMax: Number.POSITIVE_INFINITY,
      positionNotionalMax: 1_000_000,
      marketDepthShareMax: 0.5,
    },
    byInstrument: {},
    openOrdersMax: 200,
    // Hyperliquid allows 1200 weight a minute, Binance 300 orders per 10 s: 20 a second passes both.
    messageRate: { perSecond: 20, burst: 100, reserve: 20 },
    messageRateByVenue: {},
    grossExposureMax: 5_000_000,
    netExposureMax: 2_000_000,
    leverageMax: 5,
    marginUseMax: 0.8,
    initialMarginRate: 0.1,
  },
  breakers: DEFAULT_BREAKERS,
  checkUs: 100_000,
  confirmUs: 10 * SECOND_US,
  redemandUs: SECOND_US,
  flattenLeaves: 'coin-hedges',
  sizing: DEFAULT_SIZING,
}
