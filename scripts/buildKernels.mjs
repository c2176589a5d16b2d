/**
 * @file Assembles the WebAssembly kernels: every `x.wat` under src becomes `xWasm.ts` beside it, holding the bytes as base64,
 * so that neither a build step nor a file beside the code is needed to run them.
 *
 *   node scripts/buildKernels.mjs          writes them
 *   node scripts/buildKernels.mjs --check  fails when one is not what its text says
 *
 * Each has a test that assembles it again and compares.
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import wabt from 'wabt'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const check = process.argv.includes('--check')
const { parseWat } = await wabt()
const width = 116
let stale = 0

for (const path of readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })) {
  if (!path.endsWith('.wat')) continue
  const file = join(ROOT, 'src', path)
  const module = parseWat(path, readFileSync(file, 'utf8'), { simd: true, threads: true, bulk_memory: true })
  const base64 = Buffer.from(module.toBinary({}).buffer).toString('base64')
  module.destroy()
  const lines = base64.match(new RegExp(`.{1,${width}}`, 'g'))
  const name = path.split(/[\\/]/).at(-1)
  const text = `/** @file Bytes of ${name}, in base64, written by \`node scripts/buildKernels.mjs\`. */

const LINES = [
${lines.map((line) => `  '${line}',`).join('\n')}
]

export const WASM = LINES.join('')
`
  const out = file.replace(/\.wat$/, 'Wasm.ts')
  if (!check) writeFileSync(out, text)
  else if (readFileSync(out, 'utf8') !== text) {
    console.error(`${path}: its bytes are not what its text says; run node scripts/buildKernels.mjs`)
    stale++
  }
}
process.exitCode = stale > 0 ? 1 : 0
