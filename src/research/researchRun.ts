/**
 * @file The whole of research on one dataset, question by question: skill against baselines, calibration, drift, other
 * histories, luck of the choice, placebos, and the models that come out of it.
 *
 * The configuration that is judged is chosen inside the first training span, before any judged sample; the others are walked
 * as well, so that the luck of choosing can be told. Every configuration of every question is one trial of the ledger.
 */

import { GimbalError } from '../core/errors.ts'
import { Random } from '../core/random.ts'
import type { Quantity } from '../models/forecast.ts'
import { gainImportance } from '../models/trees/importance.ts'
import { shapImportance } from '../models/trees/treeShap.ts'
import type { TreeThreads } from '../models/trees/treeThreads.ts'
import { qlike } from '../models/volatility/qlike.ts'
import type { Dataset } from './dataset.ts'
import { driftRows } from './driftRows.ts'
import {
  type FittedForecast,
  type ForecastSamples,
  fitForecast,
  forecastRows,
  gathered,
  type LearnerSpec,
} from './forecastLearner.ts'
import type { Labels } from './labels.ts'
import { backtestOverfitting } from './overfitting.ts'
import { permuteLabels, shiftFeatures } from './placebo.ts'
import { combinatorialSplits, recombine } from './splits.ts'
import {
  compare,
  type Judgement,
  judgeForecasts,
  labelsOf,
  lossesAt,
  type StudyPlan,
  skillTable,
  type Turn,
  type Walk,
  walkBaselines,
  walkModel,
  walkOf,
} from './study.ts'
import { superiorPredictiveAbility } from './superiorPredictiveAbility.ts'
import {
  bestBaseline,
  type CalibrationTable,
  type DriftRow,
  type ImportanceRow,
  type OverfittingPanel,
  type PathPanel,
  PLACEBO_T,
  type PlaceboRow,
  type SkillTable,
} from './verdict.ts'

/** One thing to be forecast. */
export interface Question {
  readonly quantity: Quantity
  readonly horizonUs: number
}

export interface ResearchPlan extends Omit<StudyPlan, 'quantity' | 'horizonUs' | 'learner'> {
  /** Configurations to choose among; the first is walked alone where there is but one. */
  readonly configurations: readonly LearnerSpec[]
  /** Whether placebos are run beside the result. */
  readonly placebos: boolean
  /** Groups of combinatorial purged cross-validation, and how many are tested at a time; 0 groups leaves it out. */
  readonly groups: number
  readonly testGroups: number
}

/** One configuration's score on one question: a trial of the ledger. */
export interface ConfigurationTrial {
  readonly question: Question
  readonly learner: LearnerSpec
  /** Mean QLIKE on the judged samples. */
  readonly score: number
}

/** What was found about one question. */
export interface QuestionResult {
  readonly question: Question
  readonly skill: SkillTable
  readonly calibration: CalibrationTable
  readonly importances: readonly ImportanceRow[]
  readonly drift: readonly DriftRow[]
  readonly paths: PathPanel | null
  readonly overfitting: OverfittingPanel | null
  readonly placebos: readonly PlaceboRow[]
  readonly trials: readonly ConfigurationTrial[]
  readonly chosen: LearnerSpec
  readonly walk: Walk
  readonly labels: Labels
  readonly judgement: Judgement
  /** Name of the best baseline. */
  readonly best: string
  /** Baselines that could not be fitted to these data, and judge nothing. */
  readonly unfitted: readonly string[]
  /** Fitted to every sample with a label: what is written into the registry. */
  readonly final: FittedForecast
}

/** Researches one question. @throws {GimbalError} `table-invalid` when the data are too short for it. */
export async function researchQuestion(
  dataset: Dataset,
  question: Question,
  plan: ResearchPlan,
  turn: Turn,
  threads?: TreeThreads,
): Promise<QuestionResult> {
  const { timesUs, table } = dataset
  const labels = labelsOf(dataset, question.quantity, question.horizonUs)
  const samples: ForecastSamples = { table, label: labels.label, timesUs, endsUs: labels.endsUs }
  const windows = walkOf(timesUs, labels, plan)
  const chosen = await choose(samples, windows[0]!.train, plan, turn, threads)
  const study: StudyPlan = { ...plan, ...question, learner: chosen }
  const walk = await walkModel(samples, windows, chosen, plan.seed, say(turn, 'model'), threads)
  const baselines = await walkBaselines(dataset, labels, study, windows, turn)
  const forecasts = new Map([['model', walk.forecast], ...baselines.forecasts])
  const judgement = judgeForecasts(labels, timesUs, forecasts, question.horizonUs)
  const skill = skillTable(judgement, labels, timesUs, forecasts, study)
  const best = bestBaseline(skill)!.name
  const { trials, overfitting } = await searchLuck(
    samples,
    windows,
    chosen,
    judgement,
    best,
    question,
    plan,
    turn,
    threads,
  )
  const placebos = plan.placebos
    ? await runPlacebos(samples, windows, chosen, forecasts, judgement, best, question, plan, turn, threads)
    : []
  const paths = plan.groups > 0 ? await crossValidate(samples, chosen, question, plan, turn, threads) : null
  await turn('the model that is kept')
  const final = fitForecast(
    samples,
    Array.from({ length: table.rows }, (_, i) => i),
    chosen,
    plan.seed,
    threads,
  )
  return {
    question,
    skill,
    calibration: calibrationOf(judgement, labels, walk, question),
    drift: driftRows(table, timesUs, labels.label, walk, judgement, best),
    importances: importancesOf(final, table, plan.seed),
    paths,
    overfitting,
    placebos,
    trials,
    chosen,
    walk,
    labels,
    judgement,
    best,
    unfitted: baselines.unfitted,
    final,
  }
}

function say(turn: Turn, what: string): Turn {
  return (text) => turn(`${what}: ${text}`)
}

/** The configuration with the least loss on the held-back part of the first training span. */
async function choose(
  samples: ForecastSamples,
  training: Uint32Array,
  { configurations, seed }: ResearchPlan,
  turn: Turn,
  threads: TreeThreads | undefined,
): Promise<LearnerSpec> {
  if (configurations.length === 1) return configurations[0]!
  let best = configurations[0]!
  let least = Number.POSITIVE_INFINITY
  for (const [index, learner] of configurations.entries()) {
    await turn(`configuration ${index + 1} of ${configurations.length}`)
    const { heldLoss } = fitForecast(samples, training, learner, seed, threads)
    if (heldLoss < least) {
      best = learner
      least = heldLoss
    }
  }
  return best
}

/** Walks every configuration, and asks whether the best of them is more than luck. */
async function searchLuck(
  samples: ForecastSamples,
  windows: Walk['windows'],
  chosen: LearnerSpec,
  judgement: Judgement,
  best: string,
  question: Question,
  plan: ResearchPlan,
  turn: Turn,
  threads: TreeThreads | undefined,
): Promise<{ trials: ConfigurationTrial[]; overfitting: OverfittingPanel | null }> {
  const { rows, losses } = judgement
  const rival = losses.get(best)!
  const walked: Float64Array[] = []
  const trials: ConfigurationTrial[] = []
  for (const [index, learner] of plan.configurations.entries()) {
    let loss = losses.get('model')!
    if (learner !== chosen) {
      const { forecast } = await walkModel(
        samples,
        windows,
        learner,
        plan.seed,
        say(turn, `configuration ${index + 1}`),
        threads,
      )
      loss = lossesAt(samples.label, forecast, rows)
    }
    trials.push({ question, learner, score: meanOf(loss) })
    walked.push(loss)
  }
  // Configurations that came out alike, to the last bit, are one: a tie is neither luck nor skill.
  const distinct = walked.filter(
    (loss, i) => !walked.slice(0, i).some((other) => other.every((value, k) => value === loss[k])),
  )
  if (distinct.length < 2 || rows.length < 2 * BLOCKS) return { trials, overfitting: null }
  const luck = backtestOverfitting(
    distinct.map((loss) => loss.map((value) => -value)),
    BLOCKS,
    'mean',
  )
  const random = new Random(plan.seed).fork('spa')
  const spa = superiorPredictiveAbility(
    distinct.map((loss) => loss.map((value, i) => rival[i]! - value)),
    () => random.uniform(),
    { horizon: judgement.overlap },
  )
  return {
    trials,
    overfitting: {
      configurations: distinct.length,
      better: distinct.filter((loss) => meanOf(loss) < meanOf(rival)).length,
      pbo: luck.probability,
      logits: thinned(luck.logits, LOGITS_KEPT),
      slope: luck.degradation.slope,
      spaLower: spa.lower,
      spaConsistent: spa.consistent,
      spaUpper: spa.upper,
      realityCheck: spa.realityCheck.p,
    },
  }
}

/** Blocks of combinatorially symmetric cross-validation: 12,870 halves. */
const BLOCKS = 16
const LOGITS_KEPT = 2000

function thinned(values: Float64Array, most: number): number[] {
  const every = Math.max(1, Math.ceil(values.length / most))
  return Array.from(values).filter((_, i) => i % every === 0)
}

/** One way to cut what connects features and labels. */
interface PlaceboKind {
  readonly name: string
  readonly doc: string
  /** What a window learns from, and what it is asked with. */
  readonly samplesFor: (window: Walk['windows'][number]) => ForecastSamples
  /** Labels it is judged on, and forecasts it must not beat there; without, the best constant, when it has the best level itself. */
  readonly label: Float64Array
  readonly rival?: Float64Array
}

/**
 * The same learner where nothing can be learnt. A placebo may know no more of the judged samples than the model does: labels
 * are permuted among those each window learns from, or the mean of the future would be in them.
 *
 * Permuted labels are judged on permuted labels, against their mean, each at its best level. On the true ones a column that does tell
 * something would reward whatever slope it was given by chance: in markets with an edge a quarter of such placebos claimed one, with
 * t of −7.
 */
async function runPlacebos(
  samples: ForecastSamples,
  windows: Walk['windows'],
  learner: LearnerSpec,
  forecasts: ReadonlyMap<string, Float64Array>,
  judgement: Judgement,
  best: string,
  question: Question,
  plan: ResearchPlan,
  turn: Turn,
  threads: TreeThreads | undefined,
): Promise<PlaceboRow[]> {
  const { rows, overlap } = judgement
  const random = new Random(plan.seed).fork(`placebo/${question.quantity}/${question.horizonUs}`)
  // A prime number of samples: whole blocks of four hours would keep the hour of the day in its place, and its skill with it.
  const block = primeFrom(Math.max(7, 4 * overlap))
  const shifted = { ...samples, table: shiftFeatures(samples.table, block, random, warmUp(samples, learner)) }
  const kinds: PlaceboKind[] = [
    {
      name: 'labels permuted',
      doc: 'labels in another order, those learnt from and those judged on, against the mean of these, each at its best level',
      samplesFor: ({ train }) => ({ ...samples, label: permutedAmong(samples, train, block, random) }),
      label: permutedAmong(samples, Uint32Array.from(rows), block, random),
    },
    {
      name: 'features shifted',
      doc: `features of other times, every ${block} samples those of a stretch a quarter of the history away at least, against the best baseline`,
      samplesFor: () => shifted,
      label: samples.label,
      rival: forecasts.get(best)!,
    },
  ]
  const found: PlaceboRow[] = []
  for (const { name: kind, doc, samplesFor, label, rival } of kinds) {
    const name = `${kind}, ${question.quantity}`
    const forecast = new Float64Array(samples.timesUs.length).fill(Number.NaN)
    const reason = await reasonNot(async () => {
      for (const [index, window] of windows.entries()) {
        await turn(`placebo, ${kind}: window ${index + 1} of ${windows.length}`)
        const made = samplesFor(window)
        forecastRows(fitForecast(made, window.train, learner, plan.seed, threads), made.table, window.test, forecast)
      }
    })
    if (reason !== undefined) {
      const told = `${doc}; it could not be run: ${reason}`
      found.push({ name, doc: told, excess: Number.NaN, dieboldMariano: Number.NaN, claims: false })
      continue
    }
    const own = lossesAt(label, rival ? forecast : levelled(forecast, label, rows), rows)
    const other = lossesAt(label, rival ?? levelled(new Float64Array(label.length).fill(1), label, rows), rows)
    const { t } = compare(own, other, overlap)
    found.push({ name, doc, excess: meanOf(own) / meanOf(other) - 1, dieboldMariano: t, claims: t < PLACEBO_T })
  }
  return found
}

/** Why a placebo cannot be run: a short recording whose features are moved may leave too few samples to learn from. */
async function reasonNot(run: () => Promise<void>): Promise<string | undefined> {
  try {
    await run()
    return undefined
  } catch (error) {
    if (!(error instanceof GimbalError) || error.code !== 'table-invalid') throw error
    return error.message.split('\n', 1)[0]!
  }
}

/**
 * Forecasts times the one figure with which they lose least QLIKE on these rows. A market is calmer one half of a year than the
 * other, and a forecast that happens to lie nearer to it beats one that does not in every block of labels, wherever they were put:
 * chance tossed once, which the blocks count as often as there are blocks.
 */
function levelled(forecast: Float64Array, label: Float64Array, rows: readonly number[]): Float64Array {
  const known = rows.filter((row) => forecast[row]! > 0)
  const scale = known.reduce((sum, row) => sum + label[row]! / forecast[row]!, 0) / known.length
  return forecast.map((value) => value * scale)
}

/** Labels of some samples in another order, block by block; those of all others are unknown. */
function permutedAmong(
  { label, endsUs }: ForecastSamples,
  among: Uint32Array,
  blockSamples: number,
  random: Random,
): Float64Array {
  const some = new Float64Array(label.length).fill(Number.NaN)
  for (const row of among) some[row] = label[row]!
  // Four blocks at least: two can change places in one way only.
  const block = Math.max(1, Math.min(blockSamples, Math.floor(among.length / 4)))
  return permuteLabels({ label: some, endsUs }, block, random).label
}

/** The least prime number not below n. */
function primeFrom(n: number): number {
  for (let candidate = n; ; candidate++) {
    let divisor = 2
    while (divisor * divisor <= candidate && candidate % divisor !== 0) divisor++
    if (divisor * divisor > candidate) return candidate
  }
}

/** Samples before every column of the start has been known once; columns that take longer than half the time do not count. */
function warmUp({ table }: ForecastSamples, { baseColumns }: LearnerSpec): number {
  const firstKnown = baseColumns.map((name) =>
    table.columns[table.names.indexOf(name)]!.findIndex((value) => !Number.isNaN(value)),
  )
  return Math.max(0, ...firstKnown.filter((row) => row <= table.rows / 2))
}

/** The model against its own log-linear start along other histories. */
async function crossValidate(
  samples: ForecastSamples,
  learner: LearnerSpec,
  { horizonUs }: Question,
  { groups, testGroups, seed }: ResearchPlan,
  turn: Turn,
  threads: TreeThreads | undefined,
): Promise<PathPanel> {
  const { timesUs, endsUs, label, table } = samples
  const splits = combinatorialSplits({ timesUs, endsUs }, groups, testGroups, horizonUs)
  const answers: Float64Array[] = []
  const starts: Float64Array[] = []
  const scratch = new Float64Array(timesUs.length)
  for (let index = 0; index < splits.count; index++) {
    await turn(`cross-validation ${index + 1} of ${splits.count}`)
    const { train, test } = splits.split(index)
    const fitted = fitForecast(samples, train, learner, seed, threads)
    const start = fitForecast(samples, train, { ...learner, trees: { ...learner.trees, rounds: 0 } }, seed, threads)
    for (const [into, fit] of [
      [answers, fitted],
      [starts, start],
    ] as const) {
      forecastRows(fit, table, test, scratch)
      into.push(Float64Array.from(test, (row) => scratch[row]!))
    }
  }
  const model = recombine(splits, answers, timesUs.length)
  const linear = recombine(splits, starts, timesUs.length)
  return {
    groups,
    testGroups,
    excess: model.map((path, index) => {
      let [own, other] = [0, 0]
      for (let i = 0; i < path.length; i++) {
        const a = qlike(label[i]!, path[i]!)
        const b = qlike(label[i]!, linear[index]![i]!)
        if (!Number.isFinite(a) || !Number.isFinite(b)) continue
        own += a
        other += b
      }
      return own / other - 1
    }),
  }
}

const BINS = 10

function calibrationOf({ rows }: Judgement, { label }: Labels, walk: Walk, question: Question): CalibrationTable {
  const sorted = rows.slice().sort((a, b) => walk.forecast[a]! - walk.forecast[b]!)
  const bins = Array.from({ length: BINS }, (_, k) => {
    const part = sorted.slice(Math.floor((sorted.length * k) / BINS), Math.floor((sorted.length * (k + 1)) / BINS))
    const sum = (values: Float64Array) => part.reduce((total, row) => total + values[row]!, 0) / part.length
    return { forecast: sum(walk.forecast), truth: sum(label), count: part.length }
  })
  let held = 0
  let judged = 0
  const judgedRows = new Set(rows)
  for (const [index, { test }] of walk.windows.entries()) {
    const { low, high } = walk.fits[index]!
    for (const row of test) {
      if (!judgedRows.has(row)) continue
      judged++
      const ratio = label[row]! / walk.forecast[row]!
      if (ratio >= low && ratio <= high) held++
    }
  }
  return { ...question, bins, level: walk.fits[0]!.level, covered: held / judged }
}

/** Rows whose contributions are worked out: exact for each, and enough for a mean. */
const SHAP_ROWS = 500

function importancesOf({ ensemble }: FittedForecast, table: ForecastSamples['table'], seed: number): ImportanceRow[] {
  if (!ensemble) return []
  const random = new Random(seed).fork('shap')
  const rows = Array.from({ length: Math.min(SHAP_ROWS, table.rows) }, () => random.integer(0, table.rows - 1))
  const contributions = shapImportance(ensemble, gathered(table, rows))
  const gains = gainImportance(ensemble)
  const share = (values: Float64Array, at: number) => {
    const sum = values.reduce((total, value) => total + value, 0)
    return sum > 0 ? values[at]! / sum : 0
  }
  return table.names
    .map((name, at) => ({ name, share: share(contributions, at), gain: share(gains, at) }))
    .sort((a, b) => b.share - a.share)
}

function meanOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
