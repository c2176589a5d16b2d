/**
 * @file Importer `gas`: what a unit of gas cost, by the minute or by the block.
 *
 *   block_timestamp,gas_price                one GAS_PRICE a minute (a mean), known when the minute ends
 *   block_number,timestamp,basefee_gwei      BLOCK and BASE_FEE a line, at the block's own time
 *
 * Both are in gwei in the file and in wei in the rows. The instrument is gas itself, priced in the chain's coin:
 * GAS-ETH-SPOT@ethereum. The minute table does not name its chain: without the option `chain` it is `unnamed`, trap
 * `chain-unnamed`. Blocks missing between two lines are reported as `missing-blocks`.
 */

import { isoTime } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import { Flag, Kind } from '../market/tape.ts'
import type { Importer, ImportOptions, ImportSink, SketchedInstrument } from '../store/importer.ts'
import type { InputFile } from '../store/inputFile.ts'
import { firstLine, readTable, type TableRow, tableInvalid } from './csv.ts'
import { spot } from './csvInstrument.ts'
import { readMinutes } from './csvMinutes.ts'

const MINUTE_HEADER = 'block_timestamp,gas_price'
const BLOCK_HEADER = 'block_number,timestamp,basefee_gwei'
const WEI_PER_GWEI = 1e9

/** Coins gas is paid in. */
const COINS: Readonly<Record<string, string>> = {
  ethereum: 'ETH',
  arbitrum: 'ETH',
  optimism: 'ETH',
  base: 'ETH',
  polygon: 'POL',
  avalanche: 'AVAX',
  unnamed: 'COIN',
}

/** Gas of a chain, priced in the chain's coin; figures in wei are in `value`, so the steps only serve to show it. */
export function gasInstrument(chain: string): SketchedInstrument {
  const coin = COINS[chain]
  if (coin === undefined) {
    throw new GimbalError('argument-invalid', 'Unknown chain', { given: chain, known: Object.keys(COINS).join(' ') })
  }
  return {
    ...spot(chain, 'gas', 'GAS', coin),
    tickSize: '0.000000001',
    lotSize: '1',
    source: 'gimbal: gas, in wei in the value column',
  }
}

/** Dearest gas believed: a million gwei; the worst minute of 2022 (Otherside mint) cost 8,000. */
const GWEI_MAX = 1e6

function weiOf(row: TableRow, column: number): number {
  const gwei = row.size(column)
  if (gwei > GWEI_MAX) row.fault('gas-beyond-belief', row.text(column).slice(0, 40))
  return gwei * WEI_PER_GWEI
}

async function readMinuteGas(file: InputFile, sink: ImportSink, chain: string): Promise<void> {
  const index = sink.instrument(gasInstrument(chain))
  await readMinutes(
    file,
    sink,
    false,
    (row) => {
      if (chain === 'unnamed')
        sink.trap('chain-unnamed', row.place, 'the file does not say whose gas this is: --option chain=…')
      return 'header'
    },
    (row, { endUs, flags }) => {
      const wei = weiOf(row, 1)
      if (row.faulty) return
      sink.begin('gas', index, endUs, endUs)
      sink.row(Kind.GAS_PRICE, 0, 0, 0, wei, flags)
      sink.end()
    },
  )
}

async function readBlockGas(file: InputFile, sink: ImportSink, chain: string): Promise<void> {
  const index = sink.instrument(gasInstrument(chain))
  let lastBlock = Number.NaN
  let lastUs = 0
  await readTable(
    file,
    sink,
    () => 'header',
    (row) => {
      const block = row.whole(0)
      const timeUs = row.stamp(1, 's')
      const wei = weiOf(row, 2)
      if (block <= 0) row.fault('block-invalid', row.text(0).slice(0, 40))
      if (block === lastBlock) row.fault('duplicate-block', row.text(0))
      if (row.faulty) return
      const backwards = block < lastBlock || timeUs < lastUs
      if (backwards) sink.trap('out-of-order', row.place, `block ${block} at ${isoTime(timeUs)} after ${lastBlock}`)
      else {
        const missing = block - lastBlock - 1
        if (missing > 0) {
          sink.trap('missing-blocks', row.place, `${missing} between ${lastBlock} and ${block}`)
          sink.count('missing blocks', missing)
        }
        lastBlock = block
        lastUs = timeUs
      }
      const flags = backwards ? Flag.SUSPECT : 0
      sink.begin('block', index, timeUs, timeUs)
      sink.row(Kind.BLOCK, 0, 0, 0, block, flags)
      sink.row(Kind.BASE_FEE, 0, 0, 0, wei, flags)
      sink.end()
      sink.count('blocks')
    },
  )
}

async function read(file: InputFile, sink: ImportSink, options: ImportOptions): Promise<void> {
  let header = ''
  // The header decides what the lines are, and reading starts afresh.
  await file.lines((text, line) => {
    if (line === 1) header = firstLine(text).trim()
  })
  if (header === MINUTE_HEADER) return readMinuteGas(file, sink, options['chain'] ?? 'unnamed')
  if (header === BLOCK_HEADER) return readBlockGas(file, sink, options['chain'] ?? 'ethereum')
  throw tableInvalid(file, { line: 1, byte: 0 }, 'Not a table of gas prices', {
    expected: `${MINUTE_HEADER} or ${BLOCK_HEADER}`,
    found: header.slice(0, 300),
  })
}

export const gas: Importer = {
  name: 'gas',
  version: 1,
  summary: 'What a unit of gas cost: means by the minute, or base fees by the block',
  example: 'gimbal import --catalog DIR gas_price.csv.gz --option chain=polygon',
  options: { chain: `chain whose gas it is: ${Object.keys(COINS).join(', ')}` },
  provenance: 'real',
  recognise(_name, head) {
    const header = firstLine(head).trim()
    return header === MINUTE_HEADER || header === BLOCK_HEADER ? 0.98 : 0
  },
  read,
}
