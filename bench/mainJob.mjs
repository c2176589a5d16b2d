/**
 * @file The main job on real data, end to end through the command line: imports, backtests, hashes, replay.
 *
 *   GIMBAL_SHARED=… node bench/mainJob.mjs [--keep DIR]
 *
 * Imports every file under the data folder, then runs the market maker over the July 2024 USD-M perpetuals and over the
 * August 2024 coin-margined perpetuals with spot, and carry over the bars and funding of 2025: each twice with one seed,
 * once more with `--shuffle-io`, and once replayed from its journal. Prints one JSON document; exits 1 when a file is
 * refused, a chain has a gap, a hash differs or a replay diverges.
 */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { keep: { type: 'string' } } })
const data = join(process.env.GIMBAL_SHARED ?? '../shared', 'data')
if (!existsSync(data)) throw new Error(`no data at ${data}; set GIMBAL_SHARED`)
const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'gimbal-main-job-'))
const failures = []

function gimbal(...args) {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['dist/apps/main.js', ...args, '--json'], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  })
  if (status !== 0) failures.push(`gimbal ${args.slice(0, 2).join(' ')} exited with ${status}: ${stderr.slice(-300)}`)
  return JSON.parse(stdout)
}

const files = (...groups) =>
  groups.flatMap((group) =>
    readdirSync(join(data, group), { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(data, group, entry.name))
      .sort(),
  )

function importInto(name, list) {
  const started = performance.now()
  const result = gimbal('import', ...list, '--catalog', join(folder, name))
  const manifests = result.files.map(({ manifest }) => manifest).filter(Boolean)
  const sum = (count) => manifests.reduce((total, manifest) => total + count(manifest), 0)
  const gaps = sum(({ gaps }) => gaps.count)
  if (gaps > 0) failures.push(`${name}: ${gaps} gaps`)
  return {
    files: result.files.length,
    refused: result.files.filter(({ error }) => error).map(({ file, error }) => `${file}: ${error.code}`),
    rows: result.rows,
    gaps,
    rejects: sum(({ rejects }) => rejects.reduce((total, { count }) => total + count, 0)),
    traps: [...new Set(manifests.flatMap(({ traps }) => traps.map(({ name: trap }) => trap)))].sort(),
    seconds: Math.round((performance.now() - started) / 1000),
  }
}

const imports = {}
for (const group of ['l2', 'l2/ws_captures', 'bars', 'funding', 'options/deribit', 'options', 'onchain']) {
  imports[group] = importInto('all', files(group))
}

const pick = (group, pattern) => files(group).filter((path) => pattern.test(path))
importInto('july', pick('l2', /usdm_/))
importInto('august', pick('l2', /(cm|spot)_/))
importInto('year', pick('bars', /(BTC|ETH)_USDT(_USDT)?-(5m|5m-futures|1h-mark|1h-funding_rate)\.csv/))

const jobs = {
  july: ['--policy', 'market-maker'],
  august: ['--policy', 'market-maker'],
  year: ['--policy', 'carry', '--from', '2025-01-01', '--to', '2026-01-31'],
}
const runs = {}
for (const [name, args] of Object.entries(jobs)) {
  const run = (out, ...more) =>
    gimbal('backtest', '--catalog', join(folder, name), '--out', join(folder, out), '--seed', '1', ...args, ...more)
  const first = run(`${name}-1`)
  const hashes = [first, run(`${name}-2`), run(`${name}-3`, '--shuffle-io')].map(({ journal }) => journal.sha256)
  if (new Set(hashes).size !== 1) failures.push(`${name}: journals differ: ${hashes.join(' ')}`)
  const replayed = gimbal('replay', first.journal.directory, '--catalog', join(folder, name))
  const { performance: judged } = first
  runs[name] = {
    title: first.title,
    rows: first.rows,
    seconds: Number(first.seconds.toFixed(1)),
    journal: hashes[0],
    sameTwice: hashes[0] === hashes[1],
    sameShuffled: hashes[0] === hashes[2],
    replayedActs: replayed.acts,
    profit: judged.profit,
    drawdown: judged.drawdown.fraction,
    verdict: first.verdict,
  }
}
console.log(JSON.stringify({ imports, runs, failures }, undefined, 2))
if (!values.keep) rmSync(folder, { recursive: true })
process.exitCode = failures.length > 0 ? 1 : 0
