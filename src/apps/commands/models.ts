/** @file `gimbal models`: the registry of forecasters: list, show, compare, promote, retire. */

import { isoTime } from '../../core/clock.ts'
import { GimbalError } from '../../core/errors.ts'
import type { Artifact } from '../../models/artifact.ts'
import { ModelRegistry, type RegisteredModel } from '../../models/modelRegistry.ts'
import { count, EXIT, span, type Terminal } from '../terminal.ts'

interface ModelsOptions {
  readonly models: string
  readonly who?: string
  readonly reason?: string
}

export async function models(terminal: Terminal, options: ModelsOptions, args: string[]): Promise<number> {
  const [action = 'list', ...asked] = args
  const registry = new ModelRegistry(options.models)
  switch (action) {
    case 'list':
      if (asked.length > 0)
        throw new GimbalError('argument-invalid', 'gimbal models list takes no model', {
          given: asked.join(' '),
          example: `gimbal models show ${asked[0]!}`,
        })
      return list(terminal, registry)
    case 'show':
      return show(terminal, registry.find(required(asked, action)))
    case 'compare':
      if (asked.length < 2)
        throw new GimbalError('argument-invalid', 'Comparing takes two models or more', {
          example: 'gimbal models compare btc-variance-1h 3f2a91',
        })
      return compare(
        terminal,
        asked.map((each) => registry.find(each)),
      )
    case 'promote':
    case 'retire': {
      const state = action === 'promote' ? 'promoted' : 'retired'
      const decided = registry.decide(
        required(asked, action),
        state,
        options.who ?? '',
        options.reason ?? '',
        new Date().toISOString(),
      )
      terminal.line(`${decided.artifact.name} ${decided.artifact.id.slice(0, 12)} is ${decided.state}`)
      terminal.result({ id: decided.artifact.id, state: decided.state, decision: decided.decision })
      return EXIT.ok
    }
    default:
      throw new GimbalError('argument-invalid', 'No such action', {
        asked: action,
        known: 'list, show, compare, promote, retire',
      })
  }
}

function required(asked: readonly string[], action: string): string {
  if (asked.length === 1) return asked[0]!
  throw new GimbalError('argument-invalid', `gimbal models ${action} takes one model, by name or identity`, {
    given: asked.join(' ') || 'none',
  })
}

function list(terminal: Terminal, registry: ModelRegistry): number {
  const all = registry.list()
  terminal.line(`${count(all.length, 'model')} in ${registry.folder}`)
  terminal.table(
    ['identity', 'name', 'state', 'forecasts', 'horizon', 'trained until', 'data'],
    all.map(({ artifact, state }) => [
      artifact.id.slice(0, 12),
      artifact.name,
      state,
      `${artifact.quantity} of ${artifact.target}`,
      span(artifact.horizonUs),
      isoTime(artifact.trained.toUs).slice(0, 16),
      artifact.trained.dataKind.toUpperCase(),
    ]),
  )
  terminal.result(all.map(({ artifact, state }) => ({ ...summary(artifact), state })))
  return EXIT.ok
}

/** An artifact without the model itself. */
function summary({ model, range: _range, ...rest }: Artifact): object {
  return { ...rest, model: { kind: model.kind } }
}

function show(terminal: Terminal, { artifact, state, decision }: RegisteredModel): number {
  const { trained, interval } = artifact
  terminal.line(`${artifact.name}  ${artifact.id}  [${state.toUpperCase()}]`)
  if (decision)
    terminal.line(`  ${decision.state} ${decision.date.slice(0, 19)} by ${decision.who}: ${decision.reason}`)
  terminal.line(
    `  forecasts  ${artifact.quantity} of ${artifact.target} over ${span(artifact.horizonUs)}, in ${artifact.unit}`,
  )
  terminal.line(
    `  interval   ${(100 * interval.level).toFixed(0)} %: ${interval.of === 'ratio' ? 'times' : 'plus'} ${interval.low.toPrecision(3)} to ${interval.high.toPrecision(3)}`,
  )
  terminal.line(`  features   ${artifact.features.features.map(({ family }) => family).join(', ')}`)
  terminal.line(`  schema     ${artifact.schemaHash}`)
  terminal.line(
    `  trained    ${trained.learner} on ${count(trained.rows, 'sample')}, ${isoTime(trained.fromUs).slice(0, 16)} to ${isoTime(trained.toUs).slice(0, 16)} [${trained.dataKind.toUpperCase()}], seed ${trained.seed}, gimbal ${trained.gimbal}`,
  )
  terminal.line(`  dataset    ${trained.datasetHash}`)
  for (const metric of artifact.metrics) terminal.line(`  ${metric.name.padEnd(24)} ${figure(metric)}  (${metric.on})`)
  for (const parent of artifact.parents) terminal.line(`  parent     ${parent}`)
  terminal.result({ ...summary(artifact), state, decision: decision ?? null })
  return EXIT.ok
}

function compare(terminal: Terminal, chosen: readonly RegisteredModel[]): number {
  const names = [...new Set(chosen.flatMap(({ artifact }) => artifact.metrics.map(({ name }) => name)))]
  const same =
    new Set(chosen.map(({ artifact: { quantity, target, horizonUs } }) => `${quantity} ${target} ${horizonUs}`))
      .size === 1
  const data = new Set(chosen.map(({ artifact }) => artifact.trained.datasetHash)).size === 1
  if (!same) terminal.notice('These models forecast different things: their figures cannot be compared.')
  else if (!data)
    terminal.notice('These models were measured on different data: their figures can be compared with care only.')
  terminal.table(
    ['metric', ...chosen.map(({ artifact }) => `${artifact.name} ${artifact.id.slice(0, 6)}`)],
    names.map((name) => [
      name,
      ...chosen.map(({ artifact }) => {
        const found = artifact.metrics.find((metric) => metric.name === name)
        return found ? figure(found) : '–'
      }),
    ]),
  )
  terminal.result(
    chosen.map(({ artifact, state }) => ({ id: artifact.id, name: artifact.name, state, metrics: artifact.metrics })),
  )
  return same ? EXIT.ok : EXIT.found
}

function figure({ value, low, high }: { value: number; low: number | null; high: number | null }): string {
  const interval = low === null || high === null ? '' : ` [${low.toPrecision(4)}, ${high.toPrecision(4)}]`
  return `${value.toPrecision(4)}${interval}`
}
