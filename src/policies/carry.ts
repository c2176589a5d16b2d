/**
 * @file Funding carry: short the perpetual, long the spot, as long as funding is expected to pay for it.
 *
 * When to hold. Recent funding, exponentially smoothed, is expected to go on for a holding time; a pair is entered when
 * that exceeds the fees of both legs both ways and a multiple of the basis's deviation (what is lost if the basis is
 * that much wider at the exit), and left when smoothed funding falls below an exit rate. The costs between the two are
 * the hysteresis. The other way round (long perpetual, short spot) is not done: spot cannot be sold short here.
 *
 * How much. A share of equity is spread over the pairs; of each pair's share the spot leg takes what leaves the
 * perpetual its margin at the target leverage. When the perpetual's loss (the spot's gain) pushes its leverage over the
 * limit, both legs are cut together: selling spot turns the gain into collateral.
 *
 * How. In slices, both legs of a slice at once, each by a limit order at the touch and after a timeout at market. While
 * the legs are unequal only the one that evens them is traded, so that never much more than a slice is unhedged. A leg
 * the venue refuses again and again is given up: the other is brought back to it and the pair rests for an hour, then two,
 * up to a week.
 *
 * The position is the account's: no other policy should trade the same instruments.
 */

import { HOUR_US, SECOND_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import { readSettings, type SettingsOf, type SettingValue } from '../core/settings.ts'
import { ExponentialMoments } from '../features/exponentialMoments.ts'
import { atomsPerUnit, dollarLike, type Instrument, type Universe } from '../market/instrument.ts'
import type { MarketState } from '../market/marketState.ts'
import type { OrderEvent } from '../market/order.ts'
import type { Policy, PolicyContext } from './policy.ts'

export const CARRY_SETTINGS = {
  pairs: {
    default: '',
    doc: 'SPOT/PERP names, comma-separated; empty: for each coin its spot and its linear perpetual, of one venue if possible.',
  },
  capitalShare: {
    default: 0.7,
    min: 0.01,
    max: 1,
    doc: 'Share of equity put to work, over all pairs, margin included; two thirds of it in spot at the target leverage of 2, which must lie at the spot venue.',
  },
  leverageTarget: {
    default: 2,
    min: 0.1,
    max: 50,
    doc: 'Worth of the short perpetuals over their collateral when entering and after a cut.',
  },
  leverageMax: { default: 4, min: 0.1, max: 50, doc: 'Above this worth over collateral both legs are cut.' },
  holdingHours: { default: 336, min: 1, doc: 'Time over which funding is expected to pay for entry and exit.' },
  fundingHalfLifeHours: { default: 72, min: 0.1, doc: 'Memory of the smoothed funding.' },
  fundingsMin: { default: 3, min: 1, doc: 'Fundings heard before anything is entered.' },
  basisHalfLifeHours: { default: 72, min: 0.1, doc: 'Memory of the deviation of the basis.' },
  basisRisk: { default: 1, min: 0, doc: 'Deviations of the basis that expected funding must also pay for.' },
  entryEdgeBps: {
    default: 0,
    doc: 'What must be left of expected funding over the holding time, after costs, to enter.',
  },
  exitYearly: { default: 0, doc: 'A pair is left when smoothed funding falls below this yearly rate, as a fraction.' },
  deltaBand: {
    default: 0.02,
    min: 0.0001,
    max: 1,
    doc: 'Legs unequal by more than this share of the pair are evened.',
  },
  sizeBand: {
    default: 0.25,
    min: 0.01,
    max: 10,
    doc: 'A pair is resized when its worth is off by more than this share.',
  },
  sliceNotional: {
    default: 10_000,
    min: 0,
    doc: 'Most worth of one slice in the quote currency; bounds what is unhedged.',
  },
  limitSeconds: {
    default: 30,
    min: 1,
    doc: 'How long a leg waits as a limit order before it goes to market; on bars, two bars at least.',
  },
  decisionSeconds: { default: 60, min: 0.1, doc: 'Time between decisions on one pair.' },
  staleSeconds: { default: 60, min: 1, doc: 'No trading on a price older than this, or two and a half bars.' },
} as const

type Settings = SettingsOf<typeof CARRY_SETTINGS>

const HOURS_PER_YEAR = 365 * 24
/** Refusals in a row after which a leg is given up, how long the pair then rests at first, and at most: each time it doubles. */
const REFUSALS_MAX = 3
const REST_US = HOUR_US
const REST_MAX_US = 7 * 24 * HOUR_US

/** One side of a pair. Sizes are in base units, as they are all that spot and perpetual have in common. */
class Leg {
  readonly index: number
  readonly market: MarketState
  readonly instrument: Instrument
  /** Base units of one lot. */
  readonly lotBase: number
  orderId = 0
  deadlineUs = 0
  /** The next order goes to market: a limit order of this change has timed out. */
  urgent = false
  /** Whether the order under way is a limit order, to be followed by a market order. */
  patient = false
  /** No new order before this: the last one found nothing, or was refused. */
  pausedUntilUs = Number.NEGATIVE_INFINITY
  refusals = 0

  constructor(index: number, market: MarketState) {
    this.index = index
    this.market = market
    this.instrument = market.instrument
    this.lotBase = baseOfLot(market.instrument)
  }

  get price(): number {
    return this.market.referenceTick * this.instrument.ticks.size
  }
}

class Pair {
  readonly spot: Leg
  readonly perp: Leg
  /** The coarser of both lots: smaller differences cannot be traded away. */
  readonly step: number
  readonly funding: ExponentialMoments
  readonly basis: ExponentialMoments
  fundedUs = Number.NEGATIVE_INFINITY
  /** Base units wanted long in spot and short in the perpetual. */
  target = 0
  /** Whether the legs are being brought to the target. */
  working = false
  /** Whether to skip limit orders: the margin is at stake. */
  hurried = false
  adopted = false
  nextUs = Number.NEGATIVE_INFINITY
  restUntilUs = Number.NEGATIVE_INFINITY
  restUs = REST_US

  constructor(spot: Leg, perp: Leg, settings: Settings) {
    this.spot = spot
    this.perp = perp
    this.step = Math.max(spot.lotBase, perp.lotBase)
    this.funding = new ExponentialMoments(settings.fundingHalfLifeHours * HOUR_US)
    this.basis = new ExponentialMoments(settings.basisHalfLifeHours * HOUR_US)
  }
}

/** Base units of one lot of a spot or linear contract. */
function baseOfLot(instrument: Instrument): number {
  return instrument.lots.size * Number(instrument.spec.multiplier)
}

/** What entering a pair is expected to bring, all in basis points of its worth over the holding time. */
export interface CarryOutlook {
  readonly fundingBps: number
  readonly feesBps: number
  readonly basisRiskBps: number
  readonly netBps: number
}

/**
 * Weighs a pair: expected funding less taker fees of both legs both ways and the risk of the basis.
 *
 * @param fundingPerHour Smoothed funding rate per hour, as a fraction; positive is received by the short.
 * @param basisDeviation Standard deviation of perpetual ÷ spot − 1.
 */
export function carryOutlook(
  fundingPerHour: number,
  holdingHours: number,
  spotTakerBps: number,
  perpTakerBps: number,
  basisDeviation: number,
  basisRisk: number,
): CarryOutlook {
  const fundingBps = fundingPerHour * holdingHours * 10_000
  const feesBps = 2 * (spotTakerBps + perpTakerBps)
  const basisRiskBps = basisRisk * basisDeviation * 10_000
  return { fundingBps, feesBps, basisRiskBps, netBps: fundingBps - feesBps - basisRiskBps }
}

/**
 * By how much worth both legs must be cut so that the perpetual's worth is `leverage` times its collateral.
 *
 * @param worth Worth of the short perpetuals. @param collateral Cash and unrealised profit behind them.
 * @param refills Whether the spot sold is paid in the collateral's currency: its price then adds to the collateral.
 */
export function deleveragingCut(worth: number, collateral: number, leverage: number, refills: boolean): number {
  const cut = (worth - leverage * collateral) / (refills ? 1 + leverage : 1)
  return Math.min(worth, Math.max(0, cut))
}

export class Carry implements Policy {
  readonly name = 'carry'
  readonly settings: Settings
  readonly #indices: readonly (readonly [spot: number, perp: number])[]
  #pairs: readonly Pair[] = []
  readonly #pairOf: Pair[] = []
  #context!: PolicyContext

  private constructor(settings: Settings, indices: readonly (readonly [number, number])[]) {
    this.settings = settings
    this.#indices = indices
  }

  /** @throws {GimbalError} `config-invalid`, `instrument-unknown`. */
  static fromSettings(given: Readonly<Record<string, SettingValue>>, universe: Universe): Carry {
    const settings = readSettings('policy carry', CARRY_SETTINGS, given)
    if (settings.leverageMax <= settings.leverageTarget)
      throw new GimbalError('config-invalid', 'Policy carry cuts to a leverage it would cut again', {
        leverageTarget: settings.leverageTarget,
        leverageMax: settings.leverageMax,
      })
    return new Carry(settings, choosePairs(universe, settings.pairs))
  }

  start(context: PolicyContext): readonly number[] {
    this.#context = context
    this.#pairs = this.#indices.map(([spot, perp]) => {
      const pair = new Pair(new Leg(spot, context.market(spot)), new Leg(perp, context.market(perp)), this.settings)
      this.#pairOf[spot] = pair
      this.#pairOf[perp] = pair
      return pair
    })
    return this.#indices.flat()
  }

  onMarket(index: number): void {
    const pair = this.#pairOf[index]
    const { market } = pair.perp
    if (market.fundedUs !== pair.fundedUs && market.fundingIntervalUs > 0) {
      pair.fundedUs = market.fundedUs
      pair.funding.add(market.fundedUs, market.fundingRate / (market.fundingIntervalUs / HOUR_US))
    }
    const nowUs = this.#context.clock.nowUs
    if (nowUs >= pair.nextUs && this.#fresh(pair, nowUs)) {
      pair.nextUs = nowUs + this.settings.decisionSeconds * SECOND_US
      this.#decide(pair, nowUs)
      this.#work(pair, nowUs)
    }
  }

  onOrder(event: OrderEvent): void {
    const pair = this.#pairOf[event.instrument]
    const leg = event.instrument === pair.spot.index ? pair.spot : pair.perp
    if (event.kind === 'filled') {
      leg.refusals = 0
      if (event.leavesLots <= 0) leg.urgent = false
    }
    // A market order that found too little is not repeated at once: there is nothing yet that it could find.
    const unfilled = (event.kind === 'cancelled' || event.kind === 'expired') && !leg.patient
    if (event.kind === 'rejected' || unfilled) this.#pause(leg)
    if (event.kind === 'rejected') this.#refused(pair, leg)
    const nowUs = this.#context.clock.nowUs
    if (this.#fresh(pair, nowUs)) this.#work(pair, nowUs)
  }

  onTimer(): void {
    const nowUs = this.#context.clock.nowUs
    for (const pair of this.#pairs) if (pair.working && this.#fresh(pair, nowUs)) this.#work(pair, nowUs)
  }

  /** Whether both prices are recent and of the same moment. */
  #fresh(pair: Pair, nowUs: number): boolean {
    const { spot, perp } = pair
    for (const { market } of [spot, perp]) {
      const barred = !market.hasBook && market.barUs > Number.NEGATIVE_INFINITY
      const allowedUs = Math.max(this.settings.staleSeconds * SECOND_US, barred ? 2.5 * market.barDurationUs : 0)
      if (!(market.referenceTick > 0) || market.down || nowUs - market.quotedUs > allowedUs) return false
      if (!market.quoted && !barred) return false
    }
    // A basis between bars of different times would be mostly the market's move in between.
    const bars = !spot.market.quoted && !perp.market.quoted
    return !bars || spot.market.barUs === perp.market.barUs
  }

  #held(leg: Leg): number {
    return this.#context.portfolio.lots(leg.index) * leg.lotBase
  }

  /** Sets the pair's target. */
  #decide(pair: Pair, nowUs: number): void {
    const { spot, perp, step } = pair
    if (!pair.adopted) this.#adopt(pair)
    pair.basis.add(nowUs, perp.price / spot.price - 1)
    const held = Math.min(this.#held(spot), -this.#held(perp))
    const before = pair.target
    const fundingYearly = pair.funding.mean * HOURS_PER_YEAR

    pair.hurried = false
    if (pair.target > 0) {
      if (fundingYearly < this.settings.exitYearly && nowUs >= pair.restUntilUs) pair.target = 0
      else {
        this.#resize(pair, held)
        // What was just refused is not asked for again at once: every try costs the other leg its fees.
        if (nowUs < pair.restUntilUs) pair.target = Math.min(pair.target, before)
      }
    } else if (nowUs >= pair.restUntilUs && pair.funding.count >= this.settings.fundingsMin) {
      const { takerBps: spotBps } = spot.instrument
      const { holdingHours, basisRisk, entryEdgeBps } = this.settings
      const { mean } = pair.funding
      const outlook = carryOutlook(
        mean,
        holdingHours,
        spotBps,
        perp.instrument.takerBps,
        pair.basis.deviation,
        basisRisk,
      )
      if (outlook.netBps > entryEdgeBps && fundingYearly >= this.settings.exitYearly) pair.target = this.#size(pair)
    }
    const uneven = Math.abs(this.#held(spot) + this.#held(perp))
    const size = Math.max(pair.target, Math.abs(this.#held(spot)), Math.abs(this.#held(perp)))
    if (pair.target !== before || uneven > Math.max(step / 2, this.settings.deltaBand * size)) pair.working = true
  }

  /** After a restart: orders of before are cancelled, the smaller leg held is taken for the target. */
  #adopt(pair: Pair): void {
    pair.adopted = true
    for (const leg of [pair.spot, pair.perp]) this.#context.cancelAll(leg.index)
    const held = Math.min(this.#held(pair.spot), -this.#held(pair.perp))
    pair.target = Math.max(0, roundDown(held, pair.step))
  }

  /** Base units for a pair at the current equity. */
  #size(pair: Pair): number {
    const { capitalShare, leverageTarget } = this.settings
    const capital = (capitalShare * this.#context.portfolio.equity) / this.#pairs.length
    const worth = capital / (1 + 1 / leverageTarget)
    return worth > 0 ? roundDown(worth / pair.spot.price, pair.step) : 0
  }

  /** Keeps a held pair at its size and its margin safe. */
  #resize(pair: Pair, held: number): void {
    const { leverageMax, leverageTarget, sizeBand } = this.settings
    const { settle } = pair.perp.instrument
    const portfolio = this.#context.portfolio
    let collateral = portfolio.cashAtoms(settle) / atomsPerUnit(settle)
    let worth = 0
    for (const { perp } of this.#pairs) {
      if (perp.instrument.settle !== settle) continue
      collateral += portfolio.unrealisedAtoms(perp.index) / atomsPerUnit(settle)
      worth += Math.abs(this.#held(perp)) * perp.market.markPrice
    }
    if (worth > leverageMax * collateral) {
      const cut = deleveragingCut(worth, collateral, leverageTarget, pair.spot.instrument.settle === settle)
      // Each pair gives up the same share of itself.
      pair.target = roundDown(held * (1 - cut / worth), pair.step)
      pair.hurried = true
      return
    }
    const wanted = this.#size(pair)
    if (!pair.working && Math.abs(wanted - pair.target) > sizeBand * pair.target) pair.target = wanted
  }

  /** Takes the next step towards the target, unless one is under way. */
  #work(pair: Pair, nowUs: number): void {
    if (!pair.working) return
    const { spot, perp, step, target } = pair
    // Both are looked at: each may have a limit order to give up.
    const spotBusy = this.#busy(spot, nowUs)
    const perpBusy = this.#busy(perp, nowUs)
    if (spotBusy || perpBusy) return

    const spotGap = target - this.#held(spot)
    const perpGap = -target - this.#held(perp)
    const uneven = this.#held(spot) + this.#held(perp)
    const half = step / 2
    if (Math.abs(spotGap) < half && Math.abs(perpGap) < half) {
      pair.working = false
      spot.urgent = perp.urgent = false
      return
    }
    const slice = Math.max(step, roundDown(this.settings.sliceNotional / spot.price, step))
    if (Math.abs(uneven) >= half) {
      const most = Math.min(slice, Math.abs(uneven))
      const sign = -Math.sign(uneven)
      // The gaps add up to −uneven, so one of them at least points the way that evens the legs.
      if (perpGap * sign >= half) this.#trade(pair, perp, sign * Math.min(most, Math.abs(perpGap)), nowUs)
      else this.#trade(pair, spot, sign * Math.min(most, Math.abs(spotGap)), nowUs)
      return
    }
    const size = Math.min(slice, Math.abs(spotGap))
    this.#trade(pair, spot, Math.sign(spotGap) * size, nowUs)
    this.#trade(pair, perp, -Math.sign(spotGap) * size, nowUs)
  }

  #pause(leg: Leg): void {
    const { market } = leg
    const pauseUs = Math.max(SECOND_US, market.quoted ? 0 : market.barDurationUs)
    leg.pausedUntilUs = this.#context.clock.nowUs + pauseUs
    this.#context.schedule(leg.pausedUntilUs, 'retry')
  }

  /** Whether a leg's order is still under way, or the leg pauses; a limit order past its time is cancelled, and market follows. */
  #busy(leg: Leg, nowUs: number): boolean {
    const order = leg.orderId === 0 ? undefined : this.#context.order(leg.orderId)
    if (!order) {
      leg.orderId = 0
      if (nowUs < leg.pausedUntilUs) return true
      return this.#context.orders().some(({ instrument }) => instrument === leg.index)
    }
    if (leg.patient && nowUs >= leg.deadlineUs && order.state === 'open') {
      leg.urgent = true
      this.#context.cancel(order.id)
    }
    return this.#context.order(leg.orderId) !== undefined
  }

  /** Sends one order for a signed change in base units. */
  #trade(pair: Pair, leg: Leg, change: number, nowUs: number): void {
    const lots = Math.round(Math.abs(change) / leg.lotBase)
    if (lots === 0) return
    const { market } = leg
    const side = change > 0 ? 1 : -1
    const patient = !leg.urgent && !pair.hurried
    // Joining the own side of the touch; where there are only bars, their close.
    const touch = market.quoted ? (side > 0 ? market.bestBid : market.bestAsk) : Math.round(market.referenceTick)
    const reduces = leg === pair.perp && side > 0
    leg.orderId = this.#context.submit({
      instrument: leg.index,
      side,
      lots,
      type: patient ? 'limit' : 'market',
      tick: patient ? touch : 0,
      reduceOnly: reduces,
      tag: pair.target > 0 ? (pair.hurried ? 'carry margin' : 'carry') : 'carry exit',
    })
    leg.patient = patient
    if (leg.orderId === 0) {
      this.#pause(leg)
      this.#refused(pair, leg)
      return
    }
    if (!patient) return
    const barUs = market.quoted ? 0 : market.barDurationUs
    leg.deadlineUs = nowUs + Math.max(this.settings.limitSeconds * SECOND_US, Math.ceil(2.1 * barUs))
    this.#context.schedule(leg.deadlineUs, 'limit')
  }

  /** A leg was refused: tried again after a pause, and given up after a few times. */
  #refused(pair: Pair, leg: Leg): void {
    leg.refusals++
    leg.orderId = 0
    if (leg.refusals < REFUSALS_MAX) return
    leg.refusals = 0
    pair.restUntilUs = this.#context.clock.nowUs + pair.restUs
    pair.restUs = Math.min(2 * pair.restUs, REST_MAX_US)
    // What cannot be traded sets the size; the other leg follows it, at market.
    const stuck = leg === pair.spot ? this.#held(leg) : -this.#held(leg)
    pair.target = Math.max(0, roundDown(stuck, pair.step))
    const other = leg === pair.spot ? pair.perp : pair.spot
    other.urgent = true
  }
}

/** Largest multiple of `step` not above `value`, forgiving rounding of the division. */
function roundDown(value: number, step: number): number {
  return Math.floor(value / step + 1e-9) * step
}

function isSpot({ kind, spec }: Instrument): boolean {
  return kind === 'spot' && dollarLike(spec.quote)
}

function isLinearPerp({ kind, spec, inverse }: Instrument): boolean {
  return kind === 'perp' && !inverse && dollarLike(spec.settle)
}

/** Pairs as named, or for each coin the best match of its spot and perpetuals. */
function choosePairs(universe: Universe, named: string): [number, number][] {
  const wanted = 'a spot and a linear perpetual of one coin, against dollars: BTC-USDT-SPOT@a/BTC-USDT-PERP@b'
  const pairs: [number, number][] = []
  for (const text of named.split(',').filter((each) => each.trim() !== '')) {
    const [spot, perp, rest] = text.split('/').map((each) => each.trim())
    if (!spot || !perp || rest !== undefined) throw unpaired(wanted, text)
    const pair: [number, number] = [universe.index(spot), universe.index(perp)]
    const [a, b] = pair.map((index) => universe.at(index))
    if (!isSpot(a) || !isLinearPerp(b) || a.spec.base !== b.spec.base) throw unpaired(wanted, text)
    pairs.push(pair)
  }
  if (named.trim() !== '') return pairs
  const all = [...universe.instruments.entries()]
  const bases = new Set(all.filter(([, each]) => isSpot(each)).map(([, each]) => each.spec.base))
  for (const base of bases) {
    const likeness = (spot: Instrument, perp: Instrument) =>
      Number(spot.venue === perp.venue) * 2 + Number(spot.spec.quote === perp.spec.settle) * 4
    let best: { readonly pair: [number, number]; readonly score: number } | undefined
    for (const [i, spot] of all.filter(([, each]) => isSpot(each) && each.spec.base === base))
      for (const [j, perp] of all.filter(([, each]) => isLinearPerp(each) && each.spec.base === base)) {
        const score = likeness(spot, perp)
        if (!best || score > best.score) best = { pair: [i, j], score }
      }
    if (best) pairs.push(best.pair)
  }
  if (pairs.length === 0) throw unpaired(wanted, universe.instruments.map(({ id }) => id).join(' '))
  return pairs
}

function unpaired(wanted: string, found: string): GimbalError {
  return new GimbalError('config-invalid', 'Policy carry finds no pair', { wanted, found })
}
