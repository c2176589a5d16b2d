/** @file How far into an account's history we know it: what reconciliation asks the venue to tell us from. */

import type { AccountMark } from '../journal/header.ts'
import type { AccountEvent, OrderEvent } from '../market/order.ts'

/** Follows what the engine is told about the account. Whoever steps the engine tells it too. */
export class AccountHistory {
  #fillId: number
  #accountUs: number
  /** Account events carry no number: those at exactly `accountUs`, told apart by what they say. */
  #keys: string[] = []

  constructor(since: AccountMark) {
    this.#fillId = since.fillId
    this.#accountUs = since.accountUs
  }

  get mark(): AccountMark {
    return { fillId: this.#fillId, accountUs: this.#accountUs }
  }

  onOrder(event: OrderEvent): void {
    if (event.fillId > this.#fillId) this.#fillId = event.fillId
  }

  onAccount(event: AccountEvent): void {
    if (event.venueTimeUs > this.#accountUs) {
      this.#accountUs = event.venueTimeUs
      this.#keys = []
    }
    if (event.venueTimeUs === this.#accountUs) this.#keys.push(key(event))
  }

  /** Those of a venue's account events, given in order from the mark's time on, that we have not been told. */
  unknown(events: readonly AccountEvent[]): AccountEvent[] {
    // At the very opening there are no keys: the balances contain everything up to and including that time.
    const opening = this.#keys.length === 0
    const left = [...this.#keys]
    return events.filter((event) => {
      if (event.venueTimeUs !== this.#accountUs) return event.venueTimeUs > this.#accountUs
      const at = left.indexOf(key(event))
      if (at >= 0) left.splice(at, 1)
      return at < 0 && !opening
    })
  }
}

function key(event: AccountEvent): string {
  return [event.kind, event.instrument, event.side, event.tick, event.lots, event.cashAtoms, event.currency].join('/')
}
