/**
 * @file A short call hedged along paths of its underlying, with proportional costs: the study every hedge rule is compared in.
 *
 * Setting and figures are those of pfhedge's reference runs: profit = −payoff + Σ δ(S' − S) − c Σ |Δδ| S, the first trade
 * included, the last position not unwound.
 *
 * Source: S. Imaki, K. Imajo, K. Ito, K. Minami and K. Nakagawa, "No-transaction band network: a neural network architecture
 * for efficient deep hedging", arXiv 2103.01775 (2021), section 6; program pfhedge.
 */

import { normalCdf } from '../../core/errorFunction.ts'
import { GimbalError } from '../../core/errors.ts'
import type { Random } from '../../core/random.ts'
import { whalleyWilmottHalfWidth } from './hedgeBands.ts'

/** The option sold and how it is hedged. */
export interface HedgeStudy {
  readonly strike: number
  /** Volatility of the underlying and of the hedge's deltas, a year. */
  readonly volatility: number
  /** Years between two trades. */
  readonly stepYears: number
  /** Proportional cost, a fraction. */
  readonly cost: number
  /** Absolute risk aversion, for the band. */
  readonly riskAversion: number
  /** `delta`: to the Black-Scholes delta at every step; `band`: to the nearer edge of the Whalley-Wilmott band. */
  readonly rule: 'delta' | 'band'
}

/** One path, hedged. */
export interface HedgedPath {
  /** Units held after each trade, one per step. */
  readonly hedge: Float64Array
  readonly payoff: number
  readonly gain: number
  readonly cost: number
  /** −payoff + gain − cost. */
  readonly profit: number
}

const ROOT_TWO_PI = 2.5066282746310002

/** Units to hold at a step, given what is held. */
function wanted(study: HedgeStudy, price: number, years: number, held: number): number {
  const spread = study.volatility * Math.sqrt(years)
  const d1 = Math.log(price / study.strike) / spread + 0.5 * spread
  const delta = normalCdf(d1)
  if (study.rule === 'delta') return delta
  const gamma = Math.exp(-0.5 * d1 * d1) / (ROOT_TWO_PI * price * spread)
  const half = whalleyWilmottHalfWidth(study.cost, price, gamma, study.riskAversion)
  return Math.min(Math.max(held, delta - half), delta + half)
}

/**
 * Hedges one path.
 *
 * @param prices Of the underlying at every step, the start and the expiry included.
 * @throws {GimbalError} `argument-invalid` for fewer than two prices.
 */
export function hedgePath(study: HedgeStudy, prices: ArrayLike<number>): HedgedPath {
  const steps = prices.length - 1
  if (!(steps >= 1))
    throw new GimbalError('argument-invalid', 'A path has a start and an end', { prices: prices.length })
  const hedge = new Float64Array(steps)
  let held = 0
  let gain = 0
  let cost = 0
  for (let step = 0; step < steps; step++) {
    const price = prices[step]!
    const units = wanted(study, price, (steps - step) * study.stepYears, held)
    cost += study.cost * Math.abs(units - held) * price
    gain += units * (prices[step + 1]! - price)
    hedge[step] = units
    held = units
  }
  const payoff = Math.max(0, prices[steps]! - study.strike)
  return { hedge, payoff, gain, cost, profit: -payoff + gain - cost }
}

/**
 * Profits over simulated paths of a geometric Brownian motion without drift, started at `start`. The same generator gives the
 * same paths to every study, so that rules and costs are compared on equal terms.
 *
 * @param steps Steps to expiry, of `stepYears` each.
 */
export function simulateHedges(
  study: HedgeStudy,
  start: number,
  steps: number,
  paths: number,
  random: Random,
): Float64Array {
  const { stepYears, volatility, strike, cost } = study
  const profits = new Float64Array(paths)
  const deviation = volatility * Math.sqrt(stepYears)
  const drift = -0.5 * deviation * deviation
  for (let path = 0; path < paths; path++) {
    let price = start
    let held = 0
    let profit = 0
    for (let step = 0; step < steps; step++) {
      const units = wanted(study, price, (steps - step) * stepYears, held)
      const next = price * Math.exp(drift + deviation * random.normal())
      profit += units * (next - price) - cost * Math.abs(units - held) * price
      held = units
      price = next
    }
    profits[path] = profit - Math.max(0, price - strike)
  }
  return profits
}
