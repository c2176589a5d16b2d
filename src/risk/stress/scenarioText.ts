/**
 * @file Scenarios in one line, for a command line and for reports.
 *
 *   spot BTC -30%, vol +20, funding BTC x3, depth x0.1, spread x5, gas 400, depeg USDC 0.9
 *   every 5m, hold 1h; at 30m: spot BTC -10%, venue deribit down 6h; at 2h: spot BTC -35%, oracle aave frozen 30m
 *
 * Steps are separated by `;` and begin with their time, the first one at 0 unless it says so; shocks are separated by `,`:
 *
 *   spot A|* -30%|x0.7        correlation A 1 [B 1.3 …]   vol [A] +20|x2        skew [A] +5      term [A] +15
 *   basis A[@venue] -5%       funding A[@venue] x3|1%/d   depth [A[@venue]] x0.1    spread [A[@venue]] x5
 *   gas [venue] 400|x20|400gwei   depeg USDC 0.9          haircut stETH 0.2
 *   venue V down|unreachable [6h]    bridge [V] stuck [12h]   oracle [V] frozen|lag 30m
 *   every 5m    hold 6h    sticky strike|moneyness        (first step only)
 *
 * Volatility, skew and term in points (0.01 a year); gas in dollars a transaction where no unit stands; times in s, m, h, d, us.
 */

import { DAY_US, HOUR_US, MINUTE_US, SECOND_US } from '../../core/clock.ts'
import { GimbalError } from '../../core/errors.ts'
import { checkScenario, EVERY, type Scenario, type ScenarioStep, type Shock, type Stickiness } from './scenario.ts'

const UNITS: readonly (readonly [unit: string, us: number])[] = [
  ['d', DAY_US],
  ['h', HOUR_US],
  ['m', MINUTE_US],
  ['s', SECOND_US],
  ['us', 1],
]

const VERBS =
  'spot, correlation, vol, skew, term, basis, funding, depth, spread, gas, depeg, haircut, venue, bridge, oracle'

/** What a word should have been; turned into the error that names it. */
function refuse(word: string | undefined, expected: string, within: string): never {
  throw new GimbalError('config-invalid', 'Stress scenario not understood', {
    word: word ?? '(nothing)',
    expected,
    in: within,
  })
}

/** The words of one shock, taken from the left. */
class Words {
  readonly text: string
  readonly #words: readonly string[]
  #next = 0

  constructor(text: string) {
    this.text = text
    this.#words = text.split(/\s+/)
  }

  get left(): number {
    return this.#words.length - this.#next
  }

  take(expected: string): string {
    const word = this.#words[this.#next++]
    if (word === undefined || word === '') refuse(word, expected, this.text)
    return word
  }

  /** The last word cannot be a name: an optional name stands before it. */
  name(followers: number): string {
    return this.left > followers ? every(this.take('a name')) : EVERY
  }

  /** `BTC`, `BTC@hyperliquid`, or nothing for all. */
  place(followers: number): { asset: string; venue: string } {
    if (this.left <= followers) return { asset: EVERY, venue: EVERY }
    const word = this.take('an asset, or asset@venue')
    const [asset, venue, more] = word.split('@')
    if (more !== undefined || !asset || venue === '') refuse(word, 'an asset, or asset@venue', this.text)
    return { asset: every(asset), venue: every(venue ?? EVERY) }
  }

  number(expected: string, pattern: RegExp): number {
    return this.#figure(expected, pattern, Number)
  }

  hundredth(expected: string, pattern: RegExp): number {
    return this.#figure(expected, pattern, hundredth)
  }

  #figure(expected: string, pattern: RegExp, read: (figure: string) => number): number {
    const word = this.take(expected)
    const match = pattern.exec(word)
    const value = match ? read(match[1]!) : Number.NaN
    if (!Number.isFinite(value)) refuse(word, expected, this.text)
    return value
  }

  duration(): number {
    const word = this.take('a time: 30m')
    const us = parseDuration(word)
    if (!(us > 0)) refuse(word, 'a time above 0: 30s, 5m, 6h, 2d', this.text)
    return us
  }

  end(): void {
    if (this.left > 0) refuse(this.#words[this.#next], 'a comma, or the end', this.text)
  }
}

const every = (name: string) => (name === 'all' ? EVERY : name)
const FIGURE = String.raw`[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?`
const PLAIN = new RegExp(`^(${FIGURE})$`, 'i')
const FACTOR = new RegExp(`^x(${FIGURE})$`, 'i')
const PERCENT = new RegExp(`^(${FIGURE})%$`, 'i')
const PER_DAY = new RegExp(`^(${FIGURE})%/d$`, 'i')
const GWEI = new RegExp(`^(${FIGURE})gwei$`, 'i')

/** Microseconds of `30m`; NaN where it is none, or no whole number of them. */
export function parseDuration(word: string): number {
  const match = /^(\d+(?:\.\d+)?)(us|s|m|h|d)$/.exec(word)
  if (!match) return Number.NaN
  const us = Number(match[1]) * UNITS.find(([unit]) => unit === match[2])![1]
  return Number.isSafeInteger(us) ? us : Number.NaN
}

/** `6h` for microseconds, in the largest unit that holds it whole. */
export function durationText(us: number): string {
  const [unit, size] = UNITS.find(([, size]) => us !== 0 && us % size === 0) ?? ['s', SECOND_US]
  return `${us / size}${unit}`
}

function change(words: Words, pattern: string): number {
  const word = words.take(pattern)
  const factor = FACTOR.exec(word)
  if (factor) return Number(factor[1])
  const percent = PERCENT.exec(word)
  if (!percent) refuse(word, pattern, words.text)
  return 1 + hundredth(percent[1]!)
}

/** A hundredth of a figure, shifted as text: see {@link hundredfold}. */
function hundredth(figure: string): number {
  const [digits, exponent = '0'] = figure.toLowerCase().split('e')
  return Number(`${digits}e${Number(exponent) - 2}`)
}

const points = (words: Words, example: string) => words.hundredth(example, PLAIN)

function volatility(words: Words): Shock {
  const asset = words.name(1)
  const word = words.take('points or a factor: +20, x2')
  const factor = FACTOR.exec(word)
  if (factor) return { shock: 'volatility', asset, factor: Number(factor[1]), add: 0 }
  // A level of both: x1.5+20.
  const both = /^x(\d[\d.]*(?:e-?\d+)?)([+-].+)$/i.exec(word)
  const add = PLAIN.exec(both ? both[2]! : word)
  if (!add) refuse(word, 'points or a factor: +20, x2, x1.5+20', words.text)
  return { shock: 'volatility', asset, factor: both ? Number(both[1]) : 1, add: hundredth(add[1]!) }
}

function correlation(words: Words): Shock {
  const given = words.take('the asset the others follow')
  const to = words.number('a correlation: 1', PLAIN)
  const ratios: Record<string, number> = {}
  while (words.left > 0) ratios[words.take('an asset')] = words.number('its volatility over the given one: 1.3', PLAIN)
  return { shock: 'correlation', given, to, ratios }
}

function funding(words: Words): Shock {
  const place = words.place(1)
  const word = words.take('a factor or a share a day: x3, 1%/d')
  const factor = FACTOR.exec(word)
  if (factor) return { shock: 'funding', ...place, mode: 'factor', value: Number(factor[1]) }
  const share = PER_DAY.exec(word)
  if (!share) refuse(word, 'a factor or a share a day: x3, 1%/d', words.text)
  return { shock: 'funding', ...place, mode: 'per-day', value: hundredth(share[1]!) }
}

function gas(words: Words): Shock {
  const venue = words.name(1)
  const word = words.take('dollars, a factor or a price of gas: 400, x20, 400gwei')
  const [mode, found] = FACTOR.test(word)
    ? (['factor', FACTOR.exec(word)] as const)
    : GWEI.test(word)
      ? (['gwei', GWEI.exec(word)] as const)
      : (['dollars', PLAIN.exec(word)] as const)
  if (!found) refuse(word, 'dollars, a factor or a price of gas: 400, x20, 400gwei', words.text)
  return { shock: 'gas', venue, mode, value: Number(found[1]) }
}

function venueShock(words: Words): Shock {
  const venue = words.take('a venue')
  const state = words.take('down or unreachable')
  if (state !== 'down' && state !== 'unreachable') refuse(state, 'down or unreachable', words.text)
  return { shock: 'venue', venue: every(venue), state, ...(words.left > 0 ? { forUs: words.duration() } : {}) }
}

function bridge(words: Words): Shock {
  let word = words.take('stuck')
  let venue: string = EVERY
  if (word !== 'stuck') {
    venue = every(word)
    word = words.take('stuck')
    if (word !== 'stuck') refuse(word, 'stuck', words.text)
  }
  return { shock: 'bridge', venue, ...(words.left > 0 ? { forUs: words.duration() } : {}) }
}

function oracle(words: Words): Shock {
  let word = words.take('frozen or lag')
  let venue: string = EVERY
  if (word !== 'frozen' && word !== 'lag') {
    venue = every(word)
    word = words.take('frozen or lag')
    if (word !== 'frozen' && word !== 'lag') refuse(word, 'frozen or lag', words.text)
  }
  return { shock: 'oracle', venue, mode: word, us: words.duration() }
}

function readShock(text: string): Shock {
  const words = new Words(text)
  const verb = words.take(`one of ${VERBS}`)
  const shock = shockOf(verb, words)
  words.end()
  return shock
}

function shockOf(verb: string, words: Words): Shock {
  switch (verb) {
    case 'spot':
      return {
        shock: 'spot',
        asset: every(words.take('an asset, or *')),
        factor: change(words, 'a change: -30%, x0.7'),
      }
    case 'correlation':
      return correlation(words)
    case 'vol':
      return volatility(words)
    case 'skew':
      return { shock: 'skew', asset: words.name(1), add: points(words, 'points: +5') }
    case 'term':
      return { shock: 'term', asset: words.name(1), add: points(words, 'points at one week: +15') }
    case 'basis':
      return { shock: 'basis', ...words.place(1), add: words.hundredth('a share of spot: -5%', PERCENT) }
    case 'funding':
      return funding(words)
    case 'depth':
      return { shock: 'depth', ...words.place(1), factor: words.number('a factor: x0.1', FACTOR) }
    case 'spread':
      return { shock: 'spread', ...words.place(1), factor: words.number('a factor: x5', FACTOR) }
    case 'gas':
      return gas(words)
    case 'depeg':
      return { shock: 'depeg', currency: words.take('a dollar coin'), price: words.number('a price: 0.9', PLAIN) }
    case 'haircut':
      return { shock: 'haircut', asset: words.take('an asset'), haircut: words.number('a share: 0.2', PLAIN) }
    case 'venue':
      return venueShock(words)
    case 'bridge':
      return bridge(words)
    case 'oracle':
      return oracle(words)
    default:
      return refuse(verb, `one of ${VERBS}`, words.text)
  }
}

interface Frame {
  everyUs?: number
  holdUs?: number
  sticky?: Stickiness
}

/** Reads a clause that is about the whole scenario; false where it is a shock. */
function readFrame(text: string, frame: Frame): boolean {
  const words = new Words(text)
  const verb = words.take('a shock')
  if (verb !== 'every' && verb !== 'hold' && verb !== 'sticky') return false
  if (verb === 'every') frame.everyUs = words.duration()
  else if (verb === 'hold') frame.holdUs = words.duration()
  else {
    const to = words.take('strike or moneyness')
    if (to !== 'strike' && to !== 'moneyness') refuse(to, 'strike or moneyness', text)
    frame.sticky = to
  }
  words.end()
  return true
}

/**
 * Reads a scenario from its short form: see the header of this file.
 *
 * @param name What reports call it; the text itself when absent.
 * @throws {GimbalError} `config-invalid`, naming the word that was not understood, what could stand there and the clause.
 */
export function parseScenario(text: string, name: string = text): Scenario {
  const frame: Frame = {}
  const steps: ScenarioStep[] = []
  for (const [index, part] of text.split(';').entries()) {
    const { atUs, clauses } = timeOf(part.trim(), index)
    const shocks: Shock[] = []
    for (const clause of clauses) {
      if (index === 0 && readFrame(clause, frame)) continue
      shocks.push(readShock(clause))
    }
    // A first part that only says how the scenario runs is no step.
    if (shocks.length > 0 || index > 0) steps.push({ atUs, shocks })
  }
  if (steps.length === 0) refuse(text.trim(), `a shock: ${VERBS}`, text)
  return checkScenario({ name, ...frame, steps })
}

function timeOf(part: string, index: number): { atUs: number; clauses: readonly string[] } {
  const timed = /^at\s+([^\s:,]+)\s*:?\s*(.*)$/s.exec(part)
  if (!timed && index > 0) refuse(part.split(/\s+/)[0], 'the time of the step: at 30m:', part)
  const word = timed ? timed[1]! : '0s'
  const atUs = parseDuration(word)
  if (Number.isNaN(atUs)) refuse(word, 'a time: 30s, 5m, 6h, 2d', part)
  const body = (timed ? timed[2]! : part).trim()
  const clauses = body === '' ? [] : body.split(',').map((clause) => clause.trim())
  const empty = clauses.indexOf('')
  if (empty >= 0) refuse('', `a shock between the commas: ${VERBS}`, part)
  return { atUs, clauses }
}

/** The short form of a scenario without its name and words; reading it gives the same steps. */
export function scenarioText(scenario: Scenario): string {
  const frame = [
    ...(scenario.sticky === 'moneyness' ? ['sticky moneyness'] : []),
    ...(scenario.everyUs === undefined ? [] : [`every ${durationText(scenario.everyUs)}`]),
    ...(scenario.holdUs > 0 ? [`hold ${durationText(scenario.holdUs)}`] : []),
  ]
  const steps = scenario.steps.map(({ atUs, shocks }, index) => {
    const body = shocks.map(shockText)
    if (index === 0 && atUs === 0 && shocks.length > 0) return [...frame, ...body].join(', ')
    const timed = `at ${durationText(atUs)}: ${body.join(', ')}`
    return index === 0 && frame.length > 0 ? `${frame.join(', ')}; ${timed}` : timed
  })
  return steps.join('; ')
}

/** The figure whose hundredth is exactly the value: `20` for 0.2. Shifted as text, for a product would round. */
function hundredfold(value: number): string {
  const [digits, exponent = '0'] = String(value).split('e')
  const shifted = `${digits}e${Number(exponent) + 2}`
  const short = String(Number(shifted))
  return hundredth(short) === value ? short : shifted
}

const signed = (text: string) => (text.startsWith('-') ? text : `+${text}`)
const placeText = (asset: string, venue: string) => (venue === EVERY ? asset : `${asset}@${venue}`)
/** All assets everywhere need not be said. */
const placeOrAll = (asset: string, venue: string) =>
  asset === EVERY && venue === EVERY ? '' : ` ${placeText(asset, venue)}`
const nameOrAll = (name: string) => (name === EVERY ? '' : ` ${name}`)

/** One shock in its short form. */
export function shockText(shock: Shock): string {
  switch (shock.shock) {
    case 'spot':
      return `spot ${shock.asset} x${shock.factor}`
    case 'correlation': {
      const ratios = Object.entries(shock.ratios).map(([asset, ratio]) => ` ${asset} ${ratio}`)
      return `correlation ${shock.given} ${shock.to}${ratios.join('')}`
    }
    case 'volatility': {
      const add = signed(hundredfold(shock.add))
      const level = shock.factor === 1 ? add : shock.add === 0 ? `x${shock.factor}` : `x${shock.factor}${add}`
      return `vol${nameOrAll(shock.asset)} ${level}`
    }
    case 'skew':
    case 'term':
      return `${shock.shock}${nameOrAll(shock.asset)} ${signed(hundredfold(shock.add))}`
    case 'basis':
      return `basis ${placeText(shock.asset, shock.venue)} ${signed(hundredfold(shock.add))}%`
    case 'funding': {
      const level = shock.mode === 'factor' ? `x${shock.value}` : `${hundredfold(shock.value)}%/d`
      return `funding ${placeText(shock.asset, shock.venue)} ${level}`
    }
    case 'depth':
    case 'spread':
      return `${shock.shock}${placeOrAll(shock.asset, shock.venue)} x${shock.factor}`
    case 'gas': {
      const level = { factor: `x${shock.value}`, dollars: `${shock.value}`, gwei: `${shock.value}gwei` }[shock.mode]
      return `gas${nameOrAll(shock.venue)} ${level}`
    }
    case 'depeg':
      return `depeg ${shock.currency} ${shock.price}`
    case 'haircut':
      return `haircut ${shock.asset} ${shock.haircut}`
    case 'venue':
      return `venue ${shock.venue} ${shock.state}${forText(shock.forUs)}`
    case 'bridge':
      return `bridge${nameOrAll(shock.venue)} stuck${forText(shock.forUs)}`
    case 'oracle':
      return `oracle${nameOrAll(shock.venue)} ${shock.mode} ${durationText(shock.us)}`
  }
}

const forText = (us: number | undefined) => (us === undefined ? '' : ` ${durationText(us)}`)
