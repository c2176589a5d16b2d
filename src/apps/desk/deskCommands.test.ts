/**
 * Goal: what the desk's commands say of a book is true: the generated smile is found again, money adds up, an account is liquidated where
 * it is said to be, proposals do what they promise, and whatever has no price or no rules is named and never counted.
 *
 * Method: the commands themselves on the generated market, whose smile is known, and on books and markets written by hand; what they
 * return is checked against other roads to the same figure. A real chain where it is at hand.
 */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { writeBars } from '../../../tests/commandLine.ts'
import { bars } from '../../importers/bars.ts'
import { marginEngine } from '../../portfolio/margin/registry.ts'
import { ShiftedView } from '../../portfolio/marketView.ts'
import { marginRatio } from '../../risk/stress/marginRatio.ts'
import { Catalog } from '../../store/catalog.ts'
import { runImport } from '../../store/importRun.ts'
import { openInput } from '../../store/inputFile.ts'
import { greeks } from '../commands/greeks.ts'
import { margin } from '../commands/margin.ts'
import { stress } from '../commands/stress.ts'
import { surface } from '../commands/surface.ts'
import { Terminal } from '../terminal.ts'
import { bookText, parseBook, readBook } from './bookFile.ts'
import { suitedTo } from './deskInput.ts'
import { type DeskMarket, deskMarket } from './deskMarket.ts'
import { exampleBook } from './exampleBook.ts'

const FOLDER = mkdtempSync(join(tmpdir(), 'gimbal-desk-commands-'))
const CHAIN = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'data/options/deribit/chain_20260105T153329Z.csv.gz')
const at = (...parts: string[]) => join(FOLDER, ...parts)

interface Answer {
  readonly code: number
  // biome-ignore lint/suspicious/noExplicitAny: the answers are JSON, and each test looks at its own corner of them
  readonly json: any
}

/** Runs a command under --json and reads what it printed. */
async function run<O>(command: (terminal: Terminal, options: O) => Promise<number>, options: O): Promise<Answer> {
  let printed = ''
  const out = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += text
    return true
  })
  const err = vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
  try {
    const code = await command(new Terminal(true), options)
    return { code, json: JSON.parse(printed) }
  } finally {
    out.mockRestore()
    err.mockRestore()
  }
}

const asked = (out: string) => ({ seed: '1', out: at(out) })
const greeksOf = (options: object) => run(greeks, { ...asked('greeks'), strikes: 'delta', ...options })
/** What commander gives where nothing is said. */
const SAID = { survive: '20', transferFee: '5', transferTime: '30m', capitalRate: '10', horizon: '7d', sigmas: '3' }
const marginOf = (options: object) => run(margin, { ...asked('margin'), ...SAID, ...options })
const stressOf = (options: object) =>
  run(stress, { ...asked('stress'), scenario: ['gap-down'], breakers: true, tailDays: '365', ...options })

/** A book of JSON in a file of its own. */
function written(name: string, book: unknown): string {
  writeFileSync(at(name), JSON.stringify(book))
  return at(name)
}

let market: DeskMarket
beforeAll(async () => {
  market = await deskMarket({ seed: 1 })
})
afterEach(() => vi.restoreAllMocks())
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }))

describe('gimbal surface', () => {
  test('finds the smile the market was generated from, inside every bid and ask, free of arbitrage', async () => {
    const { code, json } = await run(surface, asked('surface'))
    expect([code, json.market.kind, json.surfaces.length]).toEqual([0, 'synthetic', 1])
    const [{ arbitrage, expiries }] = json.surfaces
    expect(arbitrage.free).toBe(true)
    for (const each of expiries) {
      // σ(k) = 0.55 − 0.08 k + 0.5 k², and prices are whole ticks.
      expect(each.volatility).toBeCloseTo(0.55, 2)
      expect(each.skew).toBeCloseTo(-0.08, 1)
      expect(Math.abs(each.curvature - 1)).toBeLessThan(0.15)
      // What is worth less than a tick has no bid, and weighs nothing.
      expect(each.inside).toBe(each.used)
      expect(each.used).toBeGreaterThan(0.7 * each.rows)
      // Far out a tick is much volatility.
      expect(each.rmse).toBeLessThan(0.005)
      expect(each.varianceSwap).toBeGreaterThan(each.volatility)
    }
  })

  test('draws densities of which the mass is one and the mean is the forward, as far as they are drawn', async () => {
    const { json } = await run(surface, asked('surface'))
    for (const { density, days } of json.surfaces[0].expiries) {
      if (days > 40) continue // beyond, the wings hold more than is drawn
      let [mass, mean] = [0, 0]
      for (let i = 1; i < density.length; i++) {
        const step = density[i].logMoneyness - density[i - 1].logMoneyness
        mass += density[i].density * step
        mean += density[i].density * Math.exp(density[i].logMoneyness) * step
      }
      expect(mass).toBeCloseTo(1, 2)
      expect(mean).toBeCloseTo(1, 2)
    }
  })

  test('writes the same page and twin again, byte for byte, and says that nothing is real', async () => {
    await run(surface, asked('one'))
    await run(surface, asked('two'))
    for (const file of ['desk.html', 'desk.json'])
      expect(readFileSync(at('two', file))).toEqual(readFileSync(at('one', file)))
    expect(readFileSync(at('one', 'desk.html'), 'utf8')).toContain('SYNTHETIC DATA')
  })

  test('refuses an asset without a chain, naming those there are', async () => {
    await expect(run(surface, { ...asked('surface'), asset: 'DOGE' })).rejects.toThrow('known: BTC')
  })

  test.skipIf(!existsSync(CHAIN))(
    'a real chain: what is believed lies mostly inside bid and ask, and nothing can be arbitraged (skipped where the recordings are absent)',
    async () => {
      const { code, json } = await run(surface, { ...asked('real'), chain: CHAIN })
      expect([code, json.market.kind]).toEqual([0, 'replayed'])
      expect(json.surfaces.map(({ asset }: { asset: string }) => asset)).toEqual(['BTC', 'ETH'])
      for (const { expiries, quotes, used, refused } of json.surfaces) {
        const turnedAway = Object.values(refused as Record<string, number>).reduce((sum, rows) => sum + rows, 0)
        expect(used + turnedAway).toBe(quotes)
        const sum = (of: string) =>
          expiries.reduce((total: number, each: Record<string, number>) => total + each[of]!, 0)
        expect(sum('inside') / sum('used')).toBeGreaterThan(0.9)
      }
      // Fair variance weighs the wings: somewhat above the money, which a month out was quoted at 43 %.
      expect(json.surfaces[0].index30).toBeGreaterThan(0.436)
      expect(json.surfaces[0].index30).toBeLessThan(0.5)
    },
  )
})

describe('the example book', () => {
  test('is flat in every coin, far from liquidation, and the same after it was written and read', () => {
    const book = exampleBook(market)
    expect(parseBook(bookText(book), 'example')).toEqual(book)
    const { view } = suitedTo(market, book)
    for (const account of book.accounts) {
      if (account.margin === undefined) continue
      expect(marginRatio(marginEngine(account.margin).assess(account, view))).toBeGreaterThan(1.5)
    }
  })

  test('is written where it was asked for, and never over a file', async () => {
    const example = at('written', 'example.json')
    const { code, json } = await greeksOf({ example })
    expect([code, json.book.example]).toEqual([0, true])
    expect(Math.abs(json.table.total.deltaDollars)).toBeLessThan(0.005 * json.table.total.value)
    expect(readBook(example)).toEqual(exampleBook(market))
    await expect(greeksOf({ example })).rejects.toThrow('overwrite')
    const again = await greeksOf({ book: example })
    expect(again.json.table).toEqual(json.table)
    await expect(greeksOf({ book: example, example: at('other.json') })).rejects.toThrow('at once')
  })
})

describe('gimbal greeks', () => {
  test('its ladder is the integral of its delta, and starts from nothing', async () => {
    const { json } = await greeksOf({})
    for (const { rows } of json.ladders) {
      const now = rows.findIndex(({ factor }: { factor: number }) => factor === 1)
      expect(rows[now].profit).toBe(0)
      for (let i = 1; i < rows.length; i++) {
        const mean = (rows[i].delta + rows[i - 1].delta) / 2
        const gained = rows[i].profit - rows[i - 1].profit
        // The pool's own corner lies within one step: there the trapezoid is off by at most a share of it.
        expect(Math.abs(gained - mean * (rows[i].price - rows[i - 1].price))).toBeLessThan(200)
      }
    }
  })

  test('names what has no price, counts the rest, and ends with 3', async () => {
    const option = {
      kind: 'option',
      asset: 'DOGE',
      size: 5,
      right: 'call',
      strike: 1,
      expiry: '2026-03-01',
      settle: 'USDC',
    }
    const book = written('doge.json', { accounts: [{ venue: 'somewhere', balances: { BTC: 2 }, positions: [option] }] })
    const { code, json } = await greeksOf({ book })
    expect(code).toBe(3)
    expect(json.table.unpriced).toHaveLength(1)
    expect(json.table.unpriced[0].name).toContain('DOGE')
    expect(json.table.total.value).toBeCloseTo(2 * market.view.spot('BTC'), 6)
    await expect(stressOf({ book })).rejects.toThrow('DOGE')
  })

  test('buckets are cut as they are asked for; other words are refused', async () => {
    const { json } = await greeksOf({ strikes: 'strike', expiryDays: '7,60' })
    const cut = json.table.buckets.filter(({ strike }: { strike: string }) => strike !== '')
    expect(cut.map(({ expiry, strike }: Record<string, string>) => [expiry, strike])).toEqual([
      ['up to 60 d', '74000'],
      ['up to 60 d', '102000'],
    ])
    for (const strikes of ['gamma', 'strike:1,2', 'delta:0.5,x'])
      await expect(greeksOf({ strikes })).rejects.toThrow('--strikes')
  })
})

/** A short future with little behind it, beside a wallet with money. */
const THIN = {
  accounts: [
    {
      venue: 'hyperliquid',
      margin: 'hyperliquid',
      balances: { USDC: 20_000 },
      positions: [{ kind: 'perp', asset: 'BTC', size: -2, entry: 87_000, settle: 'USDC' }],
    },
    { venue: 'wallet', balances: { USDC: 100_000 } },
  ],
}

describe('gimbal margin', () => {
  test('accounts are liquidated where it says, and not a hundredth of a percent before', async () => {
    const { code, json } = await marginOf({})
    expect(code).toBe(0)
    const book = exampleBook(market)
    const { view } = suitedTo(market, book)
    let looked = 0
    for (const { account, liquidations } of json.accounts)
      for (const { asset, price, down, up } of liquidations)
        for (const [there, side] of [
          [down, 1],
          [up, -1],
        ] as const) {
          if (there === null) continue
          const held = book.accounts[account]!
          const ratio = (factor: number) =>
            marginRatio(marginEngine(held.margin!).assess(held, new ShiftedView(view, { spot: { [asset]: factor } })))
          expect(ratio((there / price) * (1 + 1e-4 * side))).toBeGreaterThanOrEqual(1)
          expect(ratio((there / price) * (1 - 1e-4 * side))).toBeLessThan(1)
          looked++
        }
    expect(looked).toBeGreaterThanOrEqual(4)
  })

  test('proposes the money that makes a thin account survive a fifth, and no more than a little', async () => {
    const book = written('thin.json', THIN)
    const { json } = await marginOf({ book })
    const [move] = json.moves.moves
    expect(json.moves.moves).toHaveLength(1)
    expect([move.from, move.to, move.currency]).toEqual(['wallet', 'hyperliquid', 'USDC'])
    const { view } = suitedTo(market, readBook(book))
    const [thin] = readBook(book).accounts
    const ratio = (units: number) => {
      const helped = { ...thin!, balances: { USDC: 20_000 + units } }
      return marginRatio(marginEngine('hyperliquid').assess(helped, new ShiftedView(view, { spot: { BTC: 1.2 } })))
    }
    expect(ratio(0)).toBeLessThan(1)
    expect(ratio(move.units)).toBeGreaterThanOrEqual(1)
    expect(ratio(move.units - move.cost)).toBeCloseTo(1, 3)
    expect(move.units).toBeLessThan(50_000)
  })

  test('an account that can be liquidated now, or whose venue does not carry what it holds, ends with 3', async () => {
    const [account] = THIN.accounts
    const gone = { accounts: [{ ...account, balances: { USDC: 1000 } }] }
    const now = await marginOf({ book: written('gone.json', gone) })
    expect([now.code, now.json.accounts[0].liquidatable]).toEqual([3, true])
    const option = {
      kind: 'option',
      asset: 'BTC',
      size: 1,
      right: 'put',
      strike: 80_000,
      expiry: '2026-01-31',
      settle: 'BTC',
    }
    const alien = { accounts: [{ ...account, positions: [option] }] }
    const refused = await marginOf({ book: written('alien.json', alien) })
    expect(refused.code).toBe(3)
    expect(refused.json.accounts[0].refusal).toContain('80000')
    expect(refused.json.moves.refusal).toContain('hyperliquid')
  })

  test('what has no price is named and ends with 3, whether or not a venue counts it', async () => {
    const [account] = THIN.accounts
    const coins = { accounts: [{ ...account, balances: { USDC: 20_000, WIF: 5 } }] }
    const counted = await marginOf({ book: written('coins.json', coins) })
    expect([counted.code, counted.json.book.value]).toEqual([3, null])
    expect(counted.json.unpriced[0].missing).toEqual(['price of WIF'])
    expect(counted.json.accounts[0].maintenance).toBeGreaterThan(0)
    const loose = { accounts: [{ venue: 'wallet', balances: { WIF: 5 } }] }
    expect((await marginOf({ book: written('loose.json', loose) })).code).toBe(3)
  })

  test('an option that has expired is said to be taken at spot', async () => {
    const gone = {
      kind: 'option',
      asset: 'BTC',
      size: 1,
      right: 'put',
      strike: 1e6,
      expiry: '2020-01-31',
      settle: 'BTC',
    }
    const { json } = await marginOf({
      book: written('past.json', { accounts: [{ venue: 'wallet', positions: [gone] }] }),
    })
    expect(json.market.assumptions.join()).toMatch(/2020-01-31.*expired/)
  })

  test('perpetuals placed anew keep the deltas', async () => {
    const { json } = await marginOf({ optimise: true })
    const { feasible, trades } = json.optimised
    expect(feasible).toBe(true)
    const [bought, sold] = [
      trades.filter((t: { size: number }) => t.size > 0),
      trades.filter((t: { size: number }) => t.size < 0),
    ]
    const sum = (list: { size: number }[]) => list.reduce((total, { size }) => total + size, 0)
    expect(Math.abs(sum(bought) + sum(sold))).toBeLessThan(0.02)
    await expect(
      marginOf({ optimise: true, book: written('none.json', { accounts: [{ venue: 'w', balances: { BTC: 1 } }] }) }),
    ).rejects.toThrow('--optimise')
  })

  test('a desk says what its capital costs, what it must survive and what moving money takes', async () => {
    const account = (venue: string, USDC: number, size: number) => ({
      venue, margin: 'hyperliquid', balances: { USDC },
      positions: [{ kind: 'perp', asset: 'BTC', size, entry: 90_000, settle: 'USDC' }],
    }) // biome-ignore format: an account
    const book = written('two.json', { accounts: [account('poor', 40_000, 1), account('rich', 1e6, -0.1)] })
    const calm = await marginOf({ book, survive: '1' })
    const wild = await marginOf({ book, survive: '60', transferFee: '40', transferTime: '2d' })
    expect(calm.json.moves).toMatchObject({ survived: ['all coins −1 %', 'all coins +1 %'], moves: [] })
    const [move] = wild.json.moves.moves
    expect(move).toMatchObject({ from: 'rich', to: 'poor', cost: 40, takesUs: 2 * 86_400e6 })
    const wide = await marginOf({ book, optimise: true, sigmas: '20', capitalRate: '50', horizon: '1d' })
    const near = await marginOf({ book, optimise: true, sigmas: '1', capitalRate: '50', horizon: '1d' })
    expect(near.json.optimised.horizonDays).toBe(1)
    expect(wide.json.optimised.capitalAdded).toBeGreaterThan(near.json.optimised.capitalAdded)
    for (const wrong of [{ survive: '100' }, { sigmas: '0' }, { capitalRate: '-1' }, { transferTime: 'soon' }])
      await expect(marginOf({ book, ...wrong })).rejects.toMatchObject({ code: 'argument-invalid' })
  })
})

describe('gimbal stress', () => {
  test('every dollar of every scenario has its cause, in words or by name', async () => {
    const { code, json } = await stressOf({ scenario: ['melt-up', 'spot BTC -30%, vol +20, depth x0.1'] })
    expect(code).toBe(0)
    expect(json.scenarios.map(({ name }: { name: string }) => name)).toEqual([
      'melt-up',
      'spot BTC -30%, vol +20, depth x0.1',
    ])
    for (const { start, end, losses } of json.scenarios) {
      const lost = Object.values(losses as Record<string, number>).reduce((sum, loss) => sum + loss, 0)
      expect(start - end - lost).toBeCloseTo(0, 4)
    }
    expect(json.heatMap.volatilities).toContain(0)
    expect(json.tailMissing).toContain('catalog')
    await expect(stressOf({ scenario: ['the sky falls'] })).rejects.toThrow('not understood')
  })

  test('a book that does not survive ends with 3, with breakers or without', async () => {
    const [account] = THIN.accounts
    const debtor = {
      accounts: [
        {
          ...account,
          margin: 'deribit-standard',
          venue: 'deribit',
          balances: { USDC: 25_000 },
          positions: account!.positions,
        },
      ],
    }
    const book = written('debtor.json', debtor)
    for (const breakers of [true, false]) {
      const { code, json } = await stressOf({ book, breakers, scenario: ['spot * +40%'] })
      expect([code, json.deadly, json.rules.length > 0]).toEqual([3, ['spot * +40%'], breakers])
      // Breakers that read messages are said not to have been there, unless nobody asked for breakers.
      const unwatched = json.unwatched.map(({ breaker }: { breaker: string }) => breaker)
      expect(unwatched.includes('stale-data')).toBe(breakers)
    }
  })

  test('gas in gwei is refused where nothing tells what ETH costs, before a figure is no number', async () => {
    const file = at('market.json')
    const facts = {
      time: '2026-01-05T12:00:00Z',
      spot: { BTC: 90_000 },
      volatility: { BTC: 0.5 },
      transactionCost: { wallet: 3 },
    }
    writeFileSync(file, JSON.stringify(facts))
    const book = written('wallet.json', { accounts: [{ venue: 'wallet', balances: { BTC: 1 } }] })
    await expect(stressOf({ market: file, book, scenario: ['may-2021'] })).rejects.toThrow('gwei')
    expect((await stressOf({ market: file, book, scenario: ['gap-down'] })).code).toBe(0)
  })

  test('value at risk of a coin is that of its price: the hundredth worst day of the bars, counted by hand', async () => {
    const file = at('BTC_USDT_USDT-5m-futures.csv')
    writeBars(file, 12 * 24 * 12, 300_000, 7)
    const catalog = at('catalog')
    await runImport(new Catalog(catalog), bars, await openInput(file))
    const closes = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => Number(line.split(',')[4]))
    // Bars close on the hour after every twelfth.
    const hourly = closes.filter((_, bar) => bar % 12 === 11)
    const losses: number[] = []
    for (let hour = 24; hour < hourly.length; hour++)
      losses.push(3 * hourly.at(-1)! * (1 - hourly[hour]! / hourly[hour - 24]!))
    losses.sort((a, b) => a - b)
    const book = written('coin.json', { accounts: [{ venue: 'wallet', balances: { BTC: 3 } }] })
    const { json } = await stressOf({ catalog, book, scenario: ['gap-down'] })
    expect(json.tail.horizonUs).toBe(86_400e6)
    expect(json.tail.shocks).toBe(losses.length)
    expect(json.tail.worst).toBeCloseTo(losses.at(-1)!, 4)
    expect(json.tail.valueAtRisk).toBeCloseTo(losses[Math.ceil(losses.length * 0.99) - 1]!, 4)
  })
})

test('two sources, and options that belong to another, are refused', async () => {
  await expect(run(surface, { ...asked('x'), chain: 'a', market: 'b' })).rejects.toThrow('two sources')
  await expect(run(surface, { ...asked('x'), bars: '5m' })).rejects.toThrow('--catalog')
  await expect(run(surface, { ...asked('x'), at: '2026-01-05' })).rejects.toThrow('belongs to a catalog')
  await expect(greeksOf({ book: at('nowhere.json') })).rejects.toThrow('cannot be read')
})

test.skipIf(!existsSync(CHAIN))(
  'every line of the real chain’s file is a quote of the market (skipped where the recordings are absent)',
  async () => {
    const { chains } = await deskMarket({ chain: CHAIN })
    const lines = gunzipSync(readFileSync(CHAIN)).toString().trim().split('\n')
    expect(chains.reduce((rows, { quotes }) => rows + quotes.right.length, 0)).toBe(lines.length - 1)
  },
)
