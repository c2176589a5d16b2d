/**
 * Goal: pools, gas and the mempool are told as they were, and a feed's own health is told while it is failing.
 *
 * Method: short stories with figures by hand, then malicious tapes against the batch definitions with windows short enough for
 * breaks to fall into them.
 */

import { describe, expect, test } from 'vitest'
import { ask, compare, WrittenTape } from '../../tests/features/againstOracle.ts'
import { gas as gasOracle } from '../../tests/features/oracles/gas.ts'
import { pendingPressure as pendingOracle } from '../../tests/features/oracles/pendingPressure.ts'
import { poolLiquidity as poolOracle } from '../../tests/features/oracles/poolLiquidity.ts'
import { swapFlow as swapOracle } from '../../tests/features/oracles/swapFlow.ts'
import { venueHealth as healthOracle } from '../../tests/features/oracles/venueHealth.ts'
import { materialise, nastyTape } from '../../tests/features/tapes.ts'
import { Random } from '../core/random.ts'
import { Flag, Kind, MemoryTape } from '../market/tape.ts'
import { GAS } from './gas.ts'
import { PENDING_PRESSURE } from './pendingPressure.ts'
import { POOL_LIQUIDITY } from './poolLiquidity.ts'
import { SWAP_FLOW } from './swapFlow.ts'
import { VENUE_HEALTH } from './venueHealth.ts'

const POOL = { base: 'USDC', quote: 'WETH', kind: 'pool', detail: '0x1' } as const
const GAS_SPOT = { base: 'GAS', quote: 'ETH', kind: 'spot' } as const

describe('pool-liquidity', () => {
  const settings = { windowsSeconds: '60', memorySeconds: 100 }
  const state = (tape: WrittenTape, seconds: number, tick: number, liquidity: number) =>
    tape.row(seconds, Kind.POOL_STATE, { tick, value: liquidity })

  test('change, distance, path and range are those of the states in the window', () => {
    const tape = new WrittenTape(POOL)
    state(tape, 0, 200_000, 1e18)
    state(tape, 30, 200_010, 1e18)
    state(tape, 50, 199_990, 2e18)
    state(tape, 80, 200_004, 4e18)
    const [figures] = tape.ask(POOL_LIQUIDITY, settings, 100)
    expect(figures).toMatchObject({ 'moved-60s': -6, 'path-60s': 34, 'range-60s': 20 })
    expect(figures!['liquidity']).toBeCloseTo(Math.log(4e18), 12)
    expect(figures!['change-60s']).toBeCloseTo(Math.log(4), 12)
    // L (√p(200,010) − √p(199,990)).
    const depth = 4e18 * (1.0001 ** 100_005 - 1.0001 ** 99_995)
    expect(figures!['depth-60s']).toBeCloseTo(Math.log(depth), 8)
  })

  test('a pool that did not move still has the depth of one tick', () => {
    const tape = new WrittenTape(POOL)
    state(tape, 0, 0, 1e18)
    expect(tape.ask(POOL_LIQUIDITY, settings, 70)[0]!['depth-60s']).toBeCloseTo(Math.log(1e18 * (1.0001 ** 0.5 - 1)), 8)
  })

  test('nothing is known after silence, and no difference is taken across a gap', () => {
    const tape = new WrittenTape(POOL)
    state(tape, 0, 100, 1e18)
    tape.row(40, Kind.GAP)
    state(tape, 50, 300, 2e18)
    const [gap, after, silent] = tape.ask(POOL_LIQUIDITY, settings, 45, 90, 151)
    expect(gap!['liquidity']).toBeNaN()
    expect(after!['change-60s']).toBeNaN()
    expect(after!['moved-60s']).toBeNaN()
    expect(after!['path-60s']).toBe(0)
    expect(after!['range-60s']).toBe(200)
    expect(silent!['liquidity']).toBeNaN()
  })
})

describe('swap-flow', () => {
  test('nets keep their last unit where flows of 1e24 cancel', () => {
    const tape = new WrittenTape(POOL)
    tape.row(-100, Kind.POOL_STATE, { tick: 1, value: 1 })
    for (const [i, lots] of [2 ** 80, 1, -(2 ** 80), 2, 2 ** 79, -(2 ** 79)].entries())
      tape.row(1 + i, Kind.POOL_SWAP, { lots, value: -lots / 4 })
    const [figures] = tape.ask(SWAP_FLOW, { windowsSeconds: '20' }, 10)
    expect(figures).toMatchObject({ 'net0-20s': 3, 'net1-20s': -0.75, 'count-20s': 6 })
    expect(figures!['imbalance-20s']).toBeCloseTo(3 / (3 * 2 ** 80), 40)
  })

  test('one-way flow has imbalance 1, no flow has none', () => {
    const tape = new WrittenTape(POOL)
    tape.row(0, Kind.POOL_STATE, { tick: 1, value: 1 })
    tape.row(95, Kind.POOL_SWAP, { lots: 5, value: -2 })
    tape.row(150, Kind.POOL_STATE, { tick: 1, value: 1 })
    const [flowing, still] = tape.ask(SWAP_FLOW, { windowsSeconds: '20' }, 100, 150)
    expect(flowing).toMatchObject({ 'net0-20s': 5, 'net1-20s': -2, 'imbalance-20s': 1, 'count-20s': 1 })
    expect(still).toMatchObject({ 'net0-20s': 0, 'imbalance-20s': Number.NaN, 'count-20s': 0 })
  })
})

describe('gas', () => {
  const settings = { windowsSeconds: '60', memorySeconds: 30 }

  test('level, change and score of a base fee that doubles, and blocks a minute', () => {
    const tape = new WrittenTape({ base: 'ETH' }, GAS_SPOT)
    for (let block = 0; block <= 20; block++) {
      const value = block < 20 ? (block % 2 === 0 ? 10e9 : 20e9) : 40e9
      tape.row(12 * block, Kind.BLOCK, { instrument: 1, value: 1000 + block, flags: 0 })
      tape.row(12 * block, Kind.BASE_FEE, { instrument: 1, value })
    }
    const [figures, silent] = tape.ask(GAS, settings, 240, 271)
    expect(figures!['base-fee']).toBeCloseTo(Math.log(40), 12)
    // A minute ago the block of 180 s was in force: the 15th, at 20 gwei.
    expect(figures!['base-fee-change-60s']).toBeCloseTo(Math.log(2), 12)
    // The window holds 10, 20, 10, 20, 40 gwei: in units of ln 2 over ln 10, 0 1 0 1 2, mean 0.8, deviation √0.56.
    expect(figures!['base-fee-score-60s']).toBeCloseTo(1.2 / Math.sqrt(0.56), 10)
    expect(figures!['price']).toBeNaN()
    // From 183 s on, 20 buckets of 3 s ending now: blocks of 192, 204, 216, 228 and 240 s.
    expect(figures!['blocks-60s']).toBeCloseTo(5 / (57 / 60), 12)
    expect(silent!['base-fee']).toBeNaN()
  })

  test('no change is taken across an outage', () => {
    const tape = new WrittenTape(GAS_SPOT)
    tape.row(0, Kind.GAS_PRICE, { value: 30e9 })
    tape.row(20, Kind.GAS_PRICE, { value: 30e9 })
    tape.row(30, Kind.OUTAGE, { value: 1 })
    tape.row(35, Kind.GAS_PRICE, { value: 99e9 })
    tape.row(40, Kind.OUTAGE, { value: 0 })
    tape.row(50, Kind.GAS_PRICE, { value: 60e9 })
    const [down, up, later] = tape.ask(GAS, settings, 36, 70, 80)
    expect(down!['price']).toBeNaN()
    expect(up!['price']).toBeCloseTo(Math.log(60), 12)
    expect(up!['price-change-60s']).toBeNaN()
    expect(later!['price-change-60s']).toBeNaN()
  })
})

describe('pending-pressure', () => {
  test('gas waits, tips are ranked, and those above the base fee are urgent', () => {
    const tape = new WrittenTape(GAS_SPOT)
    tape.row(-60, Kind.BLOCK, { value: 1 })
    tape.row(1, Kind.PENDING_TRANSACTION, { lots: 21_000, value: 1e9 })
    tape.row(2, Kind.BASE_FEE, { value: 2e9 })
    for (const [i, tip] of [1, 2, 3, 4].entries())
      tape.row(3 + i, Kind.PENDING_TRANSACTION, { lots: 100_000, value: tip * 1e9 })
    const [figures] = tape.ask(PENDING_PRESSURE, { windowsSeconds: '20' }, 8)
    // The first came before any base fee was known: it waits, but nobody can say whether it is urgent.
    expect(figures!['gas-20s']).toBeCloseTo(0.421, 12)
    expect(figures).toMatchObject({ 'count-20s': 5, 'urgent-20s': 0.5, 'tip-50': 2 })
    expect(figures!['tip-90']).toBeCloseTo(3.6, 12)
  })

  test('an empty mempool has no gas and no tips', () => {
    const tape = new WrittenTape(GAS_SPOT)
    tape.row(0, Kind.BLOCK, { value: 1 })
    tape.row(60, Kind.BLOCK, { value: 2 })
    const [figures] = tape.ask(PENDING_PRESSURE, { windowsSeconds: '20' }, 60)
    expect(figures).toMatchObject({ 'gas-20s': 0, 'count-20s': 0, 'urgent-20s': Number.NaN, 'tip-50': Number.NaN })
  })
})

/** A perpetual whose messages come later and later, with venue times of their own. */
function lateTape(messages: number, latencyMs: (message: number) => number) {
  const tape = new MemoryTape()
  const { universe } = new WrittenTape()
  const startUs = Date.UTC(2025, 5, 1) * 1000
  for (let i = 0; i < messages; i++) {
    const timeUs = startUs + i * 100_000
    tape.push(timeUs, timeUs - latencyMs(i) * 1000, Kind.TRADE, 0, 1, 1000, 1, 0, Flag.END)
  }
  return { tape, startUs, whole: () => materialise('late', universe, [{ source: tape.reader() }]) }
}

describe('venue-health', () => {
  test('a late message stands out against a steady feed, whatever the clocks say', () => {
    for (const shift of [0, -1300]) {
      const { startUs, whole } = lateTape(100, (i) => shift + (i === 99 ? 60 : 10 + (i % 5)))
      const [figures] = ask(VENUE_HEALTH, {}, whole(), 0, [startUs + 100 * 100_000])
      expect(figures!['latency']).toBeCloseTo(shift + 60, 9)
      expect(figures!['latency-median']).toBeCloseTo(shift + 12, 9)
      expect(figures!['latency-excess']).toBeCloseTo(24, 9)
      expect(figures!['age']).toBeCloseTo(0.1, 9)
    }
  })

  test('silence ages, an outage is down, losses are counted; latencies are forgotten', () => {
    const { tape, startUs, whole } = lateTape(100, () => 10)
    const at = startUs + 20e6
    tape.push(at, at, Kind.GAP, 0, 0, 0, 0, 3, Flag.END)
    tape.push(at + 1e6, at, Kind.OUTAGE, 0, 0, 0, 0, 1, Flag.END)
    tape.push(at + 2e6, at, Kind.OUTAGE, 0, 0, 0, 0, 1, Flag.END)
    tape.push(at + 9e6, at, Kind.OUTAGE, 0, 0, 0, 0, 0, Flag.END)
    const settings = { windowsSeconds: '10', memorySeconds: 5 }
    const [lost, down, up] = ask(VENUE_HEALTH, settings, whole(), 0, [at, at + 5e6, at + 9.5e6])
    expect(lost).toMatchObject({ down: 0, 'gaps-10s': 1, 'outages-10s': 0, latency: Number.NaN })
    expect(down).toMatchObject({ down: 1, age: 3, 'gaps-10s': 1, 'outages-10s': 1 })
    expect(up).toMatchObject({ down: 0, age: 0.5, 'outages-10s': 1, latency: Number.NaN })
  })

  test('an unheard venue has no age', () => {
    expect(new WrittenTape({}).ask(VENUE_HEALTH, {}, 5)[0]!['age']).toBeNaN()
  })
})

/** A pool, gas and a mempool with everything that goes wrong, as the malicious tape of the joint test lacks for pools. */
function nastyChain(seed: number) {
  const random = new Random(seed)
  const tape = new WrittenTape(POOL)
  let seconds = 0
  let tick = 200_000
  for (let message = 0; message < 3000; message++) {
    seconds += random.uniform() < 0.1 ? 0 : random.uniform() < 0.99 ? random.exponential(2) : 80
    tick += random.integer(-30, 30)
    const pick = random.uniform()
    if (pick < 0.005) tape.row(seconds, Kind.GAP)
    else if (pick < 0.012) tape.row(seconds, Kind.OUTAGE, { value: random.integer(0, 1) })
    else if (pick < 0.4)
      tape.row(seconds, Kind.POOL_STATE, { tick, value: random.uniform() < 0.02 ? 0 : 1e18 * (1 + random.uniform()) })
    else if (pick < 0.6)
      tape.row(seconds, Kind.POOL_SWAP, {
        lots: Math.round(1e22 * random.normal()),
        value: Math.round(1e9 * random.normal()),
      })
    else if (pick < 0.8)
      tape.row(seconds, Kind.PENDING_TRANSACTION, {
        lots: 21_000 + random.integer(0, 1e6),
        value: 3e9 * random.uniform(),
      })
    else if (pick < 0.9)
      tape.row(seconds, Kind.BASE_FEE, { value: random.uniform() < 0.02 ? 0 : 1e9 * Math.exp(random.normal()) })
    else if (pick < 0.95) tape.row(seconds, Kind.GAS_PRICE, { value: 1e9 * Math.exp(random.normal()) })
    else tape.row(seconds, Kind.BLOCK, { value: message })
  }
  return tape.whole
}

const FAMILIES = [
  ['pool-liquidity', POOL_LIQUIDITY, poolOracle, { windowsSeconds: '5,40', memorySeconds: 20 }],
  ['swap-flow', SWAP_FLOW, swapOracle, { windowsSeconds: '5,40' }],
  ['gas', GAS, gasOracle, { windowsSeconds: '60,200', memorySeconds: 60 }],
  ['pending-pressure', PENDING_PRESSURE, pendingOracle, { windowsSeconds: '5,40' }],
  ['venue-health', VENUE_HEALTH, healthOracle, { windowsSeconds: '5,40', memorySeconds: 10 }],
] as const

test.each(FAMILIES)('%s equals its batch definition on chains that break', (_, family, oracle, settings) => {
  for (const seed of [1, 2]) {
    const { differences, known } = compare(family, oracle, settings, nastyChain(seed), 0, 120, seed)
    expect(differences).toEqual([])
    // The latency of rows whose two times are one does not vary, and has no scale.
    const silent = Object.entries(known).filter(([name, count]) => count === 0 && name !== 'latency-excess')
    expect(silent).toEqual([])
  }
})

test('venue-health equals its batch definition where latencies vary', () => {
  const { differences, known } = compare(VENUE_HEALTH, healthOracle, { windowsSeconds: '5,40' }, nastyTape(4), 0, 100)
  expect(differences).toEqual([])
  expect(known['latency-excess']).toBeGreaterThan(20)
})
