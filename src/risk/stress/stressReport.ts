/** @file Everything a book is put through at once: each scenario with and without protection, the heat map, the smallest shocks. */

import type { Book } from '../../portfolio/book.ts'
import type { MarketView } from '../../portfolio/marketView.ts'
import { DEFAULT_RISK, type RiskConfig } from '../riskConfig.ts'
import { type CascadeOptions, type CascadeResult, runCascade } from './cascade.ts'
import { type HeatMap, type HeatMapOptions, heatMap } from './frontier.ts'
import { namedScenarios } from './namedScenarios.ts'
import {
  deleverageRule,
  pegRule,
  protectiveRules,
  type UnwatchedBreaker,
  unwatchedBreakers,
} from './protectiveRules.ts'
import { type ReverseOptions, type ReverseStress, reverseStress } from './reverseStress.ts'
import type { Scenario } from './scenario.ts'

export interface StressOptions extends CascadeOptions {
  /** Absent: {@link namedScenarios}. */
  readonly scenarios?: readonly Scenario[]
  readonly heatMap?: Omit<HeatMapOptions, 'engines'>
  readonly reverse?: Omit<ReverseOptions, 'engines'>
}

/** One scenario, twice. */
export interface ScenarioResult {
  readonly protected: CascadeResult
  readonly unprotected: CascadeResult
  /** Whether equity stays above zero under protection, and where it does not, or a venue was quicker, why. */
  readonly verdict: string
}

export interface StressReport {
  readonly equity: number
  readonly scenarios: readonly ScenarioResult[]
  /** Breakers of the default configuration that nothing here could watch, and why; none where the caller gave rules of its own. */
  readonly unwatched: readonly UnwatchedBreaker[]
  /** Names of those a protected book does not survive. */
  readonly deadly: readonly string[]
  readonly heatMap: HeatMap
  readonly reverse: ReverseStress
}

/** The breakers of the gate that a cascade can read, deleveraging before venues do, and a way out of a dollar coin that is none. */
export function usualProtection(book: Book, risk: RiskConfig = DEFAULT_RISK): CascadeOptions['rules'] {
  const coins = new Set<string>()
  for (const { balances } of book.accounts)
    for (const currency of ['USDC', 'USDT', 'DAI', 'USDE']) if ((balances[currency] ?? 0) > 0) coins.add(currency)
  return [...protectiveRules(risk), deleverageRule(), pegRule([...coins])]
}

function verdictOf(result: CascadeResult): string {
  const least = `least equity ${result.minimum.toFixed(0)} of ${result.start.toFixed(0)} dollars`
  if (result.outcome === 'untouched') return `survived untouched; ${least}`
  if (result.outcome === 'protected') return `survived by ${result.acted.join(', ')}; ${least}`
  if (result.outcome === 'liquidated')
    return `survived, ${result.liquidated.join(', ')} liquidated: ${result.reason}; ${least}`
  return `not survived: ${result.reason}; ${least}`
}

/**
 * Runs everything. Rules are {@link usualProtection} unless given.
 *
 * @throws {GimbalError} `argument-invalid` for a book that cannot be priced, naming what is missing; as margin engines do.
 */
export function stressReport(book: Book, market: MarketView, options: StressOptions = {}): StressReport {
  const { scenarios = namedScenarios(book), rules = usualProtection(book), engines, settings } = options
  const parts = { ...(engines && { engines }), ...(settings && { settings }) }
  const results = scenarios.map((scenario): ScenarioResult => {
    const guarded = runCascade(book, market, scenario, { ...parts, ...(rules && { rules }) })
    return { protected: guarded, unprotected: runCascade(book, market, scenario, parts), verdict: verdictOf(guarded) }
  })
  const map = heatMap(book, market, { ...options.heatMap, ...(engines && { engines }) })
  const reverse = reverseStress(book, market, { ...options.reverse, ...(engines && { engines }) })
  return {
    equity: results[0]?.protected.start ?? Number.NaN,
    scenarios: results,
    unwatched: options.rules ? [] : unwatchedBreakers(DEFAULT_RISK),
    deadly: results.filter((each) => !each.protected.survived).map((each) => each.protected.scenario.name),
    heatMap: map,
    reverse,
  }
}
