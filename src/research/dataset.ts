/**
 * @file What research works on: samples of features, and the path of the target on a fine grid from which labels are made.
 *
 * Both are recorded in one pass over the tape, by the same code that runs in the engine. A dataset is content-addressed:
 * its hash covers every figure, so a trial is a pure function of configuration, seed and this hash.
 */

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { assert, GimbalError } from '../core/errors.ts'
import type { FeatureSetSpec } from '../features/featureSet.ts'
import type { Table } from '../models/learner.ts'

/**
 * The target on a grid of equal steps. Point i is the state when everything received up to `startUs + i × stepUs` was
 * heard; cumulative columns count from the start of the recording.
 */
export interface TargetPath {
  readonly startUs: number
  readonly stepUs: number
  readonly points: number
  /** Price by the rules of features/clockedPrice.ts, quote per base; NaN while unknown (lost updates, outage, silence). */
  readonly price: Float64Array
  /** Traded so far, in quote: by bars, half to each side, where they fill the step, else by trades. */
  readonly buyVolume: Float64Array
  readonly sellVolume: Float64Array
  /** Quoted spread as a fraction of the mid; NaN without a touch. */
  readonly spread: Float64Array
  /** Displayed within 10 bps of the mid, both sides together, in quote; NaN without a book. */
  readonly depth: Float64Array
  /** Sum of funding rates settled so far (a long paid that fraction of its worth). */
  readonly funding: Float64Array
}

/** Columns of a {@link TargetPath}, in the order files hold them. */
export const PATH_COLUMNS = ['price', 'buyVolume', 'sellVolume', 'spread', 'depth', 'funding'] as const

export interface Dataset {
  /** What was recorded; the model keeps it, so that the engine can build the same features. */
  readonly features: FeatureSetSpec
  readonly schemaHash: string
  /** Time of every sample, µs, ascending. */
  readonly timesUs: Float64Array
  /** One row a sample. */
  readonly table: Table
  readonly path: TargetPath
  readonly source: DatasetSource
  /** SHA-256, hex, of everything above. */
  readonly hash: string
}

/** Where the rows came from. */
export interface DatasetSource {
  /** `replayed`: recorded from a market; `synthetic`: generated. Reports say which. */
  readonly kind: 'replayed' | 'synthetic'
  readonly name: string
  /** Hash of the tapes. */
  readonly dataHash: string
  readonly rows: number
}

/** Fills in the hash. Columns are of doubles, as the recorder makes them and the file holds them. */
export function completeDataset(parts: Omit<Dataset, 'hash'>): Dataset {
  const { timesUs, table, path } = parts
  assert(
    timesUs.length === table.rows && table.columns.every((column) => column.length === table.rows),
    'a dataset has a time and a figure of every column for every sample',
  )
  assert(
    table.columns.length === table.names.length && table.columns.every((column) => column instanceof Float64Array),
    'a dataset has one column of doubles a name',
  )
  assert(
    PATH_COLUMNS.every((name) => path[name].length === path.points),
    'every column of a path has its points',
  )
  const hash = createHash('sha256').update(JSON.stringify(headerOf(parts)))
  for (const column of columnsOf(parts))
    hash.update(new Uint8Array(column.buffer, column.byteOffset, column.byteLength))
  return { ...parts, hash: hash.digest('hex') }
}

const MAGIC = 'GIMBDATA'
const PAGE = 4096

/** Writes a dataset to one file; nothing is to be seen under its name until it is whole. */
export function saveDataset(dataset: Dataset, path: string): void {
  const header = Buffer.from(JSON.stringify({ ...headerOf(dataset), hash: dataset.hash }))
  const columns = columnsOf(dataset)
  const start = Math.ceil((16 + header.length) / PAGE) * PAGE
  const buffer = Buffer.alloc(start + columns.reduce((sum, column) => sum + column.byteLength, 0))
  buffer.write(MAGIC, 0, 'latin1')
  buffer.writeUInt32LE(header.length, 8)
  header.copy(buffer, 16)
  let at = start
  for (const column of columns) {
    Buffer.from(column.buffer, column.byteOffset, column.byteLength).copy(buffer, at)
    at += column.byteLength
  }
  mkdirSync(dirname(path), { recursive: true })
  const draft = `${path}.${process.pid}.draft`
  writeFileSync(draft, buffer)
  renameSync(draft, path)
}

/**
 * Reads what {@link saveDataset} wrote.
 *
 * @throws {GimbalError} `file-missing`; `file-invalid` when it is not whole or was changed.
 */
export function loadDataset(path: string): Dataset {
  if (!existsSync(path)) throw new GimbalError('file-missing', 'No dataset there', { path })
  const bytes = readFileSync(path)
  const invalid = (reason: string) => new GimbalError('file-invalid', 'Not a dataset', { file: path, reason })
  if (bytes.length < 16 || bytes.toString('latin1', 0, 8) !== MAGIC) throw invalid('it does not begin like one')
  const length = bytes.readUInt32LE(8)
  if (16 + length > bytes.length) throw invalid('its header is cut off')
  const header = parseHeader(bytes.toString('utf8', 16, 16 + length))
  if (!header) throw invalid('its header cannot be read')
  const { names, rows, points, categorical } = header
  const start = Math.ceil((16 + length) / PAGE) * PAGE
  if (bytes.length !== start + 8 * (rows * (1 + names.length) + points * PATH_COLUMNS.length))
    throw invalid('it is cut off')
  // Copied out, because a Buffer may begin anywhere in its memory and doubles must lie on multiples of eight.
  const figures = new Float64Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length))
  let at = 0
  const take = (count: number) => figures.subarray(at, (at += count))
  const timesUs = take(rows)
  const columns = names.map(() => take(rows))
  const path_ = Object.fromEntries(PATH_COLUMNS.map((name) => [name, take(points)])) as Record<
    (typeof PATH_COLUMNS)[number],
    Float64Array
  >
  const dataset = completeDataset({
    features: header.features,
    schemaHash: header.schemaHash,
    timesUs,
    table: { rows, names, columns, ...(categorical ? { categorical } : {}) },
    path: { startUs: header.startUs, stepUs: header.stepUs, points, ...path_ },
    source: header.source,
  })
  if (dataset.hash !== header.hash) throw invalid('its content does not match its hash')
  return dataset
}

interface Header {
  readonly features: FeatureSetSpec
  readonly schemaHash: string
  readonly names: readonly string[]
  readonly categorical?: readonly number[]
  readonly rows: number
  readonly points: number
  readonly startUs: number
  readonly stepUs: number
  readonly source: DatasetSource
}

function headerOf({ features, schemaHash, table, path, source }: Omit<Dataset, 'hash'>): Header {
  const { startUs, stepUs, points } = path
  const { names, rows, categorical } = table
  return { features, schemaHash, names, ...(categorical && { categorical }), rows, points, startUs, stepUs, source }
}

/** A header as far as reading on depends on it; whether it is the one written is for the hash to say. */
function parseHeader(text: string): (Header & { hash: string }) | undefined {
  let header: Partial<Header> | null
  try {
    header = JSON.parse(text) as Partial<Header> | null
  } catch {
    return undefined
  }
  const count = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0
  const names = header?.names
  if (!header || !Array.isArray(names) || !names.every((name) => typeof name === 'string')) return undefined
  return count(header.rows) && count(header.points) ? (header as Header & { hash: string }) : undefined
}

function columnsOf({ timesUs, table, path }: Omit<Dataset, 'hash'>): (Float64Array | Float32Array)[] {
  return [timesUs, ...table.columns, ...PATH_COLUMNS.map((name) => path[name])]
}
