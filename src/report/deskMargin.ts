/** @file The page's sections on margin: a line for each account, what happens to all of them as coins move, and each account by itself. */

import { curveChart, lineColour } from './deskPlots.ts'
import type { AccountFacts, LiquidationFacts, MarginFacts, MovesFacts, OptimisedFacts } from './deskReport.ts'
import { count, escaped, fixed, NONE, percent, plain } from './figures.ts'
import { durationText } from './runReport.ts'
import { table } from './table.ts'

/** Ratios above this are drawn at it: how safe a safe account is matters little. */
const RATIO_SHOWN = 4
const LEFT_OUT = 'drawn at 4 where it is more'

function money(value: number): string {
  return Number.isFinite(value) ? fixed(value, 0) : NONE
}

function ratioText(ratio: number): string {
  if (ratio === Number.POSITIVE_INFINITY) return 'nothing asked'
  if (!Number.isFinite(ratio)) return NONE
  return `<span class="${ratio < 1 ? 'danger' : ratio < 1.5 ? 'negative' : 'safe'}">${fixed(ratio, 2)}×</span>`
}

/** Nearest of the prices at which the account is liquidated: the one it takes the fewest deviations to reach. */
function nearest(account: AccountFacts): { asset: string; percent: number; deviations: number } | undefined {
  let found: { asset: string; percent: number; deviations: number } | undefined
  for (const each of account.liquidations)
    for (const [percentMove, deviations] of [
      [each.downPercent, each.downDeviations],
      [each.upPercent, each.upDeviations],
    ] as const)
      if (Number.isFinite(deviations) && (found === undefined || deviations < found.deviations))
        found = { asset: each.asset, percent: percentMove, deviations }
  return found
}

function nearestText(account: AccountFacts): string {
  if (account.engine === '') return 'cannot be liquidated'
  if (account.refusal !== '') return NONE
  const found = nearest(account)
  if (!found) return 'none between a hundredth and a hundredfold'
  return `${escaped(found.asset)} ${signed(found.percent)} (${fixed(found.deviations, 1)} σ)`
}

function signed(percentage: number): string {
  return `${percentage > 0 ? '+' : ''}${percent(percentage / 100, 1)}`
}

/** All accounts, the ladder, and what should move. */
export function marginSection({ accounts, ladder, moves, optimised }: MarginFacts): string {
  const rows = accounts.map((account) => [
    escaped(account.venue),
    escaped(account.engine || 'wallet'),
    money(account.value),
    money(account.equity),
    money(account.initial),
    money(account.maintenance),
    account.engine === '' ? NONE : money(account.free),
    account.engine === '' ? NONE : ratioText(account.ratio),
    nearestText(account),
  ])
  const refused = accounts
    .filter(({ refusal }) => refusal !== '')
    .map(({ venue, refusal }) => `<p class="warn">${escaped(venue)}: ${escaped(refusal)}</p>`)
  const unknown = accounts
    .filter(({ missing }) => missing.length > 0)
    .map(
      ({ venue, missing }) =>
        `<p class="warn">${escaped(venue)}: not known and needed: ${escaped(missing.join(', '))}</p>`,
    )
  const curves = accounts
    .map((account, i) => ({ account, ratios: ladder.ratios[i]! }))
    .filter(({ account }) => account.engine !== '' && account.refusal === '')
    .map(({ account, ratios }, i) => ({
      name: account.venue,
      colour: lineColour(i),
      points: ladder.factors.map((factor, at) => [factor - 1, clipped(ratios[at]!)] as const),
    }))
  return `${refused.join('')}${unknown.join('')}${table(
    'Accounts, dollars',
    [
      'Account',
      'Rules',
      'Worth',
      'Equity for margin',
      'Initial',
      'Maintenance',
      'Free',
      'Equity over maintenance',
      'Nearest liquidation',
    ],
    rows,
    { left: [0, 1, 8] },
  )}
<p class="note">Equity for margin is what the venue counts, after its haircuts. Below 1× maintenance the venue liquidates. Nearest liquidation: one asset moves alone, σ is its day at today’s volatility.</p>
${curveChart({
  title: 'Margin ladder',
  unit: `equity over maintenance of each account as all coins move together; ${LEFT_OUT}; at 1 the venue liquidates`,
  description: curves
    .map(({ name, points }) => `${name} ${fixed(points[0]![1], 2)} to ${fixed(points.at(-1)![1], 2)}`)
    .join(', '),
  heightPx: 240,
  curves,
  xFormat: 'pct',
  yFormat: 'num',
  ends: [0, RATIO_SHOWN * 1.04],
  marks: [{ at: 0, name: 'now' }],
  levels: [{ at: 1, name: 'liquidated below' }],
})}
${movesPart(moves)}
${optimised ? optimisedPart(optimised) : ''}`
}

function clipped(ratio: number): number {
  return Number.isNaN(ratio) ? ratio : Math.min(RATIO_SHOWN, Math.max(0, ratio))
}

function movesPart({ survived, moves, missing, refusal }: MovesFacts): string {
  const asked = `So that every account survives ${escaped(survived.join(' and '))}, at the least cost.`
  if (refusal !== '') return `<h3>Money that should move</h3><p class="note">${escaped(refusal)}</p>`
  const lacking = missing.map(({ venue, dollars }) => `${escaped(venue)} ${money(dollars)}`)
  const lack =
    missing.length > 0
      ? `<p class="warn">Free money and routes do not suffice; dollars still missing: ${lacking.join(', ')}.</p>`
      : ''
  if (moves.length === 0)
    return `<h3>Money that should move</h3><p class="note">${asked} ${missing.length > 0 ? 'Nothing that could be sent would help.' : 'Nothing has to.'}</p>${lack}`
  return `${table(
    'Money that should move',
    ['From', 'To', 'Currency', 'Units', 'Dollars', 'Cost, $', 'Takes'],
    moves.map(({ from, to, currency, units, dollars, cost, takesUs }) => [
      escaped(from),
      escaped(to),
      escaped(currency),
      plain(units),
      money(dollars),
      plain(cost, 3),
      durationText(takesUs),
    ]),
    { left: [0, 1, 2] },
  )}<p class="note">${asked}</p>${lack}`
}

function optimisedPart(found: OptimisedFacts): string {
  const { feasible, trades, collateral, initialBefore, initial, capitalAdded, trading, carry, horizonDays } = found
  const misses = feasible ? '' : `<p class="warn">Not all rules can be met: ${escaped(found.violations.join('; '))}</p>`
  const shown =
    trades.length > 0
      ? table(
          'The same deltas at the least cost of capital: trades',
          ['Contract', 'Account', 'Trade', 'Held then', 'Cost, $', 'Why'],
          trades.map(({ name, venue, size, held, cost, why }) => [
            escaped(name),
            escaped(venue),
            `${size > 0 ? '+' : ''}${plain(size, 4)}`,
            plain(held, 4),
            plain(cost, 3),
            escaped(why),
          ]),
          { left: [0, 1, 5] },
        )
      : '<h3>The same deltas at the least cost of capital</h3><p class="note">No trade would pay.</p>'
  const moved = collateral.map(
    ({ venue, currency, units, dollars }) =>
      `${escaped(venue)} ${units > 0 ? '+' : ''}${plain(units, 5)} ${escaped(currency)} (${money(dollars)})`,
  )
  const binding = found.binding.length > 0 ? ` Held back by: ${escaped(found.binding.join(', '))}.` : ''
  return `${shown}${misses}<p class="facts">Initial margin ${money(initialBefore)} before, ${money(initial)} after; own money put in ${money(capitalAdded)}; trading costs ${money(trading)}; carry of the trades over ${plain(horizonDays)} days ${money(carry)}. Collateral: ${moved.join(', ') || 'stays where it is'}.${binding}</p>`
}

/** One account: where it is liquidated, what is asked for what, and what backs it. */
export function accountSection(account: AccountFacts): string {
  const { venue, engine, source, pools, liquidations, shares, balances, refusal } = account
  const held = balances.map(
    ({ currency, units, dollars }) => `${plain(units)} ${escaped(currency)} (${money(dollars)})`,
  )
  const backed = `<p class="facts">Balances, with their dollars: ${held.join(', ') || 'none'}.</p>`
  if (engine === '') return `<h3>${escaped(venue)}: a wallet</h3>${backed}`
  if (refusal !== '')
    return `<h3>${escaped(venue)}: ${escaped(engine)}</h3><p class="warn">${escaped(refusal)}</p>${backed}`
  return `<h3>${escaped(venue)}: ${escaped(engine)}</h3>
<p class="note">Rules: ${escaped(source)}</p>${backed}
${table(
  'Liquidation prices, one asset moving alone',
  ['Asset', 'Now', 'Below', 'Move', 'Days’ σ', 'Above', 'Move', 'Days’ σ', 'Volatility'],
  liquidations.map(liquidationCells),
)}
${table(
  'What is asked for what',
  ['Pool', 'Line', 'Initial', 'Maintenance', 'Currency'],
  pools.flatMap(({ name, currency, equity, initial, maintenance, free, lines, linesLeftOut }) => [
    [
      `<b>${escaped(name)}</b>`,
      `<b>equity ${plain(equity, 5)}, free ${plain(free, 5)}</b>`,
      `<b>${plain(initial, 5)}</b>`,
      `<b>${plain(maintenance, 5)}</b>`,
      escaped(currency),
    ],
    ...lines.map((line) => [
      '',
      escaped(line.what),
      plain(line.initial, 5),
      plain(line.maintenance, 5),
      escaped(currency),
    ]),
    ...(linesLeftOut > 0 ? [['', `${count(linesLeftOut)} smaller lines`, NONE, NONE, escaped(currency)]] : []),
  ]),
  { left: [0, 1, 4] },
)}
${
  shares.length > 0
    ? table(
        'What each position adds: with it less without it, dollars',
        ['Position', 'Initial', 'Maintenance', 'Equity'],
        shares.map(({ name, initial, maintenance, equity }) => [
          escaped(name),
          money(initial),
          money(maintenance),
          money(equity),
        ]),
      )
    : ''
}`
}

function liquidationCells(each: LiquidationFacts): string[] {
  const side = (price: number, move: number, deviations: number) =>
    Number.isFinite(price) ? [plain(price), signed(move), fixed(deviations, 1)] : ['none', NONE, NONE]
  return [
    escaped(each.asset),
    plain(each.price),
    ...side(each.down, each.downPercent, each.downDeviations),
    ...side(each.up, each.upPercent, each.upDeviations),
    `${percent(each.volatility, 0)}${each.volatilityAssumed ? ' assumed' : ''}`,
  ]
}
