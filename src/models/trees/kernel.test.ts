/**
 * Goal: the WebAssembly kernel is its text, and does bit for bit what its twin in TypeScript says.
 *
 * Method: assemble the text again and compare bytes; then both kernels over two memories of the same random contents, every
 * function compared by the whole memory it leaves behind; then whole fits (trees.test.ts runs those).
 */

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import wabt from 'wabt'
import { Random } from '../../core/random.ts'
import { kernelOf, type TreeKernel } from './kernel.ts'
import { newMemory } from './kernelMemory.ts'
import { WASM } from './kernelWasm.ts'

test('the bytes that run are those of kernel.wat', async () => {
  const { parseWat } = await wabt()
  const text = readFileSync(new URL('./kernel.wat', import.meta.url), 'utf8')
  const module = parseWat('kernel.wat', text, { simd: true, threads: true, bulk_memory: true })
  const bytes = Buffer.from(module.toBinary({}).buffer)
  module.destroy()
  expect(bytes.toString('base64')).toBe(WASM)
})

/** Places in a memory of a quarter of a megabyte, far enough apart for what each test does. */
const ROWS = 0
const BINS = 4096
const FIXED = 40_960
const ADDRESSES = 65_536
const GATHERED = 69_632
const HISTOGRAM = 90_112
const LEFT = 139_264
const RIGHT = 143_360
const DOUBLES = 147_456
const BOUNDS = 163_840
const COUNT = 300
const STRIDE = 72

/** Runs on both kernels from the same contents; fails unless they leave the same, and returns what the first said. */
function both(name: string, prepare: (memory: DataView, random: Random) => void, act: (kernel: TreeKernel) => unknown) {
  const [one, two] = [newMemory(262_144), newMemory(262_144, true)]
  expect(one.wasm, 'this runtime has WebAssembly').toBeDefined()
  const random = new Random(11).fork(name)
  const bytes = new Uint8Array(one.buffer)
  for (let i = 0; i < bytes.length; i++) bytes[i] = random.bits()
  const rows = new Uint32Array(one.buffer, ROWS, COUNT)
  for (let i = 0; i < COUNT; i++) rows[i] = random.integer(0, 399)
  prepare(new DataView(one.buffer), random)
  new Uint8Array(two.buffer).set(bytes)
  const untouched = bytes.slice()
  const answers = [act(kernelOf(one)), act(kernelOf(two))]
  expect(answers[0]).toBe(answers[1])
  expect(Buffer.compare(Buffer.from(one.buffer), Buffer.from(two.buffer))).toBe(0)
  expect(Buffer.compare(bytes, untouched), 'something was written').not.toBe(0)
  return answers[0]
}
const nothing = () => {}

test('rows are gathered alike', () => {
  both('packed', nothing, (kernel) => kernel.gatherPacked(ROWS, COUNT, BINS, STRIDE, FIXED, ADDRESSES, GATHERED))
  both('wide', nothing, (kernel) => kernel.gatherWide(ROWS, COUNT, BINS, STRIDE, FIXED, ADDRESSES, GATHERED))
})

test('histograms, eight columns or one, carry and borrow across words alike', () => {
  both('packed', nothing, (kernel) => {
    kernel.gatherPacked(ROWS, COUNT, BINS, STRIDE, FIXED, ADDRESSES, GATHERED)
    kernel.histogramPacked8(ADDRESSES, GATHERED, COUNT, 3, HISTOGRAM)
    kernel.histogramPacked1(ADDRESSES, GATHERED, COUNT, 17, HISTOGRAM + 20_480)
  })
  both('wide', nothing, (kernel) => {
    kernel.gatherWide(ROWS, COUNT, BINS, STRIDE, FIXED, ADDRESSES, GATHERED)
    kernel.histogramWide8(ADDRESSES, GATHERED, COUNT, 5, HISTOGRAM)
    kernel.histogramWide1(ADDRESSES, GATHERED, COUNT, 21, HISTOGRAM + 40_960)
  })
  both('add', nothing, (kernel) => kernel.addInto(HISTOGRAM, FIXED, 4096))
  both('subtract', nothing, (kernel) => kernel.subtractFrom(HISTOGRAM, FIXED, 4096))
})

test('rows are divided alike', () => {
  const sides: number[][] = []
  for (const plain of [false, true]) {
    const { buffer, wasm } = newMemory(262_144, plain)
    const random = new Random(5)
    const bytes = new Uint8Array(buffer)
    for (let i = 0; i < bytes.length; i++) bytes[i] = random.bits()
    for (let bin = 0; bin < 256; bin++) bytes[BOUNDS + bin] = random.integer(0, 1)
    new Uint32Array(buffer, ROWS, COUNT).forEach((_, i, rows) => {
      rows[i] = 400 - i
    })
    const lefts = kernelOf(wasm ? { buffer, wasm } : { buffer }).partition(ROWS, COUNT, BINS, BOUNDS, LEFT, RIGHT)
    // Only what belongs to each side: the kernel without branches leaves other rows behind the ends.
    sides.push([...new Uint32Array(buffer, LEFT, lefts), -1, ...new Uint32Array(buffer, RIGHT, COUNT - lefts)])
  }
  expect(sides[0]).toEqual(sides[1])
  expect(sides[0]).toHaveLength(COUNT + 1)
  expect(sides[0]!.indexOf(-1)).toBeGreaterThan(50)
  expect(sides[0]!.indexOf(-1)).toBeLessThan(250)
})

test('gradients become the same whole numbers, halves and signs included', () => {
  const gradients = (memory: DataView, random: Random) => {
    for (let i = 0; i < COUNT; i++) {
      memory.setFloat64(DOUBLES + i * 8, [0.5, -0.5, 1.5, -2.5, 0][i] ?? random.normal() * 1000, true)
      memory.setFloat64(DOUBLES + 4096 + i * 8, Math.abs(random.normal()), true)
    }
  }
  both('packed', gradients, (kernel) => kernel.quantisePacked(DOUBLES, COUNT, 1, 9, FIXED))
  both('fine', gradients, (kernel) => kernel.quantisePacked(DOUBLES, COUNT, 2 ** 30, 9, FIXED))
  both('wide', gradients, (kernel) => kernel.quantiseWide(DOUBLES, DOUBLES + 4096, COUNT, 2 ** 35, 2 ** 40, 9, FIXED))
})

test('figures find the same bins, on a bound, beside it, beyond all and missing', () => {
  for (const size of [4, 8] as const)
    both(
      `bin${size}`,
      (memory, random) => {
        for (let i = 0; i < 256; i++)
          memory.setFloat64(BOUNDS + i * 8, i < 200 ? i - 100 : Number.POSITIVE_INFINITY, true)
        for (let i = 0; i < COUNT; i++) {
          const value = [Number.NaN, -1e30, 1e30, -100, 99, 98.5, 0, -0][i] ?? random.normal() * 60
          if (size === 4) memory.setFloat32(DOUBLES + i * 4, value, true)
          else memory.setFloat64(DOUBLES + i * 8, value, true)
        }
      },
      (kernel) => kernel[size === 4 ? 'bin32' : 'bin64'](DOUBLES, COUNT, BOUNDS, 222, LEFT),
    )
  both('turn', nothing, (kernel) => kernel.interleave(FIXED, 512, 200, 9, BINS, STRIDE))
})

test('the best threshold is the same one, gain and sums to the bit', () => {
  // Cells as words of 9 bits of count: some empty, some sums below nothing.
  const cells = (wide: boolean) => (memory: DataView, random: Random) => {
    for (let cell = 0; cell < 256; cell++) {
      const at = HISTOGRAM + cell * (wide ? 16 : 8)
      const rows = BigInt(Math.max(0, random.integer(-1, 3)))
      const gradient = rows === 0n ? 0n : BigInt(random.integer(-1e9, 1e9))
      const hessian = rows === 0n ? 0n : BigInt(random.integer(0, 1e6))
      memory.setBigInt64(at, wide ? gradient : (gradient << 9n) + rows, true)
      if (wide) memory.setBigInt64(at + 8, (hessian << 9n) + rows, true)
    }
  }
  const found = [
    both('packed', cells(false), (kernel) =>
      kernel.scanPacked(HISTOGRAM, 254, 9, 2 ** -25, 3.25, 300, 300, 0.5, 9, 1e-3, 0.1, LEFT),
    ),
    both('wide', cells(true), (kernel) =>
      kernel.scanWide(HISTOGRAM, 254, 9, 2 ** -25, 2 ** -12, 3.25, 2e4, 300, 0.5, 9, 1e-3, 0.01, LEFT),
    ),
  ]
  for (const bin of found) expect(bin).toBeGreaterThan(0)
  const none = newMemory(262_144)
  expect(kernelOf(none).scanPacked(HISTOGRAM, 254, 9, 1, 0, 0, 0, 0, 1, 1, 0, LEFT)).toBe(-1)
})
