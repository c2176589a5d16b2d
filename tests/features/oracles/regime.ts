/**
 * @file Regimes by definition, over the whole list of returns: forward probabilities summed in logs, and breaks by a growing
 * list of hypotheses, each with the sums of the figures it thinks belong together.
 */

import type { Oracle } from '../oracle.ts'
import { columns, instrumentOf, PriceHistory, rowsOf } from '../replayedMarket.ts'

/** ln of a sum of exponentials. */
function logSum(logs: readonly number[]): number {
  const most = Math.max(...logs)
  return most === Number.NEGATIVE_INFINITY
    ? most
    : most + Math.log(logs.reduce((sum, each) => sum + Math.exp(each - most), 0))
}

/** Lanczos's approximation (g = 7, n = 9). */
function logGamma(x: number): number {
  const c = [
    0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
    12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
  ]
  const t = x + 6.5
  const sum = c.reduce((total, each, i) => (i === 0 ? each : total + each / (x - 1 + i)), 0)
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum)
}

/** A run of figures: how many, their mean and squares about it, and how likely it is. */
interface Run {
  readonly count: number
  readonly mean: number
  readonly squares: number
  readonly probability: number
}

export const regime: Oracle = ({ rows, universe, target, settings, timesUs }) => {
  const list = (text: unknown) => String(text).split(',').map(Number)
  const number = (name: string) => Number(settings[name])
  const means = list(settings['means'])
  const variances = list(settings['variances'])
  const states = means.map((_, i) => i)
  const transition = String(settings['transition'])
    .split(';')
    .map((row) => {
      const figures = list(row)
      const total = figures.reduce((sum, each) => sum + each, 0)
      return figures.map((each) => each / total)
    })
  let longRun = states.map(() => 1 / states.length)
  for (let i = 0; i < 20_000; i++)
    longRun = states.map((j) => states.reduce((sum, k) => sum + longRun[k]! * transition[k]![j]!, 0))
  const [hazard, cap] = [1 / number('runSteps'), number('runLengthMax')]
  const [mean0, strength0] = [number('priorMean'), number('priorStrength')]
  const [shape0, scale0] = [number('priorShape'), number('priorScale')]

  // Γ(a + 1/2) / Γ(a) for a = shape, shape + 1/2, shape + 1 …; from the first two on exactly, by Γ(a + 1) = a Γ(a).
  const gammaRatios: number[] = []
  for (let n = 0; n <= cap; n++) {
    const a = shape0 + n / 2
    gammaRatios.push(n < 2 ? Math.exp(logGamma(a + 0.5) - logGamma(a)) : (gammaRatios[n - 2]! * (a - 0.5)) / (a - 1))
  }
  const scaleOf = ({ count, mean, squares }: Run) =>
    scale0 + squares / 2 + (strength0 * count * (mean - mean0) ** 2) / (2 * (strength0 + count))
  /** Log density of a figure after a run: Student's t. */
  const density = (run: Run, x: number) => {
    const [strength, shape, scale] = [strength0 + run.count, shape0 + run.count / 2, scaleOf(run)]
    const centre = (strength0 * mean0 + run.count * run.mean) / strength
    const width = (2 * scale * (strength + 1)) / strength
    return (
      Math.log(gammaRatios[run.count]!) -
      0.5 * Math.log(Math.PI * width) -
      (shape + 0.5) * Math.log1p((x - centre) ** 2 / width)
    )
  }
  const grown = ({ count, mean, squares }: Run, x: number, probability: number): Run => {
    const next = mean + (x - mean) / (count + 1)
    return { count: count + 1, mean: next, squares: squares + (x - mean) * (x - next), probability }
  }
  /** A run of `count` figures with a given posterior mean and scale. */
  const withPosterior = (count: number, posterior: number, scale: number, probability: number): Run => {
    const mean = posterior + (strength0 / count) * (posterior - mean0)
    const drift = (strength0 * count * (mean - mean0) ** 2) / (2 * (strength0 + count))
    return { count, mean, squares: 2 * (scale - scale0 - drift), probability }
  }
  const posteriorMean = (run: Run) => (strength0 * mean0 + run.count * run.mean) / (strength0 + run.count)
  /** The two longest runs made one of `cap` figures, as the header of regimeFilter.ts says. */
  const merged = (over: Run, at: Run): Run => {
    const kept = (scaleOf(over) * (shape0 + cap / 2)) / (shape0 + (cap + 1) / 2)
    const probability = over.probability + at.probability
    const share = over.probability / probability
    const [a, b] = [posteriorMean(over), posteriorMean(at)]
    const between = 0.5 * (strength0 + cap) * share * (1 - share) * (a - b) ** 2
    return withPosterior(
      cap,
      share * a + (1 - share) * b,
      share * kept + (1 - share) * scaleOf(at) + between,
      probability,
    )
  }
  const FRESH: Run = { count: 0, mean: 0, squares: 0, probability: 1 }

  let logs = longRun.map(Math.log)
  let runs: Run[] = [FRESH]
  const take = (x: number) => {
    const into = states.map((j) => logSum(states.map((i) => logs[i]! + Math.log(transition[i]![j]!))))
    logs = states.map((i) =>
      Number.isNaN(x)
        ? into[i]!
        : into[i]! - 0.5 * Math.log(2 * Math.PI * variances[i]!) - (x - means[i]!) ** 2 / (2 * variances[i]!),
    )
    const total = logSum(logs)
    logs = logs.map((each) => each - total)
    if (Number.isNaN(x)) return
    const weights = runs.map((run) => density(run, x))
    const most = Math.max(...weights)
    const joint = runs.map((run, i) => run.probability * Math.exp(weights[i]! - most))
    const sum = joint.reduce((all, each) => all + each, 0)
    const next = runs.map((run, i) => grown(run, x, ((1 - hazard) * joint[i]!) / sum))
    if (next[0]!.count > cap) next.splice(0, 2, merged(next[0]!, next[1]!))
    runs = [...next, { ...FRESH, probability: hazard }]
  }

  const instrument = instrumentOf(universe, settings['instrument'], target)
  const price = new PriceHistory(rows, instrument, number('intervalSeconds') * 1e6)
  const own = rowsOf(rows, instrument)
  let point = own.length === 0 ? Number.POSITIVE_INFINITY : price.pointAt(rows.timeUs[own[0]!]!)
  let [known, unknown] = [0, 0]
  return columns(states.length + 3, timesUs, (nowUs) => {
    for (; point < price.pointAt(nowUs); point++) {
      const x = price.change(point, point + 1)
      if (!Number.isNaN(x)) {
        take(x)
        known++
        unknown = 0
      } else if (++unknown < number('silenceSteps')) take(x)
      else {
        logs = longRun.map(Math.log)
        runs = [FRESH]
        known = 0
      }
    }
    if (known < number('warmUpSteps')) return new Array(states.length + 3).fill(Number.NaN)
    const now = logs.map(Math.exp)
    const next = states.map((j) => states.reduce((sum, i) => sum + now[i]! * transition[i]![j]!, 0))
    const mean = states.reduce((sum, i) => sum + next[i]! * means[i]!, 0)
    const square = states.reduce((sum, i) => sum + next[i]! * (variances[i]! + means[i]! ** 2), 0)
    const recent = runs.filter(({ count }) => count <= number('recentSteps'))
    return [
      ...now,
      square - mean * mean,
      Math.min(
        1,
        recent.reduce((sum, { probability }) => sum + probability, 0),
      ),
      runs.reduce((sum, { count, probability }) => sum + count * probability, 0),
    ]
  })
}
