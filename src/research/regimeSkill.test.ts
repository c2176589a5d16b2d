/**
 * Goal: regimes are praised for telling of the next return what one variance does not, on returns they were not fitted to, and
 * for nothing else.
 *
 * Method: returns drawn from two known states, from one, and worked out by hand; the future of a judged return is changed.
 */

import { describe, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import type { HiddenMarkovParameters } from '../features/regimeFilter.ts'
import { judgeRegimes, judgeRegimeWalk } from './regimeSkill.ts'

const [CALM, WILD] = [1e-8, 9e-8]
const TWO: HiddenMarkovParameters = {
  means: [0, 0],
  variances: [CALM, WILD],
  transition: [
    [0.98, 0.02],
    [0.05, 0.95],
  ],
  initial: [0.7, 0.3],
}

/** Returns of a market that changes between the states, or stays in the first. */
function market(steps: number, seed: number, stays: boolean): Float64Array {
  const random = new Random(seed)
  let state = 0
  return Float64Array.from({ length: steps }, () => {
    const leave = stays ? 0 : TWO.transition[state]![1 - state]!
    if (random.uniform() < leave) state = 1 - state
    return Math.sqrt(TWO.variances[state]!) * random.normal()
  })
}

describe('regimes that are there', () => {
  test('tell more than one variance and than a moving one, and call turbulent what moves more', () => {
    const skill = judgeRegimes(TWO, market(8000, 1, false), 3000, new Random(1))!
    expect(skill.steps).toBe(5000)
    for (const { low, mean, high } of [skill.overOne, skill.overMoving]) {
      expect(low).toBeGreaterThan(0)
      expect(mean).toBeGreaterThan(low)
      expect(high).toBeGreaterThan(mean)
    }
    // 2/7 of the time in the long run; the variance is 9 times as large, seen through a filter that lags.
    expect(skill.turbulent).toBeGreaterThan(0.2)
    expect(skill.turbulent).toBeLessThan(0.37)
    expect(skill.spread).toBeGreaterThan(3)
    expect(skill.spread).toBeLessThan(9)
  })

  test('by as much as the definition says, written out for a few steps', () => {
    const returns = Float64Array.from({ length: 60 }, (_, i) => (i % 7) * 1e-4 - 2e-4)
    const { overOne, overMoving, spread, turbulent } = judgeRegimes(TWO, returns, 8, new Random(1))!
    const density = (x: number, variance: number) =>
      Math.exp((-x * x) / (2 * variance)) / Math.sqrt(2 * Math.PI * variance)
    const one = returns.slice(0, 8).reduce((sum, r) => sum + r * r, 0) / 8
    let [next, moving, over, overEwma, up, upWeight, down, downWeight, wild] = [[0.7, 0.3], one, 0, 0, 0, 0, 0, 0, 0]
    let before = 0.3
    for (const [t, r] of returns.entries()) {
      const joint = next!.map((p, i) => p * density(r, TWO.variances[i]!))
      const sum = joint[0]! + joint[1]!
      const now = joint.map((p) => p / sum)
      if (t >= 8) {
        over += Math.log(sum) - Math.log(density(r, one))
        overEwma += Math.log(sum) - Math.log(density(r, moving))
        up += before * r * r
        upWeight += before
        down += (1 - before) * r * r
        downWeight += 1 - before
        wild += now[1]!
      }
      moving = 0.94 * moving + 0.06 * r * r
      before = now[1]!
      next = [0, 1].map((j) => now[0]! * TWO.transition[0]![j]! + now[1]! * TWO.transition[1]![j]!)
    }
    expect(overOne.mean).toBeCloseTo(over / 52, 10)
    expect(overMoving.mean).toBeCloseTo(overEwma / 52, 10)
    expect(spread).toBeCloseTo(up / upWeight / (down / downWeight), 10)
    expect(turbulent).toBeCloseTo(wild / 52, 10)
  })
})

test('regimes that are not there tell less than the one variance there is', () => {
  const skill = judgeRegimes(TWO, market(8000, 2, true), 3000, new Random(1))!
  expect(skill.overOne.high).toBeLessThan(0)
})

test('unknown returns are not judged, and time passes in them', () => {
  const returns = market(500, 3, false)
  const holes = returns.map((r, i) => (i % 5 === 3 ? Number.NaN : r))
  expect(judgeRegimes(TWO, holes, 100, new Random(1))!.steps).toBe(320)
})

test('nothing is said of too few returns, or of a market that stood still while regimes were fitted', () => {
  expect(judgeRegimes(TWO, market(149, 1, false), 100, new Random(1))).toBeNull()
  expect(judgeRegimes(TWO, market(150, 1, false), 100, new Random(1))).not.toBeNull()
  expect(judgeRegimes(TWO, new Float64Array(500), 100, new Random(1))).toBeNull()
})

test('of regimes fitted again and again each return is judged by the last fit before it, which heard all of the past', () => {
  const returns = market(6000, 3, false)
  const other = { ...TWO, variances: [1.3 * CALM, 0.8 * WILD] }
  const walk = judgeRegimeWalk(
    [
      { parameters: TWO, fitted: 2000, from: 2003 },
      { parameters: other, fitted: 4000, from: 4003 },
    ],
    returns,
    new Random(1),
  )!
  const first = judgeRegimeWalk(
    [{ parameters: TWO, fitted: 2000, from: 2003 }],
    returns.subarray(0, 4003),
    new Random(1),
  )!
  const second = judgeRegimeWalk([{ parameters: other, fitted: 4000, from: 4003 }], returns, new Random(1))!
  expect([first.steps, second.steps, walk.steps]).toEqual([2000, 1997, 3997])
  for (const gain of ['overOne', 'overMoving'] as const)
    expect(walk[gain].mean).toBeCloseTo((2000 * first[gain].mean + 1997 * second[gain].mean) / 3997, 10)
  expect(walk.turbulent).toBeCloseTo((2000 * first.turbulent + 1997 * second.turbulent) / 3997, 12)
})
