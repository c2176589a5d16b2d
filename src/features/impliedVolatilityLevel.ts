/**
 * @file What options say about the volatility to come: its level at fixed tenors, the skew and curvature of the smile, the slope
 * of the term structure, how the level moved, and by how much it exceeds the volatility that was.
 *
 * The smile is that of `optionChain.ts`: the options of the target's base on the target's venue (or another). Per tenor:
 * - `level`: volatility at the money; `skew`: that of the 25 % call less that of the 25 % put; `butterfly`: the mean of the two
 *   less the level;
 * - `premium`: level² less the variance the target realised over a past as long as the tenor: the mean of known squared
 *   logarithmic returns on a clock of `realisedSeconds` (`clockedPrice.ts`), scaled to a year; NaN unless half of them are
 *   known. Of an option as target, of its index.
 *
 * `slope` is the level of the longest tenor less that of the shortest. `change` is the level of the first tenor of at least 30
 * days (else the longest) less what it was at the latest multiple of a twelfth of the window, a window ago; none is taken across a gap or
 * an outage of any of the options.
 *
 * Source of the variance premium: P. Carr and L. Wu, "Variance risk premiums", Review of Financial Studies 22 (2009), with
 * variance at the money in place of the replicated swap, and the past in place of the future.
 */

import { DAY_US, HOUR_US, SECOND_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import { readSettings, type SettingsOf, type SettingsShape } from '../core/settings.ts'
import type { Universe } from '../market/instrument.ts'
import type { TapeBatch } from '../market/tape.ts'
import { ClockedPrice } from './clockedPrice.ts'
import type { Feature, FeatureContext, FeatureFamily, FeatureOutput } from './feature.ts'
import { chainOf, OptionChain, type VolatilitySource, YEAR_US } from './optionChain.ts'
import { numberList } from './settingLists.ts'

const SETTINGS = {
  venue: { default: '', doc: 'venue of the options; that of the target when empty' },
  tenorDays: { default: '7,30,90', doc: 'tenors, days, ascending' },
  changeHours: { default: '1,24', doc: 'windows over which the level changes, hours, ascending' },
  memoryHours: {
    default: 6,
    min: 0.001,
    max: 1000,
    doc: 'hours after which what an option said is forgotten; chains are recorded a few times a day',
  },
  source: {
    default: 'auto',
    choices: ['auto', 'quotes', 'venue'],
    doc: "volatilities: the venue's where it gives one and else of the middle of the quotes (auto), or one of them only",
  },
  realisedSeconds: { default: 3600, min: 1, max: 86_400, doc: 'step of the clock for the realised variance, seconds' },
} as const satisfies SettingsShape

const OWNER = 'feature implied-volatility'
/** Parts of a window at which its level is remembered. */
const PARTS = 12
const PER_TENOR = 4

/** The level at multiples of a step of time, as far back as a window. */
class LevelHistory {
  readonly windowUs: number
  readonly stepUs: number
  readonly #levels = new Float64Array(PARTS + 2).fill(Number.NaN)
  /** Latest multiple written down. */
  closed = Number.NEGATIVE_INFINITY

  constructor(windowUs: number) {
    this.stepUs = Math.max(1, Math.round(windowUs / PARTS))
    this.windowUs = PARTS * this.stepUs
  }

  get first(): number {
    return this.closed - PARTS - 1
  }

  set(point: number, level: number): void {
    this.#levels[point % (PARTS + 2)] = level
  }

  at(point: number): number {
    return this.#levels[point % (PARTS + 2)]!
  }
}

class ImpliedVolatilityLevel implements Feature {
  readonly instruments: readonly number[]
  readonly #target: number
  readonly #chain: OptionChain
  readonly #tenorsUs: readonly number[]
  readonly #changeTenorUs: number
  readonly #histories: readonly LevelHistory[]
  readonly #price: ClockedPrice
  readonly #returns: Float64Array
  /** Steps of the clock in each tenor. */
  readonly #steps: readonly number[]
  #started = false

  constructor(settings: SettingsOf<typeof SETTINGS>, context: FeatureContext) {
    const { universe, target, markets } = context
    const instrument = universe.at(target)
    const { chain, tenorsUs } = partsOf(settings, universe, target)
    this.#target = target
    this.#tenorsUs = tenorsUs
    this.#changeTenorUs = changeTenor(tenorsUs)
    this.#chain = new OptionChain(
      universe,
      chain,
      settings.source as VolatilitySource,
      Math.round(settings.memoryHours * HOUR_US),
    )
    this.instruments = chain.includes(target) ? chain : [...chain, target]
    this.#histories = numberList(OWNER, 'changeHours', settings.changeHours, 0.01).map(
      (hours) => new LevelHistory(Math.round(hours * HOUR_US)),
    )
    const intervalUs = Math.round(settings.realisedSeconds * SECOND_US)
    this.#steps = tenorsUs.map((tenorUs) => Math.max(1, Math.round(tenorUs / intervalUs)))
    const most = Math.max(...this.#steps)
    this.#returns = new Float64Array(most)
    this.#price =
      instrument.kind === 'option'
        ? new ClockedPrice(markets[target]!, intervalUs, most + 1, 'index', Math.round(settings.memoryHours * HOUR_US))
        : new ClockedPrice(markets[target]!, intervalUs, most + 1)
  }

  onRow(batch: TapeBatch, row: number, instrument: number, timeUs: number): void {
    for (let i = 0; i < this.#histories.length; i++) this.#remember(this.#histories[i]!, timeUs)
    this.#started = true
    this.#chain.onRow(batch, row, instrument, timeUs)
    if (instrument === this.#target) this.#price.onRow(batch, row, timeUs)
  }

  /** Writes down the levels at the multiples before `timeUs`: what the options said until then is all there is. */
  #remember(history: LevelHistory, timeUs: number): void {
    const last = Math.ceil(timeUs / history.stepUs) - 1
    if (last <= history.closed) return
    const from = Math.max(history.closed + 1, last - PARTS - 1)
    history.closed = last
    for (let point = from; point <= last; point++)
      history.set(point, this.#started ? this.#levelAt(point * history.stepUs) : Number.NaN)
  }

  /** Level of the tenor whose changes are told, given what is known now. */
  #levelAt(nowUs: number): number {
    this.#chain.scan(nowUs)
    return Math.sqrt(this.#chain.variance('money', nowUs, this.#changeTenorUs))
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const changes = at + PER_TENOR * this.#tenorsUs.length + 1
    for (let i = 0; i < this.#histories.length; i++) {
      const history = this.#histories[i]!
      const point = Math.floor(nowUs / history.stepUs) - PARTS
      const thenUs = point * history.stepUs
      const then =
        point > history.closed ? this.#levelAt(thenUs) : point >= history.first ? history.at(point) : Number.NaN
      out[changes + i] = this.#chain.brokenUs > thenUs ? Number.NaN : then
    }
    // The chain is as of now from here on: a level of then may have scanned it as of then.
    const level = this.#levelAt(nowUs)
    for (let i = 0; i < this.#histories.length; i++) out[changes + i] = level - out[changes + i]!
    const longest = this.#steps.at(-1)!
    this.#price.copyReturns(nowUs, longest, this.#returns)
    for (let i = 0; i < this.#tenorsUs.length; i++) this.#writeTenor(out, at + PER_TENOR * i, i, nowUs)
    const slope = at + PER_TENOR * this.#tenorsUs.length
    out[slope] = out[slope - PER_TENOR]! - out[at]!
  }

  #writeTenor(out: Float64Array, at: number, tenor: number, nowUs: number): void {
    const tenorUs = this.#tenorsUs[tenor]!
    const variance = this.#chain.variance('money', nowUs, tenorUs)
    const level = Math.sqrt(variance)
    const put = Math.sqrt(this.#chain.variance('put', nowUs, tenorUs))
    const call = Math.sqrt(this.#chain.variance('call', nowUs, tenorUs))
    out[at] = level
    out[at + 1] = call - put
    out[at + 2] = 0.5 * (call + put) - level
    out[at + 3] = variance - this.#realised(this.#steps[tenor]!)
  }

  /** Mean of the known squared returns of the last `steps`, a year. */
  #realised(steps: number): number {
    const returns = this.#returns
    let squares = 0
    let known = 0
    for (let i = returns.length - steps; i < returns.length; i++) {
      const r = returns[i]!
      if (Number.isNaN(r)) continue
      squares += r * r
      known++
    }
    return 2 * known >= steps ? (squares / known) * (YEAR_US / this.#price.intervalUs) : Number.NaN
  }
}

/** @throws {GimbalError} `config-invalid` when there are no such options. */
function partsOf(
  settings: SettingsOf<typeof SETTINGS>,
  universe: Universe,
  target: number,
): { chain: readonly number[]; tenorsUs: readonly number[] } {
  const { spec } = universe.at(target)
  const venue = settings.venue === '' ? spec.venue : settings.venue
  const chain = chainOf(universe, spec.base, venue)
  if (chain.length === 0)
    throw new GimbalError('config-invalid', 'Feature implied-volatility finds no options of its target', {
      base: spec.base,
      venue,
    })
  return { chain, tenorsUs: tenors(settings.tenorDays).map((days) => Math.round(days * DAY_US)) }
}

function tenors(text: string): number[] {
  return numberList(OWNER, 'tenorDays', text, 0.01)
}

/** The first tenor of at least 30 days, else the longest. */
function changeTenor(tenorsUs: readonly number[]): number {
  return tenorsUs.find((tenorUs) => tenorUs >= 30 * DAY_US) ?? tenorsUs.at(-1)!
}

export const IMPLIED_VOLATILITY: FeatureFamily = {
  name: 'implied-volatility',
  summary: 'Implied volatility at fixed tenors: level, skew, butterfly, variance premium; term slope and changes.',
  version: 1,
  settings: SETTINGS,
  outputs(given) {
    const settings = readSettings(OWNER, SETTINGS, given)
    const outputs: FeatureOutput[] = tenors(settings.tenorDays).flatMap((days) => [
      { name: `level-${days}d`, unit: 'per √year', doc: `Volatility at the money for ${days} days.` },
      { name: `skew-${days}d`, unit: 'per √year', doc: 'That of the 25 % delta call less that of the put.' },
      { name: `butterfly-${days}d`, unit: 'per √year', doc: 'Mean of the two less the level.' },
      {
        name: `premium-${days}d`,
        unit: 'per year',
        doc: 'Level squared less the variance realised over as long a past.',
      },
    ])
    outputs.push({ name: 'slope', unit: 'per √year', doc: 'Level of the longest tenor less that of the shortest.' })
    for (const hours of numberList(OWNER, 'changeHours', settings.changeHours, 0.01))
      outputs.push({ name: `change-${hours}h`, unit: 'per √year', doc: `Change of the level over ${hours} hours.` })
    return outputs
  },
  suits({ universe, target, streams }) {
    const { spec } = universe.at(target)
    return chainOf(universe, spec.base, spec.venue).some((index) =>
      streams[index]?.some((stream) => stream === 'option' || stream === 'quote'),
    )
  },
  build: (settings, context) => new ImpliedVolatilityLevel(readSettings(OWNER, SETTINGS, settings), context),
}
