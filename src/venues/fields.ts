/**
 * @file Fields of parsed JSON, read with suspicion: each function returns what it names or refuses the frame.
 */

import { NUMBER_MAX, refuse, venueTime } from './frame.ts'

export type Fields = Readonly<Record<string, unknown>>

/** Parses JSON, refusing what is not. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    return refuse('json-invalid', (error as Error).message.slice(0, 120))
  }
}

/** A JSON object. */
export function record(value: unknown, name: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    refuse('field-invalid', `${name}: not an object`)
  return value as Fields
}

/** Whether a value is a JSON object. */
export function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A JSON array. */
export function list(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) refuse('field-invalid', `${name}: not an array`)
  return value
}

/** Text that is not empty. */
export function text(value: unknown, name: string): string {
  if (typeof value !== 'string' || value === '') refuse('field-invalid', `${name}: not text`)
  return value
}

const DECIMAL = /^-?\d{1,20}(?:\.\d{1,20})?(?:[eE][+-]?\d{1,2})?$/

/** A number printed as JSON number or decimal text, of either sign: a rate, a Greek. */
export function number(value: unknown, name: string): number {
  const read =
    typeof value === 'number' ? value : typeof value === 'string' && DECIMAL.test(value) ? Number(value) : Number.NaN
  if (!(Math.abs(read) < NUMBER_MAX)) refuse('field-invalid', `${name}: not a number`)
  return read
}

/** As {@link number}, or undefined where the field is absent, null or empty text. */
export function optionalNumber(value: unknown, name: string): number | undefined {
  return value === undefined || value === null || value === '' ? undefined : number(value, name)
}

/** A price: above zero. */
export function price(value: unknown, name: string): number {
  const read = number(value, name)
  if (!(read > 0)) refuse('price-invalid', `${name}: ${read}`)
  return read
}

/** A size: zero or more. */
export function size(value: unknown, name: string): number {
  const read = number(value, name)
  if (!(read >= 0)) refuse('size-invalid', `${name}: ${read}`)
  return read
}

/** A whole number below 2^53, zero or more, printed as number or text: ids, sequence numbers. */
export function whole(value: unknown, name: string): number {
  const read = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
  if (typeof read !== 'number' || !Number.isSafeInteger(read) || read < 0)
    refuse('field-invalid', `${name}: not a whole number`)
  return read
}

/** A time in milliseconds, as µs. */
export function timeMs(value: unknown, name: string): number {
  return venueTime(number(value, name))
}

/** An ISO time in UTC with up to six decimals of a second, as µs. */
export function timeIso(value: unknown, name: string): number {
  const read = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)?$/.exec(text(value, name))
  const ms = read ? Date.parse(`${read[1]}Z`) : Number.NaN
  if (Number.isNaN(ms)) refuse('time-invalid', name)
  return venueTime(ms) + Number((read![2] ?? '').padEnd(6, '0').slice(0, 6))
}

/** Side of the aggressor from the venue's two words. */
export function side(value: unknown, buy: string, sell: string): 1 | -1 {
  if (value === buy) return 1
  if (value === sell) return -1
  return refuse('field-invalid', `side: ${String(value).slice(0, 20)}`)
}
