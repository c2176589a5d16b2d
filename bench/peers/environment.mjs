/**
 * @file Environments for rivals: a Python virtual environment each, under .cache/peers, made from the registries with
 * pinned versions. The product never depends on them.
 */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

function must(command, args, options = {}) {
  const result = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options })
  if (result.error || result.status !== 0)
    throw new Error(`${command} ${args[0]} failed: ${result.error?.message ?? `exit ${result.status}`}`)
}

/** Path of a Python that has these packages; installs them on first use. */
export function python(name, packages) {
  const folder = join(ROOT, '.cache', 'peers', name)
  const stamp = join(folder, 'ready')
  const binary = join(folder, 'bin', 'python')
  if (!existsSync(stamp)) {
    mkdirSync(dirname(folder), { recursive: true })
    must('python3', ['-m', 'venv', folder])
    must(binary, ['-m', 'pip', 'install', '--quiet', ...packages])
    writeFileSync(stamp, packages.join('\n'))
  }
  return binary
}

/** Runs a peer and waits for it. */
export function runPeer(binary, args) {
  must(binary, args)
}

export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]
