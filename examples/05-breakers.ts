/**
 * @file A breaker closes a position in a crash, keeps refusing until a person resets it, and writes down who that was.
 *
 * A policy buys and never sells. The market falls by six percent in two minutes. The breaker `drawdown-from-peak`
 * flattens at one percent of equity; it latches, and only an audited reset with a name and a reason clears it.
 *
 * Run it: node examples/05-breakers.ts
 * With the package installed, import from 'gimbal/risk', 'gimbal/engine', 'gimbal/sim' and so on.
 */

import { fileURLToPath } from 'node:url'
import { isoTime, SECOND_US } from '../src/core/clock.ts'
import { GimbalError } from '../src/core/errors.ts'
import { Engine } from '../src/engine/engine.ts'
import { NoJournal } from '../src/journal/journal.ts'
import { BID } from '../src/market/book.ts'
import type { Policy, PolicyContext } from '../src/policies/policy.ts'
import type { GateAct } from '../src/risk/gate.ts'
import { DEFAULT_RISK, type RiskConfig } from '../src/risk/riskConfig.ts'
import { RiskGate } from '../src/risk/riskGate.ts'
import { runBacktest } from '../src/sim/backtest.ts'
import { generateMarket } from '../src/sim/market/generatedMarket.ts'
import { ReplayedExchange } from '../src/sim/replayedExchange.ts'

const LOTS = 500
const SLICE = 25

/** Buys five coins, a slice a second, whatever the price does. */
function believer(instrument: number): Policy & { wants(): number; refusal(): string } {
  let context: PolicyContext
  let nextUs = 0
  let refused = ''
  const buy = () => {
    const tick = context.market(instrument).bestAsk + 5
    const id = context.submit({ instrument, side: BID, lots: SLICE, tick, type: 'limit', timeInForce: 'IOC' })
    if (id === 0) refused = context.lastRefusal
    return id
  }
  return {
    name: 'believer',
    settings: { lots: LOTS },
    start: (lent) => {
      context = lent
      return [instrument]
    },
    onMarket: () => {
      const { nowUs } = context.clock
      if (nowUs < nextUs || !context.market(instrument).quoted || context.portfolio.lots(instrument) >= LOTS) return
      nextUs = nowUs + SECOND_US
      buy()
    },
    wants: buy,
    refusal: () => refused,
  }
}

export function main(print: (line: string) => void) {
  const market = generateMarket({ seed: 3, hours: 1 / 4 })
  const { universe, facts } = market
  const cash = { USDC: 20_000 }
  const perp = universe.index('ETH-USDC-PERP@generated-north')
  const policy = believer(perp)
  const risk: RiskConfig = {
    ...DEFAULT_RISK,
    // Three reads in a row, so that one misprinted mark closes nothing; a reset is refused for ten minutes.
    breakers: [
      // No loss rule without it: an equity that cannot be computed must not switch the others off.
      ...DEFAULT_RISK.breakers.filter(({ breaker }) => breaker === 'equity-nan'),
      { breaker: 'drawdown-from-peak', act: 'flatten', limit: 0.01, confirmations: 3, cooldownUs: 600 * SECOND_US },
    ],
  }
  const acts: GateAct[] = []
  let heldMax = 0
  const venue = new ReplayedExchange({ universe, cash })
  const engine = new Engine({
    universe,
    cash,
    venue,
    policies: [policy],
    gate: (parts) => new RiskGate(risk, parts),
    journal: new NoJournal(),
    seed: 1,
    observer: {
      onGateAct: (act) => acts.push(act),
      onOrderEvent: () => {
        heldMax = Math.max(heldMax, engine.ledger.lots(perp))
      },
    },
  })
  runBacktest(engine, venue, market.venueTape(), market.receivedTape())

  const gate = engine.gate as RiskGate
  const [act] = acts
  if (!act) throw new Error('the crash did not come')
  const seconds = (act.timeUs - facts.crashUs) / 1e6
  print(`crash begins ${isoTime(facts.crashUs)}; held ${heldMax} lots`)
  print(`${act.breaker}: ${act.act} after ${seconds.toFixed(1)} s and ${act.confirmations} reads`)
  print(`  measured ${act.measured.toFixed(4)}, allowed ${act.allowed} (${act.unit})`)
  print(`position afterwards ${engine.ledger.lots(perp)} lots, equity ${engine.ledger.equity.toFixed(2)} USDC`)
  print(`the policy still wants, and hears: ${policy.refusal()}`)

  // Too early, and without a reason: refused.
  let early: GimbalError | undefined
  try {
    engine.resetBreaker(act.breaker, act.scope, 'A. Person', '', engine.clock.nowUs)
  } catch (error) {
    if (!(error instanceof GimbalError)) throw error
    early = error
    print(`reset without a reason: ${error.message.split('\n')[0]}`)
  }
  const laterUs = Math.max(engine.clock.nowUs, act.timeUs + 3600 * SECOND_US)
  const record = engine.resetBreaker(act.breaker, act.scope, 'A. Person', 'the crash is over, size halved', laterUs)
  print(`reset, as the journal keeps it: ${JSON.stringify(record)}`)
  print(`latched now: ${gate.latched.length}`)
  return { act, acts, seconds, heldMax, lots: engine.ledger.lots(perp), refusal: policy.refusal(), early, record, gate }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(console.log)
