/**
 * Goal: a registry says which model forecasts what, who decided so and why, through crashes and damaged files.
 * Method: small artifacts in a temporary folder; files torn, renamed and damaged by hand.
 */

import { appendFileSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { artificialModel, clockFeatures, linear } from '../../tests/models/artificialModels.ts'
import { HOUR_US } from '../core/clock.ts'
import type { Artifact } from './artifact.ts'
import { ModelRegistry } from './modelRegistry.ts'

const ROOT = mkdtempSync(join(tmpdir(), 'gimbal-registry-'))
afterAll(() => rmSync(ROOT, { recursive: true, force: true }))

const BTC = 'BTC-USDT-PERP@test'
const DATE = '2026-01-02T03:04:05.000Z'

function model(name: string, intercept: number, target = BTC, horizonUs = HOUR_US): Artifact {
  const features = clockFeatures(target, 60_000_000)
  return artificialModel(features, { name, quantity: 'variance', horizonUs, model: linear(features, intercept) })
}

let registry: ModelRegistry
let folders = 0
beforeEach(() => {
  registry = new ModelRegistry(join(ROOT, String(folders++)))
})

const states = () => registry.list().map(({ artifact, state }) => `${artifact.name} ${state}`)
const unknown = (message: string) =>
  expect.objectContaining({ code: 'model-unknown', message: expect.stringContaining(message) })
const decisionsFile = () => join(registry.folder, 'decisions.jsonl')

describe('keeping', () => {
  test('nothing is there before the first model, and nothing is made by looking', () => {
    expect(registry.list()).toEqual([])
    expect(registry.decisions()).toEqual([])
    expect(() => registry.find('anything')).toThrow(unknown('No such model'))
    expect(readdirSync(ROOT)).not.toContain(registry.folder.split('/').at(-1))
  })

  test('a model lies in a file of its identity; the same one again is left alone', () => {
    const artifact = model('one', 1)
    const path = registry.add(artifact)
    expect(path).toBe(join(registry.folder, `${artifact.id}.model`))
    expect(registry.add(artifact)).toBe(path)
    expect(readdirSync(registry.folder)).toEqual([`${artifact.id}.model`])
    expect(registry.list()).toEqual([{ artifact, state: 'trained', decision: undefined }])
  })
})

describe('promotion', () => {
  test('retires the one before for the same forecast, and no other', () => {
    const [old, fresh] = [model('old', 1), model('new', 2)]
    const others = [model('eth', 3, 'ETH-USDT-PERP@test'), model('slow', 4, BTC, 24 * HOUR_US)]
    for (const each of [old, fresh, ...others]) registry.add(each)
    for (const each of ['old', 'eth', 'slow']) registry.decide(each, 'promoted', 'Ada', 'first', DATE)
    expect(states()).toEqual(['eth promoted', 'new trained', 'old promoted', 'slow promoted'])
    const decided = registry.decide('new', 'promoted', 'Grace', 'lower loss', DATE)
    expect(decided).toMatchObject({
      state: 'promoted',
      decision: { id: fresh.id, who: 'Grace', reason: 'lower loss', date: DATE },
    })
    expect(states()).toEqual(['eth promoted', 'new promoted', 'old retired', 'slow promoted'])
    expect(registry.find(old.id).decision).toMatchObject({
      state: 'retired',
      who: 'Grace',
      reason: `replaced by ${fresh.id}`,
    })
  })

  test('the last decision counts, and all are kept', () => {
    const { id } = model('one', 1)
    registry.add(model('one', 1))
    for (const state of ['promoted', 'retired', 'promoted'] as const) registry.decide('one', state, 'Ada', state, DATE)
    expect(registry.find('one').state).toBe('promoted')
    expect(registry.decisions().map((decision) => [decision.id, decision.state])).toEqual([
      [id, 'promoted'],
      [id, 'retired'],
      [id, 'promoted'],
    ])
  })

  test.each([
    ['', 'why'],
    ['Ada', '  '],
  ])('by %j because of %j is refused, and nothing is written', (who, reason) => {
    registry.add(model('one', 1))
    expect(() => registry.decide('one', 'promoted', who, reason, DATE)).toThrow(
      expect.objectContaining({ code: 'argument-invalid' }),
    )
    expect(registry.decisions()).toEqual([])
  })
})

describe('finding', () => {
  test('by name, by identity and by its first six signs; less is too little', () => {
    const artifact = model('one', 1)
    registry.add(artifact)
    registry.add(model('two', 2))
    for (const asked of ['one', artifact.id, artifact.id.slice(0, 6)])
      expect(registry.find(asked).artifact).toEqual(artifact)
    for (const asked of [artifact.id.slice(0, 5), 'on', '', 'f'.repeat(64)])
      expect(() => registry.find(asked)).toThrow(unknown('No such model'))
  })

  test('a name that several have is ambiguous until one of them is promoted, and again when none is', () => {
    const [one, other] = [model('same', 1), model('same', 2)]
    registry.add(one)
    registry.add(other)
    expect(() => registry.find('same')).toThrow(unknown('Several models'))
    expect(() => registry.find('same')).toThrow(unknown(one.id.slice(0, 12)))
    expect(() => registry.decide('same', 'promoted', 'Ada', 'x', DATE)).toThrow(unknown('Several'))
    registry.decide(other.id, 'promoted', 'Ada', 'x', DATE)
    expect(registry.find('same').artifact.id).toBe(other.id)
    registry.decide('same', 'retired', 'Ada', 'x', DATE)
    expect(() => registry.find('same')).toThrow(unknown('Several models'))
  })
})

describe('after a crash', () => {
  test('a decision torn in its line does not count, and the next one is not spoilt by it', () => {
    registry.add(model('one', 1))
    registry.add(model('two', 2, BTC, 2 * HOUR_US))
    registry.decide('one', 'promoted', 'Ada', 'x', DATE)
    const whole = readFileSync(decisionsFile(), 'utf8')
    for (const torn of [1, 20, whole.length - 1]) {
      writeFileSync(decisionsFile(), whole + whole.slice(0, torn))
      expect(registry.decisions().length).toBe(1)
      registry.decide('two', 'promoted', 'Ada', 'y', DATE)
      expect(states()).toEqual(['one promoted', 'two promoted'])
      expect(registry.decisions().length).toBe(2)
    }
  })

  test('even where the first of all was torn', () => {
    registry.add(model('one', 1))
    writeFileSync(decisionsFile(), '{"id":"x')
    expect(states()).toEqual(['one trained'])
    registry.decide('one', 'retired', 'Ada', 'x', DATE)
    expect(states()).toEqual(['one retired'])
  })
})

describe('damage is named', () => {
  test.each(['nonsense', 'null', '5', '{"id":"x","state":"loved","who":"a","reason":"b","date":"c"}', '{"id":"x"}'])(
    'a decision %s',
    (line) => {
      registry.add(model('one', 1))
      registry.decide('one', 'promoted', 'Ada', 'x', DATE)
      appendFileSync(decisionsFile(), `${line}\n`)
      expect(() => registry.list()).toThrow(
        expect.objectContaining({ code: 'model-invalid', facts: { file: decisionsFile(), line: 2 } }),
      )
    },
  )

  test('a model file that was touched, torn or renamed; runs that name another model by its identity go on', () => {
    const [good, bad] = [model('good', 1), model('bad', 2)]
    registry.add(good)
    const path = registry.add(bad)
    const text = readFileSync(path, 'utf8')
    for (const [name, content] of [
      [path, text.replace('"scale": 1', '"scale": 2')],
      [path, text.slice(0, 100)],
      [join(registry.folder, 'mine.model'), text],
    ] as const) {
      if (name !== path) renameSync(path, name)
      writeFileSync(name, content)
      expect(() => registry.list()).toThrow(
        expect.objectContaining({ code: 'model-invalid', facts: expect.objectContaining({ file: name }) }),
      )
      expect(() => registry.find('good')).toThrow(expect.objectContaining({ code: 'model-invalid' }))
      expect(registry.find(good.id).artifact).toEqual(good)
    }
  })

  test('what a crash left of a model being written is not taken for one', () => {
    const artifact = model('one', 1)
    registry.add(artifact)
    writeFileSync(join(registry.folder, `${'a'.repeat(64)}.model.123.draft`), '{')
    expect(states()).toEqual(['one trained'])
  })
})
