/**
 * @file The report as one HTML file: no network, no second file, complete without its script, readable on paper.
 *
 * Everything shown comes from the {@link RunReport} (which the page also carries, as its JSON), so page and twin cannot
 * disagree. The order is that of a sceptical reader: what ran on what data, what it earned and at what odds of luck,
 * where the money came from, how it was traded, what went wrong, and what was assumed.
 */

import { DAY_US, HOUR_US } from '../core/clock.ts'
import { atomDecimals } from '../market/instrument.ts'
import { histogram, type Span, share, spans, timeChart, type WaterfallStep, waterfall } from './chart.ts'
import { COMPONENTS, type Component, type InstrumentReport, type ListedFill } from './collector.ts'
import {
  bps,
  count,
  dollars,
  escaped,
  fixed,
  latency,
  NONE,
  percent,
  plain,
  signedDollars,
  signedPercent,
  utc,
} from './figures.ts'
import { pageHead } from './pageHead.ts'
import { PAGE_SCRIPT } from './pageScript.ts'
import { PAGE_STYLE } from './pageStyle.ts'
import { RETURNS_NEEDED, type SharpeEvidence } from './performance.ts'
import { durationText, type RunReport, reportJson } from './runReport.ts'
import { table } from './table.ts'

/** What components are called, their colour, and what they mean. */
const COMPONENT_WORDS: Record<Component, { name: string; colour: string; meaning: string }> = {
  spread: { name: 'Spread', colour: '--blue', meaning: 'resting fills against the mid of the moment' },
  slippage: { name: 'Slippage', colour: '--red', meaning: 'taking fills against the mid of the moment' },
  inventory: { name: 'Inventory', colour: '--green', meaning: 'the market moving on what was held' },
  fees: { name: 'Fees', colour: '--orange', meaning: 'trading fees less rebates' },
  funding: { name: 'Funding', colour: '--sky', meaning: 'received less paid' },
  liquidation: { name: 'Liquidation', colour: '--purple', meaning: 'penalties and settlement cash' },
  other: { name: 'Other cash', colour: '--grey', meaning: 'cash that belongs to no instrument' },
  collateral: { name: 'Collateral', colour: '--grey', meaning: 'coin balances changing in dollar worth' },
}
/** Shown even when zero: that nothing was earned or paid there is worth knowing. */
const ALWAYS: readonly Component[] = ['spread', 'slippage', 'inventory', 'fees', 'funding']

const BADGES = {
  real: { text: 'REAL MARKET DATA', meaning: 'Recorded from a market.' },
  replayed: { text: 'REPLAYED DATA', meaning: 'Recorded from a market and served again by a replaying server.' },
  synthetic: { text: 'SYNTHETIC DATA', meaning: 'Generated: this market never existed.' },
} as const
const MODES = { backtest: 'SIMULATED FILLS', paper: 'PAPER: SIMULATED FILLS', live: 'LIVE: REAL ORDERS' } as const

/**
 * Renders reports as one page; several are told apart by tabs and compared in a table. The same reports are always the
 * same bytes.
 */
export function renderReport(reports: readonly RunReport[]): string {
  const several = reports.length > 1
  const title = several ? `${reports.length} runs compared` : (reports[0]?.facts.title ?? 'No runs')
  const tabs = reports.map(
    (report, i) =>
      `<button role="tab" data-run="run-${i}" aria-controls="run-${i}" aria-selected="${i === 0}">${escaped(report.facts.title)}</button>`,
  )
  const nav = several
    ? `<nav><div role="tablist" aria-label="Runs">${tabs.join('')}<button role="tab" data-run="all" aria-selected="false">All runs</button></div></nav>`
    : ''
  // '<' cannot end the element early when written as an escape, and JSON reads it back the same.
  const json = reportJson(reports).trimEnd().replaceAll('<', '\\u003c')
  return `${pageHead(`${title} – gimbal report`, reports[0]?.facts.gimbalVersion ?? '', PAGE_STYLE, true)}<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>${[1, 2, 3].map(symbols).join('')}</defs></svg>
<header class="page"><b>gimbal</b><span>run report, all times UTC, money in US dollars unless said otherwise</span><span class="actions"><button id="save" type="button">Save as JSON</button></span></header>
${nav}
<main>
${several ? comparison(reports) : ''}
${reports.map(runSection).join('\n')}
</main>
<footer>Made by gimbal ${escaped(reports[0]?.facts.gimbalVersion ?? '')}. The same run gives this same file, byte for byte. Nothing here is advice.</footer>
<div id="tip" aria-hidden="true"></div>
<script type="application/json" id="reports">${json}</script>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`
}

/** Triangles of three sizes, standing on the price they mark. */
function symbols(size: number): string {
  const half = 1.6 + size * 1.5
  const tall = half * 1.8
  return `<path id="up${size}" class="up" d="M0 1L${half} ${tall + 1}H-${half}Z"/><path id="down${size}" class="down" d="M0 -1L${half} -${tall + 1}H-${half}Z"/>`
}

function runSection(report: RunReport, index: number): string {
  const { facts, run, performance } = report
  const sections = [
    headline(report),
    keyFigures(report),
    equitySection(report, index),
    attributionSection(report, index),
    ...run.instruments.filter((each) => each.fills > 0 && each.price).map((each) => priceSection(report, each, index)),
    executionSection(report),
    exposureSection(report, index),
    ordersSection(report),
    riskSection(report),
    accountSection(report),
    assumptionsSection(report),
    provenanceSection(report),
    fillsAppendix(report),
  ]
  const warnings = performance.notes.filter((note) => /do not add up|could not be closed|unknown at/.test(note))
  const warned = warnings.map((note) => `<p class="warn">${escaped(note)}</p>`).join('')
  sections.splice(1, 0, warned)
  return `<section class="run" id="run-${index}" data-run="${index}" aria-label="${escaped(facts.title)}">${sections.join('\n')}</section>`
}

function headline({ facts, provenance, verdict, run, performance }: RunReport): string {
  const badge = BADGES[provenance]
  const policies = facts.policies.map((policy) => escaped(policy.name)).join(', ')
  const traded = run.instruments.filter((each) => each.fills > 0).map((each) => escaped(each.id))
  const on = traded.length > 0 ? traded : run.instruments.map((each) => escaped(each.id))
  const universe = on.length > 6 ? `${on.slice(0, 6).join(', ')} and ${on.length - 6} more` : on.join(', ')
  return `<header>
<div class="badges"><span class="badge ${provenance}" title="${badge.meaning}">${badge.text}</span><span class="badge mode ${facts.mode}">${MODES[facts.mode]}</span></div>
<h1>${escaped(facts.title)}</h1>
<p class="verdict">${escaped(verdict)}</p>
<p class="facts">${policies} on ${universe}. ${utc(run.firstUs)} to ${utc(run.lastUs)} UTC (${durationText(performance.periodUs)}), ${count(facts.rows)} tape rows.</p>
</header>`
}

/** One cell of the key figures. */
function cell(name: string, value: string, note = '', style = ''): string {
  return `<div${style === '' ? '' : ` class="${style}"`}><dt>${name}</dt><dd>${value}</dd>${note === '' ? '' : `<small>${note}</small>`}</div>`
}

const tone = (value: number | null): string =>
  value === null || value === 0 ? '' : value > 0 ? 'positive' : 'negative'

function toned(value: number | null, text: string): string {
  return `<span class="${tone(value)}">${text}</span>`
}

const CLOCK_NAMES: Readonly<Record<number, string>> = { [DAY_US]: 'daily', [HOUR_US]: 'hourly' }
const clockName = (clockUs: number): string => CLOCK_NAMES[clockUs] ?? 'one-minute'

/** A Sharpe ratio with everything it must not be shown without. */
function sharpeCell(sharpe: SharpeEvidence | null, report: RunReport): string {
  const { trials } = report.facts
  if (!sharpe) {
    const why = report.performance.notes.find((note) => note.startsWith('No Sharpe ratio')) ?? ''
    return cell('Sharpe ratio', 'not shown', escaped(why), 'sharpe')
  }
  const value =
    sharpe.annualised === null
      ? `${plain(sharpe.perReturn, 3)} <small style="display:inline">per ${clockName(sharpe.clockUs)} return, not annualised</small>`
      : `${fixed(sharpe.annualised, 2)} <small style="display:inline">annualised</small>`
  const needed =
    sharpe.returnsNeeded === null
      ? ''
      : ` To tell it from zero at 95 % takes ${count(Math.ceil(sharpe.returnsNeeded))} such returns.`
  const note = `<b>Deflated: ${percent(sharpe.deflated, 1)}</b> probability of a true ratio above zero, counted as the best of ${count(sharpe.trialCount)} ${sharpe.trialCount === 1 ? 'trial' : 'trials'} of “${escaped(trials.family)}” (as a single trial ${percent(sharpe.probabilistic, 1)}). ${count(sharpe.returns)} ${clockName(sharpe.clockUs)} returns over ${durationText(sharpe.periodUs)}, after ${dollars(Math.abs(sharpe.costs))} of ${sharpe.costs < 0 ? 'net rebates' : 'costs'}.${needed}`
  return cell('Sharpe ratio', value, note, 'sharpe')
}

function keyFigures(report: RunReport): string {
  const { performance: judged, run } = report
  const { drawdown } = judged
  const rebated = run.costs < 0
  const cells = [
    cell(
      'Profit after all costs',
      toned(judged.profit, signedDollars(judged.profit)),
      `${dollars(judged.startEquity)} to ${dollars(judged.endEquity)}${judged.transfers === 0 ? '' : `, ${signedDollars(judged.transfers)} transferred`}`,
    ),
    cell(
      'Return',
      toned(judged.totalReturn, signedPercent(judged.totalReturn)),
      judged.annualisedReturn === null
        ? `over ${durationText(judged.periodUs)}; not annualised`
        : `${signedPercent(judged.annualisedReturn)} a year`,
    ),
    sharpeCell(judged.sharpe, report),
    cell(
      'Deepest drawdown',
      percent(drawdown.fraction),
      `${dollars(drawdown.dollars)} from peak; ${percent(judged.drawdownFromStart.fraction)} from start; longest ${durationText(judged.longestUnderWaterUs)} under water`,
    ),
    cell(
      rebated ? 'Costs: net rebates' : 'Costs paid',
      dollars(Math.abs(run.costs)),
      `fees ${signedDollars(run.totals.fees)}, slippage ${signedDollars(run.totals.slippage)}, funding ${signedDollars(run.totals.funding)}`,
    ),
    cell(
      'Profit per dollar traded',
      judged.profitPerTurnoverBps === null ? NONE : `${plain(judged.profitPerTurnoverBps, 3)} bps`,
      `${dollars(judged.turnover)} traded${judged.turnoverOverEquity === null ? '' : `, ${plain(judged.turnoverOverEquity, 3)}× mean equity`}`,
    ),
    cell(
      'Fills',
      count(run.fills.count),
      `${share(run.fills.maker, run.fills.count)} as maker; ${count(run.orders.sent)} orders sent`,
    ),
    cell(
      'Highest leverage',
      run.leverageMax === null ? NONE : `${fixed(run.leverageMax, 2)}×`,
      run.marginUseMax === null
        ? 'margin use unknown'
        : `maintenance margin at most ${percent(run.marginUseMax, 1)} of equity`,
    ),
    cell(
      'Volatility',
      percent(judged.volatility, 1),
      judged.volatility === null
        ? `needs ${RETURNS_NEEDED} returns`
        : `annualised from ${clockName(judged.clockUs!)} returns; skew ${plain(judged.skew, 3)}, kurtosis ${plain(judged.kurtosis, 3)}`,
    ),
    cell(
      'Sortino and Calmar',
      `${judged.sortino === null ? NONE : fixed(judged.sortino, 2)} / ${judged.calmar === null ? NONE : fixed(judged.calmar, 2)}`,
      judged.sortino === null && judged.calmar === null ? 'period too short' : 'annualised; subject to the same trials',
    ),
    cell(
      'Gaining intervals',
      percent(judged.hitRate, 1),
      judged.clockUs === null
        ? `needs ${RETURNS_NEEDED} returns`
        : `${clockName(judged.clockUs)}; best ${signedPercent(judged.bestReturn)}, worst ${signedPercent(judged.worstReturn)}`,
    ),
  ]
  const notes = judged.notes.filter((note) => !note.startsWith('No Sharpe ratio'))
  return `<dl class="key">${cells.join('')}</dl>${notes.length > 0 ? `<p class="note">${notes.map(escaped).join(' ')}</p>` : ''}`
}

/** What charts over time have in common. */
function timed(report: RunReport, run: number) {
  const { startUs, widthUs } = report.run.timeline
  const events = report.run.riskEvents.entries
    .slice(0, 40)
    .map((event) => ({ timeUs: event.timeUs, label: `${event.breaker}: ${event.act}` }))
  return { startUs, widthUs, run, events }
}

function equitySection(report: RunReport, index: number): string {
  const { run, performance: judged } = report
  const { equity } = run
  const shared = timed(report, index)
  const events = shared.events.length > 0 ? ' Dashed lines are acts of the risk gate.' : ''
  return `<div class="group"><h2>Equity and drawdown</h2>
<p class="note hint">Point to read figures; drag across a chart to zoom all of this run's charts, double-click to return. <button class="reset" data-run="${index}" type="button" hidden>Show the whole run</button></p>
${timeChart({
  ...shared,
  title: 'Equity',
  unit: `USD, all currencies at mark; line is the close of each ${durationText(run.timeline.widthUs)}, band its extremes.${events}`,
  format: 'usd',
  description: `From ${dollars(judged.startEquity)} to ${dollars(judged.endEquity)}, deepest fall ${percent(judged.drawdown.fraction)}.`,
  heightPx: 260,
  bare: true,
  lines: [
    {
      name: 'Equity',
      path: 'equity.close',
      values: equity.close,
      colour: '--blue',
      low: { path: 'equity.low', values: equity.low },
      high: { path: 'equity.high', values: equity.high },
    },
  ],
})}
${timeChart({
  ...shared,
  title: 'Drawdown',
  unit: 'per cent below the highest equity so far, worst of each interval',
  format: 'pct',
  description: `Deepest ${percent(judged.drawdown.fraction)} at ${utc(judged.drawdown.troughUs)}.`,
  heightPx: 110,
  zero: true,
  lines: [{ name: 'Drawdown', path: 'drawdown', values: run.drawdown, colour: '--red', style: 'area', negative: true }],
})}</div>`
}

/** Components worth a row: the usual ones, and any other that is not zero. */
function shownComponents(report: RunReport): readonly Component[] {
  return COMPONENTS.filter((component) => ALWAYS.includes(component) || report.run.totals[component] !== 0)
}

function attributionSection(report: RunReport, index: number): string {
  const { run, performance: judged } = report
  const shown = shownComponents(report)
  let level = judged.startEquity + judged.transfers
  const steps: WaterfallStep[] = [
    {
      name: judged.transfers === 0 ? 'Opening equity' : 'Opening equity and transfers',
      text: dollars(level),
      from: 0,
      to: level,
      total: true,
    },
  ]
  for (const component of shown) {
    const amount = run.totals[component]
    const { name, meaning } = COMPONENT_WORDS[component]
    steps.push({ name, text: signedDollars(amount), from: level, to: level + amount, explanation: meaning })
    level += amount
  }
  steps.push({ name: 'Closing equity', text: dollars(judged.endEquity), from: 0, to: judged.endEquity, total: true })
  const lines = shown
    .filter((component) => run.totals[component] !== 0 || run.attribution[component].some((value) => value !== 0))
    .map((component) => ({
      name: COMPONENT_WORDS[component].name,
      path: `attribution.${component}`,
      values: run.attribution[component],
      colour: COMPONENT_WORDS[component].colour,
    }))
  const chart =
    lines.length > 0
      ? timeChart({
          ...timed(report, index),
          title: 'Cumulative profit by component',
          unit: 'USD',
          format: 'usd',
          description: shown
            .map((each) => `${COMPONENT_WORDS[each].name} ${signedDollars(run.totals[each])}`)
            .join(', '),
          heightPx: 220,
          lines,
        })
      : ''
  return `<h2>Where the profit came from</h2>
${waterfall('From opening to closing equity, USD (bars are cut below; the axis shows only where they move)', steps)}
${chart}
${instrumentTable(report, shown)}
${currencyTable(report)}`
}

function instrumentTable(report: RunReport, shown: readonly Component[]): string {
  const { run } = report
  const columns = shown.filter((component) => component !== 'collateral' && component !== 'other')
  const head = [
    'Instrument',
    'Fills',
    'Maker',
    'Traded',
    ...columns.map((each) => COMPONENT_WORDS[each].name),
    'Profit',
  ]
  const active = run.instruments.filter((each) => each.fills > 0 || each.profitAtoms !== 0)
  const rows = active.map((each) => [
    escaped(each.id),
    count(each.fills),
    share(each.makerFills, each.fills),
    dollars(each.turnover),
    ...columns.map((component) => signedDollars(each.attribution[component])),
    toned(each.profit, signedDollars(each.profit)),
  ])
  const sum = (pick: (each: InstrumentReport) => number) => active.reduce((total, each) => total + pick(each), 0)
  const total = [
    'All',
    count(sum((each) => each.fills)),
    share(
      sum((each) => each.makerFills),
      sum((each) => each.fills),
    ),
    dollars(sum((each) => each.turnover)),
    ...columns.map((component) => signedDollars(sum((each) => each.attribution[component]))),
    signedDollars(sum((each) => each.profit)),
  ]
  return active.length === 0 ? '' : table('Per instrument, USD at the closing rate', head, rows, { total })
}

/** The exact books: integers that add up. */
function currencyTable({ run }: RunReport): string {
  const shown = COMPONENTS.filter(
    (component) =>
      component !== 'collateral' &&
      (ALWAYS.includes(component) || run.currencies.some((each) => each.attributionAtoms[component] !== 0)),
  )
  const head = [
    'Currency',
    'Opening',
    'Transfers',
    ...shown.map((each) => COMPONENT_WORDS[each].name),
    'Closing',
    'Unexplained',
  ]
  const rows = run.currencies.map((each) => {
    const units = (atoms: number | null) =>
      atoms === null ? NONE : fixed(atoms / 10 ** each.decimals, atomDecimals(each.currency))
    return [
      escaped(each.currency),
      units(each.openingAtoms),
      units(each.transfersAtoms),
      ...shown.map((component) => units(each.attributionAtoms[component])),
      units(each.closingAtoms),
      each.unexplainedAtoms === null ? 'unknown' : `${count(each.unexplainedAtoms)} atoms`,
    ]
  })
  return `<details><summary>The same in each currency, exact to its smallest unit</summary>${table('Units of each currency', head, rows)}</details>`
}

function priceSection(report: RunReport, instrument: InstrumentReport, index: number): string {
  const at = report.run.instruments.indexOf(instrument)
  const { price, position, buys, sells } = instrument
  if (!price || !position || !buys || !sells) return ''
  const base = `instruments.${at}`
  const change = instrument.firstPrice && instrument.lastPrice ? instrument.lastPrice / instrument.firstPrice - 1 : null
  const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0)
  return `<div class="group"><h2>Price and fills: ${escaped(instrument.id)}</h2>
<p class="note">${count(total(buys.count))} buys and ${count(total(sells.count))} sells. Triangles stand at the average price of the fills nearby, larger for more. The market itself moved ${signedPercent(change)}.</p>
${timeChart({
  ...timed(report, index),
  title: 'Price',
  unit: 'mid (close of bars where there are only bars), quote per base',
  format: 'num',
  description: `From ${plain(instrument.firstPrice, 8)} to ${plain(instrument.lastPrice, 8)}, with ${count(instrument.fills)} fills.`,
  heightPx: 280,
  bare: true,
  lines: [
    {
      name: 'Price',
      path: `${base}.price.close`,
      values: price.close,
      colour: '--grey',
      low: { path: `${base}.price.low`, values: price.low },
      high: { path: `${base}.price.high`, values: price.high },
    },
  ],
  marks: [
    { name: 'Bought', path: `${base}.buys`, symbol: 'up', ...buys },
    { name: 'Sold', path: `${base}.sells`, symbol: 'down', ...sells },
  ],
})}
${timeChart({
  ...timed(report, index),
  title: 'Position',
  unit: 'contracts (base units where a contract is one), close of each interval',
  format: 'num',
  description: `Ends at ${plain(instrument.endPosition)}.`,
  heightPx: 90,
  zero: true,
  lines: [
    { name: 'Position', path: `${base}.position.close`, values: position.close, colour: '--purple', style: 'step' },
  ],
})}</div>`
}

function executionSection({ run }: RunReport): string {
  const rows: Span[] = run.markouts.flatMap(({ horizonUs, maker, taker, makerWeightedBps, takerWeightedBps }) =>
    (
      [
        ['maker', maker, makerWeightedBps, '--blue'],
        ['taker', taker, takerWeightedBps, '--red'],
      ] as const
    )
      .filter(([, found]) => found.count > 0)
      .map(([name, found, weighted, colour]) => ({
        name: `${durationText(horizonUs)} after, ${name}`,
        mean: found.mean,
        p25: found.p25,
        p75: found.p75,
        colour,
        cells: [bps(found.mean), bps(weighted), bps(found.p25), bps(found.p50), bps(found.p75), count(found.count)],
      })),
  )
  const heads = ['mean', 'by notional', '25 %', 'median', '75 %', 'fills']
  const unmeasured = run.markouts.filter((each) => each.unmeasured > 0)
  const missing =
    unmeasured.length === 0
      ? ''
      : `<p class="note">Not measurable, because the run ended or no price was heard near that time: ${unmeasured
          .map((each) => `${count(each.unmeasured)} after ${durationText(each.horizonUs)}`)
          .join(', ')}.</p>`
  const markouts =
    rows.length > 0
      ? spans(
          'Markouts: the mid some time after a fill, against the fill price; above zero is good for us (bps; dot is the mean, bar the middle half)',
          heads,
          rows,
        )
      : '<p class="empty">No markout could be measured.</p>'
  const times = run.latency
  return `<h2>How it was filled</h2>
${markouts}${missing}
<div class="grid">
${histogram('Edge at the fill', run.fills.edge, 'bps', 'Mid of the moment against the fill price, as we knew it; above zero is good for us.')}
${histogram('Size of fills', run.fills.size, 'usd')}
${histogram('Queue ahead when resting', run.queueAtRest, 'times', 'Size believed ahead of an order when it came to rest, in multiples of its own.')}
${histogram('Queue ahead when filled', run.queueAtFill, 'times', 'Left ahead when it filled: the queue model’s belief, not the venue’s word.')}
</div>
<h3>Latencies</h3>
<div class="grid">
${histogram('Order to venue', times.orderToVenue, 'latency', 'From leaving us to acceptance, by the venue’s clock.')}
${histogram('Order to answer', times.orderToAnswer, 'latency', 'From leaving us to hearing that it rests.')}
${histogram('Cancel to answer', times.cancelToAnswer, 'latency')}
${histogram('Feed', times.feed, 'latency', 'Receive time less venue time of market messages, sampled.')}
</div>`
}

function exposureSection(report: RunReport, index: number): string {
  const { run } = report
  const shared = timed(report, index)
  return `<div class="group"><h2>Exposure and margin</h2>
${timeChart({
  ...shared,
  title: 'Exposure',
  unit: 'USD at mark',
  format: 'usd',
  description: `Gross exposure reached ${dollars(run.grossExposureMax)}.`,
  heightPx: 170,
  zero: true,
  bare: true,
  lines: [
    {
      name: 'Gross',
      path: 'grossExposure.close',
      values: run.grossExposure.close,
      colour: '--orange',
      low: { path: 'grossExposure.low', values: run.grossExposure.low },
      high: { path: 'grossExposure.high', values: run.grossExposure.high },
    },
    { name: 'Net', path: 'netExposure.close', values: run.netExposure.close, colour: '--blue' },
  ],
})}
${timeChart({
  ...shared,
  title: 'Leverage',
  unit: 'gross exposure over equity, highest of each interval',
  format: 'times',
  description: `At most ${run.leverageMax === null ? 'unknown' : `${fixed(run.leverageMax, 2)} times`}.`,
  heightPx: 100,
  zero: true,
  bare: true,
  lines: [{ name: 'Leverage', path: 'leverage', values: run.leverage, colour: '--orange', style: 'area' }],
})}
${timeChart({
  ...shared,
  title: 'Margin use',
  unit: 'maintenance margin over equity; liquidation lies at 100 %',
  format: 'pct',
  description: `At most ${percent(run.marginUseMax, 1)}.`,
  heightPx: 100,
  zero: true,
  lines: [{ name: 'Margin use', path: 'marginUse', values: run.marginUse, colour: '--purple', style: 'area' }],
})}</div>${marginsTable(run)}`
}

/** What margin engines said of each venue, where any was asked. */
function marginsTable({ margins = [] }: RunReport['run']): string {
  if (margins.length === 0) return ''
  const rows = margins.map(({ venue, engine, looks, unknown, fullest, fullestUs, initialFullest }) => [
    escaped(venue),
    escaped(engine),
    count(looks),
    count(unknown),
    fullest === null ? 'nothing left' : percent(fullest, 1),
    utc(fullestUs),
    initialFullest === null ? 'nothing left' : percent(initialFullest, 1),
  ])
  const head = [
    'Venue',
    'Rules',
    'Looks',
    'Unknown',
    'Maintenance over equity, most',
    'At (UTC)',
    'Initial with open orders, most',
  ]
  return `${table('Margin as each venue asks it', head, rows, { left: [0, 1] })}<p class="note">The venue liquidates at 100 % of maintenance, and refuses orders that add at 100 % of initial margin.</p>`
}

function ordersSection({ run }: RunReport): string {
  const { orders } = run
  const sent = orders.sent + orders.cancelsAsked + orders.amendsAsked
  const asked = table(
    'What we sent',
    ['Message', 'Count', 'Per fill'],
    (
      [
        ['Orders', orders.sent],
        ['Cancellations', orders.cancelsAsked],
        ['Amendments', orders.amendsAsked],
        ['All messages', sent],
      ] as const
    ).map(([name, each]) => [name, count(each), run.fills.count > 0 ? plain(each / run.fills.count, 3) : NONE]),
  )
  const counted = (caption: string, first: string, counts: Readonly<Record<string, number>>, none: string) => {
    const entries = Object.entries(counts)
    const whole = entries.reduce((sum, [, each]) => sum + each, 0)
    return entries.length === 0
      ? `<div><h3>${escaped(caption)}</h3><p class="empty">${none}</p></div>`
      : table(
          caption,
          [first, 'Count', 'Share'],
          entries.map(([name, each]) => [escaped(name), count(each), share(each, whole)]),
        )
  }
  return `<h2>Orders</h2>
<div class="grid">
${asked}
${counted('What the venue answered', 'Answer', orders.answers, 'The venue answered nothing.')}
${counted('Rejected by the venue', 'Reason', orders.rejectsByReason, 'No order was rejected.')}
${counted('Refused by the gate', 'Limit', orders.refusalsByLimit, 'The gate refused no order.')}
</div>`
}

function scopeText(report: RunReport, scope: RunReport['run']['riskEvents']['entries'][number]['scope']): string {
  switch (scope.of) {
    case 'account':
      return 'the account'
    case 'venue':
      return scope.venue
    case 'policy':
      return report.facts.policies[scope.policy]?.name ?? `policy ${scope.policy}`
    case 'position':
      return report.run.instruments[scope.instrument]?.id ?? `instrument ${scope.instrument}`
  }
}

function cutNote(kept: number, total: number, what: string): string {
  return kept === total ? '' : `<p class="note">${count(total)} ${what} happened; the first and last are listed.</p>`
}

function riskSection(report: RunReport): string {
  const { count: total, entries } = report.run.riskEvents
  const items = entries.map((event) => {
    if (event.reset) {
      const { who, reason, lifted } = event.reset
      return `<li><time>${utc(event.timeUs, true)}</time><br><b>${escaped(event.breaker)}</b>, in force as ${escaped(lifted)}, was <b>reset</b> for ${escaped(scopeText(report, event.scope))} by ${escaped(who)}: ${escaped(reason)}</li>`
    }
    const measured = event.measured === null ? 'not a number' : plain(event.measured, 4)
    const reads =
      event.confirmations > 1
        ? `, confirmed by ${count(event.confirmations)} reads in a row`
        : event.confirmations === 1
          ? ', on a single read'
          : ''
    return `<li><time>${utc(event.timeUs, true)}</time><br><b>${escaped(event.breaker)}</b> demanded <b>${escaped(event.act)}</b> for ${escaped(scopeText(report, event.scope))}: measured ${measured}, allowed ${plain(event.allowed, 4)} ${escaped(event.unit)}${reads}.</li>`
  })
  return `<h2>Risk events</h2>${
    total === 0
      ? '<p class="empty">No breaker tripped.</p>'
      : `${cutNote(entries.length, total, 'risk events')}<ul class="timeline">${items.join('')}</ul>`
  }`
}

function accountSection({ run }: RunReport): string {
  const { count: total, entries } = run.accountEvents
  if (total === 0) return '<h2>Account events</h2><p class="empty">No funding, liquidation, settlement or transfer.</p>'
  const sums = table(
    'By kind, USD at the rate of the moment',
    ['Kind', 'Events', 'Cash'],
    run.accountTotals.map((each) => [escaped(each.kind), count(each.count), signedDollars(each.dollars)]),
  )
  const rows = entries.map((event) => [
    utc(event.timeUs),
    escaped(event.kind),
    escaped(event.instrument),
    event.side === '' ? '' : `${event.side} ${plain(event.size)} at ${plain(event.price, 8)}`,
    event.cash === 0
      ? ''
      : toned(event.cash, `${event.cash > 0 ? '+' : ''}${fixed(event.cash, atomDecimals(event.currency))}`),
    escaped(event.currency),
  ])
  const head = ['Time (UTC)', 'Kind', 'Instrument', 'Position change', 'Cash', 'Currency']
  return `<h2>Account events</h2>${sums}<details${rows.length <= 12 ? ' open' : ''}><summary>${count(total)} events</summary>${cutNote(entries.length, total, 'account events')}${table('Account events', head, rows, { left: [0, 1, 2, 3, 5] })}</details>`
}

function assumptionsSection({ facts }: RunReport): string {
  const items = facts.assumptions.map(
    ({ about, text }) => `<li><b>${escaped(about)}</b><span>${escaped(text)}</span></li>`,
  )
  return `<h2>Assumptions</h2>${
    items.length > 0
      ? `<p class="note">Each in the words of the model that makes it. The figures above hold where these do.</p><ul class="prose">${items.join('')}</ul>`
      : '<p class="empty">None were stated.</p>'
  }`
}

function provenanceSection({ facts, run, provenance, schemaVersion }: RunReport): string {
  const settings = (values: Readonly<Record<string, string | number | boolean>>) =>
    Object.entries(values)
      .map(([name, value]) => `${escaped(name)} = ${escaped(String(value))}`)
      .join(', ')
  const hash = (text: string) => `<span class="hash">${escaped(text)}</span>`
  const rows: [string, string][] = [
    ['Data', `${BADGES[provenance].text.toLowerCase()}. ${BADGES[provenance].meaning}`],
    ['Period', `${utc(run.firstUs, true)} to ${utc(run.lastUs, true)} UTC`],
    ['Tape rows', count(facts.rows)],
    ['Opening balances', settings(facts.cash)],
    ...facts.policies.map((policy): [string, string] => [
      `Policy ${escaped(policy.name)}`,
      settings(policy.settings) || 'no settings',
    ]),
    ...run.instruments
      .slice(0, 24)
      .map((each): [string, string] => [
        `Fees ${escaped(each.id)}`,
        `maker ${plain(each.makerBps)} bps, taker ${plain(each.takerBps)} bps (${escaped(each.feeSource)})`,
      ]),
    ...(facts.limits ? [['Limits in force', settings(facts.limits)] satisfies [string, string]] : []),
    ['Seed', String(facts.seed)],
    ['gimbal version', escaped(facts.gimbalVersion)],
    ['Report schema', String(schemaVersion)],
    ['Hash of all data', hash(facts.dataHash)],
    [
      'Hash of the journal',
      facts.journal
        ? `${hash(facts.journal.sha256)}${facts.journal.records === undefined ? '' : ` (${count(facts.journal.records)} records)`}`
        : 'no journal was kept',
    ],
    [
      'Trials',
      `${count(facts.trials.trialCount)} of “${escaped(facts.trials.family)}”; ledger head ${facts.trials.ledgerHead === null ? 'none: no ledger was kept' : hash(facts.trials.ledgerHead)}`,
    ],
    [
      'Sampling',
      `equity and prices at most every ${latency(run.sampleUs)} (${count(run.samples)} samples); charts in intervals of ${durationText(run.timeline.widthUs)}`,
    ],
  ]
  const sources = facts.sources.map((source) => [
    escaped(source.name),
    source.kind,
    escaped(source.importer ?? ''),
    source.rows === undefined ? '' : count(source.rows),
    hash(source.sha256),
  ])
  return `<h2>Provenance</h2>
<table><tbody>${rows.map(([name, value]) => `<tr><th scope="row" style="width:190px">${name}</th><td class="prose">${value}</td></tr>`).join('')}</tbody></table>
${sources.length > 0 ? table('Sources', ['Name', 'Kind', 'Read by', 'Rows', 'SHA-256'], sources, { left: [0, 1, 2, 4] }) : '<p class="empty">No source was named.</p>'}`
}

function fillsAppendix({ run, facts }: RunReport): string {
  const { fills } = run
  if (fills.count === 0) return '<h2>Fills</h2><p class="empty">No order was filled.</p>'
  const horizons = run.markouts.map((each) => each.horizonUs)
  const head = [
    'Time (UTC)', 'Order', 'Instrument', 'Side', 'Price', 'Size', 'Notional', 'Fee', 'As', 'Edge, bps',
    ...horizons.map((each) => `${durationText(each)}, bps`), 'Policy', 'Why',
  ] // biome-ignore format: a list of headings reads better in rows.
  // Prices of one instrument line up: all get the decimals that the finest of them needs.
  const decimals = new Map<string, number>()
  for (const fill of [...fills.first, ...fills.last, ...fills.worst]) {
    const needed = plain(fill.price, 12).split('.')[1]?.length ?? 0
    decimals.set(fill.instrument, Math.max(needed, decimals.get(fill.instrument) ?? 0))
  }
  const row = (fill: ListedFill) => [
    utc(fill.timeUs, true),
    String(fill.orderId),
    escaped(fill.instrument),
    `<span class="${fill.side === 'buy' ? 'positive' : 'negative'}">${fill.side}</span>`,
    fixed(fill.price, decimals.get(fill.instrument)!),
    plain(fill.size, 8),
    dollars(fill.notional),
    dollars(fill.fee),
    fill.liquidity,
    bps(fill.edgeBps),
    ...fill.markoutBps.map(bps),
    escaped(fill.policy < 0 ? 'risk gate' : (facts.policies[fill.policy]?.name ?? String(fill.policy))),
    escaped(fill.tag),
  ]
  const left = [0, 2, 3, 8, head.length - 2, head.length - 1]
  const judged =
    fills.worstHorizonUs === 0
      ? 'against the mid at the fill'
      : `by dollars lost ${durationText(fills.worstHorizonUs)} after the fill`
  const listed = (name: string, rows: readonly ListedFill[], open: boolean) =>
    rows.length === 0
      ? ''
      : `<details${open ? ' open' : ''}><summary>${name}</summary>${table(name, head, rows.map(row), { left })}</details>`
  return `<h2>Fills</h2>
<p class="note">${count(fills.count)} in all; the journal holds every one. Edge and markouts in bps of the fill price, above zero is good for us.</p>
${listed(`The worst ${fills.worst.length}, ${judged}`, fills.worst, true)}
${listed(`The first ${fills.first.length}`, fills.first, false)}
${listed(`The last ${fills.last.length}`, fills.last, false)}`
}

/** Runs side by side. */
function comparison(reports: readonly RunReport[]): string {
  const row = (name: string, text: (report: RunReport) => string) => [name, ...reports.map(text)]
  const rows = [
    row('Data', (each) => BADGES[each.provenance].text.toLowerCase()),
    row('Period', (each) => durationText(each.performance.periodUs)),
    row('Profit after costs', ({ performance }) => toned(performance.profit, signedDollars(performance.profit))),
    row('Return', ({ performance }) => signedPercent(performance.totalReturn)),
    row('Deepest drawdown', ({ performance }) => percent(performance.drawdown.fraction)),
    row('Deflated Sharpe', ({ performance: { sharpe } }) =>
      sharpe
        ? `${percent(sharpe.deflated, 1)} <small>(${sharpe.annualised === null ? `${plain(sharpe.perReturn, 3)} per ${clockName(sharpe.clockUs)} return` : `${fixed(sharpe.annualised, 2)} annualised`}, ${count(sharpe.trialCount)} ${sharpe.trialCount === 1 ? 'trial' : 'trials'})</small>`
        : 'not shown',
    ),
    row('Costs less rebates', ({ run }) => dollars(run.costs)),
    row('Traded', ({ performance }) => dollars(performance.turnover)),
    row('Profit per dollar traded', ({ performance: { profitPerTurnoverBps: each } }) =>
      each === null ? NONE : `${bps(each)} bps`,
    ),
    row('Fills (maker)', ({ run }) => `${count(run.fills.count)} (${share(run.fills.maker, run.fills.count)})`),
    row('Highest leverage', ({ run }) => (run.leverageMax === null ? NONE : `${fixed(run.leverageMax, 2)}×`)),
    row('Risk events', ({ run }) => count(run.riskEvents.count)),
  ]
  return `<section><h1>${reports.length} runs compared</h1>${table('All runs', ['', ...reports.map((each) => each.facts.title)], rows)}<p class="note">Runs on the same data compete: what is best among them was chosen on it. Each counts in the trial ledger.</p></section>`
}
