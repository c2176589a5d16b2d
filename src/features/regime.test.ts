/**
 * Goal: the regime of a market as a feature: what the filters say of its returns on the clock, and nothing of what nobody knows.
 *
 * Method: bars and books whose returns are known, against the filters run by hand; the batch definition on generated and
 * malicious tapes with clocks of one second to five minutes and several models; silences, lost updates, looking in between.
 * The default settings are held to the rules of all features in tests/features.
 */

import { describe, expect, test } from 'vitest'
import { regime as oracle } from '../../tests/features/oracles/regime.ts'
import { barTape, generatedTape, nastyTape, type WholeTape } from '../../tests/features/tapes.ts'
import { Random } from '../core/random.ts'
import { readSettings, type SettingValue } from '../core/settings.ts'
import { Instrument, Universe } from '../market/instrument.ts'
import { MarketState } from '../market/marketState.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import { logReturn } from './clockedPrice.ts'
import { FAMILIES } from './families.ts'
import { REGIME, regimeSettings } from './regime.ts'
import {
  BreakDetector,
  HiddenMarkovFilter,
  type HiddenMarkovParameters,
  stationaryDistribution,
} from './regimeFilter.ts'

const TRANSITION = [
  [0.95, 0.05],
  [0.1, 0.9],
]
const STATES: HiddenMarkovParameters = {
  means: [0, 0],
  variances: [1e-7, 1e-5],
  transition: TRANSITION,
  initial: stationaryDistribution(TRANSITION),
}
const BREAKS = { hazard: 1 / 50, runLengthMax: 30, mean: 0, strength: 100, shape: 1, scale: 1e-7 }
const FITTED = regimeSettings(STATES, BREAKS)

const MINUTE_US = 60e6

/** A market of one-minute bars closing at the given ticks; NaN leaves a bar out. */
class Bars {
  readonly market: MarketState
  readonly feature
  readonly #batch = new TapeBatch(8)
  minute = 1000

  constructor(given: Readonly<Record<string, SettingValue>> = {}) {
    const instrument = new Instrument({
      base: 'BTC',
      quote: 'USDT',
      kind: 'perp',
      venue: 'test',
      venueSymbol: 'X',
      payoff: 'linear',
      settle: 'USDT',
      tickSize: '0.1',
      lotSize: '1',
      multiplier: '1',
      source: 'made up',
    })
    this.market = new MarketState(instrument)
    const settings = readSettings('feature regime', REGIME.settings, {
      ...FITTED,
      intervalSeconds: 60,
      warmUpSteps: 6,
      recentSteps: 3,
      silenceSteps: 4,
      ...given,
    })
    this.feature = REGIME.build(settings, { universe: new Universe([instrument]), markets: [this.market], target: 0 })
  }

  row(kind: number, tick: number, value: number, timeUs = this.minute * MINUTE_US): void {
    this.#batch.count = 0
    this.#batch.push(timeUs, timeUs, kind, 0, 0, tick, 1, value, Flag.END)
    this.market.apply(this.#batch, 0, timeUs)
    this.feature.onRow(this.#batch, 0, 0, timeUs)
  }

  close(tick: number): void {
    if (!Number.isNaN(tick)) this.row(Kind.BAR_CLOSE, tick, MINUTE_US)
    this.minute++
  }

  /** Figures as of the last minute that was closed. */
  figures(): Float64Array {
    const out = new Float64Array(5)
    this.feature.write(out, 0, (this.minute - 1) * MINUTE_US)
    return out
  }
}

function wander(count: number, seed: number): number[] {
  const random = new Random(seed)
  let tick = 500_000
  return Array.from(
    { length: count },
    (_, i) => (tick = Math.round(tick * (1 + (i < 30 ? 3e-4 : 3e-3) * random.normal()))),
  )
}

test('figures are what the filters say of the returns of the bars, at once when a bar is heard', () => {
  const bars = new Bars()
  const [states, breaks] = [new HiddenMarkovFilter(STATES), new BreakDetector(BREAKS)]
  const ticks = wander(60, 1)
  for (const [i, tick] of ticks.entries()) {
    bars.close(tick)
    if (i > 0) {
      const r = logReturn(ticks[i - 1]!, tick)
      states.update(r)
      breaks.update(r)
    }
    const figures = bars.figures()
    if (i < 6) expect([...figures]).toEqual(new Array(5).fill(Number.NaN))
    else
      expect([...figures]).toEqual([
        ...states.probabilities,
        states.expectedVariance,
        breaks.recent(3),
        breaks.expectedRunLength,
      ])
  }
  // Thirty minutes of tenfold deviation later there is no doubt.
  expect(states.probabilities[1]).toBeGreaterThan(0.9)
})

test('a bar that is missing lets time pass and makes no return of two bars', () => {
  const bars = new Bars()
  const [states, breaks] = [new HiddenMarkovFilter(STATES), new BreakDetector(BREAKS)]
  const ticks = wander(20, 2)
  for (const [i, tick] of ticks.entries()) {
    bars.close(i === 12 ? Number.NaN : tick)
    if (i === 0) continue
    const r = i === 12 || i === 13 ? Number.NaN : logReturn(ticks[i - 1]!, tick)
    states.update(r)
    breaks.update(r)
  }
  expect(bars.figures()[0]).toBe(states.probabilities[0])
  expect(bars.figures()[4]).toBe(breaks.expectedRunLength)
})

test('after a long silence nothing is known, and what comes back is a new beginning', () => {
  const bars = new Bars()
  for (const tick of wander(20, 3)) bars.close(tick)
  for (let i = 0; i < 3; i++) bars.close(Number.NaN)
  expect(bars.figures()[0]).not.toBeNaN()
  bars.close(Number.NaN)
  expect(bars.figures()[0]).toBeNaN()
  const [fresh, ticks] = [new Bars(), wander(8, 4)]
  for (const [i, tick] of ticks.entries()) {
    bars.close(tick)
    fresh.close(tick)
    if (i < 6) expect(bars.figures()[0]).toBeNaN()
  }
  expect(bars.figures()).toEqual(fresh.figures())
  expect(bars.figures()[0]).not.toBeNaN()
})

test('a silence of days costs no more than a day and is forgotten like a short one', () => {
  const [bars, other] = [new Bars(), new Bars()]
  for (const tick of wander(20, 3)) bars.close(tick)
  bars.minute += 10_000
  expect([...bars.figures()]).toEqual(new Array(5).fill(Number.NaN))
  for (const tick of wander(8, 4)) {
    bars.close(tick)
    other.close(tick)
  }
  expect(bars.figures()).toEqual(other.figures())
})

test('no return is taken across lost updates', () => {
  const bars = new Bars()
  const ticks = wander(20, 5)
  const states = new HiddenMarkovFilter(STATES)
  for (const [i, tick] of ticks.entries()) {
    if (i === 10) bars.row(Kind.GAP, 0, 1, (bars.minute - 0.5) * MINUTE_US)
    bars.close(tick)
    if (i > 0) states.update(i === 10 ? Number.NaN : logReturn(ticks[i - 1]!, tick))
  }
  expect(bars.figures()[0]).toBe(states.probabilities[0])
})

/** Asks the family, and its batch definition, at the same moments. */
function both(tape: WholeTape, given: Readonly<Record<string, SettingValue>>, seed: number) {
  const { rows, universe } = tape
  const random = new Random(seed)
  const settings = readSettings('feature regime', REGIME.settings, given)
  const times = new Set<number>()
  for (let i = 0; i < 150; i++)
    times.add(rows.timeUs[random.integer(0, rows.count - 1)]! + random.integer(0, 3) * random.integer(0, 2e6))
  const timesUs = [...times].sort((a, b) => a - b)
  const markets = universe.instruments.map((instrument) => new MarketState(instrument))
  const feature = REGIME.build(settings, { universe, markets, target: 0 })
  const width = REGIME.outputs(settings).length
  const out = new Float64Array(width)
  const streamed = Array.from({ length: width }, () => new Float64Array(timesUs.length))
  const batch = new TapeBatch(8)
  let asked = 0
  for (let row = 0; row <= rows.count; row++) {
    const timeUs = row < rows.count ? rows.timeUs[row]! : Number.POSITIVE_INFINITY
    for (; asked < timesUs.length && timesUs[asked]! < timeUs; asked++) {
      // Looked at twice: looking changes nothing.
      for (let look = 0; look < 2; look++) feature.write(out, 0, timesUs[asked]!)
      for (let i = 0; i < width; i++) streamed[i]![asked] = out[i]!
    }
    if (row === rows.count || rows.instrument[row] !== 0) continue
    batch.count = 0
    const [kind, side, tick] = [rows.kind[row]!, rows.side[row]!, rows.tick[row]!]
    batch.push(timeUs, timeUs, kind, 0, side, tick, rows.lots[row]!, rows.value[row]!, rows.flags[row]!)
    markets[0]!.apply(batch, 0, timeUs)
    feature.onRow(batch, 0, 0, timeUs)
  }
  return { streamed, batch: oracle({ rows, universe, target: 0, settings, timesUs }) }
}

describe('streaming is the batch definition', () => {
  const SHORT = { warmUpSteps: 5, recentSteps: 3, silenceSteps: 6 }
  test.each([
    [
      'a generated market by the second',
      generatedTape(3),
      { ...FITTED, ...SHORT, intervalSeconds: 1, variances: '1e-10,1e-8' },
    ],
    ['a malicious tape by the second', nastyTape(1), { ...FITTED, ...SHORT, intervalSeconds: 1 }],
    ['another, by five seconds, three states', nastyTape(2), { ...SHORT, intervalSeconds: 5, runLengthMax: 10 }],
    ['bars, three states, a low cap', barTape(4), { ...SHORT, runLengthMax: 15, means: '1e-5,0,-1e-4' }],
  ] as const)('on %s', (_, tape, given) => {
    const { streamed, batch } = both(tape, given, 7)
    let known = 0
    for (const [output, column] of streamed.entries())
      for (const [i, each] of column.entries()) {
        const wanted = batch[output]![i]!
        if (Number.isNaN(wanted)) expect(each).toBeNaN()
        else {
          known++
          expect(Math.abs(each - wanted)).toBeLessThanOrEqual(1e-12 * Math.max(Math.abs(wanted), output < 3 ? 0.1 : 0))
        }
      }
    expect(known).toBeGreaterThan(50)
  })
})

test('fitted parameters survive being written down as settings', () => {
  const odd: HiddenMarkovParameters = {
    means: [1 / 3e5, -1e-17],
    variances: [1e-7 / 3, 2e-5 / 7],
    transition: [
      [1 - 1 / 37, 1 / 37],
      [1 / 11, 1 - 1 / 11],
    ],
    initial: [1, 0],
  }
  const settings = readSettings('feature regime', REGIME.settings, regimeSettings(odd, BREAKS))
  expect(String(settings['variances']).split(',').map(Number)).toEqual(odd.variances)
  expect(REGIME.outputs(settings).map(({ name }) => name)).toEqual([
    'state-1',
    'state-2',
    'variance',
    'break-recent',
    'run-length',
  ])
})

test.each([
  { variances: '1e-5,1e-7', means: '0,0', transition: '0.9,0.1;0.1,0.9' },
  { transition: '0.9,0.1' },
  { means: 'none' },
  { recentSteps: 40 },
  { warmUpSteps: 20.5 },
])('settings of %j are refused', (wrong) => {
  expect(() => {
    REGIME.outputs(readSettings('feature regime', REGIME.settings, wrong))
    return new Bars(wrong)
  }).toThrow(expect.objectContaining({ code: 'config-invalid' }))
})

test('it is among the families', () => {
  expect(FAMILIES['regime']).toBe(REGIME)
})
