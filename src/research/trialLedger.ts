/**
 * @file The ledger of trials: every run that scored something, so that the best of many is not shown as the first of one.
 *
 * A text file of JSON lines, only ever appended to. Each line holds the hash of the line before, so a line changed,
 * removed or put in between breaks the chain at a place that can be named. Cutting lines off the end cannot be seen from
 * the file alone; therefore reports quote the ledger's {@link TrialEvidence.ledgerHead | head}, and `evidence` of a
 * cut ledger no longer contains it.
 *
 * The same run made twice is one trial: nothing new was tried. Trials differ by policy, settings, data or seed.
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
  writeFileSync,
  writeSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { GimbalError } from '../core/errors.ts'
import type { TrialEvidence } from './sharpe.ts'

/** One run that was scored. */
export interface Trial {
  /** When, ISO 8601 UTC; given by the edge, which alone reads a clock. */
  readonly date: string
  /** What is being searched over: trials of one family compete for the same conclusion. */
  readonly family: string
  readonly policy: string
  /** SHA-256, hex, of the settings (see {@link settingsHash}) and of the data. */
  readonly settingsHash: string
  readonly dataHash: string
  readonly seed: number
  /** Sharpe ratio per return; null when the run was too short to tell. */
  readonly sharpe: number | null
  /** Returns behind it, and the interval they are taken over in µs. */
  readonly returns: number
  readonly clockUs: number
}

interface Line extends Trial {
  readonly index: number
  readonly previous: string
  readonly hash: string
}

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
   * `ledger-invalid` when its last line is not a trial; `argument-invalid` for a trial that makes no sense.
   */
  append(trial: Trial): void {
    if (trial.family === '' || (trial.sharpe !== null && !Number.isFinite(trial.sharpe)) || !(trial.clockUs > 0)) {
      throw new GimbalError('argument-invalid', 'Not a trial', {
        family: trial.family,
        sharpe: String(trial.sharpe),
        clockUs: trial.clockUs,
      })
    }
    const release = this.#lock()
    try {
      // 'a+' is O_APPEND: even a writer that ignored the lock could not overwrite a line.
      const file = openSync(this.#path, 'a+')
      try {
        const last = this.#lastLine(file)
        const line = chained(trial, last ? last.index + 1 : 0, last ? last.hash : GENESIS)
        writeSync(file, `${JSON.stringify(line)}\n`)
      } finally {
        closeSync(file)
      }
    } finally {
      release()
    }
  }

  /**
   * Reads every trial, checking the chain.
   *
   * @throws {GimbalError} `ledger-invalid` naming the first line that does not follow from the one before.
   */
  trials(): readonly Trial[] {
    return this.#read()
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

  #read(): readonly Line[] {
    if (!existsSync(this.#path)) return []
    const texts = readFileSync(this.#path, 'utf8').split('\n')
    // What follows the last newline is a line still being written, or torn by a crash before it counted.
    texts.pop()
    const lines: Line[] = []
    let previous = GENESIS
    for (const [index, text] of texts.entries()) {
      const line = parseLine(text)
      if (!line || line.index !== index || line.previous !== previous || line.hash !== lineHash(line)) {
        throw new GimbalError('ledger-invalid', 'The ledger of trials was changed', {
          file: this.#path,
          line: index + 1,
          reason: !line
            ? 'not a trial'
            : line.previous !== previous
              ? 'does not follow from the line before'
              : 'does not match its own hash',
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
      if (!line || line.hash !== lineHash(line)) {
        throw new GimbalError('ledger-invalid', 'The last line of the ledger of trials is damaged', {
          file: this.#path,
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

function chained(trial: Trial, index: number, previous: string): Line {
  const { date, family, policy, settingsHash, dataHash, seed, sharpe, returns, clockUs } = trial
  const content = { index, date, family, policy, settingsHash, dataHash, seed, sharpe, returns, clockUs, previous }
  return { ...content, hash: lineHash(content) }
}

/** Hash of everything on a line but the hash itself, in one fixed order. */
function lineHash(line: Omit<Line, 'hash'>): string {
  const { index, date, family, policy, settingsHash, dataHash, seed, sharpe, returns, clockUs, previous } = line
  const fields = [index, date, family, policy, settingsHash, dataHash, seed, sharpe, returns, clockUs, previous]
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex')
}

function parseLine(text: string): Line | undefined {
  try {
    const line = JSON.parse(text) as Partial<Line> | null
    return line && typeof line.hash === 'string' && typeof line.index === 'number' ? (line as Line) : undefined
  } catch {
    return undefined
  }
}

/** The trials of a family that differ from one another, the latest of equal ones. */
function distinct(lines: readonly Line[], family: string): readonly Line[] {
  const found = new Map<string, Line>()
  for (const line of lines) {
    const { policy, settingsHash, dataHash, seed } = line
    if (line.family === family) found.set(JSON.stringify([policy, settingsHash, dataHash, seed]), line)
  }
  return [...found.values()]
}
