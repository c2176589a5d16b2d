/**
 * @file Whose profit is whose: each policy's own lots and money, apart from the account's.
 *
 * The ledger keeps one position per instrument for the account. A breaker on one policy needs its part, which follows
 * from its own fills. What happens to the account as a whole (the gate's closing orders, liquidations, settlements,
 * funding) is shared among the policies that hold the position, in order of their numbers.
 */

import { atomsPerUnit } from '../market/instrument.ts'
import type { AccountEvent, OrderEvent } from '../market/order.ts'
import type { Watched } from './limits.ts'

/** Profit of each policy since the start, in dollars, from its own fills. */
export class PolicyProfit {
  readonly #parts: Watched
  readonly #size: number
  /** Signed lots and net atoms paid, by policy, then instrument. */
  readonly #lots: Float64Array[] = []
  readonly #paid: Float64Array[] = []

  constructor(parts: Watched) {
    this.#parts = parts
    this.#size = parts.universe.size
  }

  /** Signed lots a policy's own trading holds of an instrument. */
  lots(policy: number, instrument: number): number {
    return this.#lots[policy]?.[instrument] ?? 0
  }

  /** Profit in dollars at the current marks, open positions included; NaN while a needed price is unknown. */
  profit(policy: number): number {
    const lots = this.#lots[policy]
    const paid = this.#paid[policy]
    if (!lots || !paid) return 0
    let sum = 0
    for (let i = 0; i < this.#size; i++) {
      if (lots[i] === 0 && paid[i] === 0) continue
      const instrument = this.#parts.universe.at(i)
      const worth = instrument.valueAtPrice(this.#parts.ledger.marks.price(i), lots[i]!)
      sum += ((worth - paid[i]!) / atomsPerUnit(instrument.settle)) * this.#parts.ledger.rate(instrument.settle)
    }
    return sum
  }

  /** @param policy Whose order it was; -1 for the gate's own and for orders no longer known. */
  applyFill(event: OrderEvent, policy: number): void {
    const signed = event.side * event.lots
    if (policy >= 0) this.#book(policy, event.instrument, signed, event.tick, event.feeAtoms)
    else this.#share(event.instrument, signed, event.tick, event.feeAtoms)
  }

  applyAccount(event: AccountEvent): void {
    if (event.instrument < 0) return
    if (event.side !== 0 && event.lots > 0) {
      this.#share(event.instrument, event.side * event.lots, event.tick, -event.cashAtoms)
    } else if (event.cashAtoms !== 0 && event.kind !== 'transfer') {
      // Funding and fees fall on each holder in proportion to what it holds.
      let held = 0
      for (const lots of this.#lots) held += lots[event.instrument]!
      if (held === 0) return
      for (const [policy, lots] of this.#lots.entries())
        this.#paid[policy]![event.instrument]! -= (event.cashAtoms * lots[event.instrument]!) / held
    }
  }

  #book(policy: number, instrument: number, signedLots: number, tick: number, costAtoms: number): void {
    while (this.#lots.length <= policy) {
      this.#lots.push(new Float64Array(this.#size))
      this.#paid.push(new Float64Array(this.#size))
    }
    this.#lots[policy]![instrument]! += signedLots
    this.#paid[policy]![instrument]! += this.#parts.universe.at(instrument).valueAtoms(tick, signedLots) + costAtoms
  }

  /** Books a trade on those whose position it closes; what closes nobody's is nobody's. */
  #share(instrument: number, signedLots: number, tick: number, costAtoms: number): void {
    let left = Math.abs(signedLots)
    for (let policy = 0; policy < this.#lots.length && left > 0; policy++) {
      const held = this.#lots[policy]![instrument]!
      if (held === 0 || held > 0 === signedLots > 0) continue
      const part = Math.min(left, Math.abs(held))
      this.#book(policy, instrument, Math.sign(signedLots) * part, tick, (costAtoms * part) / Math.abs(signedLots))
      left -= part
    }
  }
}
