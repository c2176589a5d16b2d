/**
 * @file Importer `gmx-minute`: minute files of GMX v1 (one wide table for the whole vault) and GMX v2 (one market).
 *
 * Every column becomes a SCALAR row (stream `scalar`) under a number that does not depend on its place in the file,
 * and prices become INDEX rows (stream `mark`) too, since GMX settles on its oracle.
 *
 * v1, `avalanche_gmx_2024-10-15.csv`, instrument GLP-USD-SPOT@gmx-v1-avalanche, raw on-chain integers rounded to doubles:
 *   1 glp (supply, 1e18), 2 interval, 3 usdg (supply, 1e18), 4 aum (1e30), 5 glp_price (dollars); and for each token
 *   100 × token + field. Tokens: 1 btc.b, 2 weth, 3 wbtc, 4 wavax, 5 mim, 6 usdc, 7 usdc.e, 8 weth.e, 9 link, 10 uni,
 *   11 usdt, 12 dai, 13 frax. Fields: 1 price (1e30), 2 size (shorts, 1e30), 3 average (1e30), 4 pool, 5 reserved,
 *   6 usdg (1e18), 7 guaranteed (1e30), 8 weight.
 *   `<token>_price` is also an INDEX in dollars of <TOKEN>-USD-PERP@gmx-v1-avalanche.
 *
 * v2, `arbitrum-GmxV2-0x70d9…-2025-01-08.minute.csv`: number = place in {@link V2_COLUMNS} counted from 1, in units as
 *   written (tokens and dollars). `indexPrice` is also an INDEX in dollars of the market.
 *
 * A column not listed is counted as `columns not stored`.
 */

import { Kind } from '../market/tape.ts'
import type { Importer, ImportSink, SketchedInstrument } from '../store/importer.ts'
import type { InputFile } from '../store/inputFile.ts'
import { decimal, findColumns, firstLine, plainName, type TableRow, tableInvalid } from './csv.ts'
import { linearPerp, spot } from './csvInstrument.ts'
import { minuteName, readMinutes } from './csvMinutes.ts'

const V1_TOKENS = [
  'btc.b',
  'weth',
  'wbtc',
  'wavax',
  'mim',
  'usdc',
  'usdc.e',
  'weth.e',
  'link',
  'uni',
  'usdt',
  'dai',
  'frax',
]
const V1_FIELDS = ['price', 'size', 'average', 'pool', 'reserved', 'usdg', 'guaranteed', 'weight']
const V1_TOTALS = ['glp', 'interval', 'usdg', 'aum', 'glp_price']
const V1_PRICE_UNIT = 1e30

/** Columns of a v2 file in the order of their SCALAR numbers; the first seventeen are in every file. */
export const V2_COLUMNS: readonly string[] = [
  'marketTokensSupply', 'poolValue', 'longAmount', 'shortAmount', 'pendingPnl', 'realizedPnl', 'realizedProfit',
  'virtualSwapInventoryLong', 'virtualSwapInventoryShort', 'impactPoolAmount', 'longPrice', 'shortPrice', 'indexPrice',
  'openInterestLong', 'openInterestShort', 'openInterestInTokensLong', 'openInterestInTokensShort',
  'virtualPositionInventory', 'cumulativeBorrowingFactorLong', 'cumulativeBorrowingFactorShort',
  'longTokenFundingFeeAmountPerSizeLong', 'longTokenFundingFeeAmountPerSizeShort',
  'shortTokenFundingFeeAmountPerSizeLong', 'shortTokenFundingFeeAmountPerSizeShort',
  'longTokenClaimableFundingAmountPerSizeLong', 'longTokenClaimableFundingAmountPerSizeShort',
  'shortTokenClaimableFundingAmountPerSizeLong', 'shortTokenClaimableFundingAmountPerSizeShort',
  'positionImpactPoolAmount',
] // biome-ignore format: one list
const V2_ALWAYS = 17

/** Index coins of GMX v2 markets by `chain/address`; others are called INDEX. */
const V2_MARKETS: Readonly<Record<string, string>> = {
  'arbitrum/0x70d95587d40a2caf56bd97485ab3eec10bee6336': 'ETH',
  'arbitrum/0x47c031236e19d024b42f8ae6780e44a573170703': 'BTC',
}

const V1_NAME = /^([a-z]+)_gmx_(\d{4}-\d\d-\d\d)\.csv$/

/** Prices of these instruments are only in `value`: their steps are conventional. */
function conventional(instrument: SketchedInstrument): SketchedInstrument {
  return { ...instrument, tickSize: '0.000001', lotSize: '0.000001', source: 'gimbal: oracle prices lie on no grid' }
}

/** What becomes of one column. */
interface Column {
  readonly column: number
  readonly number: number
  /** Instrument whose INDEX it is, or -1; and the divisor that makes dollars of it. */
  readonly index: number
  readonly unit: number
}

/** The scalar number of a v1 column; 0 for one not listed. */
function v1Number(name: string): number {
  const total = V1_TOTALS.indexOf(name)
  if (total >= 0) return total + 1
  const cut = name.lastIndexOf('_')
  const token = V1_TOKENS.indexOf(name.slice(0, cut))
  const field = V1_FIELDS.indexOf(name.slice(cut + 1))
  return token < 0 || field < 0 ? 0 : 100 * (token + 1) + field + 1
}

function v1Columns(file: InputFile, row: TableRow, sink: ImportSink, venue: string): Column[] {
  findColumns(file, row, { glp: ['glp'], aum: ['aum'], price: ['glp_price'] })
  const columns: Column[] = []
  for (let column = 1; column < row.count; column++) {
    const name = row.text(column).trim()
    const number = v1Number(name)
    if (number === 0) {
      sink.count('columns not stored')
      continue
    }
    const priced = number > 100 && number % 100 === 1
    const coin = name.slice(0, name.lastIndexOf('_')).toUpperCase()
    const index = priced ? sink.instrument(conventional(linearPerp(venue, name, coin, 'USD', '1', 'USDC'))) : -1
    columns.push({ column, number, index, unit: V1_PRICE_UNIT })
  }
  return columns
}

function v2Columns(file: InputFile, row: TableRow, sink: ImportSink, market: number): Column[] {
  const names = row.cells.slice(0, row.count).map((cell) => cell.trim())
  const missing = V2_COLUMNS.slice(0, V2_ALWAYS).find((name) => !names.includes(name))
  if (missing) throw tableInvalid(file, row, 'A column is missing from the header', { expected: missing })
  const columns: Column[] = []
  for (let column = 1; column < names.length; column++) {
    const number = V2_COLUMNS.indexOf(names[column]!) + 1
    if (number === 0) sink.count('columns not stored')
    else columns.push({ column, number, index: names[column] === 'indexPrice' ? market : -1, unit: 1 })
  }
  return columns
}

async function read(file: InputFile, sink: ImportSink): Promise<void> {
  const name = plainName(file.name)
  const first = V1_NAME.exec(name)
  const second = minuteName(name)
  let columns: Column[] = []
  let whole = -1
  await readMinutes(
    file,
    sink,
    true,
    (row) => {
      if (first) {
        const venue = `gmx-v1-${first[1]}`
        whole = sink.instrument(conventional(spot(venue, 'GLP', 'GLP', 'USD')))
        columns = v1Columns(file, row, sink, venue)
      } else if (second?.protocol === 'GmxV2') {
        const coin = V2_MARKETS[`${second.chain}/${second.address}`] ?? 'INDEX'
        const market = linearPerp(`gmx-v2-${second.chain}`, second.address, coin, 'USD', '1', 'USDC')
        whole = sink.instrument(conventional({ ...market, kind: 'pool', detail: second.address }))
        columns = v2Columns(file, row, sink, whole)
      } else {
        throw tableInvalid(file, row, 'The name tells neither GMX v1 nor a GMX v2 market', {
          expected: 'avalanche_gmx_2024-10-15.csv or arbitrum-GmxV2-0x70d9…6336-2025-01-08.minute.csv',
        })
      }
      return 'header'
    },
    (row, { endUs, flags }) => {
      const values = columns.map(({ column, index }) => {
        const value = decimal(row.text(column))
        if (Number.isNaN(value)) row.fault('number-invalid', `column ${column + 1}: ${row.text(column).slice(0, 40)}`)
        else if (index >= 0 && value <= 0) row.fault('price-not-positive', `column ${column + 1}: ${value}`)
        return value
      })
      if (row.faulty) return
      sink.begin('scalar', whole, endUs, endUs)
      for (const [at, { number }] of columns.entries()) sink.row(Kind.SCALAR, 0, 0, number, values[at]!, flags)
      sink.end()
      for (const [at, { index, unit }] of columns.entries()) {
        if (index < 0) continue
        sink.begin('mark', index, endUs, endUs)
        sink.row(Kind.INDEX, 0, 0, 0, values[at]! / unit, flags)
        sink.end()
      }
    },
  )
}

export const gmxMinute: Importer = {
  name: 'gmx-minute',
  version: 1,
  summary: 'Minute files of GMX: the v1 vault as one wide table, or one v2 market',
  example: 'gimbal import --catalog DIR avalanche_gmx_2024-10-15.csv.gz',
  options: {},
  provenance: 'real',
  recognise(name, head) {
    const header = firstLine(head).split(',')
    if (V1_NAME.test(plainName(name)) && header.includes('glp')) return 0.98
    return header.includes('marketTokensSupply') && minuteName(plainName(name))?.protocol === 'GmxV2' ? 0.98 : 0
  },
  read,
}
