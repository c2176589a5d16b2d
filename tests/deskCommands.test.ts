/**
 * Goal: the desk's verbs behave on a command line: results on standard output, exit codes that can be relied on, a page beside its
 * twin, and a fresh installation without data shows something that says it is generated.
 *
 * Method: the built program in a folder of its own; what its figures mean is tested beside the commands (src/apps/desk).
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ensureBuilt } from './built.ts'
import { ended, startGimbal } from './commandLine.ts'

const FOLDER = mkdtempSync(join(tmpdir(), 'gimbal-desk-cli-'))
const gimbal = (...args: string[]) => ended(startGimbal(FOLDER, args))
const at = (...parts: string[]) => join(FOLDER, ...parts)

beforeAll(() => ensureBuilt(), 120_000)
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }))

test('on a fresh installation each verb answers, and says that its market is generated', async () => {
  const said = await Promise.all([
    gimbal('surface', '--out', 'surface'),
    gimbal('greeks', '--example', 'book.json', '--out', 'greeks'),
  ])
  said.push(
    ...(await Promise.all([
      gimbal('margin', '--book', 'book.json', '--out', 'margin'),
      gimbal('stress', '--book', 'book.json', '--scenario', 'gap-down', '--out', 'stress'),
    ])),
  )
  for (const [index, verb] of ['surface', 'greeks', 'margin', 'stress'].entries()) {
    expect([verb, said[index]!.code]).toEqual([verb, 0])
    expect(said[index]!.out).toContain('[SYNTHETIC]')
    expect(said[index]!.out).toMatch(new RegExp(`Open file:.*${verb}/desk.html\n`))
    expect(readFileSync(at(verb, 'desk.html'), 'utf8')).toContain('SYNTHETIC DATA')
    expect(JSON.parse(readFileSync(at(verb, 'desk.json'), 'utf8')).market.kind).toBe('synthetic')
  }
  expect(said[1]!.err).toContain('book.json')
}, 60_000)

test('an answer under --json is one document, the same for one seed and another for another', async () => {
  const [one, same, other] = await Promise.all([
    gimbal('surface', '--json', '--seed', '3'),
    gimbal('surface', '--json', '--seed', '3', '--out', 'again'),
    gimbal('surface', '--json', '--seed', '4', '--out', 'other'),
  ])
  expect(JSON.parse(one!.out).surfaces).toHaveLength(1)
  expect(same!.out).toBe(one!.out)
  expect(other!.out).not.toBe(one!.out)
}, 60_000)

test('what is wrong has its exit code: 1 where a file is missing, 2 for a wish without sense, 3 for what was found', async () => {
  writeFileSync(
    at('thin.json'),
    JSON.stringify({
      accounts: [
        {
          venue: 'hyperliquid',
          margin: 'hyperliquid',
          balances: { USDC: 100 },
          positions: [{ kind: 'perp', asset: 'BTC', size: 1, entry: 90_000, settle: 'USDC' }],
        },
      ],
    }),
  )
  const [missing, senseless, unknown, thin] = await Promise.all([
    gimbal('greeks', '--book', 'nowhere.json'),
    gimbal('surface', '--chain', 'a', '--market', 'b'),
    gimbal('stress', '--scenario', 'the sky falls'),
    gimbal('margin', '--book', 'thin.json'),
  ])
  expect([missing!.code, senseless!.code, unknown!.code, thin!.code]).toEqual([1, 2, 2, 3])
  for (const { out, err } of [missing!, senseless!, unknown!]) {
    expect(out).toBe('')
    expect(err).toMatch(/^gimbal (greeks|surface|stress): /m)
  }
  expect(thin!.out).toContain('CAN BE LIQUIDATED NOW')
}, 60_000)

test('the scenarios with a name are listed without running any', async () => {
  const { code, out } = await gimbal('stress', '--list')
  expect(code).toBe(0)
  for (const name of ['october-2025', 'gap-down', 'venue-down-aave']) expect(out).toContain(name)
}, 60_000)
