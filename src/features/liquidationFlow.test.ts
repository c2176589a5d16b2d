/**
 * Goal: forced volume is seen at once, and none is told from unknown.
 *
 * Method: against the batch definition on generated, malicious and bar tapes with short windows, to 1e-11 of the figure; then
 * written markets, one idea each.
 */

import { expect, test } from 'vitest'
import { compare, WrittenTape } from '../../tests/features/againstOracle.ts'
import { liquidationFlow } from '../../tests/features/oracles/liquidationFlow.ts'
import { generatedTape, nastyTape } from '../../tests/features/tapes.ts'
import { Kind } from '../market/tape.ts'
import { LIQUIDATION_FLOW } from './liquidationFlow.ts'

test.each([
  [generatedTape(3), 1],
  [nastyTape(9, 4000), 1],
] as const)('$name: streaming is batch', (tape, target) => {
  const { differences, known } = compare(LIQUIDATION_FLOW, liquidationFlow, { windowsSeconds: '10,600' }, tape, target)
  expect(differences).toEqual([])
  expect(Object.values(known).filter((count) => count === 0)).toEqual([])
})

test('a cascade is counted from its first order on, and leaves the window again', () => {
  const tape = new WrittenTape()
  for (let i = 0; i <= 100; i++) tape.quote(i, 1000)
  tape.row(100.5, Kind.LIQUIDATION, { side: -1, tick: 990, lots: 300 })
  tape.row(101.5, Kind.LIQUIDATION, { side: -1, tick: 985, lots: 500 })
  tape.row(102.5, Kind.LIQUIDATION, { side: 1, tick: 985, lots: 200 })
  tape.row(103.5, Kind.DELEVERAGING, { side: -1, tick: 985, lots: 100 })
  for (let i = 104; i < 200; i++) tape.quote(i, 1000)
  const settings = { windowsSeconds: '60' }
  const [calm, first, all, after] = tape.ask(LIQUIDATION_FLOW, settings, 99, 100.6, 104, 170.1)
  expect([calm!['sold-60s'], calm!['orders-60s']]).toEqual([0, 0])
  expect(calm!['imbalance-60s']).toBeNaN()
  expect(first!['sold-60s']).toBeCloseTo(0.3, 12)
  expect([all!['sold-60s'], all!['bought-60s']]).toEqual([0.8, 0.2])
  expect(all!['imbalance-60s']).toBeCloseTo(-0.6, 12)
  expect([all!['orders-60s'], all!['deleveraged-60s']]).toEqual([3, 0.1])
  expect(after!['sold-60s']).toBe(0)
})

test('a market that was not heard is not a calm one', () => {
  const tape = new WrittenTape()
  for (let i = 0; i < 100; i++) tape.quote(i, 1000)
  const [young, known, silent] = tape.ask(LIQUIDATION_FLOW, { windowsSeconds: '60' }, 20, 99, 160)
  expect([young!['sold-60s'], known!['sold-60s'], silent!['sold-60s']]).toEqual([Number.NaN, 0, Number.NaN])
})
