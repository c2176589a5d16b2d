/**
 * What it measures: one level update of the book, and one row through merge and market state. Every row of every run
 * pays both, twice: once in the exchange's view, once in the engine's.
 */

import { bench } from '../../tests/bench.ts'
import { Random } from '../core/random.ts'
import { ASK, BID, Book } from './book.ts'
import { Instrument } from './instrument.ts'
import { MarketState } from './marketState.ts'
import { Flag, Kind, MergedTape, TapeBatch } from './tape.ts'

/** Updates whose distance from the touch is uniform in [1, spread] ticks; half of them remove. */
function updates(spread: number): (events: number) => number {
  return (events) => {
    const random = new Random(42)
    const book = new Book()
    book.reset()
    let hash = 0
    for (let i = 0; i < events; i++) {
      const side = random.bits() > 0 ? BID : ASK
      const lots = book.set(side, 640_000 - side * random.integer(1, spread), random.integer(-3, 3) & 3)
      hash = (Math.imul(hash, 31) + book.bestBid + lots) | 0
    }
    return hash
  }
}

bench('book: updates within 20 ticks', [1_000, 5_000_000], updates(20))
bench('book: updates within 2,000 ticks', [1_000, 5_000_000], updates(2_000))
bench('book: updates within 100,000 ticks', [1_000, 1_000_000], updates(100_000))

bench('tape: rows through merge and market state', [1_000, 5_000_000], (events) => {
  const random = new Random(7)
  const rows = 65_536
  const batch = new TapeBatch(rows)
  for (let i = 0; i < rows; i++) {
    const side = random.bits() > 0 ? BID : ASK
    const flags = (i % 8 === 7 ? Flag.END : 0) | (i === 0 ? Flag.RESET : 0)
    batch.push(i, i, Kind.DEPTH, 0, side, 640_000 - side * random.integer(1, 200), random.integer(0, 3), 0, flags)
  }
  let left = Math.ceil(events / rows)
  const source = { next: () => (left-- > 0 ? batch : undefined), close: () => {} }
  const merged = new MergedTape([{ source }, { source: { next: () => undefined, close: () => {} } }])
  const market = new MarketState(
    new Instrument({
      base: 'BTC',
      quote: 'USDT',
      kind: 'perp',
      venue: 'bench',
      venueSymbol: 'BTCUSDT',
      payoff: 'linear',
      settle: 'USDT',
      tickSize: '0.1',
      lotSize: '0.001',
      multiplier: '1',
      source: 'bench',
    }),
  )
  let hash = 0
  for (let i = 0; i < events && merged.advance(); i++) {
    if (market.apply(merged.batch, merged.row, merged.timeUs)) hash = (Math.imul(hash, 31) + market.bestBid) | 0
  }
  return hash
})
