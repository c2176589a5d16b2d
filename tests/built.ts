/** @file The built program for tests that use it as a user would: built when it is stale, which under `npm test` it is not. */

import { spawnSync } from 'node:child_process'

/** @throws When it does not compile. */
export function ensureBuilt(): void {
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', "(await import('./scripts/ready.mjs')).ensureBuilt()"],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`it does not compile:\n${stderr}`)
}
