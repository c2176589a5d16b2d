/**
 * Goal: the frontier is where accounts break, and the smallest shock is the smallest.
 * Method: books whose liquidation has a closed form, and distances that can be worked out.
 */

import { describe, expect, test } from 'vitest'
import type { Book, Position } from '../../portfolio/book.ts'
import { HYPERLIQUID_TIERS, hyperliquidLiquidationPrice } from '../../portfolio/margin/hyperliquid.ts'
import { SnapshotView } from '../../portfolio/marketView.ts'
import { CALM, deskBook } from './deskBook.ts'
import { heatMap } from './frontier.ts'
import { cholesky, reverseStress } from './reverseStress.ts'
import { parseScenario } from './scenarioText.ts'
import { stressGrid } from './stressGrid.ts'

const market = new SnapshotView({ timeUs: 0, spot: { BTC: 100_000, ETH: 3000 } })
const perp = (asset: 'BTC' | 'ETH', size: number): Position => ({
  kind: 'perp', asset, size, payoff: 'linear', entry: market.spot(asset), settle: 'USDC',
}) // biome-ignore format: one line a position
const trader = (usdc: number, ...positions: Position[]): Book => ({
  accounts: [{ venue: 'hyperliquid', margin: 'hyperliquid', balances: { USDC: usdc }, positions }],
  inTransit: [],
})

describe('the frontier', () => {
  test('of a perpetual is its liquidation price, whatever volatility does', () => {
    const price = hyperliquidLiquidationPrice({ size: 10, price: 3000, equity: 4000, tiers: HYPERLIQUID_TIERS['ETH']! })
    const { frontier } = heatMap(trader(4000, perp('ETH', 10)), market, {
      asset: 'ETH',
      spots: [1],
      volatilities: [0, 0.5],
    })
    for (const { down, up } of frontier) {
      expect(down!.factor * 3000).toBeCloseTo(price, 6)
      expect(down!.venue).toBe('hyperliquid')
      expect(up).toBeUndefined()
    }
  })

  test('of a desk has every point at a margin ratio of one, and both sides of it are what they should be', () => {
    const book = deskBook(2)
    const map = heatMap(book, CALM, { spots: [0.5, 1, 1.5], volatilities: [0, 0.3, 0.6] })
    expect(map.profit[0]![1]).toBe(0)
    for (const [row, { down, up }] of map.frontier.entries()) {
      expect(down!.marginRatio).toBeCloseTo(1, 6)
      expect(up!.marginRatio).toBeCloseTo(1, 6)
      expect(down!.factor).toBeLessThan(1)
      expect(up!.factor).toBeGreaterThan(1)
      for (const [at, spot] of map.spots.entries()) {
        const inside = spot > down!.factor && spot < up!.factor
        expect(map.marginRatio[row]![at]! >= 1).toBe(inside)
      }
    }
    // Short variance: more volatility brings both sides nearer.
    expect(map.frontier[2]!.down!.factor).toBeGreaterThan(map.frontier[0]!.down!.factor)
  })
})

describe('reverse stress', () => {
  const spots = (deviation: number) =>
    (['BTC', 'ETH'] as const).map((asset) => ({ kind: 'spot' as const, asset, deviation }))

  test('along one factor is the distance to the liquidation price in standard deviations', () => {
    const book = trader(4000, perp('ETH', 10))
    const price = hyperliquidLiquidationPrice({ size: 10, price: 3000, equity: 4000, tiers: HYPERLIQUID_TIERS['ETH']! })
    const { liquidation, ruin } = reverseStress(book, market, {
      factors: [{ kind: 'spot', asset: 'ETH', deviation: 0.03 }],
      directions: 4,
    })
    expect(liquidation.nearest!.distance).toBeCloseTo(-Math.log(price / 3000) / 0.03, 5)
    expect(liquidation.single[0]!.down!.distance).toBeCloseTo(liquidation.nearest!.distance, 5)
    expect(liquidation.single[0]!.up).toBeUndefined()
    expect(ruin.nearest!.distance).toBeCloseTo(-Math.log(1 - 4000 / 30_000) / 0.03, 5)
  })

  test('of two independent assets is the mixture of both, nearer than either alone', () => {
    // 30,000 of each; equity of 4,000 is gone when both lose 4,000 / 60,000.
    const book: Book = {
      accounts: [{ venue: 'wallet', balances: { BTC: 0.3, ETH: 10, USDC: -56_000 }, positions: [] }],
      inTransit: [],
    }
    const result = reverseStress(book, market, { factors: spots(0.03),
      directions: 0, correlation: [[1, 0], [0, 1]] }) // biome-ignore format: a matrix
    const both = (-Math.SQRT2 * Math.log(1 - 4000 / 60_000)) / 0.03
    expect(result.ruin.nearest!.distance).toBeGreaterThanOrEqual(both - 1e-4)
    expect(result.ruin.nearest!.distance).toBeLessThan(both * 1.001)
    expect(result.ruin.single[0]!.down!.distance).toBeCloseTo(-Math.log(1 - 4000 / 30_000) / 0.03, 4)
    expect(result.liquidation.nearest).toBeUndefined()
  })

  test('correlated assets falling together are a smaller shock than independent ones', () => {
    const book = trader(8000, perp('ETH', 10), perp('BTC', 0.3))
    const at = (rho: number) =>
      reverseStress(book, market, { factors: spots(0.03), correlation: [[1, rho], [rho, 1]] }).liquidation.nearest!.distance // biome-ignore format: a matrix
    // Both falling alike is √(2 / (1 + ρ)) deviations.
    expect(at(0.9) / at(0)).toBeCloseTo(Math.sqrt(1 / 1.9), 3)
  })

  test('states a shock that does what it says, in words that can be run again', () => {
    const book = deskBook(2)
    const { nearest } = reverseStress(book, CALM, { directions: 6, reach: 25 }).liquidation
    expect(nearest!.marginRatio).toBeLessThan(1)
    expect(nearest!.marginRatio).toBeGreaterThan(0.9999)
    expect(parseScenario(nearest!.text).steps[0]!.shocks).toHaveLength(4)
    const [cell] = stressGrid(
      book,
      CALM,
      { shock: `${nearest!.text}, depth x{}`, values: [1] },
      { shock: 'spread x{}', values: [1] },
    ).cells[0]!
    expect(cell!.marginRatio).toBeCloseTo(nearest!.marginRatio, 9)
  })

  test('the same question has the same answer', () => {
    const ask = () => reverseStress(trader(4000, perp('ETH', 10), perp('BTC', 0.1)), market, { directions: 8 })
    expect(ask()).toEqual(ask())
  })

  test('correlations that are none are refused', () => {
    for (const matrix of [[[1, 2], [2, 1]], [[1, 0.5], [0.4, 1]], [[2, 0], [0, 1]]]) // biome-ignore format: matrices
      expect(() => cholesky(matrix)).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
    expect(cholesky([[1, 0.6], [0.6, 1]])).toEqual([[1, 0], [0.6, 0.8]]) // biome-ignore format: matrices
  })
})

describe('grids', () => {
  const book = trader(4000, perp('ETH', 10))

  test('cross any two shocks', () => {
    const { cells } = stressGrid(
      book,
      market,
      { shock: 'spot ETH {}%', values: [-10, 0] },
      { shock: 'haircut USDC {}', values: [0, 0.5] },
    )
    expect(cells.map((row) => row.map(({ profit }) => Math.round(profit)))).toEqual([[-3000, -3000], [0, 0]]) // biome-ignore format: a table
    expect(cells[1]![1]!.marginRatio).toBeCloseTo(2000 / 600, 9)
  })

  test('run a cascade in every cell where a frame says how', () => {
    const { cells } = stressGrid(
      book,
      market,
      { shock: 'spot ETH {}%', values: [-20, 5] },
      { shock: 'depth x{}', values: [1] },
      { frame: 'every 10m; at 1h:' },
    )
    expect(cells.map(([cell]) => cell!.outcome)).toEqual(['ruined', 'untouched'])
  })

  test('an axis without a place for its value is refused', () => {
    const axis = { shock: 'spot ETH -10%', values: [1] }
    expect(() => stressGrid(book, market, axis, axis)).toThrow(expect.objectContaining({ code: 'config-invalid' }))
  })
})

test('a book in which nothing moves has no shock that harms it, unless the harm is done', () => {
  const dollars = (usdc: number): Book => ({
    accounts: [{ venue: 'wallet', balances: { USDC: usdc }, positions: [] }],
    inTransit: [],
  })
  const view = new SnapshotView({ timeUs: 0, spot: {} })
  const sound = reverseStress(dollars(1_000), view)
  expect([sound.factors, sound.ruin.nearest, sound.liquidation.nearest, sound.ruin.single]).toEqual([
    [],
    undefined,
    undefined,
    [],
  ])
  expect(sound.evaluations).toBeLessThan(10)
  expect(reverseStress(dollars(-1), view).ruin.nearest).toMatchObject({ distance: 0, moves: [], equity: -1 })
})
