/**
 * What it measures: a chain of a thousand options from quotes to a surface, and to the Greeks of every row. Paid for at every
 * sample of a recording and every revaluation of a book; regressing it slows backtests with options in proportion.
 */

import { bench } from '../../tests/bench.ts'
import { DAY_US } from '../core/clock.ts'
import { Random } from '../core/random.ts'
import { black76Batch, black76Price } from './black76.ts'
import { fitSurface } from './fitSurface.ts'
import type { OptionQuotes } from './optionQuotes.ts'
import { phiPowerLaw, ssviRaw } from './ssvi.ts'
import { surfaceArbitrage } from './surfaceArbitrage.ts'
import { sviVariance } from './svi.ts'
import { butterflyFree } from './sviArbitrage.ts'

const NOW = 1_767_000_000_000_000
const YEAR_US = 365 * DAY_US
const DAYS = [1, 2, 3, 7, 14, 30, 60, 90, 180, 360]
const ROWS = 1000

/** Ten expiries of fifty strikes, calls and puts, quoted around a surface of SSVI with noise. */
function chain(seed: number): OptionQuotes {
  const random = new Random(seed)
  const phi = phiPowerLaw(1.1, 0.42)
  const column = () => new Float64Array(ROWS)
  const [strike, expiryUs, bid, ask, forward] = [column(), column(), column(), column(), column()]
  const right = new Int8Array(ROWS)
  let row = 0
  for (const days of DAYS) {
    const theta = (0.45 + 0.1 * Math.exp(-days / 30)) ** 2 * (days / 365)
    const slice = ssviRaw({ theta, rho: -0.25, phi: phi(theta) })
    for (let i = 0; i < 50; i++)
      for (const side of [1, -1] as const) {
        const k = 2.5 * Math.sqrt(theta) * (i / 24.5 - 1)
        const volatility = Math.sqrt((sviVariance(slice, k) * 365) / days) + 0.002 * random.normal()
        const price = (sigma: number) =>
          black76Price({ right: side, forward: 1, strike: Math.exp(k), years: days / 365, volatility: sigma })
        right[row] = side
        strike[row] = 90_000 * Math.exp(k)
        expiryUs[row] = NOW + days * DAY_US
        forward[row] = 90_000
        bid[row] = price(volatility - 0.006)
        ask[row] = price(volatility + 0.006)
        row++
      }
  }
  return { asset: 'BTC', timeUs: NOW, settlement: 'coin', right, strike, expiryUs, bid, ask, forward }
}

bench('surfaces: 1,000 options, per chain', [3, 400], (chains) => {
  const names = ['price', 'deltaForward', 'gamma', 'vega', 'theta', 'rho'] as const
  const out = {
    ...(Object.fromEntries(names.map((name) => [name, new Float64Array(ROWS)])) as Record<
      (typeof names)[number],
      Float64Array
    >),
    status: new Uint8Array(ROWS),
  }
  const snapshots = [chain(1), chain(2), chain(3)]
  let hash = 0
  for (let i = 0; i < chains; i++) {
    const quotes = snapshots[i % snapshots.length]!
    const { surface } = fitSurface(quotes, { spot: 90_000 })
    const { free } = surfaceArbitrage(surface)
    const volatility = new Float64Array(ROWS)
    surface.fillVolatility(quotes.expiryUs, quotes.strike, volatility)
    const { right, strike, forward } = quotes
    const years = quotes.expiryUs.map((expiry) => (expiry - NOW) / YEAR_US)
    black76Batch({ right, strike, forward: forward!, years, volatility }, out)
    hash = (Math.imul(hash, 31) + Math.round(out.vega[500]! * 1e3) + (free ? 1 : 0)) | 0
  }
  return hash
})

bench('surfaces: a slice decided for all strikes', [100, 300_000], (slices) => {
  const random = new Random(7)
  let hash = 0
  for (let i = 0; i < slices; i++) {
    const sigma = 0.05 + random.uniform()
    const slice = { a: 0.01, b: 0.2 * random.uniform(), rho: random.uniform() - 0.5, m: random.uniform() - 0.5, sigma }
    hash = (Math.imul(hash, 31) + (butterflyFree(slice) ? 1 : 0)) | 0
  }
  return hash
})
