/**
 * Goal: gas is in wei whatever the file says it in, and belongs to a chain or to none.
 *
 * Method: hand-made tables of both kinds; damage by the fuzz driver.
 */

import { expect, test } from 'vitest'
import { MINUTE_US } from '../core/clock.ts'
import { Kind } from '../market/tape.ts'
import { fuzzCases, fuzzImporter, importText } from './fuzz.ts'
import { gas } from './gas.ts'

const BLOCKS = 'block_number,timestamp,basefee_gwei'

test('means by the minute are known when it ends, of no chain until one is named', async () => {
  const content = 'block_timestamp,gas_price\n2023-08-14 00:00:00,53.5\n2023-08-14 00:01:00,41\n'
  const sink = await importText(gas, 'gas_price.csv', content)
  expect(sink.messages).toMatchObject([
    { stream: 'gas', instrument: 'GAS-COIN-SPOT@unnamed', timeUs: Date.UTC(2023, 7, 14) * 1000 + MINUTE_US },
    { stream: 'gas' },
  ])
  expect(sink.rows().map(({ kind, value }) => [kind, value])).toEqual([
    [Kind.GAS_PRICE, 53.5e9],
    [Kind.GAS_PRICE, 41e9],
  ])
  expect(sink.traps.map(({ name }) => name)).toEqual(['chain-unnamed'])
  const named = await importText(gas, 'gas_price.csv', content, { chain: 'polygon' })
  expect(named.messages[0]?.instrument).toBe('GAS-POL-SPOT@polygon')
  await expect(importText(gas, 'gas.csv', content, { chain: 'mars' })).rejects.toMatchObject({
    code: 'argument-invalid',
  })
})

test('blocks carry number and base fee; missing, repeated and late ones are told', async () => {
  const lines = [
    '100,1735707423,11.5',
    '101,1735707435,9.25',
    '104,1735707471,8',
    '104,1735707471,8',
    '103,1735707459,8',
  ]
  const sink = await importText(gas, 'basefee.csv', `${[BLOCKS, ...lines].join('\n')}\n`)
  expect(sink.messages[0]).toMatchObject({ instrument: 'GAS-ETH-SPOT@ethereum', timeUs: 1735707423e6 })
  expect(sink.messages[0]!.rows.map(({ kind, value }) => [kind, value])).toEqual([
    [Kind.BLOCK, 100],
    [Kind.BASE_FEE, 11.5e9],
  ])
  expect(sink.traps.map(({ name }) => name)).toEqual(['missing-blocks', 'out-of-order'])
  expect(sink.counts.get('missing blocks')).toBe(2)
  expect(sink.rejects).toMatchObject([{ name: 'duplicate-block', place: { line: 5 } }])
})

test('other tables are refused whole', async () => {
  await expect(importText(gas, 'gas.csv', 'time,gas\n1,2\n')).rejects.toMatchObject({ code: 'file-invalid' })
})

test('no damage makes an impossible base fee', { timeout: 3_600_000 }, async () => {
  const lines = [BLOCKS, ...[0, 1, 2, 3, 4].map((i) => `10${i},173570742${i},1${i}.5`)]
  const report = await fuzzImporter(gas, 'basefee.csv', lines, fuzzCases(process.env), 76)
  expect(report.rejects).toBeGreaterThan(0)
  expect(report.messages).toBeGreaterThan(0)
})
