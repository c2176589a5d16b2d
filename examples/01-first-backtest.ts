/**
 * @file Thirty lines that trade: a generated market, a policy of our own, the replayed exchange, a result.
 *
 * Run it: node examples/01-first-backtest.ts (Node 22.18 and later read TypeScript by themselves).
 * Here the sources are imported; with the package installed it is 'gimbal/engine', 'gimbal/sim' and so on.
 */

import { fileURLToPath } from 'node:url'
import { Engine } from '../src/engine/engine.ts'
import { NoJournal } from '../src/journal/journal.ts'
import { ASK, BID } from '../src/market/book.ts'
import type { Policy, PolicyContext } from '../src/policies/policy.ts'
import { DEFAULT_RISK } from '../src/risk/riskConfig.ts'
import { RiskGate } from '../src/risk/riskGate.ts'
import { runBacktest } from '../src/sim/backtest.ts'
import { generateMarket } from '../src/sim/market/generatedMarket.ts'
import { ReplayedExchange } from '../src/sim/replayedExchange.ts'

/** Buys at the bid when it holds nothing, sells at the ask what it holds; gives every order ten seconds. */
function patientTrader(instrument: number): Policy {
  let context: PolicyContext
  return {
    name: 'patient-trader',
    settings: { instrument },
    start: (lent) => {
      context = lent
      return [instrument]
    },
    onMarket: () => {
      const market = context.market(instrument)
      if (!market.quoted || context.orders().length > 0) return
      const held = context.portfolio.lots(instrument)
      const [side, tick] = held > 0 ? [ASK, market.bestAsk] : [BID, market.bestBid]
      const expiresUs = context.clock.nowUs + 10_000_000
      const lots = held > 0 ? held : 20
      context.submit({ instrument, side, lots, tick, type: 'limit', timeInForce: 'GTT', expiresUs, postOnly: true })
    },
  }
}

export function main(print: (line: string) => void) {
  const market = generateMarket({ seed: 7, hours: 1 / 3, crash: false })
  const { universe } = market
  const cash = { USDC: 100_000 }
  const perp = universe.index('ETH-USDC-PERP@generated-north')

  const venue = new ReplayedExchange({ universe, cash })
  const engine = new Engine({
    universe,
    cash,
    venue,
    policies: [patientTrader(perp)],
    gate: (parts) => new RiskGate(DEFAULT_RISK, parts),
    journal: new NoJournal(),
    seed: 1,
  })
  const { rows } = runBacktest(engine, venue, market.venueTape(), market.receivedTape())

  const { fills, makerFills, spreadAtoms, feesAtoms } = engine.ledger.holding(perp)
  const { equity } = engine.ledger
  print(`${rows} rows of a ${market.facts.provenance} market, ${fills} fills, ${makerFills} of them as maker`)
  print(`earned ${(spreadAtoms / 1e6).toFixed(2)} USDC against the mid, paid ${(feesAtoms / 1e6).toFixed(2)} in fees`)
  print(`equity ${equity.toFixed(2)} USDC, holding ${engine.ledger.lots(perp)} lots`)
  return { rows, fills, makerFills, equity, engine }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(console.log)
