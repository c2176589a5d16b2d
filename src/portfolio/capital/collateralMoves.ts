/**
 * @file Which collateral to send where, so that every account is as far from liquidation as wanted, at the least cost and in time.
 *
 * A mixed-integer program: what is sent on each route is a column, what a route costs whatever is sent is a switch, and what accounts ask are
 * planes of their engines (`marginNeed.ts`). Money leaves at once and counts again when it arrives.
 */

import { GimbalError } from '../../core/errors.ts'
import type { Book, VenueAccount } from '../book.ts'
import { type NamedMove, withdrawable } from '../collateral.ts'
import { exposedAssets, liquidationPrices } from '../margin/liquidation.ts'
import type { MarginEngine } from '../margin/marginEngine.ts'
import { marginEngine } from '../margin/registry.ts'
import { type MarketView, ShiftedView } from '../marketView.ts'
import { CuttingPlanes } from './cuttingPlanes.ts'
import { LinearProgram, type LinearSolver } from './linearProgram.ts'
import { MarginNeed, type NeedColumn, type TestedView } from './marginNeed.ts'

/** A way for one currency from one account to another. */
export interface TransferRoute {
  readonly name: string
  /** Indexes into the book's accounts. */
  readonly from: number
  readonly to: number
  readonly currency: string
  /** Most and least units a transfer; absent: what there is, and anything. */
  readonly most?: number
  readonly least?: number
  /** Dollars a transfer: the venue's fee for withdrawing and gas, both taken from what is sent. */
  readonly withdrawalFee: number
  readonly gas: number
  /** Of a bridge, a fraction of what is sent. */
  readonly bridgeShare: number
  /** How long it takes, microseconds. */
  readonly takesUs: number
}

/** What every account is to have. */
export interface WantedCollateral {
  /** Moves to be survived: no pool below maintenance. */
  readonly moves: readonly NamedMove[]
  /** Equity of every pool at least this many times initial margin; 1 is the venue's own rule. */
  readonly marginRatio: number
  /** Only what arrives by then counts, and only routes that do are taken. */
  readonly byUs: number
}

/** One transfer to make. */
export interface ProposedMove {
  readonly route: string
  readonly from: string
  readonly to: string
  readonly currency: string
  /** Sent and arriving. */
  readonly units: number
  readonly arriving: number
  readonly arrivesUs: number
  /** Dollars: withdrawal and gas, and the bridge's share. */
  readonly cost: number
}

/** An account before and after. */
export interface MovedAccount {
  readonly venue: string
  /** Least cushion over pools, now and after every move, dollars; below 0 the wish is not met. */
  readonly before: number
  readonly after: number
  /**
   * Nearest liquidation over all assets it depends on, as |ln(price there / price now)|; Infinity where there is none, 0 where it may be liquidated now.
   * Without moves on their way, and when all have arrived.
   */
  readonly distanceBefore: number
  readonly distanceAfter: number
}

export interface MoveProposal {
  /** False: routes and free money do not suffice; what is proposed comes nearest, and `missing` says what lacks, dollars an account. */
  readonly feasible: boolean
  readonly missing: readonly { readonly venue: string; readonly dollars: number }[]
  readonly moves: readonly ProposedMove[]
  readonly cost: number
  /** When the last has arrived; the view's time where nothing is moved. */
  readonly doneUs: number
  readonly accounts: readonly MovedAccount[]
  /** The account with the least distance before, and what it gains; undefined without margined accounts. */
  readonly weakest: MovedAccount | undefined
}

/** Asks `ratio` times the initial margin. */
function demanding(engine: MarginEngine, ratio: number): MarginEngine {
  if (ratio === 1) return engine
  return {
    ...engine,
    assess(account, market) {
      const report = engine.assess(account, market)
      return { ...report, pools: report.pools.map((pool) => ({ ...pool, initial: ratio * pool.initial })) }
    },
  }
}

function requireRoutes(book: Book, market: MarketView, routes: readonly TransferRoute[], wanted: WantedCollateral) {
  if (!(wanted.marginRatio >= 0 && wanted.marginRatio < 1e6)) {
    throw new GimbalError('argument-invalid', 'A margin ratio is an amount', { marginRatio: wanted.marginRatio })
  }
  const names = new Set<string>()
  for (const { name, from, to, currency, withdrawalFee, gas, bridgeShare, takesUs, most = 0, least = 0 } of routes) {
    const figures = { withdrawalFee, gas, bridgeShare, takesUs, most, least, price: market.spot(currency) }
    const wrong = Object.entries(figures).find(([, value]) => !(value >= 0 && Number.isFinite(value)))
    const sense = book.accounts[from] && book.accounts[to] && from !== to && !names.has(name) && bridgeShare < 1
    names.add(name)
    if (sense && !wrong) continue
    throw new GimbalError('argument-invalid', 'A route for collateral makes no sense', {
      route: name,
      from,
      to,
      ...(wrong && { figure: wrong[0], value: wrong[1] }),
    })
  }
}

/** Units that may leave today: all there are, but where a venue asks more of who withdraws than the program does. */
function leaving(account: VenueAccount, currency: string, market: MarketView): number {
  const held = Math.max(0, account.balances[currency] ?? 0)
  if (account.margin === undefined || held === 0) return held
  const engine = marginEngine(account.margin)
  const strict = engine.assess(account, market).pools.some(({ toWithdraw }) => toWithdraw !== undefined)
  return strict ? withdrawable(engine, account, currency, market) : held
}

/** Nearest liquidation over all assets, as |ln move|. */
function distance(account: VenueAccount, market: MarketView): number {
  const engine = marginEngine(account.margin!)
  let least = Number.POSITIVE_INFINITY
  for (const asset of exposedAssets(account)) {
    const { price, down, up } = liquidationPrices(engine, account, asset, market)
    for (const there of [down, up]) if (there > 0) least = Math.min(least, Math.abs(Math.log(there / price)))
  }
  return least
}

function withUnits(account: VenueAccount, changes: readonly { currency: string; units: number }[]): VenueAccount {
  const balances: Record<string, number> = { ...account.balances }
  for (const { currency, units } of changes) balances[currency] = (balances[currency] ?? 0) + units
  return { ...account, balances }
}

/**
 * Proposes transfers at the least cost. What is already on its way and arrives in time counts where it goes.
 *
 * @throws {GimbalError} `argument-invalid` for routes without sense and unknown prices; `solver-failed`; as the engines do.
 */
export function proposeMoves(
  book: Book,
  market: MarketView,
  routes: readonly TransferRoute[],
  wanted: WantedCollateral,
  solver: LinearSolver,
): MoveProposal {
  requireRoutes(book, market, routes, wanted)
  const program = new LinearProgram()
  const zero = program.column('nothing', 0, 0, 0)
  const open = routes.filter(({ takesUs }) => market.timeUs + takesUs <= wanted.byUs)
  const placed = open.map((route) => {
    const price = market.spot(route.currency)
    const held = leaving(book.accounts[route.from]!, route.currency, market)
    const most = Math.min(route.most ?? held, held)
    const fixed = route.withdrawalFee + route.gas
    const sent = program.column(`send ${route.name}`, route.bridgeShare * price, 0, most)
    const arrived = program.column(`arrive ${route.name}`, 0, 0, most)
    // A millionth of a cent an hour: of two ways that cost the same the faster.
    const on = program.column(`use ${route.name}`, fixed + (1e-8 * route.takesUs) / 3.6e9, 0, 1, 'switch')
    const infinite = Number.POSITIVE_INFINITY
    program.row(`at most ${route.name}`, -infinite, 0, [
      [sent, 1],
      [on, -most],
    ])
    program.row(`at least ${route.name}`, 0, infinite, [
      [sent, 1],
      [on, -Math.min(route.least ?? 0, most)],
    ])
    if ((route.least ?? 0) > most) program.columns[on]!.upper = 0
    program.row(`arrives ${route.name}`, 0, 0, [
      [arrived, 1],
      [sent, route.bridgeShare - 1],
      [on, fixed / price],
    ])
    return { route, price, sent, arrived, on, fixed }
  })
  for (const [index, { balances }] of book.accounts.entries()) {
    for (const currency of new Set(placed.map(({ route }) => route.currency))) {
      const leaving = placed.filter(({ route }) => route.from === index && route.currency === currency)
      if (leaving.length > 0) {
        const most = Math.max(0, balances[currency] ?? 0)
        program.row(
          `${currency} at ${book.accounts[index]!.venue}`,
          Number.NEGATIVE_INFINITY,
          most,
          leaving.map(({ sent }) => [sent, 1] as const),
        )
      }
    }
  }
  const views: TestedView[] = [
    { name: 'now', market, asks: 'initial' },
    ...wanted.moves.map(({ name, shift }) => ({
      name,
      market: new ShiftedView(market, shift),
      asks: 'maintenance' as const,
    })),
  ]
  const ruled: { index: number; need: MarginNeed; slack: number; start: VenueAccount }[] = []
  for (const [index, account] of book.accounts.entries()) {
    if (account.margin === undefined) continue
    const touching = placed.filter(({ route }) => route.from === index || route.to === index)
    const coming = book.inTransit.filter(({ to, arrivesUs }) => to === account.venue && arrivesUs <= wanted.byUs)
    const start = withUnits(account, [
      ...coming,
      ...touching.map(({ route: { currency } }) => ({ currency, units: 0 })),
    ])
    const columns = touching.map(
      ({ route, sent, arrived }): NeedColumn => ({
        plus: route.from === index ? sent : arrived,
        minus: zero,
        kind: 'balance',
        range: Math.max(1e-9, program.columns[sent]!.upper),
      }),
    )
    const at = (values: readonly number[]) =>
      withUnits(
        start,
        touching.map(({ route: { from, currency } }, k) => ({
          currency,
          units: from === index ? -values[k]! : values[k]!,
        })),
      )
    const engine = demanding(marginEngine(account.margin), wanted.marginRatio)
    const need = new MarginNeed(account.venue, engine, columns, views, at)
    ruled.push({ index, need, slack: program.column(`${account.venue} short`, 0, 0, 0), start })
  }
  const planes = new CuttingPlanes(
    { program, needs: ruled.map(({ need }) => need), slacks: ruled.map(({ slack }) => slack), quadratics: [] },
    solver,
  )
  let { answer } = planes.solve(false, 1e-4)
  const feasible = answer.status === 'optimal'
  if (!feasible) {
    // A dollar of margin missed is worth any fee: the least missing first, the least cost second.
    for (const { slack } of ruled)
      Object.assign(program.columns[slack]!, { upper: Number.POSITIVE_INFINITY, cost: 1e4 })
    answer = planes.solve(false, 1e-4).answer
  }
  if (answer.status !== 'optimal') {
    throw new GimbalError('solver-failed', 'No transfers were found, nor what is missing', { solver: solver.name })
  }
  const { values } = answer
  const moves = placed
    .filter(({ sent, on, price }) => values[on]! > 0.5 && values[sent]! * price > 1e-6)
    .map(({ route, sent, arrived, price, fixed }): ProposedMove => {
      const units = values[sent]!
      return {
        route: route.name,
        from: book.accounts[route.from]!.venue,
        to: book.accounts[route.to]!.venue,
        currency: route.currency,
        units,
        arriving: values[arrived]!,
        arrivesUs: market.timeUs + route.takesUs,
        cost: fixed + route.bridgeShare * units * price,
      }
    })
  const cushion = (need: MarginNeed, at: readonly number[]) => {
    let least = Number.POSITIVE_INFINITY
    for (const { dollars } of need.shortfalls(at)) least = Math.min(least, -dollars)
    return least
  }
  const accounts = ruled.map(({ need, index }): MovedAccount => {
    const decided = need.values(values)
    const none = decided.map(() => 0)
    const account = book.accounts[index]!
    return {
      venue: account.venue,
      before: cushion(need, none),
      after: cushion(need, decided),
      distanceBefore: distance(account, market),
      distanceAfter: distance(need.account(decided), market),
    }
  })
  let weakest: MovedAccount | undefined
  for (const each of accounts) if (!weakest || each.distanceBefore < weakest.distanceBefore) weakest = each
  return {
    feasible,
    missing: ruled.flatMap(({ slack, need }) =>
      values[slack]! > 1e-3 ? [{ venue: need.name, dollars: values[slack]! }] : [],
    ),
    moves,
    cost: moves.reduce((sum, { cost }) => sum + cost, 0),
    doneUs: moves.reduce((last, { arrivesUs }) => Math.max(last, arrivesUs), market.timeUs),
    accounts,
    weakest,
  }
}
