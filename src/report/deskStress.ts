/** @file The page's section on stress: the map with its frontier, every scenario with its losses, the path of the worst, the smallest shocks. */

import type { ReverseShock } from '../risk/stress/reverseStress.ts'
import { curveChart, heatMapPicture, partBar } from './deskPlots.ts'
import type { PathFacts, ScenarioFacts, StressFacts, TailFacts } from './deskReport.ts'
import { count, escaped, fixed, NONE, percent, plain } from './figures.ts'
import { durationText } from './runReport.ts'
import { table } from './table.ts'

function money(value: number): string {
  return Number.isFinite(value) ? fixed(value, 0) : NONE
}

/** Where equity goes, in the order of the page, with a colour each. */
const CAUSES = [
  ['market', 'market', '--blue'],
  ['slippage', 'slippage', '--orange'],
  ['impact', 'own impact', '--purple'],
  ['liquidation', 'liquidation', '--red'],
  ['fees', 'fees', '--sky'],
  ['funding', 'funding', '--green'],
  ['carry', 'carry', '--green'],
  ['gas', 'gas', '--grey'],
  ['transfers', 'transfers', '--grey'],
  ['writtenOff', 'written off', '--grey'],
] as const

const OUTCOMES: Readonly<Record<string, string>> = {
  untouched: 'untouched',
  protected: 'closed by breakers',
  liquidated: 'liquidated',
  ruined: 'ruined',
}

export function stressSection(found: StressFacts): string {
  const { deadly, scenarios, rules, equity } = found
  const verdict =
    deadly.length === 0
      ? `The book survives all ${count(scenarios.length)} scenarios.`
      : `The book does not survive ${deadly.map((name) => escaped(name)).join(', ')}.`
  const guards =
    rules.length > 0 ? `Breakers: ${escaped([...new Set(rules)].join(', '))}.` : 'Breakers are off: only venues act.'
  return `<p class="verdict">${verdict}</p><p class="facts">Equity at the start ${money(equity)} dollars. ${guards}</p>${unwatchedPart(found)}
${heatMapPicture(found.heatMap, equity)}
${frontierPart(found)}
${scenarioTable(scenarios)}
${found.path ? pathPart(found.path) : ''}
${reversePart(found)}
${tailPart(found.tail, found.tailMissing)}`
}

/** Breakers no scenario can read, one clause a reason. */
function unwatchedPart({ unwatched }: StressFacts): string {
  if (unwatched.length === 0) return ''
  const reasons = [...new Set(unwatched.map(({ why }) => why))]
  const clauses = reasons.map((reason) => {
    const names = unwatched.filter(({ why }) => why === reason).map(({ breaker }) => breaker)
    return `${escaped(names.join(', '))} (${escaped(reason)})`
  })
  return `<p class="note">Breakers that watch a run and no scenario: ${clauses.join('; ')}.</p>`
}

function frontierPart({ heatMap }: StressFacts): string {
  const today = heatMap.frontier.find(({ volatility }) => Math.abs(volatility) < 1e-9)
  if (!today) return ''
  const side = (name: string, point: NonNullable<typeof today.down> | undefined) =>
    point
      ? `${name} ${percent(Math.abs(point.factor - 1), 1)}: ${escaped(point.venue)} is liquidated, the book having ${point.profit < 0 ? 'lost' : 'made'} ${money(Math.abs(point.profit))} dollars`
      : `${name}: nothing is liquidated`
  return `<p class="note">At today’s volatility, all coins moving together: ${side('down', today.down)}; ${side('up', today.up)}.</p>`
}

function scenarioTable(scenarios: readonly ScenarioFacts[]): string {
  const sums = scenarios.flatMap(({ losses }) => {
    const values = CAUSES.map(([key]) => losses[key])
    const gains = values.filter((value) => value < 0).reduce((sum, value) => sum - value, 0)
    return [gains, values.filter((value) => value > 0).reduce((sum, value) => sum + value, 0)]
  })
  const reach = Math.max(1, ...sums)
  const rows = scenarios.map((each) => {
    const parts = CAUSES.map(([key, name, colour]) => ({ name, value: each.losses[key], colour }))
    const fate = each.survived
      ? escaped(OUTCOMES[each.outcome] ?? each.outcome)
      : `<span class="danger">not survived: ${escaped(each.cause)}</span>`
    const bare = each.unprotectedSurvived
      ? escaped(OUTCOMES[each.unprotectedOutcome] ?? each.unprotectedOutcome)
      : '<span class="danger">not survived</span>'
    return `<tr${each.survived ? '' : ' class="dead"'}><th scope="row" title="${escaped(each.about)}">${escaped(each.name)}</th><td class="parts" aria-hidden="true">${partBar(parts, reach)}</td><td class="figure">${money(each.end - each.start)}</td><td class="figure">${money(each.minimum)}</td><td>${fate}</td><td>${bare}</td><td class="figure">${money(each.unprotectedEnd - each.start)}</td></tr>`
  })
  const legend = CAUSES.slice(0, 6).map(
    ([, name, colour]) => `<span><i style="background:var(${colour})"></i>${name}</span>`,
  )
  const figures = table(
    'Losses by cause, dollars; negative is a gain',
    ['Scenario', ...CAUSES.map(([, name]) => name)],
    scenarios.map(({ name, losses }) => [escaped(name), ...CAUSES.map(([key]) => money(losses[key]))]),
  )
  const told = scenarios.map(
    ({ name, about, verdict, text }) =>
      `<li><b>${escaped(name)}</b>. ${escaped(about)} ${escaped(verdict)}. <code>${escaped(text)}</code></li>`,
  )
  return `<h3>Scenarios: losses by cause to the left, gains to the right</h3><p class="legend causes">${legend.join('')}</p><div class="wide"><table class="scenarios"><thead><tr><th scope="col">Scenario</th><th class="parts"></th><th scope="col" class="figure">Profit, $</th><th scope="col" class="figure">Least equity, $</th><th scope="col">Outcome</th><th scope="col">Without breakers</th><th scope="col" class="figure">Profit then, $</th></tr></thead><tbody>${rows.join('')}</tbody></table></div>
<details><summary>Losses by cause in figures, and every scenario in words</summary>${figures}<ul class="notes">${told.join('')}</ul></details>`
}

function pathPart({ name, guarded, bare, events, eventsLeftOut }: PathFacts): string {
  const hours = (points: PathFacts['guarded'], of: (point: PathFacts['guarded'][number]) => number) =>
    points.map((point) => [point.atUs / 3.6e9, of(point)] as const)
  const least = Math.min(...guarded.map(({ equity }) => equity))
  const rows = events.map(({ atUs, kind, venue, what, dollars, note }) => [
    durationText(atUs),
    escaped(kind),
    escaped(venue),
    escaped(what),
    money(dollars),
    escaped(note),
  ])
  return `<h3>The worst of them hour by hour: ${escaped(name)}</h3>
<div class="plots">${curveChart({
    title: 'Equity',
    unit: 'dollars over hours of the scenario',
    description: `Least ${money(least)} dollars with breakers.`,
    heightPx: 200,
    curves: [
      { name: 'with breakers', colour: '--blue', points: hours(guarded, ({ equity }) => equity) },
      { name: 'without', colour: '--red', points: hours(bare, ({ equity }) => equity), dashed: true },
    ],
    xFormat: 'num',
    yFormat: 'num',
  })}${curveChart({
    title: 'Weakest account',
    unit: 'equity over maintenance, drawn at 4 where it is more, over hours; at 1 the venue liquidates',
    description: 'The least over all accounts at each moment.',
    heightPx: 200,
    curves: [
      {
        name: 'with breakers',
        colour: '--blue',
        points: hours(guarded, ({ ratio }) => Math.min(4, Math.max(0, ratio))),
      },
      {
        name: 'without',
        colour: '--red',
        points: hours(bare, ({ ratio }) => Math.min(4, Math.max(0, ratio))),
        dashed: true,
      },
    ],
    xFormat: 'num',
    yFormat: 'num',
    ends: [0, 4.2],
    levels: [{ at: 1, name: 'liquidated below' }],
  })}</div>
${rows.length > 0 ? table(`What happened, with breakers${eventsLeftOut > 0 ? `; ${count(eventsLeftOut)} later events are not shown` : ''}`, ['After', 'Event', 'Venue', 'What', 'Dollars', 'Note'], rows, { left: [0, 1, 2, 3, 5] }) : '<p class="note">Nothing happened to its accounts.</p>'}`
}

function reversePart({ liquidation, ruin, reverseHorizonUs, evaluations }: StressFacts): string {
  const row = (harm: string, shock: ReverseShock | undefined): string[] => {
    if (!shock) return [harm, 'none within reach', NONE, NONE, NONE]
    const moves = shock.moves.map(({ kind, asset, factor }) => {
      const what = kind === 'spot' ? asset : `${asset} volatility`
      return `${escaped(what)} ${factor > 1 ? '+' : ''}${percent(factor - 1, 1)}`
    })
    const where = shock.venue === '' ? 'the whole book' : escaped(shock.venue)
    return [harm, `${fixed(shock.distance, 2)} σ`, moves.join(', '), where, money(shock.equity)]
  }
  return `${table(
    'Reverse stress: the smallest shocks that hurt',
    ['Harm', 'Distance', 'Shock', 'Where', 'Equity there, $'],
    [row('an account is liquidated', liquidation), row('no equity is left', ruin)],
    { left: [0, 2, 3] },
  )}
<p class="note">Distance: standard deviations of the most usual mixture of moves over ${durationText(reverseHorizonUs)} (Mahalanobis); found by ${count(evaluations)} revaluations. That none is nearer holds as far as the search looked.</p>`
}

function tailPart(tail: TailFacts | undefined, missing: string): string {
  if (!tail) return `<h3>Value at risk</h3><p class="note">${escaped(missing)}</p>`
  const { level, horizonUs, shocks, valueAtRisk, expectedShortfall, worst, byAccount } = tail
  return `${table(
    `Losses over ${durationText(horizonUs)} that ${plain(100 * level)} % of history would not exceed, and beyond; dollars`,
    ['Value at risk', 'Expected shortfall', 'Worst', ...byAccount.map(({ venue }) => `Shortfall of ${venue}`)],
    [
      [
        money(valueAtRisk),
        money(expectedShortfall),
        money(worst),
        ...byAccount.map((each) => money(each.expectedShortfall)),
      ],
    ],
    { left: [] },
  )}<p class="note">Historical simulation with full revaluation: ${count(shocks)} moves of prices as they happened together; volatilities are held.</p>`
}
