/** @file The Greeks of a book, and how they change along the price of each asset. */

import { dollarLike } from '../../market/instrument.ts'
import type { Book } from '../../portfolio/book.ts'
import { type BucketSettings, greeksTable } from '../../portfolio/greeksTable.ts'
import { type MarketView, ShiftedView } from '../../portfolio/marketView.ts'
import type { GreeksFacts, Ladder } from '../../report/deskReport.ts'

/** Prices of a ladder over today's: two fifths either way, by a fiftieth. */
export const LADDER_FACTORS: readonly number[] = Array.from({ length: 41 }, (_, i) => (i + 30) / 50)

/** @throws {GimbalError} `argument-invalid` for buckets that do not ascend. */
export function greeksFacts(book: Book, view: MarketView, buckets: BucketSettings = {}): GreeksFacts {
  const table = greeksTable(book, view, buckets)
  const coins = table.assets.filter(({ asset }) => !dollarLike(asset))
  const bent = coins.filter(({ greeks }) => greeks.gamma !== 0)
  const shown = bent.length > 0 ? bent : coins
  return { table, ladders: shown.map(({ asset }) => ladderOf(book, view, asset, table.total.value)) }
}

/** One asset moves alone; volatility sticks to the strike. */
function ladderOf(book: Book, view: MarketView, asset: string, today: number): Ladder {
  const rows = LADDER_FACTORS.map((factor) => {
    const moved = greeksTable(book, new ShiftedView(view, { spot: { [asset]: factor } }))
    const row = moved.assets.find((each) => each.asset === asset)!
    const { delta, deltaDollars, gammaDollars, vega, theta } = row.greeks
    return {
      factor,
      price: factor * view.spot(asset),
      profit: moved.total.value - today,
      delta,
      deltaDollars,
      gammaDollars,
      vega,
      theta,
    }
  })
  return { asset, rows }
}
