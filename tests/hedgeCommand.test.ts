/**
 * Goal: `gimbal hedge` says of a book what is so: the same options hedged several ways, a profit that adds up to the ledger's, little
 * of it unexplained, every run counted; and for a book of one's own, trades that take its delta away for what they cost.
 *
 * Method: the built program on its generated market of options, which is small; a book and a market written by hand, whose hedge can
 * be reckoned on paper. With `GIMBAL_SHARED` a day of recorded chains is imported and studied too (the month, twice: bench/hedge.mjs);
 * without, nothing of that is run, and its name says so.
 */

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isoDay } from '../src/core/clock.ts'
import { hedgeVerdict, renderHedgeStudy } from '../src/report/hedgePage.ts'
import type { HedgeStudyResult } from '../src/report/hedgeResult.ts'
import { TrialLedger } from '../src/research/trialLedger.ts'
import { ensureBuilt } from './built.ts'
import { ended, type Said, startGimbal } from './commandLine.ts'

const FOLDER = mkdtempSync(join(tmpdir(), 'gimbal-hedge-'))
const gimbal = (...args: string[]): Promise<Said> => ended(startGimbal(FOLDER, args))
const STUDY = ['hedge', '--days', '4', '--set', 'warmupHours=6', '--json']

let said: Said
let study: HedgeStudyResult

beforeAll(async () => {
  ensureBuilt()
  said = await gimbal(...STUDY)
  study = JSON.parse(readFileSync(join(FOLDER, 'out/hedge/study.json'), 'utf8'))
}, 300_000)
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }))

describe('a study of a generated market', () => {
  test('ends well, says that the market is none, and claims no edge', () => {
    expect([said.code, study.provenance]).toEqual([0, 'synthetic'])
    expect(hedgeVerdict(study)).toMatch(/No edge is claimed: 4 days of one market, 7 trials\.$/)
    expect(JSON.parse(said.out)).toMatchObject({ verdict: hedgeVerdict(study) })
  })

  test('every way of hedging is another run, under breakers nobody loosened', () => {
    expect(new Set(study.variants.map(({ journal }) => journal)).size).toBe(7)
    for (const { riskEvents } of study.variants) expect(riskEvents.count).toBe(0)
  })

  test('between chains options are marked by a model, and the page says for how long', () => {
    for (const { optionsCarriedShare } of study.variants) expect(optionsCarriedShare).toBeGreaterThan(0.9)
    expect(renderHedgeStudy(study)).toMatch(/Options were marked by a model 9\d\.\d %/)
    const report = JSON.parse(readFileSync(join(FOLDER, 'out/hedge/band-two/report.json'), 'utf8'))
    expect(JSON.stringify(report)).toMatch(/Options were marked by a model 9\d\.\d % of the time/)
  })

  test('every run is in the ledger of trials, once', () => {
    const trials = new TrialLedger(join(FOLDER, 'out/trials.jsonl')).trials()
    expect(trials).toHaveLength(7)
    expect(new Set(trials.map(({ settingsHash }) => settingsHash)).size).toBe(7)
  })

  test('in every run the parts add up to the change of the ledger’s equity, days and venues to the whole', () => {
    for (const { explanation, equityStart, equityEnd, profit, curve } of study.variants) {
      const { total, days, venues, ledgerGap, unpriced } = explanation
      expect(ledgerGap).toBeLessThan(1e-4)
      expect(unpriced).toBe(0)
      expect(total.profit).toBeCloseTo(equityEnd - equityStart, 3)
      expect(total.profit - total.parts.collateral).toBeCloseTo(profit, 3)
      expect(curve.at(-1)).toBe(profit)
      for (const shares of [days, venues])
        expect(shares.reduce((sum, each) => sum + each.profit, 0)).toBeCloseTo(total.profit, 3)
      expect(days.map(({ name }) => name)).toEqual([...new Set(study.snapshotsUs.slice(1).map((us) => isoDay(us - 1)))])
    }
  })

  test('hardly anything is unexplained, and what was sold earned time and paid for movement', () => {
    for (const { explanation, soldMax } of study.variants) {
      expect(soldMax).toBeGreaterThan(0)
      // Hour by hour there is next to nothing that Greeks do not say.
      expect(explanation.residualShare).toBeLessThan(0.001)
      expect(explanation.steps).toBeGreaterThan(72)
      expect(explanation.total.parts.theta).toBeGreaterThan(0)
      expect(explanation.total.parts.gamma).toBeLessThan(0)
      expect(Math.abs(explanation.total.parts.unbooked)).toBeLessThan(1e-4)
    }
  })

  test('the book left alone trades no hedge; the best bands take much of its variance and cost what was paid', () => {
    const [alone, ...hedged] = study.variants
    expect([alone!.hedgeTrades, alone!.hedgeCost, alone!.varianceShare]).toEqual([0, 0, 1])
    for (const { hedgeTrades, hedgeTurnover, costs, hedgeCost } of hedged) {
      expect(hedgeTrades).toBeGreaterThan(0)
      // The dearest venue of the generated market takes 4.5 basis points.
      expect(costs.hedgeFees / hedgeTurnover).toBeGreaterThan(0.0002)
      expect(costs.hedgeFees / hedgeTurnover).toBeLessThanOrEqual(0.00045 + 1e-9)
      expect(hedgeCost).toBeCloseTo(costs.hedgeFees + costs.hedgeSlippage + costs.funding, 9)
    }
    const best = Math.min(...hedged.map(({ varianceShare }) => varianceShare))
    expect(best).toBeLessThan(0.6)
  })

  test('over two venues both are used, over one only the first', () => {
    const traded = (name: string) => {
      const { explanation } = study.variants.find((each) => each.name === name)!
      return explanation.venues
        .filter(({ name: venue, parts }) => venue !== 'generated-options' && parts.fees < 0)
        .map(({ name: venue }) => venue)
    }
    expect(traded('whalley-wilmott-one')).toEqual(['generated-perps'])
    expect(traded('whalley-wilmott-two').toSorted()).toContain('generated-chain')
  })

  test('standard margin of the options is asked at every chain they are held at, and more than portfolio margin', () => {
    for (const { margin } of study.variants) {
      const of = (engine: string) => margin.find((each) => each.engine === engine)!
      const [standard, portfolio] = [of('deribit-standard'), of('deribit-portfolio')]
      expect(standard.use).toHaveLength(study.snapshotsUs.length)
      expect(standard.initialUseMax).toBeGreaterThan(standard.maintenanceUseMax!)
      expect(standard.maintenanceUseMax).toBeGreaterThan(portfolio.maintenanceUseMax!)
      expect(standard.maintenanceUseMax).toBeLessThan(1)
      expect(standard.distanceMin).toBeGreaterThan(0)
      expect(standard.liquidatable).toBe(0)
    }
  })

  test('the page is the same bytes for the same result, holds every run, and needs nothing from outside', () => {
    const page = readFileSync(join(FOLDER, 'out/hedge/study.html'), 'utf8')
    expect(renderHedgeStudy(study)).toBe(page)
    expect(page).toContain('SYNTHETIC DATA')
    for (const { label, journal } of study.variants) {
      expect(page).toContain(label)
      expect(page).toContain(journal)
    }
    expect(page).not.toMatch(/(src|href)="https?:/)
  })

  test('a journal of the study replays', async () => {
    const replayed = await gimbal('replay', 'out/hedge/band-two', '--json')
    expect([replayed.code, replayed.err]).toEqual([0, ''])
  })
})

const MARKET = {
  time: '2026-01-05T00:00:00Z',
  spot: { BTC: 90_000 },
  volatility: { BTC: 0.5 },
  perpetual: { 'hyperliquid BTC': 90_000, 'dydx BTC': 90_000 },
  fundingPerDay: { 'hyperliquid BTC': 0, 'dydx BTC': 0 },
  liquidity: {
    'hyperliquid BTC': { halfSpread: 0.0001, depth: 1e9, takerFee: 0.0003 },
    'dydx BTC': { halfSpread: 0.0001, depth: 1e9, takerFee: 0.0008 },
  },
}
const BOOK = {
  accounts: [
    { venue: 'wallet', balances: { BTC: 3 } },
    { venue: 'hyperliquid', margin: 'hyperliquid', balances: { USDC: 200_000 } },
    { venue: 'dydx', margin: 'dydx-v4', balances: { USDC: 200_000 } },
  ],
}

async function proposed(book: object, ...more: string[]) {
  writeFileSync(join(FOLDER, 'book.json'), JSON.stringify(book))
  writeFileSync(join(FOLDER, 'market.json'), JSON.stringify(MARKET))
  return gimbal('hedge', '--book', 'book.json', '--market', 'market.json', '--json', ...more)
}

describe('hedges for a book', () => {
  test('three coins are sold where it is cheaper, short of all by what trading the rest would cost more than its risk', async () => {
    const { code, out } = await proposed(BOOK)
    const { proposal } = JSON.parse(out)
    const [btc] = proposal.assets
    expect(code).toBe(0)
    expect(btc.before.delta).toBe(3)
    expect(btc.trades.map(({ venue }: { venue: string }) => venue)).toEqual(['hyperliquid'])
    // By hand: at the best point a (left) σ²h = cost, plus what basis and margin ask; a = 30 / 670,000 a dollar, σ²h = 0.25 / 365.
    const aversion = 30 / 670_000
    const variance = 0.25 / 365
    const basis = 0.0005 ** 2
    const sold = -btc.trades[0].notional
    const margin = proposal.margin[0]
    const marginRate = ((margin.initialAfter - margin.initialBefore) / sold) * (0.05 / 365)
    const left = 270_000 - sold
    const slope = aversion * (left * variance - sold * basis) - (0.0004 + marginRate + (0.01 / 1e9) * sold)
    expect(Math.abs(slope)).toBeLessThan(1e-7)
    expect(btc.after.delta).toBeCloseTo(left / 90_000, 6)
    expect(proposal.cost).toBeCloseTo(0.0004 * sold + (0.005 * sold * sold) / 1e9, 6)
    expect(margin.initialAfter).toBeGreaterThan(0)
  })

  test('a delta that is wanted is left alone', async () => {
    const { proposal } = JSON.parse((await proposed(BOOK, '--target', 'BTC=3')).out)
    expect(proposal.assets[0].trades).toEqual([])
    expect(proposal.margin[0].initialAfter).toBe(proposal.margin[0].initialBefore)
  })

  test('a book that can trade no perpetual is told so, and that something was found wrong', async () => {
    const { code, out } = await proposed({ accounts: [BOOK.accounts[0]] })
    expect(code).toBe(3)
    expect(JSON.parse(out).proposal.assets[0].refusal).toMatch(/no account has a perpetual/)
  })

  test('questions to the other half of the verb are refused by name', async () => {
    const { code, out } = await gimbal('hedge', '--market', 'market.json', '--json')
    expect([code, JSON.parse(out).error.code]).toEqual([2, 'argument-invalid'])
  })
})

const DATA = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'data')
const there = existsSync(join(DATA, 'options/deribit'))

describe.skipIf(!there)(`recorded chains${there ? '' : ' (shared data absent: nothing run)'}`, () => {
  test('a day of January: what moved is explained to a twentieth, to the ledger’s cent', async () => {
    const chains = join(DATA, 'options/deribit')
    const files = readdirSync(chains)
      .filter((name) => /^chain_202601(26|27T04)/.test(name))
      .map((name) => join(chains, name))
    const bars = ['BTC_USDT_USDT-5m-futures', 'BTC_USDT_USDT-1h-funding_rate'].map((name) =>
      join(DATA, `bars/${name}.csv.gz`),
    )
    const imported = await gimbal('import', ...files, ...bars, '--catalog', 'recorded')
    expect(imported.code).toBe(0)
    const span = ['--from', '2026-01-26', '--to', '2026-01-27T06:00:00Z', '--set', 'warmupHours=2']
    const run = await gimbal('hedge', '--catalog', 'recorded', '--asset', 'BTC', ...span, '--out', 'real', '--json')
    const real: HedgeStudyResult = JSON.parse(run.out)
    expect([run.code, real.provenance, real.snapshotsUs.length]).toEqual([0, 'replayed', 5])
    for (const { explanation, soldMax } of real.variants) {
      expect(soldMax).toBeGreaterThan(0)
      expect(explanation.residualShare).toBeLessThan(0.05)
      expect(explanation.ledgerGap).toBeLessThan(0.01)
    }
  }, 300_000)
})
