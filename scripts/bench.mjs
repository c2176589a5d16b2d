/** @file `npm run bench [-- name]`: every benchmark at full size, one after another, in one process each. */

import { ensureBuilt, ensureInstalled, run, tool } from './ready.mjs'

ensureInstalled()
ensureBuilt()
run(
  process.execPath,
  ['--expose-gc', tool('vitest', 'vitest.mjs'), 'run', '--no-file-parallelism', '.bench.ts', ...process.argv.slice(2)],
  {
    env: { ...process.env, BENCH: '1' },
  },
)
