/**
 * @file What research found, as plain data: everything a report shows, and the sentence at its top.
 *
 * The verdict is worked out here and nowhere else, by rules that noise was run through (bench/noiseVerdicts.mjs): an edge is claimed
 * only when the model beats the best baseline and every check that could explain it away has failed to.
 */

import { normalQuantile } from '../core/errorFunction.ts'
import type { Quantity } from '../models/forecast.ts'

/** Mean loss of one forecaster over the judged samples. */
export interface SkillRow {
  readonly name: string
  readonly role: 'model' | 'baseline' | 'placebo'
  /** Mean loss, and its 95 % interval by the stationary bootstrap. */
  readonly loss: number
  readonly low: number
  readonly high: number
  /** Its loss over the model's, less 1: above 0 the model is better. */
  readonly excess: number
  /** 95 % interval of {@link excess}. */
  readonly excessLow: number
  readonly excessHigh: number
  /**
   * Diebold-Mariano statistic of the model's loss less this one's, on the scale of the normal distribution however few the rows are
   * (`compareLosses`): negative says the model is better. NaN for the model itself.
   */
  readonly dieboldMariano: number
  readonly pValue: number
}

/** One horizon of one quantity. */
export interface SkillTable {
  readonly quantity: string
  readonly horizonUs: number
  /** `qlike`: y/f − ln(y/f) − 1. */
  readonly loss: string
  readonly samples: number
  readonly fromUs: number
  readonly toUs: number
  /** The model first, then baselines by loss, then placebos. */
  readonly rows: readonly SkillRow[]
  /** R² of the logarithm of the truth on the logarithm of the forecast, by name. */
  readonly logR2: Readonly<Record<string, number>>
  /** The same losses with the worst 1 % of samples left out: whether a few moments decide. */
  readonly trimmed: Readonly<Record<string, number>>
}

/** Forecast against truth, and how often the interval held. */
export interface CalibrationTable {
  readonly quantity: Quantity
  readonly horizonUs: number
  /** Samples in groups of equal size by forecast: mean forecast and mean truth of each. */
  readonly bins: readonly { readonly forecast: number; readonly truth: number; readonly count: number }[]
  /** Nominal level of the interval and the share of judged samples it held. */
  readonly level: number
  readonly covered: number
}

export interface ImportanceRow {
  readonly name: string
  /** Mean absolute SHAP contribution as a share of all. */
  readonly share: number
  /** Share of the gain of all splits. */
  readonly gain: number
}

/** How the world moved away from the training, window by window of the walk-forward. */
export interface DriftRow {
  readonly fromUs: number
  readonly toUs: number
  /** Largest population stability index of a column, and its name. */
  readonly psi: number
  readonly column: string
  /** Mean share of columns outside the range of training. */
  readonly outside: number
  /** Mean loss of the model and of the best baseline in the window. */
  readonly modelLoss: number
  readonly baselineLoss: number
  /** Highest point of the error CUSUM in the window, in its own alarm units (1 is an alarm). */
  readonly cusum: number
}

/** Probability of each regime over time, thinned for drawing. */
export interface RegimeTimeline {
  readonly timesUs: readonly number[]
  /** One array a state, calmest first. */
  readonly probabilities: readonly (readonly number[])[]
  /** Yearly volatility of each state, fractions. */
  readonly volatilities: readonly number[]
}

/** Paths of combinatorial purged cross-validation: what the skill would have been along other histories. */
export interface PathPanel {
  readonly groups: number
  readonly testGroups: number
  /** Loss of the model over that of its own log-linear start, less 1, on each path: below 0 the trees add something. */
  readonly excess: readonly number[]
}

/** Whether choosing among configurations was luck. */
export interface OverfittingPanel {
  readonly configurations: number
  /** How many of them lost less than the best baseline. Where all did, which was chosen decides nothing. */
  readonly better: number
  /** Probability of backtest overfitting by CSCV, and its logits. */
  readonly pbo: number
  readonly logits: readonly number[]
  /** Slope of out-of-sample on in-sample performance of the chosen. */
  readonly slope: number
  /** Superior predictive ability over the best baseline: p-values (lower, consistent, upper) and White's reality check. */
  readonly spaLower: number
  readonly spaConsistent: number
  readonly spaUpper: number
  readonly realityCheck: number
}

/** The same learner on labels or features that cannot work. */
export interface PlaceboRow {
  readonly name: string
  /** What was done, in words. */
  readonly doc: string
  /** Loss over that of the baseline it is held against, less 1: below 0 would be skill out of nothing. */
  readonly excess: number
  readonly dieboldMariano: number
  /** Whether it would have been taken for skill: then nothing above it can be believed. */
  readonly claims: boolean
}

/** One policy with and without the model, on samples nothing was fitted or chosen on. */
export interface BacktestComparison {
  readonly policy: string
  /** Quantities whose forecasts it was told in the run with the model. */
  readonly told: readonly string[]
  readonly setting: string
  readonly fromUs: number
  readonly toUs: number
  /** Net of all costs, dollars. */
  readonly profitWith: number
  readonly profitWithout: number
  readonly costsWith: number
  readonly costsWithout: number
  /** Deepest fall from peak, as a fraction of the peak. */
  readonly drawdownWith: number
  readonly drawdownWithout: number
  /** Realised volatility over the one aimed at, less 1; null where none was aimed at. */
  readonly targetErrorWith: number | null
  readonly targetErrorWithout: number | null
  /** Per return between the points of the run report's timeline, not annualised; null when too short to tell. */
  readonly sharpeWith: number | null
  readonly sharpeWithout: number | null
  /** Probability that the true ratio is above zero, counted as the best of `trialCount`; null when it cannot be told. */
  readonly deflatedWith: number | null
  readonly deflatedWithout: number | null
  readonly trialCount: number
  /** Difference of profits over the difference's bootstrap deviation; null when too short. */
  readonly differenceT: number | null
  readonly reportWith: string
  readonly reportWithout: string
}

/** Everything one research run found. */
export interface ResearchResult {
  readonly title: string
  readonly provenance: 'replayed' | 'synthetic'
  readonly target: string
  readonly fromUs: number
  readonly toUs: number
  readonly seed: number
  readonly gimbalVersion: string
  readonly datasetHash: string
  readonly dataHash: string
  readonly schemaHash: string
  readonly samples: number
  readonly columns: number
  readonly learner: string
  readonly settings: Readonly<Record<string, string | number | boolean>>
  readonly skill: readonly SkillTable[]
  readonly calibration: readonly CalibrationTable[]
  /** Importances and paths are those of the first question; drift goes through all of them, one after another. */
  readonly importances: readonly ImportanceRow[]
  readonly drift: readonly DriftRow[]
  readonly regimes: RegimeTimeline | null
  readonly paths: PathPanel | null
  /** One a question, in the order of {@link skill}; null where nothing was chosen among. */
  readonly overfitting: readonly (OverfittingPanel | null)[]
  readonly placebos: readonly PlaceboRow[]
  /** Columns that know the future; null when none was looked for. */
  readonly leaks: readonly { readonly column: string; readonly figure: number; readonly doc: string }[] | null
  readonly backtests: readonly BacktestComparison[]
  /** What the trials compete in, how many distinct ones the ledger held, and its head then. */
  readonly family: string
  readonly trialCount: number
  readonly ledgerHead: string | null
  /** Models written to the registry: identity and name. */
  readonly models: readonly { readonly id: string; readonly name: string }[]
  readonly verdict: Verdict
  readonly notes: readonly string[]
}

/** The sentence at the top, and why. */
export interface Verdict {
  /**
   * `edge`: the forecast beats every baseline; `no-edge`: it does not, or something explains it away; `invalid`: a check failed;
   * `not-judged`: checks were left out, so nothing is claimed, whatever the figures are.
   */
  readonly finding: 'edge' | 'no-edge' | 'invalid' | 'not-judged'
  readonly sentence: string
  /** One line for every check, passed or not. */
  readonly reasons: readonly string[]
  /** Whether the check of each reason was passed; null where too little is known to say. */
  readonly passed: readonly (boolean | null)[]
}

/**
 * A placebo below this is taken for skill: one in a hundred by chance, for several are run beside every question.
 */
export const PLACEBO_T = -2.33
/** One-sided 5 % of the normal distribution. */
const T_NEEDED = -1.65
/** Chance of choosing by luck above which a choice among configurations is not believed. */
const PBO_MAX = 0.5
const SPA_MAX = 0.05

/** What {@link judge} looks at. */
export type Judged = Pick<ResearchResult, 'skill' | 'placebos' | 'overfitting' | 'leaks' | 'backtests'>

/**
 * The verdict, by fixed rules:
 * - a leaking column or a placebo with skill makes the study invalid;
 * - without placebos (none was run, or none could be), or without a look for columns that know the future, nothing is judged;
 * - an edge needs, at one horizon at least, a Diebold-Mariano t below −1.65 times a correction for the number of
 *   horizons tried (Bonferroni: the normal quantile of 5 % over their number) against the *best* baseline, a lower loss with the
 *   worst 1 % trimmed too, and, where configurations were chosen among for it, SPA under 5 % and, unless all of them lost less
 *   than the baseline, PBO under one half;
 * - profit after costs is reported beside it and never claimed from a forecast alone.
 */
export function judge({ skill, placebos, overfitting, leaks, backtests }: Judged): Verdict {
  const missing = leftOut({ placebos, leaks })
  const reasons: string[] = []
  const passed: (boolean | null)[] = []
  const say = (reason: string, pass: boolean | null) => {
    reasons.push(reason)
    passed.push(pass)
  }
  for (const what of missing) say(`${what} were left out: what they would have found is not known`, null)
  for (const { column, doc } of leaks ?? []) say(`column ${column} knows the future: ${doc}`, false)
  for (const placebo of placebos) {
    const t = tText(placebo.dieboldMariano)
    say(
      placebo.claims
        ? `placebo ${placebo.name} shows skill (${t}): the study finds skill in nothing`
        : `placebo ${placebo.name} shows none (${t})`,
      placebo.claims ? false : Number.isNaN(placebo.dieboldMariano) ? null : true,
    )
  }
  const needed = skill.length > 1 ? bonferroni(skill.length) : T_NEEDED
  const won: SkillTable[] = []
  const lucky: SkillTable[] = []
  for (const [question, table] of skill.entries()) {
    const best = bestBaseline(table)
    const model = table.rows[0]!
    if (!best) continue
    const name = `${table.quantity} over ${spanText(table.horizonUs)}`
    const loss = lossName(table)
    const trimmed = table.trimmed[model.name]! < table.trimmed[best.name]!
    const wins = best.dieboldMariano < needed && model.loss < best.loss && trimmed
    const panel = overfitting[question] ?? null
    const chosen = panel !== null && panel.better < panel.configurations && panel.pbo >= PBO_MAX
    const doubtful = panel !== null && (chosen || !(panel.spaConsistent < SPA_MAX))
    if (wins) (doubtful ? lucky : won).push(table)
    say(
      `${name}: ${loss} ${model.loss.toPrecision(4)} against ${best.loss.toPrecision(4)} of ${best.name}, the best baseline (${tText(best.dieboldMariano)}, needed ${needed.toFixed(2)}${trimmed ? '' : '; not without the worst 1 %'})`,
      wins,
    )
    if (panel)
      say(
        `${skill.length > 1 ? `${name}, ` : ''}${panel.configurations} configurations, ${panel.better} of them better than the baseline: probability of backtest overfitting ${panel.pbo.toFixed(2)}, SPA p ${panel.spaConsistent < 0.001 ? 'below 0.001' : panel.spaConsistent.toFixed(3)}`,
        !doubtful,
      )
  }
  for (const each of backtests) {
    const gain = each.profitWith - each.profitWithout
    const { differenceT } = each
    const t = differenceT === null ? '' : `, t ${differenceT.toFixed(2)}`
    // Holding less is done for the falls, not for the profit.
    const falls = each.told.includes('turbulence')
      ? `; deepest fall ${percent(each.drawdownWith)} against ${percent(each.drawdownWithout)}`
      : ''
    say(
      `${each.policy} told of ${each.told.join(' and ')}: ${money(each.profitWith)} dollars with the model, ${money(each.profitWithout)} without, over what was judged, after costs (difference ${money(gain)}${t})${falls}`,
      differenceT === null || idle(each) ? null : earnedMore(each),
    )
  }
  if ((leaks ?? []).length > 0 || placebos.some(({ claims }) => claims))
    return {
      finding: 'invalid',
      sentence: 'Not to be believed: a check that must fail on honest data did not.',
      reasons,
      passed,
    }
  const best = skill.map(bestBaseline).find((row) => row !== undefined)
  const why =
    lucky.length > 0
      ? 'the choice among configurations may be luck'
      : `${best?.name ?? 'the best baseline'} is not beaten`
  if (missing.length > 0) {
    const sofar = won.map((table) => {
      const { name, by, best } = marginOf(table)
      return `${name}: ${best} has ${by} more ${lossName(table)} than the model, which says nothing without them`
    })
    const sentence = `Not judged: ${missing.join(' and ')} were left out; ${won.length > 0 ? sofar.join('; ') : why}.`
    return { finding: 'not-judged', sentence, reasons, passed }
  }
  // What a policy made of other forecasts than these says nothing about these.
  const traded = backtests.filter(({ told }) =>
    told.some((quantity) => skill.some((each) => each.quantity === quantity)),
  )
  if (won.length > 0) {
    const claims = won.map((table) => {
      const { name, by, best } = marginOf(table)
      return `${name}: beats ${best} by ${by} of ${lossName(table)}`
    })
    return { finding: 'edge', sentence: `${claims.join('; ')}; ${afterCosts(traded, true)}.`, reasons, passed }
  }
  return { finding: 'no-edge', sentence: `No edge: ${why}; ${afterCosts(traded, false)}.`, reasons, passed }
}

/** By how much the best baseline of a question loses more than the model, with half its interval. */
function marginOf(table: SkillTable): { name: string; by: string; best: string } {
  const best = bestBaseline(table)!
  const half = (best.excessHigh - best.excessLow) / 2
  return {
    name: `${table.quantity} over ${spanText(table.horizonUs)}`,
    by: `${(100 * best.excess).toFixed(1)} ± ${(100 * half).toFixed(1)} %`,
    best: best.name,
  }
}

/** Checks without which nothing is claimed, and that nobody made. */
function leftOut({ placebos, leaks }: Pick<Judged, 'placebos' | 'leaks'>): string[] {
  return [
    ...(placebos.every(({ dieboldMariano }) => Number.isNaN(dieboldMariano)) ? ['placebos'] : []),
    ...(leaks === null ? ['checks for knowledge of the future'] : []),
  ]
}

/** The baseline with the least loss. */
export function bestBaseline(table: SkillTable): SkillRow | undefined {
  return table.rows
    .filter(({ role, loss }) => role === 'baseline' && Number.isFinite(loss))
    .reduce<SkillRow | undefined>((best, row) => (best && best.loss <= row.loss ? best : row), undefined)
}

/** Whether neither run earned or paid anything. */
function idle({ profitWith, profitWithout, costsWith, costsWithout }: BacktestComparison): boolean {
  return [profitWith, profitWithout, costsWith, costsWithout].every((dollars) => dollars === 0)
}

/** What trading on the forecast came to, as the end of a sentence about its skill. */
function afterCosts(backtests: readonly BacktestComparison[], skilled: boolean): string {
  if (backtests.length === 0) return 'nothing was traded on it'
  if (backtests.every(idle))
    return `${skilled ? 'but' : 'and'} the policy told of it never traded, so nothing is known of profit`
  if (backtests.some(earnedMore)) return `${skilled ? 'and' : 'though'} trading on it earned more after costs`
  const less = backtests.every(({ differenceT }) => differenceT !== null && differenceT < T_NEEDED)
  return `${skilled ? 'but' : 'and'} no edge after costs: trading on it earned ${less ? 'less' : 'no more than chance allows'}`
}

function earnedMore({ differenceT }: BacktestComparison): boolean {
  return differenceT !== null && differenceT > -T_NEEDED
}

function lossName({ loss }: SkillTable): string {
  return loss === 'qlike' ? 'QLIKE' : loss
}

function tText(t: number): string {
  return Number.isNaN(t) ? 't unknown' : `t ${t.toFixed(2)}`
}

function bonferroni(tries: number): number {
  return normalQuantile(0.05 / tries)
}

function money(dollars: number): string {
  return dollars.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`
}

function spanText(us: number): string {
  for (const [unit, size] of [
    ['d', 86_400e6],
    ['h', 3_600e6],
    ['min', 60e6],
    ['s', 1e6],
  ] as const)
    if (us >= size && us % size === 0) return `${us / size} ${unit}`
  return `${us / 1000} ms`
}
