/**
 * @file Rows waiting to become Parquet: sorted into partitions as they come, spilled to one file when memory is short.
 *
 * An importer calls its sink row by row and cannot wait; Parquet is written a partition at a time. Between the two
 * lies this file: blocks of up to 2,048 rows (one DuckDB vector) in columns, appended to a single file, of which each
 * partition remembers its places. Memory is bounded by {@link BUFFERED_BYTES_MAX}, whatever the file holds.
 */

import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { assert } from '../core/errors.ts'

/** Rows of a full block: the size of a DuckDB vector. */
export const BLOCK_ROWS = 2048
const FIRST_ROWS = 32
const BUFFERED_BYTES_MAX = 48 * 2 ** 20

/** Rows in columns, as they go into Parquet. Prices and sizes in the instrument's units, times in µs since 1970. */
export class RowBlock {
  readonly capacity: number
  count = 0
  readonly bytes: Uint8Array
  readonly timeUs: Float64Array
  readonly venueTimeUs: Float64Array
  /** Place within the import. */
  readonly sequence: Float64Array
  readonly price: Float64Array
  readonly size: Float64Array
  readonly value: Float64Array
  /** Index among the partition's contracts. */
  readonly contract: Uint32Array
  readonly kind: Uint8Array
  readonly side: Int8Array
  readonly flags: Uint8Array

  /** @param capacity Rows; a multiple of 8. */
  constructor(capacity: number) {
    const buffer = new ArrayBuffer(capacity * 55)
    this.capacity = capacity
    this.bytes = new Uint8Array(buffer)
    let at = 0
    const f64 = () => new Float64Array(buffer, (at += capacity * 8) - capacity * 8, capacity)
    this.timeUs = f64()
    this.venueTimeUs = f64()
    this.sequence = f64()
    this.price = f64()
    this.size = f64()
    this.value = f64()
    this.contract = new Uint32Array(buffer, (at += capacity * 4) - capacity * 4, capacity)
    this.kind = new Uint8Array(buffer, (at += capacity) - capacity, capacity)
    this.side = new Int8Array(buffer, (at += capacity) - capacity, capacity)
    this.flags = new Uint8Array(buffer, (at += capacity) - capacity, capacity)
  }

  /** Appends the rows of another block; the caller knows there is room. */
  pushRows(source: RowBlock): void {
    const at = this.count
    const end = source.count
    this.timeUs.set(source.timeUs.subarray(0, end), at)
    this.venueTimeUs.set(source.venueTimeUs.subarray(0, end), at)
    this.sequence.set(source.sequence.subarray(0, end), at)
    this.price.set(source.price.subarray(0, end), at)
    this.size.set(source.size.subarray(0, end), at)
    this.value.set(source.value.subarray(0, end), at)
    this.contract.set(source.contract.subarray(0, end), at)
    this.kind.set(source.kind.subarray(0, end), at)
    this.side.set(source.side.subarray(0, end), at)
    this.flags.set(source.flags.subarray(0, end), at)
    this.count = at + end
  }
}

interface Spilled {
  readonly offset: number
  readonly capacity: number
  readonly count: number
}

/** The rows of one future Parquet file. */
export class SpillPartition {
  readonly spilled: Spilled[] = []
  open: RowBlock | undefined
  rows = 0
}

export class RowSpill {
  readonly #path: string
  readonly #partitions = new Set<SpillPartition>()
  #file: number | undefined
  #end = 0
  #buffered = 0

  /** @param path Created when first needed; the caller removes it. */
  constructor(path: string) {
    this.#path = path
  }

  /** Adds an empty partition. */
  partition(): SpillPartition {
    const partition = new SpillPartition()
    this.#partitions.add(partition)
    return partition
  }

  /** A block of the partition with room for one more row; the caller writes it and raises `count` and `rows`. */
  room(partition: SpillPartition): RowBlock {
    if (partition.open && partition.open.count < partition.open.capacity) return partition.open
    if (this.#buffered > BUFFERED_BYTES_MAX) this.#spillAll()
    const full = partition.open
    if (full?.capacity === BLOCK_ROWS) {
      this.#write(partition, full)
      full.count = 0
      return full
    }
    const larger = new RowBlock(full ? full.capacity * 4 : FIRST_ROWS)
    this.#buffered += larger.bytes.length - (full?.bytes.length ?? 0)
    if (full) larger.pushRows(full)
    partition.open = larger
    return larger
  }

  /** Reads a partition back in the order written; each block is valid until the next call. */
  reader(partition: SpillPartition): () => RowBlock | undefined {
    let next = 0
    let block: RowBlock | undefined
    return () => {
      const place = partition.spilled[next]
      if (!place) return next++ === partition.spilled.length ? partition.open : undefined
      next++
      if (block?.capacity !== place.capacity) block = new RowBlock(place.capacity)
      block.count = place.count
      let read = 0
      while (read < block.bytes.length) {
        const got = readSync(this.#file!, block.bytes, read, block.bytes.length - read, place.offset + read)
        assert(got > 0, 'a spill file holds what was written to it')
        read += got
      }
      return block
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  #spillAll(): void {
    for (const partition of this.#partitions) {
      if (partition.open && partition.open.count > 0) this.#write(partition, partition.open)
      partition.open = undefined
    }
    this.#buffered = 0
  }

  #write(partition: SpillPartition, block: RowBlock): void {
    this.#file ??= openSync(this.#path, 'w+')
    let written = 0
    while (written < block.bytes.length) {
      written += writeSync(this.#file, block.bytes, written, block.bytes.length - written, this.#end + written)
    }
    partition.spilled.push({ offset: this.#end, capacity: block.capacity, count: block.count })
    this.#end += block.bytes.length
  }
}
