/**
 * Goal: no book and no scenario makes a number of nothing, a loss without a cause, or an error without a name.
 * Method: random books of every kind of position over every margin engine, random scenarios of every shock, guarded or not, by a
 * seed each; 150 by default, `FUZZ=100000` of them before a release.
 */

import { expect, test } from 'vitest'
import { DAY_US } from '../../core/clock.ts'
import { GimbalError } from '../../core/errors.ts'
import { Random } from '../../core/random.ts'
import type { Book, Position, Transfer, VenueAccount } from '../../portfolio/book.ts'
import { assessBook } from '../../portfolio/margin/registry.ts'
import { type Liquidity, SnapshotView } from '../../portfolio/marketView.ts'
import { positionValue } from '../../portfolio/valuation.ts'
import { DEFAULT_RISK } from '../riskConfig.ts'
import { type CascadeResult, runCascade } from './cascade.ts'
import { deleverageRule, pegRule, protectiveRules } from './protectiveRules.ts'
import { parseScenario } from './scenarioText.ts'

const NOW_US = 1_767_600_000_000_000
const ASSETS = ['BTC', 'ETH', 'stETH'] as const
const PRICES: Readonly<Record<string, number>> = { BTC: 100_000, ETH: 3_000, stETH: 2_990 }
const DOLLARS = ['USDC', 'USDT', 'DAI'] as const

class Draw {
  readonly #random: Random
  constructor(seed: number) {
    this.#random = new Random(seed)
  }
  between(low: number, high: number): number {
    return low + (high - low) * this.#random.uniform()
  }
  below(count: number): number {
    return Math.floor(this.#random.uniform() * count)
  }
  one<T>(of: readonly T[]): T {
    return of[this.below(of.length)]!
  }
  chance(share: number): boolean {
    return this.#random.uniform() < share
  }
  /** A size worth so many dollars at most, either way, now and then next to nothing. */
  size(asset: string, dollars = 400_000): number {
    const worth = this.chance(0.05) ? this.between(0.01, 1) : this.between(100, dollars)
    return ((this.chance(0.5) ? 1 : -1) * worth) / PRICES[asset]!
  }
}

const days = (draw: Draw) => NOW_US + Math.round(draw.between(0.02, 90) * DAY_US)

/** What each engine carries. */
const CARRIED: Readonly<Record<string, readonly Position['kind'][]>> = {
  hyperliquid: ['perp'],
  'dydx-v4': ['perp'],
  'gmx-v2': ['perp'],
  'deribit-standard': ['perp', 'future', 'option'],
  'deribit-portfolio': ['perp', 'future', 'option'],
  'derive-standard': ['perp', 'option'],
  'derive-portfolio': ['perp', 'option'],
  'aave-v3': ['supply', 'debt'],
  wallet: ['perp', 'future', 'option', 'pool', 'power', 'supply', 'debt'],
}

function positionOf(draw: Draw, kind: Position['kind'], margin: string): Position {
  const coin = margin === 'derive-portfolio' ? 'ETH' : draw.one(['BTC', 'ETH'] as const)
  const entry = PRICES[coin]! * draw.between(0.7, 1.4)
  switch (kind) {
    case 'perp':
    case 'future': {
      const inverse = margin.startsWith('deribit') && draw.chance(0.6)
      const apart = margin === 'gmx-v2' || (margin === 'hyperliquid' && draw.chance(0.2))
      const isolated = apart ? { isolatedMargin: draw.between(10, 40_000) } : {}
      const size = inverse ? Math.round(draw.size(coin) * PRICES[coin]!) || 1 : draw.size(coin)
      const settle = inverse ? coin : 'USDC'
      const payoff = inverse ? 'inverse' : 'linear'
      if (kind === 'perp') return { kind, asset: coin, size, payoff, entry, settle, ...isolated }
      return { kind, asset: coin, size, payoff, entry, settle, expiryUs: days(draw) }
    }
    case 'option': {
      const settle = margin.startsWith('deribit') && draw.chance(0.7) ? coin : 'USDC'
      const strike = Math.round(PRICES[coin]! * draw.between(0.6, 1.6))
      return {
        kind,
        asset: coin,
        size: draw.size(coin),
        right: draw.one([1, -1]),
        strike,
        expiryUs: days(draw),
        settle,
      }
    }
    case 'pool': {
      const lower = PRICES[coin]! * draw.between(0.5, 0.95)
      const liquidity = draw.between(1, 50_000) / Math.sqrt(PRICES[coin]!)
      const upper = PRICES[coin]! * draw.between(1.05, 2)
      return { kind, asset: coin, liquidity, quote: 'USDC', lower, upper, feeYieldPerDay: draw.between(0, 0.01) }
    }
    case 'power':
      return {
        kind, asset: 'ETH', size: draw.between(-50, 50), scale: 1e-4, normalisation: 0.5, entry: draw.between(300, 600), settle: 'USDC',
      } // biome-ignore format: one line
    case 'supply':
    case 'debt': {
      const asset = draw.one([...ASSETS, ...DOLLARS])
      const amount = draw.between(1, 200_000) / (PRICES[asset] ?? 1)
      const rate = draw.between(0, 0.2)
      if (kind === 'debt') return { kind, asset, amount, rate }
      return {
        kind,
        asset,
        amount,
        rate,
        loanToValue: 0.75,
        liquidationThreshold: 0.8,
        liquidationBonus: draw.between(0, 0.1),
      }
    }
  }
}

function accountOf(draw: Draw, name: string): VenueAccount {
  const positions = Array.from({ length: draw.below(5) }, () => positionOf(draw, draw.one(CARRIED[name]!), name))
  const balances: Record<string, number> = {}
  const coins = name.startsWith('deribit') || name === 'wallet' ? [...DOLLARS, ...ASSETS] : ['USDC']
  if (name !== 'aave-v3')
    for (const currency of coins)
      if (draw.chance(0.5)) balances[currency] = draw.between(0, 100_000) / (PRICES[currency] ?? 1)
  return { venue: `at-${name}`, ...(name === 'wallet' ? {} : { margin: name }), balances, positions }
}

function bookOf(draw: Draw): Book {
  const names = Object.keys(CARRIED).filter(() => draw.chance(0.4))
  const accounts = names.map((name) => accountOf(draw, name))
  const inTransit: Transfer[] = []
  if (accounts.length > 1 && draw.chance(0.3)) {
    const [from, to] = [accounts[0]!.venue, accounts[1]!.venue]
    inTransit.push({
      from,
      to,
      currency: 'USDC',
      units: draw.between(1, 50_000),
      arrivesUs: NOW_US + draw.below(7_200) * 1e6,
    })
  }
  return { accounts, inTransit }
}

function marketOf(draw: Draw): SnapshotView {
  const liquidity: Record<string, Liquidity> = {}
  const transactionCost: Record<string, number> = {}
  const fundingPerDay: Record<string, number> = {}
  for (const name of Object.keys(CARRIED)) {
    if (draw.chance(0.3)) transactionCost[`at-${name}`] = draw.between(0.1, 50)
    for (const asset of ASSETS) {
      if (draw.chance(0.3)) fundingPerDay[`at-${name} ${asset}`] = draw.between(-0.01, 0.01)
      if (draw.chance(0.1)) continue
      const depth = 10 ** draw.between(4, 8)
      liquidity[`at-${name} ${asset}`] = { halfSpread: draw.between(0, 0.01), depth, takerFee: draw.between(0, 0.001) }
    }
  }
  const volatility = { BTC: draw.between(0.2, 1.2), ETH: draw.between(0.2, 1.5) }
  return new SnapshotView({ timeUs: NOW_US, spot: PRICES, volatility, liquidity, transactionCost, fundingPerDay })
}

function shockOf(draw: Draw, venues: readonly string[]): string {
  const asset = draw.one(['BTC', 'ETH', 'stETH', '*'])
  const venue = draw.one(venues)
  const percent = (low: number, high: number) =>
    `${draw.between(low, high) < 0 ? '-' : '+'}${draw.between(0.1, Math.max(-low, high)).toFixed(2)}%`
  return draw.one([
    () => `spot ${asset} x${10 ** draw.between(-1.5, 0.7)}`,
    () => `spot ${asset} ${draw.chance(0.6) ? '-' : '+'}${draw.between(1, 60).toFixed(1)}%`,
    () => `spot BTC -${draw.between(5, 50).toFixed(1)}%, correlation BTC 1 ETH ${draw.between(0.5, 2).toFixed(2)}`,
    () => `vol ${draw.chance(0.7) ? '+' : '-'}${draw.between(1, 80).toFixed(0)}`,
    () => `vol x${draw.between(0.1, 4).toFixed(2)}`,
    () => `skew +${draw.between(0, 10).toFixed(1)}`,
    () => `term +${draw.between(0, 30).toFixed(0)}`,
    () => `funding * ${percent(-5, 5)}/d`,
    () => `depth x${10 ** draw.between(-4, 0.5)}`,
    () => `spread x${draw.between(1, 50).toFixed(1)}`,
    () => `gas x${draw.between(1, 500).toFixed(0)}`,
    () => `gas ${draw.between(1, 5_000).toFixed(0)}gwei`,
    () => `depeg ${draw.one(DOLLARS)} ${draw.between(0.05, 1.1).toFixed(3)}`,
    () => `haircut ${draw.one(ASSETS)} ${draw.between(0, 0.9).toFixed(2)}`,
    () => `venue ${venue} ${draw.one(['down', 'unreachable'])} ${draw.between(5, 300).toFixed(0)}m`,
    () => 'bridge stuck',
    () => `oracle ${draw.one(['frozen', 'lag'])} ${draw.between(5, 120).toFixed(0)}m`,
  ])()
}

function scenarioOf(draw: Draw, venues: readonly string[]): string {
  const moves = Array.from({ length: 1 + draw.below(3) }, (_, i) => {
    const shocks = Array.from({ length: 1 + draw.below(4) }, () => shockOf(draw, venues))
    return `at ${i * 60 + draw.below(60)}m: ${shocks.join(', ')}`
  })
  const how = draw.one(['every 20m, hold 1h', 'every 1h, hold 6h, sticky moneyness', 'every 12h, hold 200h', 'hold 1h'])
  return `${how}; ${moves.join('; ')}`
}

/** Dollars a rounding error is a share of: everything there is, everything owed, and what was traded and lost on the way. */
function grossOf(book: Book, market: SnapshotView, { losses, path }: CascadeResult): number {
  let sum = 1
  for (const { venue, balances, positions } of book.accounts) {
    for (const [currency, units] of Object.entries(balances)) sum += Math.abs(units) * market.spot(currency)
    for (const position of positions) {
      sum += Math.abs(positionValue(position, venue, market))
      if ('entry' in position && position.kind !== 'option')
        sum +=
          position.kind !== 'power' && position.payoff === 'inverse'
            ? Math.abs(position.size)
            : Math.abs(position.size * (position.entry ?? 0))
      if (position.kind === 'option') sum += Math.abs(position.size) * PRICES[position.asset]!
    }
  }
  for (const loss of Object.values(losses)) sum += Math.abs(loss)
  for (const { accounts } of path) for (const { equity } of accounts) sum = Math.max(sum, Math.abs(equity))
  return sum
}

function refusedAtOnce(book: Book, market: SnapshotView): boolean {
  try {
    assessBook(book, market)
    return false
  } catch (error) {
    return error instanceof GimbalError
  }
}

/** A sentence on what is wrong; '' when nothing is. */
function fault(seed: number): string {
  const draw = new Draw(seed)
  const book = bookOf(draw)
  const market = marketOf(draw)
  const venues = book.accounts.length > 0 ? book.accounts.map(({ venue }) => venue) : ['nowhere']
  const text = scenarioOf(draw, venues)
  const say = (what: string) => `seed ${seed}: ${what}; ${text}`
  let scenario: ReturnType<typeof parseScenario>
  try {
    scenario = parseScenario(text)
  } catch (error) {
    // Two shocks of one thing in one step, and the like: refused by name.
    return error instanceof GimbalError ? '' : say(String(error))
  }
  const config = draw.chance(0.5) ? DEFAULT_RISK : ({ ...DEFAULT_RISK, flattenLeaves: 'nothing' } as const)
  const rules = draw.chance(0.6) ? [...protectiveRules(config), deleverageRule(), pegRule(['USDC'])] : []
  let result: CascadeResult
  try {
    result = runCascade(book, market, scenario, { rules })
  } catch (error) {
    // What an engine does not carry it refuses before anything happens, and by name; nothing may be refused on the way.
    const named = error instanceof GimbalError
    return named && refusedAtOnce(book, market) ? '' : say(named ? error.message : String((error as Error).stack))
  }
  const { start, end, losses, minimum, minimumReachable, path, insolvent, events } = result
  const figures = [start, end, minimum, minimumReachable, ...Object.values(losses), ...path.map(({ equity }) => equity)]
  if (!figures.every(Number.isFinite)) return say(`not a number: ${figures.slice(0, 14).join(' ')}`)
  if (events.some(({ dollars }) => Number.isNaN(dollars))) return say('an event of no number')
  const gross = grossOf(book, market, result)
  const missing = start - end - Object.values(losses).reduce((sum, loss) => sum + loss, 0)
  if (!(Math.abs(missing) <= 1e-9 * gross)) return say(`${missing} of ${gross} dollars have no cause`)
  for (const { accounts } of path)
    for (const [index, { equity }] of accounts.entries())
      if (equity < -1e-9 * gross && !insolvent.includes(book.accounts[index]!.venue))
        return say(`${equity} and nobody says so`)
  return ''
}

test('every random book comes through every random scenario with its dollars accounted for', () => {
  const count = Number(process.env['FUZZ'] ?? 150)
  const begin = Number(process.env['FUZZ_BEGIN'] ?? 1)
  const faults: string[] = []
  for (let seed = begin; seed < begin + count && faults.length < 10; seed++) {
    const found = fault(seed)
    if (found !== '') faults.push(found)
  }
  expect(faults).toEqual([])
}, 3_600_000)
