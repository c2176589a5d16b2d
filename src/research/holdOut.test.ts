/**
 * Goal: a hold-out judges once; whoever looks again has to say so.
 *
 * Method: a declared span, a ledger, and two who want to look; the ledger is read back from its file.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Catalog } from '../store/catalog.ts'
import { declareHoldOut } from '../store/holdOuts.ts'
import { openHoldOut } from './holdOut.ts'
import { TrialLedger } from './trialLedger.ts'

const folder = mkdtempSync(join(tmpdir(), 'gimbal-opened-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('the second who opens a hold-out is refused, or his result says so', () => {
  const catalog = new Catalog(join(folder, 'catalog'))
  declareHoldOut(catalog, { name: 'autumn', fromUs: 1000, toUs: 2000 })
  const ledger = () => new TrialLedger(join(folder, 'trials.jsonl'))
  const first = openHoldOut(catalog, ledger(), 'autumn', { by: 'gimbal research', date: '2026-01-01T00:00:00Z' })
  expect(first.opening).toMatchObject({ name: 'autumn', fromUs: 1000, toUs: 2000, again: false })
  expect(first.sentence).toContain('for the first time')
  const later = { by: 'gimbal research --seed 2', date: '2026-01-02T00:00:00Z' }
  expect(() => openHoldOut(catalog, ledger(), 'autumn', later)).toThrow(
    expect.objectContaining({
      code: 'hold-out-opened',
      facts: expect.objectContaining({ openedBy: 'gimbal research' }),
    }),
  )
  expect(ledger().holdOutOpenings()).toHaveLength(1)
  const second = openHoldOut(catalog, ledger(), 'autumn', later, true)
  expect(second.before).toHaveLength(1)
  expect(second.sentence).toMatch(
    /opened once before \(first at 2026-01-01T00:00:00Z by gimbal research\).*not out of sample/,
  )
  expect(() => openHoldOut(catalog, ledger(), 'winter', later)).toThrow(
    expect.objectContaining({ code: 'hold-out-invalid' }),
  )
  expect(
    ledger()
      .holdOutOpenings()
      .map(({ again }) => again),
  ).toEqual([false, true])
})
