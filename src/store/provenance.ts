/**
 * @file Where rows come from: the manifest written for every import, last of all, which makes the import exist.
 *
 * What an import found and did not repair (rejects, traps, gaps, disorder, duplicates, clocks that disagree) is kept
 * here for as long as its rows are.
 */

import { createHash } from 'node:crypto'
import { z } from 'zod'
import { GimbalError } from '../core/errors.ts'
import { STREAMS } from '../market/message.ts'
import type { Importer, ImportOptions } from './importer.ts'
import type { InputFile } from './inputFile.ts'

/** Raised whenever a catalog written before can no longer be read. */
export const CATALOG_SCHEMA = 1

const Place = z.object({ line: z.number(), byte: z.number(), detail: z.string() })
/** Something counted, with the first places it was seen at. */
const Finding = z.object({ name: z.string(), count: z.number(), first: z.array(Place) })

const StreamFacts = z.object({
  stream: z.enum(STREAMS),
  venue: z.string(),
  rows: z.number(),
  messages: z.number(),
  firstUs: z.number(),
  lastUs: z.number(),
  /** Receive time less venue time, in µs, over messages; the median is of an even sample of at most 65,536. */
  delayUs: z.object({ min: z.number(), median: z.number(), max: z.number() }),
  /** Messages received before the venue says they happened: the two clocks disagree. */
  negativeDelays: z.number(),
  /** Rows received earlier than one before them of the same instrument; by the venue's time likewise. */
  outOfOrderRows: z.number(),
  venueOutOfOrderRows: z.number(),
  /** Rows of messages equal in all but receive time to one of the last few hundred thousand of the stream. */
  duplicateRows: z.number(),
  gaps: z.number(),
})

const FileFacts = z.object({
  /** Within the catalog, with forward slashes. */
  path: z.string(),
  stream: z.enum(STREAMS),
  venue: z.string(),
  /** `BTC-USDT-PERP`: the family for options, futures and pools. */
  family: z.string(),
  contracts: z.number(),
  day: z.string(),
  rows: z.number(),
  bytes: z.number(),
  sha256: z.string(),
  firstUs: z.number(),
  lastUs: z.number(),
  /** Whether times never decrease from row to row. */
  sorted: z.boolean(),
  /** Extremes of receive less venue time; both 0 where rows have no venue time of their own. */
  delayMinUs: z.number(),
  delayMaxUs: z.number(),
  gaps: z.number(),
})

const GapPlace = z.object({
  instrument: z.string(),
  timeUs: z.number(),
  line: z.number(),
  byte: z.number(),
  expected: z.number(),
  received: z.number(),
})

const ManifestSchema = z.object({
  schema: z.literal(CATALOG_SCHEMA),
  id: z.string(),
  /** Counts imports into this catalog from 1: rows of equal time from several imports are in this order. */
  ordinal: z.number(),
  importer: z.string(),
  version: z.number(),
  options: z.record(z.string(), z.string()),
  provenance: z.enum(['real', 'synthetic']),
  source: z.object({ name: z.string(), member: z.string().optional(), sha256: z.string(), bytes: z.number() }),
  lines: z.number(),
  rows: z.number(),
  streams: z.array(StreamFacts),
  rejects: z.array(Finding),
  traps: z.array(Finding),
  gaps: z.object({ count: z.number(), first: z.array(GapPlace) }),
  skips: z.record(z.string(), z.number()),
  counts: z.record(z.string(), z.number()),
  /** Notes for the import of the next file of a sequence, and those this import was given. */
  notes: z.record(z.string(), z.string()),
  recalled: z.record(z.string(), z.string()),
  /** How many instruments the file named. */
  instruments: z.number(),
  files: z.array(FileFacts),
})

/** Everything known about one import. */
export type Manifest = z.infer<typeof ManifestSchema>
export type StreamFacts = z.infer<typeof StreamFacts>
export type FileFacts = z.infer<typeof FileFacts>
export type FindingFacts = z.infer<typeof Finding>
export type GapFacts = z.infer<typeof GapPlace>

/**
 * Name of an import: 16 hex digits of SHA-256 over importer, version, options and the file's own hash. The same file
 * imported the same way has the same name wherever it lies and whatever it is called.
 */
export function importId(
  importer: Pick<Importer, 'name' | 'version'>,
  options: ImportOptions,
  file: Pick<InputFile, 'sha256' | 'member'>,
): string {
  const sorted = Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1))
  const text = [importer.name, importer.version, JSON.stringify(sorted), file.sha256, file.member ?? ''].join('|')
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

/** @throws {GimbalError} `catalog-invalid` naming what does not fit. */
export function parseManifest(text: string, path: string): Manifest {
  return parseJson(ManifestSchema, text, path)
}

/** Reads JSON by a schema. @throws {GimbalError} `catalog-invalid` naming the file and what does not fit. */
export function parseJson<T>(schema: z.ZodType<T>, text: string, path: string): T {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new GimbalError('catalog-invalid', 'A catalog file is not JSON', { file: path }, { cause })
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  throw new GimbalError('catalog-invalid', 'A catalog file does not fit its schema', {
    file: path,
    at: issue.path.join('.'),
    problem: issue.message,
  })
}
