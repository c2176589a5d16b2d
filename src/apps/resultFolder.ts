/**
 * @file Where results go, looked at before hours of work: a folder that cannot be written to, a damaged ledger or another process
 * at the same place must not be found out when everything is done.
 */

import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { GimbalError } from '../core/errors.ts'
import { LANES_MAX } from '../models/trees/treeJobs.ts'
import { TrialLedger } from '../research/trialLedger.ts'
import { CatalogLock } from '../store/catalogLock.ts'

/**
 * Makes a folder for results, and looks at its ledger and at the registry of models. Returns the ledger's path.
 *
 * @throws {GimbalError} `file-refused` where a file lies in the way; `ledger-invalid`. What the system refuses is thrown as it
 *   says it.
 */
export function openResults(out: string, models: string): string {
  mkdirSync(out, { recursive: true })
  for (const folder of [out, models]) requireWritable(folder)
  const path = join(out, 'trials.jsonl')
  new TrialLedger(path).trials()
  return path
}

/** Whether a folder can be written to, or made where it lies. */
function requireWritable(folder: string): void {
  let there = resolve(folder)
  while (!existsSync(there)) there = dirname(there)
  accessSync(there, constants.W_OK)
  if (!statSync(there).isDirectory())
    throw new GimbalError('file-refused', 'A file lies where a folder is needed', {
      path: folder,
      remedy: 'name another place, or make this one usable',
    })
}

/**
 * Takes a folder of results for this process alone; returns how to give it back. One that a dead process held is free.
 *
 * @throws {GimbalError} `folder-busy` naming who holds it.
 */
export function holdResults(out: string): () => void {
  try {
    const lock = CatalogLock.acquire(out)
    return () => lock.release()
  } catch (error) {
    if (!(error instanceof GimbalError) || error.code !== 'catalog-busy') throw error
    const { catalog: _, ...facts } = error.facts
    throw new GimbalError(
      'folder-busy',
      'Another process writes its results into this folder',
      { folder: out, ...facts, remedy: 'wait for it, or name another place: --out' },
      { cause: error },
    )
  }
}

/** @throws {GimbalError} `argument-invalid` for more threads than trees are trained by, before anything is recorded. */
export function requireThreads(threads: number): void {
  if (threads > LANES_MAX)
    throw new GimbalError('argument-invalid', `--threads takes at most ${LANES_MAX}`, { given: threads })
}
