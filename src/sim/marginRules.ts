/**
 * @file How much margin a position needs: to open it, and to keep it.
 *
 * Perpetuals and futures: the venue's tiers, applied slice by slice, so that a position just above a floor does not
 * jump (Binance's and Hyperliquid's "maintenance amount" do the same). Instruments without tiers get 20x and 2.5 %:
 * the terms of a smaller listing, so harsher than the truth for BTC or ETH.
 *
 * Options: bought ones are paid in full; sold ones need Deribit's standard margin (`portfolio/margin/deribitStandard.ts`)
 * on top of their value, which equity already carries as a debt.
 *
 * Where it is optimistic: no add-ons for concentration or illiquidity. Where it is pessimistic: no offsets between
 * instruments; a hedged book needs the sum of its legs.
 */

import { DEFAULT_TIERS, tierFraction } from '../engine/listedTiers.ts'
import { atomsPerUnit, dollarLike, type Instrument, type MarginTier } from '../market/instrument.ts'
import { deribitShortOptionShare } from '../portfolio/margin/deribitStandard.ts'
import { CALL, PUT } from '../pricing/right.ts'
import { quoteNotional } from './feeModels.ts'

/** Margin of a position, as a fraction of its notional. */
function fraction(instrument: Instrument, price: number, lots: number, rate: (tier: MarginTier) => number): number {
  return tierFraction(instrument.spec.margin?.tiers ?? DEFAULT_TIERS, quoteNotional(instrument, price, lots), rate)
}

/**
 * Margin to open a position, in atoms of the settlement currency, rounded up.
 *
 * @param price Mark, in quote per base (settlement coin per contract for options).
 * @param leverage Chosen by us; the tier's limit applies where it is lower.
 * @param underlying Price of the underlying in quote per base, for options.
 */
export function initialMarginAtoms(
  instrument: Instrument,
  price: number,
  lots: number,
  leverage: number,
  underlying: number,
): number {
  if (lots === 0) return 0
  if (instrument.kind === 'option') {
    if (lots > 0) return Math.abs(instrument.valueAtPrice(price, lots))
    return shortOptionAtoms(instrument, price, lots, underlying, true)
  }
  const atoms = Math.abs(instrument.valueAtPrice(price, lots))
  return Math.ceil(atoms * fraction(instrument, price, lots, (tier) => 1 / Math.min(leverage, tier.leverageMax)) - 1e-6)
}

/** Margin below which a position is taken away; as {@link initialMarginAtoms}. */
export function maintenanceMarginAtoms(
  instrument: Instrument,
  price: number,
  lots: number,
  underlying: number,
): number {
  if (lots === 0) return 0
  if (instrument.kind === 'option') return lots > 0 ? 0 : shortOptionAtoms(instrument, price, lots, underlying, false)
  const atoms = Math.abs(instrument.valueAtPrice(price, lots))
  return Math.ceil(atoms * fraction(instrument, price, lots, (tier) => tier.maintenanceRate) - 1e-6)
}

/** Beyond its own value, which equity already counts as owed. */
function shortOptionAtoms(
  instrument: Instrument,
  price: number,
  lots: number,
  underlying: number,
  initial: boolean,
): number {
  const put = instrument.right === 'put'
  const contracts = Math.abs(lots) * instrument.lots.size * Number(instrument.spec.multiplier)
  const dollars = dollarLike(instrument.settle)
  const premium = dollars ? price / underlying : price
  const asked = deribitShortOptionShare(put ? PUT : CALL, instrument.strike, underlying, premium)
  const share = initial ? asked.initial : asked.maintenance
  const worth = dollars ? contracts * underlying : contracts
  // Without a price of the underlying nothing can be vouched for: a whole contract's worth is asked as margin.
  const whole = dollars ? contracts * instrument.strike : contracts
  const atoms = (Number.isNaN(underlying) ? whole : worth * share) * atomsPerUnit(instrument.settle)
  return Math.ceil(atoms - 1e-6)
}
