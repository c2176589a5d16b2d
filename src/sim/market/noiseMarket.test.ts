/**
 * Goal: nothing in the noise market says anything of what comes: that is what it is for. And it is a market: books are sound,
 * bars hang together, rows come in order, the same seed gives the same one.
 *
 * Method: autocorrelations of returns, squared returns, volumes, spreads and depths against the bound that independent draws keep
 * to; every row applied to the market state.
 */

import { describe, expect, test } from 'vitest'
import { testPerpetual } from '../../../tests/testPerpetual.ts'
import { Instrument, Universe } from '../../market/instrument.ts'
import { MarketState } from '../../market/marketState.ts'
import { Flag, Kind, MergedTape } from '../../market/tape.ts'
import { type NoiseMarketOptions, noiseMarket } from './noiseMarket.ts'

const universe = new Universe([
  new Instrument(testPerpetual()),
  new Instrument(testPerpetual('BTC', { kind: 'spot', venueSymbol: 'BTC/USDT' })),
])
const START = 1_735_689_600_000_000
const DAY_US = 86_400e6

/** Every row of the market, as arrays, with the state after it. */
function* rows(options: Partial<NoiseMarketOptions>) {
  const tape = new MergedTape(
    noiseMarket(universe, { seed: 1, startUs: START, lengthUs: DAY_US, rows: 'bars', ...options }),
  )
  const markets = universe.instruments.map((instrument) => new MarketState(instrument))
  while (tape.advance()) {
    const { batch, row, instrument, timeUs } = tape
    const market = markets[instrument]!
    const whole = market.apply(batch, row, timeUs)
    yield {
      instrument,
      timeUs,
      kind: batch.kind[row]!,
      side: batch.side[row]!,
      tick: batch.tick[row]!,
      lots: batch.lots[row]!,
      value: batch.value[row]!,
      flags: batch.flags[row]!,
      whole,
      market,
    }
  }
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (list: readonly number[]) => list.reduce((sum, each) => sum + each, 0) / list.length
  const [ma, mb] = [mean(a), mean(b)]
  const sum = (f: (i: number) => number) => a.reduce((total, _, i) => total + f(i), 0)
  return (
    sum((i) => (a[i]! - ma) * (b[i]! - mb)) / Math.sqrt(sum((i) => (a[i]! - ma) ** 2) * sum((i) => (b[i]! - mb) ** 2))
  )
}

/** Largest autocorrelation at lags 1 to 5, in units of its deviation where draws are independent. */
function memory(list: readonly number[]): number {
  return Math.max(
    ...[1, 2, 3, 4, 5].map(
      (lag) => Math.abs(correlation(list.slice(lag), list.slice(0, -lag))) * Math.sqrt(list.length),
    ),
  )
}

const returnsOf = (prices: readonly number[]) => prices.slice(1).map((price, i) => Math.log(price / prices[i]!))

describe('bars', () => {
  const OPTIONS = { rows: 'bars', barUs: 300e6, lengthUs: 20 * DAY_US } as const

  test('neither returns nor their squares, nor ranges, nor volumes remember anything', () => {
    for (const seed of [1, 2, 3]) {
      const closes: number[] = []
      const volumes: number[] = []
      const ranges: number[] = []
      for (const { instrument, kind, tick, lots, market } of rows({ ...OPTIONS, seed })) {
        if (instrument !== 0 || kind !== Kind.BAR_CLOSE) continue
        closes.push(tick)
        volumes.push(Math.log(lots))
        ranges.push(Math.log(market.barHigh / market.barLow))
      }
      const returns = returnsOf(closes)
      expect(closes.length).toBe(20 * 288)
      for (const series of [returns, returns.map((r) => r * r), volumes, ranges])
        expect(memory(series)).toBeLessThan(3.9)
      // And each says nothing of the other's next: a large volume foretells no large return.
      expect(
        Math.abs(
          correlation(
            volumes.slice(0, -1),
            returns.map((r) => r * r),
          ),
        ) * Math.sqrt(returns.length),
      ).toBeLessThan(3.9)
      // Four per cent a day.
      const deviation = Math.sqrt(returns.reduce((sum, r) => sum + r * r, 0) / returns.length) * Math.sqrt(288)
      expect(Math.abs(deviation / 0.04 - 1)).toBeLessThan(0.05)
    }
  })

  test('hang together: high above all, low below all, each opening where the last closed; funding every eight hours', () => {
    let close = Number.NaN
    let bars = 0
    const funded: number[] = []
    for (const { instrument, kind, timeUs, lots, value, flags, market } of rows({ ...OPTIONS, lengthUs: 2 * DAY_US })) {
      if (kind === Kind.FUNDING) {
        funded.push(timeUs - START)
        // Spot has none.
        expect([instrument, lots]).toEqual([0, 8 * 3600e6])
      }
      if (instrument !== 0 || kind !== Kind.BAR_CLOSE) continue
      const { barOpen, barHigh, barLow, barClose } = market
      expect(barHigh).toBeGreaterThanOrEqual(Math.max(barOpen, barClose))
      expect(barLow).toBeLessThanOrEqual(Math.min(barOpen, barClose))
      if (bars++ > 0) expect(barOpen).toBe(close)
      close = barClose
      expect([value, flags, timeUs]).toEqual([300e6, Flag.END, START + bars * 300e6])
      expect(lots).toBeGreaterThan(0)
    }
    expect(bars).toBe(2 * 288)
    expect(funded).toEqual([8, 16, 24, 32, 40, 48].map((hour) => hour * 3600e6))
  })

  test('need a length', () => {
    for (const barUs of [0, -1, Number.NaN])
      expect(() => noiseMarket(universe, { seed: 1, startUs: START, lengthUs: DAY_US, rows: 'bars', barUs })).toThrow(
        expect.objectContaining({ code: 'argument-invalid' }),
      )
  })
})

describe('books', () => {
  const OPTIONS = { rows: 'book', lengthUs: 3600e6 } as const

  test('neither returns nor spreads, nor depths, nor trades remember anything', () => {
    const mids: number[] = []
    const spreads: number[] = []
    const depths: number[] = []
    const sides: number[] = []
    for (const { instrument, kind, whole, market, side } of rows(OPTIONS)) {
      if (instrument !== 0 || !whole) continue
      if (kind === Kind.TRADE) {
        sides.push(side)
        continue
      }
      mids.push((market.bestBid + market.bestAsk) / 2)
      spreads.push(market.bestAsk - market.bestBid)
      depths.push(Math.log(market.bestBidLots + market.bestAskLots))
    }
    const returns = returnsOf(mids)
    expect(mids.length).toBeGreaterThan(5000)
    expect(sides.length).toBeGreaterThan(0.4 * mids.length)
    for (const series of [returns, returns.map((r) => r * r), spreads, depths, sides])
      expect(memory(series)).toBeLessThan(3.9)
    // Depth on one side says nothing of where the price goes.
    expect(Math.abs(correlation(depths.slice(0, -1), returns)) * Math.sqrt(returns.length)).toBeLessThan(3.9)
    const daily = Math.sqrt((returns.reduce((sum, r) => sum + r * r, 0) / 3600) * 86_400)
    expect(Math.abs(daily / 0.04 - 1)).toBeLessThan(0.05)
  })

  test('are sound at the end of every message: six levels a side, none crossed, trades at the touch', () => {
    let messages = 0
    for (const { kind, whole, market, tick, side, flags } of rows({ ...OPTIONS, lengthUs: 120e6 })) {
      if (!whole) continue
      expect(market.quoted).toBe(true)
      if (kind === Kind.TRADE) expect(tick).toBe(side > 0 ? market.bestAsk : market.bestBid)
      else {
        messages++
        expect((flags & Flag.RESET) === 0 || messages <= 2).toBe(true)
        expect(market.book.levels(1) + market.book.levels(-1)).toBe(12)
      }
    }
    expect(messages).toBeGreaterThan(200)
  })
})

test('the same seed is the same market, another another, and instruments walk by themselves', () => {
  const read = (seed: number) =>
    [...rows({ seed, barUs: 300e6 })].map(({ instrument, tick, lots }) => [instrument, tick, lots].join())
  expect(read(4)).toEqual(read(4))
  expect(read(5)).not.toEqual(read(4))
  const closes = (instrument: number) =>
    [...rows({ barUs: 300e6, lengthUs: 10 * DAY_US })]
      .filter((row) => row.instrument === instrument && row.kind === Kind.BAR_CLOSE)
      .map(({ tick }) => tick)
  const [perp, spot] = [returnsOf(closes(0)), returnsOf(closes(1))]
  expect(Math.abs(correlation(perp, spot)) * Math.sqrt(perp.length)).toBeLessThan(3.9)
})
