/**
 * @file The hedging study on real data: January 2026, Deribit's chains of an asset with five-minute bars and funding of Binance.
 *
 *   GIMBAL_SHARED=… node bench/hedge.mjs [--asset ETH] [--json] [--keep DIR]
 *
 * Imports into a catalog of its own, runs `gimbal hedge` over the month twice with one seed, and holds it to the bar: unexplained less
 * than 5 % of what moved in every run, explained worth equal to the ledger's equity, the same journals twice, breakers on at their
 * defaults, one study within two minutes. Exits 1 when one of these fails. BTC unless told otherwise.
 */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: { asset: { type: 'string', default: 'BTC' }, json: { type: 'boolean' }, keep: { type: 'string' } },
})
const { asset } = values
const data = join(process.env.GIMBAL_SHARED ?? '../shared', 'data')
if (!existsSync(data)) throw new Error(`no data at ${data}; set GIMBAL_SHARED`)
const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'gimbal-bench-hedge-'))
const catalog = join(folder, 'catalog')

function gimbal(...args) {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['dist/apps/main.js', ...args, '--json'], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  })
  if (status !== 0) throw new Error(`gimbal ${args[0]} exited with ${status}: ${stderr.slice(-500)}`)
  return JSON.parse(stdout)
}

const chains = join(data, 'options/deribit')
const files = [
  ...readdirSync(chains)
    .filter((name) => name.startsWith('chain_202601'))
    .map((name) => join(chains, name)),
  ...['USDT_USDT-5m-futures', 'USDT_USDT-1h-funding_rate', 'USDT-5m']
    .map((name) => join(data, `bars/${asset}_${name}.csv.gz`))
    .filter((path) => existsSync(path)),
]
if (!existsSync(catalog)) gimbal('import', ...files, '--catalog', catalog)

function study(out) {
  const started = performance.now()
  const span = ['--from', '2026-01-01', '--to', '2026-02-01', '--bars', '5m', '--seed', '1']
  const result = gimbal('hedge', '--catalog', catalog, '--asset', asset, ...span, '--out', join(folder, out))
  return { result, seconds: (performance.now() - started) / 1000 }
}

const first = study('first')
const second = study('second')
const { variants, verdict, snapshotsUs, trials } = first.result
const failures = []
for (const { label, explanation } of variants) {
  if (!(explanation.residualShare < 0.05)) failures.push(`${label}: residual ${explanation.residualShare}`)
  if (!(explanation.ledgerGap < 0.01)) failures.push(`${label}: off the ledger by ${explanation.ledgerGap} dollars`)
}
const journals = (of) => of.result.variants.map(({ journal }) => journal).join(' ')
if (journals(first) !== journals(second)) failures.push('the second study has other journals')
if (first.seconds > 120) failures.push(`one study took ${first.seconds.toFixed(0)} s`)

const figures = {
  verdict,
  chains: snapshotsUs.length,
  trials,
  seconds: [first.seconds, second.seconds].map((each) => Number(each.toFixed(1))),
  runs: variants.map((each) => ({
    run: each.label,
    profit: Number(each.profit.toFixed(2)),
    variance: Number(each.varianceShare.toFixed(4)),
    shortfall: Number(each.expectedShortfall.toFixed(2)),
    hedgeCost: Number(each.hedgeCost.toFixed(2)),
    hedgeTurnover: Math.round(each.hedgeTurnover),
    residual: Number(each.explanation.residualShare.toFixed(5)),
    ledgerGap: each.explanation.ledgerGap,
    margin: Object.fromEntries(
      each.margin.map(({ venue, engine, maintenanceUseMax, distanceMin }) => [
        `${venue} ${engine}`,
        `${(100 * maintenanceUseMax).toFixed(1)} %, ${distanceMin?.toFixed(1) ?? '–'} σ`,
      ]),
    ),
    carried: Number(each.optionsCarriedShare?.toFixed(4)),
    riskEvents: each.riskEvents.count,
  })),
  failures,
}
if (values.json) console.log(JSON.stringify(figures, undefined, 2))
else {
  console.log(verdict)
  console.table(figures.runs.map(({ margin: _, ...rest }) => rest))
  console.log(
    `seconds ${figures.seconds.join(', ')}; ${failures.length === 0 ? 'all within the bar' : failures.join('; ')}`,
  )
}
if (!values.keep) rmSync(folder, { recursive: true })
process.exitCode = failures.length > 0 ? 1 : 0
