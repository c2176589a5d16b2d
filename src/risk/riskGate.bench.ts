/**
 * What it measures: what the gate costs every market message with all default rules posted, and every order. The first
 * is paid by each row of a backtest that ends a message; an allocation there would add collector pauses to live trading.
 */

import { bench } from '../../tests/bench.ts'
import { Random } from '../core/random.ts'
import { ASK, BID, type Side } from '../market/book.ts'
import { Instrument, Universe } from '../market/instrument.ts'
import { MarketState } from '../market/marketState.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import type { OpenOrder } from '../policies/policy.ts'
import { Ledger } from '../portfolio/portfolio.ts'
import { DEFAULT_RISK } from './riskConfig.ts'
import { RiskGate } from './riskGate.ts'

/** Messages of two instruments, 2 ms apart, each one level near the touch; the gate hears of each, or of none. */
function messages(heard: boolean): (events: number) => number {
  return (events) => {
    const { gate, markets } = desk(0)
    const random = new Random(42)
    const batch = new TapeBatch(8)
    let nowUs = 1e15
    let hash = 0
    for (let i = 0; i < events; i++) {
      nowUs += 2_000
      const side: Side = (i & 1) === 0 ? BID : ASK
      const index = (i >> 1) & 1
      batch.count = 0
      batch.push(
        nowUs,
        nowUs - 900,
        Kind.DEPTH,
        index,
        side,
        50_000 - side * random.integer(1, 20),
        random.integer(1, 900),
        0,
        Flag.END,
      )
      markets[index]!.apply(batch, 0, nowUs)
      if (heard) {
        gate.onMarket(index, nowUs)
        if (gate.nextClockUs <= nowUs) gate.onClock(nowUs)
      }
      hash = (Math.imul(hash, 31) + markets[index]!.bestBid) | 0
    }
    if (gate.latched.length > 0) throw new Error(`A breaker fired: ${gate.latched[0]!.breaker}`)
    return hash
  }
}

/** Orders judged with ten others open. */
function orders(events: number): number {
  const { gate } = desk(10)
  let passed = 0
  for (let i = 0; i < events; i++) {
    const side: Side = (i & 1) === 0 ? BID : ASK
    const tick = 50_000 - side * (1 + (i % 50))
    if (
      gate.judge({ instrument: i & 1, side, lots: 1 + (i % 5), type: 'limit', tick, postOnly: true }, 0, 1e15 + i) ===
      ''
    )
      passed++
  }
  return passed
}

function desk(open: number): { readonly gate: RiskGate; readonly markets: readonly MarketState[] } {
  const universe = new Universe(
    ['BTC', 'ETH'].map(
      (base) =>
        new Instrument({
          base,
          quote: 'USDT',
          kind: 'perp',
          venue: 'bench',
          venueSymbol: base,
          payoff: 'linear',
          settle: 'USDT',
          tickSize: '1',
          lotSize: '0.001',
          multiplier: '1',
          source: 'bench',
        }),
    ),
  )
  const markets = universe.instruments.map((instrument) => new MarketState(instrument))
  const batch = new TapeBatch(64)
  for (const [index, market] of markets.entries()) {
    batch.count = 0
    for (let level = 1; level <= 20; level++)
      for (const side of [BID, ASK] as const)
        batch.push(
          1e15,
          1e15,
          Kind.DEPTH,
          index,
          side,
          50_000 - side * level,
          500,
          0,
          level === 1 && side === BID ? Flag.RESET : 0,
        )
    batch.flags[batch.count - 1]! |= Flag.END
    for (let row = 0; row < batch.count; row++) market.apply(batch, row, 1e15)
  }
  const ledger = new Ledger(universe, markets, { USDT: 100_000 })
  const resting: OpenOrder[] = Array.from({ length: open }, (_, i) => ({
    id: i + 1,
    policy: 0,
    instrument: i & 1,
    side: (i & 2) === 0 ? BID : ASK,
    tick: 50_000,
    lots: 5,
    leavesLots: 5,
    reduceOnly: false,
    state: 'open',
    sentUs: 0,
  }))
  return { gate: new RiskGate(DEFAULT_RISK, { universe, markets, ledger, openOrders: () => resting }), markets }
}

bench('book update alone', [20_000, 5_000_000], messages(false))
bench('book update and the gate, all default rules', [20_000, 5_000_000], messages(true))
bench('gate: judge an order, ten open', [2_000, 500_000], orders)
