/**
 * @file What every command shares with its terminal: results, progress, errors and exit codes.
 *
 * Results go to standard output, as text or (with `--json`) as one JSON document; progress and notices go to standard
 * error, so a pipe sees only results. Exit codes are stable:
 *
 *   0  done                                   2  the command line makes no sense
 *   1  failed, with an error that says why    3  done, and found something wrong with what it looked at
 *                                           130  interrupted
 */

import { readUtc } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'

export const EXIT = { ok: 0, failed: 1, usage: 2, found: 3, interrupted: 130 } as const

/** Prints results and progress of one command. */
export class Terminal {
  readonly json: boolean
  /** Whether a result was given as data. */
  answered = false
  readonly #interactive: boolean
  #lastProgressMs = 0
  #progressShown = false

  constructor(json: boolean) {
    this.json = json
    this.#interactive = process.stderr.isTTY === true
  }

  /** A line of the result; nothing under `--json`. */
  line(text = ''): void {
    if (!this.json) {
      this.#clear()
      process.stdout.write(`${text}\n`)
    }
  }

  /** The whole result as data; printed under `--json` only. */
  result(data: unknown): void {
    if (!this.json) return
    this.answered = true
    process.stdout.write(`${JSON.stringify(data, jsonNumber, 2)}\n`)
  }

  /** Something a person should see that is not the result. */
  notice(text: string): void {
    this.#clear()
    process.stderr.write(`${text}\n`)
  }

  /** Progress, at most ten times a second on a terminal and once in five seconds elsewhere. */
  progress(text: string, last = false): void {
    const now = performance.now()
    if (!last && now - this.#lastProgressMs < (this.#interactive ? 100 : 5_000)) return
    this.#lastProgressMs = now
    if (this.#interactive) {
      process.stderr.write(`\r\x1b[2K${text.slice(0, (process.stderr.columns ?? 120) - 1)}`)
      this.#progressShown = true
      if (last) this.#clear()
    } else if (!last || text !== '') process.stderr.write(`${text}\n`)
  }

  /** A line of prose of the result, broken between words. */
  prose(text: string, indent = 0): void {
    for (const line of wrapped(text, indent)) this.line(line)
  }

  /** A table with right-aligned numbers, which are printed for people unless `plain`. */
  table(
    headers: readonly string[],
    rows: readonly (readonly (string | number | bigint)[])[],
    { plain = false }: { readonly plain?: boolean } = {},
  ): void {
    if (this.json) return
    const cells = rows.map((row) =>
      row.map((cell) => (typeof cell === 'number' && !plain ? thousands(cell) : String(cell))),
    )
    const widths = headers.map((header, i) => Math.max(header.length, ...cells.map((row) => (row[i] ?? '').length)))
    const numeric = headers.map((_, i) => rows.length > 0 && rows.every((row) => typeof row[i] !== 'string'))
    const show = (row: readonly string[]) =>
      row
        .map((cell, i) => (numeric[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
        .join('  ')
        .trimEnd()
    this.line(show(headers))
    this.line(widths.map((width) => '─'.repeat(width)).join('  '))
    for (const row of cells) this.line(show(row))
  }

  #clear(): void {
    if (!this.#progressShown) return
    process.stderr.write('\r\x1b[2K')
    this.#progressShown = false
  }
}

/**
 * Runs `work` with a signal that SIGINT and SIGTERM abort; the second one ends the process at once, as if unheard.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController()
  const stop = () => abort.abort(new Error('interrupted'))
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  try {
    return await work(abort.signal)
  } finally {
    process.removeListener('SIGINT', stop)
    process.removeListener('SIGTERM', stop)
  }
}

/** JSON has no NaN and no infinity: an unknown number is null. */
function jsonNumber(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  return typeof value === 'number' && !Number.isFinite(value) ? null : value
}

/** `1 row`, `3,456 rows`. */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${thousands(number)} ${number === 1 ? noun : plural}`
}

/** Dollars with cents: `99,782.16`. */
export function money(dollars: number): string {
  if (!Number.isFinite(dollars)) return '–'
  return dollars.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })
}

/** A span of time in its largest whole unit: `1 h`, `90 s`. */
export function span(us: number): string {
  for (const [unit, size] of [
    ['d', 86_400e6],
    ['h', 3_600e6],
    ['min', 60e6],
    ['s', 1e6],
  ] as const)
    if (us >= size && us % size === 0) return `${thousands(us / size)} ${unit}`
  return `${thousands(us / 1000)} ms`
}

/** `1,234,567` and at most four decimals. */
export function thousands(value: number): string {
  if (!Number.isFinite(value)) return '–'
  return value.toLocaleString('en-US', { maximumFractionDigits: 4 })
}

/** Width of lines that are wrapped, on a terminal and in a pipe alike: output that depends on who looks is no output. */
const LINE = 100

/** Text as lines indented by `indent` spaces, broken between words. */
export function wrapped(text: string, indent: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > LINE) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  if (line !== '') lines.push(line)
  return lines.map((each) => ' '.repeat(indent) + each)
}

/** Parses `key=value` pairs of a repeatable option. @throws {GimbalError} `argument-invalid`. */
export function pairs(list: readonly string[], option: string): Record<string, string> {
  const record: Record<string, string> = {}
  for (const each of list) {
    const at = each.indexOf('=')
    if (at < 1) throw new GimbalError('argument-invalid', `${option} takes key=value`, { given: each })
    record[each.slice(0, at)] = each.slice(at + 1)
  }
  return record
}

/** Reads an option that must be a number. @throws {GimbalError} `argument-invalid`. */
export function numberOption(text: string, option: string, min = Number.NEGATIVE_INFINITY): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < min) {
    throw new GimbalError(
      'argument-invalid',
      `${option} takes a number${min > Number.NEGATIVE_INFINITY ? ` of at least ${min}` : ''}`,
      { given: text },
    )
  }
  return value
}

/** Reads an option that must be a whole number. @throws {GimbalError} `argument-invalid`. */
export function wholeOption(text: string, option: string, min: number): number {
  const value = numberOption(text, option, min)
  if (Number.isSafeInteger(value)) return value
  throw new GimbalError('argument-invalid', `${option} takes a whole number`, { given: text })
}

/** Reads an option that must be a share, 1 excluded. @throws {GimbalError} `argument-invalid`. */
export function shareOption(text: string, option: string, min: number): number {
  const value = numberOption(text, option, min)
  if (value < 1) return value
  throw new GimbalError('argument-invalid', `${option} takes a share from ${min} to below 1`, { given: text })
}

/** Reads a UTC time: `2025-10-10`, or any ISO time; microseconds since 1970. @throws {GimbalError} `argument-invalid`. */
export function timeOption(text: string, option: string): number {
  const timeUs = readUtc(text)
  if (timeUs === undefined) {
    throw new GimbalError('argument-invalid', `${option} takes a UTC day or time`, {
      given: text,
      example: '2025-10-10 or 2025-10-10T21:15:00Z',
    })
  }
  return timeUs
}

const LENGTH_US: Readonly<Record<string, number>> = { s: 1e6, m: 60e6, h: 3_600e6, d: 86_400e6 }

/** Reads a length of time such as `5m`, `1h`, `1d`; microseconds. @throws {GimbalError} `argument-invalid`. */
export function lengthOption(text: string, option: string): number {
  const match = /^(\d+)([smhd])$/.exec(text)
  if (!match || Number(match[1]) === 0)
    throw new GimbalError('argument-invalid', `${option} takes a length of time`, {
      given: text,
      example: '30s, 5m, 1h, 1d',
    })
  return Number(match[1]) * LENGTH_US[match[2]!]!
}
