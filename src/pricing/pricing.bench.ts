/**
 * What it measures: an option priced with its five first Greeks, one with all fifteen figures, and a price turned back into its
 * volatility. A chain has a thousand options and a surface is fitted to it at every sample: both are paid a thousandfold.
 *
 * Three kinds of chain, because the branches of the formula cost differently: what a venue lists (days to a year, 40 to 90 % of
 * volatility, strikes within two standard deviations), the wings, and everything.
 */

import { bench } from '../../tests/bench.ts'
import { Random } from '../core/random.ts'
import { black76Batch } from './black76.ts'
import { impliedVolatilityBatch } from './impliedVolatility.ts'

const ROWS = 4096

interface Range {
  readonly deviations: readonly [number, number]
  readonly totalVolatility: readonly [number, number]
}

const LISTED: Range = { deviations: [-2, 2], totalVolatility: [0.04, 0.8] }
const WINGS: Range = { deviations: [3, 7], totalVolatility: [0.04, 0.8] }
const EVERYTHING: Range = { deviations: [-8, 8], totalVolatility: [0.0005, 6] }

/** Options whose log-moneyness is uniform in standard deviations and whose σ√T is uniform in its logarithm. */
function chain({ deviations, totalVolatility }: Range) {
  const random = new Random(42)
  const [right, forward, strike, years, volatility, rate] = [
    new Int8Array(ROWS),
    ...Array.from({ length: 5 }, () => new Float64Array(ROWS)),
  ] as [Int8Array, Float64Array, Float64Array, Float64Array, Float64Array, Float64Array]
  for (let i = 0; i < ROWS; i++) {
    const [low, high] = totalVolatility
    const s = low * (high / low) ** random.uniform()
    right[i] = random.bits() > 0 ? 1 : -1
    forward[i] = 60_000 * (1 + 0.1 * random.uniform())
    strike[i] = forward[i]! * Math.exp(s * (deviations[0] + (deviations[1] - deviations[0]) * random.uniform()))
    volatility[i] = 0.4 + 0.5 * random.uniform()
    years[i] = (s / volatility[i]!) ** 2
    rate[i] = 0.04
  }
  return { right, forward, strike, years, volatility, rate }
}

function columns<Name extends string>(names: readonly Name[]): Record<Name, Float64Array> {
  return Object.fromEntries(names.map((name) => [name, new Float64Array(ROWS)])) as Record<Name, Float64Array>
}

const FIRST = ['price', 'deltaForward', 'gamma', 'vega', 'theta', 'rho'] as const
const HIGHER = [
  'deltaPremiumAdjusted', 'vanna', 'volga', 'charm', 'speed', 'zomma', 'color', 'veta', 'ultima',
] as const // biome-ignore format: one list

function pricing(range: Range, all: boolean): (events: number) => number {
  return (events) => {
    const options = chain(range)
    const out = { ...columns(FIRST), status: new Uint8Array(ROWS) }
    const higher = all ? columns(HIGHER) : undefined
    let hash = 0
    for (let done = 0; done < events; done += ROWS) {
      black76Batch(options, out, higher)
      const row = (done / ROWS) % ROWS
      hash = (Math.imul(hash, 31) + Math.round(out.price[row]! * 1e3) + Math.round(out.deltaForward[row]! * 1e6)) | 0
    }
    return hash
  }
}

function inverting(range: Range): (events: number) => number {
  return (events) => {
    const options = chain(range)
    const out = { ...columns(FIRST), status: new Uint8Array(ROWS) }
    black76Batch(options, out)
    // As quoted: out of the money, as whoever inverts a chain takes them.
    const { right, forward, strike, years, rate } = options
    const price = out.price.map((value, i) => {
      const exercise = Math.exp(-rate[i]! * years[i]!) * right[i]! * (forward[i]! - strike[i]!)
      return Math.max(0, value - Math.max(0, exercise))
    })
    const otm = right.map((_, i) => (forward[i]! < strike[i]! ? 1 : -1))
    const volatility = new Float64Array(ROWS)
    let hash = 0
    for (let done = 0; done < events; done += ROWS) {
      hash += impliedVolatilityBatch({ right: otm, forward, strike, years, price, rate }, volatility, out.status)
      hash = (Math.imul(hash, 31) + Math.round((volatility[(done / ROWS) % ROWS] || 0) * 1e6)) | 0
    }
    return hash
  }
}

bench('pricing: price + 5 Greeks, listed', [8_192, 8_388_608], pricing(LISTED, false))
bench('pricing: price + 5 Greeks, wings', [8_192, 8_388_608], pricing(WINGS, false))
bench('pricing: price + 5 Greeks, everything', [8_192, 8_388_608], pricing(EVERYTHING, false))
bench('pricing: price + 14 Greeks, listed', [8_192, 8_388_608], pricing(LISTED, true))
bench('pricing: implied volatility, listed', [8_192, 4_194_304], inverting(LISTED))
bench('pricing: implied volatility, wings', [8_192, 4_194_304], inverting(WINGS))
bench('pricing: implied volatility, everything', [8_192, 4_194_304], inverting(EVERYTHING))
