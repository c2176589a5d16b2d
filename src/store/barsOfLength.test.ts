/** Goal: one length of bars, whole, wherever batches were cut. Method: mixed bars and trades, cut at every size, against a plain filter. */

import { expect, test } from 'vitest'
import { Flag, Kind, MemoryTape, RecutTape } from '../market/tape.ts'
import { BarsOfLength } from './barsOfLength.ts'

function mixed(): MemoryTape {
  const tape = new MemoryTape()
  for (let i = 1; i <= 40; i++) {
    for (const length of i % 3 === 0 ? [5, 15] : [5]) {
      for (const kind of [Kind.BAR_OPEN, Kind.BAR_HIGH, Kind.BAR_LOW]) tape.push(i, i, kind, 0, 0, i, 0, 0, 0)
      tape.push(i, i, Kind.BAR_CLOSE, 0, 0, i, length, length, Flag.END)
    }
    tape.push(i, i, Kind.TRADE, 0, 1, i, 1, i, Flag.END)
  }
  return tape
}

function rows(length: number, cut: number): string[] {
  const source = new BarsOfLength(new RecutTape(mixed(), () => cut), length)
  const seen: string[] = []
  for (let batch = source.next(); batch; batch = source.next()) {
    for (let row = 0; row < batch.count; row++)
      seen.push(`${batch.timeUs[row]} ${batch.kind[row]} ${batch.lots[row]} ${batch.flags[row]}`)
  }
  return seen
}

test.each([1, 2, 3, 4, 5, 7, 64, 4096])('cut into batches of %i rows', (cut) => {
  const short = rows(5, cut)
  expect(short).toHaveLength(40 * 5)
  expect(short).toEqual(rows(5, 4096))
  const long = rows(15, cut)
  expect(long).toHaveLength(13 * 4 + 40)
  expect(long.filter((row) => row.includes(` ${Kind.BAR_CLOSE} `)).map((row) => row.split(' ')[2])).toEqual(
    Array(13).fill('15'),
  )
})
