/** @file `npm run build`: compiles src into dist. */

import { ensureBuilt, ensureInstalled } from './ready.mjs'

ensureInstalled()
ensureBuilt()
