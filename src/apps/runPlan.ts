/**
 * @file Everything that decides a run, as plain data: written into the journal's header, read back from it, and the
 * one place where an engine and its exchange are built from it. Backtest, replay and paper build alike.
 */

import { GimbalError } from '../core/errors.ts'
import { Engine, type EngineParts, type Observer, type VenuePort } from '../engine/engine.ts'
import { ownMargins, type VenueMargins } from '../engine/marginDesk.ts'
import { MuteVenue } from '../engine/replayJournal.ts'
import type { Json } from '../journal/header.ts'
import { type Journal, NoJournal } from '../journal/journal.ts'
import type { Universe } from '../market/instrument.ts'
import type { Forecaster } from '../models/forecastDesk.ts'
import { buildPolicy } from '../policies/registry.ts'
import { DEFAULT_RISK, type RiskConfig } from '../risk/riskConfig.ts'
import { RiskGate } from '../risk/riskGate.ts'
import { DEFAULT_SIZING } from '../risk/sizing.ts'
import { constantLatency, feedLatency, type LatencyModel } from '../sim/latencyModels.ts'
import { queueModelNamed } from '../sim/queueModels.ts'
import { ReplayedExchange } from '../sim/replayedExchange.ts'
import { pairs } from './terminal.ts'

export type Setting = string | number | boolean

/** Which data a run is fed: enough to find or make them again. */
export type DataPlan =
  | {
      readonly from: 'catalog'
      /** Names as {@link TapeSelection} takes them; all when empty. */
      readonly instruments: readonly string[]
      readonly fromUs: number | null
      readonly toUs: number | null
      /** Length of bars where there are several, in µs. */
      readonly barUs?: number
      /** Hold-out that may be read; every other declared one is refused. */
      readonly holdOut?: string
    }
  | { readonly from: 'generated'; readonly seed: number; readonly hours: number }
  /** The generated market of options: sim/market/optionMarket.ts. */
  | { readonly from: 'generated-options'; readonly seed: number; readonly days: number }
  | { readonly from: 'feed' }

/** What decides a run. */
export interface RunPlan {
  readonly data: DataPlan
  readonly policies: readonly { readonly name: string; readonly settings: Readonly<Record<string, Setting>> }[]
  readonly risk: RiskConfig
  readonly exchange: ExchangePlan
  readonly cash: Readonly<Record<string, number>>
  readonly seed: number
  /** Identities of the models the run trades on; none when absent. */
  readonly models?: readonly string[]
  /** Margin engine by venue, for the gate to hear how much of its margin an account uses; none when absent: see {@link completePlan}. */
  readonly margins?: VenueMargins
}

/** The replayed exchange's models by name. */
export interface ExchangePlan {
  /** As {@link queueModelNamed} reads it. */
  readonly queue: string
  /** `constant:ENTRY:RESPONSE` in µs, or `feed:MULTIPLIER`, of the recording's own feed latency at that moment. */
  readonly latency: string
}

export const DEFAULT_EXCHANGE: ExchangePlan = { queue: 'risk-averse', latency: 'constant:20000:20000' }

/** @throws {GimbalError} `argument-invalid`. */
export function latencyNamed(text: string): LatencyModel {
  const [kind, first, second] = text.split(':')
  const a = Number(first)
  const b = Number(second ?? first)
  if (kind === 'constant' && first && a >= 0 && b >= 0) return constantLatency(a, b)
  if (kind === 'feed' && first && a > 0) return feedLatency({ entryMultiplier: a, responseMultiplier: b, leastUs: 100 })
  throw new GimbalError('argument-invalid', 'No such latency model', {
    asked: text,
    known: 'constant:ENTRY_US:RESPONSE_US, feed:MULTIPLIER',
  })
}

/** Infinite limits do not exist in JSON: they are written as the text `none`. */
export function planToJson(plan: RunPlan): Json {
  return JSON.parse(
    JSON.stringify(plan, (_key, value) => (value === Number.POSITIVE_INFINITY ? 'none' : value)),
  ) as Json
}

/** @throws {GimbalError} `journal-invalid` when it is not a plan. */
export function planFromJson(json: Json): RunPlan {
  const plan = JSON.parse(JSON.stringify(json), (_key, value) =>
    value === 'none' ? Number.POSITIVE_INFINITY : value,
  ) as RunPlan
  if (!Array.isArray(plan?.policies) || !plan.risk || !plan.exchange || !plan.cash || !Number.isFinite(plan.seed)) {
    throw new GimbalError('journal-invalid', 'The journal’s header holds no run plan', {
      settings: JSON.stringify(json).slice(0, 120),
    })
  }
  return plan
}

/** Who stands behind the engine's ports in a run. */
export interface RunPorts {
  readonly journal: Journal
  readonly venue: VenuePort
  readonly observer?: Observer
  /** The plan's models, in its order. */
  readonly forecasters?: readonly Forecaster[]
}

/**
 * Fills in the defaults of every policy, and the margin engine of every venue (`ownMargins`) where none were chosen, so that the
 * journal's header does not depend on what they are tomorrow.
 */
export function completePlan(plan: RunPlan, universe: Universe): RunPlan {
  return {
    margins: ownMargins(universe),
    ...plan,
    policies: plan.policies.map(({ name, settings }) => ({
      name,
      settings: buildPolicy(name, settings, universe).settings,
    })),
  }
}

/** @throws {GimbalError} `config-invalid` when the ports do not bring the models the plan names. */
export function buildEngine(plan: RunPlan, universe: Universe, ports: RunPorts): Engine {
  const wanted = plan.models?.length ?? 0
  if (wanted !== (ports.forecasters?.length ?? 0))
    throw new GimbalError('config-invalid', 'A run needs the models its plan names, and no others', {
      named: wanted,
      given: ports.forecasters?.length ?? 0,
    })
  return new Engine({
    universe,
    policies: plan.policies.map(({ name, settings }) => buildPolicy(name, settings, universe)),
    gate: (parts: EngineParts) => new RiskGate(plan.risk, parts),
    journal: ports.journal,
    venue: ports.venue,
    cash: plan.cash,
    seed: plan.seed,
    ...(ports.forecasters ? { forecasters: ports.forecasters } : {}),
    ...(plan.margins ? { margins: plan.margins } : {}),
    ...(ports.observer ? { observer: ports.observer } : {}),
  })
}

/**
 * Builds and starts the plan's engine for nothing: what would refuse to start is found before anything is written.
 *
 * @throws {GimbalError} `config-invalid`, `instrument-unknown`, `schema-mismatch`.
 */
export function requireRunnable(plan: RunPlan, universe: Universe, forecasters?: readonly Forecaster[]): void {
  const ports = { journal: new NoJournal(), venue: new MuteVenue(), ...(forecasters ? { forecasters } : {}) }
  buildEngine(plan, universe, ports).start()
}

export function buildExchange(plan: RunPlan, universe: Universe): ReplayedExchange {
  return new ReplayedExchange({
    universe,
    cash: plan.cash,
    settings: { queue: queueModelNamed(plan.exchange.queue), latency: latencyNamed(plan.exchange.latency) },
  })
}

/**
 * Margin engines of a run from `--margin`: `venue=engine`, `venue=none`, or `none` alone for all. Venues not named keep what
 * {@link completePlan} gives them. What is named is checked by the engine.
 *
 * @returns To be spread into a plan; empty where no venue is watched.
 * @throws {GimbalError} `argument-invalid`.
 */
export function marginsFrom(asked: readonly string[], universe: Universe): { margins: VenueMargins } {
  if (asked.length === 1 && asked[0] === 'none') return { margins: {} }
  const named = Object.entries({ ...ownMargins(universe), ...pairs(asked, '--margin') })
  return { margins: Object.fromEntries(named.filter(([, engine]) => engine !== 'none')) }
}

/**
 * The default limits with changes by dotted path: `limits.leverageMax=3`, `breakers.daily-loss.limit=0.05`,
 * `breakers.stale-data=off`, `sizing=off`. Values `none` mean no limit.
 *
 * @throws {GimbalError} `config-invalid` for a path that does not exist; the gate checks the values.
 */
export function riskFrom(changes: readonly string[]): RiskConfig {
  const config = structuredClone(DEFAULT_RISK) as unknown as Record<string, unknown> & {
    breakers: Record<string, unknown>[]
  }
  for (const [path, text] of Object.entries(pairs(changes, '--risk'))) {
    const parts = path.split('.')
    const unknown = () =>
      new GimbalError('config-invalid', 'No such limit or breaker setting', {
        asked: path,
        examples:
          'limits.leverageMax, limits.instrument.orderNotionalMax, breakers.daily-loss.limit, breakers.stale-data=off, sizing=off',
      })
    if (path === 'sizing' && (text === 'on' || text === 'off')) {
      if (text === 'on') config['sizing'] = { ...DEFAULT_SIZING }
      else delete config['sizing']
      continue
    }
    const value =
      text === 'none' ? Number.POSITIVE_INFINITY : text === '' || Number.isNaN(Number(text)) ? text : Number(text)
    if (parts[0] === 'breakers') {
      const rules = config.breakers.filter((rule) => rule['breaker'] === parts[1])
      if (rules.length === 0) throw unknown()
      if (parts.length === 2 && text === 'off') {
        config.breakers = config.breakers.filter((rule) => rule['breaker'] !== parts[1])
        continue
      }
      if (parts.length !== 3 || !Object.hasOwn(rules[0]!, parts[2]!)) throw unknown()
      for (const rule of rules) rule[parts[2]!] = value
      continue
    }
    let place: Record<string, unknown> = config
    for (const part of parts.slice(0, -1)) {
      if (typeof place[part] !== 'object' || place[part] === null) throw unknown()
      place = place[part] as Record<string, unknown>
    }
    const last = parts.at(-1)!
    if (typeof place[last] !== 'number' && typeof place[last] !== 'string') throw unknown()
    place[last] = value
  }
  return config as unknown as RiskConfig
}
