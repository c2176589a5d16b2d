/**
 * @file Whether a feature knows the future.
 *
 * Two checks. {@link checkCausality} is exact and for code that can be run: record again from a tape that ends at a moment,
 * and what the feature says at that moment must be the same. {@link checkColumns} is statistical and for columns that came
 * from elsewhere: given what the market had done up to a sample, no honest column says more than a little about the very next
 * steps. Volatility and volume are foreseeable from their own past, and levels move with the price; therefore the past of
 * price, volatility and volume, the hour, and the column's own past are taken out first, of the column and of the future both,
 * and what is left of the two is compared. A column that holds a piece of the next step, however diluted in a long window,
 * moves with it exactly there; an honest one, however persistent, does not. Lagged by a step, a leak of one step is gone: both
 * figures are given.
 *
 * What it cannot see: a leak of something that has little to do with price, volatility and volume; a leak under so much noise
 * that its strength is below the threshold; a column whose future looks like its past (normalised over the whole sample). The
 * first check sees all three.
 */

import { DAY_US } from '../core/clock.ts'
import { normalQuantile } from '../core/errorFunction.ts'
import { GimbalError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import type { Table } from '../models/learner.ts'
import type { Dataset } from './dataset.ts'

/** Samples as a recorder writes them. */
export interface Recording {
  readonly timesUs: Float64Array
  readonly table: Table
}

/** A figure that was another one when the future was not there. */
export interface CausalityLeak {
  /** Name of the column; `sample times` when the samples themselves differ. */
  readonly column: string
  /** Time of the first sample that differs, and where the tape was cut. */
  readonly timeUs: number
  readonly cutUs: number
  readonly whole: number
  readonly cut: number
}

/**
 * Records from the whole tape and from tapes cut at sample times drawn at random: every figure up to the cut must be the same,
 * to the last bit.
 *
 * @param record Records the rows received up to and including `untilUs` (infinite: all), with every sample due by then.
 * @param cuts How many; a leak that shows in a share s of the samples escapes n cuts with probability (1 − s)^n.
 * @returns The first leak of each column; none for honest code. @throws {GimbalError} `argument-invalid` without samples.
 */
export async function checkCausality(
  record: (untilUs: number) => Recording | Promise<Recording>,
  cuts: number,
  random: Random,
): Promise<CausalityLeak[]> {
  const whole = await record(Number.POSITIVE_INFINITY)
  const { names } = whole.table
  if (whole.timesUs.length < 2)
    throw new GimbalError('argument-invalid', 'Nothing was recorded that could leak', { samples: whole.timesUs.length })
  const leaks = new Map<string, CausalityLeak>()
  for (let i = 0; i < cuts; i++) {
    // Any sample but the last: after it there is no future to know.
    const last = random.integer(0, whole.timesUs.length - 2)
    const cutUs = whole.timesUs[last]!
    const cut = await record(cutUs)
    const found = (column: string, timeUs: number, before: number, after: number) => {
      if (!leaks.has(column)) leaks.set(column, { column, timeUs, cutUs, whole: before, cut: after })
    }
    // Event samples may share a time; all of them are before the cut.
    const count = whole.timesUs.findLastIndex((timeUs) => timeUs <= cutUs) + 1
    const shared = Math.min(count, cut.timesUs.length)
    let row = 0
    while (row < shared && whole.timesUs[row] === cut.timesUs[row]) row++
    if (row < count || cut.timesUs.length !== count)
      found('sample times', whole.timesUs[row]!, whole.timesUs[row]!, cut.timesUs[row] ?? Number.NaN)
    for (const [column, name] of names.entries()) {
      for (let sample = 0; sample < row; sample++) {
        const [before, after] = [whole.table.columns[column]![sample]!, cut.table.columns[column]![sample]!]
        if (Object.is(before, after)) continue
        found(name, whole.timesUs[sample]!, before, after)
        break
      }
    }
  }
  return [...leaks.values()]
}

/** What a column says about the near future that its and the market's past do not. */
export interface ColumnFinding {
  readonly column: string
  /** What it says most about, and how many samples ahead; a label by its name. */
  readonly about: string
  readonly steps: number
  /** Rank correlation, 0 to 1, of what the past leaves of both. */
  readonly strength: number
  /** The same for the column lagged by one sample. */
  readonly lagged: number
  /** Samples it was judged on. */
  readonly samples: number
  readonly verdict: 'honest' | 'leaks' | 'too few samples to tell'
}

/** A label to look for in the columns besides the next steps of the market. */
export interface NamedLabel {
  readonly name: string
  readonly label: Float64Array
  /** Samples it reaches ahead: neighbouring labels share all but one of them. */
  readonly steps: number
}

/**
 * Strength, less three standard errors, from which a column is said to leak. An honest column of this strength would explain a
 * sixth of all that the past cannot.
 */
const LEAK = 0.4
const SAMPLES_NEEDED = 500
/** Samples judged at most: figures need no more, and time grows with them. */
const SAMPLES_MAX = 10_000
const AHEAD = [1, 3, 10]
const BACK = [5, 10, 20, 50]
/** What remains when a column follows from its past but for rounding. */
const NOTHING_LEFT = 1e-20

/**
 * Judges finished columns, wherever they came from.
 *
 * Measured (`FULL=1 npx vitest run src/research/leakCheck`): each of 12 kinds of planted leak found in each of 20 generated
 * markets and of 16 fortnights of real five-minute bars, with a strength of 0.5 or more; no alarm in 27 honest columns of the
 * same markets (972 judged).
 *
 * @returns One finding a column, in order. @throws {GimbalError} `argument-invalid` for a label of another length.
 */
export function checkColumns(
  dataset: Pick<Dataset, 'timesUs' | 'table' | 'path'>,
  labels: readonly NamedLabel[] = [],
): ColumnFinding[] {
  const { table } = dataset
  for (const { name, label } of labels)
    if (label.length !== table.rows)
      throw new GimbalError('argument-invalid', 'There is not one label a sample', {
        label: name,
        samples: table.rows,
        labels: label.length,
      })
  const market = marketOf(dataset)
  const futures = futuresOf(market, labels)
  const shared = new Map<string, Judged[]>()
  return table.names.map((column, index) => {
    const figures = Float64Array.from(table.columns[index]!)
    const rows = rowsKnown(market, figures)
    if (rows.length < SAMPLES_NEEDED)
      return {
        column,
        about: 'nothing',
        steps: 0,
        strength: Number.NaN,
        lagged: Number.NaN,
        samples: rows.length,
        verdict: 'too few samples to tell',
      }
    // Most columns are known at the same rows: what the past leaves of the future is worked out once for all of them.
    const key = `${rows.length} ${rows[0]} ${rows.reduce((hash, row) => (Math.imul(hash, 31) + row) | 0, 0)}`
    const judged =
      shared.get(key) ?? [undefined, scoresOf(rows.length)].map((scores) => judgedOn(market, futures, rows, scores))
    shared.set(key, judged)
    return { column, samples: rows.length, ...strongest(judged, figures, rows) }
  })
}

/** What the market did up to and after every sample, on the samples' own clock. */
interface Market {
  readonly samples: number
  /** Columns of the past, known at the sample; NaN where not. */
  readonly past: readonly Float64Array[]
  /** From the sample before to this one, none of it known at the one before. */
  readonly nextReturns: Float64Array
  readonly nextVolumes: Float64Array
  /** Samples at which all the past and the next steps are known. */
  readonly known: Uint8Array
}

interface Future {
  readonly about: string
  readonly steps: number
  readonly figures: Float64Array
}

function marketOf({ timesUs, path }: Pick<Dataset, 'timesUs' | 'path'>): Market {
  const samples = timesUs.length
  // What was known at a sample is the grid point before it; what came after begins at the next. On grid times they are one.
  const point = (timeUs: number, round: (value: number) => number) => round((timeUs - path.startUs) / path.stepUs)
  const priceAt = (round: (value: number) => number) =>
    timesUs.map((timeUs) => Math.log(path.price[point(timeUs, round)] ?? Number.NaN))
  const tradedAt = (round: (value: number) => number) =>
    timesUs.map((timeUs) => {
      const at = point(timeUs, round)
      return (path.buyVolume[at] ?? Number.NaN) + (path.sellVolume[at] ?? Number.NaN)
    })
  const prices = priceAt(Math.floor)
  const later = priceAt(Math.ceil)
  const returns = changes(prices)
  const sizes = returns.map(Math.abs)
  const volumes = changes(tradedAt(Math.floor))
  const back = (figures: Float64Array, lag: number) => figures.map((_, i) => figures[i - lag] ?? Number.NaN)
  const meanBack = (figures: Float64Array, count: number) => {
    const running = sumsOf(figures)
    return figures.map((_, i) => (i + 1 >= count ? running(i + 1 - count, i + 1) / count : Number.NaN))
  }
  const turn = (timeUs: number) => (2 * Math.PI * (timeUs % DAY_US)) / DAY_US
  const past = [
    ...[0, 1, 2].flatMap((lag) => [back(returns, lag), back(sizes, lag)]),
    ...BACK.map((lag) => prices.map((price, i) => price - (prices[i - lag] ?? Number.NaN))),
    ...[...BACK, 200].map((count) => meanBack(sizes, count)),
    ...BACK.flatMap((count) => {
      const variance = meanBack(
        returns.map((value) => value * value),
        count,
      )
      // The smallest positive number keeps a price that stood still from being no number.
      return [variance, variance.map((value) => Math.log(value + Number.MIN_VALUE))]
    }),
    prices,
    back(volumes, 0),
    back(volumes, 1),
    ...[5, 20, 50].map((count) => meanBack(volumes, count)),
    ...[1, 2].flatMap((times) => [
      timesUs.map((timeUs) => Math.sin(times * turn(timeUs))),
      timesUs.map((timeUs) => Math.cos(times * turn(timeUs))),
    ]),
  ]
  const known = new Uint8Array(samples)
  const longest = Math.max(...AHEAD)
  for (let i = 0; i + longest < samples; i++)
    known[i] = past.every((column) => Number.isFinite(column[i])) && Number.isFinite(later[i + longest]!) ? 1 : 0
  return { samples, past, nextReturns: changes(later), nextVolumes: changes(tradedAt(Math.ceil)), known }
}

function futuresOf({ nextReturns, nextVolumes, samples }: Market, labels: readonly NamedLabel[]): Future[] {
  const sizes = nextReturns.map(Math.abs)
  const ahead = (figures: Float64Array, steps: number) => {
    const running = sumsOf(figures)
    return figures.map((_, i) => (i + steps < samples ? running(i + 1, i + 1 + steps) : Number.NaN))
  }
  return [
    ...AHEAD.flatMap((steps) => [
      { about: 'return', steps, figures: ahead(nextReturns, steps) },
      { about: 'size of returns', steps, figures: ahead(sizes, steps) },
      { about: 'volume', steps, figures: ahead(nextVolumes, steps) },
    ]),
    ...labels.map(({ name, label, steps }) => ({ about: name, steps, figures: label })),
  ]
}

/** Rows at which the market, the column and its last three values are known; thinned out evenly. */
function rowsKnown({ known }: Market, figures: Float64Array): Uint32Array {
  const rows: number[] = []
  for (let i = 3; i < figures.length; i++) {
    if (known[i] === 0) continue
    let finite = true
    for (let lag = 0; lag <= 3; lag++) finite &&= Number.isFinite(figures[i - lag]!)
    if (finite) rows.push(i)
  }
  const every = Math.ceil(rows.length / SAMPLES_MAX)
  return Uint32Array.from(rows.filter((_, i) => i % every === 0))
}

/** The future at some rows with the past taken out, as ranks; and the past, to take it out of columns. */
interface Judged {
  /** Normal score by twice the rank, counted from 0; none where figures are taken as they are. */
  readonly scores: Float64Array | undefined
  readonly past: Basis
  readonly futures: readonly { readonly future: Future; readonly ranks: Float64Array }[]
}

function judgedOn(
  market: Market,
  futures: readonly Future[],
  rows: Uint32Array,
  scores: Float64Array | undefined,
): Judged {
  const past = new Basis()
  past.add(new Float64Array(rows.length).fill(1))
  for (const column of market.past) past.add(atRows(column, rows, 0, scores))
  const left = futures.flatMap((future) => {
    const figures = atRows(future.figures, rows, 0, undefined)
    // A label may be unknown in places; it is compared where it is not, as if it were average elsewhere.
    const mean = meanOf(figures.filter(Number.isFinite))
    const complete = figures.map((value) => (Number.isFinite(value) ? value : mean))
    const rest = past.without(scores ? normalScores(complete, scores) : complete)
    return rest ? [{ future, ranks: centredRanks(rest) }] : []
  })
  return { scores, past, futures: left }
}

/** What a column says most about, with its past taken out and left in, as it is and by ranks. */
function strongest(
  judged: readonly Judged[],
  figures: Float64Array,
  rows: Uint32Array,
): Pick<ColumnFinding, 'about' | 'steps' | 'strength' | 'lagged' | 'verdict'> {
  let best = { about: 'nothing', steps: 0, strength: 0, lagged: 0, excess: Number.NEGATIVE_INFINITY }
  for (const { scores, past, futures } of judged) {
    for (const ownLags of [0, 2]) {
      const ranks = [0, 1].map((lag) => {
        const own = Array.from({ length: ownLags }, (_, i) => atRows(figures, rows, lag + i + 1, scores))
        const rest = past.without(atRows(figures, rows, lag, scores), own)
        return rest && centredRanks(rest)
      })
      if (!ranks[0]) continue
      for (const { future, ranks: ahead } of futures) {
        const strength = Math.abs(correlation(ranks[0], ahead))
        // Neighbours share most of a long future: there are fewer of them than rows, and chance reaches further.
        const excess = strength - 3 * Math.sqrt(future.steps / rows.length)
        if (excess <= best.excess) continue
        const lagged = ranks[1] ? Math.abs(correlation(ranks[1], ahead)) : 0
        best = { about: future.about, steps: future.steps, strength, lagged, excess }
      }
    }
  }
  const { about, steps, strength, lagged, excess } = best
  return { about, steps, strength, lagged, verdict: excess >= LEAK ? 'leaks' : 'honest' }
}

/** An orthonormal basis that grows, to take what it spans out of a figure. */
class Basis {
  readonly #vectors: Float64Array[] = []

  add(figures: Float64Array): void {
    const rest = this.without(figures)
    if (rest) this.#vectors.push(normalised(rest))
  }

  /** What is left of figures when the basis, and then some more, is taken out; undefined when it is nothing but rounding. */
  without(figures: Float64Array, more: readonly Float64Array[] = []): Float64Array | undefined {
    const vectors = [...this.#vectors]
    for (const each of more) {
      const rest = takenOut(vectors, each)
      if (rest) vectors.push(normalised(rest))
    }
    return takenOut(vectors, figures)
  }
}

function takenOut(vectors: readonly Float64Array[], figures: Float64Array): Float64Array | undefined {
  const rest = figures.slice()
  const before = dot(rest, rest)
  // Twice is enough (Kahan; Parlett, "The symmetric eigenvalue problem", 6.9): once loses digits when little is left.
  for (let pass = 0; pass < 2; pass++) {
    for (const vector of vectors) {
      const share = dot(rest, vector)
      for (let i = 0; i < rest.length; i++) rest[i]! -= share * vector[i]!
    }
  }
  return dot(rest, rest) > NOTHING_LEFT * before ? rest : undefined
}

function normalised(figures: Float64Array): Float64Array {
  const length = Math.sqrt(dot(figures, figures))
  return figures.map((value) => value / length)
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

function correlation(a: Float64Array, b: Float64Array): number {
  const spread = Math.sqrt(dot(a, a) * dot(b, b))
  return spread > 0 ? dot(a, b) / spread : 0
}

function meanOf(figures: Float64Array): number {
  return figures.reduce((sum, value) => sum + value, 0) / figures.length
}

/** Figures at rows, `lag` samples earlier; as normal scores where they are given. */
function atRows(figures: Float64Array, rows: Uint32Array, lag: number, scores: Float64Array | undefined): Float64Array {
  const found = Float64Array.from(rows, (row) => figures[row - lag]!)
  return scores ? normalScores(found, scores) : found
}

/** Ranks less their mean, equal figures sharing theirs. */
function centredRanks(figures: Float64Array): Float64Array {
  const order = Uint32Array.from(figures.keys()).sort((a, b) => figures[a]! - figures[b]!)
  const ranks = new Float64Array(figures.length)
  for (let i = 0; i < order.length; ) {
    let end = i + 1
    while (end < order.length && figures[order[end]!] === figures[order[i]!]) end++
    const rank = (i + end - 1) / 2 - (figures.length - 1) / 2
    for (; i < end; i++) ranks[order[i]!] = rank
  }
  return ranks
}

function normalScores(figures: Float64Array, scores: Float64Array): Float64Array {
  const last = figures.length - 1
  return centredRanks(figures).map((rank) => scores[2 * rank + last]!)
}

/** Normal scores of whole and shared ranks among so many. */
function scoresOf(count: number): Float64Array {
  return Float64Array.from({ length: 2 * count - 1 }, (_, twice) => normalQuantile((twice / 2 + 0.5) / count))
}

function changes(figures: Float64Array): Float64Array {
  return figures.map((value, i) => value - (figures[i - 1] ?? Number.NaN))
}

/** Sums of figures[from, to), NaN where one of them is. */
function sumsOf(figures: Float64Array): (from: number, to: number) => number {
  const running = new Float64Array(figures.length + 1)
  const unknown = new Uint32Array(figures.length + 1)
  for (let i = 0; i < figures.length; i++) {
    const finite = Number.isFinite(figures[i]!)
    running[i + 1] = running[i]! + (finite ? figures[i]! : 0)
    unknown[i + 1] = unknown[i]! + (finite ? 0 : 1)
  }
  return (from, to) => (unknown[to]! > unknown[from]! ? Number.NaN : running[to]! - running[from]!)
}
