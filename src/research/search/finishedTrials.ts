/**
 * @file The finished trials of one search, on disk: a text file of JSON lines, only ever appended to.
 *
 * A trial counts once its line is complete and flushed to the disk; a line torn by a crash is cut off when the search
 * is started again, and its trial run again. Lines stand in the order trials finished; everything that depends on order
 * uses their numbers. A search has one writer at a time, under the lock that catalogs are written under.
 */

import { closeSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { GimbalError } from '../../core/errors.ts'
import { CatalogLock } from '../../store/catalogLock.ts'
import type { Configuration } from './searchSpace.ts'
import type { TrialResult } from './trial.ts'

/** A trial that was scored. */
export interface FinishedTrial {
  readonly number: number
  readonly configuration: Configuration
  readonly result: TrialResult
  /** When it was written down, ISO 8601 UTC. */
  readonly date: string
}

interface Header {
  readonly search: string
  readonly version: string
  /** The whole search, for people and programs that read the file. */
  readonly spec: unknown
}

export class FinishedTrials {
  /** `<out>/search/<hash>.jsonl`. */
  readonly path: string
  readonly #file: number
  readonly #lock: CatalogLock
  readonly #byNumber = new Map<number, FinishedTrial>()

  /**
   * Opens the file of a search below `out`, making it where there is none, and reads what was finished before.
   *
   * @throws {GimbalError} `search-busy` while another process runs the same search here; `search-invalid` when the file is
   *   another search's or a line is damaged.
   */
  static open(out: string, header: Header): FinishedTrials {
    const folder = join(out, 'search')
    mkdirSync(folder, { recursive: true })
    const path = join(folder, `${header.search}.jsonl`)
    const lock = lockSearch(path)
    try {
      return new FinishedTrials(path, lock, header)
    } catch (error) {
      lock.release()
      throw error
    }
  }

  private constructor(path: string, lock: CatalogLock, header: Header) {
    this.path = path
    this.#lock = lock
    this.#file = openSync(path, 'a+')
    try {
      this.#read(header)
    } catch (error) {
      closeSync(this.#file)
      throw error
    }
  }

  get(number: number): FinishedTrial | undefined {
    return this.#byNumber.get(number)
  }

  get count(): number {
    return this.#byNumber.size
  }

  /** Writes a trial down, on the disk when this returns. */
  add(trial: FinishedTrial): void {
    if (this.#byNumber.has(trial.number)) return
    this.#write(trial)
    this.#byNumber.set(trial.number, trial)
  }

  close(): void {
    closeSync(this.#file)
    this.#lock.release()
  }

  #write(line: unknown): void {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`)
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at)
    fsyncSync(this.#file)
  }

  #read(header: Header): void {
    const text = readFileSync(this.path)
    const end = text.lastIndexOf(10) + 1
    if (end < text.length) ftruncateSync(this.#file, end)
    const lines = text.toString('utf8', 0, end).split('\n').slice(0, -1)
    const damaged = (line: number, reason: string) =>
      new GimbalError('search-invalid', 'The file of a search’s finished trials is damaged', {
        file: this.path,
        line,
        reason,
      })
    if (lines.length === 0) {
      this.#write(header)
      return
    }
    const first = parse(lines[0]!) as Partial<Header> | undefined
    if (first?.search !== header.search || first.version !== header.version) throw damaged(1, 'it is another search’s')
    for (const [index, line] of lines.entries()) {
      if (index === 0) continue
      const trial = parse(line) as Partial<FinishedTrial> | undefined
      if (!sound(trial)) throw damaged(index + 1, 'not a trial')
      if (this.#byNumber.has(trial.number)) throw damaged(index + 1, `trial ${trial.number} stands there twice`)
      this.#byNumber.set(trial.number, trial)
    }
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

function sound(trial: Partial<FinishedTrial> | undefined): trial is FinishedTrial {
  const score = trial?.result?.score
  return (
    Number.isSafeInteger(trial?.number) &&
    typeof trial?.configuration === 'object' &&
    typeof trial.result?.metrics === 'object' &&
    (score === null || typeof score === 'number') &&
    typeof trial.date === 'string'
  )
}

/** Takes the search for this process alone. */
function lockSearch(path: string): CatalogLock {
  const folder = `${path}.lock`
  mkdirSync(folder, { recursive: true })
  try {
    return CatalogLock.acquire(folder)
  } catch (error) {
    if (!(error instanceof GimbalError) || error.code !== 'catalog-busy') throw error
    const { process = '?', host = '?' } = error.facts
    throw new GimbalError('search-busy', 'Another process runs this search here', { file: path, process, host })
  }
}
