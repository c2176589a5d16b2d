/**
 * @file Rows per second of the whole loop on one core: two views of recorded books, engine, gate, replayed exchange with
 * queue model and latency, and a market maker, on a recording looped to at least 20 million rows.
 *
 *   node bench/throughput.mjs --catalog DIR [--instrument ID …] [--rows 20000000] [--policy market-maker|touch|none]
 *
 * Prints a line a million rows: rate and resident memory, so that a slow drift is seen, then one JSON line.
 */

import { fork } from 'node:child_process'
import { parseArgs } from 'node:util'
import { Engine } from '../dist/engine/engine.js'
import { NoJournal } from '../dist/journal/journal.js'
import { Instrument, Universe } from '../dist/market/instrument.js'
import { MergedTape } from '../dist/market/tape.js'
import { buildPolicy } from '../dist/policies/registry.js'
import { DEFAULT_RISK } from '../dist/risk/riskConfig.js'
import { RiskGate } from '../dist/risk/riskGate.js'
import { runBacktest } from '../dist/sim/backtest.js'
import { constantLatency } from '../dist/sim/latencyModels.js'
import { queueModelNamed } from '../dist/sim/queueModels.js'
import { ReplayedExchange } from '../dist/sim/replayedExchange.js'
import { FlatTape, LoopedTape } from '../dist/store/flatTape.js'
import { TouchQuoter } from './peers/touchQuoter.mjs'

const { values } = parseArgs({
  options: {
    catalog: { type: 'string' },
    instrument: { type: 'string', multiple: true },
    rows: { type: 'string', default: '20000000' },
    policy: { type: 'string', default: 'market-maker' },
    queue: { type: 'string', default: 'power:3' },
    prepare: { type: 'boolean', default: false },
  },
})

if (values.prepare) {
  process.on('uncaughtException', (error) => {
    console.error(error)
    process.exit(1)
  })
  // DuckDB is needed only to build the tapes; in a process of its own it does not count as the loop's memory.
  const { Catalog } = await import('../dist/store/catalog.js')
  const { openTapes } = await import('../dist/store/openTapes.js')
  const opened = await openTapes(new Catalog(values.catalog), {
    streams: ['book', 'trade'],
    ...(values.instrument ? { instruments: values.instrument } : {}),
  })
  process.send({
    specs: opened.universe.instruments.map(({ spec }) => spec),
    rows: opened.rows,
    tapes: opened.labels.map(({ path }, i) => ({
      path,
      instruments: [...(opened.inputs[i].instruments ?? [])],
      venueShiftUs: opened.inputs[i].venueShiftUs ?? 0,
    })),
  })
  process.disconnect()
} else await main()

async function main() {
  const prepared = await new Promise((resolve, reject) => {
    const child = fork(process.argv[1], [...process.argv.slice(2), '--prepare'])
    child.once('message', resolve)
    child.once('exit', (code) => code !== 0 && reject(new Error(`preparing the tapes failed with exit ${code}`)))
  })
  const universe = new Universe(prepared.specs.map((spec) => new Instrument(spec)))
  const loops = Math.ceil(Number(values.rows) / prepared.rows)
  // Every tape is repeated at the same distance, or the instruments would drift apart.
  const spans = prepared.tapes.map(({ path }) => new FlatTape(path))
  const firstUs = Math.min(...spans.map((tape) => tape.header.firstUs))
  const lastUs = Math.max(...spans.map((tape) => tape.header.lastUs))
  for (const tape of spans) tape.close()
  const inputs = () =>
    prepared.tapes.map(({ path, instruments, venueShiftUs }) => ({
      source: new LoopedTape(() => new FlatTape(path), loops, lastUs - firstUs + 1_000_000),
      ...(instruments.length > 0 ? { instruments: Uint16Array.from(instruments) } : {}),
      venueShiftUs,
    }))
  const cash = Object.fromEntries(universe.instruments.map(({ settle }) => [settle, 1_000_000]))
  const exchange = new ReplayedExchange({
    universe,
    cash,
    settings: { queue: queueModelNamed(values.queue), latency: constantLatency(10_000, 10_000) },
  })
  const policies =
    values.policy === 'none'
      ? []
      : values.policy === 'touch'
        ? universe.instruments.map(
            (_, instrument) =>
              new TouchQuoter({
                instrument,
                lots: 1,
                positionMax: 100,
                intervalUs: 100_000,
                firstDecisionUs: firstUs + 2e6,
              }),
          )
        : [buildPolicy(values.policy, {}, universe)]
  // Every breaker watches and none may act: where the recording starts over, the market jumps as no market does.
  const watching = { ...DEFAULT_RISK, breakers: DEFAULT_RISK.breakers.map((rule) => ({ ...rule, confirmations: 1e9 })) }
  let fills = 0
  let orders = 0
  let messages = 0
  const acts = []
  const engine = new Engine({
    universe,
    policies,
    gate: (parts) => new RiskGate(watching, parts),
    journal: new NoJournal(),
    venue: exchange,
    cash,
    seed: 1,
    observer: {
      onOrder: () => {
        orders++
        messages++
      },
      onGateAct: (act) => acts.push(`${act.breaker} ${act.act} at row ${lastRows}`),
      onAmend: () => messages++,
      onCancel: () => messages++,
      onOrderEvent: (event) => {
        if (event.kind === 'filled') fills++
      },
    },
  })
  let lastRows = 0
  let lastMs = performance.now()
  const startMs = lastMs
  const startCpu = process.cpuUsage()
  let peakMb = 0
  const counts = runBacktest(
    engine,
    exchange,
    new MergedTape(inputs(), 'venue'),
    new MergedTape(inputs(), 'received'),
    (rows) => {
      const now = performance.now()
      const mb = process.memoryUsage().rss / 2 ** 20
      peakMb = Math.max(peakMb, mb)
      console.error(
        `${(rows / 1e6).toFixed(1)} M rows  ${((rows - lastRows) / (now - lastMs) / 1e3).toFixed(2)} M rows/s  ${mb.toFixed(0)} MB`,
      )
      lastRows = rows
      lastMs = now
      return true
    },
  )
  const seconds = (performance.now() - startMs) / 1000
  const cpu = process.cpuUsage(startCpu)
  const cpuSeconds = (cpu.user + cpu.system) / 1e6
  console.log(
    JSON.stringify({
      rows: counts.rows,
      loops,
      instruments: universe.instruments.map(({ id }) => id),
      seconds: Number(seconds.toFixed(2)),
      rowsPerSecond: Math.round(counts.rows / seconds),
      rowsPerCpuSecond: Math.round(counts.rows / cpuSeconds),
      peakMb: Math.round(peakMb),
      orders,
      messages,
      fills,
      acts: acts.slice(0, 3),
    }),
  )
}
