/**
 * @file The ladder of realised variances that heterogeneous autoregressions climb: the mean over the last 1, 5 and 22 units, of
 * the forecast's horizon and of a day; their logarithms, the correction for their own error, and the falls that go with them.
 *
 * With RV(k) the sum of squared returns over the last k units, divided by k:
 * - `rv-k` = RV(k), `log-rv-k` = ln RV(k), NaN while nothing moved: the columns of HAR and log-HAR;
 * - `rq-root-1` = √RQ · RV(1) with RQ = n/3 Σ r⁴ over one unit: with it HAR becomes HARQ;
 * - `fall-k` = min(0, return over k units)/k: the leverage terms.
 *
 * Returns are taken on the clock of clockedPrice.ts. Where some are missing, what is known is scaled to the whole unit (its
 * fourth power likewise); where fewer than half are known, the figure is NaN. The fall sums the known returns unscaled.
 *
 * Sources: F. Corsi, "A simple approximate long-memory model of realized volatility", J. Financial Econometrics 7 (2009); F.
 * Corsi, R. Renò, J. Business & Economic Statistics 30 (2012) 368 (leverage); T. Bollerslev, A. Patton, R. Quaedvlieg, J.
 * Econometrics 192 (2016) 1 (HARQ).
 */

import { DAY_US, SECOND_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import type { SettingValue } from '../core/settings.ts'
import type { MarketState } from '../market/marketState.ts'
import type { TapeBatch } from '../market/tape.ts'
import { ClockedPrice } from './clockedPrice.ts'
import type { Feature, FeatureFamily, FeatureOutput } from './feature.ts'
import { OncePerPoint } from './oncePerPoint.ts'
import { priced } from './priced.ts'
import { CLOCK_SETTINGS, intervalOf } from './secondsList.ts'
import { namedInstrument } from './settingLists.ts'

/** Rungs, in units. */
const RUNGS = [1, 5, 22] as const
const WIDTH = 3 * RUNGS.length + 1

class HarLadder implements Feature {
  readonly instruments: readonly number[]
  readonly #price: ClockedPrice
  /** Steps of the clock in a unit, one for each ladder. */
  readonly #units: readonly number[]
  readonly #returns: Float64Array

  constructor(instrument: number, market: MarketState, intervalUs: number, units: readonly number[]) {
    const most = 22 * Math.max(...units)
    this.instruments = [instrument]
    this.#units = units
    this.#price = new ClockedPrice(market, intervalUs, most + 1)
    this.#returns = new Float64Array(most)
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    this.#price.onRow(batch, row, timeUs)
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    this.#price.copyReturns(nowUs, this.#returns.length, this.#returns)
    for (let i = 0; i < this.#units.length; i++) climb(this.#returns, this.#units[i]!, out, at + i * WIDTH)
  }
}

/** Writes one ladder of `unit` steps a unit. The longest rung is summed once, from the present backwards. */
function climb(returns: Float64Array, unit: number, out: Float64Array, at: number): void {
  const end = returns.length
  let squares = 0
  let fourths = 0
  let sum = 0
  let known = 0
  let steps = 0
  for (let rung = 0; rung < RUNGS.length; rung++) {
    const count = RUNGS[rung]!
    for (; steps < count * unit; steps++) {
      const r = returns[end - 1 - steps]!
      if (Number.isNaN(r)) continue
      const square = r * r
      squares += square
      fourths += square * square
      sum += r
      known++
    }
    const enough = 2 * known >= steps
    const variance = enough ? (squares * unit) / known : Number.NaN
    out[at + rung] = variance
    out[at + 3 + rung] = variance > 0 ? Math.log(variance) : Number.NaN
    if (rung === 0) {
      // n/3 Σr⁴ over the known, scaled by (unit/known)².
      const quarticity = (fourths * unit * unit) / (3 * known)
      out[at + 6] = enough ? Math.sqrt(quarticity) * variance : Number.NaN
    }
    out[at + 7 + rung] = enough ? Math.min(0, sum) / count : Number.NaN
  }
}

function stepsOf(settings: Readonly<Record<string, SettingValue>>) {
  const intervalUs = intervalOf(settings)
  const unitUs = Math.round(Number(settings['unitSeconds']) * SECOND_US)
  const units = settings['dayLadder'] === true && unitUs !== DAY_US ? [unitUs, DAY_US] : [unitUs]
  const steps = units.map((each) => each / intervalUs)
  if (steps.some((each) => !Number.isInteger(each) || each < 1 || 22 * each > 2 ** 20))
    throw new GimbalError(
      'config-invalid',
      'Feature har-ladder needs units of whole sampling intervals, not too many',
      {
        intervalSeconds: intervalUs / SECOND_US,
        unitsSeconds: units.map((each) => each / SECOND_US).join(' '),
        intervalsMax: Math.floor(2 ** 20 / 22),
      },
    )
  return { intervalUs, steps }
}

function describe(prefix: string, unit: string): FeatureOutput[] {
  return [
    ...RUNGS.map((k) => ({
      name: `${prefix}rv-${k}`,
      unit: 'fraction²',
      doc: `Realised variance per ${unit}, mean of the last ${k}.`,
    })),
    ...RUNGS.map((k) => ({ name: `${prefix}log-rv-${k}`, unit: '', doc: `Its natural logarithm, ${k}.` })),
    {
      name: `${prefix}rq-root-1`,
      unit: 'fraction⁴',
      doc: 'Root of realised quarticity times variance, last unit (HARQ).',
    },
    ...RUNGS.map((k) => ({
      name: `${prefix}fall-${k}`,
      unit: 'fraction',
      doc: `Return per ${unit} over the last ${k} where it was negative, else 0.`,
    })),
  ]
}

export const HAR_LADDER: FeatureFamily = {
  name: 'har-ladder',
  summary:
    'Mean realised variance over 1, 5, 22 horizons and days, logs, HARQ correction, falls: what HAR regresses on.',
  version: 1,
  settings: {
    ...CLOCK_SETTINGS,
    unitSeconds: {
      default: 3600,
      min: 1e-3,
      max: 30 * 86_400,
      doc: 'Unit of the ladder: the horizon forecast, in seconds.',
    },
    dayLadder: { default: true, doc: 'Whether a second ladder in days is added (where the unit is no day).' },
  },
  outputs(settings) {
    const { steps } = stepsOf(settings)
    return [...describe('', 'unit'), ...(steps.length > 1 ? describe('day-', 'day') : [])]
  },
  suits: (tape) => priced(tape, tape.target),
  build(settings, context) {
    const instrument = namedInstrument(context, settings['instrument'])
    const { intervalUs, steps } = stepsOf(settings)
    const feature = new HarLadder(instrument, context.markets[instrument]!, intervalUs, steps)
    return new OncePerPoint(feature, intervalUs, this.outputs(settings).length)
  },
}
