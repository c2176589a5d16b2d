/**
 * Goal: policies on options do in a market what they say: hedges take the risk away, bands trade less for it, wings bound a crash,
 * cover is never broken, quotes that cannot be trusted are left alone, and the same run is the same journal.
 *
 * Method: the generated market of options (optionMarket.ts) through engine and replayed exchange; a hand that takes a position and
 * does nothing else gives hedgers something to hedge. Figures are of equity a few seconds after each chain, when all marks are new.
 */

import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { HOUR_US, SECOND_US } from '../../core/clock.ts'
import { Engine } from '../../engine/engine.ts'
import { NoJournal } from '../../journal/journal.ts'
import type { AccountEvent, Intent, Order, OrderEvent } from '../../market/order.ts'
import { MergedTape } from '../../market/tape.ts'
import { heldGreeks, noHeldGreeks } from '../../policies/heldGreeks.ts'
import { OptionBoard, optionsOf, pricesOf } from '../../policies/optionBoard.ts'
import type { Policy, PolicyContext } from '../../policies/policy.ts'
import { buildPolicy } from '../../policies/registry.ts'
import { BookOfRun } from '../../portfolio/engineBook.ts'
import { type Gate, OpenGate } from '../../risk/gate.ts'
import { DEFAULT_RISK } from '../../risk/riskConfig.ts'
import { RiskGate } from '../../risk/riskGate.ts'
import { runBacktest } from '../backtest.ts'
import { ReplayedExchange } from '../replayedExchange.ts'
import { type OptionMarket, type OptionMarketOptions, optionMarket } from './optionMarket.ts'

type Settings = Readonly<Record<string, string | number | boolean>>

/** Takes signed lots of options at the first chain it sees them in, and looks at equity after every chain. */
class Hand implements Policy {
  readonly name = 'hand'
  readonly settings = {}
  readonly equity: number[] = []
  readonly #wanted: Map<number, number>
  readonly #times: readonly number[]
  readonly #look: (context: PolicyContext) => void
  #context!: PolicyContext

  constructor(wanted: ReadonlyMap<number, number>, times: readonly number[], look: (context: PolicyContext) => void) {
    this.#wanted = new Map(wanted)
    this.#times = times
    this.#look = look
  }

  start(context: PolicyContext): readonly number[] {
    this.#context = context
    for (const atUs of this.#times) context.schedule(atUs + 5 * SECOND_US, 'look')
    return [...this.#wanted.keys()]
  }

  onMarket(instrument: number): void {
    const lots = this.#wanted.get(instrument)
    const market = this.#context.market(instrument)
    if (!lots || !market.quoted) return
    this.#wanted.delete(instrument)
    const side = lots > 0 ? 1 : -1
    const tick = side > 0 ? market.bestAsk : market.bestBid
    this.#context.submit({ instrument, side, lots: Math.abs(lots), type: 'limit', tick, timeInForce: 'IOC' })
  }

  onTimer(): void {
    this.equity.push(this.#context.portfolio.equity)
    this.#look(this.#context)
  }
}

interface Run {
  readonly engine: Engine
  readonly exchange: ReplayedExchange
  readonly hand: Hand
  readonly orders: Order[]
  readonly refusals: { readonly intent: Intent; readonly limit: string }[]
  readonly fills: OrderEvent[]
  readonly accounts: AccountEvent[]
  readonly hash: string
}

function run(
  market: OptionMarket,
  policies: readonly (readonly [name: string, settings: Settings])[],
  options: {
    readonly hold?: ReadonlyMap<number, number>
    readonly gate?: ConstructorParameters<typeof Engine>[0]['gate']
    readonly coins?: number
    readonly look?: (context: PolicyContext, engine: Engine) => void
    readonly onFill?: (engine: Engine) => void
  } = {},
): Run {
  const { universe } = market
  const cash = { USDT: 300_000, BTC: options.coins ?? 3 }
  const exchange = new ReplayedExchange({ universe, cash })
  const hash = createHash('sha256')
  const orders: Order[] = []
  const refusals: { intent: Intent; limit: string }[] = []
  const fills: OrderEvent[] = []
  const accounts: AccountEvent[] = []
  const hand: Hand = new Hand(options.hold ?? new Map(), market.snapshotsUs, (context) =>
    options.look?.(context, engine),
  )
  const engine: Engine = new Engine({
    universe,
    policies: [hand, ...policies.map(([name, settings]) => buildPolicy(name, settings, universe))],
    gate: options.gate ?? ((): Gate => new OpenGate()),
    journal: new NoJournal(),
    venue: exchange,
    cash,
    seed: 1,
    observer: {
      onOrder: (order) => {
        orders.push(order)
        hash.update(JSON.stringify(order))
      },
      onRefusal: (intent, _policy, limit) => refusals.push({ intent, limit }),
      onOrderEvent: (event) => {
        hash.update(JSON.stringify(event))
        if (event.kind !== 'filled') return
        fills.push(event)
        options.onFill?.(engine)
      },
      onAccountEvent: (event) => accounts.push(event),
    },
  })
  runBacktest(engine, exchange, new MergedTape(market.inputs(), 'venue'), new MergedTape(market.inputs()))
  return { engine, exchange, hand, orders, refusals, fills, accounts, hash: hash.digest('hex') }
}

/** Indices of the call and put nearest the money at the start, of the expiry that many chains out. */
function atMoney({ universe }: OptionMarket, expiry: number): { call: number; put: number } {
  const expiries = [
    ...new Set(universe.instruments.filter(({ kind }) => kind === 'option').map((each) => each.expiryUs)),
  ]
  const index = (right: 'call' | 'put') =>
    universe.instruments.findIndex(
      (each) =>
        each.kind === 'option' && each.expiryUs === expiries[expiry] && each.strike === 90_000 && each.right === right,
    )
  return { call: index('call'), put: index('put') }
}

/** Standard deviation of the changes from chain to chain, in dollars. */
function roughness(equity: readonly number[]): number {
  const changes = equity.slice(2).map((each, i) => each - equity[i + 1]!)
  const mean = changes.reduce((sum, each) => sum + each, 0) / changes.length
  return Math.sqrt(changes.reduce((sum, each) => sum + (each - mean) ** 2, 0) / changes.length)
}

const quiet: OptionMarketOptions = {
  seed: 3,
  days: 8,
  realised: 0.5,
  implied: 0.5,
  expiryDays: [30],
  fundingRate: 2e-5,
}
const market = optionMarket(quiet)
const { call, put } = atMoney(market, 0)
/** One bitcoin of straddle sold. */
const short = new Map([
  [call, -10],
  [put, -10],
])
const perpFills = ({ fills }: Run) => fills.filter(({ instrument }) => instrument < 3)

describe('a short straddle and its coins on margin, eight days', () => {
  const bare = run(market, [], { hold: short })
  const hedged = (settings: Settings) => run(market, [['delta-hedger', settings]], { hold: short })
  const interval = hedged({ rule: 'interval', hedgeMinutes: 30 })
  const band = hedged({ rule: 'band', bandShare: 0.02 })
  const best = hedged({})
  const expected = hedged({ rule: 'forecast', warmupHours: 6 })

  test('was sold as meant, once', () => {
    expect([bare.engine.ledger.lots(call), bare.engine.ledger.lots(put)]).toEqual([-10, -10])
    expect(perpFills(bare)).toEqual([])
  })

  test('unhedged it moves with three coins; hedged by any rule a tenth of that or less', () => {
    const unhedged = roughness(bare.hand.equity)
    // Three coins of 90,000 at 50 % a year move by 3,500 in six hours.
    expect(unhedged).toBeGreaterThan(2500)
    for (const each of [interval, band, best]) expect(roughness(each.hand.equity)).toBeLessThan(unhedged / 10)
    // The first hours have no forecast and no hedge.
    expect(roughness(expected.hand.equity.slice(3))).toBeLessThan(unhedged / 10)
  })

  test('bands trade far less than every half hour, and less than every four hours for less risk', () => {
    for (const each of [band, best, expected]) {
      expect(perpFills(each).length).toBeLessThan(perpFills(interval).length / 3)
      expect(perpFills(each).length).toBeGreaterThan(5)
    }
    const seldom = hedged({ rule: 'interval', hedgeMinutes: 240 })
    for (const each of [band, best]) {
      expect(perpFills(each).length).toBeLessThan(0.7 * perpFills(seldom).length)
      expect(roughness(each.hand.equity)).toBeLessThan(roughness(seldom.hand.equity))
    }
  })

  test('less aversion to risk trades less', () => {
    const careless = hedged({ riskAversion: 1 })
    expect(perpFills(careless).length).toBeLessThan(perpFills(best).length)
    expect(roughness(careless.hand.equity)).toBeGreaterThan(roughness(best.hand.equity))
  })

  test('the hedge goes where it costs least: 3 basis points rather than 4.5, unless gas makes up for it', () => {
    expect(new Set(perpFills(best).map(({ instrument }) => instrument))).toEqual(new Set([1]))
    const gas = hedged({ gas: 'generated-chain=40' })
    expect(gas.engine.ledger.holding(0).fills).toBeGreaterThan(0)
    expect(() => hedged({ gas: 'nowhere=1' })).toThrow(expect.objectContaining({ code: 'config-invalid' }))
  })

  test('coins that are wanted as coins are left alone', () => {
    const kept = hedged({ collateral: 'keep' })
    const delta = (each: Run) => each.engine.ledger.lots(0) * 0.001 + each.engine.ledger.lots(1) * 0.001
    expect(delta(best)).toBeLessThan(-2)
    expect(Math.abs(delta(kept))).toBeLessThan(1.2)
    expect(delta(kept)).toBeCloseTo(delta(best) + 3, 0)
  })

  test('a mixture of hedges takes as much risk away, and uses both', () => {
    const mixture = hedged({ allocation: 'minimum-variance', impactBpsPerMillion: 100 })
    // Covariances want five hours of prices first.
    expect(roughness(mixture.hand.equity.slice(2))).toBeLessThan(roughness(bare.hand.equity) / 8)
    for (const index of [0, 1]) expect(mixture.engine.ledger.lots(index)).toBeLessThan(0)
  })

  test('the same again is the same, order by order', () => {
    expect(hedged({}).hash).toBe(best.hash)
    expect(best.hash).not.toBe(band.hash)
  })
})

test('deltas are those of the run’s book, repriced', () => {
  const seen: number[][] = []
  const { universe } = market
  const sums = noHeldGreeks()
  let book: BookOfRun | undefined
  run(market, [['delta-hedger', {}]], {
    hold: short,
    look: (context, engine) => {
      const board = new OptionBoard(context, 'BTC', optionsOf(universe, 'BTC'), pricesOf(universe, 'BTC'), 60, 60)
      expect(heldGreeks(context, board, [0, 1, 2], new Set([0, 1]), true, sums)).toBe(true)
      book ??= new BookOfRun(universe, engine.ledger, (index) => engine.markets[index]!)
      book.refresh(context.clock.nowUs)
      const greeks = book.greeks('BTC')
      seen.push([sums.delta, greeks.delta, sums.gamma, greeks.gamma, sums.vega * 0.01, greeks.vega])
    },
  })
  expect(seen.length).toBeGreaterThan(20)
  for (const [delta, delta2, gamma, gamma2, vega, vega2] of seen.slice(1)) {
    // The book lets a perpetual move with its basis of a basis point; a hedge counts it for what it is.
    expect(delta).toBeCloseTo(delta2!, 3)
    expect(gamma! / gamma2!).toBeCloseTo(1, 6)
    expect(vega! / vega2!).toBeCloseTo(1, 6)
  }
})

describe('variance premium', () => {
  const dear: OptionMarketOptions = { seed: 5, days: 20, realised: 0.35, implied: 0.6, expiryDays: [9, 30] }
  const sold = optionMarket(dear)
  const settings = { warmupHours: 12, lossShare: 0.2, vegaShare: 0.01 }

  test('what is sold is covered by what was bought before, at every fill; it is closed before expiry', () => {
    let shortsSeen = 0
    const { universe } = sold
    const each = run(sold, [['variance-premium', settings]], {
      onFill: ({ ledger }) => {
        for (const right of ['call', 'put'] as const) {
          let longs = 0
          let shorts = 0
          for (const [index, { kind, right: of }] of universe.instruments.entries()) {
            if (kind !== 'option' || of !== right) continue
            longs += Math.max(0, ledger.lots(index))
            shorts += Math.max(0, -ledger.lots(index))
          }
          shortsSeen = Math.max(shortsSeen, shorts)
          expect(shorts).toBeLessThanOrEqual(longs)
        }
      },
    })
    expect(shortsSeen).toBeGreaterThan(5)
    expect(each.fills.filter(({ instrument }) => instrument < 3).length).toBeGreaterThan(5)
    expect(each.accounts.filter(({ kind }) => kind === 'settlement')).toEqual([])
  })

  test('selling at 60 what moves by 35 earns over twenty days; the same at 35 is not entered', () => {
    const each = run(sold, [['variance-premium', settings]])
    const [first, last] = [each.hand.equity[3]!, each.hand.equity.at(-1)!]
    expect(last - first).toBeGreaterThan(0)
    const fair = run(optionMarket({ ...dear, implied: 0.33 }), [['variance-premium', { ...settings, warmupHours: 72 }]])
    expect(fair.fills.filter(({ instrument }) => instrument >= 3)).toEqual([])
  })

  test('a crash of a third at once costs no more than the wings leave, and far more without them', () => {
    const crash = optionMarket({ ...dear, days: 12, jumps: [{ hour: 100.2, factor: 0.67 }] })
    const before = { hour: 96, equity: Number.NaN, held: new Map<number, number>() }
    const look = (context: PolicyContext) => {
      if (
        context.clock.nowUs > crash.startUs + 100 * HOUR_US ||
        context.clock.nowUs < crash.startUs + before.hour * HOUR_US
      )
        return
      before.equity = context.portfolio.equity
      for (const index of crash.universe.instruments.keys()) before.held.set(index, context.portfolio.lots(index))
    }
    const each = run(crash, [['variance-premium', { ...settings, lossShare: 0.1 }]], { look })
    const at = each.engine.universe.instruments
    // What the options held can lose at most, marked at nothing better than their worst expiry.
    let width = 0
    let sold = 0
    for (const [index, lots] of before.held) {
      if (at[index]!.kind !== 'option' || at[index]!.right !== 'put') continue
      width += lots * 0.1 * Math.max(0, at[index]!.strike)
      sold += Math.max(0, -lots)
    }
    expect(sold).toBeGreaterThan(3)
    // Σ lots × strike of the puts is minus the most they pay out far below all strikes.
    const worst = -width
    expect(worst).toBeLessThanOrEqual(0.1 * before.equity)
    const after = each.hand.equity[Math.ceil(102 / 6)]!
    const loss = before.equity - after
    // Hedges were made for the delta before the jump: what they and the calls still had in them is the tolerance.
    expect(loss).toBeLessThan(worst + 0.02 * before.equity)

    const naked = new Map([...before.held].filter(([index, lots]) => at[index]!.kind === 'option' && lots < 0))
    const unwinged = run(crash, [['delta-hedger', {}]], { hold: naked })
    const unwingedLoss = unwinged.hand.equity[16]! - unwinged.hand.equity[17]!
    expect(unwingedLoss).toBeGreaterThan(1.5 * loss)
  })

  test('an ask that is missing is no quote: what needs it is not traded', () => {
    const all = new Set(sold.universe.instruments.keys())
    const each = run(optionMarket({ ...dear, days: 4, oneSided: all }), [['variance-premium', settings]])
    expect(each.orders).toHaveLength(each.orders.filter(({ instrument }) => instrument < 3).length)
  })

  test('every order on an option goes out within ten seconds of its quote', () => {
    const each = run(sold, [['variance-premium', settings]])
    const onOptions = each.orders.filter(({ instrument }) => instrument >= 3)
    expect(onOptions.length).toBeGreaterThanOrEqual(4)
    for (const { sentUs } of onOptions) {
      const age = Math.min(...sold.snapshotsUs.filter((each) => each <= sentUs).map((each) => sentUs - each))
      expect(age).toBeLessThanOrEqual(10 * SECOND_US)
    }
  })

  test('where little is shown the position is built chain by chain, never by more than is shown', () => {
    const thin = run(optionMarket({ ...dear, lots: 1 }), [['variance-premium', settings]])
    const onOptions = thin.orders.filter(({ instrument }) => instrument >= 3)
    expect(new Set(onOptions.map(({ lots }) => lots))).toEqual(new Set([1]))
    expect(new Set(onOptions.map(({ sentUs }) => Math.floor(sentUs / HOUR_US))).size).toBeGreaterThan(3)
  })

  test('a gate that refuses is asked again later and later, and nothing breaks', () => {
    const strict = { ...DEFAULT_RISK.limits.instrument, orderNotionalMax: 1 }
    const each = run(sold, [['variance-premium', settings]], {
      gate: (parts) =>
        new RiskGate({ ...DEFAULT_RISK, limits: { ...DEFAULT_RISK.limits, instrument: strict }, breakers: [] }, parts),
    })
    expect(each.fills).toEqual([])
    expect(each.refusals.length).toBeGreaterThan(10)
    // Twenty days of a hedge looked at every minute, and eighty chains: it is not asked every time.
    expect(each.refusals.length).toBeLessThan(1500)
  })

  test('the premium of an option is not held against the price of its coin', () => {
    // The touch of a wing lies far from its mid, as a share of either.
    const instrument = { ...DEFAULT_RISK.limits.instrument, collarBps: 5000, takerCollarBps: 5000 }
    const wide = { ...DEFAULT_RISK.limits, instrument }
    const breakers = DEFAULT_RISK.breakers.filter(({ breaker }) => breaker === 'mark-divergence')
    const each = run(optionMarket({ ...dear, days: 6, lots: 1 }), [['variance-premium', settings]], {
      gate: (parts) => new RiskGate({ ...DEFAULT_RISK, limits: wide, breakers }, parts),
    })
    expect(each.refusals.map(({ limit }) => limit)).not.toContain('breaker-mark-divergence')
    expect(each.fills.filter(({ instrument }) => instrument >= 3).length).toBeGreaterThan(8)
  })

  test.each([
    { tenorDays: 3 },
    { structure: 'strangle', wingDelta: 0.35 },
    { direction: 'up' },
    { vegaShare: -1 },
    { hedges: 'BTC-USDT-PERP@nowhere' },
    { asset: 'ETH' },
    { halfLifeHours: 0.1, sampleMinutes: 60 },
  ])('%j is refused', (change) => {
    expect(() => {
      const policy = buildPolicy('variance-premium', change as Settings, sold.universe)
      new Engine({
        universe: sold.universe,
        policies: [policy],
        gate: () => new OpenGate(),
        journal: new NoJournal(),
        venue: new ReplayedExchange({ universe: sold.universe, cash: {} }),
        cash: {},
        seed: 1,
      }).start()
    }).toThrow(expect.objectContaining({ name: 'GimbalError' }))
  })
})

describe('gamma scalper', () => {
  const cheap: OptionMarketOptions = { seed: 8, days: 10, realised: 0.7, implied: 0.45, expiryDays: [8, 30] }

  test('buys what is cheap against what moves, never sells what it has not, and earns', () => {
    const market = optionMarket(cheap)
    const each = run(market, [['gamma-scalper', { warmupHours: 12, rule: 'band', bandShare: 0.15 }]], {
      onFill: ({ ledger }) => {
        for (const index of market.universe.instruments.keys())
          if (market.universe.at(index).kind === 'option') expect(ledger.lots(index)).toBeGreaterThanOrEqual(0)
      },
    })
    expect(each.fills.filter(({ instrument }) => instrument >= 3).length).toBeGreaterThanOrEqual(2)
    expect(each.hand.equity.at(-1)!).toBeGreaterThan(each.hand.equity[3]!)
  })

  test('does nothing where gamma is dear', () => {
    const each = run(optionMarket({ ...cheap, implied: 0.8 }), [['gamma-scalper', { warmupHours: 12 }]])
    expect(each.fills.filter(({ instrument }) => instrument >= 3)).toEqual([])
  })
})

describe('relative value', () => {
  const plain: OptionMarketOptions = { seed: 21, days: 5, realised: 0.4, implied: 0.5, expiryDays: [12, 30], lots: 20 }
  const { universe } = optionMarket(plain)
  /** The listed option nearest to a strike. */
  const at = (expiry: number, strike: number, right: 'call' | 'put') => {
    const expiries = [...new Set(universe.instruments.slice(3).map(({ expiryUs }) => expiryUs))]
    const listed = universe.instruments.filter((each) => each.expiryUs === expiries[expiry] && each.right === right)
    listed.sort((a, b) => Math.abs(a.strike - strike) - Math.abs(b.strike - strike))
    return universe.index(listed[0]!.id)
  }
  /** Three points of volatility too dear and too cheap. */
  const rich = at(1, 94_000, 'call')
  const cheap = at(1, 86_000, 'put')
  const later = at(0, 92_000, 'call')
  const settings = { warmupHours: 6, vegaShare: 0.001, entryEdge: 0.02, tenorDaysMin: 3 }

  test('finds the planted pair, sells the dear one and buys the cheap one, of equal vega', () => {
    const mispriced = new Map([
      [rich, 0.04],
      [cheap, -0.04],
    ])
    const each = run(optionMarket({ ...plain, mispriced }), [['relative-value', { ...settings, pairs: 'skew' }]])
    const traded = new Set(each.fills.filter(({ instrument }) => instrument >= 3).map(({ instrument }) => instrument))
    expect(traded).toEqual(new Set([rich, cheap]))
    const lots = (index: number) => each.engine.ledger.lots(index)
    expect(lots(cheap)).toBeGreaterThan(0)
    expect(lots(rich)).toBeLessThan(0)
    expect(Math.abs(lots(cheap) / lots(rich) + 1)).toBeLessThan(0.35)
    // The cheap one was bought before the dear one was sold.
    const first = each.fills.find(({ instrument }) => instrument >= 3)!
    expect(first.instrument).toBe(cheap)
  })

  test('a pair of two expiries is a calendar', () => {
    const mispriced = new Map([
      [later, 0.04],
      [cheap, -0.04],
    ])
    const calendar = run(optionMarket({ ...plain, mispriced }), [
      ['relative-value', { ...settings, pairs: 'calendar' }],
    ])
    const traded = new Set(
      calendar.fills.filter(({ instrument }) => instrument >= 3).map(({ instrument }) => instrument),
    )
    expect(traded).toEqual(new Set([later, cheap]))
    const skew = run(optionMarket({ ...plain, mispriced, days: 2 }), [
      ['relative-value', { ...settings, pairs: 'skew', entryEdge: 0.05 }],
    ])
    expect(skew.fills.filter(({ instrument }) => instrument >= 3)).toEqual([])
  })

  test('the dearest option of all having no partner in its expiry does not keep a lesser pair from being found', () => {
    const mispriced = new Map([
      [later, 0.045],
      [rich, 0.04],
      [cheap, -0.04],
    ])
    const each = run(optionMarket({ ...plain, mispriced, days: 2 }), [
      ['relative-value', { ...settings, pairs: 'skew' }],
    ])
    const traded = each.fills.filter(({ instrument }) => instrument >= 3).map(({ instrument }) => instrument)
    expect(new Set(traded)).toEqual(new Set([rich, cheap]))
  })

  test('on a smooth surface nothing is dear or cheap, and nothing is traded', () => {
    const each = run(optionMarket(plain), [['relative-value', settings]])
    expect(each.orders.filter(({ instrument }) => instrument >= 3)).toEqual([])
    // The coins on margin are hedged all the same.
    expect(each.engine.ledger.lots(1)).toBeLessThan(-2000)
  })

  test('a pair that has come back is left', () => {
    const mispriced = new Map([
      [rich, 0.04],
      [cheap, -0.04],
    ])
    const each = run(optionMarket({ ...plain, mispriced, mispricedHours: 50 }), [['relative-value', settings]])
    expect(each.fills.filter(({ instrument }) => instrument >= 3).length).toBeGreaterThanOrEqual(4)
    for (const index of [rich, cheap]) expect(each.engine.ledger.lots(index)).toBe(0)
  })
})

describe('option vault', () => {
  const weeks: OptionMarketOptions = { seed: 12, days: 24, realised: 0.4, implied: 0.5, expiryDays: [5, 12, 19, 26] }

  test.each(['covered-call', 'collar'])('%s: never more calls than coins, settled and rolled', (structure) => {
    const market = optionMarket(weeks)
    const { universe } = market
    let most = 0
    const each = run(market, [['option-vault', { structure, tenorDays: 7 }]], {
      coins: 2,
      onFill: ({ ledger }) => {
        let calls = 0
        let puts = 0
        for (const [index, { kind, right }] of universe.instruments.entries()) {
          if (kind !== 'option') continue
          if (right === 'call') calls -= ledger.lots(index)
          else puts += ledger.lots(index)
        }
        most = Math.max(most, calls)
        expect(calls * 0.1).toBeLessThanOrEqual(ledger.cashAtoms('BTC') / 1e10 + 1e-9)
        if (structure === 'collar') expect(calls).toBeLessThanOrEqual(puts)
      },
    })
    expect(most).toBeGreaterThanOrEqual(19)
    expect(each.accounts.filter(({ kind }) => kind === 'settlement').length).toBeGreaterThanOrEqual(2)
    const expiries = new Set(
      each.orders.filter(({ instrument }) => instrument >= 3).map(({ instrument }) => universe.at(instrument).expiryUs),
    )
    expect(expiries.size).toBeGreaterThanOrEqual(3)
    expect(each.orders.every(({ instrument }) => instrument >= 3)).toBe(true)
  })

  test('a call that has grown is bought back', () => {
    const market = optionMarket({ ...weeks, days: 8, jumps: [{ hour: 30.2, factor: 1.25 }] })
    const each = run(market, [['option-vault', { tenorDays: 12, rollDelta: 0.7 }]], { coins: 2 })
    const tags = each.fills.filter(({ side }) => side > 0)
    expect(tags.length).toBeGreaterThanOrEqual(1)
  })

  test('too little premium is not sold for', () => {
    const each = run(optionMarket({ ...weeks, days: 3 }), [['option-vault', { premiumYearly: 5 }]], { coins: 2 })
    expect(each.orders).toEqual([])
  })
})
