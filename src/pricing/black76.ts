/**
 * @file Prices and Greeks of European options by Black's formula: on a forward (Black-76), on a spot (Black-Scholes), and
 * settled in the coin itself (inverse, as on Deribit).
 *
 * Prices are time value plus what exercise is worth, the time value through `normalisedBlack`, and every probability is the
 * tail it is: a wing option keeps its digits. Scalar functions and functions over columns run the same code; the former
 * refuse what makes no sense, the latter flag the row and leave NaN.
 *
 * Conventions, for all: `years` of 365 days; `volatility` and `rate` as fractions a year, continuously compounded; vega per 1.00
 * of volatility, rho per 1.00 of rate; theta, charm, color and veta per year of time passing (d/dt = −d/dT).
 *
 * Sources: F. Black, "The pricing of commodity contracts", J. Financial Economics 3 (1976), 167-179; E. G. Haug, "The complete
 * guide to option pricing formulas", 2nd ed., chapter 2, for the higher Greeks; U. Wystup, "FX options and structured products",
 * section 1.4, for premium-adjusted deltas.
 */

import { fillTails, normalCdf } from '../core/errorFunction.ts'
import { GimbalError } from '../core/errors.ts'
import { logRatio } from './logRatio.ts'
import { fillDifference, normalisedBlack } from './normalisedBlack.ts'
import type { Right } from './right.ts'

/** One option on a forward. */
export interface OptionTerms {
  readonly right: Right
  /** Price of the forward of the option's expiry, quote per base. */
  readonly forward: number
  /** Same unit. */
  readonly strike: number
  /** Time to expiry. */
  readonly years: number
  readonly volatility: number
  /** Discounting of the premium; 0 when absent. */
  readonly rate?: number
}

/** Columns of options, a row each, all of one length. */
export interface OptionColumns {
  /** +1 call, −1 put. */
  readonly right: Int8Array
  readonly forward: Float64Array
  readonly strike: Float64Array
  readonly years: Float64Array
  readonly volatility: Float64Array
  /** 0 for every row when absent. */
  readonly rate?: Float64Array
}

/** What became of a row. */
export const PriceStatus = {
  PRICED: 0,
  /** At the money without time or volatility: the price is 0, the Greeks do not exist and are NaN. */
  UNDIFFERENTIABLE: 1,
  /** Not a number, forward or strike not above 0 (or beyond 1e±100, where their squares are no numbers), time or volatility below 0, neither call nor put: everything is NaN. */
  INPUT_INVALID: 2,
} as const

/** Price and Greeks of an option on a forward. */
export interface Black76Greeks {
  /** Quote per base. */
  readonly price: number
  /** ∂P/∂F, discounted. */
  readonly deltaForward: number
  /** What is left to hedge when the premium was paid in the base: `deltaForward` − P/F. */
  readonly deltaPremiumAdjusted: number
  /** ∂²P/∂F². */
  readonly gamma: number
  /** ∂P/∂σ. */
  readonly vega: number
  /** ∂P/∂t at constant forward; holds the growth of the discount factor. */
  readonly theta: number
  /** ∂P/∂r at constant forward. */
  readonly rho: number
  /** ∂²P/∂F∂σ. */
  readonly vanna: number
  /** ∂²P/∂σ². */
  readonly volga: number
  /** ∂²P/∂F∂t. */
  readonly charm: number
  /** ∂³P/∂F³. */
  readonly speed: number
  /** ∂³P/∂F²∂σ. */
  readonly zomma: number
  /** ∂³P/∂F²∂t. */
  readonly color: number
  /** ∂²P/∂σ∂t. */
  readonly veta: number
  /** ∂³P/∂σ³. */
  readonly ultima: number
}

/** Places of the figures in the scratch row that {@link evaluate} fills. */
const PRICE = 0
const DELTA = 1
const GAMMA = 2
const VEGA = 3
const THETA = 4
const RHO = 5
const DELTA_ADJUSTED = 6
const VANNA = 7
const VOLGA = 8
const CHARM = 9
const SPEED = 10
const ZOMMA = 11
const COLOR = 12
const VETA = 13
const ULTIMA = 14
/**
 * Intermediate figures, in the row so that no number is passed boxed: d1, d2 and what belongs to
 * each, h, s/2, time value, Y(h + t) − Y(h − t), ln(F/K), ±(F − K).
 */
const D = 15
const DENSITY = 17
const RATIO = 19
const TAIL = 21
const H = 23
const T = 24
const TIME_VALUE = 25
const DIFFERENCE = 26
const LOG = 27
const EXERCISE = 28
const SCRATCH = 29

/** n(d1) below which its digits begin to be lost among denormal numbers (|d1| > 37). */
const DENSITY_MIN = 1e-300
/** σ√T below which an option is its exercise: the products of d1 and d2 are no numbers any more. */
const SPAN_MIN = 1e-100

function sound(
  right: number,
  forward: number,
  strike: number,
  years: number,
  volatility: number,
  rate: number,
): boolean {
  return (
    (right === 1 || right === -1) &&
    // Text and null compare as the numbers they look like.
    typeof forward === 'number' &&
    typeof strike === 'number' &&
    typeof years === 'number' &&
    typeof volatility === 'number' &&
    typeof rate === 'number' &&
    forward > 1e-100 &&
    strike > 1e-100 &&
    forward < 1e100 &&
    strike < 1e100 &&
    years >= 0 &&
    volatility >= 0 &&
    years < Number.POSITIVE_INFINITY &&
    volatility < Number.POSITIVE_INFINITY &&
    // Beyond, the discount factor is no number; a rate that is none fails too.
    Math.abs(rate * years) < 700 &&
    rate - rate === 0
  )
}

/** Price alone, of sound input; x is ln(F/K). */
function priceOf(forward: number, strike: number, x: number, exercise: number, s: number, discount: number): number {
  const timeValue = Math.sqrt(forward) * Math.sqrt(strike) * normalisedBlack(x > 0 ? -x : x, s)
  return discount * (exercise > 0 ? exercise + timeValue : timeValue)
}

/** Price less exercise, undiscounted: see `normalisedBlack`, with √(FK) n(h) e^(−t²/2) = F n(d1). */
function fillTimeValue(forward: Float64Array, strike: Float64Array, i: number, out: Float64Array): void {
  const h = out[H]!
  const difference = out[DIFFERENCE]!
  if (!Number.isNaN(difference)) out[TIME_VALUE] = forward[i]! * out[DENSITY]! * difference
  else if (Math.abs(h) >= out[T]!)
    out[TIME_VALUE] = forward[i]! * out[DENSITY]! * Math.abs(out[RATIO]! - out[RATIO + 1]!)
  else if (h < 0) out[TIME_VALUE] = forward[i]! * (1 - out[TAIL]!) - strike[i]! * out[TAIL + 1]!
  else out[TIME_VALUE] = strike[i]! * (1 - out[TAIL + 1]!) - forward[i]! * out[TAIL]!
}

/**
 * Fills the scratch row with price and all Greeks of option `i`; returns its {@link PriceStatus}. Columns instead of numbers,
 * because a number handed to a function too large to be inlined is allocated.
 */
function evaluate(options: OptionColumns, i: number, out: Float64Array): number {
  const right = options.right[i]!
  const forward = options.forward[i]!
  const strike = options.strike[i]!
  const years = options.years[i]!
  const volatility = options.volatility[i]!
  const rate = options.rate === undefined ? 0 : options.rate[i]!
  if (!sound(right, forward, strike, years, volatility, rate)) {
    out.fill(Number.NaN)
    return PriceStatus.INPUT_INVALID
  }
  out[LOG] = logRatio(forward, strike)
  out[EXERCISE] = right * (forward - strike)
  return evaluateAt(options, i, out)
}

/** {@link evaluate} of a sound option whose ln(F/K) and exercise are in the row: a forward made of a spot knows them better than it is rounded. */
function evaluateAt(options: OptionColumns, i: number, out: Float64Array): number {
  const right = options.right[i]!
  const forward = options.forward[i]!
  const strike = options.strike[i]!
  const years = options.years[i]!
  const volatility = options.volatility[i]!
  const rate = options.rate === undefined ? 0 : options.rate[i]!
  const root = Math.sqrt(years)
  const s = volatility * root
  const discount = rate === 0 ? 1 : Math.exp(-rate * years)
  if (s < SPAN_MIN) return evaluateWithoutTime(right, forward, strike, years, rate, discount, out)
  const h = out[LOG]! / s
  const t = 0.5 * s
  const d1 = h + t
  const d2 = h - t
  out[H] = h
  out[T] = t
  out[D] = d1
  out[D + 1] = d2
  out[DENSITY + 1] = forward / strike
  fillTails(out, D, DENSITY, RATIO, TAIL)
  const density = out[DENSITY]!
  if (density < DENSITY_MIN) return evaluateFarOut(right, forward, strike, years, rate, discount, s, out)
  fillDifference(out, H, DIFFERENCE)
  fillTimeValue(options.forward, options.strike, i, out)
  const exercise = out[EXERCISE]!
  const price = discount * (exercise > 0 ? exercise + out[TIME_VALUE]! : out[TIME_VALUE]!)
  const tail1 = out[TAIL]!
  const tail2 = out[TAIL + 1]!
  const delta = discount * right * (right * d1 > 0 ? 1 - tail1 : tail1)
  out[PRICE] = price
  out[DELTA] = delta
  out[RHO] = -years * price
  out[DELTA_ADJUSTED] = ((discount * right * strike) / forward) * (right * d2 > 0 ? 1 - tail2 : tail2)
  const product = d1 * d2
  const twiceYears = 2 * years
  const gamma = (discount * density) / (forward * s)
  const vega = discount * density * forward * root
  out[GAMMA] = gamma
  out[VEGA] = vega
  out[THETA] = rate * price - (vega * volatility) / twiceYears
  out[VANNA] = (-discount * density * d2) / volatility
  out[VOLGA] = (vega * product) / volatility
  out[CHARM] = rate * delta + (discount * density * d2) / twiceYears
  out[SPEED] = (-gamma / forward) * (1 + d1 / s)
  out[ZOMMA] = (gamma * (product - 1)) / volatility
  out[COLOR] = gamma * (rate + (1 - product) / twiceYears)
  out[VETA] = vega * (rate - (1 + product) / twiceYears)
  out[ULTIMA] = (-vega / (volatility * volatility)) * (product * (1 - product) + d1 * d1 + d2 * d2)
  return PriceStatus.PRICED
}

/** So far from the money, or so volatile, that n(d1) is hardly a number: tails on their own, and no second derivatives. */
function evaluateFarOut(
  right: number,
  forward: number,
  strike: number,
  years: number,
  rate: number,
  discount: number,
  s: number,
  out: Float64Array,
): number {
  const x = out[LOG]!
  const h = x / s
  const price = priceOf(forward, strike, x, out[EXERCISE]!, s, discount)
  out.fill(0)
  out[PRICE] = price
  out[DELTA] = discount * right * normalCdf(right * (h + 0.5 * s))
  out[THETA] = rate * price
  out[RHO] = -years * price
  out[DELTA_ADJUSTED] = ((discount * right * strike) / forward) * normalCdf(right * (h - 0.5 * s))
  out[CHARM] = rate * out[DELTA]
  return PriceStatus.PRICED
}

/** Limits where σ√T is as good as 0: the option is its exercise. */
function evaluateWithoutTime(
  right: number,
  forward: number,
  strike: number,
  years: number,
  rate: number,
  discount: number,
  out: Float64Array,
): number {
  const exercise = out[EXERCISE]!
  if (exercise === 0) {
    out.fill(Number.NaN)
    out[PRICE] = 0
    return PriceStatus.UNDIFFERENTIABLE
  }
  const inside = exercise > 0
  out.fill(0)
  out[PRICE] = inside ? discount * exercise : 0
  out[DELTA] = inside ? discount * right : 0
  out[DELTA_ADJUSTED] = inside ? (discount * right * strike) / forward : 0
  out[THETA] = rate * out[PRICE]
  out[RHO] = -years * out[PRICE]
  out[CHARM] = rate * out[DELTA]
  return PriceStatus.PRICED
}

/** Length of the row {@link black76Row} fills, and where in it the figures of {@link Black76Greeks} lie. */
export const BLACK76_ROW = SCRATCH
export const Black76At = {
  price: PRICE,
  deltaForward: DELTA,
  deltaPremiumAdjusted: DELTA_ADJUSTED,
  gamma: GAMMA,
  vega: VEGA,
  theta: THETA,
  rho: RHO,
  vanna: VANNA,
  volga: VOLGA,
  charm: CHARM,
} as const

/**
 * Price and all Greeks of option `i` of the columns into a row the caller keeps: what {@link black76} computes, for loops over
 * options that come one at a time and may not allocate.
 *
 * @param row {@link BLACK76_ROW} long.
 * @returns {@link PriceStatus}; unless `PRICED`, figures are NaN.
 */
export function black76Row(options: OptionColumns, i: number, row: Float64Array): number {
  return evaluate(options, i, row)
}

function refuse(terms: OptionTerms, status: number): never {
  throw new GimbalError(
    'argument-invalid',
    status === PriceStatus.UNDIFFERENTIABLE
      ? 'An option at the money without time or volatility has no Greeks'
      : 'No price: forward and strike must be above 0 (1e-100 to 1e100), time and volatility at least 0, right +1 or −1, all finite',
    {
      right: terms.right,
      forward: terms.forward,
      strike: terms.strike,
      years: terms.years,
      volatility: terms.volatility,
      rate: terms.rate ?? 0,
    },
  )
}

/**
 * Price of an option on a forward, quote per base.
 *
 * Accuracy: 1e-12 relative, 1e-10 in wings worth less than 1e-14 of the forward (test "reference vectors").
 *
 * @throws {GimbalError} `argument-invalid`.
 */
export function black76Price(terms: OptionTerms): number {
  const { right, forward, strike, years, volatility, rate = 0 } = terms
  if (!sound(right, forward, strike, years, volatility, rate)) refuse(terms, PriceStatus.INPUT_INVALID)
  const discount = rate === 0 ? 1 : Math.exp(-rate * years)
  const x = logRatio(forward, strike)
  return priceOf(forward, strike, x, right * (forward - strike), volatility * Math.sqrt(years), discount)
}

/**
 * Price and all Greeks of an option on a forward.
 *
 * @throws {GimbalError} `argument-invalid`; also at the money without time or volatility, where Greeks do not exist.
 */
export function black76(terms: OptionTerms): Black76Greeks {
  const row = new Float64Array(SCRATCH)
  const status = evaluateTerms(terms, row)
  if (status !== PriceStatus.PRICED) refuse(terms, status)
  return {
    price: row[PRICE]!,
    deltaForward: row[DELTA]!,
    deltaPremiumAdjusted: row[DELTA_ADJUSTED]!,
    gamma: row[GAMMA]!,
    vega: row[VEGA]!,
    theta: row[THETA]!,
    rho: row[RHO]!,
    vanna: row[VANNA]!,
    volga: row[VOLGA]!,
    charm: row[CHARM]!,
    speed: row[SPEED]!,
    zomma: row[ZOMMA]!,
    color: row[COLOR]!,
    veta: row[VETA]!,
    ultima: row[ULTIMA]!,
  }
}

/** One row of columns, for options that come alone. */
const ALONE = {
  right: new Int8Array(1),
  forward: new Float64Array(1),
  strike: new Float64Array(1),
  years: new Float64Array(1),
  volatility: new Float64Array(1),
  rate: new Float64Array(1),
}

function evaluateTerms(terms: OptionTerms, row: Float64Array): number {
  placeAlone(terms)
  return evaluate(ALONE, 0, row)
}

function placeAlone({ right, forward, strike, years, volatility, rate = 0 }: OptionTerms): void {
  // A right that is no sign must not become one by being cut to eight bits.
  ALONE.right[0] = right === 1 || right === -1 ? right : 0
  ALONE.forward[0] = numeral(forward)
  ALONE.strike[0] = numeral(strike)
  ALONE.years[0] = numeral(years)
  ALONE.volatility[0] = numeral(volatility)
  ALONE.rate[0] = numeral(rate)
}

/** NaN for text and null, which a column would take for the numbers they look like. */
function numeral(value: number): number {
  return typeof value === 'number' ? value : Number.NaN
}

/** Columns for the price and the five Greeks everybody asks for, as in {@link Black76Greeks}. */
export interface Black76Columns {
  readonly price: Float64Array
  readonly deltaForward: Float64Array
  readonly gamma: Float64Array
  readonly vega: Float64Array
  readonly theta: Float64Array
  readonly rho: Float64Array
  /** {@link PriceStatus}. */
  readonly status: Uint8Array
}

/** Columns for the others. */
export interface Black76HigherColumns {
  readonly deltaPremiumAdjusted: Float64Array
  readonly vanna: Float64Array
  readonly volga: Float64Array
  readonly charm: Float64Array
  readonly speed: Float64Array
  readonly zomma: Float64Array
  readonly color: Float64Array
  readonly veta: Float64Array
  readonly ultima: Float64Array
}

/** @throws {GimbalError} `argument-invalid` unless all columns are as long as the first. */
function requireLengths(first: string, length: number, columns: object): void {
  for (const [name, column] of Object.entries(columns) as [string, ArrayLike<number> | undefined][])
    if (column !== undefined && column.length !== length)
      throw new GimbalError('argument-invalid', 'Columns of options differ in length', {
        [first]: length,
        [name]: column.length,
      })
}

/**
 * Prices and first Greeks of options on forwards, a row each. Rows that make no sense are flagged and NaN.
 *
 * @param higher Receives the other Greeks too, where given.
 * @returns How many rows are not {@link PriceStatus} `PRICED`.
 * @throws {GimbalError} `argument-invalid` when lengths differ.
 */
export function black76Batch(options: OptionColumns, out: Black76Columns, higher?: Black76HigherColumns): number {
  const rows = options.right.length
  requireLengths('right', rows, options)
  requireLengths('right', rows, out)
  if (higher) requireLengths('right', rows, higher)
  const { price, deltaForward, gamma, vega, theta, rho, status } = out
  const row = new Float64Array(SCRATCH)
  let refused = 0
  for (let i = 0; i < rows; i++) {
    const outcome = evaluate(options, i, row)
    status[i] = outcome
    if (outcome !== PriceStatus.PRICED) refused++
    price[i] = row[PRICE]!
    deltaForward[i] = row[DELTA]!
    gamma[i] = row[GAMMA]!
    vega[i] = row[VEGA]!
    theta[i] = row[THETA]!
    rho[i] = row[RHO]!
    if (higher === undefined) continue
    higher.deltaPremiumAdjusted[i] = row[DELTA_ADJUSTED]!
    higher.vanna[i] = row[VANNA]!
    higher.volga[i] = row[VOLGA]!
    higher.charm[i] = row[CHARM]!
    higher.speed[i] = row[SPEED]!
    higher.zomma[i] = row[ZOMMA]!
    higher.color[i] = row[COLOR]!
    higher.veta[i] = row[VETA]!
    higher.ultima[i] = row[ULTIMA]!
  }
  return refused
}

/** Price and Greeks of a coin-settled option: the premium is in the base, undiscounted, as Deribit quotes it. */
export interface CoinGreeks {
  /** Black-76 over the forward, in coins. */
  readonly price: number
  /** N(d1) of the option in quote (negative for puts): what Deribit shows as delta. */
  readonly deltaForward: number
  /** `deltaForward` − price: coins to sell against one option when the premium is held in coins. */
  readonly deltaPremiumAdjusted: number
  /** ∂(price in coins)/∂F, coins per unit of quote. */
  readonly deltaCoin: number
  /** ∂²/∂F². */
  readonly gammaCoin: number
  /** ∂/∂σ. */
  readonly vegaCoin: number
  /** ∂²/∂F∂σ. */
  readonly vannaCoin: number
  /** ∂²/∂σ². */
  readonly volgaCoin: number
  /** ∂/∂t. */
  readonly thetaCoin: number
  /** ∂²/∂F∂t. */
  readonly charmCoin: number
}

/**
 * The coin figures from the scratch row of an undiscounted option, into the same row. C/F = ±[N(±d1) − (K/F) N(±d2)], whose slope
 * in F is ±(K/F²) N(±d2): nothing is subtracted that nearly cancels.
 */
function coinFigures(forward: number, years: number, volatility: number, row: Float64Array, out: Float64Array): void {
  const adjusted = row[DELTA_ADJUSTED]!
  const lean = (row[DENSITY]! * row[D]!) / forward
  out[0] = row[PRICE]! / forward
  out[1] = row[DELTA]!
  out[2] = adjusted
  out[3] = adjusted / forward
  out[4] = row[GAMMA]! / forward - (2 * adjusted) / (forward * forward)
  out[5] = row[VEGA]! / forward
  out[6] = volatility === 0 ? 0 : -lean / volatility
  out[7] = row[VOLGA]! / forward
  out[8] = row[THETA]! / forward
  out[9] = years === 0 ? 0 : lean / (2 * years)
}

/**
 * Price and Greeks of a coin-settled (inverse) option. `terms.rate` must be absent or 0: such premiums are not discounted.
 *
 * @throws {GimbalError} `argument-invalid`.
 */
export function inverseBlack76(terms: OptionTerms): CoinGreeks {
  if ((terms.rate ?? 0) !== 0)
    throw new GimbalError('argument-invalid', 'A premium in coins is not discounted', { rate: terms.rate! })
  const row = new Float64Array(SCRATCH)
  const status = evaluateTerms(terms, row)
  if (status !== PriceStatus.PRICED) refuse(terms, status)
  const coin = new Float64Array(10)
  coinFigures(terms.forward, terms.years, terms.volatility, row, coin)
  return {
    price: coin[0]!,
    deltaForward: coin[1]!,
    deltaPremiumAdjusted: coin[2]!,
    deltaCoin: coin[3]!,
    gammaCoin: coin[4]!,
    vegaCoin: coin[5]!,
    vannaCoin: coin[6]!,
    volgaCoin: coin[7]!,
    thetaCoin: coin[8]!,
    charmCoin: coin[9]!,
  }
}

/** Columns for {@link CoinGreeks}. */
export interface CoinColumns {
  readonly price: Float64Array
  readonly deltaForward: Float64Array
  readonly deltaPremiumAdjusted: Float64Array
  readonly deltaCoin: Float64Array
  readonly gammaCoin: Float64Array
  readonly vegaCoin: Float64Array
  readonly vannaCoin: Float64Array
  readonly volgaCoin: Float64Array
  readonly thetaCoin: Float64Array
  readonly charmCoin: Float64Array
  /** {@link PriceStatus}. */
  readonly status: Uint8Array
}

/**
 * Prices and Greeks of coin-settled options, a row each; see {@link inverseBlack76} and {@link black76Batch}.
 *
 * @throws {GimbalError} `argument-invalid` when lengths differ or there are rates.
 */
export function inverseBlack76Batch(options: OptionColumns, out: CoinColumns): number {
  if (options.rate)
    throw new GimbalError('argument-invalid', 'A premium in coins is not discounted', { rates: options.rate.length })
  const rows = options.right.length
  requireLengths('right', rows, options)
  requireLengths('right', rows, out)
  const { forward, years, volatility } = options
  const row = new Float64Array(SCRATCH)
  const coin = new Float64Array(10)
  let refused = 0
  for (let i = 0; i < rows; i++) {
    const outcome = evaluate(options, i, row)
    out.status[i] = outcome
    if (outcome === PriceStatus.PRICED) coinFigures(forward[i]!, years[i]!, volatility[i]!, row, coin)
    else {
      refused++
      coin.fill(Number.NaN)
      coin[0] = row[PRICE]!
    }
    out.price[i] = coin[0]!
    out.deltaForward[i] = coin[1]!
    out.deltaPremiumAdjusted[i] = coin[2]!
    out.deltaCoin[i] = coin[3]!
    out.gammaCoin[i] = coin[4]!
    out.vegaCoin[i] = coin[5]!
    out.vannaCoin[i] = coin[6]!
    out.volgaCoin[i] = coin[7]!
    out.thetaCoin[i] = coin[8]!
    out.charmCoin[i] = coin[9]!
  }
  return refused
}

/** One option on a spot that pays a yield. */
export interface SpotOptionTerms {
  readonly right: Right
  readonly spot: number
  readonly strike: number
  readonly years: number
  readonly volatility: number
  /** Of the quote currency; 0 when absent. */
  readonly rate?: number
  /** Of the base: dividends, staking, lending; 0 when absent. The forward is S e^((rate − yield) T). */
  readonly yield?: number
}

/** Price and Greeks of an option on a spot; those by F in {@link Black76Greeks} are by S here, those by t at constant spot. */
export interface BlackScholesGreeks extends Omit<Black76Greeks, 'rho' | 'deltaPremiumAdjusted'> {
  readonly forward: number
  /** ∂P/∂S. */
  readonly deltaSpot: number
  /** `deltaSpot` − P/S: the hedge when the premium was paid in the base. */
  readonly deltaPremiumAdjusted: number
  /** ∂P/∂r at constant spot. */
  readonly rho: number
  /** ∂P/∂q, q the yield, at constant spot. */
  readonly rhoYield: number
}

/**
 * Price and Greeks by Black-Scholes with a continuous yield (Merton 1973).
 *
 * Accuracy: 1e-12 relative, but for Greeks next to where they change sign. ln(F/K) and F − K are taken from the spot and not from the
 * forward, whose rounding a short option at the money would magnify; what the drift of the forward takes back is left out of the sums.
 *
 * @throws {GimbalError} `argument-invalid`.
 */
export function blackScholes(terms: SpotOptionTerms): BlackScholesGreeks {
  const { right, spot, strike, years, volatility, rate = 0, yield: carry = 0 } = terms
  const drift = numeral(rate) - numeral(carry)
  const growth = Math.exp(drift * years)
  const forward = numeral(spot) * growth
  const onForward = { right, forward, strike, years, volatility, rate }
  if (!sound(right, forward, strike, years, volatility, rate)) refuse(onForward, PriceStatus.INPUT_INVALID)
  placeAlone(onForward)
  const row = new Float64Array(SCRATCH)
  row[LOG] = logRatio(spot, strike) + drift * years
  row[EXERCISE] = right * (spot - strike + spot * Math.expm1(drift * years))
  const status = evaluateAt(ALONE, 0, row)
  if (status !== PriceStatus.PRICED) refuse(onForward, status)
  const deltaForward = row[DELTA]!
  const adjusted = row[DELTA_ADJUSTED]!
  const gamma = row[GAMMA]!
  const vega = row[VEGA]!
  // Both 0 where there is no density, far out or without time.
  const s = volatility * Math.sqrt(years)
  const lean = vega === 0 ? 0 : (drift * row[D]!) / s
  const lean2 = vega === 0 ? 0 : (drift * row[D + 1]!) / s
  const pace = vega === 0 ? 0 : 1 / (2 * years)
  const product = row[D]! * row[D + 1]!
  return {
    forward,
    price: row[PRICE]!,
    deltaForward,
    deltaSpot: deltaForward * growth,
    deltaPremiumAdjusted: adjusted * growth,
    gamma: gamma * growth * growth,
    vega,
    // rP − (r − q)FΔ is qFΔ − rFΔ', as P = F(Δ − Δ'): the forward sinks towards the spot as time passes.
    theta: forward * (carry * deltaForward - rate * adjusted) - vega * volatility * pace,
    // K e^(−rT) N(d2) T: the premium-adjusted delta is exactly that over F, and nothing cancels.
    rho: years * forward * adjusted,
    rhoYield: -years * forward * deltaForward,
    vanna: row[VANNA]! * growth,
    volga: row[VOLGA]!,
    charm: growth * (carry * deltaForward + gamma * forward * (row[D + 1]! * s * pace - drift)),
    speed: row[SPEED]! * growth ** 3,
    zomma: row[ZOMMA]! * growth * growth,
    color: growth * growth * gamma * (carry + lean + (1 - product) * pace),
    veta: vega * (rate + lean2 - (1 + product) * pace),
    ultima: row[ULTIMA]!,
  }
}
