/**
 * Goal: who moves first is found, by how much, and by the estimator of Hayashi and Yoshida.
 *
 * Method: against the batch definition on generated, malicious and bar tapes with short windows, to 1e-11 of the figure; then
 * written markets, one idea each.
 */

import { expect, test } from 'vitest'
import { compare, WrittenTape } from '../../tests/features/againstOracle.ts'
import { leadLag } from '../../tests/features/oracles/leadLag.ts'
import { barTape, generatedTape, nastyTape } from '../../tests/features/tapes.ts'
import { Random } from '../core/random.ts'
import { LEAD_LAG } from './leadLag.ts'

const generated = generatedTape(3)
const bars = barTape(4)
const nasty = nastyTape(9, 8000)

test.each([
  [
    generated,
    1,
    { windowSeconds: '60', lagSeconds: '5', others: `${generated.universe.at(0).id},${generated.universe.at(2).id}` },
    true,
  ],
  [generated, 0, { windowSeconds: '120', lagSeconds: '5' }, false],
  [nasty, 1, { intervalSeconds: 5, windowSeconds: '600', lagSeconds: '20' }, false],
  [bars, 0, { intervalSeconds: 300, windowSeconds: '14400', lagSeconds: '900', others: bars.universe.at(1).id }, true],
] as const)('$name: streaming is batch', (tape, target, settings, all) => {
  const { differences, known } = compare(LEAD_LAG, leadLag, settings, tape, target)
  expect(differences).toEqual([])
  if (all) expect(Object.values(known).filter((count) => count === 0)).toEqual([])
})

/** A random walk that the second instrument tells `leadSeconds` before the first, each at its own random moments. */
function followed(leadSeconds: number): WrittenTape {
  const random = new Random(9)
  const tape = new WrittenTape({}, {})
  const walk = [0]
  for (let i = 1; i < 1000; i++) walk.push(walk[i - 1]! + Math.round(20 * random.normal()))
  for (let second = 10; second < 900; second++) {
    if (random.uniform() < 0.6) tape.quote(second + 0.2, 100_000 + walk[second - leadSeconds]!)
    if (random.uniform() < 0.6) tape.quote(second + 0.4, 200_000 + 2 * walk[second]!, 1)
  }
  return tape
}

test.each([3, 0, 7])('a follower by %i s is told from its leader, though they are heard at different times', (lead) => {
  const tape = followed(lead)
  const [answer] = tape.ask(LEAD_LAG, { others: tape.universe.at(1).id }, 899)
  expect(answer!['lead-1']).toBe(lead)
  expect(answer!['peak-1']).toBeGreaterThan(0.85)
  expect(answer!['leader-seconds']).toBe(lead)
  expect(answer!['leading-share']).toBe(lead > 0 ? 1 : 0)
  if (lead > 0) expect(answer!['ratio-1']).toBeGreaterThan(0.5)
})

test('two walks with nothing in common have no correlation', () => {
  const random = new Random(10)
  const tape = new WrittenTape({}, {})
  let [a, b] = [100_000, 200_000]
  for (let second = 0; second < 900; second++) {
    tape.quote(second + 0.2, (a += Math.round(20 * random.normal())))
    tape.quote(second + 0.4, (b += Math.round(40 * random.normal())), 1)
  }
  const [answer] = tape.ask(LEAD_LAG, { others: tape.universe.at(1).id }, 899)
  expect(Math.abs(answer!['correlation-1']!)).toBeLessThan(0.12)
  expect(Math.abs(answer!['ratio-1']!)).toBeLessThan(2)
})

test('the target is not compared with itself', () => {
  const tape = new WrittenTape({}, {})
  expect(() => tape.ask(LEAD_LAG, { others: tape.universe.at(0).id })).toThrow(
    expect.objectContaining({ code: 'config-invalid' }),
  )
})
