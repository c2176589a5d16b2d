/**
 * Goal: a dataset read back is the one that was written, and one that was damaged is refused: a trial is a pure function of
 * its hash.
 *
 * Method: a small dataset with every awkward figure there is, written and read; then every byte of its file changed in turn,
 * and the file cut at every length.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { completeDataset, type Dataset, loadDataset, saveDataset } from './dataset.ts'

const folder = mkdtempSync(join(tmpdir(), 'gimbal-dataset-'))
afterAll(() => rmSync(folder, { recursive: true }))

const PAGE = 4096

function dataset(change: Partial<Dataset> = {}): Dataset {
  return completeDataset({
    features: {
      target: 'ÐOGE-USD-PERP@test',
      sampling: { every: 'time', intervalUs: 1e6 },
      normaliseOver: 0,
      features: [{ family: 'time-of-day', settings: {} }],
    },
    schemaHash: 's'.repeat(64),
    timesUs: Float64Array.of(1.7e15 + 1, 1.7e15 + 2, 1.7e15 + 3),
    table: {
      rows: 3,
      names: ['a', 'b'],
      columns: [Float64Array.of(1, Number.NaN, -0), Float64Array.of(1e-310, 1e308, 0.1)],
    },
    path: {
      startUs: 1.7e15,
      stepUs: 1e6,
      points: 2,
      price: Float64Array.of(Number.NaN, 42.5),
      buyVolume: Float64Array.of(0, 1),
      sellVolume: Float64Array.of(0, 2),
      spread: Float64Array.of(0.1, 0.2),
      depth: Float64Array.of(3, Number.NaN),
      funding: Float64Array.of(0, -1e-4),
    },
    source: { kind: 'synthetic', name: 'by hand', dataHash: 'd'.repeat(64), rows: 7 },
    ...change,
  })
}

const code = (expected: string) => expect.objectContaining({ code: expected })

describe('a file', () => {
  test('gives back every figure to the last bit, missing ones and signs of zero included', () => {
    const whole = dataset()
    const path = join(folder, 'made', 'on', 'the', 'way', 'whole.dataset')
    saveDataset(whole, path)
    expect(loadDataset(path)).toEqual(whole)
    expect(Object.is(loadDataset(path).table.columns[0]![2], -0)).toBe(true)
    expect(readdirSync(join(folder, 'made', 'on', 'the', 'way'))).toEqual(['whole.dataset'])
  })

  test('says which columns are categories', () => {
    const whole = dataset()
    const sorted = dataset({ table: { ...whole.table, categorical: [1] } })
    expect(sorted.hash).not.toBe(whole.hash)
    saveDataset(sorted, join(folder, 'sorted.dataset'))
    expect(loadDataset(join(folder, 'sorted.dataset'))).toEqual(sorted)
  })

  test('without a single sample or point is a file', () => {
    const none = new Float64Array(0)
    const { path, table } = dataset()
    const empty = dataset({
      timesUs: none,
      table: { ...table, rows: 0, columns: [none, none] },
      path: {
        ...path,
        points: 0,
        ...{ price: none, buyVolume: none, sellVolume: none, spread: none, depth: none, funding: none },
      },
    })
    saveDataset(empty, join(folder, 'empty.dataset'))
    expect(loadDataset(join(folder, 'empty.dataset'))).toEqual(empty)
  })

  test('that is not there is missing, not invalid', () => {
    expect(() => loadDataset(join(folder, 'none.dataset'))).toThrow(code('file-missing'))
  })
})

describe('the hash', () => {
  test('changes with every part, and not with where arrays lie in memory', () => {
    const whole = dataset()
    const wide = new Float64Array(10)
    wide.set(whole.timesUs, 4)
    expect(dataset({ timesUs: wide.subarray(4, 7) }).hash).toBe(whole.hash)
    const { table, path, source, features } = whole
    const other = (column: Float64Array | Float32Array) => Float64Array.from(column).fill(5, 0, 1)
    const changed = [
      dataset({ timesUs: other(whole.timesUs) }),
      dataset({ schemaHash: 'other' }),
      dataset({ features: { ...features, target: 'BTC-USD-PERP@test' } }),
      dataset({ source: { ...source, kind: 'replayed' } }),
      dataset({ table: { ...table, names: ['a', 'c'] } }),
      dataset({ table: { ...table, columns: [table.columns[0]!, other(table.columns[1]!)] } }),
      dataset({ path: { ...path, startUs: 0 } }),
      dataset({ path: { ...path, stepUs: 2e6 } }),
      ...(['price', 'buyVolume', 'sellVolume', 'spread', 'depth', 'funding'] as const).map((name) =>
        dataset({ path: { ...path, [name]: other(path[name]) } }),
      ),
    ].map(({ hash }) => hash)
    expect(new Set([whole.hash, ...changed]).size).toBe(changed.length + 1)
  })

  test('is not worked out over columns of another length, or of floats the file does not hold', () => {
    const { table, path } = dataset()
    const two = Float64Array.of(1, 2)
    expect(() => dataset({ timesUs: two })).toThrow(/every sample/)
    expect(() => dataset({ table: { ...table, columns: [two, two] } })).toThrow(/every sample/)
    expect(() => dataset({ table: { ...table, columns: table.columns.slice(1) } })).toThrow(/a name/)
    expect(() =>
      dataset({ table: { ...table, columns: table.columns.map((each) => Float32Array.from(each)) } }),
    ).toThrow(/doubles/)
    expect(() => dataset({ path: { ...path, funding: Float64Array.of(1) } })).toThrow(/points/)
  })
})

describe('damage', () => {
  const path = join(folder, 'damaged.dataset')
  const whole = dataset()
  saveDataset(whole, path)
  const bytes = readFileSync(path)

  test('of any byte is refused; between header and figures lie bytes that say nothing', () => {
    const headerEnds = 16 + bytes.readUInt32LE(8)
    for (let at = 0; at < bytes.length; at++) {
      // The reserved word of the preamble and the padding are no part of the content.
      const silent = (at >= 12 && at < 16) || (at >= headerEnds && at < PAGE)
      if (silent && at % 97 !== 0) continue
      const other = Buffer.from(bytes)
      other[at]! ^= 1 << (at % 8)
      writeFileSync(path, other)
      if (silent) expect(loadDataset(path)).toEqual(whole)
      else expect(() => loadDataset(path), `byte ${at}`).toThrow(code('file-invalid'))
    }
  })

  test('by a cut at any length, or by more after the end, is refused', () => {
    for (let length = 0; length < bytes.length; length += length < 1000 || length > PAGE - 10 ? 1 : 61) {
      writeFileSync(path, bytes.subarray(0, length))
      expect(() => loadDataset(path), `${length} bytes`).toThrow(code('file-invalid'))
    }
    writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(8)]))
    expect(() => loadDataset(path)).toThrow(code('file-invalid'))
  })
})
