/**
 * @file A market of options out of nothing: a coin that walks, two perpetuals in bars with funding, spot in bars, and snapshots of a
 * chain of coin-settled options around Black-76 prices. Shaped like the recordings there are (chains a few times a day, bars of
 * five minutes), so that policies meet in it what they will meet there: for tests and demonstrations of policies on options.
 *
 * The coin follows a geometric Brownian motion of constant volatility with the jumps that were planted; implied volatility is a
 * fixed smile. Nothing can be earned here except the difference between the two, less costs.
 */

import { DAY_US, HOUR_US, isoDay, MINUTE_US, startOfDayUs } from '../../core/clock.ts'
import { Random } from '../../core/random.ts'
import { ASK, BID } from '../../market/book.ts'
import { Instrument, type InstrumentSpec, Universe } from '../../market/instrument.ts'
import { Flag, Kind, MemoryTape, type MergeInput } from '../../market/tape.ts'
import { black76 } from '../../pricing/black76.ts'

/** What kind of market to make. */
export interface OptionMarketOptions {
  readonly seed: number
  readonly days: number
  /** Volatility the coin has, a year. */
  readonly realised: number
  /** Volatility options are quoted at, at the money, a year. */
  readonly implied: number
  /** Days to expiry of the chains, counted from the start. */
  readonly expiryDays?: readonly number[]
  /** Hours between two snapshots of the chain. */
  readonly snapshotHours?: number
  /** Times after the start, in hours, at which the coin is multiplied by a factor at once. */
  readonly jumps?: readonly { readonly hour: number; readonly factor: number }[]
  /** Lots on either side of an option. */
  readonly lots?: number
  /** Added to the volatility of single options, by index in the universe: what relative value is to find. */
  readonly mispriced?: ReadonlyMap<number, number>
  /** Hours after the start until which they are mispriced; to the end when absent. */
  readonly mispricedHours?: number
  /** Options that never show an ask, by index in the universe. */
  readonly oneSided?: ReadonlySet<number>
  /** Funding of the first perpetual every eight hours; the second pays half of it. */
  readonly fundingRate?: number
}

export interface OptionMarket {
  /** The first perpetual, the second, spot, then the options. */
  readonly universe: Universe
  readonly startUs: number
  readonly endUs: number
  /** Times of the snapshots. */
  readonly snapshotsUs: readonly number[]
  inputs(): MergeInput[]
}

const START_US = Date.UTC(2026, 0, 1) * 1000
const START_PRICE = 90_000
const BAR_US = 5 * MINUTE_US
/** After the bar it is priced from. */
const SNAPSHOT_DELAY_US = 20_000_000
const FUNDING_US = 8 * HOUR_US
const STEPS_A_BAR = 4
const SOURCE = 'generated option market'
/** Strikes either side of the money, and how far the last of them lies from it in deviations σ√T of its expiry. */
const STRIKES_EACH_SIDE = 8
const DEVIATIONS = 3.5
/** Half a quote's width in volatility, and what of it grows away from the money. */
const HALF_SPREAD = 0.006
const SKEW = -0.08
const CURVATURE = 0.5
/** Volatility above the money's at which the parabola has become straight. */
const BEND = 0.1

function linear(kind: 'spot' | 'perp', venue: string, takerBps: number): Instrument {
  return new Instrument({
    base: 'BTC',
    quote: 'USDT',
    kind,
    venue,
    venueSymbol: `BTC${kind}`,
    payoff: 'linear',
    settle: 'USDT',
    tickSize: '0.1',
    lotSize: '0.001',
    multiplier: '1',
    fees: { makerBps: 1, takerBps, source: SOURCE },
    source: SOURCE,
    ...(kind === 'perp' ? { fundingIntervalUs: FUNDING_US } : {}),
  })
}

function optionSpec(expiryUs: number, strike: number, right: 'call' | 'put'): InstrumentSpec {
  const expiry = isoDay(expiryUs)
  return {
    base: 'BTC',
    quote: 'USD',
    kind: 'option',
    venue: 'generated-options',
    venueSymbol: `BTC-${expiry}-${strike}-${right}`,
    payoff: 'inverse',
    settle: 'BTC',
    tickSize: '0.0001',
    lotSize: '0.1',
    multiplier: '1',
    expiry,
    strike: String(strike),
    right,
    fees: { makerBps: 3, takerBps: 3, source: SOURCE },
    source: SOURCE,
  }
}

/** Largest of 1, 2, 5, 10, 20, … not above a size: the steps strikes are listed at. */
function listedStep(size: number): number {
  const power = 10 ** Math.floor(Math.log10(size))
  return power * (size >= 5 * power ? 5 : size >= 2 * power ? 2 : 1)
}

/**
 * Strikes of an expiry as venues list them: over the deviations the coin may move until then, close to each other at the money and
 * wide apart in the wings, on round numbers.
 *
 * @param deviation σ√T of the expiry.
 */
function strikes(deviation: number): number[] {
  const nearest = DEVIATIONS * STRIKES_EACH_SIDE ** -1.5
  const listed = new Set<number>()
  for (let place = -STRIKES_EACH_SIDE; place <= STRIKES_EACH_SIDE; place++) {
    const deviations = Math.sign(place) * DEVIATIONS * (Math.abs(place) / STRIKES_EACH_SIDE) ** 1.5
    const strike = START_PRICE * Math.exp(deviations * deviation)
    const step = listedStep(strike * nearest * deviation)
    listed.add(Math.round(strike / step) * step)
  }
  return [...listed]
}

/** Expiries at 08:00 UTC, strikes around the start, calls and puts. */
function chain(expiryDays: readonly number[], implied: number): Instrument[] {
  return expiryDays.flatMap((days) => {
    const expiryUs = startOfDayUs(START_US) + days * DAY_US + 8 * HOUR_US
    const deviation = implied * Math.sqrt((expiryUs - START_US) / (365 * DAY_US))
    return strikes(deviation).flatMap((strike) =>
      (['call', 'put'] as const).map((right) => new Instrument(optionSpec(expiryUs, strike, right))),
    )
  })
}

/** The smile: volatility at ln(K/F) = k. A parabola at the money whose wings grow straight, as those of markets do. */
function smile(atMoney: number, k: number): number {
  const wing = BEND * (Math.sqrt(1 + (2 * CURVATURE * k * k) / BEND) - 1)
  return Math.max(0.05, atMoney + SKEW * k + wing)
}

/** Makes the market; the same options are the same rows. */
export function optionMarket(options: OptionMarketOptions): OptionMarket {
  const { seed, days, expiryDays = [9, 30], snapshotHours = 6, fundingRate = 0.0001 } = options
  const instruments = [
    linear('perp', 'generated-perps', 4.5),
    linear('perp', 'generated-chain', 3),
    linear('spot', 'generated-spot', 10),
    ...chain(expiryDays, options.implied),
  ]
  const universe = new Universe(instruments)
  const random = new Random(seed)
  const walk = random.fork('walk')
  const noise = random.fork('basis')
  const tapes = instruments.map(() => new MemoryTape())
  const snapshotsUs: number[] = []
  const bars = Math.round((days * DAY_US) / BAR_US)
  const deviation = options.realised * Math.sqrt(BAR_US / STEPS_A_BAR / (365 * DAY_US))
  const jumps = (options.jumps ?? []).map(({ hour, factor }) => ({ bar: Math.ceil((hour * HOUR_US) / BAR_US), factor }))
  let log = Math.log(START_PRICE)
  for (let bar = 1; bar <= bars; bar++) {
    const timeUs = START_US + bar * BAR_US
    const path = [log]
    // The jump comes at the open: who holds an order for it gets the price after.
    for (const jump of jumps) if (jump.bar === bar) path[0] = log += Math.log(jump.factor)
    for (let step = 0; step < STEPS_A_BAR; step++) {
      log += deviation * walk.normal() - 0.5 * deviation * deviation
      path.push(log)
    }
    for (let which = 0; which < 3; which++) {
      const basis = which === 2 ? 0 : 0.0001 * noise.normal()
      pushBar(tapes[which]!, instruments[which]!, timeUs, path, basis)
      if (which < 2 && timeUs % FUNDING_US === 0) {
        const rate = which === 0 ? fundingRate : fundingRate / 2
        tapes[which]!.push(timeUs, timeUs, Kind.FUNDING, 0, 0, 0, FUNDING_US, rate, Flag.END)
      }
    }
    if ((timeUs - START_US) % (snapshotHours * HOUR_US) !== BAR_US) continue
    const snapshotUs = timeUs + SNAPSHOT_DELAY_US
    snapshotsUs.push(snapshotUs)
    for (let index = 3; index < instruments.length; index++)
      pushOption(tapes[index]!, index, instruments[index]!, snapshotUs, Math.exp(log), options)
  }
  return {
    universe,
    startUs: START_US,
    endUs: START_US + bars * BAR_US,
    snapshotsUs,
    inputs: () => tapes.map((tape, index) => ({ source: tape.reader(), instruments: Uint16Array.of(index) })),
  }
}

function pushBar(
  tape: MemoryTape,
  instrument: Instrument,
  timeUs: number,
  path: readonly number[],
  basis: number,
): void {
  const tick = (log: number) => Math.round((Math.exp(log) * (1 + basis)) / instrument.ticks.size)
  const push = (kind: number, log: number, lots: number, value: number, flags: number) =>
    tape.push(timeUs, timeUs, kind, 0, 0, tick(log), lots, value, flags)
  push(Kind.BAR_OPEN, path[0]!, 0, 0, 0)
  push(Kind.BAR_HIGH, Math.max(...path), 0, 0, 0)
  push(Kind.BAR_LOW, Math.min(...path), 0, 0, 0)
  push(Kind.BAR_CLOSE, path.at(-1)!, 1_000_000, BAR_US, Flag.END)
}

/** One option's message: two quotes, mark, volatility, forward and index, as the chain's importer writes them. */
function pushOption(
  tape: MemoryTape,
  index: number,
  instrument: Instrument,
  timeUs: number,
  spot: number,
  options: OptionMarketOptions,
): void {
  const years = instrument.yearsToExpiry(timeUs)
  if (years <= 0) return
  const forward = spot * Math.exp(0.03 * years)
  const k = Math.log(instrument.strike / forward)
  const mispriced = timeUs < START_US + (options.mispricedHours ?? Number.POSITIVE_INFINITY) * HOUR_US
  const volatility = smile(options.implied, k) + (mispriced ? (options.mispriced?.get(index) ?? 0) : 0)
  const right = instrument.right === 'put' ? -1 : 1
  const coin = (sigma: number) =>
    black76({ right, forward, strike: instrument.strike, years, volatility: Math.max(0.01, sigma) }).price / forward
  const half = HALF_SPREAD * (1 + 4 * Math.abs(k))
  const size = instrument.ticks.size
  const mark = coin(volatility)
  const bid = Math.max(0, Math.floor(coin(volatility - half) / size))
  const ask = Math.max(bid + 1, Math.ceil(coin(volatility + half) / size))
  const lots = options.lots ?? 50
  const asked = options.oneSided?.has(index) ? 0 : lots
  const push = (kind: number, side: number, tick: number, count: number, value: number, flags: number) =>
    tape.push(timeUs, timeUs, kind, 0, side, tick, count, value, flags)
  push(Kind.QUOTE, BID, bid, bid > 0 ? lots : 0, 0, 0)
  push(Kind.QUOTE, ASK, asked > 0 ? ask : 0, asked, 0, 0)
  push(Kind.MARK, 0, 0, 0, mark, 0)
  push(Kind.IMPLIED_VOLATILITY, 0, 0, 0, volatility, 0)
  push(Kind.FORWARD, 0, 0, 0, forward, 0)
  push(Kind.INDEX, 0, 0, 0, spot, Flag.END)
}
