/**
 * @file Hold-outs: spans of a catalog that nothing is to be chosen on, so that something is left to judge by.
 *
 * They are declared in `hold-outs.json`, a list that only grows: each entry holds the hash of the one before, a name cannot
 * be declared again with another span, and no two cover the same rows. `openTapes` gives no row inside one unless the
 * selection names it. That it was opened is for the ledger of trials to remember (`research/holdOut.ts`).
 */

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import { isoTime } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import type { Catalog } from './catalog.ts'
import { CatalogLock } from './catalogLock.ts'
import { parseJson } from './provenance.ts'

/** A span held out, by time of receipt. */
export interface HoldOut {
  /** Lower-case letters, digits and `-`. */
  readonly name: string
  /** From included, to excluded, µs. */
  readonly fromUs: number
  readonly toUs: number
  /** Names in which `*` stands for anything, as a selection's; every instrument when absent. */
  readonly instruments?: readonly string[]
}

/** What precedes the first entry. */
const GENESIS = '0'.repeat(64)

const Entry = z.strictObject({
  name: z.string(),
  fromUs: z.number(),
  toUs: z.number(),
  instruments: z.array(z.string()).optional(),
  previous: z.string(),
  hash: z.string(),
})
const HoldOutFile = z.strictObject({ schema: z.literal(1), holdOuts: z.array(Entry) })
type Entry = z.infer<typeof Entry>

/**
 * The declared hold-outs, oldest first; none when the catalog never heard of any.
 *
 * @throws {GimbalError} `catalog-invalid` when the file makes no sense; `hold-out-invalid` when an entry was changed.
 */
export function holdOuts(catalog: Catalog): HoldOut[] {
  return readEntries(catalog).map(withoutChain)
}

/**
 * The hold-out of a name.
 *
 * @throws {GimbalError} `hold-out-invalid` when none was declared under it, naming those that were.
 */
export function holdOutNamed(catalog: Catalog, name: string): HoldOut {
  const declared = holdOuts(catalog)
  const found = declared.find((each) => each.name === name)
  if (found) return found
  throw new GimbalError('hold-out-invalid', 'No hold-out of this name was declared in the catalog', {
    asked: name,
    declared: declared.map((each) => each.name).join(' ') || 'none',
    catalog: catalog.directory,
  })
}

/**
 * Declares a hold-out, for good. Declaring the same one again changes nothing.
 *
 * @throws {GimbalError} `hold-out-invalid` for a span that is none, a name that is taken by another span, or rows that
 *   another hold-out covers; `catalog-busy` while another process writes to the catalog.
 */
export function declareHoldOut(catalog: Catalog, holdOut: HoldOut): void {
  requireSpan(holdOut)
  mkdirSync(catalog.directory, { recursive: true })
  const lock = CatalogLock.acquire(catalog.directory)
  try {
    const entries = readEntries(catalog)
    const same = entries.find(({ name }) => name === holdOut.name)
    if (same) {
      if (textOf(same) === textOf(holdOut)) return
      throw new GimbalError('hold-out-invalid', 'A hold-out of this name is declared already, and cannot be changed', {
        name: same.name,
        from: isoTime(same.fromUs),
        to: isoTime(same.toUs),
        instruments: same.instruments?.join(' ') ?? 'all',
      })
    }
    const met = entries.find((entry) => overlap(entry, holdOut))
    if (met) {
      throw new GimbalError(
        'hold-out-invalid',
        'Another hold-out covers some of these rows: they can be opened once only',
        {
          name: met.name,
          from: isoTime(met.fromUs),
          to: isoTime(met.toUs),
          instruments: met.instruments?.join(' ') ?? 'all',
        },
      )
    }
    const previous = entries.at(-1)?.hash ?? GENESIS
    const next = { ...withoutChain(holdOut), previous, hash: hashOf(previous, holdOut) }
    const path = catalog.path('hold-outs.json')
    const draft = `${path}.draft`
    writeFileSync(draft, `${JSON.stringify({ schema: 1, holdOuts: [...entries, next] }, null, 1)}\n`)
    renameSync(draft, path)
  } finally {
    lock.release()
  }
}

/** Whether a hold-out covers an instrument. */
export function holdsOut({ instruments }: HoldOut, instrument: string): boolean {
  return !instruments || instruments.some((pattern) => patternsMeet(pattern, instrument))
}

function requireSpan({ name, fromUs, toUs, instruments }: HoldOut): void {
  const fail = (reason: string): never => {
    throw new GimbalError('hold-out-invalid', `Not a hold-out: ${reason}`, { name, fromUs, toUs })
  }
  if (!/^[a-z0-9][a-z0-9-]*$/.test(name)) fail('its name is not made of lower-case letters, digits and -')
  if (!Number.isSafeInteger(fromUs) || !Number.isSafeInteger(toUs)) fail('its bounds are not whole microseconds')
  if (fromUs >= toUs) fail('its end is not after its beginning')
  if (instruments && (instruments.length === 0 || instruments.includes(''))) fail('it names no instrument')
}

function readEntries(catalog: Catalog): Entry[] {
  const path = catalog.path('hold-outs.json')
  if (!existsSync(path)) return []
  const entries = parseJson(HoldOutFile, readFileSync(path, 'utf8'), path).holdOuts
  let previous = GENESIS
  for (const entry of entries) {
    if (entry.previous !== previous || entry.hash !== hashOf(previous, entry))
      throw new GimbalError('hold-out-invalid', 'A declared hold-out was changed', { file: path, name: entry.name })
    previous = entry.hash
  }
  return entries
}

function withoutChain({ name, fromUs, toUs, instruments }: HoldOut | Entry): HoldOut {
  return { name, fromUs, toUs, ...(instruments ? { instruments } : {}) }
}

/** A declaration as text, whatever the order its instruments were named in. */
function textOf({ name, fromUs, toUs, instruments }: HoldOut | Entry): string {
  return JSON.stringify([name, fromUs, toUs, instruments ? [...instruments].sort() : null])
}

function hashOf(previous: string, holdOut: HoldOut | Entry): string {
  return createHash('sha256')
    .update(`${previous} ${textOf(holdOut)}`)
    .digest('hex')
}

function overlap(a: HoldOut | Entry, b: HoldOut): boolean {
  if (a.fromUs >= b.toUs || b.fromUs >= a.toUs) return false
  const [these, those] = [a.instruments ?? ['*'], b.instruments ?? ['*']]
  return these.some((one) => those.some((other) => patternsMeet(one, other)))
}

/** Whether some name fits both patterns, in which `*` stands for anything. */
function patternsMeet(a: string, b: string): boolean {
  // reach[j]: the first i characters of a and the first j of b can stand for the same beginning.
  let reach = Array.from({ length: b.length + 1 }, (_, j) => [...b.slice(0, j)].every((letter) => letter === '*'))
  for (let i = 1; i <= a.length; i++) {
    const next = [a[i - 1] === '*' && reach[0]!]
    for (let j = 1; j <= b.length; j++) {
      const [one, other] = [a[i - 1]!, b[j - 1]!]
      // A star stands for nothing, or for one more character of the other pattern.
      next[j] = one === '*' || other === '*' ? reach[j]! || next[j - 1]! : one === other && reach[j - 1]!
    }
    reach = next
  }
  return reach[b.length]!
}
