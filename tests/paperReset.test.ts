/**
 * Goal: a breaker that tripped keeps a live run from trading through any number of restarts, and says so; a person with
 * a name and a reason can put it back, and the journal knows.
 *
 * Method: a journal in which a breaker tripped, made by the real engine and gate; paper runs that go on with it, against
 * the simulated venue over a loopback socket.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseBreaker, type ResetWish, spellScope } from '../src/apps/breakerNames.ts'
import { paper } from '../src/apps/commands/paper.ts'
import { runPaper, wallClockUs } from '../src/apps/paper.ts'
import { Terminal } from '../src/apps/terminal.ts'
import { HOUR_US, SECOND_US } from '../src/core/clock.ts'
import { Engine } from '../src/engine/engine.ts'
import { startEngine } from '../src/engine/recovery.ts'
import { type BuildEngine, MuteVenue, replayJournal } from '../src/engine/replayJournal.ts'
import type { JournalHeader } from '../src/journal/header.ts'
import { NoJournal } from '../src/journal/journal.ts'
import { JournalReader, verifyJournal } from '../src/journal/journalReader.ts'
import { Flag, Kind, MergedTape, TapeBatch } from '../src/market/tape.ts'
import type { Policy, PolicyContext } from '../src/policies/policy.ts'
import type { Scope } from '../src/risk/gate.ts'
import { DEFAULT_RISK, type RiskConfig } from '../src/risk/riskConfig.ts'
import { RiskGate } from '../src/risk/riskGate.ts'
import { constantLatency } from '../src/sim/latencyModels.ts'
import { ReplayedExchange } from '../src/sim/replayedExchange.ts'
import { SimulatedVenueClient } from '../src/venues/simulated/client.ts'
import { type RunningVenue, startSimulatedVenue } from '../src/venues/simulated/server.ts'
import { CASH, RestlessMarket, SPECS, universe } from './restlessMarket.ts'

const ROOT = mkdtempSync(join(tmpdir(), 'gimbal-paper-reset-'))
const BREAKER = 'funding-extreme'
const BTC: Scope = { of: 'position', instrument: 0 }
const RISK: RiskConfig = {
  ...DEFAULT_RISK,
  breakers: [{ breaker: BREAKER, act: 'halt', confirmations: 1, cooldownUs: SECOND_US, rateMax: 0.01 }],
}

let venue: RunningVenue
beforeAll(async () => {
  venue = await startSimulatedVenue({
    universe,
    tape: new MergedTape([{ source: new RestlessMarket(3) }], 'venue'),
    speed: 5,
    openExchange: (cash) =>
      new ReplayedExchange({ universe, cash, settings: { latency: constantLatency(2000), margin: 'none' } }),
    cash: CASH,
    port: 0,
    clock: wallClockUs,
  })
})
afterAll(async () => {
  await venue.close()
  rmSync(ROOT, { recursive: true, force: true })
})

/** Keeps one bid in each instrument, far from the market, and remembers what it was refused. */
class Bidder implements Policy {
  readonly name = 'bidder'
  readonly settings = {}
  readonly refusals = [new Set<string>(), new Set<string>()]
  context!: PolicyContext

  start(context: PolicyContext): number[] {
    this.context = context
    return [0, 1]
  }

  onMarket(instrument: number): void {
    const market = this.context.market(instrument)
    if (!market.quoted || this.context.orders().some((order) => order.instrument === instrument)) return
    const tick = market.bestBid - 100
    if (this.context.submit({ instrument, side: 1, lots: 1, type: 'limit', tick, postOnly: true }) === 0)
      this.refusals[instrument]!.add(this.context.lastRefusal)
  }
}

let policy: Bidder
let engine: Engine
const build: BuildEngine = (header, { journal, venue }) => {
  policy = new Bidder()
  engine = new Engine({
    universe,
    policies: [policy],
    gate: (parts) => new RiskGate(RISK, parts),
    journal,
    venue,
    cash: header.cash,
    seed: header.seed,
  })
  return engine
}

const HEADER: JournalHeader = {
  gimbal: 'test',
  rows: 'inline',
  run: 'r',
  seed: 1,
  cash: CASH,
  since: { fillId: 0, accountUs: 0 },
  instruments: SPECS,
  settings: { policy: 'bidder' },
  tapes: [],
}

/** A journal that ended, some seconds ago, on a funding rate of five per cent. */
function tripped(name: string): string {
  const directory = join(ROOT, name)
  const timeUs = wallClockUs() - 10 * SECOND_US
  const options = { header: HEADER, build, durability: 'process', venue: new MuteVenue(), nowUs: timeUs } as const
  const { engine, journal } = startEngine({ directory, ...options })
  const batch = new TapeBatch(8)
  batch.push(timeUs, timeUs, Kind.FUNDING, 0, 0, 0, 8 * 3600e6, 0.05, Flag.END)
  engine.stepRow(batch, 0, 0, timeUs)
  expect(engine.gate.latched).toMatchObject([{ breaker: BREAKER, scope: BTC, measured: 0.05, allowed: 0.01 }])
  journal.close()
  return directory
}

/** A paper run that goes on with a journal until `done`, and then leaves. */
async function goOn(directory: string, resets: readonly ResetWish[], done: () => boolean) {
  const lines: string[] = []
  const controller = new AbortController()
  const result = runPaper({
    directory,
    gimbalVersion: 'test',
    universe,
    seed: 1,
    settings: HEADER.settings,
    build,
    venue: (run) => new SimulatedVenueClient({ url: venue.url, account: directory, run, universe, clock: wallClockUs }),
    durability: 'process',
    cancelOnExit: true,
    resets,
    print: (line) => lines.push(line),
    signal: controller.signal,
  })
  const outcome = result.then(
    (value) => ({ value, error: undefined }),
    (error: unknown) => ({ value: undefined, error }),
  )
  let over = false
  void outcome.then(() => (over = true))
  for (const endMs = Date.now() + 5000; !over && !done(); ) {
    if (Date.now() > endMs) throw new Error(`it did not happen within five seconds: ${lines.join('\n')}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  controller.abort()
  return { lines, ...(await outcome) }
}

const openIn = (instrument: number) =>
  [...engine.openOrders()].some((order) => order.instrument === instrument && order.state === 'open')
const ada = { who: 'Ada', reason: 'the rate was a misprint' }

test('latched before is latched after; a reset puts it back, once, and the journal replays', async () => {
  const directory = tripped('journal')

  const latched = await goOn(directory, [], () => openIn(1) && policy.refusals[0]!.size > 0)
  const said = latched.lines.join('\n')
  expect(said).toContain('a breaker is still latched from before:')
  expect(said).toMatch(
    /breaker latched since \d{4}-.*: funding-extreme over position=BTC-USDT-PERP@simulated: measured/,
  )
  expect(said).toContain('measured 0.05, allowed 0.01 fraction per 8 h; halt: every order is refused')
  expect(said).toContain("--reset 'funding-extreme:position=BTC-USDT-PERP@simulated' --who PERSON --reason TEXT")
  expect(said.match(/breaker latched/g)).toHaveLength(1)
  expect([...policy.refusals[0]!]).toEqual([`breaker-${BREAKER}`])
  expect(openIn(0)).toBe(false)
  expect(latched.value!.latched).toMatchObject([{ breaker: BREAKER, scope: BTC }])

  // Nobody signs: refused before the venue was spoken to, and nothing but the refusal is written.
  const unsigned = await goOn(directory, [{ breaker: BREAKER, scope: BTC, who: '', reason: 'x' }], () => false)
  expect(unsigned.error).toMatchObject({ code: 'reset-refused' })
  expect(unsigned.lines.some((line) => line.startsWith('reconciled'))).toBe(false)
  expect(verifyJournal(directory)).toMatchObject({ closed: true })
  expect(verifyJournal(directory).counts['GATE_RESET']).toBeUndefined()

  const back = await goOn(directory, [{ breaker: BREAKER, scope: undefined, ...ada }], () => openIn(0) && openIn(1))
  expect(back.lines.find((line) => line.startsWith('breaker reset'))).toMatch(
    /^breaker reset by Ada: funding-extreme over position=BTC-USDT-PERP@simulated, halt in force since .*: the rate was a misprint$/,
  )
  expect(back.lines.some((line) => line.includes('latched'))).toBe(false)
  expect(back.value!.latched).toEqual([])
  expect(verifyJournal(directory).counts).toMatchObject({ GATE_ACT: 1, GATE_RESET: 1 })
  const replay = replayJournal(JournalReader.open(directory)!, build)
  expect(replay.state).toBe(back.value!.state)

  // What is not latched cannot be put back: the wish was a mistake and the run does not begin.
  const again = await goOn(directory, [{ breaker: BREAKER, scope: undefined, ...ada }], () => false)
  expect(again.error).toMatchObject({ code: 'reset-refused', facts: { breaker: BREAKER, latched: '' } })
  expect(replayJournal(JournalReader.open(directory)!, build).closed).toBe(true)
})

test('a run that comes back after an hour does not take its own absence for a silent feed', () => {
  const stale = {
    breaker: 'stale-data',
    act: 'cancel',
    confirmations: 1,
    cooldownUs: 0,
    ageMaxUs: 5 * SECOND_US,
  } as const
  const engine = new Engine({
    universe,
    policies: [],
    gate: (parts) => new RiskGate({ ...RISK, breakers: [stale] }, parts),
    journal: new NoJournal(),
    venue: new MuteVenue(),
    cash: CASH,
    seed: 1,
  })
  const batch = new TapeBatch(8)
  const hear = (timeUs: number, kind: number, side: number, tick: number, value: number, flags: number) => {
    batch.count = 0
    batch.push(timeUs, timeUs, kind, 0, side, tick, 5, value, flags)
    engine.stepRow(batch, 0, 0, timeUs)
  }
  const startUs = wallClockUs()
  hear(startUs, Kind.DEPTH, 1, 999, 0, Flag.RESET)
  hear(startUs, Kind.DEPTH, -1, 1001, 0, Flag.END)
  // As a paper run does: down until the venue has spoken, then up; its clock may be stepped before the first book.
  const backUs = startUs + HOUR_US
  hear(backUs, Kind.OUTAGE, 0, 0, 1, Flag.END)
  hear(backUs + 1000, Kind.OUTAGE, 0, 0, 0, Flag.END)
  engine.stepClock(backUs + 2000)
  expect(engine.gate.latched).toEqual([])
  // Silence from then on is silence.
  expect(engine.nextClockUs).toBeLessThanOrEqual(backUs + 5 * SECOND_US + 1)
  engine.stepClock(backUs + 5 * SECOND_US + 1)
  expect(engine.gate.latched).toMatchObject([{ breaker: 'stale-data', scope: BTC }])
})

test('a run that has yet to begin has nothing to put back', async () => {
  const { error } = await goOn(join(ROOT, 'fresh'), [{ breaker: BREAKER, scope: undefined, ...ada }], () => false)
  expect(error).toMatchObject({ code: 'reset-refused' })
})

describe('on the command line', () => {
  const names = { universe, policyNames: ['bidder', 'carry'] }

  test.each<[string, Scope]>([
    ['account', { of: 'account' }],
    ['venue=simulated', { of: 'venue', venue: 'simulated' }],
    ['policy=carry', { of: 'policy', policy: 1 }],
    ['position=ETH-USDT-PERP@simulated', { of: 'position', instrument: 1 }],
  ])('%s is read as it is written', (text, scope) => {
    expect(parseBreaker(`daily-loss:${text}`, names)).toEqual({ breaker: 'daily-loss', scope })
    expect(spellScope(scope, names)).toBe(text)
  })

  test('without a scope it is the one over which it is latched; what does not exist is named', () => {
    expect(parseBreaker('daily-loss', names)).toEqual({ breaker: 'daily-loss', scope: undefined })
    for (const bad of ['x:', 'x:everything', 'x:venue', 'x:venue=mars', 'x:policy=0', 'x:position=BTC'])
      expect(() => parseBreaker(bad, names), bad).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
  })

  test.each([
    { reset: [BREAKER], who: 'Ada' },
    { reset: [BREAKER], reason: 'because' },
    { reset: [], who: 'Ada', reason: 'because' },
  ])('a reset is signed and explained, a signature is for a reset: %o', async (given) => {
    const options = {
      venue: venue.url,
      policy: 'market-maker',
      set: [],
      risk: [],
      model: [],
      margin: [],
      models: 'models',
      account: 'a',
      seed: '1',
    }
    const journal = join(ROOT, 'never')
    await expect(paper(new Terminal(true), { ...options, journal, ...given })).rejects.toMatchObject({
      code: 'argument-invalid',
    })
    expect(JournalReader.open(journal)).toBeUndefined()
  })
})
