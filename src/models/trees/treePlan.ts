/**
 * @file Where everything lies in the one memory of a fit: decided once, as plain numbers that every thread is sent.
 *
 * Bins are kept twice: by column, where a split looks at one column of many rows, and by row, where a histogram looks at all
 * columns of one. That is two bytes a figure; the rest is about 50 bytes a row (70 when hessians differ).
 */

import { GimbalError } from '../../core/errors.ts'
import { CELLS } from './kernel.ts'

/** Rows handled by one thread before it looks for more work, in passes over all rows. */
export const ROWS_PER_CHUNK = 16_384
/** Rows whose gradients are made contiguous at a time: with their bins they stay in the second-level cache. */
export const ROWS_PER_TILE = 1024
/** Doubles in the record of a column's best split: see `Found` in splitSearch.ts. */
export const RECORD = 16

/** What a fit has to fit in. */
export interface FitSize {
  readonly rows: number
  readonly validationRows: number
  readonly features: number
  readonly classes: number
  readonly leaves: number
  readonly lanes: number
  /** Whether hessians differ from row to row. */
  readonly wide: boolean
  readonly weighted: boolean
  readonly validationWeighted: boolean
}

/** Byte addresses of what belongs to a set of rows. */
export interface RowsPlan {
  readonly rows: number
  /** Bytes from one column of bins to the next. */
  readonly columnStride: number
  readonly columns: number
  readonly label: number
  /** 0 when rows have no weights. */
  readonly weight: number
  readonly score: number
  /** Row numbers, leaf by leaf, and room for the two halves of a split. */
  readonly index: number
  /** The index each tree begins with: rows it learns from, then the others, both in order. */
  readonly ascending: number
  readonly left: number
  readonly right: number
  /** Rows sent left by each chunk of a split. */
  readonly lefts: number
}

export interface TreePlan extends FitSize {
  readonly bytes: number
  readonly training: RowsPlan
  readonly validation: RowsPlan
  /** Bins by row, and bytes from one row to the next. */
  readonly byRow: number
  readonly stride: number
  readonly gradient: number
  readonly hessian: number
  /** Fixed-point words, 8 or 16 bytes a row. */
  readonly fixed: number
  readonly wordBytes: number
  readonly countBits: number
  /** Histograms: `slots` of `slotBytes` each; then one for each thread but the first. */
  readonly histograms: number
  readonly slots: number
  readonly slotBytes: number
  readonly laneHistograms: number
  /** Per thread, a tile's row addresses and gathered words. */
  readonly addresses: number
  readonly gathered: number
  /** Per column: 256 doubles of bounds or categories; bins; bin of missing figures or -1; least and greatest figure. */
  readonly bounds: number
  readonly binCounts: number
  readonly missingBins: number
  readonly ranges: number
  /** Rows sampled for bounds. */
  readonly sample: number
  /** Columns on their way to being binned: room for `stagedColumns` of doubles. */
  readonly staging: number
  readonly stagedColumns: number
  /** Sums of a pass over rows: two doubles a chunk and class. */
  readonly sums: number
  /** Best split per column, of both halves of a split; whether a column may be used; bins that go left. */
  readonly records: number
  readonly allowed: number
  /** Per thread, what a scan found. */
  readonly scanned: number
  readonly goesLeft: number
  /** Groups of columns histograms are made of: first column, and 8 or 1. */
  readonly groups: number
  /** Columns of this tree. */
  readonly active: number
  /** Per leaf: begin and count in the index (twice, for rows seen and not seen), sums, value. */
  readonly leafBegin: number
  readonly leafCount: number
  readonly leafSums: number
  readonly leafValue: number
}

const MEMORY_MAX = 65_536 * 65_536
/** Histograms are kept up to this; beyond it the leaf least likely to split is counted again when it is. */
export const HISTOGRAM_BYTES = 1 << 29

/**
 * Lays out the memory of a fit.
 *
 * @throws {GimbalError} `table-too-large` when it does not fit into 4 GB, what 32-bit addresses reach.
 */
export function planFit(size: FitSize, sampleRows: number, histogramBytes: number): TreePlan {
  let bytes = 64
  const take = (count: number) => {
    const at = bytes
    bytes += Math.ceil(count / 64) * 64
    return at
  }
  const { rows, features, classes, leaves, lanes, wide } = size
  const columnStride = (count: number) => Math.ceil(count / 64) * 64 + 64
  const rowsPlan = (count: number, weighted: boolean): RowsPlan => ({
    rows: count,
    columnStride: columnStride(count),
    columns: take(columnStride(count) * features),
    label: take(count * 8),
    weight: weighted ? take(count * 8) : 0,
    score: take(count * classes * 8),
    index: take(count * 4),
    ascending: take(count * 4),
    left: take(count * 4),
    right: take(count * 4),
    lefts: take((Math.ceil(count / ROWS_PER_CHUNK) + 1) * 4),
  })
  const blocks = Math.ceil(features / 8) * 8
  // Rows of whole cache lines, where they have nearly as many columns: one that straddles two costs two.
  const stride = blocks % 64 > 32 ? Math.ceil(blocks / 64) * 64 : blocks
  const wordBytes = wide ? 16 : 8
  const slotBytes = blocks * CELLS * wordBytes
  const slots = Math.max(2, Math.min(leaves, Math.floor(histogramBytes / slotBytes)))
  const stagedColumns = Math.min(features, 32, Math.max(2, 2 * lanes)) // At most the bits of a word: see Word.SINGLE.
  const chunks = Math.ceil(Math.max(rows, size.validationRows) / ROWS_PER_CHUNK)
  const plan: Omit<TreePlan, 'bytes'> = {
    ...size,
    training: rowsPlan(rows, size.weighted),
    validation: rowsPlan(size.validationRows, size.validationWeighted),
    byRow: take(rows * stride),
    stride,
    gradient: take(rows * classes * 8),
    hessian: wide ? take(rows * classes * 8) : 0,
    fixed: take(rows * wordBytes),
    wordBytes,
    countBits: 32 - Math.clz32(rows),
    histograms: take(slots * slotBytes),
    slots,
    slotBytes,
    laneHistograms: take(lanes * slotBytes),
    addresses: take(lanes * ROWS_PER_TILE * 4),
    gathered: take(lanes * ROWS_PER_TILE * 16),
    bounds: take(features * CELLS * 8),
    binCounts: take(features * 4),
    missingBins: take(features * 4),
    ranges: take(features * 16),
    sample: take(sampleRows * 4),
    staging: take(stagedColumns * Math.max(rows, size.validationRows) * 8),
    stagedColumns,
    sums: take(chunks * 2 * classes * 8),
    records: take(2 * features * RECORD * 8),
    allowed: take(2 * features),
    scanned: take(lanes * 64),
    goesLeft: take(CELLS),
    groups: take(features * 8),
    active: take(features * 4),
    leafBegin: take(leaves * 2 * 4),
    leafCount: take(leaves * 2 * 4),
    leafSums: take(leaves * 2 * 8),
    leafValue: take(leaves * 8),
  }
  if (bytes > MEMORY_MAX)
    throw new GimbalError('table-too-large', 'Training would need more than the 4 GB it can address', {
      rows,
      validationRows: size.validationRows,
      columns: features,
      gigabytes: (bytes / 2 ** 30).toFixed(2),
    })
  return { ...plan, bytes }
}
