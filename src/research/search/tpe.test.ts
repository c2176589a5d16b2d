/**
 * Goal: proposals learn from results, and from nothing else: not from the order or the speed in which trials finish.
 *
 * Method: densities against numerical integrals and hand-worked values; the estimator against random search on functions
 * whose least value is known, over several seeds; a property that results of trials that may still run change nothing.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import type { Proposer, Tried } from './proposer.ts'
import { randomSearch } from './randomSearch.ts'
import { type Configuration, requireConfiguration, type SearchSpace } from './searchSpace.ts'
import { TEST_FUNCTIONS } from './testFunction.ts'
import { ParzenDensity, tpe } from './tpe.ts'

type Loss = (configuration: Configuration) => number | null

/** Runs a proposer for so many trials, with results known as its rule allows. */
function follow(proposer: Proposer, trials: number, loss: Loss): Tried[] {
  const tried: Tried[] = []
  for (let number = 0; number < trials; number++) {
    const known = Math.max(0, number - proposer.parallel)
    const open = tried.slice(known).map(({ configuration }) => configuration)
    const configuration = proposer.propose(number, tried.slice(0, known), open)
    tried.push({ number, configuration, loss: loss(configuration) })
  }
  return tried
}

const least = (tried: readonly Tried[]) => Math.min(...tried.map(({ loss }) => loss ?? Number.POSITIVE_INFINITY))
const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!

describe('the density of good and bad values', () => {
  test('without trials is the prior', () => {
    const density = new ParzenDensity({ kind: 'uniform', min: 2, max: 6 }, [])
    expect(density.mass(2)).toBeCloseTo(0.25, 12)
    expect(density.mass(5.9)).toBeCloseTo(0.25, 12)
  })

  test('with one trial in the middle is half prior, half a normal as wide as the way to the ends', () => {
    // Centre 0, width 1 on [-1, 1]: density at 0 is 1/√(2π) over the 0.6827 that lies within.
    const density = new ParzenDensity({ kind: 'uniform', min: -1, max: 1 }, [0])
    expect(density.mass(0)).toBeCloseTo((0.5 + 0.3989422804014327 / 0.6826894921370859) / 2, 12)
  })

  test.each([
    ['uniform', { kind: 'uniform', min: -3, max: 5 } as const, [-3, -2.9, 0, 4.99, 5]],
    ['logarithmic', { kind: 'log-uniform', min: 1e-3, max: 10 } as const, [1e-3, 0.5, 0.51, 9]],
  ])('integrates to one over its scale: %s', (_, parameter, values) => {
    const density = new ParzenDensity(parameter, values)
    const [low, high] =
      parameter.kind === 'uniform' ? [parameter.min, parameter.max] : [Math.log(parameter.min), Math.log(parameter.max)]
    const steps = 20_000
    let sum = 0
    for (let i = 0; i < steps; i++) {
      const place = low + ((i + 0.5) / steps) * (high - low)
      sum += density.mass(parameter.kind === 'uniform' ? place : Math.exp(place))
    }
    expect((sum * (high - low)) / steps).toBeCloseTo(1, 6)
  })

  test.each([
    ['evenly', false],
    ['logarithmically', true],
  ])('over whole numbers sums to one, drawn as likely as it says: %s', (_, log) => {
    const density = new ParzenDensity({ kind: 'integer', min: 1, max: 9, log }, [1, 4, 4, 9])
    const masses = Array.from({ length: 9 }, (_, i) => density.mass(i + 1))
    expect(masses.reduce((sum, mass) => sum + mass, 0)).toBeCloseTo(1, 12)
    const random = new Random(3)
    const counts = new Array<number>(9).fill(0)
    const draws = 20_000
    for (let i = 0; i < draws; i++) {
      const place = density.draw(random)
      counts[Math.min(9, Math.max(1, Math.round(log ? Math.exp(place) : place))) - 1]!++
    }
    for (const [i, mass] of masses.entries())
      expect(Math.abs(counts[i]! / draws - mass)).toBeLessThan(4 * Math.sqrt((mass * (1 - mass)) / draws))
  })
})

describe('where the least value is known', () => {
  const SEEDS = [1, 2, 3, 4, 5, 6, 7]
  test.each([
    // Medians over 15 seeds, tpe against random: 0.004 and 0.207; 0.131 and 0.869.
    ['branin', 200, 0.05],
    ['hartmann6', 200, 0.4],
  ] as const)('%s in %i trials: less than half random search’s distance from it', (name, trials, distance) => {
    const { space, at, least: known } = TEST_FUNCTIONS[name]
    const loss: Loss = (configuration) => at(Object.keys(space).map((each) => configuration[each] as number))
    const above = (proposer: (seed: number) => Proposer) =>
      median(SEEDS.map((seed) => least(follow(proposer(seed), trials, loss)) - known))
    const learnt = above((seed) => tpe(space, seed))
    const drawn = above((seed) => randomSearch(space, seed))
    expect(learnt).toBeGreaterThanOrEqual(0)
    expect(learnt).toBeLessThan(distance)
    expect(learnt).toBeLessThan(drawn / 2)
  })

  test('a choice, and what hangs on it, are learnt', () => {
    const space: SearchSpace = {
      kind: { kind: 'choice', values: ['a', 'b', 'c', 'd'] },
      depth: { kind: 'integer', min: 1, max: 64, log: true, when: { parameter: 'kind', is: ['b', 'c'] } },
      rate: { kind: 'log-uniform', min: 1e-5, max: 1, when: { parameter: 'kind', is: ['c'] } },
    }
    const loss: Loss = ({ kind, depth, rate }) =>
      kind === 'c' ? Math.abs(Math.log(depth as number) - Math.log(6)) + Math.abs(Math.log10(rate as number) + 3) : 5
    const tried = follow(tpe(space, 1), 120, loss)
    for (const { configuration } of tried) requireConfiguration(space, configuration)
    const late = tried.slice(80)
    expect(late.filter(({ configuration }) => configuration['kind'] === 'c').length).toBeGreaterThan(25)
    expect(least(tried)).toBeLessThan(0.2)
  })

  test('trials that could not be scored count as the worst', () => {
    const space: SearchSpace = { x: { kind: 'uniform', min: 0, max: 1 } }
    const tried = follow(tpe(space, 2), 80, ({ x }) => ((x as number) < 0.5 ? null : Math.abs((x as number) - 0.8)))
    const late = tried.slice(40)
    expect(late.filter(({ loss }) => loss === null).length).toBeLessThan(late.length / 6)
    expect(least(tried)).toBeLessThan(0.01)
  })

  test('when nothing can be scored it goes on trying', () => {
    const { space } = TEST_FUNCTIONS.branin
    const tried = follow(tpe(space, 2), 50, () => null)
    expect(new Set(tried.map(({ configuration }) => configuration['x1'])).size).toBe(50)
    // Equal losses: the earlier trials count as the good ones, in whatever order they are handed over.
    const proposer = tpe(space, 2)
    const next = proposer.propose(50, tried.slice(0, 42), [])
    expect(proposer.propose(50, tried.slice(0, 42).reverse(), [])).toEqual(next)
  })

  test('what hangs on a choice that was not taken is left out', () => {
    const space: SearchSpace = {
      kind: { kind: 'choice', values: ['plain', 'deep'] },
      depth: { kind: 'integer', min: 1, max: 9, when: { parameter: 'kind', is: ['deep'] } },
    }
    const tried = follow(tpe(space, 1), 60, ({ kind, depth }) => (kind === 'plain' ? 0 : (depth as number)))
    for (const { configuration } of tried) requireConfiguration(space, configuration)
    expect(tried.slice(40).filter(({ configuration }) => configuration['kind'] === 'plain').length).toBeGreaterThan(15)
  })
})

test('what trials that may still run come to changes nothing about the next proposal', () => {
  const { space } = TEST_FUNCTIONS.branin
  fc.assert(
    fc.property(
      fc.nat({ max: 1000 }),
      fc.integer({ min: 0, max: 12 }),
      fc.array(fc.option(fc.double({ min: -5, max: 5, noNaN: true })), { minLength: 40, maxLength: 40 }),
      (seed, parallel, losses) => {
        const proposer = tpe(space, seed, { parallel, startup: 5 })
        const tried = follow(proposer, 40, () => 0).map((each, i) => ({ ...each, loss: losses[i] ?? null }))
        const known = tried.slice(0, 39 - parallel)
        const open = tried.slice(39 - parallel, 39).map(({ configuration }) => configuration)
        const next = proposer.propose(39, known, open)
        // The same trials, finished in another order, by a proposer made anew: nothing is remembered.
        expect(tpe(space, seed, { parallel, startup: 5 }).propose(39, [...known].reverse(), open)).toEqual(next)
        expect(tpe(space, seed + 1, { parallel, startup: 5 }).propose(39, known, open)).not.toEqual(next)
      },
    ),
    { numRuns: 50 },
  )
})

test('settings that make no sense are refused', () => {
  const { space } = TEST_FUNCTIONS.branin
  for (const bad of [{ gamma: 0 }, { candidates: 0 }, { quantile: 0.1 }])
    expect(() => tpe(space, 1, bad)).toThrow(expect.objectContaining({ code: 'config-invalid' }))
})
