/**
 * Goal: the sentence at the top claims no more than the checks below it allow, and says which of them stood in the way.
 *
 * Method: every rule by itself: a study that passes all of them, and one change to it at a time.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type BacktestComparison,
  bestBaseline,
  type Judged,
  judge,
  type OverfittingPanel,
  type PlaceboRow,
  type SkillRow,
  type SkillTable,
} from './verdict.ts'

const HOUR = 3_600e6

function row(name: string, loss: number, t: number, change: Partial<SkillRow> = {}): SkillRow {
  const excess = loss / 0.2 - 1
  return {
    name,
    role: name === 'model' ? 'model' : 'baseline',
    loss,
    low: loss - 0.01,
    high: loss + 0.01,
    excess,
    excessLow: excess - 0.03,
    excessHigh: excess + 0.03,
    dieboldMariano: t,
    pValue: 0.5,
    ...change,
  }
}

function table(change: Partial<SkillTable> = {}): SkillTable {
  return {
    quantity: 'variance',
    horizonUs: HOUR,
    loss: 'qlike',
    samples: 1000,
    fromUs: 0,
    toUs: 1,
    rows: [row('model', 0.2, Number.NaN), row('har', 0.22, -2.1), row('mean', 0.4, -9)],
    logR2: { model: 0.5, har: 0.4, mean: 0 },
    trimmed: { model: 0.18, har: 0.19, mean: 0.3 },
    ...change,
  }
}

/** The table with another t against its best baseline. */
const against = (t: number, change: Partial<SkillTable> = {}) =>
  table({ rows: [row('model', 0.2, Number.NaN), row('har', 0.22, t), row('mean', 0.4, -9)], ...change })

const PLACEBO: PlaceboRow = { name: 'labels permuted', doc: '', excess: 0.1, dieboldMariano: 1.2, claims: false }
const LUCK: OverfittingPanel = {
  configurations: 4,
  pbo: 0.2,
  logits: [],
  better: 2,
  slope: 0.5,
  spaLower: 0.01,
  spaConsistent: 0.02,
  spaUpper: 0.03,
  realityCheck: 0.04,
}
const TRADED: BacktestComparison = {
  policy: 'volatility-target',
  told: ['variance'],
  setting: 'volatilityFrom=model',
  fromUs: 0,
  toUs: 1,
  profitWith: 1200,
  profitWithout: 700,
  costsWith: 30,
  costsWithout: 20,
  drawdownWith: 0.1,
  drawdownWithout: 0.2,
  targetErrorWith: 0,
  targetErrorWithout: 0,
  sharpeWith: 0.1,
  sharpeWithout: 0.05,
  deflatedWith: 0.9,
  deflatedWithout: 0.5,
  trialCount: 3,
  differenceT: 2.4,
  reportWith: '',
  reportWithout: '',
}

function verdict(change: Partial<Judged> = {}) {
  return judge({ skill: [table()], placebos: [PLACEBO], overfitting: [LUCK], leaks: [], backtests: [], ...change })
}

describe('an edge', () => {
  test('is claimed by how much, against which baseline and with which interval, when every check is passed', () => {
    const { finding, sentence, reasons, passed } = verdict()
    expect(finding).toBe('edge')
    expect(sentence).toBe('variance over 1 h: beats har by 10.0 ± 3.0 % of QLIKE; nothing was traded on it.')
    expect(reasons).toEqual([
      'placebo labels permuted shows none (t 1.20)',
      'variance over 1 h: QLIKE 0.2000 against 0.2200 of har, the best baseline (t -2.10, needed -1.65)',
      '4 configurations, 2 of them better than the baseline: probability of backtest overfitting 0.20, SPA p 0.020',
    ])
    expect(passed).toEqual([true, true, true])
  })

  test('needs a t below −1.65 against the best baseline, whatever it is against the others', () => {
    expect(verdict({ skill: [against(-1.66)] }).finding).toBe('edge')
    for (const t of [-1.65, -1, 0, 3, Number.NaN])
      expect(verdict({ skill: [against(t)] })).toMatchObject({
        finding: 'no-edge',
        sentence: 'No edge: har is not beaten; nothing was traded on it.',
        passed: [true, false, true],
      })
  })

  test('needs the lower loss, also without the worst hundredth of the samples', () => {
    const dearer = table({ rows: [row('model', 0.23, Number.NaN), row('har', 0.22, -2.1)] })
    expect(verdict({ skill: [dearer] }).finding).toBe('no-edge')
    const trimmed = verdict({ skill: [table({ trimmed: { model: 0.19, har: 0.19, mean: 0.3 } })] })
    expect(trimmed.finding).toBe('no-edge')
    expect(trimmed.reasons[1]).toContain('not without the worst 1 %')
  })

  test('does not hang on which configuration was chosen where all of them beat the baseline', () => {
    expect(verdict({ overfitting: [{ ...LUCK, better: 4, pbo: 0.9 }] })).toMatchObject({ finding: 'edge' })
  })

  test.each<[string, Partial<OverfittingPanel>]>([
    ['overfitting in half of the cases', { pbo: 0.5 }],
    ['no ability beyond chance', { spaConsistent: 0.05 }],
    ['an ability nobody can tell', { spaConsistent: Number.NaN }],
  ])('is not believed where the configurations show %s', (_name, change) => {
    expect(verdict({ overfitting: [{ ...LUCK, ...change }] })).toMatchObject({
      finding: 'no-edge',
      sentence: 'No edge: the choice among configurations may be luck; nothing was traded on it.',
      passed: [true, true, false],
    })
  })

  test('of a single configuration needs no check of the choice', () => {
    expect(verdict({ overfitting: [null] }).finding).toBe('edge')
    expect(verdict({ overfitting: [] }).finding).toBe('edge')
  })
})

describe('several questions', () => {
  const day = { quantity: 'volume', horizonUs: 24 * HOUR }

  test('are each held to a twentieth over their number', () => {
    // The normal quantile of 0.05 / 2 is −1.96, of 0.05 / 3 it is −2.13.
    const two = (t: number) => verdict({ skill: [against(1), against(t, day)], overfitting: [null, null] })
    expect(two(-1.97).finding).toBe('edge')
    expect(two(-1.95).finding).toBe('no-edge')
    const three = (t: number) => verdict({ skill: [against(1), against(t, day), against(0)], overfitting: [] })
    expect([three(-2.12).finding, three(-2.14).finding]).toEqual(['no-edge', 'edge'])
    expect(two(-1.97).reasons[1]).toContain('needed -1.96')
  })

  test('that are answered are named; the others are not', () => {
    const { sentence } = verdict({ skill: [against(-3), against(1), against(-4, day)], overfitting: [] })
    expect(sentence).toMatch(/^variance over 1 h: beats har by [^;]*; volume over 1 d: beats har by [^;]*; nothing/)
  })

  test('are each judged by the choice made for them: luck with one takes nothing from another', () => {
    const lucky = { ...LUCK, spaConsistent: 0.6 }
    const skill = [against(-3), against(-4, day)]
    const found = verdict({ skill, overfitting: [lucky, LUCK] })
    expect(found.finding).toBe('edge')
    expect(found.sentence).toMatch(/^volume over 1 d: beats har/)
    expect(found.sentence).not.toContain('variance')
    expect(found.passed).toEqual([true, true, false, true, true])
    expect(found.reasons[2]).toMatch(/^variance over 1 h, 4 configurations/)
    expect(verdict({ skill, overfitting: [lucky, lucky] }).sentence).toMatch(/may be luck/)
    // Nothing was won where the choice was sound.
    expect(verdict({ skill: [against(1), against(-4, day)], overfitting: [LUCK, lucky] }).finding).toBe('no-edge')
  })
})

describe('a study that cannot be believed', () => {
  const INVALID = 'Not to be believed: a check that must fail on honest data did not.'

  test('has a column that knows the future, whatever else it shows', () => {
    const found = verdict({ leaks: [{ column: 'returns/next', figure: 0.9, doc: 'rank correlation 0.90' }] })
    expect(found).toMatchObject({ finding: 'invalid', sentence: INVALID, passed: [false, true, true, true] })
    expect(found.reasons[0]).toBe('column returns/next knows the future: rank correlation 0.90')
  })

  test('finds skill in nothing', () => {
    const claims = { ...PLACEBO, dieboldMariano: -4, claims: true }
    for (const skill of [[table()], [against(1)]])
      expect(verdict({ skill, placebos: [PLACEBO, claims] })).toMatchObject({ finding: 'invalid', sentence: INVALID })
    expect(verdict({ placebos: [claims] }).reasons[0]).toContain('finds skill in nothing')
  })

  test('is not one of whose placebos one could not be run, but it says so', () => {
    const found = verdict({ placebos: [{ ...PLACEBO, dieboldMariano: Number.NaN }, PLACEBO] })
    expect([found.finding, found.passed[0], found.reasons[0]]).toEqual([
      'edge',
      null,
      'placebo labels permuted shows none (t unknown)',
    ])
  })
})

describe('checks left out', () => {
  const NO_PLACEBOS = { placebos: [] }
  const NO_LOOK = { leaks: null }

  test.each<[string, Partial<Judged>, string]>([
    ['placebos', NO_PLACEBOS, 'placebos'],
    ['placebos that could not be run', { placebos: [{ ...PLACEBO, dieboldMariano: Number.NaN }] }, 'placebos'],
    ['the look for columns that know the future', NO_LOOK, 'checks for knowledge of the future'],
    ['both', { ...NO_PLACEBOS, ...NO_LOOK }, 'placebos and checks for knowledge of the future'],
  ])('keep the verdict from claiming anything: %s', (_, change, missing) => {
    const ahead = verdict({ ...change, backtests: [TRADED] })
    expect(ahead.finding).toBe('not-judged')
    expect(ahead.sentence).toBe(
      `Not judged: ${missing} were left out; variance over 1 h: har has 10.0 ± 3.0 % more QLIKE than the model, which says nothing without them.`,
    )
    expect(verdict({ ...change, skill: [against(1)] })).toMatchObject({
      finding: 'not-judged',
      sentence: `Not judged: ${missing} were left out; har is not beaten.`,
    })
    expect(verdict({ ...change, overfitting: [{ ...LUCK, pbo: 0.9 }] }).sentence).toBe(
      `Not judged: ${missing} were left out; the choice among configurations may be luck.`,
    )
  })

  test('are each a reason of their own, neither passed nor failed', () => {
    const { reasons, passed } = verdict({ ...NO_PLACEBOS, ...NO_LOOK })
    expect(reasons.slice(0, 2)).toEqual([
      'placebos were left out: what they would have found is not known',
      'checks for knowledge of the future were left out: what they would have found is not known',
    ])
    expect(passed).toEqual([null, null, true, true])
  })

  test('do not save a study that failed one that was made', () => {
    const claims = [{ ...PLACEBO, claims: true }]
    expect(verdict({ ...NO_LOOK, placebos: claims }).finding).toBe('invalid')
    expect(verdict({ ...NO_PLACEBOS, leaks: [{ column: 'x', figure: 1, doc: '' }] }).finding).toBe('invalid')
  })
})

describe('profit', () => {
  const trade = (change: Partial<BacktestComparison>, t = -2.1) =>
    verdict({ skill: [against(t)], backtests: [{ ...TRADED, ...change }] })

  test('is told beside the skill and decides nothing', () => {
    const earned = trade({})
    expect(earned.finding).toBe('edge')
    expect(earned.sentence).toMatch(/; and trading on it earned more after costs\.$/)
    expect(earned.reasons.at(-1)).toBe(
      'volatility-target told of variance: 1,200.00 dollars with the model, 700.00 without, over what was judged, after costs (difference 500.00, t 2.40)',
    )
    expect(trade({}, 1).sentence).toBe('No edge: har is not beaten; though trading on it earned more after costs.')
  })

  test('within what chance allows is none; a clear loss is called one', () => {
    expect(trade({ differenceT: 1.65 })).toMatchObject({ finding: 'edge', passed: [true, true, true, false] })
    expect(trade({ differenceT: 1.65 }).sentence).toContain('no more than chance allows')
    expect(trade({ differenceT: -1.66 }).sentence).toMatch(/but no edge after costs: trading on it earned less\.$/)
  })

  test('of too short a time to tell is no claim either way', () => {
    const short = trade({ differenceT: null })
    expect(short.passed.at(-1)).toBeNull()
    expect(short.sentence).toContain('no more than chance allows')
  })

  test('of another forecast says nothing about these: holding less in turbulence is told with its falls, by itself', () => {
    const turbulence = { ...TRADED, told: ['turbulence'], setting: 'turbulenceCut=0.5' }
    const alone = verdict({ backtests: [turbulence] })
    expect(alone.sentence).toMatch(/; nothing was traded on it\.$/)
    expect(alone.reasons.at(-1)).toBe(
      'volatility-target told of turbulence: 1,200.00 dollars with the model, 700.00 without, over what was judged, after costs (difference 500.00, t 2.40); deepest fall 10.00 % against 20.00 %',
    )
    const both = verdict({ backtests: [{ ...TRADED, differenceT: 1 }, turbulence] })
    expect(both.sentence).toContain('no more than chance allows')
    expect(both.passed.slice(-2)).toEqual([false, true])
  })

  test('of a policy that never traded is not spoken of', () => {
    const idle = trade({ profitWith: 0, profitWithout: 0, costsWith: 0, costsWithout: 0, differenceT: 0 })
    expect(idle.passed.at(-1)).toBeNull()
    expect(idle.sentence).toContain('never traded, so nothing is known of profit')
  })
})

test('the best baseline is the one of least loss, of those that have one', () => {
  expect(bestBaseline(table())!.name).toBe('har')
  const rows = [
    row('model', 0.1, Number.NaN),
    row('a', Number.NaN, 0),
    row('b', 0.3, 0),
    row('c', 0.05, 0, { role: 'placebo' }),
  ]
  expect(bestBaseline(table({ rows }))!.name).toBe('b')
  expect(bestBaseline(table({ rows: rows.slice(0, 2) }))).toBeUndefined()
  expect(verdict({ skill: [table({ rows: rows.slice(0, 2) })] }).finding).toBe('no-edge')
})

test('whatever was found, an edge is claimed only where every rule is kept, and every reason says whether it was passed', () => {
  const t = fc.double({ min: -4, max: 2, noNaN: true })
  const question = fc.record({
    t,
    pbo: fc.double({ min: 0, max: 1, noNaN: true }),
    p: fc.double({ min: 0, max: 0.2, noNaN: true }),
  })
  fc.assert(
    fc.property(
      fc.array(question, { minLength: 1, maxLength: 4 }),
      fc.boolean(),
      fc.boolean(),
      fc.boolean(),
      (questions, leak, claims, looked) => {
        const found = verdict({
          skill: questions.map((each) => against(each.t)),
          overfitting: questions.map(({ pbo, p }) => ({ ...LUCK, pbo, spaConsistent: p })),
          leaks: looked ? (leak ? [{ column: 'x', figure: 1, doc: '' }] : []) : null,
          placebos: [{ ...PLACEBO, claims }],
        })
        const needed = [-1.65, -1.959964, -2.128045, -2.241403][questions.length - 1]!
        const won = questions.some((each) => each.t < needed && each.pbo < 0.5 && each.p < 0.05)
        const judged = looked ? (won ? 'edge' : 'no-edge') : 'not-judged'
        expect(found.finding).toBe((looked && leak) || claims ? 'invalid' : judged)
        expect(found.passed).toHaveLength(found.reasons.length)
      },
    ),
  )
})
