/**
 * @file Raw captures of the cryptofeed library: everything one run sent and received, a line each.
 *
 *   https://… -> <epoch>: <reply>      a REST reply: instrument definitions, depth snapshots
 *   wss://… <-> <epoch>                a connection opened
 *   wss://… <- <epoch>: <frame>        a frame sent
 *   <epoch>: <frame>                   a frame received
 *   configuration: …                   what was asked for
 *
 * A run leaves several files, `VENUE.0` (definitions), `VENUE.http.…` (later REST replies) and `VENUE.ws.…`. Each is
 * imported by itself; a websocket file looks for the definitions and depth snapshots of its run beside it.
 */

import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { GimbalError } from '../core/errors.ts'
import type { Importer, ImportOptions, ImportSink, Place, SketchedInstrument } from '../store/importer.ts'
import { type InputFile, openInput } from '../store/inputFile.ts'
import { BinanceFrames } from '../venues/binance/parse.ts'
import { type BinanceMarket, definitionsOf as binanceDefinitions } from '../venues/binance/wire.ts'
import { BitmexFrames } from '../venues/bitmex/parse.ts'
import { definitionsOf as bitmexDefinitions } from '../venues/bitmex/wire.ts'
import { BybitFrames } from '../venues/bybit/parse.ts'
import { type BybitCategory, definitionsOf as bybitDefinitions } from '../venues/bybit/wire.ts'
import type { Definitions, ReadDefinitions } from '../venues/definitions.ts'
import { DeribitFrames } from '../venues/deribit/parse.ts'
import { definitionsOf as deribitDefinitions } from '../venues/deribit/wire.ts'
import { DydxFrames } from '../venues/dydx/parse.ts'
import { definitionsOf as dydxDefinitions } from '../venues/dydx/wire.ts'
import { parseJson } from '../venues/fields.ts'
import type { FrameParser } from '../venues/frame.ts'
import { KrakenFuturesFrames } from '../venues/krakenFutures/parse.ts'
import { definitionsOf as krakenDefinitions } from '../venues/krakenFutures/wire.ts'
import { OkxFrames } from '../venues/okx/parse.ts'
import { definitionsOf as okxDefinitions } from '../venues/okx/wire.ts'
import { readLines, secondsEpoch } from './recordedFrames.ts'

/** What the importer needs to know of a venue. */
interface CapturedVenue {
  /** Names cryptofeed gives its files. */
  readonly files: readonly string[]
  readonly host: RegExp
  /** Replies that define instruments, by URL. */
  readonly definitionsAt: RegExp
  readonly definitions: (url: string, reply: unknown, source: string) => ReadDefinitions
  readonly parser: (sink: ImportSink, definitions: Definitions, url: string) => FrameParser
}

const VENUES: readonly CapturedVenue[] = [
  {
    files: ['BINANCE_FUTURES', 'BINANCE_DELIVERY', 'BINANCE', 'BINANCE_US'],
    host: /\bbinance\./,
    definitionsAt: /\/exchangeInfo/,
    definitions: (url, reply, source) => binanceDefinitions(binanceMarket(url), reply, source),
    parser: (sink, definitions, url) => new BinanceFrames(binanceMarket(url), sink, { definitions }),
  },
  {
    files: ['DERIBIT'],
    host: /\bderibit\./,
    definitionsAt: /\/get_instruments/,
    definitions: (_url, reply, source) => deribitDefinitions(reply, source),
    parser: (sink, definitions) => new DeribitFrames(sink, definitions),
  },
  {
    files: ['DYDX'],
    host: /\bdydx\./,
    definitionsAt: /\/(?:markets|perpetualMarkets)\b/,
    definitions: (_url, reply, source) => dydxDefinitions(reply, source),
    parser: (sink, definitions) => new DydxFrames(sink, definitions),
  },
  {
    files: ['BYBIT'],
    host: /\bbybit\./,
    definitionsAt: /\/(?:symbols|instruments-info)\b/,
    definitions: (_url, reply, source) => bybitDefinitions(reply, source),
    parser: (sink, definitions, url) => new BybitFrames(sink, { definitions, category: bybitCategory(url) }),
  },
  {
    files: ['OKX', 'OKEX'],
    host: /\bok(?:x|ex)\./,
    definitionsAt: /\/instruments\b/,
    definitions: (_url, reply, source) => okxDefinitions(reply, source),
    parser: (sink, definitions) => new OkxFrames(sink, definitions),
  },
  {
    files: ['BITMEX'],
    host: /\bbitmex\./,
    definitionsAt: /\/instrument\b/,
    definitions: (_url, reply, source) => bitmexDefinitions(reply, source),
    parser: (sink, definitions) => new BitmexFrames(sink, definitions),
  },
  {
    files: ['KRAKEN_FUTURES'],
    host: /\bfutures\.kraken\./,
    definitionsAt: /\/instruments\b/,
    definitions: (_url, reply, source) => krakenDefinitions(reply, source),
    parser: (sink, definitions) => new KrakenFuturesFrames(sink, definitions),
  },
]

function binanceMarket(url: string): BinanceMarket {
  if (/\/\/(?:dapi|dstream)\./.test(url)) return 'coinm'
  return /\/\/(?:fapi|fstream)\./.test(url) ? 'usdm' : 'spot'
}

function bybitCategory(url: string): BybitCategory {
  return url.includes('/spot') ? 'spot' : url.includes('/inverse') ? 'inverse' : 'linear'
}

export const cryptofeed: Importer = {
  name: 'cryptofeed',
  version: 1,
  summary: 'Raw captures of cryptofeed: Binance, Deribit, dYdX, Bybit, OKX, BitMEX, Kraken Futures',
  example: 'gimbal import --catalog DIR BINANCE_FUTURES.0.gz BINANCE_FUTURES.http.0.0.gz BINANCE_FUTURES.ws.1.0.gz',
  options: {},
  provenance: 'real',

  recognise(_name, head) {
    const line = head.split('\n', 1)[0]!
    return /^(?:https?:\/\/\S+ ->|wss?:\/\/\S+ <->?) \d{10}(?:\.\d+)?(?::|$)/.test(line) ? 0.95 : 0
  },

  async read(file, sink, options) {
    await readCapture(file, sink, options)
  },
}

const REPLY = /^(https?:\/\/\S+) -> (\d{10}(?:\.\d{1,9})?): (?=[[{])/
const SENT = /^wss?:\/\/\S+ <- \d{10}(?:\.\d+)?: /
const OPENED = /^(wss?:\/\/\S+) <-> \d{10}(?:\.\d+)?$/
const RECEIVED = /^(\d{10}(?:\.\d{1,9})?): /

/** A REST depth snapshot waiting for the websocket's clock to reach it. */
interface WaitingSnapshot {
  readonly symbol: string
  readonly text: string
  readonly timeUs: number
}

async function readCapture(file: InputFile, sink: ImportSink, _options: ImportOptions): Promise<void> {
  const definitions = new Map<string, SketchedInstrument>()
  const siblings = await siblingsOf(file)
  const snapshots: WaitingSnapshot[] = []
  // The snapshots of a run belong between its updates: the websocket file takes them along.
  const snapshotsElsewhere = siblings.some((path) => basename(path).includes('.ws.'))
  if (/\.ws\./.test(basename(file.name))) {
    for (const path of siblings) await readSibling(path, definitions, snapshots)
  }
  snapshots.sort((a, b) => a.timeUs - b.timeUs)
  let venue = venueOfName(file.name)
  let parser: FrameParser | undefined
  let url = ''

  await readLines(file, sink, (line, place) => {
    const received = RECEIVED.exec(line)
    if (received) {
      const timeUs = secondsEpoch(received[1]!)
      if (Number.isNaN(timeUs)) return 'line-malformed'
      if (!venue) return 'venue-unknown'
      parser ??= venue.parser(sink, definitions, url)
      while (snapshots.length > 0 && snapshots[0]!.timeUs <= timeUs) takeSnapshot(parser, snapshots.shift()!, place)
      parser.frame(line.slice(received[0].length), timeUs, place)
      return undefined
    }
    const opened = OPENED.exec(line)
    if (opened) {
      url = opened[1]!
      venue = venueOfUrl(url) ?? venue
      sink.skip('connection opened')
      return undefined
    }
    if (SENT.test(line)) {
      sink.skip('frame sent')
      return undefined
    }
    if (line.startsWith('configuration: ')) {
      sink.skip('configuration')
      return undefined
    }
    const reply = REPLY.exec(line)
    if (!reply) return 'line-malformed'
    url ||= reply[1]!
    venue ??= venueOfUrl(reply[1]!)
    if (!venue) return 'venue-unknown'
    return takeReply(reply[1]!, reply[2]!, line.slice(reply[0].length), place)
  })
  if (parser) for (const snapshot of snapshots) takeSnapshot(parser, snapshot, { line: 1, byte: 0 })
  parser?.finish?.()

  function takeReply(from: string, epoch: string, text: string, place: Place): string | undefined {
    if (venue!.definitionsAt.test(from)) {
      try {
        const read = venue!.definitions(from, parseJson(text), `${from} at ${epoch}`)
        for (const [symbol, instrument] of read.instruments) definitions.set(symbol, instrument)
        sink.count('instrument definitions', read.instruments.size)
        for (let i = 0; i < read.unreadable; i++) sink.skip('definition-not-understood')
      } catch (error) {
        if (!(error instanceof GimbalError)) throw error
        sink.reject('definitions-invalid', place, error.message.split('\n', 2).join(' '))
      }
      return undefined
    }
    const symbol = depthSymbol(from)
    if (symbol === undefined) {
      sink.skip('reply not used')
      return undefined
    }
    if (snapshotsElsewhere) {
      sink.skip('snapshot imported with its websocket file')
      return undefined
    }
    const timeUs = secondsEpoch(epoch)
    if (Number.isNaN(timeUs)) return 'line-malformed'
    parser ??= venue!.parser(sink, definitions, from)
    if (parser instanceof BinanceFrames) parser.snapshot(symbol, text, timeUs, place)
    else sink.skip('reply not used')
    return undefined
  }
}

function takeSnapshot(parser: FrameParser, snapshot: WaitingSnapshot, place: Place): void {
  if (parser instanceof BinanceFrames) parser.snapshot(snapshot.symbol, snapshot.text, snapshot.timeUs, place)
}

/** Symbol of a Binance REST depth reply's URL. */
function depthSymbol(url: string): string | undefined {
  return /\/depth\?(?:\S*&)?symbol=([A-Z0-9_]+)/.exec(url)?.[1]
}

function venueOfName(name: string): CapturedVenue | undefined {
  const prefix = basename(name).split('.', 1)[0]!
  return VENUES.find((venue) => venue.files.includes(prefix))
}

function venueOfUrl(url: string): CapturedVenue | undefined {
  const host = /^\w+:\/\/([^/:]+)/.exec(url)?.[1] ?? ''
  return VENUES.find((venue) => venue.host.test(host))
}

/** Other files of the same run: beside the file, with the same name up to the first dot. */
async function siblingsOf(file: InputFile): Promise<string[]> {
  const folder = dirname(file.path)
  const own = basename(file.path)
  const prefix = `${own.split('.', 1)[0]}.`
  let names: string[]
  try {
    names = await readdir(folder)
  } catch {
    // A file that lies in no folder (memory, a pipe) has no siblings.
    return []
  }
  const related = names.filter((name) => name !== own && name.startsWith(prefix) && /\.(?:0|http\.|ws\.)/.test(name))
  return related.sort().map((name) => join(folder, name))
}

/** Takes definitions and depth snapshots from a REST file of the run; what cannot be read is that file's affair. */
async function readSibling(
  path: string,
  definitions: Map<string, SketchedInstrument>,
  snapshots: WaitingSnapshot[],
): Promise<void> {
  if (basename(path).includes('.ws.')) return
  const file = await openInput(path)
  await file.lines((line) => {
    const reply = REPLY.exec(line)
    const venue = reply ? (venueOfName(file.name) ?? venueOfUrl(reply[1]!)) : undefined
    if (!reply || !venue) return
    const text = line.slice(reply[0].length)
    const timeUs = secondsEpoch(reply[2]!)
    const symbol = depthSymbol(reply[1]!)
    if (symbol !== undefined && !Number.isNaN(timeUs)) snapshots.push({ symbol, text, timeUs })
    if (!venue.definitionsAt.test(reply[1]!)) return
    try {
      const read = venue.definitions(reply[1]!, parseJson(text), `${reply[1]} at ${reply[2]}`)
      for (const [name, instrument] of read.instruments) definitions.set(name, instrument)
    } catch (error) {
      if (!(error instanceof GimbalError)) throw error
    }
  })
}
