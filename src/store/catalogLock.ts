/**
 * @file One writer at a time: a lock file that names its holder and dies with it.
 *
 * The file holds the process id and, where the system tells (Linux), the moment that process started, so that a
 * number used again by another process does not pass for the dead holder. It is put in place by a hard link, which
 * either makes the name or fails; a stale one is moved away first, and put back if it turns out to be fresh.
 */

import { linkSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { GimbalError } from '../core/errors.ts'

const Holder = z.object({ pid: z.number(), host: z.string(), started: z.string(), turn: z.number() })
type Holder = z.infer<typeof Holder>

let turns = 0

/** The right to write to a catalog, until `release`. */
export class CatalogLock {
  readonly #path: string
  readonly #text: string

  private constructor(path: string, text: string) {
    this.#path = path
    this.#text = text
  }

  /** @throws {GimbalError} `catalog-busy` naming who holds it. */
  static acquire(catalog: string): CatalogLock {
    const path = join(catalog, 'lock')
    const turn = ++turns
    const text = JSON.stringify({ pid: process.pid, host: hostname(), started: startOf(process.pid), turn })
    const own = `${path}.${process.pid}.${turn}`
    writeFileSync(own, text)
    try {
      for (let attempt = 0; attempt < 10; attempt++) {
        if (tryLink(own, path)) {
          removeCandidates(catalog)
          return new CatalogLock(path, text)
        }
        const found = readIfThere(path)
        if (found === undefined) continue
        const holder = parseHolder(found)
        if (holder && alive(holder)) {
          throw new GimbalError('catalog-busy', 'Another import is writing to this catalog', {
            catalog,
            process: holder.pid,
            host: holder.host,
          })
        }
        removeStale(path, `${own}.stale`, found)
      }
    } finally {
      rmSync(own, { force: true })
    }
    throw new GimbalError('catalog-busy', 'Several processes want this catalog at once; try again', { catalog })
  }

  /** Whether somebody has taken the lock away (which only happens in a race over a stale one). */
  get lost(): boolean {
    return readIfThere(this.#path) !== this.#text
  }

  release(): void {
    if (!this.lost) rmSync(this.#path, { force: true })
  }
}

/** Who holds a catalog's lock: a living process, one that died, or nobody. */
export function lockHolder(catalog: string): { readonly pid: number; readonly alive: boolean } | undefined {
  const found = readIfThere(join(catalog, 'lock'))
  if (found === undefined) return undefined
  const holder = parseHolder(found)
  return { pid: holder?.pid ?? 0, alive: holder !== undefined && alive(holder) }
}

function tryLink(own: string, path: string): boolean {
  try {
    linkSync(own, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Moves a stale lock away; puts it back when another process was faster and it is no longer the stale one. */
function removeStale(path: string, aside: string, stale: string): void {
  try {
    renameSync(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if (readIfThere(aside) !== stale) tryLink(aside, path)
  rmSync(aside, { force: true })
}

/** Removes what processes killed while asking for the lock left. */
function removeCandidates(catalog: string): void {
  for (const name of readdirSync(catalog)) {
    const pid = Number(/^lock\.(\d+)\./.exec(name)?.[1] ?? process.pid)
    if (pid !== process.pid && !running(pid)) rmSync(join(catalog, name), { force: true })
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Undefined for a text that names nobody: written by no version of this file, hence stale. */
function parseHolder(text: string): Holder | undefined {
  try {
    return Holder.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

function alive({ pid, host, started }: Holder): boolean {
  // Nothing can be said about a process on another machine, so it is taken to live.
  if (host !== hostname()) return true
  return running(pid) && (started === '' || startOf(pid) === '' || startOf(pid) === started)
}

function running(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/** When a process started, in the kernel's ticks since boot; empty where the system does not tell. */
function startOf(pid: number): string {
  const text = readIfThere(`/proc/${pid}/stat`)
  // The second field is the program's name in brackets and may contain anything; fields are counted behind it.
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}
