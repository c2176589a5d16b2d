/**
 * Goal: the market a book is judged in is the one the data tell, whatever they come from, and what no data tell is said.
 * Method: the generated option market, a file of figures, and a real snapshot of a chain where it is at hand.
 */

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { surfaceArbitrage } from '../../pricing/surfaceArbitrage.ts'
import { deskMarket } from './deskMarket.ts'

const FOLDER = mkdtempSync(join(tmpdir(), 'gimbal-desk-'))
const CHAIN = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'data/options/deribit/chain_20260105T153329Z.csv.gz')

afterAll(() => rmSync(FOLDER, { recursive: true, force: true }))

test('a generated market has spot, perpetuals with funding, a fitted surface, and says that it is synthetic', async () => {
  const { view, chains, provenance, assumptions } = await deskMarket({ seed: 3 })
  expect(provenance).toBe('synthetic')
  expect(view.spot('BTC')).toBeGreaterThan(10_000)
  expect(view.perpetual('generated-perps', 'BTC') / view.spot('BTC')).toBeCloseTo(1, 2)
  expect(view.fundingPerDay('generated-perps', 'BTC')).toBeCloseTo(0.0003, 9)
  expect(chains).toHaveLength(1)
  const { fit } = chains[0]!
  expect(view.volatility('BTC', fit.surface.expiriesUs[1]!, view.spot('BTC'))).toBeCloseTo(0.55, 1)
  expect(assumptions.join()).toContain('million dollars a percent')
  expect(await deskMarket({ seed: 3 })).toEqual(await deskMarket({ seed: 3 }))
})

describe('a market given as a file', () => {
  const file = join(FOLDER, 'market.json')
  const given = { time: '2026-01-05T12:00:00Z', spot: { BTC: 90_000 }, volatility: { BTC: 0.5 }, basis: { BTC: 0.1 } }

  test('is that market', async () => {
    writeFileSync(file, JSON.stringify(given))
    const { view, provenance } = await deskMarket({ market: file })
    expect(provenance).toBe('given')
    expect(view.timeUs).toBe(Date.UTC(2026, 0, 5, 12) * 1000)
    expect(view.volatility('BTC', view.timeUs + 1, 1)).toBe(0.5)
    expect(view.forward('BTC', view.timeUs + 365 * 86_400e6)).toBeCloseTo(90_000 * Math.exp(0.1), 6)
  })

  test('may hold a surface', async () => {
    const { chains } = await deskMarket({ seed: 3 })
    const { surface } = chains[0]!.fit
    writeFileSync(file, JSON.stringify({ ...given, volatility: { BTC: surface } }))
    const { view, assumptions } = await deskMarket({ market: file })
    expect(assumptions.join()).toContain('the surface is of')
    const expiryUs = surface.expiriesUs[0]!
    expect(view.volatility('BTC', expiryUs, 88_000)).toBe(surface.volatility(expiryUs, 88_000))
  })

  test('is refused by the place that does not fit', async () => {
    for (const [spoilt, words] of [
      [{ ...given, spot: { BTC: -1 } }, 'spot.BTC'],
      [{ ...given, sopt: {} }, 'sopt'],
      [{ ...given, time: 'now' }, 'time'],
    ] as const) {
      writeFileSync(file, JSON.stringify(spoilt))
      await expect(deskMarket({ market: file })).rejects.toThrow(words)
    }
    const { chains } = await deskMarket({ seed: 3 })
    const plain = chains[0]!.fit.surface.toJSON()
    for (const [spoilt, words] of [
      [{ slices: [] }, 'volatility.BTC'],
      [{ ...plain, slices: [] }, 'needs a slice'],
      [{ ...plain, forwards: [] }, 'a node'],
      [{ ...plain, slices: [...plain.slices].reverse() }, 'ascend'],
      [{ ...plain, slices: [{ ...plain.slices[0], svi: { ...plain.slices[0]!.svi, b: -1 } }] }, 'Not a slice'],
      [{ ...plain, asset: 'ETH' }, 'another asset'],
    ] as const) {
      writeFileSync(file, JSON.stringify({ ...given, volatility: { BTC: spoilt } }))
      await expect(deskMarket({ market: file })).rejects.toThrow(words)
      await expect(deskMarket({ market: file })).rejects.toMatchObject({ code: 'file-invalid' })
    }
    await expect(deskMarket({ market: join(FOLDER, 'nowhere') })).rejects.toThrow('cannot be read')
    await expect(deskMarket({ market: file, catalog: 'catalog' })).rejects.toThrow('two sources')
  })
})

test.skipIf(!existsSync(CHAIN))(
  'a real chain: both coins, no arbitrage (skipped where the recordings are absent)',
  async () => {
    const { view, chains, provenance } = await deskMarket({ chain: CHAIN })
    expect(provenance).toBe('replayed')
    expect(chains.map(({ asset }) => asset)).toEqual(['BTC', 'ETH'])
    expect(view.spot('BTC')).toBeCloseTo(93_640, -2)
    for (const { fit } of chains) expect(surfaceArbitrage(fit.surface).free).toBe(true)
  },
)
