/**
 * Goal: a journal is enough. Run again it does the same, to the byte, or says where not; cut off anywhere it gives
 * back the state, and what the venue did meanwhile is caught up with, no order sent twice, none forgotten.
 *
 * Method: a policy that draws from chance, sets timers, amends and cancels, in a world scripted by a seed; its journal
 * replayed whole, altered, and cut at every record; then each thing a venue may say after a crash, by name.
 */

import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { testPerpetual } from '../../tests/testPerpetual.ts'
import { Random } from '../core/random.ts'
import { FileJournal } from '../journal/fileJournal.ts'
import type { JournalHeader } from '../journal/header.ts'
import { JournalReader, verifyJournal } from '../journal/journalReader.ts'
import { Instrument, Universe } from '../market/instrument.ts'
import type { AccountEvent, Intent, OrderEvent } from '../market/order.ts'
import { Flag, Kind, MemoryTape, MergedTape, TapeBatch } from '../market/tape.ts'
import type { Policy, PolicyContext } from '../policies/policy.ts'
import { type GateAct, OpenGate } from '../risk/gate.ts'
import { Engine, type VenuePort } from './engine.ts'
import { reconcile, type StartedEngine, startEngine, type VenueOrder, type VenueSnapshot } from './recovery.ts'
import { type BuildEngine, engineState, engineStateDigest, MuteVenue, replayJournal } from './replayJournal.ts'

const ROOT = mkdtempSync(join(tmpdir(), 'gimbal-recovery-'))
afterAll(() => rmSync(ROOT, { recursive: true, force: true }))
let directories = 0
const freshDirectory = () => join(ROOT, String(++directories))

const START_US = 1_720_000_000_000_000
const SPECS = ['BTC', 'ETH'].map((base) => testPerpetual(base))
const HEADER: JournalHeader = {
  gimbal: 'test',
  rows: 'inline',
  run: 'a',
  seed: 11,
  cash: { USDT: 100_000 },
  since: { fillId: 0, accountUs: 0 },
  instruments: SPECS,
  settings: {},
  tapes: [],
}

/** Wants something at random at every message: an order, an amendment, a cancellation, a timer. */
class Restless implements Policy {
  readonly name = 'restless'
  readonly settings = {}
  #context!: PolicyContext

  start(context: PolicyContext): number[] {
    this.#context = context
    context.schedule(START_US + 500_000, 'wake')
    return [0, 1]
  }

  onMarket(instrument: number): void {
    const { random } = this.#context
    const open = this.#context.orders()
    const draw = random.uniform()
    if (draw < 0.2) this.#submit(instrument)
    else if (draw < 0.3 && open.length > 0) this.#context.cancel(open[0]!.id)
    else if (draw < 0.4 && open.length > 0) this.#context.amend(open.at(-1)!.id, 1000 + random.integer(-9, 9), 50)
    else if (draw < 0.45) this.#context.schedule(this.#context.clock.nowUs + random.integer(1, 90_000), 'later')
  }

  onOrder(event: OrderEvent): void {
    if (event.kind === 'filled' && this.#context.random.uniform() < 0.5) this.#submit(event.instrument)
  }

  onTimer(): void {
    this.#submit(0)
  }

  #submit(instrument: number): void {
    const { random } = this.#context
    if (this.#context.orders().length >= 12) return
    const intent: Intent = {
      instrument,
      side: random.bits() > 0 ? 1 : -1,
      lots: random.integer(1, 40),
      type: 'limit',
      tick: 1000 + random.integer(-20, 20),
      postOnly: true,
      tag: 'restless',
    }
    this.#context.submit(intent)
  }
}

/** Refuses every seventh order and, once, pauses: so that refusals and acts of the gate are journaled too. */
class FussyGate extends OpenGate {
  #judged = 0
  #acts: GateAct[] = []

  override judge(): string {
    return ++this.#judged % 7 === 0 ? 'every-seventh' : ''
  }

  override onOrderEvent(): void {
    if (this.#judged === 40)
      this.#acts.push({
        act: 'cancel',
        breaker: 'fortieth',
        scope: { of: 'account' },
        timeUs: 0,
        measured: 40,
        allowed: 39,
        unit: 'orders',
        confirmations: 1,
      })
  }

  override takeActs(): undefined {
    const acts = this.#acts
    this.#acts = []
    return (acts.length > 0 ? acts : undefined) as undefined
  }
}

const build: BuildEngine = (header, { journal, venue }) =>
  new Engine({
    universe: new Universe(header.instruments.map((spec) => new Instrument(spec))),
    policies: [new Restless()],
    gate: () => new FussyGate(),
    journal,
    venue,
    cash: header.cash,
    seed: header.seed,
  })

const batch = new TapeBatch(8)

function fillOf(engine: Engine, orderId: number, lots: number, fillId: number, timeUs: number): OrderEvent {
  const order = engine.order(orderId)!
  return {
    ...answer('filled', engine, orderId, timeUs),
    lots,
    leavesLots: order.leavesLots - lots,
    feeAtoms: 3 * lots,
    liquidity: 'maker',
    fillId,
  }
}

function answer(kind: OrderEvent['kind'], engine: Engine, orderId: number, timeUs: number): OrderEvent {
  const { instrument, side, tick, lots, leavesLots } = engine.order(orderId)!
  return {
    kind,
    timeUs,
    venueTimeUs: timeUs - 300,
    orderId,
    instrument,
    side,
    tick,
    lots,
    leavesLots,
    feeAtoms: 0,
    liquidity: '',
    reason: '',
    fillId: 0,
    queueAheadLots: -1,
  }
}

function funding(cashAtoms: number, timeUs: number, instrument = 0): AccountEvent {
  return {
    kind: 'funding',
    timeUs,
    venueTimeUs: timeUs,
    instrument,
    side: 0,
    tick: 0,
    lots: 0,
    cashAtoms,
    currency: 'USDT',
  }
}

/** Market rows of a scripted world, the same every time. */
function rows(count: number): MemoryTape {
  const random = new Random(5)
  const tape = new MemoryTape()
  let timeUs = START_US
  for (let i = 0; i < count; i++) {
    timeUs += random.integer(0, 3000)
    const instrument = random.integer(0, 1)
    const side = random.bits() > 0 ? 1 : -1
    const flags = (i < 2 ? Flag.RESET : 0) | (random.uniform() < 0.8 ? Flag.END : 0)
    tape.push(timeUs, timeUs - 500, Kind.DEPTH, instrument, side, 1000 - side * 5, random.integer(0, 90), i, flags)
  }
  return tape
}

/** Lets an engine live through the scripted world: rows, and a venue that accepts, fills and pays at random. */
function live(engine: Engine, tape: MemoryTape, seed = 9): void {
  const random = new Random(seed)
  const merged = new MergedTape([{ source: tape.reader() }])
  let fillId = 0
  engine.start()
  while (merged.advance()) {
    const timeUs = merged.timeUs
    while (engine.nextClockUs <= timeUs) engine.stepClock(engine.nextClockUs)
    engine.stepRow(merged.batch, merged.row, merged.instrument, timeUs)
    for (const order of [...engine.openOrders()]) {
      // Slow to answer what changes an order, so that runs end with some of that under way.
      if (random.uniform() > (order.state === 'cancelling' || order.state === 'amending' ? 0.04 : 0.2)) continue
      if (order.state === 'sent') engine.stepOrder(answer('accepted', engine, order.id, timeUs))
      else if (order.state === 'cancelling') engine.stepOrder(answer('cancelled', engine, order.id, timeUs))
      else if (order.state === 'amending')
        engine.stepOrder({ ...answer('amended', engine, order.id, timeUs), tick: order.tick + 1 })
      else {
        const lots = random.integer(1, order.leavesLots)
        engine.stepOrder(fillOf(engine, order.id, lots, ++fillId, timeUs))
      }
    }
    if (random.uniform() < 0.01) engine.stepAccount(funding(random.integer(-900, 900), timeUs))
  }
}

/** Runs the scripted world into a journal; returns the engine as it was at the end. */
function run(directory: string, header = HEADER, count = 1500, close = true): Engine {
  const durability = header.rows === 'inline' ? 'process' : 'buffered'
  const journal = FileJournal.create(directory, header, { durability, segmentBytes: 40_000 })
  const engine = build(header, { journal, venue: new MuteVenue() })
  live(engine, rows(count))
  if (close) journal.close()
  else {
    journal.commit()
    rmSync(join(directory, 'writer.lock'))
  }
  return engine
}

const merged = (tape: MemoryTape) => new MergedTape([{ source: tape.reader() }])
const REFERENCE: JournalHeader = { ...HEADER, rows: 'reference', tapes: [{ name: 'scripted', sha256: '0' }] }
const diverged = expect.objectContaining({ code: 'replay-diverged' })

describe('replay', () => {
  test('a run replays to the same state, every act the same, with its rows inside', () => {
    const directory = freshDirectory()
    const engine = run(directory)
    const result = replayJournal(JournalReader.open(directory)!, build)
    expect(result).toMatchObject({ rows: 1500, closed: true, unrecorded: [] })
    expect(result.acts).toBeGreaterThan(300)
    const { counts } = verifyJournal(directory)
    for (const name of ['ORDER', 'CANCEL', 'AMEND', 'REFUSAL', 'GATE_ACT', 'CLOCK', 'ORDER_EVENT', 'ACCOUNT_EVENT'])
      expect(counts[name], name).toBeGreaterThan(0)
    expect(engineState(result.engine)).toEqual(engineState(engine))
    expect(result.state).toBe(engineStateDigest(engine))
    expect(engine.timers().length).toBeGreaterThan(0)
  })

  test('and with its rows left in the tape, however that is cut into batches', () => {
    const directory = freshDirectory()
    const engine = run(directory, REFERENCE)
    const result = replayJournal(JournalReader.open(directory)!, build, merged(rows(1500)))
    expect(result).toMatchObject({ rows: 1500, closed: true })
    expect(result.state).toBe(engineStateDigest(engine))
    expect(() => replayJournal(JournalReader.open(directory)!, build)).toThrow(
      expect.objectContaining({ code: 'argument-invalid' }),
    )
  })

  test('two runs give the same bytes and hash, another seed another', () => {
    const [one, two, other] = [freshDirectory(), freshDirectory(), freshDirectory()]
    run(one)
    run(two)
    run(other, { ...HEADER, seed: 12 })
    const bytes = (directory: string) => readFileSync(join(directory, '000001.journal'))
    expect(bytes(one).equals(bytes(two))).toBe(true)
    expect(verifyJournal(one).hash).toBe(verifyJournal(two).hash)
    expect(verifyJournal(one).hash).not.toBe(verifyJournal(other).hash)
  })

  test('another seed, or a policy that changed its mind, diverges and shows both minds', () => {
    const directory = freshDirectory()
    run(directory)
    const changed: BuildEngine = (header, ports) => build({ ...header, seed: 12 }, ports)
    let error: unknown
    try {
      replayJournal(JournalReader.open(directory)!, changed)
    } catch (caught) {
      error = caught
    }
    expect(error).toMatchObject({ code: 'replay-diverged', facts: { record: expect.any(Number) } })
    expect(String((error as { facts: { expected: unknown } }).facts.expected)).toMatch(/^(order|rows|refusal) \{/)
    expect(String((error as { facts: { got: unknown } }).facts.got)).toMatch(/order|no act/)
  })

  test('one altered fill in an otherwise sound journal diverges', () => {
    const [directory, forged] = [freshDirectory(), freshDirectory()]
    run(directory)
    const reader = JournalReader.open(directory)!
    const copy = FileJournal.create(forged, HEADER, { durability: 'buffered' })
    let altered = 0
    while (reader.next()) {
      const record = reader.read()
      if (record.type === 'ROWS')
        while (reader.nextRow()) copy.row(reader.batch, 0, reader.batch.instrument[0]!, reader.rowUs)
      else if (record.type === 'CLOCK') copy.clock(record.timeUs)
      else if (record.type === 'ACCOUNT_EVENT') copy.accountEvent(record.event)
      else if (record.type === 'ORDER') copy.order(record.order)
      else if (record.type === 'CANCEL') copy.cancel(record.orderId, record.policy, record.timeUs)
      else if (record.type === 'AMEND')
        copy.amend(record.orderId, record.tick, record.lots, record.policy, record.timeUs)
      else if (record.type === 'REFUSAL') copy.refusal(record.intent, record.policy, record.limit, record.timeUs)
      else if (record.type === 'GATE_ACT') copy.gateAct(record.act)
      else if (record.type === 'GATE_RESET') copy.gateReset(record.reset)
      else if (record.type === 'ORDER_EVENT') {
        // The third fill was of all that was left.
        const third = record.event.kind === 'filled' && ++altered === 3
        const { lots, leavesLots } = record.event
        copy.orderEvent(third ? { ...record.event, lots: lots + leavesLots, leavesLots: 0 } : record.event)
      }
    }
    copy.close()
    expect(verifyJournal(forged).closed).toBe(true)
    expect(() => replayJournal(JournalReader.open(forged)!, build)).toThrow(diverged)
  })

  test('a tape with one other row, one row less or one more diverges', () => {
    const directory = freshDirectory()
    run(directory, REFERENCE)
    const replay = (tape: MemoryTape) => replayJournal(JournalReader.open(directory)!, build, merged(tape))
    const altered = (change: (batch: TapeBatch) => void): MemoryTape => {
      const source = rows(1500)
      const tape = new MemoryTape()
      for (let each = source.next(); each; each = source.next()) {
        change(each)
        for (let i = 0; i < each.count; i++)
          tape.push(
            each.timeUs[i]!,
            each.venueTimeUs[i]!,
            each.kind[i]!,
            each.instrument[i]!,
            each.side[i]!,
            each.tick[i]!,
            each.lots[i]!,
            each.value[i]!,
            each.flags[i]!,
          )
      }
      return tape
    }
    expect(() => replay(altered((each) => (each.lots[700]! += 1)))).toThrow(diverged)
    expect(() => replay(altered((each) => (each.value[1499]! += 1)))).toThrow(diverged)
    expect(() => replay(altered((each) => each.count--))).toThrow(diverged)
    expect(replay(altered(() => {})).rows).toBe(1500)
  })
})

/** A venue port that remembers what it was sent. */
class Remembering implements VenuePort {
  readonly sent: string[] = []
  submit(order: { id: number }): void {
    this.sent.push(`submit ${order.id}`)
  }
  cancel(id: number): void {
    this.sent.push(`cancel ${id}`)
  }
  amend(id: number): void {
    this.sent.push(`amend ${id}`)
  }
}

function restart(directory: string, venue: VenuePort = new Remembering(), nowUs = START_US + 9e9): StartedEngine {
  return startEngine({ directory, header: HEADER, build, durability: 'process', venue, nowUs })
}

describe('recovery', () => {
  test('cut at any record, or in the middle of one, the journal gives back a state that replays', () => {
    const directory = freshDirectory()
    const journal = FileJournal.create(directory, HEADER, { durability: 'process' })
    live(build(HEADER, { journal, venue: new MuteVenue() }), rows(40))
    journal.close()
    const path = join(directory, '000001.journal')
    const whole = readFileSync(path)
    const reader = JournalReader.open(directory)!
    const cuts: number[] = []
    while (reader.next()) {
      cuts.push(reader.byte, reader.byte + 9)
      while (reader.nextRow());
    }
    let unrecorded = 0
    for (const cut of cuts) {
      writeFileSync(path, whole.subarray(0, cut))
      const venue = new Remembering()
      const { engine, journal, recovered } = restart(directory, venue)
      expect(venue.sent).toEqual([])
      unrecorded += recovered!.unrecorded
      journal.close()
      const again = replayJournal(JournalReader.open(directory)!, build)
      expect(again.state).toBe(engineStateDigest(engine))
    }
    expect(cuts.length).toBeGreaterThan(50)
    expect(unrecorded).toBeGreaterThan(10)
  })

  test('a recovered run goes on as the uninterrupted one would have', () => {
    const [directory, other] = [freshDirectory(), freshDirectory()]
    run(directory, HEADER, 400, false)
    const { engine, journal } = restart(directory)
    // The first half again, then the same second half for both.
    const whole = FileJournal.create(other, HEADER, { durability: 'buffered' })
    const uninterrupted = build(HEADER, { journal: whole, venue: new MuteVenue() })
    live(uninterrupted, rows(400))
    expect(engineStateDigest(engine)).toBe(engineStateDigest(uninterrupted))
    for (let i = 0; i < 300; i++) {
      batch.count = 0
      batch.push(START_US + 2e6 + i, START_US, Kind.TRADE, 0, 1, 1000, 1, i, Flag.END)
      engine.stepRow(batch, 0, 0, START_US + 2e6 + i)
      uninterrupted.stepRow(batch, 0, 0, START_US + 2e6 + i)
    }
    expect(engineStateDigest(engine)).toBe(engineStateDigest(uninterrupted))
    journal.close()
    expect(replayJournal(JournalReader.open(directory)!, build).state).toBe(engineStateDigest(engine))
  })

  test('a journal of another run is not continued', () => {
    const directory = freshDirectory()
    run(directory)
    const start = (header: JournalHeader) =>
      startEngine({ directory, header, build, durability: 'process', venue: new MuteVenue(), nowUs: START_US })
    expect(() => start({ ...HEADER, seed: 1 })).toThrow(expect.objectContaining({ code: 'config-invalid' }))
    expect(() => start({ ...HEADER, settings: { other: true } })).toThrow(
      expect.objectContaining({ code: 'config-invalid' }),
    )
    start({ ...HEADER, run: 'b', cash: { USDT: 1 } }).journal.close()
  })
})

describe('reconciliation', () => {
  const NOW = START_US + 8e9
  let directory: string
  let venue: Remembering
  let started: StartedEngine

  /** Restarts after a run that left orders in every state. */
  beforeEach(() => {
    directory = freshDirectory()
    run(directory, HEADER, 400, false)
    venue = new Remembering()
    started = restart(directory, venue)
  })

  /** What a venue would say that knows exactly what the journal knows. */
  function agreeing(): VenueSnapshot {
    const { engine, history } = started
    return {
      venueTimeUs: NOW,
      openOrders: [...engine.openOrders()].map(atVenue),
      fills: [],
      accountEvents: [],
      mark: history.mark,
      lots: engine.universe.instruments.map((_, index) => engine.ledger.lots(index)),
      cashAtoms: { USDT: engine.ledger.cashAtoms('USDT') },
    }
  }

  function atVenue(order: {
    id: number
    instrument: number
    side: 1 | -1
    tick: number
    lots: number
    leavesLots: number
  }): VenueOrder {
    const { id, instrument, side, tick, lots, leavesLots } = order
    return { orderId: id, venueOrderId: `a-${id}`, instrument, side, tick, lots, leavesLots }
  }

  const settle = (snapshot: VenueSnapshot) => reconcile(started.engine, started.journal, snapshot, started.history, NOW)

  /** Whatever was reconciled, the journal must replay to the same state. */
  function replays(): void {
    started.journal.close()
    const again = replayJournal(JournalReader.open(directory)!, build)
    expect(engineState(again.engine)).toEqual(engineState(started.engine))
  }

  test('a venue that agrees leaves everything as it is, but orders half way are settled', () => {
    const states = new Map([...started.engine.openOrders()].map((order) => [order.id, order.state]))
    expect(new Set(states.values())).toEqual(new Set(['sent', 'open', 'cancelling', 'amending']))
    const found = settle(agreeing())
    expect(found).toMatchObject({ fills: 0, lostOrders: [], strays: [], cashAdjustedAtoms: {} })
    for (const [id, state] of states)
      expect(started.engine.order(id)!.state).toBe(state === 'cancelling' ? 'cancelling' : 'open')
    expect(found.recancel.map(({ id }) => id)).toEqual(
      [...states].filter(([, state]) => state === 'cancelling').map(([id]) => id),
    )
    expect(venue.sent.filter((each) => each.startsWith('submit'))).toEqual([])
    replays()
  })

  test('an order the venue never received ends as cancelled and is not sent again', () => {
    const agreed = agreeing()
    const lost = agreed.openOrders[0]!.orderId
    const found = settle({ ...agreed, openOrders: agreed.openOrders.slice(1) })
    expect(found.lostOrders).toEqual([lost])
    expect(started.engine.order(lost)).toBeUndefined()
    expect(venue.sent).not.toContain(`submit ${lost}`)
    replays()
  })

  test('fills that came while we were away are booked once, also when told twice', () => {
    const { engine, history } = started
    const agreed = agreeing()
    const order = [...engine.openOrders()].find(({ leavesLots }) => leavesLots > 1)!
    const before = engine.ledger.lots(order.instrument)
    const cashBefore = engine.ledger.cashAtoms('USDT')
    const last = history.mark.fillId
    const fill = { ...fillOf(engine, order.id, 1, last + 1, NOW), feeAtoms: 0 }
    const old = { ...fill, fillId: last }
    const openOrders = agreed.openOrders.map((each) =>
      each.orderId === order.id ? { ...each, leavesLots: each.leavesLots - 1 } : each,
    )
    const lots = agreed.lots.map((held, index) => (index === order.instrument ? held + order.side : held))
    const cash = { USDT: cashBefore }
    const found = settle({ ...agreed, openOrders, fills: [old, fill, fill], lots, cashAtoms: cash })
    expect(engine.ledger.lots(order.instrument)).toBe(before + order.side)
    expect(engine.order(order.id)?.leavesLots).toBe(order.leavesLots)
    expect(found.lostOrders).toEqual([])
    expect(history.mark.fillId).toBe(last + 1)
    replays()
  })

  test('an order filled away completely while we were away is closed by its fills, not lost', () => {
    const { engine, history } = started
    const agreed = agreeing()
    const order = [...engine.openOrders()].find(({ state }) => state === 'sent')!
    const fill = fillOf(engine, order.id, order.leavesLots, history.mark.fillId + 1, NOW)
    const lots = agreed.lots.map((held, i) => (i === order.instrument ? held + order.side * order.leavesLots : held))
    const openOrders = agreed.openOrders.filter(({ orderId }) => orderId !== order.id)
    const found = settle({ ...agreed, openOrders, fills: [fill], lots })
    expect(found.fills).toBe(1)
    expect(found.lostOrders).toEqual([])
    expect(engine.order(order.id)).toBeUndefined()
    replays()
  })

  test('an order nobody here wrote is handed back to be cancelled', () => {
    const stray = {
      ...atVenue({ id: 0, instrument: 0, side: 1, tick: 990, lots: 5, leavesLots: 5 }),
      venueOrderId: 'x',
    }
    const found = settle({ ...agreeing(), openOrders: [...agreeing().openOrders, stray] })
    expect(found.strays).toEqual([stray])
  })

  test('a missed amendment is caught up with, a refused one too', () => {
    const agreed = agreeing()
    const amending = [...started.engine.openOrders()].filter(({ state }) => state === 'amending')
    const [first, second] = amending
    const openOrders = agreed.openOrders.map((each) =>
      each.orderId === first!.id ? { ...each, tick: 1007, lots: 50, leavesLots: 50 } : each,
    )
    const found = settle({ ...agreed, openOrders })
    expect(found.caughtUp).toContain(first!.id)
    expect(started.engine.order(first!.id)).toMatchObject({ tick: 1007, lots: 50, state: 'open' })
    if (second) expect(started.engine.order(second.id)!.state).toBe('open')
    replays()
  })

  test('funding we missed is booked, funding we knew is not booked again', () => {
    const { engine, history } = started
    const cash = engine.ledger.cashAtoms('USDT')
    const known = funding(77, NOW - 10)
    const twin = funding(77, NOW - 10, 1)
    const missed = funding(-500, NOW - 5)
    history.onAccount(known)
    engine.stepAccount(known)
    const agreed = agreeing()
    const found = settle({ ...agreed, accountEvents: [known, twin, missed], cashAtoms: { USDT: cash + 77 + 77 - 500 } })
    expect(found).toMatchObject({ accountEvents: 2, cashAdjustedAtoms: {} })
    expect(engine.ledger.cashAtoms('USDT')).toBe(cash + 77 + 77 - 500)
    replays()
  })

  test('cash that nothing explains is booked as a transfer and reported', () => {
    const agreed = agreeing()
    const found = settle({ ...agreed, cashAtoms: { USDT: agreed.cashAtoms['USDT']! + 5_000_000 } })
    expect(found.cashAdjustedAtoms).toEqual({ USDT: 5_000_000 })
    replays()
  })

  test('a position that nothing explains stops the start', () => {
    const agreed = agreeing()
    expect(() => settle({ ...agreed, lots: agreed.lots.map((held) => held + 1) })).toThrow(
      expect.objectContaining({ code: 'reconcile-failed' }),
    )
  })
})

test('a torn last record is cut off and said so in the journal', () => {
  const directory = freshDirectory()
  run(directory, HEADER, 100, false)
  const path = join(directory, '000001.journal')
  truncateSync(path, readFileSync(path).length - 3)
  const { journal, recovered } = restart(directory)
  expect(recovered!.torn!.bytes).toBeGreaterThan(3)
  journal.close()
  const reader = JournalReader.open(directory)!
  const notes: string[] = []
  while (reader.next()) {
    const record = reader.read()
    if (record.type === 'NOTE') notes.push(record.text)
    while (reader.nextRow());
  }
  expect(notes).toEqual([
    expect.stringMatching(/^restarted by gimbal test, \d+ bytes of an unfinished record cut off$/),
  ])
})
