/**
 * @file Recordings of raw frames, one a line behind the time of receipt: what the importers of such files share.
 */

import { GimbalError } from '../core/errors.ts'
import type { ImportSink, Place } from '../store/importer.ts'
import type { InputFile } from '../store/inputFile.ts'
import { type FrameParser, plausibleTime } from '../venues/frame.ts'

/** µs since 1970 of a receive time in nanoseconds at the start of a line, rounded down; NaN where there is none. */
export function nanosecondPrefix(line: string): number {
  if (line.charCodeAt(19) !== 32) return Number.NaN
  let us = 0
  for (let at = 0; at < 19; at++) {
    const digit = line.charCodeAt(at) - 48
    if (!(digit >= 0 && digit <= 9)) return Number.NaN
    if (at < 16) us = us * 10 + digit
  }
  return plausibleTime(us) ? us : Number.NaN
}

const SECONDS = /^(\d{10})(?:\.(\d{1,9}))?$/

/** µs since 1970 of an epoch in seconds with decimals, rounded down; NaN for anything else. */
export function secondsEpoch(text: string): number {
  const parts = SECONDS.exec(text)
  if (!parts) return Number.NaN
  const us = Number(parts[1]) * 1_000_000 + Number((parts[2] ?? '').padEnd(6, '0').slice(0, 6))
  return plausibleTime(us) ? us : Number.NaN
}

/** A line taken apart: the frame and when it was received. */
export interface RecordedFrame {
  readonly timeUs: number
  readonly text: string
}

/**
 * Reads a recording line by line, lets `take` act on each, and ends it.
 *
 * @param take Acts on a line and returns undefined, or the reason for which the line as such cannot be read.
 * @throws {GimbalError} `file-invalid` when the file is empty, or not one line could be taken.
 */
export async function readLines(
  file: InputFile,
  sink: ImportSink,
  take: (line: string, place: Place) => string | undefined,
): Promise<void> {
  let taken = 0
  let first: { place: Place; reason: string } | undefined
  await file.lines((line, number, byte, complete) => {
    if (line === '') {
      sink.skip('empty-line')
      return
    }
    const place = { line: number, byte }
    const reason = take(line, place)
    if (reason === undefined) {
      taken++
      return
    }
    first ??= { place, reason }
    sink.reject(complete ? reason : 'line-cut', place, line.slice(0, 80))
  })
  if (taken > 0) return
  throw new GimbalError('file-invalid', first ? 'Not one line of this file could be read' : 'Nothing in this file', {
    file: file.path,
    ...(first ? { line: first.place.line, byte: first.place.byte, reason: first.reason } : { line: 1, byte: 0 }),
  })
}

/** Reads a recording whose lines `split` takes apart into frames for one parser. */
export async function readFrames(
  file: InputFile,
  sink: ImportSink,
  parser: FrameParser,
  split: (line: string) => RecordedFrame | undefined,
): Promise<void> {
  await readLines(file, sink, (line, place) => {
    const frame = split(line)
    if (!frame) return 'line-malformed'
    parser.frame(frame.text, frame.timeUs, place)
    return undefined
  })
  parser.finish?.()
}
