/**
 * Goal: an over-levered desk is stopped before its equity is gone, in every scenario with a name, or the report says why not; and
 * days that happened are told as they happened.
 * Method: the whole report of a planted book; tables of prices against the bars they came from, where those are at hand.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { assessBook } from '../../portfolio/margin/registry.ts'
import { CALM, deskBook } from './deskBook.ts'
import { HISTORICAL_SCENARIOS } from './historicalScenarios.ts'
import { namedScenarios } from './namedScenarios.ts'
import type { SpotShock } from './scenario.ts'
import { parseScenario, scenarioText } from './scenarioText.ts'
import { stressReport } from './stressReport.ts'

const SMALL = { heatMap: { spots: [0.9, 1, 1.1], volatilities: [0] }, reverse: { directions: 2, reach: 6 } }

describe('a planted over-levered desk', () => {
  const book = deskBook(2.8)
  const report = stressReport(book, CALM, SMALL)

  test('is within its margin before anything happens', () => {
    expect(assessBook(book, CALM).some((each) => each?.liquidatable)).toBe(false)
  })

  test('is stopped by the breakers before its equity is gone, or the report says why not', () => {
    expect(report.scenarios.length).toBeGreaterThanOrEqual(20)
    for (const { protected: guarded, verdict } of report.scenarios) {
      if (guarded.outcome === 'liquidated' || guarded.outcome === 'ruined') {
        expect(guarded.cause, guarded.scenario.name).toMatch(/gap|venue-down|no-liquidity|oracle|costs/)
        expect(verdict).toContain(guarded.reason)
      } else expect(guarded.minimum, guarded.scenario.name).toBeGreaterThan(0)
    }
  })

  test('cannot jump clear of a gap, nor leave a venue that does not answer: both are named', () => {
    const causes = Object.fromEntries(
      report.scenarios.map(({ protected: { scenario, cause } }) => [scenario.name, cause]),
    )
    expect(causes).toMatchObject({ 'gap-down': 'gap', 'gap-up': 'gap', 'venue-down-deribit': 'venue-down' })
  })

  test('is taken by venues in many of them when nothing protects it', () => {
    const taken = report.scenarios.filter(({ unprotected }) => unprotected.liquidated.length > 0)
    const kept = report.scenarios.filter((each) => each.protected.liquidated.length > 0)
    expect(taken.length).toBeGreaterThanOrEqual(8)
    expect(kept.length).toBeLessThan(taken.length)
  })

  test('every dollar of every scenario has its cause', () => {
    for (const { protected: guarded, unprotected } of report.scenarios)
      for (const { start, end, losses } of [guarded, unprotected])
        expect(start - end - Object.values(losses).reduce((sum, loss) => sum + loss, 0)).toBeCloseTo(0, 4)
  })

  test('the same book has the same report', () => {
    const few = { ...SMALL, scenarios: namedScenarios(book).slice(0, 2) }
    expect(stressReport(book, CALM, few)).toEqual(stressReport(book, CALM, few))
  })
})

test('a book with room survives every scenario that happened', () => {
  const report = stressReport(deskBook(0.5), CALM, { ...SMALL, scenarios: HISTORICAL_SCENARIOS })
  expect(report.deadly).toEqual([])
  expect(report.scenarios.flatMap((each) => each.protected.liquidated)).toEqual([])
})

test('every named scenario can be written in one line and read back', () => {
  for (const scenario of namedScenarios(deskBook())) {
    const back = parseScenario(scenarioText(scenario), scenario.name)
    expect(back.steps, scenario.name).toEqual(scenario.steps)
    expect(scenario.about.length).toBeGreaterThan(20)
  }
})

const bars = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'data/bars')
const here = existsSync(bars)

/** Bars of a file between two moments, as open, high, low, close. */
function between(file: string, from: string, to: string): number[][] {
  return gunzipSync(readFileSync(join(bars, file)))
    .toString()
    .split('\n')
    .map((line) => line.split(','))
    .filter(([at]) => {
      const time = /^\d+$/.test(at!) ? new Date(Number(at)).toISOString().slice(0, 19).replace('T', ' ') : at!
      return time >= from && time < to
    })
    .map((fields) => fields.slice(1, 5).map(Number))
}

describe(here ? 'history' : 'history (bars absent: nothing compared)', () => {
  const events: [name: string, btc: string, eth: string, from: string, to: string][] = [
    [
      'march-2020',
      'BTCUSDT_spot_1h_2017_2023.csv.gz',
      'ETHUSDT_spot_1h_2019_2025.csv.gz',
      '2020-03-12 10:00:00',
      '2020-03-13 12:00:00',
    ],
    [
      'may-2021',
      'BTCUSDT_spot_1h_2017_2023.csv.gz',
      'ETHUSDT_spot_1h_2019_2025.csv.gz',
      '2021-05-19 11:00:00',
      '2021-05-20 00:00:00',
    ],
    [
      'ftx-2022',
      'BTCUSDT_spot_1h_2017_2023.csv.gz',
      'ETHUSDT_spot_1h_2019_2025.csv.gz',
      '2022-11-08 14:00:00',
      '2022-11-10 06:00:00',
    ],
    [
      'october-2025',
      'BTC_USDT_USDT-5m-futures.csv.gz',
      'ETH_USDT_USDT-5m-futures.csv.gz',
      '2025-10-10 20:50:00',
      '2025-10-10 23:05:00',
    ],
  ]
  test.each(events)('%s begins, bottoms and ends as its bars do', (name, btc, eth, from, to) => {
    if (!here) return
    const { steps } = HISTORICAL_SCENARIOS.find((each) => each.name === name)!
    for (const [asset, file] of [
      ['BTC', btc],
      ['ETH', eth],
    ] as const) {
      const rows = between(file, from, to)
      const factors = steps.flatMap(({ shocks }) =>
        shocks
          .filter((each): each is SpotShock => each.shock === 'spot' && each.asset === asset)
          .map(({ factor }) => factor),
      )
      const open = rows[0]![0]!
      const low = Math.min(...rows.map((row) => row[2]!))
      expect(Math.min(...factors)).toBeCloseTo(low / open, 3)
      expect(factors.at(-1)).toBeCloseTo(rows.at(-1)![3]! / open, 2)
    }
  })
})
