/**
 * @file A policy with an inventory limit and a timer, and a gate that refuses what the policy should not have wanted.
 *
 * The policy follows the last half minute: every five seconds it looks at the mid it remembers and wants to be long or
 * short. Its own limit is 300 lots. The gate allows 200, and no policy can see, import or loosen the gate.
 *
 * Run it: node examples/02-own-policy.ts
 * With the package installed, import from 'gimbal/core', 'gimbal/policies', 'gimbal/risk' and so on.
 */

import { fileURLToPath } from 'node:url'
import { SECOND_US } from '../src/core/clock.ts'
import { Engine } from '../src/engine/engine.ts'
import { NoJournal } from '../src/journal/journal.ts'
import { ASK, BID } from '../src/market/book.ts'
import type { OrderEvent } from '../src/market/order.ts'
import type { Policy, PolicyContext } from '../src/policies/policy.ts'
import { DEFAULT_RISK, type RiskConfig } from '../src/risk/riskConfig.ts'
import { RiskGate } from '../src/risk/riskGate.ts'
import { runBacktest } from '../src/sim/backtest.ts'
import { generateMarket } from '../src/sim/market/generatedMarket.ts'
import { ReplayedExchange } from '../src/sim/replayedExchange.ts'

class Follower implements Policy {
  readonly name = 'follower'
  readonly settings: { readonly instrument: string; readonly lotsMax: number; readonly step: number }
  /** Mids of the last half minute, one every five seconds. */
  readonly mids: number[] = []
  /** Refusals by the limit that refused. */
  readonly refusals = new Map<string, number>()
  timers = 0
  fills = 0
  #context!: PolicyContext
  #instrument = 0

  constructor(instrument: string, lotsMax: number, step: number) {
    this.settings = { instrument, lotsMax, step }
  }

  start(context: PolicyContext): readonly number[] {
    this.#context = context
    this.#instrument = context.universe.index(this.settings.instrument)
    return [this.#instrument]
  }

  /** Every message arrives here. This policy only takes the first one as its start: before it there is no time. */
  onMarket(): void {
    if (this.timers > 0) return
    this.onTimer('look')
  }

  onTimer(name: string): void {
    const { clock, portfolio } = this.#context
    this.timers++
    this.#context.schedule(clock.nowUs + 5 * SECOND_US, name)
    const market = this.#context.market(this.#instrument)
    if (!market.quoted) return
    this.mids.push(market.referenceTick)
    if (this.mids.length < 7) return
    const past = this.mids.shift()!
    const side = market.referenceTick > past ? BID : ASK
    const held = portfolio.lots(this.#instrument)
    const { step, lotsMax } = this.settings
    // The limit of the policy's own: it stops wanting more before anybody has to refuse.
    if (Math.abs(held + side * step) > lotsMax) return
    const tick = side === BID ? market.bestAsk : market.bestBid
    const id = this.#context.submit({
      instrument: this.#instrument,
      side,
      lots: step,
      tick,
      type: 'limit',
      timeInForce: 'IOC',
      tag: 'follow',
    })
    // 0 is a refusal, and `lastRefusal` says by which limit. The answer of the venue comes through `onOrder`.
    if (id === 0) this.refusals.set(this.#context.lastRefusal, (this.refusals.get(this.#context.lastRefusal) ?? 0) + 1)
  }

  onOrder(event: OrderEvent): void {
    if (event.kind === 'filled') this.fills++
  }
}

export function main(print: (line: string) => void) {
  const market = generateMarket({ seed: 11, hours: 1 / 2, crash: false })
  const { universe } = market
  const cash = { USDC: 100_000 }
  const policy = new Follower('ETH-USDC-PERP@generated-north', 300, 50)
  const risk: RiskConfig = {
    ...DEFAULT_RISK,
    limits: { ...DEFAULT_RISK.limits, instrument: { ...DEFAULT_RISK.limits.instrument, positionLotsMax: 200 } },
  }
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
      onOrderEvent: ({ instrument }) => {
        heldMax = Math.max(heldMax, Math.abs(engine.ledger.lots(instrument)))
      },
    },
  })
  runBacktest(engine, venue, market.venueTape(), market.receivedTape())

  const refused = [...policy.refusals].map(([limit, times]) => `${limit} ${times} times`).join(', ')
  print(`the timer fired ${policy.timers} times; ${policy.fills} fills`)
  print(`largest position ${heldMax} lots; the policy would have gone to ${policy.settings.lotsMax}`)
  print(`refused by the gate: ${refused || 'nothing'}`)
  print(`equity ${engine.ledger.equity.toFixed(2)} USDC`)
  return {
    timers: policy.timers,
    fills: policy.fills,
    heldMax,
    refusals: policy.refusals,
    equity: engine.ledger.equity,
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(console.log)
