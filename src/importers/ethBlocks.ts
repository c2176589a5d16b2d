/**
 * @file Importer `eth-blocks`: one Ethereum block with its call traces and receipts, as JSON.
 *
 * Rows of GAS-ETH-SPOT@ethereum, one message of stream `block`: BLOCK, BASE_FEE (from London on), SCALAR 1 the number of
 * transactions, SCALAR 2 the gas they used; and one of stream `gas`: GAS_PRICE, the median price the transactions paid, in
 * wei. The transactions are in the block, so they are no PENDING_TRANSACTION; the traces themselves are not stored.
 *
 * Traps by name: `no-block-time` (many of these files lack the timestamp; it is then estimated from the number, days
 * off at worst, and every row is flagged), `pre-london` (a base fee of 0 before block 12,965,000 means there was none:
 * no row), `name-contradicts-content` (one published file holds the neighbour of the block it is named for),
 * `gas-used-implausible` (some receipts carry 0, 1 or 2^64 - 1 for gas used: SCALAR 2 is then left out).
 */

import { GimbalError } from '../core/errors.ts'
import { Flag, Kind } from '../market/tape.ts'
import type { Importer, ImportSink, Place } from '../store/importer.ts'
import type { InputFile } from '../store/inputFile.ts'
import { plainName } from './csv.ts'
import { estimatedBlockUs, LONDON_BLOCK } from './ethBlocksTime.ts'
import { gasInstrument } from './gas.ts'

/** The whole file is one value: there is no finer place to point at. */
const START: Place = { line: 1, byte: 0 }
const SECONDS_MIN = 1_438_269_973 // Genesis, 2015-07-30.
const SECONDS_MAX = 4_102_444_800
const BLOCK_MAX = 1e9
/** No transaction can use less: the fee for being a transaction at all (Yellow Paper, appendix G). */
const TRANSACTION_GAS_MIN = 21_000
/** Far above any block's gas limit so far. */
const BLOCK_GAS_MAX = 1e9
const BYTES_MAX = 256 * 2 ** 20
const NAME = /^eth_block_trace_(\d+)\.json$/

interface Receipt {
  /** As written: some files have 0, 1 or 2^64 - 1 here. */
  readonly gasUsed: number
  readonly gasPrice: number
}

function invalid(file: InputFile, summary: string, facts: Readonly<Record<string, string>>): GimbalError {
  return new GimbalError('file-invalid', summary, { file: file.name, ...START, ...facts })
}

function record(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : Number.NaN
}

/** Reads the receipts; those that make no sense or belong to another block are rejected. */
function receiptsOf(file: InputFile, block: number, value: unknown, sink: ImportSink): Receipt[] {
  if (!Array.isArray(value)) throw invalid(file, 'A block without receipts', { expected: 'receipts: […]' })
  const seen = new Set<string>()
  const receipts: Receipt[] = []
  for (const [at, entry] of value.entries()) {
    const fields = record(entry)
    const gasUsed = fields?.['gas_used']
    const gasPrice = count(fields?.['effective_gas_price'])
    const hash = fields?.['transaction_hash']
    if (!fields || typeof gasUsed !== 'number' || Number.isNaN(gasPrice) || typeof hash !== 'string') {
      sink.reject('receipt-invalid', START, `receipts[${at}]`)
    } else if (fields['block_number'] !== block) sink.reject('receipt-of-another-block', START, `receipts[${at}]`)
    else if (seen.has(hash)) sink.reject('duplicate-receipt', START, `receipts[${at}]`)
    else {
      seen.add(hash)
      receipts.push({ gasUsed, gasPrice })
    }
  }
  return receipts
}

/** Middle of the prices paid; the lower of the two middle ones, so that it is a price that was paid. */
function medianPrice(receipts: readonly Receipt[]): number {
  const prices = receipts.map(({ gasPrice }) => gasPrice).sort((a, b) => a - b)
  return prices[Math.floor((prices.length - 1) / 2)]!
}

async function read(file: InputFile, sink: ImportSink): Promise<void> {
  const text = await file.text(BYTES_MAX)
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    throw new GimbalError('file-invalid', 'Not JSON', { file: file.name, ...START, reason: String(cause) }, { cause })
  }
  const fields = record(parsed)
  const block = count(fields?.['block_number'])
  if (!fields || !(block > 0 && block < BLOCK_MAX)) {
    throw invalid(file, 'Not a block', { expected: '{"block_number": …, "receipts": […]}' })
  }
  const baseFee = count(fields['base_fee_per_gas'] ?? 0)
  if (Number.isNaN(baseFee)) throw invalid(file, 'Not a base fee in wei', { found: String(fields['base_fee_per_gas']) })
  if (block >= LONDON_BLOCK && baseFee === 0) throw invalid(file, 'No base fee after London', { block: String(block) })
  const seconds = fields['block_timestamp']
  const known = seconds !== undefined && seconds !== null
  if (known && !(count(seconds) >= SECONDS_MIN && count(seconds) < SECONDS_MAX)) {
    throw invalid(file, 'Not a block time in seconds', { found: String(seconds) })
  }
  const timeUs = known ? count(seconds) * 1_000_000 : estimatedBlockUs(block)
  const named = NAME.exec(plainName(file.name))?.[1]
  if (named !== undefined && Number(named) !== block) {
    sink.trap('name-contradicts-content', START, `named for block ${named}, holds block ${block}`)
  }
  if (!known) sink.trap('no-block-time', START, `time of block ${block} estimated from its number`)
  if (block < LONDON_BLOCK) sink.trap('pre-london', START, `block ${block} is older than base fees: no BASE_FEE row`)
  const receipts = receiptsOf(file, block, fields['receipts'], sink)
  const index = sink.instrument(gasInstrument('ethereum'))
  const flags = known ? 0 : Flag.SUSPECT
  sink.begin('block', index, timeUs, timeUs)
  sink.row(Kind.BLOCK, 0, 0, 0, block, flags)
  if (block >= LONDON_BLOCK) sink.row(Kind.BASE_FEE, 0, 0, 0, baseFee, flags)
  sink.row(Kind.SCALAR, 0, 0, 1, receipts.length, flags)
  const sound = (gasUsed: number) => gasUsed >= TRANSACTION_GAS_MIN && gasUsed <= BLOCK_GAS_MAX
  const absurd = receipts.filter(({ gasUsed }) => !sound(gasUsed)).length
  if (absurd === 0) {
    const used = receipts.reduce((sum, receipt) => sum + receipt.gasUsed, 0)
    sink.row(Kind.SCALAR, 0, 0, 2, used, flags)
  } else sink.trap('gas-used-implausible', START, `${absurd} of ${receipts.length} receipts use gas no transaction can`)
  sink.end()
  sink.begin('gas', index, timeUs, timeUs)
  if (receipts.length > 0) sink.row(Kind.GAS_PRICE, 0, 0, 0, medianPrice(receipts), flags)
  sink.end()
  sink.count('blocks')
  sink.count('transactions', receipts.length)
  const traces = fields['traces']
  if (Array.isArray(traces)) sink.count('traces not stored', traces.length)
}

export const ethBlocks: Importer = {
  name: 'eth-blocks',
  version: 1,
  summary: 'Single Ethereum blocks with traces and receipts (JSON): number, base fee, transactions, gas price',
  example: 'gimbal import --catalog DIR eth_block_trace_15049646.json.gz',
  options: {},
  provenance: 'real',
  recognise(name, head) {
    if (!/^\s*\{\s*"block_number"\s*:\s*\d+/.test(head)) return 0
    return NAME.test(plainName(name)) ? 0.98 : 0.6
  },
  read,
}
