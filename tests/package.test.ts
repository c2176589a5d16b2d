/**
 * Goal: whoever installs the package gets what its index files name, with types, and nothing heavy that they did not
 * ask for; the tarball holds what it should and no test.
 *
 * Method: the built package, imported by its own name in a process of its own; the import graph of dist, walked; npm's
 * own list of what it would pack; the program in the README, run as it stands there.
 */

import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureBuilt } from './built.ts'

interface PackageJson {
  readonly name: string
  readonly exports: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly bin: Readonly<Record<string, string>>
}
const PACKAGE = JSON.parse(readFileSync('package.json', 'utf8')) as PackageJson
const LAYERS = Object.entries(PACKAGE.exports).map(([subpath, file]) => ({ layer: subpath.slice(2), file }))

/** A folder of somebody who has installed the package. */
const USER = mkdtempSync(join(tmpdir(), 'gimbal-user-'))
mkdirSync(join(USER, 'node_modules'))
symlinkSync(resolve('.'), join(USER, 'node_modules', PACKAGE.name), 'junction')

function runModule(text: string) {
  const path = join(USER, 'program.mjs')
  writeFileSync(path, text)
  return spawnSync(process.execPath, [path], { encoding: 'utf8', timeout: 50_000 })
}

beforeAll(() => ensureBuilt())
afterAll(() => rmSync(USER, { recursive: true, force: true }))

test('every layer with an index is exported, and every export has an index', () => {
  const indexed = readdirSync('src').filter((layer) => existsSync(join('src', layer, 'index.ts')))
  expect(LAYERS.map(({ layer }) => layer).sort()).toEqual(indexed.sort())
})

test('an import by name gives exactly what the index names, with types for each', async () => {
  const { stdout, stderr, status } = runModule(
    `const found = {}
     for (const layer of ${JSON.stringify(LAYERS.map(({ layer }) => layer))})
       found[layer] = Object.keys(await import('${PACKAGE.name}/' + layer))
     console.log(JSON.stringify(found))`,
  )
  expect([status, stderr]).toEqual([0, ''])
  const found = JSON.parse(stdout) as Record<string, string[]>
  const program = ts.createProgram(
    LAYERS.flatMap(({ layer, file }) => [join('src', layer, 'index.ts'), file.replace(/\.js$/, '.d.ts')]),
    {
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      target: ts.ScriptTarget.ES2023,
      allowImportingTsExtensions: true,
      noEmit: true,
      skipLibCheck: true,
      noLib: true,
      types: [],
    },
  )
  for (const { layer, file } of LAYERS) {
    const promised = namesIn(program, join('src', layer, 'index.ts'))
    expect(promised.values.length, layer).toBeGreaterThan(0)
    expect([layer, ...found[layer]!.sort()]).toEqual([layer, ...promised.values])
    expect([layer, ...namesIn(program, file.replace(/\.js$/, '.d.ts')).all]).toEqual([layer, ...promised.all])
  }
})

/** What a file of re-exports names: everything, and what is left of it when types are gone. */
function namesIn(program: ts.Program, path: string): { readonly all: string[]; readonly values: string[] } {
  const all: string[] = []
  const values: string[] = []
  const checker = program.getTypeChecker()
  const file = checker.getSymbolAtLocation(program.getSourceFile(path)!)!
  for (const symbol of checker.getExportsOfModule(file)) {
    all.push(symbol.name)
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
    if (target.flags & ts.SymbolFlags.Value && !typeOnly(symbol)) values.push(symbol.name)
  }
  return { all: all.sort(), values: values.sort() }
}

/** Whether a name is exported by `export type`, alone or with its list: then nothing is left of it. */
function typeOnly(symbol: ts.Symbol): boolean {
  return (symbol.declarations ?? []).some((declaration) => ts.isTypeOnlyExportDeclaration(declaration))
}

describe('what an import brings along', () => {
  /** Packages and built-in modules that a file of dist reaches, dynamic imports included. */
  function reached(entry: string): string[] {
    const seen = new Set<string>()
    const outside = new Set<string>()
    const queue = [resolve(entry)]
    for (let file = queue.pop(); file; file = queue.pop()) {
      if (seen.has(file)) continue
      seen.add(file)
      for (const { fileName } of ts.preProcessFile(readFileSync(file, 'utf8'), true, true).importedFiles) {
        if (fileName.startsWith('.')) queue.push(resolve(dirname(file), fileName))
        else outside.add(fileName)
      }
    }
    return [...outside].sort()
  }
  const packages = (entry: string) => reached(entry).filter((name) => !isBuiltin(name))

  test('core, market and portfolio bring nothing at all, so they run in a browser', () => {
    for (const layer of ['core', 'market', 'portfolio']) expect(reached(`dist/${layer}/index.js`)).toEqual([])
  })

  test('no layer brings a package, but for the store, which is DuckDB, the importers, which open zips, and research, which reads declared hold-outs', () => {
    const found = Object.fromEntries(LAYERS.map(({ layer, file }) => [layer, packages(file)]))
    const { store, importers, research, ...others } = found
    expect(research).toEqual(['zod'])
    expect(importers).toEqual(['yauzl-promise'])
    expect(store).toContain('@duckdb/node-api')
    for (const [layer, names] of Object.entries(others)) expect([layer, ...names]).toEqual([layer])
  })

  test('what the whole program brings is declared as a dependency', () => {
    const used = new Set(
      readdirSync('dist', { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.js') && existsSync(join('src', path.replace(/\.js$/, '.ts'))))
        .flatMap((path) => ts.preProcessFile(readFileSync(join('dist', path), 'utf8'), true, true).importedFiles)
        .map(({ fileName }) => fileName)
        .filter((name) => !name.startsWith('.') && !isBuiltin(name))
        .map((name) => name.match(/^(@[^/]+\/)?[^/]+/)![0]),
    )
    expect([...used].filter((name) => !Object.hasOwn(PACKAGE.dependencies, name))).toEqual([])
  })

  test('the first verb’s help loads the parser of the command line and nothing else', () => {
    const eager = new Set<string>()
    const seen = new Set<string>()
    const queue = [resolve(PACKAGE.bin['gimbal']!)]
    for (let file = queue.pop(); file; file = queue.pop()) {
      // Two files that import each other would be walked for ever.
      if (seen.has(file)) continue
      seen.add(file)
      const text = readFileSync(file, 'utf8').replaceAll(/import\(/g, 'later(')
      for (const { fileName } of ts.preProcessFile(text, true, true).importedFiles) {
        if (fileName.startsWith('.')) queue.push(resolve(dirname(file), fileName))
        else if (!isBuiltin(fileName)) eager.add(fileName)
      }
    }
    expect([...eager]).toEqual(['commander'])
  })
})

test('the tarball holds the program, its documents and its licence, and no test', () => {
  const { stdout, status } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    encoding: 'utf8',
    shell: process.platform === 'win32',
    timeout: 50_000,
  })
  expect(status).toBe(0)
  const [packed] = JSON.parse(stdout) as [{ files: { path: string; size: number }[]; unpackedSize: number }]
  const paths = packed.files.map(({ path }) => path)
  expect(paths).toEqual(
    expect.arrayContaining([
      ...['README.md', 'CHANGELOG.md', 'LICENSE', 'NOTICE', 'package.json', 'docs/errors.md', 'docs/determinism.md'],
      ...LAYERS.flatMap(({ file }) => [file.slice(2), file.slice(2).replace(/\.js$/, '.d.ts')]),
      ...Object.values(PACKAGE.bin),
    ]),
  )
  expect(
    paths.filter((path) => /\.(test|bench)\.|^(src|tests|examples|fixtures|bench|node_modules|out)\//.test(path)),
  ).toEqual([])
  expect(packed.unpackedSize).toBeLessThan(8e6)
})

test('the command is a program with an interpreter line', () => {
  expect(readFileSync(PACKAGE.bin['gimbal']!, 'utf8').split('\n')[0]).toBe('#!/usr/bin/env node')
})

/** Programs of the README, in its order, and what they say when run as they stand there. */
const PROGRAMS = [...readFileSync('README.md', 'utf8').matchAll(/```ts\n([\s\S]*?)```/g)].map(([, program]) => program!)

function runProgram(program: string): number[] {
  const { outputText } = ts.transpileModule(program, {
    compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext },
  })
  const { stdout, stderr, status } = runModule(outputText)
  expect([status, stderr]).toEqual([0, ''])
  return stdout.trim().split(' ').map(Number)
}

test('the README’s program that trades runs as it stands there', () => {
  expect(PROGRAMS.length).toBe(2)
  const [equity, fills] = runProgram(PROGRAMS[0]!)
  expect(equity).toBeGreaterThan(90_000)
  expect(fills).toBeGreaterThan(10)
})

test('the README’s program that learns is better than the last value where the README says so, and not where it says not', () => {
  const [judged, t] = runProgram(PROGRAMS[1]!)
  expect(judged).toBeGreaterThan(200)
  expect(t).toBeGreaterThan(-1.65)
  const [, other] = runProgram(PROGRAMS[1]!.replace('seed: 4,', 'seed: 2,'))
  expect(other).toBeLessThan(-1.65)
})

test('every name an example imports is promised by its layer', () => {
  const program = ts.createProgram(
    LAYERS.map(({ layer }) => join('src', layer, 'index.ts')),
    {
      module: ts.ModuleKind.NodeNext,
      target: ts.ScriptTarget.ES2023,
      allowImportingTsExtensions: true,
      noEmit: true,
      noLib: true,
      types: [],
    },
  )
  const promised = new Map(LAYERS.map(({ layer }) => [layer, namesIn(program, join('src', layer, 'index.ts')).all]))
  const missing: string[] = []
  let imported = 0
  for (const example of readdirSync('examples')) {
    const text = readFileSync(join('examples', example), 'utf8')
    for (const [, names, layer] of text.matchAll(/import (?:type )?\{([^}]*)\} from '\.\.\/src\/(\w+)\//g)) {
      for (const name of names!.split(',').map((each) => each.trim().replace(/^type /, ''))) {
        if (name === '') continue
        imported++
        if (!promised.get(layer!)?.includes(name)) missing.push(`${example}: gimbal/${layer} lacks ${name}`)
      }
    }
  }
  expect(imported).toBeGreaterThan(80)
  expect(missing).toEqual([])
})
