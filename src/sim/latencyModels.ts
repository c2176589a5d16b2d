/**
 * @file Latency models: how long an order takes to the venue, and an answer back.
 *
 * Order on a connection is kept whatever a model says: see connection.ts. Feed latency needs no model, for the
 * recording carries both times of every row.
 *
 * Where they are optimistic: venues slow down exactly when everybody acts. A constant knows nothing of that; the
 * models built on the recording's own feed latency do, as far as the feed slowed down too.
 */

import { assert, GimbalError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'

/** Delays of one connection, in microseconds, never negative. */
export interface LatencyModel {
  readonly name: string
  /** The assumption in a sentence, for reports. */
  readonly assumption: string
  /** Whether it wants the feed latency; else 0 is passed. */
  readonly fromFeed: boolean
  /** From us to the matching engine, for what leaves at `sentUs`. */
  entryUs(sentUs: number, feedLatencyUs: number): number
  /** From the matching engine to us, for what happens at `venueUs`. */
  responseUs(venueUs: number, feedLatencyUs: number): number
}

/** The same delay always. hftbacktest's `ConstantLatency`. */
export function constantLatency(entryUs: number, responseUs: number = entryUs): LatencyModel {
  assert(entryUs >= 0 && responseUs >= 0, 'a latency is never negative')
  return {
    name: 'constant',
    assumption: `latency: every order takes ${entryUs} µs to the venue, every answer ${responseUs} µs back`,
    fromFeed: false,
    entryUs: () => entryUs,
    responseUs: () => responseUs,
  }
}

/**
 * Draws from measured delays, with replacement: keeps their distribution, loses that slow moments cluster.
 *
 * @param entriesUs Measured delays to the venue; `responsesUs` back. Neither may be empty.
 */
export function resampledLatency(
  random: Random,
  entriesUs: readonly number[],
  responsesUs: readonly number[] = entriesUs,
): LatencyModel {
  for (const table of [entriesUs, responsesUs]) {
    assert(table.length > 0 && table.every((us) => us >= 0), 'measured latencies exist and are not negative')
  }
  const draw = (table: readonly number[]) => table[random.integer(0, table.length - 1)]!
  return {
    name: 'resampled',
    assumption: `latency: drawn from ${entriesUs.length} measured delays to the venue and ${responsesUs.length} back`,
    fromFeed: false,
    entryUs: () => draw(entriesUs),
    responseUs: () => draw(responsesUs),
  }
}

/** Settings of {@link feedLatency}: delay = multiplier × feed latency + offset, at least `leastUs`. */
export interface FeedLatencySettings {
  readonly entryMultiplier: number
  readonly entryOffsetUs: number
  readonly responseMultiplier: number
  readonly responseOffsetUs: number
  /** Floor of either delay: clocks that disagree make feed latencies too small, or negative. */
  readonly leastUs: number
}

/**
 * Order latency as a multiple of the latency the recording's own feed had at that moment, each way: the idea of
 * hftbacktest's `generate_order_latency` and `IntpOrderLatency`, without the detour over a file.
 */
export function feedLatency(settings: Partial<FeedLatencySettings> = {}): LatencyModel {
  const entryMultiplier = settings.entryMultiplier ?? 1
  const entryOffsetUs = settings.entryOffsetUs ?? 0
  const responseMultiplier = settings.responseMultiplier ?? 1
  const responseOffsetUs = settings.responseOffsetUs ?? 0
  const leastUs = settings.leastUs ?? 0
  assert(leastUs >= 0, 'a latency is never negative')
  return {
    name: 'feed',
    assumption: `latency: ${entryMultiplier} × the recorded feed latency + ${entryOffsetUs} µs to the venue, ${responseMultiplier} × + ${responseOffsetUs} µs back, at least ${leastUs} µs`,
    fromFeed: true,
    entryUs: (_sentUs, feedUs) => Math.max(leastUs, Math.round(feedUs * entryMultiplier + entryOffsetUs)),
    responseUs: (_venueUs, feedUs) => Math.max(leastUs, Math.round(feedUs * responseMultiplier + responseOffsetUs)),
  }
}

/** One measured round trip, in µs: sent, handled by the venue, answer received. */
export interface RoundTrip {
  readonly sentUs: number
  readonly venueUs: number
  readonly answeredUs: number
}

/**
 * Interpolates linearly in time between measured round trips; before the first and after the last, theirs. As
 * hftbacktest's `IntpOrderLatency`, which truncates to whole time units.
 *
 * @param trips By time. Must not be empty.
 * @throws {GimbalError} `argument-invalid` when out of order or negative.
 */
export function interpolatedLatency(trips: readonly RoundTrip[]): LatencyModel {
  for (const [index, trip] of trips.entries()) {
    const previous = trips[index - 1]
    const backwards = previous && (previous.sentUs > trip.sentUs || previous.venueUs > trip.venueUs)
    if (backwards || trip.venueUs < trip.sentUs || trip.answeredUs < trip.venueUs) {
      throw new GimbalError('argument-invalid', 'Round trips must run forwards in time', { index })
    }
  }
  assert(trips.length > 0, 'there is a measured round trip')
  const at = (timeUs: number, time: (trip: RoundTrip) => number, delay: (trip: RoundTrip) => number): number => {
    let low = 0
    let high = trips.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (time(trips[middle]!) <= timeUs) low = middle + 1
      else high = middle
    }
    if (low === 0) return delay(trips[0]!)
    const before = trips[low - 1]!
    const after = trips[low]
    if (!after) return delay(before)
    const slope = (delay(after) - delay(before)) / (time(after) - time(before))
    return Math.trunc(slope * (timeUs - time(before))) + delay(before)
  }
  const entry = (trip: RoundTrip) => trip.venueUs - trip.sentUs
  const response = (trip: RoundTrip) => trip.answeredUs - trip.venueUs
  return {
    name: 'interpolated',
    assumption: `latency: interpolated between ${trips.length} measured round trips`,
    fromFeed: false,
    entryUs: (sentUs) => at(sentUs, (trip) => trip.sentUs, entry),
    responseUs: (venueUs) => at(venueUs, (trip) => trip.venueUs, response),
  }
}
