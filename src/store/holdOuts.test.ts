/**
 * Goal: rows that were set aside are given to nobody who did not ask for them by name, and the setting aside is for good.
 *
 * Method: a catalog of two instruments and three days; selections that touch the span, end before it or name it; every way
 * of taking a declaration back; patterns of names against enumeration of the names they stand for.
 */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { DAY_US, HOUR_US } from '../core/clock.ts'
import { Kind } from '../market/tape.ts'
import { Catalog } from './catalog.ts'
import { CatalogLock } from './catalogLock.ts'
import { declareHoldOut, holdOuts } from './holdOuts.ts'
import type { Importer, SketchedInstrument } from './importer.ts'
import { runImport } from './importRun.ts'
import { openInput } from './inputFile.ts'
import { openTapes } from './openTapes.ts'

const root = mkdtempSync(join(tmpdir(), 'gimbal-hold-out-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const T0 = Date.UTC(2025, 0, 1) * 1000
const SPAN = { name: 'january-3', fromUs: T0 + 2 * DAY_US, toUs: T0 + 3 * DAY_US }
const PERP: SketchedInstrument = {
  base: 'XYZ',
  quote: 'USDT',
  kind: 'perp',
  venue: 'test',
  venueSymbol: 'XYZUSDT',
  payoff: 'linear',
  settle: 'USDT',
  multiplier: '1',
}
const XYZ = 'XYZ-USDT-PERP@test'
const ABC = 'ABC-USDT-PERP@test'

/** Trades of two instruments every hour for three days and an hour. */
const hourly: Importer = {
  name: 'hourly',
  version: 1,
  summary: 'Trades every hour.',
  example: 'none',
  options: {},
  provenance: 'synthetic',
  recognise: () => 0,
  async read(_file, sink) {
    for (let hour = 0; hour <= 72; hour++) {
      for (const base of ['ABC', 'XYZ']) {
        const instrument = sink.instrument({ ...PERP, base, venueSymbol: `${base}USDT` })
        sink.begin('trade', instrument, T0 + hour * HOUR_US, T0 + hour * HOUR_US - 2000)
        sink.row(Kind.TRADE, 1, 10, 1, 0)
        sink.end()
      }
    }
  },
}

let catalog: Catalog
let made = 0
const fresh = () => new Catalog(join(root, `catalog-${++made}`))
beforeEach(() => {
  catalog = fresh()
})

async function filled(): Promise<void> {
  const path = join(root, 'input.jsonl')
  writeFileSync(path, '{}\n')
  await runImport(catalog, hourly, await openInput(path))
}

const refused = (code: string) => expect.objectContaining({ code })

test('rows inside a declared span are given only to a selection that names it', async () => {
  await filled()
  expect((await openTapes(catalog)).rows).toBe(146)
  declareHoldOut(catalog, SPAN)
  await expect(openTapes(catalog)).rejects.toThrow(refused('hold-out-closed'))
  await expect(openTapes(catalog)).rejects.toThrow('--to 2025-01-03T00:00:00.000000Z')
  // A single row inside is enough, from either end.
  await expect(openTapes(catalog, { toUs: SPAN.fromUs + 1 })).rejects.toThrow(refused('hold-out-closed'))
  await expect(openTapes(catalog, { fromUs: SPAN.toUs - HOUR_US })).rejects.toThrow(refused('hold-out-closed'))
  expect((await openTapes(catalog, { toUs: SPAN.fromUs })).rows).toBe(96)
  expect((await openTapes(catalog, { fromUs: SPAN.toUs })).rows).toBe(2)
  expect((await openTapes(catalog, { holdOut: 'january-3' })).rows).toBe(146)
})

test('a selection whose chosen time holds no row of the span is not refused', async () => {
  await filled()
  declareHoldOut(catalog, SPAN)
  expect((await openTapes(catalog, { toUs: SPAN.fromUs })).rows).toBe(96)
  const between = { fromUs: T0, toUs: SPAN.fromUs - HOUR_US / 2 }
  expect((await openTapes(catalog, between)).rows).toBe(96)
})

test('a refused selection builds no tape', async () => {
  await filled()
  declareHoldOut(catalog, SPAN)
  const built: string[] = []
  await expect(openTapes(catalog, {}, { onBuild: (tape) => built.push(tape) })).rejects.toThrow(
    refused('hold-out-closed'),
  )
  expect(built).toEqual([])
})

test('a span of one instrument leaves the others alone', async () => {
  await filled()
  declareHoldOut(catalog, { ...SPAN, instruments: ['ABC-*'] })
  expect((await openTapes(catalog, { instruments: [XYZ] })).rows).toBe(73)
  await expect(openTapes(catalog, { instruments: [ABC] })).rejects.toThrow(refused('hold-out-closed'))
})

test('naming one hold-out opens no other, and a name nobody declared opens nothing', async () => {
  await filled()
  declareHoldOut(catalog, SPAN)
  declareHoldOut(catalog, { name: 'january-2', fromUs: T0 + DAY_US, toUs: SPAN.fromUs })
  await expect(openTapes(catalog, { holdOut: 'january-3' })).rejects.toThrow('january-2')
  expect((await openTapes(catalog, { holdOut: 'january-3', fromUs: SPAN.fromUs })).rows).toBe(50)
  await expect(openTapes(catalog, { holdOut: 'february' })).rejects.toThrow(refused('hold-out-invalid'))
})

describe('a declaration is for good', () => {
  test('the same again changes nothing; another span under the name is refused', () => {
    declareHoldOut(catalog, { ...SPAN, instruments: [XYZ, ABC] })
    const before = readFileSync(catalog.path('hold-outs.json'), 'utf8')
    declareHoldOut(catalog, { ...SPAN, instruments: [ABC, XYZ] })
    expect(readFileSync(catalog.path('hold-outs.json'), 'utf8')).toBe(before)
    for (const other of [
      { ...SPAN, instruments: [XYZ] },
      { ...SPAN, instruments: [XYZ, ABC], fromUs: SPAN.fromUs + 1 },
      SPAN,
    ])
      expect(() => declareHoldOut(catalog, other)).toThrow(refused('hold-out-invalid'))
  })

  test('rows cannot be held out under two names, or they could be opened twice', () => {
    declareHoldOut(catalog, { ...SPAN, instruments: ['XYZ-*'] })
    const again = { name: 'again', fromUs: SPAN.toUs - 1, toUs: SPAN.toUs + 1 }
    expect(() => declareHoldOut(catalog, again)).toThrow(refused('hold-out-invalid'))
    expect(() => declareHoldOut(catalog, { ...again, instruments: ['*@test'] })).toThrow(refused('hold-out-invalid'))
    declareHoldOut(catalog, { ...again, instruments: [ABC] })
    declareHoldOut(catalog, { name: 'next', fromUs: SPAN.toUs, toUs: SPAN.toUs + 1, instruments: [XYZ] })
    expect(holdOuts(catalog).map(({ name }) => name)).toEqual(['january-3', 'again', 'next'])
  })

  test('an entry narrowed, or taken out before others, is noticed', () => {
    declareHoldOut(catalog, SPAN)
    declareHoldOut(catalog, { name: 'next', fromUs: SPAN.toUs, toUs: SPAN.toUs + 1 })
    const path = catalog.path('hold-outs.json')
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, text.replace(String(SPAN.fromUs), String(SPAN.fromUs + 1)))
    expect(() => holdOuts(catalog)).toThrow(refused('hold-out-invalid'))
    const file = JSON.parse(text) as { schema: number; holdOuts: unknown[] }
    writeFileSync(path, JSON.stringify({ ...file, holdOuts: file.holdOuts.slice(1) }))
    expect(() => holdOuts(catalog)).toThrow(refused('hold-out-invalid'))
    writeFileSync(path, 'none')
    expect(() => holdOuts(catalog)).toThrow(refused('catalog-invalid'))
  })

  test('a span that is none is refused, and nothing is written', () => {
    for (const bad of [
      { ...SPAN, name: 'January 3' },
      { ...SPAN, toUs: SPAN.fromUs },
      { ...SPAN, fromUs: Number.NaN },
      { ...SPAN, instruments: [] },
    ])
      expect(() => declareHoldOut(catalog, bad)).toThrow(refused('hold-out-invalid'))
    expect(existsSync(catalog.directory)).toBe(false)
  })

  test('two who declare at once do not overwrite one another', () => {
    declareHoldOut(catalog, SPAN)
    const lock = CatalogLock.acquire(catalog.directory)
    expect(() => declareHoldOut(catalog, { ...SPAN, name: 'late' })).toThrow(refused('catalog-busy'))
    lock.release()
  })
})

test('patterns are taken to meet exactly when some name fits both', () => {
  const letters = ['', 'a', 'b']
  let names = letters
  for (let i = 0; i < 5; i++) names = [...new Set(names.flatMap((name) => letters.map((letter) => name + letter)))]
  const fits = (pattern: string, name: string) => new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(name)
  const pattern = fc.array(fc.constantFrom('a', 'b', '*'), { minLength: 1, maxLength: 3 }).map((each) => each.join(''))
  fc.assert(
    fc.property(pattern, pattern, (one, other) => {
      const here = fresh()
      declareHoldOut(here, { ...SPAN, name: 'one', instruments: [one] })
      const meet = names.some((name) => fits(one, name) && fits(other, name))
      const declare = () => declareHoldOut(here, { ...SPAN, name: 'other', instruments: [other] })
      if (meet) expect(declare).toThrow(refused('hold-out-invalid'))
      else declare()
    }),
  )
})
