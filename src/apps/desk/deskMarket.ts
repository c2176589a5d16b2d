/**
 * @file The market a book is judged in: from a catalog at a moment, a snapshot file of a chain, a file of figures, or generated.
 *
 * Options become a surface an asset, fitted to the chain of the venue that lists most of them. Liquidity is what books and
 * touches show; where neither does, it is an assumption, and said so.
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { DAY_US, isoTime } from '../../core/clock.ts'
import { GimbalError } from '../../core/errors.ts'
import { deribitChain } from '../../importers/deribitChain.ts'
import { ASK, BID } from '../../market/book.ts'
import { dollarLike, type Universe } from '../../market/instrument.ts'
import type { MarketState } from '../../market/marketState.ts'
import { type Liquidity, type MarketFacts, SnapshotView } from '../../portfolio/marketView.ts'
import { fitSurface, type SurfaceFit } from '../../pricing/fitSurface.ts'
import type { OptionQuotes } from '../../pricing/optionQuotes.ts'
import { type PlainSurface, SviSurface } from '../../pricing/sviSurface.ts'
import { optionMarket } from '../../sim/market/optionMarket.ts'
import { Catalog } from '../../store/catalog.ts'
import { runImport } from '../../store/importRun.ts'
import { openInput } from '../../store/inputFile.ts'
import { type KnownMarkets, marketAt, statesOf } from './marketAt.ts'

/** Where the market comes from, as every desk verb takes it. At most one of the first three. */
export interface DeskMarketOptions {
  readonly catalog?: string
  readonly chain?: string
  readonly market?: string
  /** With a catalog: the moment, UTC microseconds; its last row when absent. */
  readonly atUs?: number
  readonly barUs?: number
  readonly seed?: number
}

/** The chain of one asset at one venue, and what was made of it. */
export interface DeskChain {
  readonly asset: string
  readonly venue: string
  readonly quotes: OptionQuotes
  /** Names of the instruments, a row each. */
  readonly instruments: readonly string[]
  readonly fit: SurfaceFit
}

export interface DeskMarket {
  readonly view: SnapshotView
  readonly chains: readonly DeskChain[]
  readonly timeUs: number
  readonly provenance: 'real' | 'replayed' | 'synthetic' | 'mixed' | 'given'
  /** Where it comes from, in words. */
  readonly source: string
  /** What no data told and was taken to be so, in words. */
  readonly assumptions: readonly string[]
}

/** Taken where a venue's perpetual shows neither book nor touch: half a basis point of spread on ten million dollars a percent. */
const ASSUMED: Liquidity = { halfSpread: 0.00005, depth: 1e7, takerFee: 0.00045 }
/** Age at which an option's quote is no part of a snapshot any more: venues and recorders take seconds over a whole chain. */
const SNAPSHOT_US = 120_000_000

/**
 * Opens the market that was asked for.
 *
 * @throws {GimbalError} `argument-invalid` for two sources at once; `file-missing`, `file-invalid`; what catalogs and fits throw.
 */
export async function deskMarket(options: DeskMarketOptions): Promise<DeskMarket> {
  const { catalog, chain, market, atUs, barUs } = options
  const sources = [catalog, chain, market].filter((each) => each !== undefined)
  if (sources.length > 1)
    throw new GimbalError('argument-invalid', 'A market from two sources at once', { sources: sources.join(' ') })
  if (atUs !== undefined && catalog === undefined)
    throw new GimbalError('argument-invalid', 'A moment belongs to a catalog', { at: isoTime(atUs) })
  if (market !== undefined) return givenMarket(market)
  if (chain !== undefined) return chainMarket(chain)
  if (catalog !== undefined) {
    const known = await marketAt(catalog, {
      ...(atUs === undefined ? {} : { atUs }),
      ...(barUs === undefined ? {} : { barUs }),
    })
    return marketOf(known, `catalog ${catalog}`)
  }
  const seed = options.seed ?? 1
  const generated = optionMarket({ seed, days: 1, realised: 0.5, implied: 0.55, expiryDays: [9, 30, 86, 177] })
  const last = generated.snapshotsUs.at(-1)!
  const { markets } = statesOf(generated.universe, generated.inputs(), last)
  const known = {
    universe: generated.universe,
    markets,
    timeUs: last,
    contentHash: '',
    provenance: 'synthetic',
  } as const
  return marketOf(known, `generated option market, seed ${seed}`)
}

async function chainMarket(path: string): Promise<DeskMarket> {
  const folder = mkdtempSync(join(tmpdir(), 'gimbal-chain-'))
  try {
    const catalog = join(folder, 'catalog')
    await runImport(new Catalog(catalog), deribitChain, await openInput(path))
    return marketOf(await marketAt(catalog), basename(path))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const number = z.number()
const timeUs = z.number().int().nonnegative()
const slice = z.strictObject({
  expiryUs: timeUs,
  svi: z.strictObject({ a: number, b: number, rho: number, m: number, sigma: number }),
})
/** What `JSON.stringify` makes of an `SviSurface`. */
const surface = z.strictObject({
  asset: z.string(),
  timeUs,
  spot: z.number().positive().nullable(),
  forwards: z.array(
    z.strictObject({
      expiryUs: timeUs,
      forward: z.number().positive(),
      source: z.enum(['venue', 'parity', 'venue-corrected']),
    }),
  ),
  slices: z.array(slice),
})
const facts = z.strictObject({
  time: z.iso.datetime(),
  spot: z.record(z.string(), z.number().positive()),
  volatility: z.record(z.string(), z.union([z.number().nonnegative(), surface])).optional(),
  basis: z.record(z.string(), number).optional(),
  perpetual: z.record(z.string(), z.number().positive()).optional(),
  fundingPerDay: z.record(z.string(), number).optional(),
  liquidity: z
    .record(
      z.string(),
      z.strictObject({ halfSpread: z.number().nonnegative(), depth: z.number().positive(), takerFee: number }),
    )
    .optional(),
  transactionCost: z.record(z.string(), z.number().nonnegative()).optional(),
  dollarRate: number.optional(),
})

function givenMarket(path: string): DeskMarket {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const reason = (cause as Error).message
    throw new GimbalError('file-missing', 'The market cannot be read', { file: path, reason }, { cause })
  }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new GimbalError('file-invalid', 'A market is not JSON', { file: path, reason: String(cause) }, { cause })
  }
  const read = facts.safeParse(json)
  if (!read.success)
    throw new GimbalError('file-invalid', 'A market does not say what a market must', {
      file: path,
      ...Object.fromEntries(
        read.error.issues.slice(0, 5).map((issue) => [issue.path.join('.') || 'the whole', issue.message]),
      ),
    })
  const { time, volatility = {}, ...rest } = read.data
  const timeUs = Date.parse(time) * 1000
  const surfaces: Record<string, number | SviSurface> = {}
  const assumptions: string[] = []
  for (const [asset, given] of Object.entries(volatility)) {
    surfaces[asset] = typeof given === 'number' ? given : surfaceOf(asset, given, path)
    if (typeof given === 'number' || given.timeUs === timeUs) continue
    assumptions.push(
      `${asset}: the surface is of ${isoTime(given.timeUs)}, and its volatilities are taken as they were then`,
    )
  }
  const defined = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) as Omit<
    MarketFacts,
    'timeUs' | 'volatility'
  >
  return {
    view: new SnapshotView({ ...defined, timeUs, volatility: surfaces }),
    chains: [],
    timeUs,
    provenance: 'given',
    source: path,
    assumptions,
  }
}

/** @throws {GimbalError} `file-invalid` for a surface of another asset, and one whose slices are none. */
function surfaceOf(asset: string, given: PlainSurface, file: string): SviSurface {
  if (given.asset !== asset)
    throw new GimbalError('file-invalid', 'A market holds a surface of another asset', {
      file,
      under: asset,
      surface: given.asset,
    })
  try {
    return SviSurface.fromJSON(given)
  } catch (cause) {
    if (!(cause instanceof GimbalError)) throw cause
    throw new GimbalError(
      'file-invalid',
      'A market holds a surface that is none',
      { file, asset, reason: cause.message.split('\n')[0]! },
      { cause },
    )
  }
}

/** Options of one asset at one venue, by index in the universe. */
function chainsIn(universe: Universe): Map<string, { asset: string; venue: string; indexes: number[] }> {
  const found = new Map<string, { asset: string; venue: string; indexes: number[] }>()
  for (const [index, { kind, venue, spec }] of universe.instruments.entries()) {
    if (kind !== 'option') continue
    const key = `${spec.base} ${venue} ${spec.settle}`
    const chain = found.get(key) ?? { asset: spec.base, venue, indexes: [] }
    chain.indexes.push(index)
    found.set(key, chain)
  }
  return found
}

/** The quotes of a chain as they last were, in the columns a fit takes; those not heard with the last snapshot are stale. */
function quotesOf(asset: string, known: KnownMarkets, indexes: readonly number[]): OptionQuotes {
  const { universe, markets } = known
  const spoken = indexes.map((index) => markets[index]!.quotedUs)
  const timeUs = spoken.reduce((last, us) => Math.max(last, us), Number.NEGATIVE_INFINITY)
  const column = (of: (market: MarketState) => number) => Float64Array.from(indexes, (index) => of(markets[index]!))
  return {
    asset,
    timeUs,
    settlement: dollarLike(universe.at(indexes[0]!).settle) ? 'quote' : 'coin',
    right: Int8Array.from(indexes, (index) => (universe.at(index).right === 'call' ? 1 : -1)),
    strike: column(({ instrument }) => instrument.strike),
    expiryUs: column(({ instrument }) => instrument.expiryUs),
    bid: column(({ bidLots, bidTick, instrument }) => (bidLots > 0 ? bidTick * instrument.ticks.size : Number.NaN)),
    ask: column(({ askLots, askTick, instrument }) => (askLots > 0 ? askTick * instrument.ticks.size : Number.NaN)),
    forward: column(({ forward }) => forward),
    quoteUs: Float64Array.from(spoken),
    mark: column(({ mark }) => mark),
    markVolatility: column(({ impliedVolatility }) => impliedVolatility),
    openInterest: column(({ openInterest, instrument }) => openInterest * instrument.lots.size),
  }
}

/** A market from what instruments last said. */
export function marketOf(known: KnownMarkets, source: string): DeskMarket {
  const { universe, markets, timeUs } = known
  const assumptions: string[] = []
  const spot: Record<string, number> = {}
  const rank: Record<string, number> = {}
  const offer = (asset: string, price: number, order: number) => {
    if (!(price > 0) || dollarLike(asset) || (rank[asset] ?? Number.POSITIVE_INFINITY) <= order) return
    spot[asset] = price
    rank[asset] = order
  }
  const perpetual: Record<string, number> = {}
  const fundingPerDay: Record<string, number> = {}
  const liquidity: Record<string, Liquidity> = {}
  const unseen = new Set<string>()
  for (const market of markets) {
    const { kind, venue, spec, takerBps } = market.instrument
    if (kind === 'option') {
      // The index the venue settles on comes before any one market.
      if (timeUs - market.indexUs <= SNAPSHOT_US) offer(spec.base, market.index, 0)
      continue
    }
    const price = market.markPrice
    if (!(price > 0) || !dollarLike(spec.quote)) continue
    offer(spec.base, price, kind === 'spot' ? 1 : kind === 'perp' ? 2 : 3)
    if (kind !== 'perp' && kind !== 'spot') continue
    const key = `${venue} ${spec.base}`
    if (kind === 'perp') {
      perpetual[key] = price
      if (market.fundingIntervalUs > 0 && !Number.isNaN(market.fundingRate))
        fundingPerDay[key] = (market.fundingRate * DAY_US) / market.fundingIntervalUs
    }
    const shown = liquidityOf(market)
    liquidity[key] ??= shown ?? { ...ASSUMED, ...(takerBps > 0 ? { takerFee: takerBps / 10_000 } : {}) }
    if (!shown) unseen.add(key)
  }
  if (unseen.size > 0)
    assumptions.push(
      `${[...unseen].join(', ')}: neither book nor touch with sizes is known; half spread ${ASSUMED.halfSpread * 1e4} bp and ${ASSUMED.depth / 1e6} million dollars a percent are assumed`,
    )
  const chains: DeskChain[] = []
  for (const { asset, venue, indexes } of chainsIn(universe).values()) {
    const living = indexes.filter((index) => universe.at(index).expiryUs > timeUs)
    if (living.length === 0) continue
    const quotes = quotesOf(asset, known, living)
    const price = spot[asset]
    const fit = fitSurface(quotes, { ...(price === undefined ? {} : { spot: price }), rules: { staleUs: SNAPSHOT_US } })
    chains.push({ asset, venue, quotes, instruments: living.map((index) => universe.at(index).id), fit })
  }
  chains.sort((a, b) => a.asset.localeCompare(b.asset) || b.quotes.right.length - a.quotes.right.length)
  const volatility: Record<string, SviSurface> = {}
  for (const { asset, venue, fit, quotes } of chains) {
    if (asset in volatility) {
      assumptions.push(`${asset}: options of ${venue} are valued on the surface of the larger chain`)
      continue
    }
    volatility[asset] = fit.surface
    // Without its own index a coin is worth what its options' nearest forward says.
    offer(asset, fit.surface.forward(fit.surface.expiriesUs[0]!), 9)
    if (rank[asset] === 9) assumptions.push(`${asset}: its price is the nearest forward, for no spot is known`)
    if (timeUs - quotes.timeUs > SNAPSHOT_US)
      assumptions.push(
        `${asset}: options were last quoted ${isoTime(quotes.timeUs)}, ${((timeUs - quotes.timeUs) / 3.6e9).toFixed(1)} h before`,
      )
  }
  if (Object.keys(spot).length === 0)
    throw new GimbalError('catalog-empty', 'No price in dollars is known at that time', { source, at: isoTime(timeUs) })
  return {
    view: new SnapshotView({ timeUs, spot, volatility, perpetual, fundingPerDay, liquidity }),
    chains,
    timeUs,
    provenance: known.provenance === 'real' ? 'replayed' : known.provenance,
    source,
    assumptions,
  }
}

/** From a book within 1 % of the mid, or a touch with sizes; undefined where there is neither. */
function liquidityOf(market: MarketState): Liquidity | undefined {
  const { instrument, book, hasBook, quoted, bestBid, bestAsk } = market
  if (!hasBook || !quoted) return undefined
  const mid = (bestBid + bestAsk) / 2
  const dollars = (side: typeof BID | typeof ASK) => {
    let sum = 0
    for (let tick = book.best(side); Math.abs(tick - mid) <= 0.01 * mid; tick = book.nextTick(side, tick)) {
      const units = book.lotsAt(side, tick) * instrument.lots.size * Number(instrument.spec.multiplier)
      sum += instrument.inverse ? units : units * tick * instrument.ticks.size
    }
    return sum
  }
  const depth = Math.min(dollars(BID), dollars(ASK))
  if (!(depth > 0)) return undefined
  return { halfSpread: (bestAsk - bestBid) / 2 / mid, depth, takerFee: instrument.takerBps / 10_000 }
}
