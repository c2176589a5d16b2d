/**
 * What it measures: one level update through engine and market maker, decisions every quarter of a second included; and
 * the same through the engine alone, to be subtracted. It is paid for every message of a backtest, and anything
 * allocated on a message that changes nothing shows as bytes per event.
 */

import { bench } from '../../tests/bench.ts'
import { Random } from '../core/random.ts'
import { Engine } from '../engine/engine.ts'
import { NoJournal } from '../journal/journal.ts'
import { Universe } from '../market/instrument.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import { OpenGate } from '../risk/gate.ts'
import { IdealVenue, idealInstrument } from './idealVenue.ts'
import { MarketMaker } from './marketMaker.ts'

/** A thousand updates a second around 30,000 ticks, every fiftieth message a trade of random depth. */
function messages(quoting: boolean): (events: number) => number {
  return (events) => {
    const universe = new Universe([idealInstrument('perp')])
    const venue = new IdealVenue()
    const engine = new Engine({
      universe,
      policies: quoting ? [MarketMaker.fromSettings({}, universe)] : [],
      gate: () => new OpenGate(),
      journal: new NoJournal(),
      venue,
      cash: { USDC: 1e6 },
      seed: 1,
    })
    venue.drive(engine)
    venue.book(0, 29_998, 30_002)
    const random = new Random(3)
    const batch = new TapeBatch(8)
    let hash = 0
    for (let i = 1; i <= events; i++) {
      const side = random.bits() > 0 ? 1 : -1
      const away = 2 + (random.bits() & 15)
      venue.nowUs = i * 1000
      batch.count = 0
      if (i % 50 === 0) batch.push(venue.nowUs, venue.nowUs, Kind.TRADE, 0, side, 30_000 + side * away, 1, 0, Flag.END)
      else batch.push(venue.nowUs, venue.nowUs, Kind.DEPTH, 0, side, 30_000 - side * away, away & 3, 0, Flag.END)
      engine.stepRow(batch, 0, 0, venue.nowUs)
      venue.deliver()
      hash = (Math.imul(hash, 31) + venue.sent.length) | 0
    }
    return hash
  }
}

bench('market maker: message through the engine', [20_000, 2_000_000], messages(true))
bench('market maker: the engine alone', [20_000, 2_000_000], messages(false))
