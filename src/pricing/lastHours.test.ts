/**
 * Goal: minutes and hours before its expiry a chain gives a sane surface or a named refusal: no arbitrage, and a volatility at the
 * money that the few strikes left allow.
 *
 * Method: coin-settled chains quoted from a known smile, on listed strikes and in Deribit's ticks, with six hours to ten minutes
 * left, alone and with later expiries; volatilities against those they were quoted from, within a deviation of the forward.
 */

import { expect, test } from 'vitest'
import { DAY_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import { Random } from '../core/random.ts'
import { black76Price } from './black76.ts'
import { fitSurface, type SurfaceFit } from './fitSurface.ts'
import { type OptionQuotes, QuoteStatus } from './optionQuotes.ts'
import { phiPowerLaw, ssviRaw } from './ssvi.ts'
import { surfaceArbitrage } from './surfaceArbitrage.ts'
import { type RawSvi, sviVariance } from './svi.ts'

const NOW = 1_767_000_000_000_000
const MINUTE_US = 60_000_000
const YEAR_US = 365 * DAY_US
const LATER = [1440, 2880, 10_080]
const VOLATILITIES = [0.25, 0.5, 1]

const phi = phiPowerLaw(1.1, 0.42)

function smileOf(minutes: number, volatility: number): RawSvi {
  const years = (minutes * MINUTE_US) / YEAR_US
  // The last hours are dearer.
  const theta = volatility * volatility * years * (1 + 0.3 * Math.exp(-minutes / 600))
  return ssviRaw({ theta, rho: -0.2, phi: phi(theta) })
}

/** Deribit's for bitcoin: finer below 0.005. */
const tickOf = (price: number) => (price < 0.005 ? 1e-4 : 5e-4)

/** Two per cent of volatility either way, rounded away from each other. */
function chain(minutes: readonly number[], spacing: number, volatility: number, forward: number): OptionQuotes {
  const rows: { right: 1 | -1; strike: number; expiryUs: number; bid: number; ask: number }[] = []
  for (const left of minutes) {
    const years = (left * MINUTE_US) / YEAR_US
    const smile = smileOf(left, volatility)
    const reach = Math.max(6 * Math.sqrt(sviVariance(smile, 0)), 0.02)
    for (
      let strike = Math.ceil((forward * Math.exp(-reach)) / spacing) * spacing;
      strike < forward * Math.exp(reach);
      strike += spacing
    )
      for (const right of [1, -1] as const) {
        const sigma = Math.sqrt(sviVariance(smile, Math.log(strike / forward)) / years)
        const price = (by: number) => black76Price({ right, forward, strike, years, volatility: by * sigma }) / forward
        const [low, high] = [price(0.98), price(1.02)]
        rows.push({
          right,
          strike,
          expiryUs: NOW + left * MINUTE_US,
          bid: Math.floor(low / tickOf(low)) * tickOf(low),
          ask: Math.ceil(high / tickOf(high)) * tickOf(high),
        })
      }
  }
  return {
    asset: 'BTC',
    timeUs: NOW,
    settlement: 'coin',
    right: Int8Array.from(rows, (row) => row.right),
    strike: Float64Array.from(rows, (row) => row.strike),
    expiryUs: Float64Array.from(rows, (row) => row.expiryUs),
    bid: Float64Array.from(rows, (row) => row.bid),
    ask: Float64Array.from(rows, (row) => row.ask),
    forward: new Float64Array(rows.length).fill(forward),
  }
}

/** Greatest distance of volatility from that quoted, as a share, within a deviation of the forward. */
function furthest({ surface }: SurfaceFit, minutes: number, volatility: number): number {
  const smile = smileOf(minutes, volatility)
  const deviation = Math.sqrt(sviVariance(smile, 0))
  const off = [-1, -0.5, 0, 0.5, 1].map((z) => {
    const found = surface.totalVariance(NOW + minutes * MINUTE_US, z * deviation)
    return Math.abs(Math.sqrt(found / sviVariance(smile, z * deviation)) - 1)
  })
  return Math.max(...off)
}

/** Width of the narrowest quote believed, as a share of its volatility: no more is known of an expiry than that. */
function narrowest({ clean }: SurfaceFit, minutes: number): number {
  const ratios = [...clean.status.keys()]
    .filter((i) => clean.status[i] === QuoteStatus.USED && clean.quotes.expiryUs[i] === NOW + minutes * MINUTE_US)
    .map((i) => Math.sqrt(clean.askVariance[i]! / clean.bidVariance[i]!))
  return Math.min(...ratios) - 1
}

test.each([360, 180, 60, 20, 10])('with %d minutes left and later expiries beside, volatility is found', (minutes) => {
  const random = new Random(4)
  let judged = 0
  for (const spacing of [1000, 500, 250])
    for (const volatility of VOLATILITIES) {
      const fit = fitSurface(chain([minutes, ...LATER], spacing, volatility, 91_000 + 1000 * random.uniform()))
      expect(surfaceArbitrage(fit.surface).free).toBe(true)
      const { outcome, inside, used, strikes } = fit.expiries[0]!
      expect(inside).toBeGreaterThanOrEqual(used - 1)
      if (outcome === 'empty') continue
      judged++
      // Of a strike or two, off the forward, what they leave open is the neighbour’s smile.
      const room = strikes < 5 ? narrowest(fit, minutes) : 0
      expect(furthest(fit, minutes, volatility)).toBeLessThan(room + 0.05)
    }
  expect(judged).toBeGreaterThan(4)
})

test.each([360, 60, 10, 1])(
  'alone with %d minutes left a chain is fitted free of arbitrage, or refused by name',
  (minutes) => {
    const random = new Random(5)
    for (const spacing of [1000, 500, 250])
      for (const volatility of VOLATILITIES) {
        try {
          const { surface } = fitSurface(chain([minutes], spacing, volatility, 91_000 + 1000 * random.uniform()))
          expect(surfaceArbitrage(surface).free).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(GimbalError)
          expect(error).toMatchObject({ code: 'fit-failed' })
          expect(minutes).toBeLessThan(360)
        }
      }
  },
)
