/**
 * Goal: the examples do what they say, because they are what a newcomer runs first.
 *
 * Method: each one's `main` is called with a printer that remembers; asserted is what it says and returns, not merely
 * that it ran. One is also started as a program, the way its header says.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { main as firstBacktest } from '../examples/01-first-backtest.ts'
import { main as ownPolicy } from '../examples/02-own-policy.ts'
import { main as importAndQuery } from '../examples/03-import-and-query.ts'
import { main as journalAndReplay } from '../examples/04-journal-and-replay.ts'
import { main as breakers } from '../examples/05-breakers.ts'
import { main as queueModels } from '../examples/06-queue-models.ts'
import { main as twoReports } from '../examples/07-report.ts'
import { main as modelInTheEngine } from '../examples/08-model-in-the-engine.ts'
import { main as research } from '../examples/09-research.ts'
import { main as surfaceOfChain } from '../examples/10-surface.ts'
import { main as desk } from '../examples/11-desk.ts'
import { main as hedgedVariance } from '../examples/12-hedged-variance.ts'
import { schemaHash } from '../src/features/featureSet.ts'
import { ModelRegistry } from '../src/models/modelRegistry.ts'
import { parseReports } from '../src/report/runReport.ts'
import { translate } from './runTypeScript.ts'

const FOLDER = mkdtempSync(join(tmpdir(), 'gimbal-examples-'))
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }))

/** A printer, and what it was given. */
function printer() {
  const lines: string[] = []
  return { lines, print: (line: string) => void lines.push(line) }
}

test('examples are numbered without a gap, say how to run them, and are all tested here', () => {
  const names = readdirSync('examples').sort()
  const tested = readFileSync('tests/examples.test.ts', 'utf8')
  expect(names.map((name) => name.slice(0, 2))).toEqual(names.map((_, index) => String(index + 1).padStart(2, '0')))
  for (const name of names) {
    expect(readFileSync(join('examples', name), 'utf8')).toContain(`Run it: node examples/${name}`)
    expect(tested).toContain(`'../examples/${name}'`)
  }
})

test('01: a policy of ten lines trades as maker only, and its equity is what its parts add up to', () => {
  const { lines, print } = printer()
  const { rows, fills, makerFills, equity, engine } = firstBacktest(print)
  expect(rows).toBeGreaterThan(50_000)
  expect(fills).toBeGreaterThan(100)
  expect(makerFills).toBe(fills)
  const perp = engine.universe.index('ETH-USDC-PERP@generated-north')
  const { realisedAtoms, feesAtoms, fundingAtoms } = engine.ledger.holding(perp)
  const parts = realisedAtoms - feesAtoms + fundingAtoms + engine.ledger.unrealisedAtoms(perp)
  expect(equity).toBeCloseTo(100_000 + parts / 1e6, 5)
  expect(lines[0]).toBe(`${rows} rows of a synthetic market, ${fills} fills, ${fills} of them as maker`)
  expect(lines.at(-1)).toContain(`equity ${equity.toFixed(2)} USDC`)
})

test('02: the gate holds a limit the policy would have passed, and the policy hears which', () => {
  const { lines, print } = printer()
  const { timers, fills, heldMax, refusals } = ownPolicy(print)
  // Half an hour, every five seconds.
  expect(timers).toBeGreaterThanOrEqual(359)
  expect(fills).toBeGreaterThan(20)
  expect(heldMax).toBeGreaterThan(100)
  expect(heldMax).toBeLessThanOrEqual(200)
  expect([...refusals.keys()]).toEqual(['position-size'])
  expect(lines.join('\n')).toContain(`refused by the gate: position-size ${refusals.get('position-size')} times`)
})

test('03: what was written as CSV is what SQL and the backtest find, and importing it again changes nothing', async () => {
  const { lines, print } = printer()
  const { rows, again, summary, fills, equity } = await importAndQuery(print)
  expect(rows).toBe(4 * 480)
  expect(again).toBe('already-imported')
  expect(summary).toMatchObject({ bars: 480 })
  expect(summary!['low']).toBeLessThan(summary!['high'] as number)
  expect(fills).toBeGreaterThan(1)
  expect(Math.abs(equity / 100_000 - 1)).toBeLessThan(0.2)
  expect(lines[0]).toContain('1920 rows of 481 lines with 0 gaps; again: already-imported')
  expect(lines[1]).toContain('BTC-USDT-PERP@binance-usdm bar')
})

test('04: a replay does again what was done, and one altered trade is found and named', () => {
  const { lines, print } = printer()
  const { acts, sameState, divergence } = journalAndReplay(print)
  expect(acts).toBeGreaterThan(100)
  expect(sameState).toBe(true)
  expect(divergence?.code).toBe('replay-diverged')
  expect(divergence?.facts).toHaveProperty('record')
  expect(lines.join('\n')).toMatch(/with one trade altered:\n {2}The replay does not do what the journal says/)
})

test('05: the crash trips one breaker, which closes the position and lets nothing through until it is reset', () => {
  const { lines, print } = printer()
  const { acts, act, seconds, heldMax, lots, refusal, early, record, gate } = breakers(print)
  expect(heldMax).toBe(500)
  expect(act).toMatchObject({ breaker: 'drawdown-from-peak', act: 'flatten', confirmations: 3 })
  expect(act.measured).toBeGreaterThan(act.allowed)
  // The fall takes two minutes: within it, and not before it.
  expect(seconds).toBeGreaterThan(0)
  expect(seconds).toBeLessThan(120)
  expect(new Set(acts.map(({ breaker }) => breaker))).toEqual(new Set(['drawdown-from-peak']))
  expect(lots).toBe(0)
  expect(refusal).toBe('breaker-drawdown-from-peak')
  expect(early?.code).toBe('reset-refused')
  expect(record).toMatchObject({ who: 'A. Person', reason: 'the crash is over, size halved', act: 'flatten' })
  expect(gate.latched).toEqual([])
  expect(lines.at(-1)).toBe('latched now: 0')
})

test('06: the less a model credits us with, the fewer fills it gives; risk-averse gives the fewest', () => {
  const { lines, print } = printer()
  const results = queueModels(print)
  const fills = Object.fromEntries(results.map((result) => [result.model, result.fills]))
  expect(fills['risk-averse']).toBeGreaterThan(10)
  for (const result of results.slice(1)) expect(result.fills).toBeGreaterThan(fills['risk-averse']!)
  // 1 − (f/(f+b))ⁿ grows with n, and it is the probability that the decrease was behind us.
  expect(fills['power3:3']).toBeLessThan(fills['power3:1']!)
  // (b/(b+f))ⁿ falls with n, and power3:1 is the same as power2:1.
  expect(fills['power2:3']).toBeGreaterThan(fills['power3:1']!)
  expect(lines.length).toBe(results.length + 1)
})

test('07: two runs stand on one page, each counted as a trial', () => {
  const { lines, print } = printer()
  const { reports, page } = twoReports(print, FOLDER)
  expect(reports.map(({ facts }) => facts.trials.trialCount)).toEqual([1, 2])
  expect(reports.map(({ provenance }) => provenance)).toEqual(['synthetic', 'synthetic'])
  const html = readFileSync(page, 'utf8')
  for (const { facts } of reports) expect(html).toContain(facts.title)
  expect(html).not.toMatch(/(src|href)="https?:/)
  const twin = parseReports(readFileSync(join(FOLDER, 'report.json'), 'utf8'))
  expect(twin.map(({ verdict }) => verdict)).toEqual(reports.map(({ verdict }) => verdict))
  expect(lines.at(-1)).toBe(`both on one page: ${page}`)
})

test('08: every forecast an engine hears is the one of the recorded sample; the model is judged on later ones', () => {
  const { lines, print } = printer()
  const folder = join(FOLDER, 'models')
  const { artifact, heard, same, judged, loss, lossOfLast, held, fills } = modelInTheEngine(print, folder)
  // Two hours, every five seconds, but for the first look: nothing was heard before it.
  expect(heard.length).toBeGreaterThanOrEqual(1438)
  expect(same).toBe(heard.length)
  expect(heard.filter(({ value }) => value > 0).length).toBeGreaterThan(1300)
  for (const { outside } of heard) expect(outside).toBeGreaterThanOrEqual(0)
  // Forty minutes of later forecasts; the last half minute of them has no truth.
  expect(judged).toBeGreaterThan(440)
  expect(judged).toBeLessThanOrEqual(480)
  expect(loss).toBeLessThan(lossOfLast)
  expect(held / judged).toBeGreaterThan(0.7)
  expect(fills).toBeGreaterThan(10)
  expect(new ModelRegistry(folder).list().map(({ artifact: { id }, state }) => [id, state])).toEqual([
    [artifact.id, 'trained'],
  ])
  expect(artifact.schemaHash).toBe(schemaHash(artifact.features))
  // Trees that prove nothing on its training are left out.
  expect(artifact.model.kind).toBe(artifact.trained.learner.includes('boosted trees') ? 'boosted' : 'linear')
  expect(lines.at(-1)).toBe(
    `${same} of ${heard.length} forecasts in the engine are those of the recorded samples, bit for bit`,
  )
})

test('09: research of an hour claims no edge on noise, and every configuration is in the ledger once', async () => {
  const { lines, print } = printer()
  const folder = join(FOLDER, 'research')
  const { verdicts, ledger } = await research(print, folder)
  expect(verdicts.length).toBe(2)
  const [, noise] = verdicts
  expect(noise!.finding).toBe('no-edge')
  for (const { reasons, passed } of verdicts) {
    // Two placebos, one horizon, one choice among configurations; of noise both may say the same, and then there was no choice.
    expect([3, 4]).toContain(reasons.length)
    expect(passed.slice(0, 2)).toEqual([true, true])
  }
  expect(ledger.trials().map(({ family }) => family.split(' on ')[1])).toEqual([
    'a generated market',
    'a generated market',
    'a market of noise',
    'a market of noise',
  ])
  expect(lines.filter((line) => !line.startsWith('  '))).toEqual(
    verdicts.map(({ sentence }, i) => `${['a generated market', 'a market of noise'][i]}, 2 trials: ${sentence}`),
  )
})

test('10: the surface lies between believed bids and asks, near the hidden truth, and cannot be arbitraged', () => {
  const { lines, print } = printer()
  const { fit, smiles, arbitrage, half, index } = surfaceOfChain(print)
  const { counts } = fit.clean
  // What was planted is what is not believed.
  expect(Math.min(counts.crossed, counts['one-sided'], counts.stale)).toBeGreaterThan(0)
  expect(counts.used).toBeGreaterThan(220)
  expect(arbitrage.free).toBe(true)
  for (const { used, inside, error, swap, fair } of smiles) {
    expect(inside).toBeGreaterThan(0.95 * used)
    expect(error).toBeLessThan(0.001)
    expect(Math.abs(swap - fair)).toBeLessThan(0.001)
  }
  expect(half).toBeGreaterThan(0.99)
  expect(half).toBeLessThan(1)
  expect(Math.abs(index - 0.505)).toBeLessThan(0.005)
  expect(lines.length).toBe(smiles.length + 4)
})

test('11: the desk’s delta is nearly none, each account has its own rules, and the squeeze takes the weakest unless told', () => {
  const { lines, print } = printer()
  const { book, unpriced, report, nearest } = desk(print)
  expect(unpriced).toEqual([])
  expect(lines.filter((line) => line.startsWith('  ')).length).toBe(
    book.accounts.filter(({ margin }) => margin !== undefined).length,
  )
  expect(report.deadly).toEqual([])
  const squeeze = report.scenarios.find((each) => each.protected.scenario.name === 'squeeze')!
  expect(squeeze.unprotected.liquidated[0]).toBe('hyperliquid')
  expect(squeeze.protected.liquidated).toEqual([])
  // What the search finds is what the frontier shows: the account with the least behind it, in a rise.
  expect(nearest!.venue).toBe('hyperliquid')
  expect(nearest!.distance).toBeLessThan(4)
  expect(nearest!.moves.find(({ kind, asset }) => kind === 'spot' && asset === 'BTC')!.factor).toBeGreaterThan(1)
})

test('12: the same options, hedged and not; the hedge takes risk away, and nearly all of the profit is explained', () => {
  const { print } = printer()
  const [alone, hedged] = hedgedVariance(print).results
  expect(hedged!.variance).toBeLessThan(0.5 * alone!.variance)
  expect(hedged!.parts.theta).toBeGreaterThan(500)
  expect(hedged!.parts.theta).toBeCloseTo(alone!.parts.theta, 6)
  expect(alone!.parts.funding).toBe(0)
  for (const { profit, parts, residual, gross } of [alone!, hedged!]) {
    expect(residual).toBeLessThan(0.01 * gross)
    expect(Math.abs(parts.unbooked)).toBeLessThan(0.01)
    expect(Object.values(parts).reduce((sum, each) => sum + each, 0)).toBeCloseTo(profit, 6)
  }
})

test('an example started as a program prints what it prints here', async () => {
  const { lines, print } = printer()
  queueModels(print)
  const translated = translate(['examples/06-queue-models.ts'])
  try {
    const child = translated.spawn('examples/06-queue-models.ts', [])
    let said = ''
    child.stdout!.on('data', (data) => {
      said += data
    })
    const code = await new Promise((resolve) => child.once('close', resolve))
    expect(code).toBe(0)
    expect(said).toBe(`${lines.join('\n')}\n`)
  } finally {
    translated.remove()
  }
})
