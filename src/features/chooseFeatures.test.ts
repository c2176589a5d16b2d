/**
 * Goal: whatever a tape can feed is chosen and nothing else, and a wish that cannot be met is named.
 * Method: tapes by the streams they hold, and every way of asking wrongly.
 */

import { describe, expect, test } from 'vitest'
import { testPerpetual } from '../../tests/testPerpetual.ts'
import { Instrument, Universe } from '../market/instrument.ts'
import { chooseFeatures, type FeatureChoice } from './chooseFeatures.ts'
import { FAMILIES } from './families.ts'
import type { TapeContents } from './feature.ts'
import { featureNames } from './featureSet.ts'

const universe = new Universe([new Instrument(testPerpetual())])
const tape = (...streams: string[]): TapeContents => ({ universe, target: 0, streams: [streams] })
const CHOICE: FeatureChoice = { sampling: { every: 'time', intervalUs: 1_000_000 } }
const chosen = (contents: TapeContents, choice: Partial<FeatureChoice> = {}) =>
  chooseFeatures(contents, { ...CHOICE, ...choice }).features.map(({ family }) => family)

describe('by themselves', () => {
  test('a book brings what books feed, bars what bars feed, and both what any price feeds', () => {
    const [book, bars] = [chosen(tape('book', 'trade')), chosen(tape('bar'))]
    expect(book).toEqual(
      expect.arrayContaining(['time-of-day', 'book-imbalance', 'microprice', 'vpin', 'ewma-variance']),
    )
    expect(book).not.toContain('gas')
    expect(bars).toEqual(expect.arrayContaining(['time-of-day', 'range-volatility', 'ewma-variance', 'volume']))
    for (const family of ['book-imbalance', 'microprice', 'vpin', 'gas']) expect(bars).not.toContain(family)
  })

  test('exactly those that say it suits them, in the order of the registry', () => {
    for (const streams of [
      ['book', 'trade', 'funding'],
      ['bar', 'funding'],
      ['quote', 'mark'],
    ]) {
      const contents = tape(...streams)
      const suiting = Object.values(FAMILIES).filter((family) => family.suits(contents))
      expect(chosen(contents)).toEqual(suiting.map(({ name }) => name))
    }
  })

  test('the spec names target, sampling and normalisation, and can be built', () => {
    const spec = chooseFeatures(tape('bar'), { ...CHOICE, normaliseOver: 50 })
    expect(spec).toMatchObject({ target: universe.at(0).id, sampling: CHOICE.sampling, normaliseOver: 50 })
    expect(featureNames(spec).length).toBeGreaterThan(10)
    expect(chooseFeatures(tape('bar'), CHOICE).normaliseOver).toBe(0)
  })
})

describe('by wish', () => {
  test('only the families named, with their settings; presets for others do no harm', () => {
    const spec = chooseFeatures(tape('bar'), {
      ...CHOICE,
      only: ['ewma-variance'],
      settings: { 'ewma-variance': { lambdas: '0.9' }, vpin: { buckets: 10 } },
    })
    expect(spec.features).toEqual([{ family: 'ewma-variance', settings: { lambdas: '0.9' } }])
  })

  test.each<[string, string, Partial<FeatureChoice>]>([
    ['a family that does not exist', 'No such feature family', { only: ['astrology'] }],
    ['one that the tape cannot feed', 'cannot feed this', { only: ['time-of-day', 'microprice'] }],
    [
      'settings of a family that does not exist',
      'does not exist',
      { settings: { 'ewma-varianse': { lambdas: '0.9' } } },
    ],
    ['none at all', 'no feature family', { only: [] }],
  ])('%s is refused', (_, message, choice) => {
    expect(() => chosen(tape('bar'), choice)).toThrow(
      expect.objectContaining({ code: 'config-invalid', message: expect.stringContaining(message) }),
    )
  })
})
