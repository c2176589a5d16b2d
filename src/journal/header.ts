/**
 * @file The first record of a journal: everything needed to build the same engine again.
 *
 * It says nothing about when, where or by whom the run was made, so the same run gives the same bytes.
 */

import { GimbalError } from '../core/errors.ts'
import type { InstrumentSpec } from '../market/instrument.ts'

/** How market rows are kept: copied into the journal, or left in tapes the header names by content. */
export type RowMode = 'inline' | 'reference'

/** Plain data. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** A tape a run was fed from, named by what it holds and not by where it lay. */
export interface TapeIdentity {
  /** For people: the catalog's name of the dataset, or the file's name. */
  readonly name: string
  /** SHA-256 of the content, hex. */
  readonly sha256: string
}

/** A point in an account's history: everything up to it is known. */
export interface AccountMark {
  /** The venue's number of the last fill. */
  readonly fillId: number
  /** Venue time of the last account event (funding, liquidation, …), in µs. */
  readonly accountUs: number
}

export interface JournalHeader {
  /** Version of gimbal that wrote it. */
  readonly gimbal: string
  readonly rows: RowMode
  /**
   * Tells this journal's client order ids from every other journal's on the same account; '' in a backtest. Live and
   * paper runs derive it from the wall clock when the journal is begun.
   */
  readonly run: string
  readonly seed: number
  /** Opening balances in whole units by currency. */
  readonly cash: Readonly<Record<string, number>>
  /** What of the account's history the opening balances already contain: zeros in a backtest. */
  readonly since: AccountMark
  /** The universe, in order: instrument indexes in records refer to it. */
  readonly instruments: readonly InstrumentSpec[]
  /** Policies with their settings, limits, assumptions: whatever the caller needs to build the engine. */
  readonly settings: Json
  /** Tapes in merge order; empty when rows are inline. */
  readonly tapes: readonly TapeIdentity[]
}

/**
 * JSON text with the keys of every object sorted, so that equal data give equal bytes.
 *
 * @throws {GimbalError} `argument-invalid` for what JSON cannot express (NaN, infinities, functions, bigint).
 */
export function canonicalJson(value: unknown, path = '$'): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map((each, index) => canonicalJson(each, `${path}[${index}]`)).join(',')}]`
  if (typeof value === 'object' && (value.constructor === Object || value.constructor === undefined)) {
    const fields = Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => `${JSON.stringify(key)}:${canonicalJson(each, `${path}.${key}`)}`)
    return `{${fields.join(',')}}`
  }
  throw new GimbalError('argument-invalid', 'Only plain data can be written to a journal header', {
    at: path,
    found: String(value),
  })
}
