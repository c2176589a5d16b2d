/**
 * @file LZ4 frames, decoded as they arrive: memory is one block (at most 4 MiB) and 64 KiB of history.
 *
 * The npm package `lz4js` decodes a whole frame at once, knows no linked blocks and checks no content checksum, so it
 * serves the tests as an independent encoder only. Frames may follow one another, with skippable frames between.
 *
 * Source: lz4 repository, doc/lz4_Frame_format.md 1.6.3 and doc/lz4_Block_format.md.
 */

import { XxHash32, xxHash32 } from './xxHash32.ts'

const MAGIC = 0x184d2204
const SKIPPABLE = 0x184d2a50
const HISTORY = 65_536
const BLOCK_BYTES: Readonly<Record<number, number>> = { 4: 65_536, 5: 262_144, 6: 1_048_576, 7: 4_194_304 }

/** What the decoder waits for next. */
type Awaited = 'magic' | 'skip-size' | 'skip' | 'header' | 'block-size' | 'block' | 'content-checksum'

/**
 * Decodes a stream of frames.
 *
 * Damage is a plain `Error` whose message says what did not fit; the caller knows the file and its place.
 */
export class Lz4FrameDecoder {
  readonly #emit: (bytes: Uint8Array) => void
  #pending = new Uint8Array(0)
  #awaited: Awaited = 'magic'
  #skip = 0
  #blockSize = 0
  #stored = false
  #blockMax = 0
  #linked = false
  #blockChecksum = false
  #contentChecksum = false
  #contentSize = -1
  #produced = 0
  #window = new Uint8Array(0)
  /** Bytes of history at the start of the window. */
  #history = 0
  readonly #hash = new XxHash32()

  /** @param emit Receives the unpacked bytes, valid only until it returns. */
  constructor(emit: (bytes: Uint8Array) => void) {
    this.#emit = emit
  }

  write(chunk: Uint8Array): void {
    let bytes = chunk
    if (this.#pending.length > 0) {
      bytes = new Uint8Array(this.#pending.length + chunk.length)
      bytes.set(this.#pending, 0)
      bytes.set(chunk, this.#pending.length)
    }
    let at = 0
    for (;;) {
      const used = this.#step(bytes, at)
      if (used < 0) break
      at += used
    }
    // Copied: the caller may reuse its chunk.
    this.#pending = bytes.slice(at)
  }

  /** To be called after the last byte. @throws when the last frame is not complete. */
  end(): void {
    if (this.#awaited !== 'magic' || this.#pending.length > 0) {
      throw new Error(`LZ4 frame cut short while waiting for its ${this.#awaited}`)
    }
  }

  /** Takes one item from `bytes` at `at`; returns how many bytes it took, or -1 when more are needed. */
  #step(bytes: Uint8Array, at: number): number {
    const available = bytes.length - at
    switch (this.#awaited) {
      case 'magic': {
        if (available < 4) return -1
        const magic = uint32(bytes, at)
        if (magic === MAGIC) this.#awaited = 'header'
        else if ((magic & ~15) >>> 0 === SKIPPABLE) this.#awaited = 'skip-size'
        else throw new Error('not an LZ4 frame')
        return 4
      }
      case 'skip-size':
        if (available < 4) return -1
        this.#skip = uint32(bytes, at)
        this.#awaited = 'skip'
        return 4
      case 'skip': {
        const used = Math.min(available, this.#skip)
        this.#skip -= used
        if (this.#skip > 0) return used > 0 ? used : -1
        this.#awaited = 'magic'
        return used
      }
      case 'header':
        return this.#header(bytes, at, available)
      case 'block-size': {
        if (available < 4) return -1
        const size = uint32(bytes, at)
        this.#blockSize = size & 0x7fffffff
        this.#stored = size > 0x7fffffff
        if (size === 0) this.#finish()
        else if (this.#blockSize > this.#blockMax) throw new Error('LZ4 block larger than its frame allows')
        else this.#awaited = 'block'
        return 4
      }
      case 'block': {
        const size = this.#blockSize + (this.#blockChecksum ? 4 : 0)
        if (available < size) return -1
        const block = bytes.subarray(at, at + this.#blockSize)
        if (this.#blockChecksum && xxHash32(block) !== uint32(bytes, at + this.#blockSize)) {
          throw new Error('LZ4 block checksum does not match')
        }
        this.#block(block)
        this.#awaited = 'block-size'
        return size
      }
      case 'content-checksum':
        if (available < 4) return -1
        if (this.#hash.digest() !== uint32(bytes, at)) throw new Error('LZ4 content checksum does not match')
        this.#awaited = 'magic'
        return 4
    }
  }

  #header(bytes: Uint8Array, at: number, available: number): number {
    if (available < 2) return -1
    const flags = bytes[at]!
    const size = 2 + ((flags & 8) !== 0 ? 8 : 0) + ((flags & 1) !== 0 ? 4 : 0)
    if (available < size + 1) return -1
    if (((xxHash32(bytes.subarray(at, at + size)) >>> 8) & 255) !== bytes[at + size]) {
      throw new Error('LZ4 header checksum does not match')
    }
    if (flags >> 6 !== 1) throw new Error('unknown LZ4 frame version')
    if ((flags & 1) !== 0) throw new Error('LZ4 frame needs a dictionary')
    this.#linked = (flags & 32) === 0
    this.#blockChecksum = (flags & 16) !== 0
    this.#contentChecksum = (flags & 4) !== 0
    this.#contentSize = (flags & 8) !== 0 ? uint32(bytes, at + 2) + uint32(bytes, at + 6) * 2 ** 32 : -1
    const blockMax = BLOCK_BYTES[(bytes[at + 1]! >> 4) & 7]
    if (blockMax === undefined) throw new Error('unknown LZ4 block size')
    this.#blockMax = blockMax
    if (this.#window.length < HISTORY + blockMax) this.#window = new Uint8Array(HISTORY + blockMax)
    this.#history = 0
    this.#produced = 0
    this.#hash.reset()
    this.#awaited = 'block-size'
    return size + 1
  }

  #block(block: Uint8Array): void {
    const window = this.#window
    const start = this.#history
    let end = start + block.length
    if (this.#stored) window.set(block, start)
    else end = decodeBlock(block, window, start, start + this.#blockMax)
    const bytes = window.subarray(start, end)
    this.#produced += bytes.length
    if (this.#contentChecksum) this.#hash.update(bytes)
    this.#emit(bytes)
    if (this.#linked) {
      this.#history = Math.min(HISTORY, end)
      window.copyWithin(0, end - this.#history, end)
    }
  }

  #finish(): void {
    if (this.#contentSize >= 0 && this.#contentSize !== this.#produced) {
      throw new Error(`LZ4 frame of ${this.#produced} bytes says it holds ${this.#contentSize}`)
    }
    this.#awaited = this.#contentChecksum ? 'content-checksum' : 'magic'
  }
}

/**
 * Decodes one block into `target` from `start`; matches may reach back to index 0.
 *
 * @returns Index after the last byte written.
 * @throws When the block refers outside itself or would pass `limit`.
 */
function decodeBlock(source: Uint8Array, target: Uint8Array, start: number, limit: number): number {
  let at = 0
  let out = start
  const damaged = () => new Error('LZ4 block is damaged')
  while (at < source.length) {
    const token = source[at++]!
    let literals = token >> 4
    if (literals === 15) {
      let more = 255
      while (more === 255) {
        if (at >= source.length) throw damaged()
        more = source[at++]!
        literals += more
      }
    }
    if (at + literals > source.length || out + literals > limit) throw damaged()
    if (literals < 24) for (let i = 0; i < literals; i++) target[out + i] = source[at + i]!
    else target.set(source.subarray(at, at + literals), out)
    at += literals
    out += literals
    if (at === source.length) return out // The last sequence has no match.
    if (at + 2 > source.length) throw damaged()
    const offset = source[at]! | (source[at + 1]! << 8)
    at += 2
    let length = token & 15
    if (length === 15) {
      let more = 255
      while (more === 255) {
        if (at >= source.length) throw damaged()
        more = source[at++]!
        length += more
      }
    }
    length += 4
    if (offset === 0 || offset > out || out + length > limit) throw damaged()
    const from = out - offset
    // A match may overlap what it writes: then it repeats, and must be copied byte by byte.
    if (offset >= length && length >= 24) target.copyWithin(out, from, from + length)
    else for (let i = 0; i < length; i++) target[out + i] = target[from + i]!
    out += length
  }
  throw damaged()
}

function uint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
}
