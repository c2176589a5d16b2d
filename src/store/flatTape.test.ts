/**
 * Goal: a flat tape gives back the rows it was given, whole or between two times, and a damaged one is never replayed.
 *
 * Method: random rows across block boundaries compared with a list; every cut of the file refused.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import type { InstrumentSpec } from '../market/instrument.ts'
import { Kind, MemoryTape, type TapeSource } from '../market/tape.ts'
import { FlatTape, FlatTapeWriter, LoopedTape } from './flatTape.ts'

const root = mkdtempSync(join(tmpdir(), 'gimbal-flat-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const SPEC: InstrumentSpec = {
  base: 'XYZ',
  quote: 'USDT',
  kind: 'perp',
  venue: 'test',
  venueSymbol: 'XYZUSDT',
  payoff: 'linear',
  settle: 'USDT',
  tickSize: '0.1',
  lotSize: '1',
  multiplier: '1',
  source: 'test',
}

type Row = readonly [
  timeUs: number,
  venueTimeUs: number,
  kind: number,
  instrument: number,
  side: number,
  tick: number,
  lots: number,
  value: number,
  flags: number,
]

let written = 0
function write(rows: readonly Row[]): string {
  const path = join(root, `tape-${++written}.tape`)
  const writer = new FlatTapeWriter(path, [SPEC, { ...SPEC, base: 'ABC' }])
  for (const row of rows) writer.push(...row)
  writer.commit()
  return path
}

function read(source: TapeSource): Row[] {
  const rows: Row[] = []
  for (let batch = source.next(); batch; batch = source.next()) {
    for (let i = 0; i < batch.count; i++) {
      rows.push([
        batch.timeUs[i]!,
        batch.venueTimeUs[i]!,
        batch.kind[i]!,
        batch.instrument[i]!,
        batch.side[i]!,
        batch.tick[i]!,
        batch.lots[i]!,
        batch.value[i]!,
        batch.flags[i]!,
      ])
    }
  }
  source.close()
  return rows
}

function randomRows(count: number, seed: number): Row[] {
  const random = new Random(seed)
  let timeUs = 1.7e15
  return Array.from({ length: count }, (): Row => {
    timeUs += random.integer(0, 2)
    const tick = random.integer(-2_000_000_000, 2_000_000_000)
    return [
      timeUs,
      timeUs - random.integer(0, 99),
      Kind.DEPTH,
      random.integer(0, 1),
      1,
      tick,
      random.integer(0, 9e15),
      random.normal(),
      1,
    ]
  })
}

test('rows come back as written, across blocks, and between any two times', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9000 }), fc.nat(), fc.nat(10_000), fc.nat(10_000), (count, seed, a, b) => {
      const rows = randomRows(count, seed)
      const tape = new FlatTape(write(rows))
      expect(tape.header.rows).toBe(count)
      expect(read(tape)).toEqual(rows)
      expect(read(tape.rewind())).toEqual(rows)
      const [fromUs, toUs] = [1.7e15 + a, 1.7e15 + b]
      expect(read(tape.limit(fromUs, toUs))).toEqual(rows.filter(([timeUs]) => timeUs >= fromUs && timeUs < toUs))
      tape.verify()
      tape.close()
      rmSync(tape.path)
    }),
    { numRuns: 15 },
  )
})

test('a tape cut anywhere is refused, and one with a flipped bit does not verify', () => {
  const bytes = readFileSync(write(randomRows(5000, 1)))
  const path = join(root, 'damaged.tape')
  for (const length of [0, 10, 16, 500, 4096, bytes.length - 41 * 4096, bytes.length - 1]) {
    writeFileSync(path, bytes.subarray(0, length))
    expect(() => new FlatTape(path)).toThrow(expect.objectContaining({ code: 'file-invalid' }))
  }
  bytes[bytes.length - 41 * 4096 + 7]! ^= 1
  writeFileSync(path, bytes)
  expect(() => new FlatTape(path).verify()).toThrow(expect.objectContaining({ code: 'file-invalid' }))
  expect(() => new FlatTape(join(root, 'nowhere'))).toThrow(expect.objectContaining({ code: 'file-missing' }))
})

test('a tape given up leaves no file', () => {
  const before = readdirSync(root)
  const writer = new FlatTapeWriter(join(root, 'never.tape'), [SPEC])
  writer.push(...randomRows(1, 1)[0]!)
  writer.abandon()
  expect(readdirSync(root)).toEqual(before)
})

test('rows out of order are our own mistake', () => {
  const [row] = randomRows(1, 1)
  const writer = new FlatTapeWriter(join(root, 'wrong.tape'), [SPEC])
  writer.push(...row!)
  expect(() =>
    writer.push(
      row![0] - 1,
      ...(row!.slice(1) as unknown as [number, number, number, number, number, number, number, number]),
    ),
  ).toThrow('order of receipt')
  writer.abandon()
})

test('a looped tape repeats itself later by the length of the loop, and leaves its source as it was', () => {
  const memory = new MemoryTape()
  const rows = randomRows(5000, 9)
  for (const row of rows) memory.push(...row)
  const looped = read(new LoopedTape(() => memory.reader(), 3, 1_000_000))
  const expected = [0, 1, 2].flatMap((loop) =>
    rows.map(([timeUs, venueTimeUs, ...rest]): Row => [timeUs + loop * 1e6, venueTimeUs + loop * 1e6, ...rest]),
  )
  expect(looped).toEqual(expected)
  expect(read(memory.reader())).toEqual(rows)
})
