/**
 * Goal: a decoded swap flows the way it flowed, in the order of its tokens, and admits that its time is not its block's.
 *
 * Method: hand-made lines; damage by the fuzz driver.
 */

import { expect, test } from 'vitest'
import { Flag, Kind } from '../market/tape.ts'
import { estimatedBlockUs } from './ethBlocksTime.ts'
import { ethSwaps } from './ethSwaps.ts'
import { fuzzCases, fuzzImporter, importText } from './fuzz.ts'

const HEADER =
  'created_at,abi_name,transaction_hash,block_number,protocol,contract_address,from_address,to_address,token_in_address,token_in_amount,token_out_address,token_out_amount,trace_address,error,transaction_position'
const LOW = `0x${'1a'.repeat(20)}`
const WETH = '0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2'
const POOL = `0x${'Ab'.repeat(20)}`

function line(
  at: { time?: string; tokens?: string; trace?: string; error?: string; hash?: string; block?: string } = {},
): string {
  const hash = at.hash ?? `0x${'7'.repeat(64)}`
  const tokens = at.tokens ?? `${WETH},1.5e+18,${LOW},3e+20`
  const middle = `UniswapV2Pair,${hash},${at.block ?? '12634825.0'},,${POOL},0xa,0xb,${tokens}`
  return `${at.time ?? '2022-01-13 21:36:42.787271'},${middle},"${at.trace ?? '[0, 1]'}",${at.error ?? ''},5.0`
}
const file = (...lines: string[]) => `${[HEADER, ...lines].join('\n')}\n`

test('what went in is positive, what came out negative, in the order of addresses', async () => {
  const reverse = { tokens: `${LOW},3e+20,${WETH},1.5e+18`, trace: '[2]' }
  const sink = await importText(ethSwaps, 'eth_swaps.csv', file(line(), line(reverse)))
  expect(sink.messages[0]).toMatchObject({
    stream: 'pool',
    instrument: `${LOW}-WETH-POOL-${POOL.toLowerCase()}@uniswap-v2-ethereum`,
    timeUs: Date.UTC(2022, 0, 13, 21, 36, 42) * 1000 + 787_271,
    venueTimeUs: estimatedBlockUs(12_634_825),
  })
  expect(sink.rows(Kind.POOL_SWAP).map(({ size, value }) => [size, value])).toEqual([
    [-3e20, 1.5e18],
    [3e20, -1.5e18],
  ])
  expect(sink.rows(Kind.SCALAR).map(({ size, value }) => [size, value])).toEqual([
    [1, 12_634_825],
    [2, 5],
    [1, 12_634_825],
    [2, 5],
  ])
  expect(sink.rows().every(({ flags }) => (flags & Flag.SUSPECT) !== 0)).toBe(true)
  expect(sink.traps.map(({ name }) => name)).toEqual(['no-block-time', 'not-in-time-order'])
})

test('the table is sorted, failed transactions and swaps for oneself are skipped by name', async () => {
  const sink = await importText(
    ethSwaps,
    'eth_swaps.csv',
    file(
      line({ time: '2022-01-13 21:40:00', trace: '[1]' }),
      line({ time: '2022-01-13 21:39:00', trace: '[2]' }),
      line({ trace: '[3]', error: 'Reverted' }),
      line({ trace: '[4]', tokens: `${WETH},1,${WETH},1` }),
    ),
  )
  expect(sink.messages.map(({ timeUs }) => new Date(timeUs / 1000).getUTCMinutes())).toEqual([39, 40])
  expect([...sink.skips]).toEqual([
    ['swap of a failed transaction', 1],
    ['swap of a token for itself', 1],
  ])
})

test.each([
  ['duplicate-swap', line()],
  ['address-invalid', line({ trace: '[1]', tokens: `0x12,1,${LOW},1` })],
  ['hash-invalid', line({ hash: '0x77' })],
  ['trace-invalid', line({ trace: 'x' })],
  ['whole-number-invalid', line({ trace: '[1]', block: '12634825.5' })],
  ['size-negative', line({ trace: '[1]', tokens: `${WETH},-1,${LOW},1` })],
])('%s is refused', async (reason, bad) => {
  const sink = await importText(ethSwaps, 'eth_swaps.csv', file(line(), bad))
  expect(sink.rejects).toMatchObject([{ name: reason, place: { line: 3 } }])
})

test('no damage makes an impossible swap', { timeout: 3_600_000 }, async () => {
  const lines = [HEADER, ...[0, 1, 2, 3, 4].map((i) => line({ trace: `[${i}]` }))]
  const report = await fuzzImporter(ethSwaps, 'eth_swaps.csv', lines, fuzzCases(process.env), 78)
  expect(report.rejects).toBeGreaterThan(0)
  expect(report.messages).toBeGreaterThan(0)
})
