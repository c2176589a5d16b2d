/**
 * Goal: what the documents say is still there: files they name, links, commands, codes, sources, names of the package.
 *
 * Method: the documents as text, held against the tree, the command line's own parser, the codes and the code's citations.
 */

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { ensureBuilt } from './built.ts'

const DOCUMENTS = [
  ...['README.md', 'ARCHITECTURE.md', 'CHANGELOG.md'],
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => join('docs', path)),
]
const FOLDERS = ['src', 'tests', 'examples', 'bench', 'scripts', 'docs']
const files = FOLDERS.flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path).replaceAll('\\', '/')),
)
const names = new Set(files.map((path) => basename(path)))

/** Prose only: programs have paths of their own. */
const prose = (text: string) => text.replace(/```[\s\S]*?```/g, '')

describe.each(DOCUMENTS)('%s', (document) => {
  const text = readFileSync(document, 'utf8')

  test('its links lead somewhere', () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)].map(([, link]) => link!)
    expect(links.filter((link) => !existsSync(join(dirname(document), link)))).toEqual([])
  })

  test('files it names exist', () => {
    const named = [...prose(text).matchAll(/`([\w./-]+\.(?:ts|mjs|wat|md))`/g)].map(([, path]) => path!)
    const there = (path: string) =>
      path.includes('/') ? existsSync(path) || existsSync(join('src', path)) : existsSync(path) || names.has(path)
    expect(named.filter((path) => !there(path))).toEqual([])
  })
})

describe('the command line', () => {
  /** Long options of every verb, as its help says. */
  const verbs = new Map<string, ReadonlySet<string>>()
  const help = (...args: string[]) =>
    spawnSync(process.execPath, ['dist/apps/main.js', ...args, '--help'], { encoding: 'utf8' }).stdout

  beforeAll(() => {
    ensureBuilt()
    for (const [, verb] of help().matchAll(/^ {2}([a-z]+) \[options\]/gm))
      verbs.set(verb!, new Set(help(verb!).match(/--[a-z][a-z-]*/g)))
  })

  test('has every command the documents write down, with its options', () => {
    const findings: string[] = []
    let commands = 0
    for (const document of DOCUMENTS) {
      const text = readFileSync(document, 'utf8')
      // Commands stand in indented lines and in backticks; what they do stands behind two spaces.
      const said = [
        ...text.matchAll(/^ {4}(?:\S+=\S+ )?(npm start --|npx gimbal) ?(.*?)(?: {2,}.*)?$/gm),
        ...text.matchAll(/`()(?:npx )?gimbal ([^`]*)`/g),
      ]
      for (const [, how, line] of said) {
        const [first, ...rest] = line!.split(/\s+/)
        if (first!.startsWith('--') && how !== 'npm start --') continue
        const verb = how === 'npm start --' ? 'demo' : first!
        commands++
        const known = verbs.get(verb)
        if (!known) findings.push(`${document}: there is no gimbal ${verb}`)
        for (const word of rest) {
          const [option] = /^--\w[\w-]*/.exec(word) ?? []
          if (option && known && !known.has(option)) findings.push(`${document}: gimbal ${verb} has no ${option}`)
        }
      }
    }
    expect(findings).toEqual([])
    expect(commands).toBeGreaterThan(15)
  })

  test('has no verb the README does not tell of', () => {
    const readme = readFileSync('README.md', 'utf8')
    expect(verbs.size).toBeGreaterThan(15)
    expect([...verbs.keys()].filter((verb) => !readme.includes(`\`${verb}\``))).toEqual([])
  })
})

test('paragraphs of errors.md are of codes there are, in order of the alphabet', () => {
  const [, union] = /export type ErrorCode =([\s\S]*?)\n\n/.exec(readFileSync('src/core/errors.ts', 'utf8'))!
  const codes = [...union!.matchAll(/'([\w-]+)'/g)].map(([, code]) => code)
  const headings = [...readFileSync('docs/errors.md', 'utf8').matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)
  expect(headings).toEqual(codes.sort())
})

describe('papers.md', () => {
  const rows = readFileSync('docs/papers.md', 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, short, source, used] = /^\| (.+?) \| (.+) \| (`.*`) \|$/.exec(line) ?? []
      return used
        ? [{ short: short!, source: source!, used: [...used.matchAll(/`([^`]+)`/g)].map(([, path]) => path!) }]
        : []
    })

  test('each file it names cites that source', () => {
    expect(rows.length).toBeGreaterThan(100)
    const findings = rows.flatMap(({ short, source, used }) => {
      const [authors] = source.split(/["(:]/, 1)
      const known = `${short} ${authors}`
        .split(/[^\p{L}\p{N}&-]+|-/u)
        .filter((word) => word.length > 1 && /^[\p{Lu}\d]|^\p{Ll}+\d|hft/u.test(word))
      return used
        .filter((path) => !known.some((word) => readFileSync(join('src', path), 'utf8').includes(word)))
        .map((path) => `${short}: ${path}`)
    })
    expect(findings).toEqual([])
  })

  test('each file that cites someone is named', () => {
    const named = new Set(rows.flatMap(({ used }) => used))
    const citation = /\b[A-ZÁ]\. (?:[A-Z]\.[ -]?)*[A-ZÁ]\p{L}+(?=[,;'’]| \()/u
    const citing = files
      .filter((path) => path.startsWith('src/') && /\.ts$/.test(path) && !/\.(test|bench)\.ts$/.test(path))
      .filter((path) =>
        (readFileSync(path, 'utf8').match(/\/\*\*[\s\S]*?\*\//g) ?? []).some((each) => citation.test(each)),
      )
      .map((path) => path.slice('src/'.length))
    expect(citing.length).toBeGreaterThan(50)
    expect(citing.filter((path) => !named.has(path))).toEqual([])
  })

  test('no source stands there twice', () => {
    const titles = rows.flatMap(({ source }) => [...source.matchAll(/"([^"]+)"/g)].map(([, title]) => title))
    expect(titles.filter((title, at) => titles.indexOf(title) !== at)).toEqual([])
  })
})
