/**
 * @file The line between us and one venue: what is under way in either direction.
 *
 * Messages never overtake each other, either way: one that would arrive before its predecessor arrives with it, as on
 * one TCP connection. What leaves in the same microsecond (a batch) shares one delay. While the line is cut answers
 * wait for the reconnect, and what we send is lost: we are told so at the reconnect.
 */

import type { AccountEvent, Order, OrderEvent } from '../market/order.ts'
import type { LatencyModel } from './latencyModels.ts'

/** A span of venue time: from `fromUs`, up to and excluding `toUs`. */
export interface Window {
  readonly fromUs: number
  readonly toUs: number
}

/** The window `timeUs` falls in. */
export function windowAt(windows: readonly Window[], timeUs: number): Window | undefined {
  for (const window of windows) if (timeUs >= window.fromUs && timeUs < window.toUs) return window
  return undefined
}

/** Something on its way to the venue. */
export interface Request {
  readonly atUs: number
  /** Order of sending over all connections: breaks ties. */
  readonly sequence: number
  readonly kind: 'submit' | 'cancel' | 'amend'
  readonly order: Order | undefined
  readonly orderId: number
  readonly instrument: number
  readonly tick: number
  readonly lots: number
}

/** An answer on its way to us. */
export interface Answer {
  readonly atUs: number
  readonly sequence: number
  readonly order: OrderEvent | undefined
  readonly account: AccountEvent | undefined
}

/** First in, first out, without moving the rest at every take. */
class Fifo<T extends { readonly atUs: number; readonly sequence: number }> {
  #items: T[] = []
  #head = 0

  get first(): T | undefined {
    return this.#items[this.#head]
  }

  push(item: T): void {
    this.#items.push(item)
  }

  take(): T | undefined {
    const item = this.#items[this.#head]
    if (item === undefined) return undefined
    if (++this.#head === this.#items.length) {
      this.#items.length = 0
      this.#head = 0
    } else if (this.#head === 1024) {
      this.#items.splice(0, 1024)
      this.#head = 0
    }
    return item
  }
}

export class Connection {
  readonly requests = new Fifo<Request>()
  readonly answers = new Fifo<Answer>()
  readonly #latency: LatencyModel
  readonly #disconnects: readonly Window[]
  /** Latency of the last row of this venue's feed, in µs; kept only for models that ask. */
  feedLatencyUs = 0
  #lastSentUs = Number.NEGATIVE_INFINITY
  #lastArrivalUs = Number.NEGATIVE_INFINITY
  #lastAnswerUs = Number.NEGATIVE_INFINITY

  constructor(latency: LatencyModel, disconnects: readonly Window[]) {
    this.#latency = latency
    this.#disconnects = disconnects
  }

  /** The cut during which something sent at `sentUs` is lost. */
  lostAt(sentUs: number): Window | undefined {
    return windowAt(this.#disconnects, sentUs)
  }

  /** When what leaves at `sentUs` reaches the venue. */
  arrivalUs(sentUs: number): number {
    if (sentUs !== this.#lastSentUs) {
      const arrivesUs = sentUs + this.#latency.entryUs(sentUs, this.feedLatencyUs)
      this.#lastSentUs = sentUs
      if (arrivesUs > this.#lastArrivalUs) this.#lastArrivalUs = arrivesUs
    }
    return this.#lastArrivalUs
  }

  /** When we notice something on our own side at `nowUs`: at once, but after what is already under way. */
  noticeUs(nowUs: number): number {
    if (nowUs > this.#lastAnswerUs) this.#lastAnswerUs = nowUs
    return this.#lastAnswerUs
  }

  /** When we learn of what happens at the venue at `venueUs`. */
  answerUs(venueUs: number): number {
    let atUs = venueUs + this.#latency.responseUs(venueUs, this.feedLatencyUs)
    for (let cut = windowAt(this.#disconnects, atUs); cut; cut = windowAt(this.#disconnects, atUs)) atUs = cut.toUs
    if (atUs > this.#lastAnswerUs) this.#lastAnswerUs = atUs
    return this.#lastAnswerUs
  }
}
