/**
 * @file Importer `funding`: histories of funding payments, `Symbol,Date,Funding Rate`, one venue and symbol a file.
 *
 * The files name their venue, not their clock: those of Binance, Bybit and KuCoin were written by a clock in UTC+3,
 * that of dYdX in UTC. The default offset of each recognised venue is in the table below, is reported as trap
 * `utc+3`, and is checked: after it, payments must fall on the venue's own hours (Binance and Bybit 00, 08, 16 UTC;
 * KuCoin 04, 12, 20 UTC; dYdX every hour), else each is flagged and counted as `off-funding-hours`. Any other venue
 * needs the option `time-zone-offset`, because a wrong guess would pay funding hours before it was known.
 */

import { HOUR_US, isoTime } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import { Flag } from '../market/tape.ts'
import type { Importer, ImportOptions, ImportSink, SketchedInstrument } from '../store/importer.ts'
import type { InputFile } from '../store/inputFile.ts'
import { expectHeader, firstLine, plainName, readTable } from './csv.ts'
import { chosenInstrument, funded, INSTRUMENT_OPTIONS, linearPerp, splitPair } from './csvInstrument.ts'
import { zoneOffsetUs } from './csvTime.ts'
import { FundingSeries } from './fundingSeries.ts'

/** What is known of a venue's histories. */
interface VenueClock {
  readonly venue: string
  /** Offset from UTC of the clock that wrote its files, in hours. */
  readonly offsetHours: number
  /** Hours between payments, and the UTC hour of the first of a day. */
  readonly everyHours: number
  readonly firstHour: number
  /** Quote and settlement currency where they differ from the file's symbol. */
  readonly quote?: string
  readonly settle?: string
}

const CLOCKS: Readonly<Record<string, VenueClock>> = {
  binance: { venue: 'binance-usdm', offsetHours: 3, everyHours: 8, firstHour: 0 },
  bybit: { venue: 'bybit', offsetHours: 3, everyHours: 8, firstHour: 0 },
  kucoin: { venue: 'kucoin', offsetHours: 3, everyHours: 8, firstHour: 4 },
  // dYdX v3 quotes its perpetuals in dollars and settles in USDC, whatever the file's symbol says.
  dydx: { venue: 'dydx', offsetHours: 0, everyHours: 1, firstHour: 0, quote: 'USD', settle: 'USDC' },
}

const NAME = /^([A-Z0-9]+-[A-Z0-9]+)_([a-z0-9]+)_\d{4}-\d\d-\d\d_\d{4}-\d\d-\d\d_funding_history\.csv$/
const HEADER = ['Symbol', 'Date', 'Funding Rate']

function perpOf(symbol: string, venueName: string): SketchedInstrument | undefined {
  const pair = splitPair(symbol)
  const clock = CLOCKS[venueName]
  if (!pair || !clock) return undefined
  const quote = clock.quote ?? pair.quote
  const perp = linearPerp(clock.venue, symbol, pair.base, quote, '1', clock.settle ?? quote)
  return funded(perp, clock.everyHours)
}

async function read(file: InputFile, sink: ImportSink, options: ImportOptions): Promise<void> {
  const name = NAME.exec(plainName(file.name))
  const venueName = options['venue'] ?? name?.[2] ?? ''
  const clock = CLOCKS[venueName]
  const zone = options['time-zone-offset']
  if (!clock && zone === undefined) {
    throw new GimbalError('argument-invalid', 'The clock that wrote this file is not known', {
      file: file.name,
      venue: venueName || 'not in the name',
      remedy: `--option time-zone-offset=+3, or --option venue= with one of ${Object.keys(CLOCKS).join(', ')}`,
    })
  }
  const offsetUs = zone === undefined ? clock!.offsetHours * HOUR_US : zoneOffsetUs(zone)
  let symbol = ''
  let series: FundingSeries | undefined
  await readTable(
    file,
    sink,
    (row) => {
      expectHeader(file, row, HEADER)
      if (zone === undefined && offsetUs !== 0) {
        sink.trap(
          `utc+${clock!.offsetHours}`,
          row.place,
          `times are UTC+${clock!.offsetHours}; --option time-zone-offset= overrides`,
        )
      }
      return 'header'
    },
    (row) => {
      const timeUs = row.isoTime(1, offsetUs)
      const rate = row.decimal(2)
      if (symbol === '') {
        const instrument = chosenInstrument(options, row.text(0)) ?? perpOf(row.text(0), venueName)
        if (!instrument || (name && name[1] !== row.text(0))) {
          row.fault('symbol-unknown', row.text(0).slice(0, 40))
          return
        }
        symbol = row.text(0)
        series = new FundingSeries(sink, instrument)
      } else if (row.text(0) !== symbol) row.fault('symbol-changed', `${row.text(0).slice(0, 40)} after ${symbol}`)
      if (Math.abs(rate) > 1) row.fault('rate-beyond-one', row.text(2))
      if (row.faulty) return
      const off = clock !== undefined && !onHours(timeUs, clock)
      if (off) sink.trap('off-funding-hours', row.place, `${isoTime(timeUs)} is no funding time of ${clock.venue}`)
      series!.take(row, timeUs, rate, off ? Flag.SUSPECT : 0)
    },
  )
  series?.end()
}

/** Whether a time is within a minute of one of the venue's funding times. */
function onHours(timeUs: number, clock: VenueClock): boolean {
  const every = clock.everyHours * HOUR_US
  const since = (timeUs - clock.firstHour * HOUR_US) % every
  return Math.min(since, every - since) <= HOUR_US / 60
}

export const funding: Importer = {
  name: 'funding',
  version: 1,
  summary: 'Funding histories (Symbol, Date, Funding Rate) of Binance, Bybit, KuCoin and dYdX',
  example: 'gimbal import --catalog DIR BTC-USDT_binance_2020-01-01_2024-01-01_funding_history.csv.gz',
  options: {
    ...INSTRUMENT_OPTIONS,
    venue: `venue, where the name does not tell: ${Object.keys(CLOCKS).join(', ')}`,
    'time-zone-offset': 'offset from UTC of the clock that wrote the file: +3; default known for each venue',
  },
  provenance: 'real',
  recognise(name, head) {
    if (firstLine(head) !== HEADER.join(',')) return 0
    return NAME.test(plainName(name)) ? 0.95 : 0.6
  },
  read,
}
