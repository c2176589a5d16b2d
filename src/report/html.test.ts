/**
 * Goal: a page that is whole, honest and the same every time.
 *
 * Method: properties of pages made from real (scripted) runs rather than golden bytes: the markup nests, nothing is fetched, no
 * figure is missing or not a number, figures on the page are those of the JSON twin, and hostile names stay text.
 */

import { describe, expect, test } from 'vitest'
import { MINUTE_US, SECOND_US } from '../core/clock.ts'
import type { TrialEvidence } from '../research/sharpe.ts'
import { niceTicks, timeTicks } from './chart.ts'
import { bps, compact, count, dollars, escaped, fixed, latency, percent, plain, signedDollars, utc } from './figures.ts'
import { renderReport } from './html.ts'
import { buildRunReport, durationText, parseReports, type RunReport, reportJson } from './runReport.ts'
import { scriptedReport, scriptedRun } from './scriptedRun.ts'

const twelve: TrialEvidence = {
  family: 'scripted',
  trialCount: 12,
  sharpeVariance: 0.0004,
  clockUs: MINUTE_US,
  ledgerHead: 'ab'.repeat(32),
}
const script = { seed: 7, messages: 8_000, paceUs: 3 * SECOND_US, halfSpread: 8, bucketsMax: 120 }
const report = scriptedReport(script, 'Quoter at 8 ticks', twelve)
/** Twenty minutes: too short for a Sharpe ratio, without a fill. */
const short = scriptedReport({ ...script, messages: 400, halfSpread: 100_000 }, 'Idle', { ...twelve, trialCount: 1 })
const page = renderReport([report, short])

const withoutScripts = page.replace(/<script[\s\S]*?<\/script>/g, '').replace(/<style[\s\S]*?<\/style>/g, '')
const text = withoutScripts.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ')

/** Names of elements left open or closed out of turn; void elements and self-closed ones have no end. */
function nesting(html: string): string[] {
  const faults: string[] = []
  const open: string[] = []
  for (const [, closing, name, selfClosed] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)(?:"[^"]*"|[^">])*?(\/?)>/gi)) {
    if (selfClosed || /^(meta|br|link|img|input|hr)$/.test(name!)) continue
    if (!closing) open.push(name!)
    else if (open.pop() !== name) faults.push(`</${name}> closes nothing open`)
  }
  return [...faults, ...open.map((name) => `<${name}> is never closed`)]
}

describe('the page', () => {
  test('every element that opens closes, in turn', () => {
    expect(nesting('<p><b>x</p></b>')).not.toEqual([])
    expect(nesting(withoutScripts)).toEqual([])
    // One script for the data, one for comfort; neither can end early.
    expect(page.match(/<script/g)).toHaveLength(2)
    expect(page.match(/<\/script>/g)).toHaveLength(2)
  })

  test('identifiers are unique and what is referred to exists', () => {
    const ids = [...withoutScripts.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id!)
    expect(new Set(ids).size).toBe(ids.length)
    for (const [, id] of withoutScripts.matchAll(/(?:href="#|aria-controls=")([^"]+)"/g)) expect(ids).toContain(id)
  })

  test('nothing is fetched from anywhere', () => {
    expect(withoutScripts).not.toMatch(/\b(src|href)="(?!#)/)
    expect(page).not.toMatch(/@import|url\(|fetch\(|XMLHttpRequest|import\(/)
    expect(page.match(/https?:\/\/[^\s"'<]+/g)).toEqual(['http://www.w3.org/2000/svg'])
    expect(page).toContain("default-src 'none'")
  })

  test('no figure is missing or not a number', () => {
    expect(text).not.toMatch(/NaN|undefined|Infinity|\[object|\bnull\b/)
    expect(withoutScripts).not.toMatch(/NaN|Infinity|="undefined/)
    expect(reportJson([report, short])).not.toMatch(/NaN|Infinity|undefined/)
  })

  test('every picture says in words what it shows', () => {
    const pictures = [...withoutScripts.matchAll(/<svg[^>]*role="img"[^>]*>/g)].map(([tag]) => tag)
    expect(pictures.length).toBeGreaterThan(15)
    for (const tag of pictures) expect(tag).toMatch(/aria-label="[^"]{10,}/)
  })

  test('the script is a script', () => {
    const source = page.slice(page.lastIndexOf('<script>') + 8, page.lastIndexOf('</script>'))
    expect(() => new Function(source)).not.toThrow()
  })

  test('data, mode and what they are worth stand at the top', () => {
    const top = text.slice(0, text.indexOf('Equity and drawdown'))
    expect(top).toContain('SYNTHETIC DATA')
    expect(top).toContain('SIMULATED FILLS')
    expect(top).toContain('nothing about a real market')
  })

  test('every section is there for every run', () => {
    const sections = ['Equity and drawdown', 'Where the profit came from', 'How it was filled', 'Exposure and margin']
    sections.push('Orders', 'Risk events', 'Account events', 'Assumptions', 'Provenance', 'Fills')
    for (const section of sections) expect(page.split(`<h2>${section}</h2>`)).toHaveLength(3)
    expect(page).toContain('<h2>Price and fills: ETH-USDT-PERP@scripted</h2>')
  })
})

describe('figures', () => {
  test('those on the page are those of the JSON twin', () => {
    const { performance, run } = report
    for (const shown of [
      signedDollars(performance.profit),
      dollars(performance.startEquity),
      dollars(performance.endEquity),
      percent(performance.drawdown.fraction),
      `${count(run.fills.count)} in all`,
      count(report.facts.rows),
      percent(performance.sharpe!.deflated, 1),
      report.facts.dataHash,
    ]) {
      expect(text).toContain(shown)
    }
    for (const instrument of run.instruments) {
      if (instrument.fills > 0) expect(text).toContain(signedDollars(instrument.profit))
    }
  })

  test('the page carries its twin, readable as such', () => {
    const start = page.indexOf('id="reports">') + 'id="reports">'.length
    const carried = parseReports(page.slice(start, page.indexOf('</script>', start)))
    expect(carried).toEqual(JSON.parse(reportJson([report, short])))
  })

  test('the waterfall ends where equity ended', () => {
    const { run, performance } = report
    const sum = Object.values(run.totals).reduce((total, part) => total + part, 0)
    expect(performance.startEquity + performance.transfers + sum).toBeCloseTo(performance.endEquity, 4)
    expect(performance.profit).toBeCloseTo(sum, 4)
  })

  test('a Sharpe ratio is shown with trials, costs and period, or not at all', () => {
    expect(report.performance.sharpe).not.toBeNull()
    expect(text).toMatch(/Deflated: [\d.]+ % probability.*counted as the best of 12 trials of “scripted”/)
    expect(text).toMatch(/one-minute returns over .* after .* of (costs|net rebates)/)
    expect(short.performance.sharpe).toBeNull()
    expect(text).toContain('not shown')
    expect(short.verdict).toContain('No order was filled')
  })
})

test('the same reports are the same bytes, and survive being written and read', () => {
  const again = scriptedReport(script, 'Quoter at 8 ticks', twelve)
  expect(reportJson([again, short])).toBe(reportJson([report, short]))
  expect(renderReport([again, short])).toBe(page)
  expect(renderReport(parseReports(reportJson([report, short])))).toBe(page)
})

test('what is not a report of this version is refused', () => {
  for (const bad of ['{', '{}', '[1]', JSON.stringify({ ...report, schemaVersion: 99 })]) {
    expect(() => parseReports(bad)).toThrow(expect.objectContaining({ code: 'payload-invalid' }))
  }
})

test('a reset is told with who, why and what had been in force, as text', () => {
  const event = {
    timeUs: report.run.lastUs,
    breaker: 'daily-loss',
    act: 'reset',
    scope: { of: 'account' as const },
    measured: null,
    allowed: 0,
    unit: '',
    confirmations: 0,
    reset: { who: 'Ada & Bob', reason: '<b>understood</b>', lifted: 'flatten' },
  }
  const html = renderReport([{ ...report, run: { ...report.run, riskEvents: { count: 1, entries: [event] } } }])
  expect(html).toContain(
    '<b>daily-loss</b>, in force as flatten, was <b>reset</b> for the account by Ada &amp; Bob: &lt;b&gt;understood&lt;/b&gt;</li>',
  )
  expect(html).not.toContain('not a number, allowed')
})

test('hostile names stay text', () => {
  const evil = '</script><img src=x onerror=alert(1)>"\'&'
  const facts = { ...report.facts, title: evil, assumptions: [{ about: evil, text: evil }], limits: { [evil]: evil } }
  const html = renderReport([{ ...report, facts, verdict: evil }])
  expect(html).not.toContain('<img')
  expect(html.match(/<\/script>/g)).toHaveLength(2)
  expect(html).toContain(escaped(evil))
})

describe('the verdict does not oversell', () => {
  const { run } = scriptedRun({ ...script, messages: 400 })
  const base = { ...run, fills: { ...run.fills, count: 5 } }
  const clock = (mean: number) => ({
    ...run.clocks[2]!,
    clockUs: MINUTE_US,
    count: 500,
    mean,
    deviation: 0.01,
    skew: 0,
    kurtosis: 3,
  })
  const judge = (profit: number, mean: number, trials: Partial<TrialEvidence>, kind: 'real' | 'synthetic' = 'real') =>
    buildRunReport(
      { ...base, endEquity: base.startEquity + profit, transfers: 0, clocks: [clock(mean)] },
      { ...report.facts, sources: [{ name: 'x', kind, sha256: '' }], trials: { ...twelve, ...trials } },
    )

  test('a loss is no edge, whatever its Sharpe ratio', () => {
    expect(judge(-5, 0.005, {}).verdict).toContain('No edge found')
  })

  test('a gain that many trials would find by luck is called luck', () => {
    expect(judge(5, 0.0011, { trialCount: 1, sharpeVariance: null }).verdict).toContain(
      'worth testing on data nothing was chosen on',
    )
    expect(judge(5, 0.0011, { trialCount: 50, sharpeVariance: 0.002 }).verdict).toContain('not told apart from luck')
  })

  test('coins that rose by being held are no work of the run, and its verdict says so', () => {
    const coins = (collateral: number) =>
      buildRunReport(
        {
          ...base,
          endEquity: base.startEquity + 50,
          transfers: 0,
          clocks: [clock(0.0011)],
          totals: { ...base.totals, collateral },
        },
        { ...report.facts, sources: [], trials: { ...twelve, trialCount: 1, sharpeVariance: null } },
      ).verdict
    expect(coins(80)).toContain('The coins of the account rose by 80.00 dollars; all else lost 30.00 dollars.')
    expect(coins(80)).toContain('Trading itself earned nothing: no edge found.')
    expect(coins(-20)).toContain('The coins of the account fell by 20.00 dollars; all else gained 70.00 dollars.')
    expect(coins(-20)).toContain('worth testing')
    expect(coins(0)).not.toContain('coins of the account')
  })

  test('data are as good as their weakest source', () => {
    expect(judge(5, 0.001, {}).provenance).toBe('real')
    expect(judge(5, 0.001, {}, 'synthetic').verdict).toContain('nothing about a real market')
    const mixed = (kinds: ('real' | 'replayed' | 'synthetic')[]) =>
      buildRunReport(base, { ...report.facts, sources: kinds.map((kind) => ({ name: 'x', kind, sha256: '' })) })
        .provenance
    expect(mixed(['real', 'replayed'])).toBe('replayed')
    expect(mixed(['real', 'synthetic', 'replayed'])).toBe('synthetic')
    expect(mixed([])).toBe('synthetic')
  })

  test('books that do not add up are shouted about', () => {
    const currencies = base.currencies.map((each) => ({ ...each, unexplainedAtoms: 3 }))
    const wrong: RunReport = buildRunReport({ ...base, currencies }, report.facts)
    expect(renderReport([wrong])).toContain('do not add up: 3 atoms are unexplained')
  })
})

describe('how figures are written', () => {
  test.each([
    [fixed(-1234567.891, 2), '−1,234,567.89'],
    [fixed(-0.001, 2), '0.00'],
    [fixed(999.999, 2), '1,000.00'],
    [dollars(-0.5).replace('\u2060', ''), '−$0.5000'],
    [dollars(0), '$0.00'],
    [signedDollars(12), '+$12.00'],
    [percent(0.123456), '12.35 %'],
    [plain(0.00012345, 3), '0.000123'],
    [plain(51234.5), '51,234.5'],
    [plain(1000), '1,000'],
    [compact(12_345_678), '12.35M'],
    [bps(-0.0358), '−0.04'],
    [latency(1234), '1.23 ms'],
    [utc(1_719_792_000_250_000, true), '2024-07-01 00:00:00.250'],
    [durationText(3_599_700_000), '1 h'],
    [durationText(90 * 60e6), '1 h 30 min'],
    [durationText(59_960_000), '60 s'],
    [durationText(26 * 3600e6), '1 d 2 h'],
  ])('%s is %s', (written, expected) => {
    expect(written).toBe(expected)
  })

  test('ticks are round, inside, and neither too few nor too many', () => {
    for (const [low, high] of [
      [0, 1],
      [-3, 17],
      [71_500, 82_700],
      [0.0001, 0.00013],
      [-8, 8],
    ] as const) {
      const ticks = niceTicks(low, high, 5)
      expect(ticks.length).toBeGreaterThanOrEqual(2)
      expect(ticks.length).toBeLessThanOrEqual(7)
      for (const tick of ticks) expect(tick >= low - 1e-9 && tick <= high + 1e-9).toBe(true)
    }
    for (const span of [10, 600, 7200, 86_400, 30 * 86_400, 900 * 86_400]) {
      const ticks = timeTicks(1_719_792_000e6, (1_719_792_000 + span) * 1e6)
      expect(ticks.length).toBeGreaterThanOrEqual(2)
      expect(ticks.length).toBeLessThanOrEqual(9)
    }
  })
})
