/**
 * @file gimbal and NautilusTrader on the same quotes and trades with the same decisions: speeds as a ratio in one run,
 * and how many orders and fills each made.
 *
 *   node bench/peers/nautilus/compare.mjs --catalog DIR [--instrument ID] [--repeats 5]
 *
 * NautilusTrader's newest release wants Python 3.12; the registry gives an older Python the last one that runs on it,
 * and the result says which. Its fills are not compared one by one: on quotes and trades its matching engine keeps no queue
 * ahead of a resting order; with `prob_fill_on_limit` 0 an order fills only when the price moves through it.
 */

import { execFileSync } from 'node:child_process'
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
import { ReplayedExchange } from '../../../dist/sim/replayedExchange.js'
import { Catalog } from '../../../dist/store/catalog.js'
import { openTapes } from '../../../dist/store/openTapes.js'
import { median, python, ROOT, runPeer } from '../environment.mjs'
import { TouchQuoter } from '../touchQuoter.mjs'

const { values } = parseArgs({
  options: {
    catalog: { type: 'string' },
    instrument: { type: 'string', default: 'BTC-USDT-PERP@binance-usdm' },
    repeats: { type: 'string', default: '5' },
    interval: { type: 'string', default: '100000' },
  },
})
if (!values.catalog) throw new Error('--catalog DIR is needed: gimbal import … --catalog DIR makes one')
const folder = join(ROOT, '.cache', 'peers', 'exchange')
mkdirSync(folder, { recursive: true })

const opened = await openTapes(new Catalog(values.catalog), {
  instruments: [values.instrument],
  streams: ['quote', 'trade'],
})
const instrument = opened.universe.at(0)
const universe = new Universe([instrument])
const quotes = { local: [], venue: [], bid: [], ask: [], bidLots: [], askLots: [] }
const trades = { local: [], venue: [], side: [], tick: [], lots: [] }
const tape = new MemoryTape()
const merged = new MergedTape(opened.reopen(), 'received')
const touch = [0, 0, 0, 0]
let rows = 0
while (merged.advance()) {
  const { batch, row, timeUs, venueTimeUs } = merged
  const kind = batch.kind[row]
  const side = batch.side[row]
  tape.push(timeUs, venueTimeUs, kind, 0, side, batch.tick[row], batch.lots[row], batch.value[row], batch.flags[row])
  rows++
  if (kind === Kind.QUOTE) {
    if (side === 1) [touch[0], touch[2]] = [batch.tick[row], batch.lots[row]]
    else {
      touch[1] = batch.tick[row]
      touch[3] = batch.lots[row]
      quotes.local.push(timeUs)
      quotes.venue.push(venueTimeUs)
      quotes.bid.push(touch[0])
      quotes.ask.push(touch[1])
      quotes.bidLots.push(touch[2])
      quotes.askLots.push(touch[3])
    }
  } else if (kind === Kind.TRADE && side !== 0) {
    trades.local.push(timeUs)
    trades.venue.push(venueTimeUs)
    trades.side.push(side)
    trades.tick.push(batch.tick[row])
    trades.lots.push(batch.lots[row])
  }
}
merged.close()
const decimals = (text) => text.split('.')[1]?.length ?? 0
const settings = {
  tickSize: instrument.ticks.size,
  lotSize: instrument.lots.size,
  priceDigits: decimals(instrument.ticks.text),
  sizeDigits: decimals(instrument.lots.text),
  entryLatencyUs: 10_000,
  responseLatencyUs: 10_000,
  intervalUs: Number(values.interval),
  firstDecisionUs: Math.ceil(quotes.local[0] / 1e6) * 1e6 + 0.5,
  lots: 1,
  positionMax: 100,
  repeats: Number(values.repeats),
}
const write = (name, array) => writeFileSync(join(folder, `${name}.bin`), Buffer.from(array.buffer))
write('quoteLocal', Float64Array.from(quotes.local))
write('quoteVenue', Float64Array.from(quotes.venue))
write('bid', Int32Array.from(quotes.bid))
write('ask', Int32Array.from(quotes.ask))
write('bidLots', Float64Array.from(quotes.bidLots))
write('askLots', Float64Array.from(quotes.askLots))
write('tradeLocal', Float64Array.from(trades.local))
write('tradeVenue', Float64Array.from(trades.venue))
write('tradeSide', Int8Array.from(trades.side))
write('tradeTick', Int32Array.from(trades.tick))
write('tradeLots', Float64Array.from(trades.lots))
writeFileSync(join(folder, 'settings.json'), JSON.stringify(settings))

function ours() {
  const quoter = new TouchQuoter(settings)
  const cash = { [instrument.settle]: 10_000_000 }
  const exchange = new ReplayedExchange({
    universe,
    cash,
    settings: {
      latency: constantLatency(settings.entryLatencyUs, settings.responseLatencyUs),
      fees: { makerBps: 0, takerBps: 0 },
    },
  })
  const engine = new Engine({
    universe,
    policies: [quoter],
    gate: () => new OpenGate(),
    journal: new NoJournal(),
    venue: exchange,
    cash,
    seed: 1,
  })
  const start = performance.now()
  runBacktest(
    engine,
    exchange,
    new MergedTape([{ source: tape.reader() }], 'venue'),
    new MergedTape([{ source: tape.reader() }], 'received'),
  )
  return { seconds: (performance.now() - start) / 1000, quoter }
}
const runs = Array.from({ length: settings.repeats + 1 }, ours)
const timed = runs.slice(1).map(({ seconds }) => seconds)

const binary = python('nautilus', ['nautilus_trader'])
const version = execFileSync(binary, ['-c', 'import nautilus_trader; print(nautilus_trader.__version__)'], {
  encoding: 'utf8',
}).trim()
runPeer(binary, [join(ROOT, 'bench', 'peers', 'nautilus', 'peer.py'), folder])
const peer = JSON.parse(readFileSync(join(folder, 'peer.json'), 'utf8'))
const points = quotes.local.length + trades.local.length
console.log(
  JSON.stringify(
    {
      instrument: instrument.id,
      nautilus: version,
      points,
      tapeRows: rows,
      orders: { gimbal: runs[0].quoter.sent, nautilus: peer.orders },
      fills: { gimbal: runs[0].quoter.fills.length, nautilus: peer.fills },
      seconds: { gimbal: median(timed), nautilus: median(peer.seconds) },
      pointsPerSecond: {
        gimbal: Math.round(points / median(timed)),
        nautilus: Math.round(points / median(peer.seconds)),
      },
      speedRatio: Number((median(peer.seconds) / median(timed)).toFixed(1)),
    },
    undefined,
    2,
  ),
)
