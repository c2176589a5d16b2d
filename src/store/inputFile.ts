/**
 * @file A foreign file as lines of text, whatever it is packed in (plain, gzip, zip member, LZ4 frame).
 *
 * Memory does not grow with the file. A damaged archive is an error that names the file and how far it was readable.
 * What a file is packed in is seen by its first bytes, never by its name; a zip member may be packed once more.
 */

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import yauzl, { type ZipFile } from 'yauzl-promise'
import { GimbalError } from '../core/errors.ts'
import { Lz4FrameDecoder } from './lz4Frame.ts'

/** A foreign file being read. */
export interface InputFile {
  /** Path as given. */
  readonly path: string
  /** Last part of the path, and the member inside a zip after `!`: `a.zip!b.csv`. */
  readonly name: string
  /** The member read, when the file is a zip. */
  readonly member?: string
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

/** Longest line passed on; beyond it the file is not lines of text. */
const LINE_BYTES_MAX = 256 * 2 ** 20
const CHUNK_BYTES = 256 * 1024
const NEWLINE = 10
const RETURN = 13

type Packing = 'plain' | 'gzip' | 'zip' | 'lz4'

/**
 * Opens a file for reading, whatever it is packed in, and computes its SHA-256.
 *
 * @param member Which file inside a zip; may be left out when there is only one.
 * @throws {GimbalError} `file-missing`; `file-invalid` for a zip whose directory is damaged or a packing unknown here;
 *   `argument-invalid` when a zip holds several files and none, or one it does not hold, was named.
 */
export async function openInput(path: string, member?: string): Promise<InputFile> {
  const bytes = await sizeOf(path)
  const sha256 = await sha256Of(path)
  const outer = packingOf(await headOf(createReadStream(path, { end: 15 })), path)
  if (outer !== 'zip') {
    if (member !== undefined) throw new GimbalError('argument-invalid', 'Not a zip file', { file: path, member })
    const open = async () => createReadStream(path, { highWaterMark: CHUNK_BYTES })
    return new PackedFile({ path, name: basename(path), sha256, bytes }, open, outer)
  }
  const members = await inputMembers(path)
  const chosen = member ?? (members.length === 1 ? members[0] : undefined)
  if (chosen === undefined || !members.includes(chosen)) {
    throw new GimbalError('argument-invalid', 'Name one of the files inside this zip', {
      file: path,
      asked: member ?? 'none',
      members: members.slice(0, 20).join(' '),
    })
  }
  const open = () => openMember(path, chosen)
  const head = await headOf(await open()).catch((error: unknown) => {
    throw damaged(path, error, 0, 0)
  })
  const facts = { path, name: `${basename(path)}!${chosen}`, member: chosen, sha256, bytes }
  return new PackedFile(facts, open, packingOf(head, path))
}

/**
 * The files inside a zip, in the archive's order; empty for any other file, which is read as it is.
 *
 * @throws {GimbalError} `file-missing`; `file-invalid` when the zip's directory, which lies at its end, is damaged.
 */
export async function inputMembers(path: string): Promise<string[]> {
  await sizeOf(path)
  if (packingOf(await headOf(createReadStream(path, { end: 15 })), path) !== 'zip') return []
  const zip = await openZip(path)
  try {
    const members: string[] = []
    for await (const entry of zip) if (!entry.filename.endsWith('/')) members.push(entry.filename)
    return members
  } catch (error) {
    throw damaged(path, error, 0, 0)
  } finally {
    await zip.close()
  }
}

/** SHA-256 of a file in hex, read in chunks. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  await drain(createReadStream(path, { highWaterMark: CHUNK_BYTES }), (chunk) => hash.update(chunk))
  return hash.digest('hex')
}

class PackedFile implements InputFile {
  readonly path: string
  readonly name: string
  readonly member?: string
  readonly sha256: string
  readonly bytes: number
  readonly #open: () => Promise<Readable>
  readonly #packing: Packing

  constructor(
    facts: Pick<InputFile, 'path' | 'name' | 'member' | 'sha256' | 'bytes'>,
    open: () => Promise<Readable>,
    packing: Packing,
  ) {
    this.path = facts.path
    this.name = facts.name
    if (facts.member !== undefined) this.member = facts.member
    this.sha256 = facts.sha256
    this.bytes = facts.bytes
    this.#open = open
    this.#packing = packing
    if (packing === 'zip') throw new GimbalError('file-invalid', 'A zip inside a zip: unpack it', { file: this.name })
  }

  async lines(onLine: (text: string, line: number, byte: number, complete: boolean) => void): Promise<void> {
    const splitter = new LineSplitter(onLine)
    await this.#unpack((chunk) => splitter.write(chunk), splitter)
    splitter.end()
  }

  async text(bytesMax = 64 * 2 ** 20): Promise<string> {
    const chunks: Buffer[] = []
    const progress = { bytes: 0, lines: 0 }
    await this.#unpack((chunk) => {
      progress.bytes += chunk.length
      if (progress.bytes > bytesMax) {
        throw new GimbalError('file-invalid', 'Too large to be read at once', { file: this.name, bytesMax })
      }
      chunks.push(Buffer.from(chunk))
    }, progress)
    return Buffer.concat(chunks)
      .toString('utf8')
      .replace(/^\ufeff/, '')
  }

  /** Passes on the unpacked bytes. What `consume` throws comes through as it is; anything else is damage. */
  async #unpack(consume: (chunk: Uint8Array) => void, progress: { bytes: number; lines: number }): Promise<void> {
    let refusal: { error: unknown } | undefined
    const guarded = (chunk: Uint8Array): void => {
      try {
        consume(chunk)
      } catch (error) {
        refusal = { error }
        throw error
      }
    }
    try {
      const source = await this.#open()
      if (this.#packing === 'gzip') await gunzip(source, guarded)
      else if (this.#packing === 'lz4') {
        const decoder = new Lz4FrameDecoder(guarded)
        await drain(source, (chunk) => decoder.write(chunk))
        decoder.end()
      } else await drain(source, guarded)
    } catch (error) {
      if (refusal) throw refusal.error
      throw damaged(this.name, error, progress.bytes, progress.lines)
    }
  }
}

/** Cuts bytes into lines. Counts what it passed on, for the message about a damaged file. */
class LineSplitter {
  readonly #onLine: (text: string, line: number, byte: number, complete: boolean) => void
  /** The start of a line whose end has not come yet. */
  #open: Buffer[] = []
  #openBytes = 0
  /** Bytes of the lines passed on, and their number. */
  bytes = 0
  lines = 0

  constructor(onLine: (text: string, line: number, byte: number, complete: boolean) => void) {
    this.#onLine = onLine
  }

  write(bytes: Uint8Array): void {
    let chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    if (this.#openBytes > 0) {
      const first = chunk.indexOf(NEWLINE)
      if (first < 0) {
        this.#keep(chunk)
        return
      }
      this.#open.push(chunk.subarray(0, first + 1))
      const line = Buffer.concat(this.#open)
      this.#open = []
      this.#openBytes = 0
      this.#passAll(line)
      chunk = chunk.subarray(first + 1)
    }
    const end = chunk.lastIndexOf(NEWLINE) + 1
    if (end > 0) this.#passAll(chunk.subarray(0, end))
    if (end < chunk.length) this.#keep(chunk.subarray(end))
  }

  end(): void {
    if (this.#openBytes > 0) this.#pass(Buffer.concat(this.#open).toString('utf8'), this.#openBytes, false)
  }

  #keep(bytes: Buffer): void {
    // Copied: decoders reuse their output.
    this.#open.push(Buffer.from(bytes))
    this.#openBytes += bytes.length
    if (this.#openBytes > LINE_BYTES_MAX) {
      const facts = { line: this.lines + 1, byte: this.bytes, bytesMax: LINE_BYTES_MAX }
      throw new GimbalError('file-invalid', 'A line too long to be one', facts)
    }
  }

  /** Passes whole lines; the last byte is a newline. */
  #passAll(bytes: Buffer): void {
    const text = bytes.toString('utf8')
    if (text.length === bytes.length) {
      // Pure ASCII: places in the text are places in the bytes, so one decoding serves all lines.
      for (let at = 0; at < text.length; ) {
        const end = text.indexOf('\n', at)
        const cut = end > at && text.charCodeAt(end - 1) === RETURN ? end - 1 : end
        this.#pass(text.slice(at, cut), end + 1 - at, true)
        at = end + 1
      }
      return
    }
    for (let at = 0; at < bytes.length; ) {
      const end = bytes.indexOf(NEWLINE, at)
      const cut = end > at && bytes[end - 1] === RETURN ? end - 1 : end
      this.#pass(bytes.toString('utf8', at, cut), end + 1 - at, true)
      at = end + 1
    }
  }

  #pass(text: string, bytes: number, complete: boolean): void {
    // A byte-order mark belongs to the file, not to its first field.
    const clean = this.lines === 0 && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
    this.#onLine(clean, this.lines + 1, this.bytes, complete)
    this.lines++
    this.bytes += bytes
  }
}

function damaged(name: string, cause: unknown, bytes: number, lines: number): GimbalError {
  if (cause instanceof GimbalError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  const facts = { file: name, reason, bytesReadable: bytes, linesReadable: lines }
  return new GimbalError('file-invalid', 'Damaged or cut short', facts, { cause })
}

async function sizeOf(path: string): Promise<number> {
  const facts = await stat(path).catch((cause: unknown) => {
    throw new GimbalError('file-missing', 'No such file', { file: path }, { cause })
  })
  if (!facts.isFile()) throw new GimbalError('file-missing', 'Not a file', { file: path })
  const handle = await open(path, 'r').catch((cause: unknown) => {
    throw new GimbalError('file-missing', 'Not allowed to read', { file: path }, { cause })
  })
  await handle.close()
  return facts.size
}

function packingOf(head: Buffer, path: string): Packing {
  if (head.length >= 2 && head[0] === 0x1f && head[1] === 0x8b) return 'gzip'
  if (head.length < 4) return 'plain'
  const magic = head.readUInt32LE(0)
  if (magic === 0x04034b50 || magic === 0x06054b50) return 'zip'
  if (magic === 0x184d2204 || (magic & ~15) >>> 0 === 0x184d2a50) return 'lz4'
  const foreign = magic === 0xfd2fb528 ? 'zstd' : magic === 0x587a37fd ? 'xz' : undefined
  const unknown = foreign ?? (/^BZh[1-9]1AY/.test(head.toString('latin1')) ? 'bzip2' : undefined)
  if (unknown) throw new GimbalError('file-invalid', 'Unpack this file first', { file: path, packing: unknown })
  return 'plain'
}

/** The first bytes of a stream, which is then closed. */
async function headOf(stream: Readable): Promise<Buffer> {
  for await (const chunk of stream) return chunk as Buffer
  return Buffer.alloc(0)
}

/**
 * Passes every chunk on, as it comes: unlike `for await`, which forgets what was buffered when the stream fails, so
 * that what is readable before the damage is read.
 */
function drain(stream: Readable, consume: (chunk: Uint8Array) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.on('data', (chunk: Buffer) => {
      try {
        consume(chunk)
      } catch (error) {
        stream.destroy()
        reject(error)
      }
    })
    stream.on('error', reject)
    stream.on('end', resolve)
    stream.on('close', () => reject(new Error('closed before its end')))
  })
}

async function gunzip(source: Readable, consume: (chunk: Uint8Array) => void): Promise<void> {
  const unpacker = createGunzip({ chunkSize: CHUNK_BYTES })
  let packedBytes = 0
  source.on('data', (chunk: Buffer) => {
    packedBytes += chunk.length
  })
  source.on('error', (error) => unpacker.destroy(error))
  source.pipe(unpacker)
  try {
    await drain(unpacker, consume)
  } finally {
    source.destroy()
  }
  // zlib ignores what follows a complete member unless it looks like another: a damaged second half would pass unseen.
  if (unpacker.bytesWritten !== packedBytes) {
    throw new Error(`${packedBytes - unpacker.bytesWritten} bytes after the last gzip member cannot be read`)
  }
}

async function openZip(path: string): Promise<ZipFile> {
  try {
    return await yauzl.open(path)
  } catch (error) {
    throw damaged(path, error, 0, 0)
  }
}

async function openMember(path: string, member: string): Promise<Readable> {
  const zip = await openZip(path)
  try {
    for await (const entry of zip) {
      if (entry.filename !== member) continue
      const stream = await entry.openReadStream()
      stream.on('close', () => void zip.close())
      return stream
    }
  } catch (error) {
    await zip.close()
    throw error
  }
  await zip.close()
  throw new GimbalError('argument-invalid', 'No such file inside this zip', { file: path, member })
}
