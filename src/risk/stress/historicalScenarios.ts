/**
 * @file Five days that happened, as paths a book can be taken through.
 *
 * Prices of BTC and ETH are facts: Binance spot by the hour (2020 to 2022) and perpetuals by five minutes (2025), lows included at
 * about their time within the bar; for 2026 what newspapers wrote. Funding, gas and depth are facts where a source says so. How far
 * implied volatility rose from its level before, depth where nobody measured it, and that other coins follow ETH are assumptions,
 * and each scenario says which.
 */

import { HOUR_US, MINUTE_US } from '../../core/clock.ts'
import { checkScenario, EVERY, type Scenario, type Shock } from './scenario.ts'

/** Time in the unit of its table, then prices in dollars. */
type Row = readonly [time: number, btc: number, eth: number]

interface Extra {
  readonly time: number
  readonly shocks: readonly Shock[]
}

/** A path from a table of prices; extras fall on a time of the table. */
function replay(
  head: { name: string; about: string; sources: readonly string[]; unitUs: number; everyUs: number },
  rows: readonly Row[],
  always: readonly Shock[],
  extras: readonly Extra[],
): Scenario {
  const [, btc, eth] = rows[0]!
  const steps = rows.slice(1).map(([time, btcThen, ethThen], index) => ({
    atUs: Math.round(time * head.unitUs),
    shocks: [
      { shock: 'spot', asset: 'BTC', factor: btcThen / btc },
      { shock: 'spot', asset: 'ETH', factor: ethThen / eth },
      ...(index === 0 ? always : []),
      ...(extras.find((each) => each.time === time)?.shocks ?? []),
    ],
  }))
  const { name, about, sources, everyUs } = head
  return checkScenario({ name, about, sources, everyUs, sticky: 'moneyness', steps })
}

const othersFollow: Shock = { shock: 'correlation', given: 'ETH', to: 1, ratios: {} }
const volatility = (points: number): Shock => ({ shock: 'volatility', asset: EVERY, factor: 1, add: points / 100 })
const term = (points: number): Shock => ({ shock: 'term', asset: EVERY, add: points / 100 })
const skew = (points: number): Shock => ({ shock: 'skew', asset: EVERY, add: points / 100 })
const depth = (factor: number): Shock => ({ shock: 'depth', asset: EVERY, venue: EVERY, factor })
const spread = (factor: number): Shock => ({ shock: 'spread', asset: EVERY, venue: EVERY, factor })
const gwei = (value: number): Shock => ({ shock: 'gas', venue: EVERY, mode: 'gwei', value })
const funding = (asset: string, percentPerDay: number): Shock => ({
  shock: 'funding',
  asset,
  venue: EVERY,
  mode: 'per-day',
  value: percentPerDay / 100,
})
const basis = (percent: number): Shock => ({ shock: 'basis', asset: EVERY, venue: EVERY, add: percent / 100 })

const MARCH_2020 = replay(
  {
    name: 'march-2020',
    about:
      '12-13 March 2020 from 10:00 UTC: BTC −49 %, ETH −49 % in 16.5 hours, gas to 400 gwei. Facts: prices, gas, funding, ' +
      'perpetuals 12 % below spot at worst. Assumed: volatility +110 points at the low (1-month at the money stood at 184 % three ' +
      'days later), depth a tenth, other coins as ETH.',
    sources: [
      'Binance spot hourly bars',
      'Binance funding history',
      't09 event facts (Glassnode via Aave: gas)',
      'Skew via ohnocrypto.com, 17 March 2020 (implied volatility)',
      'thefutureiscrypto.org, 17 May 2021 (perpetuals 12 % below spot)',
    ],
    unitUs: HOUR_US,
    everyUs: 30 * MINUTE_US,
  },
  [
    [0, 7354.99, 167.97],
    [0.75, 5550, 125],
    [1, 6014.9, 132.91],
    [2, 6067.01, 136.59],
    [5, 6094.19, 139.66],
    [8, 6114.61, 141.96],
    [11, 5743.43, 128.84],
    [13, 5802.7, 127.26],
    [14, 4800, 107.82],
    [15, 4654.72, 106.89],
    [16, 4130.64, 96.62],
    [16.5, 3782.13, 86],
    [17, 4848.71, 111.12],
    [20, 4956.52, 116.63],
    [26, 5403.56, 127.6],
  ],
  [othersFollow],
  [
    { time: 0.75, shocks: [volatility(60), term(20), depth(0.2), spread(5), gwei(200)] },
    { time: 14, shocks: [volatility(80), depth(0.1), spread(10), gwei(400)] },
    { time: 16.5, shocks: [volatility(110), term(40), skew(5), basis(-12), gwei(400)] },
    { time: 17, shocks: [basis(-3), funding('BTC', -0.9), funding('ETH', -0.845)] },
    { time: 26, shocks: [volatility(90), basis(0), depth(0.3), gwei(100)] },
  ],
)

const MAY_2021 = replay(
  {
    name: 'may-2021',
    about:
      '19 May 2021 from 11:00 UTC: BTC −24 %, ETH −34 % in 2.2 hours, gas above 2,000 gwei. Facts: prices, gas, funding. Assumed: ' +
      'volatility +60 points (BTC at the money rose to about 150 %), depth a fifth, other coins as ETH.',
    sources: [
      'Binance spot hourly bars',
      'Binance funding history',
      't09 event facts (Coin Metrics, Gauntlet: gas)',
      'TokenInsight weekly options report, May 2021 (implied volatility)',
    ],
    unitUs: HOUR_US,
    everyUs: 15 * MINUTE_US,
  },
  [
    [0, 39432.42, 2856.66],
    [0.75, 36333, 2442.82],
    [1, 38700, 2721.08],
    [1.75, 32488.89, 1960],
    [2, 35234.62, 2365.18],
    [2.2, 30000, 1888],
    [3, 35863.06, 2493.69],
    [4, 37521.32, 2612.74],
    [6, 39580.68, 2852.6],
    [8, 37961.02, 2604.36],
    [11, 38771.77, 2586.24],
    [13, 36690.09, 2438.92],
  ],
  [othersFollow],
  [
    { time: 0.75, shocks: [volatility(25), term(10), depth(0.4), spread(3), gwei(500)] },
    { time: 1.75, shocks: [volatility(50), term(20), depth(0.2), spread(10), gwei(2000)] },
    { time: 2.2, shocks: [volatility(60), skew(3), gwei(2000)] },
    { time: 3, shocks: [gwei(1600)] },
    { time: 4, shocks: [volatility(45), funding('BTC', -0.269), funding('ETH', -1.069), depth(0.4)] },
    { time: 6, shocks: [gwei(300), depth(0.6), spread(3)] },
  ],
)

const FTX_2022 = replay(
  {
    name: 'ftx-2022',
    about:
      '8-10 November 2022 from 14:00 UTC, the fall of FTX: BTC −20 %, ETH −27 % in 34 hours. Facts: prices, funding. Assumed: ' +
      'volatility +45 points (the 30-day index peaked at 105), depth half, other coins as ETH.',
    sources: [
      'Binance spot hourly bars',
      'Binance funding history',
      'tradernews.org, 6 February 2026 (implied volatility high of 105)',
    ],
    unitUs: HOUR_US,
    everyUs: HOUR_US,
  },
  [
    [0, 19554.76, 1462.03],
    [3, 20371.06, 1545.82],
    [4, 19342.67, 1447.1],
    [5, 18600.51, 1346.14],
    [5.75, 17166.83, 1233],
    [6.5, 17810.49, 1280],
    [8, 18700.79, 1336.71],
    [20, 17763.68, 1216.25],
    [20.5, 17250.33, 1136.13],
    [24, 17582.24, 1214.52],
    [28, 16954.94, 1168.54],
    [30, 16784.64, 1195.46],
    [32, 15747.69, 1106.11],
    [32.5, 15591, 1100.62],
    [33.75, 15588, 1073.53],
    [34, 15922.68, 1102.73],
    [40, 16726.58, 1187.25],
  ],
  [othersFollow],
  [
    { time: 5, shocks: [volatility(20), term(10), depth(0.6), spread(3)] },
    { time: 20.5, shocks: [volatility(35), funding('BTC', -0.099), funding('ETH', -0.164)] },
    { time: 32.5, shocks: [volatility(45), term(20), skew(3), depth(0.5), spread(5)] },
    { time: 34, shocks: [funding('BTC', -0.358), funding('ETH', -0.18)] },
  ],
)

const OCTOBER_2025 = replay(
  {
    name: 'october-2025',
    about:
      '10-11 October 2025 from 20:50 UTC: BTC −13 %, ETH −15 % and smaller coins −55 % in half an hour, books 98 % empty. Facts: ' +
      'prices, SOL −31 %, depth, volatility of BTC from 40 to 60. Assumed: spreads, how soon depth came back.',
    sources: [
      'Binance perpetual 5-minute bars',
      't09 event facts (Chaos Labs, Coinglass)',
      'coindesk.com, 22 October 2025 (30-day implied volatility 40 to 60)',
    ],
    unitUs: MINUTE_US,
    everyUs: 5 * MINUTE_US,
  },
  [
    [0, 116830.3, 4009.98],
    [5, 115328.1, 3924.55],
    [10, 114198, 3864.76],
    [15, 115006.9, 3908.32],
    [20, 114382.4, 3895.35],
    [25, 112137.6, 3723.05],
    [30, 103441.3, 3476.18],
    [32, 101516.5, 3400],
    [35, 108473, 3651.84],
    [40, 109183, 3617.44],
    [45, 111342.5, 3739.71],
    [60, 112971.4, 3840],
    [70, 113253.6, 3941.17],
    [130, 113606.3, 3852.95],
  ],
  [],
  [
    { time: 20, shocks: [volatility(6), depth(0.5), { shock: 'spot', asset: EVERY, factor: 0.93 }] },
    {
      time: 32,
      shocks: [
        volatility(20),
        term(15),
        skew(3),
        depth(0.02),
        spread(20),
        { shock: 'spot', asset: 'SOL', factor: 0.69 },
        { shock: 'spot', asset: EVERY, factor: 0.45 },
      ],
    },
    {
      time: 60,
      shocks: [
        depth(0.2),
        spread(5),
        { shock: 'spot', asset: 'SOL', factor: 0.85 },
        { shock: 'spot', asset: EVERY, factor: 0.75 },
      ],
    },
    { time: 130, shocks: [depth(0.4), spread(3), term(5)] },
  ],
)

const FEBRUARY_2026 = replay(
  {
    name: 'february-2026',
    about:
      '5-6 February 2026 from 00:00 UTC: BTC 73,100 to 60,033, ETH to 1,750, volatility from 56 to near 100. Public facts, not bars: ' +
      'levels are as reported, times within some hours, points between them assumed, and so are depth, spreads and funding.',
    sources: [
      'cryptovalleyjournal.com (60,033, the low in early Asian trading)',
      'signalplus.com (73,100 to 62,400)',
      'stocktwits.com, 5 February 2026 (65,030; ETH 1,910.85, −10.33 % in 24 hours)',
      'cryptobriefing.com (ETH 1,750; BTC back to 70,000)',
      'ainvest.com (30-day implied volatility 56 to near 100)',
    ],
    unitUs: HOUR_US,
    everyUs: HOUR_US,
  },
  [
    [0, 73100, 2131],
    [12, 70000, 2070],
    [20, 65030, 1910.85],
    [23, 62400, 1835],
    [24.5, 60033, 1750],
    [27, 65000, 1880],
    [40, 70000, 2050],
  ],
  [othersFollow],
  [
    { time: 12, shocks: [volatility(8), depth(0.7)] },
    { time: 20, shocks: [volatility(22), term(10), depth(0.5), spread(3)] },
    { time: 24.5, shocks: [volatility(44), term(20), skew(4), depth(0.3), spread(5), funding(EVERY, -0.1)] },
    { time: 40, shocks: [volatility(20), depth(0.6), spread(2)] },
  ],
)

/** Oldest first. */
export const HISTORICAL_SCENARIOS: readonly Scenario[] = [MARCH_2020, MAY_2021, FTX_2022, OCTOBER_2025, FEBRUARY_2026]
