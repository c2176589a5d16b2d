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
import type { SviSurface } from './sviSurface.ts'

const YEAR_US = 365 * 86_400_000_000
/** Simpson's panels between two borders, and the width of a border in deviations at the money. */
const PANELS = 160
const STRETCH = 4
/** A stretch that adds less than this share is the last. */
const NEGLIGIBLE = 1e-11
/** No wing the surface allows is heavier than Lee's; beyond this log-moneyness doubles end. */
const FAR = 300

/** Volatility of the variance swap to an expiry, a fraction a year; NaN at or before the surface's time. */
export function varianceSwapVolatility(surface: SviSurface, expiryUs: number): number {
  const years = (expiryUs - surface.timeUs) / YEAR_US
  const money = surface.totalVariance(expiryUs, 0)
  if (!(years > 0 && money > 0)) return Number.NaN
  const at = (k: number) =>
    Math.exp(-0.5 * k) * normalisedBlack(-Math.abs(k), Math.sqrt(surface.totalVariance(expiryUs, k)))
  let sum = 0
  for (const side of [-1, 1]) {
    let from = 0
    let width = STRETCH * Math.sqrt(money)
    while (from < FAR) {
      const added = simpson((k) => at(side * k), from, Math.min(FAR, from + width))
      sum += added
      if (added < NEGLIGIBLE * sum) break
      from += width
      // Fat wings fall off slowly and are smooth.
      width *= 1.5
    }
  }
  return Math.sqrt((2 * sum) / years)
}

function simpson(at: (k: number) => number, from: number, to: number): number {
  const step = (to - from) / PANELS
  let sum = at(from) + at(to)
  for (let i = 1; i < PANELS; i++) sum += (i % 2 === 1 ? 4 : 2) * at(from + i * step)
  return (sum * step) / 3
}

/** Volatility of the variance swap over the next `days`, 30 unless told: a volatility index in the manner of VIX and DVOL. */
export function volatilityIndex(surface: SviSurface, days = 30): number {
  return varianceSwapVolatility(surface, surface.timeUs + (days * YEAR_US) / 365)
}
