/**
 * What it measures: Greeks of a book of a thousand options, position by position and as a table; a run's book brought up to date and
 * differentiated, which a hedger does at every event; a day's profit of that book explained. An event here is one option.
 * A regression slows every backtest with options in proportion, and the risk page with it.
 */

import { bench } from '../../tests/bench.ts'
import { Random } from '../core/random.ts'
import { Instrument, type InstrumentSpec, Universe } from '../market/instrument.ts'
import { MarketState } from '../market/marketState.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import type { Book, OptionPosition } from './book.ts'
import { BookOfRun } from './engineBook.ts'
import { explainProfit } from './explain.ts'
import { greeksTable } from './greeksTable.ts'
import { SnapshotView } from './marketView.ts'
import { Ledger } from './portfolio.ts'
import { noPositionGreeks, positionGreeks } from './positionGreeks.ts'

const DAY_US = 86_400e6
const NOW_US = Date.UTC(2026, 0, 15) * 1000
const facts = { timeUs: NOW_US, spot: { BTC: 90_000 }, volatility: { BTC: 0.5 }, basis: { BTC: 0.05 } }
const market = new SnapshotView(facts)
const nextDay = new SnapshotView({
  ...facts,
  timeUs: NOW_US + DAY_US,
  spot: { BTC: 91_000 },
  volatility: { BTC: 0.52 },
})

/** A thousand options over twenty expiries and fifty strikes, half of them in coins. */
function options(): OptionPosition[] {
  const random = new Random(42)
  return Array.from({ length: 1_000 }, (_, i) => ({
    kind: 'option',
    asset: 'BTC',
    size: random.normal(),
    right: i % 2 === 0 ? 1 : -1,
    strike: 60_000 + 1_200 * (i % 50),
    expiryUs: NOW_US + (3 + 10 * Math.floor(i / 50)) * DAY_US,
    settle: i % 4 < 2 ? 'BTC' : 'USDC',
  }))
}

const book = (): Book => ({ accounts: [{ venue: 'v', balances: {}, positions: options() }], inTransit: [] })

bench('greeks: one position after another', [2_000, 1_000_000], (events) => {
  const held = options()
  const out = noPositionGreeks()
  let sum = 0
  for (let done = 0; done < events; done++) sum += positionGreeks(held[done % 1_000]!, 'v', market, out).delta
  return Math.round(sum * 1e3) | 0
})

bench('greeks: table of a book', [2_000, 300_000], (events) => {
  const held = book()
  let sum = 0
  for (let done = 0; done < events; done += 1_000) sum += greeksTable(held, market).total.vega
  return Math.round(sum) | 0
})

bench('greeks: a day explained', [2_000, 300_000], (events) => {
  const held = book()
  let sum = 0
  for (let done = 0; done < events; done += 1_000)
    sum += explainProfit({ book: held, from: market, to: nextDay }).parts.gamma
  return Math.round(sum) | 0
})

/** A run that lists four thousand options and holds forty of them. */
function run(settings: { options: 'repriced' | 'marks' }) {
  const spec: InstrumentSpec = {
    base: 'BTC', quote: 'USD', kind: 'option', venue: 'deribit', venueSymbol: '', payoff: 'inverse', settle: 'BTC',
    tickSize: '0.0001', lotSize: '0.1', multiplier: '1', source: 'bench',
  } // biome-ignore format: one instrument
  const listed = Array.from({ length: 4_000 }, (_, i) => ({
    ...spec,
    expiry: `2026-0${2 + Math.floor(i / 1_000)}-27`,
    strike: String(40_000 + 200 * (i % 500)),
    right: Math.floor(i / 500) % 2 === 0 ? ('call' as const) : ('put' as const),
  }))
  const perp: InstrumentSpec = { ...spec, quote: 'USDC', kind: 'perp', payoff: 'linear', settle: 'USDC', tickSize: '1' }
  const universe = new Universe([perp, ...listed].map((each) => new Instrument(each)))
  const markets = universe.instruments.map((instrument) => new MarketState(instrument))
  const ledger = new Ledger(universe, markets, { USDC: 1e6, BTC: 10 })
  const batch = new TapeBatch(8)
  const hear = (instrument: number, kind: number, value: number) => {
    batch.count = 0
    batch.push(NOW_US, NOW_US, kind, instrument, 0, 0, 0, value, Flag.END)
    markets[instrument]!.apply(batch, 0, NOW_US)
  }
  hear(0, Kind.MARK, 90_000)
  for (let i = 1; i <= 4_000; i += 100) {
    hear(i, Kind.FORWARD, 90_500)
    hear(i, Kind.INDEX, 90_000)
    hear(i, Kind.IMPLIED_VOLATILITY, 0.5)
    hear(i, Kind.MARK, 0.6)
    ledger.applyFill(
      {
        kind: 'filled', timeUs: 0, venueTimeUs: 0, orderId: 1, instrument: i, side: 1, tick: 500, lots: 10, leavesLots: 0,
        feeAtoms: 0, liquidity: 'taker', reason: '', fillId: i, queueAheadLots: -1,
      }, // biome-ignore format: one fill
      Number.NaN,
    )
  }
  return new BookOfRun(universe, ledger, (i) => markets[i]!, settings)
}

for (const settings of [{ options: 'repriced' }, { options: 'marks' }] as const)
  bench(`greeks: of a run's book, ${settings.options}`, [400, 400_000], (events) => {
    const held = run(settings)
    let sum = 0
    for (let done = 0; done < events; done += 40) sum += held.refresh(NOW_US + done).greeks('BTC').delta
    return Math.round(sum) | 0
  })
