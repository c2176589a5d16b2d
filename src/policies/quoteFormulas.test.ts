/**
 * Goal: the closed forms are the published ones, have the right limits, and are near the exact solution.
 *
 * Method: limits and symmetries; the exact steady state from the eigenvector of Guéant-Lehalle-Fernandez-Tapia's matrix,
 * found here by inverse iteration; the exact finite horizon is not needed. Where the reference vectors are at hand
 * (GIMBAL_SHARED), they are compared too; where they are absent the test says so and passes. Avellaneda and Stoikov's
 * own experiment is run again with few paths.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import {
  finiteHorizonBidDistance,
  monopolyHalfSpread,
  type QuoteParameters,
  steadyStateBidDistance,
  steadyStateSkew,
} from './quoteFormulas.ts'

const PAPER: QuoteParameters = { volatility: 0.3, arrival: 0.9, decay: 0.3, riskAversion: 0.01 }

/**
 * Exact steady-state bid distances for q in (−bound, bound): (1/k) ln(v_q / v_{q+1}) + (1/γ) ln(1 + γ/k), v being the
 * eigenvector of the least eigenvalue of the tridiagonal matrix with αq² on and −η beside the diagonal.
 */
function exactBidDistances(
  { volatility, arrival, decay, riskAversion }: QuoteParameters,
  bound: number,
): Map<number, number> {
  const size = 2 * bound + 1
  const alpha = (decay * riskAversion * volatility ** 2) / 2
  const eta = arrival * (1 + riskAversion / decay) ** -(1 + decay / riskAversion)
  let v = new Float64Array(size).fill(1)
  // The diagonal plus 2η makes the matrix positive definite, so inverse iteration finds its least eigenvalue.
  const diagonal = (i: number) => alpha * (i - bound) ** 2 + 2 * eta
  for (let round = 0; round < 3000; round++) {
    const upper = new Float64Array(size)
    const solved = new Float64Array(size)
    for (let i = 0; i < size; i++) {
      const pivot = diagonal(i) + (i > 0 ? eta * upper[i - 1] : 0)
      upper[i] = -eta / pivot
      solved[i] = (v[i] + (i > 0 ? eta * solved[i - 1] : 0)) / pivot
    }
    for (let i = size - 2; i >= 0; i--) solved[i] -= upper[i] * solved[i + 1]
    const norm = Math.hypot(...solved)
    v = solved.map((each) => each / norm)
  }
  const distances = new Map<number, number>()
  for (let q = -5; q <= 5; q++)
    distances.set(q, Math.log(v[q + bound] / v[q + bound + 1]) / decay + monopolyHalfSpread(riskAversion, decay))
  return distances
}

describe('limits', () => {
  test('without risk aversion the maker quotes 1/k and ignores inventory', () => {
    const neutral = { ...PAPER, riskAversion: 0 }
    for (const inventory of [-7, 0, 7]) expect(steadyStateBidDistance(neutral, inventory)).toBe(1 / PAPER.decay)
    expect(steadyStateBidDistance({ ...PAPER, riskAversion: 1e-14 }, 3)).toBeCloseTo(1 / PAPER.decay, 5)
    expect(finiteHorizonBidDistance(neutral, 7, 600)).toBe(1 / PAPER.decay)
  })

  test('without volatility only the monopoly spread is left', () => {
    expect(steadyStateBidDistance({ ...PAPER, volatility: 0 }, 5)).toBe(monopolyHalfSpread(0.01, 0.3))
  })

  test('the skew per order tends to σ√(γe/(2kA)) as γ/k vanishes', () => {
    const small = { ...PAPER, riskAversion: 1e-9 }
    expect(steadyStateSkew(small) / (0.3 * Math.sqrt((1e-9 * Math.E) / (2 * 0.3 * 0.9)))).toBeCloseTo(1, 8)
  })
})

const parameters = fc.record({
  volatility: fc.double({ min: 0.01, max: 100, noNaN: true }),
  arrival: fc.double({ min: 0.01, max: 100, noNaN: true }),
  decay: fc.double({ min: 1e-3, max: 10, noNaN: true }),
  riskAversion: fc.double({ min: 1e-6, max: 10, noNaN: true }),
})

test('more inventory lowers the bid and raises nothing: quotes move together, the spread stays', () => {
  fc.assert(
    fc.property(parameters, fc.integer({ min: -20, max: 20 }), (each, q) => {
      const spread = steadyStateBidDistance(each, q) + steadyStateBidDistance(each, -q)
      expect(spread / (2 * steadyStateBidDistance(each, 0))).toBeCloseTo(1, 9)
      expect(steadyStateBidDistance(each, q + 1)).toBeGreaterThan(steadyStateBidDistance(each, q))
    }),
  )
})

test('prices may be counted in any unit', () => {
  fc.assert(
    fc.property(
      parameters,
      fc.integer({ min: -9, max: 9 }),
      fc.double({ min: 0.01, max: 1000, noNaN: true }),
      (each, q, unit) => {
        const scaled = {
          volatility: each.volatility * unit,
          arrival: each.arrival,
          decay: each.decay / unit,
          riskAversion: each.riskAversion / unit,
        }
        expect(steadyStateBidDistance(scaled, q) / unit / steadyStateBidDistance(each, q)).toBeCloseTo(1, 9)
      },
    ),
  )
})

test('close to the exact solution: within 1 % of the spread up to two orders of inventory, 2 % up to five', () => {
  for (const each of [PAPER, { ...PAPER, volatility: 0.6 }, { ...PAPER, riskAversion: 0.001 }]) {
    const exact = exactBidDistances(each, 60)
    for (const [q, distance] of exact) {
      const error = Math.abs(steadyStateBidDistance(each, q) - distance) / (2 * distance)
      expect(error).toBeLessThan(Math.abs(q) <= 2 ? 0.01 : 0.02)
    }
  }
})

test('the exact figures of the paper’s setting, found independently', () => {
  // numpy's eigh of the same matrix gives these; they guard the oracle above.
  const exact = exactBidDistances(PAPER, 30)
  expect(exact.get(0)).toBeCloseTo(3.313045418751688, 6)
  expect(exact.get(5)).toBeCloseTo(3.653479540538978, 6)
})

const vectors = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'reference/vectors/t06_glft_quotes.json')
const present = existsSync(vectors)
test(`reference vectors of closed-form quotes ${present ? 'agree to 1e-12' : 'are absent: not compared'}`, () => {
  if (!present) return
  const { cases } = JSON.parse(readFileSync(vectors, 'utf8')) as {
    cases: {
      sigma: number
      A: number
      k: number
      gamma: number
      delta_bid_closed_form_approx: Record<string, number>
    }[]
  }
  expect(cases.length).toBeGreaterThan(0)
  for (const { sigma, A, k, gamma, delta_bid_closed_form_approx } of cases)
    for (const [q, distance] of Object.entries(delta_bid_closed_form_approx)) {
      const ours = steadyStateBidDistance({ volatility: sigma, arrival: A, decay: k, riskAversion: gamma }, Number(q))
      expect(Math.abs(ours / distance - 1)).toBeLessThan(1e-12)
    }
})

test('Avellaneda and Stoikov’s experiment: profit 65, deviation 6.6 and inventory 2.9 at γ = 0.1', () => {
  // s = 100, T = 1, σ = 2, dt = 0.005, k = 1.5, A = 140 (paper, section 3.3; 200,000 paths give 64.88, 6.55, 2.93).
  const random = new Random(2008)
  const paths = 4000
  const market = { volatility: 2, arrival: 140, decay: 1.5, riskAversion: 0.1 }
  const dt = 0.005
  let sum = 0
  let squares = 0
  let inventorySquares = 0
  for (let path = 0; path < paths; path++) {
    let mid = 100
    let cash = 0
    let inventory = 0
    for (let step = 0; step < 200; step++) {
      const left = 1 - step * dt
      const bid = finiteHorizonBidDistance(market, inventory, left)
      const ask = finiteHorizonBidDistance(market, -inventory, left)
      const bought = random.uniform() < 140 * Math.exp(-1.5 * bid) * dt
      const sold = random.uniform() < 140 * Math.exp(-1.5 * ask) * dt
      if (bought) cash -= mid - bid
      if (sold) cash += mid + ask
      inventory += Number(bought) - Number(sold)
      mid += random.bits() > 0 ? 2 * Math.sqrt(dt) : -2 * Math.sqrt(dt)
    }
    const profit = cash + inventory * mid
    sum += profit
    squares += profit * profit
    inventorySquares += inventory * inventory
  }
  const mean = sum / paths
  const deviation = Math.sqrt(squares / paths - mean * mean)
  expect(Math.abs(mean - 64.88)).toBeLessThan((4 * 6.55) / Math.sqrt(paths))
  expect(Math.abs(deviation / 6.55 - 1)).toBeLessThan(0.06)
  expect(Math.abs(Math.sqrt(inventorySquares / paths) / 2.93 - 1)).toBeLessThan(0.06)
})
