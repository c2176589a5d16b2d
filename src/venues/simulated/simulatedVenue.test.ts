/**
 * Goal: a venue that outlives its clients: an order told twice is one order, a session that died says nothing more,
 * and what an account holds is the same whoever asks.
 *
 * Method: the real server and the real adapter over a loopback socket, matched by the replayed exchange; then a whole
 * paper run against it, with its connection cut, and its journal replayed.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { buildRestless, CASH, RestlessMarket, universe } from '../../../tests/restlessMarket.ts'
import { type PaperOptions, runPaper, wallClockUs } from '../../apps/paper.ts'
import type { Engine } from '../../engine/engine.ts'
import type { VenueSnapshot } from '../../engine/recovery.ts'
import { replayJournal } from '../../engine/replayJournal.ts'
import { JournalReader, verifyJournal } from '../../journal/journalReader.ts'
import { MarketState } from '../../market/marketState.ts'
import type { Order, OrderEvent } from '../../market/order.ts'
import { MergedTape, TapeBatch } from '../../market/tape.ts'
import { constantLatency } from '../../sim/latencyModels.ts'
import { ReplayedExchange } from '../../sim/replayedExchange.ts'
import type { VenueHandlers } from '../venue.ts'
import { SimulatedVenueClient } from './client.ts'
import { type RunningVenue, startSimulatedVenue } from './server.ts'
import { parseClientFrame, parseVenueFrame, readRows } from './wire.ts'

const ROOT = mkdtempSync(join(tmpdir(), 'gimbal-venue-'))
afterAll(() => rmSync(ROOT, { recursive: true, force: true }))

let venue: RunningVenue
const clients: SimulatedVenueClient[] = []

beforeEach(async () => {
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

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  await venue.close()
})

/** A client with its own view of the market and everything it heard. */
async function client(run = 'a', account = 'one') {
  const adapter = new SimulatedVenueClient({ url: venue.url, account, run, universe, clock: wallClockUs })
  clients.push(adapter)
  const markets = universe.instruments.map((instrument) => new MarketState(instrument))
  const events: OrderEvent[] = []
  const lost: string[] = []
  const handlers: VenueHandlers = {
    onRows: (batch, timeUs) => {
      for (let row = 0; row < batch.count; row++) markets[batch.instrument[row]!]!.apply(batch, row, timeUs)
    },
    onOrder: (event) => events.push(event),
    onAccount: () => {},
    onLost: (reason) => lost.push(reason),
  }
  await adapter.connect(handlers)
  const account_ = () => snapshotOf(adapter)
  await account_()
  return { adapter, markets, events, lost, account: account_ }
}

async function snapshotOf(adapter: SimulatedVenueClient, fillId = 0): Promise<VenueSnapshot> {
  let got: VenueSnapshot | undefined
  await adapter.snapshot({ fillId, accountUs: 0 }, (snapshot) => {
    got = snapshot
  })
  return got!
}

async function until(what: () => boolean): Promise<void> {
  const end = Date.now() + 5000
  while (!what()) {
    if (Date.now() > end) throw new Error('it did not happen within five seconds')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

function order(id: number, tick: number, side: 1 | -1 = 1, timeInForce: Order['timeInForce'] = 'GTC'): Order {
  return {
    id,
    instrument: 0,
    side,
    lots: 10,
    type: 'limit',
    tick,
    timeInForce,
    policy: 0,
    sentUs: 0,
    decisionTick: Number.NaN,
  }
}

describe('a session', () => {
  test('begins with the books as they stand, whenever it begins', async () => {
    await until(() => venue.rows > 50)
    const { adapter, markets } = await client()
    adapter.subscribe()
    await until(() => markets.every((market) => market.quoted))
    for (const market of markets) {
      expect(market.bestAsk - market.bestBid).toBeLessThanOrEqual(10)
      expect(Math.abs(market.venueUpdatedUs - wallClockUs())).toBeLessThan(2e6)
    }
  })

  test('an order is accepted, filled and paid for, and the account shows it', async () => {
    const { adapter, markets, events, account } = await client()
    adapter.subscribe()
    await until(() => markets[0]!.quoted)
    adapter.submit(order(1, markets[0]!.bestAsk + 100, 1, 'IOC'))
    await until(() => events.some(({ kind }) => kind === 'filled'))
    const fills = events.filter(({ kind }) => kind === 'filled')
    const bought = fills.reduce((sum, fill) => sum + fill.lots, 0)
    const fees = fills.reduce((sum, fill) => sum + fill.feeAtoms, 0)
    const { lots, cashAtoms, openOrders, fills: listed, mark } = await account()
    expect(lots).toEqual([bought, 0])
    expect(cashAtoms['USDT']).toBe(CASH.USDT * 1e6 - fees)
    expect(openOrders).toEqual([])
    expect(listed.map(({ fillId, orderId }) => [fillId, orderId])).toEqual(fills.map(({ fillId }) => [fillId, 1]))
    expect(mark.fillId).toBe(fills.length)
    expect((await snapshotOf(adapter, 1)).fills.length).toBe(fills.length - 1)
  })

  test('an order told twice is one order', async () => {
    const { adapter, events, account } = await client()
    adapter.submit(order(1, 100))
    adapter.submit(order(1, 100))
    adapter.submit(order(2, 100))
    await until(() => events.length >= 2)
    expect((await account()).openOrders.map(({ orderId }) => orderId)).toEqual([1, 2])
    expect(await adapter.history()).toMatchObject({ clientIds: ['a-1', 'a-2'], repeated: 1 })
  })

  test('orders and account outlive the connection, and belong to who has the name', async () => {
    const first = await client('a')
    first.adapter.submit(order(1, 100))
    await until(() => first.events.length === 1)
    const second = await client('b')
    await until(() => first.lost.length === 1)
    expect(first.adapter.connected).toBe(false)
    const { openOrders } = await second.account()
    // Not of this journal: known by its own name only.
    expect(openOrders).toMatchObject([{ orderId: 0, venueOrderId: 'a-1', lots: 10 }])
    second.adapter.cancelStray(openOrders[0]!)
    await until(() => second.events.some(({ kind }) => kind === 'cancelled'))
    expect((await second.account()).openOrders).toEqual([])
    const other = await client('a', 'two')
    expect((await other.account()).cashAtoms).toEqual({ USDT: CASH.USDT * 1e6 })
    expect((await other.adapter.history()).clientIds).toEqual([])
  })

  test('an order on a lost connection comes back as rejected, later', async () => {
    const { adapter, events, lost } = await client()
    await client()
    await until(() => lost.length === 1)
    adapter.submit(order(7, 100))
    expect(events).toEqual([])
    await until(() => events.length === 1)
    expect(events[0]).toMatchObject({ kind: 'rejected', orderId: 7, reason: 'venue-down' })
  })

  test('amendments and cancellations are answered, also of orders that never were', async () => {
    const { adapter, events } = await client()
    adapter.submit(order(1, 100))
    adapter.amend(1, 0, 101, 20)
    adapter.cancel(9)
    await until(() => events.length === 3)
    expect(events.find(({ kind }) => kind === 'amended')).toMatchObject({ orderId: 1, tick: 101, lots: 20 })
    expect(events.find(({ kind }) => kind === 'cancel-rejected')).toMatchObject({
      orderId: 9,
      reason: 'unknown-order',
    })
  })

  test('nonsense is answered by an error and does no harm; browsers are refused', async () => {
    const socket = new WebSocket(venue.url)
    const answers: { type: string; reason: string }[] = []
    socket.on('message', (data) => answers.push(JSON.parse(String(data))))
    await new Promise((resolve) => socket.once('open', resolve))
    const nonsense = ['', '{', '{}', '[1]', '{"op":"submit"}', '{"op":"login"}', '{"op":"fly"}', '{"op":"subscribe"}']
    for (const frame of nonsense) socket.send(frame)
    socket.send(Buffer.from([1, 2, 3]))
    await until(() => answers.length === nonsense.length + 1)
    expect(answers.every(({ type }) => type === 'error')).toBe(true)
    socket.terminate()

    const browser = new WebSocket(venue.url, { origin: 'https://example.org' })
    await new Promise((resolve) => browser.once('error', resolve))
    const { adapter } = await client()
    expect(adapter.connected).toBe(true)
  })

  test.each(['ws://127.0.0.1:1', 'nowhere'])('nobody listening at %s is said so', async (url) => {
    const adapter = new SimulatedVenueClient({ url, account: 'x', run: 'x', universe, clock: wallClockUs })
    const handlers = { onRows: () => {}, onOrder: () => {}, onAccount: () => {}, onLost: () => {} }
    await expect(adapter.connect(handlers)).rejects.toMatchObject({ code: 'venue-refused' })
  })
})

test('whatever the wire says, it is understood or refused', () => {
  const refusal = (parse: () => unknown) => {
    try {
      parse()
    } catch (error) {
      expect(error).toMatchObject({ code: 'payload-invalid' })
    }
  }
  const out = new TapeBatch(64)
  const map = Int32Array.of(0, -1)
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      refusal(() => parseClientFrame(text))
      refusal(() => parseVenueFrame(text))
    }),
  )
  const odd = fc.oneof(fc.integer(), fc.double(), fc.constant(null), fc.string(), fc.integer({ min: 0, max: 3 }))
  fc.assert(
    fc.property(fc.array(fc.array(odd, { minLength: 7, maxLength: 9 }), { maxLength: 8 }), (rows) => {
      out.count = 0
      refusal(() => readRows(rows, map, 1, out))
      for (let i = 0; i < out.count; i++) {
        expect(Number.isFinite(out.lots[i]!) && Number.isFinite(out.value[i]!)).toBe(true)
        expect(out.instrument[i]).toBe(0)
      }
    }),
  )
})

describe('a paper run', () => {
  let directories = 0
  function paper(more: Partial<PaperOptions> = {}) {
    const controller = new AbortController()
    const lines: string[] = []
    let engine: Engine | undefined
    const options: PaperOptions = {
      directory: join(ROOT, `paper-${++directories}`),
      gimbalVersion: 'test',
      universe,
      seed: 5,
      settings: { policy: 'restless' },
      build: (header, ports) => {
        engine = buildRestless(header, ports)
        return engine
      },
      venue: (run) => {
        const adapter = new SimulatedVenueClient({
          url: venue.url,
          account: 'paper',
          run,
          universe,
          clock: wallClockUs,
        })
        clients.push(adapter)
        return adapter
      },
      durability: 'process',
      cancelOnExit: true,
      print: (line) => lines.push(line),
      signal: controller.signal,
      ...more,
    }
    return { options, lines, stop: () => controller.abort(), engine: () => engine, result: runPaper(options) }
  }

  test('trades, leaves nothing behind, and its journal replays to the same state', async () => {
    const run = paper()
    await until(() => (run.engine()?.ledger.holding(0).fills ?? 0) > 3)
    run.stop()
    const result = await run.result
    expect(result.recovered).toBeUndefined()
    expect(result.orders).toBeGreaterThan(5)
    expect(run.lines).toContain('every order is cancelled')
    const summary = verifyJournal(run.options.directory)
    expect(summary).toMatchObject({ closed: true, hash: result.hash })
    const replay = replayJournal(JournalReader.open(run.options.directory)!, buildRestless)
    expect(replay.state).toBe(result.state)
    expect((await snapshotOf((await client('x', 'paper')).adapter)).openOrders).toEqual([])
  })

  test('goes on with its journal, and catches up with what it left to chance', async () => {
    const first = paper({ cancelOnExit: false })
    await until(() => (first.engine()?.ledger.holding(0).fills ?? 0) > 3)
    first.stop()
    await first.result
    await new Promise((resolve) => setTimeout(resolve, 300))
    const second = paper({ directory: first.options.directory })
    await until(() => (second.engine()?.lastOrderId ?? 0) > first.engine()!.lastOrderId)
    second.stop()
    const { recovered, reconciliations, state } = await second.result
    expect(recovered).toMatchObject({ closed: true, unrecorded: 0 })
    expect(reconciliations).toHaveLength(1)
    expect(reconciliations[0]).toMatchObject({ strays: [], cashAdjustedAtoms: {}, foreignFills: 0 })
    expect(replayJournal(JournalReader.open(first.options.directory)!, buildRestless).state).toBe(state)
  })

  test('a lost connection is an outage; the run reconciles and goes on', async () => {
    const run = paper()
    await until(() => (run.engine()?.lastOrderId ?? 0) > 5)
    // Someone else logs in under the account's name, which ends the run's session.
    await client('thief', 'paper')
    await until(() => run.lines.some((line) => line.startsWith('connection to simulated lost')))
    expect(run.engine()!.markets.every((market) => market.down)).toBe(true)
    await until(() => run.lines.filter((line) => line.startsWith('reconciled')).length === 2)
    const orders = run.engine()!.lastOrderId
    await until(() => run.engine()!.lastOrderId > orders + 5)
    run.stop()
    const { reconciliations, state } = await run.result
    expect(reconciliations).toHaveLength(2)
    expect(reconciliations[1]).toMatchObject({ strays: [], cashAdjustedAtoms: {} })
    expect(replayJournal(JournalReader.open(run.options.directory)!, buildRestless).state).toBe(state)
  })

  test('a policy that breaks ends the run, its orders cancelled and its journal closed', async () => {
    let messages = 0
    const run = paper({
      build: (header, ports) => {
        const engine = buildRestless(header, ports)
        const stepRow = engine.stepRow.bind(engine)
        engine.stepRow = (...args) => {
          if (++messages === 400) throw new Error('this policy has a hole')
          stepRow(...args)
        }
        return engine
      },
    })
    await expect(run.result).rejects.toThrow('this policy has a hole')
    expect(run.lines).toContain('every order is cancelled')
    expect(verifyJournal(run.options.directory).closed).toBe(true)
  })
})
