/**
 * @file How the queues at the touch live: what is added to them, what is cancelled, what is traded away, how fast half of one
 * is gone, and whether an emptied price comes back.
 *
 * From message to message of the book, for each side: at an unchanged best price more lots are an addition and fewer a
 * removal; a better best price is an addition of the lots found there; a worse one is a removal of all that stood, a
 * depletion. Trades count where they meet the side at its last known best price or better. Which of a depth update and its
 * trade is heard first differs by venue and by moment, so cancellations are told over the window as a whole: removals less
 * trades, at least 0. A trade through several prices is removed only from the first, so cancellations are a little low then.
 *
 * A depletion is settled when the best price is back where it was or better (refilled), or at the next depletion, or at the
 * first message of the book after `refillSeconds` (not refilled). Nothing is compared across a `GAP`, an `OUTAGE` or a reset;
 * a depletion pending then is forgotten. Rates are over the time the window really holds.
 *
 * Source of the decomposition: R. Cont, S. Stoikov, R. Talreja, "A stochastic model for order book dynamics", Operations
 * Research 58 (2010) 549.
 */

import { SECOND_US } from '../core/clock.ts'
import { readSettings, type SettingsOf, type SettingsShape } from '../core/settings.ts'
import { Kind, type TapeBatch } from '../market/tape.ts'
import type { Feature, FeatureContext, FeatureFamily } from './feature.ts'
import {
  INSTRUMENT_SETTING,
  namedInstrument,
  numberList,
  SNAPSHOTS_SETTING,
  spanName,
  spanUs,
  targetHas,
} from './settingLists.ts'
import { TouchWatch } from './touchWatch.ts'
import { Hearing, WindowSums } from './windowSums.ts'

const SETTINGS = {
  instrument: INSTRUMENT_SETTING,
  snapshots: SNAPSHOTS_SETTING,
  windowsSeconds: { default: '10,60', doc: 'lengths of the windows, seconds, ascending' },
  refillSeconds: { default: 1, min: 0.000001, doc: 'time an emptied best price has to come back, seconds' },
} as const satisfies SettingsShape

const OWNER = 'feature queue-dynamics'

/** Fields of the windows: comparisons, then those of the bids, then those of the asks {@link SIDE_FIELDS} on. */
const COMPARED = 0
const ADDED = 1
const REMOVED = 2
const TRADED = 3
const STANDING = 4
const REFILLED = 5
const SETTLED = 6
const SIDE_FIELDS = 6
/** Figures a side and window. */
const FIGURES = 5

/** A best price that was emptied, in ticks × side so that greater is better; NaN when none is pending. */
interface Depletion {
  key: number
  timeUs: number
}

class QueueDynamics implements Feature {
  readonly instruments: readonly number[]
  readonly #touch: TouchWatch
  readonly #hearing: Hearing
  readonly #windows: readonly WindowSums[]
  readonly #refillUs: number
  #breaks = 0
  readonly #bidDepletion: Depletion = { key: Number.NaN, timeUs: 0 }
  readonly #askDepletion: Depletion = { key: Number.NaN, timeUs: 0 }

  constructor(settings: SettingsOf<typeof SETTINGS>, context: FeatureContext) {
    const instrument = namedInstrument(context, settings.instrument)
    this.instruments = [instrument]
    const market = context.markets[instrument]!
    this.#touch = new TouchWatch(market, settings.snapshots)
    this.#hearing = new Hearing(market)
    this.#windows = numberList(OWNER, 'windowsSeconds', settings.windowsSeconds, 0.001).map(
      (seconds) => new WindowSums(spanUs(seconds), 1 + 2 * SIDE_FIELDS),
    )
    this.#refillUs = spanUs(settings.refillSeconds)
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    this.#hearing.onRow(timeUs)
    const touch = this.#touch
    if (batch.kind[row] === Kind.TRADE && touch.known) {
      const tick = batch.tick[row]!
      const side = batch.side[row]!
      if (side < 0 && tick >= touch.bid) this.#add(timeUs, TRADED, batch.lots[row]!)
      else if (side > 0 && tick <= touch.ask) this.#add(timeUs, TRADED + SIDE_FIELDS, batch.lots[row]!)
    }
    if (!touch.onRow(batch, row, timeUs)) return
    if (touch.breaks !== this.#breaks) {
      this.#breaks = touch.breaks
      this.#bidDepletion.key = Number.NaN
      this.#askDepletion.key = Number.NaN
    }
    if (!touch.compared) return
    this.#add(timeUs, COMPARED, 1)
    this.#compare(timeUs, 0, touch.bidBefore, touch.bidLotsBefore, touch.bid, touch.bidLots, this.#bidDepletion)
    this.#compare(
      timeUs,
      SIDE_FIELDS,
      -touch.askBefore,
      touch.askLotsBefore,
      -touch.ask,
      touch.askLots,
      this.#askDepletion,
    )
  }

  /** One side; keys are ticks × side. */
  #compare(
    timeUs: number,
    fields: number,
    keyBefore: number,
    lotsBefore: number,
    key: number,
    lots: number,
    depletion: Depletion,
  ): void {
    this.#add(timeUs, fields + STANDING, lots)
    if (key > keyBefore) this.#add(timeUs, fields + ADDED, lots)
    else if (key < keyBefore) this.#add(timeUs, fields + REMOVED, lotsBefore)
    else if (lots > lotsBefore) this.#add(timeUs, fields + ADDED, lots - lotsBefore)
    else if (lots < lotsBefore) this.#add(timeUs, fields + REMOVED, lotsBefore - lots)
    if (!Number.isNaN(depletion.key)) {
      const late = timeUs - depletion.timeUs > this.#refillUs
      const back = key >= depletion.key
      if (late || back || key < keyBefore) {
        this.#add(timeUs, fields + SETTLED, 1)
        if (back && !late) this.#add(timeUs, fields + REFILLED, 1)
        depletion.key = Number.NaN
      }
    }
    if (key < keyBefore) {
      depletion.key = keyBefore
      depletion.timeUs = timeUs
    }
  }

  #add(timeUs: number, field: number, value: number): void {
    for (let i = 0; i < this.#windows.length; i++) this.#windows[i]!.add(timeUs, field, value)
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    for (let i = 0; i < this.#windows.length; i++) {
      const window = this.#windows[i]!
      const compared = this.#hearing.covers(window.startUs(nowUs)) ? window.sum(nowUs, COMPARED) : 0
      this.#writeSide(out, at + 2 * FIGURES * i, window, nowUs, compared, 0)
      this.#writeSide(out, at + 2 * FIGURES * i + FIGURES, window, nowUs, compared, SIDE_FIELDS)
    }
  }

  #writeSide(out: Float64Array, at: number, window: WindowSums, nowUs: number, compared: number, fields: number): void {
    if (compared === 0) {
      out.fill(Number.NaN, at, at + FIGURES)
      return
    }
    const seconds = (nowUs - window.startUs(nowUs)) / SECOND_US
    const removed = window.sum(nowUs, fields + REMOVED)
    const traded = window.sum(nowUs, fields + TRADED)
    const settled = window.sum(nowUs, fields + SETTLED)
    out[at] = window.sum(nowUs, fields + ADDED) / seconds
    out[at + 1] = Math.max(0, removed - traded) / seconds
    out[at + 2] = traded / seconds
    const standing = window.sum(nowUs, fields + STANDING) / compared
    out[at + 3] = removed > 0 ? (Math.LN2 * standing * seconds) / removed : Number.NaN
    out[at + 4] = settled > 0 ? window.sum(nowUs, fields + REFILLED) / settled : Number.NaN
  }
}

export const QUEUE_DYNAMICS: FeatureFamily = {
  name: 'queue-dynamics',
  summary: 'Additions, cancellations and trades at the touch, the half-life of its queues, refills after depletion.',
  version: 1,
  settings: SETTINGS,
  outputs(given) {
    const { windowsSeconds, refillSeconds } = readSettings(OWNER, SETTINGS, given)
    return numberList(OWNER, 'windowsSeconds', windowsSeconds, 0.001).flatMap((seconds) =>
      ['bid', 'ask'].flatMap((side) => {
        const span = spanName(seconds)
        return [
          { name: `${side}-added-${span}`, unit: 'lots/s', doc: `Lots added at the best ${side} over ${span}.` },
          { name: `${side}-cancelled-${span}`, unit: 'lots/s', doc: 'Lots removed there and not traded.' },
          { name: `${side}-traded-${span}`, unit: 'lots/s', doc: 'Lots traded there.' },
          {
            name: `${side}-half-life-${span}`,
            unit: 's',
            doc: 'Time in which half the queue goes, at this rate of removal.',
          },
          {
            name: `${side}-refill-${span}`,
            unit: 'fraction',
            doc: `Share of emptied best prices that came back within ${spanName(refillSeconds)}.`,
          },
        ]
      }),
    )
  },
  suits: (tape) => targetHas(tape, 'book', 'quote') && targetHas(tape, 'trade'),
  build: (settings, context) => new QueueDynamics(readSettings(OWNER, SETTINGS, settings), context),
}
