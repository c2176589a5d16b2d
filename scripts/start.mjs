/** @file `npm start [-- options]`: installs and builds what is missing, then runs `gimbal demo`. */

import { join } from 'node:path'
import { ensureBuilt, ensureInstalled, ROOT, run } from './ready.mjs'

ensureInstalled()
ensureBuilt()
run(process.execPath, [join(ROOT, 'dist', 'apps', 'main.js'), 'demo', ...process.argv.slice(2)])
