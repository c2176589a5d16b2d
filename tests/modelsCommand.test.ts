/**
 * Goal: what research made is used as its help says: models are listed, judged, promoted, traded on, replayed; trials are shown;
 * features are recorded and looked at.
 *
 * Method: the built program in a folder of its own, with artificial models and a day of bars; wrong wishes are put to the
 * commands themselves, which is quicker.
 */

import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { features } from '../src/apps/commands/features.ts'
import { models } from '../src/apps/commands/models.ts'
import { Terminal } from '../src/apps/terminal.ts'
import { FAMILIES } from '../src/features/families.ts'
import type { FeatureSetSpec } from '../src/features/featureSet.ts'
import { featureNames } from '../src/features/featureSet.ts'
import { JournalReader, verifyJournal } from '../src/journal/journalReader.ts'
import { completeArtifact } from '../src/models/artifact.ts'
import { ModelRegistry } from '../src/models/modelRegistry.ts'
import { TrialLedger } from '../src/research/trialLedger.ts'
import { ensureBuilt } from './built.ts'
import { ended, type Said, startGimbal, writeBars } from './commandLine.ts'
import { artificialModel, linear } from './models/artificialModels.ts'

const FOLDER = mkdtempSync(join(tmpdir(), 'gimbal-models-'))
const MODELS = join(FOLDER, 'models')
const PERP = 'BTC-USDT-PERP@binance-usdm'
const BAR_US = 300e6
const DAY_US = 86_400e6

const gimbal = (...args: string[]) => ended(startGimbal(FOLDER, args))
const json = ({ out }: Said) => JSON.parse(out)

/** For commands called from here: says nothing. */
class Quiet extends Terminal {
  override notice(): void {}
  override progress(): void {}
}

const BARS: FeatureSetSpec = {
  target: PERP,
  sampling: { every: 'time', intervalUs: BAR_US },
  normaliseOver: 0,
  features: [{ family: 'ewma-variance' }, { family: 'time-of-day' }],
}
const [FAST, SLOW] = featureNames(BARS) as [string, string]

/** Variance of a day, from that of five minutes as exponentially weighted. */
const ewma = (name: string, column: string, horizonUs = DAY_US, loss = 0.25) =>
  artificialModel(BARS, {
    name,
    quantity: 'variance',
    horizonUs,
    model: linear(BARS, 0, { [column]: horizonUs / BAR_US }),
    metrics: [{ name: 'qlike', value: loss, low: loss - 0.05, high: loss + 0.05, on: 'walk-forward, 120 windows' }],
  })
const fast = ewma('fast', FAST)
const slow = ewma('slow', SLOW, DAY_US, 0.2)
const hourly = ewma('hourly', FAST, 3600e6)

beforeAll(async () => {
  ensureBuilt()
  const registry = new ModelRegistry(MODELS)
  for (const model of [fast, slow, hourly]) registry.add(model)
  writeBars(join(FOLDER, 'BTC_USDT_USDT-5m-futures.csv'), 288, BAR_US / 1000, 1)
  const { code, err } = await gimbal('import', 'BTC_USDT_USDT-5m-futures.csv', '--catalog', 'catalog')
  expect([code, err]).toEqual([0, ''])
})
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }))

describe('gimbal models', () => {
  test('lists them with what they forecast and where they stand, as data too; an empty registry is no error', async () => {
    const [text, data, none] = await Promise.all([
      gimbal('models'),
      gimbal('models', 'list', '--json'),
      gimbal('models', '--models', 'nowhere', '--json'),
    ])
    expect([text.code, text.err]).toEqual([0, ''])
    expect(text.out).toMatch(/^3 models in models$/m)
    expect(text.out).toMatch(
      new RegExp(`${fast.id.slice(0, 12)}\\s+fast\\s+trained\\s+variance of ${PERP}\\s+.*SYNTHETIC`),
    )
    expect(json(data).map(({ name, state }: { name: string; state: string }) => [name, state])).toEqual([
      ['fast', 'trained'],
      ['hourly', 'trained'],
      ['slow', 'trained'],
    ])
    // The list does not hold the models themselves.
    expect(json(data)[0].model).toEqual({ kind: 'linear' })
    expect([none.code, json(none)]).toEqual([0, []])
    expect(existsSync(join(FOLDER, 'nowhere'))).toBe(false)
  })

  test('shows one by name or by the beginning of its identity', async () => {
    const [text, data] = await Promise.all([
      gimbal('models', 'show', 'fast'),
      gimbal('models', 'show', fast.id.slice(0, 8), '--json'),
    ])
    expect(text.code).toBe(0)
    for (const part of [
      fast.id,
      '[TRAINED]',
      PERP,
      'ewma-variance, time-of-day',
      '90 %',
      '0.2500 [0.2000, 0.3000]',
      'walk-forward, 120 windows',
      'nobody on 1,000 samples',
      fast.schemaHash,
    ])
      expect(text.out).toContain(part)
    expect(json(data)).toMatchObject({ id: fast.id, state: 'trained', decision: null, metrics: fast.metrics })
  })

  test('compares those of one forecast, and says so where figures cannot be compared', async () => {
    const [same, different] = await Promise.all([
      gimbal('models', 'compare', 'fast', 'slow', '--json'),
      gimbal('models', 'compare', 'fast', 'hourly'),
    ])
    expect([same.code, same.err]).toEqual([0, ''])
    expect(json(same)).toMatchObject([
      { name: 'fast', metrics: [{ value: 0.25 }] },
      { name: 'slow', metrics: [{ value: 0.2 }] },
    ])
    expect([different.code, different.err]).toEqual([3, expect.stringContaining('forecast different things')])
    expect(different.out).toContain('qlike')
  })

  test('promotes and retires, by someone and for a reason', async () => {
    const signed = ['--who', 'Ada', '--reason', 'lower loss']
    const folder = join(FOLDER, 'decided')
    cpSync(MODELS, folder, { recursive: true })
    const unsigned = await gimbal('models', 'promote', 'fast', '--who', 'Ada', '--models', 'decided')
    expect([unsigned.code, unsigned.out, unsigned.err]).toEqual([2, '', expect.stringContaining('argument-invalid')])
    expect(existsSync(join(folder, 'decisions.jsonl'))).toBe(false)

    expect((await gimbal('models', 'promote', 'fast', ...signed, '--models', 'decided')).out).toContain('is promoted')
    const second = await gimbal('models', 'promote', 'slow', ...signed, '--models', 'decided', '--json')
    expect(json(second)).toMatchObject({
      id: slow.id,
      state: 'promoted',
      decision: { who: 'Ada', reason: 'lower loss' },
    })
    const states = json(await gimbal('models', '--models', 'decided', '--json'))
    expect(states.map(({ name, state }: { name: string; state: string }) => `${name} ${state}`)).toEqual([
      'fast retired',
      'hourly trained',
      'slow promoted',
    ])
    expect((await gimbal('models', 'retire', 'slow', ...signed, '--models', 'decided')).code).toBe(0)
    const shown = await gimbal('models', 'show', 'slow', '--models', 'decided')
    expect(shown.out).toMatch(/\[RETIRED\]\n {2}retired \d{4}-.* by Ada: lower loss\n/)
  })

  test('wrong ways to ask are usage errors, a model that is not there is none, a damaged file is named', async () => {
    mkdirSync(join(FOLDER, 'damaged'))
    const path = join('damaged', `${fast.id}.model`)
    writeFileSync(
      join(FOLDER, path),
      readFileSync(join(MODELS, `${fast.id}.model`), 'utf8').replace('"seed": 1', '"seed": 2'),
    )
    const folder = (name: string) => ({ models: join(FOLDER, name) })
    const wrong: [args: string[], options: { models: string }, code: string, named: string][] = [
      [['admire'], folder('models'), 'argument-invalid', 'admire'],
      [['list', 'fast'], folder('models'), 'argument-invalid', 'fast'],
      [['show'], folder('models'), 'argument-invalid', 'takes one model'],
      [['show', 'fast', 'slow'], folder('models'), 'argument-invalid', 'takes one model'],
      [['compare', 'fast'], folder('models'), 'argument-invalid', 'two models or more'],
      [['retire', 'fast'], folder('models'), 'argument-invalid', 'answers for it'],
      [['show', 'faster'], folder('models'), 'model-unknown', 'faster'],
      [['list'], folder('damaged'), 'model-invalid', path],
    ]
    for (const [args, options, code, named] of wrong)
      await expect(models(new Quiet(true), options, args), args.join(' ')).rejects.toMatchObject({
        code,
        message: expect.stringContaining(named),
      })
    const usage = await gimbal('models', 'admire')
    expect([usage.code, usage.out, usage.err]).toEqual([2, '', expect.stringContaining('list, show, compare')])
    const data = await gimbal('models', 'show', 'faster', '--json')
    expect(data.code).toBe(1)
    expect(json(data)).toMatchObject({ error: { code: 'model-unknown', facts: { asked: 'faster' } } })
  })
})

describe('a backtest on a model', () => {
  const RUN = ['backtest', '--catalog', 'catalog', '--policy', 'volatility-target', '--set', 'volatilityFrom=model']

  test('names it by identity in its journal, replays with it and with no other', async () => {
    const ran = await gimbal(...RUN, '--model', 'fast', '--json')
    expect([ran.code, ran.err]).toEqual([0, ''])
    const { journal, performance: judged } = json(ran)
    expect(judged.turnover).toBeGreaterThan(0)
    const { settings } = JournalReader.open(join(FOLDER, journal.directory))!.header
    expect(settings).toMatchObject({ models: [fast.id] })

    mkdirSync(join(FOLDER, 'only-slow'))
    cpSync(join(MODELS, `${slow.id}.model`), join(FOLDER, 'only-slow', `${slow.id}.model`))
    const [again, other, replayed, without] = await Promise.all([
      gimbal(...RUN, '--model', fast.id.slice(0, 10), '--model', 'fast', '--shuffle-io', '--json', '--out', 'again'),
      gimbal(...RUN, '--model', 'slow', '--json', '--out', 'other'),
      gimbal('replay', journal.directory, '--models', 'models', '--json'),
      gimbal('replay', journal.directory, '--models', 'only-slow', '--json'),
    ])
    expect(json(again).journal.sha256).toBe(journal.sha256)
    expect(json(other).journal.sha256).not.toBe(journal.sha256)
    expect([replayed.code, json(replayed).journal]).toEqual([0, journal.sha256])
    expect(json(replayed).acts).toBeGreaterThan(0)
    expect([without.code, json(without).error.code]).toEqual([1, 'model-unknown'])
  })

  test('that was trained on the same day says so: to who looks on, in its data, on its page', async () => {
    const registry = new ModelRegistry(join(FOLDER, 'models-known'))
    const trained = { ...fast.trained, dataKind: 'replayed' as const, fromUs: Date.UTC(2025, 0, 1) * 1000 }
    const [half, whole] = [6, 48].map((hours) => {
      const { id: _, ...content } = { ...fast, trained: { ...trained, toUs: trained.fromUs + hours * 3600e6 - DAY_US } }
      const name = `known-${hours}`
      return completeArtifact({
        ...content,
        name,
        trained: { ...content.trained, fromUs: trained.fromUs - 2 * DAY_US },
      })
    })
    for (const model of [half!, whole!]) registry.add(model)
    const ran = (model: string) =>
      gimbal(...RUN, '--model', model, '--models', 'models-known', '--out', model, '--json')
    const [partly, wholly] = await Promise.all([ran('known-6'), ran('known-48')])
    expect([partly.code, wholly.code]).toEqual([0, 0])
    const [{ share, fromUs, toUs }] = json(partly).inSample
    expect((toUs - fromUs) / 3600e6).toBeGreaterThan(5.9)
    expect(share).toBeCloseTo(0.25, 2)
    expect(partly.err).toMatch(/^IN SAMPLE: known-6 [0-9a-f]{12}: 25 % of the run lies inside its training/m)
    expect([json(wholly).inSample[0].share, json(wholly).title]).toEqual([1, expect.stringMatching(/, IN SAMPLE$/)])
    expect(wholly.err).toContain('THE WHOLE RUN lies inside its training')
    expect(readFileSync(join(FOLDER, json(wholly).report.html), 'utf8')).toContain(
      'THE WHOLE RUN lies inside its training',
    )
  })

  test('without the model it was told to trade on is refused, and the run before keeps its journal', async () => {
    const folder = join(FOLDER, 'kept')
    expect((await gimbal(...RUN, '--model', 'fast', '--out', 'kept')).code).toBe(0)
    const before = verifyJournal(join(folder, 'volatility-target', 'journal')).hash
    const [none, unknown] = await Promise.all([
      gimbal(...RUN, '--out', 'kept', '--json'),
      gimbal(...RUN, '--out', 'kept', '--model', 'faster'),
    ])
    expect([none.code, json(none).error.code]).toEqual([2, 'config-invalid'])
    expect(json(none).error.facts).toMatchObject({ quantity: 'variance', instrument: PERP })
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('faster')])
    expect(verifyJournal(join(folder, 'volatility-target', 'journal'))).toMatchObject({ closed: true, hash: before })
  })
})

describe('gimbal ledger', () => {
  test('shows families with their best and how many were tried; the same run twice is one trial', async () => {
    const ledger = new TrialLedger(join(FOLDER, 'trials.jsonl'))
    const trial = {
      date: '2026-01-02T03:04:05Z',
      kind: 'fit',
      dataHash: 'd',
      seed: 1,
      sharpe: null,
      returns: 0,
      clockUs: 0,
    } as const
    const add = (family: string, metric: string, policy: string, score: number | null) =>
      ledger.append({ ...trial, family, metric, policy, settingsHash: policy, score })
    add('forecasts of BTC', 'qlike/1h', 'large trees', 0.3)
    add('forecasts of BTC', 'qlike/1h', 'small trees', 0.2)
    add('forecasts of BTC', 'qlike/1h', 'small trees', 0.2)
    add('forecasts of BTC', 'qlike/1h', 'none', null)
    add('carry on BTC', 'sharpe', 'carry', 0.1)
    add('carry on BTC', 'sharpe', 'carry, slower', 0.4)
    ledger.openHoldOut(
      { date: '2026-01-03T00:00:00Z', name: 'autumn', by: 'gimbal research', fromUs: 1, toUs: 2 },
      false,
    )
    const [text, data, family, missing] = await Promise.all([
      gimbal('ledger', '--ledger', 'trials.jsonl'),
      gimbal('ledger', '--ledger', 'trials.jsonl', '--json'),
      gimbal('ledger', '--ledger', 'trials.jsonl', '--family', 'carry', '--json'),
      gimbal('ledger', '--ledger', 'nothing.jsonl'),
    ])
    expect([text.code, text.err]).toEqual([0, ''])
    expect(text.out).toContain('6 lines of 2 families; the chain of hashes is whole')
    expect(text.out).toContain('hold-out autumn opened 2026-01-03T00:00:00 by gimbal research')
    const { families, openings } = json(data)
    // Lower loss is better, a higher Sharpe ratio is.
    expect(families).toMatchObject([
      { family: 'forecasts of BTC', trials: 3, lines: 4, best: 0.2, bestBy: 'small trees' },
      { family: 'carry on BTC', trials: 2, lines: 2, best: 0.4, bestBy: 'carry, slower' },
    ])
    expect(families[0].trials + families[1].trials).toBe(
      ledger.countTrials('forecasts of BTC') + ledger.countTrials('carry on BTC'),
    )
    expect(openings).toMatchObject([{ name: 'autumn', again: false }])
    expect(json(family).families).toHaveLength(1)
    expect([missing.code, missing.out, missing.err]).toEqual([1, '', expect.stringContaining('nothing.jsonl')])

    const lines = readFileSync(join(FOLDER, 'trials.jsonl'), 'utf8')
    writeFileSync(join(FOLDER, 'forged.jsonl'), lines.replace('"score":0.3', '"score":0.1'))
    const forged = await gimbal('ledger', '--ledger', 'forged.jsonl')
    expect([forged.code, forged.out, forged.err]).toEqual([
      1,
      '',
      expect.stringContaining('docs/errors.md#ledger-invalid'),
    ])
  })
})

describe('gimbal features', () => {
  const FEATURES = ['features', '--catalog', 'catalog', '--only', 'ewma-variance,time-of-day']

  test('lists every family with its settings, as data too', async () => {
    const [text, data] = await Promise.all([gimbal('features', '--list'), gimbal('features', '--list', '--json')])
    expect([text.code, data.code]).toEqual([0, 0])
    for (const [name, { settings }] of Object.entries(FAMILIES)) {
      expect(text.out).toMatch(new RegExp(`^${name} \\(version \\d+\\)$`, 'm'))
      for (const setting of Object.keys(settings))
        expect(text.out.replaceAll(/\s+/g, ' ')).toContain(`--feature ${name}.${setting}=`)
    }
    expect(json(data).map(({ name }: { name: string }) => name)).toEqual(Object.keys(FAMILIES))
  })

  test('records, describes, writes a row a sample and a column a figure, and finds no future in them', async () => {
    const said = await gimbal(
      ...FEATURES,
      '--csv',
      'out/features.csv',
      '--out',
      'out/day.dataset',
      '--check',
      '2',
      '--json',
    )
    expect(said.code).toBe(0)
    const result = json(said)
    expect(result).toMatchObject({ target: PERP, provenance: 'replayed', leaks: [] })
    const lines = readFileSync(join(FOLDER, 'out', 'features.csv'), 'utf8')
      .trimEnd()
      .split('\n')
    const header = lines[0]!.split(',')
    expect(header.map((cell) => cell.replaceAll('"', ''))).toEqual([
      'time_us',
      ...result.figures.map(({ name }: { name: string }) => name),
    ])
    expect(lines.length).toBe(1 + result.samples)
    const cells = lines.slice(1).map((line) => line.split(','))
    expect(cells.map(([timeUs]) => Number(timeUs))).toEqual(cells.map((_, i) => result.fromUs + i * BAR_US))
    // What is missing is empty; the share of it is told, and so is the mean of the rest.
    const column = result.figures.findIndex(({ name }: { name: string }) => name === FAST)
    const figure = result.figures[column]
    const variance = cells.map((row) => row[1 + column]!)
    const known = variance.filter((cell) => cell !== '').map(Number)
    expect(known.length).toBeLessThan(variance.length)
    expect(figure.missing).toBeCloseTo(1 - known.length / variance.length, 12)
    expect(figure.mean).toBeCloseTo(known.reduce((sum, value) => sum + value, 0) / known.length, 18)
    expect(existsSync(join(FOLDER, 'out', 'day.dataset'))).toBe(true)
    // The same again is the same dataset.
    expect(json(await gimbal(...FEATURES, '--json')).datasetHash).toBe(result.datasetHash)
  })

  test('wrong wishes are named', async () => {
    const given = {
      catalog: join(FOLDER, 'catalog'),
      instrument: [],
      seed: '1',
      minutes: '1',
      feature: [],
      csv: join(FOLDER, 'never.csv'),
    }
    const wrong: [options: Partial<Parameters<typeof features>[1]>, code: string, named: string][] = [
      [{ only: 'astrology' }, 'config-invalid', 'astrology'],
      [{ only: 'microprice' }, 'config-invalid', 'microprice'],
      [{ feature: ['ewma-variance.lambda=0.9'] }, 'config-invalid', 'lambda'],
      [{ feature: ['ewma-varianse.lambdas=0.9'] }, 'config-invalid', 'ewma-varianse'],
      [{ feature: ['vpin.buckets=9'] }, 'config-invalid', 'not recorded'],
      [{ feature: ['lambdas=0.9'] }, 'argument-invalid', 'family.setting=value'],
      [{ normaliseOver: '5' }, 'config-invalid', 'window'],
      [{ every: 'often' }, 'argument-invalid', '--every'],
      [{ target: 'SOL' }, 'instrument-unknown', 'SOL'],
      [{ check: '0' }, 'argument-invalid', '--check'],
    ]
    for (const [options, code, named] of wrong)
      await expect(features(new Quiet(true), { ...given, ...options }), JSON.stringify(options)).rejects.toMatchObject({
        code,
        message: expect.stringContaining(named),
      })
    expect(existsSync(join(FOLDER, 'never.csv'))).toBe(false)
  })
})
