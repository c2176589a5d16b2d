/**
 * @file Spot against volatility: profit and loss on a grid, and the frontier beyond which some account is liquidated.
 *
 * For each level of volatility the frontier is the nearest spot below and above today's at which the weakest account meets its
 * maintenance exactly, found by stepping outwards and then halving; a pair of crossings within one step (2 to 6 %) can be missed.
 */

import type { Book } from '../../portfolio/book.ts'
import { marginEngine } from '../../portfolio/margin/registry.ts'
import type { MarketView } from '../../portfolio/marketView.ts'
import type { EngineByName } from './marginRatio.ts'
import { EVERY, type Levels, type Stickiness } from './scenario.ts'
import { levelsOf, StaticShock, type Weakest } from './staticShock.ts'

export interface HeatMapOptions {
  /** The asset that moves, or `*` for all of them alike. */
  readonly asset?: string
  /** Prices over today's, ascending. */
  readonly spots?: readonly number[]
  /** Volatility added, a fraction a year, ascending. */
  readonly volatilities?: readonly number[]
  readonly sticky?: Stickiness
  readonly engines?: EngineByName
}

/** Where an account is liquidated. */
export interface FrontierPoint extends Weakest {
  /** Price over today's. */
  readonly factor: number
  /** Profit of the whole book there, dollars. */
  readonly profit: number
}

export interface FrontierRow {
  readonly volatility: number
  /** Nearest below and above; absent where nothing is liquidated within the reach of the search. */
  readonly down?: FrontierPoint
  readonly up?: FrontierPoint
}

export interface HeatMap {
  readonly asset: string
  readonly spots: readonly number[]
  readonly volatilities: readonly number[]
  /** Profit in dollars, a row for each volatility. // [volatilities][spots] */
  readonly profit: readonly (readonly number[])[]
  /** Equity over maintenance of the weakest account. // [volatilities][spots] */
  readonly marginRatio: readonly (readonly number[])[]
  readonly frontier: readonly FrontierRow[]
}

const STEP_FIRST = 0.02
const STEP_GROWTH = 1.1
const STEP_MAX = 0.06
/** How far the frontier is looked for: a twentieth of the price, and tenfold. */
const REACH_DOWN = Math.log(20)
const REACH_UP = Math.log(10)

const range = (from: number, to: number, count: number) =>
  Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1))

/** −60 % to +60 % in steps of 3 %, and −20 to +100 points in steps of 12. */
const SPOTS = range(0.4, 1.6, 41)
const VOLATILITIES = range(-0.2, 1, 11)

/** @throws {GimbalError} as margin engines do. */
export function heatMap(book: Book, market: MarketView, options: HeatMapOptions = {}): HeatMap {
  const { asset = EVERY, spots = SPOTS, volatilities = VOLATILITIES, sticky = 'moneyness' } = options
  const shocked = new StaticShock(book, market, options.engines ?? marginEngine, sticky)
  const today = shocked.value(new Map())
  const at = (factor: number, add: number): Levels =>
    levelsOf([
      { shock: 'spot', asset, factor },
      { shock: 'volatility', asset, factor: 1, add },
    ])
  const levels = volatilities.map((add) => spots.map((factor) => at(factor, add)))
  return {
    asset,
    spots,
    volatilities,
    profit: levels.map((row) => row.map((cell) => shocked.value(cell) - today)),
    marginRatio: levels.map((row) => row.map((cell) => shocked.weakest(cell).marginRatio)),
    frontier: volatilities.map((volatility) => {
      const point = (side: 1 | -1) => crossing(shocked, (factor) => at(factor, volatility), side, today)
      const down = point(-1)
      const up = point(1)
      return { volatility, ...(down && { down }), ...(up && { up }) }
    }),
  }
}

/** The nearest factor on one side at which the weakest account breaks: the last unbroken one, to rounding. */
function crossing(
  shocked: StaticShock,
  at: (factor: number) => Levels,
  side: 1 | -1,
  today: number,
): FrontierPoint | undefined {
  const sound = (move: number) => shocked.weakest(at(Math.exp(side * move))).marginRatio >= 1
  const point = (move: number): FrontierPoint => {
    const factor = Math.exp(side * move)
    return { factor, ...shocked.weakest(at(factor)), profit: shocked.value(at(factor)) - today }
  }
  if (!sound(0)) return point(0)
  const reach = side < 0 ? REACH_DOWN : REACH_UP
  let safe = 0
  let step = STEP_FIRST
  while (safe < reach) {
    const next = Math.min(reach, safe + step)
    if (!sound(next)) return point(halve(sound, safe, next))
    safe = next
    step = Math.min(STEP_MAX, step * STEP_GROWTH)
  }
  return undefined
}

/** The edge between a sound and a broken move, to the last digit that matters. */
function halve(sound: (move: number) => boolean, from: number, to: number): number {
  let [safe, broken] = [from, to]
  for (let i = 0; i < 60 && broken - safe > 1e-13; i++) {
    const middle = safe + 0.5 * (broken - safe)
    if (sound(middle)) safe = middle
    else broken = middle
  }
  return safe
}
