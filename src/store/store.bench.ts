/**
 * What it measures: how long data takes from an importer into Parquet, from Parquet into a flat tape, and from there
 * into the engine. The first two are paid once; the last for every row of every backtest, on top of the engine's own cost.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import { Kind, MergedTape } from '../market/tape.ts'
import { Catalog } from './catalog.ts'
import type { Importer } from './importer.ts'
import { runImport } from './importRun.ts'
import { openInput } from './inputFile.ts'
import { openTapes } from './openTapes.ts'

const full = process.env['BENCH'] === '1'
const rows = full ? 5_000_000 : 20_000

/** Book updates of four levels each, as an importer would say them, without the cost of reading text. */
const generator: Importer = {
  name: 'generator',
  version: 1,
  summary: '',
  example: '',
  options: {},
  provenance: 'synthetic',
  recognise: () => 0,
  async read(_file, sink) {
    const random = new Random(1)
    const index = sink.instrument({
      base: 'BTC',
      quote: 'USDT',
      kind: 'perp',
      venue: 'binance-usdm',
      venueSymbol: 'BTCUSDT',
      payoff: 'linear',
      settle: 'USDT',
      multiplier: '1',
    })
    for (let row = 0; row < rows; row += 4) {
      const timeUs = 1_721_347_200_000_000 + row * 50
      sink.begin('book', index, timeUs, timeUs - random.integer(1000, 3000))
      for (let level = 0; level < 4; level++) {
        const side = random.bits() > 0 ? 1 : -1
        sink.row(Kind.DEPTH, side, (640_000 - side * random.integer(1, 500)) / 10, random.integer(0, 9999) / 1000, row)
      }
      sink.end()
    }
  },
}

test(`bench: import, flat tape and replay of ${rows} rows`, { timeout: 300_000 }, async () => {
  const root = mkdtempSync(join(tmpdir(), 'gimbal-store-bench-'))
  try {
    const catalog = new Catalog(join(root, 'catalog'))
    writeFileSync(join(root, 'input'), 'generated\n')
    const input = await openInput(join(root, 'input'))
    const lines: string[] = []
    const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
      const start = performance.now()
      const result = await work()
      const seconds = (performance.now() - start) / 1000
      const resident = Math.round(process.memoryUsage().rss / 1e6)
      lines.push(`${what.padEnd(32)} ${(rows / seconds / 1e6).toFixed(2)} M rows/s   resident ${resident} MB`)
      return result
    }
    const { manifest } = await timed('import into Parquet', () => runImport(catalog, generator, input))
    const opened = await timed('flat tape from Parquet', () => openTapes(catalog))
    let digest = 0
    const sum = async () => {
      const [tape] = opened.reopen()
      for (let batch = tape!.source.next(); batch; batch = tape!.source.next()) {
        for (let row = 0; row < batch.count; row++) digest = (Math.imul(digest, 31) + batch.tick[row]!) | 0
      }
      tape!.source.close()
    }
    await sum()
    await timed('flat tape read', sum)
    await timed('flat tape read through a merge', async () => {
      const tape = new MergedTape(opened.reopen())
      while (tape.advance()) digest = (Math.imul(digest, 31) + tape.batch.tick[tape.row]!) | 0
      tape.close()
    })
    expect(manifest.rows).toBe(rows)
    expect(opened.rows).toBe(rows)
    const bytes = manifest.files.reduce((total, file) => total + file.bytes, 0)
    if (full)
      console.log([...lines, `Parquet ${(bytes / rows).toFixed(1)} bytes/row   hash ${digest >>> 0}`].join('\n'))
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})
