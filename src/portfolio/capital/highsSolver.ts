/**
 * @file HiGHS as the solver of linear and mixed-integer programs: WebAssembly, one thread, fixed seed.
 *
 * It is loaded only when asked for, and never by what `gimbal/portfolio` exports. Source: Huangfu and Hall, "Parallelizing the dual
 * revised simplex method", Mathematical Programming Computation 10 (2018); highs.dev; npm `highs` 1.15.3 (MIT).
 */

import type { Highs } from 'highs'
import { GimbalError } from '../../core/errors.ts'
import type { LinearProgram, LinearSolver, ProgramAnswer } from './linearProgram.ts'

/** Options whose answers do not depend on time: gaps and a count of nodes, no clock. */
const OPTIONS = {
  output_flag: false,
  random_seed: 1,
  mip_rel_gap: 1e-4,
  mip_abs_gap: 1e-6,
  mip_max_nodes: 200_000,
  primal_feasibility_tolerance: 1e-8,
  dual_feasibility_tolerance: 1e-8,
  mip_feasibility_tolerance: 1e-8,
} as const

/** Model states of HiGHS that are an answer. */
const STATUS: Readonly<Record<number, ProgramAnswer['status']>> = { 7: 'optimal', 8: 'infeasible', 10: 'unbounded' }

function arrays(program: LinearProgram, relaxed: boolean) {
  const { columns, rows } = program
  const starts = [0]
  const indices: number[] = []
  const values: number[] = []
  for (const row of rows) {
    indices.push(...row.columns)
    values.push(...row.coefficients)
    starts.push(indices.length)
  }
  return {
    numCols: columns.length,
    numRows: rows.length,
    colCost: columns.map(({ cost }) => cost),
    colLower: columns.map(({ lower }) => lower),
    colUpper: columns.map(({ upper }) => upper),
    rowLower: rows.map(({ lower }) => lower),
    rowUpper: rows.map(({ upper }) => upper),
    matrix: { format: 'csr' as const, numRows: rows.length, numCols: columns.length, starts, indices, values },
    ...(!relaxed && { integrality: columns.map(({ kind }) => (kind === 'real' ? (0 as const) : (1 as const))) }),
  }
}

function answerOf(highs: Highs, program: LinearProgram, relaxed: boolean): ProgramAnswer {
  const whole = !relaxed && program.columns.some(({ kind }) => kind !== 'real')
  return highs.withModel(arrays(program, !whole), (model): ProgramAnswer => {
    model.options.set(OPTIONS)
    model.run()
    let code: number = model.getModelStatus()
    if (code === 9) {
      // Presolve saw that there is no optimum, not why.
      model.options.set({ presolve: 'off' })
      model.run()
      code = model.getModelStatus()
    }
    const status = STATUS[code]
    if (status === undefined) {
      throw new GimbalError('solver-failed', 'The solver gave up on a program', {
        solver: 'HiGHS',
        modelStatus: code,
        columns: program.columns.length,
        rows: program.rows.length,
      })
    }
    const none = new Float64Array()
    if (status !== 'optimal') {
      return { status, objective: Number.NaN, values: none, prices: none, reducedCosts: none }
    }
    const { colValue, rowDual, colDual } = model.getSolution()
    return {
      status,
      objective: model.getObjectiveValue(),
      values: colValue,
      prices: whole ? none : rowDual,
      reducedCosts: whole ? none : colDual,
    }
  })
}

/** Loads HiGHS (some 0.1 s); afterwards every solve is synchronous. */
export async function highsSolver(): Promise<LinearSolver> {
  const { default: loaded } = await import('highs')
  // The package declares its types as CommonJS while Node imports its ES module, whose default is the loader itself.
  const load = loaded as unknown as () => Promise<Highs>
  const highs = await load()
  return { name: `HiGHS ${highs.version.string}`, solve: (program, relaxed) => answerOf(highs, program, relaxed) }
}
