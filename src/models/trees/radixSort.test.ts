/** Goal: figures come out in order. Method: any doubles against the language's own sort, compared by their bits. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RadixSorter } from './radixSort.ts'

const bits = (values: Float64Array) => [...new BigUint64Array(values.slice().buffer)]

test('any finite figures are sorted as the language sorts them, zeros of both signs included', () => {
  const figure = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(0, -0, 1, -1, 5e-324),
    fc.float({ noNaN: true, noDefaultInfinity: true }),
  )
  const sorter = new RadixSorter(300)
  fc.assert(
    fc.property(fc.array(figure, { maxLength: 300 }), (given) => {
      const values = Float64Array.from(given)
      sorter.sort(values)
      expect(bits(values)).toEqual(bits(Float64Array.from(given).sort()))
    }),
  )
})
