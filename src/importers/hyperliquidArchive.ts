/**
 * @file Importer `hyperliquid-archive`: the public archive of Hyperliquid, s3://hyperliquid-archive.
 *
 *   market_data/{YYYYMMDD}/{H}/l2Book/{COIN}.lz4   lines {"time","ver_num","raw":{"channel":"l2Book","data":…}}
 *   asset_ctxs/{YYYYMMDD}.csv.lz4                  a line a coin and minute
 *
 * A book line is a whole snapshot of up to 20 levels a side: DEPTH rows, the first with RESET. `time` (nanoseconds, cut to
 * microseconds) is when the archive's node heard it, `raw.data.time` the venue's own.
 *
 * A context line is up to four messages: MARK and INDEX (the oracle price); FUNDING_FORECAST, the rate per hour, due at the
 * next full hour; OPEN_INTEREST in coins and VOLUME, the day's notional in dollars; SCALAR 1 premium, 2 mid price, 3 and 4
 * the impact bid and ask, 5 the price a day before.
 *
 * Traps: `out-of-order`, `clock-behind`, `crossed-book` (flagged).
 */

import { HOUR_US, isoTime } from '../core/clock.ts'
import { Flag, Kind } from '../market/tape.ts'
import type { Importer, ImportSink, Place } from '../store/importer.ts'
import type { InputFile } from '../store/inputFile.ts'
import { decimal, findColumns, firstLine, readTable, sealed, type TableRow } from './csv.ts'
import { parseEpochUs, parseIsoUs } from './csvTime.ts'
import { hyperliquidPerp } from './tardisSymbol.ts'

const CONTEXT_COLUMNS = {
  time: ['time'],
  coin: ['coin'],
  funding: ['funding'],
  interest: ['open_interest'],
  before: ['prev_day_px'],
  notional: ['day_ntl_vlm'],
  premium: ['premium'],
  oracle: ['oracle_px'],
  mark: ['mark_px'],
  mid: ['mid_px'],
  impactBid: ['impact_bid_px'],
  impactAsk: ['impact_ask_px'],
} as const

/** Names of perpetuals: letters and digits, with the deployer before a colon for builder-deployed markets. */
const COIN = /^[A-Za-z0-9]{1,20}(?::[A-Za-z0-9]{1,20})?$/
const LEVELS_MAX = 1000

interface Level {
  readonly price: number
  readonly size: number
}

/** One side of a snapshot from its best level outwards; undefined when a level makes no sense or the order is wrong. */
function levelsOf(value: unknown, side: number): Level[] | undefined {
  if (!Array.isArray(value) || value.length > LEVELS_MAX) return undefined
  const levels: Level[] = []
  for (const entry of value) {
    if (typeof entry !== 'object' || entry === null) return undefined
    const { px, sz } = entry as { px?: unknown; sz?: unknown }
    const price = typeof px === 'string' ? decimal(px) : Number.NaN
    const size = typeof sz === 'string' ? decimal(sz) : Number.NaN
    const before = levels.at(-1)
    if (!(price > 0) || !(size > 0)) return undefined
    if (before && side * (before.price - price) <= 0) return undefined
    levels.push({ price, size })
  }
  return levels
}

/** A field of something that may not be an object at all. */
function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined
}

class BookReader {
  readonly #sink: ImportSink
  readonly #indexes = new Map<string, number>()
  #lastUs = 0

  constructor(sink: ImportSink) {
    this.#sink = sink
  }

  read(text: string, place: Place): void {
    let line: unknown
    try {
      line = JSON.parse(text)
    } catch (error) {
      this.#sink.reject('json-invalid', place, (error as Error).message.slice(0, 120))
      return
    }
    const time = field(line, 'time')
    const timeUs = typeof time === 'string' ? parseIsoUs(time) : Number.NaN
    const raw = field(line, 'raw')
    const data = field(raw, 'data')
    if (field(raw, 'channel') !== 'l2Book') {
      this.#sink.reject('channel-unknown', place, String(field(raw, 'channel')).slice(0, 40))
      return
    }
    const coin = field(data, 'coin')
    const venueMs = field(data, 'time')
    const venueTimeUs = typeof venueMs === 'number' ? parseEpochUs(String(venueMs)) : Number.NaN
    if (Number.isNaN(timeUs) || Number.isNaN(venueTimeUs)) {
      this.#sink.reject('time-invalid', place, `${String(time)} ${String(venueMs)}`.slice(0, 80))
    } else if (typeof coin !== 'string' || !COIN.test(coin)) {
      this.#sink.reject('coin-invalid', place, String(coin).slice(0, 40))
    } else {
      const sides = field(data, 'levels')
      const bids = Array.isArray(sides) && sides.length === 2 ? levelsOf(sides[0], 1) : undefined
      const asks = Array.isArray(sides) && sides.length === 2 ? levelsOf(sides[1], -1) : undefined
      if (!bids || !asks)
        this.#sink.reject('levels-invalid', place, 'not two sides of descending bids and ascending asks')
      else this.#emit(coin, timeUs, venueTimeUs, bids, asks, place)
    }
  }

  #emit(coin: string, timeUs: number, venueTimeUs: number, bids: Level[], asks: Level[], place: Place): void {
    const sink = this.#sink
    let flags = Flag.SNAPSHOT
    if (timeUs < this.#lastUs) {
      sink.trap('out-of-order', place, `${isoTime(timeUs)} after ${isoTime(this.#lastUs)}`)
      flags |= Flag.SUSPECT
    } else this.#lastUs = timeUs
    if (timeUs < venueTimeUs) sink.trap('clock-behind', place, `heard ${venueTimeUs - timeUs} µs before it happened`)
    if (bids.length > 0 && asks.length > 0 && bids[0]!.price >= asks[0]!.price) {
      sink.trap('crossed-book', place, `bid ${bids[0]!.price}, ask ${asks[0]!.price}`)
      flags |= Flag.SUSPECT
    }
    let index = this.#indexes.get(coin)
    if (index === undefined) {
      index = sink.instrument(hyperliquidPerp(coin))
      this.#indexes.set(coin, index)
    }
    sink.begin('book', index, timeUs, venueTimeUs)
    let first: number = Flag.RESET
    for (const { price, size } of bids) {
      sink.row(Kind.DEPTH, 1, price, size, 0, flags | first)
      first = 0
    }
    for (const { price, size } of asks) {
      sink.row(Kind.DEPTH, -1, price, size, 0, flags | first)
      first = 0
    }
    if (first !== 0) sink.row(Kind.DEPTH, 0, 0, 0, 0, flags | first)
    sink.end()
    sink.count('book snapshots')
    sink.count('depth levels', bids.length + asks.length)
  }
}

type ContextColumns = Record<keyof typeof CONTEXT_COLUMNS, number>

class ContextReader {
  readonly #sink: ImportSink
  readonly #at: ContextColumns
  readonly #indexes = new Map<string, number>()
  readonly #lastUs = new Map<string, number>()

  constructor(sink: ImportSink, at: ContextColumns) {
    this.#sink = sink
    this.#at = at
  }

  read(row: TableRow): void {
    const at = this.#at
    const sink = this.#sink
    const timeUs = row.stamp(at.time, 'auto')
    const coin = row.text(at.coin)
    const funding = row.decimalOrNone(at.funding)
    const interest = row.text(at.interest) === '' ? undefined : row.size(at.interest)
    const notional = row.text(at.notional) === '' ? 0 : row.size(at.notional)
    const mark = row.text(at.mark) === '' ? undefined : row.price(at.mark)
    const oracle = row.text(at.oracle) === '' ? undefined : row.price(at.oracle)
    const scalars = [at.premium, at.mid, at.impactBid, at.impactAsk, at.before].map((column) =>
      row.decimalOrNone(column),
    )
    if (!COIN.test(coin)) row.fault('coin-invalid', coin.slice(0, 40))
    if (funding !== undefined && Math.abs(funding) > 1) row.fault('rate-beyond-one', row.text(at.funding))
    const lastUs = this.#lastUs.get(coin) ?? 0
    if (timeUs === lastUs) row.fault('duplicate-time', `${coin} ${row.text(at.time)}`)
    if (row.faulty) return
    const backwards = timeUs < lastUs
    if (backwards) sink.trap('out-of-order', row.place, `${coin}: ${isoTime(timeUs)} after ${isoTime(lastUs)}`)
    else this.#lastUs.set(coin, timeUs)
    let index = this.#indexes.get(coin)
    if (index === undefined) {
      index = sink.instrument(hyperliquidPerp(coin))
      this.#indexes.set(coin, index)
    }
    const flags = backwards ? Flag.SUSPECT : 0
    sink.begin('mark', index, timeUs, timeUs)
    if (mark !== undefined) sink.row(Kind.MARK, 0, 0, 0, mark, flags)
    if (oracle !== undefined) sink.row(Kind.INDEX, 0, 0, 0, oracle, flags)
    sink.end()
    sink.begin('funding', index, timeUs, timeUs)
    if (funding !== undefined) sink.row(Kind.FUNDING_FORECAST, 0, 0, HOUR_US - (timeUs % HOUR_US), funding, flags)
    sink.end()
    sink.begin('interest', index, timeUs, timeUs)
    if (interest !== undefined) sink.row(Kind.OPEN_INTEREST, 0, 0, interest, 0, flags)
    sink.row(Kind.VOLUME, 0, 0, 0, notional, flags)
    sink.end()
    sink.begin('scalar', index, timeUs, timeUs)
    for (const [i, value] of scalars.entries()) {
      if (value !== undefined) sink.row(Kind.SCALAR, 0, 0, i + 1, value, flags)
    }
    sink.end()
    sink.count('contexts')
  }
}

async function read(file: InputFile, sink: ImportSink): Promise<void> {
  let books: BookReader | undefined
  let table = false
  const whole = sealed(file)
  // The first character tells JSON from a table; a table is then read by the table reader.
  await file.lines((text, line, byte, complete) => {
    if (line === 1) {
      table = !text.trimStart().startsWith('{')
      if (!table) books = new BookReader(sink)
    }
    if (table || text === '') return
    if (!complete && !whole && !text.endsWith('}')) {
      sink.reject('line-cut', { line, byte }, 'no line end after it, so it may have been cut')
    } else books!.read(text, { line, byte })
  })
  if (books) return
  let contexts: ContextReader | undefined
  await readTable(
    file,
    sink,
    (row) => {
      contexts = new ContextReader(sink, findColumns(file, row, CONTEXT_COLUMNS))
      return 'header'
    },
    (row) => contexts!.read(row),
  )
}

export const hyperliquidArchive: Importer = {
  name: 'hyperliquid-archive',
  version: 1,
  summary: 'The public archive of Hyperliquid: book snapshots (l2Book) and minute contexts (asset_ctxs)',
  example: 'gimbal import --catalog DIR market_data/20250311/9/l2Book/BTC.lz4',
  options: {},
  provenance: 'real',
  recognise(_name, head) {
    const first = firstLine(head)
    if (/^\{"time":\s*"[^"]+",\s*"ver_num":/.test(first) && /"channel":\s*"l2Book"/.test(first)) return 0.98
    const names = first.split(',')
    return ['coin', 'oracle_px', 'mark_px', 'impact_bid_px'].every((name) => names.includes(name)) ? 0.95 : 0
  },
  read,
}
