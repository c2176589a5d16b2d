/** @file One market made by hand, row by row, with a feature watching it. */

import type { SettingValue } from '../../src/core/settings.ts'
import type { FeatureFamily } from '../../src/features/feature.ts'
import { Instrument, Universe } from '../../src/market/instrument.ts'
import { MarketState } from '../../src/market/marketState.ts'
import { Flag, Kind, TapeBatch } from '../../src/market/tape.ts'

/** Price in ticks, size in lots. */
export type Level = readonly [tick: number, lots: number]

/** Time 0 of hand-made markets: a whole number of days, so that windows of seconds begin on the second. */
const START_US = 20_000 * 86_400_000_000

export class WatchedMarket {
  readonly #feature: ReturnType<FeatureFamily['build']>
  readonly #names: readonly string[]
  readonly #market: MarketState
  readonly #batch = new TapeBatch(8)
  #nowUs = START_US

  constructor(family: FeatureFamily, settings: Readonly<Record<string, SettingValue>> = {}) {
    const instrument = new Instrument({
      base: 'BTC',
      quote: 'USDT',
      kind: 'perp',
      venue: 'made',
      venueSymbol: 'BTC',
      payoff: 'linear',
      settle: 'USDT',
      tickSize: '0.1',
      lotSize: '0.001',
      multiplier: '1',
      source: 'made by hand',
    })
    const universe = new Universe([instrument])
    this.#market = new MarketState(instrument)
    this.#feature = family.build(settings, { universe, markets: [this.#market], target: 0 })
    this.#names = family.outputs(settings).map(({ name }) => name)
  }

  /** What follows happens this many seconds after the start. */
  at(seconds: number): this {
    this.#nowUs = START_US + Math.round(seconds * 1e6)
    return this
  }

  row(kind: number, side: number, tick: number, lots: number, value: number, flags: number): this {
    this.#batch.count = 0
    this.#batch.push(this.#nowUs, this.#nowUs, kind, 0, side, tick, lots, value, flags)
    this.#market.apply(this.#batch, 0, this.#nowUs)
    this.#feature.onRow(this.#batch, 0, 0, this.#nowUs)
    return this
  }

  /** A whole book: prices from the touch outwards or in any order. */
  snapshot(bids: readonly Level[], asks: readonly Level[]): this {
    this.row(Kind.DEPTH, 0, 0, 0, 0, Flag.RESET | Flag.SNAPSHOT)
    return this.depth(bids, asks)
  }

  /** New totals at some prices, one message. */
  depth(bids: readonly Level[], asks: readonly Level[] = []): this {
    const rows = [...bids.map((level) => [1, ...level] as const), ...asks.map((level) => [-1, ...level] as const)]
    for (const [i, [side, tick, lots]] of rows.entries())
      this.row(Kind.DEPTH, side, tick, lots, 0, i === rows.length - 1 ? Flag.END : 0)
    return this
  }

  quote(bid: Level, ask: Level): this {
    return this.row(Kind.QUOTE, 1, bid[0], bid[1], 0, 0).row(Kind.QUOTE, -1, ask[0], ask[1], 0, Flag.END)
  }

  trade(side: number, tick: number, lots: number): this {
    return this.row(Kind.TRADE, side, tick, lots, 0, Flag.END)
  }

  gap(): this {
    return this.row(Kind.GAP, 0, 0, 0, 1, Flag.END)
  }

  outage(down: boolean): this {
    return this.row(Kind.OUTAGE, 0, 0, 0, down ? 1 : 0, Flag.END)
  }

  /** Something unrelated that shows the feed is alive. */
  heartbeat(): this {
    return this.row(Kind.INDEX, 0, 0, 0, 100, Flag.END)
  }

  /** The figures by name. */
  look(): Readonly<Record<string, number>> {
    const out = new Float64Array(this.#names.length)
    this.#feature.write(out, 0, this.#nowUs)
    return Object.fromEntries(this.#names.map((name, i) => [name, out[i]!]))
  }
}
