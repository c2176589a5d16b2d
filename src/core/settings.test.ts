/**
 * Goal: settings that make no sense are refused by name, and none is bent into one that does.
 * Method: one shape with every kind of setting; what is read, and what is refused.
 */

import { expect, test } from 'vitest'
import { readSettings, type SettingsShape } from './settings.ts'

const SHAPE = {
  name: { default: 'a', choices: ['a', 'b'], doc: 'one of two' },
  on: { default: false, doc: 'a flag' },
  share: { default: 0.5, min: 0, max: 1, doc: 'a number' },
  levels: { default: 5, min: 1, max: 10, whole: true, doc: 'a count' },
} as const satisfies SettingsShape

test('defaults are filled in, and numbers and flags may come as text', () => {
  expect(readSettings('it', SHAPE, {})).toEqual({ name: 'a', on: false, share: 0.5, levels: 5 })
  const text = { name: 'b', on: 'true', share: '0.25', levels: '7' }
  expect(readSettings('it', SHAPE, text)).toEqual({ name: 'b', on: true, share: 0.25, levels: 7 })
})

test.each([
  { name: 'c' },
  { on: 'yes' },
  { share: 1.5 },
  { share: '' },
  { levels: 2.5 },
  { levels: '2.5' },
  { other: 1 },
])('%j is refused by name', (given) => {
  expect(() => readSettings('it', SHAPE, given)).toThrow(
    expect.objectContaining({ code: 'config-invalid', message: expect.stringContaining(Object.keys(given)[0]!) }),
  )
})
