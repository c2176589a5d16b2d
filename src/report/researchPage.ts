/**
 * @file The page of a research run: one HTML file, no network, no second file, complete without its script, readable on paper.
 *
 * Everything shown comes from the {@link ResearchResult}, which the page also carries as its JSON. The order is that of a reader
 * who doubts it: whose data, what is claimed, which checks it passed; then skill against rivals, whether the forecasts are
 * calibrated, what they rest on, how fast the world moves away from them, what luck would have done, and last the money.
 * Where a part has nothing to show, the page says why.
 */

import { DAY_US } from '../core/clock.ts'
import { QUANTITIES } from '../models/forecast.ts'
import {
  type BacktestComparison,
  bestBaseline,
  type CalibrationTable,
  type DriftRow,
  type OverfittingPanel,
  PLACEBO_T,
  type ResearchResult,
  type SkillRow,
  type SkillTable,
} from '../research/verdict.ts'
import {
  anySize,
  count,
  dollars,
  escaped,
  fixed,
  NONE,
  percent,
  plain,
  pValue,
  signedDollars,
  signedPercent,
  utc,
} from './figures.ts'
import { pageHead } from './pageHead.ts'
import { PAGE_STYLE } from './pageStyle.ts'
import {
  barTable,
  calibrationChart,
  countChart,
  heatStrip,
  PLOT_STYLE,
  POINT_SYMBOLS,
  type PointRow,
  pathChart,
  pointTable,
  stackedChart,
  windowChart,
} from './researchPlots.ts'
import { durationText } from './runReport.ts'
import { table } from './table.ts'

const BADGES = {
  replayed: { text: 'REPLAYED DATA', meaning: 'Recorded from a market.' },
  synthetic: { text: 'SYNTHETIC DATA', meaning: 'Generated: this market never existed.' },
} as const

const FINDINGS = {
  edge: {
    text: 'FORECAST HAS SKILL',
    meaning: 'Of one question at least the forecast beats every baseline, and no check explains it away.',
  },
  'no-edge': { text: 'NO EDGE', meaning: 'The forecast does not beat every baseline, or a check explains it away.' },
  invalid: { text: 'NOT TO BE BELIEVED', meaning: 'A check that must fail on honest data did not.' },
  'not-judged': { text: 'NOT JUDGED', meaning: 'Checks that could explain it away were left out.' },
} as const

/** Sections in their order: anchor, heading, and the word in the bar of links. */
const SECTIONS = [
  ['skill', 'Forecast skill', 'Skill'],
  ['calibration', 'Calibration', 'Calibration'],
  ['importances', 'What the forecast rests on', 'Importances'],
  ['drift', 'Drift', 'Drift'],
  ['regimes', 'Regimes', 'Regimes'],
  ['paths', 'Other histories', 'Histories'],
  ['overfitting', 'Luck of the choice', 'Luck'],
  ['placebos', 'Placebos', 'Placebos'],
  ['leaks', 'Leaks', 'Leaks'],
  ['trading', 'Trading with and without the model', 'Trading'],
  ['sharpe', 'Deflated Sharpe ratio', 'Sharpe'],
  ['learner', 'Learner', 'Learner'],
  ['provenance', 'Provenance', 'Provenance'],
  ['notes', 'Notes', 'Notes'],
] as const
type SectionName = (typeof SECTIONS)[number][0]

/**
 * Renders the page of a research run. The same result is always the same bytes.
 *
 * Links to the two reports of a backtest suppose the folders of `gimbal research`: the page lies beside `runs/`. Paths of any
 * other shape are shown as text.
 */
export function renderResearch(result: ResearchResult): string {
  // '<' cannot end the element early when written as an escape, and JSON reads it back the same; NaN becomes null.
  const json = JSON.stringify(result).replaceAll('<', '\\u003c')
  const parts: Record<SectionName, string> = {
    skill: skillSection(result),
    calibration: calibrationSection(result),
    importances: importanceSection(result),
    drift: driftSection(result),
    regimes: regimeSection(result),
    paths: pathSection(result),
    overfitting: overfittingSection(result),
    placebos: placeboSection(result),
    leaks: leakSection(result),
    trading: tradingSection(result),
    sharpe: sharpeSection(result),
    learner: learnerSection(result),
    provenance: provenanceSection(result),
    notes: noteSection(result),
  }
  const links = SECTIONS.map(([name, , word]) => `<a href="#${name}">${word}</a>`)
  const sections = SECTIONS.map(
    ([name, heading]) => `<section id="${name}"><h2>${heading}</h2>\n${parts[name]}</section>`,
  )
  return `${pageHead(`${result.title} – gimbal research`, result.gimbalVersion, PAGE_STYLE + PLOT_STYLE + RESEARCH_STYLE, true)}<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>${POINT_SYMBOLS}</defs></svg>
<header class="page"><b>gimbal</b><span>research report, all times UTC, money in US dollars</span><span class="actions"><button id="save" type="button">Save as JSON</button></span></header>
<nav aria-label="Sections"><div>${links.join('')}</div></nav>
<main>
${headline(result)}
${sections.join('\n')}
</main>
<footer>Made by gimbal ${escaped(result.gimbalVersion)}. The same result gives this same file, byte for byte. Nothing here is advice.</footer>
<script type="application/json" id="result">${json}</script>
<script>${SCRIPT}</script>
</body>
</html>
`
}

/** Writes what is known of a figure; JSON that was read back holds null where there was NaN. */
function known(value: number | null, write: (value: number) => string): string {
  if (value === null || Number.isNaN(value)) return NONE
  if (value === Number.POSITIVE_INFINITY) return '∞'
  return value === Number.NEGATIVE_INFINITY ? '−∞' : write(value)
}

const two = (value: number | null) => known(value, (each) => fixed(each, 2))
/** A loss: four decimals, or three digits of one that is too small for them. */
const lossText = (value: number) =>
  known(value, (each) => (Math.abs(each) < 0.01 && each !== 0 ? anySize(each) : fixed(each, 4)))
const share = (value: number | null, decimals = 1) => known(value, (each) => percent(each, decimals))
const signedShare = (value: number | null) => known(value, (each) => signedPercent(each, 1))
const chance = (value: number | null) => escaped(known(value, pValue))

function between(low: number, high: number, write: (value: number) => string): string {
  return Number.isFinite(low) && Number.isFinite(high) ? `${write(low)} to ${write(high)}` : NONE
}

const minute = (us: number) => `<time>${utc(us).slice(0, 16)}</time>`
/** Prose of the verdict with typographic minus signs and no line that begins with a per-cent sign. */
const prose = (text: string) =>
  escaped(text)
    .replace(/(?<=[ (])-(?=\d)/g, '−')
    .replace(/ (?=[%±])|(?<=±) /g, '\u00a0')
const period = (fromUs: number, toUs: number) => `${minute(fromUs)} to ${minute(toUs)}`
const empty = (why: string) => `<p class="empty">${why}</p>`
const note = (text: string) => `<p class="note">${text}</p>`
const questionOf = ({ quantity, horizonUs }: Pick<SkillTable, 'quantity' | 'horizonUs'>) =>
  `${quantity} over ${durationText(horizonUs)}`

/** Of which question a part of the result is that holds for one alone; nothing where there is but one. */
function firstOnly({ skill }: ResearchResult): string {
  return skill.length > 1 ? note(`Of the first question, ${escaped(questionOf(skill[0]!))}.`) : ''
}

function headline(result: ResearchResult): string {
  const { verdict, provenance, skill } = result
  const badge = BADGES[provenance]
  const finding = FINDINGS[verdict.finding]
  const questions = skill.map((each) => escaped(questionOf(each)))
  const reasons = verdict.reasons.map((reason, i) => {
    const passed = verdict.passed[i] ?? null
    const [style, mark, word] =
      passed === null ? ['open', '?', 'not known'] : passed ? ['pass', '✓', 'passed'] : ['fail', '✗', 'not passed']
    return `<li class="${style}"><b><i aria-hidden="true">${mark}</i> ${word}</b><span>${prose(reason)}</span></li>`
  })
  return `<header class="top">
<div class="badges"><span class="badge ${provenance}" title="${badge.meaning}">${badge.text}</span><span class="badge finding ${verdict.finding}" title="${finding.meaning}">${finding.text}</span></div>
<h1>${escaped(result.title)}</h1>
<p class="facts">${escaped(result.target)}. ${badge.meaning} ${period(result.fromUs, result.toUs)} UTC (${durationText(result.toUs - result.fromUs)}), ${count(result.samples)} samples of ${count(result.columns)} figures${questions.length > 0 ? `; forecast: ${questions.join(', ')}` : ''}.</p>
<p class="verdict">${prose(verdict.sentence)}</p>
<ul class="reasons" aria-label="Checks">${reasons.join('')}</ul>
${provenance === 'synthetic' ? '<p class="warn">The market was generated, so this shows how the machinery behaves and nothing about a real market.</p>' : ''}
</header>`
}

function skillSection({ skill }: ResearchResult): string {
  if (skill.length === 0) return empty('No question was judged, so there is no skill to show.')
  const several =
    skill.length > 1
      ? ` ${skill.length} questions were asked, so each needs a lower t than one alone would (Bonferroni); the checks above name it.`
      : ''
  const qlike = skill.some(({ loss }) => loss === 'qlike')
    ? note(
        'QLIKE of a forecast f of a truth y is y/f − ln(y/f) − 1: 0 where they agree, and otherwise a matter of their ratio alone, so a quiet hour counts as much as a wild one. Half the truth costs 0.31 and twice the truth 0.19; a tenth costs 6.70. It ranks forecasts rightly even when the truth is itself measured with noise (Patton 2011).',
      )
    : ''
  return `${qlike}${note(
    `A Diebold-Mariano t below 0 says that the model lost less; its p is two-sided, and its variance allows for horizons that overlap. Intervals are 95 % by the stationary bootstrap; one may reach below any possible loss where a few moments decide.${several}`,
  )}${skill.map(skillOf).join('')}`
}

function skillOf(judged: SkillTable): string {
  const { rows, logR2, trimmed } = judged
  const model = rows.find(({ role }) => role === 'model')
  const loss = judged.loss === 'qlike' ? 'QLIKE' : judged.loss
  const rivals = rows.filter(({ role }) => role !== 'model')
  const own = (name: string, of: Readonly<Record<string, number>>, write: (value: number) => string) =>
    Object.hasOwn(of, name) ? known(of[name]!, write) : NONE
  const losses = pointTable({
    caption: `Mean ${loss}, lower is better`,
    heads: ['loss', '95 % interval', 'worst 1 % out', 'log R²'],
    lines: model ? [{ at: model.loss, name: 'loss of the model' }] : [],
    format: 'num',
    rows: rows.map((row) =>
      pointOf(row, row.loss, row.low, row.high, [
        lossText(row.loss),
        between(row.low, row.high, lossText),
        own(row.name, trimmed, lossText),
        own(row.name, logR2, (value) => fixed(value, 3)),
      ]),
    ),
  })
  const excess =
    rivals.length === 0
      ? empty('There is no rival to compare with.')
      : pointTable({
          caption: 'Loss above the model’s, right of zero the model is better',
          heads: ['above', '95 % interval', 'DM t', 'p'],
          lines: [{ at: 0, name: 'as good as the model' }],
          format: 'pct',
          rows: rivals.map((row) =>
            pointOf(row, row.excess, row.excessLow, row.excessHigh, [
              signedShare(row.excess),
              between(row.excessLow, row.excessHigh, signedShare),
              two(row.dieboldMariano),
              chance(row.pValue),
            ]),
          ),
        })
  const best = bestBaseline(judged)
  const rival = best
    ? `The best baseline is ${escaped(best.name)}.`
    : 'No baseline could be judged: nothing can be said of skill.'
  return `<div class="question"><h3>${escaped(questionOf(judged))}</h3>
${note(`${count(judged.samples)} samples judged, ${period(judged.fromUs, judged.toUs)}. ${rival}`)}
${losses}${excess}</div>`
}

function pointOf(row: SkillRow, point: number, low: number, high: number, cells: readonly string[]): PointRow {
  const tag = row.role === 'model' ? 'judged' : row.role === 'placebo' ? 'placebo' : undefined
  return { name: row.name, kind: row.role, point, low, high, cells, ...(tag === undefined ? {} : { tag }) }
}

function calibrationSection({ calibration }: ResearchResult): string {
  if (calibration.length === 0) return empty('No forecast was judged, so nothing was held against what came.')
  return calibration.map(calibrationOf).join('')
}

function calibrationOf(judged: CalibrationTable): string {
  const { bins, level, covered, quantity, horizonUs } = judged
  const title = questionOf(judged)
  const chart = calibrationChart('Forecast against truth', bins)
  const left = bins.filter(({ forecast, truth }) => !(forecast > 0 && truth > 0)).length
  const missing =
    left > 0
      ? note(
          `${count(left)} of ${count(bins.length)} groups ${left === 1 ? 'is' : 'are'} not above zero and ${left === 1 ? 'has' : 'have'} no place on log axes.`,
        )
      : ''
  // What the field reads: a variance over the horizon as the volatility of a year.
  const yearly = (variance: number) => share(Math.sqrt((variance * 365 * DAY_US) / horizonUs))
  const variance = quantity === 'variance'
  const rows = bins.map(({ forecast, truth, count: samples }, i) => [
    String(i + 1),
    known(forecast, anySize),
    known(truth, anySize),
    known(truth / forecast, (ratio) => fixed(ratio, 3)),
    ...(variance ? [yearly(forecast), yearly(truth)] : []),
    count(samples),
  ])
  const heads = ['Group', 'Mean forecast', 'Mean truth', 'Truth over forecast']
  if (variance) heads.push('Forecast, yearly volatility', 'Truth, yearly volatility')
  heads.push('Samples')
  const held = pointTable({
    caption: 'Samples that fell within the forecast’s interval',
    heads: ['held', 'nominal'],
    lines: [{ at: level, name: 'nominal level' }],
    format: 'pct',
    ends: [0, 1],
    rows: [
      { name: `${share(level, 0)} interval`, kind: 'model', point: covered, cells: [share(covered), share(level)] },
    ],
  })
  const said = !Number.isFinite(covered)
    ? 'How often the interval held is not known.'
    : `The ${share(level, 0)} interval held ${percent(covered, 1)} of what came: ${coverageWords(covered - level)}.`
  return `<div class="question"><h3>${escaped(title)}</h3>
${chart === '' ? empty('No group of samples is above zero: nothing can be drawn on log axes.') : chart}${missing}
${bins.length > 0 ? table(`Samples in groups of equal size, by forecast; ${QUANTITIES[quantity]}`, [...heads], rows) : empty('No sample was grouped.')}
${held}${note(said)}</div>`
}

/** Within two points of the level, as samples that overlap cannot tell much finer. */
function coverageWords(difference: number): string {
  if (Math.abs(difference) <= 0.02) return 'as it promises, to two points'
  return difference < 0
    ? 'less than it promises, the interval is too narrow'
    : 'more than it promises, the interval is too wide'
}

function importanceSection(result: ResearchResult): string {
  const { importances } = result
  if (importances.length === 0)
    return empty('No importances: the learner that was kept has no trees, and its start is linear in logarithms.')
  const shown = importances.slice(0, 30)
  const total = shown.reduce((sum, { share: each }) => sum + each, 0)
  return `${firstOnly(result)}${note(
    `Share of the mean absolute SHAP contribution, and of the gain of all splits. The ${count(shown.length)} shown carry ${share(total)} of the contributions. They say what the forecast uses, not what moves the market; columns that say the same share their weight.`,
  )}${barTable(
    `The ${count(shown.length)} columns that weigh most`,
    ['SHAP', 'gain'],
    ['SHAP share', 'gain share'],
    shown.map(({ name, share: shap, gain }) => ({
      name,
      shares: [shap, gain],
      cells: [share(shap), share(gain)],
    })),
  )}`
}

/** Windows of one question after another: time going back is where the next begins. */
function byQuestion(rows: readonly DriftRow[]): DriftRow[][] {
  const groups: DriftRow[][] = []
  let last = Number.POSITIVE_INFINITY
  for (const row of rows) {
    if (row.fromUs <= last) groups.push([])
    groups.at(-1)!.push(row)
    last = row.fromUs
  }
  return groups
}

/** From which on a population stability index is called a shift. */
const PSI_SHIFT = 0.25

function driftSection({ drift, skill }: ResearchResult): string {
  if (drift.length === 0) return empty('No window was walked, so drift could not be measured.')
  const groups = byQuestion(drift)
  const named = groups.length === skill.length
  return `${note(
    `Each window was forecast by a model fitted before it. PSI is the population stability index of the column that moved most from its training: above ${PSI_SHIFT} is called a shift, and slow averages shift in any market. Outside is the mean share of columns beyond the range of training. CUSUM is the two-sided running sum of log errors, in its own alarm units: 1 is an alarm.`,
  )}${groups.map((rows, i) => driftOf(named ? questionOf(skill[i]!) : `series ${i + 1}`, rows)).join('')}`
}

function driftOf(name: string, rows: readonly DriftRow[]): string {
  const better = rows.filter(({ modelLoss, baselineLoss }) => modelLoss < baselineLoss).length
  const alarms = rows.filter(({ cusum }) => cusum >= 1).length
  const lines = windowChart({
    title: 'Loss by window',
    unit: 'mean loss of the model and of the best baseline',
    description: `The model lost less than the best baseline in ${better} of ${rows.length} windows.`,
    windows: rows,
    heightPx: 190,
    series: [
      { name: 'model', colour: '--blue', values: rows.map(({ modelLoss }) => modelLoss) },
      { name: 'best baseline', colour: '--grey', values: rows.map(({ baselineLoss }) => baselineLoss) },
    ],
  })
  const cusum = windowChart({
    title: 'Error CUSUM',
    unit: 'highest of each window; the dashed line is the alarm at 1',
    description: `${alarms} of ${rows.length} windows reached the alarm.`,
    windows: rows,
    alarm: 1,
    zero: true,
    heightPx: 120,
    series: [{ name: 'CUSUM', colour: '--orange', values: rows.map((row) => row.cusum) }],
  })
  const psi = heatStrip(
    'PSI',
    'of the column that moved most; the strongest colour is the largest',
    rows,
    rows.map((row) => ({ value: row.psi, text: `${two(row.psi)}${row.column === '' ? '' : ` (${row.column})`}` })),
  )
  const outside = heatStrip(
    'Outside the range of training',
    'mean share of columns; the strongest colour is the largest',
    rows,
    rows.map((row) => ({ value: row.outside, text: share(row.outside, 2) })),
  )
  return `<div class="question"><h3>${escaped(name)}</h3>
${note(`The model lost less than the best baseline in ${count(better)} of ${count(rows.length)} windows; the error CUSUM reached its alarm in ${alarms === 0 ? 'none' : count(alarms)}.`)}
${lines}${cusum}${psi}${outside}
${table(
  'Window by window',
  ['Window (UTC)', 'PSI', 'Column', 'Outside', 'Model loss', 'Baseline loss', 'CUSUM'],
  rows.map((row) => [
    period(row.fromUs, row.toUs),
    two(row.psi),
    row.column === '' ? NONE : escaped(row.column),
    share(row.outside, 2),
    lossText(row.modelLoss),
    lossText(row.baselineLoss),
    row.cusum >= 1 ? `<b class="negative">${two(row.cusum)}</b>` : two(row.cusum),
  ]),
  { left: [0, 2] },
)}</div>`
}

function regimeSection({ regimes }: ResearchResult): string {
  if (regimes === null)
    return empty(
      'No regimes: this study asked for none, or the part of its history before the judged one was too short to fit them.',
    )
  const { timesUs, probabilities, volatilities } = regimes
  const means = probabilities.map((values) => {
    const found = values.filter(Number.isFinite)
    return found.reduce((sum, value) => sum + value, 0) / found.length
  })
  const names = volatilities.map((yearly) => `${known(yearly, (each) => percent(each, 0))} a year`)
  const states = probabilities.map((values, i) => ({ name: names[i] ?? `state ${i + 1}`, values }))
  const chart = stackedChart(
    'Probability of each state',
    states.map(({ name }, i) => `${name}: ${share(means[i]!)} of the time`).join('; '),
    timesUs,
    states,
  )
  return `${note('A hidden Markov model of returns, fitted to the first part of the history and filtered forwards: after that part each moment knows only its past, within it the parameters know the whole of it. States are named by their yearly volatility, calmest first.')}
${chart === '' ? empty('No moment has a probability for every state.') : chart}
<div class="small">${table(
    'States',
    ['State', 'Yearly volatility', 'Mean probability'],
    states.map((_, i) => [String(i + 1), share(volatilities[i] ?? null), share(means[i]!)]),
  )}</div>`
}

function pathSection(result: ResearchResult): string {
  const { paths } = result
  if (paths === null) return empty('No other histories: combinatorial cross-validation was not asked for.')
  const { excess, groups, testGroups } = paths
  const found = excess.filter(Number.isFinite)
  if (found.length === 0) return empty('No path could be judged.')
  const below = found.filter((value) => value < 0).length
  const mean = found.reduce((sum, value) => sum + value, 0) / found.length
  return `${firstOnly(result)}${note(
    `Combinatorial purged cross-validation: ${count(groups)} groups of time, ${count(testGroups)} held out at a time, put together to ${count(excess.length)} whole paths; what overlaps a held-out group is purged. Each dot is the model’s loss over that of its own log-linear start, less 1: below zero the trees add something. Some of the training lies after what is forecast, so this says how much the result owes to one history, and is no forecast of profit.`,
  )}${pathChart(
    'Loss over that of the log-linear start, by path',
    'below zero the trees add something',
    excess,
  )}${note(`Better on ${count(below)} of ${count(found.length)} paths${found.length < excess.length ? ` that could be judged` : ''}; on average ${signedShare(mean)}, from ${signedShare(Math.min(...found))} to ${signedShare(Math.max(...found))}.`)}
${note(`By path, in order: ${excess.map(signedShare).join(', ')}.`)}`
}

/** One cell of a panel. */
function cell(name: string, value: string, text: string): string {
  return `<div><dt>${name}</dt><dd>${value}</dd><small>${text}</small></div>`
}

function overfittingSection({ overfitting, skill }: ResearchResult): string {
  if (!overfitting.some((panel) => panel !== null))
    return empty(
      'Nothing to show: one configuration was tried, or all came out alike, so nothing was chosen among (or too few samples were judged to tell luck from skill).',
    )
  return overfitting
    .map((panel, question) => {
      const judged = skill[question]
      const heading = skill.length > 1 && judged ? `<h3>${escaped(questionOf(judged))}</h3>` : ''
      return `<div class="question">${heading}${panel === null ? note('All configurations came out alike, so nothing was chosen among (or too few samples were judged to tell luck from skill).') : overfittingPanel(panel)}</div>`
    })
    .join('')
}

function overfittingPanel(overfitting: OverfittingPanel): string {
  const { configurations, better, pbo, logits, slope, spaLower, spaConsistent, spaUpper, realityCheck } = overfitting
  const few =
    configurations < 5
      ? note(
          `Of ${count(configurations)} configurations the chosen one can only be ${configurations === 2 ? 'the better or the worse' : 'at few ranks'}: these figures say little, and the logits take few values.`,
        )
      : ''
  const tied =
    logits.length > 0 && logits.every((logit) => logit === 0)
      ? note(
          'All configurations did equally well wherever they were judged: a tie counts as overfitting, so the probability says only that there was nothing to choose between.',
        )
      : ''
  const mechanical = slope < -0.9 && slope > -1.1
  return `<dl class="key">
${cell('Configurations', count(configurations), `${better === configurations ? 'all' : count(better)} of them better than the best baseline; each counts as a trial`)}
${cell('Probability of backtest overfitting', share(pbo), 'how often the best in one half of the time was at or below the median in the other; below 50 % is needed, unless all of them are better than the best baseline')}
${cell('Slope', two(slope), `of the other half’s performance on the choosing half’s${mechanical ? '; −1 is what two halves of one whole give where the same configuration always wins' : ''}`)}
${cell('SPA p', chance(spaConsistent), `consistent; lower ${chance(spaLower)}, upper ${chance(spaUpper)}: whether the best configuration beats the best baseline, counted as the best of all; below 0.05 is needed`)}
${cell('Reality check p', chance(realityCheck), 'White’s, of the same question; poor configurations among them make it harder to pass')}
</dl>${few}${tied}
${note('CSCV cuts time into blocks and lets every half of them choose once and the other half judge (Bailey, Borwein, López de Prado and Zhu 2016). A logit above 0 says that the chosen one was above the median where it was judged. SPA is Hansen’s test of superior predictive ability (2005).')}
${logits.length > 0 ? countChart('Logits of the chosen one’s rank', `${count(logits.length)} halves, thinned for drawing; red lies at or below the median`, logits) : empty('No logits were kept.')}`
}

function placeboSection({ placebos, skill }: ResearchResult): string {
  if (placebos.length === 0)
    return empty('No placebo was run: whether this study would find skill in nothing is not known.')
  const own = skill.flatMap((judged): PointRow[] => {
    const best = bestBaseline(judged)
    const model = judged.rows.find(({ role }) => role === 'model')
    if (!best || !model) return []
    const t = best.dieboldMariano
    return [
      {
        name: questionOf(judged),
        kind: 'model',
        point: t,
        tag: 'the result',
        cells: [two(t), signedShare(model.loss / best.loss - 1), ''],
      },
    ]
  })
  const rows = placebos.map(
    (placebo): PointRow => ({
      name: placebo.name,
      kind: 'placebo',
      tag: 'placebo',
      point: placebo.dieboldMariano,
      cells: [
        two(placebo.dieboldMariano),
        signedShare(placebo.excess),
        placebo.claims ? '<b class="negative">yes</b>' : known(placebo.dieboldMariano, () => 'no'),
      ],
    }),
  )
  const items = placebos.map(({ name, doc }) => `<li><b>${escaped(name)}</b><span>${escaped(doc)}</span></li>`)
  return `${note('The same learner where nothing can be learnt. Left of the dashed line a placebo would be taken for skill, and then nothing on this page could be believed. To the right it only lost to what it is held against, which is what nonsense should do: the list below says what that is of each.')}
${pointTable({
  caption: 'Diebold-Mariano t against what each is held against, beside the result’s own',
  heads: ['t', 'loss over the rival’s', 'taken for skill'],
  lines: [
    { at: 0, name: 'as good as the rival' },
    { at: PLACEBO_T, name: 'taken for skill beyond' },
  ],
  whole: true,
  format: 'num',
  rows: [...own, ...rows],
})}
<ul class="prose wideNames">${items.join('')}</ul>`
}

function leakSection({ leaks }: ResearchResult): string {
  if (leaks === null)
    return empty('No column was checked for knowledge of the future: whether one has it is not known.')
  if (leaks.length === 0) return empty('No column was found to know the future.')
  return `<p class="warn">${leaks.length === 1 ? 'A column knows' : `${count(leaks.length)} columns know`} what had not happened yet. Nothing above can be believed.</p>${table(
    'Columns that know the future',
    ['Column', 'Figure', 'What was seen'],
    leaks.map(({ column, figure, doc }) => [escaped(column), known(figure, anySize), escaped(doc)]),
    { left: [0, 2] },
  )}`
}

/** The report below the page's folder, for a link; undefined where the path is of another shape. */
function linkTo(path: string): string | undefined {
  const [runs, folder, file] = path.split(/[\\/]/).slice(-3)
  if (runs !== 'runs' || !folder || !file || /^\.+$/.test(folder)) return undefined
  return `${runs}/${encodeURIComponent(folder)}/${encodeURIComponent(file)}`
}

function reportLink(path: string, text: string): string {
  const target = linkTo(path)
  return target === undefined
    ? `${text}: <span class="hash">${escaped(path)}</span>`
    : `<a href="${escaped(target)}">${text}</a>`
}

function tradingSection({ backtests }: ResearchResult): string {
  if (backtests.length === 0)
    return empty(
      'Nothing was traded on the forecasts, so nothing is known of profit. A better forecast is not yet money.',
    )
  return `${note('One policy, run twice over the same market: told the forecasts, and not told. Only the span that no model was fitted on counts, net of all costs. Fills are simulated; the two run reports say how.')}${backtests.map(tradingOf).join('')}`
}

function tradingOf(each: BacktestComparison): string {
  const tone = (value: number, text: string) =>
    `<span class="${value > 0 ? 'positive' : value < 0 ? 'negative' : ''}">${text}</span>`
  const money = (value: number) => known(value, signedDollars)
  const rows = [
    [
      'Profit after all costs',
      tone(each.profitWith, money(each.profitWith)),
      tone(each.profitWithout, money(each.profitWithout)),
      money(each.profitWith - each.profitWithout),
    ],
    [
      'Costs',
      known(each.costsWith, dollars),
      known(each.costsWithout, dollars),
      money(each.costsWith - each.costsWithout),
    ],
    [
      'Deepest drawdown',
      share(each.drawdownWith, 2),
      share(each.drawdownWithout, 2),
      known(each.drawdownWith - each.drawdownWithout, (points) => signedPercent(points, 2)),
    ],
    ...(each.targetErrorWith === null && each.targetErrorWithout === null
      ? []
      : [
          [
            'Volatility against its target',
            signedShare(each.targetErrorWith),
            signedShare(each.targetErrorWithout),
            '',
          ],
        ]),
  ]
  const idle = [each.profitWith, each.profitWithout, each.costsWith, each.costsWithout].every((value) => value === 0)
  const t =
    each.differenceT === null
      ? 'The difference cannot be judged: there are too few returns.'
      : `t of the difference ${two(each.differenceT)} by the stationary bootstrap; above 1.65 is needed to say that the model earned more.`
  return `<div class="question"><h3>${escaped(each.policy)}, told of ${escaped(each.told.join(' and '))}</h3>
${note(`${escaped(each.setting)}${each.setting === '' ? '' : '. '}${period(each.fromUs, each.toUs)}.`)}
${idle ? '<p class="warn">Neither run paid or earned anything: nothing was traded in this span, so it says nothing about the forecast.</p>' : ''}
${table('With and without the model', ['', 'With', 'Without', 'Difference'], rows)}
${note(`${t} ${reportLink(each.reportWith, 'Run report with the model')}, ${reportLink(each.reportWithout, 'without')}.`)}</div>`
}

function sharpeSection({ backtests }: ResearchResult): string {
  if (backtests.length === 0) return empty('Nothing was traded, so there is no Sharpe ratio to deflate.')
  const rows = backtests.flatMap((each) => [
    sharpeRow(each, `told of ${escaped(each.told.join(' and '))}`, each.sharpeWith, each.deflatedWith, each.costsWith),
    sharpeRow(each, 'without', each.sharpeWithout, each.deflatedWithout, each.costsWithout),
  ])
  const unknown = backtests.some(({ sharpeWith, sharpeWithout }) => sharpeWith === null || sharpeWithout === null)
  const undeflated = backtests.some(
    (each) =>
      (each.sharpeWith !== null && each.deflatedWith === null) ||
      (each.sharpeWithout !== null && each.deflatedWithout === null),
  )
  return `${note('Per return between the points of the run report’s timeline, not annualised, after costs. Deflated is the probability that the true ratio is above zero, counted as the best of all trials of the policy’s family in the ledger (Bailey and López de Prado 2014); below 95 % it is not told apart from luck.')}
${table('Sharpe ratios', ['Run', 'Sharpe', 'Deflated', 'Trials', 'Costs', 'Span'], rows)}
${unknown ? note('No Sharpe ratio where there were too few returns, or none that differed.') : ''}${undeflated ? note('No deflated value where the ledger does not yet know how far the Sharpe ratios of its trials lie apart.') : ''}`
}

function sharpeRow(
  each: BacktestComparison,
  run: string,
  sharpe: number | null,
  deflated: number | null,
  costs: number,
): string[] {
  return [
    `${escaped(each.policy)} <small>${run}</small>`,
    known(sharpe, (value) => plain(value, 3)),
    share(deflated),
    count(each.trialCount),
    known(costs, dollars),
    durationText(each.toUs - each.fromUs),
  ]
}

function rowsTable(rows: readonly (readonly [string, string])[]): string {
  return `<table class="facts"><tbody>${rows.map(([name, value]) => `<tr><th scope="row">${name}</th><td class="prose">${value}</td></tr>`).join('')}</tbody></table>`
}

function learnerSection({ learner, settings, skill }: ResearchResult): string {
  const rows = Object.entries(settings).map(([name, value]): [string, string] => [
    escaped(name),
    escaped(typeof value === 'number' ? known(value, (each) => plain(each, 6)) : String(value)),
  ])
  const several = skill.length > 1 ? ' The settings are those chosen for the first question.' : ''
  return `<p>${escaped(learner)}.${several}</p>${rows.length > 0 ? rowsTable(rows) : empty('It has no settings.')}`
}

function provenanceSection(result: ResearchResult): string {
  const hash = (text: string) => `<span class="hash">${escaped(text)}</span>`
  const badge = BADGES[result.provenance]
  const models = result.models.map(({ id, name }) => `${escaped(name)} ${hash(id)}`)
  return rowsTable([
    ['Data', `${badge.text.toLowerCase()}. ${badge.meaning}`],
    ['Target', escaped(result.target)],
    ['Span', `${utc(result.fromUs)} to ${utc(result.toUs)} UTC`],
    ['Samples', `${count(result.samples)} of ${count(result.columns)} figures`],
    ['Hash of the data', hash(result.dataHash)],
    ['Hash of the dataset', hash(result.datasetHash)],
    ['Hash of the features', hash(result.schemaHash)],
    ['Seed', String(result.seed)],
    ['gimbal version', escaped(result.gimbalVersion)],
    [
      'Trials',
      `${count(result.trialCount)} distinct ${result.trialCount === 1 ? 'trial' : 'trials'} of this family in the ledger`,
    ],
    ['Ledger head', result.ledgerHead === null ? 'none: no ledger was kept' : hash(result.ledgerHead)],
    ['Models written', models.length > 0 ? models.join('<br>') : 'none'],
  ])
}

function noteSection({ notes }: ResearchResult): string {
  return notes.length > 0
    ? `<ul class="notes">${notes.map((each) => `<li>${escaped(each)}</li>`).join('')}</ul>`
    : empty('There are none.')
}

const SCRIPT = `
'use strict'
document.getElementById('save').addEventListener('click', () => {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([document.getElementById('result').textContent + '\\n'], { type: 'application/json' }))
  link.download = 'research.json'
  link.click()
})
`

const RESEARCH_STYLE = `
nav a{white-space:nowrap;color:var(--soft);text-decoration:none;font-size:13px;padding:4px 8px;border-radius:6px}
nav a:hover,nav a:focus-visible{color:var(--ink);background:var(--panel)}
section{scroll-margin-top:44px}
.top{padding-top:18px}
.top .verdict{font:400 25px/1.4 var(--serif);max-width:46ch;margin:18px 0}
.badge.finding.edge{color:var(--blue)}.badge.finding.no-edge,.badge.finding.not-judged{color:var(--soft)}.badge.finding.invalid{color:var(--red)}
.reasons{list-style:none;padding:0;margin:18px 0;max-width:92ch;border:1px solid var(--line);border-radius:8px;background:var(--panel);overflow:hidden}
.reasons li{display:grid;grid-template-columns:112px 1fr;gap:12px;padding:8px 14px;border-left:5px solid var(--grey);border-bottom:1px solid var(--grid);break-inside:avoid;overflow-wrap:anywhere}
.reasons li:last-child{border-bottom:0}
.reasons b{font-weight:600;font-size:13px;line-height:1.75;white-space:nowrap}.reasons i{font-style:normal;display:inline-block;width:14px}
.reasons .pass{border-left-color:var(--green)}.reasons .pass b{color:var(--green)}
.reasons .fail{border-left-color:var(--red)}.reasons .fail b{color:var(--red)}
.reasons .open b{color:var(--soft)}
.question{margin-bottom:26px}
.small{max-width:620px}
.note{max-width:84ch}time{white-space:nowrap}.top .facts{max-width:none}.top .verdict::first-letter{text-transform:uppercase}
.note a,.facts a{color:var(--blue)}
table.facts th{width:190px;color:var(--soft);font-size:13.5px}table.facts{color:var(--ink)}
ul.wideNames li{grid-template-columns:210px 1fr}
ul.notes{padding-left:18px;max-width:84ch}ul.notes li{margin:4px 0}
@media (max-width:640px){.top .verdict{font-size:20px}.reasons li{grid-template-columns:1fr;gap:0}
table.facts th{width:120px}ul.wideNames li{grid-template-columns:1fr}}
@media print{nav{display:none}.top .verdict{font-size:17pt}.pointed .points{width:34%}.question h3+.note{break-after:avoid}}
`
