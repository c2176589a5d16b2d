/**
 * Goal: orders and answers take the time their model says, drawn the same for the same seed.
 *
 * Method: hand-worked delays; a resampled model keeps to its table; an interpolated one agrees with the published
 * rule (linear in between, the ends beyond, whole units).
 */

import { expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import { Kind } from '../market/tape.ts'
import { HandDrivenExchange } from './handDrivenExchange.ts'
import { constantLatency, feedLatency, interpolatedLatency, resampledLatency } from './latencyModels.ts'

test('a constant is one', () => {
  const latency = constantLatency(120, 80)
  expect([latency.entryUs(0, 7), latency.responseUs(5, 7)]).toEqual([120, 80])
  expect(() => constantLatency(-1)).toThrow('never negative')
})

test('drawn delays come from the table, and are the same for the same seed', () => {
  const draws = (seed: number) => {
    const latency = resampledLatency(new Random(seed), [10, 20, 30], [5])
    expect(latency.responseUs(0, 0)).toBe(5)
    return Array.from({ length: 200 }, () => latency.entryUs(0, 0))
  }
  expect(new Set(draws(1))).toEqual(new Set([10, 20, 30]))
  expect(draws(1)).toEqual(draws(1))
  expect(draws(1)).not.toEqual(draws(2))
})

test('between measured round trips delays are interpolated, beyond them the nearest holds', () => {
  const latency = interpolatedLatency([
    { sentUs: 1000, venueUs: 1100, answeredUs: 1130 },
    { sentUs: 2000, venueUs: 2201, answeredUs: 2251 },
  ])
  // Entry: 100 at 1000, 201 at 2000; in the middle 150.5, cut to 150.
  expect([0, 1000, 1500, 2000, 9000].map((sent) => latency.entryUs(sent, 0))).toEqual([100, 100, 150, 201, 201])
  // Response: 30 at 1100, 50 at 2201.
  expect([0, 1100, 1651, 2201].map((at) => latency.responseUs(at, 0))).toEqual([30, 30, 40, 50])
})

test('round trips that run backwards are refused', () => {
  const early = { sentUs: 1000, venueUs: 900, answeredUs: 1130 }
  expect(() => interpolatedLatency([early])).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
})

test("the recording's own feed latency is taken at the moment of sending and of answering", () => {
  const latency = feedLatency({ entryMultiplier: 2, responseMultiplier: 0.5, responseOffsetUs: 3, leastUs: 5 })
  const venue = new HandDrivenExchange({ latency })
  // Rows are heard 0 µs after the venue in this harness: the floor of 5 holds.
  venue.book(1, [[99, 5]], [[101, 4]]).row(2, Kind.TRADE, 1, 101, 1)
  venue.send(10, 1, 1, 99)
  venue.exchange.advanceTo(100)
  const [accepted] = venue.answers()
  expect(accepted!.order).toMatchObject({ venueTimeUs: 15, timeUs: 20 })
  expect([latency.entryUs(0, 40), latency.responseUs(0, 40)]).toEqual([80, 23])
})
