/** @file Choosing expiries and strikes among the options that can be traded now. */

import { DAY_US } from '../core/clock.ts'
import type { Listed, OptionBoard, OptionSlopes } from './optionBoard.ts'

/**
 * Options of one expiry with a fresh two-sided quote, and what they move by. All of one venue and settled alike: a lot of one is a lot
 * of any other, and one margin account holds what covers and what is covered.
 */
export interface FreshExpiry {
  readonly expiryUs: number
  readonly days: number
  readonly options: readonly FreshOption[]
}

export interface FreshOption extends Listed {
  readonly slopes: Readonly<OptionSlopes>
}

/** Expiries between two numbers of days with fresh options, nearest to `days` first; of one moment, in the order of the instruments. */
export function freshExpiries(
  board: OptionBoard,
  nowUs: number,
  days: number,
  daysMin: number,
  daysMax: number,
): FreshExpiry[] {
  const { spot } = board
  const together = new Map<string, FreshOption[]>()
  if (!(spot > 0)) return []
  for (const option of board.options) {
    const left = (option.expiryUs - nowUs) / DAY_US
    if (left < daysMin || left > daysMax || !board.fresh(option)) continue
    const slopes = { price: 0, delta: 0, gamma: 0, vega: 0, theta: 0 }
    if (!board.slopes(option, slopes, board.volatility(option, spot), spot)) continue
    const { venue, settle } = option.market.instrument
    const key = `${option.expiryUs} ${option.lotBase} ${settle} ${venue}`
    const options = together.get(key) ?? []
    together.set(key, options)
    options.push({ ...option, slopes })
  }
  return [...together.values()]
    .map((options) => {
      const { expiryUs } = options[0]!
      return { expiryUs, days: (expiryUs - nowUs) / DAY_US, options }
    })
    .sort((a, b) => Math.abs(a.days - days) - Math.abs(b.days - days) || a.expiryUs - b.expiryUs)
}

/** Call and put of the strike nearest to the forward at which both are fresh. */
export function straddle(
  board: OptionBoard,
  { options }: FreshExpiry,
): { call: FreshOption; put: FreshOption } | undefined {
  let best: { call: FreshOption; put: FreshOption } | undefined
  let distance = Number.POSITIVE_INFINITY
  for (const call of options) {
    if (call.right !== 1) continue
    const put = options.find(({ right, strike }) => right === -1 && strike === call.strike)
    const away = Math.abs(Math.log(call.strike / board.forward(call)))
    if (put && away < distance) {
      best = { call, put }
      distance = away
    }
  }
  return best
}

/** The option of a right whose |delta| is nearest to `delta`, of strikes beyond a limit: above it for calls, below for puts. */
export function nearestDelta(
  { options }: FreshExpiry,
  right: 1 | -1,
  delta: number,
  beyond: number,
): FreshOption | undefined {
  let best: FreshOption | undefined
  let distance = Number.POSITIVE_INFINITY
  for (const option of options) {
    if (option.right !== right || right * (option.strike - beyond) <= 0) continue
    const away = Math.abs(Math.abs(option.slopes.delta) - delta)
    if (away < distance) {
      best = option
      distance = away
    }
  }
  return best
}
