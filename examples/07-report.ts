/**
 * @file Two runs, one page: the same quoter with and without a spread of its own, side by side in a report.
 *
 * The page is one self-contained HTML file; its JSON twin holds the same figures. No Sharpe ratio is shown without the
 * number of trials behind it: every run is written into a trial ledger first.
 *
 * Run it: node examples/07-report.ts [folder]     (writes into out/example-report unless told)
 * With the package installed, import from 'gimbal/report', 'gimbal/sim' and so on.
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isoTime } from '../src/core/clock.ts'
import { Engine } from '../src/engine/engine.ts'
import { NoJournal } from '../src/journal/journal.ts'
import { buildPolicy } from '../src/policies/registry.ts'
import { RunCollector } from '../src/report/collector.ts'
import { renderReport } from '../src/report/html.ts'
import { score } from '../src/report/performance.ts'
import { buildRunReport, type RunReport, reportJson } from '../src/report/runReport.ts'
import { settingsHash, TrialLedger } from '../src/research/trialLedger.ts'
import { DEFAULT_RISK } from '../src/risk/riskConfig.ts'
import { RiskGate } from '../src/risk/riskGate.ts'
import { runBacktest } from '../src/sim/backtest.ts'
import { generateMarket } from '../src/sim/market/generatedMarket.ts'
import { ReplayedExchange } from '../src/sim/replayedExchange.ts'

const SEED = 4
const CASH = { USDC: 100_000 }
/** Names the data: a run of a catalog would carry its content hash. */
const DATA_HASH = `generated-${SEED}`.padEnd(64, '0')

function run(title: string, edgeBps: number, trialLedger: TrialLedger): RunReport {
  const market = generateMarket({ seed: SEED, hours: 1 / 4 })
  const { universe } = market
  const policy = buildPolicy('market-maker', { instruments: 'ETH-USDC-PERP@generated-south', edgeBps }, universe)
  const venue = new ReplayedExchange({ universe, cash: CASH })
  const collector = new RunCollector()
  const engine = new Engine({
    universe,
    cash: CASH,
    venue,
    policies: [policy],
    gate: (parts) => new RiskGate(DEFAULT_RISK, parts),
    journal: new NoJournal(),
    seed: 1,
    observer: collector,
  })
  collector.attach(engine)
  const { rows, lastUs } = runBacktest(engine, venue, market.venueTape(), market.receivedTape())
  const collected = collector.finish(lastUs)

  const family = 'market-maker on the generated market'
  const { sharpe, returns, clockUs } = score(collected.clocks)
  const judged = { policy: policy.name, settingsHash: settingsHash(policy.settings), dataHash: DATA_HASH, seed: 1 }
  const scored = { metric: 'sharpe', score: sharpe, sharpe, returns, clockUs }
  trialLedger.append({ date: isoTime(lastUs), family, kind: 'backtest', ...judged, ...scored })
  return buildRunReport(collected, {
    title,
    mode: 'backtest',
    gimbalVersion: 'example',
    seed: 1,
    policies: [{ name: policy.name, settings: policy.settings }],
    cash: CASH,
    sources: [{ name: `generated market, seed ${SEED}`, kind: 'synthetic', sha256: DATA_HASH, rows }],
    dataHash: DATA_HASH,
    journal: null,
    rows,
    // The exchange says in words what it assumes, venue by venue.
    assumptions: Object.entries(venue.assumptions).flatMap(([about, sentences]) =>
      sentences.map((text) => ({ about, text })),
    ),
    trials: trialLedger.evidence(family, clockUs),
  })
}

export function main(print: (line: string) => void, folder = 'out/example-report') {
  mkdirSync(folder, { recursive: true })
  const trialLedger = new TrialLedger(join(folder, 'trials.jsonl'))
  const reports = [run('quoter at the model’s distance', 0, trialLedger), run('quoter 3 bps away', 3, trialLedger)]
  const page = join(folder, 'report.html')
  writeFileSync(page, renderReport(reports))
  writeFileSync(join(folder, 'report.json'), reportJson(reports))
  for (const { facts, verdict, performance } of reports) {
    print(`${facts.title}: equity ${performance.endEquity.toFixed(2)} USDC, trial ${facts.trials.trialCount}`)
    print(`  ${verdict}`)
  }
  print(`both on one page: ${page}`)
  return { reports, page }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(console.log, process.argv[2])
