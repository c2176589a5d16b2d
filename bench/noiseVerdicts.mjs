/**
 * @file How often research claims an edge where there is none: the whole study, of markets of pure noise.
 *
 *   node bench/noiseVerdicts.mjs [--markets 100] [--first 1] [--jobs 2] [--samples 1500]
 *
 * Odd seeds make a market of five-minute bars asked for its variance over an hour, even ones a market of books and trades asked
 * for its variance over ten seconds. Each is studied as `gimbal research` would: the same features, the regimes fitted to the
 * beginning, two configurations, four windows, placebos, every check, the same rules of the verdict. Prints one JSON document:
 * how many verdicts claimed an edge (bar: at most 5 in 100), how the statistics against the best baseline are distributed, and
 * how many placebos claimed skill. Exits 1 when more than one in twenty claims.
 *
 * Needs a build (`npm run build`); one market takes some seconds on one core.
 */

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { samplingFor } from '../dist/apps/investigation.js'
import { configurationsFor, defaultQuestions, startColumns } from '../dist/apps/researchJob.js'
import { featuresFor } from '../dist/apps/studyData.js'
import { fitRegimes } from '../dist/apps/studyRegimes.js'
import { Instrument, Universe } from '../dist/market/instrument.js'
import { MergedTape } from '../dist/market/tape.js'
import { recordDataset } from '../dist/research/recordDataset.js'
import { researchQuestion } from '../dist/research/researchRun.js'
import { judgedFromUs } from '../dist/research/study.js'
import { bestBaseline, judge } from '../dist/research/verdict.js'
import { noiseMarket } from '../dist/sim/market/noiseMarket.js'

const FIRST_SHARE = 0.4
const WINDOWS = 4
const CONFIGURATIONS = 2
const BAR_US = 300e6

const universe = new Universe([
  new Instrument({
    base: 'NOISE',
    quote: 'USDT',
    kind: 'perp',
    venue: 'nowhere',
    venueSymbol: 'NOISEUSDT',
    payoff: 'linear',
    settle: 'USDT',
    tickSize: '0.1',
    lotSize: '0.001',
    multiplier: '1',
    fundingIntervalUs: 8 * 3600e6,
    source: 'a market of noise',
  }),
])

/** The study of one market. */
export async function noiseVerdict(seed, samples) {
  const rows = seed % 2 === 1 ? 'bars' : 'book'
  const barUs = rows === 'bars' ? BAR_US : 0
  const streams = [rows === 'bars' ? ['bar', 'funding'] : ['book', 'trade']]
  const study = { data: { universe, streams }, target: 0, barsOnly: rows === 'bars', barUs }
  const question = defaultQuestions(study)[0]
  const { horizonUs } = question
  const samplingUs = samplingFor(study, horizonUs)
  const stepUs = barUs || 1e6
  const options = { feature: [] }
  const wanted = featuresFor(study, options, { samplingUs, stepUs, horizonUs })
  const market = () =>
    new MergedTape(
      noiseMarket(universe, {
        seed,
        startUs: Date.UTC(2025, 0, 1) * 1000,
        lengthUs: samples * samplingUs,
        rows,
        ...(barUs > 0 ? { barUs } : {}),
      }),
    )
  const source = { kind: 'synthetic', name: 'noise', dataHash: `noise ${seed}`, rows: 0 }
  const record = (features) => recordDataset({ features, stepUs, source }, universe, market())
  const { path, timesUs } = record({ ...wanted, features: [{ family: 'time-of-day' }] })
  const regimes = fitRegimes(path, judgedFromUs(timesUs, FIRST_SHARE), barUs || 10e6, seed)
  const features = wanted.features
    .filter(({ family }) => family !== 'regime' || regimes)
    .map((each) => (each.family === 'regime' ? { ...each, settings: { ...each.settings, ...regimes.settings } } : each))
  const dataset = record({ ...wanted, features })
  const baseColumns = startColumns(question, dataset.table.names)
  const plan = {
    firstShare: FIRST_SHARE,
    windows: WINDOWS,
    slideShare: 0,
    configurations: configurationsFor(CONFIGURATIONS).map((learner) => ({ ...learner, baseColumns })),
    placebos: true,
    groups: 0,
    testGroups: 2,
    seed,
  }
  const result = await researchQuestion(dataset, question, plan, async () => {})
  const { finding, reasons } = judge({
    skill: [result.skill],
    placebos: result.placebos,
    overfitting: [result.overfitting],
    leaks: [],
    backtests: [],
  })
  const best = bestBaseline(result.skill)
  return {
    seed,
    rows,
    finding,
    t: best.dieboldMariano,
    best: best.name,
    excess: best.excess,
    judged: result.skill.samples,
    columns: dataset.table.names.length,
    spa: result.overfitting?.spaConsistent ?? null,
    pbo: result.overfitting?.pbo ?? null,
    placebos: result.placebos.map(({ name, dieboldMariano, claims }) => ({ name, t: dieboldMariano, claims })),
    ...(finding === 'no-edge' ? {} : { reasons }),
  }
}

function quantiles(values) {
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b)
  const at = (share) => Number(sorted[Math.round(share * (sorted.length - 1))]?.toFixed(3))
  return {
    least: at(0),
    '5 %': at(0.05),
    '25 %': at(0.25),
    median: at(0.5),
    '75 %': at(0.75),
    '95 %': at(0.95),
    most: at(1),
  }
}

/** Runs every `of`-th seed in a process of its own, and hands on what it says line by line. */
function share(first, markets, step, of, samples) {
  const args = ['--first', first + step, '--markets', markets, '--every', of, '--samples', samples, '--lines']
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return new Promise((done, failed) => {
    let out = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      out += text
    })
    child.once('error', failed)
    child.once('close', (code) => {
      if (code !== 0) failed(new Error(`a share of the markets ended with ${code}`))
      else
        done(
          out
            .trim()
            .split('\n')
            .filter(Boolean)
            .map((line) => JSON.parse(line)),
        )
    })
  })
}

const { values } = parseArgs({
  options: {
    markets: { type: 'string', default: '100' },
    first: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '2' },
    samples: { type: 'string', default: '1500' },
    every: { type: 'string', default: '1' },
    lines: { type: 'boolean', default: false },
  },
})
const [markets, first, jobs, samples, every] = ['markets', 'first', 'jobs', 'samples', 'every'].map((name) =>
  Number(values[name]),
)
if (values.lines) {
  for (let i = 0; i < markets; i++) {
    const found = await noiseVerdict(first + i * every, samples)
    process.stdout.write(`${JSON.stringify(found)}\n`)
  }
} else {
  const started = performance.now()
  const used = Math.min(jobs, markets)
  const shares = Array.from({ length: used }, (_, step) =>
    share(first, Math.floor((markets - step - 1) / used) + 1, step, used, samples),
  )
  const found = (await Promise.all(shares)).flat().sort((a, b) => a.seed - b.seed)
  const claimed = found.filter(({ finding }) => finding === 'edge')
  const placebos = found.flatMap((each) => each.placebos)
  const of = (rows) => found.filter((each) => each.rows === rows)
  process.stdout.write(
    `${JSON.stringify(
      {
        markets: found.length,
        claims: claimed.length,
        claimedBy: claimed,
        invalid: found.filter(({ finding }) => finding === 'invalid').map(({ seed }) => seed),
        t: {
          all: quantiles(found.map(({ t }) => t)),
          bars: quantiles(of('bars').map(({ t }) => t)),
          book: quantiles(of('book').map(({ t }) => t)),
        },
        below165: found.filter(({ t }) => t < -1.645).length,
        best: Object.fromEntries(
          [...new Set(found.map(({ best }) => best))].map((name) => [
            name,
            found.filter(({ best }) => best === name).length,
          ]),
        ),
        spaBelow5: found.filter(({ spa }) => spa !== null && spa < 0.05).length,
        placebos: {
          run: placebos.length,
          claimed: placebos.filter(({ claims }) => claims).length,
          notRun: placebos.filter(({ t }) => t === null).length,
          t: quantiles(placebos.map(({ t }) => t)),
        },
        judged: quantiles(found.map(({ judged }) => judged)),
        seconds: Math.round((performance.now() - started) / 1000),
      },
      null,
      1,
    )}\n`,
  )
  process.exitCode = claimed.length > Math.max(1, 0.05 * found.length) ? 1 : 0
}
