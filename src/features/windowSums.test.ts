/**
 * Goal: a window holds what happened in it, to the bit, however long it has been moving.
 *
 * Method: one property against the list of everything that happened.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WindowSums } from './windowSums.ts'

test('any sequence of figures gives the sums and the greatest of the window by its definition', () => {
  const event = fc.record({ waitUs: fc.integer({ min: 0, max: 400 }), value: fc.integer({ min: 0, max: 1000 }) })
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80 }), fc.integer({ min: 1, max: 2000 }), (events, windowUs) => {
      const window = new WindowSums(windowUs, 2)
      const heard: { timeUs: number; value: number }[] = []
      let nowUs = 1e15
      for (const { waitUs, value } of events) {
        nowUs += waitUs
        window.add(nowUs, 0, value)
        window.raise(nowUs, 1, value)
        heard.push({ timeUs: nowUs, value })
        for (const laterUs of [nowUs, nowUs + waitUs, nowUs + 3 * windowUs]) {
          const within = heard.filter(({ timeUs }) => timeUs >= window.startUs(laterUs))
          expect(window.sum(laterUs, 0)).toBe(within.reduce((sum, each) => sum + each.value, 0))
          expect(window.greatest(laterUs, 1)).toBe(Math.max(0, ...within.map((each) => each.value)))
        }
      }
    }),
  )
})

test('a window reaches back between 95 and 100 % of its length', () => {
  const window = new WindowSums(1000, 1)
  for (let nowUs = 5000; nowUs < 5200; nowUs++) {
    const length = nowUs - window.startUs(nowUs)
    expect(length).toBeGreaterThanOrEqual(950)
    expect(length).toBeLessThan(1000)
  }
})
