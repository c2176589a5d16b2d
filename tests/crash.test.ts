/**
 * Goal: a run may die at any instant. Started again it knows every order it sent and no other, holds what the venue
 * says it holds, and is in the state its journal replays to.
 *
 * Method: a venue in one process, a restless paper run in another, killed by SIGKILL after a random delay counted from
 * its start, so that also starting, folding and reconciling are killed. After every kill the journal left behind is
 * read here, replayed, and compared with the venue's own list of client order ids; after every restart the run's
 * report of its reconciliation is judged. Six kills with the other tests; `KILLS=200 npx vitest run tests/crash.test.ts`
 * for the full measure. A failing seed (`SEED=…`) chooses the same delays again; what the kernel makes of them varies.
 */

import type { ChildProcess } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, expect, test } from 'vitest'
import { wallClockUs } from '../src/apps/paper.ts'
import { Random } from '../src/core/random.ts'
import { engineState, replayJournal } from '../src/engine/replayJournal.ts'
import { JournalReader, verifyJournal } from '../src/journal/journalReader.ts'
import { SimulatedVenueClient } from '../src/venues/simulated/client.ts'
import { buildRestless, universe } from './restlessMarket.ts'
import { type Translated, translate } from './runTypeScript.ts'

const KILLS = Number(process.env['KILLS'] ?? 6)
const SEED = Number(process.env['SEED'] ?? 1)
/** Longest life of a run, in milliseconds. */
const LIFE_MS = 900

const directory = mkdtempSync(join(tmpdir(), 'gimbal-crash-'))
const children: ChildProcess[] = []
let translated: Translated | undefined
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  translated?.remove()
  rmSync(directory, { recursive: true, force: true })
})

/** What paperProcess.ts prints after a reconciliation. */
interface Report {
  readonly since: { readonly fillId: number }
  readonly openBefore: readonly number[]
  /** Of those, the ones still open afterwards. */
  readonly openAfter: readonly number[]
  /** Fills the venue told us of that the journal did not have. */
  readonly missedFills: number
  readonly venueOpen: readonly number[]
  readonly venueLots: readonly number[]
  readonly venueCashAtoms: number
  readonly lots: readonly number[]
  readonly cashAtoms: number
}

/** A child whose lines of JSON are kept. */
class Child {
  readonly process: ChildProcess
  readonly lines: string[] = []
  readonly ended: Promise<void>

  constructor(process: ChildProcess) {
    this.process = process
    children.push(process)
    createInterface({ input: process.stdout! }).on('line', (line) => this.lines.push(line))
    this.ended = new Promise((resolve) => process.once('close', () => resolve()))
  }

  async line(): Promise<string> {
    for (let wait = 0; this.lines.length === 0 && wait < 3000; wait++) {
      await sleep(5)
      if (this.process.exitCode !== null) throw new Error(`the child ended with ${this.process.exitCode}`)
    }
    return this.lines[0]!
  }
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** The venue's list of client order ids, and its account; logging in ends what is left of the dead run's session. */
async function askVenue(url: string, run: string) {
  const client = new SimulatedVenueClient({ url, account: 'crash', run, universe, clock: wallClockUs })
  await client.connect({ onRows: () => {}, onOrder: () => {}, onAccount: () => {}, onLost: () => {} })
  const { clientIds, repeated } = await client.history()
  await client.close()
  return { clientIds, repeated }
}

/** Everything the journal says of orders: those written, those refused a life, and the highest fill booked. */
function readOrders(path: string) {
  const reader = JournalReader.open(path)!
  const written: number[] = []
  const cancelledUnheard = new Set<number>()
  const fills: number[] = []
  while (reader.next()) {
    const record = reader.read()
    if (record.type === 'ORDER') written.push(record.order.id)
    if (record.type === 'ORDER_EVENT' && record.event.kind === 'cancelled' && record.event.reason === 'other')
      cancelledUnheard.add(record.event.orderId)
    if (record.type === 'ORDER_EVENT' && record.event.fillId > 0) fills.push(record.event.fillId)
    while (reader.nextRow());
  }
  return { written, cancelledUnheard, fills, run: reader.header.run, torn: reader.torn !== undefined }
}

test(`after each of ${KILLS} kills no order is lost or doubled, and books and journal agree`, {
  timeout: 60_000 + KILLS * 8000,
}, async () => {
  translated = translate(['tests/crash/venueProcess.ts', 'tests/crash/paperProcess.ts'])
  const journal = join(directory, 'journal')
  const random = new Random(SEED)
  const venue = new Child(translated.spawn('tests/crash/venueProcess.ts', [String(SEED)]))
  const url = await venue.line()
  const run = () => new Child(translated!.spawn('tests/crash/paperProcess.ts', [url, journal]))
  const seen = { torn: 0, ordersEndedUnheard: 0, missedFills: 0, killedWhileStarting: 0, orders: 0, fills: 0 }

  /** Judges what a run said on reconciling: it must believe what the venue says. */
  const judge = (report: Report) => {
    expect(report.lots).toEqual(report.venueLots)
    expect(report.cashAtoms).toBe(report.venueCashAtoms)
    // The venue has no open order that was not open in the journal: nothing unknown, nothing of another run.
    expect(report.venueOpen.filter((id) => !report.openBefore.includes(id))).toEqual([])
    // Nor does the journal keep one open that the venue does not have.
    expect(report.openAfter.filter((id) => !report.venueOpen.includes(id))).toEqual([])
    seen.ordersEndedUnheard += report.openBefore.length - report.venueOpen.length
    seen.missedFills += report.missedFills
  }

  for (let kill = 0; kill < KILLS; kill++) {
    const child = run()
    // A third of the lives are so short that they end while starting; the first must get as far as having orders.
    const begun = kill === 0 || random.uniform() < 0.67
    if (begun) await child.line()
    await sleep(random.uniform() * LIFE_MS * (begun ? 1 : 0.4))
    expect(child.process.exitCode, 'the run was alive until it was killed').toBeNull()
    child.process.kill('SIGKILL')
    await child.ended
    if (child.lines.length === 0) seen.killedWhileStarting++
    for (const line of child.lines) judge((JSON.parse(line) as { report: Report }).report)

    if (!existsSync(journal)) continue
    const { written, fills, torn, run: name } = readOrders(journal)
    if (torn) seen.torn++
    seen.orders = written.length
    seen.fills = fills.length
    // Written once each, in order, and every fill booked once.
    expect(written).toEqual(written.map((_, index) => index + 1))
    expect(new Set(fills).size).toBe(fills.length)
    // Whatever the venue ever heard of was written down before, and was told once.
    const { clientIds, repeated } = await askVenue(url, name)
    expect(repeated).toBe(0)
    const known = new Set(written.map((id) => `${name}-${id}`))
    expect(clientIds.filter((id) => !known.has(id))).toEqual([])
    // The state is what the journal replays to, act for act.
    replayJournal(JournalReader.open(journal)!, buildRestless)
  }

  // The last run ends in good order: everything it wrote either reached the venue or was given up, and said so.
  const last = run()
  judge((JSON.parse(await last.line()) as { report: Report }).report)
  await sleep(300)
  last.process.kill('SIGTERM')
  await last.ended
  const { result } = JSON.parse(last.lines.at(-1)!) as { result: { hash: string; state: string } }
  const copy = join(directory, 'copy')
  cpSync(journal, copy, { recursive: true })
  expect(verifyJournal(copy)).toMatchObject({ closed: true, hash: result.hash, torn: undefined })
  const replay = replayJournal(JournalReader.open(copy)!, buildRestless)
  expect(replay.state).toBe(result.state)
  expect(engineState(replay.engine)['lastOrderId']).toBeGreaterThan(0)
  const { written, cancelledUnheard, run: name } = readOrders(copy)
  const { clientIds } = await askVenue(url, name)
  const atVenue = new Set(clientIds)
  const open = new Set([...replay.engine.openOrders()].map(({ id }) => id))
  const unaccounted = written.filter(
    (id) => !atVenue.has(`${name}-${id}`) && !cancelledUnheard.has(id) && !open.has(id),
  )
  expect(unaccounted).toEqual([])
  venue.process.kill('SIGTERM')
  await venue.ended
  if (process.env['KILLS']) console.log(`${KILLS} kills:`, JSON.stringify(seen), `${replay.rows} rows`)
})
