/**
 * Goal: the command line does what its help says, to a person and to a pipe: results on standard output, everything
 * else on standard error, exit codes that can be relied on, and no catalog or journal left in pieces.
 *
 * Method: the built program, started as a user starts it, in a folder of its own, on files the test writes. One import
 * and one backtest are made first; most tests look at them, so that the file stays short of half a minute. `BENCH=1`
 * prints how long `--help` takes.
 */

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifyJournal } from '../src/journal/journalReader.ts'
import { POLICIES } from '../src/policies/registry.ts'
import { ensureBuilt } from './built.ts'
import { ended, type Said, startGimbal, writeBars } from './commandLine.ts'

const FOLDER = mkdtempSync(join(tmpdir(), 'gimbal-cli-'))
const BARS = 3 * 288
const FILE = 'BTC_USDT_USDT-5m-futures.csv'
const PERP = 'BTC-USDT-PERP@binance-usdm'
const RUN = ['backtest', '--catalog', 'catalog', '--policy', 'volatility-target', '--set', 'warmupHours=2']

const start = (args: readonly string[]) => startGimbal(FOLDER, args)
const gimbal = (...args: string[]) => ended(start(args))

/** Every file of a folder with its content, to see that nothing changed. */
function contents(folder: string): string {
  const hash = createHash('sha256')
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort())
    if (statSync(join(folder, path)).isFile()) hash.update(path).update(readFileSync(join(folder, path)))
  return hash.digest('hex')
}

/** Runs commands two at a time: as many as the smallest machine has cores. */
async function each(commands: readonly (readonly string[])[]): Promise<Said[]> {
  const said: Said[] = []
  for (let i = 0; i < commands.length; i += 2)
    said.push(...(await Promise.all(commands.slice(i, i + 2).map((args) => gimbal(...args)))))
  return said
}

const json = (said: Said) => JSON.parse(said.out)

let imported: Said
let ran: Said

beforeAll(async () => {
  ensureBuilt()
  writeBars(join(FOLDER, FILE), BARS, 300_000, 1)
  imported = await gimbal('import', FILE, '--catalog', 'catalog')
  ran = await gimbal(...RUN, '--json')
}, 180_000)
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }))

describe('help', () => {
  test('names every verb, and every verb explains itself with an example', async () => {
    const started = performance.now()
    const help = await gimbal('--help')
    if (process.env['BENCH'] === '1') console.log(`gimbal --help: ${(performance.now() - started).toFixed(0)} ms`)
    expect([help.code, help.err]).toEqual([0, ''])
    // Every file of commands/ is a verb, so that none can be forgotten here; `help` is commander's own.
    const verbs = [...help.out.slice(help.out.indexOf('Commands:')).matchAll(/^ {2}([a-z]+)\b/gm)].map(
      ([, verb]) => verb!,
    )
    const files = readdirSync('src/apps/commands').map((file) => file.replace('.ts', ''))
    expect(verbs.toSorted()).toEqual([...files, 'help'].sort())
    const described = verbs.filter((verb) => verb !== 'help')
    const explained = await each(described.map((verb) => [verb, '--help']))
    for (const [index, verb] of described.entries()) {
      const { code, out, err } = explained[index]!
      expect([verb, code, err]).toEqual([verb, 0, ''])
      expect(out).toMatch(new RegExp(`^Usage: gimbal ${verb} `))
      expect(out).toMatch(new RegExp(`\nExample:\n  (npm start|gimbal ${verb}) `))
    }
  })

  test('the version is the package’s', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
    expect(await gimbal('--version')).toEqual({ code: 0, out: `${version}\n`, err: '' })
  })

  test('an unknown verb, an unknown option and a missing one are usage errors', async () => {
    for (const { code, out, err } of await each([
      ['bactest'],
      ['catalog', '--nope'],
      ['backtest', '--catalog', 'x'],
      [],
    ])) {
      expect([code, out]).toEqual([2, ''])
      expect(err).toMatch(/--help|Usage:/)
    }
    for (const said of await each([
      ['catalog', '--nope', '--json'],
      ['replay', '--json'],
    ]))
      expect([said.code, json(said)]).toMatchObject([2, { error: { code: 'argument-invalid' } }])
  })

  test('a folder that cannot be one is the user’s to know, not a fault of gimbal', async () => {
    writeFileSync(join(FOLDER, 'file'), '')
    for (const said of await each([
      ['surface', '--out', 'file', '--json'],
      ['greeks', '--example', join('file', 'book.json'), '--json'],
    ])) {
      expect([said.code, json(said)]).toMatchObject([1, { error: { code: 'file-refused' } }])
      expect(said.err).not.toContain('fault of gimbal')
    }
  })

  test('policies shows every setting of every policy with its default, as data too', async () => {
    const [text, data] = await Promise.all([gimbal('policies'), gimbal('policies', 'carry', '--json')])
    for (const [name, { settings }] of Object.entries(POLICIES)) {
      expect(text.out).toMatch(new RegExp(`^${name}$`, 'm'))
      for (const setting of Object.keys(settings)) expect(text.out).toMatch(new RegExp(`^  ${setting} `, 'm'))
    }
    expect(Math.max(...text.out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100)
    expect(json(data)).toMatchObject([{ name: 'carry' }])
    expect(json(data)[0].settings).toContainEqual({
      name: 'leverageTarget',
      ...POLICIES['carry']!.settings['leverageTarget'],
    })
    expect((await gimbal('policies', 'martingale')).code).toBe(2)
  })
})

describe('import and catalog', () => {
  test('an import counts what it read and says what comes next', async () => {
    expect([imported.code, imported.err]).toEqual([0, ''])
    expect(imported.out).toContain(`${FILE}  [bars `)
    expect(imported.out).toContain('865 lines, 0 gaps, 1 instrument\n')
    expect(imported.out).toContain('1 of 1 file imported, 3,456 rows in catalog\n')
    expect(imported.out).toContain('Next: gimbal catalog show --catalog catalog\n')
    const before = contents(join(FOLDER, 'catalog', 'imports'))
    const again = await gimbal('import', FILE, '--catalog', 'catalog', '--json')
    expect(again.code).toBe(0)
    expect(json(again).files).toMatchObject([{ status: 'already-imported', rows: 4 * BARS, gaps: 0 }])
    expect(contents(join(FOLDER, 'catalog', 'imports'))).toBe(before)
  })

  test('the catalog is shown, verified, listed and queried', async () => {
    const [show, verify, imports, sql, wrong] = (await each([
      ['catalog', '--json'],
      ['catalog', 'verify'],
      ['catalog', 'imports', '--json'],
      ['catalog', 'sql', 'select max(price) as top, count(*) as rows from tape where row_kind = 7', '--json'],
      ['catalog', 'sql', 'select nothing from tape'],
    ])) as [Said, Said, Said, Said, Said]
    expect(json(show)).toMatchObject([{ instrument: PERP, stream: 'bar', rows: 4 * BARS, gaps: 0 }])
    expect([verify.code, verify.out]).toEqual([0, expect.stringContaining('all as their manifests say')])
    expect(json(imports)).toMatchObject([{ source: { name: FILE }, importer: 'bars' }])
    expect(json(sql)).toMatchObject([{ rows: `${BARS}` }])
    const closes = readFileSync(join(FOLDER, FILE), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => Number(line.split(',')[4]))
    expect(json(sql)[0].top).toBe(Math.max(...closes))
    expect([wrong.code, wrong.out]).toEqual([2, ''])
    expect(wrong.err).toContain('"nothing"')
    expect(wrong.err).not.toContain('fault of gimbal')
  })

  test('rubbish is refused with file, line and byte, and the catalog is as it was', async () => {
    const good = readFileSync(join(FOLDER, FILE), 'utf8').split('\n').slice(0, 41).join('\n')
    const name = 'ETH_USDT_USDT-5m-futures.csv'
    writeFileSync(join(FOLDER, name), `${good}\n${'1735689600000,x,y\n'.repeat(60)}`)
    const before = contents(join(FOLDER, 'catalog'))
    const text = await gimbal('import', name, '--catalog', 'catalog')
    const data = await gimbal('import', name, '--catalog', 'catalog', '--json')
    expect(text.code).toBe(3)
    expect(text.err).toContain(name)
    expect(text.err).toMatch(/^ {2}line: 42$/m)
    expect(text.err).toMatch(new RegExp(`^ {2}byte: ${good.length + 1}$`, 'm'))
    expect(text.err).toContain('docs/errors.md#import-rejected')
    expect(json(data).files).toMatchObject([{ error: { code: 'import-rejected', facts: { line: 42 } } }])
    expect(contents(join(FOLDER, 'catalog'))).toBe(before)
  })

  test('a file that is not there, and one of no known format', async () => {
    writeFileSync(join(FOLDER, 'notes.txt'), 'buy low\n')
    const [missing, unknown] = await Promise.all([
      gimbal('import', 'missing.csv', '--catalog', 'other'),
      gimbal('import', 'notes.txt', '--catalog', 'other'),
    ])
    expect([missing.code, missing.err]).toEqual([1, expect.stringContaining('path: missing.csv')])
    expect([unknown.code, unknown.err]).toEqual([3, expect.stringContaining('docs/errors.md#format-unknown')])
    expect(existsSync(join(FOLDER, 'other'))).toBe(false)
  })
})

describe('backtest and replay', () => {
  test('a run prints one JSON document with its journal, report and verdict, and nothing else', () => {
    expect([ran.code, ran.err]).toEqual([0, ''])
    const result = json(ran)
    expect(result.journal.sha256).toMatch(/^[0-9a-f]{64}$/)
    expect(result).toMatchObject({ provenance: 'replayed', rows: 4 * BARS, seed: 1, interrupted: false })
    expect(result.performance.turnover).toBeGreaterThan(0)
    expect(verifyJournal(join(FOLDER, result.journal.directory))).toMatchObject({
      closed: true,
      hash: result.journal.sha256,
    })
    for (const path of Object.values<string>(result.report)) expect(existsSync(join(FOLDER, path))).toBe(true)
  })

  test('the same seed gives the same journal, also when the tape is cut otherwise; another setting another one', async () => {
    const { sha256 } = json(ran).journal
    const [again, shuffled, other] = (await each([
      [...RUN, '--json', '--out', 'again'],
      [...RUN, '--json', '--out', 'shuffled', '--shuffle-io'],
      [...RUN, '--json', '--out', 'other-run', '--set', 'targetYearly=0.1'],
    ])) as [Said, Said, Said]
    expect(json(again).journal.sha256).toBe(sha256)
    expect(json(shuffled).journal.sha256).toBe(sha256)
    expect(json(other).journal.sha256).not.toBe(sha256)

    const page = await gimbal('report', 'again', join('other-run', 'volatility-target'), '--out', 'both.html')
    expect([page.code, page.err]).toEqual([1, expect.stringContaining(join('again', 'report.json'))])
    const both = await gimbal(
      'report',
      join('again', 'volatility-target'),
      join('other-run', 'volatility-target'),
      ...['--out', 'both.html', '--json'],
    )
    expect(both.code).toBe(0)
    expect(json(both).runs).toHaveLength(2)
    expect(readFileSync(join(FOLDER, 'both.html'), 'utf8')).toContain('volatility-target on ')
  })

  test('the journal replays; damaged, it says where', async () => {
    const { directory, sha256 } = json(ran).journal
    const replayed = await gimbal('replay', directory, '--json')
    expect(replayed.code).toBe(0)
    expect(json(replayed)).toMatchObject({ journal: sha256, closed: true, rows: 4 * BARS })
    expect(json(replayed).acts).toBeGreaterThan(0)

    const segment = join(FOLDER, 'again', 'volatility-target', 'journal', '000001.journal')
    const bytes = readFileSync(segment)
    bytes[bytes.length >> 1]! ^= 0x40
    writeFileSync(segment, bytes)
    const damaged = await gimbal('replay', join('again', 'volatility-target'))
    expect([damaged.code, damaged.out]).toEqual([1, ''])
    expect(damaged.err).toMatch(/segment: 000001\.journal\n {2}byte: \d+/)
    expect(damaged.err).toContain('docs/errors.md#journal-invalid')
  })

  test('wrong settings are named before any data are looked at', async () => {
    const wrong: [args: string[], named: string][] = [
      [['--set', 'targetYerly=0.1'], 'targetYerly'],
      [['--set', 'targetYearly=lots'], 'targetYearly'],
      [['--risk', 'limits.leverageMux=3'], 'limits.leverageMux'],
      [['--queue', 'hopeful'], 'hopeful'],
      [['--latency', 'none'], 'none'],
      [['--seed', 'x'], '--seed'],
      [['--from', 'yesterday'], '--from'],
    ]
    const folder = 'never'
    const answers = await each(
      wrong.map(([args]) => [...RUN, ...args, '--catalog', 'not-even-looked-at', '--out', folder]),
    )
    for (const [index, [args, named]] of wrong.entries()) {
      const { code, out, err } = answers[index]!
      expect([args, code, out]).toEqual([args, 2, ''])
      expect(err).toContain(named)
      expect(err).toMatch(/docs\/errors\.md#/)
    }
    expect(existsSync(join(FOLDER, folder))).toBe(false)
  })

  test('an interrupted backtest ends with 130 and a closed journal that replays', async () => {
    writeBars(join(FOLDER, 'SOL_USDT_USDT-1m-futures.csv'), 60_000, 60_000, 2)
    expect((await gimbal('import', 'SOL_USDT_USDT-1m-futures.csv', '--catalog', 'long')).code).toBe(0)
    const child = start(['backtest', '--catalog', 'long', '--policy', 'volatility-target', '--json'])
    const said = ended(child)
    const journal = join(FOLDER, 'out', 'volatility-target', 'journal')
    const begun = () => statSync(journal, { throwIfNoEntry: false })?.mtimeMs
    const before = begun()
    while (child.exitCode === null && (begun() ?? before) === before) await new Promise((next) => setTimeout(next, 5))
    child.kill('SIGINT')
    const { code, out } = await said
    expect(code).toBe(130)
    const result = JSON.parse(out)
    expect(result.interrupted).toBe(true)
    expect(result.rows).toBeLessThan(4 * 60_000)
    expect(verifyJournal(journal)).toMatchObject({ closed: true, hash: result.journal.sha256, rows: result.rows })
    expect((await gimbal('replay', join('out', 'volatility-target'), '--catalog', 'long')).code).toBe(0)
  })
})

describe('demo and doctor', () => {
  test('the demo needs no data, learns, trades with and without, and writes two pages; in a pipe nothing is coloured or moved', {
    timeout: 180_000,
  }, async () => {
    const [data, text] = (await each([
      ['demo', '--minutes', '60', '--json'],
      ['demo', '--minutes', '60', '--out', 'piped'],
    ])) as [Said, Said]
    expect([data.code, text.code]).toEqual([0, 0])
    const { page, report, runs, verdict } = json(data)
    expect(runs).toMatchObject([{ provenance: 'synthetic' }, { provenance: 'synthetic' }, { provenance: 'synthetic' }])
    expect(readFileSync(page, 'utf8')).toContain(verdict.sentence)
    const html = readFileSync(report, 'utf8')
    for (const { title } of runs) expect(html).toContain(title)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there.
    expect(`${text.out}${text.err}`).not.toMatch(/[\u001b\r]/)
    expect(text.out.split('\n').filter((line) => line.startsWith('Open file://'))).toHaveLength(2)
    expect(Math.max(...text.out.split('\n').map((line) => line.length))).toBeLessThan(160)
  })

  test('the doctor finds this installation and the catalog well', async () => {
    const { code, out } = await gimbal('doctor', '--catalog', 'catalog')
    expect(code).toBe(0)
    expect(out).not.toContain('✗')
    expect(out).toContain('✓ catalog catalog: ')
  })
})

test.runIf(existsSync('/dev/full'))('a disk too full for the answer is said in one line', async () => {
  const full = openSync('/dev/full', 'w')
  const child = spawn(process.execPath, ['dist/apps/main.js', 'policies'], { stdio: ['ignore', full, 'pipe'] })
  let err = ''
  child.stderr!.on('data', (text) => {
    err += text
  })
  const code = await new Promise((done) => child.once('close', done))
  expect([code, err]).toEqual([1, expect.stringMatching(/^gimbal: what it says cannot be written: ENOSPC.*\n$/)])
})

test('a reader who leaves early is no error', async () => {
  // Half a megabyte, which is more than a pipe holds.
  const child = start(['catalog', 'sql', 'select * from tape', '--catalog', 'catalog'])
  child.stdout!.once('data', () => child.stdout!.destroy())
  let err = ''
  child.stderr!.on('data', (text) => {
    err += text
  })
  const code = await new Promise((done) => child.once('close', done))
  expect([code, err]).toEqual([0, ''])
})
