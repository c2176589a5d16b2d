/**
 * @file From the quotes of a chain to a surface: forwards, cleaning, slices, and what became of every expiry.
 *
 * Expiries with believed quotes at five strikes get a slice of their own (`fitSvi.ts`). One with fewer gets a slice in the shape
 * of SSVI between those of its neighbours, its level from its own quotes where they allow it; it is named `ssvi-fallback`, and
 * where nothing of that shape fits between the neighbours it is left to interpolation, under its name too.
 */

import { GimbalError } from '../core/errors.ts'
import { fitSlices, type SliceBands, type SliceOutcome } from './fitSvi.ts'
import type { ForwardCurve } from './forwardCurve.ts'
import {
  type CleanQuotes,
  cleanQuotes,
  forwardCurveOf,
  type OptionQuotes,
  type QuoteRules,
  QuoteStatus,
} from './optionQuotes.ts'
import { ssviPhiWithin, ssviRaw, ssviVariance } from './ssvi.ts'
import { leeSlopes, type RawSvi, sviVariance } from './svi.ts'
import { butterflyFree, calendarFree } from './sviArbitrage.ts'
import { type SurfaceSlice, SviSurface } from './sviSurface.ts'

const YEAR_US = 365 * 86_400_000_000
/** Strikes an own slice takes: as many as it has parameters. */
const STRIKES_LEAST = 5

/** What became of an expiry. */
export type ExpiryOutcome =
  | SliceOutcome
  /** Fewer than five strikes: a slice in the shape of SSVI, from the neighbours and the quotes there are. */
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

/** A slice of SSVI that lies between its neighbours, at the level of its quotes if possible, else at theirs. */
function fallbackSlice(bands: SliceBands, before: Slice | undefined, after: Slice | undefined): RawSvi | undefined {
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
  for (const quoted of bands.mid.length > 0 ? [true, false] : [false])
    for (const share of SHARES) {
      const left = low.left ** (1 - share) * high.left ** share
      const right = low.right ** (1 - share) * high.right ** share
      const rho = Math.min(Math.max((right - left) / (right + left), -0.99), 0.99)
      const at = (theta: number) => {
        const shape = { theta, rho, phi: (left + right) / theta }
        return { ...shape, phi: ssviPhiWithin(shape) }
      }
      const shape = at(level)
      // The level at which half of the quotes lie above.
      const ratios = Array.from(bands.mid, (mid, i) => mid / ssviVariance(shape, bands.logMoneyness[i]!))
      ratios.sort((p, q) => p - q)
      const slice = ssviRaw(at(quoted ? level * ratios[ratios.length >> 1]! : level))
      if (!butterflyFree(slice)) continue
      if ((before && !calendarFree(before.svi, slice)) || (after && !calendarFree(slice, after.svi))) continue
      return slice
    }
  return undefined
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
 *   believed quotes at five strikes.
 */
export function fitSurface(quotes: OptionQuotes, options: SurfaceFitOptions = {}): SurfaceFit {
  const curve = options.curve ?? forwardCurveOf(quotes, options.spot, options.futures)
  const clean = cleanQuotes(quotes, curve, options.rules)
  const expiries = expiriesOf(clean)
  const own = expiries.filter(({ strikes }) => strikes >= STRIKES_LEAST)
  if (own.length === 0)
    throw new GimbalError('fit-failed', 'No expiry has believed quotes at five strikes', {
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
  for (const expiry of expiries) {
    const { expiryUs, years, used, strikes, rows } = expiry
    if (strikes >= STRIKES_LEAST) continue
    if (used.length === 0) {
      const unknown = rows.every((i) => clean.status[i] === QuoteStatus.FORWARD_UNKNOWN)
      outcomes.set(expiryUs, unknown ? 'forward-unknown' : 'empty')
      continue
    }
    const next = slices.findIndex((slice) => slice.expiryUs > expiryUs)
    const place = next < 0 ? slices.length : next
    const svi = fallbackSlice(bandsOf(expiry, clean), slices[place - 1], slices[place])
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
