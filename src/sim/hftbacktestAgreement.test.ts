/**
 * Goal: in `hftbacktest` compatibility every published queue model fills as that program does, so that results can be
 * compared one by one.
 *
 * Method: a calm book whose levels grow, shrink and trade, so that the queue decides; some 900 orders rest in it. The
 * same events and orders were run through hftbacktest 2.4.4 (PyPI; `partial_fill_exchange`, constant latency of 100 µs
 * each way, tick and lot 1), and what it filled is written down here: net and gross lots, and gross lots weighted by
 * order number, which no two different sets of fills share. Orders are too large to be filled whole, because that program
 * stops with an error when a fill leaves exactly nothing.
 */

import { expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import type { Side } from '../market/book.ts'
import { HandDrivenExchange } from './handDrivenExchange.ts'
import { constantLatency } from './latencyModels.ts'
import { queueModelNamed } from './queueModels.ts'

type Event =
  | {
      readonly what: 'depth' | 'trade'
      readonly timeUs: number
      readonly side: Side
      readonly tick: number
      readonly lots: number
    }
  | {
      readonly what: 'order'
      readonly timeUs: number
      readonly side: Side
      readonly tick: number
      readonly lots: number
    }
  | { readonly what: 'cancel'; readonly timeUs: number; readonly id: number } // prettier-ignore

/** Events in order of time; orders number themselves from 1. */
function calmMarket(): Event[] {
  const random = new Random(20_240_718)
  const events: Event[] = []
  const levels = new Map<number, number>()
  const live: number[] = []
  let timeUs = 1_000_000
  let orders = 0
  const depth = (side: Side, tick: number, lots: number) => {
    levels.set(tick, lots)
    events.push({ what: 'depth', timeUs, side, tick, lots })
  }
  for (let level = 0; level < 10; level++) {
    depth(1, 999 - level, random.integer(20, 60))
    depth(-1, 1001 + level, random.integer(20, 60))
  }
  for (let step = 0; step < 12_000; step++) {
    timeUs += random.integer(20, 400)
    const side: Side = random.bits() > 0 ? 1 : -1
    if (random.uniform() < 0.4) {
      const tick = 1000 - side
      const lots = Math.min(random.integer(1, 7), levels.get(tick)! - 1)
      if (lots > 0) {
        events.push({ what: 'trade', timeUs, side: -side as Side, tick, lots })
        timeUs += random.integer(0, 2)
        depth(side, tick, levels.get(tick)! - lots)
      }
    } else {
      const tick = 1000 - side * random.integer(1, 4)
      const lots = levels.get(tick)!
      const grows = (random.bits() > 0 && lots < 70) || lots < 12
      depth(side, tick, Math.max(1, lots + (grows ? 1 : -1) * random.integer(1, 8)))
    }
    if (random.uniform() < 0.07) {
      const its: Side = random.bits() > 0 ? 1 : -1
      live.push(++orders)
      timeUs += 7
      events.push({ what: 'order', timeUs, side: its, tick: 1000 - its * random.integer(1, 2), lots: 5000 })
    }
    if (live.length > 12) events.push({ what: 'cancel', timeUs: ++timeUs, id: live.shift()! })
  }
  return events
}

/** What we know to be filled at the last order or cancellation: net, gross, and gross weighted by order number. */
function filled(model: string): number[] {
  const venue = new HandDrivenExchange({
    compatibility: 'hftbacktest',
    queue: queueModelNamed(model),
    latency: constantLatency(100),
  })
  let endUs = 0
  for (const event of calmMarket()) {
    if (event.what === 'order' || event.what === 'cancel') endUs = event.timeUs
    if (event.what === 'cancel') venue.cancel(event.timeUs, event.id)
    else if (event.what === 'order') venue.send(event.timeUs, event.side, event.lots, event.tick)
    else if (event.what === 'trade') venue.trade(event.timeUs, event.side, event.tick, event.lots)
    else venue.depth(event.timeUs, event.side, event.tick, event.lots)
  }
  const sums = [0, 0, 0]
  for (const fill of venue.fills()) {
    if (fill.timeUs > endUs) continue
    sums[0]! += fill.side * fill.lots
    sums[1]! += fill.lots
    sums[2]! += fill.orderId * fill.lots
  }
  return sums
}

test.each([
  ['risk-averse', [1029, 20_291, 8_745_645]],
  ['power:2', [1007, 20_325, 8_761_597]],
  ['power2:1.5', [1005, 20_341, 8_769_565]],
  ['power3:3', [1027, 20_297, 8_748_608]],
  ['log', [1011, 20_333, 8_765_724]],
  ['log2', [1024, 20_304, 8_751_951]],
])('%s fills as hftbacktest does', (model, expected) => {
  expect(filled(model)).toEqual(expected)
})
