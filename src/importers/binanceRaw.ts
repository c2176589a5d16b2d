/**
 * @file Raw Binance WebSocket logs: `<receive time in ns> <frame>` a line, REST depth snapshots among them.
 *
 * One file holds one market (spot, USD-M or COIN-M), told by its frames. Recordings cut at midnight come in pairs whose
 * second file has no snapshot: import them in order, and the chain of update ids is followed from one to the next
 * (`remember` and `recall` of the sink).
 */

import { GimbalError } from '../core/errors.ts'
import type { Importer, ImportOptions, ImportSink, Place } from '../store/importer.ts'
import type { InputFile } from '../store/inputFile.ts'
import { BinanceFrames } from '../venues/binance/parse.ts'
import { type BinanceMarket, VENUES } from '../venues/binance/wire.ts'
import { nanosecondPrefix, readLines } from './recordedFrames.ts'

/** Lines held back until one shows which market they are from. */
const UNDECIDED_LINES_MAX = 1000

export const binanceRaw: Importer = {
  name: 'binance-raw',
  version: 1,
  summary: 'Raw Binance WebSocket logs (spot, USD-M, COIN-M) with receive times in nanoseconds',
  example: 'gimbal import --catalog DIR usdm_btcusdt_20240718.jsonl.gz usdm_btcusdt_20240719.jsonl.gz',
  options: {
    market: 'spot, usdm or coinm, where the frames do not tell',
    symbol: 'whose the REST snapshots are, where the file holds several symbols',
  },
  provenance: 'real',

  recognise(_name, head) {
    const line = head.split('\n', 1)[0]!
    if (Number.isNaN(nanosecondPrefix(line))) return 0
    if (/^\d{19} \{"stream":"[^"]*@/.test(line)) return 0.95
    return /^\d{19} \{"(?:lastUpdateId|e|u)":/.test(line) ? 0.9 : 0
  },

  async read(file, sink, options) {
    await readBinance(file, sink, options)
  },
}

async function readBinance(file: InputFile, sink: ImportSink, options: ImportOptions): Promise<void> {
  const { market } = options
  if (market !== undefined && !(market in VENUES)) {
    throw new GimbalError('argument-invalid', 'No such Binance market', {
      market,
      known: Object.keys(VENUES).join(' '),
    })
  }
  const open = (decided: BinanceMarket) =>
    new BinanceFrames(decided, sink, options['symbol'] === undefined ? {} : { symbol: options['symbol'] })
  let parser = market === undefined ? undefined : open(market as BinanceMarket)
  const undecided: { text: string; timeUs: number; place: Place }[] = []
  const decide = (decided: BinanceMarket | undefined) => {
    if (!decided) return
    parser = open(decided)
    for (const { text, timeUs, place } of undecided) parser.frame(text, timeUs, place)
    undecided.length = 0
  }
  await readLines(file, sink, (line, place) => {
    const timeUs = nanosecondPrefix(line)
    if (Number.isNaN(timeUs)) return 'line-malformed'
    const text = line.slice(20)
    if (!parser) {
      decide(marketOf(text))
      if (!parser) {
        undecided.push({ text, timeUs, place })
        if (undecided.length === UNDECIDED_LINES_MAX) decide('usdm')
        return undefined
      }
    }
    parser.frame(text, timeUs, place)
    return undefined
  })
  if (undecided.length > 0) decide('usdm')
  parser?.finish()
}

/** The market a frame is from, by the fields only that market sends; undefined when it could be from several. */
export function marketOf(text: string): BinanceMarket | undefined {
  if (/"(?:ps|pair)":"|[A-Z0-9]USD_(?:PERP|\d{6})"|usd_perp@/.test(text)) return 'coinm'
  if (/"pu":\d|"X":"|"e":"(?:bookTicker|markPriceUpdate|forceOrder)"/.test(text)) return 'usdm'
  if (text.includes('"lastUpdateId":')) return text.includes('"E":') ? 'usdm' : 'spot'
  if (/"e":"depthUpdate"|"M":(?:true|false)|"B":"/.test(text)) return 'spot'
  return undefined
}
