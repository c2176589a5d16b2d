/**
 * @file Importer `deribit-chain`: snapshots of the whole option chain of Deribit, a line an option.
 *
 * Each line is one message of stream `option`: QUOTE bid and ask, MARK, IMPLIED_VOLATILITY, DELTA, VEGA, FORWARD, INDEX,
 * OPEN_INTEREST and VOLUME (24 h, with its dollars in value). Both times are the snapshot's own.
 *
 * - Prices of BTC and ETH options are in the coin (inverse): bid 0.084 is 0.084 BTC. The finest price step is 0.0001.
 * - `implied_volatility` is a fraction, `vega` is in dollars for one point of volatility, as the venue gives them.
 *   There are no columns for gamma, theta and rho.
 * - `underlying` is the forward of the option's expiry. Where no future of that expiry trades the venue makes one up
 *   and calls it `SYN.…` (counted as `synthetic forwards`), or uses the index (`forwards that are the index`).
 * - The snapshot does not say how much is bid or asked. Such a quote gets one lot, the least there can be, and is
 *   flagged: trap `size-unknown`, once a file. A side without quote has size 0; options lacking one are counted `one-sided`.
 */

import { Flag, Kind } from '../market/tape.ts'
import type { Importer, ImportSink, SketchedInstrument } from '../store/importer.ts'
import type { InputFile } from '../store/inputFile.ts'
import { expectHeader, firstLine, plainName, readTable, type TableRow } from './csv.ts'
import { deribitInstrument } from './csvInstrument.ts'

const HEADER = [
  'timestamp', 'instrument_name', 'underlying', 'underlying_name', 'option_type', 'strike', 'expiry_datetime',
  'time_to_maturity', 'bid_price', 'ask_price', 'mark_price', 'mid_price', 'futures_price', 'futures_instrument_name',
  'implied_volatility', 'delta', 'vega', 'open_interest', 'volume', 'bid_ask_spread', 'currency', 'index_price', 'volume_usd',
] // biome-ignore format: one list
const AT = Object.fromEntries(HEADER.map((name, column) => [name, column])) as Record<string, number>

/** Smallest sizes (venue, "Contract specifications"): tenths of a bitcoin, whole units of other coins. */
function lotOf(base: string): string {
  return base === 'BTC' ? '0.1' : '1'
}

/** The instrument of a line, whose name and columns must tell the same story. */
function optionOf(row: TableRow): SketchedInstrument | undefined {
  const name = row.text(AT['instrument_name']!)
  const instrument = deribitInstrument(name)
  if (instrument?.kind !== 'option') {
    row.fault('name-invalid', name.slice(0, 40))
    return undefined
  }
  const expiryUs = row.isoTime(AT['expiry_datetime']!)
  const strike = row.price(AT['strike']!)
  const right = row.text(AT['option_type']!)
  if (row.faulty) return undefined
  const expected = Date.parse(`${instrument.expiry}T08:00:00Z`) * 1000
  if (strike !== Number(instrument.strike) || right !== instrument.right || expiryUs !== expected) {
    row.fault(
      'name-contradicts-columns',
      `${name}: ${right} ${strike} ${row.text(AT['expiry_datetime']!)}`.slice(0, 120),
    )
    return undefined
  }
  const inverse = instrument.payoff === 'inverse'
  return { ...instrument, tickSize: inverse ? '0.0001' : '0.01', lotSize: inverse ? lotOf(instrument.base) : '0.1' }
}

/** One side's price: 0 when nobody quotes. */
function quoted(row: TableRow, column: number): number {
  return row.text(column) === '' ? 0 : row.size(column)
}

class ChainReader {
  readonly #sink: ImportSink
  readonly #seen = new Set<string>()
  #sizeReported = false
  #snapshotUs = 0

  constructor(sink: ImportSink) {
    this.#sink = sink
  }

  read(row: TableRow): void {
    const sink = this.#sink
    const timeUs = row.isoTime(AT['timestamp']!)
    const instrument = optionOf(row)
    const bid = quoted(row, AT['bid_price']!)
    const ask = quoted(row, AT['ask_price']!)
    const mark = row.size(AT['mark_price']!)
    const volatility = row.size(AT['implied_volatility']!)
    const delta = row.decimal(AT['delta']!)
    const vega = row.decimal(AT['vega']!)
    const forward = row.price(AT['underlying']!)
    const index = row.price(AT['index_price']!)
    const interest = row.size(AT['open_interest']!)
    const volume = row.size(AT['volume']!)
    const dollars = row.text(AT['volume_usd']!) === '' ? 0 : row.size(AT['volume_usd']!)
    if (Math.abs(delta) > 1) row.fault('delta-beyond-one', row.text(AT['delta']!).slice(0, 40))
    if (!row.faulty && timeUs === this.#snapshotUs && this.#seen.has(row.text(AT['instrument_name']!))) {
      row.fault('duplicate-option', row.text(AT['instrument_name']!))
    }
    if (row.faulty || !instrument) return
    this.#watch(row, timeUs, instrument, bid, ask)
    const lot = Number(instrument.lotSize)
    sink.begin('option', sink.instrument(instrument), timeUs, timeUs)
    sink.row(Kind.QUOTE, 1, bid, bid > 0 ? lot : 0, 0, bid > 0 ? Flag.SUSPECT : 0)
    sink.row(Kind.QUOTE, -1, ask, ask > 0 ? lot : 0, 0, ask > 0 ? Flag.SUSPECT : 0)
    sink.row(Kind.MARK, 0, 0, 0, mark)
    sink.row(Kind.IMPLIED_VOLATILITY, 0, 0, 0, volatility)
    sink.row(Kind.DELTA, 0, 0, 0, delta)
    sink.row(Kind.VEGA, 0, 0, 0, vega)
    sink.row(Kind.FORWARD, 0, 0, 0, forward)
    sink.row(Kind.INDEX, 0, 0, 0, index)
    sink.row(Kind.OPEN_INTEREST, 0, 0, interest, 0)
    sink.row(Kind.VOLUME, 0, 0, volume, dollars)
    sink.end()
    sink.count('options')
  }

  #watch(row: TableRow, timeUs: number, { venueSymbol }: SketchedInstrument, bid: number, ask: number): void {
    const sink = this.#sink
    if (timeUs < this.#snapshotUs) sink.trap('out-of-order', row.place, row.text(AT['timestamp']!))
    if (timeUs > this.#snapshotUs) {
      this.#seen.clear()
      this.#snapshotUs = timeUs
    }
    this.#seen.add(venueSymbol)
    if (bid === 0 || ask === 0) sink.count('one-sided')
    else if (bid > ask) sink.trap('crossed-quote', row.place, `bid ${bid} over ask ${ask}`)
    if ((bid > 0 || ask > 0) && !this.#sizeReported) {
      this.#sizeReported = true
      sink.trap('size-unknown', row.place, 'no sizes in this file: each quote is given one lot and flagged')
    }
    const forwardName = row.text(AT['underlying_name']!)
    if (forwardName.startsWith('SYN.')) sink.count('synthetic forwards')
    else if (forwardName === 'index_price') sink.count('forwards that are the index')
  }
}

async function read(file: InputFile, sink: ImportSink): Promise<void> {
  const reader = new ChainReader(sink)
  await readTable(
    file,
    sink,
    (row) => {
      expectHeader(file, row, HEADER)
      return 'header'
    },
    (row) => reader.read(row),
  )
}

export const deribitChain: Importer = {
  name: 'deribit-chain',
  version: 1,
  summary: 'Snapshots of the whole option chain of Deribit: quotes, marks, volatility, Greeks, open interest',
  example: 'gimbal import --catalog DIR options/deribit/chain_20251230T173115Z.csv.gz',
  options: {},
  provenance: 'real',
  recognise(name, head) {
    if (firstLine(head) !== HEADER.join(',')) return 0
    return /^chain_/.test(plainName(name)) ? 0.98 : 0.9
  },
  read,
}
