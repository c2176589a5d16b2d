/**
 * Goal: chance that is the same everywhere, and behaves like chance.
 * Method: frozen first draws (a changed generator changes every seeded result in the project), moments of each
 * distribution within six standard errors, independence of forks.
 */

import { expect, test } from 'vitest'
import { Random } from './random.ts'

test('the same seed draws the same numbers, on every platform and in every version', () => {
  const random = new Random(42)
  expect([random.bits(), random.bits(), random.bits()]).toEqual([1251167922, 656401615, 478193053])
})

test('a fork does not move its parent, and two purposes differ', () => {
  const parent = new Random(7)
  const before = new Random(7).uniform()
  const a = parent.fork('latency')
  const b = parent.fork('queue')
  expect(parent.uniform()).toBe(before)
  expect(a.uniform()).not.toBe(b.uniform())
  expect(new Random(7).fork('latency').uniform()).toBe(new Random(7).fork('latency').uniform())
})

test('uniform, normal and exponential draws have their moments', () => {
  const random = new Random(2026)
  const n = 200_000
  let uniform = 0
  let normal = 0
  let square = 0
  let exponential = 0
  let inside = true
  for (let i = 0; i < n; i++) {
    const u = random.uniform()
    inside &&= u >= 0 && u < 1
    uniform += u
    const z = random.normal()
    normal += z
    square += z * z
    exponential += random.exponential(3)
  }
  expect(inside).toBe(true)
  expect(Math.abs(uniform / n - 0.5)).toBeLessThan((6 * Math.sqrt(1 / 12)) / Math.sqrt(n))
  expect(Math.abs(normal / n)).toBeLessThan(6 / Math.sqrt(n))
  expect(Math.abs(square / n - 1)).toBeLessThan((6 * Math.SQRT2) / Math.sqrt(n))
  expect(Math.abs(exponential / n - 3)).toBeLessThan((6 * 3) / Math.sqrt(n))
})

test('integers cover their range evenly, ends included', () => {
  const random = new Random(1)
  const counts = [0, 0, 0, 0, 0]
  for (let i = 0; i < 50_000; i++) counts[random.integer(-2, 2) + 2]!++
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(600)
})
