/** @file Any two shocks against each other: the result of each pair, by revaluation or by a whole cascade. */

import { GimbalError } from '../../core/errors.ts'
import type { Book } from '../../portfolio/book.ts'
import { marginEngine } from '../../portfolio/margin/registry.ts'
import type { MarketView } from '../../portfolio/marketView.ts'
import { type CascadeOptions, type CascadeResult, runCascade } from './cascade.ts'
import { parseScenario } from './scenarioText.ts'
import { levelsOf, StaticShock } from './staticShock.ts'

/** A family of shocks: `{}` stands for the value. `spot BTC {}%`, `vol {}`, `depth x{}`. */
export interface GridAxis {
  readonly shock: string
  readonly values: readonly number[]
}

export interface GridOptions extends CascadeOptions {
  /** Words before both shocks, where a cascade is to be run: `every 10m, hold 1h; at 2h:`. Absent: revaluation only. */
  readonly frame?: string
}

export interface GridCell {
  /** Dollars. */
  readonly profit: number
  /** Equity over maintenance of the weakest account at once; least over the cascade where one is run. */
  readonly marginRatio: number
  /** Where a cascade was run. */
  readonly outcome?: CascadeResult['outcome']
}

export interface StressGrid {
  readonly rows: GridAxis
  readonly columns: GridAxis
  /** // [rows][columns] */
  readonly cells: readonly (readonly GridCell[])[]
}

/**
 * Crosses two families of shocks.
 *
 * @throws {GimbalError} `config-invalid` for a shock that is not understood or has no `{}`; as {@link runCascade} does.
 */
export function stressGrid(
  book: Book,
  market: MarketView,
  rows: GridAxis,
  columns: GridAxis,
  options: GridOptions = {},
): StressGrid {
  const cell = options.frame === undefined ? revalued(book, market, options) : cascaded(book, market, options)
  const cells = rows.values.map((row) =>
    columns.values.map((column) => cell(`${filled(rows, row)}, ${filled(columns, column)}`)),
  )
  return { rows, columns, cells }
}

function filled({ shock }: GridAxis, value: number): string {
  if (!shock.includes('{}')) {
    throw new GimbalError('config-invalid', 'An axis of a grid has no place for its value', {
      axis: shock,
      expected: '{} where the value goes: spot BTC {}%',
    })
  }
  return shock.replace('{}', String(value))
}

function revalued(book: Book, market: MarketView, options: GridOptions): (text: string) => GridCell {
  const shocked = new StaticShock(book, market, options.engines ?? marginEngine, 'moneyness')
  const today = shocked.value(new Map())
  return (text) => {
    const levels = levelsOf(parseScenario(text).steps[0]!.shocks)
    return { profit: shocked.value(levels) - today, marginRatio: shocked.weakest(levels).marginRatio }
  }
}

function cascaded(book: Book, market: MarketView, options: GridOptions): (text: string) => GridCell {
  return (text) => {
    const { start, end, path, outcome } = runCascade(book, market, parseScenario(`${options.frame} ${text}`), options)
    const ratios = path.flatMap(({ accounts }) => accounts.map(({ marginRatio }) => marginRatio))
    return { profit: end - start, marginRatio: Math.min(...ratios), outcome }
  }
}
