/** @file Margin engines by name, and what they say of accounts and books. */

import { GimbalError } from '../../core/errors.ts'
import type { Book, VenueAccount } from '../book.ts'
import type { MarketView } from '../marketView.ts'
import { aaveV3 } from './aaveV3.ts'
import { deribitPortfolio } from './deribitPortfolio.ts'
import { deribitStandard } from './deribitStandard.ts'
import { derivePortfolio } from './derivePortfolio.ts'
import { deriveStandard } from './deriveStandard.ts'
import { dydxV4 } from './dydxV4.ts'
import { gmxV2 } from './gmxV2.ts'
import { hyperliquid } from './hyperliquid.ts'
import type { MarginEngine, MarginReport } from './marginEngine.ts'

const ENGINES: ReadonlyMap<string, MarginEngine> = new Map(
  [
    hyperliquid(),
    dydxV4(),
    deriveStandard(),
    derivePortfolio(),
    deribitStandard(),
    deribitPortfolio(),
    aaveV3(),
    gmxV2(),
  ].map((engine) => [engine.name, engine]),
)

/** Names that {@link marginEngine} knows. */
export const MARGIN_ENGINES: readonly string[] = [...ENGINES.keys()]

/** @throws {GimbalError} `argument-invalid` for an unknown name. */
export function marginEngine(name: string): MarginEngine {
  const engine = ENGINES.get(name)
  if (engine) return engine
  throw new GimbalError('argument-invalid', 'No margin engine of this name', {
    asked: name,
    known: MARGIN_ENGINES.join(' '),
  })
}

/**
 * What its venue asks of an account; undefined where none rules it (`margin` is absent).
 *
 * @throws {GimbalError} as {@link marginEngine} and the engine do.
 */
export function assessAccount(account: VenueAccount, market: MarketView): MarginReport | undefined {
  return account.margin === undefined ? undefined : marginEngine(account.margin).assess(account, market)
}

/** {@link assessAccount} of every account, in the book's order. */
export function assessBook(book: Book, market: MarketView): (MarginReport | undefined)[] {
  return book.accounts.map((account) => assessAccount(account, market))
}
