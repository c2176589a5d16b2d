/**
 * @file Importer `aave-minute`: minute files of one Aave v3 reserve, as demeter-fetch writes them.
 *
 * Each minute is one message of stream `lending`: SUPPLY_RATE, BORROW_RATE (variable), SUPPLY_INDEX, BORROW_INDEX and
 * SCALAR 1, the stable borrow rate. Rates are yearly fractions, indices start at 1; the file's 27 decimals are rounded to
 * doubles. An index that falls is impossible on chain and rejects the line.
 */

import { Kind } from '../market/tape.ts'
import type { Importer, ImportSink, SketchedInstrument } from '../store/importer.ts'
import type { InputFile } from '../store/inputFile.ts'
import { expectHeader, firstLine, plainName, type TableRow, tableInvalid } from './csv.ts'
import { spot } from './csvInstrument.ts'
import { minuteName, readMinutes } from './csvMinutes.ts'

const HEADER = [
  'block_timestamp', 'liquidity_rate', 'stable_borrow_rate', 'variable_borrow_rate', 'liquidity_index', 'variable_borrow_index',
] // biome-ignore format: one list

/** Symbols of reserves by `chain/address`; others are known by their address. */
const TOKENS: Readonly<Record<string, string>> = {
  'polygon/0x2791bca1f2de4661ed88a30c99a7a9449aa84174': 'USDC',
  'polygon/0x7ceb23fd6bc0add59e62ac25578270cff1b9f619': 'WETH',
  'polygon/0xc2132d05d31c914a87c6611c10748aeb04b58e8f': 'USDT',
  'polygon/0x1bfd67037b42cf73acf2047067bd4f2c47d9bfd6': 'WBTC',
  'polygon/0x0d500b1d8e8ef31e21c99d1db9a6444d3adf1270': 'WMATIC',
  'polygon/0x8f3cf7ad23cd3cadbd9735aff958023239c6a063': 'DAI',
  'ethereum/0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48': 'USDC',
  'ethereum/0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2': 'WETH',
  'ethereum/0xdac17f958d2ee523a2206206994597c13d831ec7': 'USDT',
}

/** A reserve as an instrument, priced in dollars. It has no prices of its own: its steps are conventional. */
function reserve(chain: string, address: string): SketchedInstrument {
  const base = TOKENS[`${chain}/${address}`] ?? address
  return {
    ...spot(`aave-v3-${chain}`, address, base, 'USD'),
    tickSize: '0.000001',
    lotSize: '0.000001',
    source: 'gimbal: no prices in lending files',
  }
}

function rate(row: TableRow, column: number): number {
  const value = row.size(column)
  // Reserves at full utilisation have paid several hundred per cent; beyond 100 times it is a column gone wrong.
  if (value > 100) row.fault('rate-beyond-belief', row.text(column).slice(0, 40))
  return value
}

async function read(file: InputFile, sink: ImportSink): Promise<void> {
  const name = minuteName(plainName(file.name))
  let index = -1
  let supplyBefore = 1
  let borrowBefore = 1
  let minutes = 0
  await readMinutes(
    file,
    sink,
    true,
    (row) => {
      expectHeader(file, row, HEADER)
      if (name?.protocol !== 'aave_v3') {
        throw tableInvalid(file, row, 'The name does not tell chain and reserve', {
          expected: 'polygon-aave_v3-0x2791…4174-2023-08-14.minute.csv',
        })
      }
      index = sink.instrument(reserve(name.chain, name.address))
      return 'header'
    },
    (row, { endUs, flags }) => {
      const supply = rate(row, 1)
      const stable = rate(row, 2)
      const variable = rate(row, 3)
      const supplyIndex = row.price(4)
      const borrowIndex = row.price(5)
      if (flags === 0 && (supplyIndex < supplyBefore || borrowIndex < borrowBefore)) {
        row.fault('index-fell', `supply ${supplyBefore} to ${supplyIndex}, borrow ${borrowBefore} to ${borrowIndex}`)
      }
      // A minute of the highest rate moves an index by 0.02 %: a jump of a hundredth is a digit gone wrong.
      if (minutes > 0 && (supplyIndex > supplyBefore * 1.01 || borrowIndex > borrowBefore * 1.01)) {
        row.fault('index-jumped', `supply ${supplyBefore} to ${supplyIndex}, borrow ${borrowBefore} to ${borrowIndex}`)
      }
      if (row.faulty) return
      if (flags === 0) {
        supplyBefore = supplyIndex
        borrowBefore = borrowIndex
        minutes++
      }
      sink.begin('lending', index, endUs, endUs)
      sink.row(Kind.SUPPLY_RATE, 0, 0, 0, supply, flags)
      sink.row(Kind.BORROW_RATE, 0, 0, 0, variable, flags)
      sink.row(Kind.SUPPLY_INDEX, 0, 0, 0, supplyIndex, flags)
      sink.row(Kind.BORROW_INDEX, 0, 0, 0, borrowIndex, flags)
      sink.row(Kind.SCALAR, 0, 0, 1, stable, flags)
      sink.end()
    },
  )
}

export const aaveMinute: Importer = {
  name: 'aave-minute',
  version: 1,
  summary: 'Minute files of an Aave v3 reserve: supply and borrow rates and indices',
  example:
    'gimbal import --catalog DIR polygon-aave_v3-0x2791bca1f2de4661ed88a30c99a7a9449aa84174-2023-08-14.minute.csv.gz',
  options: {},
  provenance: 'real',
  recognise(name, head) {
    if (firstLine(head) !== HEADER.join(',')) return 0
    return minuteName(plainName(name))?.protocol === 'aave_v3' ? 0.98 : 0.7
  },
  read,
}
