/**
 * @file Implied volatility from all rows at once: each option's history as a list, prices inverted by bisection, smiles as sorted
 * arrays.
 */

import { normalCdf } from '../../../src/core/errorFunction.ts'
import type { Instrument } from '../../../src/market/instrument.ts'
import { Flag, Kind } from '../../../src/market/tape.ts'
import { black76Price } from '../../../src/pricing/black76.ts'
import type { Oracle, Rows } from '../oracle.ts'
import { columns, known, lastBefore, mean, PriceHistory, rowsOf } from '../replayedMarket.ts'

const YEAR = 365 * 86_400e6

interface Said {
  readonly timeUs: number
  /** NaN when it was taken back or said nothing. */
  readonly volatility: number
  readonly k: number
  readonly delta: number
}

/** The volatility of a price, to the last digit the price has. */
function bisect(right: 1 | -1, forward: number, strike: number, years: number, price: number): number {
  if (!(price < (right > 0 ? forward : strike))) return Number.NaN
  let low = 1e-6
  let high = 100
  for (let i = 0; i < 200 && low < high; i++) {
    const middle = (low + high) / 2
    if (middle === low || middle === high) break
    if (black76Price({ right, forward, strike, years, volatility: middle }) < price) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** Everything an option said, in order, with when its feed broke. */
function history(rows: Rows, own: readonly number[], option: Instrument, source: string) {
  const said: Said[] = []
  const breaks: number[] = []
  let bid = Number.NaN
  let ask = Number.NaN
  let given = Number.NaN
  let forward = Number.NaN
  let index = Number.NaN
  let touched = false
  let down = false
  for (const row of own) {
    const kind = rows.kind[row]!
    const value = rows.value[row]!
    const timeUs = rows.timeUs[row]!
    if (kind === Kind.QUOTE) {
      const price = rows.lots[row]! > 0 ? rows.tick[row]! * option.ticks.size : Number.NaN
      if (rows.side[row] === 1) bid = price
      else ask = price
      touched = true
    } else if (kind === Kind.IMPLIED_VOLATILITY) {
      given = value > 0 && Number.isFinite(value) ? value : Number.NaN
      touched = true
    } else if (kind === Kind.FORWARD) forward = value
    else if (kind === Kind.INDEX) index = value
    else if (kind === Kind.GAP || kind === Kind.OUTAGE) {
      bid = ask = given = forward = index = Number.NaN
      if (kind === Kind.OUTAGE) down = value !== 0
      breaks.push(timeUs)
      said.push({ timeUs, volatility: Number.NaN, k: 0, delta: 0 })
    }
    if (!touched || !(rows.flags[row]! & Flag.END)) continue
    touched = false
    if (down) continue
    const f = forward > 0 ? forward : index
    const k = Math.log(option.strike / f)
    const years = (option.expiryUs - timeUs) / YEAR
    const out = option.right === 'call' ? k >= 0 : k < 0
    const right = option.right === 'call' ? 1 : -1
    const price = ((bid + ask) / 2) * (option.spec.payoff === 'inverse' ? f : 1)
    const volatility = !(f > 0 && years > 0 && out)
      ? Number.NaN
      : source !== 'quotes' && given > 0
        ? given
        : source !== 'venue' && bid > 0 && ask >= bid
          ? bisect(right, f, option.strike, years, price)
          : Number.NaN
    const s = volatility * Math.sqrt(years)
    said.push({ timeUs, volatility, k, delta: normalCdf(-k / s + s / 2) })
  }
  return { option, said, times: said.map(({ timeUs }) => timeUs), breaks }
}

export const impliedVolatilityLevel: Oracle = ({ rows, universe, target, settings, timesUs }) => {
  const { spec, kind } = universe.at(target)
  const venue = settings['venue'] || spec.venue
  const candidates = universe.instruments
    .map((option, index) => ({ option, index }))
    .filter(({ option }) => option.kind === 'option' && option.spec.base === spec.base && option.venue === venue)
  const quotes = [...new Set(candidates.map(({ option }) => option.spec.quote))]
  const inQuote = (quote: string) => candidates.filter(({ option }) => option.spec.quote === quote)
  const chain = inQuote(quotes.reduce((best, quote) => (inQuote(quote).length > inQuote(best).length ? quote : best)))
  const options = chain.map(({ option, index }) =>
    history(rows, rowsOf(rows, index), option, String(settings['source'])),
  )
  const expiries = [...new Set(options.map(({ option }) => option.expiryUs))].sort((a, b) => a - b)
  const memory = Number(settings['memoryHours']) * 3600e6

  /** σ² of each expiry at the money, the put and the call. */
  const smiles = (nowUs: number) =>
    expiries.map((expiryUs) => {
      const points = options
        .filter(({ option }) => option.expiryUs === expiryUs)
        .map(({ option, said, times }) => ({ option, last: said[lastBefore(times, nowUs)] }))
        .filter(({ last }) => last !== undefined && last.volatility > 0 && nowUs - last.timeUs <= memory)
        .sort((a, b) => a.option.strike - b.option.strike || (a.option.right === 'put' ? -1 : 1))
        .map(({ last }) => last!)
      const pairs = points.slice(1).map((right, i) => [points[i]!, right] as const)
      const between = ([a, b]: readonly [Said, Said], share: number) =>
        (1 - share) * a.volatility ** 2 + share * b.volatility ** 2
      const around = (delta: number) =>
        pairs.filter(([a, b]) => a.delta > b.delta && a.delta >= delta && b.delta <= delta)
      const atDelta = (pair: readonly [Said, Said] | undefined, delta: number) =>
        pair ? between(pair, (pair[0].delta - delta) / (pair[0].delta - pair[1].delta)) : Number.NaN
      const middle = pairs.find(([a, b]) => a.k < 0 && b.k >= 0)
      return {
        years: (expiryUs - nowUs) / YEAR,
        money: middle ? between(middle, -middle[0].k / (middle[1].k - middle[0].k)) : Number.NaN,
        put: atDelta(around(0.75).at(-1), 0.75),
        call: atDelta(around(0.25)[0], 0.25),
      }
    })
  const at = (nowUs: number, days: number, point: 'money' | 'put' | 'call'): number => {
    const tenor = Math.round(days * 86_400e6) / YEAR
    const given = smiles(nowUs).filter((smile) => smile.years > 0 && !Number.isNaN(smile[point]))
    const shorter = given.filter(({ years }) => years <= tenor).at(-1)
    const longer = given.find(({ years }) => years >= tenor)
    if (!shorter || !longer) return Number.NaN
    if (shorter === longer) return shorter[point]
    const share = (tenor - shorter.years) / (longer.years - shorter.years)
    return ((1 - share) * shorter[point] * shorter.years + share * longer[point] * longer.years) / tenor
  }

  const tenors = String(settings['tenorDays']).split(',').map(Number)
  const changes = String(settings['changeHours']).split(',').map(Number)
  const changeTenor = tenors.find((days) => days >= 30) ?? tenors.at(-1)!
  const intervalUs = Number(settings['realisedSeconds']) * 1e6
  const price =
    kind === 'option'
      ? new PriceHistory(rows, target, intervalUs, Kind.INDEX, memory)
      : new PriceHistory(rows, target, intervalUs)
  const firstUs = Math.min(
    ...rowsOf(rows, target)
      .map((row) => rows.timeUs[row]!)
      .slice(0, 1),
    ...options.flatMap(({ times }) => times.slice(0, 1)),
  )
  return columns(4 * tenors.length + 1 + changes.length, timesUs, (nowUs) => {
    const figures = tenors.flatMap((days) => {
      const level = Math.sqrt(at(nowUs, days, 'money'))
      const put = Math.sqrt(at(nowUs, days, 'put'))
      const call = Math.sqrt(at(nowUs, days, 'call'))
      const steps = Math.max(1, Math.round((days * 86_400e6) / intervalUs))
      const r = known(price.returns(price.pointAt(nowUs), steps))
      const realised = 2 * r.length >= steps ? mean(r.map((x) => x * x)) * (YEAR / intervalUs) : Number.NaN
      return [level, call - put, (call + put) / 2 - level, level * level - realised]
    })
    const level = (timeUs: number) => Math.sqrt(at(timeUs, changeTenor, 'money'))
    return [
      ...figures,
      figures[4 * (tenors.length - 1)]! - figures[0]!,
      ...changes.map((hours) => {
        const stepUs = Math.round((hours * 3600e6) / 12)
        const thenUs = (Math.floor(nowUs / stepUs) - 12) * stepUs
        const broken = options.some(({ breaks }) => breaks.some((timeUs) => timeUs > thenUs && timeUs <= nowUs))
        return broken || thenUs < firstUs ? Number.NaN : level(nowUs) - level(thenUs)
      }),
    ]
  })
}
