/**
 * @file The inner loops of training, as both implementations offer them: WebAssembly (kernel.wat) and its twin in TypeScript.
 *
 * All arguments that are places are byte addresses in the one memory both work on. Gradients are in fixed point, in one of
 * two forms, each holding a row's share of the three sums a split is judged by:
 * - packed, 8 bytes: gradient << countBits | 1, where every row's hessian is 1 and the count says it;
 * - wide, 16 bytes: gradient, then hessian << countBits | 1.
 * Such words add up without carrying from one part into another, and in any order to the same sum.
 */

import { PlainKernel } from './plainKernel.ts'
import { type WasmMemory, type WasmModule, wasm } from './webAssembly.ts'

/** Histogram cells a column has, used or not: bins are bytes. */
export const CELLS = 256

/** What every kernel can do. Sources and targets must not overlap unless said. */
export interface TreeKernel {
  /**
   * For each of `count` rows listed at `rows`: where its bins begin (`bins + row × stride`), and its gradient word, in order.
   * Looks at every cache line of the rows on the way: many misses at once cost little more than one, and the histogram,
   * whose stores depend on what it reads, would wait for each.
   *
   * @returns A sum over those lines, of no meaning but to keep the looks from being optimised away.
   */
  gatherPacked(
    rows: number,
    count: number,
    bins: number,
    stride: number,
    fixed: number,
    addresses: number,
    gathered: number,
  ): number
  gatherWide(
    rows: number,
    count: number,
    bins: number,
    stride: number,
    fixed: number,
    addresses: number,
    gathered: number,
  ): number
  /** Adds gathered words to the cells of columns `feature` to `feature + 7` (or just one); `histogram` is that of `feature`. */
  histogramPacked8(addresses: number, gathered: number, count: number, feature: number, histogram: number): void
  histogramPacked1(addresses: number, gathered: number, count: number, feature: number, histogram: number): void
  histogramWide8(addresses: number, gathered: number, count: number, feature: number, histogram: number): void
  histogramWide1(addresses: number, gathered: number, count: number, feature: number, histogram: number): void
  /** target += source, as 64-bit whole numbers; `bytes` is a multiple of 16. */
  addInto(target: number, source: number, bytes: number): void
  /** target -= source, likewise. */
  subtractFrom(target: number, source: number, bytes: number): void
  /**
   * Splits listed rows by their bin in one column, keeping their order. `goesLeft` is a table of 256 bytes, 1 or 0 by bin.
   * Both targets need room for `count` rows.
   *
   * @returns How many went left.
   */
  partition(rows: number, count: number, column: number, goesLeft: number, left: number, right: number): number
  /** Fixed-point words from doubles: value × scale rounded to the nearest whole number, halves upwards. */
  quantisePacked(gradients: number, count: number, scale: number, countBits: number, out: number): void
  quantiseWide(
    gradients: number,
    hessians: number,
    count: number,
    scale: number,
    hessianScale: number,
    countBits: number,
    out: number,
  ): void
  /** Bin of each figure: how many of the 255 ascending bounds lie below it; `missing` for NaN. */
  bin32(values: number, count: number, bounds: number, missing: number, out: number): void
  bin64(values: number, count: number, bounds: number, missing: number, out: number): void
  /**
   * The best threshold of a column, unhindered by penalties on sums, ranges or directions: right halves grow from the cell
   * `last` down, cells without rows are passed over, the first of equal gains wins. Units turn whole numbers into figures.
   *
   * @param toBeat Gain of both halves a split must exceed.
   * @param out Where four doubles go when one does: gain of both halves; gradient, hessian and rows of the left one.
   * @returns Greatest bin that goes left; -1 when no split exceeds `toBeat`.
   */
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
  ): number
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
  ): number
  /** out[row × stride + feature] = columns[feature × columnStride + row], bytes. */
  interleave(columns: number, columnStride: number, count: number, features: number, out: number, stride: number): void
}

/** The WebAssembly kernel over a memory. */
export function wasmKernel(module: WasmModule, memory: WasmMemory): TreeKernel {
  return new wasm!.Instance(module, { trees: { memory } }).exports as unknown as TreeKernel
}

/** Memory a fit works in, with what is needed to run a kernel on it in any thread. */
export interface KernelMemory {
  readonly buffer: SharedArrayBuffer
  /** Absent where WebAssembly with SIMD is missing: then the twin runs. */
  readonly wasm?: { readonly module: WasmModule; readonly memory: WasmMemory }
}

/** The kernel of a memory, for the calling thread. */
export function kernelOf(memory: KernelMemory): TreeKernel {
  return memory.wasm ? wasmKernel(memory.wasm.module, memory.wasm.memory) : new PlainKernel(memory.buffer)
}
