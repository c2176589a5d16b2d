/**
 * @file A market out of nothing: two venues, one coin, spot and two perpetuals, for demonstrations and tests.
 *
 * Every call of `sources` runs the simulation afresh while its rows are read, so memory stays flat however long the
 * market, and any number of readers see the same rows: the same options are the same market, byte for byte.
 */

import { HOUR_US } from '../../core/clock.ts'
import { GimbalError } from '../../core/errors.ts'
import { Random } from '../../core/random.ts'
import { Instrument, type InstrumentSpec, Universe } from '../../market/instrument.ts'
import { MergedTape, type MergeInput, type TapeBatch, type TapeSource } from '../../market/tape.ts'
import { BRANCHING_RATIO, type MarketCounts, MarketSimulation, type SimulatedInstrument } from './marketSimulation.ts'
import { GENERATED_START_US } from './marketWorld.ts'

/** What kind of market to make; every field has a default that suits a demonstration. */
export interface GeneratedMarketOptions {
  readonly seed?: number
  /** Length in hours: six, with about three million rows. */
  readonly hours?: number
  readonly startUs?: number
  /** Whether it crashes, at three fifths of its length. */
  readonly crash?: boolean
  /** Multiple of the usual rate of orders. */
  readonly activity?: number
}

/** What is known of a generated market before it is run. */
export interface GeneratedMarketFacts {
  readonly provenance: 'synthetic'
  readonly seed: number
  readonly startUs: number
  readonly endUs: number
  /** Beginning of the crash; NaN when there is none. */
  readonly crashUs: number
  readonly branchingRatio: number
  readonly startPrice: number
  readonly fundingIntervalUs: number
}

export interface GeneratedMarket {
  /** Spot at one venue, a perpetual at each of two: in this order. */
  readonly universe: Universe
  readonly facts: GeneratedMarketFacts
  /** For reports: what it is, in words, with its seed. */
  readonly description: string
  /** One fresh source per instrument, in both orders of time at once: rows of an instrument arrive as they happened. */
  sources(): GeneratedSources
  /** The rows in the order of the venues' clocks. */
  venueTape(): MergedTape
  /** The rows in the order in which we hear of them. */
  receivedTape(): MergedTape
}

/** Inputs for a merge, and what the simulation behind them has counted so far. */
export interface GeneratedSources {
  readonly inputs: readonly MergeInput[]
  readonly counts: MarketCounts
}

const START_PRICE = 3000
const COIN = 'ETH'
const SOURCE = 'generated market'

const MARGIN = {
  since: '2025-01-01',
  source: SOURCE,
  tiers: [
    { notionalFloor: 0, leverageMax: 25, maintenanceRate: 0.02 },
    { notionalFloor: 5_000_000, leverageMax: 10, maintenanceRate: 0.05 },
  ],
} as const

function spec(kind: 'spot' | 'perp', venue: string, makerBps: number, takerBps: number): InstrumentSpec {
  const base = {
    base: COIN,
    quote: 'USDC',
    kind,
    venue,
    venueSymbol: kind === 'spot' ? `${COIN}/USDC` : `${COIN}-PERP`,
    payoff: 'linear',
    settle: 'USDC',
    tickSize: '0.1',
    lotSize: '0.01',
    multiplier: '1',
    fees: { makerBps, takerBps, source: SOURCE },
    source: SOURCE,
  } as const
  return kind === 'spot' ? base : { ...base, margin: MARGIN, fundingIntervalUs: HOUR_US }
}

/** The three markets: premiums of 10 and 9 bps pay the short generously, so that carry has something to earn. */
function instruments(): SimulatedInstrument[] {
  return [
    {
      instrument: new Instrument(spec('spot', 'generated-north', 0, 3)),
      basis: 0,
      crashDiscount: 0,
      latencyUs: 4000,
      openInterest: 0,
    },
    {
      instrument: new Instrument(spec('perp', 'generated-north', 0, 3)),
      basis: 0.001,
      crashDiscount: 0.008,
      latencyUs: 4000,
      openInterest: 2_000_000,
    },
    {
      instrument: new Instrument(spec('perp', 'generated-south', 0, 3.5)),
      basis: 0.0009,
      crashDiscount: 0.015,
      latencyUs: 20_000,
      openInterest: 1_000_000,
    },
  ]
}

/**
 * Describes a market; nothing is generated before a tape is read.
 *
 * @throws {GimbalError} `config-invalid` for lengths or rates that make no market.
 */
export function generateMarket(options: GeneratedMarketOptions = {}): GeneratedMarket {
  const { seed = 1, hours = 6, startUs = GENERATED_START_US, crash = true, activity = 1 } = options
  if (
    !(hours > 0 && hours <= 1000) ||
    !(activity > 0 && activity <= 20) ||
    !Number.isInteger(seed) ||
    startUs % HOUR_US !== 0
  )
    throw new GimbalError('config-invalid', 'No market can be generated like this', {
      seed,
      hours,
      activity,
      startUs,
      allowed: 'an integer seed, up to 1000 hours from a full hour, activity up to 20',
    })
  const seconds = hours * 3600
  const crashSeconds = crash ? 0.6 * seconds : Number.POSITIVE_INFINITY
  const configs = instruments()
  const universe = new Universe(configs.map(({ instrument }) => instrument))

  const sources = (): GeneratedSources => {
    const random = new Random(seed)
    const simulation = new MarketSimulation(configs, START_PRICE, startUs, seconds, crashSeconds, activity, random)
    return {
      inputs: configs.map((_, index) => ({ source: new SimulationSource(simulation, index) })),
      get counts() {
        return simulation.counts
      },
    }
  }
  const facts: GeneratedMarketFacts = {
    provenance: 'synthetic',
    seed,
    startUs,
    endUs: startUs + seconds * 1e6,
    crashUs: crash ? startUs + crashSeconds * 1e6 : Number.NaN,
    branchingRatio: BRANCHING_RATIO,
    startPrice: START_PRICE,
    fundingIntervalUs: HOUR_US,
  }
  return {
    universe,
    facts,
    description:
      `Synthetic market, seed ${seed}: ${hours} h of ${COIN} spot and two perpetuals on two venues; Hawkes order flow ` +
      `(branching ratio ${BRANCHING_RATIO}) on level-2 books tied by arbitrage, hourly funding` +
      (crash ? `, and a crash with liquidations after ${Math.round(crashSeconds / 60)} min.` : '.'),
    sources,
    venueTape: () => new MergedTape(sources().inputs, 'venue'),
    receivedTape: () => new MergedTape(sources().inputs, 'received'),
  }
}

/** One market's rows, made as they are asked for. */
class SimulationSource implements TapeSource {
  readonly #simulation: MarketSimulation
  readonly #market: number
  #batch: TapeBatch | undefined
  #closed = false

  constructor(simulation: MarketSimulation, market: number) {
    this.#simulation = simulation
    this.#market = market
  }

  next(): TapeBatch | undefined {
    if (this.#closed) return undefined
    this.#batch = this.#simulation.next(this.#market, this.#batch)
    return this.#batch
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#simulation.drop(this.#market)
  }
}
