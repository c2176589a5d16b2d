/**
 * Goal: a minute of a pool is its net flow and its closing state, known when the minute ends.
 *
 * Method: hand-made minutes of a known and an unknown pool; damage by the fuzz driver.
 */

import { expect, test } from 'vitest'
import { MINUTE_US } from '../core/clock.ts'
import { Flag, Kind } from '../market/tape.ts'
import { fuzzCases, fuzzImporter, importText } from './fuzz.ts'
import { uniswapMinute } from './uniswapMinute.ts'

const HEADER =
  'timestamp,netAmount0,netAmount1,closeTick,openTick,lowestTick,highestTick,inAmount0,inAmount1,currentLiquidity'
const NAME = 'polygon-0x45dda9cb7c25131df268515131f647d726f50608-2023-08-13.minute.csv'
const DAY_US = Date.UTC(2023, 7, 13) * 1000

const file = (...lines: string[]) => `${[HEADER, ...lines].join('\n')}\n`
const line = (time: string, flow = '-1970524626,1066799650715290921', ticks = '201101.0,201100,201099,201102') =>
  `2023-08-13 ${time}:00,${flow},${ticks},0,1066799650715290921,2391553663290390168`

test('a minute is a swap and a state of the pool the name tells', async () => {
  const sink = await importText(uniswapMinute, NAME, file(line('00:00')))
  expect(sink.messages).toMatchObject([
    {
      stream: 'pool',
      instrument: 'USDC-WETH-POOL-0x45dda9cb7c25131df268515131f647d726f50608@uniswap-v3-polygon',
      timeUs: DAY_US + MINUTE_US,
      venueTimeUs: DAY_US + MINUTE_US,
    },
  ])
  // On-chain integers beyond 2^53 become the nearest doubles.
  const [flow, liquidity] = [Number('1066799650715290921'), Number('2391553663290390168')]
  expect(sink.rows()).toEqual([
    { kind: Kind.POOL_SWAP, side: 0, price: 0, size: -1970524626, value: flow, flags: 0 },
    { kind: Kind.POOL_STATE, side: 0, price: 201101, size: 0, value: liquidity, flags: Flag.END },
  ])
  expect(sink.instruments).toMatchObject([{ fees: { takerBps: 5 } }])
})

test('a pool not in the table is known by its address', async () => {
  const name = `base-0x${'ab'.repeat(20)}-2023-08-13.minute.csv`
  const sink = await importText(uniswapMinute, name, file(line('00:00')))
  expect(sink.messages[0]?.instrument).toBe(`TOKEN0-TOKEN1-POOL-0x${'ab'.repeat(20)}@uniswap-v3-base`)
})

test('what a day lacks at its ends and between is reported, not filled', async () => {
  const sink = await importText(uniswapMinute, NAME, file(line('00:02'), line('00:03'), line('00:06'), line('23:58')))
  expect(sink.traps.map(({ name, place }) => [name, place.line])).toEqual([
    ['late-start', 2],
    ['missing-minutes', 4],
    ['missing-minutes', 5],
    ['early-end', 5],
  ])
  expect(sink.counts.get('missing minutes')).toBe(2 + 2 + 1431 + 1)
  expect(sink.messages).toHaveLength(4)
})

test('a close beyond its own extremes is passed on and flagged', async () => {
  const sink = await importText(uniswapMinute, NAME, file(line('00:00', '0,0', '201098,201097,201097,201097')))
  expect(sink.traps[0]).toMatchObject({ name: 'close-outside-range' })
  expect(sink.rows().every(({ flags }) => (flags & Flag.SUSPECT) !== 0)).toBe(true)
})

test.each([
  ['tick-invalid', line('00:01', '0,0', '201101.5,201100,201099,201102')],
  ['tick-invalid', line('00:01', '0,0', '900000,201100,201099,900000')],
  ['whole-number-invalid', line('00:01', '1e18,0')],
  ['duplicate-time', line('00:00')],
  ['time-off-minute', line('00:01').replace('00:01:00', '00:01:30')],
  ['liquidity-negative', line('00:01').replace(',2391', ',-2391')],
  ['amount-in-negative', line('00:01').replace(',0,1066', ',0,-1066')],
])('%s is refused', async (reason, bad) => {
  const sink = await importText(uniswapMinute, NAME, file(line('00:00'), bad))
  expect(sink.rejects).toMatchObject([{ name: reason, place: { line: 3 } }])
})

test('a name that tells no pool is refused whole', async () => {
  await expect(importText(uniswapMinute, 'pool.csv', file(line('00:00')))).rejects.toMatchObject({
    code: 'file-invalid',
  })
})

test('no damage makes an impossible minute', { timeout: 3_600_000 }, async () => {
  const lines = [HEADER, ...[0, 1, 2, 3, 4].map((minute) => line(`00:0${minute}`))]
  const report = await fuzzImporter(uniswapMinute, NAME, lines, fuzzCases(process.env), 71)
  expect(report.rejects).toBeGreaterThan(0)
  expect(report.messages).toBeGreaterThan(0)
})
