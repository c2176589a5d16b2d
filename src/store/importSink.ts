/**
 * @file Takes what an importer reads: checks it, counts it, and puts it by for the catalog.
 *
 * Nothing is repaired. A message with an impossible number is dropped whole and counted as a reject; a price between
 * two steps that no acceptable step explains is kept, flagged `SUSPECT` and counted as the trap `off-grid`; rows out
 * of order and rows seen before are kept and counted.
 */

import { DAY_US, isoDay, startOfDayUs } from '../core/clock.ts'
import { assert, GimbalError } from '../core/errors.ts'
import { type InstrumentSpec, instrumentId, parseInstrumentId } from '../market/instrument.ts'
import { offGrid, STREAMS, type Stream } from '../market/message.ts'
import { Flag, Kind } from '../market/tape.ts'
import type { ImportSink, Place, SketchedInstrument } from './importer.ts'
import { knownInstrument, knownSteps } from './instrumentTable.ts'
import type { FindingFacts, GapFacts, StreamFacts } from './provenance.ts'
import type { RowSpill, SpillPartition } from './rowSpill.ts'
import { commonStep, LOTS_MAX, StepTracker, TICK_MAX } from './stepRefinement.ts'

/** How many places are kept of each kind of finding. */
const PLACES_KEPT = 5
const INSTRUMENTS_MAX = 0xffff

/** An instrument as the catalog keeps it: its spec, and the largest price and size its steps must be able to count. */
export interface InstrumentRecord {
  readonly spec: InstrumentSpec
  readonly priceMax: number
  readonly sizeMax: number
}

/** Rows of one future Parquet file, with what the manifest will say of it. */
export interface StagedFile {
  readonly stream: Stream
  readonly venue: string
  readonly family: string
  readonly day: string
  readonly rows: SpillPartition
  /** Contract names by the index stored in the rows. */
  readonly contracts: string[]
  readonly instruments: number[]
  firstUs: number
  lastUs: number
  previousUs: number
  sorted: boolean
  delayMinUs: number
  delayMaxUs: number
  gaps: number
}

/** What an instrument's name is in the catalog: directory, and what tells it apart within. */
export function partitionName(spec: InstrumentSpec): { readonly family: string; readonly contract: string } {
  const id = instrumentId(spec)
  const parts = id.slice(0, id.lastIndexOf('@')).split('-')
  return { family: parts.slice(0, 3).join('-'), contract: parts.slice(3).join('-') }
}

interface Lane {
  readonly stream: Stream
  readonly instrument: number
  readonly stats: StreamStats
  lastUs: number
  lastVenueUs: number
  file: StagedFile | undefined
  contract: number
  dayEndUs: number
  dayStartUs: number
}

class Known {
  readonly spec: InstrumentSpec
  readonly declared: { readonly tick: boolean; readonly lot: boolean }
  readonly record: InstrumentRecord | undefined
  readonly family: string
  readonly contract: string
  readonly ticks: StepTracker
  readonly lots: StepTracker

  constructor(spec: InstrumentSpec, steps: Steps, record: InstrumentRecord | undefined) {
    this.spec = spec
    this.record = record
    this.declared = { tick: steps.tick !== undefined, lot: steps.lot !== undefined }
    const { family, contract } = partitionName(spec)
    this.family = family
    this.contract = contract
    this.ticks = new StepTracker(TICK_MAX, steps.tick, record?.priceMax ?? 0)
    this.lots = new StepTracker(LOTS_MAX, steps.lot, record?.sizeMax ?? 0)
  }
}

interface Steps {
  readonly tick: string | undefined
  readonly lot: string | undefined
}

/** The sink of a catalog import. */
export class CatalogSink implements ImportSink {
  readonly #spill: RowSpill
  readonly #records: ReadonlyMap<string, InstrumentRecord>
  readonly #place: () => Place
  readonly #recall: (key: string) => string | undefined
  readonly #instruments: Known[] = []
  readonly #indexes = new Map<string, number>()
  readonly #lanes: Lane[] = []
  readonly #stats = new Map<string, StreamStats>()
  readonly #files = new Map<string, StagedFile>()
  readonly #rejects = new Findings()
  readonly #traps = new Findings()
  readonly #gaps: GapFacts[] = []
  readonly #skips = new Map<string, number>()
  readonly #counts = new Map<string, number>()
  readonly #notes = new Map<string, string>()
  readonly #recalled = new Map<string, string>()
  #gapCount = 0
  #sequence = 0
  // The message being built, in columns that grow as needed.
  #lane: Lane | undefined
  #timeUs = 0
  #venueTimeUs = 0
  #length = 0
  #fault = ''
  #figures = new Float64Array(3 * 1024) // price, size, value of each row
  #marks = new Int32Array(3 * 1024) // kind, side, flags of each row
  #bits = new Int32Array(this.#figures.buffer)
  readonly #digest = new Int32Array(2)

  /**
   * @param records Instruments the catalog already knows.
   * @param place Where the importer is reading now.
   * @param recall Notes left by earlier imports.
   */
  constructor(
    spill: RowSpill,
    records: ReadonlyMap<string, InstrumentRecord>,
    place: () => Place,
    recall: (key: string) => string | undefined,
  ) {
    this.#spill = spill
    this.#records = records
    this.#place = place
    this.#recall = recall
  }

  /** Rows accepted so far. */
  get rows(): number {
    return this.#sequence
  }

  get rejected(): number {
    return this.#rejects.total
  }

  instrument(sketch: SketchedInstrument): number {
    const id = instrumentId({ ...sketch, tickSize: '1', lotSize: '1', source: '' })
    const index = this.#indexes.get(id)
    if (index !== undefined) {
      requireSame(id, this.#instruments[index]!.spec, sketch, 'an earlier line')
      return index
    }
    // It becomes the name of a directory that DuckDB reads as a pattern.
    if (/[^!-~]|[/\\=*?["'<>|]|^\.|@\./.test(id)) {
      throw new GimbalError('instrument-invalid', 'An instrument name unfit for a directory', { name: id })
    }
    parseInstrumentId(id)
    if (this.#instruments.length > INSTRUMENTS_MAX) {
      throw new GimbalError('instrument-invalid', 'More instruments than a tape can number', { max: INSTRUMENTS_MAX })
    }
    this.#indexes.set(id, this.#instruments.length)
    return this.#instruments.push(this.#complete(id, sketch)) - 1
  }

  begin(stream: Stream, instrument: number, timeUs: number, venueTimeUs: number): void {
    assert(this.#lane === undefined, 'a message is ended or abandoned before the next begins')
    this.#lane = this.#laneOf(stream, instrument)
    this.#timeUs = timeUs
    this.#venueTimeUs = venueTimeUs
    this.#length = 0
    this.#fault = ''
    const sound = Number.isSafeInteger(timeUs) && timeUs >= 0 && Number.isSafeInteger(venueTimeUs) && venueTimeUs >= 0
    if (!sound) this.#fault = 'time-invalid'
  }

  row(kind: number, side: number, price: number, size: number, value: number, flags = 0): void {
    const lane = this.#lane
    assert(lane !== undefined, 'a row belongs to a message')
    assert(kind > 0 && kind < 256 && (kind | 0) === kind, 'a kind is one of Kind')
    assert(side === 1 || side === -1 || side === 0, 'a side is 1, -1 or 0')
    const row = this.#length++
    if (row * 3 === this.#figures.length) this.#grow()
    let marked = flags
    // A sum of finite numbers is finite or overflows, and a NaN spreads: one test for three columns.
    if (!Number.isFinite(price + size + value)) this.#fault ||= 'number-invalid'
    else if (!offGrid(kind)) {
      if (price < 0 || size < 0) this.#fault ||= 'number-invalid'
      else marked = this.#fit(lane, price, size, flags)
    }
    this.#figures[row * 3] = price
    this.#figures[row * 3 + 1] = size
    this.#figures[row * 3 + 2] = value
    this.#marks[row * 3] = kind
    this.#marks[row * 3 + 1] = side
    this.#marks[row * 3 + 2] = marked & ~Flag.END
  }

  end(): void {
    const lane = this.#lane
    assert(lane !== undefined, 'a message is begun before it is ended')
    this.#lane = undefined
    const length = this.#length
    if (this.#fault !== '') {
      this.reject(
        this.#fault,
        this.#place(),
        `${lane.stream} of ${instrumentId(this.#instruments[lane.instrument]!.spec)}`,
      )
      return
    }
    if (length === 0) return
    const timeUs = this.#timeUs
    const venueTimeUs = this.#venueTimeUs
    this.#observe(lane, timeUs, venueTimeUs, length)
    const file = this.#fileOf(lane, timeUs)
    for (let row = 0; row < length; row++) {
      const block = this.#spill.room(file.rows)
      const at = block.count++
      block.timeUs[at] = timeUs
      block.venueTimeUs[at] = venueTimeUs
      block.sequence[at] = this.#sequence++
      block.price[at] = this.#figures[row * 3]!
      block.size[at] = this.#figures[row * 3 + 1]!
      block.value[at] = this.#figures[row * 3 + 2]!
      block.contract[at] = lane.contract
      block.kind[at] = this.#marks[row * 3]!
      block.side[at] = this.#marks[row * 3 + 1]!
      block.flags[at] = this.#marks[row * 3 + 2]! | (row === length - 1 ? Flag.END : 0)
    }
    file.rows.rows += length
  }

  abandon(): void {
    this.#lane = undefined
  }

  reject(reason: string, place: Place, detail = ''): void {
    this.#rejects.add(reason, place, detail)
  }

  trap(name: string, place: Place, detail = ''): void {
    this.#traps.add(name, place, detail)
  }

  gap(instrument: number, timeUs: number, venueTimeUs: number, place: Place, expected: number, received: number): void {
    this.begin('book', instrument, timeUs, venueTimeUs)
    const lane = this.#lane!
    const missing = received - expected
    this.row(Kind.GAP, 0, 0, 0, missing > 0 && missing < Number.POSITIVE_INFINITY ? missing : 0)
    const faulty = this.#fault !== ''
    this.end()
    if (faulty) return
    this.#gapCount++
    lane.stats.gaps++
    lane.file!.gaps++
    const id = instrumentId(this.#instruments[instrument]!.spec)
    const known = (count: number) => (Number.isFinite(count) ? count : -1)
    if (this.#gaps.length < 20) {
      const { line, byte } = place
      this.#gaps.push({ instrument: id, timeUs, line, byte, expected: known(expected), received: known(received) })
    }
  }

  skip(reason: string): void {
    this.#skips.set(reason, (this.#skips.get(reason) ?? 0) + 1)
  }

  count(what: string, by = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + by)
  }

  recall(key: string): string | undefined {
    const note = this.#notes.get(key) ?? this.#recall(key)
    if (note !== undefined && !this.#notes.has(key)) this.#recalled.set(key, note)
    return note
  }

  remember(key: string, note: string): void {
    this.#notes.set(key, note)
  }

  /** What was found, for the manifest. To be called once, after the last message. */
  findings() {
    assert(this.#lane === undefined, 'an importer ends its last message')
    const streams = [...this.#stats.values()].filter((stats) => stats.rows > 0).map((stats) => stats.facts())
    for (const facts of streams) {
      if (facts.delayUs.median < 0) {
        const detail = `${facts.stream}@${facts.venue}: median of receive less venue time ${facts.delayUs.median} µs`
        this.#traps.add('clock-behind', { line: 1, byte: 0 }, detail, facts.negativeDelays)
      }
    }
    return {
      rows: this.#sequence,
      streams,
      rejects: this.#rejects.facts(),
      traps: this.#traps.facts(),
      gaps: { count: this.#gapCount, first: this.#gaps },
      skips: Object.fromEntries(this.#skips),
      counts: Object.fromEntries(this.#counts),
      notes: Object.fromEntries(this.#notes),
      recalled: Object.fromEntries(this.#recalled),
      instruments: this.#instruments.length,
    }
  }

  /** The files to be written, in the order first begun. */
  files(): StagedFile[] {
    return [...this.#files.values()].filter(({ rows }) => rows.rows > 0)
  }

  /** Every instrument named, with the steps its data demand. */
  records(): Map<string, InstrumentRecord> {
    const records = new Map<string, InstrumentRecord>()
    for (const known of this.#instruments) records.set(instrumentId(known.spec), this.#record(known))
    return records
  }

  /** The finished spec of an instrument. */
  spec(instrument: number): InstrumentSpec {
    return this.#record(this.#instruments[instrument]!).spec
  }

  #record(known: Known): InstrumentRecord {
    const { spec, ticks, lots, declared } = known
    const inferred = [
      declared.tick ? '' : `tick from ${ticks.count} prices`,
      declared.lot ? '' : `lot from ${lots.count} sizes`,
    ].filter((part) => part !== '')
    const finer = [
      declared.tick && ticks.refinements > 0 ? `tick refined to ${ticks.step}` : '',
      declared.lot && lots.refinements > 0 ? `lot refined to ${lots.step}` : '',
    ].filter((part) => part !== '')
    const notes = [spec.source, inferred.length > 0 ? `inferred: ${inferred.join(', ')}` : '', ...finer]
    const source =
      known.record && inferred.length === 0 && finer.length === 0
        ? known.record.spec.source
        : notes.filter((note) => note !== '').join('; ')
    return {
      // Where nothing was ever priced the step is 1; the first price seen replaces it (`priceMax` 0 says so).
      spec: { ...spec, tickSize: ticks.step ?? '1', lotSize: lots.step ?? '1', source },
      priceMax: ticks.max,
      sizeMax: lots.max,
    }
  }

  /** Fills in what the catalog and the built-in table know. */
  #complete(id: string, sketch: SketchedInstrument): Known {
    const record = this.#records.get(id)
    const table = knownInstrument(id)
    if (record) requireSame(id, record.spec, sketch, 'the catalog')
    if (table) requireSame(id, table, sketch, 'the built-in table')
    const before = {
      tick: record && record.priceMax > 0 ? record.spec.tickSize : undefined,
      lot: record && record.sizeMax > 0 ? record.spec.lotSize : undefined,
    }
    const { family } = partitionName({ ...sketch, tickSize: '1', lotSize: '1', source: '' })
    const listed = table ?? knownSteps(`${family}@${sketch.venue}`)
    const steps = {
      tick: finest(before.tick, finest(sketch.tickSize, record ? undefined : listed?.tickSize)),
      lot: finest(before.lot, finest(sketch.lotSize, record ? undefined : listed?.lotSize)),
    }
    const facts = record?.spec ?? table
    const source = record?.spec.source ?? [listed?.source, sketch.source].filter(Boolean).join('; ')
    const spec: InstrumentSpec = { ...facts, ...sketch, tickSize: '1', lotSize: '1', source }
    return new Known(spec, steps, record)
  }

  /** Lets the steps follow a price and a size; returns the row's flags. */
  #fit(lane: Lane, price: number, size: number, flags: number): number {
    const known = this.#instruments[lane.instrument]!
    if ((flags & Flag.SUSPECT) !== 0) {
      // Invented numbers must not shape the grid; they only have to be representable on it.
      if (known.ticks.hold(price) === 'out-of-range' || known.lots.hold(size) === 'out-of-range') {
        this.#fault ||= 'number-out-of-range'
      }
      return flags
    }
    const refined = known.ticks.refinements + known.lots.refinements
    const tick = price === 0 ? 'fits' : known.ticks.see(price)
    const lot = size === 0 ? 'fits' : known.lots.see(size)
    if (known.ticks.refinements + known.lots.refinements !== refined) this.#nameRefinement(known, price, size)
    if (tick === 'fits' && lot === 'fits') return flags
    if (tick === 'out-of-range' || lot === 'out-of-range') {
      this.#fault ||= 'number-out-of-range'
      return flags
    }
    const wrong = tick === 'off-grid' ? `price ${price}` : `size ${size}`
    this.#traps.add('off-grid', this.#place(), `${wrong} of ${instrumentId(known.spec)}`)
    return flags | Flag.SUSPECT
  }

  #nameRefinement(known: Known, price: number, size: number): void {
    const { ticks, lots, declared } = known
    if ((declared.tick ? ticks.refinements : 0) + (declared.lot ? lots.refinements : 0) === 0) return
    const detail = `${instrumentId(known.spec)}: ${price} × ${size} needs tick ${ticks.step}, lot ${lots.step}`
    this.#traps.add('finer-than-declared', this.#place(), detail)
  }

  #laneOf(stream: Stream, instrument: number): Lane {
    const index = instrument * STREAMS.length + STREAMS.indexOf(stream)
    const lane = this.#lanes[index]
    if (lane) return lane
    const known = this.#instruments[instrument]
    assert(known !== undefined, 'an instrument index is one the sink gave out')
    const venue = known.spec.venue
    let stats = this.#stats.get(`${stream}@${venue}`)
    if (!stats) this.#stats.set(`${stream}@${venue}`, (stats = new StreamStats(stream, venue)))
    const fresh: Lane = {
      stream,
      instrument,
      stats,
      lastUs: Number.NEGATIVE_INFINITY,
      lastVenueUs: Number.NEGATIVE_INFINITY,
      file: undefined,
      contract: 0,
      dayStartUs: 0,
      dayEndUs: 0,
    }
    return (this.#lanes[index] = fresh)
  }

  #fileOf(lane: Lane, timeUs: number): StagedFile {
    let file = lane.file
    if (!file || timeUs < lane.dayStartUs || timeUs >= lane.dayEndUs) {
      const known = this.#instruments[lane.instrument]!
      lane.dayStartUs = startOfDayUs(timeUs)
      lane.dayEndUs = lane.dayStartUs + DAY_US
      const day = isoDay(timeUs)
      const key = `${lane.stream}/${known.spec.venue}/${known.family}/${day}`
      file = this.#files.get(key)
      if (!file) {
        file = {
          stream: lane.stream,
          venue: known.spec.venue,
          family: known.family,
          day,
          rows: this.#spill.partition(),
          contracts: [],
          instruments: [],
          firstUs: Number.POSITIVE_INFINITY,
          lastUs: Number.NEGATIVE_INFINITY,
          previousUs: Number.NEGATIVE_INFINITY,
          sorted: true,
          delayMinUs: Number.POSITIVE_INFINITY,
          delayMaxUs: Number.NEGATIVE_INFINITY,
          gaps: 0,
        }
        this.#files.set(key, file)
      }
      lane.file = file
      lane.contract = file.instruments.indexOf(lane.instrument)
      if (lane.contract < 0) {
        lane.contract = file.instruments.push(lane.instrument) - 1
        file.contracts.push(known.contract)
      }
    }
    if (timeUs < file.firstUs) file.firstUs = timeUs
    if (timeUs > file.lastUs) file.lastUs = timeUs
    if (timeUs < file.previousUs) file.sorted = false
    file.previousUs = timeUs
    const delayUs = timeUs - this.#venueTimeUs
    if (delayUs < file.delayMinUs) file.delayMinUs = delayUs
    if (delayUs > file.delayMaxUs) file.delayMaxUs = delayUs
    return file
  }

  #observe(lane: Lane, timeUs: number, venueTimeUs: number, length: number): void {
    const stats = lane.stats
    stats.observe(timeUs, venueTimeUs, length)
    if (timeUs < lane.lastUs) stats.outOfOrderRows += length
    else lane.lastUs = timeUs
    if (venueTimeUs < lane.lastVenueUs) stats.venueOutOfOrderRows += length
    else lane.lastVenueUs = venueTimeUs
    if (stats.seenBefore(this.#hash(lane, venueTimeUs, length))) stats.duplicateRows += length
  }

  /** Two 32-bit hashes of everything in the message but its receive time. */
  #hash(lane: Lane, venueTimeUs: number, length: number): Int32Array {
    const bits = this.#bits
    const marks = this.#marks
    let a = Math.imul(lane.instrument + 1, 0x9e3779b1) ^ (venueTimeUs | 0)
    let b = Math.imul(lane.instrument + 1, 0x85ebca77) ^ Math.floor(venueTimeUs / 2 ** 32)
    for (let i = 0; i < length * 6; i++) {
      const word = bits[i]!
      a = Math.imul((a << 5) ^ (a >>> 27) ^ word, 0x9e3779b1)
      b = Math.imul((b << 13) ^ (b >>> 19) ^ word, 0xc2b2ae3d)
    }
    for (let i = 0; i < length * 3; i++) {
      a = Math.imul(a ^ marks[i]!, 0x85ebca77)
      b = Math.imul(b ^ (marks[i]! + i), 0x27d4eb2f)
    }
    this.#digest[0] = a ^ (a >>> 15)
    this.#digest[1] = b ^ (b >>> 13)
    return this.#digest
  }

  #grow(): void {
    const figures = new Float64Array(this.#figures.length * 2)
    figures.set(this.#figures)
    this.#figures = figures
    this.#bits = new Int32Array(figures.buffer)
    const marks = new Int32Array(this.#marks.length * 2)
    marks.set(this.#marks)
    this.#marks = marks
  }
}

/** A name must mean one contract: sizes of another multiplier or payoff would be worth other money. */
function requireSame(id: string, known: SketchedInstrument, sketch: SketchedInstrument, said: string): void {
  const same =
    known.payoff === sketch.payoff &&
    known.settle === sketch.settle &&
    Number(known.multiplier) === Number(sketch.multiplier)
  if (same) return
  throw new GimbalError('instrument-invalid', `The importer and ${said} contradict each other on a contract`, {
    instrument: id,
    known: `${known.payoff}, settles in ${known.settle}, multiplier ${known.multiplier}`,
    file: `${sketch.payoff}, settles in ${sketch.settle}, multiplier ${sketch.multiplier}`,
  })
}

function finest(a: string | undefined, b: string | undefined): string | undefined {
  return a === undefined ? b : b === undefined ? a : commonStep(a, b)
}

/** Findings by name, with the first places of each. */
class Findings {
  total = 0
  readonly #byName = new Map<string, { count: number; first: { line: number; byte: number; detail: string }[] }>()

  add(name: string, place: Place, detail: string, by = 1): void {
    this.total += by
    let found = this.#byName.get(name)
    if (!found) this.#byName.set(name, (found = { count: 0, first: [] }))
    found.count += by
    if (found.first.length < PLACES_KEPT) {
      found.first.push({ line: place.line, byte: place.byte, detail: detail.slice(0, 200) })
    }
  }

  facts(): FindingFacts[] {
    return [...this.#byName].map(([name, { count, first }]) => ({ name, count, first }))
  }
}

const SAMPLE_MAX = 1 << 16
const SEEN_SLOTS = 1 << 18

/** Counts over one stream of one venue. */
class StreamStats {
  readonly stream: Stream
  readonly venue: string
  rows = 0
  messages = 0
  firstUs = Number.POSITIVE_INFINITY
  lastUs = Number.NEGATIVE_INFINITY
  outOfOrderRows = 0
  venueOutOfOrderRows = 0
  duplicateRows = 0
  gaps = 0
  #delayMin = Number.POSITIVE_INFINITY
  #delayMax = Number.NEGATIVE_INFINITY
  #negative = 0
  /** Delays of every `stride`-th message. */
  #sample: number[] = []
  #stride = 1
  /** The last message hashed into each slot, two words each; allocated when there are enough messages to matter. */
  #seen = new Int32Array(2 * 64)

  constructor(stream: Stream, venue: string) {
    this.stream = stream
    this.venue = venue
  }

  observe(timeUs: number, venueTimeUs: number, rows: number): void {
    const delay = timeUs - venueTimeUs
    if (delay < this.#delayMin) this.#delayMin = delay
    if (delay > this.#delayMax) this.#delayMax = delay
    if (delay < 0) this.#negative++
    if (this.messages % this.#stride === 0) {
      this.#sample.push(delay)
      if (this.#sample.length === SAMPLE_MAX) {
        this.#sample = this.#sample.filter((_, index) => index % 2 === 0)
        this.#stride *= 2
      }
    }
    this.messages++
    this.rows += rows
    if (timeUs < this.firstUs) this.firstUs = timeUs
    if (timeUs > this.lastUs) this.lastUs = timeUs
  }

  /** Whether an equal message was seen lately; remembers this one. A slot holds the latest of the messages it meets. */
  seenBefore(hash: Int32Array): boolean {
    if (this.messages * 2 > this.#seen.length / 2 && this.#seen.length < 2 * SEEN_SLOTS) this.#widen()
    const a = hash[0]!
    const b = hash[1]! | 1 // Never zero: zero is an empty slot.
    const slot = (a & (this.#seen.length / 2 - 1)) * 2
    if (this.#seen[slot] === a && this.#seen[slot + 1] === b) return true
    this.#seen[slot] = a
    this.#seen[slot + 1] = b
    return false
  }

  #widen(): void {
    const wider = new Int32Array(this.#seen.length * 4)
    const mask = wider.length / 2 - 1
    for (let slot = 0; slot < this.#seen.length; slot += 2) {
      if (this.#seen[slot + 1] === 0) continue
      const at = (this.#seen[slot]! & mask) * 2
      wider[at] = this.#seen[slot]!
      wider[at + 1] = this.#seen[slot + 1]!
    }
    this.#seen = wider
  }

  facts(): StreamFacts {
    const sorted = this.#sample.sort((a, b) => a - b)
    return {
      stream: this.stream,
      venue: this.venue,
      rows: this.rows,
      messages: this.messages,
      firstUs: this.firstUs,
      lastUs: this.lastUs,
      delayUs: { min: this.#delayMin, median: sorted[sorted.length >> 1]!, max: this.#delayMax },
      negativeDelays: this.#negative,
      outOfOrderRows: this.outOfOrderRows,
      venueOutOfOrderRows: this.venueOutOfOrderRows,
      duplicateRows: this.duplicateRows,
      gaps: this.gaps,
    }
  }
}
