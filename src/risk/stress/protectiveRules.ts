/**
 * @file What protects us under stress: the breakers of the gate as a cascade can read them, and a deleveraging rule beside them.
 *
 * A cascade knows moments and no messages. A rule reads each moment once; a move that took as long as the rule's confirmations need
 * (`confirmUs` each) was noticed while it happened, so the rule acts before venues do. A jump is noticed after it: venues, which
 * liquidate on the price itself, have their turn first. That is the difference between a crash one can get out of and a gap.
 */

import { DAY_US, HOUR_US } from '../../core/clock.ts'
import type { MarketView } from '../../portfolio/marketView.ts'
import { DailyLoss } from '../breakers/dailyLoss.ts'
import { DrawdownFromPeak } from '../breakers/drawdownFromPeak.ts'
import { DrawdownFromStart } from '../breakers/drawdownFromStart.ts'
import { FundingExtreme } from '../breakers/fundingExtreme.ts'
import { MarginRatio } from '../breakers/marginRatio.ts'
import { MarkDivergence } from '../breakers/markDivergence.ts'
import type { GateActKind } from '../gate.ts'
import type { BreakerName, BreakerRule, FlattenLeaves, MarginRatioRule, RiskConfig } from '../riskConfig.ts'
import { depthHealth, fundingHealth } from '../systemic/marketHealth.ts'
import type { HedgePlace } from './stressSettings.ts'

const YEAR_US = 365 * DAY_US

/** What a rule may look at. Everything in dollars. */
export interface StressReading {
  readonly timeUs: number
  /** Since the moment before; 0 for a jump at the start. */
  readonly elapsedUs: number
  readonly equity: number
  readonly market: MarketView
  /** The market one moment ago, and before the scenario began. */
  readonly before: MarketView
  readonly calm: MarketView
  /** Equity over maintenance of each account, by number in the book; Infinity where nothing can be liquidated. */
  readonly marginRatios: readonly number[]
  /** Assets the book holds, and where it holds perpetuals. */
  readonly assets: readonly string[]
  readonly perpetuals: readonly HedgePlace[]
  readonly venues: readonly string[]
  /** Profit of everything held on an asset since the scenario began: spot, perpetuals and options together. */
  profit(asset: string): number
}

/** What a rule asks for: the acts of the gate, or to close part of one account until its margin is sound. */
export type ProtectiveDemand =
  | {
      readonly act: GateActKind
      readonly asset?: string
      /** Number of the one account it is about; absent: the whole book. */
      readonly account?: number
      /** Of a flatten; `coin-hedges` when absent. */
      readonly leaves?: FlattenLeaves
      readonly measured: number
      readonly allowed: number
    }
  | {
      readonly act: 'deleverage'
      readonly account: number
      readonly toRatio: number
      readonly measured: number
      readonly allowed: number
    }

/** Watches one run. */
export interface ProtectiveWatch {
  /** Called once before the scenario with nothing changed, then at each moment. */
  observe(reading: StressReading): readonly ProtectiveDemand[]
}

/** A rule of protection: data about it, and a fresh watch for each run. */
export interface ProtectiveRule {
  readonly name: string
  /** Time its confirmations take: a move quicker than that is over before it acts. */
  readonly reactionUs: number
  watch(): ProtectiveWatch
}

const NOTHING: readonly ProtectiveDemand[] = []

/** A watch that asks once for one act when its measurement breaches. Latched: a breaker acts once. */
function once(
  act: GateActKind,
  measure: (reading: StressReading) => { breached: boolean; measured: number; allowed: number },
): ProtectiveWatch {
  let latched = false
  return {
    observe(reading) {
      if (latched) return NOTHING
      const { breached, measured, allowed } = measure(reading)
      if (!breached) return NOTHING
      latched = true
      return [{ act, measured, allowed }]
    },
  }
}

/** The largest of a figure over places; NaN, which trips, wins. */
function worst<Place>(places: readonly Place[], figure: (place: Place) => number): number {
  let most = 0
  for (const place of places) {
    const value = figure(place)
    if (Number.isNaN(value)) return value
    if (value > most) most = value
  }
  return most
}

function tradeLoss(limit: number, act: GateActKind): ProtectiveWatch {
  const latched = new Set<string>()
  let opened = Number.NaN
  return {
    observe(reading) {
      if (Number.isNaN(opened)) opened = reading.equity
      const demands: ProtectiveDemand[] = []
      for (const asset of reading.assets) {
        const measured = opened > 0 ? -reading.profit(asset) / opened : Number.POSITIVE_INFINITY
        if (latched.has(asset) || measured <= limit) continue
        latched.add(asset)
        demands.push({ act, asset, measured, allowed: limit })
      }
      return demands
    },
  }
}

/** Depth of the thinnest book over what it was in calm; books nobody knows are left out. */
function depthRatio({ market, calm, venues, assets }: StressReading): number {
  let least = Number.POSITIVE_INFINITY
  for (const venue of venues)
    for (const asset of assets) {
      const usual = calm.liquidity(venue, asset)
      const now = market.liquidity(venue, asset)
      if (usual && now) least = Math.min(least, now.depth / usual.depth)
    }
  return least
}

function spreadRatio({ market, calm, venues, assets }: StressReading): { ratio: number; bps: number } {
  let ratio = 0
  let bps = 0
  for (const venue of venues)
    for (const asset of assets) {
      const usual = calm.liquidity(venue, asset)
      const now = market.liquidity(venue, asset)
      if (!usual || !now || !(now.halfSpread / usual.halfSpread > ratio)) continue
      ratio = now.halfSpread / usual.halfSpread
      bps = 2 * now.halfSpread * 10_000
    }
  return { ratio, bps }
}

/** Speed of the last move over the volatility implied before the scenario, the greatest over assets; 0 where none is known. */
function volatilityRatio({ market, before, calm, assets, elapsedUs }: StressReading): number {
  return worst(assets, (asset) => {
    const moved = Math.abs(Math.log(market.spot(asset) / before.spot(asset)))
    if (moved === 0) return 0
    const usual = calm.volatility(asset, calm.timeUs + 30 * DAY_US, calm.spot(asset))
    // An asset without options has no usual volatility to compare with: the rule is about those that have.
    return Number.isNaN(usual) ? 0 : moved / Math.sqrt(elapsedUs / YEAR_US) / usual
  })
}

/** Maintenance over equity of each account, as its breaker reads it; each latches by itself. */
function marginUse(rule: MarginRatioRule): ProtectiveWatch {
  const latched = new Set<number>()
  const breaker = new MarginRatio(rule.ratioMax)
  return {
    observe: ({ marginRatios }) =>
      marginRatios.flatMap((ratio, account): ProtectiveDemand[] => {
        // Equity over maintenance the other way round: nothing left is all used, nothing asked is none.
        const breached = breaker.observe(ratio > 0 ? 1 / ratio : Number.isNaN(ratio) ? ratio : Number.POSITIVE_INFINITY)
        if (!breached || latched.has(account)) return []
        latched.add(account)
        const { measured, allowed } = breaker
        return [{ act: rule.act, account, measured, allowed }]
      }),
  }
}

/**
 * Health of the sickest perpetual's market, of the parts a view tells: depth against calm at unchanged open interest, funding
 * against calm as if it had never strayed from it. Infinite where fewer than `partsMin` are told.
 */
function leastHealth({ market, calm, perpetuals }: StressReading, partsMin: number): number {
  let least = Number.POSITIVE_INFINITY
  for (const { venue, asset } of perpetuals) {
    const parts: number[] = []
    const usual = calm.liquidity(venue, asset)
    const now = market.liquidity(venue, asset)
    if (usual && now) parts.push(depthHealth(usual.depth / now.depth))
    parts.push(fundingHealth(market.fundingPerDay(venue, asset) / 3, calm.fundingPerDay(venue, asset) / 3, 0))
    if (parts.length < partsMin) continue
    const score = parts.reduce((product, part) => product * part, 1) ** (1 / parts.length)
    if (!(score >= least)) least = score
  }
  return least
}

function watchOf(rule: BreakerRule): ProtectiveWatch | undefined {
  const { act } = rule
  switch (rule.breaker) {
    case 'margin-ratio':
      return marginUse(rule)
    case 'market-health':
      return once(act, (reading) => {
        const measured = leastHealth(reading, rule.partsMin)
        return { breached: !(measured >= rule.healthMin), measured, allowed: rule.healthMin }
      })
    case 'drawdown-from-peak':
    case 'drawdown-from-start':
    case 'daily-loss': {
      // A rule over one policy's capital has no book of its own here.
      if (rule.policy !== undefined) return undefined
      const { limit } = rule
      const breaker =
        rule.breaker === 'daily-loss'
          ? new DailyLoss(limit)
          : rule.breaker === 'drawdown-from-peak'
            ? new DrawdownFromPeak(limit)
            : new DrawdownFromStart(limit)
      return once(act, ({ equity, timeUs }) => {
        const breached = breaker.observe(equity, equity, timeUs)
        return { breached, measured: breaker.measured, allowed: breaker.allowed }
      })
    }
    case 'trade-loss':
      return tradeLoss(rule.limit, act)
    case 'equity-nan':
      return once(act, ({ equity }) => ({ breached: Number.isNaN(equity), measured: equity, allowed: 0 }))
    case 'depth-collapse':
      return once(act, (reading) => {
        const measured = depthRatio(reading)
        return { breached: measured < rule.ratioMin, measured, allowed: rule.ratioMin }
      })
    case 'spread-shock':
      return once(act, (reading) => {
        const { ratio, bps } = spreadRatio(reading)
        const breached = ratio > rule.blowoutRatio && bps > rule.blowoutBpsMin
        return { breached, measured: ratio, allowed: rule.blowoutRatio }
      })
    case 'mark-divergence': {
      const breaker = new MarkDivergence(rule.divergenceMaxBps)
      return once(act, ({ market, perpetuals }) => {
        const breached = perpetuals.some(({ venue, asset }) =>
          breaker.observe(market.perpetual(venue, asset), market.spot(asset)),
        )
        return { breached, measured: breaker.measured, allowed: breaker.allowed }
      })
    }
    case 'funding-extreme': {
      const breaker = new FundingExtreme(rule.rateMax)
      return once(act, ({ market, perpetuals }) => {
        const daily = worst(perpetuals, ({ venue, asset }) => Math.abs(market.fundingPerDay(venue, asset)))
        return { breached: breaker.observe(daily, 24 * HOUR_US), measured: breaker.measured, allowed: rule.rateMax }
      })
    }
    case 'volatility-jump':
      return once(act, (reading) => {
        const measured = volatilityRatio(reading)
        return { breached: measured > rule.ratioMax, measured, allowed: rule.ratioMax }
      })
    default:
      return undefined
  }
}

/** A breaker no cascade can read, and what it would have to have for it. */
export interface UnwatchedBreaker {
  readonly breaker: BreakerName
  readonly why: string
}

const MESSAGES = 'a scenario has moments and no messages'
const PAST = 'it learns from samples of the past, and a scenario begins without any'
const WHY: Partial<Record<BreakerName, string>> = {
  'stale-data': MESSAGES,
  'gapped-data': MESSAGES,
  'feed-latency': MESSAGES,
  'clock-skew': MESSAGES,
  'reject-storm': 'no orders are refused in a scenario',
  'model-range': 'no models run in a scenario',
  'correlation-to-one': PAST,
  'value-at-risk': PAST,
  'expected-shortfall': PAST,
}

/** Breakers of a risk configuration that no cascade watches, each once. */
export function unwatchedBreakers({ breakers }: Pick<RiskConfig, 'breakers'>): UnwatchedBreaker[] {
  const found = new Map<BreakerName, UnwatchedBreaker>()
  for (const rule of breakers) {
    if (watchOf(rule)) continue
    const why = WHY[rule.breaker] ?? 'a policy has no book of its own in a scenario'
    found.set(rule.breaker, { breaker: rule.breaker, why })
  }
  return [...found.values()]
}

/** The breakers of a risk configuration that a cascade can read, with their limits, acts and confirmations. */
export function protectiveRules({
  breakers,
  confirmUs,
  flattenLeaves = 'nothing',
}: Pick<RiskConfig, 'breakers' | 'confirmUs' | 'flattenLeaves'>): ProtectiveRule[] {
  return breakers.flatMap((rule) => {
    if (!watchOf(rule)) return []
    const reactionUs = (rule.confirmations - 1) * confirmUs
    return [{ name: rule.breaker, reactionUs, watch: () => leaving(watchOf(rule)!, flattenLeaves) }]
  })
}

/** A watch whose flattens leave what the configuration says. */
function leaving(watch: ProtectiveWatch, leaves: FlattenLeaves): ProtectiveWatch {
  return {
    observe: (reading) =>
      watch.observe(reading).map((demand) => (demand.act === 'flatten' ? { ...demand, leaves } : demand)),
  }
}

/**
 * Closes positions of any account whose equity over maintenance falls below `below`, until it is `toRatio`: before its venue
 * does the same at a penalty.
 */
export function deleverageRule(below = 1.2, toRatio = 1.5): ProtectiveRule {
  return {
    name: 'deleverage',
    reactionUs: 0,
    watch: () => ({
      observe: ({ marginRatios }) =>
        marginRatios.flatMap((measured, account): ProtectiveDemand[] =>
          measured >= below ? [] : [{ act: 'deleverage', account, toRatio, measured, allowed: below }],
        ),
    }),
  }
}

/** Flattens when a dollar coin of the book is worth less than `floor`. */
export function pegRule(currencies: readonly string[], floor = 0.97, act: GateActKind = 'flatten'): ProtectiveRule {
  return {
    name: 'peg-lost',
    reactionUs: 0,
    watch: () =>
      once(act, ({ market }) => {
        const measured = Math.min(...currencies.map((currency) => market.spot(currency)))
        return { breached: !(measured >= floor) && currencies.length > 0, measured, allowed: floor }
      }),
  }
}
