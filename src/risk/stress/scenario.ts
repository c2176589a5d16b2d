/**
 * @file The language of stress: what happens to markets, venues and bridges, and when.
 *
 * A scenario is a path of steps. Each shock states a level relative to the market the scenario starts from ("BTC 30 % lower",
 * never "another 30 %"), and holds until a later step states it anew; so a step can be read by itself. With `everyUs` the market
 * moves evenly between steps (prices, depth and gas evenly in their logarithm), without it it jumps. Plain data that survives JSON;
 * the short form for a command line is in `scenarioText.ts`.
 */

import { GimbalError } from '../../core/errors.ts'
import { dollarLike } from '../../market/instrument.ts'

/** Every asset, or every venue. */
export const EVERY = '*'

/** Price times `factor`. Of every asset that is no dollar coin and has no shock of its own, where `asset` is `*`. */
export interface SpotShock {
  readonly shock: 'spot'
  readonly asset: string
  readonly factor: number
}

/**
 * What the move of one asset does to those that have no spot shock of their own: their log return is `to` × ratio × its log return.
 * At 1 everything moves as one. The ratio of an asset (its volatility over the given one's) is 1 unless listed.
 */
export interface CorrelationShock {
  readonly shock: 'correlation'
  readonly given: string
  readonly to: number
  readonly ratios: Readonly<Record<string, number>>
}

/** Volatility times `factor` plus `add`, a fraction a year, at every expiry and strike. */
export interface VolatilityShock {
  readonly shock: 'volatility'
  readonly asset: string
  readonly factor: number
  readonly add: number
}

/**
 * Skew: volatility gains `add` for each tenth of log-moneyness a strike lies below its forward, and loses as much above it, up to
 * three tenths on either side.
 */
export interface SkewShock {
  readonly shock: 'skew'
  readonly asset: string
  readonly add: number
}

/** Term structure: volatility gains `add` × √(7 days / time to expiry), time not below a day: the short end moves more. */
export interface TermShock {
  readonly shock: 'term'
  readonly asset: string
  readonly add: number
}

/** Marks of perpetuals move against spot by this fraction of it. */
export interface BasisShock {
  readonly shock: 'basis'
  readonly asset: string
  readonly venue: string
  readonly add: number
}

/** Funding times a factor, or set to a fraction of notional a day that longs pay. */
export interface FundingShock {
  readonly shock: 'funding'
  readonly asset: string
  readonly venue: string
  readonly mode: 'factor' | 'per-day'
  readonly value: number
}

/** Depth of books times `factor`. */
export interface DepthShock {
  readonly shock: 'depth'
  readonly asset: string
  readonly venue: string
  readonly factor: number
}

/** Spreads, those of options included, times `factor`. */
export interface SpreadWidening {
  readonly shock: 'spread'
  readonly asset: string
  readonly venue: string
  readonly factor: number
}

/**
 * Cost of a transaction on chain venues: times a factor, set to dollars, or set to a price of gas, for transactions of 300,000 gas
 * paid in ETH at its shocked price. Venues that cost nothing before cost nothing now.
 */
export interface GasShock {
  readonly shock: 'gas'
  readonly venue: string
  readonly mode: 'factor' | 'dollars' | 'gwei'
  readonly value: number
}

/** A dollar coin is worth `price` dollars. */
export interface DepegShock {
  readonly shock: 'depeg'
  readonly currency: string
  readonly price: number
}

/** Venues and lenders count this share less of the asset as collateral; what it is worth does not change. */
export interface HaircutShock {
  readonly shock: 'haircut'
  readonly asset: string
  readonly haircut: number
}

/**
 * `down`: nobody trades there, the venue's own liquidations included. `unreachable`: the venue goes on and liquidates, and we
 * cannot act there. From the step on for `forUs`; to the end when absent.
 */
export interface VenueShock {
  readonly shock: 'venue'
  readonly venue: string
  readonly state: 'down' | 'unreachable'
  readonly forUs?: number
}

/** Transfers from and to the venue do not arrive. */
export interface BridgeShock {
  readonly shock: 'bridge'
  readonly venue: string
  readonly forUs?: number
}

/**
 * The price a venue margins by. `frozen`: for `us` it stays what it was before this step. `lag`: from here on it is what was true
 * `us` ago. Trades happen at the true price all the same.
 */
export interface OracleShock {
  readonly shock: 'oracle'
  readonly venue: string
  readonly mode: 'frozen' | 'lag'
  readonly us: number
}

export type Shock =
  | SpotShock
  | CorrelationShock
  | VolatilityShock
  | SkewShock
  | TermShock
  | BasisShock
  | FundingShock
  | DepthShock
  | SpreadWidening
  | GasShock
  | DepegShock
  | HaircutShock
  | VenueShock
  | BridgeShock
  | OracleShock

/** What is stated at one time. */
export interface ScenarioStep {
  /** Since the scenario began. */
  readonly atUs: number
  readonly shocks: readonly Shock[]
}

/** Whether implied volatility stays with its strike or with its distance from the forward when spot moves. */
export type Stickiness = 'strike' | 'moneyness'

export interface Scenario {
  readonly name: string
  /** A sentence for people: what it is and, for history, what is fact and what is assumed. */
  readonly about: string
  /** Where its numbers come from; empty for invented ones. */
  readonly sources: readonly string[]
  readonly sticky: Stickiness
  /** Length of the moments between steps; absent: the market jumps. */
  readonly everyUs?: number
  /** How long the market stays as it is after the last step. */
  readonly holdUs: number
  /** By time, ascending. */
  readonly steps: readonly ScenarioStep[]
}

type Kind = Shock['shock']
type Check = readonly [rule: string, holds: (value: unknown) => boolean]

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)
const NAME: Check = [
  'a name without spaces or any of , ; : @',
  (v) => typeof v === 'string' && v !== 'all' && /^[^\s,;:@]+$/.test(v),
]
const POSITIVE: Check = ['a number above 0', (v) => isNumber(v) && v > 0]
const NUMBER: Check = ['a finite number', isNumber]
const TIME: Check = ['a whole number of microseconds, 0 or more', (v) => Number.isSafeInteger(v) && (v as number) >= 0]
const DURATION: Check = ['a whole number of microseconds above 0', (v) => Number.isSafeInteger(v) && (v as number) > 0]
const CORRELATION: Check = ['a number from −1 to 1', (v) => isNumber(v) && v >= -1 && v <= 1]
const oneOf = (...allowed: string[]): Check => [`one of ${allowed.join(', ')}`, (v) => allowed.includes(v as string)]
const RATIOS: Check = [
  'assets with a number above 0 each',
  (v) =>
    typeof v === 'object' &&
    v !== null &&
    !Array.isArray(v) &&
    Object.entries(v).every(([asset, ratio]) => NAME[1](asset) && POSITIVE[1](ratio)),
]

/** Fields of each shock, in the order in which messages name them. */
const FIELDS: Readonly<Record<Kind, Readonly<Record<string, Check>>>> = {
  spot: { asset: NAME, factor: POSITIVE },
  correlation: { given: NAME, to: CORRELATION, ratios: RATIOS },
  volatility: { asset: NAME, factor: POSITIVE, add: NUMBER },
  skew: { asset: NAME, add: NUMBER },
  term: { asset: NAME, add: NUMBER },
  basis: { asset: NAME, venue: NAME, add: ['a number above −1', (v) => isNumber(v) && v > -1] },
  funding: { asset: NAME, venue: NAME, mode: oneOf('factor', 'per-day'), value: NUMBER },
  depth: { asset: NAME, venue: NAME, factor: POSITIVE },
  spread: { asset: NAME, venue: NAME, factor: POSITIVE },
  gas: { venue: NAME, mode: oneOf('factor', 'dollars', 'gwei'), value: POSITIVE },
  depeg: {
    currency: [
      'a dollar coin (USDC, USDT, DAI …); move other assets with spot',
      (v) => typeof v === 'string' && dollarLike(v),
    ],
    price: POSITIVE,
  },
  haircut: { asset: NAME, haircut: ['a share from 0 to 1', (v) => isNumber(v) && v >= 0 && v <= 1] },
  venue: { venue: NAME, state: oneOf('down', 'unreachable'), forUs: DURATION },
  bridge: { venue: NAME, forUs: DURATION },
  oracle: { venue: NAME, mode: oneOf('frozen', 'lag'), us: DURATION },
}
const OPTIONAL = new Set(['forUs'])

/** Names of all shocks. */
export const SHOCKS: readonly Kind[] = Object.keys(FIELDS) as Kind[]

function refuse(at: string, expected: string, found: unknown): never {
  const text = typeof found === 'object' ? JSON.stringify(found) : String(found)
  throw new GimbalError('config-invalid', 'Unusable stress scenario', { at, expected, found: text })
}

function record(value: unknown, at: string, known: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(at, 'an object', value)
  for (const field of Object.keys(value)) if (!known.includes(field)) refuse(at, `fields ${known.join(', ')}`, field)
  return value as Record<string, unknown>
}

function checkShock(value: unknown, at: string): Shock {
  const kind = (value as { shock?: unknown } | null)?.shock as Kind
  if (!Object.hasOwn(FIELDS, String(kind))) refuse(`${at}.shock`, `one of ${SHOCKS.join(', ')}`, kind)
  const fields = FIELDS[kind]
  const shock = record(value, at, ['shock', ...Object.keys(fields)])
  for (const [field, [rule, holds]] of Object.entries(fields)) {
    if (shock[field] === undefined && OPTIONAL.has(field)) continue
    if (!holds(shock[field])) refuse(`${at}.${field}`, rule, shock[field])
  }
  // A negative price of gas or a factor below zero passes NUMBER and means nothing.
  if (kind === 'funding' && shock['mode'] === 'factor' && !((shock['value'] as number) >= 0))
    refuse(`${at}.value`, 'a factor, 0 or more', shock['value'])
  return shock as unknown as Shock
}

/**
 * Returns a scenario read from JSON when every part of it makes sense.
 *
 * @param value `about`, `sources`, `sticky` and `holdUs` may be left out.
 * @throws {GimbalError} `config-invalid`, naming the place, what stands there and what may.
 */
export function checkScenario(value: unknown): Scenario {
  const given = record(value, 'scenario', ['name', 'about', 'sources', 'sticky', 'everyUs', 'holdUs', 'steps'])
  const { name, about = '', sources = [], sticky = 'strike', everyUs, holdUs = 0, steps } = given
  if (typeof name !== 'string' || name === '') refuse('scenario.name', 'a name', name)
  if (typeof about !== 'string') refuse('scenario.about', 'a sentence', about)
  if (!Array.isArray(sources) || sources.some((each) => typeof each !== 'string'))
    refuse('scenario.sources', 'a list of texts', sources)
  if (sticky !== 'strike' && sticky !== 'moneyness') refuse('scenario.sticky', 'strike or moneyness', sticky)
  if (everyUs !== undefined && !DURATION[1](everyUs)) refuse('scenario.everyUs', DURATION[0], everyUs)
  if (!TIME[1](holdUs)) refuse('scenario.holdUs', TIME[0], holdUs)
  if (!Array.isArray(steps) || steps.length === 0) refuse('scenario.steps', 'at least one step', steps)
  let lastUs = -1
  const checked = steps.map((each, index): ScenarioStep => {
    const at = `scenario.steps[${index}]`
    const { atUs, shocks } = record(each, at, ['atUs', 'shocks'])
    if (!TIME[1](atUs)) refuse(`${at}.atUs`, TIME[0], atUs)
    if ((atUs as number) <= lastUs) refuse(`${at}.atUs`, 'a time after that of the step before', atUs)
    lastUs = atUs as number
    if (!Array.isArray(shocks)) refuse(`${at}.shocks`, 'a list', shocks)
    const list = shocks.map((shock, place) => checkShock(shock, `${at}.shocks[${place}]`))
    const slots = list.map(slotOf)
    const twice = slots.find((slot, place) => slots.indexOf(slot) !== place)
    if (twice !== undefined) refuse(`${at}.shocks`, 'one level for each thing in a step', twice)
    return { atUs: atUs as number, shocks: list }
  })
  const moments = Math.ceil(
    (lastUs + (holdUs as number)) / ((everyUs as number | undefined) ?? Number.POSITIVE_INFINITY),
  )
  if (moments > MOMENTS_MAX) refuse('scenario.everyUs', `at most ${MOMENTS_MAX} moments in all`, moments)
  return {
    name,
    about,
    sources: sources as string[],
    sticky,
    ...(everyUs === undefined ? {} : { everyUs: everyUs as number }),
    holdUs: holdUs as number,
    steps: checked,
  }
}

/** What a shock is a level of: a later shock of one slot replaces an earlier one. */
export function slotOf(shock: Shock): string {
  switch (shock.shock) {
    case 'correlation':
      return 'correlation'
    case 'depeg':
      return `depeg ${shock.currency}`
    case 'venue':
    case 'bridge':
    case 'gas':
      return `${shock.shock} ${shock.venue}`
    case 'oracle':
      return `oracle ${shock.mode} ${shock.venue}`
    case 'basis':
    case 'funding':
    case 'depth':
    case 'spread':
      return `${shock.shock} ${shock.venue} ${shock.asset}`
    default:
      return `${shock.shock} ${shock.asset}`
  }
}

/** Most moments of one scenario: each is a revaluation of everything. */
const MOMENTS_MAX = 5000

function momentTimes(steps: readonly ScenarioStep[], everyUs: number | undefined, holdUs: number): number[] {
  const times = new Set<number>([0])
  const lastUs = steps.at(-1)!.atUs
  const endUs = lastUs + holdUs
  for (const { atUs, shocks } of steps) {
    times.add(atUs)
    for (const shock of shocks) {
      // What opens again is looked at when it does, if the scenario lasts that long.
      const untilUs = shock.shock === 'venue' || shock.shock === 'bridge' ? shock.forUs : frozenUs(shock)
      if (untilUs !== undefined && atUs + untilUs <= endUs) times.add(atUs + untilUs)
    }
  }
  if (everyUs !== undefined) for (let atUs = everyUs; atUs < endUs; atUs += everyUs) times.add(atUs)
  times.add(endUs)
  return [...times].sort((a, b) => a - b)
}

function frozenUs(shock: Shock): number | undefined {
  return shock.shock === 'oracle' && shock.mode === 'frozen' ? shock.us : undefined
}

/** Levels in force at one moment, by slot; switches (venue, bridge, oracle) are asked of {@link Timeline}. */
export type Levels = ReadonlyMap<string, Shock>

export interface Moment {
  readonly atUs: number
  readonly levels: Levels
}

/** A scenario laid out in time: the levels of each moment, and which venues, bridges and oracles work at it. */
export class Timeline {
  readonly scenario: Scenario
  readonly moments: readonly Moment[]

  constructor(scenario: Scenario) {
    this.scenario = scenario
    const { steps, everyUs, holdUs } = scenario
    this.moments = momentTimes(steps, everyUs, holdUs).map((atUs) => ({ atUs, levels: levelsAt(scenario, atUs) }))
  }

  /** Whether we, and whether anybody, can act at a venue at moment `index`. */
  venueState(venue: string, index: number): 'up' | 'down' | 'unreachable' {
    let state: 'up' | 'down' | 'unreachable' = 'up'
    for (const shock of this.#active(index)) {
      if (shock.shock !== 'venue' || !matches(shock.venue, venue)) continue
      if (shock.state === 'down') return 'down'
      state = 'unreachable'
    }
    return state
  }

  /** Whether transfers from or to a venue are held up at moment `index`. */
  bridgeStuck(venue: string, index: number): boolean {
    for (const shock of this.#active(index)) if (shock.shock === 'bridge' && matches(shock.venue, venue)) return true
    return false
  }

  /** The moment whose prices a venue margins by at moment `index`; −1 for the market before the scenario began. */
  oracleMoment(venue: string, index: number): number {
    const { atUs } = this.moments[index]!
    let shown = index
    for (const { atUs: sinceUs, shocks } of this.scenario.steps) {
      if (sinceUs > atUs) break
      for (const shock of shocks) {
        if (shock.shock !== 'oracle' || !matches(shock.venue, venue)) continue
        if (shock.mode === 'frozen' && atUs < sinceUs + shock.us) shown = Math.min(shown, this.#lastBefore(sinceUs))
        if (shock.mode === 'lag') shown = Math.min(shown, this.#lastBefore(atUs - shock.us + 1))
      }
    }
    return shown
  }

  #lastBefore(timeUs: number): number {
    let last = -1
    for (const [index, { atUs }] of this.moments.entries()) if (atUs < timeUs) last = index
    return last
  }

  *#active(index: number): Iterable<Shock> {
    const { atUs } = this.moments[index]!
    for (const step of this.scenario.steps) {
      if (step.atUs > atUs) return
      for (const shock of step.shocks) {
        if (shock.shock !== 'venue' && shock.shock !== 'bridge') continue
        if (atUs < step.atUs + (shock.forUs ?? Number.POSITIVE_INFINITY)) yield shock
      }
    }
  }
}

function matches(pattern: string, name: string): boolean {
  return pattern === EVERY || pattern === name
}

/** Levels at a time: of the last step, and between two steps on the way from one to the next where the scenario moves evenly. */
export function levelsAt(scenario: Scenario, atUs: number): Levels {
  const levels = new Map<string, Shock>()
  let sinceUs = 0
  for (const step of scenario.steps) {
    if (step.atUs <= atUs) {
      for (const shock of step.shocks) levels.set(slotOf(shock), shock)
      sinceUs = step.atUs
      continue
    }
    if (scenario.everyUs !== undefined && step.atUs > sinceUs) {
      const share = (atUs - sinceUs) / (step.atUs - sinceUs)
      for (const shock of step.shocks) {
        const between = onTheWay(levels.get(slotOf(shock)), shock, share)
        if (between) levels.set(slotOf(shock), between)
      }
    }
    break
  }
  return levels
}

const even = (from: number, to: number, share: number) => from + (to - from) * share
const evenLog = (from: number, to: number, share: number) => from * (to / from) ** share

/** The level between two; undefined where a thing has no between and stays what it was. */
function onTheWay(from: Shock | undefined, to: Shock, share: number): Shock | undefined {
  switch (to.shock) {
    case 'spot':
    case 'depth':
    case 'spread':
      return { ...to, factor: evenLog((from as SpotShock | undefined)?.factor ?? 1, to.factor, share) }
    case 'volatility': {
      const before = from as VolatilityShock | undefined
      const factor = evenLog(before?.factor ?? 1, to.factor, share)
      return { ...to, factor, add: even(before?.add ?? 0, to.add, share) }
    }
    case 'skew':
    case 'term':
    case 'basis':
      return { ...to, add: even((from as SkewShock | undefined)?.add ?? 0, to.add, share) }
    case 'depeg':
      return { ...to, price: even((from as DepegShock | undefined)?.price ?? 1, to.price, share) }
    case 'haircut':
      return { ...to, haircut: even((from as HaircutShock | undefined)?.haircut ?? 0, to.haircut, share) }
    case 'funding':
    case 'gas': {
      const before = from as GasShock | undefined
      if (to.mode === 'factor' && (before === undefined || before.mode === 'factor'))
        return { ...to, value: even(before?.value ?? 1, to.value, share) }
      return before?.mode === to.mode ? { ...to, value: even(before.value, to.value, share) } : undefined
    }
    case 'correlation':
      // What follows another asset follows it all the way there.
      return to
    default:
      return undefined
  }
}
