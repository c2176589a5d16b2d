/**
 * Goal: the properties of the code itself that reviewers should not have to remember.
 * Method: read every source file once; one line of output for each finding, ending with the remedy.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'

/** Layers from the ground up. A file may import from its own layer and from those before it. */
const LAYERS = [
  'core',
  'market',
  'store',
  'pricing',
  'features',
  'models',
  'research',
  'portfolio',
  'policies',
  'risk',
  'execution',
  'journal',
  'engine',
  'sim',
  'chain',
  'report',
  'venues',
  'importers',
  'commons',
  'apps',
]
const rank = (layer: string) => LAYERS.indexOf(layer)

/** What only the edge may touch, with what to use instead. */
const EDGE_ONLY: [pattern: RegExp, remedy: string][] = [
  [/\bDate\.now\(|new Date\(\)|performance\.now\(/, 'take a Clock'],
  [/\bMath\.random\(|\brandomUUID\b|\bgetRandomValues\b|\brandomBytes\b/, 'take a Random'],
  [/\bsetTimeout\(|\bsetInterval\(/, 'schedule an event on the engine'],
  [/\bprocess\.env\b|\bconsole\./, 'take an option; return a value'],
]
const EDGE = new Set(['venues', 'apps'])

const VAGUE = /(utils?|helpers?|common|misc|manager|shared|base)\.ts$/i

interface Source {
  path: string
  layer: string
  text: string
}

function read(folder: string): Source[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(ts|tsx|mjs)$/.test(path))
    .map((path) => ({
      path: `${folder}/${path}`,
      layer: path.split('/')[0]!,
      text: readFileSync(join(folder, path), 'utf8'),
    }))
}

/** Text without comments, so that prose may name what code may not use. */
function code(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:])\/\/.*$/gm, '$1')
}

const files = read('src')
const production = files.filter(({ path }) => !/\.(test|bench)\.ts$/.test(path))
const everything = [...files, ...read('tests'), ...read('examples'), ...read('bench'), ...read('scripts')]

test('there is something to judge', () => {
  expect(production.length).toBeGreaterThan(20)
  expect([...new Set(production.map(({ layer }) => layer))].filter((layer) => rank(layer) < 0)).toEqual([])
})

test('layers import downwards', () => {
  const findings = production.flatMap(({ path, layer, text }) =>
    [...code(text).matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].flatMap(([, target]) => {
      const imported = relative('src', join(dirname(path), target!)).split('/')[0]!
      return rank(imported) > rank(layer) ? [`${path}: ${imported} lies above ${layer}; invert the dependency`] : []
    }),
  )
  expect(findings).toEqual([])
})

test('time, chance and the environment stay at the edge', () => {
  const findings = production
    .filter(({ layer }) => !EDGE.has(layer))
    .flatMap(({ path, text }) =>
      EDGE_ONLY.filter(([pattern]) => pattern.test(code(text))).map(([, remedy]) => `${path}: ${remedy}`),
    )
  expect(findings).toEqual([])
})

test('policies cannot see the gate, the journal or a venue', () => {
  const findings = production
    .filter(({ layer }) => layer === 'policies')
    .filter(({ text }) => /from '\.\.\/(risk|journal|engine|sim|venues|apps)\//.test(text))
  expect(findings.map(({ path }) => `${path}: want through the context`)).toEqual([])
})

test('files are named for what they hold', () => {
  expect(everything.filter(({ path }) => VAGUE.test(path)).map(({ path }) => `${path}: name the thing`)).toEqual([])
})

test('nothing is left over', () => {
  const left = /\bFIXME\b|\bTODO\b|\.only\(|^\s*debugger/m
  const judged = everything.filter(({ path }) => path !== 'tests/tidy.test.ts')
  expect(judged.filter(({ text }) => left.test(text)).map(({ path }) => `${path}: finish before merging`)).toEqual([])
})

test('every test that skips says why in its name', () => {
  const findings = files.flatMap(({ path, text }) =>
    [...text.matchAll(/(?:test|it|describe)\.(?:skip|todo)\(\s*['"`]([^'"`]*)/g)].map(
      ([, name]) => `${path}: "${name}" skips without saying why; use skipIf and name the reason`,
    ),
  )
  expect(findings).toEqual([])
})

test('no machine path and no registry host is written down', () => {
  const findings = everything
    .filter(({ path }) => path !== 'tests/tidy.test.ts')
    .filter(({ text }) => /\/(work|root|home)\/\w|registry\.npmjs\.org|deb\.debian/.test(text))
  expect(findings.map(({ path }) => `${path}: say it without the machine`)).toEqual([])
})

test('every error code has its paragraph in docs/errors.md', () => {
  const union = readFileSync('src/core/errors.ts', 'utf8').match(/type ErrorCode =([\s\S]*?)\n\n/)![1]!
  const codes = [...union.matchAll(/'([^']+)'/g)].map(([, name]) => name!)
  const docs = existsSync('docs/errors.md') ? readFileSync('docs/errors.md', 'utf8') : ''
  expect(codes.length).toBeGreaterThan(10)
  expect(
    codes.filter((name) => !docs.includes(`\n## ${name}\n`)).map((name) => `${name}: write its paragraph`),
  ).toEqual([])
})

test('every error code is thrown somewhere', () => {
  const union = readFileSync('src/core/errors.ts', 'utf8').match(/type ErrorCode =([\s\S]*?)\n\n/)![1]!
  const codes = [...union.matchAll(/'([^']+)'/g)].map(([, name]) => name!)
  const text = production.filter(({ path }) => path !== 'src/core/errors.ts').map((file) => file.text)
  expect(codes.filter((name) => !text.some((each) => each.includes(`'${name}'`)))).toEqual([])
})

test('the lockfile knows the binaries of every platform', () => {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, { optionalDependencies?: Record<string, string>; resolved?: string }>
  }
  const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !lock.packages[`node_modules/${name}`] && !lock.packages[`${path}/node_modules/${name}`])
      .map((name) => `${name}: npm ci would refuse; a registry without it dropped it from the lockfile, put it back`),
  )
  expect(missing).toEqual([])
  expect(Object.values(lock.packages).filter(({ resolved }) => resolved?.startsWith('http'))).toEqual([])
})
