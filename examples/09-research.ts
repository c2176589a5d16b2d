/**
 * @file A whole piece of research by library calls: record, look for leaks, walk forward, placebos, ledger, verdict; once on a
 * generated market, whose volatility comes in clusters, and once on one of pure noise, where nothing can be found.
 *
 * `gimbal research` does the same from the command line, and adds regimes, other histories, trading and a page.
 *
 * Run it: node examples/09-research.ts [folder]     (writes into out/example-research unless told)
 * With the package installed, import from 'gimbal/features', 'gimbal/research' and so on.
 */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HOUR_US, isoTime, SECOND_US } from '../src/core/clock.ts'
import { Random } from '../src/core/random.ts'
import type { FeatureSetSpec } from '../src/features/featureSet.ts'
import type { Universe } from '../src/market/instrument.ts'
import { MergedTape } from '../src/market/tape.ts'
import type { Dataset } from '../src/research/dataset.ts'
import { DEFAULT_LEARNER, type LearnerSpec } from '../src/research/forecastLearner.ts'
import { checkCausality, checkColumns } from '../src/research/leakCheck.ts'
import { DatasetRecorder } from '../src/research/recordDataset.ts'
import { type Question, type ResearchPlan, researchQuestion } from '../src/research/researchRun.ts'
import { settingsHash, TrialLedger } from '../src/research/trialLedger.ts'
import { judge, type Verdict } from '../src/research/verdict.ts'
import { generateMarket } from '../src/sim/market/generatedMarket.ts'
import { noiseMarket } from '../src/sim/market/noiseMarket.ts'

const SEED = 3
const TARGET = 'ETH-USDC-PERP@generated-north'
const QUESTION: Question = { quantity: 'variance', horizonUs: 20 * SECOND_US }
const FEATURES: FeatureSetSpec = {
  target: TARGET,
  sampling: { every: 'time', intervalUs: 5 * SECOND_US },
  normaliseOver: 0,
  features: [
    { family: 'har-ladder', settings: { intervalSeconds: 1, unitSeconds: 20, dayLadder: false } },
    { family: 'ewma-variance', settings: { intervalSeconds: 1, lambdas: '0.9,0.97,0.99' } },
    { family: 'spread' },
  ],
}

/** One of the learners to choose among. */
function learner(leaves: number): LearnerSpec {
  return {
    ...DEFAULT_LEARNER,
    baseColumns: ['har-ladder/log-rv-1', 'har-ladder/log-rv-5', 'har-ladder/log-rv-22'],
    trees: { ...DEFAULT_LEARNER.trees, leaves, rowsPerLeafMin: 30, rounds: 100 },
  }
}

const PLAN: ResearchPlan = {
  firstShare: 0.4,
  windows: 3,
  slideShare: 0,
  configurations: [learner(4), learner(8)],
  placebos: true,
  groups: 0,
  testGroups: 2,
  seed: SEED,
}

/** A market as often as it is wanted: the check for leaks reads it again and again. */
interface Market {
  readonly name: string
  readonly universe: Universe
  readonly tape: () => MergedTape
}

function record({ name, universe, tape }: Market, untilUs = Number.POSITIVE_INFINITY): Dataset {
  const source = { kind: 'synthetic' as const, name, dataHash: `${name} ${SEED}`, rows: 0 }
  const recorder = new DatasetRecorder({ features: FEATURES, stepUs: SECOND_US, source }, universe, tape(), untilUs)
  while (recorder.run(1 << 20));
  return recorder.finish()
}

/** One market studied: its verdict, and the distinct trials the ledger has of it. */
export async function study(market: Market, ledger: TrialLedger): Promise<{ verdict: Verdict; trials: number }> {
  const dataset = record(market)
  // Exactly: recorded again from a tape that is cut, every figure is the same. Statistically: no column tells the next steps.
  const causal = await checkCausality((untilUs) => record(market, untilUs), 1, new Random(SEED).fork('cuts'))
  const leaks = [
    ...causal.map(({ column, whole }) => ({ column, figure: whole, doc: 'another one when the future is not there' })),
    ...checkColumns(dataset)
      .filter(({ verdict }) => verdict === 'leaks')
      .map(({ column, strength }) => ({ column, figure: strength, doc: 'moves with the next steps' })),
  ]
  const result = await researchQuestion(dataset, QUESTION, PLAN, async () => {})
  const family = `forecasts of ${TARGET} on ${market.name}`
  for (const { learner: tried, score } of result.trials) {
    ledger.append({
      date: isoTime(dataset.timesUs.at(-1)!),
      family,
      kind: 'research',
      policy: 'trees on variance',
      settingsHash: settingsHash(tried.trees),
      dataHash: dataset.hash,
      seed: SEED,
      metric: 'qlike/20 s',
      score,
      sharpe: null,
      returns: 0,
      clockUs: 0,
    })
  }
  const { skill, placebos, overfitting } = result
  const verdict = judge({ skill: [skill], placebos, overfitting: [overfitting], leaks, backtests: [] })
  return { verdict, trials: ledger.evidence(family, 1).trialCount }
}

export async function main(print: (line: string) => void, folder = 'out/example-research') {
  mkdirSync(folder, { recursive: true })
  const ledger = new TrialLedger(join(folder, 'trials.jsonl'))
  const generated = generateMarket({ seed: SEED, hours: 1, crash: false })
  const { universe } = generated
  const { startUs } = generated.facts
  const noise = () => new MergedTape(noiseMarket(universe, { seed: SEED, startUs, lengthUs: HOUR_US, rows: 'book' }))
  const markets: Market[] = [
    { name: 'a generated market', universe, tape: () => generated.receivedTape() },
    { name: 'a market of noise', universe, tape: noise },
  ]
  const verdicts: Verdict[] = []
  for (const market of markets) {
    const { verdict, trials } = await study(market, ledger)
    verdicts.push(verdict)
    print(`${market.name}, ${trials} trials: ${verdict.sentence}`)
    for (const reason of verdict.reasons) print(`  ${reason}`)
  }
  return { verdicts, ledger }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(console.log, process.argv[2])
