/**
 * @file The registry of models: a directory of content-addressed files and one append-only list of what people decided.
 *
 * A model is `trained` until someone promotes it for what it forecasts (quantity, instrument, horizon); promoting another
 * retires the one before. Nothing is ever deleted or overwritten: `decisions.jsonl` says who, when and why.
 */

import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { GimbalError } from '../core/errors.ts'
import { type Artifact, artifactText, parseArtifact } from './artifact.ts'

export type ModelState = 'trained' | 'promoted' | 'retired'

/** One decision about a model. */
export interface ModelDecision {
  readonly id: string
  readonly state: 'promoted' | 'retired'
  readonly who: string
  readonly reason: string
  /** ISO 8601 UTC, given by the edge. */
  readonly date: string
}

/** A model with its standing. */
export interface RegisteredModel {
  readonly artifact: Artifact
  readonly state: ModelState
  /** The decision that put it there; undefined while nobody decided. */
  readonly decision: ModelDecision | undefined
}

const EXTENSION = '.model'
const DECISIONS = 'decisions.jsonl'
const IDENTITY = /^[0-9a-f]{64}$/

export class ModelRegistry {
  readonly folder: string

  /** @param folder Made by the first model added. */
  constructor(folder: string) {
    this.folder = folder
  }

  /** Keeps a model; one that is there already is left alone. Returns its file. */
  add(artifact: Artifact): string {
    mkdirSync(this.folder, { recursive: true })
    const path = join(this.folder, `${artifact.id}${EXTENSION}`)
    if (existsSync(path)) return path
    const draft = `${path}.${process.pid}.draft`
    writeFileSync(draft, artifactText(artifact))
    renameSync(draft, path)
    return path
  }

  /** Every model, by name and then identity. @throws {GimbalError} `model-invalid` naming a damaged file. */
  list(): readonly RegisteredModel[] {
    if (!existsSync(this.folder)) return []
    const decisions = this.#latest()
    return readdirSync(this.folder)
      .filter((name) => name.endsWith(EXTENSION))
      .map((name) => this.#read(name, decisions))
      .sort(({ artifact: a }, { artifact: b }) => (`${a.name} ${a.id}` < `${b.name} ${b.id}` ? -1 : 1))
  }

  /**
   * A model by name, identity or the beginning of its identity. A name that several models share means the promoted one. By
   * its whole identity only its own file is read: a run is not kept from starting by a model it does not use.
   *
   * @throws {GimbalError} `model-unknown` when there is none or more than one; `model-invalid`.
   */
  find(asked: string): RegisteredModel {
    if (IDENTITY.test(asked) && existsSync(join(this.folder, `${asked}${EXTENSION}`)))
      return this.#read(`${asked}${EXTENSION}`, this.#latest())
    const all = this.list()
    const named = all.filter(({ artifact }) => artifact.name === asked)
    const promoted = named.filter(({ state }) => state === 'promoted')
    const byId = asked.length >= 6 ? all.filter(({ artifact }) => artifact.id.startsWith(asked)) : []
    for (const found of [promoted, named, byId]) if (found.length === 1) return found[0]!
    throw new GimbalError(
      'model-unknown',
      named.length + byId.length > 1 ? 'Several models answer to that' : 'No such model',
      {
        asked,
        folder: this.folder,
        known:
          [...(named.length > 1 ? named : byId.length > 1 ? byId : all)]
            .slice(0, 12)
            .map(({ artifact, state }) => `${artifact.name} ${artifact.id.slice(0, 12)} (${state})`)
            .join(', ') || 'none',
      },
    )
  }

  /**
   * Writes down a decision; promoting retires what was promoted for the same forecast.
   *
   * @throws {GimbalError} `model-unknown`; `argument-invalid` without a name and a reason.
   */
  decide(asked: string, state: 'promoted' | 'retired', who: string, reason: string, date: string): RegisteredModel {
    if (who.trim() === '' || reason.trim() === '')
      throw new GimbalError(
        'argument-invalid',
        'A decision about a model needs someone who answers for it, and a reason',
        {
          who,
          reason,
        },
      )
    const { artifact } = this.find(asked)
    const decisions: ModelDecision[] = []
    if (state === 'promoted') {
      const same = ({ quantity, target, horizonUs }: Artifact) =>
        quantity === artifact.quantity && target === artifact.target && horizonUs === artifact.horizonUs
      for (const other of this.list()) {
        if (other.state !== 'promoted' || other.artifact.id === artifact.id || !same(other.artifact)) continue
        decisions.push({ id: other.artifact.id, state: 'retired', who, reason: `replaced by ${artifact.id}`, date })
      }
    }
    this.#append([...decisions, { id: artifact.id, state, who, reason, date }])
    return this.find(artifact.id)
  }

  /** Every decision so far, oldest first. @throws {GimbalError} `model-invalid` for a line that is none. */
  decisions(): readonly ModelDecision[] {
    const path = join(this.folder, DECISIONS)
    if (!existsSync(path)) return []
    const lines = readFileSync(path, 'utf8').split('\n')
    // What follows the last newline was torn by a crash before it counted.
    lines.pop()
    return lines.map((line, index) => {
      const decision = parseDecision(line)
      if (decision) return decision
      throw new GimbalError('model-invalid', 'A line of the decisions about models is damaged', {
        file: path,
        line: index + 1,
      })
    })
  }

  /** The last decision about each model, by identity. */
  #latest(): ReadonlyMap<string, ModelDecision> {
    return new Map(this.decisions().map((decision) => [decision.id, decision]))
  }

  #read(name: string, decisions: ReadonlyMap<string, ModelDecision>): RegisteredModel {
    const file = join(this.folder, name)
    const artifact = parseArtifact(readFileSync(file, 'utf8'), file)
    if (name !== `${artifact.id}${EXTENSION}`)
      throw new GimbalError('model-invalid', 'A model file is not named after its identity', {
        file,
        remedy: `call it ${artifact.id}${EXTENSION}`,
      })
    const decision = decisions.get(artifact.id)
    return { artifact, state: decision?.state ?? 'trained', decision }
  }

  /** Decisions of one moment are written at once. What a crash tore off the line before is cut away: it never counted. */
  #append(decisions: readonly ModelDecision[]): void {
    const path = join(this.folder, DECISIONS)
    if (existsSync(path)) {
      const bytes = readFileSync(path)
      const whole = bytes.lastIndexOf(10) + 1
      if (whole < bytes.length) truncateSync(path, whole)
    }
    appendFileSync(path, decisions.map((decision) => `${JSON.stringify(decision)}\n`).join(''))
  }
}

/** A decision, or undefined for a line that is none. */
function parseDecision(line: string): ModelDecision | undefined {
  let decision: Partial<ModelDecision> | null
  try {
    decision = JSON.parse(line) as Partial<ModelDecision> | null
  } catch {
    return undefined
  }
  const { id, state, who, reason, date } = decision ?? {}
  if (![id, who, reason, date].every((each) => typeof each === 'string')) return undefined
  return state === 'promoted' || state === 'retired' ? (decision as ModelDecision) : undefined
}
