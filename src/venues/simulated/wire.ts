/**
 * @file What the simulated venue and its client say to each other: JSON text frames over a WebSocket.
 *
 * Client to venue, told apart by `op`:
 *
 *   login      account                     first; ends any other session of the account
 *   subscribe                              market data from now on, beginning with each book as it stands
 *   submit     clientId, order             a clientId seen before is not a new order
 *   cancel     clientId
 *   amend      clientId, tick, lots        lots is the new total size
 *   snapshot   request, fillId, accountUs  the account now, its fills above fillId, its events from accountUs on
 *   history    request                     every clientId ever taken, in order
 *
 * Venue to client, told apart by `type`:
 *
 *   welcome    venueTimeUs, instruments, steps   names, to which everything else refers by place in the list; of each its
 *                                          tick size, lot size and multiplier, in which all numbers are counted
 *   rows       rows                        tape rows of complete messages, each an array of eight numbers:
 *                                          venueTimeUs, kind, instrument, side, tick, lots, value, flags
 *   order      event                       an answer about an order, by clientId
 *   account    event
 *   snapshot   request, …
 *   history    request, clientIds, repeated     repeated: submissions under a clientId seen before
 *   error      reason                      what was said makes no sense; the connection stays
 *
 * Prices are ticks, sizes lots, money atoms, times µs on the venue's clock. Control frames are checked by schema;
 * rows, which are many, by hand. What fails is a `payload-invalid` error and never a number.
 */

import { z } from 'zod'
import { GimbalError } from '../../core/errors.ts'
import type { TapeBatch } from '../../market/tape.ts'

const side = z.union([z.literal(1), z.literal(-1)])
const index = z.int().min(0).max(65_535)
const tick = z.int().min(-0x7fffffff).max(0x7fffffff)
const lots = z.number().min(0)
const clientId = z.string().min(1).max(80)
const request = z.int().min(0)

const wireOrder = z.strictObject({
  instrument: index,
  side,
  lots: lots.positive(),
  type: z.enum(['limit', 'market', 'stop', 'stop-limit', 'take-profit', 'take-profit-limit']),
  tick,
  triggerTick: tick.optional(),
  timeInForce: z.enum(['GTC', 'IOC', 'FOK', 'GTT']),
  expiresUs: z.number().optional(),
  postOnly: z.boolean().optional(),
  reduceOnly: z.boolean().optional(),
})
/** An order as the wire carries it: what the venue needs to know and nothing else. */
export type WireOrder = z.infer<typeof wireOrder>

const clientFrame = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('login'), account: z.string().min(1).max(40) }),
  z.strictObject({ op: z.literal('subscribe') }),
  z.strictObject({ op: z.literal('submit'), clientId, order: wireOrder }),
  z.strictObject({ op: z.literal('cancel'), clientId }),
  z.strictObject({ op: z.literal('amend'), clientId, tick, lots: lots.positive() }),
  z.strictObject({ op: z.literal('snapshot'), request, fillId: z.number().min(0), accountUs: z.number().min(0) }),
  z.strictObject({ op: z.literal('history'), request }),
])
export type ClientFrame = z.infer<typeof clientFrame>

const orderEvent = z.strictObject({
  clientId,
  kind: z.enum([
    ...(['accepted', 'rejected', 'triggered', 'filled', 'amended', 'cancelled', 'expired'] as const),
    ...(['cancel-rejected', 'amend-rejected'] as const),
  ]),
  venueTimeUs: z.number(),
  instrument: index,
  side,
  tick: z.number(),
  lots,
  leavesLots: lots,
  feeAtoms: z.number(),
  liquidity: z.enum(['maker', 'taker', '']),
  reason: z.enum([
    ...(['', 'post-only', 'reduce-only', 'no-liquidity', 'fill-or-kill', 'margin', 'rate-limit'] as const),
    ...(['venue-down', 'off-grid', 'unknown-order', 'self-trade', 'expired', 'liquidation', 'other'] as const),
    ...(['trigger-crossed', 'size', 'price-band', 'instrument-closed'] as const),
  ]),
  fillId: z.int().min(0),
  queueAheadLots: z.number(),
})
export type WireOrderEvent = z.infer<typeof orderEvent>

const accountEvent = z.strictObject({
  kind: z.enum(['funding', 'liquidation', 'deleveraging', 'settlement', 'transfer', 'venue-down', 'venue-up']),
  venueTimeUs: z.number(),
  instrument: z.int().min(-1).max(65_535),
  side: z.union([side, z.literal(0)]),
  tick: z.number(),
  lots,
  cashAtoms: z.number(),
  currency: z.string().max(40),
})
export type WireAccountEvent = z.infer<typeof accountEvent>

const snapshot = z.strictObject({
  type: z.literal('snapshot'),
  request,
  venueTimeUs: z.number(),
  openOrders: z.array(z.strictObject({ clientId, instrument: index, side, tick, lots, leavesLots: lots })),
  fills: z.array(orderEvent),
  accountEvents: z.array(accountEvent),
  /** The account's last fill and the time of its last account event. */
  fillId: z.int().min(0),
  accountUs: z.number(),
  lots: z.array(z.number()),
  cashAtoms: z.record(z.string(), z.number()),
})
export type WireSnapshot = z.infer<typeof snapshot>

const rows = z.strictObject({ type: z.literal('rows'), rows: z.array(z.unknown()) })

const venueFrame = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('welcome'),
    venueTimeUs: z.number(),
    instruments: z.array(z.string()),
    steps: z.array(z.tuple([z.string(), z.string(), z.string()])),
  }),
  rows,
  z.strictObject({ type: z.literal('order'), event: orderEvent }),
  z.strictObject({ type: z.literal('account'), event: accountEvent }),
  snapshot,
  z.strictObject({ type: z.literal('history'), request, clientIds: z.array(clientId), repeated: z.int() }),
  z.strictObject({ type: z.literal('error'), reason: z.string() }),
])
export type VenueFrame = z.infer<typeof venueFrame>

/** One tape row on the wire. */
export type WireRow = readonly [
  venueTimeUs: number,
  kind: number,
  instrument: number,
  side: number,
  tick: number,
  lots: number,
  value: number,
  flags: number,
]

/** @throws {GimbalError} `payload-invalid` for anything a client may not say. */
export function parseClientFrame(text: string): ClientFrame {
  return parse(clientFrame, text)
}

/** @throws {GimbalError} `payload-invalid` for anything the venue would not say. Rows are checked when they are read. */
export function parseVenueFrame(text: string): VenueFrame {
  return parse(venueFrame, text)
}

function parse<T>(schema: z.ZodType<T>, text: string): T {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new GimbalError('payload-invalid', 'A frame is not JSON', { frame: text.slice(0, 80) }, { cause: error })
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new GimbalError('payload-invalid', 'A frame is not of the simulated venue’s language', {
    at: issue?.path.join('.') ?? '',
    reason: issue?.message ?? '',
    frame: text.slice(0, 80),
  })
}

/**
 * Appends rows from the wire to a batch, which must have room for them.
 *
 * @param instruments Our index of each instrument of the venue; -1 for those we do not know, whose rows are left out.
 * @throws {GimbalError} `payload-invalid`; the batch then holds only sound rows.
 */
export function readRows(source: readonly unknown[], instruments: Int32Array, timeUs: number, out: TapeBatch): void {
  for (const row of source) {
    if (!Array.isArray(row) || row.length !== 8 || !row.every(Number.isFinite))
      throw new GimbalError('payload-invalid', 'A row is not eight numbers', { row: JSON.stringify(row).slice(0, 80) })
    const [venueTimeUs, kind, instrument, rowSide, rowTick, rowLots, value, flags] = row as unknown as WireRow
    const ours = instruments[instrument]
    const sound =
      ours !== undefined &&
      inRange(kind, 1, 255) &&
      inRange(rowSide, -1, 1) &&
      inRange(rowTick, -0x7fffffff, 0x7fffffff) &&
      inRange(flags, 0, 255)
    if (!sound)
      throw new GimbalError('payload-invalid', 'A row holds an impossible number', { row: JSON.stringify(row) })
    if (ours >= 0) out.push(timeUs, venueTimeUs, kind, ours, rowSide, rowTick, rowLots, value, flags)
  }
}

function inRange(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most
}
