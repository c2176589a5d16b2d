/**
 * @file A book as a JSON file: what `gimbal greeks`, `margin`, `hedge` and `stress` are asked about.
 *
 * The file is written by people and by other programs, so it is read strictly: a word that is not known is refused by its
 * path, since a misspelt `size` that is silently dropped is a position that is silently not there. Expiries are UTC times.
 */

import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { readUtc } from '../../core/clock.ts'
import { GimbalError } from '../../core/errors.ts'
import { dollarLike } from '../../market/instrument.ts'
import type { Book, OptionPosition, Position } from '../../portfolio/book.ts'
import { marginEngine } from '../../portfolio/margin/registry.ts'
import { CALL, PUT } from '../../pricing/right.ts'

const finite = z.number()
const positive = z.number().positive()
// Figures are looked up by these: a name every object answers to would find what no market said.
const asset = z
  .string()
  .min(1)
  .refine((name) => !(name in Object.prototype), 'not a name of anything traded')

/** A time of day on a date; options expire at 08:00 UTC where only a day is given. */
const expiry = z.string().transform((text, context) => {
  const timeUs = readUtc(text, 8)
  if (timeUs !== undefined) return timeUs
  context.addIssue({ code: 'custom', message: 'not a UTC time such as 2026-01-30 or 2026-01-30T08:00:00Z' })
  return z.NEVER
})

const named = { asset, instrument: z.string().optional() }

const future = z.strictObject({
  ...named,
  kind: z.enum(['perp', 'future']),
  size: finite,
  payoff: z.enum(['linear', 'inverse']).default('linear'),
  entry: positive,
  settle: asset,
  expiry: expiry.optional(),
  isolatedMargin: z.number().nonnegative().optional(),
  leverage: positive.optional(),
})

const option = z.strictObject({
  ...named,
  kind: z.literal('option'),
  size: finite,
  right: z.enum(['call', 'put']),
  strike: positive,
  expiry,
  settle: asset,
  entry: z.number().nonnegative().optional(),
})

const pool = z.strictObject({
  ...named,
  kind: z.literal('pool'),
  liquidity: finite,
  quote: asset,
  lower: z.number().nonnegative(),
  /** Absent: without end. */
  upper: positive.optional(),
  feesBase: z.number().nonnegative().optional(),
  feesQuote: z.number().nonnegative().optional(),
  feeYieldPerDay: finite.optional(),
})

const power = z.strictObject({
  ...named,
  kind: z.literal('power'),
  size: finite,
  scale: positive,
  normalisation: positive,
  entry: z.number().nonnegative(),
  settle: asset,
})

const lending = z.strictObject({
  ...named,
  kind: z.enum(['supply', 'debt']),
  amount: z.number().nonnegative(),
  rate: finite.default(0),
  loanToValue: z.number().min(0).max(1).optional(),
  liquidationThreshold: z.number().min(0).max(1).optional(),
  liquidationBonus: z.number().min(0).max(1).optional(),
})

const book = z.strictObject({
  accounts: z
    .array(
      z.strictObject({
        venue: asset,
        margin: z.string().optional(),
        balances: z.record(asset, finite).default({}),
        positions: z.array(z.union([future, option, pool, power, lending])).default([]),
      }),
    )
    .min(1),
  inTransit: z
    .array(
      z.strictObject({
        from: z.string(),
        to: z.string(),
        currency: asset,
        units: positive,
        arrives: expiry,
      }),
    )
    .default([]),
})

type Written = z.infer<typeof book>

/** Takes what is undefined out: the contract's optional fields are absent, not undefined. */
function defined<T extends object>(given: T): T {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as T
}

function position(written: Written['accounts'][number]['positions'][number]): Position {
  switch (written.kind) {
    case 'perp':
    case 'future': {
      const { expiry: expiryUs, ...rest } = written
      return defined({ ...rest, expiryUs }) as Position
    }
    case 'option': {
      const { expiry: expiryUs, right, ...rest } = written
      return defined({ ...rest, expiryUs, right: right === 'call' ? CALL : PUT }) as OptionPosition
    }
    case 'pool':
      return defined({ ...written, upper: written.upper ?? Number.POSITIVE_INFINITY }) as Position
    default:
      return defined(written) as Position
  }
}

/** What is wrong with a position whose every word fits, each of which would be given a worth that means nothing. */
function contradiction(written: Written['accounts'][number]['positions'][number]): string | undefined {
  const { kind, asset: base } = written
  if (kind === 'future' && written.expiry === undefined) return 'A dated future without an expiry'
  if (kind === 'perp' || kind === 'future') {
    const { payoff, settle, isolatedMargin } = written
    if (payoff === 'inverse' && settle !== base) return 'An inverse contract settles in its own asset'
    if (payoff === 'linear' && !dollarLike(settle) && isolatedMargin === undefined)
      return 'The profit of a linear contract is in a dollar coin, unless coins back it alone (isolatedMargin, as on GMX)'
  }
  if (kind === 'pool') {
    if (written.quote === base) return 'A pool of one token'
    if (written.upper !== undefined && written.upper <= written.lower) return 'A pool whose range does not ascend'
  }
  return undefined
}

/**
 * Reads a book from the text of a JSON file.
 *
 * @throws {GimbalError} `file-invalid`, naming every place that does not fit (the first five) or the first position that contradicts
 *   itself; `argument-invalid` for a margin engine that does not exist, naming those that do.
 */
export function parseBook(text: string, name: string): Book {
  let json: unknown
  try {
    json = JSON.parse(text, (key, value: unknown) => {
      // A record read from text would drop it without a word.
      if (key === '__proto__') throw new SyntaxError('__proto__ is no name')
      return value
    })
  } catch (cause) {
    throw new GimbalError(
      'file-invalid',
      'A book is not JSON',
      { file: name, reason: (cause as Error).message },
      { cause },
    )
  }
  const read = book.safeParse(json)
  if (!read.success) {
    // Of a union every branch complains; the branch of the same kind is the one that was meant.
    const found = read.error.issues.flatMap((issue) => meant(issue, json)).slice(0, 5)
    throw new GimbalError('file-invalid', 'A book does not say what a book must', {
      file: name,
      ...Object.fromEntries(found.map(({ path, message }) => [path.join('.') || 'the whole', message])),
    })
  }
  for (const account of read.data.accounts) {
    if (account.margin !== undefined) marginEngine(account.margin)
    for (const [at, each] of account.positions.entries()) {
      const fault = contradiction(each)
      if (fault !== undefined)
        throw new GimbalError('file-invalid', fault, { file: name, venue: account.venue, position: at })
    }
  }
  return {
    accounts: read.data.accounts.map(({ positions, margin, ...rest }) => ({
      ...rest,
      ...(margin === undefined ? {} : { margin }),
      positions: positions.map(position),
    })),
    inTransit: read.data.inTransit.map(({ arrives, ...rest }) => ({ ...rest, arrivesUs: arrives })),
  }
}

type Issue = z.core.$ZodIssue

function meant(issue: Issue, json: unknown): { path: PropertyKey[]; message: string }[] {
  if (issue.code !== 'invalid_union') return [{ path: issue.path, message: issue.message }]
  let value = json
  for (const key of issue.path) value = (value as Record<PropertyKey, unknown> | undefined)?.[key]
  const kind = (value as { kind?: unknown } | undefined)?.kind
  const fitting = issue.errors.filter((branch) => !branch.some(({ path }) => path[0] === 'kind'))
  if (fitting.length === 0)
    return [{ path: [...issue.path, 'kind'], message: `${JSON.stringify(kind)} is no kind of position` }]
  return fitting[0]!.flatMap((inner) => meant({ ...inner, path: [...issue.path, ...inner.path] }, json))
}

/** @throws {GimbalError} `file-missing`, and as {@link parseBook}. */
export function readBook(path: string): Book {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const reason = (cause as Error).message
    const remedy = 'gimbal greeks --example book.json writes one to start from'
    throw new GimbalError('file-missing', 'The book cannot be read', { file: path, reason, remedy }, { cause })
  }
  return parseBook(text, path)
}

/** The text {@link parseBook} reads back into the same book. */
export function bookText(given: Book): string {
  const time = (us: number) => new Date(us / 1000).toISOString()
  const written = {
    accounts: given.accounts.map(({ positions, ...rest }) => ({
      ...rest,
      positions: positions.map((each) => {
        if (each.kind === 'option') {
          const { expiryUs, right, ...other } = each
          return { ...other, right: right === CALL ? 'call' : 'put', expiry: time(expiryUs) }
        }
        if (each.kind === 'pool' && each.upper === Number.POSITIVE_INFINITY) {
          const { upper: _, ...other } = each
          return other
        }
        if ((each.kind === 'future' || each.kind === 'perp') && each.expiryUs !== undefined) {
          const { expiryUs, ...other } = each
          return { ...other, expiry: time(expiryUs) }
        }
        return each
      }),
    })),
    inTransit: given.inTransit.map(({ arrivesUs, ...rest }) => ({ ...rest, arrives: time(arrivesUs) })),
  }
  return `${JSON.stringify(written, null, 1)}\n`
}
