/**
 * @file `npm test [-- vitest options]`: installs what is missing, then formatting and lint, types, unused code, and
 * every test. Each step fails the whole.
 */

import { ensureBuilt, ensureInstalled, run, tool } from './ready.mjs'

ensureInstalled()
const only = process.argv.slice(2)
if (only.length === 0) {
  run(process.execPath, [tool('@biomejs/biome', 'bin/biome'), 'check', '--error-on-warnings', '.'])
  run(process.execPath, [tool('typescript', 'bin/tsc'), '--noEmit'])
  run(process.execPath, [tool('knip', 'bin/knip.js')])
}
ensureBuilt()
run(process.execPath, [tool('vitest', 'vitest.mjs'), 'run', ...only])
