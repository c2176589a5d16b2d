/** @file What `gimbal/market` promises to the outside: instruments, books, tapes, orders, and what is known of a market. */

export { ASK, BID, Book, type BookStatus, isLevel, type Side } from './book.ts'
export {
  atomDecimals,
  atomsPerUnit,
  dollarLike,
  type FeeSchedule,
  Instrument,
  type InstrumentKind,
  type InstrumentSpec,
  instrumentId,
  type MarginSchedule,
  type MarginTier,
  type ParsedId,
  type Payoff,
  parseInstrumentId,
  Universe,
} from './instrument.ts'
export { MarketState } from './marketState.ts'
export { type MessageSink, offGrid, STREAMS, type Stream, TapeSink } from './message.ts'
export type {
  AccountEvent,
  Intent,
  Order,
  OrderEvent,
  OrderEventKind,
  OrderType,
  RejectReason,
  TimeInForce,
} from './order.ts'
export {
  Flag,
  KIND_NAMES,
  Kind,
  MemoryTape,
  MergedTape,
  type MergeInput,
  RecutTape,
  ROW_BYTES,
  TapeBatch,
  type TapeSource,
  type TapeView,
} from './tape.ts'
