/**
 * @file A whole surface in three numbers: SSVI, in which each slice is
 *
 *     w(k) = θ/2 (1 + ρφk + √((φk + ρ)² + 1 − ρ²)),   θ total variance at the money, φ = φ(θ).
 *
 * Simple conditions suffice for the absence of arbitrage, which makes it the anchor of repairs and of slices nobody quotes; it
 * does not bend enough to follow a chain between its bids and asks.
 *
 * Source: J. Gatheral and A. Jacquier, "Arbitrage-free SVI volatility surfaces", Quant. Finance 14 (2014), section 4.
 */

import { GimbalError } from '../core/errors.ts'
import type { RawSvi } from './svi.ts'

/** One slice of SSVI. */
export interface SsviSlice {
  /** Total variance at the money, above 0. */
  readonly theta: number
  /** In (−1, 1). */
  readonly rho: number
  /** Above 0: how fast the smile bends. */
  readonly phi: number
}

/** @throws {GimbalError} `argument-invalid`. */
function requireSlice({ theta, rho, phi }: SsviSlice): void {
  if ([theta, rho, phi].every(Number.isFinite) && theta > 0 && phi > 0 && Math.abs(rho) < 1) return
  throw new GimbalError('argument-invalid', 'A slice of SSVI needs theta and phi above 0 and |rho| below 1', {
    theta,
    rho,
    phi,
  })
}

/** Total variance at log-moneyness `k`. Accuracy: 1e-12 relative (test "reference vectors"). Of the hot path: unchecked, NaN in is NaN out. */
export function ssviVariance({ theta, rho, phi }: SsviSlice, k: number): number {
  const x = phi * k + rho
  return 0.5 * theta * (1 + rho * phi * k + Math.sqrt(x * x + (1 - rho) * (1 + rho)))
}

/** The same slice in raw form. @throws {GimbalError} `argument-invalid`. */
export function ssviRaw(slice: SsviSlice): RawSvi {
  requireSlice(slice)
  const { theta, rho, phi } = slice
  const across = (1 - rho) * (1 + rho)
  return { a: 0.5 * theta * across, b: 0.5 * theta * phi, rho, m: -rho / phi, sigma: Math.sqrt(across) / phi }
}

/** φ(θ) = η/(θ^γ (1 + θ)^(1 − γ)), equation (4.5): free of butterflies for all θ where η (1 + |ρ|) <= 2 and 0 < γ <= ½. */
export function phiPowerLaw(eta: number, gamma: number): (theta: number) => number {
  return (theta) => eta / (theta ** gamma * (1 + theta) ** (1 - gamma))
}

/** φ(θ) = (1 − (1 − e^(−λθ))/(λθ))/(λθ), as in the Heston model, Example 4.1; λ >= (1 + |ρ|)/4 keeps butterflies free. */
export function phiHeston(lambda: number): (theta: number) => number {
  return (theta) => {
    const x = lambda * theta
    // By series where the two terms nearly cancel: ½ − x/6 + x²/24 − …
    if (Math.abs(x) < 1e-2)
      return 0.5 - x * (1 / 6 - x * (1 / 24 - x * (1 / 120 - x * (1 / 720 - x * (1 / 5040 - x * (1 / 40_320))))))
    return (1 + Math.expm1(-x) / x) / x
  }
}

/** Whether Theorem 4.2 promises a slice without butterfly arbitrage: θφ(1 + |ρ|) < 4 and θφ²(1 + |ρ|) <= 4. Sufficient. */
export function ssviButterflySufficient({ theta, rho, phi }: SsviSlice): boolean {
  const steepness = theta * phi * (1 + Math.abs(rho))
  return steepness < 4 && steepness * phi <= 4
}

/** The largest φ up to the one given at which {@link ssviButterflySufficient} holds, a hair inside. NaN in is NaN out. */
export function ssviPhiWithin({ theta, rho, phi }: SsviSlice): number {
  const room = (4 * (1 - 1e-9)) / (theta * (1 + Math.abs(rho)))
  return Math.min(phi, room, Math.sqrt(room))
}

/**
 * Whether Theorem 4.1 promises that slices of rising θ do not cross: 0 <= d(θφ)/dθ <= φ (1 + √(1 − ρ²))/ρ². Exact for curves of
 * SSVI; the slope is taken by central difference over a millionth of θ.
 *
 * @param from Least θ looked at, above 0.
 * @param to Greatest.
 * @param points How many, evenly spaced in ln θ.
 */
export function ssviCalendarFree(
  rho: number,
  phi: (theta: number) => number,
  from: number,
  to: number,
  points = 257,
): boolean {
  const across = 1 + Math.sqrt((1 - rho) * (1 + rho))
  for (let i = 0; i < points; i++) {
    const theta = from * (to / from) ** (points > 1 ? i / (points - 1) : 0)
    const step = 1e-6 * theta
    const slope = ((theta + step) * phi(theta + step) - (theta - step) * phi(theta - step)) / (2 * step)
    const room = 1e-8 * phi(theta)
    if (!(slope >= -room && slope * rho * rho <= across * phi(theta) + room)) return false
  }
  return true
}
