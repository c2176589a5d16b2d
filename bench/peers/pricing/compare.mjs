/**
 * @file gimbal, QuantLib, py_vollib and py_lets_be_rational on the same options: rows a second for a price with five Greeks and
 * for implied volatility, agreement of the prices, and how many digits of the volatility come back from hard wings.
 *
 *   node bench/peers/pricing/compare.mjs [--rows 100000] [--repeats 5] [--seed 20261122] [--json]
 *
 * Needs `npm run build`. The rivals are called as their users call them, from Python, one option at a time: none of them takes
 * columns, so what they are slower by is in part the language and the call. (py_lets_be_rational 1.1.2 has a switch for Numba that
 * fails to compile.) gimbal's rows are batches over columns on one thread; its Heston prices are single calls, too. Every run is
 * a process of its own, one after another and every other repetition in the opposite order; figures are medians, by CPU time.
 *
 * A volatility's error is measured against what the price can tell: rounding a price p by 2^-52 moves σ by |∂ln σ/∂ln p| 2^-52,
 * which in wings is less than a digit and near the bounds a million; errors are in that unit ("attainable").
 */

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Random } from '../../../dist/core/random.js'
import { black76Price } from '../../../dist/pricing/black76.js'
import { median, python, ROOT } from '../environment.mjs'
import { accuracyOf } from './attainable.mjs'
import { hestonCases } from './hestonCases.mjs'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '100000' },
    repeats: { type: 'string', default: '5' },
    seed: { type: 'string', default: '20261122' },
    json: { type: 'boolean', default: false },
  },
})
const here = join(ROOT, 'bench', 'peers', 'pricing')
const folder = join(ROOT, '.cache', 'peers', 'options')
mkdirSync(folder, { recursive: true })

/**
 * Options out of the money, moneyness in deviations and σ√T drawn between borders; the price is gimbal's, told to all.
 *
 * @returns The columns, as written for the rivals.
 */
function chain(name, rows, deviations, totalVolatility) {
  const random = new Random(Number(values.seed)).fork(name)
  const all = new Float64Array(7 * rows)
  const names = ['right', 'forward', 'strike', 'years', 'volatility', 'rate', 'price']
  const options = Object.fromEntries(names.map((column, k) => [column, all.subarray(k * rows, (k + 1) * rows)]))
  for (let i = 0; i < rows; i++) {
    const [low, high] = totalVolatility
    const s = low * (high / low) ** random.uniform()
    const x = s * (deviations[0] + (deviations[1] - deviations[0]) * random.uniform())
    const forward = 60_000 * (1 + 0.1 * random.uniform())
    const volatility = 0.4 + 0.5 * random.uniform()
    const terms = {
      right: x < 0 ? -1 : 1,
      forward,
      strike: forward * Math.exp(x),
      years: (s / volatility) ** 2,
      volatility,
    }
    // Years of e raised to a rate are no part of the question in chains that go to σ√T = 6.
    const rate = name === 'listed' ? 0.04 : 0
    Object.assign(terms, { rate, price: black76Price({ ...terms, rate }) })
    for (const column of names) options[column][i] = terms[column]
  }
  writeFileSync(join(folder, `${name}.options`), Buffer.from(all.buffer))
  return options
}
const listed = chain('listed', Number(values.rows), [-2, 2], [0.04, 0.8])
// Out to where a price is 1e-57 of the forward, and to volatilities that leave nothing else to see.
const hard = chain('hard', 20_000, [-16, 16], [0.001, 6])
writeFileSync(join(folder, 'heston.json'), JSON.stringify(hestonCases))

const binary = python('pricing', ['QuantLib==1.44', 'py_vollib==1.0.12', 'py_lets_be_rational==1.1.2', 'numpy==2.4.6'])
const libraries = ['gimbal', 'quantlib', 'py_vollib', 'py_lets_be_rational']

function measure(library) {
  const [command, args] =
    library === 'gimbal'
      ? [process.execPath, [join(here, 'ours.mjs'), folder]]
      : [binary, [join(here, 'peer.py'), folder, library]]
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 28 })
  if (status !== 0) throw new Error(`${library} failed: ${stderr}`)
  return JSON.parse(stdout.trim().split('\n').at(-1))
}

const runs = libraries.map((library) => ({ library, told: [] }))
for (let repeat = 0; repeat < Number(values.repeats); repeat++)
  for (const run of repeat % 2 === 0 ? runs : [...runs].reverse()) {
    run.told.push(measure(run.library))
    if (!values.json) console.error(`${run.library}: ${repeat + 1} of ${values.repeats}`)
  }

const rate = (told, name) =>
  told[0][name] === undefined ? undefined : Math.round(median(told.map((one) => one[name])))
const ours = runs[0].told
const ratio = (told, name) => {
  const theirs = rate(told, name)
  return theirs === undefined ? undefined : Number((rate(ours, name) / theirs).toFixed(1))
}
const speeds = runs.map(({ library, told }) => ({
  library,
  greeksPerSecond: rate(told, 'greeksPerSecond'),
  gimbalFasterGreeks: ratio(told, 'greeksPerSecond'),
  volatilityPerSecond: rate(told, 'volatilityPerSecond'),
  gimbalFasterVolatility: ratio(told, 'volatilityPerSecond'),
  hestonPerSecond: rate(told, 'hestonPerSecond'),
  gimbalFasterHeston: ratio(told, 'hestonPerSecond'),
}))
const told = (library, what) => new Float64Array(readFileSync(join(folder, `${library}.${what}`)).buffer.slice(0))
const accuracy = libraries.map((library) => {
  const prices = told(library, 'prices')
  let furthest = 0
  for (let i = 0; i < prices.length; i++) furthest = Math.max(furthest, Math.abs(prices[i] / listed.price[i] - 1))
  return { library, priceFurthest: Number(furthest.toPrecision(2)), ...accuracyOf(hard, told(library, 'volatility')) }
})
const apart = ours[0].heston.map((price, i) => Math.abs(price - runs[1].told[0].heston[i]))
const heston = { cases: apart.length, furthest: Number(Math.max(...apart).toPrecision(2)) }
if (values.json) {
  const settings = { rows: Number(values.rows), repeats: Number(values.repeats), seed: Number(values.seed) }
  const report = { settings, node: process.version, cpu: cpus()[0].model, speeds, accuracy, heston }
  console.log(JSON.stringify(report, undefined, 2))
} else {
  console.table(speeds)
  console.table(accuracy)
  console.table([heston])
}
