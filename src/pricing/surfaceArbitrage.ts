/**
 * @file Where, and how much, a surface could be arbitraged.
 *
 * The fitted slices and their pairs are decided for every strike (`sviArbitrage.ts`). What the surface makes up, between them and
 * beyond the last, is looked at: at seven times between two expiries, three beyond the last, at points crowded where the slices
 * bend. Before the first there is nothing to look for (`sviSurface.ts`).
 */

import { durrleman, type RawSvi, sviPoint, sviVariance } from './svi.ts'
import { type ButterflyCheck, type CalendarCheck, checkButterfly, checkCalendar } from './sviArbitrage.ts'
import type { SviSurface } from './sviSurface.ts'

/** A slice the surface makes up, where its g is least. */
export interface MadeUpSlice {
  /** Time of the slice. */
  readonly expiryUs: number
  readonly gLeast: number
  /** Log-moneyness. */
  readonly at: number
}

/** What was found of a surface. */
export interface SurfaceArbitrage {
  /** Nothing found: all verdicts are `free`, and g is at least 0 wherever it was looked at. */
  readonly free: boolean
  /** A row a slice. */
  readonly butterflies: readonly (ButterflyCheck & { readonly expiryUs: number })[]
  /** A row a pair of neighbours. */
  readonly calendars: readonly (CalendarCheck & { readonly earlierUs: number; readonly laterUs: number })[]
  /** Worst slice between each pair of neighbours. */
  readonly between: readonly MadeUpSlice[]
  /** Worst slice after the last. */
  readonly beyond: MadeUpSlice
}

const POINTS = 65
const SHARES = [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875] as const
const GROWTHS = [0.25, 1, 4] as const

/** Points crowded where a slice bends and reaching far beyond where it is straight. */
function pointsOf({ m, sigma }: RawSvi): number[] {
  const far = Math.asinh((4 + Math.abs(m)) / sigma)
  return Array.from({ length: POINTS }, (_, i) => m + sigma * Math.sinh(far * ((2 * i) / (POINTS - 1) - 1)))
}

function worstBetween(earlier: RawSvi, later: RawSvi): { share: number; gLeast: number; at: number } {
  const worst = { share: Number.NaN, gLeast: Number.POSITIVE_INFINITY, at: Number.NaN }
  for (const k of [...pointsOf(earlier), ...pointsOf(later)]) {
    const p = sviPoint(earlier, k)
    const q = sviPoint(later, k)
    for (const share of SHARES) {
      const rest = 1 - share
      const g = durrleman(
        k,
        rest * p.variance + share * q.variance,
        rest * p.slope + share * q.slope,
        rest * p.curvature + share * q.curvature,
      )
      if (!(g >= worst.gLeast)) Object.assign(worst, { share, gLeast: g, at: k })
    }
  }
  return worst
}

function worstBeyond(last: RawSvi): { growth: number; gLeast: number; at: number } {
  const worst = { growth: Number.NaN, gLeast: Number.POSITIVE_INFINITY, at: Number.NaN }
  const money = sviVariance(last, 0)
  for (const k of pointsOf(last)) {
    const { variance, slope, curvature } = sviPoint(last, k)
    for (const growth of GROWTHS) {
      const g = durrleman(k, variance + growth * money, slope, curvature)
      if (!(g >= worst.gLeast)) Object.assign(worst, { growth, gLeast: g, at: k })
    }
  }
  return worst
}

/** Looks for arbitrage in a surface; see the file's header for what is proved and what is looked at. */
export function surfaceArbitrage(surface: SviSurface): SurfaceArbitrage {
  const { slices, timeUs } = surface
  const butterflies = slices.map(({ expiryUs, svi }) => ({ expiryUs, ...checkButterfly(svi) }))
  const calendars: (CalendarCheck & { earlierUs: number; laterUs: number })[] = []
  const between: MadeUpSlice[] = []
  for (let i = 1; i < slices.length; i++) {
    const { svi: earlier, expiryUs: earlierUs } = slices[i - 1]!
    const { svi: later, expiryUs: laterUs } = slices[i]!
    calendars.push({ earlierUs, laterUs, ...checkCalendar(earlier, later) })
    const { share, gLeast, at } = worstBetween(earlier, later)
    between.push({ expiryUs: earlierUs + share * (laterUs - earlierUs), gLeast, at })
  }
  const last = slices[slices.length - 1]!
  const { growth, gLeast, at } = worstBeyond(last.svi)
  const beyond = { expiryUs: last.expiryUs + growth * (last.expiryUs - timeUs), gLeast, at }
  const free =
    butterflies.every(({ verdict }) => verdict === 'free') &&
    calendars.every(({ verdict }) => verdict === 'free') &&
    [...between, beyond].every((slice) => slice.gLeast >= 0)
  return { free, butterflies, calendars, between, beyond }
}
