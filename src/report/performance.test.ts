/**
 * Goal: statistics that agree with their papers, and a Sharpe ratio that is never shown naked.
 *
 * Method: the papers' own worked examples; reference vectors where they are at hand; the one-pass moments against the
 * two-pass definition; drawdowns against a quadratic search.
 */

import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DAY_US, HOUR_US, MINUTE_US } from '../core/clock.ts'
import { normalCdf, normalQuantile } from '../core/errorFunction.ts'
import { expectedBestSharpe, minimumTrackRecord, probabilisticSharpe } from '../research/sharpe.ts'
import { DrawdownTracker, judgedClock, performance, ReturnClock } from './performance.ts'

/** Moments of `count` returns alternating around `mean`. */
function moments(clockUs: number, count: number, mean = 0.001, swing = 0.002) {
  const clock = new ReturnClock(clockUs)
  for (let i = 0; i < count; i++) clock.add(mean + (i % 2 === 0 ? swing : -swing))
  return clock.moments
}

function input(overrides: Partial<Parameters<typeof performance>[0]> = {}): Parameters<typeof performance>[0] {
  const none = { fraction: 0.1, dollars: 100, peakUs: 0, troughUs: 1 }
  return {
    startEquity: 1000,
    endEquity: 1100,
    meanEquity: 1050,
    transfers: 0,
    periodUs: 60 * DAY_US,
    clocks: [moments(DAY_US, 59)],
    drawdown: none,
    drawdownFromStart: none,
    longestUnderWaterUs: 0,
    turnover: 10_000,
    costs: 12,
    ...overrides,
  }
}
const one = { family: 'test', trialCount: 1, sharpeVariance: null, clockUs: DAY_US, ledgerHead: null }

describe('probabilistic and deflated Sharpe', () => {
  test('the example of the deflated Sharpe paper comes out', () => {
    const best = expectedBestSharpe(100, 0.5 / 250)
    expect(best).toBeCloseTo(0.113172, 6)
    expect(probabilisticSharpe(2.5 / Math.sqrt(250), best, 1250, -3, 10)).toBeCloseTo(0.900397, 6)
    expect(probabilisticSharpe(2.5 / Math.sqrt(250), expectedBestSharpe(46, 0.5 / 250), 1250, -3, 10)).toBeCloseTo(
      0.950502,
      6,
    )
  })

  test('fat left tails lower the example of the probabilistic Sharpe paper from 0.98 to 0.91', () => {
    expect(probabilisticSharpe(0.458, 0, 24, -2.448, 10.164)).toBeCloseTo(0.913361, 6)
    expect(probabilisticSharpe(0.458, 0, 24, 0, 3)).toBeCloseTo(0.981675, 6)
  })

  const shared = `${process.env['GIMBAL_SHARED'] ?? '../shared'}/reference/vectors/t04_psr_dsr_minbtl.json`
  const absent = existsSync(shared) ? '' : ' (absent here: nothing compared)'
  test(`reference vectors agree to 1e-9${absent}`, () => {
    if (absent) return
    const { cases } = JSON.parse(readFileSync(shared, 'utf8')) as { cases: Record<string, number | string>[] }
    let compared = 0
    for (const each of cases) {
      const n = (key: string) => each[key] as number
      if (each['kind'] === 'psr') {
        const value = probabilisticSharpe(n('sr'), n('sr_star'), n('T'), n('skew'), n('kurt'))
        expect(Math.abs(value - n('PSR'))).toBeLessThan(1e-9)
      } else if (each['kind'] === 'min_trl') {
        const value = minimumTrackRecord(n('sr'), n('sr_star'), n('skew'), n('kurt'), n('alpha'))
        expect(Math.abs(value / n('minTRL_obs') - 1)).toBeLessThan(1e-9)
      } else if (String(each['kind']).startsWith('dsr')) {
        const best = expectedBestSharpe(n('N'), n('annual_var_trials') / n('q'))
        const value = probabilisticSharpe(n('annual_sr') / Math.sqrt(n('q')), best, n('T'), n('skew'), n('kurt'))
        expect(Math.abs(best - n('SR0'))).toBeLessThan(1e-9)
        expect(Math.abs(value - n('DSR'))).toBeLessThan(1e-9)
      } else continue
      compared++
    }
    expect(compared).toBeGreaterThan(50)
  })

  test('the quantile undoes the distribution function, far into the tails', () => {
    fc.assert(
      fc.property(fc.double({ min: -6, max: 6, noNaN: true }), (x) => {
        expect(normalQuantile(normalCdf(x))).toBeCloseTo(x, 5)
      }),
    )
    expect(normalCdf(1.959963984540054)).toBeCloseTo(0.975, 14)
  })
})

describe('what is withheld', () => {
  test('with 29 returns there is no Sharpe ratio, and a sentence says why', () => {
    const found = performance(input({ clocks: [moments(MINUTE_US, 29)], periodUs: 29 * MINUTE_US }), one)
    expect(found.sharpe).toBeNull()
    expect(found.notes.join(' ')).toContain('29 whole-minute returns')
  })

  test('one trial of several with unknown spread cannot be deflated, so nothing is shown', () => {
    const found = performance(input(), { ...one, trialCount: 7 })
    expect(found.sharpe).toBeNull()
    expect(found.notes.join(' ')).toContain('7 trials')
  })

  test('a shown Sharpe ratio carries its deflated value, trials, costs and period', () => {
    const found = performance(input(), { ...one, trialCount: 20, sharpeVariance: 0.01 })
    expect(found.sharpe).toMatchObject({ trialCount: 20, costs: 12, periodUs: 60 * DAY_US, returns: 59 })
    expect(found.sharpe!.deflated).toBeLessThan(found.sharpe!.probabilistic)
    expect(found.sharpe!.expectedBest).toBeGreaterThan(0)
  })

  test('a variance gathered on hours is scaled to days', () => {
    const hourly = performance(input(), { ...one, trialCount: 20, sharpeVariance: 0.01 / 24, clockUs: HOUR_US })
    const daily = performance(input(), { ...one, trialCount: 20, sharpeVariance: 0.01 })
    expect(hourly.sharpe!.deflated).toBeCloseTo(daily.sharpe!.deflated, 12)
  })

  test('nothing is annualised from a day', () => {
    const found = performance(input({ periodUs: DAY_US, clocks: [moments(MINUTE_US, 1439)] }), one)
    expect(found.annualisedReturn).toBeNull()
    expect(found.sharpe!.annualised).toBeNull()
    expect(found.sortino).toBeNull()
  })

  test.each([0, -1, 1.5, Number.NaN])('%d trials are refused', (trialCount) => {
    expect(() => performance(input(), { ...one, trialCount })).toThrow(
      expect.objectContaining({ code: 'argument-invalid' }),
    )
  })

  test('the coarsest clock with sixty returns is judged, else the coarsest with thirty', () => {
    const clocks = (days: number) => [
      moments(MINUTE_US, days * 1440),
      moments(HOUR_US, days * 24),
      moments(DAY_US, days),
    ]
    expect(judgedClock(clocks(61))!.clockUs).toBe(DAY_US)
    expect(judgedClock(clocks(40))!.clockUs).toBe(HOUR_US)
    expect(judgedClock(clocks(1))!.clockUs).toBe(MINUTE_US)
    expect(judgedClock([moments(MINUTE_US, 10)])).toBeUndefined()
  })
})

test('one-pass moments equal the two-pass definition', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -0.5, max: 0.5, noNaN: true }), { minLength: 3, maxLength: 60 }),
      (returns) => {
        const clock = new ReturnClock(MINUTE_US)
        for (const each of returns) clock.add(each)
        const n = returns.length
        const mean = returns.reduce((sum, each) => sum + each, 0) / n
        const central = (power: number) => returns.reduce((sum, each) => sum + (each - mean) ** power, 0) / n
        const found = clock.moments
        expect(found.mean).toBeCloseTo(mean, 12)
        fc.pre(central(2) > 1e-6)
        expect(found.deviation).toBeCloseTo(Math.sqrt((central(2) * n) / (n - 1)), 10)
        expect(found.skew).toBeCloseTo(central(3) / central(2) ** 1.5, 6)
        expect(found.kurtosis).toBeCloseTo(central(4) / central(2) ** 2, 6)
      },
    ),
  )
})

test('returns are taken between whole minutes, and a deposit is not a return', () => {
  const clock = new ReturnClock(MINUTE_US)
  const at = (minutes: number, equity: number) => clock.equity(minutes * MINUTE_US, equity)
  at(0.5, 90)
  at(0.9, 100) // Holds until 1:00, where counting begins.
  at(1.2, 105)
  at(1.99, 110)
  at(2.5, 111)
  clock.transfer(1000)
  at(2.6, 1110)
  at(3.1, 2000)
  expect(clock.moments.count).toBe(2)
  expect(clock.moments.best).toBeCloseTo(0.1, 12)
  expect(clock.moments.worst).toBeCloseTo(0, 12) // 1110 over 110 + 1000.
})

test('the deepest fall and the longest spell under water are those of a search over all pairs', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 2, maxLength: 40 }), (values) => {
      const tracker = new DrawdownTracker()
      for (const [time, value] of values.entries()) tracker.add(time, value)
      let deepest = 0
      let longest = 0
      for (let from = 0; from < values.length; from++) {
        for (let to = from; to < values.length; to++) {
          const peak = Math.max(...values.slice(0, from + 1))
          if (values[from] !== peak) continue
          deepest = Math.max(deepest, 1 - values[to]! / peak)
          if (values.slice(from + 1, to).every((value) => value < peak)) longest = Math.max(longest, to - from)
        }
      }
      expect(tracker.fromPeak.fraction).toBeCloseTo(deepest, 12)
      expect(tracker.fromStart.fraction).toBeCloseTo(Math.max(0, ...values.map((value) => 1 - value / values[0]!)), 12)
      expect(tracker.longestUs).toBe(longest)
    }),
  )
})
