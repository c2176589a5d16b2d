/** @file From the pools of an account to its report; what every engine shares, and no rule of any venue. */

import { GimbalError } from '../../core/errors.ts'
import { type Position, positionName, TIME_MAX_US, type VenueAccount } from '../book.ts'
import type { MarginLine, MarginPool, MarginReport } from './marginEngine.ts'
import type { WatchedView } from './watchedView.ts'

/** Whether a pool may be taken away now; what is not a number cannot vouch for itself. */
export function liquidatable(pool: Pick<MarginPool, 'equity' | 'maintenance'>): boolean {
  return !(pool.equity >= pool.maintenance)
}

/** What may be withdrawn or used for more: equity beyond initial margin, in the pool's currency; 0 if none or unknown. */
export function freeCollateral(pool: Pick<MarginPool, 'equity' | 'initial'>): number {
  const free = pool.equity - pool.initial
  if (!(free > 0)) return 0
  return free
}

/** Sums pools in dollars. An account without pools asks nothing and holds nothing. */
export function marginReport(engine: string, pools: readonly MarginPool[], market: WatchedView): MarginReport {
  let equity = 0
  let initial = 0
  let maintenance = 0
  for (const pool of pools) {
    // Nothing held and nothing asked is nothing at any price, known or not.
    if (pool.equity === 0 && pool.initial === 0 && pool.maintenance === 0) continue
    const dollars = market.spot(pool.currency)
    equity += pool.equity * dollars
    initial += pool.initial * dollars
    maintenance += pool.maintenance * dollars
  }
  const unknown = Number.isNaN(equity + initial + maintenance)
  return {
    engine,
    pools,
    equity,
    initial,
    maintenance,
    liquidatable: unknown || pools.some(liquidatable),
    missing: market.missing,
  }
}

/** A pool whose margin is the sum of its lines. */
export function pooled(name: string, currency: string, equity: number, lines: readonly MarginLine[]): MarginPool {
  let initial = 0
  let maintenance = 0
  for (const line of lines) {
    initial += line.initial
    maintenance += line.maintenance
  }
  return { name, currency, equity, initial, maintenance, lines }
}

/** A position's name in a report, with its venue: its instrument's where it has one. */
export function placedName(position: Position, venue: string): string {
  return position.instrument ?? `${positionName(position)} at ${venue}`
}

/** @throws {GimbalError} `margin-unsupported`, always. */
export function refusePosition(engine: string, position: Position, venue: string, why: string): never {
  throw new GimbalError('margin-unsupported', `A position that ${engine} does not margin: ${why}`, {
    position: placedName(position, venue),
    kind: position.kind,
    account: venue,
    engine,
  })
}

/** @throws {GimbalError} `margin-unsupported` where a balance is owed in a currency the venue does not lend. */
export function refuseDebts(engine: string, account: VenueAccount, lends: (currency: string) => boolean): void {
  for (const [currency, units] of Object.entries(account.balances)) {
    if (units >= 0 || lends(currency)) continue
    throw new GimbalError('margin-unsupported', `A balance below zero in a currency ${engine} does not lend`, {
      currency,
      units,
      account: account.venue,
      engine,
    })
  }
}

/** Name of a figure that is a number and yet none of its kind: a margin made of it would pass for one. */
function impossible(
  position: Position,
): 'strike' | 'right' | 'leverage' | 'entry' | 'loanToValue' | 'liquidationThreshold' | undefined {
  switch (position.kind) {
    case 'option':
      if (!(position.strike > 0)) return 'strike'
      return position.right === 1 || position.right === -1 ? undefined : 'right'
    case 'perp':
    case 'future':
      if (position.leverage !== undefined && !(position.leverage > 0)) return 'leverage'
      return position.payoff === 'inverse' && position.size !== 0 && !(position.entry > 0) ? 'entry' : undefined
    case 'supply': {
      const share = (figure = 0) => figure >= 0 && figure <= 1
      if (!share(position.loanToValue)) return 'loanToValue'
      return share(position.liquidationThreshold) ? undefined : 'liquidationThreshold'
    }
    default:
      return undefined
  }
}

/**
 * Refuses sizes and entries that are no numbers, expiries that are no time, and figures no contract has (a strike of nothing, a leverage
 * below zero, a threshold above the whole): they would make a margin that is none.
 *
 * @throws {GimbalError} `argument-invalid` naming the position and the figure.
 */
export function requireNumbers(account: VenueAccount): void {
  for (const position of account.positions) {
    const wrong = impossible(position)
    if (wrong !== undefined) {
      throw new GimbalError('argument-invalid', 'A position holds a figure that no contract has', {
        position: placedName(position, account.venue),
        figure: wrong,
        value: position[wrong as keyof Position] as unknown as number,
      })
    }
    // Walked by name without lists of pairs: optimisers ask about the same hundred positions a thousand times.
    for (const what in position) {
      const figure = position[what as keyof Position] as unknown
      const bound = what === 'expiryUs' ? TIME_MAX_US : Number.MAX_VALUE
      if (typeof figure !== 'number' || Math.abs(figure) <= bound) continue
      if (what === 'upper' && figure === Number.POSITIVE_INFINITY) continue
      throw new GimbalError('argument-invalid', 'A position holds a figure that is not a number', {
        position: placedName(position, account.venue),
        figure: what,
        value: figure,
      })
    }
  }
  for (const [currency, units] of Object.entries(account.balances)) {
    if (Number.isFinite(units)) continue
    throw new GimbalError('argument-invalid', 'A balance is not a number', { account: account.venue, currency, units })
  }
}
