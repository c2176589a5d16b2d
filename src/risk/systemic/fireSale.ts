/**
 * @file Fire sales in rounds: leveraged holders hit by a shock sell what all of them hold, and hit one another.
 *
 * Source: R. Cont, E. Schaanning, "Fire sales, indirect contagion and systemic stress testing", Norges Bank Working Paper 02/2017.
 * Impact is linear in what is sold; a seller pays half of the move on what it sells (their α = 1/2).
 */

import { GimbalError } from '../../core/errors.ts'

/** Holders and what they hold; all money in one currency. */
export interface FireSaleSystem {
  /** What each holder has of each marketable asset, not negative. // [holders][assets] */
  readonly holdings: readonly (readonly number[])[]
  readonly capital: readonly number[]
  /** What each has besides, which cannot be sold. */
  readonly illiquid: readonly number[]
  /** Assets over capital beyond which a holder sells, and down to which. */
  readonly leverageMax: number
  readonly leverageTarget: number
  /** Of each asset: money sold that takes its price to 0. */
  readonly depth: readonly number[]
}

export interface FireSaleRound {
  /** Share of its holdings each sells, 0 to 1. */
  readonly deleveraged: readonly number[]
  /** Leverage on which it decided; Infinity for the insolvent. */
  readonly leverage: readonly number[]
  /** Money sold of each asset, and the share its price fell by. */
  readonly volume: readonly number[]
  readonly impact: readonly number[]
  readonly loss: readonly number[]
  /** After the loss. */
  readonly capital: readonly number[]
}

/**
 * @param shock Share of its price each asset loses at first.
 * @returns A round for each wave of sales; none when nobody has to sell.
 * @throws {GimbalError} `argument-invalid`.
 */
export function fireSaleRounds(
  system: FireSaleSystem,
  shock: readonly number[],
  roundsMax = 1_000,
): readonly FireSaleRound[] {
  check(system, shock)
  const { illiquid, leverageMax, leverageTarget, depth } = system
  const capital = [...system.capital]
  const holdings = system.holdings.map((row, i) =>
    row.map((held, j) => {
      capital[i]! -= held * shock[j]!
      return held * (1 - shock[j]!)
    }),
  )
  const rounds: FireSaleRound[] = []
  while (rounds.length < roundsMax) {
    const marketable = holdings.map((row) => row.reduce((sum, held) => sum + held, 0))
    const leverage = capital.map((own, i) =>
      own > 0 ? (marketable[i]! + illiquid[i]!) / own : Number.POSITIVE_INFINITY,
    )
    const deleveraged = leverage.map((ratio, i) => {
      if (!(ratio > leverageMax) || marketable[i] === 0) return 0
      if (ratio === Number.POSITIVE_INFINITY) return 1
      const excess = marketable[i]! + illiquid[i]! - leverageTarget * capital[i]!
      return Math.min(1, Math.max(0, excess / marketable[i]!))
    })
    if (deleveraged.every((share) => share === 0)) break
    const volume = depth.map((_, j) => holdings.reduce((sum, row, i) => sum + deleveraged[i]! * row[j]!, 0))
    const impact = volume.map((sold, j) => Math.min(1, sold / depth[j]!))
    const loss = holdings.map((row, i) => {
      const sold = deleveraged[i]!
      return row.reduce((sum, held, j) => sum + (1 - sold + 0.5 * sold) * held * impact[j]!, 0)
    })
    for (const [i, row] of holdings.entries()) {
      capital[i]! -= loss[i]!
      for (const [j, held] of row.entries()) row[j] = (1 - deleveraged[i]!) * held * (1 - impact[j]!)
    }
    rounds.push({ deleveraged, leverage, volume, impact, loss, capital: [...capital] })
  }
  return rounds
}

function check(system: FireSaleSystem, shock: readonly number[]): void {
  const { holdings, capital, illiquid, leverageMax, leverageTarget, depth } = system
  const sizes = holdings.length === capital.length && holdings.length === illiquid.length
  const rows = holdings.every((row) => row.length === depth.length && row.every((held) => held >= 0))
  const shocks = shock.length === depth.length && shock.every((each) => each >= 0 && each <= 1)
  const amounts =
    illiquid.every((each) => each >= 0) && depth.every((each) => each > 0) && capital.every(Number.isFinite)
  if (!sizes || !rows || !shocks || !amounts || !(leverageTarget > 0 && leverageTarget <= leverageMax))
    throw new GimbalError('argument-invalid', 'Not a system for a fire sale', {
      holders: holdings.length,
      assets: depth.length,
      sizes,
      rows,
      shocks,
      amounts,
      leverageMax,
      leverageTarget,
    })
}
