/**
 * @file Raw Hyperliquid frames: `<receive time in ns> <frame>` a line, or the lines of the venue's own archive
 * (`s3://hyperliquid-archive/market_data/…/l2Book/COIN.lz4`): `{"time":ISO with ns,"ver_num":1,"raw":<frame>}`.
 */

import type { Importer } from '../store/importer.ts'
import { plausibleTime } from '../venues/frame.ts'
import { HyperliquidFrames } from '../venues/hyperliquid/parse.ts'
import { nanosecondPrefix, type RecordedFrame, readFrames } from './recordedFrames.ts'

export const hyperliquidRaw: Importer = {
  name: 'hyperliquid-raw',
  version: 1,
  summary: 'Raw Hyperliquid WebSocket frames with receive times, and the l2Book files of its S3 archive',
  example: 'gimbal import --catalog DIR hyperliquid_btcusd_20250126.jsonl.gz',
  options: {},
  provenance: 'real',

  recognise(_name, head) {
    const line = head.split('\n', 1)[0]!
    if (/^\d{19} \{"channel":"/.test(line)) return 0.95
    return ARCHIVED.test(line) ? 0.95 : 0
  },

  async read(file, sink) {
    await readFrames(file, sink, new HyperliquidFrames(sink), split)
  },
}

const ARCHIVED = /^\{"time":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?","ver_num":\d+,"raw":(?=\{)/

function split(line: string): RecordedFrame | undefined {
  const timeUs = nanosecondPrefix(line)
  if (!Number.isNaN(timeUs)) return { timeUs, text: line.slice(20) }
  const archived = ARCHIVED.exec(line)
  if (!archived || !line.endsWith('}')) return undefined
  const us = Date.parse(`${archived[1]}Z`) * 1000 + Number((archived[2] ?? '').padEnd(6, '0').slice(0, 6))
  return plausibleTime(us) ? { timeUs: us, text: line.slice(archived[0].length, -1) } : undefined
}
