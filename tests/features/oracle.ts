/**
 * @file What the batch definition of a feature family is given: every row at once, and the moments asked about.
 *
 * An oracle is written from the definition (the paper, the sentence in the family's header), not from the streaming code:
 * whole arrays, sums over windows, as slow as it likes. It reads rows only, and keeps its own book where it needs one.
 */

import type { SettingValue } from '../../src/core/settings.ts'
import type { Universe } from '../../src/market/instrument.ts'

/** A whole tape in order of receipt, instruments numbered as in the universe. */
export interface Rows {
  readonly count: number
  readonly timeUs: Float64Array
  /** When the venue says it happened; as `timeUs` when absent. */
  readonly venueTimeUs?: Float64Array
  readonly kind: Uint8Array
  readonly instrument: Uint16Array
  readonly side: Int8Array
  readonly tick: Int32Array
  readonly lots: Float64Array
  readonly value: Float64Array
  readonly flags: Uint8Array
}

export interface OracleQuestion {
  readonly rows: Rows
  readonly universe: Universe
  readonly target: number
  /** With defaults filled in. */
  readonly settings: Readonly<Record<string, SettingValue>>
  /** Ascending; each asks about everything with `timeUs` <= it. */
  readonly timesUs: readonly number[]
}

/** One array an output, one figure a moment asked about. */
export type Oracle = (question: OracleQuestion) => readonly Float64Array[]
