/**
 * @file Trains a model of the next half minute's variance, keeps it as a file, and quotes on it inside an engine.
 *
 * Research and engine run the same features row by row, so what the model says in the run is what it says of the recorded
 * samples, to the last bit: the last line counts. It learns from the first two thirds of the hour and is judged on the rest.
 *
 * Run it: node examples/08-model-in-the-engine.ts [folder]     (writes into out/example-models unless told)
 * With the package installed, import from 'gimbal/features', 'gimbal/models', 'gimbal/research' and so on.
 */

import { fileURLToPath } from 'node:url'
import { MINUTE_US, SECOND_US } from '../src/core/clock.ts'
import { Engine } from '../src/engine/engine.ts'
import type { FeatureSetSpec } from '../src/features/featureSet.ts'
import { NoJournal } from '../src/journal/journal.ts'
import { ASK, BID } from '../src/market/book.ts'
import { type Artifact, ArtifactForecaster, completeArtifact } from '../src/models/artifact.ts'
import { trainingRange } from '../src/models/calibration/range.ts'
import { type Forecast, QUANTITIES } from '../src/models/forecast.ts'
import { ModelRegistry } from '../src/models/modelRegistry.ts'
import { qlike } from '../src/models/volatility/qlike.ts'
import type { Policy, PolicyContext } from '../src/policies/policy.ts'
import type { Dataset } from '../src/research/dataset.ts'
import { DEFAULT_LEARNER, fitForecast, fittedSpec, forecastRows, gathered } from '../src/research/forecastLearner.ts'
import { forwardVariance, type Labels } from '../src/research/labels.ts'
import { recordDataset } from '../src/research/recordDataset.ts'
import { DEFAULT_RISK } from '../src/risk/riskConfig.ts'
import { RiskGate } from '../src/risk/riskGate.ts'
import { runBacktest } from '../src/sim/backtest.ts'
import { generateMarket } from '../src/sim/market/generatedMarket.ts'
import { ReplayedExchange } from '../src/sim/replayedExchange.ts'

const SEED = 5
const TARGET = 'ETH-USDC-PERP@generated-north'
const HORIZON_US = 30 * SECOND_US
/** What the model is told, and when: every five seconds. */
const FEATURES: FeatureSetSpec = {
  target: TARGET,
  sampling: { every: 'time', intervalUs: 5 * SECOND_US },
  normaliseOver: 0,
  features: [
    { family: 'har-ladder', settings: { intervalSeconds: 1, unitSeconds: 30, dayLadder: false } },
    { family: 'ewma-variance', settings: { intervalSeconds: 1, lambdas: '0.9,0.97,0.99' } },
    { family: 'spread' },
    { family: 'trade-flow' },
  ],
}
/** A start from two logarithms of past variance, and trees small enough for some hundred samples on what it leaves over. */
const LEARNER = {
  ...DEFAULT_LEARNER,
  baseColumns: ['har-ladder/log-rv-1', 'har-ladder/log-rv-5'],
  trees: { ...DEFAULT_LEARNER.trees, leaves: 4, rowsPerLeafMin: 30 },
}

/** Keeps one bid and one ask, each a typical move of the next half minute away from the mid. */
class ForecastQuoter implements Policy {
  readonly name = 'forecast-quoter'
  readonly settings = { instrument: TARGET }
  readonly heard: { readonly timeUs: number; readonly value: number; readonly outside: number }[] = []
  #context!: PolicyContext
  #instrument = 0

  start(context: PolicyContext): readonly number[] {
    this.#context = context
    this.#instrument = context.universe.index(TARGET)
    return [this.#instrument]
  }

  onMarket(): void {}

  /** The object is overwritten by the model's next forecast: what is needed later is copied. */
  onForecast({ timeUs, value, outside }: Forecast): void {
    this.heard.push({ timeUs, value, outside })
    const context = this.#context
    const market = context.market(this.#instrument)
    context.cancelAll()
    if (!(value > 0) || !market.quoted) return
    const ticks = Math.max(1, Math.round(Math.sqrt(value) * market.referenceTick))
    const held = context.portfolio.lots(this.#instrument)
    for (const side of [BID, ASK]) {
      const tick = Math.round(market.referenceTick - side * ticks)
      if (side * held < 100)
        context.submit({ instrument: this.#instrument, side, lots: 20, tick, type: 'limit', postOnly: true })
    }
  }
}

/** Learns from samples whose labels had ended by `untilUs`, and writes down everything that says what was learnt. */
function train(dataset: Dataset, labels: Labels, untilUs: number): { artifact: Artifact; forecasts: Float64Array } {
  const samples = { table: dataset.table, label: labels.label, timesUs: dataset.timesUs, endsUs: labels.endsUs }
  const known = Array.from(dataset.timesUs.keys()).filter((i) => labels.endsUs[i]! <= untilUs)
  const fitted = fitForecast(samples, known, LEARNER, SEED)
  const forecasts = new Float64Array(dataset.timesUs.length).fill(Number.NaN)
  const all = Array.from(dataset.timesUs.keys())
  forecastRows(fitted, dataset.table, all, forecasts)
  const artifact = completeArtifact({
    format: 1,
    name: 'eth-variance-30s',
    quantity: 'variance',
    unit: QUANTITIES.variance,
    target: TARGET,
    horizonUs: HORIZON_US,
    features: FEATURES,
    schemaHash: dataset.schemaHash,
    model: fittedSpec(fitted),
    transform: 'identity',
    scale: fitted.scale,
    interval: { of: 'ratio', level: fitted.level, low: fitted.low, high: fitted.high },
    range: trainingRange(gathered(dataset.table, known)),
    trained: {
      fromUs: dataset.timesUs[known[0]!]!,
      toUs: dataset.timesUs[known.at(-1)!]!,
      rows: known.length,
      datasetHash: dataset.hash,
      dataHash: dataset.source.dataHash,
      dataKind: 'synthetic',
      seed: SEED,
      learner: fitted.ensemble
        ? `log-linear start and ${fitted.rounds} boosted trees`
        : 'log-linear, trees proved nothing',
      settings: LEARNER.trees,
      gimbal: 'example',
    },
    metrics: [],
    parents: [],
  })
  return { artifact, forecasts }
}

export function main(print: (line: string) => void, folder = 'out/example-models') {
  const market = generateMarket({ seed: SEED, hours: 2, crash: false })
  const { universe } = market
  const { startUs } = market.facts
  const dataset = recordDataset(
    {
      features: FEATURES,
      stepUs: SECOND_US,
      source: { kind: 'synthetic', name: market.description, dataHash: `generated-${SEED}`.padEnd(64, '0'), rows: 0 },
    },
    universe,
    market.receivedTape(),
  )
  const labels = forwardVariance(dataset.path, dataset.timesUs, { horizonUs: HORIZON_US })
  const untilUs = startUs + 80 * MINUTE_US
  const { artifact, forecasts } = train(dataset, labels, untilUs)
  const registry = new ModelRegistry(folder)
  registry.add(artifact)
  print(`${artifact.name} ${artifact.id.slice(0, 12)}: ${artifact.trained.learner}, ${artifact.trained.rows} samples`)

  // From the file, as a run would: the engine refuses it if this version computed other features.
  const forecaster = new ArtifactForecaster(registry.find(artifact.id).artifact)
  const policy = new ForecastQuoter()
  const cash = { USDC: 100_000 }
  const venue = new ReplayedExchange({ universe, cash })
  const engine = new Engine({
    universe,
    cash,
    venue,
    policies: [policy],
    gate: (parts) => new RiskGate(DEFAULT_RISK, parts),
    journal: new NoJournal(),
    forecasters: [forecaster],
    seed: 1,
  })
  runBacktest(engine, venue, market.venueTape(), market.receivedTape())

  const at = new Map(Array.from(dataset.timesUs, (timeUs, i) => [timeUs, i] as const))
  let [judged, held, loss, lossOfLast, same] = [0, 0, 0, 0, 0]
  const last = dataset.table.columns[dataset.table.names.indexOf('har-ladder/rv-1')]!
  for (const { timeUs, value } of policy.heard) {
    const i = at.get(timeUs)
    if (i === undefined) continue
    if (Object.is(value, forecasts[i])) same++
    const truth = labels.label[i]!
    if (timeUs <= untilUs || !(truth > 0) || !(value > 0) || !(last[i]! > 0)) continue
    judged++
    loss += qlike(truth, value)
    lossOfLast += qlike(truth, last[i]!)
    if (truth >= value * artifact.interval.low && truth <= value * artifact.interval.high) held++
  }
  const { fills } = engine.ledger.holding(universe.index(TARGET))
  print(
    `judged on ${judged} later forecasts: QLIKE ${(loss / judged).toFixed(3)}, of the last half minute's variance ${(lossOfLast / judged).toFixed(3)}`,
  )
  print(`its 90 % interval held ${((100 * held) / judged).toFixed(0)} %`)
  print(`${fills} fills, equity ${engine.ledger.equity.toFixed(2)} USDC`)
  print(`${same} of ${policy.heard.length} forecasts in the engine are those of the recorded samples, bit for bit`)
  return {
    artifact,
    heard: policy.heard,
    same,
    judged,
    loss: loss / judged,
    lossOfLast: lossOfLast / judged,
    held,
    fills,
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(console.log, process.argv[2])
