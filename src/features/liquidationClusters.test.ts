/**
 * Goal: modelled liquidation levels lie where the model says, and vanish when the price reaches them.
 *
 * Method: against the batch definition on generated, malicious and bar tapes with short windows, to 1e-11 of the figure; then
 * written markets, one idea each.
 */

import { expect, test } from 'vitest'
import { compare, WrittenTape } from '../../tests/features/againstOracle.ts'
import { liquidationClusters } from '../../tests/features/oracles/liquidationClusters.ts'
import { barTape, generatedTape, nastyTape } from '../../tests/features/tapes.ts'
import { Kind } from '../market/tape.ts'
import { LIQUIDATION_CLUSTERS } from './liquidationClusters.ts'

test.each([
  [generatedTape(3), 1, { intervalSeconds: 10, lookbackSeconds: '300' }],
  [nastyTape(9, 4000), 0, { intervalSeconds: 5, lookbackSeconds: '300', clusterShare: 0.001 }],
  [barTape(4), 0, { lookbackSeconds: '86400' }],
] as const)('$name: streaming is batch', (tape, target, settings) => {
  const { differences, known } = compare(LIQUIDATION_CLUSTERS, liquidationClusters, settings, tape, target)
  expect(differences).toEqual([])
  expect(Object.entries(known).filter(([name, count]) => count === 0 && !name.startsWith('forced'))).toEqual([])
})

/** Bars of five minutes that begin at 10,000 ticks and go through the closes given. */
function bars(...closes: readonly number[]): WrittenTape {
  const tape = new WrittenTape()
  for (const [i, close] of [10_000, ...closes].entries())
    tape.bar(300 * (i + 1), 300, [close, close, close, close], 1000)
  return tape
}

const TEN = { leverages: '10', weights: '1', maintenanceRate: 0.005, lookbackSeconds: '600' }

test('tenfold leverage at one price is liquidated 9.5 % below and above', () => {
  const [answer] = bars(10_000).ask(LIQUIDATION_CLUSTERS, TEN, 600)
  expect(answer!['below-distance']).toBeCloseTo(-Math.log(0.905), 12)
  expect(answer!['above-distance']).toBeCloseTo(Math.log(1.095), 12)
  expect(answer!['below-size']).toBeCloseTo(1, 12)
  expect(answer!['below-near']).toBe(0)
})

test('levels the price has reached are gone; those of positions opened there are not', () => {
  const lookback = { ...TEN, lookbackSeconds: '900' }
  const [answer] = bars(9000, 9200).ask(LIQUIDATION_CLUSTERS, lookback, 900)
  // Longs of 10,000 (9050) are gone; those of 9000 (8145) and 9200 (8326) are left, a third of the volume each.
  expect(answer!['below-distance']).toBeCloseTo(-Math.log((9200 * 0.905) / 9200), 12)
  expect(answer!['below-size']).toBeCloseTo(1 / 3, 12)
  // Shorts of 9000 (9855) wait nearest above.
  expect(answer!['above-distance']).toBeCloseTo(Math.log((9000 * 1.095) / 9200), 12)
})

test('forced orders that were seen lie where they were executed', () => {
  const tape = bars(10_000)
  tape.row(650, Kind.LIQUIDATION, { side: -1, tick: 9900, lots: 10 })
  tape.row(651, Kind.LIQUIDATION, { side: -1, tick: 9800, lots: 30 })
  const [answer] = tape.ask(LIQUIDATION_CLUSTERS, TEN, 660)
  expect(answer!['forced-sold-distance']).toBeCloseTo(Math.log(9825 / 10_000), 12)
  expect(answer!['forced-bought-distance']).toBeNaN()
})

test('leverage beyond the maintenance margin, and shares that do not add up, are refused', () => {
  for (const wrong of [{ leverages: '300', weights: '1' }, { weights: '0.5' }, { leverages: '10,20' }])
    expect(() => bars().ask(LIQUIDATION_CLUSTERS, wrong)).toThrow(expect.objectContaining({ code: 'config-invalid' }))
})
