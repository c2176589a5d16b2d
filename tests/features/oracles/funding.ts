/** @file Funding figures from the lists of settlements and forecasts. */

import { Kind } from '../../../src/market/tape.ts'
import type { Oracle } from '../oracle.ts'
import { columns, instrumentOf, mean, rowsOf, sum } from '../replayedMarket.ts'

const DAY_US = 86_400e6

interface Settlement {
  readonly timeUs: number
  readonly rate: number
  readonly intervalUs: number
  readonly daily: number
}

export const funding: Oracle = ({ rows, universe, target, settings, timesUs }) => {
  const names = String(settings['others']) === '' ? [] : String(settings['others']).split(',')
  const instruments = [
    instrumentOf(universe, settings['instrument'], target),
    ...names.map((name) => universe.index(name.trim())),
  ]
  const paid = String(settings['paidDays']).split(',').map(Number)
  const all = instruments.map((instrument) => {
    const own = rowsOf(rows, instrument)
    const spec = universe.at(instrument).spec.fundingIntervalUs ?? 0
    const settled: Settlement[] = []
    for (const row of own.filter((each) => rows.kind[each] === Kind.FUNDING)) {
      const intervalUs = rows.lots[row]! > 0 ? rows.lots[row]! : spec
      const rate = rows.value[row]!
      if (intervalUs > 0 && Number.isFinite(rate))
        settled.push({ timeUs: rows.timeUs[row]!, rate, intervalUs, daily: (rate * DAY_US) / intervalUs })
    }
    const forecasts = own.filter((row) => rows.kind[row] === Kind.FUNDING_FORECAST)
    const outages = own.filter((row) => rows.kind[row] === Kind.OUTAGE)
    return { spec, settled, forecasts, outages }
  })
  type Venue = (typeof all)[number]
  const until = (list: readonly number[], nowUs: number) => list.filter((row) => rows.timeUs[row]! <= nowUs).at(-1)
  const down = (venue: Venue, nowUs: number) => {
    const row = until(venue.outages, nowUs)
    return row !== undefined && rows.value[row] !== 0
  }
  const inForce = (venue: Venue, nowUs: number): Settlement | undefined => {
    const last = venue.settled.filter(({ timeUs }) => timeUs <= nowUs).at(-1)
    return last && nowUs - last.timeUs <= 2 * last.intervalUs ? last : undefined
  }
  const history = (venue: Venue, nowUs: number, lengthUs: number) =>
    venue.settled
      .filter(({ timeUs }) => timeUs <= nowUs)
      .slice(-8192)
      .filter(({ timeUs }) => timeUs > nowUs - lengthUs)
  const moments = (figures: readonly number[]) => {
    if (figures.length < 10) return { average: Number.NaN, deviation: Number.NaN }
    const average = mean(figures)
    const deviation = Math.sqrt(sum(figures.map((each) => (each - average) ** 2)) / figures.length)
    return { average, deviation: deviation > 1e-12 ? deviation : Number.NaN }
  }
  const historyUs = Number(settings['historyDays']) * DAY_US
  const width = 7 + paid.length + (names.length > 0 ? 2 * names.length + 2 : 0)
  return columns(width, timesUs, (nowUs) => {
    const own = all[0]!
    const rates = all.map((venue) => (down(venue, nowUs) ? Number.NaN : (inForce(venue, nowUs)?.daily ?? Number.NaN)))
    const rate = rates[0]!
    const past = history(own, nowUs, historyUs)
    const { average, deviation } = moments(past.map(({ daily }) => daily))
    const intervalUs = inForce(own, nowUs)?.intervalUs ?? own.spec
    const row = until(own.forecasts, nowUs)
    const given = row !== undefined && rows.lots[row]! > 0
    const due =
      row === undefined ? Number.NEGATIVE_INFINITY : rows.timeUs[row]! + (given ? rows.lots[row]! : intervalUs)
    const forecast =
      row !== undefined && intervalUs > 0 && nowUs <= due && !down(own, nowUs)
        ? (rows.value[row]! * DAY_US) / intervalUs
        : Number.NaN
    let phase = Number.NaN
    if (!down(own, nowUs) && intervalUs > 0) {
      const last = inForce(own, nowUs)
      if (given && due > nowUs) phase = 1 - (due - nowUs) / intervalUs
      else if (last) phase = ((nowUs - last.timeUs) / intervalUs) % 1
    }
    const figures = [
      rate,
      (rate - average) / deviation,
      rate - average,
      forecast,
      forecast - rate,
      Math.sin(2 * Math.PI * phase),
      Math.cos(2 * Math.PI * phase),
    ]
    for (const days of paid) {
      const settled = history(own, nowUs, days * DAY_US)
      const covered = sum(settled.map((each) => each.intervalUs)) / (days * DAY_US)
      figures.push(!Number.isNaN(rate) && covered >= 0.5 ? sum(settled.map((each) => each.rate)) / covered : Number.NaN)
    }
    if (names.length === 0) return figures
    for (const [i, venue] of all.slice(1).entries()) {
      const spreads = past.flatMap(({ timeUs, daily }) => {
        const theirs = inForce(venue, timeUs)
        return theirs ? [daily - theirs.daily] : []
      })
      const usual = moments(spreads)
      const spread = rate - rates[i + 1]!
      figures.push(spread, (spread - usual.average) / usual.deviation)
    }
    const heard = rates.filter((each) => !Number.isNaN(each))
    const whole = heard.length > 1 && !Number.isNaN(rate)
    figures.push(whole ? rate - mean(heard) : Number.NaN, whole ? Math.max(...heard) - Math.min(...heard) : Number.NaN)
    return figures
  })
}
