/**
 * Goal: the detector's beliefs are learnt from a market's past well enough to find its breaks, and few others.
 *
 * Method: markets made from the detector's own model with a known hazard and prior, whose evidence the fitted beliefs must
 * nearly reach; planted breaks and the alarms they raise; permuted futures; what cannot be fitted.
 */

import { expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import { BreakDetector, type BreakParameters } from '../../features/regimeFilter.ts'
import { breakAlarms, breakHistory, fitBreaks } from './changePoint.ts'

/** Runs of 400 steps of variance 1, 9, 1, 9 … in units of 1e-3. */
function planted(runs: number, seed: number): Float64Array {
  const random = new Random(seed)
  return Float64Array.from({ length: 400 * runs }, (_, t) => {
    const deviation = Math.floor(t / 400) % 2 === 0 ? 1e-3 : 3e-3
    return deviation * random.normal()
  })
}

test('planted breaks raise an alarm each, within thirty steps, and little else does', () => {
  const x = planted(20, 1)
  const { parameters } = fitBreaks(x.subarray(0, 4000))
  const alarms = breakAlarms(x, parameters, 30, 0.8)
  const found = Array.from({ length: 19 }, (_, i) => 400 * (i + 1)).filter((at) =>
    alarms.some((alarm) => alarm >= at && alarm < at + 30),
  )
  expect(found.length).toBeGreaterThanOrEqual(17)
  expect(alarms.length).toBeLessThanOrEqual(24)
})

test('beliefs learnt from a market are nearly as good as those it was made with', () => {
  const random = new Random(2)
  const truth: BreakParameters = { hazard: 1 / 250, runLengthMax: 300, mean: 0, strength: 50, shape: 3, scale: 3e-6 }
  let variance = 1e-6
  let mean = 0
  const x = Float64Array.from({ length: 8000 }, (_, t) => {
    if (t === 0 || random.uniform() < truth.hazard) {
      // A gamma of shape 3 is the sum of three exponentials.
      variance = truth.scale / (random.exponential(1) + random.exponential(1) + random.exponential(1))
      mean = Math.sqrt(variance / truth.strength) * random.normal()
    }
    return mean + Math.sqrt(variance) * random.normal()
  })
  const fit = fitBreaks(x)
  const detector = new BreakDetector(truth)
  let sum = 0
  for (const each of x) {
    detector.update(each)
    sum += detector.logDensity
  }
  expect(fit.figures).toBe(8000)
  expect(fit.logEvidence).toBeGreaterThan(sum / 8000 - 0.005)
  // The prior of the variance is that of the market: about 32 runs tell so much of it.
  expect(Math.abs(Math.log(fit.parameters.shape / truth.shape))).toBeLessThan(Math.log(2))
  expect(Math.abs(Math.log(fit.parameters.scale / truth.scale))).toBeLessThan(Math.log(2.5))
  expect(1 / fit.parameters.hazard).toBeGreaterThan(100)
  expect(1 / fit.parameters.hazard).toBeLessThan(700)
})

test('history is what a detector would have said at the time', () => {
  const x = planted(3, 3)
  const { parameters } = fitBreaks(x)
  const before = breakHistory(x, parameters, 20)
  const after = breakHistory(
    x.map((each, t) => (t < 700 ? each : 4 * each)),
    parameters,
    20,
  )
  expect(after.recent.subarray(0, 700)).toEqual(before.recent.subarray(0, 700))
  expect(after.recent.subarray(700)).not.toEqual(before.recent.subarray(700))
  expect(before.expectedRunLength.every((each) => each >= 0 && each <= 300)).toBe(true)
})

test('too few figures, and figures that never differ, are refused', () => {
  for (const x of [planted(1, 4).subarray(0, 150), new Float64Array(1000)])
    expect(() => fitBreaks(x)).toThrow(expect.objectContaining({ code: 'fit-failed' }))
})
