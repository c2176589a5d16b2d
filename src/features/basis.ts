/**
 * @file Basis of a perpetual, future or spot: its price over what it refers to, what that pays a year, and how it moves.
 *
 * The price is that of clockedPrice.ts. It is set against another instrument's price on the same clock where `other` names one,
 * else against the index, mark or forward the target's own venue publishes.
 * - `basis` = ln(price / reference);
 * - `carry` = basis a year of 365 days: over the time to expiry where the target (or else `other`) is a future with
 *   an hour or more to run, over eight hours where it is a perpetual, for venues pay its premium once in eight hours however
 *   often they settle (Hyperliquid, dYdX: an eighth of it every hour); NaN otherwise;
 * - `change-w` = basis now less basis w ago; NaN over a break on either side;
 * - `scaled` = (basis − mean)/deviation over `historySeconds`, of the points known; NaN unless half are.
 */

import { DAY_US, HOUR_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import type { SettingValue } from '../core/settings.ts'
import type { Instrument } from '../market/instrument.ts'
import type { MarketState } from '../market/marketState.ts'
import type { TapeBatch } from '../market/tape.ts'
import { ClockedPrice, type ClockedSource } from './clockedPrice.ts'
import type { Feature, FeatureFamily, FeatureOutput } from './feature.ts'
import { OncePerPoint } from './oncePerPoint.ts'
import { priced } from './priced.ts'
import { intervalOf, readStep, readSteps, secondsLabel } from './secondsList.ts'
import { INSTRUMENT_SETTING, namedInstrument } from './settingLists.ts'

const YEAR_US = 365 * DAY_US
/** Time over which a perpetual's funding pays its premium. */
const PREMIUM_US = 8 * HOUR_US

interface Steps {
  readonly intervalUs: number
  readonly changes: readonly number[]
  readonly history: number
}

/** Basis, scaled, changes: what changes only at the points of the clock. */
class ClockedBasis implements Feature {
  readonly instruments: readonly number[]
  readonly #price: ClockedPrice
  readonly #reference: ClockedPrice
  readonly #steps: Steps
  readonly #index: number
  readonly #otherIndex: number
  readonly #priceStep: number
  readonly #referenceStep: number

  constructor(
    index: number,
    otherIndex: number | undefined,
    source: ClockedSource,
    markets: readonly MarketState[],
    steps: Steps,
  ) {
    this.#steps = steps
    this.#index = index
    this.#otherIndex = otherIndex ?? index
    this.instruments = otherIndex === undefined ? [index] : [index, otherIndex]
    const points = Math.max(...steps.changes, steps.history) + 1
    this.#price = new ClockedPrice(markets[index]!, steps.intervalUs, points)
    this.#reference = new ClockedPrice(markets[this.#otherIndex]!, steps.intervalUs, points, source)
    this.#priceStep = markets[index]!.instrument.ticks.size
    this.#referenceStep = otherIndex === undefined ? 1 : markets[otherIndex]!.instrument.ticks.size
  }

  onRow(batch: TapeBatch, row: number, instrument: number, timeUs: number): void {
    if (instrument === this.#index) this.#price.onRow(batch, row, timeUs)
    if (instrument === this.#otherIndex) this.#reference.onRow(batch, row, timeUs)
  }

  #basisAt(point: number): number {
    return Math.log(
      (this.#price.valueAt(point) * this.#priceStep) / (this.#reference.valueAt(point) * this.#referenceStep),
    )
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const last = this.#price.pointAt(nowUs)
    const { changes } = this.#steps
    const basis = this.#basisAt(last)
    out[at] = basis
    out[at + 1] = this.#scaled(last, basis)
    for (let i = 0; i < changes.length; i++) out[at + 2 + i] = this.#change(last - changes[i]!, last)
  }

  #change(from: number, to: number): number {
    const broken =
      this.#price.breaksAt(from) !== this.#price.breaksAt(to) ||
      this.#reference.breaksAt(from) !== this.#reference.breaksAt(to)
    return broken ? Number.NaN : this.#basisAt(to) - this.#basisAt(from)
  }

  #scaled(last: number, basis: number): number {
    const count = this.#steps.history
    let sum = 0
    let known = 0
    for (let point = last - count + 1; point <= last; point++) {
      const each = this.#basisAt(point)
      if (Number.isNaN(each)) continue
      sum += each
      known++
    }
    if (2 * known < count) return Number.NaN
    const mean = sum / known
    let squares = 0
    for (let point = last - count + 1; point <= last; point++) {
      const each = this.#basisAt(point)
      if (!Number.isNaN(each)) squares += (each - mean) * (each - mean)
    }
    // Below 1e-9 of the price the deviation is rounding, and what it divides would be too.
    const deviation = Math.sqrt(squares / known)
    return deviation > 1e-9 ? (basis - mean) / deviation : Number.NaN
  }
}

class Basis implements Feature {
  readonly instruments: readonly number[]
  readonly #clocked: OncePerPoint
  readonly #figures: Float64Array
  readonly #market: MarketState
  readonly #other: Instrument | undefined

  constructor(clocked: OncePerPoint, width: number, market: MarketState, other: Instrument | undefined) {
    this.instruments = clocked.instruments
    this.#clocked = clocked
    this.#figures = new Float64Array(width)
    this.#market = market
    this.#other = other
  }

  onRow(batch: TapeBatch, row: number, instrument: number, timeUs: number): void {
    this.#clocked.onRow(batch, row, instrument, timeUs)
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const figures = this.#figures
    this.#clocked.write(figures, 0, nowUs)
    out[at] = figures[0]!
    out[at + 1] = (figures[0]! * YEAR_US) / this.#carriedUs(nowUs)
    for (let i = 1; i < figures.length; i++) out[at + 1 + i] = figures[i]!
  }

  /** How long the basis is carried for, in µs; NaN when it cannot be said. */
  #carriedUs(nowUs: number): number {
    const target = this.#market.instrument
    const dated = target.expiryUs < Number.POSITIVE_INFINITY ? target : this.#other
    if (dated && dated.expiryUs < Number.POSITIVE_INFINITY) {
      const leftUs = dated.expiryUs - nowUs
      return leftUs < HOUR_US ? Number.NaN : leftUs
    }
    return target.kind === 'perp' ? PREMIUM_US : Number.NaN
  }
}

function stepsOf(settings: Readonly<Record<string, SettingValue>>): Steps {
  const intervalUs = intervalOf(settings)
  return {
    intervalUs,
    changes: readSteps('feature basis changesSeconds', settings['changesSeconds'], intervalUs),
    history: readStep('feature basis historySeconds', settings['historySeconds'], intervalUs, 2),
  }
}

export const BASIS: FeatureFamily = {
  name: 'basis',
  summary: 'Basis of a perpetual or future against index, mark, forward or another instrument; carry; change.',
  version: 2,
  settings: {
    instrument: INSTRUMENT_SETTING,
    other: { default: '', doc: 'Instrument it is set against, such as the spot; the one in `against` when empty.' },
    against: {
      default: 'index',
      choices: ['index', 'mark', 'forward'],
      doc: 'Figure of its own venue it is set against when no other instrument is named.',
    },
    intervalSeconds: { default: 60, min: 1e-3, max: 86_400, doc: 'Step of the clock prices are taken on, in seconds.' },
    changesSeconds: { default: '300,3600', doc: 'Windows of the change in seconds, between commas: whole steps.' },
    historySeconds: { default: '86400', doc: 'History the basis is compared with, in seconds.' },
  },
  outputs(settings) {
    const { intervalUs, changes, history } = stepsOf(settings)
    const outputs: FeatureOutput[] = [
      { name: 'basis', unit: 'fraction', doc: 'Logarithm of price over reference.' },
      { name: 'carry', unit: '1/year', doc: 'Basis a year, over the time to expiry, or eight hours of a perpetual.' },
      { name: 'scaled', unit: '', doc: `Basis in deviations from its mean of ${secondsLabel(history * intervalUs)}.` },
    ]
    for (const steps of changes) {
      const label = secondsLabel(steps * intervalUs)
      outputs.push({ name: `change-${label}`, unit: 'fraction', doc: `Change of the basis over ${label}.` })
    }
    return outputs
  },
  suits: (tape) => priced(tape, tape.target) && (tape.streams[tape.target]?.includes('mark') ?? false),
  build(settings, context) {
    const index = namedInstrument(context, settings['instrument'])
    const other = settings['other'] === '' ? undefined : namedInstrument(context, settings['other'])
    if (other === index)
      throw new GimbalError('config-invalid', 'Feature basis needs two instruments, or one and a reference', {
        other: String(settings['other']),
      })
    const source: ClockedSource = other === undefined ? (settings['against'] as ClockedSource) : 'price'
    const steps = stepsOf(settings)
    const { markets } = context
    const width = 2 + steps.changes.length
    const clocked = new OncePerPoint(new ClockedBasis(index, other, source, markets, steps), steps.intervalUs, width)
    return new Basis(clocked, width, markets[index]!, other === undefined ? undefined : markets[other]!.instrument)
  },
}
