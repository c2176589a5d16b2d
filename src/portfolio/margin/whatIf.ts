/** @file Margin of accounts as they might be: after a trade, without a position. Nothing is changed. */

import { dollarLike } from '../../market/instrument.ts'
import type { FuturePosition, OptionPosition, Position, VenueAccount } from '../book.ts'
import type { MarketView } from '../marketView.ts'
import type { MarginEngine, MarginReport } from './marginEngine.ts'

/** A trade as an account would book it. */
export interface Trade {
  /** What is bought or sold, with its price as `entry`; see {@link withTrade} for what is netted. */
  readonly position: Position
  /** Money that changes hands at once, in units by currency: premiums, fees. Signed, received is positive. */
  readonly cash?: Readonly<Record<string, number>>
}

type Netted = FuturePosition | OptionPosition

function netted(position: Position): position is Netted {
  return position.kind === 'perp' || position.kind === 'future' || position.kind === 'option'
}

function sameContract(a: Netted, b: Netted): boolean {
  if (a.kind !== b.kind || a.asset !== b.asset || a.settle !== b.settle || a.expiryUs !== b.expiryUs) return false
  if (a.kind === 'option' || b.kind === 'option') {
    return (
      a.kind === 'option' &&
      b.kind === 'option' &&
      a.strike === b.strike &&
      a.right === b.right &&
      (a.entry === undefined) === (b.entry === undefined)
    )
  }
  // Backed by coins it owes dollars (GMX), where both sides of a market are positions of their own.
  if (a.payoff === 'linear' && !dollarLike(a.settle) && a.size * b.size < 0) return false
  return a.payoff === b.payoff && (a.isolatedMargin === undefined) === (b.isolatedMargin === undefined)
}

/** Profit of closing `size` (signed as held) bought at `entry` and sold at `exit`, in the settlement currency. */
function realised(position: Netted, size: number, entry: number, exit: number): number {
  const inverse = position.kind !== 'option' && position.payoff === 'inverse'
  return inverse ? size * (1 / entry - 1 / exit) : size * (exit - entry)
}

/** Average entry of two positions on the same side: by size, harmonic where sizes are dollars. */
function averageEntry(a: Netted, b: Netted): number {
  const inverse = a.kind !== 'option' && a.payoff === 'inverse'
  const size = a.size + b.size
  if (inverse) return size / (a.size / a.entry! + b.size / b.entry!)
  return (a.size * a.entry! + b.size * b.entry!) / size
}

/**
 * The account after a trade. Futures and options net with the same contract held on the same terms: what is added changes the average
 * entry, what is closed books its profit to the settlement currency, what is left of a turned position starts at the
 * trade's price. Everything else is added beside.
 */
export function withTrade(account: VenueAccount, trade: Trade): VenueAccount {
  const balances: Record<string, number> = { ...account.balances }
  for (const [currency, units] of Object.entries(trade.cash ?? {})) {
    balances[currency] = (balances[currency] ?? 0) + units
  }
  const added = trade.position
  const index = netted(added) ? account.positions.findIndex((held) => netted(held) && sameContract(held, added)) : -1
  if (index < 0 || !netted(added)) return { ...account, balances, positions: [...account.positions, added] }
  const held = account.positions[index] as Netted
  const size = held.size + added.size
  const positions = [...account.positions]
  const entered = held.entry !== undefined && added.entry !== undefined
  let entry = held.entry
  if (entered) {
    if (held.size * added.size >= 0) entry = size === 0 ? held.entry : averageEntry(held, added)
    else {
      const closed = Math.sign(held.size) * Math.min(Math.abs(held.size), Math.abs(added.size))
      balances[held.settle] = (balances[held.settle] ?? 0) + realised(held, closed, held.entry!, added.entry!)
      if (size * held.size < 0) entry = added.entry
    }
  }
  // Margin set aside joins; where nothing is left of the position it is free again.
  const isolated: { isolatedMargin?: number } =
    held.kind !== 'option' && added.kind !== 'option' && held.isolatedMargin !== undefined
      ? { isolatedMargin: held.isolatedMargin + (added.isolatedMargin ?? 0) }
      : {}
  if (size === 0) {
    positions.splice(index, 1)
    if (isolated.isolatedMargin) balances[held.settle] = (balances[held.settle] ?? 0) + isolated.isolatedMargin
  } else positions[index] = { ...held, size, ...(entry !== undefined && { entry }), ...isolated } as Position
  return { ...account, balances, positions }
}

/** Margin after a trade; see {@link withTrade}. @throws {GimbalError} as the engine does. */
export function marginAfter(
  engine: MarginEngine,
  account: VenueAccount,
  trade: Trade,
  market: MarketView,
): MarginReport {
  return engine.assess(withTrade(account, trade), market)
}

/** What one position adds to an account's margin. */
export interface MarginalMargin {
  readonly position: Position
  /** Margin with it less margin without it, dollars; negative for what hedges the rest. */
  readonly initial: number
  readonly maintenance: number
  /** Equity likewise: its worth as the venue counts it. */
  readonly equity: number
}

/** With and without each position, in the account's order. @throws {GimbalError} as the engine does. */
export function marginalMargins(engine: MarginEngine, account: VenueAccount, market: MarketView): MarginalMargin[] {
  const whole = engine.assess(account, market)
  return account.positions.map((position, index) => {
    const rest = engine.assess({ ...account, positions: account.positions.toSpliced(index, 1) }, market)
    return {
      position,
      initial: whole.initial - rest.initial,
      maintenance: whole.maintenance - rest.maintenance,
      equity: whole.equity - rest.equity,
    }
  })
}
