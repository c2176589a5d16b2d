/**
 * Goal: range estimators take the bars there are, or build them of trades.
 *
 * Method: against the batch definition on generated, malicious and bar tapes with short windows, to 1e-11 of the figure; then
 * written markets, one idea each.
 */

import { expect, test } from 'vitest'
import { compare, WrittenTape } from '../../tests/features/againstOracle.ts'
import { rangeVolatility } from '../../tests/features/oracles/rangeVolatility.ts'
import { barTape, generatedTape, nastyTape } from '../../tests/features/tapes.ts'
import { RANGE_VOLATILITY } from './rangeVolatility.ts'

test.each([
  [generatedTape(3), 1, { intervalSeconds: 10, windowsSeconds: '60,300' }, true],
  [nastyTape(9, 4000), 0, { intervalSeconds: 2, windowsSeconds: '60,300' }, false],
  [barTape(4), 0, { intervalSeconds: 300, windowsSeconds: '3600,14400' }, true],
  [barTape(4), 1, { intervalSeconds: 600, windowsSeconds: '3600' }, true],
] as const)('$name: streaming is batch', (tape, target, settings, all) => {
  const { differences, known } = compare(RANGE_VOLATILITY, rangeVolatility, settings, tape, target)
  expect(differences).toEqual([])
  if (all) expect(Object.values(known).filter((count) => count === 0)).toEqual([])
})

test('bars of the tape and the same bars of trades say the same', () => {
  const bars = new WrittenTape()
  const trades = new WrittenTape()
  trades.trade(-1, 1000, 1)
  const prices = [
    [1000, 1020, 990, 1010],
    [1008, 1012, 1001, 1003],
    [1003, 1030, 1003, 1029],
    [1030, 1035, 1020, 1022],
  ] as const
  for (const [i, bar] of prices.entries()) {
    bars.bar(60 * (i + 1), 60, bar)
    for (const [j, tick] of bar.entries()) trades.trade(60 * i + 10 * (j + 1), tick, 1)
  }
  const settings = { intervalSeconds: 60, windowsSeconds: '240' }
  const [ofBars] = bars.ask(RANGE_VOLATILITY, settings, 240)
  const [ofTrades] = trades.ask(RANGE_VOLATILITY, settings, 240)
  expect(ofTrades).toEqual(ofBars)
  const parkinson = prices.map(([, high, low]) => Math.log(high / low) ** 2 / (4 * Math.LN2)).reduce((a, b) => a + b)
  expect(ofBars!['parkinson-240s']).toBeCloseTo(parkinson, 15)
})
