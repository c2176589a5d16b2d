/** @file Lists that stay short however long the run: the first and last of something, and the worst. */

/** Keeps the first `each` and the last `each` entries and counts them all. */
export class FirstAndLast<T> {
  count = 0
  readonly #each: number
  readonly #first: T[] = []
  readonly #last: T[] = []

  constructor(each: number) {
    this.#each = each
  }

  add(entry: T): void {
    this.count++
    if (this.#first.length < this.#each) this.#first.push(entry)
    else {
      // The ring's oldest entry is overwritten; `entries` puts it back in order.
      this.#last[(this.count - this.#each - 1) % this.#each] = entry
    }
  }

  get first(): readonly T[] {
    return this.#first
  }

  /** The last entries not already among the first, oldest first. */
  get last(): readonly T[] {
    const after = Math.max(0, this.count - this.#each)
    const start = after > this.#each ? after % this.#each : 0
    return [...this.#last.slice(start), ...this.#last.slice(0, start)]
  }

  /** Everything kept, oldest first; `count - entries.length` in the middle were let go. */
  get entries(): readonly T[] {
    return [...this.#first, ...this.last]
  }
}

/** Keeps the entries with the lowest scores, worst first; of equal scores the earlier wins. */
export class Worst<T> {
  readonly #most: number
  readonly #rows: { score: number; entry: T }[] = []

  constructor(most: number) {
    this.#most = most
  }

  add(entry: T, score: number): void {
    const rows = this.#rows
    if (rows.length === this.#most && score >= rows.at(-1)!.score) return
    let at = rows.length
    while (at > 0 && rows[at - 1]!.score > score) at--
    rows.splice(at, 0, { score, entry })
    if (rows.length > this.#most) rows.pop()
  }

  get entries(): readonly T[] {
    return this.#rows.map((row) => row.entry)
  }
}
