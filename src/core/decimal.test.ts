/**
 * Goal: decimal text becomes grid indices without losing or inventing a digit.
 * Method: every decimal of up to 15 digits must come back as printed; values off the grid must be refused; the step
 * finder must return a step on which everything it saw lies.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decimalText, decimalValue, Grid, parseDecimal, StepFinder } from './decimal.ts'

const grids = fc.constantFrom('0.00000001', '0.0001', '0.01', '0.1', '0.5', '0.25', '1', '5', '10', '100')

test('any index on a grid survives being printed, parsed as a double and found again', () => {
  fc.assert(
    fc.property(grids, fc.integer({ min: -(2 ** 31), max: 2 ** 31 }), (step, index) => {
      const grid = new Grid(step)
      expect(grid.index(Number(grid.format(index)))).toBe(index === 0 ? 0 : index)
      expect(grid.index(grid.value(index))).toBe(index)
    }),
  )
})

test('a price between two steps is refused, never moved', () => {
  fc.assert(
    fc.property(
      grids,
      fc.integer({ min: 1, max: 10_000_000 }),
      fc.integer({ min: 1, max: 9 }),
      (step, index, tenth) => {
        const grid = new Grid(step)
        expect(grid.index(grid.value(index) + grid.size * (tenth / 10))).toBeNaN()
      },
    ),
  )
})

test('floor and ceil bracket a price and agree on the grid', () => {
  const grid = new Grid('0.1')
  expect([grid.floor(0.30000000000000004), grid.ceil(0.3)]).toEqual([3, 3])
  expect([grid.floor(63943.95), grid.ceil(63943.95)]).toEqual([639439, 639440])
})

test('decimal text is read exactly and printed without ornament', () => {
  expect(parseDecimal('63943.90')).toEqual({ mantissa: 639439, exponent: -1 })
  expect(parseDecimal('-1.20e-3')).toEqual({ mantissa: -12, exponent: -4 })
  expect(parseDecimal('0.000')).toEqual({ mantissa: 0, exponent: 0 })
  expect(decimalText({ mantissa: 1, exponent: -3 })).toBe('0.001')
  expect(decimalText({ mantissa: 125, exponent: 2 })).toBe('12500')
  fc.assert(
    fc.property(
      fc.integer({ min: -999_999_999, max: 999_999_999 }),
      fc.integer({ min: -8, max: 6 }),
      (mantissa, exponent) => {
        const text = decimalText({ mantissa, exponent })
        expect(decimalValue(parseDecimal(text))).toBe(Number(`${mantissa}e${exponent}`) + 0)
      },
    ),
  )
})

test.each(['', '.', '1.2.3', 'NaN', 'Infinity', '0x10', '1,000', '--1', '1234567890.1234567'])(
  '%j is not a decimal we can keep',
  (text) => {
    expect(() => parseDecimal(text)).toThrow(expect.objectContaining({ code: 'payload-invalid' }))
  },
)

test.each(['0', '-1', 'abc'])('a step of %j makes no grid', (step) => {
  expect(() => new Grid(step)).toThrow()
})

describe('finding a step', () => {
  const find = (values: number[]): string | undefined => {
    const finder = new StepFinder()
    for (const value of values) expect(finder.add(value)).toBe(true)
    return finder.step()
  }

  test('the coarsest of 1, 2, 2.5, 5 times a power of ten', () => {
    expect(find([63943.9, 63943.8])).toBe('0.1')
    expect(find([61837.64, 61837.63])).toBe('0.01')
    expect(find([33215.5, 33217])).toBe('0.5')
    expect(find([0.0025, 0.01])).toBe('0.0025')
    expect(find([100, 2500])).toBe('100')
    expect(find([3, 9])).toBe('1')
    expect(find([0])).toBeUndefined()
  })

  test('everything seen lies on what was found', () => {
    fc.assert(
      fc.property(
        grids,
        fc.array(fc.integer({ min: 0, max: 5_000_000 }), { minLength: 1, maxLength: 50 }),
        (step, indices) => {
          const source = new Grid(step)
          const values = indices.map((index) => source.value(index))
          const found = find(values)
          if (found === undefined) return
          const grid = new Grid(found)
          for (const value of values) expect(grid.index(value)).not.toBeNaN()
        },
      ),
    )
  })

  test('a value with more than 12 decimals is refused', () => {
    expect(new StepFinder().add(1 / 3)).toBe(false)
  })
})
