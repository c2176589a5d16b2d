/**
 * @file How each journal record is spelled in bytes, and read back.
 *
 * Words of closed lists are stored by number; the tables are typed by the unions they stand for, so a word added
 * there does not compile here until it has a number. Numbers are stored in files: add, never renumber.
 */

import { GimbalError } from '../core/errors.ts'
import type {
  AccountEvent,
  Intent,
  Order,
  OrderEvent,
  OrderEventKind,
  OrderType,
  RejectReason,
  TimeInForce,
} from '../market/order.ts'
import type { BreachRead, GateAct, GateActKind, GateReset, Scope } from '../risk/gate.ts'
import type { RecordBuffer, RecordCursor } from './recordBuffer.ts'

/** Record types. Stored in files: add, never renumber. */
export const RecordType = {
  /** Structure: a segment begins. */
  SEGMENT: 1,
  /** Structure: the {@link JournalHeader}, once, behind the first SEGMENT. */
  HEADER: 2,
  /** Structure: a link of the hash chain. */
  LINK: 3,
  /** Inputs. */
  ROWS: 4,
  CLOCK: 5,
  ORDER_EVENT: 6,
  ACCOUNT_EVENT: 7,
  /** Acts. */
  ORDER: 8,
  CANCEL: 9,
  AMEND: 10,
  REFUSAL: 11,
  GATE_ACT: 12,
  /** A remark for people, without effect on state: restarts, what reconciliation found. */
  NOTE: 13,
  /** Input: a breaker put back by a person. */
  GATE_RESET: 14,
} as const

/** Name of each record type, for people. */
export const RECORD_NAMES: readonly string[] = (() => {
  const names: string[] = []
  for (const [name, number] of Object.entries(RecordType)) names[number] = name
  return names
})()

/** Whether records of a type are decisions rather than facts. */
export function isAct(type: number): boolean {
  return type >= RecordType.ORDER && type <= RecordType.GATE_ACT
}

type Numbers<Word extends string> = Readonly<Record<Word, number>>

const ORDER_TYPES: Numbers<OrderType> = {
  limit: 0,
  market: 1,
  stop: 2,
  'stop-limit': 3,
  'take-profit': 4,
  'take-profit-limit': 5,
}
const TIMES_IN_FORCE: Numbers<TimeInForce> = { GTC: 1, IOC: 2, FOK: 3, GTT: 4 }
const EVENT_KINDS: Numbers<OrderEventKind> = {
  accepted: 0,
  rejected: 1,
  triggered: 2,
  filled: 3,
  amended: 4,
  cancelled: 5,
  expired: 6,
  'cancel-rejected': 7,
  'amend-rejected': 8,
}
const REASONS: Numbers<RejectReason | ''> = {
  '': 0,
  'post-only': 1,
  'reduce-only': 2,
  'no-liquidity': 3,
  'fill-or-kill': 4,
  margin: 5,
  'rate-limit': 6,
  'venue-down': 7,
  'off-grid': 8,
  'unknown-order': 9,
  'self-trade': 10,
  expired: 11,
  liquidation: 12,
  'trigger-crossed': 13,
  size: 14,
  'price-band': 15,
  'instrument-closed': 16,
  other: 17,
}
const LIQUIDITIES: Numbers<OrderEvent['liquidity']> = { '': 0, maker: 1, taker: 2 }
const ACCOUNT_KINDS: Numbers<AccountEvent['kind']> = {
  funding: 0,
  liquidation: 1,
  deleveraging: 2,
  settlement: 3,
  transfer: 4,
  'venue-down': 5,
  'venue-up': 6,
}
const GATE_ACTS: Numbers<GateActKind> = { pause: 0, cancel: 1, 'reduce-only': 2, flatten: 3, halt: 4 }
const SCOPES: Numbers<Scope['of']> = { account: 0, venue: 1, policy: 2, position: 3 }

/** The words of a table by number. */
function words<Word extends string>(numbers: Numbers<Word>): readonly Word[] {
  const list: Word[] = []
  for (const word of Object.keys(numbers) as Word[]) list[numbers[word]] = word
  return list
}

/** @throws {GimbalError} `journal-invalid` for a number this version does not know. */
function word<Word extends string>(list: readonly Word[], number: number, what: string): Word {
  const found = list[number]
  if (found === undefined)
    throw new GimbalError('journal-invalid', 'A record names something this version of gimbal does not know', {
      [what]: number,
    })
  return found
}

const ORDER_TYPE_WORDS = words(ORDER_TYPES)
const TIME_IN_FORCE_WORDS = words(TIMES_IN_FORCE)
const EVENT_KIND_WORDS = words(EVENT_KINDS)
const REASON_WORDS = words(REASONS)
const LIQUIDITY_WORDS = words(LIQUIDITIES)
const ACCOUNT_KIND_WORDS = words(ACCOUNT_KINDS)
const GATE_ACT_WORDS = words(GATE_ACTS)
const SCOPE_WORDS = words(SCOPES)

/** Bits telling which optional fields of an intent are there, and how they stand. */
const HAS_TRIGGER = 1
const HAS_EXPIRY = 2
const HAS_POST_ONLY = 4
const POST_ONLY = 8
const HAS_REDUCE_ONLY = 16
const REDUCE_ONLY = 32
const HAS_TAG = 64

function writeIntent(out: RecordBuffer, intent: Intent): void {
  out.reserve(48)
  let has = 0
  if (intent.triggerTick !== undefined) has |= HAS_TRIGGER
  if (intent.expiresUs !== undefined) has |= HAS_EXPIRY
  if (intent.postOnly !== undefined) has |= intent.postOnly ? HAS_POST_ONLY | POST_ONLY : HAS_POST_ONLY
  if (intent.reduceOnly !== undefined) has |= intent.reduceOnly ? HAS_REDUCE_ONLY | REDUCE_ONLY : HAS_REDUCE_ONLY
  if (intent.tag !== undefined) has |= HAS_TAG
  out.u8(has)
  out.u8(ORDER_TYPES[intent.type])
  out.u8(intent.timeInForce === undefined ? 0 : TIMES_IN_FORCE[intent.timeInForce])
  out.u8(intent.side)
  out.u16(intent.instrument)
  out.f64(intent.tick)
  out.f64(intent.lots)
  if (intent.triggerTick !== undefined) out.f64(intent.triggerTick)
  if (intent.expiresUs !== undefined) out.f64(intent.expiresUs)
  if (intent.tag !== undefined) out.text(intent.tag)
}

function readIntent(cursor: RecordCursor): Intent {
  const has = cursor.u8()
  const type = word(ORDER_TYPE_WORDS, cursor.u8(), 'order type')
  const timeInForce = cursor.u8()
  const side = readSide(cursor)
  const instrument = cursor.u16()
  const tick = cursor.f64()
  const lots = cursor.f64()
  return {
    instrument,
    side: side as 1 | -1,
    lots,
    type,
    tick,
    ...((has & HAS_TRIGGER) !== 0 && { triggerTick: cursor.f64() }),
    ...(timeInForce !== 0 && { timeInForce: word(TIME_IN_FORCE_WORDS, timeInForce, 'time in force') }),
    ...((has & HAS_EXPIRY) !== 0 && { expiresUs: cursor.f64() }),
    ...((has & HAS_POST_ONLY) !== 0 && { postOnly: (has & POST_ONLY) !== 0 }),
    ...((has & HAS_REDUCE_ONLY) !== 0 && { reduceOnly: (has & REDUCE_ONLY) !== 0 }),
    ...((has & HAS_TAG) !== 0 && { tag: cursor.text() }),
  }
}

function readSide(cursor: RecordCursor): number {
  return (cursor.u8() << 24) >> 24
}

export function writeOrder(out: RecordBuffer, order: Order): void {
  out.reserve(32)
  out.f64(order.id)
  out.f64(order.sentUs)
  out.f64(order.decisionTick)
  out.u16(order.policy + 1)
  writeIntent(out, order)
}

export function readOrder(cursor: RecordCursor): Order {
  const id = cursor.f64()
  const sentUs = cursor.f64()
  const decisionTick = cursor.f64()
  const policy = cursor.u16() - 1
  const intent = readIntent(cursor)
  return { ...intent, id, timeInForce: intent.timeInForce ?? 'GTC', policy, sentUs, decisionTick }
}

/** A policy's demand, or the gate's, to take an order back. */
export interface CancelRecord {
  readonly orderId: number
  readonly policy: number
  readonly timeUs: number
}

export function writeCancel(out: RecordBuffer, orderId: number, policy: number, timeUs: number): void {
  out.reserve(18)
  out.f64(orderId)
  out.u16(policy + 1)
  out.f64(timeUs)
}

export function readCancel(cursor: RecordCursor): CancelRecord {
  return { orderId: cursor.f64(), policy: cursor.u16() - 1, timeUs: cursor.f64() }
}

export interface AmendRecord extends CancelRecord {
  readonly tick: number
  readonly lots: number
}

export function writeAmend(
  out: RecordBuffer,
  orderId: number,
  tick: number,
  lots: number,
  policy: number,
  timeUs: number,
): void {
  writeCancel(out, orderId, policy, timeUs)
  out.reserve(16)
  out.f64(tick)
  out.f64(lots)
}

export function readAmend(cursor: RecordCursor): AmendRecord {
  return { ...readCancel(cursor), tick: cursor.f64(), lots: cursor.f64() }
}

export interface RefusalRecord {
  readonly intent: Intent
  readonly policy: number
  readonly limit: string
  readonly timeUs: number
}

export function writeRefusal(out: RecordBuffer, intent: Intent, policy: number, limit: string, timeUs: number): void {
  out.reserve(10)
  out.f64(timeUs)
  out.u16(policy + 1)
  out.text(limit)
  writeIntent(out, intent)
}

export function readRefusal(cursor: RecordCursor): RefusalRecord {
  const timeUs = cursor.f64()
  const policy = cursor.u16() - 1
  const limit = cursor.text()
  return { intent: readIntent(cursor), policy, limit, timeUs }
}

function writeScope(out: RecordBuffer, scope: Scope): void {
  out.reserve(3)
  out.u8(SCOPES[scope.of])
  out.u16(scope.of === 'policy' ? scope.policy + 1 : scope.of === 'position' ? scope.instrument : 0)
  out.text(scope.of === 'venue' ? scope.venue : '')
}

function readScope(cursor: RecordCursor): Scope {
  const of = word(SCOPE_WORDS, cursor.u8(), 'scope')
  const number = cursor.u16()
  const venue = cursor.text()
  switch (of) {
    case 'account':
      return { of }
    case 'venue':
      return { of, venue }
    case 'policy':
      return { of, policy: number - 1 }
    case 'position':
      return { of, instrument: number }
  }
}

export function writeGateAct(out: RecordBuffer, act: GateAct): void {
  out.reserve(48)
  out.u8(GATE_ACTS[act.act])
  out.f64(act.timeUs)
  out.f64(act.measured)
  out.f64(act.allowed)
  out.f64(act.confirmations)
  writeScope(out, act.scope)
  out.text(act.breaker)
  out.text(act.unit)
  // One more than there are, so that absence differs from an empty list.
  out.varint(act.reads ? act.reads.length + 1 : 0)
  for (const read of act.reads ?? []) {
    out.reserve(16)
    out.f64(read.timeUs)
    out.f64(read.measured)
  }
}

export function readGateAct(cursor: RecordCursor): GateAct {
  const act = word(GATE_ACT_WORDS, cursor.u8(), 'gate act')
  const timeUs = cursor.f64()
  const measured = cursor.f64()
  const allowed = cursor.f64()
  const confirmations = cursor.f64()
  const scope = readScope(cursor)
  const breaker = cursor.text()
  const unit = cursor.text()
  const count = cursor.varint()
  const reads: BreachRead[] = []
  for (let i = 1; i < count; i++) reads.push({ timeUs: cursor.f64(), measured: cursor.f64() })
  return {
    act,
    breaker,
    scope,
    timeUs,
    measured,
    allowed,
    unit,
    confirmations,
    ...(count > 0 && { reads }),
  }
}

export function writeGateReset(out: RecordBuffer, reset: GateReset): void {
  out.reserve(17)
  out.u8(GATE_ACTS[reset.act])
  out.f64(reset.timeUs)
  out.f64(reset.latchedUs)
  writeScope(out, reset.scope)
  out.text(reset.breaker)
  out.text(reset.who)
  out.text(reset.reason)
}

export function readGateReset(cursor: RecordCursor): GateReset {
  const act = word(GATE_ACT_WORDS, cursor.u8(), 'gate act')
  const timeUs = cursor.f64()
  const latchedUs = cursor.f64()
  const scope = readScope(cursor)
  return { breaker: cursor.text(), scope, act, latchedUs, who: cursor.text(), reason: cursor.text(), timeUs }
}

export function writeOrderEvent(out: RecordBuffer, event: OrderEvent): void {
  out.reserve(80)
  out.u8(EVENT_KINDS[event.kind])
  out.u8(REASONS[event.reason])
  out.u8(LIQUIDITIES[event.liquidity])
  out.u8(event.side)
  out.u16(event.instrument)
  out.f64(event.timeUs)
  out.f64(event.venueTimeUs)
  out.f64(event.orderId)
  out.f64(event.tick)
  out.f64(event.lots)
  out.f64(event.leavesLots)
  out.f64(event.feeAtoms)
  out.f64(event.fillId)
  out.f64(event.queueAheadLots)
}

export function readOrderEvent(cursor: RecordCursor): OrderEvent {
  const kind = word(EVENT_KIND_WORDS, cursor.u8(), 'order event')
  const reason = word(REASON_WORDS, cursor.u8(), 'reason')
  const liquidity = word(LIQUIDITY_WORDS, cursor.u8(), 'liquidity')
  const side = readSide(cursor) as 1 | -1
  return {
    kind,
    instrument: cursor.u16(),
    timeUs: cursor.f64(),
    venueTimeUs: cursor.f64(),
    orderId: cursor.f64(),
    side,
    tick: cursor.f64(),
    lots: cursor.f64(),
    leavesLots: cursor.f64(),
    feeAtoms: cursor.f64(),
    liquidity,
    reason,
    fillId: cursor.f64(),
    queueAheadLots: cursor.f64(),
  }
}

export function writeAccountEvent(out: RecordBuffer, event: AccountEvent): void {
  out.reserve(48)
  out.u8(ACCOUNT_KINDS[event.kind])
  out.u8(event.side)
  // -1 means no instrument, so the number is stored one higher.
  out.u32(event.instrument + 1)
  out.f64(event.timeUs)
  out.f64(event.venueTimeUs)
  out.f64(event.tick)
  out.f64(event.lots)
  out.f64(event.cashAtoms)
  out.text(event.currency)
}

export function readAccountEvent(cursor: RecordCursor): AccountEvent {
  const kind = word(ACCOUNT_KIND_WORDS, cursor.u8(), 'account event')
  const side = readSide(cursor) as 1 | -1 | 0
  return {
    kind,
    instrument: cursor.u32() - 1,
    timeUs: cursor.f64(),
    venueTimeUs: cursor.f64(),
    side,
    tick: cursor.f64(),
    lots: cursor.f64(),
    cashAtoms: cursor.f64(),
    currency: cursor.text(),
  }
}

export interface NoteRecord {
  readonly timeUs: number
  readonly text: string
}

export function writeNote(out: RecordBuffer, text: string, timeUs: number): void {
  out.reserve(8)
  out.f64(timeUs)
  out.text(text)
}

export function readNote(cursor: RecordCursor): NoteRecord {
  return { timeUs: cursor.f64(), text: cursor.text() }
}
