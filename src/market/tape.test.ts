/**
 * Goal: any number of tapes become one, in an order that depends on the rows alone.
 * Method: against a plain stable sort; messages stay whole; batch sizes carry no meaning.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import { Flag, KIND_NAMES, Kind, MemoryTape, MergedTape, type MergeInput, RecutTape, type TapeView } from './tape.ts'

/** A tape of messages; each message is `rows` rows sharing both times. `value` numbers the rows. */
function tape(messages: readonly { timeUs: number; venueUs: number; rows: number }[], name: number): MemoryTape {
  const memory = new MemoryTape()
  let number = 0
  for (const { timeUs, venueUs, rows } of messages) {
    for (let row = 0; row < rows; row++) {
      memory.push(timeUs, venueUs, Kind.DEPTH, name, 1, 100, 1, number++, row === rows - 1 ? Flag.END : 0)
    }
  }
  return memory
}

function drain(merged: MergedTape): { timeUs: number; from: number; number: number }[] {
  const rows: { timeUs: number; from: number; number: number }[] = []
  while (merged.advance()) {
    rows.push({ timeUs: merged.timeUs, from: merged.instrument, number: merged.batch.value[merged.row]! })
  }
  return rows
}

const message = fc.record({
  timeUs: fc.integer({ min: 0, max: 30 }),
  venueUs: fc.integer({ min: 0, max: 30 }),
  rows: fc.integer({ min: 1, max: 4 }),
})
const tapes = fc.array(fc.array(message, { maxLength: 20 }), { minLength: 1, maxLength: 4 })

test('the merge is a stable sort of messages by time, then source, then place', () => {
  fc.assert(
    fc.property(tapes, fc.constantFrom<TapeView>('received', 'venue'), (messages, view) => {
      const expected = messages
        .flatMap((list, from) => {
          let key = Number.NEGATIVE_INFINITY
          let number = 0
          return list.flatMap((each) => {
            key = Math.max(key, view === 'venue' ? each.venueUs : each.timeUs)
            const timeUs = key
            return Array.from({ length: each.rows }, () => ({ timeUs, from, number: number++ }))
          })
        })
        .sort((a, b) => a.timeUs - b.timeUs || a.from - b.from || a.number - b.number)
      const inputs = messages.map((list, from) => ({ source: tape(list, from) }))
      expect(drain(new MergedTape(inputs, view))).toEqual(expected)
    }),
  )
})

test('how a tape was cut into batches changes nothing', () => {
  fc.assert(
    fc.property(tapes, fc.integer(), (messages, seed) => {
      const random = new Random(seed)
      const whole = messages.map((list, from): MergeInput => ({ source: tape(list, from) }))
      const cut = messages.map(
        (list, from): MergeInput => ({ source: new RecutTape(tape(list, from), () => random.integer(1, 5)) }),
      )
      expect(drain(new MergedTape(cut))).toEqual(drain(new MergedTape(whole)))
    }),
  )
})

test('a venue whose clock runs ahead is shifted before it is ordered', () => {
  const ahead = tape([{ timeUs: 10, venueUs: 1_000_012, rows: 1 }], 0)
  const right = tape([{ timeUs: 11, venueUs: 9, rows: 1 }], 1)
  const merged = new MergedTape([{ source: ahead, venueShiftUs: -1_000_010 }, { source: right }], 'venue')
  expect(drain(merged).map(({ timeUs, from }) => [timeUs, from])).toEqual([
    [2, 0],
    [9, 1],
  ])
})

test('a shifted row shows its corrected venue time, and the source is left as it was', () => {
  const source = tape([{ timeUs: 10, venueUs: 1_000_012, rows: 2 }], 0)
  for (let reading = 0; reading < 2; reading++) {
    const merged = new MergedTape([{ source: source.rewind(), venueShiftUs: -1_000_010 }])
    expect(merged.advance()).toBe(true)
    expect(merged.batch.venueTimeUs[merged.row]).toBe(2)
  }
})

test('instruments are renumbered into the universe of the run', () => {
  const merged = new MergedTape([
    { source: tape([{ timeUs: 1, venueUs: 1, rows: 1 }], 0), instruments: Uint16Array.of(7) },
  ])
  expect(merged.advance()).toBe(true)
  expect(merged.instrument).toBe(7)
  expect(merged.advance()).toBe(false)
  expect(merged.timeUs).toBe(Number.POSITIVE_INFINITY)
})

test('row kinds keep their numbers, which are stored in files', () => {
  const numbers = Object.values(Kind)
  expect(new Set(numbers).size).toBe(numbers.length)
  expect([Kind.DEPTH, Kind.TRADE, Kind.QUOTE, Kind.BAR_CLOSE, Kind.FUNDING, Kind.SCALAR, Kind.OWN_AMENDED]).toEqual([
    1, 2, 3, 7, 11, 39, 52,
  ])
  expect(KIND_NAMES[Kind.LIQUIDATION]).toBe('LIQUIDATION')
})
