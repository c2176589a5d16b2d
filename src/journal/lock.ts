/**
 * @file One writer for each journal: two processes appending to one directory would destroy it.
 *
 * The lock is a file naming its owner by process id and start time, so that the lock of a killed process is known
 * to be stale even when its number was given to another.
 */

import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GimbalError } from '../core/errors.ts'

const LOCK = 'writer.lock'

/** When a process started, in the kernel's ticks since boot; '' where /proc does not say. */
function startOf(pid: number | 'self'): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the command in parentheses and may hold spaces; the start time is the 20th after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
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

/**
 * Takes the lock of a journal directory, also from an owner that no longer lives.
 *
 * @returns Releases it.
 * @throws {GimbalError} `journal-busy` while another process, or this one, is writing.
 */
export function lockJournal(directory: string): () => void {
  const path = join(directory, LOCK)
  for (;;) {
    try {
      writeFileSync(path, `${process.pid} ${startOf('self')}\n`, { flag: 'wx' })
      return () => rmSync(path, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    let owner: string
    try {
      owner = readFileSync(path, 'utf8').trim()
    } catch {
      continue // Released between our two looks.
    }
    const [pid = '', start = ''] = owner.split(' ')
    if (Number(pid) > 0 && alive(Number(pid)) && startOf(Number(pid)) === start)
      throw new GimbalError('journal-busy', 'Another process is writing this journal', { journal: directory, pid })
    rmSync(path, { force: true })
  }
}
