/**
 * @file From the quotes of a chain to a surface: forwards, cleaning, slices, and what became of every expiry.
 *
 * Expiries with believed quotes at five strikes get a slice of their own (`fitSvi.ts`). One with fewer begins as a slice in the
 * shape of SSVI between those of its neighbours, or with the smile of its only one over deviations, at the level of its quotes, and
 * moves to them as far as it stays free: those with most strikes first. It is named `ssvi-fallback`, and where nothing of that shape fits between the neighbours it is left to
 * interpolation, under its name too. A chain without five strikes at any expiry is begun at the one with most, two at least, from a
 * smile of SSVI that leans neither way.
 */

import { GimbalError } from '../core/errors.ts'
import { fitGuessed, fitSlices, type SliceBands, type SliceOutcome } from './fitSvi.ts'
import type { ForwardCurve } from './forwardCurve.ts'
import {
  type CleanQuotes,
  cleanQuotes,
  forwardCurveOf,
  type OptionQuotes,
  type QuoteRules,
  QuoteStatus,
} from './optionQuotes.ts'
import { type SsviSlice, ssviPhiWithin, ssviRaw, ssviVariance } from './ssvi.ts'
import { leeSlopes, type RawSvi, sviVariance } from './svi.ts'
import { butterflyFree, calendarFree } from './sviArbitrage.ts'
import { type SurfaceSlice, SviSurface } from './sviSurface.ts'

const YEAR_US = 365 * 86_400_000_000
/** Strikes an own slice takes: as many as it has parameters. */
const STRIKES_LEAST = 5
/** Strikes a surface takes where no expiry has as many: a level and a skew. */
const STRIKES_FIRST = 2
/** φ√θ of a smile nothing is known about: about what listed options of coins and of shares have. */
const BEND_UNKNOWN = 1
/** Times a level is sought: each at least halves what it is off. */
const LEVEL_PASSES = 20

/** What became of an expiry. */
export type ExpiryOutcome =
  | SliceOutcome
  /** Fewer than five strikes: a slice made of the neighbours' shape, or of none, and the quotes there are. */
  | 'ssvi-fallback'
  /** Fewer than five strikes, and no such slice fits between the neighbours: the surface interpolates. */
  | 'too-few-quotes'
  /** No quote to believe: the surface interpolates. */
  | 'empty'
  /** No forward is known: its rows say nothing. */
  | 'forward-unknown'

/** An expiry of the chain, and how the surface meets its quotes. */
export interface ExpiryFit {
  readonly expiryUs: number
  readonly years: number
  /** NaN where unknown. */
  readonly forward: number
  readonly outcome: ExpiryOutcome
  /** Rows of the chain. */
  readonly rows: number
  /** Of these, believed. */
  readonly used: number
  /** Different strikes among the believed. */
  readonly strikes: number
  /** Believed rows whose bid and ask hold the surface. */
  readonly inside: number
  /** Root mean square distance of the surface from believed mids, in volatility (0.01 is a point); NaN without any. */
  readonly distance: number
}

/** A surface and the evidence for it. */
export interface SurfaceFit {
  readonly surface: SviSurface
  /** Ascending in time: every expiry with a readable row. */
  readonly expiries: readonly ExpiryFit[]
  /** Status and bands of the rows. */
  readonly clean: CleanQuotes
}

/** What else is known when fitting. */
export interface SurfaceFitOptions {
  /** Price of the asset now, quote per base. */
  readonly spot?: number
  /** Prices of listed futures by expiry. */
  readonly futures?: ReadonlyMap<number, number>
  /** Forwards, where they are known already. */
  readonly curve?: ForwardCurve
  readonly rules?: QuoteRules
}

interface Expiry {
  readonly expiryUs: number
  readonly years: number
  readonly rows: number[]
  readonly used: number[]
  readonly strikes: number
}

function expiriesOf({ quotes, status }: CleanQuotes): Expiry[] {
  const found = new Map<number, number[]>()
  for (let i = 0; i < status.length; i++) {
    if (status[i] === QuoteStatus.INPUT_INVALID || status[i] === QuoteStatus.EXPIRED) continue
    const expiryUs = quotes.expiryUs[i]!
    const rows = found.get(expiryUs)
    if (rows) rows.push(i)
    else found.set(expiryUs, [i])
  }
  return [...found]
    .sort(([p], [q]) => p - q)
    .map(([expiryUs, rows]) => {
      const used = rows.filter((i) => status[i] === QuoteStatus.USED)
      const strikes = new Set(used.map((i) => quotes.strike[i]!)).size
      return { expiryUs, years: (expiryUs - quotes.timeUs) / YEAR_US, rows, used, strikes }
    })
}

function bandsOf({ years, used }: Expiry, clean: CleanQuotes): SliceBands {
  const column = (from: Float64Array) => Float64Array.from(used, (i) => from[i]!)
  return {
    years,
    logMoneyness: column(clean.logMoneyness),
    low: column(clean.bidVariance),
    high: column(clean.askVariance),
    mid: column(clean.midVariance),
  }
}

interface Slice {
  readonly years: number
  readonly svi: RawSvi
}

/** Shares of the way from the earlier neighbour's wings to the later one's at which a fallback is tried. */
const SHARES = [0.5, 0.25, 0.75, 0.1, 0.9, 0.02, 0.98] as const

/** By what variances of a slice must be multiplied for half of the quotes to lie above. */
function levelOf(bands: SliceBands, varianceAt: (k: number) => number): number {
  const ratios = Array.from(bands.mid, (mid, i) => mid / varianceAt(bands.logMoneyness[i]!))
  return ratios.sort((p, q) => p - q)[ratios.length >> 1]!
}

/** The same smile over deviations: λ²w at λk. Free of butterflies where the slice is, for λ up to 1. */
function stretched({ a, b, rho, m, sigma }: RawSvi, lambda: number): RawSvi {
  return { a: a * lambda * lambda, b: b * lambda, rho, m: m * lambda, sigma: sigma * lambda }
}

/** A slice through the quotes of an expiry in a chain that tells no more, from a smile that leans neither way. */
function firstSlice(bands: SliceBands): RawSvi {
  const shapeAt = (theta: number): SsviSlice => ({ theta, rho: 0, phi: BEND_UNKNOWN / Math.sqrt(theta) })
  let theta = bands.mid[0]!
  // The level moves the scale along k on which the smile bends: to where both agree, or nearly.
  for (let pass = 0; pass < LEVEL_PASSES; pass++) theta *= levelOf(bands, (k) => ssviVariance(shapeAt(theta), k))
  const shape = shapeAt(theta)
  const guess = ssviRaw({ ...shape, phi: ssviPhiWithin(shape) })
  if (!butterflyFree(guess))
    throw new GimbalError('fit-failed', 'No slice free of butterflies is near the few quotes there are', {
      years: bands.years,
      theta,
    })
  return fitGuessed(bands, guess, undefined, undefined)
}

/**
 * A slice that lies between its neighbours, at the level of its quotes if possible (`quoted`), else at theirs: a lone neighbour's
 * smile over deviations, or one of SSVI by the neighbours' wings. The lone neighbour's comes first, for its wings far out say little
 * of its smile.
 */
function fallbackSlice(
  bands: SliceBands,
  before: Slice | undefined,
  after: Slice | undefined,
): { slice: RawSvi; quoted: boolean } | undefined {
  const { years } = bands
  // A missing neighbour is the other one at the same volatility, its wings as √T.
  const scaled = ({ years: from, svi }: Slice) => ({
    theta: (sviVariance(svi, 0) * years) / from,
    left: leeSlopes(svi).left * Math.sqrt(years / from),
    right: leeSlopes(svi).right * Math.sqrt(years / from),
  })
  const own = ({ svi }: Slice) => ({ theta: sviVariance(svi, 0), ...leeSlopes(svi) })
  const low = before ? own(before) : scaled(after!)
  const high = after ? own(after) : scaled(before!)
  const time = before && after ? (years - before.years) / (after.years - before.years) : 0.5
  const level = low.theta + time * (high.theta - low.theta)
  const fits = (slice: RawSvi) =>
    butterflyFree(slice) && (!before || calendarFree(before.svi, slice)) && (!after || calendarFree(slice, after.svi))
  const lone = before && after ? undefined : (before ?? after)
  for (const quoted of bands.mid.length > 0 ? [true, false] : [false]) {
    if (lone) {
      let square = years / lone.years
      const smile = () => stretched(lone.svi, Math.sqrt(square))
      if (quoted)
        for (let pass = 0; pass < LEVEL_PASSES; pass++) {
          const now = smile()
          square *= levelOf(bands, (k) => sviVariance(now, k))
        }
      const slice = smile()
      if (fits(slice)) return { slice, quoted }
    }
    for (const share of SHARES) {
      const left = low.left ** (1 - share) * high.left ** share
      const right = low.right ** (1 - share) * high.right ** share
      const rho = Math.min(Math.max((right - left) / (right + left), -0.99), 0.99)
      const at = (theta: number) => {
        const shape = { theta, rho, phi: (left + right) / theta }
        return { ...shape, phi: ssviPhiWithin(shape) }
      }
      const shape = at(level)
      const slice = ssviRaw(at(quoted ? level * levelOf(bands, (k) => ssviVariance(shape, k)) : level))
      if (fits(slice)) return { slice, quoted }
    }
  }
  return undefined
}

/**
 * A slice through few quotes, from the shape of its neighbours; undefined where nothing fits between them. Quotes whose level does
 * not fit there are not followed: few against many, they are what is wrong.
 */
function thinSlice(bands: SliceBands, before: Slice | undefined, after: Slice | undefined): RawSvi | undefined {
  const guess = fallbackSlice(bands, before, after)
  return guess?.quoted ? fitGuessed(bands, guess.slice, before?.svi, after?.svi) : guess?.slice
}

/** How the surface meets the quotes of an expiry. */
function judge(expiry: Expiry, outcome: ExpiryOutcome, surface: SviSurface, clean: CleanQuotes): ExpiryFit {
  const { expiryUs, years, rows, used, strikes } = expiry
  let inside = 0
  let squares = 0
  for (const i of used) {
    const variance = surface.totalVariance(expiryUs, clean.logMoneyness[i]!)
    if (variance >= clean.bidVariance[i]! && variance <= clean.askVariance[i]!) inside++
    const away = (Math.sqrt(variance) - Math.sqrt(clean.midVariance[i]!)) / Math.sqrt(years)
    squares += away * away
  }
  return {
    expiryUs,
    years,
    forward: clean.curve.at(expiryUs),
    outcome,
    rows: rows.length,
    used: used.length,
    strikes,
    inside,
    distance: used.length === 0 ? Number.NaN : Math.sqrt(squares / used.length),
  }
}

/**
 * Fits a surface to a chain. No butterfly and no pair of its slices can be arbitraged at any strike.
 *
 * @throws {GimbalError} `argument-invalid` when columns differ in length; `fit-failed` when no expiry has a forward or none has
 *   believed quotes at two strikes.
 */
export function fitSurface(quotes: OptionQuotes, options: SurfaceFitOptions = {}): SurfaceFit {
  const curve = options.curve ?? forwardCurveOf(quotes, options.spot, options.futures)
  const clean = cleanQuotes(quotes, curve, options.rules)
  const expiries = expiriesOf(clean)
  const own = expiries.filter(({ strikes }) => strikes >= STRIKES_LEAST)
  const thin = expiries.filter(({ strikes }) => strikes < STRIKES_LEAST).sort((p, q) => q.strikes - p.strikes)
  if (own.length === 0 && !(thin.length > 0 && thin[0]!.strikes >= STRIKES_FIRST))
    throw new GimbalError('fit-failed', 'No expiry has believed quotes at two strikes', {
      asset: quotes.asset,
      expiries: expiries.length,
      ...clean.counts,
    })
  const fitted = fitSlices(own.map((expiry) => bandsOf(expiry, clean)))
  const slices: (SurfaceSlice & { readonly years: number })[] = own.map(({ expiryUs, years }, i) => ({
    expiryUs,
    years,
    svi: fitted[i]!.slice,
  }))
  const outcomes = new Map<number, ExpiryOutcome>(own.map(({ expiryUs }, i) => [expiryUs, fitted[i]!.outcome]))
  for (const expiry of thin) {
    const { expiryUs, years, used, rows } = expiry
    if (used.length === 0) {
      const unknown = rows.every((i) => clean.status[i] === QuoteStatus.FORWARD_UNKNOWN)
      outcomes.set(expiryUs, unknown ? 'forward-unknown' : 'empty')
      continue
    }
    const next = slices.findIndex((slice) => slice.expiryUs > expiryUs)
    const place = next < 0 ? slices.length : next
    const bands = bandsOf(expiry, clean)
    const svi = slices.length === 0 ? firstSlice(bands) : thinSlice(bands, slices[place - 1], slices[place])
    outcomes.set(expiryUs, svi ? 'ssvi-fallback' : 'too-few-quotes')
    if (svi) slices.splice(place, 0, { expiryUs, years, svi })
  }
  const surface = new SviSurface(
    quotes.asset,
    curve,
    slices.map(({ expiryUs, svi }) => ({ expiryUs, svi })),
  )
  return {
    surface,
    expiries: expiries.map((expiry) => judge(expiry, outcomes.get(expiry.expiryUs)!, surface, clean)),
    clean,
  }
}
