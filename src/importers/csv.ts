/**
 * @file Tables of separated values, read strictly: a line is a row of exactly the expected width, or it is rejected.
 *
 * Why not a CSV library: what importers need is small (commas, quotes, CRLF, a byte-order mark, no line breaks inside
 * quotes), while what they must say about a bad line (its number, its byte, the cell and the reason) is what
 * libraries hide. `splitCells` is 40 lines and its oracle is in the test.
 *
 * Nothing here throws for a bad line. A cell that cannot be read leaves a fault on the row, its reader returns NaN,
 * and the row is rejected as a whole: so a reader asks for all its cells first, looks at `faulty`, then emits.
 */

import { GimbalError } from '../core/errors.ts'
import type { ImportSink, Place } from '../store/importer.ts'
import type { InputFile } from '../store/inputFile.ts'
import { parseEpochUs, parseIsoUs, parseStampUs, type StampUnit } from './csvTime.ts'

const QUOTE = 34
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$/
const WHOLE = /^[+-]?\d+$/

/**
 * Splits one line into `cells` and returns how many there are, or -1 when a quote is not closed or stands amid text.
 * Cells beyond the count are left from earlier lines.
 */
export function splitCells(line: string, cells: string[], separator = ','): number {
  let count = 0
  let start = 0
  if (line.indexOf('"') < 0) {
    for (;;) {
      const end = line.indexOf(separator, start)
      if (end < 0) break
      cells[count++] = line.slice(start, end)
      start = end + 1
    }
    cells[count++] = line.slice(start)
    return count
  }
  for (;;) {
    if (line.charCodeAt(start) === QUOTE) {
      let text = ''
      let at = start + 1
      for (;;) {
        const close = line.indexOf('"', at)
        if (close < 0) return -1
        text += line.slice(at, close)
        at = close + 1
        if (line.charCodeAt(at) !== QUOTE) break
        text += '"'
        at++
      }
      cells[count++] = text
      if (at === line.length) return count
      if (line[at] !== separator) return -1
      start = at + 1
    } else {
      const end = line.indexOf(separator, start)
      const text = end < 0 ? line.slice(start) : line.slice(start, end)
      if (text.includes('"')) return -1
      cells[count++] = text
      if (end < 0) return count
      start = end + 1
    }
  }
}

/** The double nearest to decimal text; NaN for anything else, hexadecimal, `Infinity`, `nan` and blanks included. */
export function decimal(text: string): number {
  if (!DECIMAL.test(text)) return Number.NaN
  const value = Number(text)
  return Number.isFinite(value) ? value : Number.NaN
}

/** One data line, reused from line to line. Columns are named by their index. */
export class TableRow {
  readonly cells: string[] = []
  /** How many of `cells` belong to this line. */
  count = 0
  line = 0
  byte = 0
  #reason = ''
  #detail = ''

  get place(): Place {
    return { line: this.line, byte: this.byte }
  }

  get faulty(): boolean {
    return this.#reason !== ''
  }

  get reason(): string {
    return this.#reason
  }

  get detail(): string {
    return this.#detail
  }

  /** Takes a line; returns false when its quotes make no sense. */
  take(text: string, line: number, byte: number): boolean {
    this.line = line
    this.byte = byte
    this.#reason = ''
    this.#detail = ''
    this.count = splitCells(text, this.cells)
    return this.count >= 0
  }

  /** Marks the row as unreadable; the first reason given is the one reported. Returns NaN, for readers of numbers. */
  fault(reason: string, detail = ''): number {
    if (this.#reason === '') {
      this.#reason = reason
      this.#detail = detail
    }
    return Number.NaN
  }

  /** The cell's text; empty when the column is absent (index -1). */
  text(column: number): string {
    return column >= 0 && column < this.count ? this.cells[column]! : ''
  }

  /** Any finite decimal. */
  decimal(column: number): number {
    const value = decimal(this.text(column))
    return Number.isNaN(value) ? this.#cell('number-invalid', column) : value
  }

  /** As {@link decimal}; undefined for an empty cell or an absent column. */
  decimalOrNone(column: number): number | undefined {
    return this.text(column) === '' ? undefined : this.decimal(column)
  }

  /** A decimal above zero. */
  price(column: number): number {
    const value = this.decimal(column)
    return value <= 0 ? this.#cell('price-not-positive', column) : value
  }

  /** A decimal of at least zero. */
  size(column: number): number {
    const value = this.decimal(column)
    return value < 0 ? this.#cell('size-negative', column) : value
  }

  /** A whole number a double holds exactly. */
  whole(column: number): number {
    const value = WHOLE.test(this.text(column)) ? Number(this.text(column)) : Number.NaN
    return Number.isSafeInteger(value) ? value : this.#cell('whole-number-invalid', column)
  }

  /** A whole number of any length, as the nearest double: on-chain amounts. */
  amount(column: number): number {
    const text = this.text(column)
    return WHOLE.test(text) && text.length < 80 ? Number(text) : this.#cell('whole-number-invalid', column)
  }

  /** `true` or `false`, in any case. */
  truth(column: number): boolean {
    const text = this.text(column).toLowerCase()
    if (text !== 'true' && text !== 'false') this.#cell('truth-invalid', column)
    return text === 'true'
  }

  /** A time written as a date, in µs. @param offsetUs The zone's offset from UTC where the text names none. */
  isoTime(column: number, offsetUs = 0): number {
    const timeUs = parseIsoUs(this.text(column), offsetUs)
    return Number.isNaN(timeUs) ? this.#cell('time-invalid', column) : timeUs
  }

  /** A time written as a count since 1970, in µs; its number of digits tells its unit. */
  epochTime(column: number): number {
    const timeUs = parseEpochUs(this.text(column))
    return Number.isNaN(timeUs) ? this.#cell('time-invalid', column) : timeUs
  }

  /** A time in a declared unit, in µs. */
  stamp(column: number, unit: StampUnit, offsetUs = 0): number {
    const timeUs = parseStampUs(this.text(column), unit, offsetUs)
    return Number.isNaN(timeUs) ? this.#cell('time-invalid', column) : timeUs
  }

  #cell(reason: string, column: number): number {
    return this.fault(reason, `column ${column + 1}: ${JSON.stringify(this.text(column).slice(0, 40))}`)
  }
}

/** What the first line of a table is: passed over, names of columns, or already data. */
export type FirstLine = 'preamble' | 'header' | 'data'

/**
 * Whether the packing vouches for the last byte: gzip, zip and LZ4 frames carry checksums, so a file that unpacks is
 * whole. A plain file cut in the middle of its last number looks like a whole one.
 */
export function sealed(file: InputFile): boolean {
  return /\.(gz|gzip|zip|lz4)$/i.test(file.path) || file.name.includes('!')
}

/**
 * Reads a table line by line.
 *
 * @param begin Sees the first line, and again the next one after each `preamble`; throws when it makes no sense.
 * @param read Sees every data line of the right width; a fault left on the row rejects it.
 * @param onReject Sees a data line after it was rejected, for tables in which a lost line spoils what follows.
 * @throws {GimbalError} `file-invalid` for a file without any line.
 *
 * Rejects by name: `row-short`, `row-long`, `quote-invalid`, `line-cut` (a plain file's last line without line end).
 */
export async function readTable(
  file: InputFile,
  sink: ImportSink,
  begin: (row: TableRow) => FirstLine,
  read: (row: TableRow) => void,
  onReject?: (row: TableRow) => void,
): Promise<void> {
  const row = new TableRow()
  const whole = sealed(file)
  let width = -1
  await file.lines((raw, line, byte, complete) => {
    const text = line === 1 && raw.charCodeAt(0) === 0xfeff ? raw.slice(1) : raw
    if (text === '') return
    if (!complete && !whole) {
      sink.reject('line-cut', { line, byte }, 'no line end after it, so it may have been cut')
      return
    }
    const sound = row.take(text, line, byte)
    if (width < 0) {
      if (!sound) throw tableInvalid(file, row, 'A first line whose quotes do not close', {})
      const first = begin(row)
      if (first === 'preamble') return
      width = row.count
      if (first === 'header') return
    }
    if (!sound) row.fault('quote-invalid', text.slice(0, 80))
    else if (row.count < width) row.fault('row-short', `${row.count} cells where ${width} are expected`)
    else if (row.count > width) row.fault('row-long', `${row.count} cells where ${width} are expected`)
    else read(row)
    if (!row.faulty) return
    sink.reject(row.reason, row.place, row.detail)
    onReject?.(row)
  })
  if (width < 0) {
    throw new GimbalError('file-invalid', 'No table in this file', { file: file.name, line: 1, byte: 0 })
  }
}

/** The error for a table that makes no sense as a whole, with its place. */
export function tableInvalid(
  file: InputFile,
  row: { readonly line: number; readonly byte: number },
  summary: string,
  facts: Readonly<Record<string, string>>,
): GimbalError {
  return new GimbalError('file-invalid', summary, { file: file.name, line: row.line, byte: row.byte, ...facts })
}

/**
 * Where each wanted column is in a header, without regard to case or surrounding blanks.
 *
 * @param wanted For each key the accepted names, first found wins; a list ending in `''` makes the column optional (-1).
 * @throws {GimbalError} `file-invalid` naming what was expected and what was found.
 */
export function findColumns<Key extends string>(
  file: InputFile,
  row: TableRow,
  wanted: Readonly<Record<Key, readonly string[]>>,
): Record<Key, number> {
  const names = row.cells.slice(0, row.count).map((cell) => cell.trim().toLowerCase())
  const found = {} as Record<Key, number>
  for (const [key, choices] of Object.entries(wanted) as [Key, readonly string[]][]) {
    let column = -1
    for (const choice of choices) if (column < 0 && choice !== '') column = names.indexOf(choice.toLowerCase())
    if (column < 0 && choices.at(-1) !== '') {
      throw tableInvalid(file, row, 'A column is missing from the header', {
        expected: choices.join(' or '),
        found: names.join(',').slice(0, 300),
      })
    }
    found[key] = column
  }
  return found
}

/** Checks that a header is exactly the expected one. @throws {GimbalError} `file-invalid`. */
export function expectHeader(file: InputFile, row: TableRow, expected: readonly string[]): void {
  const names = row.cells.slice(0, row.count).map((cell) => cell.trim())
  if (names.length === expected.length && names.every((name, at) => name === expected[at])) return
  throw tableInvalid(file, row, 'Not the expected header', {
    expected: expected.join(','),
    found: names.join(',').slice(0, 300),
  })
}

/** First line of a head that is not blank, without byte-order mark: what `recognise` looks at. */
export function firstLine(head: string): string {
  const text = head.charCodeAt(0) === 0xfeff ? head.slice(1) : head
  return /^\s*([^\r\n]*)/.exec(text)![1]!
}

/** The last part of an input's name: the member inside an archive, without packing suffix. */
export function plainName(name: string): string {
  return name
    .slice(name.lastIndexOf('!') + 1)
    .replace(/^.*[/\\]/, '')
    .replace(/\.(gz|gzip|lz4)$/i, '')
}
