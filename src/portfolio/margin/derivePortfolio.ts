/**
 * @file Derive's portfolio margin (PMRM_2): the worst of thirty-one scenarios over one underlying, with contingencies.
 *
 *   margin = mark-to-market + cash + factor × min(basis contingency, worst scenario) − contingencies
 *
 * Scenarios move spot and volatility together; two more tilt the smile. Every expiry is discounted against the holder: what
 * is worth something at a high rate, what is owed hardly at all. The basis contingency is what a move of each forward against the
 * others would cost. An account is safe while its margin is not below zero.
 *
 * Everything is in units of the stable coin: collateral is divided by its price, forwards and perpetuals are taken as they are.
 *
 * Source: behaviour and parameters of derivexyz/v2-core, commit 7736900d (PMRM_2), checked against
 * every portfolio of its tests that the reference material holds.
 */

import { dollarLike } from '../../market/instrument.ts'
import type { VenueAccount } from '../book.ts'
import type { MarketView } from '../marketView.ts'
import type { MarginEngine, MarginLine, MarginReport } from './marginEngine.ts'
import { marginReport, pooled, refuseDebts, refusePosition, requireNumbers } from './marginReport.ts'
import { OptionScan, type ScannedOption } from './optionScan.ts'
import { WatchedView } from './watchedView.ts'

const YEAR_SECONDS = 365 * 86_400
const DAY_SECONDS = 86_400
/** Options settle on the average of the last half hour: of an expiry so near, only the part not yet averaged moves. */
const SETTLEMENT_SECONDS = 1_800

/** How volatility moves in a scenario: by its size, or by its smile's slope (`linear`) or wings (`absolute`). */
export type VolatilityMove = 'up' | 'none' | 'down' | 'linear' | 'absolute'

/** One scenario. */
export interface PmrmScenario {
  /** Price times this. */
  readonly spot: number
  readonly volatility: VolatilityMove
  /** Share of the loss that counts. */
  readonly dampening: number
}

/** Parameters, all fractions unless said otherwise. */
export interface PmrmParameters {
  readonly scenarios: readonly PmrmScenario[]
  readonly skew: {
    readonly linearCap: number
    readonly linearSlope: number
    readonly absoluteCap: number
    readonly absoluteSlope: number
    /** Least log-moneyness at which the tilt is full. */
    readonly widthMin: number
    readonly widthScale: number
    readonly volatilityBase: number
    readonly volatilitySlope: number
  }
  readonly volatility: {
    readonly up: number
    readonly down: number
    /** Least volatility in scenarios that raise it. */
    readonly upMin: number
    readonly shortTermPower: number
    readonly longTermPower: number
    readonly daysMin: number
  }
  readonly margin: {
    readonly maintenanceFactor: number
    readonly initialFactor: number
    readonly shortRateScale: number
    readonly longRateScale: number
    readonly shortRateAdd: number
    readonly longRateAdd: number
    readonly longDiscount: number
    readonly shortDiscount: number
  }
  readonly basis: { readonly up: number; readonly down: number; readonly add: number; readonly perYear: number }
  readonly other: {
    /** Price of the stable coin below which initial margin grows, and by how much per unit below. */
    readonly pegThreshold: number
    readonly pegFactor: number
    readonly confidenceThreshold: number
    readonly confidenceFactor: number
    readonly perpMaintenance: number
    /** Added to maintenance's. */
    readonly perpInitial: number
    readonly optionMaintenance: number
    /** Added to maintenance's. */
    readonly optionInitial: number
  }
}

const REGULAR: readonly PmrmScenario[] = [1.18, 1.135, 1.09, 1.045, 1, 0.955, 0.91, 0.865, 0.8200000000000001].flatMap(
  (spot, i) =>
    (i === 0 || i === 8 ? (['up'] as const) : (['down', 'none', 'up'] as const)).map((volatility) => ({
      spot,
      volatility,
      dampening: 1,
    })),
)

/** Source: v2-core commit 7736900d, base case of its portfolio tests. */
export const PMRM_PARAMETERS: PmrmParameters = {
  scenarios: [
    ...REGULAR,
    { spot: 0.34, volatility: 'up', dampening: 0.036 / 0.66 },
    { spot: 0.67, volatility: 'up', dampening: 0.036 / 0.33 },
    { spot: 1.5, volatility: 'up', dampening: 0.072 },
    { spot: 2, volatility: 'up', dampening: 0.036 },
    { spot: 3, volatility: 'up', dampening: 0.018 },
    { spot: 4, volatility: 'up', dampening: 0.012 },
    { spot: 1, volatility: 'linear', dampening: 1 },
    { spot: 1, volatility: 'absolute', dampening: 1 },
  ],
  skew: {
    linearCap: 0.15,
    linearSlope: -0.05,
    absoluteCap: 0.15,
    absoluteSlope: -0.05,
    widthMin: 0.01,
    widthScale: 4,
    volatilityBase: 0.6,
    volatilitySlope: -0.1,
  },
  volatility: { up: 0.5, down: 0.275, upMin: 0.45, shortTermPower: 0.3, longTermPower: 0.13, daysMin: 1 },
  margin: {
    maintenanceFactor: 0.8,
    initialFactor: 1,
    shortRateScale: 0.5,
    longRateScale: 1,
    shortRateAdd: 0.08,
    longRateAdd: 0.08,
    longDiscount: 0.95,
    shortDiscount: 1.04,
  },
  basis: { up: 1.045, down: 0.955, add: 0.5, perYear: 2 },
  other: {
    pegThreshold: 0.98,
    pegFactor: 2,
    confidenceThreshold: 0.55,
    confidenceFactor: 1,
    perpMaintenance: 0.015,
    perpInitial: 0.005,
    optionMaintenance: 0.003,
    optionInitial: 0.002,
  },
}

/** Options of one expiry and the feeds they hang on. */
export interface PmrmExpiry {
  readonly secondsToExpiry: number
  readonly forward: number
  /** Continuously compounded, a year; below 0 it counts as 0. */
  readonly rate: number
  /** Least confidence of forward, rate and volatility feeds, 0 to 1. */
  readonly confidence: number
  readonly options: readonly ScannedOption[]
}

/** Coins that back the account. */
export interface PmrmCollateral {
  readonly name: string
  /** Units, not negative. */
  readonly amount: number
  /** Dollars per unit. */
  readonly price: number
  readonly confidence: number
  /** Whether it moves with the underlying and may offset it in scenarios. */
  readonly riskCancelling: boolean
  readonly maintenanceHaircut: number
  /** Added to maintenance's. */
  readonly initialHaircut: number
}

/** An account over one underlying. */
export interface PmrmPortfolio {
  /** Stable coins, negative when borrowed. */
  readonly cash: number
  /** Dollars per unit of the underlying. */
  readonly spot: number
  readonly spotConfidence: number
  /** Dollars per stable coin. */
  readonly stable: number
  readonly perp?: {
    readonly size: number
    readonly price: number
    readonly confidence: number
    /** Unsettled profit and funding. */
    readonly owed: number
  }
  readonly collaterals: readonly PmrmCollateral[]
  readonly expiries: readonly PmrmExpiry[]
}

/** What one portfolio is asked, in stable coins. */
export interface PmrmMargin {
  /** Mark-to-market and cash. */
  readonly worth: number
  /** Margin: negative means short of it. */
  readonly initial: number
  readonly maintenance: number
  /** Profit of every scenario after dampening, in the order of the parameters. Overwritten by the next call. */
  readonly scenarioProfits: Float64Array
  /** Index of the scenario that decides; −1 where the basis contingency does. */
  readonly worst: number
  /** At most 0. */
  readonly basisContingency: number
  /** The lesser of that contingency and the worst scenario, before any factor. */
  readonly scan: number
  /** Factor of `scan` in initial margin, raised while the stable coin is below its threshold. */
  readonly initialFactor: number
  /** What is subtracted besides, by cause. */
  readonly contingencies: readonly MarginLine[]
}

/** A pair of price and volatility that must be priced; scenarios and the basis contingency share them. */
interface Cell {
  readonly spot: number
  readonly way: number
}

const WAYS: readonly VolatilityMove[] = ['none', 'up', 'down', 'linear', 'absolute']

/** Places of cells by what they are for. */
interface Plan {
  readonly cells: readonly Cell[]
  readonly ofScenario: readonly number[]
  readonly now: number
  readonly up: number
  readonly down: number
  readonly skewed: readonly boolean[]
}

function planOf(parameters: PmrmParameters): Plan {
  const cells: Cell[] = []
  const place = (spot: number, volatility: VolatilityMove): number => {
    const way = WAYS.indexOf(volatility)
    const known = cells.findIndex((cell) => cell.spot === spot && cell.way === way)
    return known >= 0 ? known : cells.push({ spot, way }) - 1
  }
  const now = place(1, 'none')
  const skewed = parameters.scenarios.map(({ volatility }) => volatility === 'linear' || volatility === 'absolute')
  return {
    now,
    up: place(parameters.basis.up, 'none'),
    down: place(parameters.basis.down, 'none'),
    // A tilt of the smile leaves the price where it is, whatever the scenario's.
    ofScenario: parameters.scenarios.map(({ spot, volatility }, i) => place(skewed[i] ? 1 : spot, volatility)),
    cells,
    skewed,
  }
}

/**
 * Portfolio margin under one set of parameters; holds scratch buffers, so one object serves one thread and any number of
 * portfolios.
 */
export class PortfolioScan {
  readonly #parameters: PmrmParameters
  readonly #plan: Plan
  readonly #options = new OptionScan()
  readonly #worths: Float64Array
  readonly #profits: Float64Array

  constructor(parameters: PmrmParameters = PMRM_PARAMETERS) {
    this.#parameters = parameters
    this.#plan = planOf(parameters)
    this.#worths = new Float64Array(this.#plan.cells.length)
    this.#profits = new Float64Array(parameters.scenarios.length)
  }

  /** Worth of an expiry in every cell, undiscounted, into the scratch row. */
  #price(expiry: PmrmExpiry, years: number): void {
    const { volatility, skew } = this.#parameters
    const { secondsToExpiry, forward } = expiry
    const options = this.#options
    options.load(expiry.options, years)
    const days = Math.max(secondsToExpiry / DAY_SECONDS, volatility.daysMin)
    const power = secondsToExpiry <= 30 * DAY_SECONDS ? volatility.shortTermPower : volatility.longTermPower
    const stretch = (30 / days) ** power
    options.spread(0, 1, 0)
    options.spread(1, 1 + volatility.up * stretch, volatility.upMin)
    options.spread(2, Math.max(0, 1 - volatility.down * stretch), 0)
    const root = Math.sqrt(years)
    const width = Math.max(skew.widthMin, skew.widthScale * (skew.volatilityBase + skew.volatilitySlope * root) * root)
    options.tilt(3, forward, skew.linearCap + skew.linearSlope * root, width, true)
    options.tilt(4, forward, skew.absoluteCap + skew.absoluteSlope * root, width, false)
    const moving = Math.min(1, secondsToExpiry / SETTLEMENT_SECONDS)
    const { cells } = this.#plan
    for (let i = 0; i < cells.length; i++) {
      const { spot, way } = cells[i]!
      this.#worths[i] = options.worth(forward * (1 - moving) + forward * moving * spot, way)
    }
  }

  /** Adds an expiry's profits to the scenarios; returns its worth and its basis contingency. */
  #scan(expiry: PmrmExpiry): { worth: number; basis: number } {
    const { margin, basis, scenarios } = this.#parameters
    const { ofScenario, skewed, now, up, down } = this.#plan
    const years = expiry.secondsToExpiry / YEAR_SECONDS
    this.#price(expiry, years)
    const worths = this.#worths
    // The manager takes a rate below zero for none.
    const rate = Math.max(0, expiry.rate)
    const discount = Math.exp(-rate * years)
    const long = discount * margin.longDiscount * Math.exp(-years * (rate * margin.longRateScale + margin.longRateAdd))
    const short = Math.min(
      1,
      discount * margin.shortDiscount * Math.exp(years * (rate * margin.shortRateScale + margin.shortRateAdd)),
    )
    const worth = discount * worths[now]!
    for (let i = 0; i < scenarios.length; i++) {
      const shocked = worths[ofScenario[i]!]!
      const profit = shocked * (shocked >= 0 ? long : short) - worth
      // The smile may tilt either way, and does so against every expiry.
      this.#profits[i]! += scenarios[i]!.dampening * (skewed[i] ? -Math.abs(profit) : profit)
    }
    const loss = Math.min(0, discount * worths[up]! - worth, discount * worths[down]! - worth)
    return { worth, basis: loss * (basis.add + basis.perYear * years) }
  }

  #confidence(confidence: number, notional: number): number {
    const { confidenceThreshold, confidenceFactor } = this.#parameters.other
    return confidence < confidenceThreshold ? (1 - confidence) * confidenceFactor * notional : 0
  }

  /** Margin of a portfolio. Figures that are not numbers give figures that are not. */
  assess(portfolio: PmrmPortfolio): PmrmMargin {
    const { margin, other, scenarios } = this.#parameters
    const { perp, spot, stable, collaterals } = portfolio
    const profits = this.#profits
    profits.fill(0)
    let worth = portfolio.cash
    let basisContingency = 0
    let offsetting = 0
    const lines: MarginLine[] = []
    let confidence = portfolio.spotConfidence
    for (const { name, amount, price, riskCancelling, ...terms } of collaterals) {
      const value = (amount * price) / stable
      worth += value
      if (riskCancelling) offsetting += value
      const maintenance = value * terms.maintenanceHaircut
      const doubt = this.#confidence(Math.min(terms.confidence, portfolio.spotConfidence), value)
      lines.push({ what: `haircut ${name}`, initial: maintenance + value * terms.initialHaircut + doubt, maintenance })
    }
    if (perp && perp.size !== 0) {
      worth += perp.owed
      offsetting += perp.size * perp.price
      confidence = Math.min(confidence, perp.confidence)
      const notional = Math.abs(perp.size) * spot
      const maintenance = notional * other.perpMaintenance
      const initial = maintenance + notional * other.perpInitial + this.#confidence(confidence, notional)
      lines.push({ what: 'perpetual contingency', initial, maintenance })
    }
    let naked = 0
    let doubted = 0
    for (const expiry of portfolio.expiries) {
      const scanned = this.#scan(expiry)
      worth += scanned.worth
      basisContingency += scanned.basis
      naked += nakedShorts(expiry.options)
      const least = Math.min(confidence, expiry.confidence)
      if (least < other.confidenceThreshold) {
        let held = 0
        for (const { amount } of expiry.options) held += Math.abs(amount)
        doubted += this.#confidence(least, held * spot)
      }
    }
    if (naked !== 0 || doubted !== 0) {
      const maintenance = naked * spot * other.optionMaintenance
      const initial = maintenance + naked * spot * other.optionInitial + doubted
      lines.push({ what: 'sold options contingency', initial, maintenance })
    }
    let scan = basisContingency
    let worst = -1
    for (let i = 0; i < scenarios.length; i++) {
      const scenario = scenarios[i]!
      profits[i]! += offsetting * (scenario.spot - 1) * scenario.dampening
      // Written so that what is not a number decides.
      if (profits[i]! >= scan) continue
      scan = profits[i]!
      worst = i
    }
    const initialFactor = margin.initialFactor + other.pegFactor * Math.max(0, other.pegThreshold - stable)
    let initial = worth + initialFactor * scan
    let maintenance = worth + margin.maintenanceFactor * scan
    for (const line of lines) {
      initial -= line.initial
      maintenance -= line.maintenance
    }
    return {
      worth,
      initial,
      maintenance,
      scenarioProfits: profits,
      worst,
      basisContingency,
      scan,
      initialFactor,
      contingencies: lines,
    }
  }
}

/** Contracts sold and not covered by a bought option of the same strike, of either right. */
function nakedShorts(options: readonly ScannedOption[]): number {
  let naked = 0
  for (let i = 0; i < options.length; i++) {
    const { strike } = options[i]!
    let net = options[i]!.amount
    let seen = false
    for (let j = 0; j < options.length; j++) {
      if (j === i || options[j]!.strike !== strike) continue
      if (j < i) {
        seen = true
        break
      }
      net += options[j]!.amount
    }
    if (!seen && net < 0) naked -= net
  }
  return naked
}

/** Haircuts of a coin as collateral of accounts over one underlying. */
export interface PmrmHaircut {
  readonly maintenance: number
  /** Added to maintenance's. */
  readonly initial: number
  readonly riskCancelling: boolean
}

function haircut(maintenance: number, initial: number, riskCancelling = false): PmrmHaircut {
  return { maintenance, initial, riskCancelling }
}

/** By underlying, then coin. Source: v2-core commit 7736900d, collaterals of its portfolio tests. */
export const PMRM_HAIRCUTS: Readonly<Record<string, Readonly<Record<string, PmrmHaircut>>>> = {
  BTC: {
    BTC: haircut(0.02, 0.01, true),
    CBBTC: haircut(0.04, 0.015, true),
    LBTC: haircut(0.03, 0.015, true),
    ETH: haircut(0.15, 0.05),
    RSWETH: haircut(0.2, 0.05),
    WEETH: haircut(0.25, 0.1),
    DAI: haircut(0.08, 0.02),
    SDAI: haircut(0.12, 0.03),
    USDT: haircut(0.02, 0.03),
    USDE: haircut(0.2, 0.05),
  },
  ETH: {
    ETH: haircut(0.015, 0.005, true),
    RSWETH: haircut(0.03, 0.01, true),
    WEETH: haircut(0.05, 0.01, true),
    BTC: haircut(0.25, 0.05),
    CBBTC: haircut(0.35, 0.1),
    DAI: haircut(0.08, 0.02),
    SDAI: haircut(0.12, 0.03),
    USDT: haircut(0.02, 0.03),
    USDE: haircut(0.2, 0.05),
  },
}

const NAME = 'derive-portfolio'
const CASH = 'USDC'

/** A scenario in words: `spot −18 %, volatility up`. */
function inWords({ spot, volatility, dampening }: PmrmScenario): string {
  const percent = Math.round(1000 * (spot - 1)) / 10
  const move = `spot ${percent < 0 ? '−' : '+'}${Math.abs(percent)} %`
  const smile =
    volatility === 'linear' || volatility === 'absolute' ? `smile tilted (${volatility})` : `volatility ${volatility}`
  return `worst scenario: ${move}, ${smile}${dampening === 1 ? '' : `, ${Math.round(1000 * dampening) / 10} % of it`}`
}

/** The one underlying of an account's positions; of its coins where it has none. */
function underlyingOf(account: VenueAccount, known: (asset: string) => boolean): string {
  const first = account.positions[0]
  const asset = first?.asset ?? Object.keys(account.balances).find((coin) => known(coin)) ?? 'ETH'
  for (const position of account.positions) {
    if (position.asset !== asset) refusePosition(NAME, position, account.venue, `the account is over ${asset}`)
  }
  if (first && !known(asset)) refusePosition(NAME, first, account.venue, 'its asset has no listed terms')
  return asset
}

/** An account as PMRM sees it, every feed with full confidence. @throws {GimbalError} `margin-unsupported`. */
export function pmrmPortfolio(
  account: VenueAccount,
  market: MarketView,
  haircuts: Readonly<Record<string, Readonly<Record<string, PmrmHaircut>>>> = PMRM_HAIRCUTS,
): PmrmPortfolio {
  requireNumbers(account)
  refuseDebts(NAME, account, (currency) => currency === CASH)
  const asset = underlyingOf(account, (name) => Object.hasOwn(haircuts, name))
  const terms = haircuts[asset]!
  const collaterals: PmrmCollateral[] = []
  for (const [name, amount] of Object.entries(account.balances)) {
    // A coin the venue does not take backs nothing.
    if (name === CASH || amount === 0 || !Object.hasOwn(terms, name)) continue
    const { maintenance, initial, riskCancelling } = terms[name]!
    collaterals.push({
      name,
      amount,
      price: market.spot(name),
      confidence: 1,
      riskCancelling,
      maintenanceHaircut: maintenance,
      initialHaircut: initial,
    })
  }
  const expiries = new Map<number, { forward: number; options: ScannedOption[] }>()
  let size = 0
  let owed = 0
  let cash = account.balances[CASH] ?? 0
  const perp = account.positions.find((each) => each.kind === 'perp' && each.size !== 0)
  const perpetual = perp ? market.perpetual(account.venue, asset, perp.instrument) : Number.NaN
  for (const position of account.positions) {
    if (position.kind === 'perp' && position.payoff === 'linear' && dollarLike(position.settle)) {
      if (position.isolatedMargin !== undefined) {
        refusePosition(NAME, position, account.venue, 'there is no isolated margin')
      }
      if (position.size === 0) continue
      size += position.size
      owed += position.size * (perpetual - position.entry)
    } else if (position.kind === 'option' && dollarLike(position.settle)) {
      if (position.size === 0) continue
      const { expiryUs, strike, right, instrument } = position
      const volatility = market.volatility(asset, expiryUs, strike, instrument)
      const expiry = expiries.get(expiryUs) ?? { forward: market.forward(asset, expiryUs, instrument), options: [] }
      expiry.options.push({ amount: position.size, strike, right, volatility })
      expiries.set(expiryUs, expiry)
      cash -= position.size * (position.entry ?? 0)
    } else refusePosition(NAME, position, account.venue, 'only options and linear perpetuals are')
  }
  return {
    cash,
    spot: market.spot(asset),
    spotConfidence: 1,
    stable: market.spot(CASH),
    // What is owed stays owed when sizes cancel; without a size there is nothing to shock.
    ...(size === 0 ? {} : { perp: { size, price: perpetual, confidence: 1, owed } }),
    ...(size === 0 ? { cash: cash + owed } : {}),
    collaterals,
    expiries: [...expiries].map(([expiryUs, { forward, options }]) => ({
      secondsToExpiry: Math.max(0, (expiryUs - market.timeUs) / 1e6),
      forward,
      rate: market.dollarRate,
      confidence: 1,
      options,
    })),
  }
}

/** The engine; parameters and haircuts as data. */
export function derivePortfolio(
  parameters: PmrmParameters = PMRM_PARAMETERS,
  haircuts: Readonly<Record<string, Readonly<Record<string, PmrmHaircut>>>> = PMRM_HAIRCUTS,
): MarginEngine {
  const scan = new PortfolioScan(parameters)
  return {
    name: NAME,
    source: 'derivexyz/v2-core commit 7736900d, PMRM_2',
    assess(account: VenueAccount, market: MarketView): MarginReport {
      const view = new WatchedView(market)
      const margin = scan.assess(pmrmPortfolio(account, view, haircuts))
      const worst = parameters.scenarios[margin.worst]
      const line: MarginLine = {
        what: worst === undefined ? 'basis between expiries' : inWords(worst),
        initial: 0 - margin.initialFactor * margin.scan,
        maintenance: 0 - parameters.margin.maintenanceFactor * margin.scan,
      }
      const pool = pooled(CASH, CASH, margin.worth, [line, ...margin.contingencies])
      return marginReport(NAME, [pool], view)
    },
  }
}
