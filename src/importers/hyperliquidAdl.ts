/**
 * @file Importer `hyperliquid-adl`: the published tables of Hyperliquid's cascade of 10 October 2025.
 *
 * Tables of events carry a time and become what they are:
 *
 *   user,coin,time,adl_price,adl_size,…     DELEVERAGING: side of the order that closed the winner, so a closed
 *                                           short (position_size below zero) is a buy. The table is sorted by leverage,
 *                                           not by time: it is sorted on reading, trap `not-in-time-order`.
 *   *cascade_timing_results.json            SCALAR 1 liquidations and 2 auto-deleveragings of one instant, at `event_start` plus the
 *                                           whole second the file gives (so up to a second early: trap `whole-seconds`, moved to its end).
 *   *batch_processing_results.json          the same two scalars for its bursts, at their own microsecond.
 *
 * Aggregates carry no time of any event. They become SCALAR rows at the last microsecond of the day in the file's name,
 * flagged, trap `no-event-time`; the lists below give the meaning of each number.
 *
 *   adl_by_coin   of COIN-USDC-PERP@hyperliquid:  {@link BY_COIN}
 *   adl_net_volume_full_12min   likewise:         {@link NET_VOLUME}
 *   adl_by_user   of VENUE-USDC-PERP@hyperliquid, which stands for the venue as a whole: {@link BY_USER}; addresses have no
 *                 place in a row, so the first scalar is the line that holds it
 *   *realtime_analysis_summary.json   of the venue as a whole: {@link SUMMARY}
 */

import { DAY_US, isoTime, SECOND_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import { Flag, Kind } from '../market/tape.ts'
import type { Importer, ImportSink, Place } from '../store/importer.ts'
import type { InputFile } from '../store/inputFile.ts'
import { firstLine, plainName, readTable, type TableRow, tableInvalid } from './csv.ts'
import { parseIsoUs } from './csvTime.ts'
import { hyperliquidPerp } from './tardisSymbol.ts'

const EVENTS = [
  'user', 'coin', 'time', 'adl_price', 'adl_size', 'adl_notional', 'closed_pnl', 'position_size', 'entry_price',
  'account_value_realtime', 'total_unrealized_pnl', 'total_equity', 'is_negative_equity', 'leverage_realtime',
  'position_unrealized_pnl', 'pnl_percent', 'liquidated_user', 'timestamp', 'time_str',
] // biome-ignore format: one list

/** Scalars of a coin, by number from 1: figures of the coin's auto-deleveraged positions. */
export const BY_COIN: readonly string[] = [
  'adl_notional', 'closed_pnl', 'leverage_realtime', 'pnl_percent', 'is_negative_equity', 'num_users', 'num_events',
] // biome-ignore format: one list

/** Scalars of a coin, by number from 11: net volume over the twelve minutes. */
export const NET_VOLUME: readonly string[] = [
  'net_volume',
  'net_notional_usd',
  'total_pnl',
  'num_adl_events',
  'avg_price',
]

/** Scalars of a user, by number from 21; number 20 is the line of the file. `is_negative_equity` is 1 or 0. */
export const BY_USER: readonly string[] = [
  'adl_notional', 'closed_pnl', 'leverage_realtime', 'pnl_percent', 'account_value_realtime', 'is_negative_equity',
  'num_adl_events',
] // biome-ignore format: one list

/** Scalars of the venue, by number from 41; `key_findings` follow the counts. */
export const SUMMARY: readonly string[] = [
  'events_processed', 'adl_events_analyzed', 'accounts_tracked', 'average_leverage_realtime', 'median_leverage_realtime',
  'profitable_positions_pct', 'average_pnl_percent', 'negative_equity_count', 'negative_equity_total', 'total_adl_notional',
] // biome-ignore format: one list

/** What a table of aggregates holds. */
interface Aggregate {
  readonly key: 'coin' | 'ticker' | 'user'
  readonly columns: readonly string[]
  /** Number of the first column's scalar. */
  readonly first: number
}
const AGGREGATES: readonly Aggregate[] = [
  { key: 'coin', columns: BY_COIN, first: 1 },
  { key: 'ticker', columns: NET_VOLUME, first: 11 },
  { key: 'user', columns: BY_USER, first: 21 },
]
const LINE_SCALAR = 20
const SUMMARY_FIRST = 41

const NAME = /^hyperliquid_(\d{4})(\d\d)(\d\d)_[A-Za-z0-9_]+\.(csv|json)$/
const COIN = /^[A-Za-z0-9]{1,20}$/
const ADDRESS = /^0x[0-9a-f]{40}$/
const START: Place = { line: 1, byte: 0 }
const EVENTS_MAX = 5_000_000

/** The last microsecond of the day in the name. */
function dayEndUs(file: InputFile): number {
  const match = NAME.exec(plainName(file.name))
  const dayUs = match ? parseIsoUs(`${match[1]}-${match[2]}-${match[3]}`) : Number.NaN
  if (Number.isNaN(dayUs)) {
    throw new GimbalError('file-invalid', 'The name does not tell the day', {
      file: file.name,
      ...START,
      expected: 'hyperliquid_20251010_….csv or .json',
    })
  }
  return dayUs + DAY_US - 1
}

/** The venue as a whole, for figures that belong to no market; nothing trades under this name. */
function venueIndex(sink: ImportSink): number {
  return sink.instrument({
    ...hyperliquidPerp('VENUE'),
    tickSize: '1',
    lotSize: '1',
    source: 'gimbal: stands for the venue as a whole',
  })
}

interface Deleveraging {
  readonly timeUs: number
  readonly coin: string
  readonly side: number
  readonly price: number
  readonly size: number
  readonly line: number
}

function readEvent(row: TableRow, seen: Set<string>): Deleveraging | undefined {
  const at = (name: string) => EVENTS.indexOf(name)
  const coin = row.text(at('coin'))
  const timeUs = row.stamp(at('time'), 'ms')
  const price = row.price(at('adl_price'))
  const size = row.price(at('adl_size'))
  const notional = row.price(at('adl_notional'))
  const position = row.decimal(at('position_size'))
  if (!COIN.test(coin)) row.fault('coin-invalid', coin.slice(0, 40))
  if (!ADDRESS.test(row.text(0))) row.fault('address-invalid', row.text(0).slice(0, 60))
  if (position === 0) row.fault('position-zero')
  // The table says the same thing thrice; a digit gone wrong in one of them shows.
  if (Math.abs(price * size - notional) > 1e-6 * notional)
    row.fault('notional-contradictory', `${price} × ${size}, ${notional}`)
  if (row.faulty) return undefined
  const key = `${row.text(0)} ${coin} ${timeUs} ${row.text(at('adl_price'))} ${row.text(at('adl_size'))} ${row.text(at('position_size'))}`
  if (seen.has(key)) {
    row.fault('duplicate-event', key.slice(0, 120))
    return undefined
  }
  seen.add(key)
  return { timeUs, coin, side: position < 0 ? 1 : -1, price, size, line: row.line }
}

function emitEvents(events: Deleveraging[], sink: ImportSink): void {
  events.sort((a, b) => a.timeUs - b.timeUs || a.line - b.line)
  for (const { timeUs, coin, side, price, size } of events) {
    sink.begin('liquidation', sink.instrument(hyperliquidPerp(coin)), timeUs, timeUs)
    sink.row(Kind.DELEVERAGING, side, price, size, 0)
    sink.end()
    sink.count('deleveragings')
  }
}

function readAggregate(row: TableRow, kind: Aggregate, timeUs: number, sink: ImportSink): void {
  const user = kind.key === 'user'
  const key = row.text(0)
  if (!(user ? ADDRESS : COIN).test(key)) row.fault(user ? 'address-invalid' : 'coin-invalid', key.slice(0, 60))
  const values = kind.columns.map((name, at) => {
    if (user && name === 'is_negative_equity') return row.truth(at + 1) ? 1 : 0
    return row.decimal(at + 1)
  })
  if (row.faulty) return
  sink.begin('scalar', user ? venueIndex(sink) : sink.instrument(hyperliquidPerp(key)), timeUs, timeUs)
  if (user) sink.row(Kind.SCALAR, 0, 0, LINE_SCALAR, row.line, Flag.SUSPECT)
  for (const [at, value] of values.entries()) sink.row(Kind.SCALAR, 0, 0, kind.first + at, value, Flag.SUSPECT)
  sink.end()
  sink.count(user ? 'users' : 'coins')
}

async function readCsv(file: InputFile, sink: ImportSink): Promise<void> {
  const endUs = dayEndUs(file)
  let kind: Aggregate | undefined
  const events: Deleveraging[] = []
  const seen = new Set<string>()
  await readTable(
    file,
    sink,
    (row) => {
      const header = row.cells.slice(0, row.count).join(',')
      if (header === EVENTS.join(',')) {
        sink.trap('not-in-time-order', row.place, 'sorted by leverage: sorted by its time column on reading')
        return 'header'
      }
      kind = AGGREGATES.find(({ key, columns }) => header === [key, ...columns].join(','))
      if (!kind) {
        throw tableInvalid(file, row, 'Not one of the published tables', {
          expected: [EVENTS, ...AGGREGATES.map(({ key, columns }) => [key, ...columns])]
            .map((list) => list.join(','))
            .join(' or '),
          found: header.slice(0, 300),
        })
      }
      sink.trap('no-event-time', row.place, `totals without a time: put at ${isoTime(endUs)} and flagged`)
      return 'header'
    },
    (row) => {
      if (kind) {
        // One line a coin or user: a second one would count them twice.
        if (seen.has(row.text(0))) row.fault('duplicate-key', row.text(0).slice(0, 60))
        else readAggregate(row, kind, endUs, sink)
        if (!row.faulty) seen.add(row.text(0))
        return
      }
      const event = readEvent(row, seen)
      if (event && events.push(event) > EVENTS_MAX) {
        throw tableInvalid(file, row, 'Too many events to sort', { eventsMax: String(EVENTS_MAX) })
      }
    },
  )
  emitEvents(events, sink)
}

type Fields = Readonly<Record<string, unknown>>

function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined
}

function number(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : Number.NaN
}

/** One instant of the cascade: how many liquidations and auto-deleveragings it held. */
function emitInstant(sink: ImportSink, index: number, timeUs: number, entry: Fields, what: string): void {
  const liquidations = number(entry['liquidations'])
  const deleveragings = number(entry['adls'])
  const sound = (count: number) => Number.isSafeInteger(count) && count >= 0
  if (Number.isNaN(timeUs) || !sound(liquidations) || !sound(deleveragings)) {
    sink.reject('instant-invalid', START, what)
    return
  }
  sink.begin('scalar', index, timeUs, timeUs)
  sink.row(Kind.SCALAR, 0, 0, 1, liquidations)
  sink.row(Kind.SCALAR, 0, 0, 2, deleveragings)
  sink.end()
  sink.count('instants')
}

function readTimeline(fields: Fields, sink: ImportSink): boolean {
  const startUs = parseIsoUs(String(fields['event_start']))
  const timeline = fields['timeline']
  if (!Array.isArray(timeline) || Number.isNaN(startUs)) return false
  sink.trap('whole-seconds', START, `counted in seconds since ${isoTime(startUs)}: put at the end of their second`)
  const index = venueIndex(sink)
  let before = -1
  for (const [at, value] of timeline.entries()) {
    const entry = fieldsOf(value) ?? {}
    const second = number(entry['second'])
    const sound = Number.isSafeInteger(second) && second > before && second < 86_400
    emitInstant(sink, index, sound ? startUs + (second + 1) * SECOND_US : Number.NaN, entry, `timeline[${at}]`)
    if (sound) before = second
  }
  if (Array.isArray(fields['top_bursts'])) sink.count('bursts repeated from the timeline', fields['top_bursts'].length)
  return true
}

function readBursts(fields: Fields, sink: ImportSink): boolean {
  const bursts = fields['top_shared_bursts']
  if (!Array.isArray(bursts)) return false
  const index = venueIndex(sink)
  sink.trap('not-in-time-order', START, 'bursts are listed by size: sorted by their time on reading')
  const timed = bursts.map((value, at) => {
    const entry = fieldsOf(value) ?? {}
    return { entry, at, timeUs: parseIsoUs(String(entry['timestamp'])) }
  })
  timed.sort((a, b) => (a.timeUs < b.timeUs ? -1 : a.timeUs > b.timeUs ? 1 : a.at - b.at))
  for (const { entry, at, timeUs } of timed) emitInstant(sink, index, timeUs, entry, `top_shared_bursts[${at}]`)
  return true
}

function readSummary(fields: Fields, sink: ImportSink, endUs: number): boolean {
  const findings = fieldsOf(fields['key_findings'])
  if (!findings) return false
  const values = SUMMARY.map((name) => number(fields[name] ?? findings[name]))
  const missing = SUMMARY[values.findIndex((value) => Number.isNaN(value))]
  if (missing !== undefined) {
    sink.reject('number-invalid', START, missing)
    return true
  }
  sink.trap('no-event-time', START, `totals without a time: put at ${isoTime(endUs)} and flagged`)
  sink.begin('scalar', venueIndex(sink), endUs, endUs)
  for (const [at, value] of values.entries()) sink.row(Kind.SCALAR, 0, 0, SUMMARY_FIRST + at, value, Flag.SUSPECT)
  sink.end()
  sink.count('summaries')
  return true
}

async function readJson(file: InputFile, sink: ImportSink): Promise<void> {
  const endUs = dayEndUs(file)
  let parsed: unknown
  try {
    parsed = JSON.parse(await file.text())
  } catch (cause) {
    if (cause instanceof GimbalError) throw cause
    throw new GimbalError('file-invalid', 'Not JSON', { file: file.name, ...START, reason: String(cause) }, { cause })
  }
  const fields = fieldsOf(parsed) ?? {}
  if (readTimeline(fields, sink) || readBursts(fields, sink) || readSummary(fields, sink, endUs)) return
  throw new GimbalError('file-invalid', 'Not one of the published summaries', {
    file: file.name,
    ...START,
    expected: 'event_start and timeline, top_shared_bursts, or key_findings',
  })
}

export const hyperliquidAdl: Importer = {
  name: 'hyperliquid-adl',
  version: 1,
  summary: 'Published tables of auto-deleveraging and liquidations on Hyperliquid, 10 October 2025',
  example: 'gimbal import --catalog DIR hyperliquid_20251010_high_leverage_outliers_analysis.csv.gz',
  options: {},
  provenance: 'real',
  recognise(name, head) {
    const kind = NAME.exec(plainName(name))?.[4]
    const first = firstLine(head)
    if (first === EVENTS.join(',')) return 0.98
    if (kind === 'csv') return AGGREGATES.some(({ key, columns }) => first === [key, ...columns].join(',')) ? 0.98 : 0
    return kind === 'json' && first.startsWith('{') ? 0.9 : 0
  },
  read: (file, sink) => (plainName(file.name).endsWith('.json') ? readJson(file, sink) : readCsv(file, sink)),
}
