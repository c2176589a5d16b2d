/**
 * @file Were the tails right? Back-tests of value at risk and expected shortfall on real returns, one row a method and level.
 *
 *   node bench/tail.mjs [--side long|short] [--json]
 *
 * Reads bars from `$GIMBAL_SHARED/data/bars` (default ../shared). Each forecast is made at the end of a step for the next one, from the
 * last `window` steps alone; GARCH models are fitted anew every `refit` steps. Columns: breaches of value at risk and how many were
 * expected; p-values of Kupiec (as many as said), Christoffersen (not in clusters), both at once; of expected shortfall, the statistic of
 * Acerbi and Szekely's second test (below 0: risk understated) with its p-value, and the p-value of McNeil and Frey's residuals.
 * With twelve to thirty tests a market, one in twenty p-values below 0.05 is nothing.
 *
 * Needs a build (`npm run build`); about a minute on one core.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { Random } from '../dist/core/random.js'
import {
  acerbiSzekely,
  christoffersen,
  conditionalCoverage,
  countBreaches,
  exceedanceResiduals,
  kupiec,
} from '../dist/risk/tail/backtest.js'
import { TAIL_METHODS, tailForecasts } from '../dist/risk/tail/tailForecasts.js'

const LEVELS = [0.95, 0.975, 0.99]
const HOUR_MS = 3_600_000
const FOLDER = join(process.env.GIMBAL_SHARED ?? '../shared', 'data/bars')

/** Markets: the file, what a row's time is, and the step returns are taken over. */
const MARKETS = [
  { name: 'BTC 2025 hourly', file: 'BTC_USDT-5m.csv.gz', stepMs: HOUR_MS, window: 1_000, refit: 168 },
  { name: 'ETH 2025 hourly', file: 'ETH_USDT-5m.csv.gz', stepMs: HOUR_MS, window: 1_000, refit: 168 },
  { name: 'BTC 2025 daily', file: 'BTC_USDT-5m.csv.gz', stepMs: 24 * HOUR_MS, window: 200, refit: 20 },
  { name: 'ETH 2025 daily', file: 'ETH_USDT-5m.csv.gz', stepMs: 24 * HOUR_MS, window: 200, refit: 20 },
  {
    name: 'ETH 2019-2025 daily',
    file: 'ETHUSDT_spot_1h_2019_2025.csv.gz',
    stepMs: 24 * HOUR_MS,
    window: 500,
    refit: 50,
  },
]

/** Log returns from the last close of each whole step to that of the next; a step without a bar carries on the one before. */
function returnsOf(file, stepMs) {
  const [head, ...rows] = gunzipSync(readFileSync(join(FOLDER, file)))
    .toString()
    .trim()
    .split('\n')
  const names = head.trim().split(',')
  const close = names.indexOf('close')
  const closes = new Map()
  for (const row of rows) {
    const cells = row.split(',')
    const timeMs = names[0] === 'time_ms' ? Number(cells[0]) : Date.parse(`${cells[0].replace(' ', 'T')}Z`)
    closes.set(Math.floor(timeMs / stepMs), Number(cells[close]))
  }
  const steps = [...closes.keys()].sort((a, b) => a - b)
  // The first and last steps may be cut off.
  const whole = steps.slice(1, -1)
  return Float64Array.from(whole.slice(1), (step, i) => Math.log(closes.get(step) / closes.get(whole[i])))
}

/** Every test of one method at one level. */
function judge(returns, method, level, { window, refit }) {
  const { valueAtRisk, expectedShortfall } = tailForecasts(returns, method, level, { window, refitEvery: refit })
  const losses = returns.map((each) => -each)
  const counted = countBreaches(losses, valueAtRisk, level)
  const shortfall = acerbiSzekely(losses, valueAtRisk, expectedShortfall, level)
  return {
    method,
    level,
    observations: counted.observations,
    breaches: counted.breaches,
    expected: counted.expected,
    kupiec: kupiec(counted).p,
    christoffersen: christoffersen(counted).p,
    conditional: conditionalCoverage(counted).p,
    acerbiSzekely: shortfall.statistic,
    acerbiSzekelyP: shortfall.p,
    residuals: exceedanceResiduals(losses, valueAtRisk, expectedShortfall, new Random(1)).p,
  }
}

const { values } = parseArgs({
  options: { json: { type: 'boolean' }, side: { type: 'string', default: 'long' } },
})
if (!existsSync(FOLDER)) {
  console.log(`No bars under ${FOLDER}: set GIMBAL_SHARED.`)
  process.exit(0)
}
const sign = values.side === 'short' ? -1 : 1
const started = performance.now()
const results = MARKETS.map((market) => {
  const returns = returnsOf(market.file, market.stepMs).map((each) => sign * each)
  const rows = TAIL_METHODS.flatMap((method) => LEVELS.map((level) => judge(returns, method, level, market)))
  return { market: market.name, side: values.side, window: market.window, refit: market.refit, rows }
})

if (values.json) console.log(JSON.stringify({ results, seconds: (performance.now() - started) / 1e3 }))
else {
  const p = (value) => (Number.isNaN(value) ? '    –' : value.toFixed(3).padStart(5))
  for (const { market, side, window, rows } of results) {
    console.log(`\n${market}, ${side}, window ${window}, ${rows[0].observations} steps judged`)
    console.log('method            level  breaches expected  Kupiec Christ.  both   A-S Z  (p)    residuals')
    for (const row of rows)
      console.log(
        `${row.method.padEnd(17)} ${String(row.level).padEnd(6)} ${String(row.breaches).padStart(8)} ${row.expected.toFixed(1).padStart(8)}   ${p(row.kupiec)}  ${p(row.christoffersen)}  ${p(row.conditional)}  ${row.acerbiSzekely.toFixed(2).padStart(5)}  ${p(row.acerbiSzekelyP)}   ${p(row.residuals)}`,
      )
  }
  console.log(`\n${((performance.now() - started) / 1e3).toFixed(1)} s`)
}
