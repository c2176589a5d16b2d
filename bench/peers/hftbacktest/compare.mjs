/**
 * @file gimbal and hftbacktest on the same rows with the same queue model, latency and decisions: fills compared one
 * by one, speeds as a ratio in one run.
 *
 *   node bench/peers/hftbacktest/compare.mjs --catalog DIR [--instrument ID] [--queue power:3] [--repeats 5]
 *
 * hftbacktest runs compiled (Numba over Rust) on an array in memory; gimbal runs on Node and reads its tape twice.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Engine } from '../../../dist/engine/engine.js'
import { NoJournal } from '../../../dist/journal/journal.js'
import { Universe } from '../../../dist/market/instrument.js'
import { Kind, MemoryTape, MergedTape } from '../../../dist/market/tape.js'
import { OpenGate } from '../../../dist/risk/gate.js'
import { runBacktest } from '../../../dist/sim/backtest.js'
import { constantLatency } from '../../../dist/sim/latencyModels.js'
import { queueModelNamed } from '../../../dist/sim/queueModels.js'
import { ReplayedExchange } from '../../../dist/sim/replayedExchange.js'
import { Catalog } from '../../../dist/store/catalog.js'
import { openTapes } from '../../../dist/store/openTapes.js'
import { median, python, ROOT, runPeer } from '../environment.mjs'
import { TouchQuoter } from '../touchQuoter.mjs'

const { values } = parseArgs({
  options: {
    catalog: { type: 'string' },
    instrument: { type: 'string', default: 'BTC-USDT-PERP@binance-usdm' },
    queue: { type: 'string', default: 'power:3' },
    repeats: { type: 'string', default: '5' },
    interval: { type: 'string', default: '100000' },
    json: { type: 'boolean', default: false },
  },
})
if (!values.catalog) throw new Error('--catalog DIR is needed: gimbal import … --catalog DIR makes one')
const folder = join(ROOT, '.cache', 'peers', 'exchange')
mkdirSync(folder, { recursive: true })

const opened = await openTapes(new Catalog(values.catalog), {
  instruments: [values.instrument],
  streams: ['book', 'trade'],
})
const instrument = opened.universe.at(0)
const universe = new Universe([instrument])

// Both views are cut to what follows the first snapshot, and both sides are given the very same rows.
const columns = { local: [], venue: [], kind: [], side: [], tick: [], lots: [] }
const numberOf = new Map()
const received = new MergedTape(opened.reopen(), 'received')
const seen = []
while (received.advance()) {
  const { batch, row, rank } = received
  const inSource = (seen[rank] = (seen[rank] ?? -1) + 1)
  const kind = batch.kind[row]
  if (kind !== Kind.DEPTH && kind !== Kind.TRADE) continue
  numberOf.set(rank * 2 ** 40 + inSource, columns.local.length)
  columns.local.push(received.timeUs)
  columns.venue.push(0)
  columns.kind.push(kind)
  columns.side.push(batch.side[row])
  columns.tick.push(batch.tick[row])
  columns.lots.push(batch.lots[row])
}
received.close()
const order = []
const venueTape = new MergedTape(opened.reopen(), 'venue')
const seenVenue = []
while (venueTape.advance()) {
  const { rank } = venueTape
  const inSource = (seenVenue[rank] = (seenVenue[rank] ?? -1) + 1)
  const number = numberOf.get(rank * 2 ** 40 + inSource)
  if (number === undefined) continue
  columns.venue[number] = venueTape.timeUs
  order.push(number)
}
venueTape.close()

const rows = columns.local.length
const ticks = columns.tick.filter((_, i) => columns.kind[i] === Kind.TRADE)
const settings = {
  rows,
  tickSize: instrument.ticks.size,
  lotSize: instrument.lots.size,
  tickLow: Math.floor(Math.min(...ticks.slice(0, 50_000)) * 0.9),
  tickHigh: Math.ceil(Math.max(...ticks.slice(0, 50_000)) * 1.1),
  queue: values.queue,
  entryLatencyUs: 10_000,
  responseLatencyUs: 10_000,
  intervalUs: Number(values.interval),
  firstDecisionUs: Math.ceil(columns.local[0] / 1e6) * 1e6 + 2e6 + 0.5,
  lots: 1,
  positionMax: 100,
  repeats: Number(values.repeats),
}
const write = (name, array) => writeFileSync(join(folder, `${name}.bin`), Buffer.from(array.buffer))
write('local', Float64Array.from(columns.local))
write('venue', Float64Array.from(columns.venue))
write('kind', Uint8Array.from(columns.kind))
write('side', Int8Array.from(columns.side))
write('tick', Int32Array.from(columns.tick))
write('lots', Float64Array.from(columns.lots))
write('order', Int32Array.from(order))
writeFileSync(join(folder, 'settings.json'), JSON.stringify(settings))

function ours() {
  // From memory on both sides, so that neither is judged by its file format.
  const quoter = new TouchQuoter(settings)
  const exchange = new ReplayedExchange({
    universe,
    cash: { [instrument.settle]: 10_000_000 },
    settings: {
      queue: queueModelNamed(values.queue),
      latency: constantLatency(settings.entryLatencyUs, settings.responseLatencyUs),
      fees: { makerBps: 0, takerBps: 0 },
      partialFills: false,
      compatibility: 'hftbacktest',
      margin: 'none',
    },
  })
  const engine = new Engine({
    universe,
    policies: [quoter],
    gate: () => new OpenGate(),
    journal: new NoJournal(),
    venue: exchange,
    cash: { [instrument.settle]: 10_000_000 },
    seed: 1,
  })
  const start = performance.now()
  runBacktest(
    engine,
    exchange,
    new MergedTape([{ source: venueMemory.reader() }], 'venue'),
    new MergedTape([{ source: localMemory.reader() }], 'received'),
  )
  return { seconds: (performance.now() - start) / 1000, quoter }
}

const localMemory = new MemoryTape()
const venueMemory = new MemoryTape()
for (let i = 0; i < rows; i++) push(localMemory, i)
for (const i of order) push(venueMemory, i)
function push(tape, i) {
  tape.push(
    columns.local[i],
    columns.venue[i],
    columns.kind[i],
    0,
    columns.side[i],
    columns.tick[i],
    columns.lots[i],
    0,
    i === 0 ? 3 : 1,
  )
}

const runs = []
for (let i = 0; i < settings.repeats + 1; i++) runs.push(ours())
const timed = runs.slice(1).map(({ seconds }) => seconds)
const fills = runs[0].quoter.fills

const binary = python('hftbacktest', ['hftbacktest==2.4.4'])
runPeer(binary, [join(ROOT, 'bench', 'peers', 'hftbacktest', 'peer.py'), folder])
const peer = JSON.parse(readFileSync(join(folder, 'peer.json'), 'utf8'))

// hftbacktest stamps in ns and, unlike gimbal, at the time of the row; both are compared in µs.
const theirs = peer.fills.map(([id, side, tick, ns]) => [id, side, tick, ns / 1000])
const key = (fill) => fill.join('/')
const theirKeys = new Set(theirs.map(key))
const ourKeys = new Set(fills.map(key))
const onlyOurs = fills.filter((fill) => !theirKeys.has(key(fill)))
const onlyTheirs = theirs.filter((fill) => !ourKeys.has(key(fill)))
const result = {
  instrument: instrument.id,
  queue: values.queue,
  rows,
  orders: { gimbal: runs[0].quoter.sent, hftbacktest: peer.orders },
  fills: { gimbal: fills.length, hftbacktest: theirs.length, equal: fills.length - onlyOurs.length },
  firstDifferences: { gimbal: onlyOurs.slice(0, 3), hftbacktest: onlyTheirs.slice(0, 3) },
  seconds: { gimbal: median(timed), hftbacktest: median(peer.seconds) },
  rowsPerSecond: { gimbal: Math.round(rows / median(timed)), hftbacktest: Math.round(rows / median(peer.seconds)) },
  speedRatio: Number((median(peer.seconds) / median(timed)).toFixed(3)),
}
if (values.json) console.log(JSON.stringify(result, undefined, 2))
else console.log(result)
