/**
 * @file Running a journal again: state is a fold over its inputs, and its acts are there to be compared with.
 *
 * The engine is rebuilt from the header, with the fold itself as its journal: whatever the engine decides on hearing
 * an input must be the next record, byte for byte. This one loop serves `gimbal replay`, which wants to know whether
 * a run can be trusted, and recovery, which wants the state (recovery.ts).
 */

import { createHash } from 'node:crypto'
import { GimbalError } from '../core/errors.ts'
import type { JournalHeader } from '../journal/header.ts'
import type { Journal } from '../journal/journal.ts'
import type { JournalReader, JournalRecord, TornTail } from '../journal/journalReader.ts'
import { RecordBuffer } from '../journal/recordBuffer.ts'
import {
  isAct,
  RECORD_NAMES,
  RecordType,
  writeAmend,
  writeCancel,
  writeGateAct,
  writeGateReset,
  writeOrder,
  writeRefusal,
} from '../journal/recordCodec.ts'
import { RowDigest } from '../journal/rowCodec.ts'
import type { Intent, Order } from '../market/order.ts'
import type { MergedTape, TapeBatch } from '../market/tape.ts'
import type { GateAct, GateReset } from '../risk/gate.ts'
import type { Engine, VenuePort } from './engine.ts'
import { AccountHistory } from './recoveryMark.ts'

/** What an engine rebuilt from a journal is given instead of a file and a venue. */
export interface EnginePorts {
  readonly journal: Journal
  readonly venue: VenuePort
}

/** Builds the engine a header describes: the same policies, gate, balances and seed. */
export type BuildEngine = (header: JournalHeader, ports: EnginePorts) => Engine

/** A venue that hears nothing: acts of a replay were sent long ago. */
export class MuteVenue implements VenuePort {
  submit(): void {}
  cancel(): void {}
  amend(): void {}
}

/** What a fold found. */
export interface FoldResult {
  /** Rows fed, records read, acts compared (resets among them: they too are compared). */
  readonly rows: number
  readonly records: number
  readonly acts: number
  /** Whether the journal was closed in good order, and what was unfinished if not. */
  readonly closed: boolean
  readonly torn: TornTail | undefined
  /** Acts the engine took on the last input whose records the crash swallowed, to be written down now; never sent. */
  readonly unrecorded: readonly ((journal: Journal) => void)[]
  /** What of the account's history the state now contains. */
  readonly history: AccountHistory
}

/**
 * Feeds a journal's inputs to an engine and compares its acts with the recorded ones.
 *
 * Use: make one, build an engine with it as its journal, `run`.
 */
export class JournalFold implements Journal {
  readonly #reader: JournalReader
  readonly #reference: boolean
  readonly #tape: MergedTape | undefined
  readonly #scratch = new RecordBuffer(1024)
  readonly #digest = new RowDigest()
  readonly #unrecorded: ((journal: Journal) => void)[] = []
  readonly #history: AccountHistory
  #engine: Engine | undefined
  #present = false
  #rows = 0
  #rowsSince = 0
  #acts = 0

  /** @param tape The tape in order of receipt, for journals that leave their rows there. */
  constructor(reader: JournalReader, tape?: MergedTape) {
    this.#reader = reader
    this.#reference = reader.header.rows === 'reference'
    this.#tape = tape
    this.#history = new AccountHistory(reader.header.since)
    if (this.#reference && !tape)
      throw new GimbalError('argument-invalid', 'This journal left its rows in tapes: give them to the replay', {
        journal: reader.directory,
        tapes: reader.header.tapes.map((each) => each.name).join(' '),
      })
  }

  /**
   * Runs to the end of the journal.
   *
   * @throws {GimbalError} `replay-diverged` at the first act that differs; `journal-invalid`.
   */
  run(engine: Engine): FoldResult {
    const reader = this.#reader
    this.#engine = engine
    this.#advance()
    engine.start()
    while (this.#present) {
      if (this.#reference && this.#rowsSince < reader.rowsBefore) this.#feedTapeRow(engine)
      else if (reader.type === RecordType.ROWS) this.#feedRows(engine)
      else this.#feedRecord(engine)
    }
    if (reader.closed && this.#unrecorded.length > 0)
      throw this.#diverged('nothing: the journal ends here', `${this.#unrecorded.length} acts`)
    return {
      rows: this.#rows,
      records: reader.record,
      acts: this.#acts,
      closed: reader.closed,
      torn: reader.torn,
      unrecorded: this.#unrecorded,
      history: this.#history,
    }
  }

  row(batch: TapeBatch, row: number, instrument: number, timeUs: number): void {
    this.#rows++
    if (!this.#reference) return
    this.#rowsSince++
    this.#digest.add(batch, row, instrument, timeUs)
  }

  // Inputs come from the journal itself.
  clock(): void {}
  orderEvent(): void {}
  accountEvent(): void {}
  commit(): void {}

  order(order: Order): void {
    writeOrder(this.#scratch, order)
    this.#compare(RecordType.ORDER, { type: 'ORDER', order }, (journal) => journal.order(order))
  }

  cancel(orderId: number, policy: number, timeUs: number): void {
    writeCancel(this.#scratch, orderId, policy, timeUs)
    this.#compare(RecordType.CANCEL, { type: 'CANCEL', orderId, policy, timeUs }, (journal) =>
      journal.cancel(orderId, policy, timeUs),
    )
  }

  amend(orderId: number, tick: number, lots: number, policy: number, timeUs: number): void {
    writeAmend(this.#scratch, orderId, tick, lots, policy, timeUs)
    this.#compare(RecordType.AMEND, { type: 'AMEND', orderId, tick, lots, policy, timeUs }, (journal) =>
      journal.amend(orderId, tick, lots, policy, timeUs),
    )
  }

  refusal(intent: Intent, policy: number, limit: string, timeUs: number): void {
    writeRefusal(this.#scratch, intent, policy, limit, timeUs)
    this.#compare(RecordType.REFUSAL, { type: 'REFUSAL', intent, policy, limit, timeUs }, (journal) =>
      journal.refusal(intent, policy, limit, timeUs),
    )
  }

  gateAct(act: GateAct): void {
    writeGateAct(this.#scratch, act)
    this.#compare(RecordType.GATE_ACT, { type: 'GATE_ACT', act }, (journal) => journal.gateAct(act))
  }

  /** An input, but one whose record says what the gate found: compared like an act. */
  gateReset(reset: GateReset): void {
    writeGateReset(this.#scratch, reset)
    this.#compare(RecordType.GATE_RESET, { type: 'GATE_RESET', reset }, (journal) => journal.gateReset(reset))
  }

  #compare(type: number, got: JournalRecord, again: (journal: Journal) => void): void {
    const scratch = this.#scratch
    const length = scratch.at
    scratch.at = 0
    if (!this.#present) {
      this.#unrecorded.push(again)
      return
    }
    const reader = this.#reader
    const due = !this.#reference || this.#rowsSince === reader.rowsBefore
    if (!due || reader.type !== type || !reader.payloadEquals(scratch.bytes, 0, length))
      throw this.#diverged(due ? recordText(reader.read()) : 'no act at this row', recordText(got))
    this.#acts++
    this.#advance()
  }

  /** Moves to the next record that is an input or an act. */
  #advance(): void {
    const reader = this.#reader
    for (;;) {
      this.#rowsSince = 0
      this.#present = reader.next()
      if (!this.#present || reader.rowsBefore > 0 || !structural(reader.type)) return
      this.#checkLink()
    }
  }

  #checkLink(): void {
    const reader = this.#reader
    if (!this.#reference || reader.type !== RecordType.LINK) return
    const link = reader.read()
    if (link.type !== 'LINK') return
    if (link.rows !== this.#rows || link.digestLow !== this.#digest.low || link.digestHigh !== this.#digest.high)
      throw this.#diverged(
        `${link.rows} rows up to here with another digest: these are not the tapes the run was fed from`,
        `${this.#rows} rows`,
      )
  }

  #feedTapeRow(engine: Engine): void {
    const tape = this.#tape!
    if (!tape.advance()) throw this.#diverged('another row', 'the end of the tape')
    engine.stepRow(tape.batch, tape.row, tape.instrument, tape.timeUs)
  }

  #feedRows(engine: Engine): void {
    const reader = this.#reader
    const { batch } = reader
    while (reader.rowsLeft > 1) {
      reader.nextRow()
      engine.stepRow(batch, 0, batch.instrument[0]!, reader.rowUs)
    }
    reader.nextRow()
    const nowUs = reader.rowUs
    // Acts follow the last row of a record as records of their own.
    this.#advance()
    engine.stepRow(batch, 0, batch.instrument[0]!, nowUs)
  }

  #feedRecord(engine: Engine): void {
    const reader = this.#reader
    if (structural(reader.type)) {
      this.#checkLink()
      this.#advance()
      return
    }
    const record = reader.read()
    if (isAct(reader.type)) throw this.#diverged(recordText(record), 'no act')
    if (record.type === 'GATE_RESET') {
      this.#feedReset(engine, record.reset)
      return
    }
    this.#advance()
    switch (record.type) {
      case 'CLOCK':
        engine.stepClock(record.timeUs)
        break
      case 'ORDER_EVENT':
        this.#history.onOrder(record.event)
        engine.stepOrder(record.event)
        break
      case 'ACCOUNT_EVENT':
        this.#history.onAccount(record.event)
        engine.stepAccount(record.event)
        break
    }
  }

  /** The engine writes the record itself, and by that moves to the next one. */
  #feedReset(engine: Engine, recorded: GateReset): void {
    const { breaker, scope, who, reason, timeUs } = recorded
    try {
      engine.resetBreaker(breaker, scope, who, reason, timeUs)
    } catch (error) {
      if (!(error instanceof GimbalError) || error.code !== 'reset-refused') throw error
      // The first line says why; the rest are facts that stand in the record.
      throw this.#diverged(recordText({ type: 'GATE_RESET', reset: recorded }), error.message.split('\n', 1)[0]!)
    }
  }

  #diverged(expected: string, got: string): GimbalError {
    return new GimbalError('replay-diverged', 'The replay does not do what the journal says was done', {
      journal: this.#reader.directory,
      record: this.#reader.record,
      row: this.#rows,
      timeUs: this.#engine?.clock.nowUs ?? Number.NaN,
      expected,
      got,
    })
  }
}

function structural(type: number): boolean {
  return type === RecordType.LINK || type === RecordType.SEGMENT || type === RecordType.NOTE
}

/** A record in one line. */
function recordText(record: JournalRecord): string {
  const { type, ...rest } = record
  const name = RECORD_NAMES.includes(type) ? type.toLowerCase().replaceAll('_', ' ') : type
  return `${name} ${JSON.stringify(rest)}`
}

/** Outcome of {@link replayJournal}. */
export interface ReplayResult extends FoldResult {
  readonly engine: Engine
  /** {@link engineStateDigest} at the end. */
  readonly state: string
  /** The journal's own hash. */
  readonly hash: string
}

/**
 * Rebuilds the engine of a run and proves that it does again what it did.
 *
 * @param tape The tape in order of receipt, for journals that leave their rows there.
 * @throws {GimbalError} `replay-diverged` naming record, expected and got; `journal-invalid`.
 */
export function replayJournal(reader: JournalReader, build: BuildEngine, tape?: MergedTape): ReplayResult {
  const fold = new JournalFold(reader, tape)
  const engine = build(reader.header, { journal: fold, venue: new MuteVenue() })
  const result = fold.run(engine)
  return { ...result, engine, state: engineStateDigest(engine), hash: reader.hash }
}

/** What two engines must share to be called equal: time, positions, cash, open orders, timers, tripped breakers. */
export function engineState(engine: Engine): Readonly<Record<string, unknown>> {
  const { ledger } = engine
  return {
    nowUs: engine.clock.nowUs,
    lastOrderId: engine.lastOrderId,
    cashAtoms: Object.fromEntries(ledger.currencies.map((currency) => [currency, ledger.cashAtoms(currency)])),
    holdings: Object.fromEntries(
      engine.universe.instruments.map((instrument, index) => [instrument.id, { ...ledger.holding(index) }]),
    ),
    orders: [...engine.openOrders()].map((order) => ({
      id: order.id,
      policy: order.policy,
      instrument: order.instrument,
      side: order.side,
      tick: order.tick,
      lots: order.lots,
      leavesLots: order.leavesLots,
      reduceOnly: order.reduceOnly,
      state: order.state,
      sentUs: order.sentUs,
    })),
    timers: engine.timers().map(({ atUs, name, policy }) => ({ atUs, name, policy })),
    latched: engine.gate.latched.map(({ breaker, scope, act, sinceUs, actUs }) => ({
      breaker,
      scope,
      act,
      sinceUs,
      actUs,
    })),
  }
}

/** SHA-256 of {@link engineState}, hex: equal states give equal digests. */
export function engineStateDigest(engine: Engine): string {
  // JSON has no infinities, and an engine that has not begun stands at minus infinity.
  const text = JSON.stringify(engineState(engine), (_key, value) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  )
  return createHash('sha256').update(text).digest('hex')
}
