/**
 * @file The triangular factor R of a tall matrix, built while its rows go by.
 *
 * Householder reflections fold blocks of rows into R: the stability of a full QR factorisation (the normal equations would
 * square the condition number) in memory that does not grow with the rows. Everything least squares needs follows from R
 * of [X y]: the coefficients, the residual sum of squares, the inverse of X'X.
 *
 * Source: G. Golub, C. Van Loan, "Matrix Computations", 4th ed., sections 5.2 and 6.5 (QR by rows).
 */

/** Rows folded in at once: enough that the triangle is touched seldom, few enough to stay in the first-level cache. */
const BLOCK = 128

export class TriangularFactor {
  readonly columns: number
  /** Fill this, then call {@link push}. */
  readonly row: Float64Array
  /** R, row by row: element (i, j) at `i * columns + j`, zero below the diagonal. */
  readonly r: Float64Array
  /** Rows not yet folded in, column by column. */
  readonly #block: Float64Array
  #filled = 0

  constructor(columns: number) {
    this.columns = columns
    this.row = new Float64Array(columns)
    this.r = new Float64Array(columns * columns)
    this.#block = new Float64Array(columns * BLOCK)
  }

  /** Takes the row that `row` holds. */
  push(): void {
    const { columns, row } = this
    const block = this.#block
    for (let j = 0; j < columns; j++) block[j * BLOCK + this.#filled] = row[j]!
    if (++this.#filled === BLOCK) this.finish()
  }

  /** Folds in what is still waiting; `r` is whole afterwards. More rows may follow. */
  finish(): void {
    const { columns, r } = this
    const block = this.#block
    const filled = this.#filled
    for (let j = 0; j < columns && filled > 0; j++) {
      const own = j * BLOCK
      let squares = 0
      for (let i = 0; i < filled; i++) squares += block[own + i]! * block[own + i]!
      if (squares === 0) continue
      const head = r[j * columns + j]!
      // The sign that adds magnitudes, so that nothing cancels.
      const norm = head > 0 ? -Math.sqrt(head * head + squares) : Math.sqrt(head * head + squares)
      const first = head - norm
      const scale = 2 / (first * first + squares)
      r[j * columns + j] = norm
      for (let k = j + 1; k < columns; k++) {
        const other = k * BLOCK
        let product = first * r[j * columns + k]!
        for (let i = 0; i < filled; i++) product += block[own + i]! * block[other + i]!
        product *= scale
        r[j * columns + k]! -= product * first
        for (let i = 0; i < filled; i++) block[other + i]! -= product * block[own + i]!
      }
    }
    this.#filled = 0
  }
}

/**
 * Solves R x = b for the leading `size` rows and columns of an upper triangle.
 *
 * @param r Row by row, `stride` figures a row. @param b `size` figures.
 */
export function solveUpper(r: Float64Array, stride: number, size: number, b: Float64Array): Float64Array {
  const x = new Float64Array(size)
  for (let i = size - 1; i >= 0; i--) {
    let rest = b[i]!
    for (let j = i + 1; j < size; j++) rest -= r[i * stride + j]! * x[j]!
    x[i] = rest / r[i * stride + i]!
  }
  return x
}

/** (R'R)^-1 for the leading `size` rows and columns of an upper triangle: row by row, `size` figures a row. */
export function inverseGram(r: Float64Array, stride: number, size: number): Float64Array {
  const inverse = new Float64Array(size * size)
  const unit = new Float64Array(size)
  for (let k = 0; k < size; k++) {
    unit.fill(0)
    unit[k] = 1
    const column = solveUpper(r, stride, size, unit)
    for (let i = 0; i < size; i++) inverse[i * size + k] = column[i]!
  }
  const gram = new Float64Array(size * size)
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++) {
      let sum = 0
      for (let k = Math.max(i, j); k < size; k++) sum += inverse[i * size + k]! * inverse[j * size + k]!
      gram[i * size + j] = sum
    }
  return gram
}
