/**
 * @file Starting: with an empty directory or with the journal of a run that was killed, by the same path.
 *
 * A journal found is folded into a fresh engine whose acts are compared and not sent (replayJournal.ts). Then the
 * venue is asked what it knows, and what it says is taken in as ordinary inputs, journaled like any other:
 *
 *   fills we did not hear of             order events, recognised by their number if we did after all
 *   account events we did not hear of    account events
 *   orders we wrote down and it has not  `cancelled`, reason `other`: never received, or ended while we were away.
 *                                        They are not sent again: the market they were meant for is gone
 *   orders it has and we never wrote     cancelled and reported: nobody is minding them
 *   orders half accepted, half amended   the event that was missed
 *   cancellations that were under way    asked again: that is safe however often
 *
 * Afterwards positions must agree; cash that does not (a deposit, an adjustment of the venue's) is booked as a
 * transfer and reported.
 */

import { GimbalError } from '../core/errors.ts'
import { type Durability, FileJournal } from '../journal/fileJournal.ts'
import { type AccountMark, canonicalJson, type JournalHeader } from '../journal/header.ts'
import type { Journal } from '../journal/journal.ts'
import { JournalReader, type TornTail } from '../journal/journalReader.ts'
import type { AccountEvent, Intent, Order, OrderEvent } from '../market/order.ts'
import type { TapeBatch } from '../market/tape.ts'
import type { OpenOrder } from '../policies/policy.ts'
import type { GateAct, GateReset } from '../risk/gate.ts'
import type { Engine, VenuePort } from './engine.ts'
import { AccountHistory } from './recoveryMark.ts'
import { type BuildEngine, JournalFold, MuteVenue } from './replayJournal.ts'

/** An order as the venue has it. */
export interface VenueOrder {
  /** The id it carries from us; 0 when it is not of this journal. */
  readonly orderId: number
  /** The name by which the venue can be told to cancel it. */
  readonly venueOrderId: string
  readonly instrument: number
  readonly side: 1 | -1
  readonly tick: number
  readonly lots: number
  readonly leavesLots: number
}

/** What a venue says about our account, all as of one moment. */
export interface VenueSnapshot {
  /** When that was, on the venue's clock. */
  readonly venueTimeUs: number
  /** Orders open or on their way into the book. */
  readonly openOrders: readonly VenueOrder[]
  /** Fills numbered above the mark asked for, by number. `orderId` 0: not an order of this journal. */
  readonly fills: readonly OrderEvent[]
  /** Account events at or after the mark's time, in order. */
  readonly accountEvents: readonly AccountEvent[]
  /** The account's own mark now. */
  readonly mark: AccountMark
  /** Signed lots by instrument index, and cash in atoms by currency. */
  readonly lots: readonly number[]
  readonly cashAtoms: Readonly<Record<string, number>>
}

/** Lets the journal behind an engine change from the fold to the file. */
class SwitchJournal implements Journal {
  #target: Journal

  constructor(target: Journal) {
    this.#target = target
  }

  switchTo(target: Journal): void {
    this.#target = target
  }

  row(batch: TapeBatch, row: number, instrument: number, timeUs: number): void {
    this.#target.row(batch, row, instrument, timeUs)
  }
  clock(timeUs: number): void {
    this.#target.clock(timeUs)
  }
  orderEvent(event: OrderEvent): void {
    this.#target.orderEvent(event)
  }
  accountEvent(event: AccountEvent): void {
    this.#target.accountEvent(event)
  }
  gateReset(reset: GateReset): void {
    this.#target.gateReset(reset)
  }
  order(order: Order): void {
    this.#target.order(order)
  }
  cancel(orderId: number, policy: number, timeUs: number): void {
    this.#target.cancel(orderId, policy, timeUs)
  }
  amend(orderId: number, tick: number, lots: number, policy: number, timeUs: number): void {
    this.#target.amend(orderId, tick, lots, policy, timeUs)
  }
  refusal(intent: Intent, policy: number, limit: string, timeUs: number): void {
    this.#target.refusal(intent, policy, limit, timeUs)
  }
  gateAct(act: GateAct): void {
    this.#target.gateAct(act)
  }
  commit(): void {
    this.#target.commit()
  }
}

/** Lets the venue behind an engine change from the mute one to the real one. */
class SwitchVenue implements VenuePort {
  #target: VenuePort

  constructor(target: VenuePort) {
    this.#target = target
  }

  switchTo(target: VenuePort): void {
    this.#target = target
  }

  submit(order: Order): void {
    this.#target.submit(order)
  }
  cancel(orderId: number, instrument: number, nowUs: number): void {
    this.#target.cancel(orderId, instrument, nowUs)
  }
  amend(orderId: number, instrument: number, tick: number, lots: number, nowUs: number): void {
    this.#target.amend(orderId, instrument, tick, lots, nowUs)
  }
}

/** What was found in the journal at the start. */
export interface Recovery {
  readonly records: number
  readonly rows: number
  readonly torn: TornTail | undefined
  /** Whether the run before ended in good order. */
  readonly closed: boolean
  /** Acts whose records the crash swallowed: written down now, not sent. */
  readonly unrecorded: number
}

export interface StartOptions {
  readonly directory: string
  /** Header of the journal to begin if there is none. If there is one, the run must be the same (see `checkSameRun`). */
  readonly header: JournalHeader
  readonly build: BuildEngine
  readonly durability: Durability
  /** Where acts go once the state is rebuilt. */
  readonly venue: VenuePort
  readonly nowUs: number
}

/** An engine ready to go on, its journal open behind it. */
export interface StartedEngine {
  readonly engine: Engine
  readonly journal: FileJournal
  /** The header in force: the recorded one if there was a journal. */
  readonly header: JournalHeader
  readonly recovered: Recovery | undefined
  /** What of the account's history the engine already contains. */
  readonly history: AccountHistory
}

/**
 * Opens or begins the journal of a run and rebuilds its engine. Nothing is sent.
 *
 * @throws {GimbalError} `journal-invalid`, `journal-busy`, `replay-diverged`; `config-invalid` when the journal is of
 * another run.
 */
export function startEngine(options: StartOptions): StartedEngine {
  const reader = JournalReader.open(options.directory)
  const venue = new SwitchVenue(new MuteVenue())
  const file = { durability: options.durability }
  if (!reader) {
    const { header } = options
    const journal = FileJournal.create(options.directory, header, file)
    const engine = options.build(header, { journal: new SwitchJournal(journal), venue })
    venue.switchTo(options.venue)
    return { engine, journal, header, recovered: undefined, history: new AccountHistory(header.since) }
  }
  const { header } = reader
  checkSameRun(header, options.header)
  const fold = new JournalFold(reader)
  const switching = new SwitchJournal(fold)
  const engine = options.build(header, { journal: switching, venue })
  const found = fold.run(engine)
  const journal = FileJournal.reopen(reader, file)
  // The engine has already taken these; without them the journal would not say why their consequences happened.
  for (const write of found.unrecorded) write(journal)
  const torn = found.torn ? `, ${found.torn.bytes} bytes of an unfinished record cut off` : ''
  journal.note(`restarted by gimbal ${options.header.gimbal}${torn}`, options.nowUs)
  journal.commit()
  switching.switchTo(journal)
  venue.switchTo(options.venue)
  return {
    engine,
    journal,
    header,
    recovered: {
      records: found.records,
      rows: found.rows,
      torn: found.torn,
      closed: found.closed,
      unrecorded: found.unrecorded.length,
    },
    history: found.history,
  }
}

/** What must be the same for a run to be continued: everything but its version, its balances and its own name. */
function checkSameRun(recorded: JournalHeader, wanted: JournalHeader): void {
  for (const field of ['rows', 'seed', 'instruments', 'settings'] as const) {
    if (canonicalJson(recorded[field]) === canonicalJson(wanted[field])) continue
    const { path, was, now } = firstDifference(recorded[field], wanted[field], field)
    throw new GimbalError('config-invalid', `The journal was written with other ${field}: begin a new one for them`, {
      where: path,
      recorded: was.slice(0, 200),
      wanted: now.slice(0, 200),
    })
  }
}

/** Where two plain values first differ, as a dotted path, and what stands there. */
function firstDifference(was: unknown, now: unknown, path: string): { path: string; was: string; now: string } {
  if (typeof was === 'object' && typeof now === 'object' && was !== null && now !== null) {
    const old = was as Record<string, unknown>
    const fresh = now as Record<string, unknown>
    for (const key of new Set([...Object.keys(old), ...Object.keys(fresh)])) {
      if (canonicalJson(old[key] ?? null) !== canonicalJson(fresh[key] ?? null)) {
        return firstDifference(old[key] ?? null, fresh[key] ?? null, `${path}.${key}`)
      }
    }
  }
  return { path, was: canonicalJson(was), now: canonicalJson(now) }
}

/** What a reconciliation found and did. */
export interface Reconciliation {
  /** Fills taken in that we had not heard of; of these, fills of orders that are not this journal's. */
  readonly fills: number
  readonly foreignFills: number
  readonly accountEvents: number
  /** Orders we had written down and the venue does not have: ended as `cancelled`. */
  readonly lostOrders: readonly number[]
  /** Orders whose acceptance, amendment or refused amendment we had missed. */
  readonly caughtUp: readonly number[]
  /** Orders whose cancellation is to be asked for again. */
  readonly recancel: readonly OpenOrder[]
  /** Orders at the venue that are not this journal's, to be cancelled. */
  readonly strays: readonly VenueOrder[]
  /** Cash booked as a transfer because the venue has more (positive) or less, in atoms by currency. */
  readonly cashAdjustedAtoms: Readonly<Record<string, number>>
}

/**
 * Brings an engine level with what the venue says, at engine time `nowUs`.
 *
 * Synchronous, so that nothing the venue says later can come in between. The caller then cancels `strays` and asks
 * again for `recancel`. Orders that policies send in answer to what they hear here are left alone.
 *
 * @param history What we know already; the snapshot was asked for from its mark on. Brought up to date.
 * @throws {GimbalError} `reconcile-failed` when positions differ by something no fill or account event explains.
 */
export function reconcile(
  engine: Engine,
  journal: FileJournal,
  snapshot: VenueSnapshot,
  history: AccountHistory,
  nowUs: number,
): Reconciliation {
  const before = [...engine.openOrders()].map((order) => ({ id: order.id, state: order.state }))
  const atVenue = new Map(snapshot.openOrders.filter((order) => order.orderId > 0).map((each) => [each.orderId, each]))

  let foreignFills = 0
  const { fillId } = history.mark
  const fills = snapshot.fills.filter((fill) => fill.fillId > fillId).sort((a, b) => a.fillId - b.fillId)
  for (const fill of fills) {
    if (fill.orderId === 0) foreignFills++
    history.onOrder(fill)
    engine.stepOrder({ ...fill, timeUs: nowUs })
  }
  const accountEvents = history.unknown(snapshot.accountEvents)
  for (const event of accountEvents) {
    history.onAccount(event)
    engine.stepAccount({ ...event, timeUs: nowUs })
  }

  const lostOrders: number[] = []
  const caughtUp: number[] = []
  const recancel: OpenOrder[] = []
  for (const { id, state } of before) {
    const order = engine.order(id)
    if (!order) continue
    const there = atVenue.get(id)
    const event = { ...orderEventOf(order), timeUs: nowUs, venueTimeUs: snapshot.venueTimeUs }
    if (!there) {
      lostOrders.push(id)
      engine.stepOrder({ ...event, kind: 'cancelled', leavesLots: 0, reason: 'other' })
      continue
    }
    const filledLots = order.lots - order.leavesLots
    if (state === 'sent') {
      caughtUp.push(id)
      engine.stepOrder({ ...event, kind: 'accepted' })
    }
    if (there.tick !== order.tick || there.lots !== order.lots) {
      caughtUp.push(id)
      const leavesLots = there.lots - filledLots
      engine.stepOrder({ ...event, kind: 'amended', tick: there.tick, lots: there.lots, leavesLots })
    } else if (state === 'amending') {
      caughtUp.push(id)
      engine.stepOrder({ ...event, kind: 'amend-rejected', reason: 'other' })
    }
    const now = engine.order(id)
    if (state === 'cancelling' && now) recancel.push(now)
  }

  const ours = new Set(before.map(({ id }) => id))
  const strays = snapshot.openOrders.filter((order) => !ours.has(order.orderId))
  const cashAdjustedAtoms = compareAccount(engine, snapshot, nowUs)
  const result = {
    fills: fills.length,
    foreignFills,
    accountEvents: accountEvents.length,
    lostOrders,
    caughtUp,
    recancel,
    strays,
    cashAdjustedAtoms,
  }
  journal.note(`reconciled: ${reconciliationText(result)}`, nowUs)
  journal.commit()
  return result
}

/** An order event that so far says nothing but whom it is about. */
function orderEventOf(order: OpenOrder): Omit<OrderEvent, 'kind' | 'timeUs' | 'venueTimeUs'> {
  return {
    orderId: order.id,
    instrument: order.instrument,
    side: order.side,
    tick: order.tick,
    lots: order.lots,
    leavesLots: order.leavesLots,
    feeAtoms: 0,
    liquidity: '',
    reason: '',
    fillId: 0,
    queueAheadLots: -1,
  }
}

function compareAccount(engine: Engine, snapshot: VenueSnapshot, nowUs: number): Record<string, number> {
  const { universe, ledger } = engine
  for (let instrument = 0; instrument < universe.size; instrument++) {
    const there = snapshot.lots[instrument] ?? 0
    if (there === ledger.lots(instrument)) continue
    throw new GimbalError('reconcile-failed', `The venue holds another position in ${universe.at(instrument).id}`, {
      venueLots: there,
      journalLots: ledger.lots(instrument),
    })
  }
  const adjusted: Record<string, number> = {}
  const currencies = new Set([...ledger.currencies, ...Object.keys(snapshot.cashAtoms)])
  for (const currency of currencies) {
    const cashAtoms = (snapshot.cashAtoms[currency] ?? 0) - ledger.cashAtoms(currency)
    if (cashAtoms === 0) continue
    adjusted[currency] = cashAtoms
    // Venue time 0: this is our own conclusion, and must not pass for the last account event the venue told us.
    engine.stepAccount({
      kind: 'transfer',
      timeUs: nowUs,
      venueTimeUs: 0,
      instrument: -1,
      side: 0,
      tick: 0,
      lots: 0,
      cashAtoms,
      currency,
    })
  }
  return adjusted
}

/** One line for journal and terminal. */
export function reconciliationText(found: Reconciliation): string {
  const parts = [
    [found.fills, 'missed fills'],
    [found.foreignFills, 'of them by orders that are not ours'],
    [found.accountEvents, 'missed account events'],
    [found.lostOrders.length, 'orders the venue does not have'],
    [found.caughtUp.length, 'orders caught up with'],
    [found.recancel.length, 'cancellations asked again'],
    [found.strays.length, 'unknown orders at the venue, cancelled'],
    [Object.keys(found.cashAdjustedAtoms).length, 'currencies whose cash was adjusted'],
  ] as const
  const said = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`)
  return said.length > 0 ? said.join(', ') : 'nothing was amiss'
}
