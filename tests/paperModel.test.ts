/**
 * Goal: a run on a model that is killed goes on where it was: the same orders, the same figures inside the features, the same
 * forecast.
 *
 * Method: the built program on a model whose answer changes with every second, against the simulated venue; killed by SIGKILL
 * when it has traded a few times, folded here in two ways, and started again.
 */

import type { ChildProcess } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadForecasters } from '../src/apps/runModels.ts'
import { buildEngine, planFromJson } from '../src/apps/runPlan.ts'
import { startEngine } from '../src/engine/recovery.ts'
import { type BuildEngine, engineStateDigest, MuteVenue, replayJournal } from '../src/engine/replayJournal.ts'
import { featureNames } from '../src/features/featureSet.ts'
import { JournalReader } from '../src/journal/journalReader.ts'
import { Instrument, Universe } from '../src/market/instrument.ts'
import { ModelRegistry } from '../src/models/modelRegistry.ts'
import { ensureBuilt } from './built.ts'
import { ended, type Said, startGimbal } from './commandLine.ts'
import { artificialModel, clockFeatures, linear } from './models/artificialModels.ts'

const FOLDER = mkdtempSync(join(tmpdir(), 'gimbal-paper-model-'))
const MODELS = join(FOLDER, 'models')
const children: ChildProcess[] = []

const start = (...args: string[]) => {
  const child = startGimbal(FOLDER, args)
  children.push(child)
  return child
}
const gimbal = (...args: string[]) => ended(start(...args))
const json = ({ out }: Said) => JSON.parse(out)

beforeAll(() => ensureBuilt())
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(FOLDER, { recursive: true, force: true })
})

const NORTH = 'ETH-USDC-PERP@generated-north'
// Speaks every quarter of a second, so that a short life holds many decisions.
const features = clockFeatures(NORTH, 250_000)
const [SINE, COSINE] = featureNames(features) as [string, string]
/** 40 % a year now, over ten seconds, and a tenth more variance with every second: each decision is another. */
const FASTER = 0.1 / ((2 * Math.PI) / 86_400)
const now = (2 * Math.PI * ((Date.now() / 1000) % 86_400)) / 86_400
const rising = artificialModel(features, {
  name: 'rising',
  quantity: 'variance',
  horizonUs: 10_000_000,
  // The sine of the angle from now on: near enough the angle itself.
  model: linear(
    features,
    Math.log((0.16 * 10) / (365 * 86_400)),
    { [SINE]: FASTER * Math.cos(now), [COSINE]: -FASTER * Math.sin(now) },
    'exp',
  ),
})
const policy = [
  'volatilityFrom=model',
  `instruments=${NORTH}`,
  'targetYearly=0.04',
  'rebalanceBand=0',
  'decisionMinutes=0.01',
]
const paper = (url: string, ...more: string[]) => [
  ...['paper', '--venue', url, '--policy', 'volatility-target', '--journal', 'paper', '--account', 'killed'],
  ...policy.flatMap((setting) => ['--set', setting]),
  ...more,
]
/** As commands/paper.ts builds it. */
const build: BuildEngine = (header, ports) => {
  const plan = planFromJson(header.settings)
  return buildEngine(
    { ...plan, cash: header.cash, seed: header.seed },
    new Universe(header.instruments.map((spec) => new Instrument(spec))),
    { ...ports, ...loadForecasters(plan.models, MODELS) },
  )
}
const folder = join(FOLDER, 'paper')
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

test('killed at any moment goes on in the state it was in, forecasts and all, and replays to the end', {
  timeout: 60_000,
}, async () => {
  new ModelRegistry(MODELS).add(rising)
  const venue = start('venue', '--port', '0', '--hours', '1', '--speed', '5', '--json')
  let said = ''
  venue.stdout!.setEncoding('utf8').on('data', (text) => {
    said += text
  })
  while (!/"url": "[^"]+"/.test(said)) {
    expect(venue.exitCode).toBeNull()
    await sleep(20)
  }
  const url = /"url": "([^"]+)"/.exec(said)![1]!

  const refused = await gimbal(...paper(url, '--json'))
  expect([refused.code, json(refused).error.code]).toEqual([2, 'config-invalid'])
  // It leaves no journal with which the next run would have to agree.
  expect(existsSync(folder)).toBe(false)

  const killed = start(...paper(url, '--model', 'rising'))
  const orders = () => {
    const reader = existsSync(folder) ? JournalReader.open(folder) : undefined
    let count = 0
    while (reader?.next()) {
      if (reader.read().type === 'ORDER') count++
      while (reader.nextRow());
    }
    return count
  }
  for (let wait = 0; wait < 200 && orders() < 3; wait++) {
    expect(killed.exitCode).toBeNull()
    await sleep(100)
  }
  killed.kill('SIGKILL')
  await new Promise((done) => killed.once('close', done))
  expect(orders()).toBeGreaterThanOrEqual(3)

  const replayed = replayJournal(JournalReader.open(folder)!, build)
  const copy = join(FOLDER, 'copy')
  cpSync(folder, copy, { recursive: true })
  rmSync(join(copy, 'lock'), { force: true })
  const { header } = JournalReader.open(copy)!
  const recovered = startEngine({
    directory: copy,
    header,
    build,
    durability: 'buffered',
    venue: new MuteVenue(),
    nowUs: replayed.engine.clock.nowUs,
  })
  recovered.journal.close()
  expect(engineStateDigest(recovered.engine)).toBe(replayed.state)
  const target = recovered.engine.universe.index(NORTH)
  const forecast = recovered.engine.forecasts.latest('variance', target, 1)!
  expect(forecast).toEqual(replayed.engine.forecasts.latest('variance', target, 1))
  expect(forecast.value).toBeGreaterThan((0.16 * 10) / (365 * 86_400))
  expect(replayed.engine.clock.nowUs - forecast.timeUs).toBeLessThan(1_000_000)

  const again = await gimbal(...paper(url, '--model', 'rising', '--seconds', '1.5', '--json'))
  expect(again.code).toBe(0)
  const result = json(again)
  expect(result).toMatchObject({ continued: true, latched: [] })
  const check = await gimbal('replay', 'paper', '--models', 'models', '--json')
  expect([check.code, json(check).state, json(check).closed]).toEqual([0, result.state, true])
  expect(json(check).acts).toBeGreaterThan(replayed.acts)

  // Another model is another run.
  new ModelRegistry(MODELS).add(artificialModel(features, { ...rising, name: 'other', scale: 0.5 }))
  const other = await gimbal(...paper(url, '--model', 'other', '--seconds', '1'))
  expect([other.code, other.err]).toEqual([2, expect.stringContaining('settings.models')])
})
