/**
 * @file A server on loopback that answers history requests as the venues do, page limits and faults included. For
 * proving the download code; the values are generated, the shapes are the venues' own.
 */

import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Faults to inject: each request consumes the first one left. */
export type Fault = 'rate-limited' | 'server-error' | 'hang-up' | 'not-json' | 'none'

const HOUR_MS = 3_600_000

/** A bar that is a pure function of its time, so that any cut of pages must give the same file. */
function bar(ms: number): { open: number; high: number; low: number; close: number; volume: number } {
  const open = 60_000 + ((ms / 60_000) % 997)
  return { open, high: open + 7.5, low: open - 3.5, close: open + 1.5, volume: ((ms / 60_000) % 89) + 0.25 }
}

export class LoopbackHistory {
  readonly faults: Fault[] = []
  readonly requests: string[] = []
  readonly #server: Server
  /** Path → bytes, for ready-made files. */
  readonly files = new Map<string, Buffer>()
  /** Served verbatim when set: a recorded answer, whatever was asked. */
  recorded: string | undefined

  constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => this.#answer(request, Buffer.concat(chunks).toString('utf8'), response))
    })
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  addFile(path: string, content: Buffer, checksum = createHash('sha256').update(content).digest('hex')): void {
    this.files.set(path, content)
    this.files.set(`${path}.CHECKSUM`, Buffer.from(`${checksum}  ${path.split('/').at(-1)}\n`))
  }

  #answer(request: IncomingMessage, body: string, response: ServerResponse): void {
    const url = new URL(request.url!, 'http://127.0.0.1')
    this.requests.push(`${request.method} ${url.pathname}${url.search}${body ? ` ${body}` : ''}`)
    switch (this.faults.shift() ?? 'none') {
      case 'rate-limited':
        response.writeHead(429, { 'retry-after': '0.01' }).end('slow down')
        return
      case 'server-error':
        response.writeHead(503).end('try later')
        return
      case 'hang-up':
        request.socket.destroy()
        return
      case 'not-json':
        response.writeHead(200).end('<html>maintenance</html>')
        return
      case 'none':
    }
    const file = this.files.get(url.pathname)
    if (file) {
      response.writeHead(200).end(file)
      return
    }
    const answer = this.recorded ?? this.#generated(url, body)
    if (answer === undefined) response.writeHead(404).end('not found')
    else response.writeHead(200, { 'content-type': 'application/json' }).end(answer)
  }

  #generated(url: URL, body: string): string | undefined {
    const query = (name: string) => url.searchParams.get(name) ?? ''
    if (url.pathname === '/info') return JSON.stringify(hyperliquid(JSON.parse(body)))
    const method = url.pathname.split('/').at(-1)
    switch (method) {
      case 'get_tradingview_chart_data': {
        const step = Number(query('resolution')) * 60_000
        const ticks = times(Number(query('start_timestamp')), Number(query('end_timestamp')) + 1, step, 5_000)
        const bars = ticks.map(bar)
        const column = (name: keyof ReturnType<typeof bar>) => bars.map((each) => each[name])
        const result = {
          status: ticks.length > 0 ? 'ok' : 'no_data',
          ticks,
          open: column('open'),
          high: column('high'),
          low: column('low'),
          close: column('close'),
          volume: column('volume'),
        }
        return JSON.stringify({ jsonrpc: '2.0', result })
      }
      case 'get_funding_rate_history': {
        const rows = times(Number(query('start_timestamp')), Number(query('end_timestamp')) + 1, HOUR_MS, 745)
        return JSON.stringify({
          jsonrpc: '2.0',
          result: rows.map((timestamp) => ({
            timestamp,
            index_price: bar(timestamp).open,
            prev_index_price: bar(timestamp - HOUR_MS).open,
            interest_8h: 1e-5,
            interest_1h: 1.25e-6,
          })),
        })
      }
      case 'get_volatility_index_data': {
        const ticks = times(
          Number(query('start_timestamp')),
          Number(query('end_timestamp')) + 1,
          Number(query('resolution')) * 1000,
          1_000,
        )
        return JSON.stringify({
          jsonrpc: '2.0',
          result: { data: ticks.map((ms) => [ms, 50, 52, 49, 51]), continuation: null },
        })
      }
      case 'get_last_trades_by_instrument_and_time': {
        // Ten trades a second, three of them in one millisecond, so that a page boundary falls inside a millisecond.
        const start = Number(query('start_timestamp'))
        const end = Number(query('end_timestamp'))
        const trades: object[] = []
        let more = false
        for (let i = Math.floor(start / 100) - 5; ; i++) {
          const timestamp = i % 10 < 3 ? Math.floor(i / 10) * 1_000 : i * 100
          if (timestamp > end) break
          if (timestamp < start) continue
          if (trades.length === Number(query('count'))) {
            more = true
            break
          }
          trades.push({
            trade_id: `T-${i}`,
            timestamp,
            direction: i % 2 ? 'buy' : 'sell',
            price: bar(timestamp).open,
            amount: 10,
          })
        }
        return JSON.stringify({ jsonrpc: '2.0', result: { trades, has_more: more } })
      }
    }
    if (url.pathname.startsWith('/v4/candles/perpetualMarkets/')) {
      const from = Date.parse(query('fromISO'))
      const list = times(from, Date.parse(query('toISO')), HOUR_MS, 100).reverse()
      return JSON.stringify({
        candles: list.map((ms) => {
          const { open, high, low, close, volume } = bar(ms)
          return {
            startedAt: new Date(ms).toISOString(),
            ticker: 'BTC-USD',
            resolution: '1HOUR',
            low: String(low),
            high: String(high),
            open: String(open),
            close: String(close),
            baseTokenVolume: String(volume),
          }
        }),
      })
    }
    if (url.pathname.startsWith('/v4/historicalFunding/')) {
      const last = Math.floor(Date.parse(query('effectiveBeforeOrAt')) / HOUR_MS) * HOUR_MS
      const list = Array.from({ length: 100 }, (_, i) => last - i * HOUR_MS)
      return JSON.stringify({
        historicalFunding: list.map((ms) => ({
          ticker: 'BTC-USD',
          rate: '0.0000125',
          price: String(bar(ms).open),
          effectiveAt: new Date(ms).toISOString(),
          effectiveAtHeight: '1',
        })),
      })
    }
    return undefined
  }
}

function times(start: number, end: number, step: number, most: number): number[] {
  const list: number[] = []
  for (let ms = Math.ceil(start / step) * step; ms < end && list.length < most; ms += step) list.push(ms)
  return list
}

function hyperliquid(body: {
  type: string
  req?: { startTime: number; endTime: number }
  startTime?: number
  endTime?: number
}): unknown {
  if (body.type === 'candleSnapshot') {
    return times(body.req!.startTime, body.req!.endTime + 1, HOUR_MS, 5_000).map((t) => {
      const { open, high, low, close, volume } = bar(t)
      return {
        t,
        T: t + HOUR_MS - 1,
        s: 'BTC',
        i: '1h',
        o: String(open),
        c: String(close),
        h: String(high),
        l: String(low),
        v: String(volume),
        n: 9,
      }
    })
  }
  return times(body.startTime!, body.endTime! + 1, HOUR_MS, 500).map((time) => ({
    coin: 'BTC',
    fundingRate: '0.0000125',
    premium: '0.0001',
    time,
  }))
}
