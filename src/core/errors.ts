/**
 * @file Every error gimbal throws on purpose.
 *
 * Three kinds of failure, three mechanisms:
 * - the market said no (rejected, expired, unfilled): an event, never an exception;
 * - the outside world broke its contract (lost update, bad payload, missing file): a {@link GimbalError};
 * - we broke our own contract: {@link assert}, which nothing catches and the engine answers by stopping.
 */

/** Stable names of the conditions a caller may branch on. Add freely, never rename; each has a paragraph in docs/errors.md. */
export type ErrorCode =
  | 'argument-invalid'
  | 'catalog-busy'
  | 'catalog-empty'
  | 'catalog-invalid'
  | 'config-invalid'
  | 'fetch-failed'
  | 'file-invalid'
  | 'file-missing'
  | 'file-refused'
  | 'fit-failed'
  | 'folder-busy'
  | 'format-unknown'
  | 'hold-out-closed'
  | 'hold-out-invalid'
  | 'hold-out-opened'
  | 'import-rejected'
  | 'instrument-invalid'
  | 'instrument-unknown'
  | 'journal-busy'
  | 'journal-invalid'
  | 'ledger-busy'
  | 'ledger-invalid'
  | 'level-invalid'
  | 'margin-unsupported'
  | 'model-invalid'
  | 'model-unknown'
  | 'off-grid'
  | 'payload-invalid'
  | 'queue-failed'
  | 'reconcile-failed'
  | 'replay-diverged'
  | 'reset-refused'
  | 'schema-mismatch'
  | 'search-busy'
  | 'search-invalid'
  | 'solver-failed'
  | 'storage-failed'
  | 'table-invalid'
  | 'table-too-large'
  | 'threads-unavailable'
  | 'trial-failed'
  | 'venue-refused'
  | 'version-mismatch'

/** Figures worth printing beside a message: what was expected, what was found, in which unit. */
export type Facts = Readonly<Record<string, string | number | bigint | boolean>>

/**
 * A contract broken by something outside the process.
 *
 * Branch on `code`, log `message`, read `facts` in tests: the prose may change at any time. The message reads
 * well in a terminal at three in the morning: what happened, the figures, and the page that tells what to do.
 */
export class GimbalError extends Error {
  override readonly name = 'GimbalError'
  readonly code: ErrorCode
  readonly facts: Facts

  constructor(code: ErrorCode, summary: string, facts: Facts = {}, options?: ErrorOptions) {
    const lines = Object.entries(facts).map(([fact, value]) => `  ${fact}: ${value}`)
    super([summary, ...lines, `  docs: docs/errors.md#${code}`].join('\n'), options)
    this.code = code
    this.facts = facts
  }
}

/** Stops the program when one of our own invariants is false. State the rule, not the failure. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new Error(`Invariant broken: ${invariant}`)
}
