/**
 * @file What a Binance frame costs from text to rows, by the scanner and by `JSON.parse`: of four frames one is depth
 * with ten levels, two are book tickers and one is a trade, about the mix of a perpetual's streams.
 */

import { bench } from '../../../tests/bench.ts'
import { Random } from '../../core/random.ts'
import type { ImportSink } from '../../store/importer.ts'
import { BinanceFrames } from './parse.ts'

const T = 1_723_161_254_000

/** `count` frames of one symbol, chained. */
function frames(count: number): string[] {
  const random = new Random(1)
  const price = () => (63_000 + random.integer(0, 9999) / 10).toFixed(2)
  const level = () => [price(), (random.integer(0, 9999) / 1000).toFixed(3)]
  const levels = (many: number) => Array.from({ length: many }, level)
  return Array.from({ length: count }, (_, index) => {
    const time = { E: T + index, T: T + index, s: 'BTCUSDT' }
    const u = 4984028367545 + index
    if (index % 4 === 0) {
      const data = { e: 'depthUpdate', ...time, U: u, u, pu: u - (index === 0 ? 1 : 4), b: levels(5), a: levels(5) }
      return JSON.stringify({ stream: 'btcusdt@depth@0ms', data })
    }
    if (index % 4 === 1) {
      const data = { e: 'trade', ...time, t: index, p: price(), q: '0.310', X: 'MARKET', m: index % 3 === 0 }
      return JSON.stringify({ stream: 'btcusdt@trade', data })
    }
    const data = { e: 'bookTicker', u, ...time, b: price(), B: '46.371', a: price(), A: '0.095' }
    return JSON.stringify({ stream: 'btcusdt@bookTicker', data })
  })
}

/** A sink that only adds up. */
class SumSink implements ImportSink {
  sum = 0
  instrument(): number {
    return 0
  }
  begin(): void {}
  row(_kind: number, side: number, price: number, size: number): void {
    this.sum = (this.sum * 31 + side * Math.round(price * 100) + Math.round(size * 1000)) | 0
  }
  end(): void {}
  abandon(): void {}
  reject(): void {
    this.sum = -1
  }
  trap(): void {}
  gap(): void {
    this.sum = -1
  }
  skip(): void {}
  count(): void {}
}

for (const scan of [true, false]) {
  const texts = frames(4000)
  bench(`venues: Binance frames, ${scan ? 'scanner' : 'JSON.parse'}`, [4000, 2_000_000], (events) => {
    const sink = new SumSink()
    for (let done = 0; done < events; ) {
      const parser = new BinanceFrames('usdm', sink, { scan })
      for (let i = 0; i < texts.length && done < events; i++, done++)
        parser.frame(texts[i]!, (T + i) * 1000, { line: i + 1, byte: 0 })
    }
    return sink.sum
  })
}
