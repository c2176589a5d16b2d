/** Goal: engines are found by name, and all of them keep the promises of one. Method: the registry's list; properties over all engines. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CALL, PUT } from '../../pricing/right.ts'
import type { Position, VenueAccount } from '../book.ts'
import { SnapshotView } from '../marketView.ts'
import { exposedAssets, liquidationDistance, liquidationPrices } from './liquidation.ts'
import { freeCollateral } from './marginReport.ts'
import { assessAccount, assessBook, MARGIN_ENGINES, marginEngine } from './registry.ts'

const market = new SnapshotView({ timeUs: 0, spot: { BTC: 90_000, ETH: 3_000 }, volatility: { BTC: 0.55, ETH: 0.7 } })
const perp: Position = { kind: 'perp', asset: 'BTC', size: 1, entry: 90_000, payoff: 'linear', settle: 'USDC' }
const option = (right: 1 | -1, size: number): Position => ({
  kind: 'option', asset: 'BTC', size, right, strike: 85_000, expiryUs: 30 * 86_400e6, settle: 'USDC',
}) // biome-ignore format: a table row

/** An account each engine carries, with `backing` dollars in what it takes as collateral. */
const accounts: Record<string, (size: number, backing: number) => VenueAccount> = {
  hyperliquid: (size, USDC) => ({ venue: 'v', balances: { USDC }, positions: [{ ...perp, size }] }),
  'dydx-v4': (size, USDC) => ({ venue: 'v', balances: { USDC }, positions: [{ ...perp, size }] }),
  'derive-standard': (size, USDC) => ({ venue: 'v', balances: { USDC }, positions: [{ ...perp, size }, option(PUT, -size)] }),
  'derive-portfolio': (size, USDC) => ({ venue: 'v', balances: { USDC }, positions: [{ ...perp, size }, option(CALL, -size)] }),
  'deribit-standard': (size, USDC) => ({ venue: 'v', balances: { USDC }, positions: [{ ...perp, size }, option(CALL, -size)] }),
  'deribit-portfolio': (size, USDC) => ({ venue: 'v', balances: { USDC }, positions: [{ ...perp, size }, option(PUT, size)] }),
  'aave-v3': (size, backing) => ({
    venue: 'v',
    balances: {},
    positions: [
      { kind: 'supply', asset: 'USDC', amount: backing, rate: 0, loanToValue: 0.75, liquidationThreshold: 0.78 },
      { kind: 'debt', asset: 'ETH', amount: Math.abs(size), rate: 0 },
    ],
  }),
  'gmx-v2': (size, backing) => ({ venue: 'v', balances: {}, positions: [{ ...perp, size, isolatedMargin: backing }] }),
} // biome-ignore format: one account a line

test('every engine is known by its name, and an unknown name says which are', () => {
  expect([...MARGIN_ENGINES].sort()).toEqual(Object.keys(accounts).sort())
  for (const name of MARGIN_ENGINES)
    expect([marginEngine(name).name, marginEngine(name).source.length > 20]).toEqual([name, true])
  expect(() => marginEngine('ftx')).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
})

test('more collateral never makes an account liquidatable, and never less of it free', () => {
  const size = fc.double({ min: -20, max: 20, noNaN: true })
  const backing = fc.double({ min: 0, max: 2e6, noNaN: true })
  for (const name of MARGIN_ENGINES) {
    const engine = marginEngine(name)
    fc.assert(
      fc.property(size, backing, backing, (amount, least, more) => {
        const [poor, rich] = [least, least + more].map((sum) =>
          engine.assess(accounts[name]!(amount, sum), market),
        ) as [ReturnType<typeof engine.assess>, ReturnType<typeof engine.assess>]
        expect(poor.maintenance).toBeGreaterThanOrEqual(0)
        expect(poor.maintenance).toBeLessThanOrEqual(poor.initial + 1e-6)
        if (!poor.liquidatable) expect(rich.liquidatable).toBe(false)
        const free = (report: typeof poor) => report.pools.reduce((sum, pool) => sum + freeCollateral(pool), 0)
        expect(free(rich)).toBeGreaterThanOrEqual(free(poor) - 1e-6)
      }),
      { numRuns: 40 },
    )
  }
})

test('an unknown price is never a silent pass, whatever the engine', () => {
  const dark = new SnapshotView({ timeUs: 0, spot: {} })
  for (const name of MARGIN_ENGINES) {
    const report = marginEngine(name).assess(accounts[name]!(1, 1e9), dark)
    expect([name, report.liquidatable, report.missing.length > 0]).toEqual([name, true, true])
  }
})

test('at the liquidation price equity equals maintenance, for every engine', () => {
  for (const name of MARGIN_ENGINES) {
    const engine = marginEngine(name)
    const held = accounts[name]!(name === 'aave-v3' ? -20 : -1, name === 'aave-v3' ? 100_000 : 80_000)
    const asset = name === 'aave-v3' ? 'ETH' : 'BTC'
    const { up, upPool } = liquidationPrices(engine, held, asset, market)
    if (name === 'derive-standard' || name === 'derive-portfolio') continue // Long options against a short: tested beside each.
    const factor = up / market.spot(asset)
    const there = engine
      .assess(
        held,
        new SnapshotView({ ...market.facts, spot: { ...market.facts.spot, [asset]: market.spot(asset) * factor } }),
      )
      .pools.find((pool) => pool.name === upPool)!
    expect(Math.abs(there.equity / there.maintenance - 1), name).toBeLessThan(1e-9)
  }
})

test('accounts without an engine are not judged; an account that is broken already is at its liquidation price', () => {
  const wallet: VenueAccount = { venue: 'wallet', balances: { ETH: 1 }, positions: [] }
  const broken: VenueAccount = { ...accounts['hyperliquid']!(10, 1_000), margin: 'hyperliquid' }
  expect(assessAccount(wallet, market)).toBeUndefined()
  expect(assessBook({ accounts: [wallet, broken], inTransit: [] }, market)[1]!.liquidatable).toBe(true)
  const found = liquidationPrices(marginEngine('hyperliquid'), broken, 'BTC', market)
  expect([found.down, found.up]).toEqual([90_000, 90_000])
  expect(exposedAssets(broken)).toEqual(['BTC', 'USDC'])
})

test('distance in percent and in standard deviations', () => {
  const distance = liquidationDistance(100, 90, 0.365 ** 0.5, 9)
  expect(distance.percent).toBeCloseTo(-10, 12)
  expect(distance.daily).toBeCloseTo(-Math.log(0.9) / Math.sqrt(0.001), 12)
  expect(distance.horizon).toBeCloseTo(distance.daily / 3, 12)
  expect(() => liquidationDistance(100, 90, 0)).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
})

test('an empty pool beside an isolated position does not blur the price at which that position is liquidated', () => {
  const held: VenueAccount = { venue: 'v', balances: { USDC: 0 }, positions: [{ ...perp, isolatedMargin: 10_000 }] }
  for (const name of ['hyperliquid', 'dydx-v4']) {
    const engine = marginEngine(name)
    const { down, downPool } = liquidationPrices(engine, held, 'BTC', market)
    expect(downPool).toBe('BTC perp at v')
    const there = engine.assess(held, new SnapshotView({ timeUs: 0, spot: { BTC: down } }))
    const [, pool] = there.pools
    expect(Math.abs(pool!.equity / pool!.maintenance - 1)).toBeLessThan(1e-9)
  }
})

/** Knows the options of two venues, which quote another volatility and forward for the same strike; unnamed is the other venue's. */
class TwoVenues extends SnapshotView {
  override forward(asset: string, expiryUs: number, instrument?: string): number {
    return super.forward(asset, expiryUs) * (instrument === undefined ? 1.1 : 1)
  }
  override volatility(asset: string, expiryUs: number, strike: number, instrument?: string): number {
    return super.volatility(asset, expiryUs, strike) * (instrument === undefined ? 3 : 1)
  }
}

test('an option is margined on what its own venue says of it, not on what another says of its strike', () => {
  const named = { ...option(CALL, -1), instrument: 'v:BTC-CALL' } as Position
  const two = new TwoVenues(market.facts)
  for (const name of ['deribit-standard', 'deribit-portfolio', 'derive-standard', 'derive-portfolio']) {
    const held: VenueAccount = { venue: 'v', balances: { USDC: 100_000 }, positions: [named] }
    const [own, both] = [market, two].map((each) => marginEngine(name).assess(held, each))
    expect(both, name).toEqual(own)
  }
})

test('a position of no size, or a balance of none, is nothing at any price: an unknown one makes no account liquidatable', () => {
  const dark = new SnapshotView({ timeUs: 0, spot: { BTC: 90_000 } })
  for (const name of MARGIN_ENGINES) {
    const held = accounts[name]!(0, 1_000)
    const none = { ...held, balances: { ...held.balances, WIF: 0 } }
    const report = marginEngine(name).assess(none, dark)
    expect([name, report.liquidatable, report.equity, report.missing]).toEqual([name, false, 1_000, []])
  }
})

test('figures no contract has are refused by name, not reckoned with', () => {
  const refused = (name: string, position: Position, figure: string) => {
    const facts = expect.objectContaining({ figure })
    const account = { venue: 'v', balances: { USDC: 1_000 }, positions: [position] }
    expect(() => marginEngine(name).assess(account, market), `${name} ${figure}`).toThrow(
      expect.objectContaining({ code: 'argument-invalid', facts }),
    )
  }
  for (const leverage of [0, -5]) refused('hyperliquid', { ...perp, leverage }, 'leverage')
  for (const name of ['derive-standard', 'derive-portfolio', 'deribit-standard', 'deribit-portfolio']) {
    for (const strike of [0, -1]) refused(name, { ...option(CALL, -1), strike } as Position, 'strike')
    refused(name, { ...option(CALL, -1), right: 0 } as unknown as Position, 'right')
  }
  for (const name of ['deribit-standard', 'deribit-portfolio'])
    refused(name, { ...perp, payoff: 'inverse', settle: 'BTC', entry: 0 }, 'entry')
  const supply: Position = { kind: 'supply', asset: 'ETH', amount: 1, rate: 0 }
  for (const share of [-0.1, 1.2]) {
    refused('aave-v3', { ...supply, liquidationThreshold: share }, 'liquidationThreshold')
    refused('aave-v3', { ...supply, loanToValue: share, liquidationThreshold: 0.8 }, 'loanToValue')
  }
  const gmx = { ...perp, isolatedMargin: 100, entry: 0 }
  expect(() => marginEngine('gmx-v2').assess({ venue: 'v', balances: {}, positions: [gmx] }, market)).toThrow(
    expect.objectContaining({ code: 'margin-unsupported' }),
  )
})
