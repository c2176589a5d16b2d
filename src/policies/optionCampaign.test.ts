/**
 * Goal: whatever fills and whatever does not, nothing is sold without its cover, no cover is given up early, and no quote is traded
 * that is old or already asked for.
 *
 * Method: the real engine in the ideal market (idealVenue.ts), whose owner refuses, fills in part or stays silent at will.
 */

import { expect, test } from 'vitest'
import { MINUTE_US, SECOND_US } from '../core/clock.ts'
import { Engine } from '../engine/engine.ts'
import { NoJournal } from '../journal/journal.ts'
import { Universe } from '../market/instrument.ts'
import type { OrderEvent } from '../market/order.ts'
import { Kind } from '../market/tape.ts'
import { OpenGate } from '../risk/gate.ts'
import { IdealVenue, idealInstrument } from './idealVenue.ts'
import { OptionBoard } from './optionBoard.ts'
import { OptionCampaign } from './optionCampaign.ts'
import { CHAIN_TIMER, OptionTrader } from './optionTrader.ts'
import type { Policy, PolicyContext } from './policy.ts'

const call = (strike: number) =>
  idealInstrument('perp', 'ETH', { kind: 'option', expiry: '1970-03-01', strike: String(strike), right: 'call' })
const universe = new Universe([idealInstrument('perp'), call(3000), call(3500)])
const BODY = 1
const WING = 2

/** Sells ten of the body covered by ten of the wing, or by another ratio. */
class Covered implements Policy {
  readonly name = 'covered'
  readonly settings = {}
  readonly #bodies: number
  readonly #wings: number
  board!: OptionBoard
  trader!: OptionTrader
  campaign!: OptionCampaign

  constructor(bodies: number, wings: number) {
    this.#bodies = bodies
    this.#wings = wings
  }

  start(context: PolicyContext): readonly number[] {
    this.board = new OptionBoard(context, 'ETH', [BODY, WING], [0], 10, 60)
    const settings = { asset: '', venue: '', freshSeconds: 10, settleSeconds: 1, decisionSeconds: 60 }
    this.trader = new OptionTrader(context, this.board, settings)
    const wing = { option: this.board.at(WING)!, lots: this.#wings }
    this.campaign = new OptionCampaign([{ option: this.board.at(BODY)!, lots: -this.#bodies, cover: wing }, wing])
    return [0, BODY, WING]
  }

  onMarket(index: number): void {
    if (this.board.at(index)) this.trader.heard()
  }

  onOrder(event: OrderEvent): void {
    this.trader.onOrder(event)
    if (event.kind === 'filled') this.campaign.work(this.trader, 'test')
  }

  onTimer(name: string): void {
    expect(name).toBe(CHAIN_TIMER)
    this.trader.decided()
    this.campaign.work(this.trader, 'test')
  }
}

function rig(bodies = 10, wings = 10) {
  const policy = new Covered(bodies, wings)
  const venue = new IdealVenue()
  const cash = { USDC: 1_000_000 }
  const engine = new Engine({
    universe,
    policies: [policy],
    gate: () => new OpenGate(),
    journal: new NoJournal(),
    venue,
    cash,
    seed: 1,
  })
  venue.drive(engine)
  const quote = (lots: number) => {
    venue.book(0, 29_999, 30_001)
    for (const option of [BODY, WING])
      venue.message(option, [
        [Kind.QUOTE, 1, 500, lots, 0, 0],
        [Kind.QUOTE, -1, 510, lots, 0, 0],
      ])
  }
  /** A chain that is decided on. */
  const chain = (lots = 100) => {
    venue.waitUntil(venue.nowUs + 2 * MINUTE_US)
    quote(lots)
    venue.waitUntil(venue.nowUs + 2 * SECOND_US)
  }
  const held = () => [engine.ledger.lots(BODY), engine.ledger.lots(WING)]
  return { policy, venue, engine, quote, chain, held }
}

test('cover first, then what it covers, a moment after the chain has settled', () => {
  const { venue, chain, held } = rig()
  chain()
  expect(held()).toEqual([-10, 10])
  expect(venue.sent.map(({ order }) => [order.instrument, order.side * order.lots])).toEqual([
    [WING, 10],
    [BODY, -10],
  ])
  expect(venue.sent[0]!.timeUs).toBe(2 * MINUTE_US + SECOND_US)
  expect(venue.sent.every(({ order }) => order.type === 'limit' && order.timeInForce === 'IOC')).toBe(true)
})

test('no cover, no sale; and a refusal rests before it is tried again', () => {
  const { venue, chain, held } = rig()
  venue.refuse = ({ instrument }) => (instrument === WING ? 'margin' : '')
  chain()
  expect(held()).toEqual([0, 0])
  expect(venue.sent).toHaveLength(1)
  venue.refuse = () => ''
  chain()
  expect(held()).toEqual([-10, 10])
})

test('cover filled in part allows its part', () => {
  const { venue, chain, held } = rig()
  venue.lotsMax = 3
  chain(10)
  expect(held()).toEqual([-3, 3])
  chain(10)
  // Three of the seven asked for, and then three of the three that had not been.
  expect(held()).toEqual([-9, 9])
})

test('where three are sold on two, two thirds of a lot is no lot', () => {
  const { venue, chain, held } = rig(3, 2)
  chain(1)
  // One wing covers a body and a half.
  expect(held()).toEqual([-1, 1])
  chain(1)
  expect(held()).toEqual([-2, 2])
  venue.refuse = ({ instrument }) => (instrument === WING ? 'margin' : '')
  chain(1)
  expect(held()).toEqual([-3, 2])
})

test('cover is kept until what it covers has been bought back', () => {
  const { policy, venue, chain, held } = rig()
  chain()
  policy.campaign.closing = true
  venue.refuse = ({ instrument, side }) => (instrument === BODY && side > 0 ? 'margin' : '')
  chain()
  expect(held()).toEqual([-10, 10])
  venue.refuse = () => ''
  venue.lotsMax = 4
  chain(10)
  // The order for the other six may still fill until the venue says otherwise.
  expect(held()).toEqual([-6, 10])
  venue.lotsMax = 100
  chain(10)
  expect(held()).toEqual([0, 0])
  expect(policy.campaign.flat(policy.trader)).toBe(true)
})

test('never more than is shown, and not twice of the same showing', () => {
  const { policy, venue, chain, held } = rig()
  chain(4)
  expect(held()).toEqual([-4, 4])
  policy.campaign.work(policy.trader, 'test')
  venue.deliver()
  expect(held()).toEqual([-4, 4])
  chain(4)
  expect(held()).toEqual([-8, 8])
  chain(4)
  expect(held()).toEqual([-10, 10])
})

test('a quote of eleven seconds ago is not traded, nor one with a side missing', () => {
  const { policy, venue, quote, held } = rig()
  venue.refuse = () => 'venue-down'
  quote(100)
  venue.waitUntil(venue.nowUs + 2 * SECOND_US)
  const sent = venue.sent.length
  venue.refuse = () => ''
  venue.waitUntil(venue.nowUs + 3 * MINUTE_US)
  venue.book(0, 29_999, 30_001)
  policy.campaign.work(policy.trader, 'test')
  expect(venue.sent).toHaveLength(sent)
  for (const option of [BODY, WING])
    venue.message(option, [
      [Kind.QUOTE, 1, 500, 100, 0, 0],
      [Kind.QUOTE, -1, 0, 0, 0, 0],
    ])
  policy.campaign.work(policy.trader, 'test')
  expect(venue.sent).toHaveLength(sent)
  expect(held()).toEqual([0, 0])
})
