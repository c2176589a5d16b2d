/**
 * @file What choosing venues and margin together saves on a real book: a short-variance strip on Deribit's BTC chain of one January
 * moment, hedged with perpetuals.
 *
 *   npm run build && node bench/capital.mjs [--data ../shared/data/options/deribit] [--chain chain_20260105T153329Z.csv.gz] [--vega 20000] [--json]
 *
 * The strip: out-of-the-money options of the listed expiry nearest to thirty days, sold in proportion to 1/K² (the replication of a
 * variance swap), in all `vega` dollars for a point. Delta is brought to zero (±0.05 coins), ±3σ of a day at the money are survived. Five ways:
 *
 *   naive        the strip under Deribit's standard margin, hedged leg by leg with the perpetual there
 *   mode         the same under portfolio margin
 *   spread       the strip under standard margin, hedges where the optimiser wants them (Deribit, Hyperliquid, dYdX)
 *   both         the strip under portfolio margin, hedges likewise
 *   free         the optimiser also chooses strikes and sizes (the same vega in the same expiry, whole lots of 0.1) and between the two modes
 *
 * Capital is own money that has to be put in; a premium received stays in the account. From the file: forwards, volatilities of marks, half spreads. Assumed,
 * for the file does not say: fees, depth of perpetuals, no funding (with any, shorting perpetuals for it would be part of the answer), a
 * charge of 1 % on capital for the thirty days. `leg by leg` trades each
 * option's own delta, rounded to lots, and pays spread and fee for each.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { candidateFromView, sigmaMoves } from '../dist/portfolio/capital/capitalRequest.js'
import { highsSolver } from '../dist/portfolio/capital/highsSolver.js'
import { costOf, optimiseCapital } from '../dist/portfolio/capital/optimise.js'
import { optionDollars, positionGreeks, SnapshotView } from '../dist/portfolio/index.js'

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: join(process.env.GIMBAL_SHARED ?? '../shared', 'data/options/deribit') },
    chain: { type: 'string', default: 'chain_20260105T153329Z.csv.gz' },
    vega: { type: 'string', default: '20000' },
    json: { type: 'boolean', default: false },
  },
})
const DAY_US = 86_400e6

/** Rows of BTC with what is needed of them. */
function readChain(path) {
  const [head, ...lines] = gunzipSync(readFileSync(path)).toString().trim().split('\n')
  const at = Object.fromEntries(head.split(',').map((name, i) => [name, i]))
  const rows = lines
    .map((line) => line.split(','))
    .filter((cells) => cells[at.currency] === 'BTC')
    .map((cells) => ({
      name: cells[at.instrument_name],
      timeUs: Date.parse(cells[at.timestamp]) * 1000,
      right: cells[at.option_type] === 'call' ? 1 : -1,
      strike: Number(cells[at.strike]),
      expiryUs: Date.parse(cells[at.expiry_datetime]) * 1000,
      forward: Number(cells[at.underlying]),
      volatility: Number(cells[at.implied_volatility]),
      bid: Number(cells[at.bid_price]),
      ask: Number(cells[at.ask_price]),
      openInterest: Number(cells[at.open_interest]),
      index: Number(cells[at.index_price]),
    }))
  return { rows, index: rows.map(({ index }) => index).sort((a, b) => a - b)[rows.length >> 1] }
}

/** Forwards and volatilities of the venue's own marks, strike by strike. */
class ChainView extends SnapshotView {
  #forward = new Map()
  #volatility = new Map()

  constructor(facts, rows) {
    super(facts)
    for (const { expiryUs, strike, forward, volatility } of rows) {
      this.#forward.set(expiryUs, forward)
      this.#volatility.set(`${expiryUs} ${strike}`, volatility)
    }
  }

  forward(asset, expiryUs) {
    return expiryUs <= this.timeUs ? this.spot(asset) : (this.#forward.get(expiryUs) ?? Number.NaN)
  }

  volatility(_asset, expiryUs, strike) {
    return this.#volatility.get(`${expiryUs} ${strike}`) ?? Number.NaN
  }
}

const { rows, index } = readChain(join(values.data, values.chain))
const timeUs = rows[0].timeUs
const perpLiquidity = (takerFee, depth) => ({ halfSpread: 0.00005, takerFee, depth })
const market = new ChainView(
  {
    timeUs,
    spot: { BTC: index },
    liquidity: {
      'deribit BTC': perpLiquidity(0.0005, 15e6),
      'deribit pm BTC': perpLiquidity(0.0005, 15e6),
      'hyperliquid BTC': perpLiquidity(0.00045, 20e6),
      'dydx BTC': perpLiquidity(0.0005, 5e6),
    },
  },
  rows,
)
const expiries = [...new Set(rows.map(({ expiryUs }) => expiryUs))]
const nearness = (expiryUs) => Math.abs(expiryUs - timeUs - 30 * DAY_US)
const expiryUs = expiries.reduce((best, each) => (nearness(each) < nearness(best) ? each : best))
const strip = rows
  .filter((row) => row.expiryUs === expiryUs && row.bid > 0 && row.ask >= row.bid && row.openInterest > 0)
  .filter(
    ({ right, strike, forward }) => right * (strike - forward) >= 0 && Math.abs(Math.log(strike / forward)) < 0.35,
  )
  .sort((a, b) => a.strike - b.strike)
const contract = ({ right, strike }) => ({
  kind: 'option',
  asset: 'BTC',
  size: 1,
  right,
  strike,
  expiryUs,
  settle: 'BTC',
})
const vegaOf = (row) => positionGreeks(contract(row), 'deribit', market).vega
const scale = Number(values.vega) / strip.reduce((sum, row) => sum + vegaOf(row) / row.strike ** 2, 0)
const sold = strip.map((row) => ({ row, size: -Math.round((10 * scale) / row.strike ** 2) / 10 }))
const coins = (row) => optionDollars(contract(row), market) / index
/** What crossing half the spread and the fee (0.03 % of the coin, at most an eighth of the premium) cost for a contract, dollars. */
const optionCost = (row) => ({
  halfSpread: 0.5 * (row.ask - row.bid) * index,
  fee: Math.min(0.0003, 0.125 * coins(row)) * index,
})
const stripCost = sold.reduce((sum, { row, size }) => {
  const { halfSpread, fee } = optionCost(row)
  return sum - size * (halfSpread + fee)
}, 0)

const account = (venue, margin, holds) => ({
  venue,
  margin,
  balances: holds ? { BTC: sold.reduce((sum, { row, size }) => sum - size * coins(row), 0) } : {},
  positions: holds ? sold.map(({ row, size }) => ({ ...contract(row), size, instrument: row.name })) : [],
})
const INVERSE = { kind: 'perp', asset: 'BTC', size: 1, entry: index, payoff: 'inverse', settle: 'BTC' }
const LINEAR = { kind: 'perp', asset: 'BTC', size: 1, entry: index, payoff: 'linear', settle: 'USDC' }
const atTheMoney = strip.reduce((best, row) =>
  Math.abs(row.strike - row.forward) < Math.abs(best.strike - best.forward) ? row : best,
).volatility

/** @param chooses Whether the strip is chosen rather than held. */
function request(accounts, chooses) {
  const book = { accounts, inTransit: [] }
  const candidates = accounts.flatMap(({ venue }, index_) => {
    const coin = venue.startsWith('deribit')
    const terms = { name: `${venue} perpetual`, account: index_, contract: coin ? INVERSE : LINEAR }
    const perp = candidateFromView({ ...terms, lot: coin ? 10 : 0.001, notionalMost: 20e6 }, book, market)
    if (!chooses || !coin) return [perp]
    const options = strip.map((row) => ({
      name: `${venue} ${row.name}`,
      account: index_,
      contract: contract(row),
      lot: 0.1,
      buyMost: Math.min(100, Math.floor(0.1 * row.openInterest)),
      sellMost: Math.min(100, Math.floor(0.1 * row.openInterest)),
      ...optionCost(row),
      impact: 0,
    }))
    return [perp, ...options]
  })
  return {
    book,
    market,
    candidates,
    limits: [
      { name: 'delta', greek: 'delta', asset: 'BTC', min: -0.05, max: 0.05 },
      ...(chooses
        ? [
            {
              name: 'vega',
              greek: 'vega',
              asset: 'BTC',
              min: -1.001 * Number(values.vega),
              max: -0.999 * Number(values.vega),
            },
          ]
        : []),
    ],
    collateral: accounts.map(({ venue }, i) => ({
      account: i,
      currency: venue.startsWith('deribit') ? 'BTC' : 'USDC',
      depositMost: venue.startsWith('deribit') ? 1000 : 50e6,
      withdrawMost: venue.startsWith('deribit') ? 1000 : 0,
    })),
    cash: { BTC: 1000, USDC: 50e6 },
    moves: sigmaMoves({ BTC: atTheMoney }, 3, 1),
    capitalCharge: 0.01,
    horizonDays: 30,
  }
}

const solver = await highsSolver()
const perps = [account('hyperliquid', 'hyperliquid', false), account('dydx', 'dydx-v4', false)]
const standard = account('deribit', 'deribit-standard', true)
const portfolio = account('deribit pm', 'deribit-portfolio', true)
const ways = {
  naive: request([standard], false),
  mode: request([portfolio], false),
  spread: request([standard, ...perps], false),
  both: request([portfolio, ...perps], false),
  free: request(
    [account('deribit', 'deribit-standard', false), account('deribit pm', 'deribit-portfolio', false), ...perps],
    true,
  ),
}
const found = Object.entries(ways).map(([way, asked]) => {
  const start = performance.now()
  const answer = optimiseCapital(asked, solver)
  const ms = performance.now() - start
  let trading = answer.trading + (way === 'free' ? 0 : stripCost)
  if (way === 'naive') {
    // Every leg's delta by itself: what offsets between legs is paid for twice.
    const [perp] = asked.candidates
    trading = stripCost
    for (const { row, size } of sold) {
      const delta = size * (positionGreeks(contract(row), 'deribit', market).delta - coins(row))
      trading += costOf(perp, Math.round((-delta * index) / 10) * 10)
    }
  }
  return { way, ms, trading, answer }
})
if (values.json) {
  console.log(JSON.stringify(found.map(({ way, ms, trading, answer }) => ({ way, ms, trading, ...answer }))))
} else {
  const dollars = (x) => Math.round(x).toLocaleString('en').padStart(11)
  const naive = found[0].answer.capitalAdded
  console.log(`${values.chain}: BTC ${index}, ${strip.length} strikes, at the money ${(100 * atTheMoney).toFixed(1)} %`)
  console.log('way         capital     saved     initial      trading     time  solves planes  over/under')
  for (const { way, ms, trading, answer } of found) {
    const { capitalAdded, initial, agreement, solves, planes, feasible } = answer
    console.log(
      `${way.padEnd(7)}${dollars(capitalAdded)}  ${(100 * (1 - capitalAdded / naive)).toFixed(1).padStart(6)} %` +
        `${dollars(initial)}  ${dollars(trading)}  ${ms.toFixed(0).padStart(5)} ms ${String(solves).padStart(6)} ${String(planes).padStart(6)}` +
        `  ${agreement.overstated.toExponential(1)}/${agreement.understated.toExponential(1)}${feasible ? '' : '  NOT FEASIBLE'}`,
    )
  }
  for (const { way, answer } of found.slice(-2)) {
    console.log(`\n${way}`)
    for (const { text } of answer.reasons) console.log(`  ${text}`)
    for (const { name, price } of answer.binding) console.log(`  binds: ${name}, ${price.toPrecision(4)} a unit`)
    for (const { without, dearer } of answer.alternatives) {
      console.log(`  without ${without}: ${dearer === undefined ? 'not possible' : `${dollars(dearer).trim()} dearer`}`)
    }
  }
}
