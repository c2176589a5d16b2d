/**
 * @file A foreign file as lines of text, whatever it is packed in (plain, gzip, zip member, LZ4 frame).
 *
 * Memory does not grow with the file. A damaged archive is an error that names the file and how far it was readable.
 */

/** A foreign file being read. */
export interface InputFile {
  /** Path as given. */
  readonly path: string
  /** Last part of the path, and the member inside a zip after `!`: `a.zip!b.csv`. */
  readonly name: string
  /** SHA-256 of the packed file, hex. */
  readonly sha256: string
  readonly bytes: number
  /**
   * Calls `onLine` for every line without its terminator, in order. `line` counts from 1 and `byte` from 0 in the
   * unpacked text. A last line without terminator is passed with `complete` false: it may have been cut.
   *
   * @throws {GimbalError} `file-invalid` when the packing is damaged, after the readable lines were passed.
   */
  lines(onLine: (text: string, line: number, byte: number, complete: boolean) => void): Promise<void>
  /** The whole unpacked text, for small files. @throws {GimbalError} `file-invalid` when over `bytesMax`. */
  text(bytesMax?: number): Promise<string>
}
