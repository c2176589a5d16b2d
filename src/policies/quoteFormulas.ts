/**
 * @file Optimal quotes of a market maker in closed form, after Avellaneda-Stoikov and Guéant-Lehalle-Fernandez-Tapia.
 *
 * The mid is a Brownian motion of volatility σ; a quote at distance δ from it is filled at rate A exp(−kδ); the maker
 * has exponential utility with risk aversion γ. Prices may be in any unit (σ in it per √s, k per it); inventory q is
 * counted in orders, so γ is per price unit and order. Only the ratio ρ = γ/k matters besides σ, A and k: it is free of
 * units, which is why the policies' setting is ρ and one value suits every instrument.
 */

/** What the market is like, and how much the maker dislikes inventory. */
export interface QuoteParameters {
  /** σ, price units per √second. */
  readonly volatility: number
  /** A, fills per second and side at distance zero. */
  readonly arrival: number
  /** k, per price unit. */
  readonly decay: number
  /** γ, per price unit and order. */
  readonly riskAversion: number
}

/**
 * Half of what the spread would be without inventory risk: (1/γ) ln(1 + γ/k), which is 1/k when γ vanishes.
 *
 * Accuracy: `log1p` keeps full precision down to γ/k = 1e-300.
 */
export function monopolyHalfSpread(riskAversion: number, decay: number): number {
  return riskAversion === 0 ? 1 / decay : Math.log1p(riskAversion / decay) / riskAversion
}

/**
 * By how much one order of inventory moves both quotes in the steady state:
 * √( σ²γ / (2kA) · (1 + γ/k)^(1 + k/γ) ).
 *
 * Source: O. Guéant, C.-A. Lehalle, J. Fernandez-Tapia, "Dealing with the inventory risk: a solution to the market
 * making problem", Mathematics and Financial Economics 7 (2013), section 4: the asymptotic approximation.
 */
export function steadyStateSkew({ volatility, arrival, decay, riskAversion }: QuoteParameters): number {
  const ratio = riskAversion / decay
  // (1 + ρ)^(1 + 1/ρ) → e as ρ → 0; written with log1p so that it gets there.
  const power = ratio === 0 ? Math.E : Math.exp((1 + 1 / ratio) * Math.log1p(ratio))
  return volatility * Math.sqrt((ratio / (2 * arrival)) * power)
}

/**
 * Distance of the bid below the mid for inventory q, in the steady state; the ask's is `bidDistance(…, −q)`.
 *
 * Accuracy: an approximation of the exact steady state, best near q = 0; the test "close to the exact solution"
 * states how close.
 */
export function steadyStateBidDistance(parameters: QuoteParameters, inventory: number): number {
  return (
    monopolyHalfSpread(parameters.riskAversion, parameters.decay) +
    ((2 * inventory + 1) / 2) * steadyStateSkew(parameters)
  )
}

/**
 * Distance of the bid below the mid for inventory q with `secondsLeft` to a horizon at which inventory is worth the mid:
 * qγσ²τ + γσ²τ/2 + (1/γ) ln(1 + γ/k). The ask's is the same for −q.
 *
 * Source: M. Avellaneda, S. Stoikov, "High-frequency trading in a limit order book", Quantitative Finance 8 (2008),
 * equations (3.17) and (3.18), in this form for an exponential rate.
 */
export function finiteHorizonBidDistance(parameters: QuoteParameters, inventory: number, secondsLeft: number): number {
  const { volatility, decay, riskAversion } = parameters
  const penalty = riskAversion * volatility * volatility * secondsLeft
  return monopolyHalfSpread(riskAversion, decay) + ((2 * inventory + 1) / 2) * penalty
}
