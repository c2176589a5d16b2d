/**
 * @file Minute tables: one line a minute, `YYYY-MM-DD HH:MM:SS` in UTC, each covering the minute it names.
 *
 * What a line says is known when its minute ends, so both times of its rows are the minute's end. The file's day is
 * complete when it starts at 00:00 and ends at 23:59: what lacks at either end is reported as `late-start` or
 * `early-end`, what lacks between as `missing-minutes`. Nothing is filled in.
 */

import { DAY_US, isoTime, MINUTE_US, startOfDayUs } from '../core/clock.ts'
import { Flag } from '../market/tape.ts'
import type { ImportSink, Place } from '../store/importer.ts'
import type { InputFile } from '../store/inputFile.ts'
import { type FirstLine, readTable, type TableRow } from './csv.ts'
import { Cadence } from './csvCadence.ts'

/** One minute of a table. */
export interface Minute {
  /** End of the minute: when its line is known. */
  readonly endUs: number
  /** 0, or `Flag.SUSPECT` when it comes after a later one. */
  readonly flags: number
}

/**
 * Reads a minute table whose first column is the time.
 *
 * @param daily Whether the file is one day, so that minutes lacking at its ends are worth a word.
 * @param read Reads a line's other cells and emits; it is not called for a line whose time is bad or repeated.
 */
export async function readMinutes(
  file: InputFile,
  sink: ImportSink,
  daily: boolean,
  begin: (row: TableRow) => FirstLine,
  read: (row: TableRow, minute: Minute) => void,
): Promise<void> {
  const cadence = new Cadence(sink, 'minutes', MINUTE_US)
  let firstUs = Number.NaN
  let lastPlace: Place = { line: 1, byte: 0 }
  await readTable(file, sink, begin, (row) => {
    const startUs = row.isoTime(0)
    if (row.faulty) return
    if (startUs % MINUTE_US !== 0) {
      row.fault('time-off-minute', row.text(0))
      return
    }
    const before = cadence.lastUs
    const step = cadence.take(startUs, row.place)
    if (step === 'repeated') {
      row.fault('duplicate-time', row.text(0))
      return
    }
    if (Number.isNaN(before)) {
      firstUs = startUs
      const missing = (startUs - startOfDayUs(startUs)) / MINUTE_US
      if (daily && missing > 0) {
        sink.trap('late-start', row.place, `${missing} minutes of the day before ${isoTime(startUs)} are missing`)
        sink.count('missing minutes', missing)
      }
    }
    lastPlace = row.place
    read(row, { endUs: startUs + MINUTE_US, flags: step === 'backwards' ? Flag.SUSPECT : 0 })
    if (!row.faulty) sink.count('minutes')
  })
  const lacking = Number.isNaN(firstUs) ? 0 : (startOfDayUs(firstUs) + DAY_US - cadence.lastUs) / MINUTE_US - 1
  if (daily && lacking > 0) {
    sink.trap('early-end', lastPlace, `${lacking} minutes of the day after ${isoTime(cadence.lastUs)} are missing`)
    sink.count('missing minutes', lacking)
  }
}

/** A file of one chain, contract and day: `polygon-0x45dd…-2023-08-13.minute.csv`. */
export interface MinuteName {
  readonly chain: string
  /** What stands between chain and address, such as `aave_v3`; empty when nothing does. */
  readonly protocol: string
  /** Contract address, lower case. */
  readonly address: string
  readonly day: string
}

/** The parts of a minute file's name; undefined for any other name. @param name Without packing suffix. */
export function minuteName(name: string): MinuteName | undefined {
  const match = /^([a-z0-9]+)-(?:([A-Za-z0-9_]+)-)?(0x[0-9a-fA-F]{40})-(\d{4}-\d\d-\d\d)\.minute\.csv$/.exec(name)
  if (!match) return undefined
  return { chain: match[1]!, protocol: match[2] ?? '', address: match[3]!.toLowerCase(), day: match[4]! }
}
