/**
 * @file A surface of volatility through the quotes of a chain, and what it says: arbitrage, density, variance swap.
 *
 * The chain is priced by Heston's model, so that the truth is known; quotes are rounded to ticks around it, some are stale, crossed or
 * one-sided. What the fit makes of the hidden truth is printed beside it.
 *
 * Run it: node examples/10-surface.ts
 * With the package installed, import from 'gimbal/pricing' and so on.
 */

import { fileURLToPath } from 'node:url'
import { DAY_US, isoDay, MINUTE_US } from '../src/core/clock.ts'
import { Random } from '../src/core/random.ts'
import { black76Price } from '../src/pricing/black76.ts'
import { fitSurface, type SurfaceFit } from '../src/pricing/fitSurface.ts'
import { type HestonModel, hestonMeanVariance, hestonPrice } from '../src/pricing/heston.ts'
import { impliedVolatility } from '../src/pricing/impliedVolatility.ts'
import type { OptionQuotes } from '../src/pricing/optionQuotes.ts'
import { CALL, PUT, type Right } from '../src/pricing/right.ts'
import { surfaceArbitrage } from '../src/pricing/surfaceArbitrage.ts'
import { varianceSwapVolatility } from '../src/pricing/varianceSwap.ts'

const TIME_US = Date.UTC(2026, 0, 5, 8) * 1000
const SPOT = 92_000
const BASIS = 0.04
const EXPIRY_DAYS = [7, 25, 53, 81, 172]
/** Coin-settled: premiums are fractions of the coin, in ticks of a ten-thousandth. */
const TICK = 0.0001
/** Half a quote's width, in volatility, near the money. */
const HALF_SPREAD = 0.004
const TRUTH: HestonModel = { v0: 0.25, kappa: 2.5, theta: 0.3, xi: 0.9, rho: -0.3 }

interface Listed {
  readonly right: Right
  readonly strike: number
  readonly expiryUs: number
  readonly forward: number
  readonly bid: number
  readonly ask: number
  readonly quoteUs: number
}

const yearsTo = (expiryUs: number) => (expiryUs - TIME_US) / (365 * DAY_US)
const forwardTo = (expiryUs: number) => SPOT * Math.exp(BASIS * yearsTo(expiryUs))

/** Volatility the model gives a strike: out of the money, where the price has most digits of it. */
function truth(expiryUs: number, strike: number): number {
  const terms = {
    forward: forwardTo(expiryUs),
    right: strike < forwardTo(expiryUs) ? PUT : CALL,
    strike,
    years: yearsTo(expiryUs),
  }
  return impliedVolatility({ ...terms, price: hestonPrice({ ...TRUTH, ...terms }) })
}

/** The chain as a venue would show it, with one quote in twenty that is not to be believed. */
function chain(seed: number): OptionQuotes {
  const random = new Random(seed)
  const rows: Listed[] = []
  for (const days of EXPIRY_DAYS) {
    const expiryUs = TIME_US + days * DAY_US
    const [years, forward] = [yearsTo(expiryUs), forwardTo(expiryUs)]
    const deviation = 0.5 * Math.sqrt(years)
    for (let step = -12; step <= 12; step++) {
      const strike = 1000 * Math.round((forward * Math.exp((step / 5) * deviation)) / 1000)
      const volatility = truth(expiryUs, strike)
      const half = HALF_SPREAD * (1 + Math.abs(step) / 6)
      for (const right of [CALL, PUT]) {
        const coins = (sigma: number) => black76Price({ right, forward, strike, years, volatility: sigma }) / forward
        let bid = TICK * Math.floor(coins(volatility - half) / TICK)
        let ask = TICK * Math.ceil(coins(volatility + half) / TICK)
        const luck = random.uniform()
        if (luck < 0.02) [bid, ask] = [ask * 1.1, bid]
        else if (luck < 0.04) bid = 0
        const quoteUs = luck > 0.98 ? TIME_US - 90 * MINUTE_US : TIME_US
        rows.push({ right, strike, expiryUs, forward, bid, ask, quoteUs })
      }
    }
  }
  const column = (of: (row: Listed) => number) => Float64Array.from(rows, of)
  return {
    asset: 'BTC',
    timeUs: TIME_US,
    settlement: 'coin',
    right: Int8Array.from(rows, ({ right }) => right),
    strike: column(({ strike }) => strike),
    expiryUs: column(({ expiryUs }) => expiryUs),
    bid: column(({ bid }) => bid),
    ask: column(({ ask }) => ask),
    forward: column(({ forward }) => forward),
    quoteUs: column(({ quoteUs }) => quoteUs),
  }
}

/** Probability that the price ends between two strikes, by Simpson's rule over the density. */
function probability({ surface }: SurfaceFit, expiryUs: number, from: number, to: number): number {
  const panels = 400
  const step = (to - from) / panels
  let sum = surface.density(expiryUs, from) + surface.density(expiryUs, to)
  for (let i = 1; i < panels; i++) sum += (i % 2 === 1 ? 4 : 2) * surface.density(expiryUs, from + i * step)
  return (sum * step) / 3
}

const percent = (fraction: number, digits = 2) => `${(100 * fraction).toFixed(digits)} %`

export function main(print: (line: string) => void) {
  const quotes = chain(5)
  const fit = fitSurface(quotes, { spot: SPOT })
  const { surface, expiries, clean } = fit
  const doubted = Object.entries(clean.counts).filter(([status, count]) => count > 0 && status !== 'used')
  print(`${quotes.strike.length} quotes, not believed: ${doubted.map((each) => each.join(' ')).join(', ')}`)

  const smiles = expiries.map((expiry) => {
    const { expiryUs, forward, outcome, used, inside } = expiry
    const swap = varianceSwapVolatility(surface, expiryUs)
    const fair = Math.sqrt(hestonMeanVariance(TRUTH, expiry.years) / expiry.years)
    const reach = 0.64 * Math.sqrt(expiry.years)
    let error = 0
    for (let k = -reach; k <= reach; k += reach / 10) {
      const strike = forward * Math.exp(k)
      error = Math.max(error, Math.abs(surface.volatility(expiryUs, strike) - truth(expiryUs, strike)))
    }
    print(
      `${isoDay(expiryUs)} ${outcome}: ${inside} of ${used} between bid and ask; at the money ` +
        `${percent(surface.volatility(expiryUs, forward))}, off the truth by at most ${percent(error)}; ` +
        `variance swap ${percent(swap)}, fair ${percent(fair)}`,
    )
    return { expiryUs, used, inside, error, swap, fair }
  })

  const arbitrage = surfaceArbitrage(surface)
  const gLeast = Math.min(...arbitrage.butterflies.map((each) => each.gLeast))
  print(`arbitrage: ${arbitrage.free ? 'none' : 'some'}; least g of a slice ${gLeast.toFixed(3)}, 0 is the limit`)
  const [, , third] = expiries
  const half = probability(fit, third!.expiryUs, third!.forward / 2, third!.forward * 2)
  print(`${isoDay(third!.expiryUs)}: the price ends between half and double its forward with ${percent(half)}`)
  const index = varianceSwapVolatility(surface, TIME_US + 30 * DAY_US)
  print(`volatility index over 30 days: ${percent(index)}`)
  return { fit, smiles, arbitrage, half, index }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(console.log)
