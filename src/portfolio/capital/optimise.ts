/**
 * @file Wanted exposures with the least capital and cost: which contracts in which accounts, which collateral where.
 *
 * A mixed-integer program: lots are whole, least sizes and paid-for accounts are switches, exposures are rows, trading costs linear plus a
 * quadratic impact, capital is the own money in margined accounts. What venues ask of an account is not modelled but asked of their engines
 * and enters as planes (`marginNeed.ts`), today's initial margin and maintenance after every move to be survived. The answer is
 * assessed by the engines themselves before it is given.
 */

import { GimbalError } from '../../core/errors.ts'
import type { OptionPosition, Position, VenueAccount } from '../book.ts'
import { marginEngine } from '../margin/registry.ts'
import { withTrade } from '../margin/whatIf.ts'
import type { MarketView } from '../marketView.ts'
import { positionGreeks } from '../positionGreeks.ts'
import {
  type Candidate,
  type CapitalRequest,
  type Contract,
  type ExposureLimit,
  requireRequest,
  testedViews,
  unitPrice,
} from './capitalRequest.ts'
import { CuttingPlanes, type QuadraticCost, tangent } from './cuttingPlanes.ts'
import { LinearProgram, type LinearSolver, type ProgramAnswer } from './linearProgram.ts'
import { MarginNeed, type NeedColumn } from './marginNeed.ts'

/** A contract to trade. */
export interface PlacedTrade {
  readonly name: string
  readonly venue: string
  readonly account: number
  /** Signed: positive is bought. */
  readonly size: number
  /** Position after it, signed. */
  readonly held: number
  /** Mark, dollars a unit. */
  readonly price: number
  /** Spread, fee and impact, dollars. */
  readonly cost: number
}

/** Collateral to move into (or, negative, out of) an account. */
export interface PlacedCollateral {
  readonly account: number
  readonly venue: string
  readonly currency: string
  readonly units: number
  readonly dollars: number
}

/** An account after all of it, by its own engine. */
export interface PlacedAccount {
  readonly venue: string
  readonly engine: string
  /** Dollars. */
  readonly equity: number
  readonly initial: number
  readonly maintenance: number
  /** Where it is nearest to its rule: least cushion over pools and views, dollars, below 0 is missed. */
  readonly tightest: { readonly view: string; readonly pool: string; readonly cushion: number }
}

/** What holds the answer back, and what a little less of it would save. */
export interface BindingConstraint {
  readonly name: string
  readonly kind: 'exposure' | 'margin' | 'liquidity' | 'collateral' | 'accounts'
  /**
   * Dollars of objective a unit: of exposure, of contract, of currency, or a dollar of cushion. Of the program with its switches as
   * chosen and lots that may be split: with whole lots everything would be fixed and nothing have a price.
   */
  readonly price: number
}

/** Why a contract is in the answer: what a unit more of it costs and gives, dollars. */
export interface TradeReason {
  readonly name: string
  readonly trading: number
  /** Paid; negative is received. */
  readonly carry: number
  /** Charge on capital that its margin locks, at binding views. */
  readonly margin: number
  /** What it does for each exposure that binds. */
  readonly exposures: readonly { readonly limit: string; readonly worth: number }[]
  readonly text: string
}

/** The best without one account. */
export interface CapitalAlternative {
  readonly without: string
  readonly account: number
  /** Undefined where the exposures cannot be had without it. */
  readonly objective: number | undefined
  /** Dollars more than the answer. */
  readonly dearer: number | undefined
}

/** A rule that cannot be met, and by how much at the least. */
export interface Violation {
  readonly name: string
  readonly kind: 'exposure' | 'margin'
  /** In the limit's units, or dollars of margin. */
  readonly by: number
}

export interface CapitalAnswer {
  /** False: the rules cannot be met together; what is placed misses them by {@link violations}, the least there is. */
  readonly feasible: boolean
  readonly violations: readonly Violation[]
  readonly trades: readonly PlacedTrade[]
  readonly collateral: readonly PlacedCollateral[]
  readonly accounts: readonly (PlacedAccount | undefined)[]
  /** Dollars: charge × (capital put in) + trading + gas + collateral moves − carry of what is traded over the horizon. */
  readonly objective: number
  /** Own money put in less taken out, dollars. */
  readonly capitalAdded: number
  /** Equity of margined accounts afterwards, dollars. */
  readonly capital: number
  /** Initial margin of all accounts by their engines, dollars. */
  readonly initial: number
  readonly trading: number
  readonly gas: number
  readonly moving: number
  /** Received over the horizon by what is traded, dollars. */
  readonly carry: number
  /** Whole book afterwards, by limit. */
  readonly exposures: Readonly<Record<string, number>>
  readonly binding: readonly BindingConstraint[]
  readonly reasons: readonly TradeReason[]
  readonly alternatives: readonly CapitalAlternative[]
  /**
   * What planes ask beyond the engines at the answer, and engines beyond planes, dollars. The first is above noise only where an engine is not
   * convex: the answer is then safe, and a cheaper one may exist.
   */
  readonly agreement: { readonly overstated: number; readonly understated: number }
  readonly solves: number
  readonly planes: number
}

/** Columns of one candidate. */
interface Placed {
  readonly candidate: Candidate
  readonly held: number
  readonly buy: number
  readonly sell: number
  readonly long: number
  readonly short: number
  readonly impact: number
  readonly price: number
  /** Received a unit over the horizon, dollars. */
  readonly carry: number
  /** A unit's part in every limit. */
  readonly exposures: readonly number[]
}

/** Columns of one collateral choice. */
interface Moved {
  readonly account: number
  readonly currency: string
  readonly deposit: number
  readonly withdraw: number
  readonly price: number
  readonly cost: number
}

function sameTerms(position: Position, contract: Contract): position is Contract {
  if (position.kind !== contract.kind || position.asset !== contract.asset) return false
  if (!('settle' in position) || position.settle !== contract.settle) return false
  const held = position as Contract
  if (held.expiryUs !== contract.expiryUs) return false
  if (held.kind === 'option')
    return contract.kind === 'option' && held.strike === contract.strike && held.right === contract.right
  return contract.kind !== 'option' && held.payoff === contract.payoff && held.isolatedMargin === undefined
}

function heldOf(account: VenueAccount, contract: Contract): Contract | undefined {
  return account.positions.find((each): each is Contract => sameTerms(each, contract))
}

/** What is booked for `size` units bought at the mark: with an entry, or against cash. */
function booked(contract: Contract, size: number, price: number, settlePrice: number, held: Contract | undefined) {
  if (contract.kind !== 'option') {
    const { isolatedMargin: _, ...terms } = contract
    return { position: { ...terms, size, entry: price }, premium: 0 }
  }
  const { entry: _, ...terms } = contract
  const units = price / settlePrice
  if (held?.entry !== undefined) return { position: { ...terms, size, entry: units }, premium: 0 }
  return { position: { ...terms, size } as OptionPosition, premium: units * size }
}

function counted(limit: ExposureLimit, position: Position): boolean {
  if (limit.asset !== undefined && position.asset !== limit.asset) return false
  if (limit.fromUs === undefined && limit.toUs === undefined) return true
  const expiryUs = 'expiryUs' in position ? position.expiryUs : undefined
  if (expiryUs === undefined) return false
  return expiryUs >= (limit.fromUs ?? Number.NEGATIVE_INFINITY) && expiryUs < (limit.toUs ?? Number.POSITIVE_INFINITY)
}

/** A book's part in a limit before anything is traded. */
function exposureNow({ book, market }: CapitalRequest, limit: ExposureLimit): number {
  let sum = 0
  for (const { venue, balances, positions } of book.accounts) {
    for (const position of positions) {
      if (counted(limit, position)) sum += positionGreeks(position, venue, market)[limit.greek]
    }
    if (limit.greek === 'delta' && limit.fromUs === undefined && limit.toUs === undefined && limit.asset !== undefined)
      sum += balances[limit.asset] ?? 0
  }
  if (Number.isFinite(sum)) return sum
  throw new GimbalError('argument-invalid', 'The exposure of what is held is not known', { limit: limit.name })
}

/** A unit's part in a limit, its premium included where that is paid in the asset. */
function exposureOf(limit: ExposureLimit, position: Contract, premium: number, venue: string, market: MarketView) {
  if (!counted(limit, position)) return 0
  const own = positionGreeks(position, venue, market)[limit.greek]
  const bucketed = limit.fromUs !== undefined || limit.toUs !== undefined
  return limit.greek === 'delta' && !bucketed && position.settle === position.asset ? own - premium : own
}

/** The program of a request, with what is needed to read its answer. */
class CapitalProgram {
  readonly program = new LinearProgram()
  readonly placed: Placed[] = []
  readonly moved: Moved[] = []
  readonly switches: { readonly account: number; readonly column: number; readonly gas: number }[] = []
  readonly limitRows: number[] = []
  readonly limitSlacks: { readonly under: number; readonly over: number; readonly scale: number }[] = []
  readonly cashRows: { readonly currency: string; readonly row: number }[] = []
  readonly marginSlacks: number[] = []
  readonly marginScale: number
  readonly needs: MarginNeed[] = []
  readonly needAccounts: number[] = []
  readonly quadratics: QuadraticCost[] = []
  readonly now: number[]
  accountsRow = -1

  constructor(request: CapitalRequest) {
    const { book, market, limits } = request
    this.now = limits.map((limit) => exposureNow(request, limit))
    for (const candidate of request.candidates) this.#candidate(candidate, request)
    this.#collateral(request)
    this.#accounts(request)
    this.#limits(request)
    let scale = 1
    for (const { candidate, price } of this.placed) {
      const inverse = candidate.contract.kind !== 'option' && candidate.contract.payoff === 'inverse'
      scale += Math.max(candidate.buyMost, candidate.sellMost) * (inverse ? 1 : price)
    }
    this.marginScale = scale
    const views = testedViews(request)
    for (const [index, account] of book.accounts.entries()) {
      if (account.margin === undefined) continue
      this.needAccounts.push(index)
      this.marginSlacks.push(this.program.column(`${account.venue} short of margin`, 0, 0, 0))
      this.needs.push(this.#need(index, account, views, market))
    }
  }

  #candidate(candidate: Candidate, { book, market, limits, horizonDays }: CapitalRequest): void {
    const { program } = this
    const { contract, name, lot, sizeMin = 0, halfSpread, fee, impact } = candidate
    const account = book.accounts[candidate.account]!
    const same = heldOf(account, contract)
    const held = same?.size ?? 0
    const price = unitPrice(contract, account.venue, market)
    const { position, premium } = booked(contract, 1, price, market.spot(contract.settle), same)
    const carry = horizonDays * positionGreeks(position, account.venue, market).carry
    const most = (size: number) => (lot > 0 ? Math.floor(size / lot + 1e-9) * lot : size)
    const buyMost = most(candidate.buyMost)
    const sellMost = most(candidate.sellMost)
    const buy = program.column(`buy ${name}`, halfSpread + fee - carry, 0, buyMost)
    const sell = program.column(`sell ${name}`, halfSpread + fee + carry, 0, sellMost)
    const long = program.column(`long ${name}`, 0, 0, Math.max(0, held + buyMost))
    const short = program.column(`short ${name}`, 0, 0, Math.max(0, sellMost - held))
    program.row(`position ${name}`, held, held, [
      [long, 1],
      [short, -1],
      [buy, -1],
      [sell, 1],
    ])
    if (lot > 0) {
      const lots = program.column(`lots ${name}`, 0, -Math.round(sellMost / lot), Math.round(buyMost / lot), 'whole')
      program.row(`lots ${name}`, 0, 0, [
        [buy, 1],
        [sell, -1],
        [lots, -lot],
      ])
    }
    if (sizeMin > lot) this.#leastSize(name, sizeMin, buy, buyMost, sell, sellMost)
    let cost = -1
    if (impact > 0) {
      cost = program.column(`impact ${name}`, 1, 0, Number.POSITIVE_INFINITY)
      const quadratic = { cost, plus: buy, minus: sell, factor: impact }
      this.quadratics.push(quadratic)
      for (const share of [0.125, 0.25, 0.5, 1]) tangent(program, quadratic, share * Math.max(buyMost, sellMost))
    }
    const exposures = limits.map((limit) => exposureOf(limit, position, premium, account.venue, market))
    if (![carry, ...exposures].every(Number.isFinite)) {
      throw new GimbalError('argument-invalid', 'The Greeks of a candidate are not known', { name })
    }
    this.placed.push({ candidate, held, buy, sell, long, short, impact: cost, price, carry, exposures })
  }

  #leastSize(name: string, sizeMin: number, buy: number, buyMost: number, sell: number, sellMost: number): void {
    const { program } = this
    const ways: [number, number][] = []
    for (const [way, column, most] of [
      ['buy', buy, buyMost],
      ['sell', sell, sellMost],
    ] as const) {
      const on = program.column(`${way} ${name} at all`, 0, 0, most < sizeMin ? 0 : 1, 'switch')
      ways.push([on, 1])
      program.row(`${way} ${name} at most`, Number.NEGATIVE_INFINITY, 0, [
        [column, 1],
        [on, -most],
      ])
      program.row(`${way} ${name} at least`, 0, Number.POSITIVE_INFINITY, [
        [column, 1],
        [on, -sizeMin],
      ])
    }
    program.row(`one way ${name}`, 0, 1, ways)
  }

  #collateral({ collateral, market, capitalCharge, cash, book }: CapitalRequest): void {
    const { program } = this
    const sums = new Map<string, [number, number][]>()
    for (const { account, currency, depositMost, withdrawMost, cost = 0 } of collateral) {
      const price = market.spot(currency)
      const { venue, balances } = book.accounts[account]!
      const most = Math.min(withdrawMost, Math.max(0, balances[currency] ?? 0))
      const deposit = program.column(`${currency} to ${venue}`, price * (capitalCharge + cost), 0, depositMost)
      const withdraw = program.column(`${currency} from ${venue}`, price * (cost - capitalCharge), 0, most)
      this.moved.push({ account, currency, deposit, withdraw, price, cost })
      const sum = sums.get(currency) ?? []
      sums.set(currency, sum)
      sum.push([deposit, 1], [withdraw, -1])
    }
    for (const [currency, sum] of sums) {
      const row = program.row(`cash ${currency}`, Number.NEGATIVE_INFINITY, cash[currency] ?? 0, sum)
      this.cashRows.push({ currency, row })
    }
  }

  /** Switches of accounts, where trading there costs gas or their number is bounded. */
  #accounts({ book, market, accountsMost }: CapitalRequest): void {
    const { program } = this
    for (const [account, { venue }] of book.accounts.entries()) {
      const gas = market.transactionCost(venue)
      const here = this.placed.filter(({ candidate }) => candidate.account === account)
      if (here.length === 0 || (gas === 0 && accountsMost === undefined)) continue
      const column = program.column(`trade at ${venue}`, gas, 0, 1, 'switch')
      this.switches.push({ account, column, gas })
      for (const { buy, sell, candidate } of here) {
        const most = Math.max(program.columns[buy]!.upper, program.columns[sell]!.upper)
        program.row(`${candidate.name} only if ${venue}`, Number.NEGATIVE_INFINITY, 0, [
          [buy, 1],
          [sell, 1],
          [column, -most],
        ])
      }
    }
    if (accountsMost === undefined) return
    this.accountsRow = program.row(
      'accounts traded in',
      0,
      accountsMost,
      this.switches.map(({ column }) => [column, 1] as const),
    )
  }

  #limits({ limits }: CapitalRequest): void {
    const { program } = this
    for (const [i, { name, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY }] of limits.entries()) {
      const under = program.column(`${name} too low`, 0, 0, 0)
      const over = program.column(`${name} too high`, 0, 0, 0)
      const now = this.now[i]!
      let scale = 0
      for (const bound of [min, max, now]) if (Number.isFinite(bound)) scale = Math.max(scale, Math.abs(bound))
      for (const { exposures, candidate } of this.placed)
        if (scale === 0)
          scale = Math.abs(exposures[i]!) * Math.max(candidate.lot, candidate.buyMost, candidate.sellMost)
      this.limitSlacks.push({ under, over, scale: scale > 0 ? scale : 1 })
      const terms = this.placed.flatMap(({ buy, sell, exposures }): [number, number][] => [
        [buy, exposures[i]!],
        [sell, -exposures[i]!],
      ])
      this.limitRows.push(program.row(name, min - now, max - now, [...terms, [under, 1], [over, -1]]))
    }
  }

  #need(index: number, account: VenueAccount, views: ReturnType<typeof testedViews>, market: MarketView): MarginNeed {
    const traded = this.placed.filter(({ candidate }) => candidate.account === index)
    const moved = this.moved.filter((each) => each.account === index)
    const columns: NeedColumn[] = [
      ...traded.map(
        ({ long, short, candidate }): NeedColumn => ({
          plus: long,
          minus: short,
          kind: 'size',
          range: Math.max(candidate.buyMost, candidate.sellMost, 1e-9),
        }),
      ),
      ...moved.map(({ deposit, withdraw, price }): NeedColumn => {
        const { upper } = this.program.columns[deposit]!
        return {
          plus: deposit,
          minus: withdraw,
          kind: 'balance',
          range: Math.max(1e-9, Math.min(1e6 / price, Math.max(upper, this.program.columns[withdraw]!.upper))),
        }
      }),
    ]
    const balances: Record<string, number> = { ...account.balances }
    for (const { currency } of moved) balances[currency] ??= 0
    const start: VenueAccount = { ...account, balances }
    const at = (values: readonly number[]): VenueAccount => {
      let after = start
      for (const [j, { candidate, held, price }] of traded.entries()) {
        const size = values[j]! - held
        // Under a billionth of what may be traded there is nothing but the solver's rounding.
        if (Math.abs(size) <= 1e-9 * columns[j]!.range) continue
        const { contract } = candidate
        const settlePrice = market.spot(contract.settle)
        const { position, premium } = booked(contract, size, price, settlePrice, heldOf(account, contract))
        const cash = { [contract.settle]: -premium - costOf(candidate, size) / settlePrice }
        after = withTrade(after, { position, cash })
      }
      const moneyed: Record<string, number> = { ...after.balances }
      for (const [k, { currency }] of moved.entries()) moneyed[currency]! += values[traded.length + k]!
      return { ...after, balances: moneyed }
    }
    return new MarginNeed(`${account.venue}`, marginEngine(account.margin!), columns, views, at)
  }
}

/** Spread, fee and impact of a trade, dollars. */
export function costOf({ halfSpread, fee, impact }: Candidate, size: number): number {
  const amount = Math.abs(size)
  return amount * (halfSpread + fee + impact * amount)
}

/** Share of the objective at which planes are near enough to choose by. */
const NEAR = 2e-5

interface Solved {
  readonly answer: ProgramAnswer
  readonly missing: number
}

/** Planes by the relaxed program first, where rounds are cheap; then whole lots; then collateral to the cent. */
function settle(built: CapitalProgram, planes: CuttingPlanes): Solved | undefined {
  const { program } = built
  const size = (answer: ProgramAnswer) => Math.max(1, Math.abs(answer.objective))
  let near = NEAR
  const first = planes.solve(true, Math.max(1, 1e-5 * built.marginScale))
  if (first.answer.status !== 'optimal') return undefined
  const loose = planes.solve(true, near * size(first.answer))
  if (loose.answer.status !== 'optimal') return undefined
  for (let attempt = 0; ; attempt++) {
    const whole = planes.solve(false, near * size(loose.answer))
    if (whole.answer.status !== 'optimal') return undefined
    const free = holdTrades(built, whole.answer.values)
    const exact = planes.solve(false, Math.max(1e-3, 1e-8 * size(whole.answer)))
    for (const { column, lower, upper } of free) Object.assign(program.columns[column]!, { lower, upper })
    if (exact.answer.status === 'optimal') return exact
    // The money was just too little for what planes had overlooked: choose again with finer ones.
    if (attempt === 3) return undefined
    near *= 0.01
  }
}

/** Pins sizes and switches to an answer, whole ones exactly; the bounds they had. */
function holdTrades(built: CapitalProgram, values: Float64Array) {
  const { program, placed } = built
  const pinned: { column: number; lower: number; upper: number }[] = []
  const pin = (column: number, value: number) => {
    const { lower, upper } = program.columns[column]!
    pinned.push({ column, lower, upper })
    Object.assign(program.columns[column]!, { lower: value, upper: value })
  }
  for (const [column, { kind }] of program.columns.entries())
    if (kind !== 'real') pin(column, Math.round(values[column]!))
  for (const { buy, sell, candidate } of placed) {
    const net = values[buy]! - values[sell]!
    const size = candidate.lot > 0 ? Math.round(net / candidate.lot) * candidate.lot : net
    // A size that is none but for the solver's rounding is none.
    const clean = Math.abs(size) <= 1e-9 * Math.max(candidate.buyMost, candidate.sellMost) ? 0 : size
    pin(buy, Math.min(Math.max(0, clean), program.columns[buy]!.upper))
    pin(sell, Math.min(Math.max(0, -clean), program.columns[sell]!.upper))
  }
  return pinned
}

/** Lets every exposure and margin be missed and looks for the least of it, each measured against its own size. */
function relax(built: CapitalProgram, planes: CuttingPlanes): Solved | undefined {
  const { program, limitSlacks, marginSlacks, marginScale } = built
  const costs = program.columns.map(({ cost }) => cost)
  for (const column of program.columns) column.cost = 0
  for (const { under, over, scale } of limitSlacks) {
    Object.assign(program.columns[under]!, { upper: Number.POSITIVE_INFINITY, cost: 1e6 / scale })
    Object.assign(program.columns[over]!, { upper: Number.POSITIVE_INFINITY, cost: 1e6 / scale })
  }
  for (const slack of marginSlacks) {
    Object.assign(program.columns[slack]!, { upper: Number.POSITIVE_INFINITY, cost: 1e6 / marginScale })
  }
  const least = settle(built, planes)
  for (const [i, cost] of costs.entries()) program.columns[i]!.cost = cost
  if (!least) return undefined
  // Of all that misses no more than this, the cheapest.
  const close = (column: number, scale: number) => {
    program.columns[column]!.upper = least.answer.values[column]! + 1e-7 * scale
  }
  for (const { under, over, scale } of limitSlacks) for (const column of [under, over]) close(column, scale)
  for (const slack of marginSlacks) close(slack, marginScale * 1e-2)
  return settle(built, planes) ?? least
}

/**
 * Chooses trades and collateral.
 *
 * @throws {GimbalError} `argument-invalid` for a request without sense or with unknown prices, `margin-unsupported` for a contract its
 * venue does not carry, `solver-failed` where the solver gives up. Rules that cannot be met together are an answer, not an error.
 */
export function optimiseCapital(request: CapitalRequest, solver: LinearSolver): CapitalAnswer {
  requireRequest(request)
  const built = new CapitalProgram(request)
  const { program, needs, marginSlacks: slacks, quadratics } = built
  const planes = new CuttingPlanes({ program, needs, slacks, quadratics }, solver)
  const found = settle(built, planes)
  const solved = found ?? relax(built, planes)
  if (!solved) {
    throw new GimbalError('solver-failed', 'No placement was found, nor the least that is missing', {
      solver: solver.name,
      candidates: request.candidates.length,
    })
  }
  const { values } = solved.answer
  const overstated = planes.overstated(values)
  const explained = explain(request, built, planes, values, solver)
  const placement = read(request, built, values)
  return {
    feasible: found !== undefined,
    ...placement,
    ...explained,
    alternatives: found ? alternatives(request, built, planes, placement) : [],
    agreement: { overstated, understated: solved.missing },
    solves: planes.solves,
    planes: planes.margins.length,
  }
}

function read(request: CapitalRequest, built: CapitalProgram, values: Float64Array) {
  const { book, limits, capitalCharge } = request
  const trades: PlacedTrade[] = []
  let trading = 0
  let carry = 0
  const exposures = [...built.now]
  for (const { candidate, held, buy, sell, price, carry: unit, exposures: each } of built.placed) {
    const size = values[buy]! - values[sell]!
    if (size === 0) continue
    const cost = costOf(candidate, size)
    trading += cost
    carry += unit * size
    for (const [i, by] of each.entries()) exposures[i]! += by * size
    const { name, account } = candidate
    trades.push({ name, venue: book.accounts[account]!.venue, account, size, held: held + size, price, cost })
  }
  const collateral: PlacedCollateral[] = []
  let capitalAdded = 0
  let moving = 0
  for (const { account, currency, deposit, withdraw, price, cost } of built.moved) {
    const units = values[deposit]! - values[withdraw]!
    if (Math.abs(units * price) < 1e-6) continue
    capitalAdded += units * price
    moving += Math.abs(units) * price * cost
    collateral.push({ account, venue: book.accounts[account]!.venue, currency, units, dollars: units * price })
  }
  let gas = 0
  for (const { gas: each, account } of built.switches)
    if (trades.some((trade) => trade.account === account)) gas += each
  const accounts: (PlacedAccount | undefined)[] = book.accounts.map(() => undefined)
  for (const [n, index] of built.needAccounts.entries())
    accounts[index] = assessed(request, built.needs[n]!, index, values)
  const violations: Violation[] = []
  for (const [i, { name }] of limits.entries()) {
    const { under, over, scale } = built.limitSlacks[i]!
    const by = Math.max(values[under]!, values[over]!)
    if (by > 1e-6 * scale) violations.push({ name, kind: 'exposure', by })
  }
  for (const [n, slack] of built.marginSlacks.entries()) {
    if (values[slack]! > 1e-8 * built.marginScale)
      violations.push({ name: `margin ${built.needs[n]!.name}`, kind: 'margin', by: values[slack]! })
  }
  return {
    violations,
    trades,
    collateral,
    accounts,
    objective: capitalCharge * capitalAdded + trading + gas + moving - carry,
    capitalAdded,
    capital: accounts.reduce((sum, account) => sum + (account?.equity ?? 0), 0),
    initial: accounts.reduce((sum, account) => sum + (account?.initial ?? 0), 0),
    trading,
    gas,
    moving,
    carry,
    exposures: Object.fromEntries(limits.map(({ name }, i) => [name, exposures[i]!])),
  }
}

function assessed(
  { book, market }: CapitalRequest,
  need: MarginNeed,
  index: number,
  values: Float64Array,
): PlacedAccount {
  const decided = need.values(values)
  const { margin, venue } = book.accounts[index]!
  const report = marginEngine(margin!).assess(need.account(decided), market)
  let tightest = { view: 'now', pool: '', cushion: Number.POSITIVE_INFINITY }
  for (const { view, pool, dollars } of need.shortfalls(decided)) {
    if (-dollars < tightest.cushion) tightest = { view: need.views[view]!.name, pool, cushion: -dollars }
  }
  const { equity, initial, maintenance } = report
  return { venue, engine: report.engine, equity, initial, maintenance, tightest }
}

/** Prices of the rules at the answer, and each trade's balance in them. */
function explain(
  { limits, book }: CapitalRequest,
  built: CapitalProgram,
  planes: CuttingPlanes,
  values: Float64Array,
  solver: LinearSolver,
): { binding: BindingConstraint[]; reasons: TradeReason[] } {
  const { program, limitRows, cashRows, placed } = built
  const bounds = program.columns.map(({ lower, upper }) => ({ lower, upper }))
  for (const [i, column] of program.columns.entries()) {
    if (column.kind === 'switch') column.lower = column.upper = Math.round(values[i]!)
  }
  const { status, prices, reducedCosts } = solver.solve(program, true)
  for (const [i, each] of bounds.entries()) Object.assign(program.columns[i]!, each)
  if (status !== 'optimal') return { binding: [], reasons: [] }
  const binding: BindingConstraint[] = []
  const note = (name: string, kind: BindingConstraint['kind'], price: number) => {
    if (Math.abs(price) > 1e-9) binding.push({ name, kind, price })
  }
  for (const [i, row] of limitRows.entries()) note(limits[i]!.name, 'exposure', prices[row]!)
  const byRule = new Map<string, number>()
  const idle = built.needs.map((need) => need.account(need.values(values)).positions.length === 0)
  for (const { row, need } of planes.margins) {
    // An account that holds nothing is asked nothing, whatever price the program gives that.
    if (idle[need]) continue
    const { name } = program.rows[row]!
    byRule.set(name, (byRule.get(name) ?? 0) - prices[row]!)
  }
  for (const [name, price] of byRule) note(`margin ${name}`, 'margin', price)
  for (const { currency, row } of cashRows) note(`cash ${currency}`, 'collateral', prices[row]!)
  if (built.accountsRow >= 0) note('accounts traded in', 'accounts', prices[built.accountsRow]!)
  for (const { buy, sell } of placed) {
    for (const column of [buy, sell]) {
      const { upper, name } = program.columns[column]!
      if (upper > 0 && reducedCosts[column]! < 0 && values[column]! > 0) {
        note(`most of ${name}`, 'liquidity', reducedCosts[column]!)
      }
    }
  }
  const reasons: TradeReason[] = []
  for (const { candidate, buy, sell, long, short, held, carry, exposures } of placed) {
    const size = values[buy]! - values[sell]!
    if (size === 0) continue
    const way = Math.sign(size)
    const after = held + size
    let margin = 0
    for (const { row } of planes.margins) {
      if (prices[row] === 0) continue
      const { columns, coefficients } = program.rows[row]!
      const at = columns.indexOf(after > 0 || (after === 0 && way < 0) ? long : short)
      // A trade against what is held makes the side smaller.
      if (at >= 0) margin -= prices[row]! * coefficients[at]! * (Math.sign(after === 0 ? held : after) === way ? 1 : -1)
    }
    const amount = Math.abs(size)
    const trading = candidate.halfSpread + candidate.fee + 2 * candidate.impact * amount
    const worths = limits
      .map(({ name }, i) => ({ limit: name, worth: prices[limitRows[i]!]! * exposures[i]! * way }))
      .filter(({ worth }) => Math.abs(worth) > 1e-9)
    const dollars = (x: number) => `$${x.toPrecision(4)}`
    const text =
      `${way > 0 ? 'buy' : 'sell'} ${amount} ${candidate.name} at ${book.accounts[candidate.account]!.venue}: a unit costs ` +
      `${dollars(trading)} to trade, ${dollars(margin)} for margin, ${dollars(-way * carry)} of carry; ` +
      (worths.length === 0
        ? 'no exposure asks for it'
        : `it gives ${worths.map(({ limit, worth }) => `${dollars(worth)} of ${limit}`).join(', ')}`)
    reasons.push({ name: candidate.name, trading, carry: -way * carry, margin, exposures: worths, text })
  }
  return { binding, reasons }
}

/** Every account that is traded in, left out in turn. Planes found for the answer hold for these too. */
function alternatives(
  { book }: CapitalRequest,
  built: CapitalProgram,
  planes: CuttingPlanes,
  { trades, objective }: { readonly trades: readonly PlacedTrade[]; readonly objective: number },
): CapitalAlternative[] {
  const { program, placed } = built
  return [...new Set(trades.map(({ account }) => account))].map((account) => {
    const closed = placed
      .filter(({ candidate }) => candidate.account === account)
      .flatMap(({ buy, sell }) => [buy, sell])
    const uppers = closed.map((column) => program.columns[column]!.upper)
    for (const column of closed) program.columns[column]!.upper = 0
    const without = settle(built, planes)
    for (const [i, column] of closed.entries()) program.columns[column]!.upper = uppers[i]!
    const other = without?.answer.objective
    return {
      without: book.accounts[account]!.venue,
      account,
      objective: other,
      dearer: other === undefined ? undefined : other - objective,
    }
  })
}
