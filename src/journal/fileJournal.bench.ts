/**
 * What it measures: what the journal adds to every market row and to every order. A row inline is paid by paper and
 * live runs, a row by reference by every backtest; an order with its commit is time between deciding and sending.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bench } from '../../tests/bench.ts'
import { Random } from '../core/random.ts'
import type { Order } from '../market/order.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import { type Durability, FileJournal } from './fileJournal.ts'
import type { JournalHeader, RowMode } from './header.ts'
import { JournalReader, verifyJournal } from './journalReader.ts'

const HEADER: JournalHeader = {
  gimbal: 'bench',
  rows: 'inline',
  run: '',
  seed: 1,
  cash: {},
  since: { fillId: 0, accountUs: 0 },
  instruments: [],
  settings: {},
  tapes: [],
}

/** Depth updates as a busy perpetual sends them. */
function depth(): TapeBatch {
  const random = new Random(1)
  const batch = new TapeBatch(4096)
  let timeUs = 1_720_000_000_000_000
  for (let i = 0; i < batch.capacity; i++) {
    if (i % 8 === 0) timeUs += random.integer(0, 20_000)
    const flags = i % 8 === 7 ? Flag.END : 0
    batch.push(timeUs, timeUs - 1000, Kind.DEPTH, 0, i & 1 ? 1 : -1, 640_000 + random.integer(-90, 90), i, 7e9, flags)
  }
  return batch
}

const ORDER: Order = {
  id: 1,
  instrument: 0,
  side: 1,
  lots: 5,
  type: 'limit',
  tick: 640_000,
  timeInForce: 'GTC',
  postOnly: true,
  tag: 'quote',
  policy: 0,
  sentUs: 1_720_000_000_000_000,
  decisionTick: 640_001.5,
}

/** Runs `body` on a journal in a directory of its own, and returns a digest of what was written. */
function withJournal(rows: RowMode, durability: Durability, body: (journal: FileJournal) => void): number {
  const directory = mkdtempSync(join(tmpdir(), 'gimbal-bench-'))
  try {
    const journal = FileJournal.create(directory, { ...HEADER, rows }, { durability })
    body(journal)
    return Number.parseInt(journal.close().slice(0, 8), 16)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function writeRows(rows: RowMode): (events: number) => number {
  const batch = depth()
  return (events) =>
    withJournal(rows, 'buffered', (journal) => {
      for (let i = 0; i < events; i++) journal.row(batch, i & 4095, 0, batch.timeUs[i & 4095]!)
    })
}

function writeOrders(durability: Durability): (events: number) => number {
  return (events) =>
    withJournal('inline', durability, (journal) => {
      for (let i = 0; i < events; i++) {
        journal.order(ORDER)
        journal.commit()
      }
    })
}

bench('journal: rows inline', [2_000, 20_000_000], writeRows('inline'))
bench('journal: rows by reference', [2_000, 50_000_000], writeRows('reference'))
bench('journal: orders, buffered', [500, 2_000_000], writeOrders('buffered'))
bench('journal: orders, each handed to the OS', [200, 200_000], writeOrders('process'))

bench('journal: rows read back and verified', [2_000, 10_000_000], (events) => {
  const batch = depth()
  const directory = mkdtempSync(join(tmpdir(), 'gimbal-bench-'))
  try {
    const journal = FileJournal.create(directory, HEADER, { durability: 'buffered' })
    for (let i = 0; i < events; i++) journal.row(batch, i & 4095, 0, batch.timeUs[i & 4095]!)
    journal.close()
    const reader = JournalReader.open(directory)!
    let lots = 0
    while (reader.next()) while (reader.nextRow()) lots += reader.batch.lots[0]!
    return lots | verifyJournal(directory).records
  } finally {
    rmSync(directory, { recursive: true })
  }
})
