/**
 * Goal: every recorded table of the shared data is read whole, by the importer that recognises it, and its known traps
 * are found.
 *
 * Method: rows against an independent count (lines unpacked here and counted, times what a line becomes); findings
 * against the exact list. Without the shared data (`GIMBAL_SHARED`) there is nothing to read, and the names say so.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { inputMembers, openInput } from '../store/inputFile.ts'
import { TallySink } from './csvTally.ts'
import { recogniseImporter } from './registry.ts'

const DATA = `${process.env['GIMBAL_SHARED'] ?? '../shared'}/data`
/** `SHARED_ALL=1` reads every file; otherwise the many large ones of a kind are sampled, to keep the suite short. */
const all = process.env['SHARED_ALL'] === '1'
const present = existsSync(`${DATA}/bars`)
const titled = (title: string) => (present ? title : `${title} (shared data absent: nothing read)`)

/** Non-empty lines of a gzip or plain file, counted without any of our own code. */
function linesOf(path: string): number {
  const packed = readFileSync(path)
  const bytes = packed[0] === 0x1f ? gunzipSync(packed) : packed
  return bytes.toString('latin1').split(/\r?\n/).filter(Boolean).length
}

async function importFile(path: string, sink: TallySink, member?: string): Promise<string> {
  const file = await openInput(path, member)
  let head = ''
  if (path.includes('.json')) head = (await file.text()).slice(0, 65_536)
  else
    await file.lines((text, line) => {
      if (line <= 3) head += `${text}\n`
    })
  const importer = recogniseImporter(file.name, head)
  await importer.read(file, sink, {})
  return importer.name
}

/** Reads every `step`th matching file of a folder and returns what each became. */
async function importAll(folder: string, pattern: RegExp, step = 1) {
  const found = present ? readdirSync(`${DATA}/${folder}`).filter((name) => pattern.test(name)) : []
  const names = found.filter((_, at) => at % step === 0)
  const results: { name: string; lines: number; importer: string; sink: TallySink }[] = []
  for (const name of names) {
    const path = `${DATA}/${folder}/${name}`
    const members = await inputMembers(path)
    const sink = new TallySink()
    let importer = ''
    for (const member of members.length > 0 ? members : [undefined]) importer = await importFile(path, sink, member)
    results.push({ name, lines: members.length > 0 ? 0 : linesOf(path), importer, sink })
  }
  if (present) expect(results.length).toBeGreaterThan(0)
  for (const { name, sink } of results) {
    expect([name, sink.unsound, sink.rejects]).toEqual([name, 0, new Map()])
  }
  return results
}

const trapsOf = (results: { sink: TallySink }[]) => {
  const sum = new Map<string, number>()
  for (const { sink } of results) for (const [name, by] of sink.traps) sum.set(name, (sum.get(name) ?? 0) + by)
  return Object.fromEntries(sum)
}

test(titled('bars and funding payments of data/bars are read whole'), { timeout: 60_000 }, async () => {
  for (const { name, lines, importer, sink } of await importAll(
    'bars',
    all ? /\.csv\.gz$/ : /^(?!(?:ETH|SOL)_USDT.*5m).*\.csv\.gz$/,
  )) {
    const headers = name === 'BTCUSDT_perp_1h_2020_2022.csv.gz' ? 2 : 1
    const each = name.includes('funding_rate') ? 1 : name.includes('-mark') ? 3 : 4
    expect([name, importer, sink.rows, sink.backwards]).toEqual([name, 'bars', (lines - headers) * each, 0])
    const traps = Object.fromEntries(sink.traps)
    if (name.startsWith('BTCUSDT_spot')) {
      expect([traps, sink.counts.get('interpolated bars')]).toEqual([{ 'interpolated-bars': 29 }, 132])
    } else if (name.startsWith('ETHUSDT_spot')) {
      expect([traps, sink.counts.get('missing bars')]).toEqual([{ 'missing-bars': 15 }, 32])
    } else if (name.startsWith('BTCUSDT_perp')) expect(traps).toEqual({ 'newest-first': 1 })
    else if (name.startsWith('BTC_perp_1m')) {
      const once = { 'stamped-at-close': 1, 'volume-in-quote': 1, 'venue-unnamed': 1 }
      expect(traps).toEqual({ ...once, 'interpolated-bars': 2 })
    } else if (name.includes('funding_rate')) expect(traps).toEqual({ 'rate-in-open': 1 })
    else expect(Object.keys(traps).filter((trap) => trap !== 'flat-bars')).toEqual([])
  }
})

test(titled('every funding history falls on its venue’s hours once its clock is known'), {
  timeout: 60_000,
}, async () => {
  for (const { name, lines, importer, sink } of await importAll('funding', /funding_history/)) {
    expect([importer, sink.rows, sink.backwards]).toEqual(['funding', lines - 1, 0])
    expect([name, Object.fromEntries(sink.traps)]).toEqual([name, name.includes('dydx') ? {} : { 'utc+3': 1 }])
  }
})

test(titled('every table of the cascade is read, totals flagged as such'), { timeout: 60_000 }, async () => {
  const each: Record<string, number> = { adl_by_coin: 7, adl_by_user: 8, adl_net_volume: 5, high_leverage: 1 }
  for (const { name, lines, importer, sink } of await importAll('funding', /^hyperliquid/)) {
    expect([name, importer, sink.backwards]).toEqual([name, 'hyperliquid-adl', 0])
    const rows = Object.entries(each).find(([part]) => name.includes(part))?.[1]
    if (rows !== undefined) expect([name, sink.rows]).toEqual([name, (lines - 1) * rows])
    else
      expect([name, sink.rows]).toEqual([name, name.includes('cascade') ? 186 * 2 : name.includes('batch') ? 20 : 10])
    expect(sink.traps.has('no-event-time')).toBe(/adl_|summary/.test(name))
  }
})

test(titled('every table of data/onchain is read'), { timeout: 60_000 }, async () => {
  const results = await importAll('onchain', /\.(csv|csv\.gz|json\.gz)$/)
  const each: Record<string, number> = {
    'uniswap-minute': 2, 'aave-minute': 5, 'squeeth-minute': 3, gas: 1, 'price-minute': 1,
  } // biome-ignore format: one table
  for (const { name, lines, importer, sink } of results) {
    const rows = name.startsWith('basefee') ? 2 : each[importer]
    if (rows !== undefined) expect([name, sink.rows]).toEqual([name, (lines - 1) * rows])
    if (importer === 'gmx-minute') {
      const columns = name.startsWith('avalanche') ? 55 + 7 : name.includes('2025-11') ? 29 + 1 : 17 + 1
      expect([name, sink.rows]).toEqual([name, 1440 * columns])
    }
    if (importer === 'eth-swaps') {
      const skipped = [...sink.skips.values()].reduce((sum, count) => sum + count, 0)
      expect([sink.counts.get('swaps'), skipped]).toEqual([lines - 1 - 52, 52])
    }
    if (importer === 'eth-blocks') expect(sink.counts.get('blocks')).toBe(1)
  }
  if (!present) return
  expect(trapsOf(results)).toMatchObject({
    'pre-london': 11,
    'no-block-time': 9 + 1,
    'name-contradicts-content': 1,
    'chain-unnamed': 1,
    'late-start': 4,
    'early-end': 4,
    'close-outside-range': 44,
  })
})

test(titled('every zip of options is read, contract by contract'), { timeout: 60_000 }, async () => {
  const results = await importAll('options', /\.zip$/)
  for (const { name, importer, sink } of results) {
    expect([name, importer, sink.backwards]).toEqual([name, 'lean-options', 0])
    expect(sink.rows).toBeGreaterThan(0)
  }
  if (present) expect(trapsOf(results)['chicago-time']).toBe(2)
})

test(titled('option chains are read whole, and a twentieth of options lacks a side'), { timeout: 60_000 }, async () => {
  let options = 0
  let oneSided = 0
  for (const { name, lines, importer, sink } of await importAll('options/deribit', /^chain_.*gz$/, all ? 1 : 16)) {
    expect([name, importer, sink.rows]).toEqual([name, 'deribit-chain', (lines - 1) * 10])
    expect(Object.fromEntries(sink.traps)).toEqual({ 'size-unknown': 1 })
    options += lines - 1
    oneSided += sink.counts.get('one-sided') ?? 0
  }
  if (!present) return
  if (all) expect([options, oneSided]).toEqual([313_860, 17_387])
  expect(oneSided / options).toBeCloseTo(0.055, 2)
})

const SAMPLES = `${DATA}/../samples/venues/tardis/nautilus`

test(titled('the tardis samples are read whole, and their nanoseconds told'), async () => {
  const rowsPerLine: Readonly<Record<string, number>> = {
    'csv/deltas_1.csv': 1,
    'csv/deltas_with_snapshot.csv': 1,
    'csv/trades_1.csv': 1,
    'csv/derivative_ticker_1.csv': 4,
    'csv2/binance-futures_book_snapshot_5_BTCUSDT.csv': 10,
    'csv2/binance-futures_book_snapshot_25_BTCUSDT.csv': 50,
    'csv2/bitmex_trades_XBTUSD.csv': 1,
    'csv2/deribit_incremental_book_L2_BTC-PERPETUAL.csv': 1,
    'csv2/huobi-dm-swap_quotes_BTC-USD.csv': 2,
  }
  for (const [name, each] of present ? Object.entries(rowsPerLine) : []) {
    const sink = new TallySink()
    const path = `${SAMPLES}/${name}`
    expect([name, await importFile(path, sink)]).toEqual([name, 'tardis'])
    // One sample, as published, ends without a line end: its last line may have been cut and is not believed.
    const cut = name.includes('derivative_ticker') ? 1 : 0
    expect([name, sink.rows]).toEqual([name, (linesOf(path) - 1 - cut) * each])
    expect([name, sink.rejects]).toEqual([name, new Map(cut > 0 ? [['line-cut', cut]] : [])])
    expect([name, sink.traps.has('nanosecond-stamps')]).toEqual([name, /deltas_1|trades_1/.test(name)])
  }
  if (!present) return
  // A summary is its two quotes and whichever of its figures are not empty.
  const chain = readFileSync(`${SAMPLES}/options_chain.csv`, 'latin1').split('\n').filter(Boolean).slice(1)
  const figures = chain.flatMap((line) =>
    line.split(',').filter((_, at) => at === 7 || at === 15 || at === 16 || at >= 18),
  )
  const sink = new TallySink()
  expect(await importFile(`${SAMPLES}/options_chain.csv`, sink)).toBe('tardis')
  expect(sink.rows).toBe(2 * chain.length + figures.filter((cell) => cell.trim() !== '').length)
})
