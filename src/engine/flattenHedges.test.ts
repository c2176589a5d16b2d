/**
 * Goal: a desk whose sold perpetual hedges its coins is flat after a flatten, in dollars: a crash that goes on costs it nothing more.
 * Method: the generated market of options falls for two days. The desk holds two coins, two sold against them, and calls, which are
 * what loses. The same run with nothing left, for those whose unit is the coin; recorded and replayed.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { HOUR_US } from '../core/clock.ts'
import { FileJournal } from '../journal/fileJournal.ts'
import type { JournalHeader } from '../journal/header.ts'
import { type Journal, NoJournal } from '../journal/journal.ts'
import { JournalReader } from '../journal/journalReader.ts'
import { atomsPerUnit } from '../market/instrument.ts'
import { MergedTape } from '../market/tape.ts'
import type { Policy, PolicyContext } from '../policies/policy.ts'
import type { GateAct } from '../risk/gate.ts'
import { DEFAULT_RISK, type FlattenLeaves, type RiskConfig } from '../risk/riskConfig.ts'
import { RiskGate } from '../risk/riskGate.ts'
import { runBacktest } from '../sim/backtest.ts'
import { optionMarket } from '../sim/market/optionMarket.ts'
import { ReplayedExchange } from '../sim/replayedExchange.ts'
import { Engine, type VenuePort } from './engine.ts'
import { engineStateDigest, replayJournal } from './replayJournal.ts'

const ROOT = mkdtempSync(join(tmpdir(), 'gimbal-hedges-'))
afterAll(() => rmSync(ROOT, { recursive: true, force: true }))

const CASH = { USDT: 300_000, BTC: 2 }
const PERP = 0

/** Prices fall by a thirtieth every three hours, of themselves hardly. */
const market = optionMarket({
  seed: 4,
  days: 2,
  realised: 0.02,
  implied: 0.5,
  expiryDays: [30],
  lots: 300,
  snapshotHours: 1,
  jumps: Array.from({ length: 14 }, (_, i) => ({ hour: 5 + 3 * i, factor: 0.97 })),
})
/** The call in the middle of the chain. */
const calls = market.universe.instruments.filter(({ right }) => right === 'call').sort((a, b) => a.strike - b.strike)
const CALL = market.universe.index(calls[calls.length >> 1]!.id)

function risk(flattenLeaves: FlattenLeaves): RiskConfig {
  const free = { orderNotionalMax: 1e9, positionNotionalMax: 1e9, marketDepthShareMax: 1, collarBps: 5_000 }
  const instrument = { ...DEFAULT_RISK.limits.instrument, ...free, takerCollarBps: 5_000 }
  const limits = { ...DEFAULT_RISK.limits, instrument, leverageMax: 100, grossExposureMax: 1e9, netExposureMax: 1e9 }
  const breakers = DEFAULT_RISK.breakers.filter(({ breaker }) => ['equity-nan', 'drawdown-from-peak'].includes(breaker))
  const rules = breakers.map((rule) => (rule.breaker === 'drawdown-from-peak' ? { ...rule, limit: 0.01 } : rule))
  return { ...DEFAULT_RISK, limits, breakers: rules, flattenLeaves }
}

/** Sells two perpetuals and buys calls, once. */
class Desk implements Policy {
  readonly name = 'desk'
  readonly settings = {}
  #context!: PolicyContext
  readonly #done = new Set<number>()

  start(context: PolicyContext): readonly number[] {
    this.#context = context
    return [PERP, CALL]
  }

  onMarket(instrument: number): void {
    const { quoted, bestAsk } = this.#context.market(instrument)
    if (this.#done.has(instrument) || (instrument === CALL && !quoted)) return
    this.#done.add(instrument)
    if (instrument === PERP) this.#context.submit({ instrument, side: -1, lots: 2_000, type: 'market', tick: 0 })
    else this.#context.submit({ instrument, side: 1, lots: 100, type: 'limit', tick: bestAsk, timeInForce: 'IOC' })
  }
}

interface Run {
  readonly engine: Engine
  readonly acts: readonly GateAct[]
  /** Equity and coins' price, every hour. */
  readonly equity: readonly { readonly timeUs: number; readonly dollars: number; readonly price: number }[]
}

function engineOf(leaves: FlattenLeaves, ports: { journal: Journal; venue: VenuePort }): Run {
  const acts: GateAct[] = []
  const equity: { timeUs: number; dollars: number; price: number }[] = []
  const engine: Engine = new Engine({
    universe: market.universe,
    policies: [new Desk()],
    gate: (parts) => new RiskGate(risk(leaves), parts),
    ...ports,
    cash: CASH,
    seed: 1,
    observer: {
      sampleUs: HOUR_US,
      onGateAct: (act) => acts.push(act),
      onSample: (timeUs) => equity.push({ timeUs, dollars: engine.ledger.equity, price: engine.ledger.rate('BTC') }),
    },
  })
  return { engine, acts, equity }
}

function run(leaves: FlattenLeaves, journal: Journal = new NoJournal()): Run {
  const exchange = new ReplayedExchange({ universe: market.universe, cash: CASH })
  const made = engineOf(leaves, { journal, venue: exchange })
  runBacktest(made.engine, exchange, new MergedTape(market.inputs(), 'venue'), new MergedTape(market.inputs()))
  return made
}

function headerOf(): JournalHeader {
  return {
    gimbal: 'test',
    rows: 'inline',
    run: 'x',
    seed: 1,
    cash: CASH,
    since: { fillId: 0, accountUs: 0 },
    instruments: market.universe.instruments.map(({ spec }) => spec),
    settings: {},
    tapes: [],
  }
}

describe('a desk whose calls lose in a crash that goes on', () => {
  const neutral = run('coin-hedges')
  const closed = run('nothing')
  const coinsOf = ({ engine }: Run) => engine.ledger.cashAtoms('BTC') / atomsPerUnit('BTC')
  /** Samples from an hour after the first act. */
  const sinceTripped = ({ equity, acts }: Run) => equity.filter(({ timeUs }) => timeUs > acts[0]!.timeUs + HOUR_US)

  test('is tripped half way, at the same moment either way', () => {
    expect(neutral.acts[0]).toMatchObject({ act: 'flatten', breaker: 'drawdown-from-peak' })
    expect(closed.acts[0]).toEqual(neutral.acts[0])
    const [first, last] = [sinceTripped(neutral)[0]!, sinceTripped(neutral).at(-1)!]
    expect(last.price / first.price).toBeLessThan(0.85)
  })

  test('has sold its calls and kept what is sold against its coins', () => {
    expect(neutral.engine.ledger.lots(CALL)).toBe(0)
    // The calls were paid for in coins: what they lost is no longer there to be hedged.
    const coins = coinsOf(neutral)
    expect(coins).toBeLessThan(1.9)
    expect(neutral.engine.ledger.lots(PERP)).toBeLessThanOrEqual(-Math.floor(coins * 1_000 * 0.999))
    expect(neutral.engine.ledger.lots(PERP)).toBeGreaterThanOrEqual(-coins * 1_010)
    expect(closed.engine.ledger.lots(PERP)).toBe(0)
  })

  test('keeps its dollars, where closing everything would have left it long two coins of a falling price', () => {
    const kept = sinceTripped(neutral)
    for (const { dollars } of kept) expect(Math.abs(dollars / kept[0]!.dollars - 1)).toBeLessThan(0.002)
    const bare = sinceTripped(closed)
    const fell = bare[0]!.price - bare.at(-1)!.price
    expect(bare[0]!.dollars - bare.at(-1)!.dollars).toBeCloseTo(coinsOf(closed) * fell, 0)
  })

  test('is asked for nothing more once it is flat', () => {
    const [first] = neutral.acts
    expect(neutral.acts.every(({ timeUs }) => timeUs < first!.timeUs + 2 * HOUR_US)).toBe(true)
  })

  test('replays act for act, and is another run with the other choice', () => {
    const folder = join(ROOT, 'run')
    const journal = FileJournal.create(folder, headerOf(), { durability: 'buffered' })
    const recorded = run('coin-hedges', journal)
    const hash = journal.close()
    const again = (leaves: FlattenLeaves) =>
      replayJournal(JournalReader.open(folder)!, (_header, ports) => engineOf(leaves, ports).engine)
    expect(again('coin-hedges')).toMatchObject({ closed: true, hash, state: engineStateDigest(recorded.engine) })
    expect(() => again('nothing')).toThrow(expect.objectContaining({ code: 'replay-diverged' }))
  })
})
