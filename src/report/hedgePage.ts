/**
 * @file The page of a hedging study: one HTML file, no network, no script, readable on paper.
 *
 * In the order of a reader who doubts it: whose data, what came of it in one sentence, the runs side by side, what hedging bought
 * and cost, where the profit came from and how much of it nobody explains, margin, breakers, and what was assumed.
 */

import { DAY_US } from '../core/clock.ts'
import { coordinate, niceTicks, timeChart, type WaterfallStep, waterfall } from './chart.ts'
import { count, dollars, escaped, fixed, NONE, percent, plain, signedDollars, utc } from './figures.ts'
import {
  type ExplainedShare,
  type HedgeStudyResult,
  type HedgeVariant,
  leastVariance,
  type StudyParts,
} from './hedgeResult.ts'
import { pageHead } from './pageHead.ts'
import { PAGE_STYLE } from './pageStyle.ts'
import { PLOT_STYLE } from './researchPlots.ts'
import { durationText } from './runReport.ts'
import { table } from './table.ts'

const BADGES = {
  real: { text: 'REAL MARKET DATA', meaning: 'Recorded from a market.' },
  replayed: { text: 'REPLAYED DATA', meaning: 'Recorded from a market.' },
  synthetic: { text: 'SYNTHETIC DATA', meaning: 'Generated: this market never existed.' },
} as const

const COLOURS = ['--grey', '--orange', '--green', '--blue', '--purple', '--red', '--sky']

/** Parts of a profit in the order they are shown, with what each is. */
const PARTS: readonly (readonly [keyof StudyParts, string, string])[] = [
  ['delta', 'delta', 'spot moving on what was not hedged away'],
  ['gamma', 'gamma', 'delta changing as spot moves'],
  ['theta', 'theta', 'time passing'],
  ['vega', 'vega', 'implied volatility moving'],
  ['vanna', 'vanna', 'spot and volatility moving together'],
  ['volga', 'volga', 'vega changing as volatility moves'],
  ['charm', 'charm', 'delta changing as time passes'],
  ['rho', 'rho', 'interest'],
  ['basis', 'basis', 'forwards and perpetuals moving against spot'],
  ['funding', 'funding', 'received less paid'],
  ['carry', 'carry', 'interest and pool fees'],
  ['fees', 'fees', 'of every trade'],
  ['trading', 'slippage', 'trades against the mark of their moment'],
  ['unbooked', 'not booked', 'what trades and flows do not account for'],
  ['residual', 'residual', 'what nobody explains'],
]

/** Sentences that claim no more than was measured; for a terminal too, so without what only keeps lines together. */
export function hedgeVerdict(result: HedgeStudyResult): string {
  return verdictOf(result).replaceAll('\u2060', '')
}

function verdictOf(result: HedgeStudyResult): string {
  const best = leastVariance(result)
  const alone = result.variants[0]!
  const days = (result.snapshotsUs.at(-1)! - result.snapshotsUs[0]!) / DAY_US
  const span = `${fixed(days, 0)} days of one market, ${count(result.trials)} ${result.trials === 1 ? 'trial' : 'trials'}`
  const residual = Math.max(...result.variants.map(({ explanation }) => explanation.residualShare))
  if (best === alone)
    return `No way of hedging took variance away; unexplained at most ${percent(residual, 2)} of what moved. No edge is claimed: ${span}.`
  const cost =
    best.hedgeCost >= 0
      ? `for ${dollars(best.hedgeCost)} of fees, slippage and funding`
      : `and was paid ${dollars(-best.hedgeCost)}, funding exceeding fees and slippage`
  return `Hedging (${best.label}) took ${percent(1 - best.varianceShare, 1)} of the variance ${cost}; unexplained at most ${percent(residual, 2)} of what moved. The book made ${signedDollars(best.profit)} so and ${signedDollars(alone.profit)} left alone. No edge is claimed: ${span}.`
}

/** Renders the page. The same result is always the same bytes, but for the seconds it took. */
export function renderHedgeStudy(result: HedgeStudyResult): string {
  const badge = BADGES[result.provenance]
  const { snapshotsUs } = result
  const sections: readonly (readonly [string, string, string])[] = [
    ['runs', 'Runs', runTable(result)],
    ['equity', 'Profit', equityChart(result)],
    ['cost', 'What hedging bought', scatter(result)],
    ['explained', 'Where the profit came from', explained(result)],
    ['margin', 'Margin', marginSection(result)],
    ['breakers', 'Breakers', breakers(result)],
    ['provenance', 'Provenance', provenance(result)],
    ['notes', 'Notes', notes(result)],
  ]
  return `${pageHead(`${result.title} – gimbal hedge`, result.gimbalVersion, PAGE_STYLE + PLOT_STYLE + HEDGE_STYLE, false)}<header class="page"><b>gimbal</b><span>hedging study, all times UTC, money in US dollars</span></header>
<nav aria-label="Sections"><div>${sections.map(([name, heading]) => `<a href="#${name}">${heading}</a>`).join('')}</div></nav>
<main>
<header class="top">
<div class="badges"><span class="badge ${result.provenance}" title="${badge.meaning}">${badge.text}</span></div>
<h1>${escaped(result.title)}</h1>
<p class="facts">${badge.meaning} ${minute(snapshotsUs[0]!)} to ${minute(snapshotsUs.at(-1)!)} UTC (${durationText(snapshotsUs.at(-1)! - snapshotsUs[0]!)}), ${count(snapshotsUs.length)} chains, seed ${result.seed}.</p>
<p class="verdict">${escaped(hedgeVerdict(result))}</p>
${result.provenance === 'synthetic' ? '<p class="warn">The market was generated, so this shows how the machinery behaves and nothing about a real market.</p>' : ''}
</header>
${sections.map(([name, heading, body]) => `<section id="${name}"><h2>${heading}</h2>\n${body}</section>`).join('\n')}
</main>
<footer>Made by gimbal ${escaped(result.gimbalVersion)}. Nothing here is advice.</footer>
<script type="application/json" id="result">${JSON.stringify(result).replaceAll('<', '\\u003c')}</script>
</body>
</html>
`
}

const minute = (us: number) => `<time>${utc(us).slice(0, 16)}</time>`
const whole = (value: number) => (Number.isFinite(value) ? dollars(Math.round(value)).replace(/\.00$/, '') : NONE)
const signedWhole = (value: number) =>
  Number.isFinite(value) ? signedDollars(Math.round(value)).replace(/\.00$/, '') : NONE
const share = (value: number | null, decimals = 1) =>
  value === null || !Number.isFinite(value) ? NONE : percent(value, decimals)
const note = (text: string) => `<p class="note">${text}</p>`

function runTable({ variants }: HedgeStudyResult): string {
  const rows = variants.map((each) => [
    escaped(each.label),
    signedWhole(each.profit),
    share(each.varianceShare),
    whole(Math.sqrt(each.variance)),
    whole(each.expectedShortfall),
    whole(each.hedgeCost),
    whole(each.hedgeTurnover),
    count(each.hedgeTrades),
    share(
      each.margin.length > 0 ? Math.max(...each.margin.map(({ maintenanceUseMax }) => maintenanceUseMax ?? 0)) : null,
      0,
    ),
    share(each.explanation.residualShare, 2),
    count(each.riskEvents.count),
  ])
  return (
    table(
      'The same options sold, hedged differently',
      [
        '',
        'profit',
        'variance',
        'deviation',
        'worst 5 %',
        'hedging cost',
        'hedges traded',
        'fills',
        'margin, most',
        'residual',
        'breakers',
      ],
      rows,
    ) +
    note(
      'Variance against the book left alone, deviation and mean of the worst twentieth: of changes from one chain to the next. Hedging cost: fees, slippage against the mark and funding paid on hedges. Margin: maintenance over the equity that counts, at its highest, by the venue’s own rules; at standard margin bought options neither ask nor back anything. Residual: unexplained over all parts, each step counted without its sign.',
    ) +
    table(
      'Costs',
      [
        '',
        'fees of options',
        'slippage of options',
        'fees of hedges',
        'slippage of hedges',
        'funding paid',
        'premiums traded',
        'most sold',
      ],
      variants.map(({ label, costs, optionTurnover, soldMax }) => [
        escaped(label),
        whole(costs.optionFees),
        whole(costs.optionSlippage),
        whole(costs.hedgeFees),
        whole(costs.hedgeSlippage),
        whole(costs.funding),
        whole(optionTurnover),
        plain(soldMax, 4),
      ]),
    )
  )
}

function equityChart({ variants, snapshotsUs }: HedgeStudyResult): string {
  const gaps = snapshotsUs.slice(1).map((us, i) => us - snapshotsUs[i]!)
  const widthUs = Math.min(...gaps)
  const ends = variants.map(({ label, profit }) => `${label} ${signedWhole(profit)}`).join(', ')
  return timeChart({
    title: 'Profit since the first chain',
    unit: 'dollars, without the coins the account began with',
    format: 'usd',
    description: `At the last chain: ${ends}.`,
    run: 0,
    heightPx: 320,
    startUs: snapshotsUs,
    widthUs,
    zero: true,
    lines: variants.map(({ label, curve }, i) => ({
      name: label,
      path: '',
      values: curve,
      colour: COLOURS[i % COLOURS.length]!,
    })),
  })
}

/** Deviation that was left against what hedging cost: a dot a run. */
function scatter({ variants }: HedgeStudyResult): string {
  const [width, height, left, bottom] = [760, 300, 78, 44]
  const x = variants.map(({ hedgeCost }) => hedgeCost)
  const y = variants.map(({ variance }) => Math.sqrt(variance))
  const air = (values: readonly number[]): [number, number] => {
    const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)]
    const more = (high - low || 1) * 0.08
    return [low < 0 ? low - more : low, high + more]
  }
  const [x0, x1] = air(x)
  const [y0, y1] = air(y)
  const px = (value: number) => left + ((value - x0) / (x1 - x0)) * (width - left - 150)
  const py = (value: number) => height - bottom - ((value - y0) / (y1 - y0)) * (height - bottom - 16)
  const grid = [
    ...niceTicks(x0, x1, 5).map(
      (tick) =>
        `<line class="gridline" x1="${coordinate(px(tick))}" x2="${coordinate(px(tick))}" y1="16" y2="${height - bottom}"/><text x="${coordinate(px(tick))}" y="${height - bottom + 16}" text-anchor="middle">${fixed(tick, 0)}</text>`,
    ),
    ...niceTicks(y0, y1, 5).map(
      (tick) =>
        `<line class="gridline" x1="${left}" x2="${width - 150}" y1="${coordinate(py(tick))}" y2="${coordinate(py(tick))}"/><text x="${left - 8}" y="${coordinate(py(tick) + 4)}" text-anchor="end">${fixed(tick, 0)}</text>`,
    ),
  ]
  // Labels of dots that lie together are moved apart, downwards from the highest.
  const order = variants.map((_, i) => i).sort((a, b) => py(y[a]!) - py(y[b]!))
  const labelAt = new Map<number, number>()
  let above = Number.NEGATIVE_INFINITY
  for (const i of order) {
    above = Math.max(py(y[i]!) + 4, above + 14)
    labelAt.set(i, above)
  }
  const over = Math.max(0, above - (height - bottom))
  const dots = variants.map((each, i) => {
    const colour = COLOURS[i % COLOURS.length]!
    const [cx, cy, ly] = [px(x[i]!), py(y[i]!), labelAt.get(i)! - over]
    return `<circle cx="${coordinate(cx)}" cy="${coordinate(cy)}" r="6" style="fill:var(${colour})"><title>${escaped(`${each.label}: deviation ${fixed(y[i]!, 0)}, cost ${fixed(x[i]!, 0)}`)}</title></circle><path class="lead" d="M${coordinate(cx + 7)} ${coordinate(cy)}L${width - 146} ${coordinate(ly - 4)}"/><text x="${width - 142}" y="${coordinate(ly)}">${escaped(each.label)}</text>`
  })
  return `<figure class="scatter"><figcaption><strong>Risk left against what hedging cost</strong> <span class="unit">dollars; nearer the lower left is better</span></figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Deviation left against cost of hedging">${grid.join('')}${dots.join('')}
<text x="${(left + width - 150) / 2}" y="${height - 8}" text-anchor="middle">cost of hedging, fees, slippage and funding</text><text x="14" y="${(height - bottom) / 2}" transform="rotate(-90 14 ${(height - bottom) / 2})" text-anchor="middle">deviation from chain to chain</text></svg></figure>`
}

function explained(result: HedgeStudyResult): string {
  const best = leastVariance(result)
  const shown = best === result.variants[0] ? [best] : [result.variants[0]!, best]
  const columns = PARTS.filter(([name]) =>
    result.variants.some(({ explanation }) => Math.abs(explanation.total.parts[name]) >= 0.005),
  )
  const all = table(
    'Parts of the profit, dollars',
    ['', ...columns.map(([, word]) => word), 'profit'],
    result.variants.map(({ label, explanation: { total } }) => [
      escaped(label),
      ...columns.map(([name]) => signedWhole(total.parts[name])),
      signedWhole(total.profit - total.parts.collateral),
    ]),
  )
  const gap = Math.max(...result.variants.map(({ explanation }) => explanation.ledgerGap))
  const unpriced = result.variants.reduce((sum, { explanation }) => sum + explanation.unpriced, 0)
  return `<div class="pair">${shown.map(waterfallOf).join('')}</div>${all}${note(
    `The parts and the coins’ own part add up to the change of the ledger’s equity in every step; the greatest difference was ${dollars(gap)}. ${unpriced === 0 ? 'Nothing held was ever without a price.' : `${count(unpriced)} times something held had no price.`} Options were marked by a model ${shareOfTime(result)} of the time they were held, at the volatility of their last quote and the present price of the coin; at chains the marks are the venue’s. Residual over the whole, signs cancelling: ${result.variants.map(({ label, explanation }) => `${escaped(label)} ${share(explanation.netResidualShare, 2)}`).join(', ')}.`,
  )}${sharesTable(`By venue: ${best.label}`, best.explanation.venues, columns)}<details><summary>By day: ${escaped(best.label)}</summary>${sharesTable(`By day: ${best.label}`, best.explanation.days, columns)}</details>`
}

/** Least and most over the runs of the time options were carried. */
function shareOfTime({ variants }: HedgeStudyResult): string {
  const known = variants.flatMap(({ optionsCarriedShare }) =>
    optionsCarriedShare === null ? [] : [optionsCarriedShare],
  )
  if (known.length === 0) return share(0)
  const [least, most] = [share(Math.min(...known)), share(Math.max(...known))]
  return least === most ? least : `${least} to ${most}`
}

function sharesTable(
  caption: string,
  shares: readonly ExplainedShare[],
  columns: readonly (readonly [keyof StudyParts, string, string])[],
): string {
  return table(
    caption,
    ['', ...columns.map(([, word]) => word), 'profit'],
    // Venues where nothing happened are left out.
    shares
      .filter(({ parts }) => Object.values(parts).some((part) => Math.abs(part) >= 0.005))
      .map(({ name, parts, profit }) => [
        escaped(name),
        ...columns.map(([part]) => signedWhole(parts[part])),
        signedWhole(profit - parts.collateral),
      ]),
  )
}

function waterfallOf({ label, explanation: { total } }: HedgeVariant): string {
  let at = 0
  const steps: WaterfallStep[] = []
  for (const [name, word, explanation] of PARTS) {
    const value = total.parts[name]
    if (Math.abs(value) < 0.005) continue
    steps.push({ name: word, text: signedWhole(value), from: at, to: at + value, explanation })
    at += value
  }
  steps.push({ name: 'profit', text: signedWhole(at), from: 0, to: at, total: true })
  return waterfall(label, steps)
}

function marginSection({ variants, snapshotsUs }: HedgeStudyResult): string {
  const rows = variants.flatMap(({ label, margin }) =>
    margin.map((each) => [
      escaped(label),
      escaped(each.venue),
      escaped(each.engine),
      whole(each.initialMax),
      share(each.initialUseMax, 0),
      share(each.maintenanceUseMax, 0),
      each.distanceMin === null
        ? 'none found'
        : `${fixed(each.distanceMin, 1)} σ, ${utc(each.distanceMinUs!).slice(0, 16)}`,
      count(each.liquidatable),
    ]),
  )
  const best = leastVariance({ variants })
  const gaps = snapshotsUs.slice(1).map((us, i) => us - snapshotsUs[i]!)
  const chart = timeChart({
    title: `Maintenance margin over equity: ${best.label}`,
    unit: 'at each chain',
    format: 'pct',
    description: best.margin
      .map(({ venue, engine, maintenanceUseMax }) => `${venue} ${engine}: at most ${share(maintenanceUseMax, 0)}`)
      .join('; '),
    run: 0,
    heightPx: 180,
    startUs: snapshotsUs,
    widthUs: Math.min(...gaps),
    zero: true,
    lines: best.margin.map(({ venue, engine, use }, i) => ({
      name: `${venue}, ${engine}`,
      path: '',
      values: use.map((each) => (each === null || !Number.isFinite(each) ? null : each)),
      colour: COLOURS[(i + 1) % COLOURS.length]!,
    })),
  })
  return (
    chart +
    table(
      'What venues asked, at its highest',
      ['', 'venue', 'rules', 'initial', 'initial use', 'maintenance use', 'nearest liquidation', 'liquidatable chains'],
      rows,
      { left: [0, 1, 2] },
    ) +
    note(
      'Distances in deviations of one day’s move at the implied volatility of the option nearest the money, price alone moving and volatility sticking to the strike.',
    )
  )
}

function breakers({ variants }: HedgeStudyResult): string {
  const tripped = variants.filter(({ riskEvents }) => riskEvents.count > 0)
  const refused = variants.flatMap(({ label, refused: by }) =>
    Object.entries(by).map(([limit, times]) => [escaped(label), escaped(limit), count(times)]),
  )
  const asked =
    refused.length > 0 ? table('Orders the gate refused', ['', 'limit', 'orders'], refused, { left: [0, 1] }) : ''
  if (tripped.length === 0) return `<p>Breakers were on; none tripped in ${count(variants.length)} runs.</p>${asked}`
  const rows = tripped.flatMap(({ label, riskEvents }) =>
    riskEvents.entries
      .slice(0, 12)
      .map(({ timeUs, breaker, act, measured, allowed, unit }) => [
        escaped(label),
        utc(timeUs).slice(0, 16),
        escaped(breaker),
        escaped(act),
        `${plain(measured, 4)} of ${plain(Number.isFinite(allowed) ? allowed : null, 4)} ${escaped(unit)}`,
      ]),
  )
  const counts = tripped.map(({ label, riskEvents }) => `${escaped(label)} ${count(riskEvents.count)}`).join(', ')
  return `<p>Risk events: ${counts}. A run that was stopped is not the same bet as the others from there on.</p>${table('First events', ['', 'when', 'breaker', 'act', 'measured'], rows, { left: [0, 1, 2, 3] })}${asked}`
}

function provenance({ variants, sources, dataHash, trials }: HedgeStudyResult): string {
  return (
    table(
      'Runs',
      ['', 'page', 'journal, SHA-256'],
      variants.map(({ label, folder, journal }) => [
        escaped(label),
        `<a href="${escaped(folder)}/report.html">${escaped(folder)}</a>`,
        `<code>${escaped(journal)}</code>`,
      ]),
      { left: [0, 1, 2] },
    ) +
    `<p class="note">Data ${escaped(dataHash.slice(0, 16))}…, from ${count(sources.length)} ${sources.length === 1 ? 'source' : 'sources'}; ${count(trials)} trials of this policy on these data are in the ledger. <code>gimbal replay</code> checks a journal.</p>`
  )
}

function notes({ assumptions, variants }: HedgeStudyResult): string {
  const settings = variants[1] ?? variants[0]!
  const lines = assumptions.map(({ about, text }) => `<li><b>${escaped(about)}</b><span>${escaped(text)}</span></li>`)
  const set = Object.entries(settings.settings).map(([name, value]) => [
    escaped(name),
    value === '' ? NONE : escaped(String(value)),
  ])
  return `<ul class="prose">${lines.join('')}</ul><details><summary>Settings of the policy: ${escaped(settings.label)}</summary>${table('Settings', ['', 'value'], set)}</details>`
}

const HEDGE_STYLE = `
header.top{padding-top:18px}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:8px 36px;align-items:start}
.pair .waterfall{table-layout:fixed}.pair .waterfall th{width:34%}.pair .waterfall .track{width:44%}
.scatter svg{width:100%;max-width:860px;height:auto;overflow:visible}
.scatter text{fill:var(--soft);font-size:12px}
.scatter .lead{stroke:var(--soft);stroke-width:.7;opacity:.5;fill:none}
.scatter circle{stroke:var(--panel);stroke-width:1.2}
nav a{white-space:nowrap;color:var(--soft);text-decoration:none;font-size:13px;padding:4px 8px}
nav a:hover{color:var(--ink)}
section code{font-size:12px;overflow-wrap:anywhere}
.plot{cursor:default;user-select:auto}
`
