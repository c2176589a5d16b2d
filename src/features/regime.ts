/**
 * @file Which regime the market is in: probabilities of hidden states of its returns, and how recently they broke with their past.
 *
 * Returns are taken on the clock of clockedPrice.ts and go, one a step, through a hidden Markov filter and a detector of
 * breaks (regimeFilter.ts), whose parameters are settings: `gimbal` fits them on a market's past (`models/regime`), and
 * {@link regimeSettings} writes them down. Filtering is causal: no figure is revised.
 *
 * A step without a return lets time pass for the hidden states and is no figure for the detector. After `silenceSteps` such
 * steps in a row both start over, from the long-run probabilities and from a break; figures are NaN until `warmUpSteps`
 * returns have been heard again.
 */

import { DAY_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import type { SettingValue } from '../core/settings.ts'
import type { MarketState } from '../market/marketState.ts'
import type { TapeBatch } from '../market/tape.ts'
import { ClockedPrice } from './clockedPrice.ts'
import type { Feature, FeatureFamily } from './feature.ts'
import { OncePerPoint } from './oncePerPoint.ts'
import { priced } from './priced.ts'
import {
  BreakDetector,
  type BreakParameters,
  HiddenMarkovFilter,
  type HiddenMarkovParameters,
  requireHiddenMarkov,
  stationaryDistribution,
} from './regimeFilter.ts'
import { intervalOf } from './secondsList.ts'
import { INSTRUMENT_SETTING, namedInstrument } from './settingLists.ts'

type Settings = Readonly<Record<string, SettingValue>>

/** Filter and detector at one moment. */
class Position {
  readonly states: HiddenMarkovFilter
  readonly breaks: BreakDetector
  readonly #silenceSteps: number
  /** Returns heard since the start or the last long silence, and steps without one since the last. */
  known = 0
  unknown = 0

  constructor(states: HiddenMarkovParameters, breaks: BreakParameters, silenceSteps: number) {
    this.states = new HiddenMarkovFilter(states)
    this.breaks = new BreakDetector(breaks)
    this.#silenceSteps = silenceSteps
  }

  /** Takes the return of the next step; NaN is unknown. */
  take(r: number): void {
    if (!Number.isNaN(r)) {
      this.states.update(r)
      this.breaks.update(r)
      this.known++
      this.unknown = 0
    } else if (this.unknown < this.#silenceSteps) {
      this.states.update(r)
      this.unknown++
      if (this.unknown === this.#silenceSteps) this.#startOver()
    }
  }

  #startOver(): void {
    this.states.reset()
    this.breaks.reset()
    this.known = 0
  }

  copyFrom(other: Position): void {
    this.states.copyFrom(other.states)
    this.breaks.copyFrom(other.breaks)
    this.known = other.known
    this.unknown = other.unknown
  }
}

class Regime implements Feature {
  readonly instruments: readonly number[]
  readonly #price: ClockedPrice
  readonly #certain: Position
  /** What would be if nothing more came before the moment asked about. */
  readonly #tentative: Position
  readonly #recentSteps: number
  readonly #warmUpSteps: number
  /** Steps taken at once after a silence: no bar is longer than a day, so no price is trusted longer. */
  readonly #catchUp: number
  /** Last step taken in. */
  #taken = Number.NaN

  constructor(instrument: number, market: MarketState, settings: Settings) {
    const intervalUs = intervalOf(settings)
    const silenceSteps = Number(settings['silenceSteps'])
    const [states, breaks] = [readStates(settings), readBreaks(settings)]
    this.instruments = [instrument]
    this.#recentSteps = Number(settings['recentSteps'])
    this.#warmUpSteps = Number(settings['warmUpSteps'])
    if (this.#warmUpSteps <= this.#recentSteps)
      throw new GimbalError('config-invalid', 'Feature regime needs a warm-up longer than what is recent', {
        recentSteps: this.#recentSteps,
        warmUpSteps: this.#warmUpSteps,
      })
    this.#catchUp = Math.ceil(DAY_US / intervalUs) + silenceSteps + 2
    this.#price = new ClockedPrice(market, intervalUs, this.#catchUp)
    this.#certain = new Position(states, breaks, silenceSteps)
    this.#tentative = new Position(states, breaks, silenceSteps)
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    this.#price.onRow(batch, row, timeUs)
    // Steps that ended before this row are certain now.
    const certain = Math.ceil(timeUs / this.#price.intervalUs) - 1
    if (Number.isNaN(this.#taken)) this.#taken = certain
    if (certain === this.#taken) return
    this.#takeSteps(this.#certain, certain)
    this.#taken = certain
  }

  /** Takes in the steps up to `last`. Those skipped after a long silence are forgotten with it. */
  #takeSteps(position: Position, last: number): void {
    for (let step = Math.max(this.#taken + 1, last - this.#catchUp + 1); step <= last; step++)
      position.take(this.#price.returnAt(step))
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const last = this.#price.pointAt(nowUs)
    let position = this.#certain
    if (last > this.#taken) {
      position = this.#tentative
      position.copyFrom(this.#certain)
      this.#takeSteps(position, last)
    }
    const { states, breaks, known } = position
    const awake = known >= this.#warmUpSteps
    for (let i = 0; i < states.states; i++) out[at + i] = awake ? states.probabilities[i]! : Number.NaN
    const next = at + states.states
    out[next] = awake ? states.expectedVariance : Number.NaN
    out[next + 1] = awake ? breaks.recent(this.#recentSteps) : Number.NaN
    out[next + 2] = awake ? breaks.expectedRunLength : Number.NaN
  }
}

function numbers(text: SettingValue | undefined): number[] {
  return String(text ?? '')
    .split(',')
    .map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
}

/** @throws {GimbalError} `config-invalid`. */
function readStates(settings: Settings): HiddenMarkovParameters {
  const transition = String(settings['transition'] ?? '')
    .split(';')
    .map(numbers)
  const parameters = {
    means: numbers(settings['means']),
    variances: numbers(settings['variances']),
    transition,
    initial: transition.map(() => 1 / transition.length),
  }
  requireHiddenMarkov(parameters)
  // Nobody knows where a recording begins: in the long run's proportions.
  return { ...parameters, initial: stationaryDistribution(transition) }
}

function readBreaks(settings: Settings): BreakParameters {
  return {
    hazard: 1 / Number(settings['runSteps']),
    runLengthMax: Number(settings['runLengthMax']),
    mean: Number(settings['priorMean']),
    strength: Number(settings['priorStrength']),
    shape: Number(settings['priorShape']),
    scale: Number(settings['priorScale']),
  }
}

/** Fitted parameters as settings of the family; every digit is kept. Without `breaks` the detector keeps its defaults. */
export function regimeSettings(states: HiddenMarkovParameters, breaks?: BreakParameters): Record<string, SettingValue> {
  return {
    means: states.means.join(','),
    variances: states.variances.join(','),
    transition: states.transition.map((row) => row.join(',')).join(';'),
    ...(breaks && {
      runSteps: 1 / breaks.hazard,
      runLengthMax: breaks.runLengthMax,
      priorMean: breaks.mean,
      priorStrength: breaks.strength,
      priorShape: breaks.shape,
      priorScale: breaks.scale,
    }),
  }
}

const POSITIVE = { min: 1e-300, max: 1e300 }

export const REGIME: FeatureFamily = {
  name: 'regime',
  summary:
    'Probabilities of hidden regimes of returns, the variance they promise, and how recently the market broke with its past.',
  version: 1,
  settings: {
    instrument: INSTRUMENT_SETTING,
    intervalSeconds: { default: 300, min: 1, max: 86_400, doc: 'Step of the clock returns are taken on, in seconds.' },
    // Bitcoin against the dollar, five-minute returns of 2025, three states with means of zero; rounded.
    means: { default: '0,0,0', doc: 'Mean return a step in each state, between commas, calmest state first.' },
    variances: { default: '2.5e-7,1.2e-6,9.6e-6', doc: 'Variance of the return of a step in each state, ascending.' },
    transition: {
      default: '0.973,0.0265,0.0005;0.019,0.966,0.015;0.0005,0.0695,0.93',
      doc: 'Probability of each state after each: rows between semicolons, figures between commas.',
    },
    runSteps: { default: 100, min: 2, max: 1e9, doc: 'Mean number of returns between breaks.' },
    runLengthMax: { default: 200, min: 1, max: 5000, whole: true, doc: 'Longest run told apart, in returns.' },
    priorMean: { default: 0, doc: 'Mean return a step expected after a break.' },
    priorStrength: { default: 1000, ...POSITIVE, doc: 'How many returns that expectation is worth.' },
    priorShape: {
      default: 1.2,
      ...POSITIVE,
      doc: 'Shape of the inverse gamma distribution of the variance after a break.',
    },
    priorScale: { default: 7.4e-7, ...POSITIVE, doc: 'Its scale, fraction².' },
    recentSteps: { default: 12, min: 1, max: 1000, whole: true, doc: 'Returns that count as recent.' },
    warmUpSteps: { default: 36, min: 2, max: 5000, whole: true, doc: 'Returns heard before anything is said.' },
    silenceSteps: {
      default: 12,
      min: 1,
      max: 1000,
      whole: true,
      doc: 'Steps without a return after which all is forgotten.',
    },
  },
  outputs(settings) {
    const { variances } = readStates(settings)
    return [
      ...variances.map((_, i) => ({
        name: `state-${i + 1}`,
        unit: 'probability',
        doc: `That the market is in state ${i + 1} of ${variances.length}, the ${i === 0 ? 'calmest' : i === variances.length - 1 ? 'most turbulent' : `${i + 1}th calmest`}.`,
      })),
      {
        name: 'variance',
        unit: 'fraction²',
        doc: 'Expected variance of the return of the next step, over all states.',
      },
      {
        name: 'break-recent',
        unit: 'probability',
        doc: 'That the market broke with its past within `recentSteps` returns.',
      },
      {
        name: 'run-length',
        unit: 'returns',
        doc: 'Expected number of returns since the last break, at most `runLengthMax`.',
      },
    ]
  },
  suits: (tape) => priced(tape, tape.target),
  build(settings, context) {
    const instrument = namedInstrument(context, settings['instrument'])
    const feature = new Regime(instrument, context.markets[instrument]!, settings)
    return new OncePerPoint(feature, intervalOf(settings), this.outputs(settings).length)
  },
}
