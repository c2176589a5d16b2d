/**
 * Goal: a page that shows all of what research found, says why where there is nothing, and is the same every time.
 *
 * Method: pages of a hand-made study in which every figure is different, so that a figure on the page can only be the one
 * meant; of an empty one; and of many in which figures are knocked out at random. Expected texts are written out here, not
 * worked out by the code under test. Pictures are judged by where their points lie.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DAY_US, HOUR_US } from '../core/clock.ts'
import { judge, type ResearchResult, type SkillRow, type SkillTable } from '../research/verdict.ts'
import { axisText } from './chart.ts'
import { anySize, escaped, pValue } from './figures.ts'
import { renderResearch } from './researchPage.ts'

const START = Date.UTC(2025, 0, 1) * 1000

function skillRow(name: string, role: SkillRow['role'], figures: number[]): SkillRow {
  const [loss, low, high, excess, excessLow, excessHigh, dieboldMariano, pValue_] = figures as [number, ...number[]]
  return {
    name,
    role,
    loss,
    low: low!,
    high: high!,
    excess: excess!,
    excessLow: excessLow!,
    excessHigh: excessHigh!,
    dieboldMariano: dieboldMariano!,
    pValue: pValue_!,
  }
}

const hourly: SkillTable = {
  quantity: 'variance',
  horizonUs: HOUR_US,
  loss: 'qlike',
  samples: 11_431,
  fromUs: START + 100 * DAY_US,
  toUs: START + 300 * DAY_US,
  rows: [
    skillRow('model', 'model', [0.4012, 0.3523, 0.4534, 0, 0, 0, Number.NaN, Number.NaN]),
    skillRow('log-har', 'baseline', [0.4645, 0.4156, 0.5167, 0.1578, 0.0789, 0.2391, -3.646, 0.000_27]),
    skillRow('garch', 'baseline', [0.4728, 0.4139, 0.5241, 0.1865, 0.1019, 0.3052, -2.218, 0.0277]),
    skillRow('shuffled', 'placebo', [0.9074, 0.7182, 1.0218, 1.2762, 1.0153, 1.4786, -10.164, 3e-24]),
  ],
  logR2: { model: 0.5851, 'log-har': 0.5142, garch: 0.4873, shuffled: 0.0564 },
  trimmed: { model: 0.2745, 'log-har': 0.3276, garch: 0.3477, shuffled: 0.7638 },
}

const found = {
  skill: [hourly],
  placebos: [
    { name: 'labels permuted', doc: 'learnt from others', excess: 0.8794, dieboldMariano: 6.811, claims: false },
    { name: 'features shifted', doc: 'of another time', excess: 1.7355, dieboldMariano: 5.432, claims: false },
  ],
  overfitting: [
    {
      configurations: 12,
      pbo: 0.1041,
      logits: [-1.5, -0.2, 0, 0.3, 0.4, 1.1, 2.2],
      better: 2,
      slope: -0.375,
      spaLower: 0.0113,
      spaConsistent: 0.0224,
      spaUpper: 0.0335,
      realityCheck: 0.0446,
    },
  ],
  leaks: [],
  backtests: [
    {
      policy: 'volatility-target',
      told: ['variance'],
      setting: 'volatilityFrom=model',
      fromUs: START + 100 * DAY_US,
      toUs: START + 300 * DAY_US,
      profitWith: 1234.567,
      profitWithout: -987.654,
      costsWith: 321.09,
      costsWithout: 111.22,
      drawdownWith: 0.1234,
      drawdownWithout: 0.2345,
      targetErrorWith: 0.0512,
      targetErrorWithout: -0.1123,
      sharpeWith: 0.0432,
      sharpeWithout: -0.0157,
      deflatedWith: 0.6123,
      deflatedWithout: 0.2234,
      trialCount: 17,
      differenceT: 1.234,
      reportWith: '/somewhere/else/runs/with the #model/report.html',
      reportWithout: '/another/shape/report.html',
    },
  ],
}

const full: ResearchResult = {
  title: 'Forecasts of BTC',
  provenance: 'replayed',
  target: 'BTC-PERP@venue',
  fromUs: START,
  toUs: START + 300 * DAY_US,
  seed: 4321,
  gimbalVersion: '9.8.7',
  datasetHash: 'd1'.repeat(32),
  dataHash: 'd2'.repeat(32),
  schemaHash: 'd3'.repeat(32),
  samples: 19_057,
  columns: 107,
  learner: 'log-linear start and boosted trees',
  settings: { rounds: 600, learningRate: 0.03, base: 'har-ladder', early: true },
  ...found,
  calibration: [
    {
      quantity: 'variance',
      horizonUs: HOUR_US,
      bins: [
        { forecast: 2.56e-6, truth: 2.56e-6, count: 1141 },
        { forecast: 1.04e-5, truth: 1.11e-5, count: 1142 },
        { forecast: 7e-5, truth: 6.66e-5, count: 1143 },
      ],
      level: 0.9,
      covered: 0.887,
    },
  ],
  importances: [
    { name: 'time-of-day/day-sine', share: 0.0696, gain: 0.0665 },
    { name: 'volume/volume-300s', share: 0.0341, gain: 0.0219 },
  ],
  drift: [0, 1, 2].map((i) => ({
    fromUs: START + (100 + 60 * i) * DAY_US,
    toUs: START + (159 + 60 * i) * DAY_US,
    psi: [7.704, 0.181, 0.052][i]!,
    column: ['har-ladder/day', 'funding/paid', ''][i]!,
    outside: [0.0266, 0.0103, 0.0067][i]!,
    modelLoss: [0.3385, 0.3098, 0.5346][i]!,
    baselineLoss: [0.4204, 0.4093, 0.5162][i]!,
    cusum: [1.968, 0.616, 0.853][i]!,
  })),
  regimes: {
    timesUs: Array.from({ length: 400 }, (_, i) => START + i * 18 * HOUR_US),
    probabilities: [
      Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? 0.9 : 0.1)),
      Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? 0.1 : 0.9)),
    ],
    volatilities: [0.2123, 0.8768],
  },
  paths: { groups: 6, testGroups: 2, excess: [-0.1204, -0.0253, 0.0192] },
  family: 'forecasts',
  trialCount: 42,
  ledgerHead: 'fe'.repeat(32),
  models: [{ id: 'ab'.repeat(32), name: 'btc-variance-1h' }],
  verdict: judge(found),
  notes: ['Judged on later samples only.'],
}

const minimal: ResearchResult = {
  ...full,
  settings: {},
  skill: [],
  calibration: [],
  importances: [],
  drift: [],
  regimes: null,
  paths: null,
  overfitting: [],
  placebos: [],
  leaks: [],
  backtests: [],
  ledgerHead: null,
  models: [],
  verdict: judge({ skill: [], placebos: [], overfitting: [], leaks: [], backtests: [] }),
  notes: [],
}

/** Markup without its scripts and styles, and the words a reader sees. */
function read(html: string): { markup: string; text: string } {
  const markup = html.replace(/<script[\s\S]*?<\/script>/g, '').replace(/<style[\s\S]*?<\/style>/g, '')
  const text = markup
    .replace(/<title>[^<]*<\/title>|<desc>[^<]*<\/desc>/g, '')
    .replace(/<wbr>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&lt;', '<')
    .replaceAll('\u2060', '')
    .replace(/[\s\u00a0]+/g, ' ')
  return { markup, text }
}

/** The part of a page under one heading. */
function section(html: string, name: string): { markup: string; text: string } {
  const start = html.indexOf(`<section id="${name}">`)
  expect(start, `section ${name}`).toBeGreaterThan(0)
  return read(html.slice(start, html.indexOf('</section>', start)))
}

/** Names of elements left open or closed out of turn; void elements and self-closed ones have no end. */
function nesting(html: string): string[] {
  const faults: string[] = []
  const open: string[] = []
  for (const [, closing, name, selfClosed] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)(?:"[^"]*"|[^">])*?(\/?)>/gi)) {
    if (selfClosed || /^(meta|br|wbr|link|img|input|hr)$/.test(name!)) continue
    if (!closing) open.push(name!)
    else if (open.pop() !== name) faults.push(`</${name}> closes nothing open`)
  }
  return [...faults, ...open.map((name) => `<${name}> is never closed`)]
}

const page = renderResearch(full)
const bare = renderResearch(minimal)

describe('the page', () => {
  test.each([
    ['of a whole study', page],
    ['of an empty one', bare],
  ])('%s nests, refers to what exists and fetches nothing', (_name, html) => {
    const { markup } = read(html)
    expect(nesting(markup)).toEqual([])
    expect(html.match(/<\/script>/g)).toHaveLength(2)
    const ids = [...markup.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id!)
    expect(new Set(ids).size).toBe(ids.length)
    for (const [, id] of markup.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(id)
    expect(markup).not.toMatch(/\bsrc=/)
    expect(html).not.toMatch(/https?:|@import|url\(|fetch\(|import\(/)
    expect(html).toContain("default-src 'none'")
  })

  test('every picture says in words what it shows', () => {
    const pictures = [...read(page).markup.matchAll(/<svg[^>]*role="img"[^>]*>/g)].map(([tag]) => tag)
    // Calibration, two lines and two strips of drift, regimes, paths, logits.
    expect(pictures).toHaveLength(8)
    for (const tag of pictures) expect(tag).toMatch(/aria-label="[^"]{20,}/)
  })

  test('the same result is the same bytes', () => {
    expect(renderResearch(structuredClone(full))).toBe(page)
  })

  test('what was read back from JSON, with nulls for what is not a number, shows the same', () => {
    const again = JSON.parse(JSON.stringify(full)) as ResearchResult
    expect(again.skill[0]!.rows[0]!.dieboldMariano).toBeNull()
    expect(renderResearch(again)).toBe(page)
  })

  test('it carries the result as JSON', () => {
    const start = page.indexOf('id="result">') + 'id="result">'.length
    expect(JSON.parse(page.slice(start, page.indexOf('</script>', start)))).toEqual(JSON.parse(JSON.stringify(full)))
  })

  test('the script is a script', () => {
    const source = page.slice(page.lastIndexOf('<script>') + 8, page.lastIndexOf('</script>'))
    expect(() => new Function(source)).not.toThrow()
  })

  test('a figure that is not known is a dash, whichever it is, and never NaN', () => {
    const figures: { path: (string | number)[] }[] = []
    const walk = (at: unknown, path: (string | number)[]) => {
      if (typeof at === 'number') {
        const name = String(path.findLast((step) => typeof step === 'string'))
        const whole = /Us$|^(count|samples|columns|configurations|groups|testGroups|trialCount|seed)$/
        if (!whole.test(name)) figures.push({ path })
      } else if (at !== null && typeof at === 'object') {
        for (const [key, value] of Object.entries(at)) walk(value, [...path, Array.isArray(at) ? Number(key) : key])
      }
    }
    walk({ ...full, regimes: { ...full.regimes!, timesUs: [] } }, [])
    expect(figures.length).toBeGreaterThan(100)
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.constantFrom(...figures),
            fc.constantFrom(Number.NaN, Infinity, -Infinity, 0, -1, 1e-300, 1e18, 1e300),
          ),
          { minLength: 1, maxLength: 30 },
        ),
        (knocks) => {
          const broken = structuredClone(full) as unknown as Record<string, unknown>
          for (const [{ path }, value] of knocks) {
            let at = broken
            for (const step of path.slice(0, -1)) at = at[step] as Record<string, unknown>
            at[path.at(-1)!] = value
          }
          const { markup } = read(renderResearch(broken as unknown as ResearchResult))
          // The offence alone is shown, not the page.
          expect(markup.match(/.{0,80}(NaN|undefined|Infinity|\[object|\bnull\b).{0,40}/)).toBeNull()
          expect(nesting(markup)).toEqual([])
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('what stands at the top', () => {
  test('badge, finding, target, span and the sentence of the verdict', () => {
    const top = read(page.slice(page.indexOf('<main>'), page.indexOf('<section'))).text
    for (const shown of [
      'REPLAYED DATA',
      'FORECAST HAS SKILL',
      'BTC-PERP@venue',
      '2025-01-01 00:00',
      '2025-10-28 00:00',
    ])
      expect(top).toContain(shown)
    expect(top).toContain('19,057 samples of 107 figures')
    expect(top).toContain('variance over 1 h: beats log-har by 15.8 ± 8.0 % of QLIKE; but no edge after costs')
  })

  test('each check with whether it was passed', () => {
    const items = [...page.matchAll(/<li class="(pass|fail|open)">(.*?)<\/li>/g)]
    expect(items).toHaveLength(full.verdict.reasons.length)
    const states = items.map(([, state, item]) => `${state}: ${read(item!).text.trim()}`)
    expect(states).toEqual([
      'pass: ✓ passed placebo labels permuted shows none (t 6.81)',
      'pass: ✓ passed placebo features shifted shows none (t 5.43)',
      'pass: ✓ passed variance over 1 h: QLIKE 0.4012 against 0.4645 of log-har, the best baseline (t −3.65, needed −1.65)',
      'pass: ✓ passed 12 configurations, 2 of them better than the baseline: probability of backtest overfitting 0.10, SPA p 0.022',
      'fail: ✗ not passed volatility-target told of variance: 1,234.57 dollars with the model, −987.65 without, over what was judged, after costs (difference 2,222.22, t 1.23)',
    ])
  })

  test('what was left out keeps the page from claiming anything, and the page says so', () => {
    const quick = { ...found, placebos: [], leaks: null }
    const html = renderResearch({ ...full, ...quick, verdict: judge(quick) })
    const top = read(html).text
    expect(top).toContain('NOT JUDGED')
    expect(top).not.toContain('FORECAST HAS SKILL')
    expect(top).toContain(
      'Not judged: placebos and checks for knowledge of the future were left out; variance over 1 h',
    )
    expect(section(html, 'leaks').text).toContain('No column was checked for knowledge of the future')
    expect(section(html, 'placebos').text).toContain('No placebo was run')
    expect(JSON.parse(/id="result">(.*?)<\/script>/s.exec(html)![1]!).verdict.finding).toBe('not-judged')
  })

  test('a policy that never traded is neither passed nor failed', () => {
    const idle = { profitWith: 0, profitWithout: 0, costsWith: 0, costsWithout: 0, differenceT: 0 }
    const still = { ...found, backtests: [{ ...found.backtests[0]!, ...idle }] }
    const html = renderResearch({ ...full, ...still, verdict: judge(still) })
    expect(html).toContain('never traded, so nothing is known of profit')
    expect(html).toMatch(/<li class="open">.*volatility-target told of variance: 0.00 dollars/)
    expect(section(html, 'trading').text).toContain('Neither run paid or earned anything')
  })

  test.each([
    [2, 'with', 'and trading on it earned more after costs.'],
    [0.5, 'with', 'but no edge after costs: trading on it earned no more than chance allows.'],
    [-2, 'with', 'but no edge after costs: trading on it earned less.'],
    [2, 'without', 'though trading on it earned more after costs.'],
    [-2, 'without', 'and no edge after costs: trading on it earned less.'],
  ])('a difference of profits of t %d %s skill: “%s”', (differenceT, skilled, ending) => {
    const skill = skilled === 'with' ? found.skill : [{ ...hourly, trimmed: { ...hourly.trimmed, model: 1 } }]
    const { sentence } = judge({ ...found, skill, backtests: [{ ...found.backtests[0]!, differenceT }] })
    expect(sentence.endsWith(`; ${ending}`), sentence).toBe(true)
  })

  test('a generated market is called one, and an invalid study too', () => {
    const claims = { ...found, placebos: [{ ...found.placebos[0]!, dieboldMariano: -4.2, claims: true }] }
    const html = renderResearch({ ...full, ...claims, provenance: 'synthetic', verdict: judge(claims) })
    const top = read(html.slice(html.indexOf('<main>'), html.indexOf('<section'))).text
    expect(top).toContain('SYNTHETIC DATA NOT TO BE BELIEVED')
    expect(top).toContain('nothing about a real market')
    expect(html).toMatch(/<li class="fail">.*labels permuted shows skill \(t −4\.20\)/)
    expect(section(html, 'placebos').markup).toContain('<b class="negative">yes</b>')
  })
})

describe('every figure is on the page, as the field writes it', () => {
  test.each<[string, string[]]>([
    ['skill', ['11,431 samples', '2025-04-11 00:00', 'The best baseline is log-har.']],
    ['skill', ['model judged 0.4012 0.3523 to 0.4534 0.2745 0.585']],
    ['skill', ['log-har 0.4645 0.4156 to 0.5167 0.3276 0.514', '+15.8 % +7.9 % to +23.9 % −3.65 < 0.001']],
    ['skill', ['garch 0.4728 0.4139 to 0.5241 0.3477 0.487', '+18.6 % +10.2 % to +30.5 % −2.22 0.028']],
    ['skill', ['shuffled placebo 0.9074 0.7182 to 1.0218 0.7638 0.056', '+127.6 % +101.5 % to +147.9 % −10.16']],
    ['calibration', ['1 2.56 × 10⁻⁶ 2.56 × 10⁻⁶ 1.000 15.0 % 15.0 % 1,141', '7.00 × 10⁻⁵ 6.66 × 10⁻⁵ 0.951']],
    ['calibration', ['90 % interval 88.7 % 90.0 %', 'as it promises, to two points']],
    ['importances', ['time-of-day/day-sine 7.0 % 6.7 %', 'volume/volume-300s 3.4 % 2.2 %', 'carry 10.4 %']],
    ['drift', ['2025-04-11 00:00 to 2025-06-09 00:00 7.70 har-ladder/day 2.66 % 0.3385 0.4204 1.97']],
    ['drift', ['0.18 funding/paid 1.03 % 0.3098 0.4093 0.62', '0.05 – 0.67 % 0.5346 0.5162 0.85']],
    ['drift', ['less than the best baseline in 2 of 3 windows; the error CUSUM reached its alarm in 1.']],
    ['regimes', ['1 21.2 % 50.0 %', '2 87.7 % 50.0 %', 'mean of every 3 of 400 moments']],
    ['paths', ['Better on 2 of 3 paths; on average −4.2 %, from −12.0 % to +1.9 %', '−12.0 %, −2.5 %, +1.9 %']],
    ['overfitting', ['Configurations 12', '10.4 %', '−0.38', '0.022', 'lower 0.011, upper 0.034', '0.045']],
    ['placebos', ['variance over 1 h the result −3.65 −13.6 %', 'labels permuted placebo 6.81 +87.9 % no']],
    ['placebos', ['features shifted placebo 5.43 +173.6 % no', 'learnt from others', 'of another time']],
    ['trading', ['Profit after all costs +$1,234.57 −$987.65 +$2,222.22', 'Costs $321.09 $111.22 +$209.87']],
    ['trading', ['Deepest drawdown 12.34 % 23.45 % −11.11 %', 'target +5.1 % −11.2 %', 't of the difference 1.23']],
    ['sharpe', ['told of variance 0.0432 61.2 % 17 $321.09 200 d', 'without −0.0157 22.3 % 17 $111.22 200 d']],
    ['learner', ['rounds 600', 'learningRate 0.03', 'base har-ladder', 'early true']],
    ['provenance', ['d1'.repeat(32), 'd2'.repeat(32), 'd3'.repeat(32), '4321', '9.8.7', '42 distinct trials']],
    ['provenance', ['fe'.repeat(32), 'ab'.repeat(32), 'btc-variance-1h']],
    ['notes', ['Judged on later samples only.']],
  ])('%s: %s', (name, figures) => {
    const { text } = section(page, name)
    for (const figure of figures) expect(text).toContain(figure)
  })

  test('no figure has more digits than anyone reads', () => {
    const { text } = read(page)
    const long = [...text.matchAll(/(?<![\w.])\d+\.\d{5,}/g)].map(([figure]) => figure)
    expect(long).toEqual([])
  })

  test.each([
    [anySize(2.5e-6), '2.50 × 10⁻⁶'],
    [anySize(-1e-12, 1), '−10⁻¹²'],
    [anySize(9.996e-4, 3), '10.00 × 10⁻⁴'.replace('10.00', '1.00').replace('10⁻⁴', '10⁻³')],
    [anySize(0.0123), '0.0123'],
    [anySize(12_345_678), '12.3M'],
    [anySize(0), '0'],
    [pValue(0.0277), '0.028'],
    [pValue(0), '< 0.001'],
    [axisText('num', -2.5, 2.5), '−2.5'],
    [axisText('num', 5, 5), '5'],
    [axisText('pct', 0.025, 0.025), '2.5 %'],
    [axisText('num', 90_000, 10_000), '90k'],
    [axisText('num', 100_000, 10_000), '100k'],
    [axisText('num', 99_850, 50), '99,850'],
    [axisText('num', 100_050, 50), '100,050'],
    [axisText('num', 1_000_100, 100), '1,000,100'],
    [axisText('num', 1_175_000, 25_000), '1.175M'],
  ])('%s is %s', (written, expected) => {
    expect(written).toBe(expected)
  })
})

describe('where there is nothing, the page says why', () => {
  test.each([
    ['skill', 'No question was judged'],
    ['calibration', 'No forecast was judged'],
    ['importances', 'has no trees'],
    ['drift', 'No window was walked'],
    ['regimes', 'this study asked for none'],
    ['paths', 'was not asked for'],
    ['overfitting', 'one configuration was tried'],
    ['placebos', 'would find skill in nothing is not known'],
    ['leaks', 'No column was found to know the future'],
    ['trading', 'Nothing was traded on the forecasts'],
    ['sharpe', 'no Sharpe ratio to deflate'],
    ['learner', 'It has no settings'],
    ['provenance', 'no ledger was kept'],
    ['notes', 'There are none'],
  ])('%s: %s', (name, words) => {
    expect(section(bare, name).text).toContain(words)
    expect(section(page, name).text.includes(words)).toBe(name === 'leaks')
  })

  test('and nothing of it is a missing figure', () => {
    expect(read(bare).markup).not.toMatch(/NaN|undefined|Infinity|\[object|\bnull\b/)
    expect(read(bare).text).toContain('? not known placebos were left out')
  })

  test('Sharpe ratios and differences withheld say so', () => {
    const short = {
      ...found.backtests[0]!,
      sharpeWith: null,
      deflatedWith: null,
      deflatedWithout: null,
      differenceT: null,
      targetErrorWith: null,
      targetErrorWithout: null,
    }
    const html = renderResearch({ ...full, backtests: [short] })
    expect(section(html, 'sharpe').text).toContain('told of variance – – 17')
    expect(section(html, 'sharpe').text).toContain('too few returns, or none that differed')
    expect(section(html, 'sharpe').text).toContain('No deflated value where')
    expect(section(html, 'trading').text).toContain('cannot be judged: there are too few returns')
    expect(section(html, 'trading').text).not.toContain('against its target')
  })
})

describe('several questions', () => {
  const daily: SkillTable = { ...hourly, quantity: 'volume', horizonUs: DAY_US }
  const html = renderResearch({ ...full, skill: [hourly, daily], drift: [...full.drift, ...full.drift] })

  test('are told apart, and what holds for the first alone says so', () => {
    expect(section(html, 'drift').markup.match(/<h3>([^<]*)<\/h3>/g)).toEqual([
      '<h3>variance over 1 h</h3>',
      '<h3>volume over 1 d</h3>',
    ])
    expect(section(html, 'skill').text).toContain('2 questions were asked')
    for (const name of ['importances', 'paths']) {
      expect(section(html, name).text).toContain('Of the first question, variance over 1 h.')
      expect(section(page, name).text).not.toContain('Of the first question')
    }
  })
})

describe('pictures', () => {
  /** Attributes of all elements of a name with a class, as numbers. */
  const circles = (markup: string) =>
    [...markup.matchAll(/<circle[^>]*cx="([-\d.]+)%" cy="([-\d.]+)%?"[^>]*/g)].map(([, x, y]) => [Number(x), Number(y)])

  test('a forecast that equals the truth lies on the diagonal, one too low above it', () => {
    const points = circles(section(page, 'calibration').markup.split('<table')[0]!)
    expect(points).toHaveLength(3)
    const height = points.map(([x, y]) => 100 - y! - x!)
    expect(height[0]).toBeCloseTo(0, 1)
    expect(height[1]).toBeGreaterThan(1)
    expect(height[2]).toBeLessThan(-1)
  })

  test('groups without truth have no place on log axes and are counted', () => {
    const [first, ...rest] = full.calibration[0]!.bins
    const html = renderResearch({
      ...full,
      calibration: [{ ...full.calibration[0]!, bins: [{ ...first!, truth: 0 }, ...rest], covered: 0.7 }],
    })
    const { markup, text } = section(html, 'calibration')
    expect(circles(markup.split('<table')[0]!)).toHaveLength(2)
    expect(text).toContain('1 of 3 groups is not above zero')
    expect(text).toContain('the interval is too narrow')
  })

  test('points lie in the order of their losses, and the model’s line goes through its point', () => {
    const { markup } = section(page, 'skill')
    const losses = markup.slice(markup.indexOf('Mean QLIKE'), markup.indexOf('Loss above'))
    const xs = circles(losses).map(([x]) => x!)
    expect(xs).toEqual(xs.slice().sort((a, b) => a - b))
    expect(losses).toContain(`<line class="mark" x1="${xs[0]}%"`)
    expect(losses.match(/<tr class="model">/g)).toHaveLength(1)
  })

  test('a rival far from all others is an arrow and does not squeeze the rest', () => {
    const many = Array.from({ length: 9 }, (_, i) =>
      skillRow(`rival ${i}`, 'baseline', [0.45 + 0.01 * i, 0.44, 0.56, 0.1, 0, 0.2, -2, 0.05]),
    )
    const far = skillRow('outlier', 'baseline', [9.5, -3, 22, 22.7, -8, 50, -1, 0.3])
    const html = renderResearch({ ...full, skill: [{ ...hourly, rows: [hourly.rows[0]!, ...many, far] }] })
    const { markup } = section(html, 'skill')
    const row = markup.slice(markup.indexOf('outlier'), markup.indexOf('</tr>', markup.indexOf('outlier')))
    expect(row).toContain('#beyond-right')
    expect(row).not.toContain('<circle')
    expect(row).toContain('9.5000')
    const xs = circles(markup.slice(0, markup.indexOf('outlier'))).map(([x]) => x!)
    expect(Math.max(...xs) - Math.min(...xs)).toBeGreaterThan(30)
  })

  test('the alarm of the CUSUM lies where a CUSUM of one would', () => {
    const drift = full.drift.map((row, i) => ({ ...row, cusum: [1, 0.5, 2][i]! }))
    const { markup } = section(renderResearch({ ...full, drift }), 'drift')
    const chart = markup.slice(markup.indexOf('Error CUSUM'), markup.indexOf('PSI</strong>'))
    const alarm = Number(chart.match(/class="event"[^>]*y1="([\d.]+)%"/)![1])
    const ys = circles(chart).map(([, y]) => y!)
    expect(ys[0]).toBeCloseTo(alarm, 1)
    expect(ys[1]).toBeGreaterThan(alarm)
    expect(ys[2]).toBeLessThan(alarm)
  })

  test('a window that reached the alarm stands out in its table, and no other', () => {
    expect(section(page, 'drift').markup.match(/<b class="negative">[^<]*<\/b>/g)).toEqual([
      '<b class="negative">1.97</b>',
    ])
  })

  test('paths below zero lie under the line and above it over it', () => {
    const { markup } = section(page, 'paths')
    const zero = Number(markup.match(/class="zero" x1="0" x2="100%" y1="([\d.]+)%"/)![1])
    const ys = circles(markup).map(([, y]) => y!)
    expect(ys.map((y) => y > zero)).toEqual([true, true, false])
  })

  test('every logit is in a bar, at or below the median apart from above', () => {
    const { markup } = section(page, 'overfitting')
    const bars = [...markup.matchAll(/<rect class="(below|above)"[^>]*><title>[^:]*: (\d+)<\/title>/g)]
    const total = (side: string) => bars.reduce((sum, [, at, many]) => sum + (at === side ? Number(many) : 0), 0)
    expect([total('below'), total('above')]).toEqual([3, 4])
  })

  test('luck of every question is shown, and a question whose configurations came out alike is not called one of a single configuration', () => {
    const overfitting = [null, { ...found.overfitting[0]!, configurations: 7 }]
    const { text } = section(
      renderResearch({ ...full, skill: [full.skill[0]!, full.skill[0]!], overfitting }),
      'overfitting',
    )
    expect(text).toContain('All configurations came out alike')
    expect(text).toContain('Configurations 7')
    expect(text).not.toContain('one configuration was tried')
  })

  test('configurations that tie are not called overfitted without a word', () => {
    const overfitting = [{ ...found.overfitting[0]!, pbo: 1, logits: [0, 0, 0] }]
    const { text } = section(renderResearch({ ...full, overfitting }), 'overfitting')
    expect(text).toContain('there was nothing to choose between')
    expect(section(page, 'overfitting').text).not.toContain('nothing to choose between')
  })

  test('regimes fill the whole height at every moment', () => {
    const { markup } = section(page, 'regimes')
    const areas = [...markup.matchAll(/class="stacked"[^>]*d="M([^"]*)Z"/g)].map(([, path]) => path!.split('L'))
    expect(areas).toHaveLength(2)
    const half = areas[1]!.length / 2
    expect(half).toBe(134)
    for (const point of areas[1]!.slice(half)) expect(Number(point.split(' ')[1])).toBeCloseTo(0, 5)
    for (const point of areas[0]!.slice(0, half)) expect(Number(point.split(' ')[1])).toBe(400)
  })
})

test('hostile names stay text, wherever they stand', () => {
  const evil = '</script><img src=x onerror=alert(1)>"\'&'
  const rename = (at: unknown): unknown => {
    if (typeof at === 'string') return evil
    if (Array.isArray(at)) return at.map(rename)
    if (at === null || typeof at !== 'object') return at
    return Object.fromEntries(Object.entries(at).map(([key, value]) => [key, rename(value)]))
  }
  const hostile = {
    ...(rename(full) as ResearchResult),
    settings: { [evil]: evil },
    provenance: full.provenance,
    leaks: [{ column: evil, figure: 0.91, doc: evil }],
    verdict: { ...full.verdict, sentence: evil, reasons: full.verdict.reasons.map(() => evil) },
    skill: full.skill.map((judged) => ({
      ...judged,
      quantity: evil,
      loss: evil,
      rows: judged.rows.map((row) => ({ ...row, name: evil })),
    })),
  }
  const html = renderResearch(hostile)
  expect(html).not.toMatch(/<img/i)
  expect(html.match(/<\/script>/g)).toHaveLength(2)
  expect(nesting(read(html).markup)).toEqual([])
  expect(html.split(escaped(evil)).length).toBeGreaterThan(20)
})

describe('links to run reports', () => {
  const linked = (reportWith: string) =>
    [
      ...section(
        renderResearch({ ...full, backtests: [{ ...found.backtests[0]!, reportWith }] }),
        'trading',
      ).markup.matchAll(/href="([^"]*)"/g),
    ].map(([, to]) => to)

  test('lead below the page, with every character of a folder’s name kept', () => {
    expect(linked('/somewhere/else/runs/with the #model/report.html')).toEqual([
      'runs/with%20the%20%23model/report.html',
    ])
    expect(linked('out\\runs\\a\\report.html')).toEqual(['runs/a/report.html'])
  })

  test('are text where the page cannot know the way', () => {
    for (const path of ['/elsewhere/report.html', 'javascript:alert(1)', '/x/runs/../report.html', 'runs//report.html'])
      expect(linked(path)).toEqual([])
    expect(section(page, 'trading').text).toContain('without: /another/shape/report.html')
  })
})

test('columns that know the future are listed under a warning', () => {
  const html = renderResearch({ ...full, leaks: [{ column: 'next/price', figure: 0.912_345, doc: 'one step ahead' }] })
  const { text } = section(html, 'leaks')
  expect(text).toContain('Nothing above can be believed')
  expect(text).toContain('next/price 0.912 one step ahead')
})

test('a placebo is held against its own rival, says nothing where it was not run, and the rule of the choice is the verdict’s', () => {
  const [first, second] = found.placebos as [(typeof found.placebos)[0], (typeof found.placebos)[0]]
  const html = renderResearch({
    ...full,
    placebos: [first, { ...second, excess: Number.NaN, dieboldMariano: Number.NaN }],
    overfitting: [{ ...found.overfitting[0]!, better: 12 }],
  })
  const { text } = section(html, 'placebos')
  expect(text).toContain('features shifted placebo – – –')
  // Permuted labels are judged against their mean: no line of the picture may call that the best baseline.
  expect(text).not.toContain('best baseline')
  expect(section(html, 'overfitting').text).toContain('12 all of them better than the best baseline')
  expect(section(page, 'overfitting').text).toContain('2 of them better than the best baseline')
  expect(section(page, 'overfitting').text).toContain('unless all of them are better than the best baseline')
})
