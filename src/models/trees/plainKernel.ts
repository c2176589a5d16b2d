/**
 * @file The kernel in TypeScript: slower, easier to read, and bit for bit what kernel.wat does. Runs where WebAssembly with
 * SIMD is missing, and in tests, where both must grow identical trees.
 */

import type { TreeKernel } from './kernel.ts'

const PACKED_COLUMN = 2048
const WIDE_COLUMN = 4096
const TWO_32 = 2 ** 32

/** See {@link TreeKernel}. 64-bit words are pairs of 32-bit ones, low first. */
export class PlainKernel implements TreeKernel {
  readonly #bytes: Uint8Array
  readonly #words: Uint32Array
  readonly #singles: Float32Array
  readonly #doubles: Float64Array

  constructor(buffer: SharedArrayBuffer) {
    this.#bytes = new Uint8Array(buffer)
    this.#words = new Uint32Array(buffer)
    this.#singles = new Float32Array(buffer)
    this.#doubles = new Float64Array(buffer)
  }

  gatherPacked(
    rows: number,
    count: number,
    bins: number,
    stride: number,
    fixed: number,
    addresses: number,
    gathered: number,
  ): number {
    return this.#gather(rows, count, bins, stride, fixed, addresses, gathered, 2)
  }

  gatherWide(
    rows: number,
    count: number,
    bins: number,
    stride: number,
    fixed: number,
    addresses: number,
    gathered: number,
  ): number {
    return this.#gather(rows, count, bins, stride, fixed, addresses, gathered, 4)
  }

  #gather(
    rows: number,
    count: number,
    bins: number,
    stride: number,
    fixed: number,
    addresses: number,
    gathered: number,
    wordsEach: number,
  ): number {
    const words = this.#words
    let touched = 0
    for (let i = 0; i < count; i++) {
      const row = words[rows / 4 + i]!
      const begin = bins + row * stride
      words[addresses / 4 + i] = begin
      let line = begin
      do touched += this.#bytes[line]!
      while ((line += 64) < begin + stride)
      const source = fixed / 4 + row * wordsEach
      const target = gathered / 4 + i * wordsEach
      for (let word = 0; word < wordsEach; word++) words[target + word] = words[source + word]!
    }
    return touched
  }

  histogramPacked8(addresses: number, gathered: number, count: number, feature: number, histogram: number): void {
    for (let i = 0; i < 8; i++)
      this.histogramPacked1(addresses, gathered, count, feature + i, histogram + i * PACKED_COLUMN)
  }

  histogramPacked1(addresses: number, gathered: number, count: number, feature: number, histogram: number): void {
    for (let i = 0; i < count; i++) {
      const bin = this.#bytes[this.#words[addresses / 4 + i]! + feature]!
      this.#add(histogram / 4 + bin * 2, gathered / 4 + i * 2)
    }
  }

  histogramWide8(addresses: number, gathered: number, count: number, feature: number, histogram: number): void {
    for (let i = 0; i < 8; i++)
      this.histogramWide1(addresses, gathered, count, feature + i, histogram + i * WIDE_COLUMN)
  }

  histogramWide1(addresses: number, gathered: number, count: number, feature: number, histogram: number): void {
    for (let i = 0; i < count; i++) {
      const bin = this.#bytes[this.#words[addresses / 4 + i]! + feature]!
      this.#add(histogram / 4 + bin * 4, gathered / 4 + i * 4)
      this.#add(histogram / 4 + bin * 4 + 2, gathered / 4 + i * 4 + 2)
    }
  }

  /** Adds one 64-bit word to another, places given in 32-bit words. */
  #add(target: number, source: number): void {
    const words = this.#words
    const low = words[target]! + words[source]!
    words[target] = low
    words[target + 1] = words[target + 1]! + words[source + 1]! + (low >= TWO_32 ? 1 : 0)
  }

  addInto(target: number, source: number, bytes: number): void {
    for (let at = 0; at < bytes / 4; at += 2) this.#add(target / 4 + at, source / 4 + at)
  }

  subtractFrom(target: number, source: number, bytes: number): void {
    const words = this.#words
    for (let at = 0; at < bytes / 4; at += 2) {
      const low = words[target / 4 + at]! - words[source / 4 + at]!
      words[target / 4 + at] = low
      words[target / 4 + at + 1] = words[target / 4 + at + 1]! - words[source / 4 + at + 1]! - (low < 0 ? 1 : 0)
    }
  }

  partition(rows: number, count: number, column: number, goesLeft: number, left: number, right: number): number {
    let lefts = 0
    for (let i = 0; i < count; i++) {
      const row = this.#words[rows / 4 + i]!
      if (this.#bytes[goesLeft + this.#bytes[column + row]!]! === 1) this.#words[left / 4 + lefts++] = row
      else this.#words[right / 4 + i - lefts] = row
    }
    return lefts
  }

  quantisePacked(gradients: number, count: number, scale: number, countBits: number, out: number): void {
    for (let i = 0; i < count; i++)
      this.#store(out / 4 + i * 2, Math.floor(this.#doubles[gradients / 8 + i]! * scale + 0.5), countBits, 1)
  }

  quantiseWide(
    gradients: number,
    hessians: number,
    count: number,
    scale: number,
    hessianScale: number,
    countBits: number,
    out: number,
  ): void {
    for (let i = 0; i < count; i++) {
      this.#store(out / 4 + i * 4, Math.floor(this.#doubles[gradients / 8 + i]! * scale + 0.5), 0, 0)
      const hessian = Math.floor(this.#doubles[hessians / 8 + i]! * hessianScale + 0.5)
      this.#store(out / 4 + i * 4 + 2, hessian, countBits, 1)
    }
  }

  /** Stores `whole << shift | low` at a place given in 32-bit words. */
  #store(at: number, whole: number, shift: number, low: number): void {
    const word = (BigInt(whole) << BigInt(shift)) + BigInt(low)
    this.#words[at] = Number(word & 0xffffffffn)
    this.#words[at + 1] = Number((word >> 32n) & 0xffffffffn)
  }

  bin32(values: number, count: number, bounds: number, missing: number, out: number): void {
    for (let i = 0; i < count; i++) this.#bytes[out + i] = this.#bin(this.#singles[values / 4 + i]!, bounds, missing)
  }

  bin64(values: number, count: number, bounds: number, missing: number, out: number): void {
    for (let i = 0; i < count; i++) this.#bytes[out + i] = this.#bin(this.#doubles[values / 8 + i]!, bounds, missing)
  }

  #bin(value: number, bounds: number, missing: number): number {
    if (Number.isNaN(value)) return missing
    let bin = 0
    while (bin < 255 && this.#doubles[bounds / 8 + bin]! < value) bin++
    return bin
  }

  scanPacked(
    cells: number,
    last: number,
    countBits: number,
    unit: number,
    gradient: number,
    hessian: number,
    rows: number,
    lambdaL2: number,
    rowsMin: number,
    hessianMin: number,
    toBeat: number,
    out: number,
  ): number {
    const leaf = { gradient, hessian, rows, lambdaL2, rowsMin, hessianMin, toBeat }
    return this.#scan(cells, last, countBits, unit, Number.NaN, leaf, out)
  }

  scanWide(
    cells: number,
    last: number,
    countBits: number,
    unit: number,
    hessianUnit: number,
    gradient: number,
    hessian: number,
    rows: number,
    lambdaL2: number,
    rowsMin: number,
    hessianMin: number,
    toBeat: number,
    out: number,
  ): number {
    const leaf = { gradient, hessian, rows, lambdaL2, rowsMin, hessianMin, toBeat }
    return this.#scan(cells, last, countBits, unit, hessianUnit, leaf, out)
  }

  /** Sums are whole numbers times a power of two below 2^53: doubles add them exactly, as 64-bit words do. */
  #scan(
    cells: number,
    last: number,
    countBits: number,
    unit: number,
    hessianUnit: number,
    leaf: Record<'gradient' | 'hessian' | 'rows' | 'lambdaL2' | 'rowsMin' | 'hessianMin' | 'toBeat', number>,
    out: number,
  ): number {
    const words = this.#words
    const wide = !Number.isNaN(hessianUnit)
    const above = (at: number) => (words[at + 1]! | 0) * 2 ** (32 - countBits) + (words[at]! >>> countBits)
    let best = leaf.toBeat
    let found = -1
    let right = 0
    let rightHessian = 0
    let rightRows = 0
    for (let bin = last; bin >= 1; bin--) {
      const at = cells / 4 + bin * (wide ? 4 : 2)
      const count = words[wide ? at + 2 : at]! & (2 ** countBits - 1)
      if (count === 0) continue
      right += (wide ? (words[at + 1]! | 0) * TWO_32 + words[at]! : above(at)) * unit
      rightRows += count
      rightHessian += wide ? above(at + 2) * hessianUnit : count
      if (rightRows < leaf.rowsMin || rightHessian < leaf.hessianMin) continue
      const leftRows = leaf.rows - rightRows
      const leftHessian = leaf.hessian - rightHessian
      if (leftRows < leaf.rowsMin || leftHessian < leaf.hessianMin) break
      const left = leaf.gradient - right
      const gain = (left * left) / (leftHessian + leaf.lambdaL2) + (right * right) / (rightHessian + leaf.lambdaL2)
      if (!(gain > best)) continue
      best = gain
      found = bin - 1
      this.#doubles.set([gain, left, leftHessian, leftRows], out / 8)
    }
    return found
  }

  interleave(
    columns: number,
    columnStride: number,
    count: number,
    features: number,
    out: number,
    stride: number,
  ): void {
    for (let feature = 0; feature < features; feature++)
      for (let row = 0; row < count; row++)
        this.#bytes[out + row * stride + feature] = this.#bytes[columns + feature * columnStride + row]!
  }
}
