/**
 * Goal: portfolio margin is Derive's, scenario by scenario.
 * Method: every portfolio of the reference vectors, with its own parameters; what a portfolio margin must be by property.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CALL, PUT } from '../../pricing/right.ts'
import type { OptionPosition, Position, VenueAccount } from '../book.ts'
import { SnapshotView } from '../marketView.ts'
import {
  derivePortfolio,
  PMRM_PARAMETERS,
  type PmrmParameters,
  type PmrmPortfolio,
  PortfolioScan,
  type VolatilityMove,
} from './derivePortfolio.ts'
import { liquidationPrices } from './liquidation.ts'

const VECTORS = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'reference/vectors/t08_derive_pmrm2.json')
const given = existsSync(VECTORS)

// biome-ignore lint/suspicious/noExplicitAny: cases as another program wrote them
type Case = any
const cases: Case[] = given ? JSON.parse(readFileSync(VECTORS, 'utf8')).cases : []
const MOVES: Record<string, VolatilityMove> = {
  Up: 'up', Down: 'down', None: 'none', LINEAR: 'linear', ABS: 'absolute',
} // biome-ignore format: a table

function parametersOf(p: Case['parameters']): PmrmParameters {
  return {
    scenarios: p.Scenarios.map((s: Case) => ({
      spot: s.SpotShock,
      volatility: MOVES[s.VolShockDirection]!,
      dampening: s.DampeningFactor,
    })),
    skew: {
      linearCap: p.SkewShock.LINEAR_SCALE_CAP,
      linearSlope: p.SkewShock.LINEAR_CBASE,
      absoluteCap: p.SkewShock.ABS_SCALE_CAP,
      absoluteSlope: p.SkewShock.ABS_CBASE,
      widthMin: p.SkewShock.MIN_K_STAR,
      widthScale: p.SkewShock.MIN_WIDTH_SCALE,
      volatilityBase: p.SkewShock.VOL_PARAM_STATIC,
      volatilitySlope: p.SkewShock.VOL_PARAM_SCALE,
    },
    volatility: {
      up: p.VolShock.VOLRANGEUP,
      down: p.VolShock.VOLRANGEDOWN,
      upMin: p.VolShock.MIN_VOL_EVAL_SHOCKED,
      shortTermPower: p.VolShock.SHORTTERMPOWER,
      longTermPower: p.VolShock.LONGTERMPOWER,
      daysMin: p.VolShock.DTE_FLOOR,
    },
    margin: {
      maintenanceFactor: p.Margin.MM_LOSS_FACTOR,
      initialFactor: p.Margin.IM_LOSS_FACTOR,
      shortRateScale: p.Margin.SHORT_RATE_MULTSCALE,
      longRateScale: p.Margin.LONG_RATE_MULTSCALE,
      shortRateAdd: p.Margin.SHORT_RATE_ADDSCALE,
      longRateAdd: p.Margin.LONG_RATE_ADDSCALE,
      longDiscount: p.Margin.BASE_STATIC_DISCOUNT,
      shortDiscount: p.Margin.BASE_STATIC_DISCOUNT_NEG,
    },
    basis: {
      up: p.BasisContingency.SCENARIO_SPOT_UP,
      down: p.BasisContingency.SCENARIO_SPOT_DOWN,
      add: p.BasisContingency.BASIS_CONT_ADD_FACTOR,
      perYear: p.BasisContingency.BASIS_CONT_MULT_FACTOR,
    },
    other: {
      pegThreshold: p.OtherContingency.PEG_LOSS_THRESHOLD,
      pegFactor: p.OtherContingency.PEG_LOSS_FACTOR,
      confidenceThreshold: p.OtherContingency.CONF_THRESHOLD,
      confidenceFactor: p.OtherContingency.CONF_MARGIN,
      perpMaintenance: p.OtherContingency.MM_PERP_PERCENT,
      perpInitial: p.OtherContingency.IM_PERP_PERCENT,
      optionMaintenance: p.OtherContingency.MM_OPTION_PERCENT,
      optionInitial: p.OtherContingency.IM_OPTION_PERCENT,
    },
  }
}

function portfolioOf(s: Case['scenario']): PmrmPortfolio {
  return {
    cash: s.Cash,
    spot: s.SpotPrice,
    spotConfidence: s.SpotConfidence,
    stable: s.StablePrice,
    perp: {
      size: s.NumPerps,
      price: s.PerpPrice,
      confidence: s.PerpConfidence,
      owed: s.UnrealisedPerpPNL + s.UnrealisedFunding,
    },
    collaterals: s.Collaterals.map((c: Case) => ({
      name: c.Name,
      amount: c.Amount,
      price: c.Price,
      confidence: c.Confidence,
      riskCancelling: c.IsRiskCancelling,
      maintenanceHaircut: c.MMHaircut,
      initialHaircut: c.IMHaircut,
    })),
    expiries: s.OptionFeeds.map((f: Case) => ({
      secondsToExpiry: f.FeedExpiry,
      forward: f.Forward,
      rate: f.Rate,
      confidence: Math.min(f.ForwardConfidence, f.RateConfidence, f.OptionVolConfidences),
      options: s.Options.filter((o: Case) => o.Expiry === f.FeedExpiry).map((o: Case) => ({
        amount: o.Amount,
        strike: o.Strike,
        right: o.IsCall ? 1 : -1,
        volatility: o.MarkVol,
      })),
    })),
  }
}

/** Difference over the figure, or over what is held where the figure is next to nothing. */
function apart(found: number, wanted: number, held: number): number {
  return Math.abs(found - wanted) / Math.max(Math.abs(wanted), 1e-3 * held, 1e-9)
}

describe.skipIf(!given)('reference portfolios (skipped where the reference material is absent)', () => {
  test.each(cases.map((c): [string, Case] => [c.name, c]))('%s', (_name, c) => {
    const { scenario, expected } = c
    const margin = new PortfolioScan(parametersOf(c.parameters)).assess(portfolioOf(scenario))
    let held = 0
    for (const o of scenario.Options) held += Math.abs(o.Amount) * scenario.SpotPrice
    expect(apart(margin.initial, expected.IM, 0)).toBeLessThan(1e-12)
    expect(apart(margin.maintenance, expected.MM, 0)).toBeLessThan(1e-12)
    expect(apart(margin.worth, expected.PortfolioMTM, held)).toBeLessThan(1e-12)
    expect(apart(margin.basisContingency, expected.ForwardContingency, held)).toBeLessThan(1e-12)
    for (const [i, wanted] of expected.scenario_pnl.entries()) {
      expect(apart(margin.scenarioProfits[i]!, wanted, held), `scenario ${i}`).toBeLessThan(1e-12)
    }
  })

  test('the parameters in force are those of the base case', () => {
    const base = parametersOf(cases.find(({ name }) => name === 'test_1_collateral_cash_only').parameters)
    const flat = (x: object): number[] =>
      Object.values(x).flatMap((v) => (typeof v === 'number' ? [v] : typeof v === 'object' ? flat(v) : []))
    const [ours, theirs] = [flat(PMRM_PARAMETERS), flat(base)]
    expect(ours.length).toBe(theirs.length)
    for (const [i, value] of ours.entries()) expect(value).toBeCloseTo(theirs[i]!, 12)
    expect(PMRM_PARAMETERS.scenarios.map(({ volatility }) => volatility)).toEqual(
      base.scenarios.map(({ volatility }) => volatility),
    )
  })
})

const DAY_US = 86_400e6
const market = new SnapshotView({ timeUs: 0, spot: { BTC: 90_000, ETH: 3_000 }, volatility: { BTC: 0.55, ETH: 0.7 } })
const option = (right: 1 | -1, strike: number, size: number, days = 30): OptionPosition => ({
  kind: 'option', asset: 'BTC', size, right, strike, expiryUs: days * DAY_US, settle: 'USDC',
}) // biome-ignore format: a table row
const perp = (size: number): Position => ({
  kind: 'perp', asset: 'BTC', size, entry: 90_000, payoff: 'linear', settle: 'USDC',
}) // biome-ignore format: a table row
const account = (positions: Position[], balances: Record<string, number> = {}): VenueAccount => ({
  venue: 'derive', margin: 'derive-portfolio', balances, positions,
}) // biome-ignore format: a table row
const engine = derivePortfolio()

const anyOption = fc.record({
  right: fc.constantFrom(CALL, PUT),
  strike: fc.double({ min: 30_000, max: 250_000, noNaN: true }),
  size: fc.double({ min: -50, max: 50, noNaN: true }),
  days: fc.integer({ min: 0, max: 360 }),
})

test('margin is never negative, maintenance never above initial, and lines add up', () => {
  fc.assert(
    fc.property(fc.array(anyOption, { maxLength: 12 }), fc.double({ min: -20, max: 20, noNaN: true }), (rows, size) => {
      const positions = [...rows.map((o) => option(o.right, o.strike, o.size, o.days)), perp(size)]
      const report = engine.assess(account(positions, { USDC: 1e6, BTC: 2, ETH: 3 }), market)
      expect(report.maintenance).toBeGreaterThanOrEqual(0)
      expect(report.initial).toBeGreaterThanOrEqual(report.maintenance)
      const [pool] = report.pools
      expect(pool!.lines.reduce((sum, line) => sum + line.initial, 0)).toBeCloseTo(pool!.initial, 6)
    }),
  )
})

test('a hedged pair asks no more than its legs apart', () => {
  fc.assert(
    fc.property(anyOption, fc.double({ min: -50, max: 50, noNaN: true }), (o, size) => {
      const leg = option(o.right, o.strike, o.size, o.days)
      const asked = (positions: Position[]) => engine.assess(account(positions), market)
      const pair = asked([leg, perp(size)])
      const [one, other] = [asked([leg]), asked([perp(size)])]
      expect(pair.initial).toBeLessThanOrEqual(one.initial + other.initial + 1e-6)
      expect(pair.maintenance).toBeLessThanOrEqual(one.maintenance + other.maintenance + 1e-6)
    }),
  )
})

test('at the liquidation price found by search equity equals maintenance', () => {
  const held = account([option(CALL, 95_000, -10), option(PUT, 80_000, -10), perp(1)], { USDC: 400_000, BTC: 1 })
  const found = liquidationPrices(engine, held, 'BTC', market)
  for (const price of [found.down, found.up]) {
    const there = engine.assess(held, new SnapshotView({ timeUs: 0, spot: { BTC: price }, volatility: { BTC: 0.55 } }))
    expect(Math.abs(there.equity / there.maintenance - 1)).toBeLessThan(1e-9)
  }
  expect(found.down).toBeLessThan(90_000)
  expect(found.up).toBeGreaterThan(90_000)
})

test('a rate below zero counts as none, as in the manager', () => {
  const asked = (dollarRate: number) => {
    const facts = { timeUs: 0, spot: { BTC: 90_000 }, volatility: { BTC: 0.55 }, dollarRate }
    return engine.assess(account([option(CALL, 95_000, -3, 300), option(PUT, 80_000, 2, 300)]), new SnapshotView(facts))
  }
  expect(asked(-0.1)).toEqual(asked(0))
  expect(asked(0.1).initial).not.toBe(asked(0).initial)
})

test('what is not known is named, what is not carried refused', () => {
  const dark = new SnapshotView({ timeUs: 0, spot: { BTC: 90_000 } })
  const report = engine.assess(account([option(CALL, 95_000, -1)], { USDC: 1e9 }), dark)
  expect(report.liquidatable).toBe(true)
  expect(report.missing).toEqual(['volatility BTC 1970-01-31 95000'])
  const refused = expect.objectContaining({ code: 'margin-unsupported' })
  const eth: Position = { ...perp(1), asset: 'ETH' } as Position
  expect(() => engine.assess(account([perp(1), eth]), market)).toThrow(refused)
  expect(() => engine.assess(account([{ ...option(CALL, 1, 1), settle: 'BTC' }]), market)).toThrow(refused)
  expect(() => engine.assess(account([{ kind: 'supply', asset: 'BTC', amount: 1, rate: 0 }]), market)).toThrow(refused)
})
