/**
 * Goal: the desk's page can be read and trusted: every link leads somewhere, nothing that is no figure is shown as one, what others
 * named cannot become markup, and the figures shown are those of the report.
 * Method: pages of reports written by hand, with names that try to break out and figures that are not known.
 */

import { describe, expect, test } from 'vitest'
import { greeksTable } from '../portfolio/greeksTable.ts'
import { CALM, deskBook } from '../risk/stress/deskBook.ts'
import { heatMap } from '../risk/stress/frontier.ts'
import { noLosses } from '../risk/stress/heldBook.ts'
import { renderDesk } from './deskPage.ts'
import { curveChart, heatMapPicture, partBar, smileChart } from './deskPlots.ts'
import type { AccountFacts, DeskReport, ScenarioFacts } from './deskReport.ts'

const EVIL = '"><script>alert(1)</script>'
const book = deskBook(1)

const account: AccountFacts = {
  ...{ account: 0, venue: EVIL, engine: 'deribit-standard', source: EVIL, value: 1e6, equity: 9e5, initial: 3e5 },
  ...{ maintenance: 2e5, free: 6e5, ratio: 4.5, liquidatable: false, missing: [EVIL], refusal: '' },
  pools: [
    {
      ...{ name: EVIL, currency: 'BTC', equity: 10, initial: 3, maintenance: 2, free: 7, linesLeftOut: 4 },
      lines: [{ what: EVIL, initial: 3, maintenance: 2 }],
    },
  ],
  liquidations: [
    {
      ...{ asset: 'BTC', price: 92_000, volatility: 0.48, volatilityAssumed: true, down: 60_000, up: Number.NaN },
      ...{ downPercent: -34.8, upPercent: Number.NaN, downDeviations: 17, upDeviations: Number.NaN },
    },
  ],
  shares: [{ name: EVIL, initial: 1, maintenance: 1, equity: Number.NaN }],
  balances: [{ currency: EVIL, units: 1, dollars: Number.NaN }],
}
const scenario: ScenarioFacts = {
  ...{ name: EVIL, about: EVIL, text: EVIL, outcome: 'ruined', unprotectedOutcome: 'liquidated', survived: false },
  ...{ unprotectedSurvived: true, cause: 'gap', verdict: EVIL, start: 1e6, end: -1e5, minimum: -1e5, minimumAtUs: 0 },
  ...{ unprotectedEnd: 5e5, unprotectedMinimum: 4e5, acted: [], liquidated: [], unprotectedLiquidated: [] },
  losses: { ...noLosses(), market: 1_000_000, slippage: 150_000, funding: -50_000 },
}
const report: DeskReport = {
  schemaVersion: 1,
  gimbalVersion: '0.0.0',
  market: { kind: 'given', source: EVIL, timeUs: CALM.timeUs, assumptions: [EVIL], spots: [{ asset: EVIL, price: 1 }] },
  book: { name: EVIL, example: false, accounts: 4, positions: 62, value: Number.NaN },
  greeks: {
    table: { ...greeksTable(book, CALM), unpriced: [{ account: 0, venue: EVIL, name: EVIL, missing: [EVIL] }] },
    ladders: [],
  },
  margin: {
    accounts: [account, { ...account, refusal: EVIL }, { ...account, engine: '', ratio: Number.POSITIVE_INFINITY }],
    ladder: {
      factors: [0.5, 1, 1.5],
      ratios: [
        [0.5, 4.5, Number.POSITIVE_INFINITY],
        [Number.NaN, Number.NaN, Number.NaN],
        [1, 1, 1],
      ],
    },
    moves: { survived: [EVIL], moves: [], missing: [{ venue: EVIL, dollars: 12_345 }], refusal: '' },
  },
  stress: {
    equity: 1e6,
    scenarios: [scenario],
    deadly: [EVIL],
    heatMap: heatMap(book, CALM, { spots: [0.8, 1, 1.2], volatilities: [0, 0.5] }),
    ...{ liquidation: undefined, ruin: undefined, reverseHorizonUs: 86_400e6, evaluations: 5 },
    path: {
      name: EVIL,
      guarded: [
        { atUs: 0, equity: 1e6, ratio: 3 },
        { atUs: 3.6e9, equity: -1e5, ratio: Number.NaN },
      ],
      bare: [{ atUs: 0, equity: 1e6, ratio: 3 }],
      events: [{ atUs: 3.6e9, kind: 'liquidated', venue: EVIL, what: EVIL, dollars: 5, note: EVIL }],
      eventsLeftOut: 3,
    },
    tail: undefined,
    tailMissing: EVIL,
    rules: [EVIL],
    unwatched: [
      { breaker: 'stale-data', why: EVIL },
      { breaker: 'clock-skew', why: EVIL },
    ],
  },
}

describe('a page of everything', () => {
  const page = renderDesk(report)

  test('has no script, whatever venues, books and scenarios are called', () => {
    expect(page).not.toContain('<script')
    expect(page).toContain('&lt;script&gt;')
    expect(page).toContain("default-src 'none'")
  })

  test('shows no figure that is none', () => {
    expect(page).not.toMatch(/NaN|undefined|Infinity|\[object/)
  })

  test('leads where its links say', () => {
    const links = [...page.matchAll(/href="#([^"]+)"/g)].map(([, anchor]) => anchor)
    expect(links).toEqual(['greeks', 'margin', 'stress', 'accounts', 'assumptions'])
    for (const anchor of links) expect(page).toContain(`<section id="${anchor}">`)
  })

  test('says what was not survived, what is missing and that nobody recorded these prices', () => {
    for (const words of [
      'does not survive',
      'not survived: gap',
      '12,345',
      'GIVEN FIGURES',
      'in no sum here',
      '3 later events',
      'no scenario: stale-data, clock-skew (',
    ])
      expect(page).toContain(words)
  })

  test('closes what it opens', () => {
    for (const tag of ['table', 'section', 'figure', 'svg', 'details', 'ul', 'div', 'p', 'td', 'th'])
      expect([tag, page.split(`</${tag}>`).length]).toEqual([
        tag,
        page.match(new RegExp(`<${tag}[ >]`, 'g'))!.length + 1,
      ])
  })

  test('has only the sections that were computed', () => {
    const { greeks: _, margin: __, stress: ___, book: ____, ...bare } = report
    const links = [...renderDesk(bare).matchAll(/href="#([^"]+)"/g)].map(([, anchor]) => anchor)
    expect(links).toEqual(['assumptions'])
  })
})

describe('pictures', () => {
  test('a curve without a point is no picture; one with a hole is drawn in two pieces', () => {
    const chart = { title: 't', unit: 'u', description: 'd', heightPx: 100, xFormat: 'num', yFormat: 'num' } as const
    expect(curveChart({ ...chart, curves: [{ name: 'a', colour: '--blue', points: [[Number.NaN, 1]] }] })).toBe('')
    const points = [
      [0, 1],
      [1, 2],
      [2, Number.NaN],
      [3, 1],
      [4, 2],
    ] as const
    const drawn = curveChart({ ...chart, curves: [{ name: 'a', colour: '--blue', points }] })
    expect(drawn.match(/class="line"[^>]* d="([^"]*)"/)![1]!.match(/M/g)).toHaveLength(2)
  })

  test('a smile marks the quotes its fit misses, and an ask without end stays in the picture', () => {
    const quote = { strike: 100, logMoneyness: 0, low: 0.4, mid: 0.5, high: Number.POSITIVE_INFINITY }
    const smile = [
      { logMoneyness: -0.1, volatility: 0.5 },
      { logMoneyness: 0.1, volatility: 0.52 },
    ]
    const drawn = smileChart(
      't',
      100,
      [
        { ...quote, inside: true },
        { ...quote, inside: false },
      ],
      smile,
    )
    expect(drawn.match(/class="quote"/g)).toHaveLength(1)
    expect(drawn.match(/class="quote out"/g)).toHaveLength(1)
    expect(drawn).toContain('without end')
    expect(drawn).not.toMatch(/NaN|Infinity/)
  })

  test('the map has a cell for each pair, red where money is lost, and the frontier where an account breaks', () => {
    const map = heatMap(deskBook(2.8), CALM, { spots: [0.7, 1, 1.3], volatilities: [0, 0.5] })
    const drawn = heatMapPicture(map, 1e6)
    expect(drawn.match(/<rect /g)).toHaveLength(6)
    expect(drawn.match(/class="frontier"/g)!.length).toBeGreaterThanOrEqual(1)
    const losses = map.profit.flat().filter((value) => value < 0).length
    expect(drawn.match(/color-mix\(in srgb,var\(--red\)/g)).toHaveLength(losses)
  })

  test('a bar of parts is as long as its losses to the left and its gains to the right', () => {
    const drawn = partBar(
      [
        { name: 'a', value: 50, colour: '--red' },
        { name: 'b', value: -25, colour: '--blue' },
      ],
      100,
    )
    expect([...drawn.matchAll(/<rect x="([\d.]+)%" y="4" width="([\d.]+)%"/g)].map(([, x, wide]) => [x, wide])).toEqual(
      [
        ['25', '25'],
        ['50', '12.5'],
      ],
    )
  })
})
