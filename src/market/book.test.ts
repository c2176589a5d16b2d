/**
 * Goal: the replica always shows what the venue sent, and says so loudly when it cannot.
 *
 * Method: named cases for what venues are known to do, then one property over every sequence of updates, near the
 * touch and far beyond the window, checked against the slowest book that could possibly be right: a `Map` sorted on
 * demand.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ASK, BID, Book, isLevel, type Side } from './book.ts'

/** A live book of two bids and two asks around 100. */
function quoted(): Book {
  const book = new Book()
  book.reset()
  book.set(BID, 99, 5)
  book.set(BID, 98, 9)
  book.set(ASK, 101, 4)
  book.set(ASK, 103, 8)
  return book
}

function levels(book: Book, side: Side): [tick: number, lots: number][] {
  const found: [number, number][] = []
  for (let tick = book.best(side); isLevel(side, tick); tick = book.nextTick(side, tick))
    found.push([tick, book.lotsAt(side, tick)])
  return found
}

test('levels are read from the touch outwards', () => {
  const book = quoted()
  expect(levels(book, BID)).toEqual([
    [99, 5],
    [98, 9],
  ])
  expect(levels(book, ASK)).toEqual([
    [101, 4],
    [103, 8],
  ])
  expect(book.midTick).toBe(100)
})

test('an empty side is infinitely bad, so it never crosses', () => {
  const book = new Book()
  expect(book.bestBid).toBeLessThan(book.bestAsk)
  expect(book.bestLots(BID)).toBe(0)
  expect(book.crossed).toBe(false)
  expect(book.midTick).toBeNaN()
})

test('the top copies at most as many levels as there are', () => {
  const ticks = new Int32Array(5)
  const lots = new Float64Array(5)
  expect(quoted().top(ASK, 5, ticks, lots)).toBe(2)
  expect([...ticks.subarray(0, 2), ...lots.subarray(0, 2)]).toEqual([101, 103, 4, 8])
  expect(quoted().top(BID, 1, ticks, lots)).toBe(1)
})

describe('what venues do', () => {
  test('removing a level we never had is not an error', () => {
    const book = quoted()
    expect(book.set(BID, 97, 0)).toBe(0)
    expect(book.set(BID, 99, 7)).toBe(5)
  })

  test('a venue without a central matcher may cross for an instant', () => {
    const book = quoted()
    book.set(BID, 101, 1)
    expect(book.crossed).toBe(true)
  })

  test('a snapshot forgets everything before it', () => {
    const book = quoted()
    book.reset()
    expect(book.levels(BID) + book.levels(ASK)).toBe(0)
  })

  test('a stale bid far below the market is kept and becomes the touch when all else is gone', () => {
    const book = quoted()
    book.set(BID, -500_000, 3)
    book.set(BID, 99, 0)
    book.set(BID, 98, 0)
    expect(levels(book, BID)).toEqual([[-500_000, 3]])
  })

  test('the market may run across many windows and back', () => {
    const book = new Book()
    book.reset()
    for (let tick = 0; tick <= 400_000; tick += 5_000) {
      book.set(BID, tick, 1)
      expect(book.bestBid).toBe(tick)
    }
    for (let tick = 400_000; tick > 0; tick -= 5_000) {
      book.set(BID, tick, 0)
      expect(book.bestBid).toBe(tick - 5_000)
    }
    expect(book.levels(BID)).toBe(1)
  })

  test('lost updates leave a gap that only a snapshot closes, and an empty book has no gap to show', () => {
    const book = new Book()
    book.markGap()
    expect(book.status).toBe('empty')
    book.reset()
    book.markGap()
    book.set(BID, 99, 5)
    expect(book.status).toBe('gap')
    book.reset()
    expect(book.status).toBe('live')
  })
})

const impossible = [
  [0.5, 1],
  [Number.NaN, 1],
  [2 ** 31, 1],
  [99, -1],
  [99, Number.NaN],
  [99, Number.POSITIVE_INFINITY],
] as const
test.each(impossible)('level %d × %d is impossible', (tick, lots) => {
  const book = quoted()
  expect(() => book.set(ASK, tick, lots)).toThrow(expect.objectContaining({ code: 'level-invalid' }))
  expect(levels(book, ASK)).toHaveLength(2)
})

test('any sequence of updates leaves the book a sorted map would hold', () => {
  const near = fc.integer({ min: 90, max: 110 })
  const far = fc.integer({ min: -200_000, max: 200_000 })
  const update = fc.record({
    side: fc.constantFrom(BID, ASK),
    tick: fc.oneof({ weight: 3, arbitrary: near }, { weight: 1, arbitrary: far }),
    lots: fc.integer({ min: 0, max: 3 }),
    forget: fc.integer({ min: 0, max: 60 }),
  })
  fc.assert(
    fc.property(fc.array(update, { maxLength: 150 }), (updates) => {
      const book = new Book()
      const model = new Map<Side, Map<number, number>>([
        [BID, new Map()],
        [ASK, new Map()],
      ])
      for (const { side, tick, lots, forget } of updates) {
        if (forget === 0) {
          book.reset()
          model.get(BID)!.clear()
          model.get(ASK)!.clear()
        }
        expect(book.set(side, tick, lots)).toBe(model.get(side)!.get(tick) ?? 0)
        if (lots > 0) model.get(side)!.set(tick, lots)
        else model.get(side)!.delete(tick)
        for (const each of [BID, ASK] as const) {
          const sorted = [...model.get(each)!].sort(([a], [b]) => each * (b - a))
          expect(book.levels(each)).toBe(sorted.length)
          if (sorted.length > 0) expect(book.best(each)).toBe(sorted[0]![0])
          else expect(isLevel(each, book.best(each))).toBe(false)
        }
      }
      for (const side of [BID, ASK] as const) {
        expect(levels(book, side)).toEqual([...model.get(side)!].sort(([a], [b]) => side * (b - a)))
      }
    }),
    { numRuns: 150 },
  )
})
