/** @file Impact and spreads from lists of all mids and trades: intervals and weights made afresh for every moment. */

import { Kind } from '../../../src/market/tape.ts'
import type { Oracle } from '../oracle.ts'
import { momentAt, replay } from './replica.ts'

interface Trade {
  readonly row: number
  readonly timeUs: number
  readonly side: number
  readonly tick: number
  readonly lots: number
  /** Gaps and outages before it. */
  readonly lost: number
}

export const priceImpact: Oracle = ({ rows, target, settings, timesUs }) => {
  const intervalUs = Number(settings['intervalSeconds']) * 1e6
  const halfLifeUs = Number(settings['halfLifeSeconds']) * 1e6
  const lagUs = Number(settings['quoteLagSeconds']) * 1e6
  const ahead = Math.round((Number(settings['realisedSeconds']) * 1e6) / intervalUs)
  const moments = replay(rows, target, settings['snapshots'] === true)
  const heard: { timeUs: number; down: boolean }[] = []
  const trades: Trade[] = []
  let lost = 0
  let down = false
  for (let row = 0; row < rows.count; row++) {
    if (rows.instrument[row] !== target) continue
    const kind = rows.kind[row]!
    if (kind === Kind.GAP || kind === Kind.OUTAGE) lost++
    if (kind === Kind.OUTAGE) down = rows.value[row] !== 0
    const timeUs = rows.timeUs[row]!
    heard.push({ timeUs, down })
    if (kind === Kind.TRADE)
      trades.push({ row, timeUs, side: rows.side[row]!, tick: rows.tick[row]!, lots: rows.lots[row]!, lost })
  }

  // Mids as they came to stand, breaks included as NaN; those within one stretch for effective spreads.
  const mids: { timeUs: number; row: number; mid: number; stretch: number }[] = []
  let stretch = 0
  for (const { timeUs, row, broken, sound, bid, ask } of moments) {
    if (broken) {
      stretch++
      mids.push({ timeUs, row, mid: Number.NaN, stretch })
    }
    if (sound) mids.push({ timeUs, row, mid: (bid + ask) / 2, stretch })
  }
  const changed = mids.filter(({ mid }, i) => !Number.isNaN(mid) && mid !== mids[i - 1]?.mid)
  const broken = new Set(moments.filter((moment) => moment.broken).map(({ timeUs }) => Math.floor(timeUs / intervalUs)))
  const midAtEnd = (interval: number) => momentAt(mids, (interval + 1) * intervalUs - 1e-3)?.mid ?? Number.NaN

  const intervals = new Map<number, Trade[]>()
  for (const trade of trades) {
    const interval = Math.floor(trade.timeUs / intervalUs)
    intervals.set(interval, [...(intervals.get(interval) ?? []), trade])
  }
  const total = (these: readonly Trade[], f: (trade: Trade) => number) => these.reduce((sum, each) => sum + f(each), 0)
  const changes = [...intervals].flatMap(([interval, within]) => {
    const before = midAtEnd(interval - 1)
    const change = midAtEnd(interval) - before
    if (broken.has(interval) || Number.isNaN(change)) return []
    return [
      { interval, change, before, signed: total(within, (t) => t.side * t.lots), lots: total(within, (t) => t.lots) },
    ]
  })
  const realised = [...intervals].flatMap(([interval, within]) => {
    const mid = midAtEnd(interval + ahead)
    for (let i = interval; i <= interval + ahead; i++) if (broken.has(i)) return []
    const sided = within.filter(({ side }) => side !== 0)
    if (Number.isNaN(mid) || sided.length === 0) return []
    const worth = total(sided, (t) => t.side * t.lots * t.tick)
    const signed = total(sided, (t) => t.side * t.lots)
    return [{ interval: interval + ahead, sum: (2 * (worth - mid * signed)) / mid, lots: total(sided, (t) => t.lots) }]
  })
  const products = trades.flatMap((trade, i) => {
    const [a, b] = [trades[i - 2], trades[i - 1]]
    if (!a || !b || a.lost !== trade.lost) return []
    return [{ timeUs: trade.timeUs, product: (trade.tick - b.tick) * (b.tick - a.tick) }]
  })
  let at = 0
  let entry = 0
  stretch = 0
  let known: typeof changed = []
  const effective = trades.flatMap((trade) => {
    for (; at < mids.length && mids[at]!.row < trade.row; at++) {
      if (mids[at]!.stretch !== stretch) known = []
      stretch = mids[at]!.stretch
      if (changed[entry] === mids[at]) known.push(changed[entry++]!)
    }
    if (trade.side === 0) return []
    const last = known.slice(-64)
    const mid =
      last.findLast(({ timeUs }) => timeUs <= trade.timeUs - lagUs) ?? (known.length > 64 ? last[0] : undefined)
    if (!mid) return []
    return [
      { timeUs: trade.timeUs, sum: (trade.lots * 2 * trade.side * (trade.tick - mid.mid)) / mid.mid, lots: trade.lots },
    ]
  })

  const out = Array.from({ length: 5 }, () => new Float64Array(timesUs.length).fill(Number.NaN))
  for (const [i, nowUs] of timesUs.entries()) {
    const last = momentAt(heard, nowUs)
    if (!last || last.down || nowUs - last.timeUs > halfLifeUs) continue
    // Intervals are closed by a later row; so the latest closed one is that before the last row's.
    const closed = Math.floor(last.timeUs / intervalUs) - 1
    const w = (interval: number) => 2 ** (((interval - closed) * intervalUs) / halfLifeUs)
    const v = (timeUs: number) => 2 ** ((timeUs - nowUs) / halfLifeUs)
    const kyle = changes.filter(({ interval }) => interval <= closed)
    const sum = <T>(these: readonly T[], f: (each: T) => number) => these.reduce((all, each) => all + f(each), 0)
    if (kyle.filter(({ signed }) => signed !== 0).length >= 20)
      out[0]![i] =
        sum(kyle, (c) => w(c.interval) * c.signed * c.change) / sum(kyle, (c) => w(c.interval) * c.signed * c.signed)
    const traded = kyle.filter(({ lots }) => lots > 0)
    if (traded.length >= 20)
      out[1]![i] =
        (1e4 * sum(traded, (c) => (w(c.interval) * Math.abs(c.change)) / c.before / c.lots)) /
        sum(traded, (c) => w(c.interval))
    const pairs = products.filter(({ timeUs }) => timeUs <= nowUs)
    const mean = sum(pairs, (p) => v(p.timeUs) * p.product) / sum(pairs, (p) => v(p.timeUs))
    const size = sum(pairs, (p) => v(p.timeUs) * Math.abs(p.product)) / sum(pairs, (p) => v(p.timeUs))
    if (pairs.length >= 20 && (size === 0 || mean < -1e-6 * size)) out[2]![i] = 2 * Math.sqrt(-mean)
    const spreads = effective.filter(({ timeUs }) => timeUs <= nowUs)
    if (spreads.length >= 20)
      out[3]![i] = (1e4 * sum(spreads, (s) => v(s.timeUs) * s.sum)) / sum(spreads, (s) => v(s.timeUs) * s.lots)
    const kept = realised.filter(({ interval }) => interval <= closed)
    if (kept.length >= 20)
      out[4]![i] = (1e4 * sum(kept, (r) => w(r.interval) * r.sum)) / sum(kept, (r) => w(r.interval) * r.lots)
  }
  return out
}
