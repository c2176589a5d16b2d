/** @file From data to dataset: what `gimbal features`, `train` and `research` share. */

import { GimbalError } from '../core/errors.ts'
import { Random } from '../core/random.ts'
import type { SettingValue } from '../core/settings.ts'
import { chooseFeatures } from '../features/chooseFeatures.ts'
import type { FeatureSetSpec } from '../features/featureSet.ts'
import type { SamplerSpec } from '../features/samplers.ts'
import { MergedTape } from '../market/tape.ts'
import type { Dataset } from '../research/dataset.ts'
import { type CausalityLeak, checkCausality } from '../research/leakCheck.ts'
import { DatasetRecorder } from '../research/recordDataset.ts'
import type { RunData } from './backtestRun.ts'
import { runData } from './runData.ts'
import type { DataPlan } from './runPlan.ts'
import { count, lengthOption, numberOption, pairs, type Terminal, thousands, timeOption } from './terminal.ts'

/** Options of every command that records a dataset. */
export interface StudyDataOptions {
  readonly catalog?: string
  readonly instrument: readonly string[]
  readonly target?: string
  readonly from?: string
  readonly to?: string
  readonly bars?: string
  readonly holdOut?: string
  readonly seed: string
  readonly minutes: string
  readonly every?: string
  readonly only?: string
  readonly feature: readonly string[]
  readonly normaliseOver?: string
}

/** The data a command works on, and which instrument it is about. */
export interface StudyData {
  readonly plan: DataPlan
  readonly data: RunData
  readonly target: number
  /** Whether the target is known by its bars alone. */
  readonly barsOnly: boolean
  /** Length of the target's bars, or 0. */
  readonly barUs: number
}

/** Opens or makes the data. @throws {GimbalError} `argument-invalid`, `instrument-unknown` and what opening throws. */
export async function openStudyData(terminal: Terminal, options: StudyDataOptions): Promise<StudyData> {
  const seed = numberOption(options.seed, '--seed', 0)
  const plan: DataPlan = options.catalog
    ? {
        from: 'catalog',
        instruments: options.instrument,
        fromUs: options.from ? timeOption(options.from, '--from') : null,
        toUs: options.to ? timeOption(options.to, '--to') : null,
        ...(options.bars ? { barUs: lengthOption(options.bars, '--bars') } : {}),
        ...(options.holdOut ? { holdOut: options.holdOut } : {}),
      }
    : { from: 'generated', seed, hours: numberOption(options.minutes, '--minutes', 1) / 60 }
  const data = await runData(plan, options.catalog ?? '', (tape, rows) =>
    terminal.progress(`building the tape ${tape} of ${thousands(rows)} rows (once)`),
  )
  const target = chooseTarget(data, options.target)
  const streams = data.streams[target]!
  const barsOnly = !streams.includes('book') && !streams.includes('quote') && streams.includes('bar')
  const { instruments } = data.universe
  terminal.notice(
    `data: ${options.catalog ?? `a generated market of ${options.minutes} minutes, seed ${seed}`}, ${count(instruments.length, 'instrument')}${data.rows ? `, ${count(data.rows, 'row')}` : ''} [${data.kind.toUpperCase()}]; about ${instruments[target]!.id}`,
  )
  return { plan, data, target, barsOnly, barUs: barsOnly ? (data.barUs ?? 0) : 0 }
}

/** The named target, or the first perpetual, or the first instrument that has a price. */
function chooseTarget({ universe, streams }: RunData, named: string | undefined): number {
  if (named) return universe.index(named)
  const priced = (index: number) => streams[index]!.some((stream) => ['book', 'quote', 'bar', 'trade'].includes(stream))
  const { instruments } = universe
  const perp = instruments.findIndex(({ kind }, index) => kind === 'perp' && priced(index))
  const any = perp >= 0 ? perp : instruments.findIndex(({ kind }, index) => kind !== 'option' && priced(index))
  if (any < 0)
    throw new GimbalError('argument-invalid', 'These data hold no instrument with a price: name a target', {
      instruments: instruments.map(({ id }) => id).join(' '),
    })
  return any
}

/** How a dataset is to be recorded. */
export interface RecordingWish {
  readonly samplingUs: number
  readonly stepUs: number
  /** Horizon whose ladder of variances is put among the features. */
  readonly horizonUs: number
}

/** The feature set of the options over the data. @throws {GimbalError} `config-invalid`, `argument-invalid`. */
export function featuresFor(study: StudyData, options: StudyDataOptions, wish: RecordingWish): FeatureSetSpec {
  const settings: Record<string, Record<string, SettingValue>> = structuredClone(presets(study, wish))
  const given = pairs(options.feature, '--feature')
  for (const [path, value] of Object.entries(given)) {
    const [family, setting, ...rest] = path.split('.')
    if (!family || !setting || rest.length > 0)
      throw new GimbalError('argument-invalid', '--feature takes family.setting=value', { given: path })
    ;(settings[family] ??= {})[setting] = value
  }
  const sampling: SamplerSpec = { every: 'time', intervalUs: wish.samplingUs }
  const chosen = chooseFeatures(
    { universe: study.data.universe, target: study.target, streams: study.data.streams },
    {
      sampling,
      settings,
      normaliseOver: options.normaliseOver ? numberOption(options.normaliseOver, '--normalise-over', 0) : 0,
      ...(options.only ? { only: options.only.split(',').map((name) => name.trim()) } : {}),
    },
  )
  // A setting that would do nothing is a wish not heard.
  const idle = Object.keys(given).find((path) => !chosen.features.some(({ family }) => path.startsWith(`${family}.`)))
  if (idle !== undefined)
    throw new GimbalError('config-invalid', '--feature sets a family that is not recorded', {
      given: idle,
      recorded: chosen.features.map(({ family }) => family).join(' '),
    })
  return chosen
}

/**
 * Settings that follow the data's own clock: a family's defaults are made for one kind of tape, and windows of a day say nothing
 * on a recording of minutes, nor seconds on bars.
 */
function presets(
  { barUs, barsOnly }: StudyData,
  { stepUs, horizonUs }: RecordingWish,
): Record<string, Record<string, SettingValue>> {
  const seconds = (us: number) => us / 1e6
  const list = (...values: readonly number[]) => [...new Set(values)].sort((a, b) => a - b).join(',')
  const horizon = seconds(horizonUs)
  if (barsOnly) {
    const bar = seconds(Math.max(stepUs, barUs))
    const windows = list(12 * bar, 288 * bar)
    return {
      'har-ladder': { intervalSeconds: bar, unitSeconds: horizon, dayLadder: 86_400 % bar === 0 && bar < 86_400 },
      'realised-measures': { intervalSeconds: bar, windowsSeconds: windows },
      'range-volatility': { intervalSeconds: bar, windowsSeconds: windows },
      'ewma-variance': { intervalSeconds: bar },
      regime: { intervalSeconds: bar },
      returns: {
        intervalSeconds: bar,
        horizonsSeconds: list(bar, 12 * bar, 48 * bar, 288 * bar),
        volatilitySeconds: String(288 * bar),
        extremesSeconds: String(288 * bar),
      },
      volume: { intervalSeconds: bar, windowsSeconds: list(bar, 12 * bar), historySeconds: String(288 * bar) },
      'correlation-state': { intervalSeconds: bar, windowsSeconds: list(24 * bar, 288 * bar) },
      'lead-lag': { intervalSeconds: bar, windowSeconds: String(288 * bar), lagSeconds: String(3 * bar) },
      'liquidation-clusters': { intervalSeconds: bar },
    }
  }
  const step = seconds(stepUs)
  // Of fewer than three steps no family makes a window.
  const windows = list(Math.max(horizon, 3 * step), 6 * horizon, 30 * horizon)
  return {
    'har-ladder': { intervalSeconds: step, unitSeconds: horizon, dayLadder: false },
    'realised-measures': { intervalSeconds: step, windowsSeconds: windows },
    'range-volatility': { intervalSeconds: step, windowsSeconds: windows },
    'ewma-variance': { intervalSeconds: step, lambdas: '0.9,0.97,0.99' },
    regime: { intervalSeconds: Math.max(step, 5) },
    returns: {
      intervalSeconds: step,
      horizonsSeconds: windows,
      volatilitySeconds: String(30 * horizon),
      extremesSeconds: String(30 * horizon),
    },
    volume: { intervalSeconds: step, windowsSeconds: windows, historySeconds: String(60 * horizon), profileDays: 1 },
    'correlation-state': { intervalSeconds: step, windowsSeconds: list(6 * horizon, 30 * horizon) },
    'venue-health': { windowsSeconds: list(6 * horizon) },
  }
}

/** Records the dataset; progress is shown and the work can be interrupted. Returns undefined when it was. */
export async function recordStudy(
  terminal: Terminal,
  study: StudyData,
  features: FeatureSetSpec,
  stepUs: number,
  signal: AbortSignal,
): Promise<Dataset | undefined> {
  const { data, plan } = study
  const name = plan.from === 'catalog' ? 'catalog' : data.sources[0]!.name
  const tape = new MergedTape(data.inputs())
  const recorder = new DatasetRecorder(
    {
      features,
      stepUs,
      source: { kind: data.kind === 'replayed' ? 'replayed' : 'synthetic', name, dataHash: data.dataHash, rows: 0 },
    },
    data.universe,
    tape,
  )
  try {
    while (recorder.run(1 << 16)) {
      terminal.progress(
        `features: ${thousands(recorder.rows)} rows${data.rows ? `, ${((100 * recorder.rows) / data.rows).toFixed(0)} %` : ''}`,
      )
      await new Promise((resolve) => setImmediate(resolve))
      if (signal.aborted) return undefined
    }
    return recorder.finish()
  } finally {
    tape.close()
    terminal.progress('', true)
  }
}

/**
 * Records again from tapes cut at random moments: a figure that is another one when the future is not there knew it.
 *
 * @param cuts How many; each costs up to another recording.
 * @param turn Called now and then: lets the caller listen to the world, and stop by throwing.
 */
export async function causalityLeaks(
  study: StudyData,
  features: FeatureSetSpec,
  stepUs: number,
  cuts: number,
  seed: number,
  turn: () => Promise<void>,
): Promise<readonly CausalityLeak[]> {
  const { data } = study
  const record = async (untilUs: number) => {
    const tape = new MergedTape(data.inputs())
    const recorder = new DatasetRecorder(
      { features, stepUs, source: { kind: 'synthetic', name: 'check', dataHash: data.dataHash, rows: 0 } },
      data.universe,
      tape,
      untilUs,
    )
    try {
      while (recorder.run(1 << 16)) await turn()
      return recorder.finish()
    } finally {
      tape.close()
    }
  }
  return checkCausality(record, cuts, new Random(seed).fork('causality'))
}
