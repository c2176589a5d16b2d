/**
 * Goal: what a crash does to a book is what it would do: every dollar of it, in the right order, with the right cause.
 *
 * Method: cascades small enough to be worked by hand, to the cent; then properties over any small book: nothing happens without a
 * shock, every loss has its cause, more collateral is never worse when prices jump once.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DAY_US, MINUTE_US } from '../../core/clock.ts'
import type { Book, Position, VenueAccount } from '../../portfolio/book.ts'
import { SnapshotView } from '../../portfolio/marketView.ts'
import { black76 } from '../../pricing/black76.ts'
import { DEFAULT_RISK } from '../riskConfig.ts'
import { type CascadeOptions, type CascadeResult, runCascade } from './cascade.ts'
import { closingCost } from './closingCost.ts'
import { deleverageRule, protectiveRules } from './protectiveRules.ts'
import { parseScenario } from './scenarioText.ts'
import { ShockedView } from './shockedView.ts'
import { DEFAULT_STRESS } from './stressSettings.ts'

const NOW_US = 1_767_600_000_000_000
const market = new SnapshotView({
  timeUs: NOW_US,
  spot: { BTC: 100_000, ETH: 3000 },
  volatility: { ETH: 0.7, BTC: 0.5 },
  fundingPerDay: {},
  liquidity: {
    'hyperliquid ETH': { halfSpread: 0.001, depth: 1e6, takerFee: 0.0005 },
    'hyperliquid BTC': { halfSpread: 0.001, depth: 10e6, takerFee: 0.0005 },
    'deribit BTC': { halfSpread: 0.001, depth: 10e6, takerFee: 0.0003 },
    'dex ETH': { halfSpread: 0.001, depth: 1e6, takerFee: 0.0005 },
  },
  transactionCost: { aave: 4, dex: 2 },
})

const perp = (asset: 'BTC' | 'ETH', size: number): Position => ({
  kind: 'perp',
  asset,
  size,
  payoff: 'linear',
  entry: market.spot(asset),
  settle: 'USDC',
})
const trader = (usdc: number, ...positions: Position[]): VenueAccount => ({
  venue: 'hyperliquid',
  margin: 'hyperliquid',
  balances: { USDC: usdc },
  positions,
})
const wallet = (usdc: number): VenueAccount => ({ venue: 'wallet', balances: { USDC: usdc }, positions: [] })
const borrower = (eth: number, usdc: number): VenueAccount => ({
  venue: 'aave',
  margin: 'aave-v3',
  balances: {},
  positions: [
    {
      kind: 'supply',
      asset: 'ETH',
      amount: eth,
      rate: 0,
      loanToValue: 0.8,
      liquidationThreshold: 0.83,
      liquidationBonus: 0.05,
    },
    { kind: 'debt', asset: 'USDC', amount: usdc, rate: 0 },
  ],
})
const book = (...accounts: VenueAccount[]): Book => ({ accounts, inTransit: [] })

/** No lasting impact, so that each trade can be worked out by itself. */
const PLAIN: CascadeOptions['settings'] = {
  impactShare: 0,
  routes: [{ from: '*', to: '*', timeUs: 30 * MINUTE_US, fee: 5 }],
}

function run(held: Book, text: string, options: CascadeOptions = {}): CascadeResult {
  return runCascade(held, market, parseScenario(text), { ...options, settings: { ...PLAIN, ...options.settings } })
}

const kinds = (result: CascadeResult) => result.events.map(({ kind }) => kind)
const sum = (losses: CascadeResult['losses']) => Object.values(losses).reduce((total, loss) => total + loss, 0)

describe('to the cent', () => {
  // 100 ETH bought at 3,000 on 35,384 dollars: 10 % down, equity is 16 dollars below the 5,400 asked of 270,000.
  const large = () => book(trader(30_000 + 5_400 - 16, perp('ETH', 100)))

  test('of a large position a fifth is sold first, and no more when that is enough', () => {
    const wide = { ...market.facts, liquidity: { 'hyperliquid ETH': { halfSpread: 0.001, depth: 1e12, takerFee: 0 } } }
    const result = runCascade(large(), new SnapshotView(wide), parseScenario('spot ETH -10%'), { settings: PLAIN })
    expect(result.events.filter(({ kind }) => kind === 'liquidated')).toMatchObject([{ note: '20 %' }])
    // 54,000 at half a spread of a thousandth.
    expect(result.losses.slippage).toBeCloseTo(54, 2)
  })

  test('what a fifth does not mend is sold whole at once: within the cool-down there is no second fifth', () => {
    const dear = { ...market.facts, liquidity: { 'hyperliquid ETH': { halfSpread: 0.03, depth: 1e12, takerFee: 0 } } }
    const result = runCascade(large(), new SnapshotView(dear), parseScenario('spot ETH -10%'), { settings: PLAIN })
    const sold = result.events.filter(({ kind }) => kind === 'liquidated' || kind === 'taken-over')
    expect(sold.map(({ kind, note }) => `${kind} ${note}`)).toEqual(['liquidated 20 %', 'liquidated '])
    expect(result.losses.slippage).toBeCloseTo(0.03 * 270_000, 2)
  })

  test('half a minute later it is a fifth again, of what is left', () => {
    const wide = { ...market.facts, liquidity: { 'hyperliquid ETH': { halfSpread: 0, depth: 1e12, takerFee: 0 } } }
    const text = 'every 1m, hold 1m; at 0s: spot ETH x0.9; at 1m: spot ETH x0.893'
    const result = runCascade(large(), new SnapshotView(wide), parseScenario(text), { settings: PLAIN })
    const sold = result.events.filter(({ kind }) => kind === 'liquidated')
    expect(sold.map(({ atUs, note }) => [atUs, note])).toEqual([
      [0, '20 %'],
      [MINUTE_US, '20 %'],
    ])
    // 100 × 300, then 80 × 21.
    expect(result.losses.market).toBeCloseTo(31_680, 6)
  })

  test('a long below maintenance is sold on the book at half spread, impact and fee', () => {
    // 10 ETH at 2,745: equity 450 of 549 asked. Selling 27,450 costs 0.001 + 0.005 × 0.02745 of it, and 0.05 % fee.
    const result = run(book(trader(3000, perp('ETH', 10))), 'spot ETH -8.5%')
    expect(kinds(result)).toEqual(['call-unmet', 'liquidated'])
    expect(result.losses.market).toBeCloseTo(2550, 6)
    expect(result.losses.slippage).toBeCloseTo(31.2175125, 6)
    expect(result.losses.fees).toBeCloseTo(13.725, 6)
    expect(result.end).toBeCloseTo(405.0574875, 6)
    expect(result).toMatchObject({
      outcome: 'liquidated',
      cause: 'unprotected',
      liquidated: ['hyperliquid'],
      survived: true,
    })
  })

  test('the position whose sale saves the account is sold, and nothing more', () => {
    // BTC 10.2 % down: 5,200 of 6,812.50 asked. Without the 20 ETH 5,612.50 would still be asked, without the BTC 1,200.
    const result = run(book(trader(56_200, perp('BTC', 5), perp('ETH', 20))), 'spot BTC -10.2%')
    expect(result.events.filter(({ kind }) => kind === 'liquidated')).toMatchObject([
      { what: 'BTC perp', note: '20 %' },
      { what: 'BTC perp', note: '' },
    ])
    // 89,800 × (0.001 + 0.005 × 0.00898), 359,200 × (0.001 + 0.005 × 0.03592), and 0.05 % of both.
    expect(result.end).toBeCloseTo(5200 - 89_800 * 0.0010449 - 359_200 * 0.0011796 - 224.5, 6)
  })

  test('an isolated position is sold by itself and gives its margin back', () => {
    const isolated = { ...perp('ETH', 10), isolatedMargin: 3000 } as Position
    const result = run(book(trader(100, isolated)), 'spot ETH -8.5%')
    expect(result.liquidated).toEqual(['hyperliquid'])
    expect(result.end).toBeCloseTo(100 + 405.0574875, 6)
  })

  test('getting out of an option costs half its spread in volatility, the impact of its delta, and a fee', () => {
    const terms = { right: -1, forward: 3000, strike: 2800, years: 30 / 365, volatility: 0.7 } as const
    const put: Position = {
      kind: 'option', asset: 'ETH', size: -50, right: -1, strike: 2800, expiryUs: NOW_US + 30 * DAY_US, settle: 'USDC',
    } // biome-ignore format: one line a position
    const calm = new ShockedView(market, new Map())
    const cost = closingCost(put, 'dex', calm, DEFAULT_STRESS)!
    const { price, deltaForward } = black76(terms)
    const spread = 50 * (black76({ ...terms, volatility: 0.72 }).price - price)
    expect(cost.slippage).toBeCloseTo(spread + 0.005 * (50 * deltaForward * 3000) ** 2 * 1e-6, 6)
    expect(cost.fees).toBeCloseTo(0.0005 * 50 * 3000, 9)
    // Who is short puts is long, and sells the hedge when buying them back.
    expect(cost.pressure).toBeCloseTo(50 * deltaForward * 3000, 6)
    const long = closingCost({ ...put, size: 50 }, 'dex', calm, DEFAULT_STRESS)!
    const sold = 50 * (price - black76({ ...terms, volatility: 0.68 }).price)
    expect(long.slippage).toBeCloseTo(sold + 0.005 * (50 * deltaForward * 3000) ** 2 * 1e-6, 6)
  })

  test('below two thirds of maintenance Hyperliquid keeps the account and what is left of it', () => {
    // At 2,730: equity 300 of 546.
    const result = run(book(trader(3000, perp('ETH', 10)), wallet(100)), 'spot ETH -9%', {
      settings: { routes: [] },
    })
    expect(kinds(result)).toEqual(['call-unmet', 'taken-over'])
    expect(result.losses.liquidation).toBeCloseTo(300, 6)
    expect(result.end).toBeCloseTo(100, 6)
  })

  test('what an account owes Hyperliquid beyond its collateral is not ours', () => {
    const result = run(book(trader(3000, perp('ETH', 10)), wallet(100)), 'spot ETH -15%', { settings: { routes: [] } })
    expect(result.losses.market).toBeCloseTo(4500, 6)
    expect(result.losses.writtenOff).toBeCloseTo(-1500, 6)
    expect(result.end).toBeCloseTo(100, 6)
    expect(result.minimum).toBeCloseTo(-1400, 6)
    expect(result).toMatchObject({ survived: false, outcome: 'ruined' })
  })

  test('a lender sells half the loan with its bonus when health is just below one', () => {
    // 10 ETH at 2,300 against 20,000: health 0.9545; 10,000 repaid, 10,500 taken; health 1.0375.
    const result = run(book(borrower(10, 20_000)), 'spot ETH x0.76666666666666666')
    expect(kinds(result)).toEqual(['call-unmet', 'loan-liquidated'])
    expect(result.events[1]!.note).toBe('10,000 repaid')
    expect(result.losses.liquidation).toBeCloseTo(500, 6)
    expect(result.end).toBeCloseTo(2500, 6)
  })

  test('a lender sells all of it when health is far below one, and the rest is its own loss', () => {
    // 10 ETH at 1,800: health 0.747; 18,000 / 1.05 repaid, everything taken, 2,857.14 owed to nobody.
    const result = run(book(borrower(10, 20_000), wallet(0)), 'spot ETH -40%')
    expect(result.losses.liquidation).toBeCloseTo(18_000 - 18_000 / 1.05, 6)
    expect(result.losses.writtenOff).toBeCloseTo(-(20_000 - 18_000 / 1.05), 6)
    expect(result.end).toBeCloseTo(0, 6)
  })

  test('a haircut is a smaller loan: the venue sells what the market did not move', () => {
    // 10 ETH count for 8: 24,000 × 0.83 against 20,000 is health 0.996.
    const result = run(book(borrower(10, 20_000)), 'haircut ETH 0.2')
    expect(result.liquidated).toEqual(['aave'])
    expect(result.losses.market).toBe(0)
    expect(result.losses.liquidation).toBeCloseTo(500, 6)
  })

  test('funding is paid by the day on the notional', () => {
    const result = run(book(trader(6000, perp('ETH', 10))), 'every 6h, hold 1d; at 0s: funding ETH 1%/d')
    expect(result.losses.funding).toBeCloseTo(300, 6)
    expect(result.end).toBeCloseTo(5700, 6)
  })

  test('our own selling pushes what we still hold, and half of it comes back in a half-life', () => {
    // 27,450 sold into a depth of 1,000,000 a percent: the price is divided by 1 + 0.5 × 0.01 × 0.02745 for the 10 ETH in the wallet.
    const held = book(trader(3000, perp('ETH', 10)), { venue: 'cold', balances: { ETH: 10 }, positions: [] })
    const settings = { impactShare: 0.5, impactHalfLifeUs: 10 * MINUTE_US, routes: [], hedges: [] }
    const once = run(held, 'spot ETH -8.5%', { settings })
    expect(once.losses.impact).toBeCloseTo(27_450 * (1 - 1 / (1 + 0.5 * 0.01 * 0.02745)), 6)
    const later = run(held, 'hold 10m, spot ETH -8.5%', { settings })
    expect(later.losses.impact).toBeCloseTo(27_450 * (1 - 1 / Math.sqrt(1 + 0.5 * 0.01 * 0.02745)), 6)
  })

  test('an option that expires on the way is paid out', () => {
    const option: Position = {
      kind: 'option', asset: 'ETH', size: -10, right: -1, strike: 2900, expiryUs: NOW_US + DAY_US, settle: 'USDC',
    } // biome-ignore format: one line a position
    const result = run(book({ ...wallet(20_000), positions: [option] }), 'at 1d: spot ETH -10%; at 2d: spot ETH -20%')
    expect(kinds(result)).toEqual(['settled'])
    expect(result.end).toBeCloseTo(20_000 - 10 * 200, 6)
  })
})

describe('margin calls', () => {
  const pair = () => book(trader(3000, perp('ETH', 10)), wallet(5000))

  test('money that is there at once saves the account, for a fee', () => {
    const result = run(pair(), 'spot ETH -8.5%', { settings: { routes: [{ from: '*', to: '*', timeUs: 0, fee: 5 }] } })
    expect(kinds(result)).toEqual(['sent'])
    // Twice maintenance, 1,098, less the 450 there.
    expect(result.events[0]!.dollars).toBeCloseTo(648, 6)
    expect(result.end).toBeCloseTo(450 + 5000 - 5, 6)
    expect(result.losses.transfers).toBe(5)
    expect(result.outcome).toBe('untouched')
  })

  test('money that comes half an hour later is no help in a jump, and is still ours', () => {
    const result = run(pair(), 'hold 1h, spot ETH -8.5%')
    expect(kinds(result)).toEqual(['sent', 'liquidated', 'arrived'])
    expect(result.end).toBeCloseTo(405.0574875 + 5000 - 5, 6)
  })

  test('in a slow fall it comes in time', () => {
    const result = run(pair(), 'every 5m; at 6h: spot ETH -8.5%')
    expect(kinds(result)).toContain('arrived')
    expect(result.liquidated).toEqual([])
  })

  test('a stuck bridge lets nothing through', () => {
    const result = run(pair(), 'every 5m; at 0s: bridge stuck; at 3h: spot ETH -8.5%')
    expect(result.events[0]).toMatchObject({ kind: 'call-unmet', note: 'the bridge is stuck' })
    expect(result.liquidated).toEqual(['hyperliquid'])
  })

  test('money under way when the bridge sticks arrives when it opens', () => {
    const result = run(pair(), 'every 5m, hold 3h; at 150m: spot ETH -7.5%; at 155m: bridge stuck 2h')
    const at = (kind: string) => result.events.find((event) => event.kind === kind)?.atUs
    expect(at('sent')).toBeLessThan(155 * MINUTE_US)
    // When it was due.
    expect(at('stuck')).toBe(175 * MINUTE_US)
    expect(at('arrived')).toBe(275 * MINUTE_US)
  })

  test('a source that needs its money itself does not give it', () => {
    const poor: VenueAccount = { ...trader(3000, perp('ETH', 10)), venue: 'dex' }
    const result = run(book(trader(3000, perp('ETH', 10)), poor), 'spot ETH -8.5%', {
      settings: { routes: [{ from: '*', to: '*', timeUs: 0, fee: 5 }] },
    })
    expect(result.events[0]).toMatchObject({ kind: 'call-unmet', note: 'dex needs it itself' })
  })

  test('a borrower is helped by repaying', () => {
    const result = run(book(borrower(10, 20_000), wallet(30_000)), 'spot ETH x0.76666666666666666', {
      settings: { routes: [{ from: '*', to: '*', timeUs: 0, fee: 0 }] },
    })
    // Equity 3,000 is to be twice 23,000 × 0.17.
    expect(result.events[0]!.dollars).toBeCloseTo(2 * 3910 - 3000, 6)
    expect(result.liquidated).toEqual([])
    expect(result.end).toBeCloseTo(33_000 - 4, 6)
  })

  test('gas dearer than the help keeps money where it is', () => {
    const result = run(book(borrower(1, 2000), wallet(30_000)), 'spot ETH x0.76666666666666666, gas 5000', {
      settings: { routes: [{ from: '*', to: '*', timeUs: 0, fee: 0 }] },
    })
    expect(result.events[0]).toMatchObject({ kind: 'call-unmet', note: 'it costs more than it brings' })
    expect(result.liquidated).toEqual(['aave'])
  })
})

describe('hedges', () => {
  /** Long gamma: a straddle hedged by a perpetual on a chain. */
  const straddle = (): Book =>
    book(
      {
        ...wallet(50_000),
        positions: ([1, -1] as const).map((right) => ({
          kind: 'option', asset: 'ETH', size: 100, right, strike: 3000, expiryUs: NOW_US + 30 * DAY_US, settle: 'USDC',
        })), // biome-ignore format: one line a position
      },
      { venue: 'dex', balances: { USDC: 100_000 }, positions: [perp('ETH', -10)] },
    )

  test('are put right after a move, back to the delta the book began with', () => {
    const result = run(straddle(), 'spot ETH -10%')
    const [event] = result.events
    expect(event).toMatchObject({ kind: 'hedged', venue: 'dex', what: 'ETH' })
    // A straddle 10 % below its strike is short some forty deltas of a hundred more than at the money.
    expect(event!.dollars).toBeGreaterThan(80_000)
    expect(result.losses.gas).toBe(2)
  })

  test('are priced out by gas', () => {
    const result = run(straddle(), 'spot ETH -10%, gas 4000')
    expect(result.events).toMatchObject([{ kind: 'hedge-priced-out', note: expect.stringMatching(/: gas$/) }])
    expect(result.losses.gas).toBe(0)
  })

  test('are priced out by a book that is not there', () => {
    const result = run(straddle(), 'spot ETH -10%, depth x0.01')
    expect(result.events).toMatchObject([
      { kind: 'hedge-priced-out', note: expect.stringMatching(/spread and impact$/) },
    ])
  })

  test('cannot be made where the venue is down', () => {
    const result = run(straddle(), 'spot ETH -10%, venue dex down')
    expect(result.events).toMatchObject([{ kind: 'hedge-unavailable', note: 'dex cannot be reached' }])
  })
})

describe('a planted over-levered long', () => {
  const levered = () => book(trader(200_000, perp('BTC', 10)))
  const rules = [...protectiveRules(DEFAULT_RISK), deleverageRule()]

  test('is liquidated without rules', () => {
    const result = run(levered(), 'every 1m; at 1h: spot BTC -30%')
    expect(result).toMatchObject({ outcome: 'liquidated', cause: 'unprotected' })
    expect(result.end).toBeLessThan(20_000)
  })

  test('is flattened by the first loss breaker on the way, and keeps nine tenths of its equity', () => {
    const result = run(levered(), 'every 1m; at 1h: spot BTC -30%', { rules })
    expect(result).toMatchObject({ outcome: 'protected', liquidated: [], reason: '' })
    expect(result.acted).toContain('trade-loss')
    expect(result.end).toBeGreaterThan(180_000)
  })

  test('a jump larger than the cushion is a gap, and the report says so', () => {
    const result = run(levered(), 'at 1h: spot BTC -25%', { rules })
    expect(result).toMatchObject({ survived: false, outcome: 'ruined', cause: 'gap' })
    expect(result.reason).toContain('a gap larger than the cushion')
  })

  test('a move too quick for three confirmations is late: the venue goes first', () => {
    const slow = protectiveRules({ breakers: DEFAULT_RISK.breakers, confirmUs: 61_000_000 })
    const late = run(levered(), 'every 1m; at 1m: spot BTC -19%', { rules: slow })
    expect(late).toMatchObject({ outcome: 'liquidated', cause: 'gap' })
    expect(kinds(late)).toContain('protective-late')
    expect(run(levered(), 'every 1m; at 1m: spot BTC -19%', { rules }).outcome).toBe('protected')
  })

  test('a venue that does not answer cannot be left: named with its cause', () => {
    const result = run(levered(), 'every 1m; at 0s: venue hyperliquid unreachable; at 1h: spot BTC -30%', { rules })
    expect(result).toMatchObject({ outcome: 'liquidated', cause: 'venue-down' })
    expect(result.reason).toContain('hyperliquid cannot be reached')
  })

  test('while a venue is down nobody is liquidated there, and its margin is asked again when it is back', () => {
    const result = run(levered(), 'every 1m, hold 3h; at 0s: venue hyperliquid down 2h; at 1h: spot BTC -19%')
    const taken = result.events.find(({ kind }) => kind === 'liquidated' || kind === 'taken-over')
    expect(taken?.atUs).toBe(120 * MINUTE_US)
    expect(result.path.find(({ atUs }) => atUs === 60 * MINUTE_US)!.reachable).toBe(0)
  })

  test('a frozen oracle hides the fall from the venue until it is too late', () => {
    const result = run(levered(), 'every 1m, hold 1h; at 1m: oracle frozen 1h; at 50m: spot BTC -30%')
    const first = result.events.find(({ kind }) => kind === 'liquidated' || kind === 'taken-over')
    expect(first?.atUs).toBe(61 * MINUTE_US)
    expect(result.minimum).toBeCloseTo(-100_000, 3)
  })

  test('deleveraging sells the worst until margin is sound, before the venue does', () => {
    const held = book(trader(60_000, perp('BTC', 5), perp('ETH', 100)))
    const result = run(held, 'every 1m; at 1h: spot BTC -9.5%', { rules: [deleverageRule(1.2, 2)] })
    expect(result).toMatchObject({ outcome: 'protected', acted: ['deleverage'] })
    expect(result.events.filter(({ kind }) => kind === 'closed')).toMatchObject([{ what: 'ETH perp' }])
  })

  test('nothing known of the book to sell on means the venue keeps the account', () => {
    const held = book({ ...trader(200_000, perp('BTC', 10)), venue: 'elsewhere' })
    const result = run(held, 'every 1m; at 1h: spot BTC -19%', { rules })
    expect(result).toMatchObject({ cause: 'no-liquidity', outcome: 'ruined' })
    expect(result.end).toBe(0)
  })
})

test('a book that cannot be priced is refused by what is missing', () => {
  const held = book({ ...wallet(10), positions: [{ ...perp('ETH', 1), asset: 'PEPE' }] })
  expect(() => run(held, 'spot ETH -10%')).toThrow(
    expect.objectContaining({
      code: 'argument-invalid',
      facts: expect.objectContaining({ missing: expect.stringContaining('PEPE') }),
    }),
  )
})

test('gas in gwei without a price of ETH is refused before the run, and only where gas is paid', () => {
  const held = (venue: string): Book => book({ venue, balances: { USDC: 1_000 }, positions: [] })
  const blind = (venue: string) => {
    const view = new SnapshotView({ timeUs: NOW_US, spot: {}, transactionCost: { aave: 4 } })
    return () => runCascade(held(venue), view, parseScenario('at 1h: gas 4000gwei'))
  }
  expect(blind('aave')).toThrow(
    expect.objectContaining({
      code: 'argument-invalid',
      facts: expect.objectContaining({ missing: 'price of ETH (gas is given in gwei)' }),
    }),
  )
  expect(blind('wallet')().end).toBe(1_000)
})

test('a book with nothing in it loses nothing; one of dollars what its coin loses', () => {
  expect(run(book(), 'spot BTC -50%')).toMatchObject({ start: 0, end: 0, survived: true, outcome: 'untouched' })
  expect(run(book(wallet(1_000)), 'depeg USDC 0.9')).toMatchObject({ end: 900, survived: true, outcome: 'untouched' })
})

describe('any small book', () => {
  const position = fc
    .record({
      asset: fc.constantFrom('BTC' as const, 'ETH' as const),
      dollars: fc.double({ min: -200_000, max: 200_000, noNaN: true }),
    })
    .filter(({ dollars }) => Math.abs(dollars) > 1)
    .map(({ asset, dollars }) => perp(asset, dollars / market.spot(asset)))
  const accounts = fc.record({
    usdc: fc.double({ min: 1000, max: 100_000, noNaN: true }),
    positions: fc.uniqueArray(position, { selector: ({ asset }) => asset, maxLength: 2 }),
    spare: fc.double({ min: 0, max: 50_000, noNaN: true }),
    eth: fc.double({ min: 1, max: 50, noNaN: true }),
    owed: fc.double({ min: 1, max: 100_000, noNaN: true }),
  })
  const sound = ({ usdc, positions, spare, eth, owed }: typeof accounts extends fc.Arbitrary<infer T> ? T : never) =>
    book(trader(usdc, ...positions), borrower(eth, Math.min(owed, eth * 3000 * 0.8)), wallet(spare))
  const change = fc.double({ min: -0.6, max: 1, noNaN: true })

  test('every dollar lost has its cause', () => {
    fc.assert(
      fc.property(accounts, change, change, fc.boolean(), (held, btc, eth, guarded) => {
        const text = `every 10m, hold 1h; at 1h: spot BTC x${1 + btc}, spot ETH x${1 + eth}, funding * 2%/d, gas x10, depth x0.3`
        const result = runCascade(sound(held), market, parseScenario(text), {
          rules: guarded ? [...protectiveRules(DEFAULT_RISK), deleverageRule()] : [],
        })
        expect(result.start - result.end - sum(result.losses)).toBeCloseTo(0, 5)
        expect(result.minimum).toBeLessThanOrEqual(Math.min(result.start, result.end) + 1e-6)
        expect(result.survived || result.reason !== '').toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  test('nothing happens where nothing happens', () => {
    fc.assert(
      fc.property(accounts, (held) => {
        const result = runCascade(sound(held), market, parseScenario('every 1h, hold 6h, spot BTC x1'), {
          settings: { callBelow: 0 },
        })
        const broken = result.cause === 'already'
        if (!broken) expect(result.end).toBeCloseTo(result.start, 6)
        if (!broken) expect(result.events).toEqual([])
      }),
      { numRuns: 40 },
    )
  })

  test('more collateral is never worse when prices jump once', () => {
    fc.assert(
      fc.property(accounts, change, fc.double({ min: 1, max: 50_000, noNaN: true }), (held, move, more) => {
        const text = `spot BTC x${1 + move}, spot ETH x${1 + move}`
        const settings = { ...PLAIN, routes: [], hedges: [] }
        const less = runCascade(sound(held), market, parseScenario(text), { settings })
        const richer = runCascade(sound({ ...held, usdc: held.usdc + more }), market, parseScenario(text), { settings })
        expect(richer.end).toBeGreaterThanOrEqual(less.end - 1e-6)
      }),
      { numRuns: 60 },
    )
  })
})
