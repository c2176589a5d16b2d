/** @file The simulated venue's adapter: the {@link Venue} of paper runs. wire.ts lists what is said. */

import { WebSocket } from 'ws'
import { GimbalError } from '../../core/errors.ts'
import type { VenueOrder, VenueSnapshot } from '../../engine/recovery.ts'
import type { AccountMark } from '../../journal/header.ts'
import type { Universe } from '../../market/instrument.ts'
import type { AccountEvent, Order, OrderEvent } from '../../market/order.ts'
import { TapeBatch } from '../../market/tape.ts'
import type { Venue, VenueHandlers } from '../venue.ts'
import {
  type ClientFrame,
  parseVenueFrame,
  readRows,
  type VenueFrame,
  type WireAccountEvent,
  type WireOrderEvent,
  type WireSnapshot,
} from './wire.ts'

export interface SimulatedVenueClientOptions {
  /** `ws://127.0.0.1:PORT` */
  readonly url: string
  readonly account: string
  /** The journal's run: first part of every client order id. */
  readonly run: string
  readonly universe: Universe
  /** Wall clock in µs, read once for each message. */
  readonly clock: () => number
}

/** How long a connection may take, in milliseconds. */
const CONNECT_MS = 5000

type Waiting = { readonly resolve: (frame: VenueFrame) => void; readonly reject: (error: unknown) => void }

export class SimulatedVenueClient implements Venue {
  readonly name = 'simulated'
  readonly #options: SimulatedVenueClientOptions
  #socket: WebSocket | undefined
  #handlers: VenueHandlers | undefined
  /** Our index of each of the venue's instruments (-1 unknown), and the venue's of each of ours. */
  #ours = new Int32Array(0)
  #theirs: number[] = []
  #batch = new TapeBatch(1024)
  /** What happened before the snapshot is in it. */
  #level = false
  #requests = 0
  readonly #waiting = new Map<number, Waiting>()
  /** Resolves `connect` with the welcome. */
  #welcome: ((frame: VenueFrame) => void) | undefined

  constructor(options: SimulatedVenueClientOptions) {
    this.#options = options
  }

  get connected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN
  }

  async connect(handlers: VenueHandlers): Promise<void> {
    const { url, account, universe } = this.#options
    this.#handlers = handlers
    this.#level = false
    const refused = (reason: string, cause?: unknown) =>
      new GimbalError(
        'venue-refused',
        'No session with the simulated venue',
        { url, reason, start: 'gimbal venue' },
        { cause },
      )
    let socket: WebSocket
    try {
      socket = new WebSocket(url, { handshakeTimeout: CONNECT_MS, perMessageDeflate: false })
    } catch (cause) {
      throw refused((cause as Error).message, cause)
    }
    this.#socket = socket
    const welcome = await new Promise<VenueFrame>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(refused(`no answer within ${CONNECT_MS} ms`))
        socket.terminate()
      }, CONNECT_MS)
      const settled = () => clearTimeout(timer)
      this.#welcome = (frame) => {
        settled()
        resolve(frame)
      }
      socket.on('open', () => this.#say({ op: 'login', account }))
      socket.on('message', (data) => this.#onMessage(socket, String(data)))
      socket.on('error', (cause) => {
        settled()
        reject(refused(cause.message, cause))
      })
      socket.on('close', () => {
        settled()
        reject(refused('closed'))
        this.#lose(socket, 'connection closed')
      })
    })
    if (welcome.type !== 'welcome') throw refused(`it answered ${welcome.type}`)
    const names = welcome.instruments
    this.#ours = Int32Array.from(names, (name) => (universe.has(name) ? universe.index(name) : -1))
    this.#theirs = universe.instruments.map(({ id, ticks, lots, spec }) => {
      const index = names.indexOf(id)
      const steps = [ticks.text, lots.text, spec.multiplier].join(' × ')
      const theirs = welcome.steps[index]?.join(' × ')
      if (index >= 0 && theirs !== steps) {
        // Every price and size on the wire is counted in these.
        socket.terminate()
        throw new GimbalError('instrument-invalid', 'The simulated venue counts an instrument in other steps', {
          instrument: id,
          ours: steps,
          theirs: theirs ?? 'not said',
        })
      }
      if (index >= 0) return index
      socket.terminate()
      throw new GimbalError('instrument-unknown', 'The simulated venue does not have an instrument of this run', {
        asked: id,
        known: names.slice(0, 20).join(' '),
      })
    })
  }

  async snapshot(since: AccountMark, receive: (snapshot: VenueSnapshot, timeUs: number) => void): Promise<void> {
    await this.#ask(
      (request) => ({ op: 'snapshot', request, ...since }),
      (frame) => {
        if (frame.type !== 'snapshot') return
        const timeUs = this.#options.clock()
        this.#level = true
        receive(this.#snapshotOf(frame, timeUs), timeUs)
      },
    )
  }

  /**
   * Every client order id the venue ever took from this account, in order, and how many submissions repeated one:
   * for tests and audits.
   */
  async history(): Promise<{ readonly clientIds: readonly string[]; readonly repeated: number }> {
    let history: { readonly clientIds: readonly string[]; readonly repeated: number } = { clientIds: [], repeated: 0 }
    await this.#ask(
      (request) => ({ op: 'history', request }),
      (frame) => {
        if (frame.type === 'history') history = frame
      },
    )
    return history
  }

  subscribe(): void {
    this.#say({ op: 'subscribe' })
  }

  submit(order: Order): void {
    const { instrument, side, lots, type, tick, triggerTick, timeInForce, expiresUs, postOnly, reduceOnly } = order
    const said = this.#say({
      op: 'submit',
      clientId: this.#clientId(order.id),
      order: {
        instrument: this.#theirs[instrument]!,
        side,
        lots,
        type,
        // Orders without a limit price have none to say.
        tick: Number.isInteger(tick) ? tick : 0,
        timeInForce,
        ...(triggerTick !== undefined && { triggerTick }),
        ...(expiresUs !== undefined && { expiresUs }),
        ...(postOnly !== undefined && { postOnly }),
        ...(reduceOnly !== undefined && { reduceOnly }),
      },
    })
    if (said) return
    // Not from inside the engine's own call: as an answer that comes later, like any other.
    const timeUs = this.#options.clock()
    setImmediate(() =>
      this.#handlers?.onOrder({
        kind: 'rejected',
        timeUs,
        venueTimeUs: timeUs,
        orderId: order.id,
        instrument,
        side,
        tick,
        lots,
        leavesLots: 0,
        feeAtoms: 0,
        liquidity: '',
        reason: 'venue-down',
        fillId: 0,
        queueAheadLots: -1,
      }),
    )
  }

  cancel(orderId: number): void {
    // Said on a lost connection it is settled by the next reconciliation, which asks again.
    this.#say({ op: 'cancel', clientId: this.#clientId(orderId) })
  }

  amend(orderId: number, _instrument: number, tick: number, lots: number): void {
    this.#say({ op: 'amend', clientId: this.#clientId(orderId), tick, lots })
  }

  cancelStray(order: VenueOrder): void {
    this.#say({ op: 'cancel', clientId: order.venueOrderId })
  }

  async close(): Promise<void> {
    const socket = this.#socket
    this.#socket = undefined
    this.#handlers = undefined
    if (!socket || socket.readyState === WebSocket.CLOSED) return
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.close()
    await closed
  }

  #clientId(orderId: number): string {
    return `${this.#options.run}-${orderId}`
  }

  /** The id an order has with us; 0 when it is not of this journal. */
  #orderId(clientId: string): number {
    const at = clientId.lastIndexOf('-')
    return clientId.slice(0, at) === this.#options.run ? Number(clientId.slice(at + 1)) : 0
  }

  /** Whether it could be said. */
  #say(frame: ClientFrame): boolean {
    if (!this.connected) return false
    this.#socket!.send(JSON.stringify(frame))
    return true
  }

  /** Asks, and deals with the answer in the very turn in which it came. */
  #ask(frame: (request: number) => ClientFrame, onAnswer: (answer: VenueFrame) => void): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const request = ++this.#requests
      this.#waiting.set(request, {
        resolve: (answer) => {
          try {
            onAnswer(answer)
            resolve()
          } catch (error) {
            reject(error)
          }
        },
        reject,
      })
      if (!this.#say(frame(request))) this.#failWaiting()
    })
  }

  #failWaiting(): void {
    for (const { reject } of this.#waiting.values())
      reject(new GimbalError('venue-refused', 'The connection was lost before the answer', { url: this.#options.url }))
    this.#waiting.clear()
  }

  #lose(socket: WebSocket, reason: string): void {
    if (socket !== this.#socket) return
    this.#socket = undefined
    socket.terminate()
    this.#failWaiting()
    this.#handlers?.onLost(reason)
  }

  #onMessage(socket: WebSocket, text: string): void {
    const handlers = this.#handlers
    if (socket !== this.#socket || !handlers) return
    let frame: VenueFrame
    try {
      frame = parseVenueFrame(text)
      if (frame.type === 'rows') {
        this.#onRows(frame.rows, handlers)
        return
      }
    } catch (error) {
      if (!(error instanceof GimbalError) || error.code !== 'payload-invalid') throw error
      // A venue that no longer makes sense is a venue we have lost: start over with a clean session.
      this.#lose(socket, error.message)
      return
    }
    switch (frame.type) {
      case 'welcome':
        this.#welcome?.(frame)
        break
      case 'order':
        // Orders in instruments we do not trade here are somebody else's.
        if (this.#level && this.#ours[frame.event.instrument]! >= 0)
          handlers.onOrder(this.#orderEvent(frame.event, this.#options.clock()))
        break
      case 'account':
        if (this.#level && this.#knows(frame.event))
          handlers.onAccount(this.#accountEvent(frame.event, this.#options.clock()))
        break
      case 'error':
        // It did not take something we said, and does not say which order that was: a new session settles it.
        this.#lose(socket, frame.reason)
        break
      case 'snapshot':
      case 'history': {
        const waiting = this.#waiting.get(frame.request)
        this.#waiting.delete(frame.request)
        waiting?.resolve(frame)
      }
    }
  }

  #onRows(rows: readonly unknown[], handlers: VenueHandlers): void {
    if (this.#batch.capacity < rows.length) this.#batch = new TapeBatch(rows.length)
    this.#batch.count = 0
    const timeUs = this.#options.clock()
    readRows(rows, this.#ours, timeUs, this.#batch)
    handlers.onRows(this.#batch, timeUs)
  }

  #orderEvent(wire: WireOrderEvent, timeUs: number): OrderEvent {
    const { clientId, ...said } = wire
    return { ...said, timeUs, orderId: this.#orderId(clientId), instrument: this.#ours[said.instrument]! }
  }

  #knows(event: WireAccountEvent): boolean {
    return event.instrument < 0 || this.#ours[event.instrument]! >= 0
  }

  #accountEvent(wire: WireAccountEvent, timeUs: number): AccountEvent {
    return { ...wire, timeUs, instrument: wire.instrument < 0 ? -1 : this.#ours[wire.instrument]! }
  }

  #snapshotOf(wire: WireSnapshot, timeUs: number): VenueSnapshot {
    return {
      venueTimeUs: wire.venueTimeUs,
      openOrders: wire.openOrders.map(({ clientId, ...order }) => ({
        ...order,
        orderId: this.#orderId(clientId),
        venueOrderId: clientId,
        instrument: this.#ours[order.instrument] ?? -1,
      })),
      fills: wire.fills
        .filter((fill) => this.#ours[fill.instrument]! >= 0)
        .map((fill) => this.#orderEvent(fill, timeUs)),
      accountEvents: wire.accountEvents
        .filter((event) => this.#knows(event))
        .map((event) => this.#accountEvent(event, timeUs)),
      mark: { fillId: wire.fillId, accountUs: wire.accountUs },
      lots: this.#theirs.map((index) => wire.lots[index] ?? 0),
      cashAtoms: wire.cashAtoms,
    }
  }
}
