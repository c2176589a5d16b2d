/** @file Figures as people read them: thousands apart, real minus signs, UTC, the same text on every platform. */

import { SECOND_US } from '../core/clock.ts'

const MINUS = '\u2212'
/** What is shown where there is no figure. */
export const NONE = '\u2013'

/** `12,345.68`; `decimals` digits after the point. Never the platform's locale. */
export function fixed(value: number, decimals: number): string {
  const [whole, fraction] = Math.abs(value).toFixed(decimals).split('.')
  const grouped = whole!.replace(/\B(?=(\d{3})+$)/g, ',')
  const text = fraction === undefined ? grouped : `${grouped}.${fraction}`
  // What rounds to zero has no sign.
  return value < 0 && /[1-9]/.test(text) ? MINUS + text : text
}

/** Dollars, to the cent; to the hundredth of a cent below one dollar. */
export function dollars(value: number | null): string {
  if (value === null) return NONE
  const text = fixed(Math.abs(value), value !== 0 && Math.abs(value) < 1 ? 4 : 2)
  // The word joiner keeps a line from ending between sign and amount.
  return value < 0 && /[1-9]/.test(text) ? `${MINUS}\u2060$${text}` : `$${text}`
}

/** As {@link dollars}, with a plus for gains. */
export function signedDollars(value: number | null): string {
  return value !== null && value > 0 ? `+${dollars(value)}` : dollars(value)
}

/** A fraction as per cent. */
export function percent(value: number | null, decimals = 2): string {
  return value === null ? NONE : `${fixed(value * 100, decimals)} %`
}

export function signedPercent(value: number | null, decimals = 2): string {
  return value !== null && value > 0 ? `+${percent(value, decimals)}` : percent(value, decimals)
}

/** A plain number to `digits` significant digits, without an exponent or trailing zeros: `0.00123`, `51,234.5`. */
export function plain(value: number | null, digits = 6): string {
  if (value === null) return NONE
  if (value === 0) return '0'
  const power = Math.floor(Math.log10(Math.abs(value)))
  const decimals = Math.min(12, Math.max(0, digits - 1 - power))
  const text = fixed(value, decimals)
  return decimals > 0 ? text.replace(/\.?0+$/, '') : text
}

/** Basis points: two decimals while they matter. */
export function bps(value: number | null): string {
  return value === null ? NONE : fixed(value, Math.abs(value) < 100 ? 2 : 1)
}

export function count(value: number): string {
  return fixed(value, 0)
}

/** Short text for axes: `12.5k`, `3.2M`. */
export function compact(value: number): string {
  const size = Math.abs(value)
  if (size >= 1e9) return `${plain(value / 1e9, 4)}B`
  if (size >= 1e6) return `${plain(value / 1e6, 4)}M`
  if (size >= 1e5) return `${plain(value / 1e3, 4)}k`
  return plain(value, 6)
}

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹'

/** A figure of any size: `0.0123`, `12.3M`, and `2.50 × 10⁻⁶` where zeros would have to be counted; `10⁻⁶` to one digit. */
export function anySize(value: number, digits = 3): string {
  const size = Math.abs(value)
  if (size === 0 || (size >= 1e-3 && size < 1e15))
    return size >= 1e5 ? compact(Number(value.toPrecision(digits))) : plain(value, digits)
  const [mantissa, power] = size.toExponential(digits - 1).split('e')
  const exponent = Number(power)
  const raised = [...String(Math.abs(exponent))].map((digit) => SUPERSCRIPTS[Number(digit)]).join('')
  const ten = `10${exponent < 0 ? '⁻' : ''}${raised}`
  return `${value < 0 ? MINUS : ''}${mantissa === '1' ? ten : `${mantissa} × ${ten}`}`
}

/** A probability that chance explains it: three decimals, and `< 0.001` rather than none. */
export function pValue(value: number): string {
  return value < 0.001 ? '< 0.001' : fixed(value, 3)
}

/** Microseconds in the unit that suits their size. */
export function latency(us: number | null): string {
  if (us === null) return NONE
  const size = Math.abs(us)
  if (size >= SECOND_US) return `${plain(us / SECOND_US, 3)} s`
  return size >= 1000 ? `${plain(us / 1000, 3)} ms` : `${plain(us, 3)} µs`
}

/** `2024-07-01 00:00:10` for microseconds since 1970, UTC; `…10.250` when milliseconds are asked for. */
export function utc(timeUs: number, milliseconds = false): string {
  const text = new Date(Math.floor(timeUs / 1000)).toISOString()
  return text.slice(0, milliseconds ? 23 : 19).replace('T', ' ')
}

/** Text safe inside HTML, in content and in double-quoted attributes. */
export function escaped(text: string): string {
  return text.replace(
    /[&<>"']/g,
    (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[character]!,
  )
}
