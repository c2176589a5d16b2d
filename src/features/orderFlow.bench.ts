/**
 * What it measures: the cost of one row for each family of order flow, which research pays for every row of a recording and
 * the engine for every row of the market. The market's own bookkeeping is measured alone, to be taken off.
 */

import { bench } from '../../tests/bench.ts'
import { MarketState } from '../market/marketState.ts'
import { MergedTape, TapeBatch } from '../market/tape.ts'
import { generateMarket } from '../sim/market/generatedMarket.ts'
import { BOOK_IMBALANCE } from './bookImbalance.ts'
import { DEPTH_PROFILE } from './depthProfile.ts'
import type { FeatureFamily } from './feature.ts'
import { HAWKES } from './hawkes.ts'
import { MICROPRICE } from './microprice.ts'
import { ORDER_FLOW_IMBALANCE } from './orderFlowImbalance.ts'
import { PRICE_IMPACT } from './priceImpact.ts'
import { QUEUE_DYNAMICS } from './queueDynamics.ts'
import { SPREAD } from './spread.ts'
import { TRADE_FLOW } from './tradeFlow.ts'
import { VPIN } from './vpin.ts'

const ROWS = 200_000
const market = generateMarket({ seed: 5, hours: 2, crash: false })
/** The first rows of its perpetual, made once: making them costs more than anything measured here. */
const tape = new TapeBatch(ROWS)
for (const merged = new MergedTape([...market.sources().inputs]); tape.count < ROWS && merged.advance(); )
  if (merged.instrument === 1) tape.pushRows(merged.batch, merged.row, merged.row + 1)

/** Rows of the perpetual through one family, looked at every hundredth row. */
function rows(family: FeatureFamily | undefined): (events: number) => number {
  return (events) => {
    const markets = market.universe.instruments.map((instrument) => new MarketState(instrument))
    const feature = family?.build({}, { universe: market.universe, markets, target: 1 })
    const out = new Float64Array(family ? family.outputs({}).length : 1)
    let hash = 0
    for (let row = 0; row < events; row++) {
      const timeUs = tape.timeUs[row]!
      markets[1]!.apply(tape, row, timeUs)
      feature?.onRow(tape, row, 1, timeUs)
      if (row % 100 !== 0) continue
      feature?.write(out, 0, timeUs)
      hash = (Math.imul(hash, 31) + (Number.isNaN(out[0]!) ? 0 : out[0]! * 1000)) | 0
    }
    return hash
  }
}

bench('features: a market alone', [5_000, ROWS], rows(undefined))
for (const family of [
  BOOK_IMBALANCE,
  DEPTH_PROFILE,
  MICROPRICE,
  SPREAD,
  ORDER_FLOW_IMBALANCE,
  TRADE_FLOW,
  VPIN,
  PRICE_IMPACT,
  HAWKES,
  QUEUE_DYNAMICS,
])
  bench(`features: ${family.name}`, [5_000, ROWS], rows(family))
