/** @file What a capital optimiser is asked: what may be traded where, which exposures are wanted, what collateral there is. */

import { GimbalError } from '../../core/errors.ts'
import type { Book, FuturePosition, OptionPosition } from '../book.ts'
import { type MarketView, type Shift, ShiftedView } from '../marketView.ts'
import { futureMark, optionDollars } from '../valuation.ts'

export type Contract = FuturePosition | OptionPosition

/** One contract that may be traded in one account. */
export interface Candidate {
  /** Unique in a request; appears in the answer. */
  readonly name: string
  /** Index into the book's accounts. */
  readonly account: number
  /** Its terms; `size` and `entry` are ignored (an option's premium changes hands unless the same contract is held with an entry). */
  readonly contract: Contract
  /** Sizes are multiples of this; 0 for any size. In the contract's units. */
  readonly lot: number
  /** Least trade other than none; absent: a lot. */
  readonly sizeMin?: number
  /** Most that may be bought and sold, in the contract's units. */
  readonly buyMost: number
  readonly sellMost: number
  /** Dollars a unit. */
  readonly halfSpread: number
  readonly fee: number
  /** Dollars a unit²: trading q at once costs impact × q² beside spread and fee. */
  readonly impact: number
}

/** Sensitivity of the whole book (`greeks.ts` has the units) kept between two figures. */
export interface ExposureLimit {
  /** Unique in a request: `delta BTC`. */
  readonly name: string
  readonly greek: 'delta' | 'gamma' | 'vega' | 'theta' | 'carry'
  /** Absent: over all assets (only of carry and theta does that make sense). */
  readonly asset?: string
  /** Of contracts that expire from here until before there. */
  readonly fromUs?: number
  readonly toUs?: number
  readonly min?: number
  readonly max?: number
}

/** A currency that may be put into, or taken out of, an account. Coins moved were ours before: deltas do not change. */
export interface CollateralChoice {
  readonly account: number
  readonly currency: string
  /** Units. */
  readonly depositMost: number
  readonly withdrawMost: number
  /** Dollars a dollar moved, either way; 0 when absent. */
  readonly cost?: number
}

/** A move the accounts have to survive: no pool below maintenance. */
export interface SurvivedMove {
  readonly name: string
  readonly shift: Shift
}

export interface CapitalRequest {
  readonly book: Book
  readonly market: MarketView
  readonly candidates: readonly Candidate[]
  readonly limits: readonly ExposureLimit[]
  readonly collateral: readonly CollateralChoice[]
  /** Units by currency that lie outside the accounts and may be put in; what is taken out of one account may go to another. */
  readonly cash: Readonly<Record<string, number>>
  readonly moves: readonly SurvivedMove[]
  /** Dollars charged for a dollar of own money locked over the horizon. 1 weighs a dollar locked like a dollar spent. */
  readonly capitalCharge: number
  /** Over which funding and interest (Greek `carry`) are received or paid. */
  readonly horizonDays: number
  /** Most accounts in which anything is traded. */
  readonly accountsMost?: number
}

/** Dollars of one unit bought at the mark: the premium of an option, the notional of a future. */
export function unitPrice(contract: Contract, venue: string, market: MarketView): number {
  if (contract.kind === 'option') return optionDollars(contract, market)
  return futureMark(contract, venue, market)
}

/** How much of a venue's depth one decision may take, and what a lot is. */
export interface CandidateTerms {
  readonly name: string
  readonly account: number
  readonly contract: Contract
  readonly lot: number
  readonly sizeMin?: number
  /** Dollars of notional, either side. */
  readonly notionalMost: number
}

/**
 * A candidate whose costs follow from the view's liquidity of that asset at that venue; undefined where the view knows none, or no depth:
 * what cannot be seen to trade is not traded. Notional is spot times size for options.
 *
 * @throws {GimbalError} `argument-invalid` for an account that is not in the book.
 */
export function candidateFromView(terms: CandidateTerms, book: Book, market: MarketView): Candidate | undefined {
  const { contract, account, notionalMost, ...named } = terms
  const venue = book.accounts[account]?.venue
  if (venue === undefined) {
    throw new GimbalError('argument-invalid', 'A candidate of no account in the book', { name: terms.name, account })
  }
  const known = market.liquidity(venue, contract.asset)
  if (known === undefined || !(known.depth > 0)) return undefined
  const inverse = contract.kind !== 'option' && contract.payoff === 'inverse'
  const price = contract.kind === 'option' ? market.spot(contract.asset) : unitPrice(contract, venue, market)
  const notional = inverse ? 1 : price
  return {
    ...named,
    account,
    contract,
    buyMost: notionalMost / notional,
    sellMost: notionalMost / notional,
    halfSpread: known.halfSpread * notional,
    fee: known.takerFee * notional,
    impact: (0.005 * notional * notional) / known.depth,
  }
}

/**
 * Moves of ±`sigmas` standard deviations over `horizonDays`, and half of that, of each asset alone and of all at once in one direction.
 *
 * @param volatility By asset, a fraction a year.
 */
export function sigmaMoves(
  volatility: Readonly<Record<string, number>>,
  sigmas: number,
  horizonDays: number,
): SurvivedMove[] {
  const entries = Object.entries(volatility)
  if (!(sigmas > 0) || !(horizonDays > 0) || entries.some(([, sigma]) => !(sigma > 0 && sigma < 100))) {
    throw new GimbalError('argument-invalid', 'Moves in standard deviations need volatility, size and time', {
      sigmas,
      horizonDays,
      volatilities: JSON.stringify(volatility),
    })
  }
  const moves: SurvivedMove[] = []
  const groups = entries.length > 1 ? [...entries.map((each) => [each]), entries] : [entries]
  for (const group of groups) {
    for (const share of [-1, -0.5, 0.5, 1]) {
      const spot = Object.fromEntries(
        group.map(([asset, sigma]) => [asset, Math.exp(share * sigmas * sigma * Math.sqrt(horizonDays / 365))]),
      )
      const percents = Object.entries(spot).map(([asset, by]) => {
        const percent = 100 * (by - 1)
        return `${asset} ${percent < 0 ? '−' : '+'}${Math.abs(percent).toFixed(1)} %`
      })
      moves.push({ name: percents.join(', '), shift: { spot } })
    }
  }
  return moves
}

/** @throws {GimbalError} `argument-invalid` for what no program can be made of, naming it. */
export function requireRequest(request: CapitalRequest): void {
  const refuse = (why: string, facts: Record<string, string | number>): never => {
    throw new GimbalError('argument-invalid', `A capital request ${why}`, facts)
  }
  const { book, market, candidates, limits, collateral, capitalCharge, horizonDays, accountsMost } = request
  if (!(capitalCharge > 0 && capitalCharge < 1e6) || !(horizonDays >= 0 && horizonDays < 1e5)) {
    refuse('needs a charge above 0 and a horizon of at least 0', { capitalCharge, horizonDays })
  }
  if (accountsMost !== undefined && !(accountsMost >= 1)) refuse('allows no account', { accountsMost })
  for (const [currency, units] of Object.entries(request.cash)) {
    if (!(units >= 0 && Number.isFinite(units))) refuse('has cash that is no amount', { currency, units })
  }
  const names = new Set<string>()
  for (const { name, account, contract, lot, sizeMin = 0, ...figures } of candidates) {
    if (names.has(name)) refuse('names two candidates alike', { name })
    names.add(name)
    const held = book.accounts[account]
    if (held === undefined) {
      refuse('has a candidate of no account', { name, account })
      continue
    }
    if (held.margin === undefined) refuse('trades in an account without margin rules', { name, account: held.venue })
    for (const [figure, value] of Object.entries({ lot, sizeMin, ...figures })) {
      if (!(value >= 0 && Number.isFinite(value))) refuse('has a figure that is no amount', { name, figure, value })
    }
    const price = unitPrice(contract, held.venue, market)
    if (!(price > 0 || (contract.kind === 'option' && price === 0)) || !Number.isFinite(price)) {
      refuse('has a candidate without a price', { name, price })
    }
  }
  for (const { name, min = -Number.MAX_VALUE, max = Number.MAX_VALUE } of limits) {
    if (names.has(name)) refuse('names two things alike', { name })
    names.add(name)
    if (!(min <= max)) refuse('has a limit whose least is above its most', { name, min, max })
  }
  for (const { account, currency, depositMost, withdrawMost, cost = 0 } of collateral) {
    if (book.accounts[account]?.margin === undefined) refuse('moves collateral to no margined account', { account })
    for (const [figure, value] of Object.entries({ depositMost, withdrawMost, cost, spot: market.spot(currency) })) {
      if (!(value >= 0 && Number.isFinite(value))) refuse('has a figure that is no amount', { currency, figure, value })
    }
  }
}

/** Views of a request: now, where initial margin is asked, and every move, where maintenance is. */
export function testedViews({ market, moves }: Pick<CapitalRequest, 'market' | 'moves'>) {
  return [
    { name: 'now', market, asks: 'initial' as const },
    ...moves.map(({ name, shift }) => ({
      name,
      market: new ShiftedView(market, shift),
      asks: 'maintenance' as const,
    })),
  ]
}
