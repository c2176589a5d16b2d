/**
 * @file The ledger of trials: every run that scored something, so that the best of many is not shown as the first of one.
 *
 * A text file of JSON lines, only ever appended to. Each line holds the hash of the line before, so a line changed,
 * removed or put in between breaks the chain at a place that can be named. Cutting lines off the end cannot be seen from
 * the file alone; therefore reports quote the ledger's {@link TrialEvidence.ledgerHead | head}, and `evidence` of a
 * cut ledger no longer contains it.
 *
 * The same run made twice is one trial: nothing new was tried. Trials differ by policy, settings, data, seed or metric.
 *
 * Two kinds of line: trials, and openings of hold-outs. Lines of the first version, which knew backtests only, are read
 * as they were written.
 */

import { createHash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { GimbalError } from '../core/errors.ts'
import type { TrialEvidence } from './sharpe.ts'

/** What made a trial: a run over a market, a model trained, a trial of a search, or a whole research run. */
export type TrialKind = 'backtest' | 'fit' | 'search' | 'research'

const KINDS: readonly TrialKind[] = ['backtest', 'fit', 'search', 'research']

/** Metrics by name, and which way is better. What follows a `/` tells apart and does not count: `qlike/1h`. */
const METRICS: Readonly<Record<string, 'lower' | 'higher'>> = {
  qlike: 'lower',
  'squared-error': 'lower',
  'absolute-error': 'lower',
  huber: 'lower',
  pinball: 'lower',
  'log-loss': 'lower',
  'poisson-deviance': 'lower',
  'gamma-deviance': 'lower',
  auc: 'higher',
  accuracy: 'higher',
  correlation: 'higher',
  'r-squared': 'higher',
  skill: 'higher',
  sharpe: 'higher',
  profit: 'higher',
  // What searches themselves are measured with: research/search/testFunction.ts.
  'test-function': 'lower',
}

/**
 * Whether a smaller score of this metric is the better one.
 *
 * @throws {GimbalError} `argument-invalid` for a metric nobody has said this of, naming those that are known.
 */
export function lowerIsBetter(metric: string): boolean {
  const name = metric.split('/', 1)[0]!
  const direction = Object.hasOwn(METRICS, name) ? METRICS[name] : undefined
  if (direction === undefined)
    throw new GimbalError('argument-invalid', 'No such metric', { metric, known: Object.keys(METRICS).join(' ') })
  return direction === 'lower'
}

/** One run that was scored. */
export interface Trial {
  /** When, ISO 8601 UTC; given by the edge, which alone reads a clock. */
  readonly date: string
  /** What is being searched over: trials of one family compete for the same conclusion. */
  readonly family: string
  readonly kind: TrialKind
  /** What was tried: names of policies or of a learner. */
  readonly policy: string
  /** SHA-256, hex, of the settings (see {@link settingsHash}) and of the data. */
  readonly settingsHash: string
  readonly dataHash: string
  readonly seed: number
  /** What `score` is; which way is better follows from the name: {@link lowerIsBetter}. */
  readonly metric: string
  /** The figure the trial would be chosen by; null when the run came to none. */
  readonly score: number | null
  /** Sharpe ratio per return; null when the run was too short to tell, or had no returns. */
  readonly sharpe: number | null
  /** Returns behind it, and the interval they are taken over in µs; both 0 for runs without returns. */
  readonly returns: number
  readonly clockUs: number
}

/** A hold-out span was opened: from here on it has been looked at. Not a trial. */
export interface HoldOutOpening {
  readonly date: string
  /** Name it was declared under. */
  readonly name: string
  /** What opened it: a command with its arguments, or a research run. */
  readonly by: string
  /** The span as declared, µs, end excluded. */
  readonly fromUs: number
  readonly toUs: number
  /** Whether it had been opened before and this was insisted on. */
  readonly again: boolean
}

interface Link {
  readonly index: number
  readonly previous: string
  readonly hash: string
}

type TrialLine = Trial & Link & { readonly entry: 'trial' }
type OpeningLine = HoldOutOpening & Link & { readonly entry: 'hold-out-opened' }
type Line = TrialLine | OpeningLine

/** What precedes the first line. */
const GENESIS = '0'.repeat(64)
/** How long to wait for another process to finish its line. */
const LOCK_WAIT_MS = 10_000

/** SHA-256, hex, of settings as plain data, whatever the order of their keys. */
export function settingsHash(settings: Readonly<Record<string, string | number | boolean>>): string {
  const rows = Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(rows)).digest('hex')
}

export class TrialLedger {
  readonly #path: string

  /** @param path File to append to; made by the first trial. Its folder exists. */
  constructor(path: string) {
    this.#path = path
  }

  /**
   * Adds a trial; safe while other processes add theirs.
   *
   * @throws {GimbalError} `ledger-busy` when another process holds the ledger for ten seconds;
   * `ledger-invalid` when its last line is damaged; `argument-invalid` for a trial that makes no sense.
   */
  append(trial: Trial): void {
    requireTrial(trial)
    this.#locked(() => this.#write((index, previous) => trialLine(trial, index, previous)))
  }

  /**
   * Writes down that a hold-out is about to be looked at: call it before its rows are read. Of two processes that open one
   * at the same moment, one is refused.
   *
   * @param again Open it although it was opened before; the entry then says so.
   * @returns The entry, and those of the same name before it, oldest first: a result shows both.
   * @throws {GimbalError} `hold-out-opened` when it was opened before and `again` is false; `ledger-busy`; `ledger-invalid`.
   */
  openHoldOut(
    opening: Omit<HoldOutOpening, 'again'>,
    again: boolean,
  ): { readonly opening: HoldOutOpening; readonly before: readonly HoldOutOpening[] } {
    return this.#locked(() => {
      const before = this.holdOutOpenings().filter(({ name }) => name === opening.name)
      if (before.length > 0 && !again) {
        throw new GimbalError(
          'hold-out-opened',
          `The hold-out ${opening.name} was opened before: it can judge no more`,
          {
            openedBy: before[0]!.by,
            openedAt: before[0]!.date,
            times: before.length,
            ledger: this.#path,
          },
        )
      }
      const entry: HoldOutOpening = { ...opening, again: before.length > 0 }
      this.#write((index, previous) => openingLine(entry, index, previous))
      return { opening: entry, before }
    })
  }

  #locked<Result>(act: () => Result): Result {
    const release = this.#lock()
    try {
      return act()
    } finally {
      release()
    }
  }

  /** Appends the line that follows from the last; the ledger is held. */
  #write(next: (index: number, previous: string) => Line): void {
    // 'a+' is O_APPEND: even a writer that ignored the lock could not overwrite a line.
    const file = openSync(this.#path, 'a+')
    try {
      const last = this.#lastLine(file)
      const line = next(last ? last.index + 1 : 0, last ? last.hash : GENESIS)
      writeSync(file, `${JSON.stringify(line)}\n`)
    } finally {
      closeSync(file)
    }
  }

  /**
   * Reads every trial, checking the chain.
   *
   * @throws {GimbalError} `ledger-invalid` naming the first line that does not follow from the one before.
   */
  trials(): readonly Trial[] {
    return this.#read().filter((line) => line.entry === 'trial')
  }

  /** Every time a hold-out was opened, oldest first. @throws {GimbalError} `ledger-invalid`. */
  holdOutOpenings(): readonly HoldOutOpening[] {
    return this.#read().filter((line) => line.entry === 'hold-out-opened')
  }

  /** Different trials of a family so far. @throws {GimbalError} `ledger-invalid`. */
  countTrials(family: string): number {
    return distinct(this.#read(), family).length
  }

  /**
   * What stands behind a run of `family` judged on returns of `clockUs`: the count and spread of its trials.
   * Append the run first; a family without trials counts as one, the run at hand.
   *
   * @throws {GimbalError} `ledger-invalid`.
   */
  evidence(family: string, clockUs: number): TrialEvidence {
    const lines = this.#read()
    const trials = distinct(lines, family)
    // A ratio grows with the root of its interval: all are brought to the asked one.
    const ratios: number[] = []
    for (const trial of trials) {
      if (trial.sharpe !== null) ratios.push(trial.sharpe * Math.sqrt(clockUs / trial.clockUs))
    }
    const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length
    const squares = ratios.reduce((sum, ratio) => sum + (ratio - mean) ** 2, 0)
    return {
      family,
      trialCount: Math.max(1, trials.length),
      sharpeVariance: ratios.length > 1 ? squares / (ratios.length - 1) : null,
      clockUs,
      ledgerHead: lines.at(-1)?.hash ?? null,
    }
  }

  /** Whether a line with this hash is in the ledger: a report's quoted head must be. @throws {GimbalError} `ledger-invalid`. */
  contains(head: string): boolean {
    return this.#read().some((line) => line.hash === head)
  }

  /**
   * Whether a report's evidence is what this ledger said at the time: its head is a line of it, and up to that line no more
   * trials were counted than the evidence tells.
   *
   * @throws {GimbalError} `ledger-invalid`.
   */
  confirms(evidence: TrialEvidence): boolean {
    const lines = this.#read()
    const head = lines.findIndex((line) => line.hash === evidence.ledgerHead)
    return head >= 0 && evidence.trialCount >= distinct(lines.slice(0, head + 1), evidence.family).length
  }

  #read(): readonly Line[] {
    if (!existsSync(this.#path)) return []
    if (statSync(this.#path).isDirectory())
      throw new GimbalError('ledger-invalid', 'A ledger of trials is a file, and this is a folder', {
        file: this.#path,
      })
    const texts = readFileSync(this.#path, 'utf8').split('\n')
    // What follows the last newline is a line still being written, or torn by a crash before it counted.
    texts.pop()
    const lines: Line[] = []
    let previous = GENESIS
    for (const [index, text] of texts.entries()) {
      const line = parseLine(text)
      if (typeof line === 'string' || line.index !== index || line.previous !== previous) {
        throw new GimbalError('ledger-invalid', 'The ledger of trials was changed', {
          file: this.#path,
          line: index + 1,
          reason: typeof line === 'string' ? line : 'does not follow from the line before',
        })
      }
      lines.push(line)
      previous = line.hash
    }
    return lines
  }

  /** The last complete line; a torn one after it is cut off: its trial was never acknowledged. */
  #lastLine(file: number): Line | undefined {
    const { size } = fstatSync(file)
    // Lines are a few hundred bytes; the tail is read back until it holds a whole one.
    for (let length = Math.min(size, 4096); ; length = Math.min(size, length * 4)) {
      const tail = Buffer.alloc(length)
      readSync(file, tail, 0, length, size - length)
      const end = tail.lastIndexOf(10)
      if (end < 0 && length < size) continue
      const start = end > 0 ? tail.lastIndexOf(10, end - 1) + 1 : 0
      if (start === 0 && end >= 0 && length < size) continue
      if (end < length - 1) ftruncateSync(file, size - length + end + 1)
      if (end < 0) return undefined
      const line = parseLine(tail.subarray(start, end).toString('utf8'))
      if (typeof line === 'string') {
        throw new GimbalError('ledger-invalid', 'The last line of the ledger of trials is damaged', {
          file: this.#path,
          reason: line,
        })
      }
      return line
    }
  }

  /** Takes the ledger for this process alone; returns how to give it back. */
  #lock(): () => void {
    const lock = `${this.#path}.lock`
    const owner = `${hostname()} ${process.pid}`
    for (let waitedMs = 0; waitedMs < LOCK_WAIT_MS; waitedMs += 5) {
      if (created(lock, owner)) return () => rmSync(lock, { force: true })
      this.#breakDeadLock(lock)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
    throw new GimbalError('ledger-busy', 'Another process holds the ledger of trials', {
      file: lock,
      remedy: 'if no other run is under way, delete this file',
    })
  }

  /**
   * Removes the lock of a process of this machine that no longer lives. Two that find it at once must not both remove
   * it, or the second would remove the lock the first has meanwhile taken: hence a lock for looking at the lock.
   */
  #breakDeadLock(lock: string): void {
    const breaking = `${lock}.breaking`
    if (!created(breaking, '')) return
    try {
      const [host, pid] = readFileSync(lock, 'utf8').split(' ')
      if (host === hostname() && Number(pid) > 0 && !alive(Number(pid))) rmSync(lock, { force: true })
    } catch (error) {
      // Given back in the meantime: nothing to break.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    } finally {
      rmSync(breaking, { force: true })
    }
  }
}

/** Makes a file that must not exist yet; false when it does. */
function created(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** @throws {GimbalError} `argument-invalid`. */
function requireTrial(trial: Trial): void {
  const { family, kind, metric, score, sharpe, clockUs } = trial
  const unclear = (figure: number | null) => figure !== null && !Number.isFinite(figure)
  const clockless = !(clockUs > 0) && (sharpe !== null || clockUs !== 0)
  if (family === '' || !KINDS.includes(kind) || unclear(score) || unclear(sharpe) || clockless) {
    throw new GimbalError('argument-invalid', 'Not a trial', {
      family,
      kind,
      score: String(score),
      sharpe: String(sharpe),
      clockUs,
    })
  }
  lowerIsBetter(metric)
}

function trialLine(trial: Trial, index: number, previous: string): Line {
  const { date, family, kind, policy, settingsHash, dataHash, seed, metric, score, sharpe, returns, clockUs } = trial
  const figures = { metric, score, sharpe, returns, clockUs }
  return hashed({
    index,
    entry: 'trial',
    date,
    family,
    kind,
    policy,
    settingsHash,
    dataHash,
    seed,
    ...figures,
    previous,
  })
}

function openingLine(opening: HoldOutOpening, index: number, previous: string): Line {
  const { date, name, by, fromUs, toUs, again } = opening
  return hashed({ index, entry: 'hold-out-opened', date, name, by, fromUs, toUs, again, previous })
}

function hashed(line: Omit<TrialLine, 'hash'> | Omit<OpeningLine, 'hash'>): Line {
  return { ...line, hash: sha256(fieldsOf(line as Line)) }
}

/** Everything on a line but its hash, in one fixed order. */
function fieldsOf(line: Line): unknown[] {
  const { index, entry, date, previous } = line
  if (line.entry === 'hold-out-opened') {
    const { name, by, fromUs, toUs, again } = line
    return [index, entry, date, name, by, fromUs, toUs, again, previous]
  }
  const { family, kind, policy, settingsHash, dataHash, seed, metric, score, sharpe, returns, clockUs } = line
  const what = [family, kind, policy, settingsHash, dataHash, seed]
  return [index, entry, date, ...what, metric, score, sharpe, returns, clockUs, previous]
}

/** A line of the first kind, before trials had a kind and a metric: all were backtests, judged by their Sharpe ratio. */
type FirstLine = Omit<Trial, 'kind' | 'metric' | 'score'> & Link

function firstFieldsOf(line: FirstLine): unknown[] {
  const { index, date, family, policy, settingsHash, dataHash, seed, sharpe, returns, clockUs, previous } = line
  return [index, date, family, policy, settingsHash, dataHash, seed, sharpe, returns, clockUs, previous]
}

function sha256(fields: unknown[]): string {
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex')
}

/** A line of either kind whose hash is right; else why it is none. */
function parseLine(text: string): Line | 'not an entry' | 'does not match its own hash' {
  let line: (Partial<Line> & Partial<FirstLine>) | null
  try {
    line = JSON.parse(text) as (Partial<Line> & Partial<FirstLine>) | null
  } catch {
    return 'not an entry'
  }
  if (!line || typeof line.hash !== 'string' || typeof line.index !== 'number') return 'not an entry'
  const first = !Object.hasOwn(line, 'entry')
  if (!first && line.entry !== 'trial' && line.entry !== 'hold-out-opened') return 'not an entry'
  const fields = first ? firstFieldsOf(line as FirstLine) : fieldsOf(line as Line)
  if (line.hash !== sha256(fields)) return 'does not match its own hash'
  if (!first) return line as Line
  const { sharpe } = line as FirstLine
  return { ...(line as FirstLine), entry: 'trial', kind: 'backtest', metric: 'sharpe', score: sharpe }
}

/**
 * The trials of a family that differ from one another, the latest of equal ones. The same run judged by another metric is
 * another trial: whoever may choose the metric has tried more.
 */
function distinct(lines: readonly Line[], family: string): readonly TrialLine[] {
  const found = new Map<string, TrialLine>()
  for (const line of lines) {
    if (line.entry !== 'trial' || line.family !== family) continue
    const { policy, settingsHash, dataHash, seed, metric } = line
    found.set(JSON.stringify([policy, settingsHash, dataHash, seed, metric]), line)
  }
  return [...found.values()]
}
