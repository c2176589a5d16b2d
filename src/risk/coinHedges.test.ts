/**
 * Goal: a flatten takes risk away and adds none: hedges of coins that stay are left, to the lot, and go where margin is in danger.
 * Method: books of a few positions worked by hand, asked of the real gate after a loss tripped it; then any book of one coin, whose
 * exposure after everything demanded has traded is never larger than before, nor than what stays in coins.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ASK, BID, type Side } from '../market/book.ts'
import { Instrument, Universe } from '../market/instrument.ts'
import { MarketState } from '../market/marketState.ts'
import type { OrderEvent } from '../market/order.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import { Ledger } from '../portfolio/portfolio.ts'
import { DEFAULT_RISK, type FlattenLeaves } from './riskConfig.ts'
import { RiskGate } from './riskGate.ts'

const made = { base: 'BTC', quote: 'USDT', venueSymbol: 'x', multiplier: '1', source: 'test' } as const
const linear = { ...made, payoff: 'linear', settle: 'USDT', tickSize: '1' } as const
const universe = new Universe([
  new Instrument({ ...linear, kind: 'perp', venue: 'dex', lotSize: '0.1' }),
  new Instrument({ ...made, quote: 'USD', kind: 'perp', venue: 'coin', payoff: 'inverse', settle: 'BTC', tickSize: '1', lotSize: '10' }),
  new Instrument({ ...linear, kind: 'spot', venue: 'dex', lotSize: '0.1' }),
  new Instrument({
    ...linear, kind: 'option', venue: 'coin', lotSize: '0.1', expiry: '2030-01-25', strike: '50000', right: 'call',
  }),
  new Instrument({ ...linear, kind: 'perp', venue: 'other', lotSize: '0.1' }),
  new Instrument({ ...linear, base: 'SOL', kind: 'perp', venue: 'dex', lotSize: '1' }),
]) // biome-ignore format: an instrument a row
const [PERP, INVERSE, SPOT, OPTION, OTHER, SOL] = [0, 1, 2, 3, 4, 5] as const
const PRICE = 50_000

interface World {
  readonly btc?: number
  readonly leaves?: FlattenLeaves
  /** Lots by instrument. */
  readonly held: Readonly<Record<number, number>>
}

/** A gate that a loss on SOL trips over the whole account. */
function desk({ btc = 0, leaves = 'coin-hedges', held }: World) {
  const markets = universe.instruments.map((instrument) => new MarketState(instrument))
  const ledger = new Ledger(universe, markets, { BTC: btc, USDT: 1_000_000 })
  const rule = { confirmations: 1, cooldownUs: 0 } as const
  const breakers = [
    { ...rule, breaker: 'daily-loss', act: 'flatten', limit: 0.001 },
    { ...rule, breaker: 'margin-ratio', act: 'flatten', ratioMax: 0.9 },
    { ...rule, breaker: 'equity-nan', act: 'reduce-only', startupUs: 1 },
  ] as const
  const config = { ...DEFAULT_RISK, breakers, checkUs: 1, confirmUs: 1, flattenLeaves: leaves }
  const gate = new RiskGate(config, { universe, markets, ledger, openOrders: () => [] })
  let nowUs = 0
  let fills = 0
  const row = (instrument: number, kind: number, side: number, tick: number, lots: number, value: number) => {
    const batch = new TapeBatch(1)
    nowUs += 1_000_000
    batch.push(nowUs, nowUs, kind, 0, side, tick, lots, value, Flag.END)
    markets[instrument]!.apply(batch, 0, nowUs)
    gate.onMarket(instrument, nowUs)
  }
  const fill = (instrument: number, signedLots: number, tick: number, fee = 0) => {
    const side = Math.sign(signedLots) as Side
    const event: OrderEvent = {
      kind: 'filled', timeUs: ++nowUs, venueTimeUs: nowUs, orderId: 1, instrument, side, tick, lots: Math.abs(signedLots),
      leavesLots: 0, feeAtoms: fee * 1e6, liquidity: 'taker', reason: '', fillId: ++fills, queueAheadLots: -1,
    } // biome-ignore format: an event
    ledger.applyFill(event, tick)
    gate.onOrderEvent(event, undefined)
  }
  for (const i of [PERP, INVERSE, SPOT, OTHER]) row(i, Kind.MARK, 0, 0, 0, PRICE)
  row(OPTION, Kind.MARK, 0, 0, 0, 5_000)
  row(OPTION, Kind.FORWARD, 0, 0, 0, PRICE)
  row(OPTION, Kind.IMPLIED_VOLATILITY, 0, 0, 0, 0.6)
  row(SOL, Kind.MARK, 0, 0, 0, 100)
  gate.onClock(++nowUs)
  for (const [i, lots] of Object.entries(held)) fill(Number(i), lots, Number(i) === OPTION ? 5_000 : PRICE)
  return {
    gate,
    ledger,
    fill,
    row,
    mark: (instrument: number, price: number) => row(instrument, Kind.MARK, 0, 0, 0, price),
    lose: () => fill(SOL, 1, 100, 10_000),
    margin: (venue: string, ratio: number) => gate.reportMargin(venue, ratio, ++nowUs),
    /** Whether the gate's own order to close so many lots is let through. */
    closes: (instrument: number, lots: number) =>
      gate.judge(
        {
          instrument, side: ledger.lots(instrument) > 0 ? ASK : BID, lots, type: 'market', tick: 0, reduceOnly: true,
        },
        -1,
        nowUs,
      ) === '', // biome-ignore format: an order
    left: () => universe.instruments.map((_, i) => gate.leaves(i)),
    /** Acts demanded when the clock is asked some seconds later: what is still unmet. */
    again: () => {
      gate.takeActs()
      nowUs += 120_000_000
      gate.onClock(nowUs)
      return gate.takeActs()?.map(({ act }) => act) ?? []
    },
  }
}

describe('of three coins sold against two held', () => {
  test('one is bought back and the hedge of two is left; then nothing more is asked', () => {
    const world = desk({ btc: 2, held: { [PERP]: -30 } })
    world.lose()
    expect(world.left()).toEqual([-20, 0, 0, 0, 0, 0])
    expect(world.closes(PERP, 10)).toBe(true)
    expect(world.closes(PERP, 11)).toBe(false)
    world.fill(SOL, -1, 100)
    expect(world.again()).toEqual(['flatten'])
    world.fill(PERP, 10, PRICE)
    expect(world.again()).toEqual([])
  })

  test('all are bought back where the coin is the unit', () => {
    const world = desk({ btc: 2, held: { [PERP]: -30 }, leaves: 'nothing' })
    world.lose()
    expect(world.left()).toEqual([0, 0, 0, 0, 0, 0])
    expect(world.closes(PERP, 30)).toBe(true)
  })

  test('a hedge that coins have shrunk beneath by less than a hundredth is left alone, by more is trimmed', () => {
    const near = desk({ btc: 1.99, held: { [PERP]: -20 } })
    near.lose()
    expect(near.left()[PERP]).toBe(-20)
    const far = desk({ btc: 1.95, held: { [PERP]: -20 } })
    far.lose()
    expect(far.left()[PERP]).toBe(-19)
  })
})

test('coins are hedged by what is sold, never by what is bought', () => {
  const world = desk({ btc: 2, held: { [PERP]: 30 } })
  world.lose()
  expect(world.left()[PERP]).toBe(0)
})

test('owed coins keep what was bought against them', () => {
  const world = desk({ btc: -1, held: { [PERP]: 30 } })
  world.lose()
  expect(world.left()[PERP]).toBe(10)
})

test('a coin-settled short keeps the dollars its coins are worth, however the price has moved', () => {
  // 2 coins against 10,000 × 10 dollars sold at 50,000: worth 100,000 dollars at any price.
  const world = desk({ btc: 2, held: { [INVERSE]: -12_000 } })
  world.mark(INVERSE, 40_000)
  for (const i of [PERP, SPOT, OTHER]) world.mark(i, 40_000)
  world.lose()
  // 20,000 dollars too many were sold, and have earned 20,000/40,000 − 20,000/50,000 = 0.1 coins: 4,000 dollars more to hedge.
  expect(world.left()[INVERSE]).toBe(-10_400)
})

test('of two hedges the one whose losses are the coins’ gains is left first', () => {
  const world = desk({ btc: 2, held: { [PERP]: -15, [INVERSE]: -5_000, [OTHER]: -15 } })
  world.lose()
  expect(world.left()).toEqual([-10, -5_000, 0, 0, 0, 0])
})

test('spot is sold together with what hedged it', () => {
  const world = desk({ held: { [PERP]: -20, [SPOT]: 20 } })
  world.lose()
  expect(world.left()).toEqual([0, 0, 0, 0, 0, 0])
})

test('an option is closed together with what hedged it', () => {
  const world = desk({ btc: 1, held: { [PERP]: -20, [OPTION]: 20 } })
  world.lose()
  expect(world.left()).toEqual([-10, 0, 0, 0, 0, 0])
})

test('an option nobody bids for keeps its hedge until somebody does', () => {
  const world = desk({ held: { [PERP]: -30, [OPTION]: 20 } })
  world.row(OPTION, Kind.QUOTE, BID, 4_900, 0, 0)
  world.row(OPTION, Kind.QUOTE, ASK, 5_100, 10, 0)
  world.lose()
  // Seen from 1970, where this clock stands, it has 60 years at 60 %: σ√T/2 = 2.33, and N(2.33) = 0.990 of two coins are 19.8 lots.
  expect(world.left()).toEqual([-19, 0, 0, 0, 0, 0])
  world.row(OPTION, Kind.QUOTE, BID, 4_900, 10, 0)
  expect(world.left()[PERP]).toBe(0)
})

test('of two hedges the one that cannot be closed is the one that is left, and is still left when it can', () => {
  const world = desk({ btc: 2, held: { [PERP]: -20, [OTHER]: -20 } })
  world.row(OTHER, Kind.OUTAGE, 0, 0, 0, 1)
  world.lose()
  expect(world.left()).toEqual([0, 0, 0, 0, -20, 0])
  world.fill(PERP, 20, PRICE)
  world.row(OTHER, Kind.OUTAGE, 0, 0, 0, 0)
  expect(world.left()).toEqual([0, 0, 0, 0, -20, 0])
})

test('what was bought and cannot be sold keeps what was sold against it', () => {
  const world = desk({ held: { [PERP]: -20, [OTHER]: 20 } })
  world.row(OTHER, Kind.OUTAGE, 0, 0, 0, 1)
  world.lose()
  expect(world.left()).toEqual([-20, 0, 0, 0, 0, 0])
  world.row(OTHER, Kind.OUTAGE, 0, 0, 0, 0)
  expect(world.left()).toEqual([0, 0, 0, 0, 0, 0])
})

describe('a venue whose margin is in danger', () => {
  test('has its hedge closed with the rest; one that was not heard of keeps it', () => {
    const world = desk({ btc: 2, held: { [PERP]: -10, [OTHER]: -10 } })
    world.lose()
    expect(world.left()).toEqual([-10, 0, 0, 0, -10, 0])
    world.fill(SOL, -1, 100)
    world.margin('dex', 0.95)
    expect(world.left()).toEqual([0, 0, 0, 0, -10, 0])
    expect(world.again()).toContain('flatten')
  })

  test('closes everything else first and looks again', () => {
    const world = desk({ btc: 2, held: { [PERP]: -30 } })
    world.margin('dex', 0.95)
    expect(world.left()[PERP]).toBe(-20)
    world.fill(PERP, 10, PRICE)
    // Nothing was heard of the margin since: the hedge stands until there is.
    expect(world.again()).toEqual([])
    world.margin('dex', 0.92)
    expect(world.left()[PERP]).toBe(0)
    expect(world.again()).toContain('flatten')
  })

  test('waits for nothing at the brink', () => {
    const world = desk({ btc: 2, held: { [PERP]: -30 } })
    world.margin('dex', 1)
    expect(world.left()[PERP]).toBe(0)
    expect(world.closes(PERP, 30)).toBe(true)
  })

  test('that nobody can reckon is taken to be at the brink', () => {
    const world = desk({ btc: 2, held: { [PERP]: -20 } })
    world.margin('dex', Number.NaN)
    expect(world.left()[PERP]).toBe(0)
  })

  test('keeps a hedge once what was closed has brought it back', () => {
    const world = desk({ btc: 2, held: { [PERP]: -30 } })
    world.margin('dex', 0.95)
    world.fill(PERP, 10, PRICE)
    world.margin('dex', 0.5)
    expect(world.left()[PERP]).toBe(-20)
    expect(world.again()).toEqual([])
  })
})

test('whatever one coin is held in, flattening never makes its exposure larger nor turns it round', () => {
  const lots = fc.integer({ min: -60, max: 60 })
  fc.assert(
    fc.property(fc.integer({ min: -5, max: 5 }), lots, lots, lots, fc.nat(60), (btc, perp, inverse, other, spot) => {
      const held: Record<number, number> = { [PERP]: perp, [INVERSE]: inverse * 100, [OTHER]: other, [SPOT]: spot }
      for (const [i, each] of Object.entries(held)) if (each === 0) delete held[Number(i)]
      const world = desk({ btc, held })
      const units = (left: readonly number[]) =>
        left[PERP]! / 10 + left[OTHER]! / 10 + left[SPOT]! / 10 + (left[INVERSE]! * 10) / PRICE
      world.lose()
      const left = world.left()
      for (const [i, each] of left.entries()) {
        const had = world.ledger.lots(i)
        expect(each * had >= 0 && Math.abs(each) <= Math.abs(had)).toBe(true)
      }
      const before = btc + units(universe.instruments.map((_, i) => world.ledger.lots(i)))
      const after = btc + units(left)
      // A hundredth of slack, and less than a lot of rounding.
      expect(Math.abs(after)).toBeLessThanOrEqual(
        Math.max(Math.abs(before), Math.abs(btc)) + 0.01 * Math.abs(btc) + 1e-6,
      )
      if (btc !== 0) expect(after * btc).toBeGreaterThanOrEqual(-0.01 * btc * btc - 1e-9)
      else expect(after).toBe(0)
    }),
    { numRuns: 100 },
  )
})
