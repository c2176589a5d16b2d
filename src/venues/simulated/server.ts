/**
 * @file The simulated venue: streams a tape at a chosen speed and matches orders against it, as a server of its own.
 *
 * It is the counterpart of paper runs and of every test of connections, crashes and recovery, because it goes on when
 * its clients die. Tape times are moved to the present, and compressed by `speed`: to a client it looks like a market
 * of today. Each account has an exchange of its own, so accounts do not trade with one another.
 *
 * It listens on the loopback address only and refuses browsers.
 */

import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { GimbalError } from '../../core/errors.ts'
import { ASK, BID, type Side } from '../../market/book.ts'
import type { Universe } from '../../market/instrument.ts'
import { MarketState } from '../../market/marketState.ts'
import { Flag, Kind, type MergedTape, TapeBatch } from '../../market/tape.ts'
import type { SimulatedVenue } from '../../sim/backtest.ts'
import { SimulatedAccount } from './account.ts'
import { type ClientFrame, parseClientFrame, type VenueFrame, type WireRow } from './wire.ts'

export interface SimulatedVenueOptions {
  readonly universe: Universe
  /** In the venue's order (`view: 'venue'`). When it ends the market stands still. */
  readonly tape: MergedTape
  /** Tape seconds for each second. */
  readonly speed: number
  /** Opens the exchange of a new account, with these balances. */
  readonly openExchange: (cash: Readonly<Record<string, number>>) => SimulatedVenue
  /** Opening balances of every account, in whole units by currency. */
  readonly cash: Readonly<Record<string, number>>
  /** 0 takes any free port. */
  readonly port: number
  /** Wall clock in µs. */
  readonly clock: () => number
}

/** A running simulated venue. */
export interface RunningVenue {
  readonly url: string
  readonly port: number
  /** Rows played so far, and whether the tape has ended. */
  readonly rows: number
  readonly ended: boolean
  close(): Promise<void>
}

/** How often the tape is looked at, in milliseconds. */
const PUMP_MS = 2
/** Rows a turn, so that clients are heard even at a speed the machine cannot keep up with. */
const ROWS_A_TURN = 20_000
/** Levels of each side in the first message about a book. */
const LEVELS = 1000

/** @throws {GimbalError} `venue-refused` when the port is taken. */
export async function startSimulatedVenue(options: SimulatedVenueOptions): Promise<RunningVenue> {
  const venue = new VenueServer(options)
  await venue.listening
  return venue
}

class VenueServer implements RunningVenue {
  readonly listening: Promise<void>
  rows = 0
  ended = false
  readonly #options: SimulatedVenueOptions
  readonly #server: WebSocketServer
  readonly #timer: NodeJS.Timeout
  readonly #markets: MarketState[]
  readonly #accounts = new Map<string, SimulatedAccount>()
  readonly #sessions = new Map<string, Session>()
  readonly #row = new TapeBatch(8)
  /** Rows of this turn, for all subscribers. */
  #outgoing: WireRow[] = []
  readonly #startUs: number
  readonly #tapeStartUs: number
  /** The venue's time: everything up to it has happened. */
  #nowUs: number
  #inMessage = false

  constructor(options: SimulatedVenueOptions) {
    this.#options = options
    this.#markets = options.universe.instruments.map((instrument) => new MarketState(instrument))
    this.ended = !options.tape.advance()
    this.#tapeStartUs = options.tape.timeUs
    this.#startUs = options.clock()
    this.#nowUs = this.#startUs
    this.#server = new WebSocketServer({
      host: '127.0.0.1',
      port: options.port,
      maxPayload: 1 << 20,
      // Only programs connect: a page in a browser, which always says where it is from, has no business here.
      verifyClient: ({ origin }: { origin?: string }) => !origin,
    })
    this.listening = new Promise((resolve, reject) => {
      this.#server.once('listening', resolve)
      this.#server.once('error', (cause) => {
        // Nothing will ever connect: without this the timer alone would keep the process alive.
        clearInterval(this.#timer)
        reject(new GimbalError('venue-refused', 'The simulated venue cannot listen', { port: options.port }, { cause }))
      })
    })
    this.#server.on('connection', (socket) => this.#onConnection(socket))
    this.#timer = setInterval(() => this.#pump(), PUMP_MS)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    for (const client of this.#server.clients) client.terminate()
    await new Promise((resolve) => this.#server.close(resolve))
    this.#options.tape.close()
  }

  #onConnection(socket: WebSocket): void {
    const session = new Session(socket)
    socket.on('message', (data, binary) => {
      if (session.over) return
      try {
        if (binary) throw new GimbalError('payload-invalid', 'Frames are text', {})
        this.#onFrame(session, parseClientFrame(String(data)))
      } catch (error) {
        if (!(error instanceof GimbalError)) throw error
        session.send({ type: 'error', reason: error.message })
      }
    })
    socket.on('close', () => session.end())
    socket.on('error', () => session.end())
  }

  #onFrame(session: Session, frame: ClientFrame): void {
    if (frame.op === 'login') {
      this.#login(session, frame.account)
      return
    }
    const { account } = session
    if (!account) throw new GimbalError('payload-invalid', 'Log in first', { op: frame.op })
    // What the market did until now comes before what the client wants now.
    this.#pump()
    const nowUs = this.#nowUs
    switch (frame.op) {
      case 'subscribe':
        session.send({ type: 'rows', rows: this.#books() })
        session.subscribed = true
        break
      case 'submit':
        this.#options.universe.size > frame.order.instrument
          ? account.submit(frame.clientId, frame.order, nowUs)
          : session.send({ type: 'error', reason: `no instrument ${frame.order.instrument}` })
        break
      case 'cancel':
        account.cancel(frame.clientId, nowUs)
        break
      case 'amend':
        account.amend(frame.clientId, frame.tick, frame.lots, nowUs)
        break
      case 'snapshot':
        session.send(account.snapshot(frame.request, frame.fillId, frame.accountUs, nowUs))
        break
      case 'history':
        session.send({
          type: 'history',
          request: frame.request,
          clientIds: account.clientIds,
          repeated: account.repeated,
        })
    }
  }

  /** A login ends the account's other session, and with it whatever that had sent and we have not read. */
  #login(session: Session, name: string): void {
    this.#sessions.get(name)?.end()
    this.#sessions.set(name, session)
    let account = this.#accounts.get(name)
    if (!account) {
      const { universe, cash, openExchange } = this.#options
      account = new SimulatedAccount(universe, this.#markets, cash, openExchange(cash))
      this.#accounts.set(name, account)
      this.#showMarkets(account)
    }
    session.account = account
    account.send = (frame) => session.send(frame)
    const { instruments } = this.#options.universe
    session.send({
      type: 'welcome',
      venueTimeUs: this.#nowUs,
      instruments: instruments.map(({ id }) => id),
      steps: instruments.map(({ ticks, lots, spec }) => [ticks.text, lots.text, spec.multiplier]),
    })
  }

  /** Plays the tape up to now, and lets every exchange do what is due. */
  #pump(): void {
    const { tape, clock, speed } = this.#options
    const wallUs = Math.max(this.#nowUs, clock())
    const untilUs = this.#tapeStartUs + (wallUs - this.#startUs) * speed
    let left = ROWS_A_TURN
    // Never stops within a message: its rows share their time in the merge, and what ends it carries END.
    while (!this.ended && ((tape.timeUs <= untilUs && left-- > 0) || this.#inMessage)) {
      this.#play(tape)
      this.ended = !tape.advance()
    }
    // A venue that lags behind its tape lives at the time it has reached.
    const nowUs = !this.ended && tape.timeUs <= untilUs ? this.#row.timeUs[0]! : wallUs
    this.#nowUs = nowUs
    for (const account of this.#accounts.values()) account.advanceTo(nowUs)
    if (this.#outgoing.length === 0) return
    const rows = this.#outgoing
    this.#outgoing = []
    for (const session of this.#sessions.values()) if (session.subscribed) session.send({ type: 'rows', rows })
  }

  #play(tape: MergedTape): void {
    const { batch, row, instrument } = tape
    const atUs = this.#startUs + Math.round((tape.timeUs - this.#tapeStartUs) / this.#options.speed)
    const one = this.#row
    one.count = 0
    one.push(
      atUs,
      atUs,
      batch.kind[row]!,
      instrument,
      batch.side[row]!,
      batch.tick[row]!,
      batch.lots[row]!,
      batch.value[row]!,
      batch.flags[row]!,
    )
    this.#markets[instrument]!.apply(one, 0, atUs)
    for (const { exchange } of this.#accounts.values()) exchange.onRow(one, 0, instrument, atUs)
    this.#inMessage = (one.flags[0]! & Flag.END) === 0
    this.#outgoing.push(wireRow(one, instrument))
    this.rows++
  }

  /** A new account's exchange knows nothing of what was played before it was opened: shows it the books as they stand. */
  #showMarkets(account: SimulatedAccount): void {
    for (const [venueTimeUs, kind, instrument, side, tick, lots, value, flags] of this.#books()) {
      this.#row.count = 0
      this.#row.push(venueTimeUs, venueTimeUs, kind, instrument, side, tick, lots, value, flags)
      account.exchange.onRow(this.#row, 0, instrument, venueTimeUs)
    }
  }

  /** Every market as it stands, as messages. */
  #books(): WireRow[] {
    const nowUs = this.#nowUs
    const rows: WireRow[] = []
    const add = (
      kind: number,
      instrument: number,
      side: number,
      tick: number,
      lots: number,
      value: number,
      flags = 0,
    ) => rows.push([nowUs, kind, instrument, side, tick, lots, value, flags])
    for (const [instrument, market] of this.#markets.entries()) {
      if (market.hasBook) {
        let flags: number = Flag.RESET | Flag.SNAPSHOT
        for (const side of [BID, ASK] as Side[]) {
          const ticks = new Int32Array(LEVELS)
          const lots = new Float64Array(LEVELS)
          const levels = market.book.top(side, LEVELS, ticks, lots)
          for (let i = 0; i < levels; i++) {
            add(Kind.DEPTH, instrument, side, ticks[i]!, lots[i]!, 0, flags)
            flags = Flag.SNAPSHOT
          }
        }
      } else if (market.bidLots > 0 || market.askLots > 0) {
        add(Kind.QUOTE, instrument, BID, market.bidTick, market.bidLots, 0)
        add(Kind.QUOTE, instrument, ASK, market.askTick, market.askLots, 0)
      }
      endMessage(rows)
      if (!Number.isNaN(market.mark)) add(Kind.MARK, instrument, 0, 0, 0, market.mark, Flag.END)
      if (!Number.isNaN(market.index)) add(Kind.INDEX, instrument, 0, 0, 0, market.index, Flag.END)
    }
    return rows
  }
}

/** Marks the last row so far as the last of its message. */
function endMessage(rows: WireRow[]): void {
  const last = rows.pop()
  if (!last) return
  const [venueTimeUs, kind, instrument, side, tick, lots, value, flags] = last
  rows.push([venueTimeUs, kind, instrument, side, tick, lots, value, flags | Flag.END])
}

function wireRow(batch: TapeBatch, instrument: number): WireRow {
  return [
    batch.venueTimeUs[0]!,
    batch.kind[0]!,
    instrument,
    batch.side[0]!,
    batch.tick[0]!,
    batch.lots[0]!,
    batch.value[0]!,
    batch.flags[0]!,
  ]
}

/** One connection. */
class Session {
  account: SimulatedAccount | undefined
  subscribed = false
  over = false
  readonly #socket: WebSocket

  constructor(socket: WebSocket) {
    this.#socket = socket
  }

  send(frame: VenueFrame): void {
    if (!this.over) this.#socket.send(JSON.stringify(frame))
  }

  /** Nothing is read from it or sent to it any more. */
  end(): void {
    if (this.over) return
    this.over = true
    this.subscribed = false
    this.#socket.terminate()
  }
}
