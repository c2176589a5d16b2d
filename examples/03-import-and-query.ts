/**
 * @file From a foreign file to a result: a CSV of bars into a catalog, SQL over it, and a backtest of what was imported.
 *
 * The command line does the same:
 *   gimbal import BTC_USDT_USDT-1h-futures.csv --catalog DIR
 *   gimbal catalog sql "select avg(price) from tape" --catalog DIR
 *   gimbal backtest --catalog DIR --policy volatility-target
 *
 * Run it: node examples/03-import-and-query.ts
 * With the package installed, import from 'gimbal/store', 'gimbal/policies', 'gimbal/sim' and so on.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isoTime } from '../src/core/clock.ts'
import { Random } from '../src/core/random.ts'
import { Engine } from '../src/engine/engine.ts'
import { importerNamed } from '../src/importers/registry.ts'
import { NoJournal } from '../src/journal/journal.ts'
import { MergedTape } from '../src/market/tape.ts'
import { buildPolicy } from '../src/policies/registry.ts'
import { DEFAULT_RISK } from '../src/risk/riskConfig.ts'
import { RiskGate } from '../src/risk/riskGate.ts'
import { runBacktest } from '../src/sim/backtest.ts'
import { ReplayedExchange } from '../src/sim/replayedExchange.ts'
import { Catalog, describeCatalog } from '../src/store/catalog.ts'
import { runImport } from '../src/store/importRun.ts'
import { openInput } from '../src/store/inputFile.ts'
import { openTapes } from '../src/store/openTapes.ts'

const HOURS = 20 * 24

/** Hourly bars as an exchange's web site would offer them: milliseconds, open, high, low, close, volume. */
function barsCsv(): string {
  const random = new Random(2026)
  let open = 60_000
  const lines = ['date,open,high,low,close,volume']
  for (let hour = 0; hour < HOURS; hour++) {
    const close = open * Math.exp(0.006 * random.normal())
    const high = Math.max(open, close) * (1 + 0.002 * random.uniform())
    const low = Math.min(open, close) * (1 - 0.002 * random.uniform())
    const prices = [open, high, low, close].map((price) => price.toFixed(1))
    lines.push([Date.UTC(2026, 0, 1, hour), ...prices, random.integer(50, 500)].join(','))
    open = Number(prices[3])
  }
  return `${lines.join('\n')}\n`
}

export async function main(print: (line: string) => void) {
  const folder = mkdtempSync(join(tmpdir(), 'gimbal-example-'))
  try {
    // The name tells instrument and interval; `importer.options` lists what to say where a name does not.
    const csv = join(folder, 'BTC_USDT_USDT-1h-futures.csv')
    writeFileSync(csv, barsCsv())

    const catalog = new Catalog(join(folder, 'catalog'))
    const { manifest } = await runImport(catalog, importerNamed('bars'), await openInput(csv), {})
    const again = await runImport(catalog, importerNamed('bars'), await openInput(csv), {})
    print(
      `imported ${manifest.rows} rows of ${manifest.lines} lines with ${manifest.gaps.count} gaps; again: ${again.status}`,
    )
    for (const { instrument, stream, rows, firstUs, lastUs } of describeCatalog(catalog))
      print(
        `  ${instrument} ${stream}: ${rows} rows, ${isoTime(firstUs).slice(0, 16)} to ${isoTime(lastUs).slice(0, 16)}`,
      )

    // A catalog is a folder of Parquet: DuckDB, Python or Spark read it as well as we do. Row kind 7 is a bar's close.
    const database = await catalog.openDatabase(join(folder, 'duckdb'))
    const files = catalog.path('kind=bar', '**', '*.parquet')
    const [summary] = await database.query(
      `select count(*)::integer as bars, min(price) as low, max(price) as high from read_parquet('${files}') where row_kind = 7`,
    )
    database.close()
    print(`SQL: ${summary!['bars']} closes between ${summary!['low']} and ${summary!['high']}`)

    const opened = await openTapes(catalog)
    const { universe } = opened
    const cash = { USDT: 100_000 }
    const venue = new ReplayedExchange({ universe, cash })
    const engine = new Engine({
      universe,
      cash,
      venue,
      policies: [buildPolicy('volatility-target', { targetYearly: 0.2, sampleMinutes: 60 }, universe)],
      gate: (parts) => new RiskGate(DEFAULT_RISK, parts),
      journal: new NoJournal(),
      seed: 1,
    })
    runBacktest(engine, venue, new MergedTape(opened.reopen(), 'venue'), new MergedTape(opened.inputs, 'received'))
    const { fills } = engine.ledger.holding(0)
    print(`volatility-target: ${fills} fills, equity ${engine.ledger.equity.toFixed(2)} USDT`)
    return { rows: manifest.rows, again: again.status, summary, fills, equity: engine.ledger.equity }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(console.log)
