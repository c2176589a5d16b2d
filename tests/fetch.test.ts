/**
 * Goal: what `gimbal fetch` writes, `gimbal import` reads, by the very command the first prints.
 * Method: every paged kind of history from the loopback server, then the printed importer and options into a catalog;
 * rows counted against what was served.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { importerNamed } from '../src/importers/registry.ts'
import { Catalog, describeCatalog } from '../src/store/catalog.ts'
import { runImport } from '../src/store/importRun.ts'
import { openInput } from '../src/store/inputFile.ts'
import { download, HistoryClient } from '../src/venues/history/history.ts'
import { historyKind } from '../src/venues/history/kinds.ts'
import { LoopbackHistory } from '../src/venues/history/loopbackHistory.ts'

const server = new LoopbackHistory()
let baseUrl = ''
let folder = ''
beforeAll(async () => {
  baseUrl = await server.listen()
  folder = mkdtempSync(join(tmpdir(), 'gimbal-fetch-'))
})
afterAll(async () => {
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

const FROM_US = Date.UTC(2025, 9, 10) * 1000

test.each([
  ['hyperliquid', 'candles', 'BTC', 'BTC-USDC-PERP@hyperliquid', 'bar', 48 * 4],
  ['hyperliquid', 'funding', 'BTC', 'BTC-USDC-PERP@hyperliquid', 'funding', 48],
  ['deribit', 'candles', 'BTC-PERPETUAL', 'BTC-USD-PERP@deribit', 'bar', 48 * 4],
  ['deribit', 'funding', 'BTC-PERPETUAL', 'BTC-USD-PERP@deribit', 'funding', 48],
  ['deribit', 'volatility-index', 'BTC', 'BTCDVOL-USD-SPOT@deribit', 'bar', 48 * 4],
  ['dydx', 'candles', 'BTC-USD', 'BTC-USD-PERP@dydx', 'bar', 48 * 4],
  ['dydx', 'funding', 'BTC-USD', 'BTC-USD-PERP@dydx', 'funding', 48],
])('%s %s of %s', async (venue, what, coin, instrument, stream, rows) => {
  const kind = historyKind(venue, what)
  const request = { coin, interval: kind.needsInterval ? '1h' : '', fromUs: FROM_US, toUs: FROM_US + 2 * 86_400e6 }
  const client = new HistoryClient({ baseUrl, rate: 100_000 })
  const { files } = await download(kind, client, request, join(folder, 'downloads'))
  const [, , , , name, ...words] = kind.importCommand(request, files[0]!).split(' ')
  const options = Object.fromEntries(
    words
      .filter((word) => word !== '--option')
      .map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]),
  )
  const catalog = new Catalog(join(folder, `${venue}-${what}`))
  const { manifest } = await runImport(catalog, importerNamed(name!), await openInput(files[0]!), options)
  expect([manifest.rejects, manifest.rows]).toEqual([[], rows])
  expect(describeCatalog(catalog).map((entry) => [entry.instrument, entry.stream, entry.rows])).toEqual([
    [instrument, stream, rows],
  ])
})

test('deribit trades, read as a Tardis file', async () => {
  const kind = historyKind('deribit', 'trades')
  const request = { coin: 'BTC-PERPETUAL', interval: '', fromUs: FROM_US, toUs: FROM_US + 200e6 }
  const { files, rows } = await download(
    kind,
    new HistoryClient({ baseUrl, rate: 100_000 }),
    request,
    join(folder, 'downloads'),
  )
  const catalog = new Catalog(join(folder, 'deribit-trades'))
  const { manifest } = await runImport(catalog, importerNamed('tardis'), await openInput(files[0]!), { type: 'trades' })
  expect([manifest.rejects, manifest.rows]).toEqual([[], rows])
  expect(describeCatalog(catalog)).toMatchObject([{ instrument: 'BTC-USD-PERP@deribit', stream: 'trade', rows: 2_000 }])
})
