/** @file Linear and mixed-integer programs as plain data, and what is asked of whoever solves them. */

import { assert } from '../../core/errors.ts'

/** One decision. */
export interface ProgramColumn {
  readonly name: string
  cost: number
  lower: number
  upper: number
  readonly kind: 'real' | 'whole' | 'switch'
}

/** lower ≤ Σ coefficient × column ≤ upper. */
export interface ProgramRow {
  readonly name: string
  readonly lower: number
  readonly upper: number
  readonly columns: readonly number[]
  readonly coefficients: readonly number[]
}

/** Minimise Σ cost × value. Columns and rows are only ever added; bounds and costs may change between solves. */
export class LinearProgram {
  readonly columns: ProgramColumn[] = []
  readonly rows: ProgramRow[] = []

  /** @returns Its index. */
  column(name: string, cost: number, lower: number, upper: number, kind: ProgramColumn['kind'] = 'real'): number {
    assert(Number.isFinite(cost) && lower <= upper, `column ${name} has a cost and an interval`)
    this.columns.push({ name, cost, lower, upper, kind })
    return this.columns.length - 1
  }

  /** @param terms Coefficients by column; zeros are left out. @returns Its index. */
  row(name: string, lower: number, upper: number, terms: Iterable<readonly [column: number, by: number]>): number {
    const sums = new Map<number, number>()
    for (const [column, by] of terms) sums.set(column, (sums.get(column) ?? 0) + by)
    for (const [column, by] of sums) {
      assert(Number.isFinite(by), `row ${name} has figures`)
      if (by === 0) sums.delete(column)
    }
    this.rows.push({ name, lower, upper, columns: [...sums.keys()], coefficients: [...sums.values()] })
    return this.rows.length - 1
  }
}

/** Answer to a program. */
export interface ProgramAnswer {
  readonly status: 'optimal' | 'infeasible' | 'unbounded'
  readonly objective: number
  /** Of the columns; empty unless optimal. */
  readonly values: Float64Array
  /** What the objective rises by for a unit more on a row's side; of relaxed programs only, else empty. */
  readonly prices: Float64Array
  /** Likewise for a column's bound. */
  readonly reducedCosts: Float64Array
}

/** Solves programs, the same one always to the same answer. */
export interface LinearSolver {
  readonly name: string
  /**
   * @param relaxed Whole columns may take any value and switches too; prices are known.
   * @throws {GimbalError} `solver-failed` when it gives up.
   */
  solve(program: LinearProgram, relaxed: boolean): ProgramAnswer
}
