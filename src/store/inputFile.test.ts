/**
 * Goal: a foreign file reads the same whatever it is packed in, and a damaged one never passes for a whole one.
 *
 * Method: the same lines packed four ways, by independent packers; then every kind of damage: cut anywhere, one bit
 * flipped anywhere, foreign bytes behind. What comes out must be a beginning of what went in, and an error that says so.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32, deflateRawSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import { inputMembers, openInput } from './inputFile.ts'
import { Lz4FrameDecoder } from './lz4Frame.ts'
import { XxHash32, xxHash32 } from './xxHash32.ts'

const lz4js = createRequire(import.meta.url)('lz4js') as { compress(bytes: Uint8Array): Uint8Array }

let dir = ''
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'gimbal-input-'))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

function write(name: string, bytes: Uint8Array | string): string {
  const path = join(dir, name)
  writeFileSync(path, bytes)
  return path
}

interface Line {
  readonly text: string
  readonly line: number
  readonly byte: number
  readonly complete: boolean
}

async function read(path: string, member?: string): Promise<{ lines: Line[]; error: unknown }> {
  const lines: Line[] = []
  try {
    const file = await openInput(path, member)
    await file.lines((text, line, byte, complete) => lines.push({ text, line, byte, complete }))
    return { lines, error: undefined }
  } catch (error) {
    return { lines, error }
  }
}

/** Lines that look like a recording and do not compress to nothing. */
function recording(lines: number, seed = 1): string {
  const random = new Random(seed)
  let text = ''
  for (let i = 0; i < lines; i++)
    text += `${i} {"p":"${63_000 + random.integer(0, 9999) / 10}","q":${random.uniform()}}\n`
  return text
}

/** A zip archive by the letter of APPNOTE.TXT: local headers, then the directory. */
function zip(files: Record<string, Uint8Array>): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let at = 0
  for (const [name, bytes] of Object.entries(files)) {
    const packed = deflateRawSync(bytes)
    const header = Buffer.alloc(30)
    header.writeUInt32LE(0x04034b50, 0)
    header.writeUInt16LE(20, 4)
    header.writeUInt16LE(8, 8)
    header.writeUInt32LE(crc32(bytes), 14)
    header.writeUInt32LE(packed.length, 18)
    header.writeUInt32LE(bytes.length, 22)
    header.writeUInt16LE(name.length, 26)
    const entry = Buffer.alloc(46)
    entry.writeUInt32LE(0x02014b50, 0)
    header.copy(entry, 6, 4, 30)
    entry.writeUInt32LE(at, 42)
    parts.push(header, Buffer.from(name), packed)
    directory.push(entry, Buffer.from(name))
    at += 30 + name.length + packed.length
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(Object.keys(files).length, 8)
  end.writeUInt16LE(Object.keys(files).length, 10)
  end.writeUInt32LE(size, 12)
  end.writeUInt32LE(at, 16)
  return Buffer.concat([...parts, ...directory, end])
}

/** An LZ4 frame of stored blocks with every checksum: what lz4js cannot write. */
function storedFrame(text: string, blockBytes: number): Buffer {
  const bytes = Buffer.from(text)
  const header = Buffer.from([0b0111_0100, 0x40])
  const parts = [Buffer.from([0x04, 0x22, 0x4d, 0x18]), header, Buffer.from([(xxHash32(header) >>> 8) & 255])]
  const word = (value: number) => {
    const four = Buffer.alloc(4)
    four.writeUInt32LE(value >>> 0)
    return four
  }
  for (let at = 0; at < bytes.length; at += blockBytes) {
    const block = bytes.subarray(at, at + blockBytes)
    parts.push(word(block.length | 0x80000000), block, word(xxHash32(block)))
  }
  return Buffer.concat([...parts, word(0), word(xxHash32(bytes))])
}

const TEXT = recording(5000)

describe('the same lines come out of every packing', () => {
  const packings: Record<string, () => Uint8Array> = {
    plain: () => Buffer.from(TEXT),
    gzip: () => gzipSync(TEXT),
    'gzip of several members': () => Buffer.concat([gzipSync(TEXT.slice(0, 999)), gzipSync(TEXT.slice(999))]),
    zip: () => zip({ 'a.csv': Buffer.from(TEXT) }),
    'zip of a gzip': () => zip({ 'a.csv.gz': gzipSync(TEXT) }),
    lz4: () => lz4js.compress(Buffer.from(TEXT)),
    'lz4 with checksums': () => storedFrame(TEXT, 50_000),
    'two lz4 frames': () =>
      Buffer.concat([lz4js.compress(Buffer.from(TEXT.slice(0, 77))), storedFrame(TEXT.slice(77), 999)]),
  }
  test.each(Object.entries(packings))('%s, under a name that says nothing', async (name, pack) => {
    const { lines, error } = await read(write(`${name.replaceAll(' ', '-')}.bin`, pack()))
    expect(error).toBeUndefined()
    expect(lines.map(({ text }) => text)).toEqual(TEXT.trimEnd().split('\n'))
    for (const { text, byte } of lines.filter((_, i) => i % 97 === 0)) {
      expect(TEXT.slice(byte, byte + text.length)).toBe(text)
    }
    expect(lines.every(({ complete }, i) => complete && lines[i]!.line === i + 1)).toBe(true)
  })
})

describe('lines', () => {
  test('the last line without a terminator is passed as possibly cut', async () => {
    const { lines } = await read(write('cut.csv', 'a,b\r\n1,2\r\n3,'))
    expect(lines).toEqual([
      { text: 'a,b', line: 1, byte: 0, complete: true },
      { text: '1,2', line: 2, byte: 5, complete: true },
      { text: '3,', line: 3, byte: 10, complete: false },
    ])
  })

  test('an empty file has no lines', async () => {
    expect(await read(write('empty', ''))).toEqual({ lines: [], error: undefined })
  })

  test('a byte-order mark is no part of the first field, but counts in places', async () => {
    const { lines } = await read(write('bom.csv', '\ufefftime\nx\n'))
    expect(lines.map(({ text, byte }) => [text, byte])).toEqual([
      ['time', 0],
      ['x', 8],
    ])
  })

  test('any text cut into any chunks keeps lines and byte places, valid UTF-8 or not', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), async (noise, packed) => {
        const bytes = Buffer.from(noise.map((byte) => (byte % 7 === 0 ? 10 : byte)))
        const text = Buffer.concat([Buffer.from('x'), bytes])
        const { lines, error } = await read(write('any', packed ? gzipSync(text) : text))
        expect(error).toBeUndefined()
        const expected: [string, number][] = []
        for (let at = 0; at < text.length; ) {
          const end = text.indexOf(10, at) < 0 ? text.length : text.indexOf(10, at)
          const cut = end > at && text[end - 1] === 13 && end < text.length ? end - 1 : end
          expected.push([text.toString('utf8', at, cut), at])
          at = end + 1
        }
        expect(lines.map(({ text: each, byte }) => [each, byte])).toEqual(expected)
      }),
      { numRuns: 60 },
    )
  })

  test('what the reader of a line throws comes through untouched', async () => {
    const file = await openInput(write('throws.gz', gzipSync(TEXT)))
    const mine = new Error('mine')
    await expect(
      file.lines(() => {
        throw mine
      }),
    ).rejects.toBe(mine)
  })

  test('a small file is read whole, a large one refused', async () => {
    const file = await openInput(write('whole.gz', gzipSync(TEXT)))
    expect(await file.text()).toBe(TEXT)
    await expect(file.text(1000)).rejects.toMatchObject({ code: 'file-invalid' })
  })
})

describe('zip members', () => {
  test('are listed and read one by one', async () => {
    const path = write('two.zip', zip({ 'a.csv': Buffer.from('1\n'), 'b.csv': Buffer.from('2\n') }))
    expect(await inputMembers(path)).toEqual(['a.csv', 'b.csv'])
    expect((await read(path, 'b.csv')).lines[0]!.text).toBe('2')
    expect((await openInput(path, 'b.csv')).name).toBe('two.zip!b.csv')
    expect((await read(path)).error).toMatchObject({ code: 'argument-invalid' })
    expect((await read(path, 'c.csv')).error).toMatchObject({ code: 'argument-invalid' })
  })

  test('a file that is no zip has none', async () => {
    expect(await inputMembers(write('plain.csv', '1\n'))).toEqual([])
  })
})

describe('what must be refused', () => {
  test('a missing file', async () => {
    expect((await read(join(dir, 'nowhere'))).error).toMatchObject({ code: 'file-missing' })
    expect((await read(dir)).error).toMatchObject({ code: 'file-missing' })
  })

  test('a packing nobody here can read, by its name', async () => {
    const zstd = write('a.zst', Buffer.from('28b52ffd00000000', 'hex'))
    expect((await read(zstd)).error).toMatchObject({ code: 'file-invalid', facts: { packing: 'zstd' } })
  })

  const packed: Record<string, Uint8Array> = {
    gzip: gzipSync(TEXT),
    'two gzip members': Buffer.concat([gzipSync(TEXT.slice(0, 100_000)), gzipSync(TEXT.slice(100_000))]),
    lz4: storedFrame(TEXT, 4096),
    'lz4 by lz4js': lz4js.compress(Buffer.from(TEXT)),
    zip: zip({ 'a.csv': Buffer.from(TEXT) }),
  }

  test.each(Object.keys(packed))('%s cut short: a beginning, then an error saying how much', async (name) => {
    const bytes = packed[name]!
    const random = new Random(7)
    for (let cut = 0; cut < 12; cut++) {
      const length = random.integer(20, bytes.length - 1)
      const { lines, error } = await read(write('cut.bin', bytes.subarray(0, length)))
      // A gzip cut exactly between two members is a whole gzip; nobody can tell.
      expect(error).toMatchObject({ code: 'file-invalid', facts: { linesReadable: lines.length } })
      expect(TEXT.startsWith(lines.map(({ text }) => `${text}\n`).join(''))).toBe(true)
      if (name === 'gzip' && length > bytes.length / 2) expect(lines.length).toBeGreaterThan(1000)
    }
  })

  test.each(['gzip', 'two gzip members', 'lz4', 'zip'])('%s with one bit flipped is refused', async (name) => {
    const random = new Random(11)
    for (let flip = 0; flip < 40; flip++) {
      const bytes = Buffer.from(packed[name]!)
      const at = random.integer(0, bytes.length - 1)
      bytes[at]! ^= 1 << random.integer(0, 7)
      const { lines, error } = await read(write('flip.bin', bytes))
      // Bits nobody checks (a date, an operating system) may flip; then the text must be whole and right.
      if (error === undefined && lines.length > 1) {
        expect(lines.map(({ text }) => `${text}\n`).join('')).toBe(TEXT)
      } else if (error !== undefined) expect(error).toMatchObject({ name: 'GimbalError' })
    }
  })

  test('bytes behind the last gzip member are not ignored', async () => {
    const { error } = await read(write('tail.gz', Buffer.concat([gzipSync(TEXT), Buffer.from('not gzip at all')])))
    expect(error).toMatchObject({ code: 'file-invalid' })
  })
})

describe('LZ4 and its checksum', () => {
  test('xxHash32 gives the published digests, however the bytes are cut', () => {
    expect(xxHash32(Buffer.from(''))).toBe(0x02cc5d05)
    expect(xxHash32(Buffer.from('a'))).toBe(0x550d7456)
    expect(xxHash32(Buffer.from('abc'))).toBe(0x32d153ff)
    expect(xxHash32(Buffer.from('Nobody inspects the spammish repetition'))).toBe(0xe2293b2f)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, cut) => {
        const hash = new XxHash32()
        hash.update(bytes.subarray(0, cut))
        hash.update(bytes.subarray(cut))
        expect(hash.digest()).toBe(xxHash32(bytes))
      }),
    )
  })

  test('linked blocks reach back into the block before', () => {
    // Literals "abcdefgh", then in the second block a match of 8 bytes at offset 8 and five closing literals.
    const first = Buffer.from([0x80, ...Buffer.from('abcdefgh')])
    const second = Buffer.from([0x04, 8, 0, 0x50, ...Buffer.from('-end!')])
    const header = Buffer.from([0b0100_0000, 0x40])
    const size = (block: Buffer) => [block.length, 0, 0, 0]
    const frame = Buffer.from([
      ...[0x04, 0x22, 0x4d, 0x18, ...header, (xxHash32(header) >>> 8) & 255],
      ...[...size(first), ...first, ...size(second), ...second, 0, 0, 0, 0],
    ])
    let text = ''
    const decoder = new Lz4FrameDecoder((bytes) => {
      text += Buffer.from(bytes).toString()
    })
    for (const byte of frame) decoder.write(Uint8Array.of(byte))
    decoder.end()
    expect(text).toBe('abcdefghabcdefgh-end!')
  })

  test('whatever lz4js packs is unpacked, in any chunks', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(3), { minLength: 1, maxLength: 3000 }),
        fc.integer({ min: 1, max: 500 }),
        (input, step) => {
          const bytes = Buffer.from(input)
          const packed = lz4js.compress(bytes)
          const out: Buffer[] = []
          const decoder = new Lz4FrameDecoder((each) => out.push(Buffer.from(each)))
          for (let at = 0; at < packed.length; at += step) decoder.write(packed.subarray(at, at + step))
          decoder.end()
          expect(Buffer.concat(out).equals(bytes)).toBe(true)
        },
      ),
      { numRuns: 50 },
    )
  })
})
