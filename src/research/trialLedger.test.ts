/**
 * Goal: no trial is lost, none is counted twice, and nobody edits the past unnoticed.
 *
 * Method: named tampering, each found at its line; real processes appending at once and one killed while it holds the
 * lock; count and spread against figures worked by hand.
 */

import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import ts from 'typescript'
import { afterAll, describe, expect, test } from 'vitest'
import { DAY_US, HOUR_US } from '../core/clock.ts'
import { lowerIsBetter, settingsHash, type Trial, TrialLedger } from './trialLedger.ts'

const folder = mkdtempSync(join(tmpdir(), 'gimbal-trials-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const fresh = () => join(folder, `${++files}.jsonl`)

function trial(overrides: Partial<Trial> = {}): Trial {
  return {
    date: '2026-01-02T03:04:05Z',
    family: 'carry',
    kind: 'backtest',
    policy: 'carry',
    settingsHash: settingsHash({ band: 0.1 }),
    dataHash: 'd'.repeat(64),
    seed: 1,
    metric: 'sharpe',
    score: 0.1,
    sharpe: 0.1,
    returns: 100,
    clockUs: DAY_US,
    ...overrides,
  }
}

/** A ledger of five trials of different seeds. */
function five(): string {
  const path = fresh()
  const ledger = new TrialLedger(path)
  for (let seed = 1; seed <= 5; seed++) ledger.append(trial({ seed, sharpe: seed / 10 }))
  return path
}

test('a run made twice is one trial; another seed, setting or data set is another', () => {
  const ledger = new TrialLedger(fresh())
  expect(ledger.countTrials('carry')).toBe(0)
  ledger.append(trial())
  ledger.append(trial({ date: '2026-02-02T00:00:00Z' }))
  expect(ledger.countTrials('carry')).toBe(1)
  ledger.append(trial({ seed: 2 }))
  ledger.append(trial({ settingsHash: settingsHash({ band: 0.2 }) }))
  ledger.append(trial({ dataHash: 'e'.repeat(64) }))
  ledger.append(trial({ metric: 'profit', score: 12 }))
  ledger.append(trial({ family: 'quoting', seed: 9 }))
  expect(ledger.countTrials('carry')).toBe(5)
  expect(ledger.trials()).toHaveLength(7)
})

test('the spread of trials is brought to the clock asked for', () => {
  const ledger = new TrialLedger(fresh())
  ledger.append(trial({ sharpe: 0.1 }))
  expect(ledger.evidence('carry', DAY_US)).toMatchObject({ trialCount: 1, sharpeVariance: null })
  ledger.append(trial({ seed: 2, sharpe: 0.3 / Math.sqrt(24), clockUs: HOUR_US }))
  ledger.append(trial({ seed: 3, sharpe: null }))
  const evidence = ledger.evidence('carry', DAY_US)
  expect(evidence.trialCount).toBe(3)
  expect(evidence.sharpeVariance).toBeCloseTo(0.02, 12) // Of 0.1 and 0.3.
  expect(ledger.evidence('carry', HOUR_US).sharpeVariance).toBeCloseTo(0.02 / 24, 12)
})

test('settings hash alike whatever the order of their keys', () => {
  expect(settingsHash({ a: 1, b: true })).toBe(settingsHash({ b: true, a: 1 }))
  expect(settingsHash({ a: 1 })).not.toBe(settingsHash({ a: '1' }))
})

describe('tampering is found at its line', () => {
  const lines = (path: string) => readFileSync(path, 'utf8').trimEnd().split('\n')
  const rewrite = (path: string, change: (lines: string[]) => string[]) =>
    writeFileSync(path, `${change(lines(path)).join('\n')}\n`)
  const invalid = (line: number) =>
    expect.objectContaining({ code: 'ledger-invalid', facts: expect.objectContaining({ line }) })

  test('a bad score made good', () => {
    const path = five()
    rewrite(path, (all) => all.map((text, i) => (i === 2 ? text.replace('"sharpe":0.3', '"sharpe":3.3') : text)))
    expect(() => new TrialLedger(path).trials()).toThrow(invalid(3))
  })

  test('a trial taken out', () => {
    const path = five()
    rewrite(path, (all) => all.filter((_, i) => i !== 1))
    expect(() => new TrialLedger(path).countTrials('carry')).toThrow(invalid(2))
  })

  test('two trials exchanged', () => {
    const path = five()
    rewrite(path, ([a, b, c, ...rest]) => [a!, c!, b!, ...rest])
    expect(() => new TrialLedger(path).evidence('carry', DAY_US)).toThrow(invalid(2))
  })

  test('a damaged last line stops the next trial, too', () => {
    const path = five()
    rewrite(path, (all) => all.map((text, i) => (i === 4 ? text.replace('"seed":5', '"seed":6') : text)))
    expect(() => new TrialLedger(path).append(trial())).toThrow(expect.objectContaining({ code: 'ledger-invalid' }))
  })

  test('a ledger cut short no longer contains the head a report quoted', () => {
    const path = five()
    const head = new TrialLedger(path).evidence('carry', DAY_US).ledgerHead!
    expect(new TrialLedger(path).contains(head)).toBe(true)
    rewrite(path, (all) => all.slice(0, 3))
    expect(new TrialLedger(path).contains(head)).toBe(false)
  })
})

test('a line torn by a crash is cut off by the next trial, whose chain holds', () => {
  const path = five()
  appendFileSync(path, '{"index":5,"date":"2026')
  expect(new TrialLedger(path).trials()).toHaveLength(5)
  new TrialLedger(path).append(trial({ seed: 6 }))
  expect(new TrialLedger(path).trials().map((each) => each.seed)).toEqual([1, 2, 3, 4, 5, 6])
})

test('a line longer than what is read back at first is still found', () => {
  const path = fresh()
  const ledger = new TrialLedger(path)
  for (let seed = 1; seed <= 3; seed++) ledger.append(trial({ seed, policy: 'p'.repeat(9000) }))
  expect(ledger.countTrials('carry')).toBe(3)
})

test('the lock of a process that died is taken over', () => {
  const path = five()
  const dead = spawnSync(process.execPath, ['-e', '']).pid
  writeFileSync(`${path}.lock`, `${hostname()} ${dead}`)
  new TrialLedger(path).append(trial({ seed: 6 }))
  expect(new TrialLedger(path).countTrials('carry')).toBe(6)
})

test('trials appended by several threads at once are all there, in one chain', async () => {
  const path = fresh()
  new TrialLedger(path).append(trial({ seed: 0 }))
  // A thread of its own cannot import TypeScript on Node 20, so each runs the ledger transpiled.
  const code = ts.transpileModule(readFileSync(new URL('./trialLedger.ts', import.meta.url), 'utf8'), {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  }).outputText
  const source = `const exports = {}
    ${code.replaceAll('../core/errors.ts', 'node:util')}
    const { workerData } = require('node:worker_threads')
    const ledger = new exports.TrialLedger(workerData.path)
    for (let i = 0; i < 10; i++) ledger.append({ ...workerData.trial, seed: workerData.first + i })`
  await Promise.all(
    [100, 200, 300].map(
      (first) =>
        new Promise<void>((done, failed) => {
          const worker = new Worker(source, { eval: true, workerData: { path, first, trial: trial() } })
          worker.on('error', failed)
          worker.on('exit', () => done())
        }),
    ),
  )
  expect(new TrialLedger(path).countTrials('carry')).toBe(31)
})

test('a trial without a family, of no kind, or with a score that is no number, is refused', () => {
  const path = fresh()
  const ledger = new TrialLedger(path)
  const kind = 'guess' as Trial['kind']
  for (const bad of [
    trial({ family: '' }),
    trial({ sharpe: Number.NaN }),
    trial({ score: Number.POSITIVE_INFINITY }),
    trial({ clockUs: 0 }),
    trial({ metric: 'feeling' }),
    trial({ kind }),
  ]) {
    expect(() => ledger.append(bad)).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
  }
  expect(ledger.trials()).toEqual([])
})

test('a fit has a score and no returns, and counts among the trials of its family', () => {
  const ledger = new TrialLedger(fresh())
  const fit = { kind: 'fit', metric: 'qlike/1h', score: 0.21, sharpe: null, returns: 0, clockUs: 0 } as const
  ledger.append(trial(fit))
  ledger.append(trial({ seed: 2, sharpe: 0.1 }))
  ledger.append(trial({ seed: 3, sharpe: 0.3 }))
  expect(ledger.trials()[0]).toMatchObject(fit)
  const evidence = ledger.evidence('carry', DAY_US)
  expect(evidence.trialCount).toBe(3)
  expect(evidence.sharpeVariance).toBeCloseTo(0.02, 12)
  expect([lowerIsBetter('qlike/1h'), lowerIsBetter('sharpe')]).toEqual([true, false])
})

describe('a ledger begun before trials had kinds', () => {
  /** Two lines as the first version wrote them. */
  const old = [
    '{"index":0,"date":"2026-01-02T03:04:05Z","family":"carry","policy":"carry","settingsHash":"aa","dataHash":"dd","seed":1,"sharpe":0.1,"returns":100,"clockUs":86400000000,"previous":"0000000000000000000000000000000000000000000000000000000000000000","hash":"ba4136a9929aabeb1f5ab0a307d9f08f9a42579e51e01427bbaaf04488ab7310"}',
    '{"index":1,"date":"2026-01-02T03:04:06Z","family":"carry","policy":"carry","settingsHash":"aa","dataHash":"dd","seed":2,"sharpe":null,"returns":3,"clockUs":86400000000,"previous":"ba4136a9929aabeb1f5ab0a307d9f08f9a42579e51e01427bbaaf04488ab7310","hash":"c4aa4766567d81f3a60cc1ef0b691666beafebb1ecc0e4a3414752df4fd6db36"}',
  ].join('\n')

  test('still verifies, and goes on in the new shape', () => {
    const path = fresh()
    writeFileSync(path, `${old}\n`)
    const ledger = new TrialLedger(path)
    expect(ledger.trials()[0]).toMatchObject({ kind: 'backtest', metric: 'sharpe', score: 0.1, sharpe: 0.1 })
    ledger.append(trial({ seed: 3 }))
    // The same run as the first line: one trial, whichever version wrote it down.
    ledger.append(trial({ settingsHash: 'aa', dataHash: 'dd' }))
    expect(ledger.countTrials('carry')).toBe(3)
    expect(ledger.trials().map(({ seed }) => seed)).toEqual([1, 2, 3, 1])
  })

  test('is as hard to change as a new one', () => {
    const path = fresh()
    writeFileSync(path, `${old.replace('"sharpe":0.1', '"sharpe":0.2')}\n`)
    expect(() => new TrialLedger(path).trials()).toThrow(expect.objectContaining({ code: 'ledger-invalid' }))
  })

  test('a new line cannot pass for an old one', () => {
    const path = five()
    const text = readFileSync(path, 'utf8').replace('"entry":"trial",', '')
    writeFileSync(path, text)
    expect(() => new TrialLedger(path).trials()).toThrow(expect.objectContaining({ code: 'ledger-invalid' }))
  })
})

test('evidence that tells fewer trials than there were is not confirmed', () => {
  const path = five()
  const ledger = new TrialLedger(path)
  const evidence = ledger.evidence('carry', DAY_US)
  ledger.append(trial({ seed: 6 }))
  expect(ledger.confirms(evidence)).toBe(true)
  expect(ledger.confirms({ ...evidence, trialCount: 4 })).toBe(false)
  expect(ledger.confirms({ ...evidence, ledgerHead: null })).toBe(false)
  expect(ledger.confirms({ ...evidence, ledgerHead: 'f'.repeat(64) })).toBe(false)
})

describe('a hold-out', () => {
  const opening = { date: '2026-03-01T00:00:00Z', name: 'last-quarter', by: 'gimbal research', fromUs: 10, toUs: 20 }

  test('is opened once; a second time only by force, and both are remembered', () => {
    const path = five()
    const ledger = new TrialLedger(path)
    expect(ledger.openHoldOut(opening, false)).toEqual({ opening: { ...opening, again: false }, before: [] })
    expect(() => new TrialLedger(path).openHoldOut(opening, false)).toThrow(
      expect.objectContaining({ code: 'hold-out-opened', facts: expect.objectContaining({ times: 1 }) }),
    )
    const second = ledger.openHoldOut({ ...opening, by: 'gimbal train' }, true)
    expect(second.opening.again).toBe(true)
    expect(second.before.map(({ by }) => by)).toEqual(['gimbal research'])
    expect(ledger.openHoldOut({ ...opening, name: 'another' }, true).opening.again).toBe(false)
    expect(ledger.holdOutOpenings()).toHaveLength(3)
  })

  test('is no trial', () => {
    const ledger = new TrialLedger(five())
    ledger.openHoldOut(opening, false)
    ledger.append(trial({ seed: 6 }))
    expect(ledger.countTrials('carry')).toBe(6)
    expect(ledger.trials()).toHaveLength(6)
  })

  test('cannot be made unopened', () => {
    const path = five()
    const ledger = new TrialLedger(path)
    ledger.openHoldOut(opening, false)
    ledger.append(trial({ seed: 6 }))
    writeFileSync(path, readFileSync(path, 'utf8').replace('last-quarter', 'lost-quarter'))
    expect(() => ledger.openHoldOut(opening, false)).toThrow(expect.objectContaining({ code: 'ledger-invalid' }))
  })
})
