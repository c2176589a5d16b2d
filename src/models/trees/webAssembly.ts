/** @file The part of the WebAssembly interface the trainer uses: the language's own type library leaves it to browsers. */

/** Memory several threads see at once. */
export interface WasmMemory {
  readonly buffer: SharedArrayBuffer
  /** Adds pages of 64 KiB and returns how many there were. */
  grow(pages: number): number
}

/** Compiled code, which can be sent to other threads. */
export type WasmModule = object & { readonly __wasmModule?: never }

interface WebAssemblyInterface {
  readonly Memory: new (size: { initial: number; maximum: number; shared: true }) => WasmMemory
  readonly Module: new (bytes: Uint8Array) => WasmModule
  readonly Instance: new (
    module: WasmModule,
    imports: Record<string, Record<string, unknown>>,
  ) => { readonly exports: Record<string, unknown> }
  validate(bytes: Uint8Array): boolean
}

/** The runtime's WebAssembly, or nothing where there is none. */
export const wasm = (globalThis as unknown as { WebAssembly?: WebAssemblyInterface }).WebAssembly

/** Bytes in a page of WebAssembly memory. */
export const PAGE_BYTES = 65_536
