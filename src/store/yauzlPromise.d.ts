/** @file The part of `yauzl-promise` 4 that gimbal uses; the package has no types of its own. */

declare module 'yauzl-promise' {
  import type { Readable } from 'node:stream'

  export interface Entry {
    readonly filename: string
    readonly uncompressedSize: number
    /** Unpacked bytes; the stream fails when size or CRC-32 do not match. */
    openReadStream(): Promise<Readable>
  }

  export interface ZipFile extends AsyncIterable<Entry> {
    close(): Promise<void>
  }

  const yauzl: { open(path: string): Promise<ZipFile> }
  export default yauzl
}
