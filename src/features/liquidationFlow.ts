/**
 * @file Forced volume over windows: what liquidations sold and bought, how many there were, what was deleveraged.
 *
 * A window holds the whole cells of `intervalSeconds` that make it up and the one begun, so that a cascade is seen at once. A window
 * without forced orders is 0 where the instrument was heard at all in it; NaN where it was not, before half a window was
 * heard, and while the venue is down. Venues publish liquidations incompletely (Binance: one a second and symbol), so
 * these are lower bounds.
 */

import type { MarketState } from '../market/marketState.ts'
import type { TapeBatch } from '../market/tape.ts'
import type { Feature, FeatureFamily } from './feature.ts'
import { BOUGHT, DELEVERAGED, ForcedCells, ORDERS, SOLD } from './forcedCells.ts'
import { secondsLabel, windowsOf } from './secondsList.ts'
import { INSTRUMENT_SETTING, namedInstrument } from './settingLists.ts'

const WIDTH = 5

class LiquidationFlow implements Feature {
  readonly instruments: readonly number[]
  readonly #market: MarketState
  readonly #cells: ForcedCells
  readonly #windows: readonly number[]
  readonly #lotSize: number

  constructor(index: number, market: MarketState, intervalUs: number, windows: readonly number[]) {
    this.instruments = [index]
    this.#market = market
    this.#windows = windows
    this.#lotSize = market.instrument.lots.size
    this.#cells = new ForcedCells(intervalUs, Math.max(...windows))
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    this.#cells.onRow(batch, row, timeUs)
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const cells = this.#cells
    for (let w = 0; w < this.#windows.length; w++) {
      const count = this.#windows[w]!
      const windowUs = count * cells.intervalUs
      const known = !this.#market.down && 2 * (nowUs - cells.firstUs) >= windowUs && nowUs - cells.lastUs < windowUs
      const sold = known ? cells.sum(SOLD, nowUs, count) * this.#lotSize : Number.NaN
      const bought = known ? cells.sum(BOUGHT, nowUs, count) * this.#lotSize : Number.NaN
      const place = at + w * WIDTH
      out[place] = sold
      out[place + 1] = bought
      out[place + 2] = sold + bought > 0 ? (bought - sold) / (bought + sold) : Number.NaN
      out[place + 3] = known ? cells.sum(ORDERS, nowUs, count) : Number.NaN
      out[place + 4] = known ? cells.sum(DELEVERAGED, nowUs, count) * this.#lotSize : Number.NaN
    }
  }
}

const OWNER = 'feature liquidation-flow'

export const LIQUIDATION_FLOW: FeatureFamily = {
  name: 'liquidation-flow',
  summary: 'Forced volume over windows: sold, bought, their imbalance, orders, deleveraged.',
  version: 1,
  settings: {
    instrument: INSTRUMENT_SETTING,
    intervalSeconds: { default: 10, min: 1e-3, max: 86_400, doc: 'Length of a cell, in seconds.' },
    windowsSeconds: { default: '60,600,3600', doc: 'Windows in seconds, between commas: whole cells.' },
  },
  outputs(settings) {
    const { intervalUs, windows } = windowsOf(OWNER, settings)
    return windows.flatMap((count) => {
      const label = secondsLabel(count * intervalUs)
      return [
        { name: `sold-${label}`, unit: 'contracts', doc: 'Sold by liquidations of longs.' },
        { name: `bought-${label}`, unit: 'contracts', doc: 'Bought by liquidations of shorts.' },
        { name: `imbalance-${label}`, unit: 'fraction', doc: 'Bought less sold over both; NaN without either.' },
        { name: `orders-${label}`, unit: 'orders', doc: 'Forced orders.' },
        { name: `deleveraged-${label}`, unit: 'contracts', doc: 'Closed by auto-deleveraging.' },
      ]
    })
  },
  suits: (tape) => tape.streams[tape.target]?.includes('liquidation') ?? false,
  build(settings, context) {
    const index = namedInstrument(context, settings['instrument'])
    const { intervalUs, windows } = windowsOf(OWNER, settings)
    return new LiquidationFlow(index, context.markets[index]!, intervalUs, windows)
  },
}
