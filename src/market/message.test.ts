/** Goal: a message becomes rows whole or not at all. Method: hand-made messages, good, damaged in the middle, and long. */

import { expect, test } from 'vitest'
import { Instrument, Universe } from './instrument.ts'
import { STREAMS, streamOfKind, TapeSink } from './message.ts'
import { Flag, Kind } from './tape.ts'

const universe = new Universe([
  new Instrument({
    base: 'ETH',
    quote: 'USDC',
    kind: 'perp',
    venue: 'hyperliquid',
    venueSymbol: 'ETH',
    payoff: 'linear',
    settle: 'USDC',
    tickSize: '0.1',
    lotSize: '0.01',
    multiplier: '1',
    source: 'test',
  }),
])

test('prices become ticks, sizes lots, and the last row ends the message', () => {
  const sink = new TapeSink(universe)
  sink.begin('book', 0, 2_000, 1_000)
  sink.row(Kind.DEPTH, 1, 3500.1, 1.25, 0, Flag.RESET)
  sink.row(Kind.DEPTH, -1, 3500.2, 0.01, 0)
  sink.end()
  const { batch } = sink
  expect([batch.count, ...batch.tick.subarray(0, 2), ...batch.lots.subarray(0, 2)]).toEqual([2, 35_001, 35_002, 125, 1])
  expect([...batch.flags.subarray(0, 2)]).toEqual([Flag.RESET, Flag.END])
  expect([batch.timeUs[1], batch.venueTimeUs[1]]).toEqual([2_000, 1_000])
})

test('a price off the grid undoes the whole message and says which price', () => {
  const sink = new TapeSink(universe)
  sink.begin('trade', 0, 1, 1)
  sink.row(Kind.TRADE, 1, 3500.1, 1, 0)
  sink.end()
  sink.begin('book', 0, 2, 2)
  sink.row(Kind.DEPTH, 1, 3500.1, 1, 0)
  expect(() => sink.row(Kind.DEPTH, 1, 3500.15, 1, 0)).toThrow(expect.objectContaining({ code: 'off-grid' }))
  expect(sink.batch.count).toBe(1)
})

test('a message larger than the batch is not split', () => {
  const sink = new TapeSink(universe, 8)
  sink.begin('book', 0, 1, 1)
  for (let i = 1; i <= 100; i++) sink.row(Kind.DEPTH, 1, i, 1, i)
  sink.end()
  expect(sink.batch.count).toBe(100)
  expect([...sink.batch.value.subarray(0, 100)]).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
  expect(sink.batch.flags.subarray(0, 100).filter((flags) => flags === Flag.END)).toHaveLength(1)
})

test('an empty or abandoned message leaves nothing behind', () => {
  const sink = new TapeSink(universe)
  sink.begin('book', 0, 1, 1)
  sink.end()
  sink.begin('book', 0, 1, 1)
  sink.row(Kind.DEPTH, 1, 1, 1, 0)
  sink.abandon()
  expect(sink.batch.count).toBe(0)
})

test('funding rates and scalars are kept as they are, on no grid', () => {
  const sink = new TapeSink(universe)
  sink.begin('funding', 0, 1, 1)
  sink.row(Kind.FUNDING, 0, 0, 28_800_000_000, 0.0000125)
  sink.end()
  expect([sink.batch.lots[0], sink.batch.value[0]]).toEqual([28_800_000_000, 0.0000125])
})

test('every kind of row has its stream, but for what may come in any of them, and every stream has its kinds', () => {
  const homeless = Object.entries(Kind).filter(([, kind]) => streamOfKind(kind) === undefined)
  expect(homeless.map(([name]) => name).sort()).toEqual([
    ...['GAP', 'OUTAGE', 'OWN_ACCEPTED', 'OWN_AMENDED', 'OWN_CANCELLED', 'OWN_FILLED', 'OWN_REJECTED'],
  ])
  const found = new Set(Object.values(Kind).map(streamOfKind))
  expect(STREAMS.filter((stream) => !found.has(stream))).toEqual([])
  expect(streamOfKind(0)).toBeUndefined()
  const told = [Kind.DEPTH, Kind.TRADE, Kind.QUOTE, Kind.BAR_CLOSE, Kind.FUNDING_FORECAST, Kind.DELEVERAGING, Kind.VEGA]
  expect(told.map(streamOfKind)).toEqual(['book', 'trade', 'quote', 'bar', 'funding', 'liquidation', 'option'])
})
