/**
 * Goal: `gimbal research` goes from data to a verdict that can be had again: the same from any number of threads, from any
 * folder, and with every trial in the ledger, also when it is interrupted; a hold-out is opened once.
 *
 * Method: the built program in a folder of its own, on half an hour of the generated market and a fortnight of bars, with few
 * features and small studies. Wrong wishes are put to the command itself, which is quicker.
 */

import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { research } from '../src/apps/commands/research.ts'
import type { ResearchOptions } from '../src/apps/investigation.ts'
import { holdResults } from '../src/apps/resultFolder.ts'
import { Terminal } from '../src/apps/terminal.ts'
import { ModelRegistry } from '../src/models/modelRegistry.ts'
import { loadDataset } from '../src/research/dataset.ts'
import { TrialLedger } from '../src/research/trialLedger.ts'
import type { BacktestComparison } from '../src/research/verdict.ts'
import { ensureBuilt } from './built.ts'
import { ended, type Said, startGimbal, writeBars } from './commandLine.ts'

const FOLDER = mkdtempSync(join(tmpdir(), 'gimbal-research-'))
const ONLY = ['--only', 'har-ladder,ewma-variance,regime']
const SMALL = [...ONLY, '--configurations', '2', '--windows', '2', '--groups', '0', '--no-trade', '--check', '0']
const STUDY = ['research', '--minutes', '25', '--forecast', 'variance:10s', ...SMALL]

const gimbal = (...args: string[]) => ended(startGimbal(FOLDER, args))
const json = ({ out }: Said) => JSON.parse(out)
const at = (...parts: string[]) => join(FOLDER, ...parts)

/** A result without what tells one run from another: the date is in the hashes of the ledger. */
function timeless(said: Said) {
  const { ledgerHead, ...rest } = json(said)
  expect(ledgerHead).toMatch(/^[0-9a-f]{64}$/)
  return rest
}

/** For commands called from here: says nothing. */
class Quiet extends Terminal {
  override notice(): void {}
  override progress(): void {}
}
const OPTIONS: ResearchOptions = {
  ...{ instrument: [], seed: '1', minutes: '5', feature: [], forecast: [], configurations: '1', windows: '2' },
  ...{ first: '0.4', slide: '0', groups: '0', placebos: false, trade: false, threads: '1', check: '0', risk: [] },
  ...{ out: at('wishes'), models: at('wishes', 'models') },
}
const code = (expected: string) => expect.objectContaining({ code: expected })

/** Where the first study is made. */
const HERE = ['--threads', '1', '--out', 'one', '--models', 'models-one', '--json']

let first: Said
let second: Said

beforeAll(async () => {
  ensureBuilt()
  ;[first, second] = await Promise.all([
    gimbal(...STUDY, ...HERE),
    gimbal(...STUDY, '--threads', '2', '--out', 'two', '--models', 'models-two', '--json'),
  ])
}, 60_000)
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }))

describe('a study', () => {
  test('says the same from one thread and from two, and leaves what it says behind', () => {
    expect([first.code, second.code]).toEqual([0, 0])
    expect(timeless(second)).toEqual(timeless(first))
    const result = json(first)
    expect(JSON.parse(readFileSync(at('one', 'research.json'), 'utf8'))).toEqual(result)
    expect(readFileSync(at('one', 'research.html'), 'utf8')).toContain(result.verdict.sentence)
    const dataset = loadDataset(at('one', 'datasets', `${result.datasetHash}.dataset`))
    expect(dataset.table.rows).toBe(result.samples)
    expect(dataset.features.features.map(({ family }) => family)).toEqual(['har-ladder', 'ewma-variance'])
    // Ten minutes are too few to fit regimes to: the feature is left out, and the report shows none.
    expect(result.regimes).toBeNull()
    for (const { id } of result.models) expect(existsSync(at('models-one', `${id}.model`))).toBe(true)
  })

  test('judges the model against the whole field and three placebos, and says of each reason whether it was passed', () => {
    const { skill, placebos, verdict, trialCount } = json(first)
    const names = skill[0].rows.map(({ name }: { name: string }) => name)
    expect(names[0]).toBe('model')
    expect(names).toEqual(expect.arrayContaining(['mean', 'last', 'ewma-fitted', 'garch', 'har', 'log-har']))
    expect(placebos.map(({ name }: { name: string }) => name)).toEqual([
      'labels permuted, variance',
      'features shifted, variance',
      'pure-noise market',
    ])
    expect(verdict.reasons).toHaveLength(verdict.passed.length)
    expect(trialCount).toBe(2)
  })

  test('of which a check was left out claims nothing: the text, the data and the page say that it was not judged', async () => {
    const sentence = 'Not judged: checks for knowledge of the future were left out; '
    const { verdict, leaks } = json(first)
    expect([verdict.finding, leaks]).toEqual(['not-judged', null])
    expect(verdict.sentence.startsWith(sentence)).toBe(true)
    const page = readFileSync(at('one', 'research.html'), 'utf8')
    expect(page).toContain('NOT JUDGED')
    expect(page).toContain(sentence.trim())
    const text = await gimbal(...STUDY, '--no-placebos', '--threads', '1', '--out', 'quick', '--models', 'models-one')
    expect(text.code).toBe(0)
    expect(text.out.replaceAll(/\s+/g, ' ')).toContain(
      'Not judged: placebos and checks for knowledge of the future were left out; ',
    )
    expect(text.out).not.toMatch(/beats|No edge/)
  })

  test('made again tries nothing new; with other settings it does, and the report tells of all', async () => {
    const [again, more] = [
      await gimbal(...STUDY, ...HERE, '--no-placebos'),
      await gimbal(...STUDY, ...HERE, '--no-placebos', '--first', '0.5'),
    ]
    const [{ trialCount: tried, skill }, before] = [json(again), json(first)]
    expect([tried, skill]).toEqual([before.trialCount, before.skill])
    expect(json(more).trialCount).toBe(4)
    const { trialCount, family } = json(more)
    const ledger = new TrialLedger(at('one', 'trials.jsonl'))
    expect(ledger.countTrials(family)).toBe(trialCount)
    const [text, confirmed] = await Promise.all([
      gimbal('ledger', '--ledger', 'one/trials.jsonl'),
      gimbal('ledger', '--ledger', 'one/trials.jsonl', '--report', 'one/research.json', '--json'),
    ])
    expect(text.out).toContain('forecasts of ETH-USDC-PERP@generated-north')
    expect([confirmed.code, json(confirmed).confirmed]).toEqual([0, true])
    // A report that tells of fewer, and one of another ledger, are found out.
    writeFileSync(at('fewer.json'), JSON.stringify({ ...json(more), trialCount: 3 }))
    const [fewer, other, none] = await Promise.all([
      gimbal('ledger', '--ledger', 'one/trials.jsonl', '--report', 'fewer.json'),
      gimbal('ledger', '--ledger', 'two/trials.jsonl', '--report', 'one/research.json'),
      gimbal('ledger', '--ledger', 'two/trials.jsonl', '--report', 'one/research.html'),
    ])
    expect([fewer.code, other.code, none.code]).toEqual([3, 3, 1])
    expect(fewer.out).toContain('NOT what this ledger said')
  }, 60_000)

  test('that is interrupted exits 130 and keeps the trials of the questions it had answered', async () => {
    const questions = ['--forecast', 'variance:10s', '--forecast', 'volume:10s', '--forecast', 'demand:10s']
    const child = startGimbal(FOLDER, [
      ...['research', '--minutes', '25', ...questions, ...SMALL, '--configurations', '8', '--windows', '8'],
      ...['--threads', '2', '--out', 'cut', '--models', 'models-cut', '--json'],
    ])
    const said = ended(child)
    const path = at('cut', 'trials.jsonl')
    while (child.exitCode === null && !existsSync(path)) await new Promise((next) => setTimeout(next, 20))
    child.kill('SIGINT')
    const { code, out, err } = await said
    expect([code, JSON.parse(out)]).toEqual([130, { interrupted: true }])
    expect(err).toContain('interrupted; the ledger keeps every trial that was finished')
    const trials = new TrialLedger(path).trials()
    expect(trials.length).toBeGreaterThan(0)
    expect(new Set(trials.map(({ policy }) => policy))).toContain('trees on variance over 10 s')
    expect(existsSync(at('cut', 'research.json'))).toBe(false)
  }, 60_000)
})

describe('what is learnt is traded on', () => {
  const TARGET = 'btc-usdt-perp@binance-usdm'
  const MODELS = ['--models', 'models-traded']
  let found: Said

  beforeAll(async () => {
    mkdirSync(at('traded'))
    writeBars(at('traded', 'BTC_USDT_USDT-1h-futures.csv'), 45 * 24, 3600e3, 2)
    const imported = await gimbal('import', 'traded/BTC_USDT_USDT-1h-futures.csv', '--catalog', 'traded/catalog')
    expect(imported.code).toBe(0)
    found = await gimbal(
      ...['research', '--catalog', 'traded/catalog', '--bars', '1h', '--forecast', 'variance:4h', '--every', '1h'],
      ...['--only', 'ewma-variance,regime', '--configurations', '1', '--windows', '3', '--groups', '0'],
      ...['--no-placebos', '--check', '1', '--threads', '1', '--out', 'traded/out', ...MODELS, '--json'],
    )
  }, 60_000)

  test('by the volatility target, told of variance and told of turbulence, against one run that is told nothing', () => {
    expect([found.code, found.err.includes('fault')]).toEqual([0, false])
    const { backtests, models, skill, notes, verdict } = json(found)
    expect(models.map(({ name }: { name: string }) => name)).toEqual([
      `${TARGET}-variance-4h-research`,
      `${TARGET}-variance-4h-research-walk`,
      `${TARGET}-turbulence-1h-research`,
      `${TARGET}-turbulence-1h-research-walk`,
    ])
    expect(backtests.map(({ told, setting }: BacktestComparison) => [told, setting])).toEqual([
      [['variance'], 'volatilityFrom=model forecastHours=4'],
      [['turbulence'], 'turbulenceCut=0.5'],
    ])
    const [variance, turbulence] = backtests as [BacktestComparison, BacktestComparison]
    expect(turbulence.reportWithout).toBe(variance.reportWithout)
    expect(turbulence.costsWithout).toBe(variance.costsWithout)
    for (const { costsWith, costsWithout, fromUs } of [variance, turbulence]) {
      expect(Math.min(costsWith, costsWithout)).toBeGreaterThan(0)
      expect(fromUs).toBeGreaterThanOrEqual(skill[0].fromUs)
    }
    const registry = new ModelRegistry(at('models-traded'))
    const { model, parents } = registry.find(models[3].id).artifact
    const steps = model.kind === 'sequence' ? model.steps : []
    expect(steps).toHaveLength(3)
    expect(steps[0]!.learnt.knownUs).toBeLessThanOrEqual(skill[0].fromUs)
    expect(parents).toEqual([])
    for (const { id } of models.slice(0, 2)) expect(registry.find(id).artifact.parents).toEqual([models[3].id])
    expect(notes.join(' ')).toContain(
      `The model of turbulence (${TARGET}-turbulence-1h-research-walk) was fitted 3 times`,
    )
    expect(verdict.reasons.at(-1)).toMatch(/^volatility-target told of turbulence: .*; deepest fall .* % against .* %$/)
  })

  test('and every decision of those runs comes out the same from their journals', async () => {
    const runs = ['with-the-model', 'with-the-turbulence-model']
    const replays = await Promise.all(
      runs.map((run) =>
        gimbal(
          'replay',
          `traded/out/runs/volatility-target-${run}`,
          '--catalog',
          'traded/catalog',
          ...MODELS,
          '--json',
        ),
      ),
    )
    for (const [index, replay] of replays.entries()) {
      expect(replay.code).toBe(0)
      const report = JSON.parse(
        readFileSync(at('traded', 'out', 'runs', `volatility-target-${runs[index]}`, 'report.json'), 'utf8'),
      )
      expect(JSON.stringify(report)).toContain(json(replay).journal)
      expect(json(replay).acts).toBeGreaterThan(0)
    }
  })

  test('and training keeps models of its own beside them, under names that mean one each', async () => {
    const trained = await gimbal(
      ...['train', '--catalog', 'traded/catalog', '--bars', '1h', '--forecast', 'variance:4h', '--every', '1h'],
      ...[
        '--only',
        'ewma-variance,regime',
        '--trials',
        '0',
        '--windows',
        '1',
        '--out',
        'traded/train',
        '--threads',
        '1',
      ],
      ...[...MODELS, '--json'],
    )
    const { name, turbulence } = json(trained)
    expect([name, turbulence.name]).toEqual([`${TARGET}-variance-4h-train`, `${TARGET}-turbulence-1h-train`])
    const registry = new ModelRegistry(at('models-traded'))
    for (const { artifact } of registry.list()) expect(registry.find(artifact.name).artifact.id).toBe(artifact.id)
    expect(registry.find(name).artifact.parents).toEqual([])
  })

  test('by whoever names the model, and by two of one forecast only when one of them is left out', async () => {
    const backtest = (...args: string[]) =>
      gimbal(
        ...['backtest', '--catalog', 'traded/catalog', '--bars', '1h', '--policy', 'volatility-target'],
        ...['--set', 'targetYearly=0.05', ...MODELS, ...args],
      )
    const model = (name: string) => ['--model', `${TARGET}-${name}`]
    const cut = ['--set', 'turbulenceCut=0.5', ...model('turbulence-1h-research-walk')]
    const forecast = ['--set', 'volatilityFrom=model', '--set', 'forecastHours=4']
    const walk = [...forecast, ...model('variance-4h-research-walk')]
    const [calmed, twice] = await Promise.all([
      backtest(...cut, '--out', 'traded/calmed', '--json'),
      backtest(...walk, ...model('variance-4h-research'), '--out', 'traded/twice'),
    ])
    // The same run as in the research: the model is used as it was judged.
    const judged = readFileSync(
      at('traded', 'out', 'runs', 'volatility-target-with-the-turbulence-model', 'report.json'),
      'utf8',
    )
    expect(calmed.code).toBe(0)
    expect(judged).toContain(`"endEquity":${json(calmed).performance.endEquity}`)
    expect([twice.code, twice.err.replaceAll(/\s+/g, ' ')]).toEqual([
      2,
      expect.stringContaining(
        `forecast the same: give it one of them first: ${TARGET}-variance-4h-research-walk second: ${TARGET}-variance-4h-research`,
      ),
    ])
    expect(existsSync(at('traded', 'twice'))).toBe(false)
  })
})

describe('a hold-out', () => {
  const HOUR = ['--bars', '1h', '--forecast', 'variance:4h', '--every', '1h', '--first', '0.4', '--no-placebos']
  const ask = (out: string, ...more: string[]) =>
    gimbal(
      'research',
      '--catalog',
      'catalog',
      ...HOUR,
      ...SMALL,
      '--only',
      'ewma-variance',
      '--threads',
      '1',
      ...['--out', out, ...['--models', 'models-out', '--json', ...more]],
    )

  test('is declared for good, opened once from whatever folder, and again only when that is insisted on', async () => {
    writeBars(at('BTC_USDT_USDT-1h-futures.csv'), 45 * 24, 3600e3, 1)
    expect((await gimbal('import', 'BTC_USDT_USDT-1h-futures.csv', '--catalog', 'catalog')).code).toBe(0)
    const HOLD_OUT = ['catalog', 'hold-out', '--catalog', 'catalog']
    const [missing, nameless] = await Promise.all([
      gimbal(...HOLD_OUT, '--name', 'end'),
      gimbal(...HOLD_OUT, '--from', '2025-02-01'),
    ])
    expect([missing.code, nameless.code]).toEqual([2, 2])
    const span = ['--from', '2025-02-01', '--to', '2025-03-01']
    const declared = await gimbal(...HOLD_OUT, '--name', 'february', ...span, '--json')
    expect(json(declared)).toEqual([
      {
        name: 'february',
        fromUs: Date.UTC(2025, 1, 1) * 1000,
        toUs: Date.UTC(2025, 2, 1) * 1000,
        opened: 0,
        firstOpened: null,
      },
    ])
    const other = await gimbal(...HOLD_OUT, '--name', 'february', '--from', '2025-02-02', '--to', '2025-03-01')
    expect([other.code, other.err.includes('cannot be changed')]).toEqual([1, true])

    const refused = (out: string, change: Partial<ResearchOptions>) =>
      expect(research(new Quiet(false), { ...OPTIONS, catalog: at('catalog'), bars: '1h', out: at(out), ...change }))
        .rejects
    await refused('out-closed', {}).toThrow(code('hold-out-closed'))
    const opened = await ask('out-first', '--hold-out', 'february')
    expect(opened.code).toBe(0)
    expect(json(opened).toUs).toBeGreaterThan(Date.UTC(2025, 1, 10) * 1000)
    expect(json(opened).notes[0]).toBe('The hold-out february was opened for this result, for the first time.')
    expect(new TrialLedger(at('out-first', 'trials.jsonl')).holdOutOpenings()).toHaveLength(1)

    await refused('out-second', { holdOut: 'february' }).toThrow(code('hold-out-opened'))
    await refused('out-third', { holdOut: 'march' }).toThrow(code('hold-out-invalid'))
    const again = await ask('out-second', '--hold-out', 'february', '--again')
    expect(json(again).notes[0]).toMatch(/opened once before .* this result is not out of sample/)
    const [list, sound] = await Promise.all([gimbal(...HOLD_OUT), gimbal('catalog', 'verify', '--catalog', 'catalog')])
    expect(list.out).toMatch(/february +2025-02-01T00:00:00 +2025-03-01T00:00:00 +all +2 times, first /)
    expect(sound.code).toBe(0)
  }, 60_000)

  test('whose opening cannot be written down stays closed, and no row of it is read', async () => {
    // A folder where the record would be: the system refuses it as it refuses a file of a read-only catalog.
    const catalog = at('read-only')
    cpSync(at('catalog'), catalog, { recursive: true })
    rmSync(join(catalog, 'hold-out-openings.jsonl'))
    mkdirSync(join(catalog, 'hold-out-openings.jsonl.lock'))
    const asked = research(new Quiet(false), {
      ...{ ...OPTIONS, catalog, bars: '1h', holdOut: 'february', out: at('out-unwritten') },
    })
    await expect(asked).rejects.toThrow(code('file-refused'))
    await expect(asked).rejects.toThrow(/cannot be written down in its catalog, so no row of it is read/)
    const { out } = await gimbal('catalog', 'hold-out', '--catalog', 'read-only', '--json')
    expect(JSON.parse(out)[0].opened).toBe(0)
  })

  test('is not for training, nor for looking at figures', async () => {
    for (const verb of ['train', 'features']) {
      const { code, err } = await gimbal(verb, '--catalog', 'catalog', '--hold-out', 'february')
      expect([code, err.includes('unknown option')]).toEqual([2, true])
    }
  })
})

describe('a wish that makes no sense', () => {
  test.each<[string, Partial<ResearchOptions>]>([
    ['a forecast of nothing known', { forecast: ['profit:1h'] }],
    ['a forecast without a horizon', { forecast: ['variance'] }],
    ['a horizon that is no length', { forecast: ['variance:soon'] }],
    ['half a window', { windows: '1.5' }],
    ['no configuration', { configurations: '0' }],
    ['a whole history before the first forecast', { first: '1' }],
    ['hardly any history before the first forecast', { first: '0.01' }],
    ['a window of learning longer than the history', { slide: '1' }],
    ['two groups, two of them tested', { groups: '2' }],
    ['half a thread', { threads: '0.5' }],
    ['a seed with a fraction', { seed: '1.5' }],
    ['samples every so often', { every: 'often' }],
    ['a hold-out of no catalog', { holdOut: 'february' }],
    ['more threads than trees have lanes', { threads: '1000' }],
    ['the same question twice', { forecast: ['variance:60s', 'variance:1m'] }],
    ['a target nobody trades', { target: 'DOGE-USD-PERP@nowhere', minutes: '1' }],
  ])('%s is refused before anything is read', async (_name, change) => {
    const asked = research(new Quiet(false), { ...OPTIONS, ...change })
    await expect(asked).rejects.toThrow(code(change.target ? 'instrument-unknown' : 'argument-invalid'))
  })

  test('places that cannot be used are found out before anything is recorded, and stay as they were', async () => {
    const wish = (change: Partial<ResearchOptions>) =>
      expect(research(new Quiet(false), { ...OPTIONS, ...change })).rejects
    writeFileSync(at('a-file'), 'kept')
    await wish({ out: at('blocked'), models: at('a-file') }).toThrow(code('file-refused'))
    await wish({ out: at('blocked'), models: at('a-file', 'models') }).toThrow(code('file-refused'))
    await wish({ out: at('a-file') }).toThrow('EEXIST')
    expect(readFileSync(at('a-file'), 'utf8')).toBe('kept')
    await wish({ out: at('blocked'), risk: ['nonsense=1'] }).toThrow(code('config-invalid'))
    mkdirSync(at('damaged'))
    writeFileSync(at('damaged', 'trials.jsonl'), 'not a line\n')
    await wish({ out: at('damaged') }).toThrow(code('ledger-invalid'))
    expect(readFileSync(at('damaged', 'trials.jsonl'), 'utf8')).toBe('not a line\n')
    mkdirSync(at('folder', 'trials.jsonl'), { recursive: true })
    await wish({ out: at('folder') }).toThrow(code('ledger-invalid'))
    for (const out of ['blocked', 'damaged', 'folder']) expect(existsSync(at(out, 'datasets'))).toBe(false)
  })

  test('a folder that another research writes to is left to it, and free again afterwards', async () => {
    const release = holdResults(OPTIONS.out)
    const asked = () => expect(research(new Quiet(false), { ...OPTIONS, forecast: ['variance:10s'] })).rejects
    await asked().toThrow(code('folder-busy'))
    release()
    // Five minutes are too few: it got that far.
    await asked().toThrow(code('table-invalid'))
    await asked().toThrow(code('table-invalid'))
    expect(existsSync(join(OPTIONS.out, 'lock'))).toBe(false)
  })

  test('a horizon beyond the data is a fault of the data, by name', async () => {
    const wish = { catalog: at('catalog'), bars: '1h', every: '1h', only: 'ewma-variance', to: '2025-02-01' }
    const asked = research(new Quiet(false), { ...OPTIONS, ...wish, forecast: ['variance:300d'], out: at('beyond') })
    await expect(asked).rejects.toThrow(code('table-invalid'))
  })

  test('a horizon between the steps of the data is refused before they are recorded', async () => {
    const asked = research(new Quiet(false), { ...OPTIONS, minutes: '1', forecast: ['variance:1s'] })
    // A second is a step: too few samples, and not the grid, stand in the way.
    await expect(asked).rejects.toThrow(code('table-invalid'))
    const bars = research(new Quiet(false), {
      ...OPTIONS,
      catalog: at('catalog'),
      bars: '1h',
      to: '2025-02-01',
      forecast: ['variance:90m'],
    })
    await expect(bars).rejects.toThrow(code('argument-invalid'))
  })

  test('is a usage error to a shell', async () => {
    const { code: exit, err } = await gimbal('research', '--forecast', 'profit:1h', '--out', 'wishes')
    expect([exit, err.includes('--forecast takes quantity:horizon')]).toEqual([2, true])
  })
})
