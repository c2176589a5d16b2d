/**
 * @file A surface of volatility made of slices of SVI.
 *
 * Between two expiries total variance is linear in time at constant log-moneyness: it cannot fall, so nothing crosses. Before the
 * first it is the first slice's times T/T₁, the same smile of volatility in log-moneyness: g is concave in that factor, at least 0 for
 * factor 0 and for 1, so butterflies stay free. After the last it is the last slice's plus w(0) (T/Tₙ − 1): volatility at the
 * money stays, and the smile flattens while wings keep their slopes, within Lee's bound. That the slices between and beyond
 * have no butterflies is no theorem known to us (half a million random pairs of free slices gave no example against it);
 * `surfaceArbitrage` looks.
 */

import { GimbalError } from '../core/errors.ts'
import { ForwardCurve, type ForwardNode } from './forwardCurve.ts'
import { logRatio } from './logRatio.ts'
import { durrleman, type RawSvi, requireSvi, type SmilePoint, sviPoint, sviVariance } from './svi.ts'
import type { VolatilitySurface } from './volatilitySurface.ts'

const YEAR_US = 365 * 86_400_000_000

/** A slice of the surface. */
export interface SurfaceSlice {
  readonly expiryUs: number
  /** Of total variance over ln(K/F), F the forward of this expiry. */
  readonly svi: RawSvi
}

/** Implied volatility from slices of SVI; see the file's header for what lies between and beyond them. */
export class SviSurface implements VolatilitySurface {
  readonly asset: string
  readonly timeUs: number
  readonly expiriesUs: readonly number[]
  readonly slices: readonly SurfaceSlice[]
  readonly curve: ForwardCurve

  /**
   * @param curve Forwards; its time is the surface's.
   * @throws {GimbalError} `argument-invalid` for no slices, slices out of order or not after the curve's time, or no slices of SVI.
   */
  constructor(asset: string, curve: ForwardCurve, slices: readonly SurfaceSlice[]) {
    let previous = curve.timeUs
    for (const { expiryUs, svi } of slices) {
      requireSvi(svi)
      if (!(Number.isFinite(expiryUs) && expiryUs > previous))
        throw new GimbalError('argument-invalid', 'Slices of a surface must ascend in time', {
          after: previous,
          expiryUs,
        })
      previous = expiryUs
    }
    if (slices.length === 0) throw new GimbalError('argument-invalid', 'A surface needs a slice', { asset })
    this.asset = asset
    this.timeUs = curve.timeUs
    this.curve = curve
    this.slices = slices
    this.expiriesUs = slices.map(({ expiryUs }) => expiryUs)
  }

  /** A surface from what `toJSON` gave. @throws {GimbalError} `argument-invalid`. */
  static fromJSON(plain: PlainSurface): SviSurface {
    const spot = plain.spot === null ? Number.NaN : plain.spot
    return new SviSurface(plain.asset, new ForwardCurve(plain.timeUs, plain.forwards, spot), plain.slices)
  }

  /** Plain data that hold all of it. */
  toJSON(): PlainSurface {
    const { asset, timeUs, slices, curve } = this
    return { asset, timeUs, spot: Number.isNaN(curve.spot) ? null : curve.spot, forwards: curve.nodes, slices }
  }

  forward(expiryUs: number): number {
    return expiryUs > this.timeUs ? this.curve.at(expiryUs) : Number.NaN
  }

  totalVariance(expiryUs: number, logMoneyness: number): number {
    const { slices, timeUs } = this
    if (!(expiryUs > timeUs)) return Number.NaN
    const next = this.#next(expiryUs)
    if (next === slices.length) {
      const { svi, expiryUs: from } = slices[next - 1]!
      return sviVariance(svi, logMoneyness) + sviVariance(svi, 0) * ((expiryUs - from) / (from - timeUs))
    }
    const later = slices[next]!
    const w = sviVariance(later.svi, logMoneyness)
    if (next === 0) return w * ((expiryUs - timeUs) / (later.expiryUs - timeUs))
    const earlier = slices[next - 1]!
    const share = (expiryUs - earlier.expiryUs) / (later.expiryUs - earlier.expiryUs)
    return share === 1 ? w : (1 - share) * sviVariance(earlier.svi, logMoneyness) + share * w
  }

  volatility(expiryUs: number, strike: number): number {
    const forward = this.forward(expiryUs)
    if (!(forward > 0 && strike > 0)) return Number.NaN
    const years = (expiryUs - this.timeUs) / YEAR_US
    return Math.sqrt(this.totalVariance(expiryUs, logRatio(strike, forward)) / years)
  }

  /**
   * Volatilities of options, a row each; NaN where `volatility` is.
   *
   * @throws {GimbalError} `argument-invalid` when lengths differ.
   */
  fillVolatility(expiryUs: Float64Array, strike: Float64Array, out: Float64Array): void {
    if (strike.length !== expiryUs.length || out.length !== expiryUs.length)
      throw new GimbalError('argument-invalid', 'Columns of options differ in length', {
        expiryUs: expiryUs.length,
        strike: strike.length,
        out: out.length,
      })
    for (let i = 0; i < out.length; i++) out[i] = this.volatility(expiryUs[i]!, strike[i]!)
  }

  /** Total variance, its derivatives in log-moneyness, and g. All NaN at or before `timeUs`. */
  point(expiryUs: number, logMoneyness: number): SmilePoint {
    const { slices, timeUs } = this
    if (!(expiryUs > timeUs)) return mixed(logMoneyness, Number.NaN, Number.NaN, Number.NaN)
    const next = this.#next(expiryUs)
    if (next === slices.length) {
      const { svi, expiryUs: from } = slices[next - 1]!
      const { variance, slope, curvature } = sviPoint(svi, logMoneyness)
      const grown = sviVariance(svi, 0) * ((expiryUs - from) / (from - timeUs))
      return mixed(logMoneyness, variance + grown, slope, curvature)
    }
    const later = slices[next]!
    const q = sviPoint(later.svi, logMoneyness)
    if (next === 0) {
      const share = (expiryUs - timeUs) / (later.expiryUs - timeUs)
      return mixed(logMoneyness, share * q.variance, share * q.slope, share * q.curvature)
    }
    const earlier = slices[next - 1]!
    const share = (expiryUs - earlier.expiryUs) / (later.expiryUs - earlier.expiryUs)
    const p = sviPoint(earlier.svi, logMoneyness)
    const blend = (from: number, to: number) => (1 - share) * from + share * to
    return mixed(logMoneyness, blend(p.variance, q.variance), blend(p.slope, q.slope), blend(p.curvature, q.curvature))
  }

  /** Risk-neutral density of the price at expiry, per unit of quote: g n(d₋)/(K√w). NaN where `volatility` is. */
  density(expiryUs: number, strike: number): number {
    const forward = this.forward(expiryUs)
    if (!(forward > 0 && strike > 0)) return Number.NaN
    const k = logRatio(strike, forward)
    const { variance, g } = this.point(expiryUs, k)
    const root = Math.sqrt(variance)
    const lower = -k / root - 0.5 * root
    return (g * Math.exp(-0.5 * lower * lower)) / (strike * Math.sqrt(2 * Math.PI * variance))
  }

  /** Place of the first slice at or after a time; the number of slices when all are before. */
  #next(expiryUs: number): number {
    const expiries = this.expiriesUs
    let low = 0
    for (let high = expiries.length; low < high; ) {
      const middle = (low + high) >>> 1
      if (expiries[middle]! < expiryUs) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** A surface as JSON. */
export interface PlainSurface {
  readonly asset: string
  readonly timeUs: number
  /** Null where unknown. */
  readonly spot: number | null
  readonly forwards: readonly ForwardNode[]
  readonly slices: readonly SurfaceSlice[]
}

function mixed(k: number, variance: number, slope: number, curvature: number): SmilePoint {
  return { variance, slope, curvature, g: durrleman(k, variance, slope, curvature) }
}
