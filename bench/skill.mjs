/**
 * @file What the learner can forecast on real data: bars of 2025 and level-2 recordings, against every baseline.
 *
 *   GIMBAL_SHARED=../shared node bench/skill.mjs [--windows 6] [--configurations 4] [--only bars|fresh|books]
 *
 * Imports the recordings into a catalog of its own and runs `gimbal research` as a user would: BTC and ETH perpetuals on
 * five-minute bars (variance over an hour and a day, volume over an hour); fresh ones, on which no design of the learner was
 * ever compared (SOL, and BTC by the hour from 2020 to 2022); and books (variance, volume and demand for liquidity over ten seconds). Prints one line a question, and one JSON document at the end. Nothing is fitted to what is judged; nothing
 * here fails on a bad result.
 */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    windows: { type: 'string', default: '6' },
    configurations: { type: 'string', default: '4' },
    only: { type: 'string', default: '' },
  },
})
const data = join(process.env.GIMBAL_SHARED ?? '../shared', 'data')
if (!existsSync(data)) throw new Error(`no recordings at ${data}: set GIMBAL_SHARED`)
if (!existsSync('dist/apps/main.js')) throw new Error('no build: npm run build')
const folder = mkdtempSync(join(tmpdir(), 'gimbal-skill-'))
const found = []

function gimbal(args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['dist/apps/main.js', ...args, '--json'], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  })
  if (status !== 0 && status !== 3) throw new Error(`gimbal ${args[0]} ended with ${status}\n${stderr.slice(-2000)}`)
  return JSON.parse(stdout)
}

function study(name, catalog, target, questions, more) {
  const out = join(folder, name)
  const result = gimbal([
    'research',
    '--catalog',
    catalog,
    '--target',
    target,
    ...questions.flatMap((question) => ['--forecast', question]),
    '--windows',
    values.windows,
    '--configurations',
    values.configurations,
    '--groups',
    '0',
    '--check',
    '1',
    '--out',
    out,
    '--models',
    join(out, 'models'),
    ...more,
  ])
  for (const table of result.skill) {
    const [model] = table.rows
    const best = table.rows.find(({ role }) => role === 'baseline')
    console.log(
      `${name}: ${table.quantity} over ${table.horizonUs / 1e6} s, ${table.samples} samples: ${model.loss.toFixed(4)} against ${best.loss.toFixed(4)} of ${best.name}, t ${best.dieboldMariano?.toFixed(2)}`,
    )
  }
  console.log(`  ${result.verdict.sentence}`)
  found.push({
    name,
    skill: result.skill,
    placebos: result.placebos,
    backtests: result.backtests,
    verdict: result.verdict,
  })
}

try {
  if (['', 'bars'].includes(values.only)) {
    const catalog = join(folder, 'bars')
    const files = [
      'BTC_USDT_USDT-5m-futures',
      'ETH_USDT_USDT-5m-futures',
      'BTC_USDT_USDT-1h-funding_rate',
      'ETH_USDT_USDT-1h-funding_rate',
    ]
    gimbal(['import', ...files.map((file) => join(data, 'bars', `${file}.csv.gz`)), '--catalog', catalog])
    for (const coin of ['BTC', 'ETH'])
      study(
        `${coin} bars`,
        catalog,
        `${coin}-USDT-PERP@binance-usdm`,
        ['variance:1h', 'variance:1d', 'volume:1h'],
        ['--every', '30m'],
      )
  }
  if (['', 'fresh'].includes(values.only)) {
    const catalog = join(folder, 'fresh')
    const files = ['SOL_USDT_USDT-5m-futures', 'SOL_USDT_USDT-1h-funding_rate']
    gimbal(['import', ...files.map((file) => join(data, 'bars', `${file}.csv.gz`)), '--catalog', catalog])
    study(
      'SOL bars',
      catalog,
      'SOL-USDT-PERP@binance-usdm',
      ['variance:1h', 'variance:1d', 'volume:1h'],
      ['--every', '30m'],
    )
    const hours = join(folder, 'hours')
    gimbal(['import', join(data, 'bars', 'BTCUSDT_perp_1h_2020_2022.csv.gz'), '--catalog', hours])
    study(
      'BTC hours 2020-22',
      hours,
      'BTC-USDT-PERP@binance-usdm',
      ['variance:1d', 'variance:7d', 'volume:1d'],
      ['--every', '2h'],
    )
  }
  if (['', 'books'].includes(values.only)) {
    const books = readdirSync(join(data, 'l2'))
    for (const [venue, match, name] of [
      ['binance-usdm', /^usdm_(btc|eth)usdt/, 'USDT-PERP'],
      ['binance-coinm', /^cm_(btc|eth)usd_perp/, 'USD-PERP'],
    ]) {
      const catalog = join(folder, venue)
      gimbal([
        'import',
        ...books
          .filter((file) => match.test(file))
          .sort()
          .map((file) => join(data, 'l2', file)),
        '--catalog',
        catalog,
      ])
      for (const coin of ['BTC', 'ETH'])
        study(
          `${coin} ${venue}`,
          catalog,
          `${coin}-${name}@${venue}`,
          ['variance:10s', 'volume:10s', 'demand:10s'],
          ['--every', '1s', '--first', '0.5', '--no-trade'],
        )
    }
  }
  console.log(JSON.stringify(found))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
