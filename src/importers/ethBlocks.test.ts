/**
 * Goal: a block says its number, its fee and its transactions, and admits when it does not know when it was mined.
 *
 * Method: hand-made blocks around London; estimated times against blocks whose time is public; damage by the fuzz driver.
 */

import { expect, test } from 'vitest'
import { Flag, Kind } from '../market/tape.ts'
import { ethBlocks } from './ethBlocks.ts'
import { estimatedBlockUs } from './ethBlocksTime.ts'
import { fuzzCases, fuzzImporter, importText } from './fuzz.ts'

/** A block of three transactions as JSON. */
function block(number: number, extra: object, gasUsed = 21_000): string {
  const receipts = [30e9, 10e9, 20e9].map((price, at) => ({
    block_number: number,
    transaction_hash: `0x${at}`,
    transaction_index: at,
    gas_used: gasUsed,
    effective_gas_price: price,
  }))
  return JSON.stringify({ block_number: number, ...extra, traces: [{}, {}], receipts })
}

test('a block after London', async () => {
  const content = block(15_049_646, { block_timestamp: 1656580796, base_fee_per_gas: 42060128671 })
  const sink = await importText(ethBlocks, 'eth_block_trace_15049646.json', content)
  expect(sink.traps).toEqual([])
  expect(sink.messages.map(({ stream, timeUs }) => [stream, timeUs])).toEqual([
    ['block', 1656580796e6],
    ['gas', 1656580796e6],
  ])
  expect(sink.rows().map(({ kind, size, value }) => [kind, size, value])).toEqual([
    [Kind.BLOCK, 0, 15_049_646],
    [Kind.BASE_FEE, 0, 42060128671],
    [Kind.SCALAR, 1, 3],
    [Kind.SCALAR, 2, 63_000],
    [Kind.GAS_PRICE, 0, 20e9],
  ])
})

test('a block before London without a time, under a wrong name, with nonsense for gas', async () => {
  const content = block(10_921_991, { base_fee_per_gas: 0 }, 1)
  const sink = await importText(ethBlocks, 'eth_block_trace_10921990.json', content)
  expect(sink.traps.map(({ name }) => name)).toEqual([
    'name-contradicts-content',
    'no-block-time',
    'pre-london',
    'gas-used-implausible',
  ])
  expect(sink.rows().map(({ kind }) => kind)).toEqual([Kind.BLOCK, Kind.SCALAR, Kind.GAS_PRICE])
  expect(sink.rows().every(({ flags }) => (flags & Flag.SUSPECT) !== 0)).toBe(true)
})

test.each([
  ['not JSON', '{"block_number": 1,'],
  ['no block', '{"a":1}'],
  ['an impossible number', block(-5, {})],
  ['an impossible time', block(15_049_646, { block_timestamp: 12, base_fee_per_gas: 1 })],
  ['no fee after London', block(15_049_646, { base_fee_per_gas: 0 })],
  ['no receipts', '{"block_number":10921991,"base_fee_per_gas":0}'],
])('%s is refused whole', async (_, content) => {
  const read = importText(ethBlocks, 'eth_block_trace_1.json', content)
  await expect(read).rejects.toMatchObject({ code: 'file-invalid', facts: { line: 1, byte: 0 } })
})

test('receipts of other blocks, twice or without a price are refused', async () => {
  const value = JSON.parse(block(10_921_991, { base_fee_per_gas: 0 }))
  value.receipts.push({ ...value.receipts[0] }, { ...value.receipts[0], block_number: 7 }, { gas_used: 1 })
  const sink = await importText(ethBlocks, 'b.json', JSON.stringify(value))
  expect(sink.rejects.map(({ name }) => name)).toEqual([
    'duplicate-receipt',
    'receipt-of-another-block',
    'receipt-invalid',
  ])
  expect(sink.rows(Kind.SCALAR)[0]?.value).toBe(3)
})

/** Blocks whose time is public and which are no milestones of the table. */
test.each([
  [12_483_198, 1_621_674_501],
  [12_775_690, 1_625_598_724],
  [15_049_646, 1_656_580_796],
  [10_000_000, 1_588_598_533],
  [18_000_000, 1_693_066_895],
  [21_527_387, 1_735_707_423],
])('block %i is put within four days of its time', (number, seconds) => {
  expect(Math.abs(estimatedBlockUs(number) / 1e6 - seconds)).toBeLessThan(4 * 86_400)
})

test('estimates never run backwards', () => {
  let before = 0
  for (let number = 1; number < 22_000_000; number += 9_973) {
    const us = estimatedBlockUs(number)
    expect(us).toBeGreaterThan(before)
    before = us
  }
})

test('no damage makes an impossible block', { timeout: 3_600_000 }, async () => {
  const lines = JSON.stringify(JSON.parse(block(15_049_646, { base_fee_per_gas: 42 })), null, 1).split('\n')
  const report = await fuzzImporter(ethBlocks, 'eth_block_trace_15049646.json', lines, fuzzCases(process.env), 77)
  expect(report.refused).toBeGreaterThan(0)
  expect(report.rejects).toBeGreaterThan(0)
  expect(report.messages).toBeGreaterThan(0)
})
