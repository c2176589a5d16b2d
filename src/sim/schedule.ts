/** @file Things due at a time: a binary heap by time, then by order of asking. */

interface Due<T> {
  readonly atUs: number
  readonly sequence: number
  readonly item: T
}

export class Schedule<T> {
  readonly #heap: Due<T>[] = []
  #sequence = 0

  /** Time of the earliest item; infinite when there is none. */
  get nextUs(): number {
    return this.#heap.length > 0 ? this.#heap[0]!.atUs : Number.POSITIVE_INFINITY
  }

  add(atUs: number, item: T): void {
    const heap = this.#heap
    const due = { atUs, sequence: this.#sequence++, item }
    let at = heap.push(due) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!earlier(due, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = due
  }

  /** Removes and returns the earliest item. */
  take(): T | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (!first || !last) return undefined
    if (heap.length > 0) {
      let at = 0
      for (;;) {
        let child = 2 * at + 1
        if (child >= heap.length) break
        if (child + 1 < heap.length && earlier(heap[child + 1]!, heap[child]!)) child++
        if (!earlier(heap[child]!, last)) break
        heap[at] = heap[child]!
        at = child
      }
      heap[at] = last
    }
    return first.item
  }
}

function earlier(a: Due<unknown>, b: Due<unknown>): boolean {
  return a.atUs < b.atUs || (a.atUs === b.atUs && a.sequence < b.sequence)
}
