/**
 * Goal: the columns heterogeneous autoregressions are regressed on are those of Corsi and of Bollerslev, Patton and Quaedvlieg.
 *
 * Method: against the batch definition on generated, malicious and bar tapes with short windows, to 1e-11 of the figure; then
 * written markets, one idea each.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { compare, WrittenTape } from '../../tests/features/againstOracle.ts'
import { harLadder } from '../../tests/features/oracles/harLadder.ts'
import { barTape, generatedTape, nastyTape } from '../../tests/features/tapes.ts'
import { HAR_LADDER } from './harLadder.ts'

test.each([
  [generatedTape(3), 0, { intervalSeconds: 1, unitSeconds: 10, dayLadder: false }],
  [nastyTape(9, 4000), 1, { intervalSeconds: 1, unitSeconds: 5, dayLadder: false }],
  [barTape(4), 0, {}],
] as const)('$name: streaming is batch', (tape, target, settings) => {
  const { differences, known } = compare(HAR_LADDER, harLadder, settings, tape, target)
  expect(differences).toEqual([])
  expect(Object.entries(known).filter(([name, count]) => count === 0 && !/^day-.*(5|22)$/.test(name))).toEqual([])
})

test('the names models are regressed on are stable', () => {
  const names = (dayLadder: boolean, unitSeconds = 3600) =>
    HAR_LADDER.outputs({ intervalSeconds: 300, unitSeconds, dayLadder }).map(({ name }) => name)
  const unit = 'rv-1 rv-5 rv-22 log-rv-1 log-rv-5 log-rv-22 rq-root-1 fall-1 fall-5 fall-22'.split(' ')
  expect(names(false)).toEqual(unit)
  expect(names(true)).toEqual([...unit, ...unit.map((name) => `day-${name}`)])
  expect(names(true, 86_400)).toEqual(unit)
})

test('two steps a unit, by hand', () => {
  const tape = new WrittenTape()
  const closes = Array.from({ length: 45 }, (_, i) => 1000 + (i % 3) * 10)
  for (const [i, close] of closes.entries()) tape.bar(300 * (i + 1), 300, [close, close, close, close])
  const [answer] = tape.ask(HAR_LADDER, { unitSeconds: 600, dayLadder: false }, 45 * 300)
  const r = closes.slice(1).map((close, i) => Math.log(close / closes[i]!))
  const sum = (figures: number[]) => figures.reduce((a, b) => a + b, 0)
  const last = (count: number) => r.slice(-count)
  expect(answer!['rv-1']).toBeCloseTo(sum(last(2).map((x) => x * x)), 15)
  expect(answer!['rv-5']).toBeCloseTo(sum(last(10).map((x) => x * x)) / 5, 15)
  expect(answer!['rv-22']).toBeCloseTo(sum(last(44).map((x) => x * x)) / 22, 15)
  expect(answer!['log-rv-5']).toBeCloseTo(Math.log(sum(last(10).map((x) => x * x)) / 5), 12)
  const quarticity = (2 / 3) * sum(last(2).map((x) => x ** 4))
  expect(answer!['rq-root-1']! / (Math.sqrt(quarticity) * sum(last(2).map((x) => x * x)))).toBeCloseTo(1, 12)
  expect(answer!['fall-1']).toBe(Math.min(0, sum(last(2))) / 1)
})

const vectors = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'reference/vectors/t03_har_qlike.json')
const there = existsSync(vectors)

/** Coefficients of least squares by the normal equations of centred columns, solved by Gauss: enough for four. */
function leastSquares(rows: readonly (readonly number[])[], y: readonly number[]): number[] {
  const mean = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length
  const means = rows[0]!.map((_, j) => mean(rows.map((row) => row[j]!)))
  const yMean = mean(y)
  const k = means.length
  const a = Array.from({ length: k }, (_, i) =>
    Array.from({ length: k + 1 }, (_, j) =>
      rows.reduce((sum, row, at) => sum + (row[i]! - means[i]!) * (j < k ? row[j]! - means[j]! : y[at]! - yMean), 0),
    ),
  )
  for (let i = 0; i < k; i++)
    for (let row = 0; row < k; row++) {
      if (row === i) continue
      const factor = a[row]![i]! / a[i]![i]!
      for (let j = i; j <= k; j++) a[row]![j]! -= factor * a[i]![j]!
    }
  const slopes = a.map((row, i) => row[k]! / row[i]!)
  return [yMean - slopes.reduce((sum, slope, i) => sum + slope * means[i]!, 0), ...slopes]
}

test.skipIf(!there)(
  there
    ? 't03: the ladder of a series of variances gives the coefficients of HAR'
    : 't03: no vectors here (GIMBAL_SHARED)',
  () => {
    const { cases } = JSON.parse(readFileSync(vectors, 'utf8')) as { cases: { rv: number[]; beta: number[] }[] }
    const { rv, beta } = cases[0]!
    // A market whose bar i moves by the root of variance i, up and down in turn; ticks so fine that rounding is nothing.
    const tape = new WrittenTape({ tickSize: '0.000001' })
    let price = 1e9
    const moves: number[] = []
    tape.bar(300, 300, [price, price, price, price])
    for (const [i, variance] of rv.entries()) {
      const next = Math.round(price * Math.exp((i % 2 === 0 ? 1 : -1) * Math.sqrt(variance)))
      moves.push(Math.log(next / price) ** 2)
      price = next
      tape.bar(300 * (i + 2), 300, [price, price, price, price])
    }
    const times = rv.map((_, i) => 300 * (i + 2))
    const answers = tape.ask(HAR_LADDER, { unitSeconds: 300, dayLadder: false }, ...times)
    const columns = answers.map((each) => [each['rv-1']!, each['rv-5']!, each['rv-22']!])
    for (const [i, each] of columns.entries()) expect(Math.abs(each[0]! / moves[i]! - 1)).toBeLessThan(1e-9)
    const found = leastSquares(columns.slice(21, -1), rv.slice(22))
    // Prices are whole ticks, so returns are true to about 1e-7 and coefficients to a little less.
    for (const [i, each] of found.entries()) expect(Math.abs(each / beta[i]! - 1)).toBeLessThan(1e-4)
  },
)
