/**
 * @file What a detector of breaks should believe about a market beforehand, learnt from its past; and breaks of the past.
 *
 * The detector itself is features/regimeFilter.ts. Its prior is taken from means and variances of blocks of the series by
 * matching moments of their logs; the hazard is the one under which the figures, each forecast from those before it, were
 * likeliest (empirical Bayes: R. Turner, Y. Saatci, C. Rasmussen, "Adaptive sequential Bayesian change point detection", 2009,
 * with a grid in place of gradients).
 */

import { GimbalError } from '../../core/errors.ts'
import { BreakDetector, type BreakParameters } from '../../features/regimeFilter.ts'

export interface BreakFit {
  readonly parameters: BreakParameters
  /** Mean log density of a figure given those before it, under the hazard chosen. */
  readonly logEvidence: number
  /** Figures it was chosen on. */
  readonly figures: number
}

/** Mean run lengths tried, in steps. */
const RUNS = [10, 30, 60, 120, 250, 500, 1000, 2000, 4000] as const
/** Steps of a block: enough for a variance, few enough to lie within a run. */
const BLOCK = 50
const BLOCKS_MIN = 4
/** The hazard is chosen on this many of the latest figures: more cost time and change little. */
const JUDGED = 10_000

/**
 * @param series One figure a step; NaN is missing.
 * @param runLengthMax Cap of the detector; memory and time a step grow with it.
 * @throws {GimbalError} `fit-failed`: fewer than 200 figures, or figures that hardly ever differ.
 */
export function fitBreaks(series: Float64Array, runLengthMax = 300): BreakFit {
  const x = series.filter(Number.isFinite)
  const prior = priorOf(x)
  const judged = x.subarray(Math.max(0, x.length - JUDGED))
  let best: BreakFit | undefined
  for (const run of RUNS) {
    if (run > judged.length / 2) break
    const parameters: BreakParameters = { hazard: 1 / run, runLengthMax, ...prior }
    const detector = new BreakDetector(parameters)
    let sum = 0
    for (const each of judged) {
      detector.update(each)
      sum += detector.logDensity
    }
    const logEvidence = sum / judged.length
    if (!best || logEvidence > best.logEvidence) best = { parameters, logEvidence, figures: judged.length }
  }
  return best!
}

function priorOf(x: Float64Array): Omit<BreakParameters, 'hazard' | 'runLengthMax'> {
  const mean = x.reduce((sum, each) => sum + each, 0) / x.length
  const logs: number[] = []
  let driftShare = 0
  for (let at = 0; at + BLOCK <= x.length; at += BLOCK) {
    const block = x.subarray(at, at + BLOCK)
    const centre = block.reduce((sum, each) => sum + each, 0) / BLOCK
    const variance = block.reduce((sum, each) => sum + (each - centre) ** 2, 0) / (BLOCK - 1)
    if (!(variance > 0)) continue
    logs.push(Math.log(variance))
    driftShare += (centre - mean) ** 2 / variance
  }
  if (logs.length < BLOCKS_MIN)
    throw new GimbalError('fit-failed', 'Too few figures that differ to say what a break would look like', {
      figures: x.length,
      blocks: logs.length,
      blocksMin: BLOCKS_MIN,
    })
  const level = logs.reduce((sum, each) => sum + each, 0) / logs.length
  const spread = logs.reduce((sum, each) => sum + (each - level) ** 2, 0) / logs.length
  // The log of a variance from n figures spreads by 2 / (n - 1) although nothing changed.
  const between = Math.max(0.02, spread - 2 / (BLOCK - 1))
  // ψ'(shape) = between, with ψ'(a) ≈ 1/a + 1/(2a²); then ln scale - ψ(shape) = level, with ψ(a) ≈ ln a - 1/(2a) - 1/(12a²).
  const shape = (1 + Math.sqrt(1 + 2 * between)) / (2 * between)
  const scale = Math.exp(level + Math.log(shape) - 1 / (2 * shape) - 1 / (12 * shape * shape))
  // Means of blocks spread by variance × (1 / strength + 1 / BLOCK).
  const strength = Math.min(1000, 1 / Math.max(1e-3, driftShare / logs.length - 1 / BLOCK))
  return { mean, strength, shape, scale }
}

/** What the detector said after each step, from the past alone. NaN steps repeat what was said before. */
export interface BreakHistory {
  /** Probability of a break within the last `recentSteps` figures. */
  readonly recent: Float64Array
  readonly expectedRunLength: Float64Array
}

/** Runs a detector over a series. */
export function breakHistory(series: Float64Array, parameters: BreakParameters, recentSteps: number): BreakHistory {
  const detector = new BreakDetector(parameters)
  const recent = new Float64Array(series.length)
  const expectedRunLength = new Float64Array(series.length)
  for (let t = 0; t < series.length; t++) {
    detector.update(series[t]!)
    recent[t] = detector.recent(recentSteps)
    expectedRunLength[t] = detector.expectedRunLength
  }
  return { recent, expectedRunLength }
}

/**
 * Steps at which a recent break became likelier than `threshold`, each counted once until the probability has fallen to half of
 * that again. Causal: the alarm is at the step it would have been raised, some steps after the break itself. The first
 * `recentSteps` steps are no alarm: there everything is recent.
 */
export function breakAlarms(
  series: Float64Array,
  parameters: BreakParameters,
  recentSteps: number,
  threshold = 0.5,
): number[] {
  const { recent } = breakHistory(series, parameters, recentSteps)
  const alarms: number[] = []
  let armed = false
  for (let t = 0; t < recent.length; t++) {
    if (armed && recent[t]! > threshold) {
      alarms.push(t)
      armed = false
    } else if (recent[t]! < threshold / 2) armed = true
  }
  return alarms
}
