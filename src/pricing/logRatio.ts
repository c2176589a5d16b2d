/** @file The logarithm of a ratio near 1, which is where options live. */

/**
 * ln(a/b), to the last digit even where a and b are nearly equal: their difference is then exact, their quotient is not.
 *
 * @param a Above 0.
 * @param b Above 0.
 */
export function logRatio(a: number, b: number): number {
  return a > 0.5 * b && a < 2 * b ? Math.log1p((a - b) / b) : Math.log(a / b)
}
