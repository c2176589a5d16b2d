/**
 * @file How much of a backtest is the queue model: one quoter, one market, every model of our place in the queue.
 *
 * A recording shows how much rests at a price, not who. When some of it disappears without a trade, was it ahead of us
 * or behind? `risk-averse` says behind, always, and fills least; the probability models credit us with a part. A profit
 * that is there under one model and gone under the next is an assumption, not an edge.
 *
 * The market is a quiet one, written row by row: the price stands still, and nine tenths of what leaves the queue is
 * cancelled rather than traded.
 *
 * Run it: node examples/06-queue-models.ts
 * With the package installed, import from 'gimbal/market', 'gimbal/sim' and so on.
 */

import { fileURLToPath } from 'node:url'
import { Random } from '../src/core/random.ts'
import { Engine } from '../src/engine/engine.ts'
import { NoJournal } from '../src/journal/journal.ts'
import { ASK, BID } from '../src/market/book.ts'
import { Instrument, Universe } from '../src/market/instrument.ts'
import { Flag, Kind, MemoryTape, MergedTape } from '../src/market/tape.ts'
import type { Policy, PolicyContext } from '../src/policies/policy.ts'
import { DEFAULT_RISK } from '../src/risk/riskConfig.ts'
import { RiskGate } from '../src/risk/riskGate.ts'
import { runBacktest } from '../src/sim/backtest.ts'
import { queueModelNamed } from '../src/sim/queueModels.ts'
import { ReplayedExchange } from '../src/sim/replayedExchange.ts'

const MODELS = ['risk-averse', 'power3:3', 'power:3', 'log2', 'power3:1', 'log', 'power2:3']
const START_US = Date.UTC(2026, 0, 1) * 1000
const TICK = { [BID]: 30_000, [ASK]: 30_001 }

const universe = new Universe([
  new Instrument({
    base: 'ETH',
    quote: 'USDC',
    kind: 'perp',
    venue: 'quiet',
    venueSymbol: 'ETH-PERP',
    payoff: 'linear',
    settle: 'USDC',
    tickSize: '0.1',
    lotSize: '0.01',
    multiplier: '1',
    source: 'example',
  }),
])

/** Ten minutes of two queues that are joined, left and traded at, twenty times a second. */
function quietMarket(): MemoryTape {
  const random = new Random(6)
  const tape = new MemoryTape()
  const lots = { [BID]: 300, [ASK]: 300 }
  let timeUs = START_US
  const row = (kind: number, side: number, tick: number, size: number, flags: number) =>
    tape.push(timeUs, timeUs - 2000, kind, 0, side, tick, size, 0, flags)
  row(Kind.DEPTH, BID, TICK[BID], lots[BID], Flag.RESET)
  row(Kind.DEPTH, ASK, TICK[ASK], lots[ASK], Flag.END)
  for (let message = 0; message < 12_000; message++) {
    timeUs += Math.ceil(random.exponential(50_000))
    const side = random.bits() > 0 ? BID : ASK
    const size = random.integer(1, 20)
    // Longer queues are left more often than joined, so they come back to their usual length.
    if (random.uniform() > lots[side] / 600) lots[side] += size
    else {
      const gone = Math.min(size, lots[side] - 100)
      if (gone <= 0) continue
      lots[side] -= gone
      // Whoever takes from the bids sells.
      if (random.uniform() < 0.1) row(Kind.TRADE, -side, TICK[side], gone, 0)
    }
    row(Kind.DEPTH, side, TICK[side], lots[side], Flag.END)
  }
  return tape
}

/** Keeps one order of five lots at each touch, and waits. */
function waitingQuoter(): Policy {
  let context: PolicyContext
  return {
    name: 'waiting-quoter',
    settings: { lots: 5 },
    start: (lent) => {
      context = lent
      return [0]
    },
    onMarket: () => {
      for (const side of [BID, ASK] as const) {
        if (context.orders().some((order) => order.side === side)) continue
        context.submit({ instrument: 0, side, tick: TICK[side], lots: 5, type: 'limit', postOnly: true })
      }
    },
  }
}

function run(model: string, tape: MemoryTape) {
  const cash = { USDC: 100_000 }
  const venue = new ReplayedExchange({ universe, cash, settings: { queue: queueModelNamed(model) } })
  const engine = new Engine({
    universe,
    cash,
    venue,
    policies: [waitingQuoter()],
    gate: (parts) => new RiskGate(DEFAULT_RISK, parts),
    journal: new NoJournal(),
    seed: 1,
  })
  const view = (order: 'venue' | 'received') => new MergedTape([{ source: tape.reader() }], order)
  runBacktest(engine, venue, view('venue'), view('received'))
  const { fills, lotsTraded, spreadAtoms } = engine.ledger.holding(0)
  return { model, fills, lotsTraded, spread: spreadAtoms / 1e6, equity: engine.ledger.equity }
}

export function main(print: (line: string) => void) {
  const tape = quietMarket()
  const results = MODELS.map((model) => run(model, tape))
  print('model        fills    lots  earned against the mid, USDC')
  for (const { model, fills, lotsTraded, spread } of results)
    print(
      `${model.padEnd(11)} ${String(fills).padStart(6)} ${String(lotsTraded).padStart(7)} ${spread.toFixed(2).padStart(29)}`,
    )
  return results
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(console.log)
