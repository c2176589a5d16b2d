/** @file What a fitted chain says: figures of each expiry, quotes against smile, arbitrage, fair variance. */

import { GimbalError } from '../../core/errors.ts'
import { QUOTE_STATUS_NAMES, QuoteStatus } from '../../pricing/optionQuotes.ts'
import { surfaceArbitrage } from '../../pricing/surfaceArbitrage.ts'
import { fittedVolatilityIndex, varianceSwap } from '../../pricing/varianceSwap.ts'
import type { ExpiryFacts, SmileQuote, SurfaceFacts } from '../../report/deskReport.ts'
import type { DeskChain, DeskMarket } from './deskMarket.ts'

const YEAR_US = 365 * 86_400e6
const SMILE_POINTS = 121
/** A density is drawn as far as so many deviations at the money. */
const DENSITY_REACH = 4
/** An option is near the money within so many deviations. */
const NEAR = 1

/**
 * Surfaces of the chains of a market.
 *
 * @param asset Only this one.
 * @throws {GimbalError} `argument-invalid` where the market has no chain, or none of that asset.
 */
export function surfaceFacts(market: DeskMarket, asset?: string): SurfaceFacts[] {
  const chains = asset === undefined ? market.chains : market.chains.filter((chain) => chain.asset === asset)
  if (chains.length === 0)
    throw new GimbalError('argument-invalid', 'The market has no chain of options to fit a surface to', {
      source: market.source,
      ...(asset === undefined ? {} : { asset, known: market.chains.map((chain) => chain.asset).join(' ') || 'none' }),
    })
  return chains.map(ofChain)
}

function ofChain(chain: DeskChain): SurfaceFacts {
  const { asset, venue, quotes, fit } = chain
  const { surface, clean } = fit
  const found = surfaceArbitrage(surface)
  const checks = new Map(found.butterflies.map((check) => [check.expiryUs, check]))
  const sources = new Map(clean.curve.nodes.map((node) => [node.expiryUs, node.source]))
  const rowsOf = new Map<number, number[]>()
  for (const [row, expiryUs] of quotes.expiryUs.entries()) {
    const rows = rowsOf.get(expiryUs)
    if (rows) rows.push(row)
    else rowsOf.set(expiryUs, [row])
  }
  const expiries = fit.expiries
    .filter(({ outcome }) => outcome !== 'forward-unknown')
    .map((expiry): ExpiryFacts => {
      const { expiryUs, years, forward, outcome, rows, used, inside, distance } = expiry
      const { variance, slope, curvature } = surface.point(expiryUs, 0)
      const root = Math.sqrt(variance * years)
      const check = checks.get(expiryUs)
      const all = rowsOf.get(expiryUs) ?? []
      const shown = all.filter((row) => clean.status[row] === QuoteStatus.USED).map((row) => quoteOf(chain, row, years))
      const places = shown.map(({ logMoneyness }) => logMoneyness)
      const swap = varianceSwap(surface, expiryUs, Math.min(0, ...places), Math.max(0, ...places))
      return {
        expiryUs,
        days: years * 365,
        forward,
        forwardSource: sources.get(expiryUs) ?? '',
        outcome,
        volatility: Math.sqrt(variance / years),
        skew: slope / (2 * root),
        curvature: curvature / (2 * root) - (slope * slope) / (4 * variance * root),
        rows,
        used,
        refused: refusedOf(all.map((row) => clean.status[row]!)),
        rmse: distance,
        inside,
        varianceSwap: swap.volatility,
        varianceSwapQuoted: swap.quotedShare,
        gLeast: check?.gLeast ?? Number.NaN,
        gAt: check?.at ?? Number.NaN,
        verdict: check?.verdict ?? 'interpolated',
        quotes: shown.sort((p, q) => p.logMoneyness - q.logMoneyness),
        smile: smileOf(chain, expiryUs, years, shown),
        density: densityOf(chain, expiryUs, variance),
      }
    })
  const least = found.calendars.reduce((worst, each) => (each.least < worst.least ? each : worst), {
    least: Number.POSITIVE_INFINITY,
    earlierUs: Number.NaN,
  })
  return {
    asset,
    venue,
    timeUs: quotes.timeUs,
    quotes: quotes.right.length,
    used: clean.counts.used,
    refused: refusedOf([...clean.status]),
    expiries,
    index30: fittedVolatilityIndex(surface),
    halfSpread: halfSpreadOf(chain),
    arbitrage: {
      free: found.free,
      butterflies: found.butterflies.filter(({ verdict }) => verdict !== 'free').length,
      calendars: found.calendars.filter(({ verdict }) => verdict !== 'free').length,
      gBetween: Math.min(...found.between.map(({ gLeast }) => gLeast)),
      gBeyond: found.beyond.gLeast,
      calendarLeast: least.least,
      calendarUs: least.earlierUs,
    },
  }
}

function quoteOf({ quotes, fit }: DeskChain, row: number, years: number): SmileQuote {
  const { clean, surface } = fit
  const volatility = (variance: number) => Math.sqrt(variance / years)
  const logMoneyness = clean.logMoneyness[row]!
  const [low, high] = [clean.bidVariance[row]!, clean.askVariance[row]!]
  const variance = surface.totalVariance(quotes.expiryUs[row]!, logMoneyness)
  return {
    strike: quotes.strike[row]!,
    logMoneyness,
    low: volatility(low),
    mid: volatility(clean.midVariance[row]!),
    high: volatility(high),
    inside: variance >= low && variance <= high,
  }
}

function refusedOf(statuses: readonly number[]): Record<string, number> {
  const refused: Record<string, number> = {}
  for (const status of statuses) {
    if (status === QuoteStatus.USED) continue
    const name = QUOTE_STATUS_NAMES[status]!
    refused[name] = (refused[name] ?? 0) + 1
  }
  return refused
}

function smileOf({ fit }: DeskChain, expiryUs: number, years: number, shown: readonly SmileQuote[]) {
  const { surface } = fit
  const deviation = Math.sqrt(surface.totalVariance(expiryUs, 0))
  const places = shown.map(({ logMoneyness }) => logMoneyness)
  const from = Math.min(-1.5 * deviation, ...places) - 0.1 * deviation
  const to = Math.max(1.5 * deviation, ...places) + 0.1 * deviation
  return Array.from({ length: SMILE_POINTS }, (_, i) => {
    const logMoneyness = from + ((to - from) * i) / (SMILE_POINTS - 1)
    return { logMoneyness, volatility: Math.sqrt(surface.totalVariance(expiryUs, logMoneyness) / years) }
  })
}

function densityOf({ fit }: DeskChain, expiryUs: number, variance: number) {
  const { surface } = fit
  const forward = surface.forward(expiryUs)
  const reach = DENSITY_REACH * Math.sqrt(variance)
  return Array.from({ length: SMILE_POINTS }, (_, i) => {
    const logMoneyness = reach * ((2 * i) / (SMILE_POINTS - 1) - 1)
    const strike = forward * Math.exp(logMoneyness)
    return { logMoneyness, density: strike * surface.density(expiryUs, strike) }
  })
}

/** Median half spread in volatility of the quotes near the money; NaN where there is none. */
export function halfSpreadOf({ quotes, fit }: DeskChain): number {
  const { clean, surface } = fit
  const halves: number[] = []
  for (const [row, status] of clean.status.entries()) {
    if (status !== QuoteStatus.USED) continue
    const expiryUs = quotes.expiryUs[row]!
    const years = (expiryUs - quotes.timeUs) / YEAR_US
    if (Math.abs(clean.logMoneyness[row]!) > NEAR * Math.sqrt(surface.totalVariance(expiryUs, 0))) continue
    const half = (Math.sqrt(clean.askVariance[row]! / years) - Math.sqrt(clean.bidVariance[row]! / years)) / 2
    if (Number.isFinite(half)) halves.push(half)
  }
  if (halves.length === 0) return Number.NaN
  halves.sort((p, q) => p - q)
  const middle = halves.length >> 1
  return halves.length % 2 === 1 ? halves[middle]! : (halves[middle - 1]! + halves[middle]!) / 2
}
