/**
 * Goal: the benchmark of honesty runs, so that it cannot rot: no edge in two markets of noise, one of bars and one of books.
 * Method: the script itself, small. All of its hundred markets: `node bench/noiseVerdicts.mjs`.
 */

import { spawnSync } from 'node:child_process'
import { beforeAll, expect, test } from 'vitest'
import { ensureBuilt } from './built.ts'

beforeAll(ensureBuilt, 60_000)

test('research of two markets of noise claims no edge, and none of its placebos does', { timeout: 60_000 }, () => {
  const args = ['bench/noiseVerdicts.mjs', '--markets', '2', '--jobs', '1', '--samples', '600']
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  expect([status, stderr]).toEqual([0, ''])
  const found = JSON.parse(stdout)
  expect(found).toMatchObject({ markets: 2, claims: 0, claimedBy: [], invalid: [], below165: 0 })
  expect(found.placebos).toMatchObject({ run: 4, claimed: 0, notRun: 0 })
  for (const { least, most } of [found.t.all, found.placebos.t]) {
    expect(least).toBeGreaterThan(-1.65)
    expect(most).toBeLessThan(10)
  }
  expect(found.judged.least).toBeGreaterThan(300)
})
