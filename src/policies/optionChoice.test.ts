/**
 * Goal: what is chosen to stand together can: legs of one venue and one settlement, whose lots are alike.
 * Method: the same strikes at two venues with lots of a tenth and a hundredth, quoted in the ideal market.
 */

import { expect, test } from 'vitest'
import { DAY_US } from '../core/clock.ts'
import { Engine } from '../engine/engine.ts'
import { NoJournal } from '../journal/journal.ts'
import { Universe } from '../market/instrument.ts'
import { OpenGate } from '../risk/gate.ts'
import { IdealVenue, idealInstrument } from './idealVenue.ts'
import { OptionBoard } from './optionBoard.ts'
import { freshExpiries, nearestDelta, straddle } from './optionChoice.ts'
import type { Policy, PolicyContext } from './policy.ts'

const option = (venue: string, lotSize: string, right: 'call' | 'put', strike: string) =>
  idealInstrument('perp', 'ETH', { kind: 'option', expiry: '1970-02-01', venue, lotSize, right, strike })
const universe = new Universe([
  idealInstrument('perp'),
  option('large', '0.1', 'call', '3000'),
  option('large', '0.1', 'put', '3000'),
  option('small', '0.01', 'put', '3000'),
  option('small', '0.01', 'call', '3000'),
  option('small', '0.01', 'call', '3600'),
  option('large', '0.1', 'call', '3800'),
])

class Looker implements Policy {
  readonly name = 'looker'
  readonly settings = {}
  board!: OptionBoard
  start(context: PolicyContext): readonly number[] {
    const options = [1, 2, 3, 4, 5, 6]
    this.board = new OptionBoard(context, 'ETH', options, [0], 60, 60)
    return [0, ...options]
  }
  onMarket(): void {}
}

test('wings and bodies are of one venue: a lot that covers is as large as the one covered', () => {
  const looker = new Looker()
  const venue = new IdealVenue()
  const gate = () => new OpenGate()
  const parts = { universe, policies: [looker], gate, journal: new NoJournal(), venue, cash: { USDC: 1e6 }, seed: 1 }
  venue.drive(new Engine(parts))
  venue.book(0, 29_999, 30_001)
  for (const index of [1, 2, 3, 4]) venue.book(index, 1_700, 1_720)
  for (const index of [5, 6]) venue.book(index, 200, 210)
  const expiries = freshExpiries(looker.board, venue.nowUs, 30, 1, 60)
  expect(expiries.map(({ options }) => options.map(({ index }) => index))).toEqual([
    [1, 2, 6],
    [3, 4, 5],
  ])
  for (const expiry of expiries) {
    const body = straddle(looker.board, expiry)!
    const wing = nearestDelta(expiry, 1, 0.05, body.call.strike)!
    expect([body.put.lotBase, wing.lotBase]).toEqual([body.call.lotBase, body.call.lotBase])
    expect(expiry.days).toBeCloseTo((body.call.expiryUs - venue.nowUs) / DAY_US, 12)
  }
})
