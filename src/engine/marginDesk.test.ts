/**
 * Goal: the gate hears how much of its margin an account uses, in time to act before the venue does, and a run in which nothing is
 * short of margin does not notice that it is watched.
 *
 * Method: the generated market of options through engine, gate and replayed exchange, with a hand that sells too many calls into
 * rising prices; the same run unwatched, recorded and replayed, killed and continued. Then margins by hand: premiums, pools, shares of
 * the cash, what expires, what an engine does not carry.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { DAY_US, HOUR_US, SECOND_US } from '../core/clock.ts'
import { FileJournal } from '../journal/fileJournal.ts'
import type { JournalHeader } from '../journal/header.ts'
import { type Journal, NoJournal } from '../journal/journal.ts'
import { JournalReader } from '../journal/journalReader.ts'
import { Instrument, type InstrumentSpec, Universe } from '../market/instrument.ts'
import { MarketState } from '../market/marketState.ts'
import type { AccountEvent, Order } from '../market/order.ts'
import { Flag, Kind, MergedTape, TapeBatch } from '../market/tape.ts'
import type { OpenOrder, Policy, PolicyContext } from '../policies/policy.ts'
import { deribitShortOptionShare } from '../portfolio/margin/deribitStandard.ts'
import { Ledger } from '../portfolio/portfolio.ts'
import { black76Price } from '../pricing/black76.ts'
import { CALL } from '../pricing/right.ts'
import type { GateAct } from '../risk/gate.ts'
import { DEFAULT_RISK, type RiskConfig } from '../risk/riskConfig.ts'
import { RiskGate } from '../risk/riskGate.ts'
import { BacktestLoop, runBacktest } from '../sim/backtest.ts'
import { type OptionMarket, optionMarket } from '../sim/market/optionMarket.ts'
import { ReplayedExchange } from '../sim/replayedExchange.ts'
import { Engine, type VenuePort } from './engine.ts'
import {
  CLOSE_LOOK_US,
  LOOK_US,
  MarginDesk,
  type MarginReading,
  marginAssumptions,
  marginRatio,
  ownMargins,
  type VenueMargins,
} from './marginDesk.ts'
import { startEngine } from './recovery.ts'
import { engineStateDigest, replayJournal } from './replayJournal.ts'

const ROOT = mkdtempSync(join(tmpdir(), 'gimbal-margins-'))
afterAll(() => rmSync(ROOT, { recursive: true, force: true }))

const OPTIONS = 'generated-options'
const WATCHED: VenueMargins = { [OPTIONS]: 'deribit-standard' }
/** Only the breaker in question: at such losses others would act first, on other grounds. */
const RISK: RiskConfig = {
  ...DEFAULT_RISK,
  limits: {
    ...DEFAULT_RISK.limits,
    instrument: {
      ...DEFAULT_RISK.limits.instrument,
      orderNotionalMax: 1e9,
      positionNotionalMax: 1e9,
      marketDepthShareMax: 1,
    },
    leverageMax: 100,
    marginUseMax: 100,
    grossExposureMax: 1e9,
    netExposureMax: 1e9,
  },
  breakers: DEFAULT_RISK.breakers.filter(({ breaker }) => breaker === 'margin-ratio'),
}
const START_US = Date.UTC(2026, 0, 5, 8) * 1000

/** Sells an option once, at the first bid it sees, and buys and sells a little of the perpetual at every message of it. */
class Seller implements Policy {
  readonly name = 'seller'
  readonly settings = {}
  readonly #option: number
  readonly #lots: number
  #context!: PolicyContext
  #sold = false

  constructor(option: number, lots: number) {
    this.#option = option
    this.#lots = lots
  }

  start(context: PolicyContext): readonly number[] {
    this.#context = context
    return [0, this.#option]
  }

  onMarket(instrument: number): void {
    const context = this.#context
    if (instrument === 0) {
      const side = context.portfolio.lots(0) > 0 ? -1 : 1
      context.submit({ instrument, side, lots: 10, type: 'market', tick: 0 })
      return
    }
    const { quoted, bestBid } = context.market(instrument)
    if (this.#sold || !quoted) return
    this.#sold = true
    context.submit({ instrument, side: -1, lots: this.#lots, type: 'limit', tick: bestBid, timeInForce: 'IOC' })
  }
}

/** Prices rise by a fiftieth every three hours, of themselves hardly. */
function risingMarket(): OptionMarket {
  const jumps = Array.from({ length: 12 }, (_, i) => ({ hour: 6 + 3 * i, factor: 1.02 }))
  return optionMarket({
    seed: 4,
    days: 2,
    realised: 0.02,
    implied: 0.5,
    expiryDays: [30],
    lots: 300,
    snapshotHours: 12,
    jumps,
  })
}
const calmMarket = () => optionMarket({ seed: 4, days: 2, realised: 0.3, implied: 0.5, expiryDays: [30], lots: 300 })

/** The call listed nearest to a strike. */
function callAt({ universe }: OptionMarket, strike: number): number {
  const calls = universe.instruments.filter(({ right }) => right === 'call')
  calls.sort((a, b) => Math.abs(a.strike - strike) - Math.abs(b.strike - strike))
  return universe.index(calls[0]!.id)
}

const CASH = { USDT: 300_000, BTC: 3 }

function headerOf({ universe }: OptionMarket): JournalHeader {
  return {
    gimbal: 'test',
    rows: 'inline',
    run: 'x',
    seed: 1,
    cash: CASH,
    since: { fillId: 0, accountUs: 0 },
    instruments: universe.instruments.map(({ spec }) => spec),
    settings: {},
    tapes: [],
  }
}

interface Run {
  readonly engine: Engine
  readonly orders: Order[]
  readonly acts: GateAct[]
  readonly readings: MarginReading[]
  readonly accounts: AccountEvent[]
}

type Record = Omit<Run, 'engine'>
const nothing = (): Record => ({ orders: [], acts: [], readings: [], accounts: [] })

function engineOf(
  market: OptionMarket,
  margins: VenueMargins | undefined,
  lots: number,
  ports: { journal: Journal; venue: VenuePort },
  record: Record = nothing(),
): Engine {
  return new Engine({
    universe: market.universe,
    policies: [new Seller(callAt(market, 98_000), lots)],
    gate: (parts) => new RiskGate(RISK, parts),
    ...ports,
    cash: CASH,
    seed: 1,
    ...(margins ? { margins } : {}),
    observer: {
      onOrder: (order) => record.orders.push(order),
      onGateAct: (act) => record.acts.push(act),
      onMargin: (reading) => record.readings.push(reading),
      onAccountEvent: (event) => record.accounts.push(event),
    },
  })
}

const tapes = (market: OptionMarket) =>
  [new MergedTape(market.inputs(), 'venue'), new MergedTape(market.inputs())] as const

function run(
  market: OptionMarket,
  margins: VenueMargins | undefined,
  lots: number,
  journal: Journal = new NoJournal(),
): Run {
  const record = nothing()
  const exchange = new ReplayedExchange({ universe: market.universe, cash: CASH })
  const engine = engineOf(market, margins, lots, { journal, venue: exchange }, record)
  runBacktest(engine, exchange, ...tapes(market))
  return { engine, ...record }
}

const LOTS = 200
const taken = ({ accounts }: Record) => accounts.filter(({ kind, lots }) => kind === 'liquidation' && lots > 0)

describe('too many calls sold into rising prices', () => {
  const market = risingMarket()
  const option = callAt(market, 98_000)
  const watched = run(market, WATCHED, LOTS)
  const unwatched = run(market, undefined, LOTS)

  test('unwatched, the venue takes them', () => {
    expect(unwatched.acts).toEqual([])
    expect(unwatched.readings).toEqual([])
    expect(taken(unwatched).length).toBeGreaterThan(0)
  })

  test('watched, the book may only be reduced from 0.7 and is closed from 0.9, before the venue does', () => {
    expect(taken(watched)).toEqual([])
    expect(watched.engine.ledger.lots(option)).toBe(0)
    const first = watched.acts.findIndex(({ act }) => act === 'flatten')
    expect(watched.acts.slice(0, first).every(({ act }) => act === 'reduce-only')).toBe(true)
    expect(watched.acts[0]).toMatchObject({
      act: 'reduce-only',
      breaker: 'margin-ratio',
      scope: { of: 'venue', venue: OPTIONS },
      confirmations: 3,
    })
    const { measured, confirmations, timeUs } = watched.acts[first]!
    expect(confirmations).toBe(2)
    expect(measured).toBeGreaterThan(0.9)
    expect(timeUs).toBeLessThan(taken(unwatched)[0]!.timeUs)
    // It is over where the account ends better than it does in the venue's hands.
    expect(watched.engine.ledger.equity).toBeGreaterThan(unwatched.engine.ledger.equity)
  })

  test('the flat account is told of once, with nothing asked, and looked at no more', () => {
    const last = watched.readings.at(-1)!
    expect(last.ratio).toBe(0)
    expect(watched.readings.filter(({ ratio }) => ratio === 0).length).toBe(1)
    expect(last.timeUs).toBeLessThan(market.endUs - HOUR_US)
  })

  test('looks are a message of five minutes apart, and never nearer than ten seconds', () => {
    const times = watched.readings.map(({ timeUs }) => timeUs)
    const gaps = times.slice(1).map((each, i) => each - times[i]!)
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(CLOSE_LOOK_US)
    expect(times.length).toBeGreaterThan(100)
    expect(watched.readings.every(({ missing }) => missing.length === 0)).toBe(true)
  })

  test('recorded, it replays act for act; without the desk, or with another engine, it is another run', () => {
    const folder = join(ROOT, 'run')
    const journal = FileJournal.create(folder, headerOf(market), { durability: 'buffered' })
    const recorded = run(market, WATCHED, LOTS, journal)
    const hash = journal.close()
    expect(recorded.acts).toEqual(watched.acts)
    const again = FileJournal.create(join(ROOT, 'again'), headerOf(market), { durability: 'buffered' })
    run(market, WATCHED, LOTS, again)
    expect(again.close()).toBe(hash)
    const record = nothing()
    const replayed = replayJournal(JournalReader.open(folder)!, (_header, ports) =>
      engineOf(market, WATCHED, LOTS, ports, record),
    )
    expect(replayed).toMatchObject({ closed: true, hash, state: engineStateDigest(recorded.engine) })
    expect(record.readings).toEqual(recorded.readings)
    for (const margins of [undefined, { [OPTIONS]: 'deribit-portfolio' }])
      expect(() =>
        replayJournal(JournalReader.open(folder)!, (_header, ports) => engineOf(market, margins, LOTS, ports)),
      ).toThrow(expect.objectContaining({ code: 'replay-diverged' }))
  })

  test('killed with a breach half confirmed and started again, it trips where it would have', () => {
    const reduceOnlyUs = watched.acts[0]!.timeUs
    // Between the second and the third read above 0.7.
    const killUs = watched.acts[0]!.reads![1]!.timeUs + 5 * SECOND_US
    expect(killUs).toBeLessThan(reduceOnlyUs)
    const directory = join(ROOT, 'killed')
    const header = headerOf(market)
    const record = nothing()
    const exchange = new ReplayedExchange({ universe: market.universe, cash: CASH })
    const journal = FileJournal.create(directory, header, { durability: 'process' })
    const before = engineOf(market, WATCHED, LOTS, { journal, venue: exchange }, record)
    // The engine that dies hands its exchange and tape over to the one that continues.
    let engine = before
    const facade = new Proxy(before, { get: (_target, name) => bound(engine, name) })
    const loop = new BacktestLoop(facade, exchange, ...tapes(market))
    while (engine.clock.nowUs < killUs && loop.run(1));
    expect(record.acts).toEqual([])
    const died = engineStateDigest(before)
    journal.close()
    const restarted = nothing()
    const started = startEngine({
      directory,
      header,
      build: (_header, ports) => engineOf(market, WATCHED, LOTS, ports, restarted),
      durability: 'buffered',
      venue: exchange,
      nowUs: killUs,
    })
    engine = started.engine
    expect(engineStateDigest(engine)).toBe(died)
    while (loop.run(1 << 16));
    loop.finish()
    started.journal.close()
    expect(restarted.acts).toEqual(watched.acts)
    expect(restarted.readings).toEqual(watched.readings)
    expect(restarted.orders).toEqual(watched.orders)
    expect(engineStateDigest(engine)).toBe(engineStateDigest(watched.engine))
  })
})

/** A property of the engine now in charge, its methods bound to it. */
function bound(engine: Engine, name: string | symbol): unknown {
  const value = Reflect.get(engine, name, engine) as unknown
  return typeof value === 'function' ? value.bind(engine) : value
}

test('a calm run sends the same orders watched and unwatched', () => {
  const market = calmMarket()
  const watched = run(market, WATCHED, 10)
  const unwatched = run(market, undefined, 10)
  expect(watched.readings.length).toBeGreaterThan(100)
  expect(watched.acts).toEqual([])
  expect(watched.orders.length).toBeGreaterThan(500)
  expect(watched.orders).toEqual(unwatched.orders)
  expect(watched.engine.ledger.equity).toBe(unwatched.engine.ledger.equity)
})

test('a run that never holds anything where margins are watched keeps the same journal', () => {
  const market = calmMarket()
  const hashes = [WATCHED, undefined].map((margins, i) => {
    const journal = FileJournal.create(join(ROOT, `idle${i}`), headerOf(market), { durability: 'buffered' })
    run(market, margins, 0, journal)
    return journal.close()
  })
  expect(hashes[0]).toBe(hashes[1])
})

// ── by hand ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const linear: InstrumentSpec = {
  base: 'BTC',
  quote: 'USDC',
  kind: 'perp',
  venue: 'hyperliquid',
  venueSymbol: 'BTC',
  payoff: 'linear',
  settle: 'USDC',
  tickSize: '0.1',
  lotSize: '0.001',
  multiplier: '1',
  source: 'test',
}
const sold: InstrumentSpec = {
  ...linear,
  quote: 'USD',
  venue: 'deribit',
  kind: 'option',
  payoff: 'inverse',
  settle: 'BTC',
  tickSize: '0.0001',
  lotSize: '0.1',
  expiry: '2026-01-16',
  strike: '92000',
  right: 'call',
}
const inverse: InstrumentSpec = {
  ...sold,
  kind: 'perp',
  venueSymbol: 'BTC-PERPETUAL',
  tickSize: '0.5',
  lotSize: '1',
  multiplier: '10',
}
const perpetualOf = (venue: string, base = 'BTC'): InstrumentSpec => ({ ...linear, venue, base, venueSymbol: base })
/** An inverse perpetual's spec without what only options have. */
function withoutOptionTerms({
  expiry: _expiry,
  strike: _strike,
  right: _right,
  ...rest
}: InstrumentSpec): InstrumentSpec {
  return rest
}

/** A desk over a ledger and markets that a test moves by hand. */
class Hand {
  readonly universe: Universe
  readonly markets: MarketState[]
  readonly ledger: Ledger
  readonly desk: MarginDesk
  readonly readings: MarginReading[] = []
  readonly open: OpenOrder[] = []
  nowUs = START_US
  readonly #batch = new TapeBatch(8)

  constructor(specs: readonly InstrumentSpec[], margins: VenueMargins, cash: Readonly<{ [currency: string]: number }>) {
    this.universe = new Universe(specs.map((spec) => new Instrument(spec)))
    this.markets = this.universe.instruments.map((instrument) => new MarketState(instrument))
    this.ledger = new Ledger(this.universe, this.markets, cash)
    this.desk = new MarginDesk(margins, this.universe, this.ledger, this.markets, cash, () => this.open)
  }

  /** What an instrument says, in one message. */
  say(instrument: number, figures: readonly (readonly [kind: number, value: number])[]): void {
    for (const [i, [kind, value]] of figures.entries()) {
      this.#batch.count = 0
      const flags = i === figures.length - 1 ? Flag.END : 0
      this.#batch.push(this.nowUs, this.nowUs, kind, instrument, 0, 0, 0, value, flags)
      this.markets[instrument]!.apply(this.#batch, 0, this.nowUs)
    }
  }

  trade(instrument: number, lots: number, price: number): void {
    const { ticks } = this.universe.at(instrument)
    this.ledger.applyFill(
      {
        kind: 'filled',
        timeUs: this.nowUs,
        venueTimeUs: this.nowUs,
        orderId: 1,
        instrument,
        side: lots > 0 ? 1 : -1,
        tick: Math.round(price / ticks.size),
        lots: Math.abs(lots),
        leavesLots: 0,
        feeAtoms: 0,
        liquidity: 'taker',
        reason: '',
        fillId: 0,
        queueAheadLots: -1,
      },
      Number.NaN,
    )
    this.desk.onBooked(instrument, this.nowUs)
  }

  /** Rests an order; its price does not matter to the desk. */
  rest(instrument: number, lots: number, reduceOnly = false): void {
    const sizes = { lots: Math.abs(lots), leavesLots: Math.abs(lots), side: lots > 0 ? 1 : -1 } as const
    const rest = { id: this.open.length + 1, policy: 0, tick: 1, state: 'open', sentUs: this.nowUs } as const
    this.open.push({ instrument, reduceOnly, ...sizes, ...rest })
  }

  /** Looks when the desk wants to. */
  look(): MarginReading | undefined {
    this.readings.length = 0
    expect(this.desk.dueUs).toBeLessThan(Number.POSITIVE_INFINITY)
    this.nowUs = Math.max(this.nowUs, this.desk.dueUs)
    this.desk.look(this.nowUs, (reading) => this.readings.push(reading))
    return this.readings[0]
  }
}

const chain = (mark: number, forward: number) =>
  [
    [Kind.MARK, mark],
    [Kind.IMPLIED_VOLATILITY, 0.5],
    [Kind.FORWARD, forward],
    [Kind.INDEX, 90_000],
  ] as const

describe('what is told', () => {
  test('a sold option: its premium has come in, its worth is owed, its share of the underlying is asked', () => {
    const hand = new Hand([withoutOptionTerms(inverse), sold], { deribit: 'deribit-standard' }, { BTC: 1 })
    hand.say(0, [[Kind.MARK, 90_000]])
    hand.say(1, chain(0.03, 90_500))
    hand.trade(1, -30, 0.0321)
    const { ratio, missing } = hand.look()!
    const years = (hand.universe.at(1).expiryUs - hand.nowUs) / (365 * DAY_US)
    const price = black76Price({ right: CALL, forward: 90_500, strike: 92_000, years, volatility: 0.5 })
    const asked = deribitShortOptionShare(CALL, 92_000, 90_500, price / 90_500).maintenance + price / 90_500
    expect(missing).toEqual([])
    expect(ratio).toBeCloseTo((3 * asked) / (1 + 3 * 0.0321), 12)
    // Once bought back nothing is asked, and that is told once.
    hand.trade(1, 30, 0.03)
    expect(hand.look()!.ratio).toBe(0)
    hand.trade(0, 1, 90_000)
    hand.trade(0, -1, 90_000)
    expect(hand.look()).toBeUndefined()
    expect(hand.desk.askUs).toBe(Number.POSITIVE_INFINITY)
  })

  test('a perpetual to the digit, with the half of the dollars that lies at its venue', () => {
    const specs = [perpetualOf('dydx'), perpetualOf('hyperliquid')]
    const hand = new Hand(specs, { dydx: 'dydx-v4', hyperliquid: 'hyperliquid' }, { USDC: 20_000 })
    hand.say(0, [[Kind.MARK, 90_000]])
    hand.say(1, [[Kind.MARK, 90_000]])
    hand.trade(0, 1000, 90_000)
    hand.trade(1, -1000, 90_000)
    hand.say(0, [[Kind.MARK, 89_000]])
    hand.say(1, [[Kind.MARK, 89_000]])
    hand.look()
    expect(hand.readings.map(({ venue, engine }) => [venue, engine])).toEqual([
      ['dydx', 'dydx-v4'],
      ['hyperliquid', 'hyperliquid'],
    ])
    // A long lost a thousand of ten, a short won them; the profit of one does not help the other.
    expect(hand.readings[0]!.ratio).toBeCloseTo((89_000 * 0.012) / 9_000, 12)
    expect(hand.readings[1]!.ratio).toBeCloseTo(89_000 / 80 / 11_000, 12)
  })

  test('an unknown price of something held is NaN with its name, and of something not held is nothing', () => {
    const specs = [perpetualOf('hyperliquid'), perpetualOf('hyperliquid', 'ETH')]
    const hand = new Hand(specs, { hyperliquid: 'hyperliquid' }, { USDC: 20_000 })
    hand.say(0, [[Kind.MARK, 90_000]])
    hand.trade(0, 100, 90_000)
    expect(hand.look()).toMatchObject({ missing: [] })
    expect(hand.readings[0]!.ratio).toBeGreaterThan(0)
    hand.trade(1, 100, 3_000)
    expect(hand.look()).toMatchObject({ ratio: Number.NaN, missing: ['perpetual hyperliquid ETH'] })
    hand.say(1, [[Kind.MARK, 3_000]])
    hand.trade(1, 1, 3_000)
    expect(hand.look()!.ratio).toBeGreaterThan(0)
  })

  test('an account with nothing left is beyond any limit', () => {
    const hand = new Hand([perpetualOf('hyperliquid')], { hyperliquid: 'hyperliquid' }, { USDC: 1_000 })
    hand.say(0, [[Kind.MARK, 90_000]])
    hand.trade(0, 1000, 90_000)
    hand.say(0, [[Kind.MARK, 88_000]])
    expect(hand.look()!.ratio).toBe(Number.POSITIVE_INFINITY)
  })

  test.each(['deribit-standard', 'deribit-portfolio'])(
    'under %s an option that expired and awaits its settlement is the money it is exercised for',
    (engine) => {
      const specs = [withoutOptionTerms(inverse), sold]
      const hand = new Hand(specs, { deribit: engine }, { BTC: 1 })
      hand.say(0, [[Kind.MARK, 95_000]])
      hand.say(1, [...chain(0.06, 95_000).slice(0, 3), [Kind.INDEX, 95_000]])
      hand.trade(1, -30, 0.0321)
      hand.trade(0, 100, 95_000)
      hand.look()
      hand.nowUs = hand.universe.at(1).expiryUs + 1
      hand.trade(0, 1, 95_000)
      const after = hand.look()!
      // 101 contracts of ten dollars remain; three calls cost 3000 dollars each.
      const alone = new Hand(specs, { deribit: engine }, { BTC: 1 + 3 * 0.0321 - (3 * 3_000) / 95_000 })
      alone.nowUs = hand.nowUs
      alone.say(0, [[Kind.MARK, 95_000]])
      alone.trade(0, 101, 95_000)
      expect(after.missing).toEqual([])
      expect(after.ratio).toBeGreaterThan(0)
      expect(after.ratio).toBeCloseTo(alone.look()!.ratio, 6)
    },
  )

  test('of several pools the fullest: they do not help one another', () => {
    const pool = (currency: string, equity: number, maintenance: number) =>
      ({ name: currency, currency, equity, initial: maintenance, maintenance, lines: [] }) as const
    const ratio = (...pools: ReturnType<typeof pool>[]) =>
      marginRatio({ engine: '', pools, equity: 0, initial: 0, maintenance: 0, liquidatable: false, missing: [] })
    expect(ratio(pool('USDC', 1e6, 10), pool('BTC', 2, 1.5))).toBe(0.75)
    expect(ratio(pool('USDC', 1e6, 0), pool('BTC', 0, 0))).toBe(0)
    expect(ratio(pool('USDC', 1e6, 10), pool('BTC', -1, 0.1))).toBe(Number.POSITIVE_INFINITY)
    expect(ratio(pool('BTC', -1, 0.1), pool('USDC', Number.NaN, 1))).toBeNaN()
    expect(ratio(pool('USDC', 100, Number.NaN))).toBeNaN()
  })
})

describe('what open orders need', () => {
  const initial = (lots: number) => (Math.abs(lots) * 90) / 40 / 20_000
  const held = (lots: number) => {
    const hand = new Hand([perpetualOf('hyperliquid')], { hyperliquid: 'hyperliquid' }, { USDC: 20_000 })
    hand.say(0, [[Kind.MARK, 90_000]])
    hand.trade(0, lots, 90_000)
    return hand
  }

  test.each([
    ['no orders', [], 1000],
    ['a buy adds to a long', [2000], 3000],
    ['buys add up', [2000, 500], 3500],
    ['a sell that only closes asks nothing', [-1000], 1000],
    ['a sell that turns the position around is the worse side', [2000, -5000], -4000],
    ['a sell twice the position asks no more than holding', [-2000], 1000],
  ] as const)('%s', (_name, orders, worst) => {
    const hand = held(1000)
    for (const lots of orders) hand.rest(0, lots)
    const { ratio, initialRatio } = hand.look()!
    expect(initialRatio).toBeCloseTo(initial(worst), 12)
    // Nobody is liquidated for what has not traded.
    expect(ratio).toBeCloseTo(90_000 / 80 / 20_000, 12)
  })

  test('an order that only reduces asks nothing, whatever its size', () => {
    const hand = held(1000)
    hand.rest(0, -9000, true)
    expect(hand.look()!.initialRatio).toBeCloseTo(initial(1000), 12)
  })

  test('each instrument has its own worse side, and profit so far stays what it is', () => {
    const specs = [perpetualOf('hyperliquid'), perpetualOf('hyperliquid', 'ETH')]
    const hand = new Hand(specs, { hyperliquid: 'hyperliquid' }, { USDC: 20_000 })
    hand.say(0, [[Kind.MARK, 90_000]])
    hand.say(1, [[Kind.MARK, 3_000]])
    hand.trade(0, 1000, 90_000)
    hand.say(0, [[Kind.MARK, 91_000]])
    hand.rest(0, -3000)
    hand.rest(1, 4000)
    hand.rest(1, -1000)
    expect(hand.look()!.initialRatio).toBeCloseTo(((2 * 91_000) / 40 + (4 * 3_000) / 25) / 21_000, 12)
  })

  test('a call offered needs its share of the underlying, and brings its premium', () => {
    const hand = new Hand([withoutOptionTerms(inverse), sold], { deribit: 'deribit-standard' }, { BTC: 1 })
    hand.say(0, [[Kind.MARK, 90_000]])
    hand.say(1, chain(0.03, 90_500))
    hand.trade(1, -30, 0.0321)
    hand.rest(1, -20)
    const { ratio, initialRatio } = hand.look()!
    const years = (hand.universe.at(1).expiryUs - hand.nowUs) / (365 * DAY_US)
    const price = black76Price({ right: CALL, forward: 90_500, strike: 92_000, years, volatility: 0.5 }) / 90_500
    const share = deribitShortOptionShare(CALL, 92_000, 90_500, price)
    expect(initialRatio).toBeCloseTo((5 * (share.initial + price)) / (1 + 3 * 0.0321 + 2 * price), 12)
    expect(ratio).toBeCloseTo((3 * (share.maintenance + price)) / (1 + 3 * 0.0321), 12)
  })

  test('where the price of what is on offer is unknown so is what it needs, and what is held is not', () => {
    const specs = [perpetualOf('hyperliquid'), perpetualOf('hyperliquid', 'ETH')]
    const hand = new Hand(specs, { hyperliquid: 'hyperliquid' }, { USDC: 20_000 })
    hand.say(0, [[Kind.MARK, 90_000]])
    hand.trade(0, 1000, 90_000)
    hand.rest(1, 1)
    const { ratio, initialRatio, missing } = hand.look()!
    expect(ratio).toBeCloseTo(90_000 / 80 / 20_000, 12)
    expect(initialRatio).toBeNaN()
    expect(missing).toEqual(['perpetual hyperliquid ETH'])
  })
})

describe('when it looks', () => {
  const held = () => {
    const hand = new Hand([perpetualOf('hyperliquid')], { hyperliquid: 'hyperliquid' }, { USDC: 2_000 })
    hand.say(0, [[Kind.MARK, 90_000]])
    return hand
  }

  test('after a fill when its moment is over, and not again within ten seconds', () => {
    const hand = held()
    hand.trade(0, 10, 90_000)
    expect(hand.desk.dueUs).toBe(START_US + 1)
    hand.look()
    for (const afterUs of [1, SECOND_US]) {
      hand.nowUs = START_US + 1 + afterUs
      hand.trade(0, 10, 90_000)
      expect(hand.desk.dueUs).toBe(START_US + 1 + CLOSE_LOOK_US)
    }
  })

  test('each minute while there is margin, each ten seconds from half of it on', () => {
    const hand = held()
    hand.trade(0, 100, 90_000)
    expect(hand.look()!.ratio).toBeLessThan(0.5)
    expect(hand.desk.askUs).toBe(hand.nowUs + LOOK_US)
    hand.say(0, [[Kind.MARK, 71_500]])
    hand.nowUs = hand.desk.askUs
    hand.desk.ask(hand.nowUs)
    expect(hand.desk.dueUs).toBe(hand.nowUs + 1)
    expect(hand.desk.askUs).toBe(Number.POSITIVE_INFINITY)
    expect(hand.look()!.ratio).toBeGreaterThan(0.5)
    expect(hand.desk.askUs).toBe(hand.nowUs + CLOSE_LOOK_US)
  })

  test('never for what is traded where nothing is watched', () => {
    const specs = [perpetualOf('hyperliquid'), perpetualOf('elsewhere')]
    const hand = new Hand(specs, { hyperliquid: 'hyperliquid' }, { USDC: 2_000 })
    hand.trade(1, 10, 90_000)
    hand.desk.onBooked(-1, START_US)
    expect(hand.desk.dueUs).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('at the start', () => {
  const refused = (specs: readonly InstrumentSpec[], margins: VenueMargins) => {
    try {
      new Hand(specs, margins, {})
    } catch (error) {
      return error
    }
    return undefined
  }

  test('an instrument the engine does not carry is refused by name', () => {
    expect(refused([perpetualOf('dydx'), perpetualOf('dydx', 'DOGE')], { dydx: 'dydx-v4' })).toMatchObject({
      code: 'config-invalid',
      facts: { venue: 'dydx', engine: 'dydx-v4', instrument: 'DOGE-USDC-PERP@dydx' },
    })
    expect(refused([sold], { deribit: 'hyperliquid' })).toMatchObject({ code: 'config-invalid' })
    expect(refused([perpetualOf('gmx')], { gmx: 'gmx-v2' })).toMatchObject({ code: 'config-invalid' })
  })

  test('an account that may be over one asset only is refused two', () => {
    const specs = [perpetualOf('derive'), perpetualOf('derive', 'ETH')]
    expect(refused(specs, { derive: 'derive-portfolio' })).toMatchObject({ code: 'config-invalid' })
    expect(refused(specs, { derive: 'derive-standard' })).toBeUndefined()
  })

  test('so are venues that are not in the run and engines that are not there', () => {
    expect(refused([sold], { hyperliquid: 'hyperliquid' })).toMatchObject({ code: 'config-invalid' })
    expect(refused([sold], { deribit: 'deribit-cross' })).toMatchObject({ code: 'config-invalid' })
  })

  test('venues have the engine of their own rules where it carries all they list, else listed tiers, and the report says so', () => {
    const spot: InstrumentSpec = { ...perpetualOf('hyperliquid', 'PURR'), kind: 'spot', venueSymbol: 'PURR/USDC' }
    const coinQuoted: InstrumentSpec = { ...perpetualOf('bybit', 'ETH'), quote: 'BTC', settle: 'BTC' }
    const specs = [
      ...[sold, perpetualOf('hyperliquid'), spot, perpetualOf('dydx', 'DOGE')],
      ...[perpetualOf('binance-usdm'), { ...sold, venue: 'okx' }, coinQuoted],
    ]
    const universe = new Universe(specs.map((spec) => new Instrument(spec)))
    const own = { deribit: 'deribit-standard', hyperliquid: 'hyperliquid' }
    expect(ownMargins(universe)).toEqual({ ...own, dydx: 'listed-tiers', 'binance-usdm': 'listed-tiers' })
    const said = marginAssumptions(universe, { deribit: 'deribit-portfolio', dydx: 'listed-tiers' })
    expect(Object.keys(said)).toEqual(['deribit', 'hyperliquid', 'dydx', 'binance-usdm', 'okx', 'bybit'])
    expect(said['deribit']).toMatch(/^deribit-portfolio \(/)
    expect(said['hyperliquid']).toContain('switched off')
    expect(said['dydx']).toMatch(/^listed-tiers \(/)
    expect(said['binance-usdm']).toContain('switched off')
    expect(said['okx']).toContain('only perpetuals and futures are')
    expect(said['bybit']).toContain('it is quoted in BTC')
  })
})
