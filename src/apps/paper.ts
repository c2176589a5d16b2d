/**
 * @file A live run: a venue's feed and gateway, the engine, the file journal and the gate, wired in view.
 *
 * `gimbal paper` runs it against the simulated venue; live trading is the same function with another adapter. The
 * wall clock is read once for each event, where it enters. Starting after a crash is the ordinary start: the journal
 * is folded, the venue asked, and the run goes on (engine/recovery.ts); a lost connection is the same without the fold.
 */

import { isoTime } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import type { Engine, VenuePort } from '../engine/engine.ts'
import {
  type Reconciliation,
  type Recovery,
  reconcile,
  reconciliationText,
  type StartedEngine,
  startEngine,
  type VenueSnapshot,
} from '../engine/recovery.ts'
import { type BuildEngine, engineStateDigest } from '../engine/replayJournal.ts'
import type { Durability } from '../journal/fileJournal.ts'
import type { AccountMark, JournalHeader, Json } from '../journal/header.ts'
import { JournalReader } from '../journal/journalReader.ts'
import { atomsPerUnit, type Universe } from '../market/instrument.ts'
import type { AccountEvent, Order, OrderEvent } from '../market/order.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import type { LatchView, Scope } from '../risk/gate.ts'
import type { Venue, VenueHandlers } from '../venues/venue.ts'
import { latchText, type ResetWish, spellScope } from './breakerNames.ts'

export interface PaperOptions {
  /** The journal's directory; a journal found there is continued. */
  readonly directory: string
  readonly gimbalVersion: string
  readonly universe: Universe
  readonly seed: number
  /** What `build` needs beside the universe and the seed; stored in the header, and the same for as long as the journal lives. */
  readonly settings: Json
  readonly build: BuildEngine
  /** Makes the venue's adapter; `run` is the first part of every client order id. */
  readonly venue: (run: string) => Venue
  readonly durability: Durability
  /** Whether leaving cancels what rests. */
  readonly cancelOnExit: boolean
  /** Breakers a person puts back as the run goes on, before the venue is heard. If one is refused the run ends there. */
  readonly resets?: readonly ResetWish[]
  /** Takes a line a second for the terminal, and a line for everything out of the ordinary. */
  readonly print: (line: string) => void
  /** Ends the run as SIGINT and SIGTERM do. */
  readonly signal?: AbortSignal
  /** Wall clock in µs. */
  readonly clock?: () => number
}

/** How a run ended. */
export interface PaperResult {
  /** Hash of the closed journal. */
  readonly hash: string
  /** {@link engineStateDigest} at the end. */
  readonly state: string
  readonly recovered: Recovery | undefined
  /** One for the start and one for every connection lost. */
  readonly reconciliations: readonly Reconciliation[]
  readonly rows: number
  readonly orders: number
  readonly fills: number
  /** Breakers tripped and not reset at the end. */
  readonly latched: readonly LatchView[]
}

/** The operating system's clock in µs; does not run backwards within a process. */
export function wallClockUs(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000)
}

const STATUS_MS = 1000
/** First wait before connecting again, and the longest, in milliseconds. */
const RETRY_MS = 100
const RETRY_MS_MAX = 5000
/** How long leaving waits for cancellations to be confirmed, in milliseconds. */
const LEAVE_MS = 3000
/** Longest timer that Node takes. */
const TIMER_MS_MAX = 2 ** 31 - 1

/**
 * Runs until SIGINT, SIGTERM or `signal`.
 *
 * @throws {GimbalError} `venue-refused` when the venue cannot be reached at the start (later losses are retried);
 * `reset-refused`, `reconcile-failed`, `replay-diverged`, `journal-invalid`, `journal-busy`, `config-invalid` from the
 * start. Whatever is thrown, resting orders are asked to be cancelled first and the journal is closed.
 */
export async function runPaper(options: PaperOptions): Promise<PaperResult> {
  const run = new PaperRun(options)
  const stop = () => run.stop()
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  options.signal?.addEventListener('abort', stop, { once: true })
  if (options.signal?.aborted) run.stop()
  try {
    return await run.toTheEnd()
  } finally {
    process.removeListener('SIGINT', stop)
    process.removeListener('SIGTERM', stop)
    options.signal?.removeEventListener('abort', stop)
  }
}

/** What asks for the account as it is, without history: for a journal that is about to begin. */
const WITHOUT_HISTORY: AccountMark = { fillId: Number.MAX_SAFE_INTEGER, accountUs: Number.MAX_SAFE_INTEGER }

class PaperRun implements VenueHandlers {
  readonly #options: PaperOptions
  readonly #clock: () => number
  readonly #venue: Venue
  readonly #run: string
  readonly #port: VenuePort
  readonly #reconciliations: Reconciliation[] = []
  readonly #oneRow = new TapeBatch(8)
  #started: StartedEngine | undefined
  /** Whether a session is up and reconciled: events are taken in. */
  #level = false
  #stopping = false
  #failure: unknown
  #wake: () => void = () => {}
  #timer: NodeJS.Timeout | undefined
  #timerUs = Number.POSITIVE_INFINITY
  #rows = 0
  #orders = 0
  #fills = 0
  #rowsShown = 0
  /** Latches a person has been told of. */
  readonly #latchesTold = new Set<LatchView>()

  constructor(options: PaperOptions) {
    this.#options = options
    this.#clock = options.clock ?? wallClockUs
    const recorded = JournalReader.open(options.directory)?.header.run
    this.#run = recorded ?? Math.floor(this.#clock()).toString(36)
    const venue = options.venue(this.#run)
    this.#venue = venue
    this.#port = {
      submit: (order: Order) => {
        this.#orders++
        venue.submit(order)
      },
      cancel: (orderId, instrument, nowUs) => venue.cancel(orderId, instrument, nowUs),
      amend: (orderId, instrument, tick, lots, nowUs) => venue.amend(orderId, instrument, tick, lots, nowUs),
    }
    if (recorded !== undefined) this.#start(this.#header({}, { fillId: 0, accountUs: 0 }))
  }

  /** Asks for the end. */
  stop(): void {
    this.#stopping = true
    this.#wake()
  }

  async toTheEnd(): Promise<PaperResult> {
    const status = setInterval(() => this.#status(), STATUS_MS)
    try {
      this.#putBack()
      await this.#join()
      let waitMs = RETRY_MS
      while (!this.#stopping) {
        if (this.#level) {
          waitMs = RETRY_MS
          await this.#sleep(Number.POSITIVE_INFINITY)
        } else {
          await this.#sleep(waitMs)
          waitMs = Math.min(2 * waitMs, RETRY_MS_MAX)
          if (!this.#stopping) await this.#rejoin()
        }
        if (this.#failure !== undefined) throw this.#failure
      }
      await this.#leave(this.#options.cancelOnExit)
    } catch (error) {
      await this.#leave(true)
      this.#started?.journal.note(`stopped: ${(error as Error).message.slice(0, 500)}`, this.#clock())
      throw error
    } finally {
      clearInterval(status)
      clearTimeout(this.#timer)
      this.#started?.journal.close()
      await this.#venue.close()
    }
    const { engine, journal, recovered } = this.#started!
    return {
      hash: journal.hash,
      state: engineStateDigest(engine),
      recovered,
      reconciliations: this.#reconciliations,
      rows: this.#rows,
      orders: this.#orders,
      fills: this.#fills,
      latched: [...engine.gate.latched],
    }
  }

  // ── what the venue says ───────────────────────────────────────────────────────────────────────────────────────

  onRows(batch: TapeBatch, timeUs: number): void {
    this.#guard((engine) => {
      for (let row = 0; row < batch.count; row++) engine.stepRow(batch, row, batch.instrument[row]!, timeUs)
      this.#rows += batch.count
    })
  }

  onOrder(event: OrderEvent): void {
    this.#guard((engine, { history }) => {
      if (event.kind === 'filled') this.#fills++
      history.onOrder(event)
      engine.stepOrder(event)
    })
  }

  onAccount(event: AccountEvent): void {
    this.#guard((engine, { history }) => {
      history.onAccount(event)
      engine.stepAccount(event)
    })
  }

  onLost(reason: string): void {
    if (!this.#level) return
    this.#guard((engine) => this.#outage(engine, true))
    this.#level = false
    this.#options.print(`connection to ${this.#venue.name} lost: ${reason}`)
    this.#wake()
  }

  // ── the session ───────────────────────────────────────────────────────────────────────────────────────────────

  /** Opens a session, brings the engine level with the venue, and lets the market in. */
  async #join(): Promise<void> {
    const { print } = this.#options
    await this.#venue.connect(this)
    const mark = this.#started?.history.mark ?? WITHOUT_HISTORY
    await this.#venue.snapshot(mark, (snapshot, timeUs) => {
      if (!this.#started) this.#begin(snapshot)
      const { engine, journal, history } = this.#started!
      engine.start()
      const found = reconcile(engine, journal, snapshot, history, timeUs)
      this.#fills += found.fills
      this.#reconciliations.push(found)
      print(`reconciled with ${this.#venue.name}: ${reconciliationText(found)}`)
      for (const stray of found.strays) {
        print(`cancelling an order that is not of this journal: ${stray.venueOrderId}`)
        this.#venue.cancelStray(stray)
      }
      for (const order of found.recancel) this.#venue.cancel(order.id, order.instrument, timeUs)
      this.#level = true
      if (engine.markets.some((market) => market.down)) this.#guard(() => this.#outage(engine, false))
    })
    this.#venue.subscribe()
  }

  async #rejoin(): Promise<void> {
    try {
      await this.#join()
    } catch (error) {
      if (!(error instanceof GimbalError) || error.code !== 'venue-refused') throw error
      this.#options.print(`${this.#venue.name} cannot be reached yet`)
    }
  }

  #header(cash: JournalHeader['cash'], since: AccountMark): JournalHeader {
    const { gimbalVersion, seed, universe, settings } = this.#options
    return {
      gimbal: gimbalVersion,
      rows: 'inline',
      run: this.#run,
      seed,
      cash,
      since,
      instruments: universe.instruments.map(({ spec }) => spec),
      settings,
      tapes: [],
    }
  }

  /** A new journal opens with what the account holds now. */
  #begin(snapshot: VenueSnapshot): void {
    const cash: Record<string, number> = {}
    for (const [currency, atoms] of Object.entries(snapshot.cashAtoms)) cash[currency] = atoms / atomsPerUnit(currency)
    this.#start(this.#header(cash, snapshot.mark))
  }

  #start(header: JournalHeader): void {
    const { directory, build, durability, print } = this.#options
    const nowUs = this.#clock()
    this.#started = startEngine({ directory, header, build, durability, venue: this.#port, nowUs })
    const { engine, recovered } = this.#started
    if (!recovered) return
    const torn = recovered.torn ? `, ${recovered.torn.bytes} bytes of an unfinished record cut off` : ''
    print(`journal continued: ${recovered.records} records, ${recovered.rows} rows${torn}`)
    // Until the venue has spoken nobody is to believe the books of before.
    this.#outage(engine, true)
  }

  // ── breakers ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Carries out the resets asked for, and says what stays latched. */
  #putBack(): void {
    const { resets = [], directory, print } = this.#options
    const engine = this.#started?.engine
    if (!engine) {
      if (resets.length === 0) return
      throw new GimbalError('reset-refused', 'Breaker not reset: a run that has yet to begin has tripped none', {
        directory,
      })
    }
    for (const { breaker, scope, who, reason } of resets) {
      const over = scope ?? onlyScope(breaker, engine)
      const { act, latchedUs } = engine.resetBreaker(breaker, over, who, reason, this.#clock())
      print(
        `breaker reset by ${who}: ${breaker} over ${spellScope(over, engine)}, ${act} in force since ${isoTime(latchedUs)}: ${reason}`,
      )
    }
    const left = engine.gate.latched.length
    if (left > 0) print(`${left === 1 ? 'a breaker is' : `${left} breakers are`} still latched from before:`)
    this.#tellLatches(engine)
  }

  /** Says of each latch once what it is and what it does. */
  #tellLatches(engine: Engine): void {
    for (const latch of engine.gate.latched) {
      if (this.#latchesTold.has(latch)) continue
      this.#latchesTold.add(latch)
      this.#options.print(`breaker latched since ${isoTime(latch.sinceUs)}: ${latchText(latch, engine)}`)
    }
  }

  /** Tells the engine that every market went down, or came back: as rows, so that it is journaled like any other news. */
  #outage(engine: Engine, down: boolean): void {
    const nowUs = this.#clock()
    for (let instrument = 0; instrument < engine.universe.size; instrument++) {
      this.#oneRow.count = 0
      this.#oneRow.push(nowUs, nowUs, Kind.OUTAGE, instrument, 0, 0, 0, down ? 1 : 0, Flag.END)
      engine.stepRow(this.#oneRow, 0, instrument, nowUs)
    }
  }

  /**
   * Leaves the market. The engine hears nothing more: what its orders come to from here on is found by the next
   * start's reconciliation, so no policy can answer a farewell with a new order.
   */
  async #leave(cancel: boolean): Promise<void> {
    this.#level = false
    clearTimeout(this.#timer)
    const engine = this.#started?.engine
    if (!cancel || !engine || !this.#venue.connected) return
    const nowUs = this.#clock()
    for (const order of engine.openOrders()) this.#venue.cancel(order.id, order.instrument, nowUs)
    const untilUs = nowUs + LEAVE_MS * 1000
    let left = Number.POSITIVE_INFINITY
    while (left > 0 && this.#clock() < untilUs && this.#venue.connected) {
      await this.#sleep(20)
      try {
        await this.#venue.snapshot(WITHOUT_HISTORY, ({ openOrders }) => {
          left = openOrders.filter((order) => order.orderId > 0).length
        })
      } catch (error) {
        if (!(error instanceof GimbalError) || error.code !== 'venue-refused') throw error
      }
    }
    const { print } = this.#options
    if (left === 0) print('every order is cancelled')
    else print('leaving without knowing that every order is cancelled')
  }

  // ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Lets something happen to the engine while the session is level; what it throws ends the run. */
  #guard(happen: (engine: Engine, started: StartedEngine) => void): void {
    if (!this.#level || this.#failure !== undefined) return
    try {
      happen(this.#started!.engine, this.#started!)
      this.#armTimer()
    } catch (error) {
      this.#failure = error
      this.#wake()
    }
  }

  /** Makes sure the engine's clock is stepped when it next has something to do. */
  #armTimer(): void {
    const dueUs = this.#started!.engine.nextClockUs
    if (dueUs === this.#timerUs) return
    this.#timerUs = dueUs
    clearTimeout(this.#timer)
    if (dueUs === Number.POSITIVE_INFINITY) return
    const waitMs = Math.max(0, Math.ceil((dueUs - this.#clock()) / 1000))
    this.#timer = setTimeout(
      () => {
        this.#timerUs = Number.NaN
        this.#guard((engine) => {
          const nowUs = this.#clock()
          if (engine.nextClockUs <= nowUs) engine.stepClock(nowUs)
        })
      },
      Math.min(waitMs, TIMER_MS_MAX),
    )
  }

  /** Waits, or until `stop`, a failure or a lost connection. */
  #sleep(ms: number): Promise<void> {
    if (this.#failure !== undefined) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = ms < Number.POSITIVE_INFINITY ? setTimeout(() => this.#wake(), ms) : undefined
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = () => {}
        resolve()
      }
    })
  }

  #status(): void {
    const { engine, journal } = this.#started ?? {}
    if (!engine || !journal) return
    this.#tellLatches(engine)
    const { ledger, universe } = engine
    const latched = engine.gate.latched.length
    const rate = this.#rows - this.#rowsShown
    this.#rowsShown = this.#rows
    const held = universe.instruments
      .map((instrument, index) => ({ instrument, lots: ledger.lots(index) }))
      .filter(({ lots }) => lots !== 0)
      .map(({ instrument, lots }) => `${lots > 0 ? '+' : ''}${instrument.lots.format(lots)} ${instrument.id}`)
    const open = [...engine.openOrders()].length
    const equity = Number.isNaN(ledger.equity) ? 'unknown' : ledger.equity.toFixed(2)
    this.#options.print(
      [
        this.#level ? 'up' : 'down',
        `${this.#rows} rows (${rate}/s)`,
        `${this.#orders} orders sent, ${open} open`,
        `${this.#fills} fills`,
        `equity ${equity}`,
        held.length > 0 ? held.join(' ') : 'flat',
        ...(latched > 0 ? [`${latched} breaker${latched === 1 ? '' : 's'} latched`] : []),
        `journal ${journal.records} records`,
      ].join(' · '),
    )
  }
}

/** Where a breaker is latched, for whoever did not say. */
function onlyScope(breaker: string, engine: Engine): Scope {
  const scopes = engine.gate.latched.filter((latch) => latch.breaker === breaker).map(({ scope }) => scope)
  if (scopes.length === 1) return scopes[0]!
  const why = scopes.length === 0 ? 'it is not latched' : 'it is latched over several scopes: say which'
  throw new GimbalError('reset-refused', `Breaker not reset: ${why}`, {
    breaker,
    latched: engine.gate.latched.map((latch) => `${latch.breaker}:${spellScope(latch.scope, engine)}`).join(' '),
  })
}
