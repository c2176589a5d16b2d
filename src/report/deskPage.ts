/**
 * @file The page of the desk: one HTML file, no network, no script, readable on paper and on a phone.
 *
 * Everything shown comes from the {@link DeskReport}, which lies beside it as `desk.json`. The order is that of a morning: which market
 * and which book, what volatility costs, what the book depends on, how near its venues are to taking it, and what kills it.
 */

import { DAY_US, isoDay } from '../core/clock.ts'
import { dollarLike } from '../market/instrument.ts'
import type { CashGreeks } from '../portfolio/greeksTable.ts'
import { accountSection, marginSection } from './deskMargin.ts'
import { curveChart, DESK_PLOT_STYLE, lineColour, shadedTable, smileChart } from './deskPlots.ts'
import type { DeskReport, ExpiryFacts, GreeksFacts, Ladder, MarketKind, SurfaceFacts } from './deskReport.ts'
import { stressSection } from './deskStress.ts'
import { count, escaped, fixed, NONE, percent, plain, utc } from './figures.ts'
import { pageHead } from './pageHead.ts'
import { PAGE_STYLE } from './pageStyle.ts'
import { PLOT_STYLE } from './researchPlots.ts'
import { table } from './table.ts'

const KINDS: Readonly<Record<MarketKind, { badge: string; style: string; meaning: string }>> = {
  real: { badge: 'REAL DATA', style: 'real', meaning: 'Read from a market.' },
  replayed: { badge: 'REPLAYED DATA', style: 'replayed', meaning: 'Recorded from a market, and read back.' },
  synthetic: { badge: 'SYNTHETIC DATA', style: 'synthetic', meaning: 'Generated: this market never existed.' },
  mixed: { badge: 'MIXED DATA', style: 'synthetic', meaning: 'Partly recorded, partly generated.' },
  given: { badge: 'GIVEN FIGURES', style: 'synthetic', meaning: 'Somebody wrote these prices down.' },
}

/** Renders the page of a desk. The same report is always the same bytes. */
export function renderDesk(report: DeskReport): string {
  const { market, surfaces, greeks, margin, stress } = report
  const sections: [anchor: string, heading: string, html: string][] = []
  if (surfaces) sections.push(['surface', 'Volatility', surfaces.map(surfaceSection).join('\n')])
  if (greeks) sections.push(['greeks', 'Greeks', greeksSection(greeks)])
  if (margin) sections.push(['margin', 'Margin', marginSection(margin)])
  if (stress) sections.push(['stress', 'Stress', stressSection(stress)])
  if (margin) sections.push(['accounts', 'Accounts', margin.accounts.map(accountSection).join('\n')])
  sections.push(['assumptions', 'Assumptions and provenance', provenanceSection(report)])
  const links = sections.map(([anchor, heading]) => `<a href="#${anchor}">${heading}</a>`)
  const shown = sections.map(
    ([anchor, heading, html]) => `<section id="${anchor}"><h2>${heading}</h2>\n${html}</section>`,
  )
  const title = report.book ? `${report.book.name} in ${market.source}` : market.source
  return `${pageHead(`${title} – gimbal desk`, report.gimbalVersion, PAGE_STYLE + PLOT_STYLE + DESK_PLOT_STYLE + DESK_STYLE, false)}<header class="page"><b>gimbal</b><span>desk, all times UTC, money in US dollars</span><span class="actions"><a href="desk.json">desk.json</a></span></header>
<nav aria-label="Sections"><div>${links.join('')}</div></nav>
<main>
${headline(report)}
${shown.join('\n')}
</main>
<footer>Made by gimbal ${escaped(report.gimbalVersion)}. The same market and book give this same file, byte for byte. Nothing here is advice.</footer>
</body>
</html>
`
}

/** Dollars without cents, short. */
function money(value: number): string {
  return Number.isFinite(value) ? fixed(value, 0) : NONE
}

function headline({ market, book, greeks, margin, stress }: DeskReport): string {
  const kind = KINDS[market.kind]
  const spots = market.spots.map(({ asset, price }) => `${escaped(asset)} ${plain(price)}`)
  const cells: string[] = []
  const cell = (name: string, value: string, text: string) =>
    cells.push(`<div><dt>${name}</dt><dd>${value}</dd><small>${text}</small></div>`)
  if (book)
    cell('Worth', money(book.value), `dollars, ${count(book.accounts)} accounts, ${count(book.positions)} positions`)
  if (greeks) {
    const { total } = greeks.table
    cell('Delta', money(total.deltaDollars), `dollars of coins; gross ${money(total.grossDeltaDollars)}`)
    cell('Gamma', money(total.gammaDollars), 'dollars of delta a 1 % move')
    cell('Vega', money(total.vega), 'dollars a point of volatility')
    cell('Theta', money(total.theta), `dollars a day; carry ${money(total.carry)}`)
  }
  if (margin) {
    const ruled = margin.accounts.filter(({ engine, refusal }) => engine !== '' && refusal === '')
    const weakest = ruled.reduce<(typeof ruled)[number] | undefined>(
      (worst, each) => (worst === undefined || !(each.ratio >= worst.ratio) ? each : worst),
      undefined,
    )
    if (weakest)
      cell(
        'Weakest account',
        Number.isFinite(weakest.ratio) ? `${fixed(weakest.ratio, 2)}×` : 'nothing asked',
        `${escaped(weakest.venue)}: equity over maintenance`,
      )
  }
  if (stress) {
    const survived = stress.scenarios.length - stress.deadly.length
    cell(
      'Scenarios survived',
      `${survived} of ${stress.scenarios.length}`,
      'equity stays above zero, with the breakers given',
    )
  }
  return `<header class="top">
<div class="badges"><span class="badge ${kind.style}" title="${kind.meaning}">${kind.badge}</span>${book?.example ? '<span class="badge mode" title="Made up by gimbal to fit the market.">EXAMPLE BOOK</span>' : ''}</div>
<h1>${escaped(book ? book.name : market.source)}</h1>
<p class="facts">${escaped(market.source)}, ${utc(market.timeUs)} UTC. ${kind.meaning} ${spots.join(', ')} dollars.</p>
${cells.length > 0 ? `<dl class="key">${cells.join('')}</dl>` : ''}
${market.kind === 'synthetic' ? '<p class="warn">The market was generated, so this shows how the machinery behaves and nothing about a real market.</p>' : ''}
</header>`
}

/** Deviations from the forward at which the picture of a surface is read. */
const MONEYNESS = [-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2] as const

function surfaceSection(found: SurfaceFacts): string {
  const { asset, venue, expiries, arbitrage, index30, quotes, used, refused, halfSpread } = found
  const known = expiries.filter(({ smile }) => smile.length > 0)
  const reasons = Object.entries(refused).map(([reason, rows]) => `${count(rows)} ${reason}`)
  return `<h3 class="asset">${escaped(asset)} options of ${escaped(venue)}</h3>
<p class="facts">${count(used)} of ${count(quotes)} quotes believed${reasons.length > 0 ? `; weigh nothing: ${reasons.join(', ')}` : ''}. ${arbitrageText(arbitrage)} 30-day volatility index, fair variance off the surface: <b>${percent(index30)}</b>.${Number.isFinite(halfSpread) ? ` Half spread near the money ${percent(halfSpread)} of volatility.` : ''}</p>
${expiryTable(known)}
<p class="note">Volatilities a year. Skew and curvature: first and second derivative of volatility over ln(strike/forward), at the money. RMSE: distance of the fit from mids, in volatility. Quoted: share of the swap’s variance that lies between the strikes believed; the rest is what the fit makes of the wings. Inside: share of believed quotes whose bid and ask hold the fit. g: Durrleman’s function; below zero a butterfly could be had for nothing.</p>
<div class="plots">
${curveChart({
  title: 'Term structure',
  unit: 'volatility a year over days to expiry',
  description: known.map((each) => `${isoDay(each.expiryUs)} ${percent(each.volatility, 1)}`).join(', '),
  heightPx: 200,
  curves: [
    { name: 'at the money', colour: '--blue', points: known.map(({ days, volatility }) => [days, volatility]) },
    {
      name: 'variance swap, where strikes quoted make up four fifths of it',
      colour: '--orange',
      points: known.map(({ days, varianceSwap, varianceSwapQuoted }) => [
        days,
        varianceSwapQuoted >= 0.8 ? varianceSwap : Number.NaN,
      ]),
    },
  ],
  xFormat: 'num',
  yFormat: 'pct',
})}
${curveChart({
  title: 'Density of the price at expiry',
  unit: 'risk-neutral, per unit of ln(price/forward)',
  description: 'From the fitted surface; nowhere negative where it has no butterflies.',
  heightPx: 200,
  curves: spreadOut(known, 5).map((each, i) => ({
    name: isoDay(each.expiryUs),
    colour: lineColour(i),
    points: each.density.map(({ logMoneyness, density }) => [logMoneyness, density]),
  })),
  xEnds: densityEnds(known),
  xFormat: 'pct',
  yFormat: 'num',
})}
</div>
${surfacePicture(known)}
<details${known.length <= 6 ? ' open' : ''}><summary>Smiles, one for each expiry: bars from bid to ask, a dot at the mid, the fit through them; red where it lies outside</summary><div class="plots">
${known.map((each) => smileChart(`${isoDay(each.expiryUs)}, ${fixed(each.days, 1)} d`, each.forward, each.quotes, each.smile)).join('\n')}
</div></details>`
}

/** First, last and what lies evenly between. */
function spreadOut<T>(list: readonly T[], wanted: number): readonly T[] {
  if (list.length <= wanted) return list
  return Array.from({ length: wanted }, (_, i) => list[Math.round((i * (list.length - 1)) / (wanted - 1))]!)
}

/** Where the densities shown have something to show. */
function densityEnds(known: readonly ExpiryFacts[]): [number, number] {
  const shown = spreadOut(known, 5).slice(0, -1)
  const widest = (shown.length > 0 ? shown : known).at(-1)
  const reach = widest?.density.at(-1)?.logMoneyness ?? 1
  return [-0.75 * reach, 0.75 * reach]
}

function arbitrageText({ free, butterflies, calendars, gBetween, gBeyond }: SurfaceFacts['arbitrage']): string {
  if (free)
    return 'No arbitrage: no slice has a butterfly and no two slices cross, at any strike; none was found between and beyond them.'
  return `<b class="negative">Arbitrage</b>: ${count(butterflies)} slices with butterflies or undecided, ${count(calendars)} pairs that cross or undecided, least g between slices ${plain(gBetween, 3)}, beyond them ${plain(gBeyond, 3)}.`
}

function expiryTable(known: readonly ExpiryFacts[]): string {
  const head = [
    ...['Expiry', 'Days', 'Forward', 'At the money', 'Skew', 'Curvature', 'Variance swap', 'Quoted'],
    ...['Used', 'Inside', 'RMSE', 'Least g', 'Slice'],
  ]
  const rows = known.map((each) => [
    isoDay(each.expiryUs),
    fixed(each.days, 1),
    plain(each.forward),
    percent(each.volatility),
    fixed(each.skew, 3),
    fixed(each.curvature, 3),
    percent(each.varianceSwap),
    percent(each.varianceSwapQuoted, 0),
    `<span title="${escaped(
      Object.entries(each.refused)
        .map(([reason, n]) => `${n} ${reason}`)
        .join(', '),
    )}">${count(each.used)} of ${count(each.rows)}</span>`,
    each.used > 0 ? percent(each.inside / each.used, 0) : NONE,
    Number.isFinite(each.rmse) ? percent(each.rmse) : NONE,
    Number.isFinite(each.gLeast) ? fixed(each.gLeast, 4) : NONE,
    escaped(each.outcome),
  ])
  return table('Expiries', head, rows, { left: [0, 12] })
}

/** Volatility where so many deviations of each expiry lie from its forward. */
function surfacePicture(known: readonly ExpiryFacts[]): string {
  const at = (each: ExpiryFacts, deviations: number) => {
    const k = deviations * each.volatility * Math.sqrt(each.days / 365)
    const next = each.smile.findIndex(({ logMoneyness }) => logMoneyness >= k)
    if (next < 0 || (next === 0 && each.smile[0]!.logMoneyness > k)) return Number.NaN
    if (next === 0) return each.smile[0]!.volatility
    const [p, q] = [each.smile[next - 1]!, each.smile[next]!]
    const share = (k - p.logMoneyness) / (q.logMoneyness - p.logMoneyness)
    return p.volatility + share * (q.volatility - p.volatility)
  }
  return shadedTable(
    'Surface: volatility by expiry and by distance of the strike from the forward, in standard deviations to that expiry',
    ['Expiry', ...MONEYNESS.map((each) => (each === 0 ? 'forward' : `${each > 0 ? '+' : '−'}${Math.abs(each)} σ`))],
    known.map((each) => ({ name: isoDay(each.expiryUs), values: MONEYNESS.map((deviations) => at(each, deviations)) })),
    (value) => percent(value, 1),
  )
}

const GREEK_HEADS = [
  'Value',
  'Delta',
  'Delta, $',
  'Gamma, $ a 1 %',
  'Vega, $',
  'Theta, $ a day',
  'Carry, $ a day',
  'Vanna',
  'Charm',
]

function greekCells(greeks: Readonly<CashGreeks>): string[] {
  const { value, delta, deltaDollars, gammaDollars, vega, theta, carry, vanna, charm } = greeks
  return [
    money(value),
    plain(delta, 4),
    money(deltaDollars),
    money(gammaDollars),
    money(vega),
    money(theta),
    money(carry),
    plain(vanna, 3),
    plain(charm, 3),
  ]
}

function greeksSection({ table: found, ladders }: GreeksFacts): string {
  const { assets, accounts, buckets, total, unpriced } = found
  const missing = unpriced.map(
    ({ name, venue, missing: what }) => `<li>${escaped(name)} at ${escaped(venue)}: ${escaped(what.join(', '))}</li>`,
  )
  const warning =
    missing.length > 0 ? `<div class="warn">Without a price, and in no sum here:<ul>${missing.join('')}</ul></div>` : ''
  return `${warning}${table(
    'By asset',
    ['Asset', ...GREEK_HEADS],
    assets.map(({ asset, greeks }) => [escaped(asset), ...greekCells(greeks)]),
    {
      total: [
        'Together',
        money(total.value),
        NONE,
        money(total.deltaDollars),
        money(total.gammaDollars),
        money(total.vega),
        money(total.theta),
        money(total.carry),
        NONE,
        NONE,
      ],
    },
  )}
<p class="note">Of whole positions. Delta in coins and in dollars; gamma: by what it moves the delta in dollars when the price moves 1 %; vega and vanna: a point of volatility; charm: delta a day. Volatility sticks to the strike. Dollar coins are in value, theta and carry of the sum, and not in its delta and gamma.</p>
${ladders.map(ladderPart).join('\n')}
${table(
  'By account',
  ['Account', 'Asset', ...GREEK_HEADS],
  accounts.map(({ venue, asset, greeks }) => [escaped(venue), escaped(asset), ...greekCells(greeks)]),
  { left: [0, 1] },
)}
${table(
  'By expiry and strike',
  ['Asset', 'Expiry', 'Strike', ...GREEK_HEADS],
  buckets
    .filter(({ asset, expiry }) => !(dollarLike(asset) && expiry === ''))
    .map(({ asset, expiry, strike, greeks }) => [
      escaped(asset),
      expiry === '' ? NONE : escaped(expiry),
      strike === '' ? NONE : escaped(strike),
      ...greekCells(greeks),
    ]),
  { left: [0, 1, 2] },
)}`
}

function ladderPart({ asset, rows }: Ladder): string {
  const least = Math.min(...rows.map(({ profit }) => profit))
  const points = (of: (row: Ladder['rows'][number]) => number) => rows.map((row) => [row.factor - 1, of(row)] as const)
  const chart = (title: string, unit: string, colour: string, of: (row: Ladder['rows'][number]) => number) => {
    // What is nowhere is not drawn: a line along zero says nothing a missing picture does not.
    if (rows.every((row) => of(row) === 0)) return ''
    return curveChart({
      title,
      unit,
      description: `${money(of(rows[0]!))} at ${percent(rows[0]!.factor - 1, 0)}, ${money(of(rows.at(-1)!))} at +${percent(rows.at(-1)!.factor - 1, 0)}.`,
      heightPx: 150,
      curves: [{ name: title, colour, points: points(of) }],
      xFormat: 'pct',
      yFormat: 'num',
      marks: [{ at: 0, name: 'now' }],
      levels: [{ at: 0, name: 'zero' }],
    })
  }
  return `<h3>Ladder: ${escaped(asset)} moves alone, all else stays</h3>
<div class="plots">
${chart(`Profit of the book`, `dollars over the move of ${escaped(asset)}; worst ${money(least)}`, '--blue', (row) => row.profit)}
${chart('Delta', 'dollars', '--orange', (row) => row.deltaDollars)}
${chart('Gamma', 'dollars of delta a 1 % move', '--green', (row) => row.gammaDollars)}
${chart('Vega', 'dollars a point of volatility', '--purple', (row) => row.vega)}
</div>
<details><summary>Figures of the ladder</summary>${table(
    `${asset} moves`,
    ['Move', 'Price', 'Profit, $', 'Delta', 'Delta, $', 'Gamma, $ a 1 %', 'Vega, $', 'Theta, $ a day'],
    rows.map((row) => [
      `${row.factor > 1 ? '+' : ''}${percent(row.factor - 1, 0)}`,
      plain(row.price),
      money(row.profit),
      plain(row.delta, 4),
      money(row.deltaDollars),
      money(row.gammaDollars),
      money(row.vega),
      money(row.theta),
    ]),
  )}</details>`
}

function provenanceSection({ market, book, gimbalVersion, surfaces }: DeskReport): string {
  const rows: [string, string][] = [
    ['Market', escaped(market.source)],
    ['Moment', `${utc(market.timeUs)} UTC`],
    ['Kind', KINDS[market.kind].meaning],
    ...(surfaces ?? []).map(({ asset, venue, timeUs }): [string, string] => {
      const age = (market.timeUs - timeUs) / DAY_US
      return [
        `${escaped(asset)} options`,
        `${escaped(venue)}, quoted ${utc(timeUs)} UTC${age > 1 / 1440 ? `, ${fixed(age * 24, 1)} h before` : ''}`,
      ]
    }),
    ...(book
      ? [
          ['Book', `${escaped(book.name)}${book.example ? ', made up by gimbal to fit the market' : ''}`] as [
            string,
            string,
          ],
        ]
      : []),
    ['gimbal', escaped(gimbalVersion)],
  ]
  const assumed = market.assumptions.map((text) => `<li>${escaped(text)}</li>`)
  return `<table class="facts"><tbody>${rows.map(([name, text]) => `<tr><th scope="row">${name}</th><td>${text}</td></tr>`).join('')}</tbody></table>
${assumed.length > 0 ? `<h3>What no data told and was assumed</h3><ul class="notes">${assumed.join('')}</ul>` : '<p class="note">Nothing was assumed about the market.</p>'}`
}

const DESK_STYLE = `
nav a{white-space:nowrap;color:var(--soft);text-decoration:none;font-size:13px;padding:4px 8px;border-radius:6px}
nav a:hover,nav a:focus-visible{color:var(--ink);background:var(--panel)}
header.page .actions a,.note a{color:var(--blue)}
section{scroll-margin-top:44px}
.top{padding-top:18px}
h3.asset{font:600 17px/1.3 var(--serif);margin-top:30px}
.facts{max-width:92ch}.note{max-width:92ch}
table.facts th{width:190px;color:var(--soft)}
ul.notes{padding-left:18px;max-width:92ch}ul.notes li{margin:4px 0;overflow-wrap:anywhere}
.warn ul{margin:4px 0;padding-left:18px}
.safe{color:var(--green)}.danger{color:var(--red);font-weight:600}
td .badge,th .badge{font-size:11px;padding:3px 6px;border-width:1px}
p.causes{margin:0;justify-content:flex-start}
.wide .scenarios th[scope=row]{white-space:normal;min-width:130px;max-width:230px;overflow-wrap:anywhere}
tr.dead th,tr.dead td{background:color-mix(in srgb,var(--red) 9%,transparent)}
@media (max-width:640px){table.facts th{width:110px}}
@media print{nav,header.page .actions{display:none}details>*{display:block}}
`
