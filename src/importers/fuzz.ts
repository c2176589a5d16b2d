/**
 * @file Damage on purpose: whole small files mutated in the ways disks, networks and editors do, and the promises every
 * importer keeps whatever it is fed.
 *
 * The promises: nothing but a `GimbalError` is thrown; every message is completed; every time is whole and every price
 * and size finite and not negative (both held by `ListSink`); every reject, trap and gap names a line and a byte that exist.
 * A seed reproduces a case.
 */

import { GimbalError } from '../core/errors.ts'
import { Random } from '../core/random.ts'
import type { Importer, ImportOptions } from '../store/importer.ts'
import type { InputFile } from '../store/inputFile.ts'
import { ListSink } from './listSink.ts'

/** A file held in memory: for tests. Lines are parted by `\n`; a last line without it is passed as incomplete. */
export function memoryFile(name: string, content: string): InputFile {
  return {
    path: name,
    name,
    sha256: '0'.repeat(64),
    bytes: Buffer.byteLength(content),
    async lines(onLine) {
      let byte = 0
      const parts = content.split('\n')
      for (const [index, part] of parts.entries()) {
        const last = index === parts.length - 1
        if (last && part === '') break
        onLine(part.endsWith('\r') ? part.slice(0, -1) : part, index + 1, byte, !last)
        byte += Buffer.byteLength(part) + 1
      }
    },
    async text() {
      return content
    },
  }
}

/** Imports a small file held in memory and returns what came of it. */
export async function importText(
  importer: Importer,
  name: string,
  content: string,
  options: ImportOptions = {},
  sink = new ListSink(),
): Promise<ListSink> {
  await importer.read(memoryFile(name, content), sink, options)
  return sink
}

/** What a run of {@link fuzzImporter} saw. */
export interface FuzzReport {
  readonly cases: number
  /** Cases in which the file as a whole was refused with a `GimbalError`. */
  readonly refused: number
  /** Rejects and messages over all cases: both must be above zero for the run to have meant anything. */
  readonly rejects: number
  readonly messages: number
  readonly gaps: number
  readonly traps: number
}

const NUMBERS = [
  'NaN',
  'Infinity',
  '-1',
  '-0.5',
  '1e309',
  '1e-400',
  '9007199254740993',
  '99999999999999999999999',
  '0',
  '',
  'null',
  '1e15',
  '-9223372036854775808',
  '0x10',
  '1_000',
  '١',
  '2147483648',
  '0.000000000000000000000001',
]

/** Ways to damage a list of lines; each returns the damaged list. */
const MUTATIONS: readonly ((lines: readonly string[], random: Random) => string[])[] = [
  // A byte gone wrong.
  (lines, random) =>
    alter(lines, random, (line) => {
      const at = random.integer(0, Math.max(0, line.length - 1))
      const flipped = String.fromCharCode(line.charCodeAt(at) ^ (1 << random.integer(0, 7)))
      return line === '' ? line : line.slice(0, at) + flipped + line.slice(at + 1)
    }),
  // A line cut short.
  (lines, random) => alter(lines, random, (line) => line.slice(0, random.integer(0, line.length))),
  // A line whose head is gone.
  (lines, random) => alter(lines, random, (line) => line.slice(random.integer(0, line.length))),
  // Two lines spliced.
  (lines, random) =>
    alter(lines, random, (line) => {
      const other = lines[random.integer(0, lines.length - 1)]!
      return line.slice(0, random.integer(0, line.length)) + other.slice(random.integer(0, other.length))
    }),
  // A line twice.
  (lines, random) => {
    const at = random.integer(0, lines.length - 1)
    return [...lines.slice(0, at + 1), lines[at]!, ...lines.slice(at + 1)]
  },
  // A line lost.
  (lines, random) => lines.toSpliced(random.integer(0, lines.length - 1), 1),
  // Two lines in each other's place.
  (lines, random) => {
    const [a, b] = [random.integer(0, lines.length - 1), random.integer(0, lines.length - 1)]
    return lines.with(a, lines[b]!).with(b, lines[a]!)
  },
  // A number replaced by one no venue should send.
  (lines, random) =>
    alter(lines, random, (line) => {
      const found = [...line.matchAll(/-?\d+(?:\.\d+)?/g)]
      const hit = found[random.integer(0, found.length - 1)]
      const number = NUMBERS[random.integer(0, NUMBERS.length - 1)]!
      return hit ? line.slice(0, hit.index) + number + line.slice(hit.index + hit[0].length) : number
    }),
  // A number made negative.
  (lines, random) =>
    alter(lines, random, (line) => {
      const found = [...line.matchAll(/\d+(?:\.\d+)?/g)]
      const hit = found[random.integer(0, found.length - 1)]
      return hit ? `${line.slice(0, hit.index)}-${line.slice(hit.index)}` : line
    }),
  // A value replaced by another kind of value, or by nesting without end.
  (lines, random) =>
    alter(lines, random, (line) => {
      const values = [
        'null',
        '{}',
        '[]',
        'true',
        '""',
        '"x"',
        '['.repeat(5000),
        '{"a":'.repeat(2000),
        '[[[[]]]]',
        '__proto__',
      ]
      const found = [...line.matchAll(/"[^"]*"|\d+(?:\.\d+)?|\[[^[\]]*\]/g)]
      const hit = found[random.integer(0, found.length - 1)]
      const value = values[random.integer(0, values.length - 1)]!
      return hit ? line.slice(0, hit.index) + value + line.slice(hit.index + hit[0].length) : value
    }),
  // A separator lost or doubled.
  (lines, random) =>
    alter(lines, random, (line) => {
      const found = [...line.matchAll(/[,:;"{}[\] ]/g)]
      const hit = found[random.integer(0, found.length - 1)]
      if (!hit) return `${line},`
      return line.slice(0, hit.index) + (random.uniform() < 0.5 ? '' : hit[0] + hit[0]) + line.slice(hit.index + 1)
    }),
]

/** The file with one line altered. */
function alter(lines: readonly string[], random: Random, change: (line: string) => string): string[] {
  const at = random.integer(0, lines.length - 1)
  return lines.with(at, change(lines[at]!))
}

/** A damaged copy of a file: one to three mutations, sometimes cut off in the middle of its bytes. */
export function damage(lines: readonly string[], random: Random): string {
  let damaged = [...lines]
  for (let left = random.integer(1, 3); left > 0 && damaged.length > 0; left--) {
    damaged = MUTATIONS[random.integer(0, MUTATIONS.length - 1)]!(damaged, random)
  }
  const content = `${damaged.join('\n')}\n`
  return random.uniform() < 0.1 ? content.slice(0, random.integer(0, content.length)) : content
}

/**
 * Feeds an importer `cases` damaged copies of a small file and throws, naming the seed and the case, when it breaks a
 * promise of this file's header.
 *
 * @param lines The undamaged file: short lines and few of them keep a case under a millisecond.
 * @param cases How many; `fuzzCases()` says how many a test run wants.
 */
export async function fuzzImporter(
  importer: Importer,
  name: string,
  lines: readonly string[],
  cases: number,
  seed: number,
  options: ImportOptions = {},
): Promise<FuzzReport> {
  const report = { cases, refused: 0, rejects: 0, messages: 0, gaps: 0, traps: 0 }
  for (let number = 0; number < cases; number++) {
    const content = damage(lines, new Random(seed).fork(`case ${number}`))
    const sink = new ListSink()
    let refused = false
    try {
      await importer.read(memoryFile(name, content), sink, options)
    } catch (error) {
      if (!(error instanceof GimbalError)) throw broken(importer, seed, number, content, error)
      refused = true
    }
    const lineCount = content.split('\n').length
    const bytes = Buffer.byteLength(content)
    const gaps = sink.gaps.map(({ place }) => ({ name: 'gap', place }))
    for (const { name: reason, place } of [...sink.rejects, ...sink.traps, ...gaps]) {
      const real = place.line >= 1 && place.line <= lineCount && place.byte >= 0 && place.byte <= bytes
      if (!real)
        throw broken(importer, seed, number, content, new Error(`${reason} at a place that is not in the file`))
    }
    if (sink.unfinished && !refused) throw broken(importer, seed, number, content, new Error('a message was left open'))
    if (refused) report.refused++
    report.rejects += sink.rejects.length
    report.messages += sink.messages.length
    report.gaps += sink.gaps.length
    report.traps += sink.traps.length
  }
  return report
}

function broken(importer: Importer, seed: number, number: number, content: string, cause: unknown): Error {
  const shown = content.length > 2000 ? `${content.slice(0, 2000)}…` : content
  const message = `${importer.name}: seed ${seed}, case ${number}: ${(cause as Error).message}\n${shown}`
  return new Error(message, { cause })
}

/** How many cases an importer's fuzz test runs: the environment's `FUZZ`, else 300. */
export function fuzzCases(environment: Readonly<Record<string, string | undefined>>): number {
  const asked = Number(environment['FUZZ'] ?? 300)
  if (!Number.isSafeInteger(asked) || asked < 1) {
    throw new GimbalError('argument-invalid', 'FUZZ is a number of cases', { asked: String(environment['FUZZ']) })
  }
  return asked
}
