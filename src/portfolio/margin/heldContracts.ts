/**
 * @file Rows of one contract as the one position a venue holds.
 *
 * A book may list lots of a contract, or both sides of it, in rows of their own. A venue knows one net position: tiers, the greater of two
 * rates and "sold" are asked of the sum, while each row keeps its entry and so its profit.
 */

import type { FuturePosition, OptionPosition } from '../book.ts'

/** A contract and how much of it is held. */
export interface HeldContract<P> {
  /** The first row, whose size is its own. */
  readonly position: P
  /** Sum over rows, in the unit of their sizes. */
  size: number
  /** Least leverage chosen in any row; absent where none was. */
  leverage?: number
}

/** What makes two rows the same contract: an option's terms; of a future its name too, for a venue may list two of one asset. */
function contractOf(position: FuturePosition | OptionPosition): string {
  const { kind, asset, settle, expiryUs = 0 } = position
  const terms =
    position.kind === 'option'
      ? `${position.strike} ${position.right}`
      : `${position.payoff} ${position.instrument ?? ''}`
  return `${kind} ${asset} ${settle} ${expiryUs} ${terms}`
}

/** Adds a row to its contract in `held`, in the order first seen. */
export function holdContract<P extends FuturePosition | OptionPosition>(
  held: Map<string, HeldContract<P>>,
  position: P,
): void {
  const key = contractOf(position)
  const leverage = position.kind === 'option' ? undefined : position.leverage
  const known = held.get(key)
  if (!known) {
    held.set(key, { position, size: position.size, ...(leverage !== undefined && { leverage }) })
    return
  }
  known.size += position.size
  if (leverage !== undefined) known.leverage = Math.min(leverage, known.leverage ?? leverage)
}
