/**
 * @file Every snapshot of a folder of Deribit chains, fitted: time, arbitrage on a grid, quotes met, and how our volatility and
 * delta compare with the venue's.
 *
 *   npm run build && node bench/surfaces.mjs [--data ../shared/data/options/deribit] [--every 1] [--repeats 3] [--rows] [--json]
 *
 * - Time: cleaning, forwards, all slices, the arbitrage report and all Greeks of every row; median of repeats; per 1,000 rows too.
 * - Arbitrage: g and total variance at 1,000 log-moneynesses over twice the widest quoted, for every slice, three expiries between
 *   each two, one before the first, one after the last. Counts points where g < 0 or variance falls with time.
 * - Met: the fitted price lies between bid and ask. `liquid`: bid and ask present and not crossed, open interest above 0, venue's
 *   |delta| in [0.05, 0.95], ask − bid at most a fifth of the mid. `loose`: without the last. `all`: all with a bid and an ask.
 * - Volatility of the venue's mark, and delta, against ours, |delta| in [0.05, 0.95]. Mark, volatility and forward of a row are not
 *   of one instant: `volatility, moved` compares at the forward moved by one constant an expiry. Deltas were asked for option by
 *   option: `delta, moved` compares at the forward moved as the index beside the row was, less one constant a chain.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { normalCdf, normalQuantile } from '../dist/core/errorFunction.js'
import { deribitQuotes } from '../dist/importers/deribitQuotes.js'
import {
  black76,
  black76Batch,
  fitSabr,
  fitSurface,
  impliedVolatilityBatch,
  QuoteStatus,
  surfaceArbitrage,
} from '../dist/pricing/index.js'

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: join(process.env.GIMBAL_SHARED ?? '../shared', 'data/options/deribit') },
    every: { type: 'string', default: '1' },
    repeats: { type: 'string', default: '3' },
    rows: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})
const YEAR_US = 365 * 86_400_000_000
const POINTS = 1000
const FIRST = ['price', 'deltaForward', 'gamma', 'vega', 'theta', 'rho']
const HIGHER = [
  'deltaPremiumAdjusted', 'vanna', 'volga', 'charm', 'speed', 'zomma', 'color', 'veta', 'ultima',
] // biome-ignore format: one list

const columns = (names, rows) => Object.fromEntries(names.map((name) => [name, new Float64Array(rows)]))
const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
const median = (list) =>
  quantile(
    [...list].sort((a, b) => a - b),
    0.5,
  )

/** All that is asked of a chain: surface, arbitrage, Greeks of every row at the surface's volatility. */
function work(quotes, index) {
  const start = performance.now()
  const fit = fitSurface(quotes, { spot: index })
  const fitted = performance.now()
  const arbitrage = surfaceArbitrage(fit.surface)
  const checked = performance.now()
  const rows = quotes.right.length
  const volatility = new Float64Array(rows)
  fit.surface.fillVolatility(quotes.expiryUs, quotes.strike, volatility)
  const years = quotes.expiryUs.map((expiry) => (expiry - quotes.timeUs) / YEAR_US)
  const forward = quotes.expiryUs.map((expiry) => fit.surface.forward(expiry))
  const options = { right: quotes.right, forward, strike: quotes.strike, years, volatility }
  black76Batch(options, { ...columns(FIRST, rows), status: new Uint8Array(rows) }, columns(HIGHER, rows))
  return { fit, arbitrage, fitMs: fitted - start, checkMs: checked - fitted, totalMs: performance.now() - start }
}

/** Points of the grid with arbitrage, and the least g. */
function judgeGrid(surface, clean) {
  let reach = 0
  for (const k of clean.logMoneyness) if (Math.abs(k) > reach) reach = Math.abs(k)
  reach *= 2
  const { expiriesUs, timeUs } = surface
  const times = []
  expiriesUs.forEach((expiry, i) => {
    const before = i === 0 ? timeUs : expiriesUs[i - 1]
    for (const share of i === 0 ? [0.5, 1] : [0.25, 0.5, 0.75, 1]) times.push(before + share * (expiry - before))
  })
  times.push(expiriesUs.at(-1) + (expiriesUs.at(-1) - timeUs))
  let [butterflies, calendars, gLeast] = [0, 0, Number.POSITIVE_INFINITY]
  let last = new Float64Array(POINTS)
  for (const time of times) {
    const here = new Float64Array(POINTS)
    for (let i = 0; i < POINTS; i++) {
      const { variance, g } = surface.point(time, reach * ((2 * i) / (POINTS - 1) - 1))
      here[i] = variance
      gLeast = Math.min(gLeast, g)
      if (!(g >= 0)) butterflies++
      if (!(variance >= last[i])) calendars++
    }
    last = here
  }
  return { butterflies, calendars, gLeast, reach }
}

function judgeQuotes({ surface, clean }, quotes) {
  const { bid, ask, delta, openInterest } = quotes
  const counts = { all: [0, 0], loose: [0, 0], liquid: [0, 0] }
  for (let i = 0; i < bid.length; i++) {
    if (!(bid[i] > 0 && ask[i] >= bid[i])) continue
    const w = surface.totalVariance(quotes.expiryUs[i], clean.logMoneyness[i])
    const met = clean.status[i] !== QuoteStatus.OUTSIDE_BOUNDS && w >= clean.bidVariance[i] && w <= clean.askVariance[i]
    const loose = openInterest[i] > 0 && Math.abs(delta[i]) >= 0.05 && Math.abs(delta[i]) <= 0.95
    const liquid = loose && ask[i] - bid[i] <= 0.1 * (ask[i] + bid[i])
    for (const [name, belongs] of Object.entries({ all: true, loose, liquid }))
      if (belongs) {
        counts[name][0]++
        if (met) counts[name][1]++
      }
  }
  return counts
}

/** Our volatility of the mark less the venue's; our delta at the venue's volatility less the venue's, as it stands and moved. */
function againstVenue(quotes, rowIndex) {
  const rows = quotes.right.length
  const years = quotes.expiryUs.map((expiry) => (expiry - quotes.timeUs) / YEAR_US)
  const price = quotes.mark.map((mark, i) => mark * quotes.forward[i])
  const volatility = new Float64Array(rows)
  const { right, forward, strike } = quotes
  impliedVolatilityBatch({ right, forward, strike, years, price }, volatility, new Uint8Array(rows))
  const judged = []
  for (let i = 0; i < rows; i++) {
    const size = Math.abs(quotes.delta[i])
    if (!(size >= 0.05 && size <= 0.95 && quotes.markVolatility[i] > 0 && years[i] > 0)) continue
    const s = quotes.markVolatility[i] * Math.sqrt(years[i])
    const d1 = Math.log(forward[i] / strike[i]) / s + 0.5 * s
    const theirs = right[i] > 0 ? quotes.delta[i] : 1 + quotes.delta[i]
    // Log of the forward their delta is of, over the one in the row; less how the index had moved.
    const moved = (normalQuantile(theirs) - d1) * s
    // Share of the forward by which the mark is off at the venue's volatility, by the slope of the price in coins.
    const terms = { right: right[i], forward: forward[i], strike: strike[i], years: years[i] }
    const { price: fair, deltaForward } = black76({ ...terms, volatility: quotes.markVolatility[i] })
    const off = (price[i] - fair) / (deltaForward * forward[i] - fair)
    judged.push({ i, s, d1, theirs, off, rest: moved - Math.log(rowIndex[i]) })
  }
  const constant = median(judged.map(({ rest }) => rest))
  const offs = new Map()
  for (const { i, off } of judged) {
    const expiry = quotes.expiryUs[i]
    if (!offs.has(expiry)) offs.set(expiry, [])
    offs.get(expiry).push(off)
  }
  for (const [expiry, list] of offs) offs.set(expiry, 1 + median(list))
  const movedForward = forward.map((price, i) => price * (offs.get(quotes.expiryUs[i]) ?? Number.NaN))
  const movedPrice = quotes.mark.map((mark, i) => mark * movedForward[i])
  const movedVolatility = new Float64Array(rows)
  const movedRows = { right, forward: movedForward, strike, years, price: movedPrice }
  impliedVolatilityBatch(movedRows, movedVolatility, new Uint8Array(rows))
  return judged.map(({ i, s, d1, theirs }) => ({
    volatility: Math.abs(volatility[i] - quotes.markVolatility[i]),
    volatilityMoved: Math.abs(movedVolatility[i] - quotes.markVolatility[i]),
    delta: Math.abs(normalCdf(d1) - theirs),
    deltaMoved: Math.abs(normalCdf(d1 + (Math.log(rowIndex[i]) + constant) / s) - theirs),
  }))
}

/** Distance of SABR (β = 1) and of the surface from used mids, in volatility, where a slice has ten rows. */
function againstSabr({ surface, clean, expiries }) {
  const found = []
  for (const { expiryUs, years, used } of expiries) {
    if (used < 10) continue
    const rows = [...clean.status.keys()].filter(
      (i) => clean.status[i] === QuoteStatus.USED && clean.quotes.expiryUs[i] === expiryUs,
    )
    const strike = rows.map((i) => Math.exp(clean.logMoneyness[i]))
    const vol = rows.map((i) => Math.sqrt(clean.midVariance[i] / years))
    const weight = rows.map(
      (i) => 1 / Math.max(1e-4, Math.sqrt(clean.askVariance[i]) - Math.sqrt(clean.bidVariance[i])),
    )
    let [sum, weights] = [0, 0]
    rows.forEach((i, j) => {
      const away = weight[j] * (Math.sqrt(surface.totalVariance(expiryUs, clean.logMoneyness[i]) / years) - vol[j])
      sum += away * away
      weights += weight[j] * weight[j]
    })
    found.push({ sabr: fitSabr(1, 1, years, strike, vol, weight).distance, svi: Math.sqrt(sum / weights) })
  }
  return found
}

const files = readdirSync(values.data)
  .filter((name) => name.endsWith('.csv.gz'))
  .sort()
const chains = files
  .filter((_, i) => i % Number(values.every) === 0)
  .flatMap((file) =>
    deribitQuotes(gunzipSync(readFileSync(join(values.data, file))).toString()).map((chain) => ({ file, ...chain })),
  )
for (const { quotes, index } of chains.slice(0, 20)) work(quotes, index)

const results = []
const venue = []
const smiles = []
const outcomes = {}
const statuses = {}
for (const { file, quotes, index, rowIndex } of chains) {
  const runs = Array.from({ length: Number(values.repeats) }, () => work(quotes, index))
  const { fit, arbitrage } = runs[0]
  for (const { outcome } of fit.expiries) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
  for (const [name, count] of Object.entries(fit.clean.counts)) statuses[name] = (statuses[name] ?? 0) + count
  venue.push(...againstVenue(quotes, rowIndex))
  smiles.push(...againstSabr(fit))
  const counts = judgeQuotes(fit, quotes)
  const share = ([of, met]) => met / of
  results.push({
    file,
    asset: quotes.asset,
    rows: quotes.right.length,
    expiries: fit.expiries.length,
    slices: fit.surface.slices.length,
    fitMs: median(runs.map((run) => run.fitMs)),
    checkMs: median(runs.map((run) => run.checkMs)),
    totalMs: median(runs.map((run) => run.totalMs)),
    proved: arbitrage.free,
    ...judgeGrid(fit.surface, fit.clean),
    liquidRows: counts.liquid[0],
    liquid: share(counts.liquid),
    loose: share(counts.loose),
    all: share(counts.all),
    counts,
  })
}

const spread = (list) => {
  const sorted = [...list].filter((value) => !Number.isNaN(value)).sort((a, b) => a - b)
  return {
    least: sorted[0],
    median: quantile(sorted, 0.5),
    p90: quantile(sorted, 0.9),
    p99: quantile(sorted, 0.99),
    most: sorted.at(-1),
  }
}
const total = (name) => {
  const [of, met] = results.reduce((sum, { counts }) => [sum[0] + counts[name][0], sum[1] + counts[name][1]], [0, 0])
  return { quotes: of, met: met / of }
}
const summary = {
  chains: results.length,
  rows: spread(results.map(({ rows }) => rows)),
  milliseconds: {
    fit: spread(results.map(({ fitMs }) => fitMs)),
    arbitrageReport: spread(results.map(({ checkMs }) => checkMs)),
    withGreeks: spread(results.map(({ totalMs }) => totalMs)),
    perThousandRows: spread(results.map(({ totalMs, rows }) => (1000 * totalMs) / rows)),
  },
  arbitrage: {
    notProved: results.filter(({ proved }) => !proved).length,
    butterflyPoints: results.reduce((sum, { butterflies }) => sum + butterflies, 0),
    calendarPoints: results.reduce((sum, { calendars }) => sum + calendars, 0),
    leastG: Math.min(...results.map(({ gLeast }) => gLeast)),
  },
  met: Object.fromEntries(
    ['liquid', 'loose', 'all'].map((name) => [
      name,
      {
        ...total(name),
        ofChains: spread(results.map((result) => result[name])),
        chainsBelow90: results.filter((result) => result[name] < 0.9).length,
      },
    ]),
  ),
  venue: {
    volatility: spread(venue.map(({ volatility }) => volatility)),
    volatilityMoved: spread(venue.map(({ volatilityMoved }) => volatilityMoved)),
    delta: spread(venue.map(({ delta }) => delta)),
    deltaMoved: spread(venue.map(({ deltaMoved }) => deltaMoved)),
  },
  distance: { svi: spread(smiles.map(({ svi }) => svi)), sabr: spread(smiles.map(({ sabr }) => sabr)) },
  outcomes,
  statuses,
}

if (values.json) console.log(JSON.stringify({ summary, chains: results }, null, 1))
else {
  const text = ({ least, median: middle, p90, p99, most }) =>
    [least, middle, p90, p99, most].map((value) => value.toPrecision(3).padStart(10)).join('')
  if (values.rows)
    for (const r of results)
      console.log(
        `${r.file} ${r.asset} ${r.rows} rows ${r.slices}/${r.expiries} slices ${r.totalMs.toFixed(1)} ms  liquid ${r.liquid.toFixed(3)} loose ${r.loose.toFixed(3)} all ${r.all.toFixed(3)}  g ${r.gLeast.toExponential(1)} bad ${r.butterflies}+${r.calendars}${r.proved ? '' : ' NOT PROVED'}`,
      )
  console.log(
    `${summary.chains} chains${' '.repeat(26)}${['least', 'median', '90 %', '99 %', 'most'].map((name) => name.padStart(10)).join('')}`,
  )
  const line = (name, figures) => console.log(name.padEnd(36) + text(figures))
  line('rows', summary.rows)
  line('ms: forwards, cleaning, slices', summary.milliseconds.fit)
  line('ms: arbitrage report', summary.milliseconds.arbitrageReport)
  line('ms: all, with 15 Greeks', summary.milliseconds.withGreeks)
  line('ms: all, per 1,000 rows', summary.milliseconds.perThousandRows)
  for (const name of ['liquid', 'loose', 'all']) line(`share met, ${name}`, summary.met[name].ofChains)
  line('|volatility of mark − venue|', summary.venue.volatility)
  line('|volatility of mark − venue|, moved', summary.venue.volatilityMoved)
  line('|delta − venue|', summary.venue.delta)
  line('|delta − venue|, moved', summary.venue.deltaMoved)
  line('distance from mids, SVI', summary.distance.svi)
  line('distance from mids, SABR', summary.distance.sabr)
  for (const name of ['liquid', 'loose', 'all'])
    console.log(
      `${name}: ${(100 * summary.met[name].met).toFixed(2)} % of ${summary.met[name].quotes} quotes met; below 90 % in ${summary.met[name].chainsBelow90} chains`,
    )
  console.log('arbitrage', JSON.stringify(summary.arbitrage))
  console.log('expiries', JSON.stringify(outcomes))
  console.log('rows', JSON.stringify(statuses))
}
