/**
 * @file Programs whose rules include what margin engines ask and what quadratic impact costs: solved, compared with the truth where the
 * answer lies, given planes where it was too hopeful, and solved again.
 */

import { GimbalError } from '../../core/errors.ts'
import type { LinearProgram, LinearSolver, ProgramAnswer } from './linearProgram.ts'
import type { MarginNeed } from './marginNeed.ts'

/** `cost ≥ factor × (plus + minus)²`. */
export interface QuadraticCost {
  readonly cost: number
  readonly plus: number
  readonly minus: number
  readonly factor: number
}

/** A plane as it stands in the program. */
export interface MarginRow {
  readonly row: number
  readonly need: number
  readonly view: number
  readonly pool: string
}

export interface PlanesProblem {
  readonly program: LinearProgram
  readonly needs: readonly MarginNeed[]
  /** Column by which each need may be missed, dollars; at 0 unless the least violation is sought. */
  readonly slacks: readonly number[]
  readonly quadratics: readonly QuadraticCost[]
}

/** The answer and how near it is to the engines. */
export interface PlanesAnswer {
  readonly answer: ProgramAnswer
  /** Sum over accounts of the worst shortfall beyond the slack allowed, dollars. */
  readonly missing: number
}

const ROUNDS_MAX = 400

/** Adds what is missing to a program, round by round. Rows found for one question serve the next. */
export class CuttingPlanes {
  readonly problem: PlanesProblem
  readonly margins: MarginRow[] = []
  readonly #solver: LinearSolver
  /** Programs solved so far. */
  solves = 0

  constructor(problem: PlanesProblem, solver: LinearSolver) {
    this.problem = problem
    this.#solver = solver
  }

  /**
   * @param relaxed Whole columns may be anything: planes found so are as good, and cheap.
   * @param tolerance Dollars missing that are let pass, over all accounts and costs.
   * @throws {GimbalError} `solver-failed` where it does not settle; as the solver and the engines do.
   */
  solve(relaxed: boolean, tolerance: number): PlanesAnswer {
    const { program } = this.problem
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const answer = this.#solver.solve(program, relaxed)
      this.solves++
      if (answer.status !== 'optimal') return { answer, missing: Number.NaN }
      const missing = this.#tighten(answer.values, tolerance)
      if (missing <= tolerance) return { answer, missing }
    }
    throw new GimbalError('solver-failed', 'Margins and program do not come to agree', {
      solver: this.#solver.name,
      rounds: ROUNDS_MAX,
      rows: program.rows.length,
    })
  }

  /** Adds planes where these values break the truth; how much they break it, dollars. */
  #tighten(values: Float64Array, tolerance: number): number {
    const { program, needs, slacks, quadratics } = this.problem
    let missing = 0
    const each = tolerance / (1 + needs.length + quadratics.length)
    for (const [n, need] of needs.entries()) {
      const decided = need.values(values)
      const allowed = values[slacks[n]!]!
      let worst = 0
      for (const { view, pool, dollars } of need.shortfalls(decided)) {
        const beyond = dollars - allowed
        worst = Math.max(worst, beyond)
        if (beyond > each) this.addPlane(n, decided, view, pool)
      }
      missing += worst
    }
    for (const { cost, plus, minus, factor } of quadratics) {
      const size = values[plus]! + values[minus]!
      const beyond = factor * size * size - values[cost]!
      missing += Math.max(0, beyond)
      if (beyond > each) tangent(program, { cost, plus, minus, factor }, size)
    }
    return missing
  }

  addPlane(n: number, decided: readonly number[], view: number, pool: string): void {
    const { program, needs, slacks } = this.problem
    const need = needs[n]!
    const plane = need.plane(decided, view, pool)
    const terms: [number, number][] = [[slacks[n]!, -1]]
    for (const [j, { plus, minus }] of need.columns.entries()) {
      terms.push([plus, plane.plus[j]!], [minus, plane.minus[j]!])
    }
    const row = program.row(
      `${need.name} ${pool} ${need.views[view]!.name}`,
      Number.NEGATIVE_INFINITY,
      -plane.constant,
      terms,
    )
    this.margins.push({ row, need: n, view, pool })
  }

  /**
   * By how much planes ask more than the engines do at these values, dollars: above the tolerance only where an engine is not
   * convex, and the answer then is safe and perhaps not the cheapest.
   */
  overstated(values: Float64Array): number {
    const { program, needs, slacks } = this.problem
    const truths = needs.map((need) => need.shortfalls(need.values(values)))
    let most = 0
    for (const { row, need, view, pool } of this.margins) {
      const { upper, columns, coefficients } = program.rows[row]!
      let sum = -upper
      for (const [k, column] of columns.entries()) sum += coefficients[k]! * values[column]!
      sum += values[slacks[need]!]!
      const truth = truths[need]!.find((each) => each.view === view && each.pool === pool)?.dollars ?? 0
      most = Math.max(most, sum - truth)
    }
    return most
  }
}

/** Adds the tangent of a quadratic cost at a size. */
export function tangent(program: LinearProgram, { cost, plus, minus, factor }: QuadraticCost, size: number): void {
  const slope = 2 * factor * size
  program.row(`impact ${program.columns[cost]!.name}`, -factor * size * size, Number.POSITIVE_INFINITY, [
    [cost, 1],
    [plus, -slope],
    [minus, -slope],
  ])
}
