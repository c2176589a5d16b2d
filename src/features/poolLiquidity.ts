/**
 * @file Liquidity of a concentrated pool around its price: how much is active, how it changes, how far the price travels and
 * what stands in the range it travelled.
 *
 * From `POOL_STATE` rows, the pool's tick and active liquidity L. `liquidity` is ln L. Per window: `change`, that of ln L since
 * the state in force when the window began; `moved`, the tick less the tick then; `path`, the sum of the distances between states
 * in the window; `range`, its highest less its lowest tick, the one in force at its beginning included; `depth`, ln of the amount
 * of token1 (smallest units) that moves the price through that range, and through one tick at least, at today's liquidity:
 * L (√p_high − √p_low), √p = 1.0001^(tick/2).
 *
 * Nothing is known after `memorySeconds` without a state, after a `GAP` or `OUTAGE` until the next one, and while the feed is down. A
 * difference is not taken across a break: `change`, `moved` are NaN and `path` skips it; `range` keeps both sides. The last 8192
 * states are remembered; a window that began before them has only `path`.
 *
 * Source: H. Adams et al., "Uniswap v3 core" (2021), sections 6.1 and 6.2.
 */

import { readSettings, type SettingsOf, type SettingsShape } from '../core/settings.ts'
import type { MarketState } from '../market/marketState.ts'
import { Kind, type TapeBatch } from '../market/tape.ts'
import type { Feature, FeatureContext, FeatureFamily } from './feature.ts'
import { RecentFigures } from './recentFigures.ts'
import { INSTRUMENT_SETTING, namedInstrument, numberList, spanName, spanUs, targetHas } from './settingLists.ts'
import { WindowSums } from './windowSums.ts'

const SETTINGS = {
  instrument: INSTRUMENT_SETTING,
  windowsSeconds: { default: '300,3600', doc: 'lengths of the windows, seconds, ascending' },
  memorySeconds: { default: 600, min: 1, doc: 'seconds without a state after which it is no longer known' },
} as const satisfies SettingsShape

const OWNER = 'feature pool-liquidity'
const REMEMBERED = 8192
const PER_WINDOW = 5
/** ln √1.0001: half a basis point of price a tick. */
const HALF_TICK = 0.5 * Math.log(1.0001)

class PoolLiquidity implements Feature {
  readonly instruments: readonly number[]
  readonly #market: MarketState
  readonly #states = new RecentFigures(REMEMBERED)
  readonly #windowsUs: readonly number[]
  readonly #paths: readonly WindowSums[]
  readonly #memoryUs: number
  #firstUs = Number.POSITIVE_INFINITY

  constructor(settings: SettingsOf<typeof SETTINGS>, context: FeatureContext) {
    const instrument = namedInstrument(context, settings.instrument)
    this.instruments = [instrument]
    this.#market = context.markets[instrument]!
    this.#windowsUs = numberList(OWNER, 'windowsSeconds', settings.windowsSeconds, 0.001).map(spanUs)
    this.#paths = this.#windowsUs.map((us) => new WindowSums(us, 1))
    this.#memoryUs = spanUs(settings.memorySeconds)
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    const kind = batch.kind[row]!
    if (kind === Kind.POOL_STATE) {
      if (!this.#market.down && batch.value[row]! >= 0) this.#hear(timeUs, batch.tick[row]!, batch.value[row]!)
    } else if (kind === Kind.GAP || kind === Kind.OUTAGE) this.#states.pushBreak(timeUs)
  }

  #hear(timeUs: number, tick: number, liquidity: number): void {
    const states = this.#states
    const before = states.end - 1
    if (before >= 0 && before > states.lastBreak) {
      const distance = Math.abs(tick - states.first(before))
      for (let i = 0; i < this.#paths.length; i++) this.#paths[i]!.add(timeUs, 0, distance)
    }
    if (timeUs < this.#firstUs) this.#firstUs = timeUs
    states.push(timeUs, tick, liquidity)
  }

  /** The state in force and still believed at a time, given that everything up to it was heard; −1 when there is none. */
  #inForce(timeUs: number): number {
    const entry = this.#states.inForce(timeUs)
    const known = entry >= 0 && !Number.isNaN(this.#states.first(entry))
    return known && timeUs - this.#states.timeUs(entry) <= this.#memoryUs ? entry : -1
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const now = this.#inForce(nowUs)
    const liquidity = now < 0 || this.#market.down ? 0 : this.#states.second(now)
    const level = liquidity > 0 ? Math.log(liquidity) : Number.NaN
    out[at] = level
    for (let i = 0; i < this.#windowsUs.length; i++) {
      const place = at + 1 + PER_WINDOW * i
      if (now < 0 || this.#market.down) out.fill(Number.NaN, place, place + PER_WINDOW)
      else this.#writeWindow(out, place, i, nowUs, now, level)
    }
  }

  #writeWindow(out: Float64Array, at: number, window: number, nowUs: number, now: number, level: number): void {
    const states = this.#states
    const startUs = nowUs - this.#windowsUs[window]!
    const then = this.#inForce(startUs)
    const path = this.#paths[window]!
    const compared = then >= 0 && then > states.lastBreak
    out[at] = compared && states.second(then) > 0 ? level - Math.log(states.second(then)) : Number.NaN
    out[at + 1] = compared ? states.first(now) - states.first(then) : Number.NaN
    out[at + 2] = this.#firstUs <= path.startUs(nowUs) ? path.sum(nowUs, 0) : Number.NaN
    out[at + 3] = Number.NaN
    out[at + 4] = Number.NaN
    if (then < 0) return
    let highest = states.first(then)
    let lowest = highest
    for (let entry = then + 1; entry < states.end; entry++) {
      const tick = states.first(entry)
      if (tick > highest) highest = tick
      if (tick < lowest) lowest = tick
    }
    out[at + 3] = highest - lowest
    // ln(√p_high − √p_low) without the powers themselves, which reach 1e19: √p_low (e^(half ticks) − 1).
    out[at + 4] = level + HALF_TICK * lowest + Math.log(Math.expm1(HALF_TICK * Math.max(1, highest - lowest)))
  }
}

export const POOL_LIQUIDITY: FeatureFamily = {
  name: 'pool-liquidity',
  summary: 'Active liquidity of a pool, its change, how far the tick travelled, and the depth of that range.',
  version: 1,
  settings: SETTINGS,
  outputs(given) {
    const { windowsSeconds } = readSettings(OWNER, SETTINGS, given)
    const windows = numberList(OWNER, 'windowsSeconds', windowsSeconds, 0.001)
      .map(spanName)
      .flatMap((span) => [
        { name: `change-${span}`, unit: '', doc: `Change of the logarithm of liquidity over ${span}.` },
        { name: `moved-${span}`, unit: 'ticks', doc: 'Tick now less tick then.' },
        { name: `path-${span}`, unit: 'ticks', doc: 'Sum of the distances the tick went.' },
        { name: `range-${span}`, unit: 'ticks', doc: 'Highest less lowest tick.' },
        {
          name: `depth-${span}`,
          unit: 'ln token1',
          doc: 'Logarithm of the token1 that moves the price through that range.',
        },
      ])
    return [{ name: 'liquidity', unit: 'ln L', doc: 'Logarithm of the active liquidity.' }, ...windows]
  },
  suits: (tape) => targetHas(tape, 'pool') && tape.universe.at(tape.target).kind === 'pool',
  build: (settings, context) => new PoolLiquidity(readSettings(OWNER, SETTINGS, settings), context),
}
