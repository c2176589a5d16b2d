/**
 * @file The fair variance of a surface: what a variance swap to an expiry would pay, and the volatility index made of it.
 *
 * A swap on the variance of a price without jumps is replicated by out-of-the-money options, each weighing 2/K². In the fitted smile
 * every strike is there, so nothing is truncated as in an index from listed strikes:
 *
 *     T σ² = 2 ∫ O(k)/F e^(−k) dk,   O the undiscounted out-of-the-money price at ln(K/F) = k.
 *
 * Source: K. Demeterfi, E. Derman, M. Kamal, J. Zou, "More than you ever wanted to know about volatility swaps" (1999), eq. 26.
 */

import { normalisedBlack } from './normalisedBlack.ts'
import type { VolatilitySurface } from './volatilitySurface.ts'

const YEAR_US = 365 * 86_400_000_000
/** Simpson's panels between two borders, and the width of a border in deviations at the money. */
const PANELS = 160
const STRETCH = 4
/** A stretch that adds less than this share is the last. */
const NEGLIGIBLE = 1e-11
/** Beyond this log-moneyness doubles end. */
const FAR = 300
/** What the last stretch before it may still add, as a share: more, and the sum is not known. */
const UNFINISHED = 1e-8

/** A variance swap priced off a surface. */
export interface VarianceSwap {
  /** A fraction a year. */
  readonly volatility: number
  /** Share of its variance that options between two strikes make up; the rest is the surface's own opinion of the wings. */
  readonly quotedShare: number
}

/**
 * The variance swap to an expiry. Both figures are NaN at or before the surface's time, for NaN, and where the left wing is so near Lee's
 * bound of 2 that the sum does not end: at the bound itself the swap is worth more than any amount.
 *
 * @param from Log-moneyness of the least strike believed, at most 0; and of the greatest, at least 0. Everything when absent.
 */
export function varianceSwap(
  surface: VolatilitySurface,
  expiryUs: number,
  from = Number.NEGATIVE_INFINITY,
  to = Number.POSITIVE_INFINITY,
): VarianceSwap {
  const years = (expiryUs - surface.timeUs) / YEAR_US
  const money = surface.totalVariance(expiryUs, 0)
  if (!(years > 0 && money > 0)) return { volatility: Number.NaN, quotedShare: Number.NaN }
  const at = (k: number) =>
    Math.exp(-0.5 * k) * normalisedBlack(-Math.abs(k), Math.sqrt(surface.totalVariance(expiryUs, k)))
  const first = STRETCH * Math.sqrt(money)
  const left = sideSum((k) => at(-k), first, Math.max(0, -from))
  const right = sideSum(at, first, Math.max(0, to))
  const sum = left.sum + right.sum
  return { volatility: Math.sqrt((2 * sum) / years), quotedShare: (left.quoted + right.quoted) / sum }
}

/** Integral of one side of the smile, and of its part up to `border`. */
function sideSum(at: (k: number) => number, first: number, border: number): { sum: number; quoted: number } {
  let sum = 0
  let quoted = 0
  let from = 0
  let width = first
  while (from < FAR) {
    const to = Math.min(FAR, from + width)
    const added = simpson(at, from, to)
    sum += added
    if (border >= to) quoted += added
    else if (border > from) quoted += simpson(at, from, border)
    if (added < NEGLIGIBLE * sum) break
    if (to === FAR && added > UNFINISHED * sum) return { sum: Number.NaN, quoted: Number.NaN }
    from = to
    // Fat wings fall off slowly and are smooth.
    width *= 1.5
  }
  return { sum, quoted }
}

/** Volatility of {@link varianceSwap}. */
export function varianceSwapVolatility(surface: VolatilitySurface, expiryUs: number): number {
  return varianceSwap(surface, expiryUs).volatility
}

function simpson(at: (k: number) => number, from: number, to: number): number {
  const step = (to - from) / PANELS
  let sum = at(from) + at(to)
  for (let i = 1; i < PANELS; i++) sum += (i % 2 === 1 ? 4 : 2) * at(from + i * step)
  return (sum * step) / 3
}

/** Volatility of the variance swap over the next `days`, 30 unless told: a volatility index in the manner of VIX and DVOL. */
export function fittedVolatilityIndex(surface: VolatilitySurface, days = 30): number {
  return varianceSwapVolatility(surface, surface.timeUs + (days * YEAR_US) / 365)
}
