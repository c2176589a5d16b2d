/** @file Tapes on which features are held to their rules: generated, malicious, and real. */

import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Random } from '../../src/core/random.ts'
import { Instrument, type InstrumentSpec, Universe } from '../../src/market/instrument.ts'
import { streamOfKind } from '../../src/market/message.ts'
import { Flag, Kind, MemoryTape, MergedTape, type MergeInput } from '../../src/market/tape.ts'
import { generateMarket } from '../../src/sim/market/generatedMarket.ts'
import type { Rows } from './oracle.ts'

/** A tape as a whole, with what it holds of each instrument. */
export interface WholeTape {
  readonly name: string
  readonly universe: Universe
  readonly rows: Rows
  readonly streams: readonly (readonly string[])[]
}

/** Reads a merged tape to its end, or to `rowsMax` rows. */
export function materialise(
  name: string,
  universe: Universe,
  inputs: readonly MergeInput[],
  rowsMax = 2 ** 31,
): WholeTape {
  const merged = new MergedTape(inputs)
  const columns: number[][] = [[], [], [], [], [], [], [], [], []]
  const streams = universe.instruments.map(() => new Set<string>())
  while (columns[0]!.length < rowsMax && merged.advance()) {
    const { batch, row, instrument, timeUs } = merged
    columns[0]!.push(timeUs)
    columns[1]!.push(batch.kind[row]!)
    columns[2]!.push(instrument)
    columns[3]!.push(batch.side[row]!)
    columns[4]!.push(batch.tick[row]!)
    columns[5]!.push(batch.lots[row]!)
    columns[6]!.push(batch.value[row]!)
    columns[7]!.push(batch.flags[row]!)
    columns[8]!.push(merged.venueTimeUs)
    const stream = streamOfKind(batch.kind[row]!)
    if (stream) streams[instrument]!.add(stream)
  }
  merged.close()
  return {
    name,
    universe,
    streams: streams.map((set) => [...set]),
    rows: {
      count: columns[0]!.length,
      timeUs: Float64Array.from(columns[0]!),
      venueTimeUs: Float64Array.from(columns[8]!),
      kind: Uint8Array.from(columns[1]!),
      instrument: Uint16Array.from(columns[2]!),
      side: Int8Array.from(columns[3]!),
      tick: Int32Array.from(columns[4]!),
      lots: Float64Array.from(columns[5]!),
      value: Float64Array.from(columns[6]!),
      flags: Uint8Array.from(columns[7]!),
    },
  }
}

/** Twenty minutes of the generated market. */
export function generatedTape(seed: number): WholeTape {
  const market = generateMarket({ seed, hours: 1 / 3 })
  return materialise(`generated market, seed ${seed}`, market.universe, [...market.sources().inputs])
}

function spec(overrides: Partial<InstrumentSpec>): InstrumentSpec {
  return {
    base: 'BTC',
    quote: 'USDT',
    kind: 'perp',
    venue: 'nasty',
    venueSymbol: 'X',
    payoff: 'linear',
    settle: 'USDT',
    tickSize: '0.5',
    lotSize: '0.001',
    multiplier: '1',
    source: 'made up',
    ...overrides,
  }
}

/**
 * Everything that recordings do to a listener, at random: several rows of one time, lost updates, outages, resets with and
 * without a book behind them, crossed and one-sided books, trades of unknown side, marks that are not numbers, silences.
 */
export function nastyTape(seed: number, messages = 1500): WholeTape {
  const random = new Random(seed)
  const universe = new Universe([
    new Instrument(spec({})),
    new Instrument(spec({ kind: 'spot', tickSize: '0.1' })),
    new Instrument(spec({ base: 'ETH', fundingIntervalUs: 8 * 3600e6 })),
    new Instrument(spec({ base: 'ETH', quote: 'USDC', kind: 'pool', tickSize: '0.01', detail: '30' })),
    new Instrument(
      spec({
        kind: 'option',
        tickSize: '0.0001',
        lotSize: '0.1',
        expiry: '2025-03-28',
        strike: '90000',
        right: 'call',
        payoff: 'inverse',
        settle: 'BTC',
        quote: 'USD',
      }),
    ),
    new Instrument(
      spec({
        kind: 'option',
        tickSize: '0.0001',
        lotSize: '0.1',
        expiry: '2025-03-28',
        strike: '90000',
        right: 'put',
        payoff: 'inverse',
        settle: 'BTC',
        quote: 'USD',
      }),
    ),
  ])
  const tape = new MemoryTape()
  let nowUs = Date.UTC(2025, 2, 1) * 1000
  const mids = [180_000, 900_000, 4_000, 200_000, 500, 400]
  for (let message = 0; message < messages; message++) {
    const pick = random.uniform()
    nowUs +=
      pick < 0.2 ? 0 : pick < 0.9 ? Math.ceil(random.exponential(400_000)) : pick < 0.995 ? 5_000_000 : 900_000_000
    const instrument = random.integer(0, 5)
    const mid = (mids[instrument] = Math.max(50, mids[instrument]! + random.integer(-3, 3)))
    const at = nowUs - random.integer(-2000, 60_000)
    const push = (kind: number, side: number, tick: number, lots: number, value: number, flags: number) =>
      tape.push(nowUs, at, kind, instrument, side, tick, lots, value, flags)
    const kind = random.uniform()
    if (instrument === 3) {
      push(Kind.POOL_STATE, 0, mid, 0, 1e18 * (1 + random.uniform()), 0)
      push(Kind.POOL_SWAP, 0, 0, Math.round(1e9 * random.normal()), Math.round(1e9 * random.normal()), 0)
      if (kind < 0.3)
        push(Kind.PENDING_TRANSACTION, 0, 0, 21_000 + random.integer(0, 400_000), 1e9 * random.uniform(), 0)
      if (kind < 0.5) push(Kind.BASE_FEE, 0, 0, 0, 1e9 * (10 + random.normal()), 0)
      push(Kind.BLOCK, 0, 0, 0, 1000 + message, Flag.END)
    } else if (instrument >= 4) {
      const volatility = 0.4 + 0.1 * random.uniform()
      push(Kind.QUOTE, 1, mid - 3, random.uniform() < 0.1 ? 0 : 10, volatility, 0)
      push(Kind.QUOTE, -1, mid + 3, random.uniform() < 0.1 ? 0 : 12, volatility, 0)
      push(Kind.FORWARD, 0, 0, 0, 90_000 + random.integer(-500, 500), 0)
      push(Kind.IMPLIED_VOLATILITY, 0, 0, 0, volatility, Flag.END)
    } else if (kind < 0.02) push(Kind.GAP, 0, 0, 0, 3, Flag.END)
    else if (kind < 0.03) push(Kind.OUTAGE, 0, 0, 0, random.integer(0, 1), Flag.END)
    else if (kind < 0.08) {
      push(Kind.DEPTH, 1, mid - 1, 5, 0, Flag.RESET | Flag.SNAPSHOT)
      for (let level = 2; level < 12; level++)
        push(Kind.DEPTH, 1, mid - level, random.integer(1, 900), 0, Flag.SNAPSHOT)
      for (let level = 1; level < 12; level++)
        push(
          Kind.DEPTH,
          -1,
          mid + level,
          random.integer(1, 900),
          0,
          level === 11 ? Flag.SNAPSHOT | Flag.END : Flag.SNAPSHOT,
        )
    } else if (kind < 0.09) push(Kind.DEPTH, 0, 0, 0, 0, Flag.RESET | Flag.END)
    else if (kind < 0.5) {
      const rows = random.integer(1, 6)
      for (let row = 1; row <= rows; row++) {
        const side = random.bits() > 0 ? 1 : -1
        push(
          Kind.DEPTH,
          side,
          mid - side * random.integer(-1, 12),
          random.uniform() < 0.4 ? 0 : random.integer(1, 900),
          message,
          row === rows ? Flag.END : 0,
        )
      }
    } else if (kind < 0.72) {
      const rows = random.integer(1, 3)
      for (let row = 1; row <= rows; row++)
        push(
          Kind.TRADE,
          random.integer(-1, 1),
          mid + random.integer(-2, 2),
          random.integer(1, 300),
          message * 10 + row,
          row === rows ? Flag.END : 0,
        )
    } else if (kind < 0.8) {
      push(Kind.QUOTE, 1, mid - random.integer(-1, 2), random.integer(0, 50), 0, 0)
      push(Kind.QUOTE, -1, mid + random.integer(0, 2), random.integer(0, 50), 0, Flag.END)
    } else if (kind < 0.85) push(Kind.MARK, 0, 0, 0, random.uniform() < 0.05 ? Number.NaN : mid * 0.5, Flag.END)
    else if (kind < 0.88) push(Kind.INDEX, 0, 0, 0, mid * 0.5 + random.normal(), Flag.END)
    else if (kind < 0.9) push(Kind.FUNDING, 0, 0, 8 * 3600e6, 1e-4 * random.normal(), Flag.END)
    else if (kind < 0.92) push(Kind.FUNDING_FORECAST, 0, 0, 3600e6, 1e-4 * random.normal(), Flag.END)
    else if (kind < 0.94) push(Kind.OPEN_INTEREST, 0, 0, 1e6 + random.integer(-1000, 1000), 0, Flag.END)
    else if (kind < 0.97) push(Kind.LIQUIDATION, random.bits() > 0 ? 1 : -1, mid, random.integer(1, 100), 0, Flag.END)
    else {
      push(Kind.BAR_OPEN, 0, mid - 1, 0, 0, 0)
      push(Kind.BAR_HIGH, 0, mid + 3, 0, 0, 0)
      push(Kind.BAR_LOW, 0, mid - 4, 0, 0, 0)
      push(Kind.BAR_CLOSE, 0, mid, random.integer(0, 1000), 60e6, Flag.END)
    }
  }
  return materialise(`nasty tape, seed ${seed}`, universe, [{ source: tape.reader() }])
}

/** Two days of five-minute bars of two instruments with funding, a missing bar now and then. */
export function barTape(seed: number): WholeTape {
  const random = new Random(seed)
  const universe = new Universe([
    new Instrument(spec({ tickSize: '0.1', fundingIntervalUs: 8 * 3600e6 })),
    new Instrument(spec({ base: 'ETH', tickSize: '0.01' })),
  ])
  const tape = new MemoryTape()
  const startUs = Date.UTC(2025, 5, 1) * 1000
  const prices = [1_000_000, 300_000]
  for (let bar = 1; bar <= 2 * 288; bar++) {
    const timeUs = startUs + bar * 300e6
    for (let instrument = 0; instrument < 2; instrument++) {
      if (random.uniform() < 0.02) continue
      const open = prices[instrument]!
      const scale = 0.001 * (1 + 2 * Math.abs(Math.sin(bar / 50)))
      const close = Math.round(open * Math.exp(scale * random.normal()))
      const high = Math.max(open, close) + Math.round(open * scale * random.uniform())
      const low = Math.min(open, close) - Math.round(open * scale * random.uniform())
      prices[instrument] = close
      const push = (kind: number, tick: number, lots: number, value: number, flags: number) =>
        tape.push(timeUs, timeUs, kind, instrument, 0, tick, lots, value, flags)
      push(Kind.BAR_OPEN, open, 0, 0, 0)
      push(Kind.BAR_HIGH, high, 0, 0, 0)
      push(Kind.BAR_LOW, low, 0, 0, 0)
      push(Kind.BAR_CLOSE, close, random.integer(0, 1e6), 300e6, Flag.END)
    }
    if (bar % 96 === 0) tape.push(timeUs, timeUs, Kind.FUNDING, 0, 0, 0, 8 * 3600e6, 1e-4 * random.normal(), Flag.END)
  }
  return materialise(`bars, seed ${seed}`, universe, [{ source: tape.reader() }])
}

/** Real recordings at hand, as an importer and its files; empty where there are none. */
export function realFiles(folder: string, every: boolean): readonly (readonly string[])[] {
  if (!existsSync(folder)) return []
  const list = (sub: string, match: RegExp): string[] =>
    existsSync(join(folder, sub))
      ? readdirSync(join(folder, sub))
          .filter((name) => match.test(name))
          .sort()
          .map((name) => join(folder, sub, name))
      : []
  const pairs = list('l2', /^usdm_btcusdt/)
  const some: string[][] = [
    pairs,
    list('bars', /^BTC_USDT_USDT-(5m-futures|1h-funding_rate)/),
    list('options/deribit', /^chain_/).slice(0, 3),
  ]
  if (!every) return some.filter((files) => files.length > 0)
  const singles = ['bars', 'funding', 'onchain'].flatMap((sub) => list(sub, /\.(csv|json)\.gz$/).map((path) => [path]))
  const l2 = ['usdm_ethusdt', 'cm_btcusd', 'cm_ethusd', 'spot_btcusdt', 'spot_ethusdt', 'hyperliquid'].map((prefix) =>
    list('l2', new RegExp(`^${prefix}`)),
  )
  const chains = [list('options/deribit', /^chain_/), list('options', /spx/)]
  return [...some, ...l2, ...singles, ...chains].filter((files) => files.length > 0)
}

/** A folder that is gone when the callback has returned. */
export async function inTemporaryFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'gimbal-features-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
