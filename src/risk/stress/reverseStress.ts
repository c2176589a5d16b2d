/**
 * @file The smallest shock that hurts: which move of prices and volatilities, measured in standard deviations, liquidates an
 * account or leaves no equity.
 *
 * Factors are log moves of spot and of volatility, a pair for each asset; their distance is Mahalanobis', √(xᵀ Σ⁻¹ x), so that a
 * shock in which everything moves as it usually does counts as small and an unheard-of mixture as large. In coordinates u with
 * x = L u (Σ = L Lᵀ) that is the length of u, and the search is for the shortest u that hurts: along each factor alone, along
 * directions spread over the sphere, and then around the best by smaller and smaller steps. It finds a shock that does hurt, exactly
 * as far as it says; that none is smaller holds only as far as the search looked (at the surface of a smooth region it converges).
 *
 * Source of the idea: T. Breuer et al., "How to find plausible, severe and useful stress scenarios", Int. J. Central Banking 5
 * (2009), 205-224.
 */

import { DAY_US } from '../../core/clock.ts'
import { GimbalError } from '../../core/errors.ts'
import { Random } from '../../core/random.ts'
import { dollarLike } from '../../market/instrument.ts'
import type { Book } from '../../portfolio/book.ts'
import { marginEngine } from '../../portfolio/margin/registry.ts'
import type { MarketView } from '../../portfolio/marketView.ts'
import type { EngineByName } from './marginRatio.ts'
import type { Levels, Shock, Stickiness } from './scenario.ts'
import { shockText } from './scenarioText.ts'
import { levelsOf, StaticShock } from './staticShock.ts'

/** One thing that moves. */
export interface ReverseFactor {
  readonly kind: 'spot' | 'volatility'
  readonly asset: string
  /** Standard deviation of its log move over the horizon. */
  readonly deviation: number
}

export interface ReverseOptions {
  /** Absent: spot of every asset the book holds, and volatility of those with options. */
  readonly factors?: readonly ReverseFactor[]
  /** Correlations of {@link factors}, row by row; absent: those of {@link usualCorrelation}. // [factors][factors] */
  readonly correlation?: readonly (readonly number[])[]
  readonly horizonUs?: number
  readonly sticky?: Stickiness
  readonly engines?: EngineByName
  /** Furthest looked for, in standard deviations. */
  readonly reach?: number
  /** Directions spread over the sphere, besides the single factors. */
  readonly directions?: number
  readonly seed?: number
}

export interface ReverseMove extends ReverseFactor {
  /** Its own standard deviations. */
  readonly deviations: number
  /** Price or volatility over today's. */
  readonly factor: number
}

export interface ReverseShock {
  /** Mahalanobis distance: standard deviations of the most usual mixture. */
  readonly distance: number
  readonly moves: readonly ReverseMove[]
  /** Account that breaks first; '' for the whole book. */
  readonly venue: string
  readonly marginRatio: number
  /** Equity of the book there, dollars. */
  readonly equity: number
  /** The shock in the scenario language. */
  readonly text: string
}

/** Nearest shocks of one harm; undefined where none is within reach. */
export interface ReverseHarm {
  readonly nearest: ReverseShock | undefined
  /** Along each factor alone, down and up. */
  readonly single: readonly {
    readonly factor: ReverseFactor
    readonly down: ReverseShock | undefined
    readonly up: ReverseShock | undefined
  }[]
}

export interface ReverseStress {
  readonly factors: readonly ReverseFactor[]
  readonly correlation: readonly (readonly number[])[]
  readonly horizonUs: number
  /** Some account falls below maintenance. */
  readonly liquidation: ReverseHarm
  /** The book's equity is gone. */
  readonly ruin: ReverseHarm
  /** Revaluations made. */
  readonly evaluations: number
}

const YEAR_US = 365 * DAY_US
/** Volatility of an asset without options, a fraction a year; our assumption. */
const VOLATILITY_UNKNOWN = 0.8
/** Standard deviation of the daily log move of implied volatility; BTC's 30-day index moved by about this in 2022 to 2025; ours. */
const VOLATILITY_OF_VOLATILITY = 0.06

/** Correlation of coins with each other, of their volatilities, and of prices with volatilities: round figures for BTC and ETH, ours. */
export function usualCorrelation(a: ReverseFactor, b: ReverseFactor): number {
  if (a.kind === b.kind) return a.asset === b.asset ? 1 : 0.85
  return -0.4
}

/** Spot of everything held, and volatility where options are held. */
export function usualFactors(book: Book, market: MarketView, horizonUs: number): ReverseFactor[] {
  const spots = new Set<string>()
  const options = new Set<string>()
  for (const { balances, positions } of book.accounts) {
    for (const [currency, units] of Object.entries(balances))
      if (units !== 0 && !dollarLike(currency)) spots.add(currency)
    for (const { asset, kind } of positions) {
      if (!dollarLike(asset)) spots.add(asset)
      if (kind === 'option') options.add(asset)
    }
  }
  const years = horizonUs / YEAR_US
  const spot = [...spots].sort().map((asset): ReverseFactor => {
    const known = market.volatility(asset, market.timeUs + 30 * DAY_US, market.spot(asset))
    const volatility = Number.isNaN(known) ? VOLATILITY_UNKNOWN : known
    return { kind: 'spot', asset, deviation: volatility * Math.sqrt(years) }
  })
  const deviation = VOLATILITY_OF_VOLATILITY * Math.sqrt(horizonUs / DAY_US)
  return [...spot, ...[...options].sort().map((asset): ReverseFactor => ({ kind: 'volatility', asset, deviation }))]
}

/**
 * Finds the smallest shocks that liquidate an account and that leave no equity. A book in which nothing moves with a price has none,
 * unless the harm is done already; what a dollar coin can lose is asked of scenarios.
 *
 * @throws {GimbalError} `argument-invalid` for correlations that are none; as margin engines do.
 */
export function reverseStress(book: Book, market: MarketView, options: ReverseOptions = {}): ReverseStress {
  const { horizonUs = DAY_US, sticky = 'moneyness', seed = 1 } = options
  const factors = options.factors ?? usualFactors(book, market, horizonUs)
  // Where nothing moves there is one place to look at: here.
  const { reach = 30, directions = 48 } = factors.length === 0 ? { reach: 0, directions: 1 } : options
  const correlation = options.correlation ?? factors.map((a) => factors.map((b) => usualCorrelation(a, b)))
  const search = new Search(
    new StaticShock(book, market, options.engines ?? marginEngine, sticky),
    factors,
    cholesky(correlation),
    reach,
  )
  const harmOf = (harmful: (levels: Levels) => boolean) => search.harm(harmful, directions, new Random(seed))
  return {
    factors,
    correlation,
    horizonUs,
    liquidation: harmOf((levels) => !(search.shocked.weakest(levels).marginRatio >= 1)),
    ruin: harmOf((levels) => !(search.shocked.value(levels) > 0)),
    evaluations: search.evaluations,
  }
}

/** Step along a ray, in standard deviations: a harm narrower than this can be stepped over. */
const RAY_STEP = 0.5
/** Sizes of the steps around the best direction, as a share of it, and how many at each. */
const REFINEMENTS = [0.6, 0.35, 0.2, 0.1, 0.05, 0.025, 0.012, 0.006] as const
const TRIES = 10

class Search {
  readonly shocked: StaticShock
  evaluations = 0
  readonly #factors: readonly ReverseFactor[]
  readonly #root: readonly (readonly number[])[]
  readonly #reach: number

  constructor(
    shocked: StaticShock,
    factors: readonly ReverseFactor[],
    root: readonly (readonly number[])[],
    reach: number,
  ) {
    this.shocked = shocked
    this.#factors = factors
    this.#root = root
    this.#reach = reach
  }

  harm(harmful: (levels: Levels) => boolean, directions: number, random: Random): ReverseHarm {
    const single = this.#factors.map((factor, index) => ({
      factor,
      down: this.#alone(harmful, index, -1),
      up: this.#alone(harmful, index, 1),
    }))
    return { nearest: this.#nearest(harmful, directions, random), single }
  }

  /** One factor moves and the others do not: how unlikely that is counts the mixture, as everywhere. */
  #alone(harmful: (levels: Levels) => boolean, index: number, side: 1 | -1): ReverseShock | undefined {
    const x = this.#factors.map((_, i) => (i === index ? side : 0))
    const u = forwardSolve(this.#root, x)
    const length = norm(u)
    const radius = this.#along(harmful, unit(u), this.#reach * length)
    return radius === undefined ? undefined : this.#shock(unit(u), radius)
  }

  #nearest(harmful: (levels: Levels) => boolean, directions: number, random: Random): ReverseShock | undefined {
    const count = this.#factors.length
    let best: number[] | undefined
    let radius = this.#reach
    const consider = (direction: number[]) => {
      const found = this.#along(harmful, direction, radius)
      if (found === undefined || (best !== undefined && found >= radius)) return
      best = direction
      radius = found
    }
    for (let i = 0; i < count; i++)
      for (const side of [-1, 1]) consider(Array.from({ length: count }, (_, at) => (at === i ? side : 0)))
    for (let i = 0; i < directions; i++) consider(unit(Array.from({ length: count }, () => random.normal())))
    if (best === undefined) return undefined
    for (const size of REFINEMENTS) {
      for (let i = 0; i < TRIES; i++) {
        const nearby = unit(best.map((part) => part + size * random.normal()))
        // Only what is harmful nearer than the best is worth pinning down.
        if (!this.#harms(harmful, nearby, radius * (1 - 1e-6))) continue
        radius = this.#pin(harmful, nearby, 0, radius * (1 - 1e-6))
        best = nearby
      }
    }
    return this.#shock(best, radius)
  }

  /** The nearest harmful radius along a ray, up to a limit. */
  #along(harmful: (levels: Levels) => boolean, direction: readonly number[], limit: number): number | undefined {
    if (this.#harms(harmful, direction, 0)) return 0
    let safe = 0
    while (safe < limit) {
      const next = Math.min(limit, safe + RAY_STEP)
      if (this.#harms(harmful, direction, next)) return this.#pin(harmful, direction, safe, next)
      safe = next
    }
    return undefined
  }

  /** The harmful end of an interval whose start does no harm. */
  #pin(harmful: (levels: Levels) => boolean, direction: readonly number[], from: number, to: number): number {
    let [safe, harm] = [from, to]
    for (let i = 0; i < 40 && harm - safe > 1e-7; i++) {
      const middle = safe + 0.5 * (harm - safe)
      if (this.#harms(harmful, direction, middle)) harm = middle
      else safe = middle
    }
    return harm
  }

  #harms(harmful: (levels: Levels) => boolean, direction: readonly number[], radius: number): boolean {
    this.evaluations++
    return harmful(levelsOf(this.#shocks(direction, radius)))
  }

  /** Own standard deviations of each factor: L u. */
  #deviations(direction: readonly number[], radius: number): number[] {
    return this.#root.map((row) => radius * row.reduce((sum, weight, at) => sum + weight * direction[at]!, 0))
  }

  #shocks(direction: readonly number[], radius: number): Shock[] {
    return this.#deviations(direction, radius).map((deviations, at): Shock => {
      const { kind, asset, deviation } = this.#factors[at]!
      const factor = Math.exp(deviations * deviation)
      return kind === 'spot' ? { shock: 'spot', asset, factor } : { shock: 'volatility', asset, factor, add: 0 }
    })
  }

  #shock(direction: readonly number[], radius: number): ReverseShock {
    const shocks = this.#shocks(direction, radius)
    const levels = levelsOf(shocks)
    const moves = this.#deviations(direction, radius).map((deviations, at) => {
      const factor = this.#factors[at]!
      return { ...factor, deviations, factor: Math.exp(deviations * factor.deviation) }
    })
    return {
      distance: radius,
      moves,
      ...this.shocked.weakest(levels),
      equity: this.shocked.value(levels),
      text: shocks.map(shockText).join(', '),
    }
  }
}

const norm = (vector: readonly number[]) => Math.hypot(...vector)

function unit(vector: readonly number[]): number[] {
  const length = norm(vector)
  return vector.map((part) => part / length)
}

/**
 * Lower root of a correlation matrix.
 *
 * @throws {GimbalError} `argument-invalid` when it is none: not symmetric, not ones on the diagonal, not positive definite.
 */
export function cholesky(matrix: readonly (readonly number[])[]): number[][] {
  const root: number[][] = []
  for (const [i, row] of matrix.entries()) {
    root.push(new Array<number>(matrix.length).fill(0))
    for (let j = 0; j <= i; j++) {
      let rest = row[j]!
      for (let k = 0; k < j; k++) rest -= root[i]![k]! * root[j]![k]!
      const symmetric = row[j] === matrix[j]![i] && matrix[i]![i] === 1
      if (!symmetric || (i === j && !(rest > 0))) {
        throw new GimbalError(
          'argument-invalid',
          'Not a correlation matrix: it has to be symmetric and positive definite',
          {
            row: i,
            column: j,
            value: row[j]!,
          },
        )
      }
      root[i]![j] = i === j ? Math.sqrt(rest) : rest / root[j]![j]!
    }
  }
  return root
}

/** u with L u = x. */
function forwardSolve(root: readonly (readonly number[])[], x: readonly number[]): number[] {
  const u: number[] = []
  for (const [i, row] of root.entries()) {
    let rest = x[i]!
    for (let k = 0; k < i; k++) rest -= row[k]! * u[k]!
    u.push(rest / row[i]!)
  }
  return u
}
