/**
 * @file Importer `eth-swaps`: swaps decoded from Ethereum traces (mev-inspect's table), a line a swap.
 *
 * Each is a POOL_SWAP (stream `pool`): tokens are ordered by address as pools do, what went in is positive, what came
 * out negative, in smallest units as doubles. `SCALAR 1` in the same message is the block's number, `SCALAR 2` the
 * transaction's position in it: the only order there is.
 *
 * Trap `no-block-time`: `created_at` is when the table's author indexed the swap, months after it happened. It is kept
 * as `timeUs`, the time somebody learned of it; `venueTimeUs` is estimated from the block's number, days off at worst.
 * Every row is flagged. Swaps of failed transactions (`error` is not empty) moved nothing and are skipped by name.
 *
 * The instrument is named by the two tokens (symbol where known, else address), the contract and the kind of contract:
 * WETH-USDC-POOL-0x…@uniswap-v2-ethereum. The table is in no order at all: it is sorted by `created_at`, block and
 * position on reading, trap `not-in-time-order`. Swaps of a token for itself say nothing and are skipped by name.
 */

import { Flag, Kind } from '../market/tape.ts'
import type { Importer, ImportSink } from '../store/importer.ts'
import type { InputFile } from '../store/inputFile.ts'
import { expectHeader, firstLine, readTable, type TableRow, tableInvalid } from './csv.ts'
import { estimatedBlockUs } from './ethBlocksTime.ts'
import { poolInstrument } from './uniswapMinute.ts'

const HEADER = [
  'created_at', 'abi_name', 'transaction_hash', 'block_number', 'protocol', 'contract_address', 'from_address', 'to_address',
  'token_in_address', 'token_in_amount', 'token_out_address', 'token_out_amount', 'trace_address', 'error',
  'transaction_position',
] // biome-ignore format: one list
const AT = Object.fromEntries(HEADER.map((name, column) => [name, column])) as Record<string, number>
const ADDRESS = /^0x[0-9a-f]{40}$/
const HASH = /^0x[0-9a-f]{64}$/
const BLOCK_MAX = 1e9
const SWAPS_MAX = 5_000_000

const TOKENS: Readonly<Record<string, string>> = {
  '0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2': 'WETH',
  '0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48': 'USDC',
  '0xdac17f958d2ee523a2206206994597c13d831ec7': 'USDT',
  '0x6b175474e89094c44da98b954eedeac495271d0f': 'DAI',
  '0x2260fac5e5542a773aa44fbcfedf7c193bc2c599': 'WBTC',
}

/** Venues by the contract's interface; forks that copied an interface cannot be told apart by it. */
const VENUES: Readonly<Record<string, string>> = {
  UniswapV2Pair: 'uniswap-v2-ethereum',
  UniswapV3Pool: 'uniswap-v3-ethereum',
  BPool: 'balancer-v1-ethereum',
}

function venueOf(row: TableRow): string {
  const abi = row.text(AT['abi_name']!)
  if (!/^[A-Za-z0-9_]{1,60}$/.test(abi)) row.fault('abi-invalid', abi.slice(0, 60))
  return VENUES[abi] ?? `${abi.toLowerCase()}-ethereum`
}

/** An address in lower case: some are written with the mixed case of a checksum. */
function addressOf(row: TableRow, name: string): string {
  const text = row.text(AT[name]!).toLowerCase()
  if (!ADDRESS.test(text)) row.fault('address-invalid', `${name}: ${text.slice(0, 60)}`)
  return text
}

/** A whole number that the table writes as a float: `12634825.0`. */
function wholeOf(row: TableRow, name: string): number {
  const value = row.size(AT[name]!)
  if (!Number.isSafeInteger(value) || value > BLOCK_MAX)
    row.fault('whole-number-invalid', `${name}: ${row.text(AT[name]!)}`.slice(0, 80))
  return value
}

/** One swap as numbers. */
interface Swap {
  readonly timeUs: number
  readonly block: number
  readonly position: number
  readonly line: number
  readonly venue: string
  readonly contract: string
  readonly token0: string
  readonly token1: string
  readonly amount0: number
  readonly amount1: number
}

/** Reads a line; undefined when it left a fault or is skipped by name. */
function readSwap(row: TableRow, sink: ImportSink, seen: Set<string>): Swap | undefined {
  const timeUs = row.isoTime(AT['created_at']!)
  const venue = venueOf(row)
  const block = wholeOf(row, 'block_number')
  const position = wholeOf(row, 'transaction_position')
  const contract = addressOf(row, 'contract_address')
  const tokenIn = addressOf(row, 'token_in_address')
  const tokenOut = addressOf(row, 'token_out_address')
  const amountIn = row.size(AT['token_in_amount']!)
  const amountOut = row.size(AT['token_out_amount']!)
  const hash = row.text(AT['transaction_hash']!)
  const trace = row.text(AT['trace_address']!)
  if (!HASH.test(hash)) row.fault('hash-invalid', hash.slice(0, 80))
  if (!/^\[[\d, ]*\]$/.test(trace)) row.fault('trace-invalid', trace.slice(0, 80))
  if (block === 0) row.fault('block-invalid', row.text(AT['block_number']!))
  const key = `${hash}${trace}`
  if (!row.faulty && seen.has(key)) row.fault('duplicate-swap', key.slice(0, 120))
  if (row.faulty) return undefined
  seen.add(key)
  if (row.text(AT['error']!) !== '') {
    sink.skip('swap of a failed transaction')
    return undefined
  }
  if (tokenIn === tokenOut) {
    sink.skip('swap of a token for itself')
    return undefined
  }
  const inIsFirst = tokenIn < tokenOut
  return {
    timeUs,
    block,
    position,
    line: row.line,
    venue,
    contract,
    token0: inIsFirst ? tokenIn : tokenOut,
    token1: inIsFirst ? tokenOut : tokenIn,
    amount0: inIsFirst ? amountIn : -amountOut,
    amount1: inIsFirst ? -amountOut : amountIn,
  }
}

function emit(swap: Swap, sink: ImportSink): void {
  const { token0, token1, block } = swap
  const names = { token0: TOKENS[token0] ?? token0, token1: TOKENS[token1] ?? token1 }
  const instrument = poolInstrument(swap.venue, swap.contract, names)
  const index = sink.instrument({ ...instrument, source: 'token addresses of the swap' })
  sink.begin('pool', index, swap.timeUs, estimatedBlockUs(block))
  sink.row(Kind.POOL_SWAP, 0, 0, swap.amount0, swap.amount1, Flag.SUSPECT)
  sink.row(Kind.SCALAR, 0, 0, 1, block, Flag.SUSPECT)
  sink.row(Kind.SCALAR, 0, 0, 2, swap.position, Flag.SUSPECT)
  sink.end()
  sink.count('swaps')
}

async function read(file: InputFile, sink: ImportSink): Promise<void> {
  const swaps: Swap[] = []
  const seen = new Set<string>()
  await readTable(
    file,
    sink,
    (row) => {
      expectHeader(file, row, HEADER)
      sink.trap(
        'no-block-time',
        row.place,
        'created_at is when a swap was indexed; venue times are estimated from blocks',
      )
      sink.trap('not-in-time-order', row.place, 'sorted by created_at, block and position on reading')
      return 'header'
    },
    (row) => {
      const swap = readSwap(row, sink, seen)
      if (swap && swaps.push(swap) > SWAPS_MAX) {
        throw tableInvalid(file, row, 'Too many swaps to sort', { swapsMax: String(SWAPS_MAX) })
      }
    },
  )
  swaps.sort((a, b) => a.timeUs - b.timeUs || a.block - b.block || a.position - b.position || a.line - b.line)
  for (const swap of swaps) emit(swap, sink)
}

export const ethSwaps: Importer = {
  name: 'eth-swaps',
  version: 1,
  summary: 'Swaps decoded from Ethereum traces, a line a swap',
  example: 'gimbal import --catalog DIR eth_swaps.csv.gz',
  options: {},
  provenance: 'real',
  recognise(_name, head) {
    return firstLine(head).trim() === HEADER.join(',') ? 0.98 : 0
  },
  read,
}
