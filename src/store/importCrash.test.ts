/**
 * Goal: an import killed at any moment leaves a catalog that is as before, or as after, and the next import works.
 *
 * Method: a child process imports slowly and is killed with SIGKILL, at random moments and at the worst ones (the plan
 * half carried out). Node 20 runs no TypeScript, so the child runs the sources of this layer transpiled.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import { Kind } from '../market/tape.ts'
import { Catalog, verifyCatalog } from './catalog.ts'
import type { Importer } from './importer.ts'
import { recoverCatalog, runImport } from './importRun.ts'
import { openInput } from './inputFile.ts'

const SOURCES = join(dirname(fileURLToPath(import.meta.url)), '..')
const root = mkdtempSync(join(tmpdir(), 'gimbal-crash-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** Lines `time_us price`, one trade each. The wait gives the killer its chance. */
const IMPORTER = `{
  name: 'slow', version: 1, summary: '', example: '', options: {}, provenance: 'synthetic', recognise: () => 0,
  async read(file, sink) {
    const lines = []
    await file.lines((text) => lines.push(text))
    for (const [at, text] of lines.entries()) {
      const [time, price] = text.split(' ').map(Number)
      const index = sink.instrument({ base: 'XYZ', quote: 'USDT', kind: 'perp', venue: 'test', venueSymbol: 'XYZ', payoff: 'linear', settle: 'USDT', multiplier: '1' })
      sink.begin('trade', index, time, time)
      sink.row(${Kind.TRADE}, 1, price, 1, 0)
      sink.end()
      if (at % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    }
  },
}`
const importer = new Function(`return ${IMPORTER}`)() as Importer

beforeAll(() => {
  for (const layer of ['core', 'market', 'store']) {
    mkdirSync(join(root, layer))
    for (const name of readdirSync(join(SOURCES, layer))) {
      if (!name.endsWith('.ts') || /\.(test|bench|d)\.ts$/.test(name)) continue
      const { outputText } = ts.transpileModule(readFileSync(join(SOURCES, layer, name), 'utf8'), {
        compilerOptions: {
          target: ts.ScriptTarget.ES2023,
          module: ts.ModuleKind.ESNext,
          verbatimModuleSyntax: true,
          rewriteRelativeImportExtensions: true,
        },
      })
      writeFileSync(join(root, layer, name.replace(/\.ts$/, '.js')), outputText)
    }
  }
  writeFileSync(join(root, 'package.json'), '{"type":"module"}')
  symlinkSync(join(SOURCES, '..', 'node_modules'), join(root, 'node_modules'))
  writeFileSync(
    join(root, 'child.js'),
    `import { Catalog } from './store/catalog.js'
     import { runImport } from './store/importRun.js'
     import { openInput } from './store/inputFile.js'
     const importer = ${IMPORTER}
     // Stops for ever at the n-th file it has staged, so that it can be killed just there.
     let left = Number(process.argv[4] ?? Infinity)
     const progress = ({ phase }) => {
       process.stdout.write(phase + '\\n')
       if (phase === 'writing' && --left === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
     }
     console.log('started')
     await runImport(new Catalog(process.argv[2]), importer, await openInput(process.argv[3]), {}, { onProgress: progress })
     console.log('done')`,
  )
})

/** Everything in a catalog but staging and lock: what a reader could see. */
function visible(directory: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const path of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    if (/^(staging|lock)/.test(path) || !/\.(parquet|json)$/.test(path)) continue
    found[path] = readFileSync(join(directory, path), 'latin1')
  }
  return found
}

function input(name: string, rows: number): string {
  const path = join(root, name)
  // Three days, so that several files are to be moved in.
  const lines = Array.from({ length: rows }, (_, i) => `${1_720_000_000_000_000 + i * 400_000_000} ${100 + (i % 7)}\n`)
  writeFileSync(path, lines.join(''))
  return path
}

test('a killed import leaves the catalog as it was, and the next one succeeds', async () => {
  const directory = join(root, 'killed')
  const catalog = new Catalog(directory)
  const first = input('first.txt', 10)
  const second = input('second.txt', 700)
  await runImport(catalog, importer, await openInput(first))
  const before = visible(directory)
  const random = new Random(5)
  // Twice with files staged, twice at whatever it was doing before that.
  for (const stopAt of [1, 1, undefined, undefined]) {
    const child = spawn(process.execPath, [join(root, 'child.js'), directory, second, String(stopAt ?? 1)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const gone = once(child, 'exit')
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    while (!said.includes(stopAt ? 'writing' : 'started')) await new Promise((resolve) => setTimeout(resolve, 2))
    if (!stopAt) await new Promise((resolve) => setTimeout(resolve, random.integer(0, 60)))
    child.kill('SIGKILL')
    await gone
    if (stopAt) expect(existsSync(catalog.path('staging'))).toBe(true)
    expect(visible(directory)).toEqual(before)
  }
  const { status } = await runImport(catalog, importer, await openInput(second))
  expect(status).toBe('imported')
  expect(existsSync(catalog.path('staging'))).toBe(false)
  expect(existsSync(catalog.path('lock'))).toBe(false)
  expect((await verifyCatalog(catalog)).findings).toEqual([])
}, 20_000)

test('a second process is told who holds the catalog', async () => {
  const directory = join(root, 'shared')
  const second = input('third.txt', 2000)
  const child = spawn(process.execPath, [join(root, 'child.js'), directory, second], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  while (!existsSync(join(directory, 'lock'))) await new Promise((resolve) => setTimeout(resolve, 2))
  const refused = runImport(new Catalog(directory), importer, await openInput(second))
  await expect(refused).rejects.toMatchObject({ code: 'catalog-busy', facts: { process: child.pid } })
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
})

test('killed between any two steps of moving in, the import is completed by the next', async () => {
  const complete = join(root, 'complete')
  const path = input('fourth.txt', 500)
  const catalog = new Catalog(complete)
  const { manifest } = await runImport(catalog, importer, await openInput(path))
  const expected = visible(complete)
  const targets = [...manifest.files.map((file) => file.path), 'instruments.json', `imports/${manifest.id}.json`]
  expect(targets.length).toBeGreaterThan(4)
  for (let moved = 0; moved <= targets.length; moved++) {
    // As it looks when the first `moved` renames have happened: the rest still lies in staging.
    const directory = join(root, `moved-${moved}`)
    cpSync(complete, directory, { recursive: true })
    const staging = join(directory, 'staging', manifest.id)
    mkdirSync(staging, { recursive: true })
    const moves = targets.map((to, index) => {
      const from = index < manifest.files.length ? `${index}.parquet` : to.startsWith('imports') ? 'manifest.json' : to
      return { from, to, bytes: readFileSync(join(directory, to)).length }
    })
    writeFileSync(join(staging, 'plan.json'), JSON.stringify({ schema: 1, moves, removes: [] }))
    for (const { from, to } of moves.slice(moved)) {
      cpSync(join(directory, to), join(staging, from))
      rmSync(join(directory, to))
    }
    const interrupted = new Catalog(directory)
    expect(interrupted.manifests()).toHaveLength(moved === targets.length ? 1 : 0)
    await recoverCatalog(interrupted)
    expect(visible(directory)).toEqual(expected)
    expect(existsSync(interrupted.path('staging'))).toBe(false)
  }
  // A machine that lost power may have lost a file's end: then the import never was.
  const torn = join(root, 'torn')
  cpSync(complete, torn, { recursive: true })
  const staging = join(torn, 'staging', manifest.id)
  mkdirSync(staging, { recursive: true })
  const [file] = manifest.files
  const moves = [{ from: '0.parquet', to: file!.path, bytes: file!.bytes + 1 }]
  writeFileSync(join(staging, 'plan.json'), JSON.stringify({ schema: 1, moves, removes: [] }))
  await recoverCatalog(new Catalog(torn))
  expect(existsSync(join(torn, file!.path))).toBe(false)
})
