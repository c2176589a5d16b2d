/**
 * @file A scanner for the few shapes of JSON that arrive by the million, used where `JSON.parse` costs too much.
 *
 * It accepts a strict subset: no white space, no escapes, no characters outside printable ASCII, whole numbers and
 * plain decimals only. Whatever else a venue may send is not an error here: the caller starts over with `JSON.parse`,
 * so the scanner may be narrow but never wrong. Tests hold the two paths equal on real and on mutated frames.
 */

import { NUMBER_MAX } from './frame.ts'

const QUOTE = 34
const COMMA = 44
const MINUS = 45
const POINT = 46
const ZERO = 48
const NINE = 57
const COLON = 58
const BACKSLASH = 92
const CLOSE_BRACKET = 93
const CLOSE_BRACE = 125

/** Powers of ten that are exact doubles; a 15-digit mantissa over one of them is correctly rounded (Clinger 1990). */
const POWERS = Float64Array.from({ length: 16 }, (_, exponent) => 10 ** exponent)

/** Code of a key of up to four characters, as `key` returns it. */
export function keyCode(name: string): number {
  let code = 0
  for (let i = 0; i < name.length; i++) code = (code << 8) | name.charCodeAt(i)
  return code
}

/** Reads one text from left to right. Methods return NaN, -1 or false where the text is not of the accepted subset. */
export class Scanner {
  text = ''
  at = 0
  /** Span of the last string read, without its quotes. */
  start = 0
  end = 0

  open(text: string): void {
    this.text = text
    this.at = 0
  }

  /** Character code at the reading position; NaN past the end. */
  peek(): number {
    return this.text.charCodeAt(this.at)
  }

  /** Steps over one character if it is there. */
  take(code: number): boolean {
    if (this.text.charCodeAt(this.at) !== code) return false
    this.at++
    return true
  }

  /** Reads a string without escapes into the span. */
  string(): boolean {
    const { text } = this
    let at = this.at
    if (text.charCodeAt(at) !== QUOTE) return false
    this.start = ++at
    for (;;) {
      const code = text.charCodeAt(at)
      if (code === QUOTE) break
      if (!(code >= 32 && code < 127) || code === BACKSLASH) return false
      at++
    }
    this.end = at
    this.at = at + 1
    return true
  }

  /** The last string read. */
  slice(): string {
    return this.text.slice(this.start, this.end)
  }

  /** Whether the last string read is `expected`. */
  is(expected: string): boolean {
    return this.end - this.start === expected.length && this.text.startsWith(expected, this.start)
  }

  /** Reads `"key":` of one to four characters and returns its {@link keyCode}; -1 for any other. */
  key(): number {
    const { text } = this
    let at = this.at
    if (text.charCodeAt(at) !== QUOTE) return -1
    let code = 0
    for (at++; ; at++) {
      const char = text.charCodeAt(at)
      if (char === QUOTE) break
      if (!(char >= 48 && char < 127) || char === BACKSLASH || code > 0xffffff) return -1
      code = (code << 8) | char
    }
    if (code === 0 || text.charCodeAt(at + 1) !== COLON) return -1
    this.at = at + 2
    return code
  }

  /** Reads a whole number of up to 15 digits, without a sign. */
  integer(): number {
    const { text } = this
    const start = this.at
    let at = start
    let value = 0
    for (;;) {
      const digit = text.charCodeAt(at) - ZERO
      if (!(digit >= 0 && digit <= 9)) break
      value = value * 10 + digit
      at++
    }
    const digits = at - start
    const next = text.charCodeAt(at)
    if (digits === 0 || digits > 15 || (digits > 1 && text.charCodeAt(start) === ZERO)) return Number.NaN
    // A fraction or an exponent makes it another kind of number.
    if (next !== COMMA && next !== CLOSE_BRACE && next !== CLOSE_BRACKET) return Number.NaN
    this.at = at
    return value
  }

  /** Reads a decimal in quotes, such as `"63943.90"`: the same double as `Number` gives. */
  decimal(): number {
    const { text } = this
    let at = this.at
    if (text.charCodeAt(at) !== QUOTE) return Number.NaN
    const start = ++at
    let mantissa = 0
    let point = -1
    for (;;) {
      const code = text.charCodeAt(at)
      if (code >= ZERO && code <= NINE) mantissa = mantissa * 10 + (code - ZERO)
      else if (code === POINT && point < 0 && at > start) point = at
      else if (code === QUOTE) break
      else return Number.NaN
      at++
    }
    const digits = at - start - (point < 0 ? 0 : 1)
    if (digits === 0 || point === at - 1) return Number.NaN
    this.at = at + 1
    if (digits <= 15) return point < 0 ? mantissa : mantissa / POWERS[at - 1 - point]!
    // Longer mantissas may not be exact: ask the language, within the bounds the JSON path accepts too.
    const whole = point < 0 ? digits : point - start
    if (whole > 20 || digits - whole > 20) return Number.NaN
    const value = Number(text.slice(start, at))
    return value < NUMBER_MAX ? value : Number.NaN
  }

  /** Reads `true` as 1 and `false` as 0; NaN for anything else. */
  boolean(): number {
    if (this.text.startsWith('true', this.at)) {
      this.at += 4
      return 1
    }
    if (this.text.startsWith('false', this.at)) {
      this.at += 5
      return 0
    }
    return Number.NaN
  }

  /** Whether everything was read. */
  get done(): boolean {
    return this.at === this.text.length
  }
}

export const Char = {
  QUOTE,
  COMMA,
  MINUS,
  COLON,
  OPEN_BRACKET: 91,
  CLOSE_BRACKET,
  OPEN_BRACE: 123,
  CLOSE_BRACE,
} as const
