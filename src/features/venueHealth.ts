/**
 * @file How well a venue is heard: how old its last word is, what was lost, and how late its messages come against how late they
 * usually come.
 *
 * `age` is the time since the last row of the instrument, of any kind: silence is what it measures, so it never expires. `down` is 1
 * from an `OUTAGE` to the row that ends it. Per window: `gaps` (`GAP` rows) and `outages` (beginnings of one), known once the window has
 * been listened to from its beginning; they are also known while the venue is down.
 *
 * Latency is when a message was learnt of less when the venue says it happened; clocks that differ make it wrong by a constant, even
 * negative, so it is told in excess too: `excess` is the last latency less the median of the last 256 messages, over their
 * interquartile range, clamped to ±100; NaN of fewer than twenty messages, or when they do not vary. Latencies are no longer known after
 * `memorySeconds` of silence, and an outage forgets them.
 */

import { SECOND_US } from '../core/clock.ts'
import { readSettings, type SettingsOf, type SettingsShape } from '../core/settings.ts'
import { Flag, Kind, type TapeBatch } from '../market/tape.ts'
import type { Feature, FeatureContext, FeatureFamily } from './feature.ts'
import { RecentFigures, sortedQuantile } from './recentFigures.ts'
import { INSTRUMENT_SETTING, namedInstrument, numberList, spanName, spanUs } from './settingLists.ts'
import { WindowSums } from './windowSums.ts'

const SETTINGS = {
  instrument: INSTRUMENT_SETTING,
  windowsSeconds: { default: '60,3600', doc: 'lengths of the windows, seconds, ascending' },
  memorySeconds: { default: 60, min: 1, doc: 'seconds of silence after which latencies are no longer known' },
} as const satisfies SettingsShape

const OWNER = 'feature venue-health'
const US_PER_MS = 1000
const REMEMBERED = 256
const LEAST = 20
const CLAMP = 100

/** Fields of the windows. */
const GAPS = 0
const OUTAGES = 1

class VenueHealth implements Feature {
  readonly instruments: readonly number[]
  readonly #windows: readonly WindowSums[]
  readonly #memoryUs: number
  readonly #latencies = new RecentFigures(REMEMBERED)
  readonly #sorted = new Float64Array(REMEMBERED)
  #firstUs = Number.POSITIVE_INFINITY
  #lastUs = Number.NaN
  #down = false

  constructor(settings: SettingsOf<typeof SETTINGS>, context: FeatureContext) {
    const instrument = namedInstrument(context, settings.instrument)
    this.instruments = [instrument]
    this.#windows = numberList(OWNER, 'windowsSeconds', settings.windowsSeconds, 0.001).map(
      (seconds) => new WindowSums(spanUs(seconds), 2),
    )
    this.#memoryUs = spanUs(settings.memorySeconds)
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    if (timeUs < this.#firstUs) this.#firstUs = timeUs
    this.#lastUs = timeUs
    const kind = batch.kind[row]!
    if (kind === Kind.GAP) this.#count(timeUs, GAPS)
    else if (kind === Kind.OUTAGE) {
      const down = batch.value[row]! !== 0
      if (down && !this.#down) this.#count(timeUs, OUTAGES)
      this.#down = down
      this.#latencies.pushBreak(timeUs)
    } else if ((batch.flags[row]! & Flag.END) !== 0)
      this.#latencies.push(timeUs, (timeUs - batch.venueTimeUs[row]!) / US_PER_MS)
  }

  #count(timeUs: number, field: number): void {
    for (let i = 0; i < this.#windows.length; i++) this.#windows[i]!.add(timeUs, field, 1)
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const heard = this.#firstUs < Number.POSITIVE_INFINITY
    out[at] = heard ? (nowUs - this.#lastUs) / SECOND_US : Number.NaN
    out[at + 1] = heard ? (this.#down ? 1 : 0) : Number.NaN
    this.#writeLatency(out, at + 2, nowUs)
    for (let i = 0; i < this.#windows.length; i++) {
      const window = this.#windows[i]!
      const known = this.#firstUs <= window.startUs(nowUs)
      out[at + 5 + 2 * i] = known ? window.sum(nowUs, GAPS) : Number.NaN
      out[at + 6 + 2 * i] = known ? window.sum(nowUs, OUTAGES) : Number.NaN
    }
  }

  #writeLatency(out: Float64Array, at: number, nowUs: number): void {
    out.fill(Number.NaN, at, at + 3)
    const latencies = this.#latencies
    const last = latencies.end - 1
    if (last <= latencies.lastBreak || nowUs - latencies.timeUs(last) > this.#memoryUs) return
    const sorted = this.#sorted
    const count = latencies.copyKnown(latencies.lastBreak + 1, sorted)
    sorted.subarray(0, count).sort()
    const latency = latencies.first(last)
    const median = sortedQuantile(sorted, count, 0.5)
    const range = sortedQuantile(sorted, count, 0.75) - sortedQuantile(sorted, count, 0.25)
    out[at] = latency
    if (count < LEAST) return
    out[at + 1] = median
    if (range > 0) out[at + 2] = Math.max(-CLAMP, Math.min(CLAMP, (latency - median) / range))
  }
}

export const VENUE_HEALTH: FeatureFamily = {
  name: 'venue-health',
  summary: 'Age of the last word of a venue, losses and outages in windows, latency against its history.',
  version: 1,
  settings: SETTINGS,
  outputs(given) {
    const { windowsSeconds } = readSettings(OWNER, SETTINGS, given)
    const windows = numberList(OWNER, 'windowsSeconds', windowsSeconds, 0.001)
      .map(spanName)
      .flatMap((span) => [
        { name: `gaps-${span}`, unit: '', doc: `Times updates were lost within ${span}.` },
        { name: `outages-${span}`, unit: '', doc: 'Outages that began in it.' },
      ])
    return [
      { name: 'age', unit: 's', doc: 'Time since the last row.' },
      { name: 'down', unit: '', doc: '1 while the venue is down, else 0.' },
      { name: 'latency', unit: 'ms', doc: 'From the venue saying so to our learning of it, of the last message.' },
      { name: 'latency-median', unit: 'ms', doc: 'Median of the last 256 messages.' },
      { name: 'latency-excess', unit: '', doc: 'Latency less that median, in interquartile ranges.' },
      ...windows,
    ]
  },
  suits: ({ streams, target }) => (streams[target]?.length ?? 0) > 0,
  build: (settings, context) => new VenueHealth(readSettings(OWNER, SETTINGS, settings), context),
}
