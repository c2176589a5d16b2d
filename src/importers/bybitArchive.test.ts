/**
 * Goal: Bybit's archived books come in whole.
 * Method: hand-made lines; files damaged at random; the real archive, where it is at hand.
 */

import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Flag, Kind } from '../market/tape.ts'
import { openInput } from '../store/inputFile.ts'
import { bybitArchive } from './bybitArchive.ts'
import { fuzzCases, fuzzImporter, importText } from './fuzz.ts'
import { ListSink } from './listSink.ts'

const T = 1_733_011_200_691
const line = (type: string, u: number, b: string[][], a: string[][] = []) =>
  JSON.stringify({
    topic: 'orderbook.500.XRPUSDT',
    type,
    ts: T + u,
    data: { s: 'XRPUSDT', b, a, u, seq: 10 * u },
    cts: T + u - 1,
  })
const LINES = [
  line('snapshot', 5, [['1.9531', '6203']], [['1.9532', '1']]),
  line('delta', 6, [['1.9531', '6198']], [['1.9532', '0']]),
  line('delta', 7, [], []),
  line('delta', 8, [['1.9530', '5.5']]),
]

test('the gateway’s time stands in for receipt, the engine’s is the venue’s', async () => {
  const sink = await importText(bybitArchive, 'a', `${LINES.join('\n')}\n`)
  expect(sink.messages[0]).toMatchObject({
    timeUs: (T + 5) * 1000,
    venueTimeUs: (T + 4) * 1000,
    instrument: 'XRP-USDT-PERP@bybit',
  })
  expect(sink.gaps).toEqual([])
  expect(sink.skips.get('empty-update')).toBe(1)
  const spot = await importText(bybitArchive, 'a', LINES[0]!, { category: 'spot' })
  expect(spot.messages[0]!.instrument).toBe('XRP-USDT-SPOT@bybit')
  await expect(importText(bybitArchive, 'a', LINES[0]!, { category: 'option' })).rejects.toMatchObject({
    code: 'argument-invalid',
  })
})

test('a lost delta is a gap', async () => {
  const sink = await importText(bybitArchive, 'a', LINES.toSpliced(1, 1).join('\n'))
  expect(sink.gaps).toMatchObject([{ expected: 5, received: 6 }])
})

test('it is sure of its own lines only', () => {
  expect(bybitArchive.recognise('2024-12-01_XRPUSDT_ob500.data', LINES[0]!)).toBeGreaterThan(0.9)
  expect(bybitArchive.recognise('a', '{"topic":"trade.BTCUSD"}')).toBe(0)
})

test('damaged archives leave rejects and never a wrong number', { timeout: 600_000 }, async () => {
  const report = await fuzzImporter(bybitArchive, 'a', LINES, fuzzCases(process.env), 20241201)
  expect(report.rejects).toBeGreaterThan(report.cases / 5)
  expect(report.messages).toBeGreaterThan(report.cases)
  if (process.env['FUZZ']) console.log('bybit-archive', report)
})

const archive = `${process.env['GIMBAL_SHARED'] ?? '../shared'}/data/l2/bybit_xrpusdt-ob500.data.zip`

test.skipIf(!existsSync(archive))(
  'the real archive counts as JSON.parse counts it (passed over where it is absent)',
  async () => {
    const file = await openInput(archive)
    const sink = new ListSink()
    await bybitArchive.read(file, sink, {})
    let levels = 0
    let lines = 0
    await (await openInput(archive)).lines((text) => {
      const { data } = JSON.parse(text)
      levels += data.b.length + data.a.length
      lines++
    })
    expect(sink.rows(Kind.DEPTH)).toHaveLength(levels)
    expect(sink.messages).toHaveLength(lines)
    expect([sink.rejects, sink.gaps, sink.traps]).toEqual([[], [], []])
    expect(sink.messages[0]!.rows[0]!.flags & Flag.RESET).toBe(Flag.RESET)
  },
)
