/** @file A book under stress: scenarios with and without breakers, the map, the smallest shocks, and the tail of its history. */

import { DAY_US, HOUR_US } from '../../core/clock.ts'
import { dollarLike } from '../../market/instrument.ts'
import type { Book } from '../../portfolio/book.ts'
import { exposedAssets } from '../../portfolio/margin/liquidation.ts'
import type { PathFacts, ScenarioFacts, StressFacts, TailFacts } from '../../report/deskReport.ts'
import { DEFAULT_RISK } from '../../risk/riskConfig.ts'
import { type CascadeResult, runCascade } from '../../risk/stress/cascade.ts'
import { heatMap } from '../../risk/stress/frontier.ts'
import { namedScenarios } from '../../risk/stress/namedScenarios.ts'
import { unwatchedBreakers } from '../../risk/stress/protectiveRules.ts'
import { reverseStress } from '../../risk/stress/reverseStress.ts'
import type { Scenario } from '../../risk/stress/scenario.ts'
import { parseScenario, scenarioText } from '../../risk/stress/scenarioText.ts'
import { usualProtection } from '../../risk/stress/stressReport.ts'
import { DEFAULT_STRESS } from '../../risk/stress/stressSettings.ts'
import { bookTail, shocksOf } from '../../risk/tail/bookTail.ts'
import type { Terminal } from '../terminal.ts'
import type { Desk } from './deskInput.ts'
import { priceHistory } from './priceHistory.ts'
import { halfSpreadOf } from './surfaceFacts.ts'

export interface StressWish {
  readonly scenarios: readonly Scenario[]
  readonly breakers: boolean
  readonly seed: number
  /** Where a history of prices is, if anywhere. */
  readonly catalog?: string
  readonly barUs?: number
  readonly tailDays: number
}

const TAIL_LEVEL = 0.99
/** Points of volatility added in the map: today's is among them. */
const VOLATILITIES: readonly number[] = Array.from({ length: 13 }, (_, i) => (i - 2) / 10)
/** Events of the worst path that are shown. */
const EVENTS_SHOWN = 40

/** By name, or in words. @throws {GimbalError} `config-invalid` for words that are no scenario. */
export function scenariosOf(texts: readonly string[], book: Book): readonly Scenario[] {
  const named = namedScenarios(book)
  if (texts.length === 0) return named
  return texts.map((text) => named.find(({ name }) => name === text) ?? parseScenario(text, text))
}

/** @throws {GimbalError} `argument-invalid` for a book that cannot be priced, naming what is missing; as margin engines do. */
export async function stressFacts(terminal: Terminal, desk: Desk, wish: StressWish): Promise<StressFacts> {
  const { book, market } = desk
  const { view } = market
  const spreads = market.chains.map(halfSpreadOf).filter((half) => half > 0)
  // Of several chains the widest: what is sold in a crash is rarely what trades best.
  const optionHalfSpread = spreads.length > 0 ? Math.max(...spreads) : DEFAULT_STRESS.optionHalfSpread
  const settings = { optionHalfSpread }
  const rules = wish.breakers ? (usualProtection(book) ?? []) : []
  const runs = wish.scenarios.map((scenario, index) => {
    terminal.progress(`scenario ${index + 1} of ${wish.scenarios.length}: ${scenario.name}`)
    const guarded = runCascade(book, view, scenario, { settings, rules })
    const bare = rules.length === 0 ? guarded : runCascade(book, view, scenario, { settings })
    return { guarded, bare }
  })
  terminal.progress('spot against volatility')
  const map = heatMap(book, view, { volatilities: VOLATILITIES })
  terminal.progress('smallest shocks that hurt')
  const reverse = reverseStress(book, view, { seed: wish.seed })
  terminal.progress('history')
  const { tail, missing } = await tailOf(desk, wish)
  terminal.progress('', true)
  const worst = runs.reduce((found, each) => (each.guarded.minimum < found.guarded.minimum ? each : found), runs[0]!)
  return {
    equity: runs[0]?.guarded.start ?? Number.NaN,
    scenarios: runs.map(({ guarded, bare }) => scenarioFacts(guarded, bare)),
    deadly: runs.filter(({ guarded }) => !guarded.survived).map(({ guarded }) => guarded.scenario.name),
    heatMap: map,
    liquidation: reverse.liquidation.nearest,
    ruin: reverse.ruin.nearest,
    reverseHorizonUs: reverse.horizonUs,
    evaluations: reverse.evaluations,
    path: pathOf(worst.guarded, worst.bare),
    tail,
    tailMissing: missing,
    rules: rules.map(({ name }) => name),
    unwatched: wish.breakers ? unwatchedBreakers(DEFAULT_RISK) : [],
  }
}

function scenarioFacts(guarded: CascadeResult, bare: CascadeResult): ScenarioFacts {
  const { scenario, outcome, survived, cause = '', reason, start, end, minimum, minimumAtUs, losses } = guarded
  const verdict =
    outcome === 'untouched'
      ? 'Survived untouched'
      : outcome === 'protected'
        ? `Survived by ${guarded.acted.join(', ')}`
        : outcome === 'liquidated'
          ? `Survived, though ${guarded.liquidated.join(', ')} took something: ${reason}`
          : `Not survived: ${reason}`
  return {
    ...{ name: scenario.name, about: scenario.about, text: scenarioText(scenario), outcome, survived, cause, verdict },
    ...{ unprotectedOutcome: bare.outcome, unprotectedSurvived: bare.survived },
    ...{ start, end, minimum, minimumAtUs, losses },
    ...{ unprotectedEnd: bare.end, unprotectedMinimum: bare.minimum },
    ...{ acted: guarded.acted, liquidated: guarded.liquidated, unprotectedLiquidated: bare.liquidated },
  }
}

function pathOf(guarded: CascadeResult, bare: CascadeResult): PathFacts {
  const points = ({ path }: CascadeResult) =>
    path.map(({ atUs, equity, accounts }) => {
      return { atUs, equity, ratio: Math.min(...accounts.map(({ marginRatio }) => marginRatio)) }
    })
  return {
    name: guarded.scenario.name,
    guarded: points(guarded),
    bare: points(bare),
    events: guarded.events.slice(0, EVENTS_SHOWN),
    eventsLeftOut: Math.max(0, guarded.events.length - EVENTS_SHOWN),
  }
}

/** Over a day where there is history enough for overlapping days, else over an hour. */
async function tailOf(
  { book, market }: Desk,
  { catalog, barUs, tailDays }: StressWish,
): Promise<{ tail: TailFacts | undefined; missing: string }> {
  const missing = (why: string) => ({ tail: undefined, missing: why })
  if (catalog === undefined)
    return missing(
      'Value at risk needs a history of prices: give a catalog with bars or marks of what the book depends on.',
    )
  const coins = [...new Set(book.accounts.flatMap(exposedAssets))].filter((asset) => !dollarLike(asset)).sort()
  const toUs = Math.floor(market.timeUs / HOUR_US) * HOUR_US
  const span = { fromUs: toUs - tailDays * DAY_US, toUs, stepUs: HOUR_US, ...(barUs === undefined ? {} : { barUs }) }
  const history = await priceHistory(catalog, coins, span)
  const unknown = coins.filter((asset) => !(asset in history.prices))
  if (unknown.length > 0)
    return missing(`Value at risk is not known: the catalog has no price of ${unknown.join(', ')} in dollars.`)
  const least = Math.ceil(1 / (1 - TAIL_LEVEL))
  const known = Array.from({ length: history.prices[coins[0]!]?.length ?? 0 }, (_, row) => row).filter((row) =>
    coins.every((asset) => Number.isFinite(history.prices[asset]![row])),
  )
  const horizon = known.length > least + 24 ? 24 : 1
  if (known.length <= least + horizon)
    return missing(
      `Value at risk at ${100 * TAIL_LEVEL} % needs ${least} moves; the catalog has ${known.length} hours of all prices.`,
    )
  const shocks = shocksOf({ prices: history.prices }, horizon)
  if (shocks.length < least)
    return missing(
      `Value at risk at ${100 * TAIL_LEVEL} % needs ${least} moves; the catalog has ${shocks.length} without gaps.`,
    )
  const { valueAtRisk, expectedShortfall, losses, byAccount } = bookTail(book, market.view, shocks, TAIL_LEVEL)
  return {
    tail: {
      level: TAIL_LEVEL,
      horizonUs: horizon * HOUR_US,
      shocks: shocks.length,
      fromUs: history.fromUs + known[0]! * HOUR_US,
      toUs: history.fromUs + known.at(-1)! * HOUR_US,
      ...{ valueAtRisk, expectedShortfall, byAccount },
      worst: losses.reduce((most, loss) => Math.max(most, loss), Number.NEGATIVE_INFINITY),
    },
    missing: '',
  }
}
