/**
 * Goal: policies on options do on real chains what they do on generated ones: they trade what was quoted when it was quoted, hedges
 * take most of the risk away, and a run is the same journal every time.
 *
 * Method: three days of January 2026 (`FULL=1`: the month) of Deribit's chains and of five-minute bars with funding, imported as the
 * command line does and run as it does. Risk is the deviation of equity between chains, when every option held has a new mark.
 * Without the shared data (`GIMBAL_SHARED`) nothing is run, and the name says so.
 */

import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunData } from '../src/apps/backtestRun.ts'
import { runData } from '../src/apps/runData.ts'
import { buildEngine, buildExchange, completePlan, DEFAULT_EXCHANGE, riskFrom } from '../src/apps/runPlan.ts'
import { DAY_US, HOUR_US, SECOND_US } from '../src/core/clock.ts'
import type { Engine } from '../src/engine/engine.ts'
import { importerNamed } from '../src/importers/registry.ts'
import { FileJournal } from '../src/journal/fileJournal.ts'
import type { Order, OrderEvent } from '../src/market/order.ts'
import { Kind, MergedTape } from '../src/market/tape.ts'
import { runBacktest } from '../src/sim/backtest.ts'
import { Catalog } from '../src/store/catalog.ts'
import { runImport } from '../src/store/importRun.ts'
import { openInput } from '../src/store/inputFile.ts'

const DATA = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'data')
const CHAINS = join(DATA, 'options/deribit')
const there = existsSync(CHAINS)
const full = process.env['FULL'] === '1'
const fromUs = Date.UTC(2026, 0, full ? 1 : 26) * 1000
const days = full ? 31 : 3
const toUs = fromUs + days * DAY_US

interface Seen {
  readonly engine: Engine
  readonly orders: Order[]
  readonly fills: OrderEvent[]
  /** Equity a few seconds after each chain. */
  readonly equity: number[]
  readonly hash: string
}

describe.skipIf(!there)(`three days of real chains${there ? '' : ' (shared data absent: nothing run)'}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'gimbal-options-'))
  let data: RunData
  let chainsUs: number[] = []

  beforeAll(async () => {
    const catalog = new Catalog(join(folder, 'catalog'))
    const day = (name: string) => Date.UTC(+name.slice(6, 10), +name.slice(10, 12) - 1, +name.slice(12, 14)) * 1000
    const chains = readdirSync(CHAINS).filter(
      (name) => name.startsWith('chain_') && day(name) >= fromUs && day(name) < toUs,
    )
    for (const name of chains.sort())
      await runImport(catalog, importerNamed('deribit-chain'), await openInput(join(CHAINS, name)), {}, {})
    for (const name of ['BTC_USDT_USDT-5m-futures', 'BTC_USDT_USDT-1h-funding_rate'])
      await runImport(catalog, importerNamed('bars'), await openInput(join(DATA, `bars/${name}.csv.gz`)), {}, {})
    const plan = { from: 'catalog', instruments: [], fromUs: fromUs - DAY_US, toUs, barUs: 300 * SECOND_US } as const
    data = await runData(plan, join(folder, 'catalog'))
    const times = new Set<number>()
    const tape = new MergedTape(data.inputs())
    while (tape.advance()) if (tape.batch.kind[tape.row] === Kind.QUOTE) times.add(tape.timeUs)
    tape.close()
    chainsUs = [...times]
  }, 300_000)

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  function run(policy: string, settings: Record<string, string | number>, number: number): Seen {
    const plan = completePlan(
      {
        data: { from: 'feed' },
        policies: [{ name: policy, settings: { asset: 'BTC', ...settings } }],
        risk: riskFrom([]),
        exchange: DEFAULT_EXCHANGE,
        cash: { USDT: 100_000, BTC: 1 },
        seed: 1,
      },
      data.universe,
    )
    const journal = FileJournal.create(
      join(folder, `journal-${number}`),
      {
        gimbal: 'test',
        rows: 'reference',
        run: '',
        seed: 1,
        cash: plan.cash,
        since: { fillId: 0, accountUs: 0 },
        instruments: data.universe.instruments.map(({ spec }) => spec),
        settings: {},
        tapes: data.tapes,
      },
      { durability: 'buffered' },
    )
    const orders: Order[] = []
    const fills: OrderEvent[] = []
    const equity: number[] = []
    const exchange = buildExchange(plan, data.universe)
    let next = 0
    const engine: Engine = buildEngine(plan, data.universe, {
      journal,
      venue: exchange,
      observer: {
        sampleUs: SECOND_US,
        onSample: (timeUs) => {
          while (next < chainsUs.length && timeUs > chainsUs[next]! + 5 * SECOND_US) {
            next++
            equity.push(engine.ledger.equity)
          }
        },
        onOrder: (order) => orders.push(order),
        onOrderEvent: (event) => event.kind === 'filled' && fills.push(event),
      },
    })
    runBacktest(engine, exchange, new MergedTape(data.inputs(), 'venue'), new MergedTape(data.inputs(), 'received'))
    return { engine, orders, fills, equity, hash: journal.close() }
  }

  /** Standard deviation of the changes between chains, in dollars. */
  function roughness(equity: readonly number[]): number {
    const changes = equity.slice(1).map((each, i) => each - equity[i]!)
    const mean = changes.reduce((sum, each) => sum + each, 0) / changes.length
    return Math.sqrt(changes.reduce((sum, each) => sum + (each - mean) ** 2, 0) / changes.length)
  }

  const kindOf = (index: number) => data.universe.at(index).kind
  const onOptions = ({ instrument }: { readonly instrument: number }) => kindOf(instrument) === 'option'

  test('variance premium: covered at every end, hedged, traded only on quotes of the moment, twice the same journal', () => {
    const settings = { warmupHours: 12, entryEdge: -0.1, tenorDays: 21 }
    const hedged = run('variance-premium', settings, 1)
    expect(hedged.fills.filter(onOptions).length).toBeGreaterThan(8)
    expect(hedged.fills.filter((fill) => !onOptions(fill)).length).toBeGreaterThan(0)
    for (const { sentUs } of hedged.orders.filter(onOptions)) {
      const age = Math.min(...chainsUs.filter((each) => each <= sentUs).map((each) => sentUs - each))
      expect(age).toBeLessThanOrEqual(10 * SECOND_US)
    }
    let [longs, shorts] = [0, 0]
    for (const index of data.universe.instruments.keys()) {
      if (kindOf(index) !== 'option') continue
      longs += Math.max(0, hedged.engine.ledger.lots(index))
      shorts += Math.max(0, -hedged.engine.ledger.lots(index))
    }
    expect(shorts).toBeLessThanOrEqual(longs)
    // The same options and coins with a hedge so careless that it never trades.
    const bare = run('variance-premium', { ...settings, rule: 'band', bandShare: 10 }, 2)
    expect(bare.fills.filter((fill) => !onOptions(fill))).toEqual([])
    expect(roughness(hedged.equity)).toBeLessThan(0.35 * roughness(bare.equity))
    expect(run('variance-premium', settings, 3).hash).toBe(hedged.hash)
  }, 60_000)

  test('option vault: calls on no more than the coin that is there', () => {
    const vault = run('option-vault', { tenorDays: 4, tenorDaysMin: 1.5 }, 4)
    expect(vault.fills.filter(onOptions).length).toBeGreaterThan(3)
    let calls = 0
    for (const index of data.universe.instruments.keys())
      if (kindOf(index) === 'option') calls -= vault.engine.ledger.lots(index)
    expect(calls * 0.1).toBeLessThanOrEqual(vault.engine.ledger.cashAtoms('BTC') / 1e10)
    expect(vault.orders.every(onOptions)).toBe(true)
  }, 60_000)

  test('a chain later than its quotes is not traded: with no time to be fresh nothing is sent', () => {
    const never = run('relative-value', { freshSeconds: 0.5, settleSeconds: 1 }, 5)
    expect(never.orders.filter(onOptions)).toEqual([])
    expect(chainsUs.length).toBeGreaterThanOrEqual(full ? 60 : 8)
    expect(chainsUs.at(-1)! - chainsUs[0]!).toBeGreaterThan(2 * DAY_US - 12 * HOUR_US)
  }, 60_000)
})
