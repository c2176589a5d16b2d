/**
 * @file Bybit's archive of 500-level books (public.bybit.com and quote-saver.bycsi.com, `…_XRPUSDT_ob500.data.zip`):
 * v5 `orderbook.500` messages, one JSON a line.
 *
 * The archive has no time of receipt. The time the gateway sent a message (`ts`) stands in for it, so feed latency in
 * this data is the gateway's own, and a backtest on it should add its own model.
 */

import { GimbalError } from '../core/errors.ts'
import type { Importer } from '../store/importer.ts'
import { BybitFrames } from '../venues/bybit/parse.ts'
import type { BybitCategory } from '../venues/bybit/wire.ts'
import { plausibleTime } from '../venues/frame.ts'
import { type RecordedFrame, readFrames } from './recordedFrames.ts'

const CATEGORIES = new Set<string>(['linear', 'inverse', 'spot'])

export const bybitArchive: Importer = {
  name: 'bybit-archive',
  version: 1,
  summary: "Bybit's archive of order books (ob500, ob200), v5 messages by the day",
  example: 'gimbal import --catalog DIR 2024-12-01_XRPUSDT_ob500.data.zip',
  options: { category: 'linear (default), inverse or spot: the archive keeps them in different folders' },
  provenance: 'real',

  recognise(name, head) {
    const line = head.split('\n', 1)[0]!
    if (!/^\{"topic":"orderbook\.\d+\.[A-Z0-9-]+","type":"(?:snapshot|delta)","ts":\d{13},/.test(line)) return 0
    return /_ob\d+\.data/.test(name) ? 0.95 : 0.9
  },

  async read(file, sink, options) {
    const category = options['category'] ?? 'linear'
    if (!CATEGORIES.has(category)) {
      throw new GimbalError('argument-invalid', 'No such Bybit category', {
        category,
        known: [...CATEGORIES].join(' '),
      })
    }
    await readFrames(file, sink, new BybitFrames(sink, { category: category as BybitCategory }), split)
  },
}

const SENT_MS = /"ts":(\d{13})[,}]/

function split(line: string): RecordedFrame | undefined {
  const sent = line.startsWith('{"topic":') ? SENT_MS.exec(line) : null
  const timeUs = sent ? Number(sent[1]) * 1000 : Number.NaN
  return plausibleTime(timeUs) ? { timeUs, text: line } : undefined
}
