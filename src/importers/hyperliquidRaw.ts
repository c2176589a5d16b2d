/** @file Raw Hyperliquid WebSocket frames: `<receive time in ns> <frame>` a line. */

import type { Importer } from '../store/importer.ts'
import { HyperliquidFrames } from '../venues/hyperliquid/parse.ts'
import { nanosecondPrefix, type RecordedFrame, readFrames } from './recordedFrames.ts'

export const hyperliquidRaw: Importer = {
  name: 'hyperliquid-raw',
  version: 1,
  summary: 'Raw Hyperliquid WebSocket frames with receive times in nanoseconds',
  example: 'gimbal import --catalog DIR hyperliquid_btcusd_20250126.jsonl.gz',
  options: {},
  provenance: 'real',

  recognise(_name, head) {
    const line = head.split('\n', 1)[0]!
    return /^\d{19} \{"channel":"/.test(line) && !Number.isNaN(nanosecondPrefix(line)) ? 0.95 : 0
  },

  async read(file, sink) {
    await readFrames(file, sink, new HyperliquidFrames(sink), split)
  },
}

function split(line: string): RecordedFrame | undefined {
  const timeUs = nanosecondPrefix(line)
  return Number.isNaN(timeUs) ? undefined : { timeUs, text: line.slice(20) }
}
