/**
 * Goal: what is drawn is allowed, what is not allowed is refused by name, and equal configurations hash alike.
 *
 * Method: properties over arbitrary spaces (draws pass the check, a change of any value out of range does not), shares of
 * draws against what their scale promises, named spaces that make no sense.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import {
  configurationHash,
  fromScale,
  orderedParameters,
  type Parameter,
  requireConfiguration,
  type SearchSpace,
  sampleConfiguration,
  sampleParameter,
  scaleOf,
  spaceHash,
  toScale,
} from './searchSpace.ts'

/** A learner with settings of its own for each kind: what research searches over. */
const LEARNERS: SearchSpace = {
  learner: { kind: 'choice', values: ['trees', 'ridge'] },
  leaves: { kind: 'integer', min: 4, max: 256, log: true, when: { parameter: 'learner', is: ['trees'] } },
  rate: { kind: 'log-uniform', min: 0.01, max: 0.5, when: { parameter: 'learner', is: ['trees'] } },
  sampling: { kind: 'choice', values: [true, false], when: { parameter: 'learner', is: ['trees'] } },
  share: { kind: 'uniform', min: 0.1, max: 1, when: { parameter: 'sampling', is: [true] } },
  penalty: { kind: 'log-uniform', min: 1e-6, max: 1e3, when: { parameter: 'learner', is: ['ridge'] } },
}

const parameter: fc.Arbitrary<Parameter> = fc.oneof(
  fc
    .tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: 1, max: 100 }))
    .map(([min, width]) => ({ kind: 'integer' as const, min, max: min + width })),
  fc
    .tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 1000 }))
    .map(([min, width]) => ({ kind: 'integer' as const, min, max: min + width, log: true })),
  fc
    .tuple(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.double({ min: 1e-3, max: 1e6, noNaN: true }))
    .map(([min, width]) => ({ kind: 'uniform' as const, min, max: min + width })),
  fc
    .tuple(fc.double({ min: 1e-9, max: 1e3, noNaN: true }), fc.double({ min: 1.001, max: 1e6, noNaN: true }))
    .map(([min, factor]) => ({ kind: 'log-uniform' as const, min, max: min * factor })),
  fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 5 }).map((values) => ({ kind: 'choice' as const, values })),
)

test('whatever is drawn from whatever space is allowed by it, and drawn again from the same seed', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), parameter, { maxKeys: 6 }),
      fc.nat(),
      (space, seed) => {
        const drawn = sampleConfiguration(space, new Random(seed))
        requireConfiguration(space, drawn)
        expect(sampleConfiguration(space, new Random(seed))).toEqual(drawn)
        expect(Object.keys(drawn).sort()).toEqual(Object.keys(space).sort())
      },
    ),
    { numRuns: 200 },
  )
})

test('a configuration holds the parameters in force and no others', () => {
  const seen = new Set<string>()
  for (let seed = 0; seed < 100; seed++) {
    const drawn = sampleConfiguration(LEARNERS, new Random(seed))
    requireConfiguration(LEARNERS, drawn)
    seen.add(Object.keys(drawn).sort().join(' '))
  }
  expect([...seen].sort()).toEqual([
    'learner leaves rate sampling',
    'learner leaves rate sampling share',
    'learner penalty',
  ])
})

test('a parameter added to a space moves no other', () => {
  const { share: _, ...smaller } = LEARNERS
  for (let seed = 0; seed < 20; seed++) {
    const { share: __, ...rest } = sampleConfiguration(LEARNERS, new Random(seed))
    expect(sampleConfiguration(smaller, new Random(seed))).toEqual(rest)
  }
})

test('a logarithmic parameter gives every order of magnitude its share; an integer gives its ends theirs', () => {
  const random = new Random(1)
  const draws = (each: Parameter) => Array.from({ length: 8_000 }, () => sampleParameter(each, random) as number)
  const rates = draws({ kind: 'log-uniform', min: 1e-4, max: 1 })
  for (let decade = -4; decade < 0; decade++) {
    const share = rates.filter((rate) => rate >= 10 ** decade && rate < 10 ** (decade + 1)).length / rates.length
    expect(share).toBeGreaterThan(0.23)
    expect(share).toBeLessThan(0.27)
  }
  const counts = draws({ kind: 'integer', min: -1, max: 2 })
  for (let value = -1; value <= 2; value++) {
    const share = counts.filter((each) => each === value).length / counts.length
    expect(share).toBeGreaterThan(0.23)
    expect(share).toBeLessThan(0.27)
  }
})

test('a value and its place on the scale are one another’s inverse', () => {
  fc.assert(
    fc.property(parameter, fc.double({ min: 0, max: 1, noNaN: true }), (each, share) => {
      if (each.kind === 'choice') return
      const { low, high } = scaleOf(each)
      const value = fromScale(each, low + share * (high - low))
      expect(value).toBeGreaterThanOrEqual(each.min)
      expect(value).toBeLessThanOrEqual(each.max)
      expect(fromScale(each, toScale(each, value))).toBeCloseTo(value, 6)
    }),
  )
})

test('spaces and configurations hash alike whatever the order they were written in', () => {
  const turned = Object.fromEntries(
    Object.entries(LEARNERS)
      .reverse()
      .map(([name, each]) => [name, Object.fromEntries(Object.entries(each).reverse())]),
  ) as unknown as SearchSpace
  expect(spaceHash(turned)).toBe(spaceHash(LEARNERS))
  expect(orderedParameters(turned)).toEqual(orderedParameters(LEARNERS))
  expect(sampleConfiguration(turned, new Random(5))).toEqual(sampleConfiguration(LEARNERS, new Random(5)))
  expect(configurationHash({ a: 1, b: 'x' })).toBe(configurationHash({ b: 'x', a: 1 }))
  expect(spaceHash({ ...LEARNERS, rate: { kind: 'log-uniform', min: 0.01, max: 0.6 } })).not.toBe(spaceHash(LEARNERS))
})

describe('spaces that make no sense are refused, naming the parameter', () => {
  const one = { parameter: 'a', is: ['x'] }
  test.each<[string, SearchSpace]>([
    ['an empty range', { p: { kind: 'uniform', min: 1, max: 1 } }],
    ['a logarithm of nothing', { p: { kind: 'log-uniform', min: 0, max: 1 } }],
    ['an integer between integers', { p: { kind: 'integer', min: 0.5, max: 3 } }],
    ['no end', { p: { kind: 'uniform', min: 0, max: Number.POSITIVE_INFINITY } }],
    ['nothing to choose', { p: { kind: 'choice', values: [] } }],
    ['a value twice', { p: { kind: 'choice', values: ['x', 'x'] } }],
    ['a condition on nothing', { p: { kind: 'uniform', min: 0, max: 1, when: one } }],
    [
      'a condition on a range',
      { p: { kind: 'uniform', min: 0, max: 1, when: one }, a: { kind: 'uniform', min: 0, max: 1 } },
    ],
    [
      'a condition on a value that cannot be',
      { p: { kind: 'uniform', min: 0, max: 1, when: one }, a: { kind: 'choice', values: ['y'] } },
    ],
  ])('%s', (_, space) => {
    expect(() => orderedParameters(space)).toThrow(
      expect.objectContaining({ code: 'config-invalid', facts: expect.objectContaining({ parameter: 'p' }) }),
    )
  })

  test('conditions in a circle', () => {
    const space: SearchSpace = {
      a: { kind: 'choice', values: ['x', 'y'], when: { parameter: 'b', is: ['x'] } },
      b: { kind: 'choice', values: ['x', 'y'], when: { parameter: 'a', is: ['x'] } },
    }
    expect(() => orderedParameters(space)).toThrow(
      expect.objectContaining({ code: 'config-invalid', facts: { parameters: 'a b' } }),
    )
  })
})

test.each([
  ['missing', { learner: 'ridge' }, 'penalty'],
  ['unknown', { learner: 'ridge', penalty: 1, depth: 3 }, 'depth'],
  ['not in force', { learner: 'ridge', penalty: 1, share: 0.5 }, 'share'],
  ['out of range', { learner: 'ridge', penalty: 1e4 }, 'penalty'],
  ['not a choice', { learner: 'forest', penalty: 1 }, 'learner'],
  ['not whole', { learner: 'trees', leaves: 31.5, rate: 0.1, sampling: false }, 'leaves'],
  ['not a number', { learner: 'trees', leaves: 31, rate: Number.NaN, sampling: false }, 'rate'],
])('a configuration with a parameter that is %s is refused', (_, configuration, name) => {
  expect(() => requireConfiguration(LEARNERS, configuration)).toThrow(
    expect.objectContaining({ code: 'config-invalid', facts: expect.objectContaining({ parameter: name }) }),
  )
})
