/**
 * @file Models LightGBM trained, with its own answers: what ours is compared with.
 *
 * Made by bench/peers/lightgbm/fixtures.py; the version of LightGBM stands in every case.
 */

import { readdirSync, readFileSync } from 'node:fs'

const FOLDER = new URL('../../src/models/trees/fixtures/', import.meta.url)

export interface LightgbmCase {
  readonly name: string
  /** Text of the model. */
  readonly model: string
  readonly rows: readonly Float64Array[]
  /** By row, one figure a class. Raw scores of a random forest are LightGBM's: the sum, not the mean. */
  readonly raw: readonly (readonly number[])[]
  readonly answers: readonly (readonly number[])[]
  readonly contributions: readonly (readonly number[])[]
}

export const LIGHTGBM_CASES: readonly LightgbmCase[] = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.json'))
  .sort()
  .map((file) => {
    const told = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Record<string, unknown>
    const lists = (field: string) => (told[field] as unknown[]).map((each) => [each].flat().map(figure))
    return {
      name: told['case'] as string,
      model: told['model'] as string,
      rows: lists('rows').map((row) => Float64Array.from(row)),
      raw: lists('raw'),
      answers: lists('answers'),
      contributions: lists('contributions'),
    }
  })

export function lightgbmCase(name: string): LightgbmCase {
  return LIGHTGBM_CASES.find((each) => each.name === name)!
}

/** JSON has no NaN and no infinity: null and text stand for them. */
function figure(told: unknown): number {
  return told === null ? Number.NaN : told === 'inf' ? Infinity : told === '-inf' ? -Infinity : (told as number)
}
