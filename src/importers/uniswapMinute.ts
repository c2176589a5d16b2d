/**
 * @file Importer `uniswap-minute`: minute files of one Uniswap v3 pool, as demeter-fetch writes them.
 *
 * Each minute is one message of stream `pool`: POOL_SWAP with what went in of either token net over the minute
 * (negative: out), in smallest units, and POOL_STATE with the closing tick and the active liquidity. Amounts and
 * liquidity beyond 2^53 are rounded to doubles: 16 significant digits remain. The opening, lowest and highest tick
 * and the gross amounts in are not stored.
 *
 * Traps: `close-outside-range` (older files name a closing tick beyond the minute's own highest or lowest; flagged),
 * `late-start` and `early-end` (a file runs from the first swap of its day to the last), `missing-minutes`.
 *
 * The name gives chain and pool. A pool in the table below is known by its tokens; any other is TOKEN0-TOKEN1.
 */

import { Flag, Kind } from '../market/tape.ts'
import type { Importer, ImportSink, SketchedInstrument } from '../store/importer.ts'
import type { InputFile } from '../store/inputFile.ts'
import { expectHeader, firstLine, plainName, type TableRow, tableInvalid } from './csv.ts'
import { minuteName, readMinutes } from './csvMinutes.ts'

/** What is known of a pool: its tokens in the order of their addresses, and its fee in basis points. */
export interface KnownPool {
  readonly token0: string
  readonly token1: string
  readonly feeBps?: number
}

/** By `chain/address`. Source: the pools' own `token0()`, `token1()` and `fee()`. */
const POOLS: Readonly<Record<string, KnownPool>> = {
  'polygon/0x45dda9cb7c25131df268515131f647d726f50608': { token0: 'USDC', token1: 'WETH', feeBps: 5 },
  'polygon/0x0e44ceb592acfc5d3f09d996302eb4c499ff8c10': { token0: 'USDC', token1: 'WETH', feeBps: 30 },
  'ethereum/0x82c427adfdf2d245ec51d8046b41c4ee87f0d29c': { token0: 'WETH', token1: 'OSQTH', feeBps: 30 },
  'ethereum/0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640': { token0: 'USDC', token1: 'WETH', feeBps: 5 },
  'ethereum/0x8ad599c3a0ff1de082011efddc58f1908eb6e6d8': { token0: 'USDC', token1: 'WETH', feeBps: 30 },
  'ethereum/0xcbcdf9626bc03e24f779434178a73a0b4bad62ed': { token0: 'WBTC', token1: 'WETH', feeBps: 30 },
  'ethereum/0x4585fe77225b41b697c938b018e2ac67ac5a20c0': { token0: 'WBTC', token1: 'WETH', feeBps: 5 },
  'arbitrum/0xc31e54c7a869b9fcbecc14363cf510d1c41fa443': { token0: 'WETH', token1: 'USDC.E', feeBps: 5 },
  'arbitrum/0xc6962004f452be9203591991d15f6b388e09e8d0': { token0: 'WETH', token1: 'USDC', feeBps: 5 },
}

const HEADER = [
  'timestamp', 'netAmount0', 'netAmount1', 'closeTick', 'openTick', 'lowestTick', 'highestTick', 'inAmount0', 'inAmount1',
  'currentLiquidity',
] // biome-ignore format: one list

/** Largest tick of a Uniswap v3 pool, either way (`TickMath.MAX_TICK`). */
const TICK_MAX = 887_272

/** A pool as an instrument. Its steps only serve to show prices: pool rows are kept off the grid. */
export function poolInstrument(venue: string, address: string, known?: KnownPool): SketchedInstrument {
  const token1 = known?.token1 ?? 'TOKEN1'
  return {
    base: known?.token0 ?? 'TOKEN0',
    quote: token1,
    kind: 'pool',
    venue,
    venueSymbol: address,
    payoff: 'linear',
    settle: token1,
    multiplier: '1',
    detail: address,
    tickSize: '0.00000001',
    lotSize: '0.00000001',
    source: known ? 'gimbal: table of known pools' : 'name of the file',
    ...(known?.feeBps !== undefined
      ? { fees: { makerBps: 0, takerBps: known.feeBps, source: 'fee() of the pool' } }
      : {}),
  }
}

/** A whole tick; some files write it with a fraction of zeros. */
function tickOf(row: TableRow, column: number): number {
  const tick = row.decimal(column)
  if (!Number.isInteger(tick) || Math.abs(tick) > TICK_MAX) row.fault('tick-invalid', row.text(column).slice(0, 40))
  return tick
}

async function read(file: InputFile, sink: ImportSink): Promise<void> {
  const name = minuteName(plainName(file.name))
  let index = -1
  await readMinutes(
    file,
    sink,
    name !== undefined,
    (row) => {
      expectHeader(file, row, HEADER)
      if (name?.protocol !== '') {
        throw tableInvalid(file, row, 'The name does not tell chain and pool', {
          expected: 'polygon-0x45dd…0608-2023-08-13.minute.csv',
        })
      }
      index = sink.instrument(
        poolInstrument(`uniswap-v3-${name.chain}`, name.address, POOLS[`${name.chain}/${name.address}`]),
      )
      return 'header'
    },
    (row, { endUs, flags }) => {
      const amount0 = row.amount(1)
      const amount1 = row.amount(2)
      const close = tickOf(row, 3)
      const open = tickOf(row, 4)
      const lowest = tickOf(row, 5)
      const highest = tickOf(row, 6)
      const liquidity = row.amount(9)
      if (liquidity < 0) row.fault('liquidity-negative', row.text(9).slice(0, 40))
      if (row.amount(7) < 0 || row.amount(8) < 0)
        row.fault('amount-in-negative', `${row.text(7)}, ${row.text(8)}`.slice(0, 80))
      if (row.faulty) return
      let doubt = flags
      if (lowest > Math.min(open, close) || highest < Math.max(open, close)) {
        sink.trap(
          'close-outside-range',
          row.place,
          `close ${close}, open ${open}, lowest ${lowest}, highest ${highest}`,
        )
        doubt |= Flag.SUSPECT
      }
      sink.begin('pool', index, endUs, endUs)
      sink.row(Kind.POOL_SWAP, 0, 0, amount0, amount1, doubt)
      sink.row(Kind.POOL_STATE, 0, close, 0, liquidity, doubt)
      sink.end()
    },
  )
}

export const uniswapMinute: Importer = {
  name: 'uniswap-minute',
  version: 1,
  summary: 'Minute files of a Uniswap v3 pool: net flow, closing tick, active liquidity',
  example: 'gimbal import --catalog DIR polygon-0x45dda9cb7c25131df268515131f647d726f50608-2023-08-13.minute.csv.gz',
  options: {},
  provenance: 'real',
  recognise(name, head) {
    if (firstLine(head) !== HEADER.join(',')) return 0
    return minuteName(plainName(name))?.protocol === '' ? 0.98 : 0.7
  },
  read,
}
