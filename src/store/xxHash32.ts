/**
 * @file xxHash32, streaming: the checksum inside LZ4 frames.
 *
 * Source: Y. Collet, "xxHash fast digest algorithm", doc/xxhash_spec.md of the xxHash repository, section XXH32.
 */

const PRIME1 = 0x9e3779b1
const PRIME2 = 0x85ebca77
const PRIME3 = 0xc2b2ae3d
const PRIME4 = 0x27d4eb2f
const PRIME5 = 0x165667b1

/** Hash of a stream of bytes. Not for secrets. */
export class XxHash32 {
  readonly #lanes = new Int32Array(4)
  readonly #rest = new Uint8Array(16)
  #restLength = 0
  #length = 0

  constructor() {
    this.reset()
  }

  reset(): void {
    this.#lanes[0] = (PRIME1 + PRIME2) | 0
    this.#lanes[1] = PRIME2 | 0
    this.#lanes[2] = 0
    this.#lanes[3] = -PRIME1 | 0
    this.#restLength = 0
    this.#length = 0
  }

  update(bytes: Uint8Array): void {
    this.#length += bytes.length
    let at = 0
    if (this.#restLength > 0) {
      at = Math.min(16 - this.#restLength, bytes.length)
      this.#rest.set(bytes.subarray(0, at), this.#restLength)
      this.#restLength += at
      if (this.#restLength < 16) return
      this.#stripes(this.#rest, 0, 16)
    }
    const end = at + ((bytes.length - at) & ~15)
    this.#stripes(bytes, at, end)
    this.#rest.set(bytes.subarray(end), 0)
    this.#restLength = bytes.length - end
  }

  /** The hash of everything so far, as an unsigned 32-bit integer. */
  digest(): number {
    const lanes = this.#lanes
    let hash =
      this.#length >= 16
        ? rotate(lanes[0]!, 1) + rotate(lanes[1]!, 7) + rotate(lanes[2]!, 12) + rotate(lanes[3]!, 18)
        : PRIME5
    hash = (hash + (this.#length >>> 0)) | 0
    const rest = this.#rest
    let at = 0
    for (; at + 4 <= this.#restLength; at += 4) {
      hash = Math.imul(rotate((hash + Math.imul(word(rest, at), PRIME3)) | 0, 17), PRIME4)
    }
    for (; at < this.#restLength; at++) hash = Math.imul(rotate((hash + Math.imul(rest[at]!, PRIME5)) | 0, 11), PRIME1)
    hash = Math.imul(hash ^ (hash >>> 15), PRIME2)
    hash = Math.imul(hash ^ (hash >>> 13), PRIME3)
    return (hash ^ (hash >>> 16)) >>> 0
  }

  #stripes(bytes: Uint8Array, start: number, end: number): void {
    let a = this.#lanes[0]!
    let b = this.#lanes[1]!
    let c = this.#lanes[2]!
    let d = this.#lanes[3]!
    for (let at = start; at < end; at += 16) {
      a = Math.imul(rotate((a + Math.imul(word(bytes, at), PRIME2)) | 0, 13), PRIME1)
      b = Math.imul(rotate((b + Math.imul(word(bytes, at + 4), PRIME2)) | 0, 13), PRIME1)
      c = Math.imul(rotate((c + Math.imul(word(bytes, at + 8), PRIME2)) | 0, 13), PRIME1)
      d = Math.imul(rotate((d + Math.imul(word(bytes, at + 12), PRIME2)) | 0, 13), PRIME1)
    }
    this.#lanes[0] = a
    this.#lanes[1] = b
    this.#lanes[2] = c
    this.#lanes[3] = d
  }
}

/** Hash of one piece of bytes. */
export function xxHash32(bytes: Uint8Array): number {
  const hash = new XxHash32()
  hash.update(bytes)
  return hash.digest()
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}
