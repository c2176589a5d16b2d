/**
 * @file Memory for fits. The last one is kept while it is small, so that many small fits do not each map memory of their own;
 * large ones go back to the system.
 */

import type { KernelMemory } from './kernel.ts'
import { WASM } from './kernelWasm.ts'
import { PAGE_BYTES, type WasmModule, wasm } from './webAssembly.ts'

/** Kept between fits up to this size. */
const KEPT_BYTES = 64 * 2 ** 20

let compiled: WasmModule | undefined
let idle: KernelMemory | undefined

/** The kernel's code, compiled once; nothing where WebAssembly with SIMD is missing. */
function kernelModule(): WasmModule | undefined {
  if (compiled || !wasm) return compiled
  const bytes = Buffer.from(WASM, 'base64')
  if (wasm.validate(bytes)) compiled = new wasm.Module(bytes)
  return compiled
}

/** New memory of at least so many bytes, on which `plain` runs the twin instead of WebAssembly. */
export function newMemory(bytes: number, plain = false): KernelMemory {
  const module = plain ? undefined : kernelModule()
  if (!module) return { buffer: new SharedArrayBuffer(bytes) }
  const pages = Math.ceil(bytes / PAGE_BYTES)
  const memory = new wasm!.Memory({ initial: pages, maximum: pages, shared: true })
  return { buffer: memory.buffer, wasm: { module, memory } }
}

/** Memory of at least so many bytes, its contents whatever the last fit left, and how to give it back. */
export function takeMemory(bytes: number): { readonly memory: KernelMemory; readonly giveBack: () => void } {
  const kept = idle
  idle = undefined // Taken: a fit inside a fit gets another.
  const memory = kept && kept.buffer.byteLength >= bytes ? kept : newMemory(bytes)
  return {
    memory,
    giveBack: () => {
      if (memory.buffer.byteLength <= KEPT_BYTES) idle = memory
    },
  }
}
