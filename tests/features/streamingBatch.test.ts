/**
 * Goal: what a model was trained on is what it is fed: the rules of src/features/feature.ts, for every family.
 *
 * Method: every family runs over generated, malicious and real tapes and is asked at random moments; its answers must be those
 * of its batch definition (an oracle written from the paper over whole arrays) to 1e-12, whether or not anyone looked in
 * between, and whatever comes later on the tape.
 *
 * FULL=1 takes every real recording (minutes); CATALOGS=dir,dir takes imported catalogs instead.
 */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Random } from '../../src/core/random.ts'
import { readSettings, type SettingValue } from '../../src/core/settings.ts'
import { FAMILIES } from '../../src/features/families.ts'
import type { FeatureFamily } from '../../src/features/feature.ts'
import { Instrument, Universe } from '../../src/market/instrument.ts'
import { MarketState } from '../../src/market/marketState.ts'
import { Flag, TapeBatch } from '../../src/market/tape.ts'
import { Catalog } from '../../src/store/catalog.ts'
import { openTapes } from '../../src/store/openTapes.ts'
import { ensureBuilt } from '../built.ts'
import { ORACLES } from './oracles.ts'
import {
  barTape,
  generatedTape,
  inTemporaryFolder,
  materialise,
  nastyTape,
  realFiles,
  type WholeTape,
} from './tapes.ts'

const SHARED = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'data')
const EVERY = process.env['FULL'] === '1'
const REAL = realFiles(SHARED, EVERY)
const CATALOGS = (process.env['CATALOGS'] ?? '').split(',').filter((folder) => folder !== '')
const ROWS_MAX = EVERY || CATALOGS.length > 0 ? 2 ** 31 : 60_000
const TOLERANCE = 1e-12

/** Asks a family at the given moments; with `restless`, it is also looked at between them. */
function stream(
  family: FeatureFamily,
  settings: Readonly<Record<string, SettingValue>>,
  { universe, rows }: WholeTape,
  target: number,
  timesUs: readonly number[],
  restless?: Random,
): Float64Array[] {
  const markets = universe.instruments.map((instrument) => new MarketState(instrument))
  const feature = family.build(settings, { universe, markets, target })
  const outputs = family.outputs(settings).length
  const wanted = new Set(feature.instruments)
  const out = new Float64Array(outputs)
  const answers = Array.from({ length: outputs }, () => new Float64Array(timesUs.length))
  const batch = new TapeBatch(8)
  let asked = 0
  for (let row = 0; row <= rows.count; row++) {
    const timeUs = row < rows.count ? rows.timeUs[row]! : Number.POSITIVE_INFINITY
    for (; asked < timesUs.length && timesUs[asked]! < timeUs; asked++) {
      feature.write(out, 0, timesUs[asked]!)
      for (let i = 0; i < outputs; i++) answers[i]![asked] = out[i]!
    }
    if (asked === timesUs.length) break
    batch.count = 0
    batch.push(
      timeUs,
      rows.venueTimeUs?.[row] ?? timeUs,
      rows.kind[row]!,
      rows.instrument[row]!,
      rows.side[row]!,
      rows.tick[row]!,
      rows.lots[row]!,
      rows.value[row]!,
      rows.flags[row]!,
    )
    markets[rows.instrument[row]!]!.apply(batch, 0, timeUs)
    if (wanted.has(rows.instrument[row]!)) feature.onRow(batch, 0, rows.instrument[row]!, timeUs)
    if (restless && (rows.flags[row]! & Flag.END) !== 0 && restless.uniform() < 0.2) feature.write(out, 0, timeUs)
  }
  return answers
}

/** Moments to ask about: some on events, some in silences. */
function moments({ rows }: WholeTape, count: number, random: Random): number[] {
  const times = new Set<number>()
  for (let i = 0; i < count; i++) {
    const at = rows.timeUs[random.integer(0, rows.count - 1)]!
    times.add(random.uniform() < 0.5 ? at : at + random.integer(0, 3_000_000))
  }
  return [...times].sort((a, b) => a - b)
}

/** Where two answers differ beyond the tolerance, in words. */
function differences(
  family: FeatureFamily,
  settings: Readonly<Record<string, SettingValue>>,
  tape: WholeTape,
  timesUs: readonly number[],
  given: readonly Float64Array[],
  wanted: readonly Float64Array[],
): string[] {
  return family.outputs(settings).flatMap(({ name }, output) => {
    for (let i = 0; i < timesUs.length; i++) {
      const a = given[output]![i]!
      const b = wanted[output]![i]!
      if (Number.isNaN(a) && Number.isNaN(b)) continue
      if (Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(a), Math.abs(b))) continue
      return [`${family.name}/${name} on ${tape.name} at ${timesUs[i]}: ${a}, batch ${b}`]
    }
    return []
  })
}

/** Instruments a family can be asked about on a tape. */
function targets(family: FeatureFamily, tape: WholeTape, most: number): number[] {
  const { universe, streams } = tape
  return universe.instruments
    .map((_, target) => target)
    .filter((target) => family.suits({ universe, target, streams }))
    .slice(0, most)
}

function judge(family: FeatureFamily, tape: WholeTape, random: Random, asks: number): string[] {
  const settings = readSettings(`feature ${family.name}`, family.settings, {})
  return targets(family, tape, 3).flatMap((target) => {
    const timesUs = moments(tape, asks, random)
    const { rows, universe } = tape
    const quiet = stream(family, settings, tape, target, timesUs)
    const infinite = quiet.flatMap((column, output) =>
      column.some((value) => Math.abs(value) === Number.POSITIVE_INFINITY)
        ? [`${family.name}/${family.outputs(settings)[output]!.name} on ${tape.name} is infinite`]
        : [],
    )
    const batch = ORACLES[family.name]!({ rows, universe, target, settings, timesUs })
    const restless = stream(family, settings, tape, target, timesUs, random)
    return [
      ...infinite,
      ...differences(family, settings, tape, timesUs, quiet, batch),
      ...differences(family, settings, tape, timesUs, restless, quiet).map((text) => `looking changed ${text}`),
    ]
  })
}

const families = Object.values(FAMILIES)

test('every family has a batch definition', () => {
  expect(families.map(({ name }) => name).filter((name) => !Object.hasOwn(ORACLES, name))).toEqual([])
})

const MADE = [generatedTape(3), nastyTape(1), nastyTape(2), barTape(4)]

describe.each(families.map((family) => [family.name, family] as const))('%s', (_name, family) => {
  test('streaming is batch, and looking changes nothing', () => {
    expect(MADE.flatMap((tape) => judge(family, tape, new Random(5), 60))).toEqual([])
  })

  test('some made tape can feed it', () => {
    expect(MADE.some((tape) => targets(family, tape, 1).length > 0)).toBe(true)
  })

  test('what comes later changes nothing', () => {
    const settings = readSettings(`feature ${family.name}`, family.settings, {})
    for (const tape of MADE.slice(0, 2)) {
      for (const target of targets(family, tape, 1)) {
        const { rows } = tape
        const cut = Math.floor(rows.count * 0.6)
        const timesUs = moments(tape, 40, new Random(6)).filter((timeUs) => timeUs < rows.timeUs[cut]!)
        // The same past, another future: every later row is replaced by one from the wrong place.
        const shuffled = {
          ...rows,
          tick: rows.tick.slice(),
          lots: rows.lots.slice(),
          value: rows.value.slice(),
          side: rows.side.slice(),
        }
        const random = new Random(8)
        for (let row = cut; row < rows.count; row++) {
          const other = random.integer(cut, rows.count - 1)
          shuffled.tick[row] = rows.tick[other]!
          shuffled.lots[row] = rows.lots[other]!
          shuffled.value[row] = rows.value[other]!
          shuffled.side[row] = rows.side[other]!
        }
        const before = stream(family, settings, tape, target, timesUs)
        const after = stream(family, settings, { ...tape, rows: shuffled }, target, timesUs)
        expect(differences(family, settings, tape, timesUs, after, before)).toEqual([])
      }
    }
  })
})

describe.skipIf(REAL.length === 0 || CATALOGS.length > 0)(
  REAL.length === 0 ? 'real recordings: skipped, for there are none here (GIMBAL_SHARED)' : 'real recordings',
  () => {
    test.each(REAL.map((files) => [files[0]!.split('/').at(-1)!, files] as const))(
      '%s',
      { timeout: 900_000 },
      async (name, files) => {
        ensureBuilt()
        await inTemporaryFolder(async (folder) => {
          const { status, stderr } = spawnSync(
            process.execPath,
            ['dist/apps/main.js', 'import', ...files, '--catalog', folder],
            { encoding: 'utf8' },
          )
          expect(`${status} ${stderr}`.startsWith('0')).toBe(true)
          expect(await judgeCatalog(name, folder)).toEqual([])
        })
      },
    )
  },
)

test.skipIf(CATALOGS.length === 0).each(CATALOGS)(
  'catalog %s (only where CATALOGS names some)',
  { timeout: 3_600_000 },
  async (folder) => {
    expect(await judgeCatalog(folder, folder)).toEqual([])
  },
)

async function judgeCatalog(name: string, folder: string): Promise<string[]> {
  // One length of bars after the other, or their volumes would count twice.
  const lengths = new Set<number | undefined>()
  const opened = []
  try {
    opened.push(await openTapes(new Catalog(folder)))
  } catch {
    for (const barUs of [60e6, 300e6, 3600e6]) {
      try {
        opened.push(await openTapes(new Catalog(folder), { barUs }))
        lengths.add(barUs)
      } catch {}
    }
  }
  expect(opened.length).toBeGreaterThan(0)
  const findings: string[] = []
  for (const { universe, reopen } of opened) {
    const tape = materialise(
      name,
      new Universe(universe.instruments.map(({ spec }) => new Instrument(spec))),
      reopen(),
      ROWS_MAX,
    )
    for (const family of families) findings.push(...judge(family, tape, new Random(9), EVERY ? 200 : 30))
  }
  return findings
}
