/**
 * Goal: the first policies behave in a market with queues, latency and a crash: no limit of their own is passed, hedges
 * hold, and the run is the same every time.
 *
 * Method: market maker and carry together on twenty minutes of the generated market, through the replayed exchange.
 */

import { describe, expect, test } from 'vitest'
import { Engine } from '../../engine/engine.ts'
import { NoJournal } from '../../journal/journal.ts'
import type { OrderEvent } from '../../market/order.ts'
import { buildPolicy } from '../../policies/registry.ts'
import { OpenGate } from '../../risk/gate.ts'
import { runBacktest } from '../backtest.ts'
import { ReplayedExchange } from '../replayedExchange.ts'
import { generateMarket } from './generatedMarket.ts'

/** Spot and perpetual of the pair, and the perpetual that is quoted. */
const SPOT = 0
const HEDGE = 1
const QUOTED = 2

function run(seed: number) {
  const market = generateMarket({ hours: 1 / 3, seed })
  const { universe } = market
  const cash = { USDC: 200_000 }
  const maker = buildPolicy(
    'market-maker',
    { instruments: universe.at(QUOTED).id, inventoryOrders: 3, orderLots: 20 },
    universe,
  )
  // Funding comes hourly and this market is shorter: the pair is entered for its own sake, to see it hedged.
  const pair = { entryEdgeBps: -1000, exitYearly: -10, fundingsMin: 1, capitalShare: 0.3, sliceNotional: 5000 }
  const venue = new ReplayedExchange({ universe, cash })
  const seen = { crossing: 0, inventoryMax: 0, unhedgedMax: 0, messages: 0, events: [] as OrderEvent[] }
  const engine = new Engine({
    universe,
    policies: [maker, buildPolicy('carry', pair, universe)],
    gate: () => new OpenGate(),
    journal: new NoJournal(),
    venue,
    cash,
    seed: 1,
    observer: {
      onOrder: (order) => {
        seen.messages++
        const state = engine.markets[order.instrument]
        if (
          order.instrument === QUOTED &&
          order.side * (order.tick - (order.side > 0 ? state.bestAsk : state.bestBid)) >= 0
        )
          seen.crossing++
      },
      onOrderEvent: (event) => {
        if (event.kind !== 'filled') return
        seen.events.push(event)
        seen.inventoryMax = Math.max(seen.inventoryMax, Math.abs(engine.ledger.lots(QUOTED)))
        seen.unhedgedMax = Math.max(seen.unhedgedMax, Math.abs(engine.ledger.lots(SPOT) + engine.ledger.lots(HEDGE)))
      },
    },
  })
  // A funding payment of before the start is what the pair's policy waits for.
  engine.markets[HEDGE].fundingRate = 0.0001
  engine.markets[HEDGE].fundingIntervalUs = 3_600_000_000
  engine.markets[HEDGE].fundedUs = market.facts.startUs
  runBacktest(engine, venue, market.venueTape(), market.receivedTape())
  return { engine, seen }
}

describe('twenty minutes with a crash', () => {
  const { engine, seen } = run(5)

  test('the maker trades, never sends a crossing quote, and never holds more than three orders of 20 lots', () => {
    expect(engine.ledger.holding(QUOTED).fills).toBeGreaterThan(50)
    expect(engine.ledger.holding(QUOTED).makerFills).toBe(engine.ledger.holding(QUOTED).fills)
    expect(seen.crossing).toBe(0)
    expect(seen.inventoryMax).toBeLessThanOrEqual(60)
  })

  test('the pair is never unequal by more than a slice of 5,000 dollars, and ends even', () => {
    expect(engine.ledger.lots(SPOT)).toBeGreaterThan(500)
    expect(engine.ledger.lots(SPOT) + engine.ledger.lots(HEDGE)).toBe(0)
    // A slice is 166 lots at 3,000; the price falls in the crash and a slice grows in lots.
    expect(seen.unhedgedMax).toBeLessThanOrEqual(200)
  })

  test('the same run again is the same, fill by fill', () => {
    expect(run(5).seen.events).toEqual(seen.events)
  })
})
