/**
 * Goal: what the families of options, pools and gas say about real files is what those files hold.
 *
 * Method: one snapshot of Deribit's chain, one day of a Uniswap pool and one file of gas each, read by their importers: figures are
 * those of the batch definitions, and lie where the market was: the volatility of 30 days within two points of the venue's own mark
 * volatility at the money, however it is got. Without the shared data (`GIMBAL_SHARED`) there is nothing to read, and the names say so.
 */

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { GAS } from '../../src/features/gas.ts'
import { IMPLIED_VOLATILITY } from '../../src/features/impliedVolatilityLevel.ts'
import { POOL_LIQUIDITY } from '../../src/features/poolLiquidity.ts'
import { SWAP_FLOW } from '../../src/features/swapFlow.ts'
import { VENUE_HEALTH } from '../../src/features/venueHealth.ts'
import { ListSink } from '../../src/importers/listSink.ts'
import { importerNamed } from '../../src/importers/registry.ts'
import { Instrument, Universe } from '../../src/market/instrument.ts'
import { TapeSink } from '../../src/market/message.ts'
import { Flag } from '../../src/market/tape.ts'
import { openInput } from '../../src/store/inputFile.ts'
import { ask, compare } from './againstOracle.ts'
import { ORACLES } from './oracles.ts'
import { materialise, type WholeTape } from './tapes.ts'

const DATA = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'data')

function first(folder: string, match: RegExp): string | undefined {
  const path = join(DATA, folder)
  if (!existsSync(path)) return undefined
  const name = readdirSync(path)
    .sort()
    .find((each) => match.test(each))
  return name && join(path, name)
}

async function read(
  importer: string,
  path: string,
  options: Readonly<Record<string, string>> = {},
): Promise<WholeTape> {
  const list = new ListSink()
  await importerNamed(importer).read(await openInput(path), list, options)
  const universe = new Universe(
    list.instruments.map(
      (spec) => new Instrument({ tickSize: '0.00000001', lotSize: '0.00000001', source: 'file', ...spec }),
    ),
  )
  const sink = new TapeSink(universe)
  for (const { stream, instrument, timeUs, venueTimeUs, rows } of list.messages) {
    sink.begin(stream, universe.index(instrument), timeUs, venueTimeUs)
    for (const { kind, side, price, size, value, flags } of rows)
      sink.row(kind, side, price, size, value, flags & ~Flag.END)
    sink.end()
  }
  let batch: typeof sink.batch | undefined = sink.batch
  const source = {
    next: () => {
      const next = batch
      batch = undefined
      return next
    },
    close: () => {},
  }
  return materialise(path, universe, [{ source }])
}

const chain = first('options/deribit', /^chain_/)
const pool = first('onchain', /^polygon-0x45dd.*minute/)
const blocks = first('onchain', /^basefee/)
const minutes = first('onchain', /^gas_price/)

test(`a Deribit chain${chain ? '' : ' (absent: nothing compared)'}`, { timeout: 120_000 }, async () => {
  if (!chain) return
  const tape = await read('deribit-chain', chain)
  const { rows, universe } = tape
  const nowUs = rows.timeUs[rows.count - 1]! + 1e6
  for (const base of ['BTC', 'ETH']) {
    const target = universe.instruments.findIndex(({ spec }) => spec.base === base)
    const levels = ['venue', 'quotes'].map((source) => ask(IMPLIED_VOLATILITY, { source }, tape, target, [nowUs])[0]!)
    for (const days of [7, 30, 90]) {
      const [venue, quotes] = levels.map((figures) => figures[`level-${days}d`]!)
      expect(venue).toBeGreaterThan(0.15)
      expect(venue).toBeLessThan(2)
      expect(Math.abs(venue! - quotes!)).toBeLessThan(0.02)
      expect(Math.abs(levels[0]![`skew-${days}d`]!)).toBeLessThan(0.3)
      expect(levels[0]![`butterfly-${days}d`]).toBeGreaterThan(-0.02)
    }
    for (const source of ['auto', 'quotes']) {
      const found = compare(IMPLIED_VOLATILITY, ORACLES['implied-volatility']!, { source }, tape, target, 3)
      expect(found.differences).toEqual([])
    }
  }
})

test(`a day of a Uniswap pool${pool ? '' : ' (absent: nothing compared)'}`, { timeout: 120_000 }, async () => {
  if (!pool) return
  const tape = await read('uniswap-minute', pool)
  for (const family of [POOL_LIQUIDITY, SWAP_FLOW, VENUE_HEALTH]) {
    const { differences, known } = compare(family, ORACLES[family.name]!, {}, tape, 0)
    expect(differences).toEqual([])
    // A file has one time a row, so its latency does not vary.
    expect(Object.entries(known).filter(([name, count]) => count === 0 && !name.startsWith('latency'))).toEqual([])
  }
})

test.each([
  [blocks ? 'base fees' : 'base fees (absent: nothing compared)', blocks, {}, 'base-fee'],
  [minutes ? 'gas prices' : 'gas prices (absent: nothing compared)', minutes, { chain: 'polygon' }, 'price'],
])('a file of %s', { timeout: 120_000 }, async (_, path, options, figure) => {
  if (!path) return
  const tape = await read('gas', path, options)
  const { differences, known } = compare(GAS, ORACLES['gas']!, {}, tape, 0)
  expect(differences).toEqual([])
  for (const name of [figure, `${figure}-change-300s`, `${figure}-score-3600s`]) expect(known[name]).toBeGreaterThan(5)
})
