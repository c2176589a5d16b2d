/**
 * Goal: a breaker put back by a person is part of the record. A journal with a trip and a reset replays to the same
 * state; a reset that was refused left no trace; a run killed before the reset comes back latched, after it reset.
 *
 * Method: a policy long in a falling market under the real gate, at the replayed exchange; the reset is asked for in
 * the middle. The journal is then replayed, forged, and cut at every record.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { SECOND_US } from '../src/core/clock.ts'
import { Engine, type Observer } from '../src/engine/engine.ts'
import { startEngine } from '../src/engine/recovery.ts'
import {
  type EnginePorts,
  engineState,
  engineStateDigest,
  MuteVenue,
  replayJournal,
} from '../src/engine/replayJournal.ts'
import { FileJournal } from '../src/journal/fileJournal.ts'
import type { JournalHeader } from '../src/journal/header.ts'
import { NoJournal } from '../src/journal/journal.ts'
import { JournalReader, verifyJournal } from '../src/journal/journalReader.ts'
import { Instrument, type InstrumentSpec, Universe } from '../src/market/instrument.ts'
import { Flag, Kind, MemoryTape, MergedTape } from '../src/market/tape.ts'
import type { Policy, PolicyContext } from '../src/policies/policy.ts'
import { type GateReset, OpenGate, type Scope } from '../src/risk/gate.ts'
import { DEFAULT_RISK, type RiskConfig } from '../src/risk/riskConfig.ts'
import { RiskGate } from '../src/risk/riskGate.ts'
import { BacktestLoop } from '../src/sim/backtest.ts'
import { ReplayedExchange } from '../src/sim/replayedExchange.ts'

const ROOT = mkdtempSync(join(tmpdir(), 'gimbal-reset-'))
afterAll(() => rmSync(ROOT, { recursive: true, force: true }))
let directories = 0
const freshDirectory = () => join(ROOT, String(++directories))

const START_US = 1_720_000_000_000_000
const BREAKER = 'drawdown-from-start'
const ACCOUNT: Scope = { of: 'account' }
const SPEC: InstrumentSpec = {
  base: 'BTC',
  quote: 'USDT',
  kind: 'perp',
  venue: 'test',
  venueSymbol: 'BTCUSDT',
  payoff: 'linear',
  settle: 'USDT',
  tickSize: '1',
  lotSize: '0.001',
  multiplier: '1',
  source: 'test',
}
const HEADER: JournalHeader = {
  gimbal: 'test',
  rows: 'inline',
  run: 'a',
  seed: 1,
  cash: { USDT: 10_000 },
  since: { fillId: 0, accountUs: 0 },
  instruments: [SPEC],
  settings: {},
  tapes: [],
}
const REFERENCE: JournalHeader = { ...HEADER, rows: 'reference', tapes: [{ name: 'fall', sha256: '0' }] }

/** 5 % down from the start takes every order away; a minute must pass before anyone may put that back. */
const RISK: RiskConfig = {
  ...DEFAULT_RISK,
  breakers: [
    { breaker: BREAKER, act: 'cancel', confirmations: 2, cooldownUs: 60 * SECOND_US, limit: 0.05 },
    { breaker: 'equity-nan', act: 'halt', confirmations: 1, cooldownUs: 0, startupUs: SECOND_US },
  ],
}

/** Buys 0.1 BTC, then keeps a bid below the market. */
class Bidder implements Policy {
  readonly name = 'bidder'
  readonly settings = {}
  readonly refusals: string[] = []
  context!: PolicyContext
  #bought = false

  start(context: PolicyContext): number[] {
    this.context = context
    return [0]
  }

  onMarket(): void {
    const { context } = this
    const tick = context.market(0).bestBid - 30
    const type = this.#bought ? 'limit' : 'market'
    if (context.orders().length > 0) return
    if (context.submit({ instrument: 0, side: 1, lots: this.#bought ? 5 : 100, type, tick })) this.#bought = true
    else this.refusals.push(context.lastRefusal)
  }
}

function buildWith(risk: RiskConfig, observer?: Observer) {
  return (header: JournalHeader, { journal, venue }: EnginePorts) =>
    new Engine({
      universe: new Universe([new Instrument(SPEC)]),
      policies: [new Bidder()],
      gate: (parts) => new RiskGate(risk, parts),
      journal,
      venue,
      cash: header.cash,
      seed: header.seed,
      ...(observer && { observer }),
    })
}
const build = buildWith(RISK)

/** Seconds of calm at 50,000, of calm after a fall to 44,000: one book a second, six rows each. */
const CALM = 20
const FALLEN = 90
const ROWS = 6

function fall(): MemoryTape {
  const tape = new MemoryTape()
  for (let second = 0; second < CALM + FALLEN; second++) {
    const timeUs = START_US + second * SECOND_US
    const mid = second < CALM ? 50_000 : 44_000
    for (let level = 1; level <= 3; level++) {
      for (const side of [1, -1]) {
        const flags = level === 1 && side === 1 ? Flag.RESET : level === 3 && side === -1 ? Flag.END : 0
        tape.push(timeUs, timeUs - 1000, Kind.DEPTH, 0, side, mid - side * level, 5000, 0, flags)
      }
    }
  }
  return tape
}

const received = () => new MergedTape([{ source: fall().reader() }])

/** Runs the fall; `inTheEnd` happens some seconds before its end, when the cool-down is over. */
function run(header: JournalHeader, inTheEnd: (engine: Engine, journal: FileJournal) => void, observer?: Observer) {
  const directory = freshDirectory()
  const durability = header.rows === 'inline' ? 'process' : 'buffered'
  const journal = FileJournal.create(directory, header, { durability })
  const venue = new ReplayedExchange({ universe: new Universe([new Instrument(SPEC)]), cash: header.cash })
  const engine = buildWith(RISK, observer)(header, { journal, venue })
  const loop = new BacktestLoop(
    engine,
    venue,
    new MergedTape([{ source: fall().reader() }], 'venue'),
    new MergedTape([{ source: fall().reader() }], 'received'),
  )
  loop.run((CALM + FALLEN - 10) * ROWS)
  inTheEnd(engine, journal)
  while (loop.run(1000));
  loop.finish()
  return { directory, journal, engine }
}

const reset = (engine: Engine) =>
  engine.resetBreaker(BREAKER, ACCOUNT, 'Ada', 'the loss is understood', engine.clock.nowUs)

describe.each([HEADER, REFERENCE])('with rows $rows', (header) => {
  test('a journal with a trip and a reset replays to the same state', () => {
    const told: GateReset[] = []
    let open = -1
    const { directory, journal, engine } = run(
      header,
      (engine) => {
        expect(engine.gate.latched).toMatchObject([{ breaker: BREAKER, act: 'cancel', scope: ACCOUNT }])
        open = [...engine.openOrders()].length
        const record = reset(engine)
        expect(record).toMatchObject({ breaker: BREAKER, who: 'Ada', act: 'cancel', timeUs: engine.clock.nowUs })
        expect(engine.gate.latched).toEqual([])
      },
      { onGateReset: (record) => told.push(record) },
    )
    journal.close()
    expect(told).toHaveLength(1)
    // It did what it is for: nothing rested before, something does after.
    expect([open, [...engine.openOrders()].length]).toEqual([0, 1])
    expect(verifyJournal(directory).counts).toMatchObject({ GATE_ACT: 1, GATE_RESET: 1 })
    const replay = replayJournal(JournalReader.open(directory)!, build, received())
    expect(engineState(replay.engine)).toEqual(engineState(engine))
    expect(replay).toMatchObject({ closed: true, unrecorded: [], state: engineStateDigest(engine) })
  })

  test('a reset the gate of the replay would refuse, or find something else in force at, diverges', () => {
    const { directory, journal } = run(header, reset)
    journal.close()
    const [act] = RISK.breakers
    for (const changed of [
      { ...act!, cooldownUs: 100 * SECOND_US },
      { ...act!, confirmations: 3 },
    ]) {
      const risk = { ...RISK, breakers: [changed, ...RISK.breakers.slice(1)] } as RiskConfig
      expect(() => replayJournal(JournalReader.open(directory)!, buildWith(risk), received())).toThrow(
        expect.objectContaining({ code: 'replay-diverged' }),
      )
    }
  })
})

test('a forged reset record diverges, and both minds are shown', () => {
  const { directory, journal } = run(HEADER, reset)
  journal.close()
  const forge = (change: (record: GateReset) => GateReset) => {
    const forged = freshDirectory()
    const copy = FileJournal.create(forged, HEADER, { durability: 'buffered' })
    const reader = JournalReader.open(directory)!
    while (reader.next()) {
      const record = reader.read()
      if (record.type === 'ROWS')
        while (reader.nextRow()) copy.row(reader.batch, 0, reader.batch.instrument[0]!, reader.rowUs)
      else if (record.type === 'CLOCK') copy.clock(record.timeUs)
      else if (record.type === 'ORDER') copy.order(record.order)
      else if (record.type === 'CANCEL') copy.cancel(record.orderId, record.policy, record.timeUs)
      else if (record.type === 'REFUSAL') copy.refusal(record.intent, record.policy, record.limit, record.timeUs)
      else if (record.type === 'GATE_ACT') copy.gateAct(record.act)
      else if (record.type === 'ORDER_EVENT') copy.orderEvent(record.event)
      else if (record.type === 'GATE_RESET') copy.gateReset(change(record.reset))
    }
    copy.close()
    return () => replayJournal(JournalReader.open(forged)!, build)
  }
  expect(forge((record) => record)().closed).toBe(true)
  const facts = (facts: object) => expect.objectContaining({ code: 'replay-diverged', facts })
  expect(forge((record) => ({ ...record, act: 'flatten' }))).toThrow(
    facts(expect.objectContaining({ expected: expect.stringMatching(/^gate reset .*"flatten"/) })),
  )
  expect(forge((record) => ({ ...record, breaker: 'daily-loss' }))).toThrow(
    facts(expect.objectContaining({ got: 'Breaker not reset: it is not latched over this scope' })),
  )
})

test('a refused reset changes nothing and leaves the journal untouched', () => {
  const { directory, journal } = run(HEADER, (engine, journal) => {
    const { nowUs } = engine.clock
    const state = () => [journal.records, journal.bytes, engineStateDigest(engine)]
    const before = state()
    const refused = (breaker: string, scope: Scope, who: string, reason: string) => {
      expect(() => engine.resetBreaker(breaker, scope, who, reason, nowUs + 1)).toThrow(
        expect.objectContaining({ code: 'reset-refused' }),
      )
      expect(state()).toEqual(before)
    }
    refused('daily-loss', ACCOUNT, 'Ada', 'it never tripped')
    refused(BREAKER, { of: 'policy', policy: 0 }, 'Ada', 'it tripped over another scope')
    refused(BREAKER, ACCOUNT, ' ', 'nobody signs')
    refused(BREAKER, ACCOUNT, 'Ada', '')
    refused(BREAKER, ACCOUNT, 'Ada', 'more than a record holds '.repeat(4000))
    reset(engine)
    // What was granted is in the hands of the operating system at once.
    expect(readFileSync(join(journal.directory, '000001.journal')).length).toBe(journal.bytes)
  })
  journal.close()
  expect(verifyJournal(directory).counts['GATE_RESET']).toBe(1)
  expect(replayJournal(JournalReader.open(directory)!, build).closed).toBe(true)
})

test('a reset dated before the engine’s time is taken at the engine’s, like any other input', () => {
  const { journal } = run(HEADER, (engine) => {
    const { actUs } = engine.gate.latched[0]!
    expect(engine.clock.nowUs).toBeGreaterThan(actUs + 60 * SECOND_US)
    expect(engine.resetBreaker(BREAKER, ACCOUNT, 'Ada', 'understood', actUs).timeUs).toBe(engine.clock.nowUs)
  })
  journal.close()
})

test('the gate that lets everything through has nothing to reset', () => {
  const engine = new Engine({
    universe: new Universe([new Instrument(SPEC)]),
    policies: [],
    gate: () => new OpenGate(),
    journal: new NoJournal(),
    venue: new MuteVenue(),
    cash: {},
    seed: 1,
  })
  expect(() => engine.resetBreaker(BREAKER, ACCOUNT, 'Ada', 'why not', START_US)).toThrow(
    expect.objectContaining({ code: 'reset-refused' }),
  )
})

test('killed at any record after the trip, a run comes back latched; after the reset, reset', () => {
  const { directory, journal } = run(HEADER, reset)
  journal.close()
  const path = join(directory, '000001.journal')
  const whole = readFileSync(path)
  const reader = JournalReader.open(directory)!
  const cuts: { byte: number; latched: number }[] = []
  let latched = -1
  let soundTo = 0
  while (reader.next()) {
    if (latched >= 0) cuts.push({ byte: reader.byte, latched }, { byte: reader.byte + 9, latched })
    if (reader.read().type === 'GATE_ACT') latched = 1
    if (reader.read().type === 'GATE_RESET') {
      latched = 0
      soundTo = reader.byte
    }
    while (reader.nextRow());
  }
  expect(soundTo).toBeGreaterThan(0)
  const seen = [0, 0]
  // Every cut around the reset, and a fifth of the others.
  const near = (byte: number) => Math.abs(byte - soundTo) < 600
  for (const { byte, latched } of cuts.filter(({ byte }, index) => near(byte) || index % 5 === 0)) {
    writeFileSync(path, whole.subarray(0, byte))
    const started = startEngine({
      directory,
      header: HEADER,
      build,
      durability: 'process',
      venue: new MuteVenue(),
      nowUs: START_US + 1e12,
    })
    const { engine } = started
    expect(engine.gate.latched).toHaveLength(latched)
    const { id, refusal } = engine.submit({ instrument: 0, side: 1, lots: 1, type: 'limit', tick: 43_900 }, 0)
    expect(refusal).toBe(latched > 0 ? `breaker-${BREAKER}` : '')
    expect(id > 0).toBe(latched === 0)
    seen[latched]!++
    started.journal.close()
  }
  expect(Math.min(...seen)).toBeGreaterThan(10)
})
