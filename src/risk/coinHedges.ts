/**
 * @file What a flatten leaves of a position, so that it takes risk away and never adds any.
 *
 * Coins in cash stay: they are no position, and may be what backs the account. A perpetual, future or spot holding that offsets
 * them is part of a hedge, and closing it would open the very exposure the breaker runs from. So of all that is to be closed in
 * one coin, what lies between nothing and what is held is left that comes nearest to offsetting what stays anyway:
 *
 *   coins in cash, profit in coins that closing brings home ▸ positions no flatten covers ▸ options that cannot be closed now
 *
 * Options that close do so together with what hedged them, for only what stays is offset. Nothing is opened or enlarged. Of
 * several hedges spot is left first, which needs no margin, then what settles in the coin, whose losses are the coins' gains,
 * then by number of instrument. A hedge on a venue whose margin is in danger is not left: being liquidated costs more.
 *
 * Where it is simple: coins lie anywhere, a hedge counts whatever its venue; an option of unknown delta is offset by nothing.
 */

import { ASK, BID, isLevel } from '../market/book.ts'
import { atomsPerUnit, dollarLike, type Instrument } from '../market/instrument.ts'
import type { MarketState } from '../market/marketState.ts'
import { BookOfRun } from '../portfolio/engineBook.ts'
import { noPositionGreeks } from '../portfolio/positionGreeks.ts'
import type { Watched } from './limits.ts'
import { underlyingOf } from './underlying.ts'

/** A hedge this much too large is a hedge: funding and fees move coins a little all the time, and each order costs. */
const SLACK = 0.01

/** Whether an instrument is covered by a flatten. */
export type Covered = (instrument: number) => boolean

/** Tells what a flatten leaves. Looks at the ledger anew each time. */
export class CoinHedges {
  readonly #parts: Watched
  /** Made when an option that cannot be closed is first met: for its delta. */
  #run: BookOfRun | undefined
  readonly #greeks = noPositionGreeks()

  constructor(parts: Watched) {
    this.#parts = parts
  }

  /**
   * Signed lots a flatten leaves of an instrument: between 0 and what is held.
   *
   * @param covered What flattens close; the instrument itself is always taken to be.
   * @param endangered Whether hedges at a venue must go because its margin would not stand.
   */
  left(instrument: number, nowUs: number, covered: Covered, endangered: (venue: string) => boolean): number {
    const { ledger, universe } = this.#parts
    const lots = ledger.lots(instrument)
    const asset = underlyingOf(universe.at(instrument).spec.base)
    if (lots === 0 || dollarLike(asset) || !offsets(universe.at(instrument))) return 0
    const closes: Covered = (i) => i === instrument || (covered(i) && this.closable(i))
    const naked = this.#staying(asset, nowUs, closes)
    let budget = Math.abs(naked)
    // What cannot be closed now comes before the others: it is there whatever becomes of them.
    const candidates = this.closable(instrument) ? this.#candidates(asset, closes) : [instrument]
    for (const i of candidates) {
      if (ledger.lots(i) * naked >= 0) continue
      const each = universe.at(i)
      const unit = Math.abs(this.#coins(i, 1))
      const held = Math.abs(ledger.lots(i))
      const fits = budget / unit
      const barred = !(unit > 0) || (each.kind !== 'spot' && endangered(each.venue))
      const kept = barred ? 0 : held <= fits * (1 + SLACK) ? held : Math.floor(fits + 1e-9)
      if (i === instrument) return kept === 0 ? 0 : Math.sign(lots) * kept
      budget = Math.max(0, budget - kept * unit)
    }
    return 0
  }

  /** Whether an order that closes what is held could trade now. Where no touch was ever shown it is taken to. */
  closable(instrument: number): boolean {
    const market = this.#parts.markets[instrument]!
    if (market.down) return false
    if (!showsTouch(market)) return true
    return this.#parts.ledger.lots(instrument) > 0 ? isLevel(BID, market.bestBid) : isLevel(ASK, market.bestAsk)
  }

  /** What may offset, in the order in which it is left. */
  #candidates(asset: string, closes: Covered): number[] {
    const { ledger, universe } = this.#parts
    const rank = (i: number) => {
      const { kind, settle } = universe.at(i)
      return kind === 'spot' ? 0 : underlyingOf(settle) === asset ? 1 : 2
    }
    return ledger.traded
      .filter((i) => {
        const instrument = universe.at(i)
        return underlyingOf(instrument.spec.base) === asset && offsets(instrument) && closes(i)
      })
      .sort((a, b) => rank(a) - rank(b) || a - b)
  }

  /** Units of an asset the account is long when all that closes is closed. */
  #staying(asset: string, nowUs: number, closes: Covered): number {
    const { ledger, universe } = this.#parts
    let sum = 0
    for (const currency of ledger.currencies) {
      if (dollarLike(currency) || underlyingOf(currency) !== asset) continue
      sum += this.#inAsset(currency, asset, ledger.cashAtoms(currency) / atomsPerUnit(currency))
    }
    for (const i of ledger.traded) {
      if (ledger.lots(i) === 0) continue
      const { settle, spec, kind } = universe.at(i)
      const closing = closes(i)
      const ofAsset = underlyingOf(spec.base) === asset
      if (kind === 'option' && !closing) {
        if (ofAsset) sum += known(this.#optionDelta(i, nowUs))
        continue
      }
      if (ofAsset && !closing) sum += known(this.#coins(i, ledger.lots(i)))
      // What is owed in coins is coins, whether it is paid out by closing or not. Spot is paid for: only its sale brings any.
      if (dollarLike(settle) || underlyingOf(settle) !== asset || (kind === 'spot' && !closing)) continue
      const atoms = ledger.unrealisedAtoms(i) + (kind === 'spot' ? ledger.holding(i).costAtoms : 0)
      sum += this.#inAsset(settle, asset, known(atoms) / atomsPerUnit(settle))
    }
    return sum
  }

  /** Base units of so many lots at the mark. */
  #coins(instrument: number, lots: number): number {
    const { inverse, lots: grid, spec } = this.#parts.universe.at(instrument)
    const size = lots * grid.size * Number(spec.multiplier)
    return inverse ? size / this.#parts.markets[instrument]!.markPrice : size
  }

  /** Units of a claim on an asset, in units of the asset; one for one where prices do not say. */
  #inAsset(currency: string, asset: string, units: number): number {
    if (currency === asset || units === 0) return units
    const ratio = this.#parts.ledger.rate(currency) / this.#parts.ledger.rate(asset)
    return ratio > 0 && ratio < Number.POSITIVE_INFINITY ? units * ratio : units
  }

  #optionDelta(instrument: number, nowUs: number): number {
    const { universe, ledger, markets } = this.#parts
    this.#run ??= new BookOfRun(universe, ledger, (i) => markets[i]!)
    return this.#run.refresh(nowUs).positionGreeks(instrument, this.#greeks).delta
  }
}

/** Whether a holding's worth moves one for one with its base. */
function offsets({ kind }: Instrument): boolean {
  return kind === 'perp' || kind === 'future' || kind === 'spot'
}

/** What nobody knows offsets nothing and is offset by nothing. */
function known(units: number): number {
  return Number.isFinite(units) ? units : 0
}

function showsTouch(market: MarketState): boolean {
  return market.hasBook || market.bidTick !== 0 || market.askTick !== 0
}
