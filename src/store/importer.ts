/**
 * @file What an importer is: it reads one foreign file and says everything in it as messages, or says why not.
 *
 * An importer repairs nothing. What it cannot read it rejects with a named reason, the line and the byte; what looks
 * wrong but is readable it passes on flagged `SUSPECT` and reports under the trap's name. The catalog does the rest:
 * staging, provenance, idempotence, and undoing everything when the file as a whole is refused.
 */

import type { InstrumentSpec } from '../market/instrument.ts'
import type { MessageSink } from '../market/message.ts'
import type { InputFile } from './inputFile.ts'

/** An instrument as far as a file tells; steps absent here are inferred from the prices and sizes that follow. */
export type SketchedInstrument = Omit<InstrumentSpec, 'tickSize' | 'lotSize' | 'source'> & {
  readonly tickSize?: string
  readonly lotSize?: string
  readonly source?: string
}

/** Where in the file something was found. Lines count from 1, bytes from 0 of the decompressed text. */
export interface Place {
  readonly line: number
  readonly byte: number
}

/** Takes what an importer reads. */
export interface ImportSink extends MessageSink {
  /** The sink's index for an instrument; the same spec always gets the same index. */
  instrument(spec: SketchedInstrument): number
  /** A line or record that could not be read. Counted by reason; the first few are shown with their place. */
  reject(reason: string, place: Place, detail?: string): void
  /** Readable but dubious: a trap by name (`interpolated-bars`, `clock-behind`). Counted; the first few are shown. */
  trap(name: string, place: Place, detail?: string): void
  /** Updates known to be missing from a sequence: emits a GAP row in `stream` and counts it. */
  gap(instrument: number, timeUs: number, venueTimeUs: number, place: Place, expected: number, received: number): void
  /** A record read and deliberately not stored (a heartbeat, a subscription reply, a stream not asked for). Counted by reason. */
  skip(reason: string): void
  /** A count the importer vouches for, to be compared by an independent one: `depth levels`, `trades`. */
  count(what: string, by?: number): void
  /**
   * The note that the import of an earlier file left under `key`, in this command or (kept in that file's manifest)
   * before: how a sequence goes on from one file of a pair to the next. A sink without a memory leaves both out.
   */
  recall?(key: string): string | undefined
  /** Leaves a note under `key` for the import of the next file. */
  remember?(key: string, note: string): void
}

/** Settings of one import, from the command line; importers name the ones they take. */
export type ImportOptions = Readonly<Record<string, string>>

export interface Importer {
  /** Kebab-case, as on the command line. */
  readonly name: string
  /** Raised whenever the same file would import differently: old imports are then redone on request. */
  readonly version: number
  /** One sentence for `--help`, and a command that works. */
  readonly summary: string
  readonly example: string
  /** Options it takes, each with a sentence. */
  readonly options: Readonly<Record<string, string>>
  /** Whether the data it reads are recorded from a real market or generated. */
  readonly provenance: 'real' | 'synthetic'
  /** How sure it is that it can read this file, 0 to 1, judged by the name and the first lines (at most 64 kB). */
  recognise(name: string, head: string): number
  /**
   * Reads the file from start to end.
   *
   * @throws {GimbalError} `file-invalid` when the file as a whole makes no sense; names file, line and byte.
   */
  read(file: InputFile, sink: ImportSink, options: ImportOptions): Promise<void>
}
