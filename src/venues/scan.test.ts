/**
 * Goal: what the scanner reads is what the language reads, and whatever it is unsure of it leaves alone.
 * Method: every decimal and integer of many shapes against `Number` and `JSON.parse`.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyCode, Scanner } from './scan.ts'

function decimalOf(text: string): number {
  const scanner = new Scanner()
  scanner.open(`"${text}"`)
  return scanner.decimal()
}

test('a decimal in quotes is the double Number gives, to the last bit', () => {
  const digits = fc.stringMatching(/^\d{1,20}(\.\d{1,20})?$/)
  fc.assert(
    fc.property(digits, (text) => {
      const read = decimalOf(text)
      if (Number(text) < 2 ** 50) expect(read).toBe(Number(text))
      else expect(read >= 1e15 || Number.isNaN(read)).toBe(true)
    }),
    { numRuns: 2000 },
  )
})

test.each(['', '.', '.5', '5.', '-1', '+1', '1e5', '1.2.3', ' 1', '0x1', 'NaN', '1_0', '١'])(
  '%j is left to JSON',
  (text) => {
    expect(decimalOf(text)).toBeNaN()
  },
)

test.each(['01', '1.0', '1e3', '-1', '', '1234567890123456', '1 '])('the integer %j is left to JSON', (text) => {
  const scanner = new Scanner()
  scanner.open(`${text},`)
  expect(scanner.integer()).toBeNaN()
})

test('strings with escapes, controls or letters beyond ASCII are left to JSON', () => {
  for (const text of ['"a\\n"', '"\t"', '"é"', '"open', 'a"']) {
    const scanner = new Scanner()
    scanner.open(text)
    expect(scanner.string()).toBe(false)
  }
})

test('a key is told by its letters and must be followed by its colon', () => {
  const scanner = new Scanner()
  scanner.open('"pu":1,"u" :2')
  expect(scanner.key()).toBe(keyCode('pu'))
  expect(scanner.integer()).toBe(1)
  scanner.at++
  expect(scanner.key()).toBe(-1)
})
