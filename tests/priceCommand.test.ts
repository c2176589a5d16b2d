/**
 * Goal: `gimbal price` is a filter other programs can rely on: a line in, a line out, in order, whatever is between.
 * Method: the built program, fed through its standard input, through files and through flags.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { priceLine } from '../src/apps/priceLine.ts'
import { ensureBuilt } from './built.ts'
import { ended, startGimbal } from './commandLine.ts'

const FOLDER = mkdtempSync(join(tmpdir(), 'gimbal-price-'))
const GOOD = '{"id":1,"right":"call","strike":90000,"forward":92000,"years":0.1,"volatility":0.55,"settle":"coin"}'
const BAD = '{"id":2,"right":"put","strike":90000,"forward":92000,"years":-0.1,"volatility":0.55}'

beforeAll(ensureBuilt, 120_000)
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }))

const gimbal = (...args: string[]) => ended(startGimbal(FOLDER, ['price', ...args]))

test('lines are answered in order; what is refused says so and stops nothing', async () => {
  // More than a pipe holds, with an empty line and a last line without its end.
  const input = `${GOOD}\n\n${BAD}\n${`${GOOD}\n`.repeat(2_000)}${GOOD}`
  const { code, out, err } = await ended(startGimbal(FOLDER, ['price'], input))
  const answers = out.trimEnd().split('\n')
  expect(answers).toHaveLength(2_003)
  expect(JSON.parse(answers[0]!)).toEqual(priceLine(GOOD))
  expect(JSON.parse(answers[1]!)).toMatchObject({ line: 3, id: 2, error: { code: 'argument-invalid' } })
  expect(new Set(answers.slice(2))).toEqual(new Set([answers[0]]))
  expect(code).toBe(3)
  expect(err).toContain('1 of 2003 lines were refused')
})

test('marks of byte order and carriage returns are dropped, blank lines passed over, what is no UTF-8 or no end of a line refused by number', async () => {
  const named = (id: string) => GOOD.replace('1', JSON.stringify(id))
  writeFileSync(
    join(FOLDER, 'odd.jsonl'),
    Buffer.concat([
      Buffer.from(`\uFEFF${named('é')}\r\n\r\n   \n`),
      Buffer.from(named('é'), 'latin1'),
      Buffer.from(`\n${named('x'.repeat(1 << 20))}\n${named('€')}`),
    ]),
  )
  const { code, out } = await gimbal('odd.jsonl')
  const answers = out
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text))
  const [first, , , last] = answers
  expect([code, first.id, last.id]).toEqual([3, 'é', '€'])
  expect(first.price).toBe(priceLine(GOOD)['price'])
  expect(answers.slice(1, 3)).toEqual([
    { line: 4, error: { code: 'file-invalid', message: 'not UTF-8' } },
    { line: 5, error: { code: 'file-invalid', message: 'longer than 1048576 bytes' } },
  ])
})

test('a character cut in two by a pipe is whole again, and an answer does not wait for the end', async () => {
  const child = startGimbal(FOLDER, ['price'], null)
  const heard = new Promise<string>((resolve) => child.stdout!.once('data', (bytes) => resolve(String(bytes))))
  const bytes = Buffer.from(`${GOOD.replace('1', '"€"')}\n`)
  for (const byte of bytes) {
    child.stdin!.write(Buffer.of(byte))
    if (byte > 127) await new Promise((next) => setTimeout(next, 20))
  }
  expect(JSON.parse(await heard)).toMatchObject({ id: '€' })
  child.stdin!.end()
  expect((await ended(child)).code).toBe(0)
})

test('files are read one after the other; one that is not there is an error', async () => {
  writeFileSync(join(FOLDER, 'a.jsonl'), `${GOOD}\n`)
  const both = await gimbal('a.jsonl', 'a.jsonl')
  expect([both.code, both.out.trimEnd().split('\n').length]).toEqual([0, 2])
  const missing = await gimbal('a.jsonl', 'nowhere.jsonl')
  expect(missing.code).toBe(1)
  expect(missing.err).toContain('nowhere.jsonl')
  expect(missing.err).not.toContain('fault of gimbal')
})

test('one option is priced from flags', async () => {
  const flags = ['--right', 'call', '--strike', '90000', '--forward', '92000', '--years', '0.1', '--settle', 'coin']
  const priced = await gimbal(...flags, '--volatility', '0.55', '--json')
  const { id: _, ...expected } = priceLine(GOOD)
  expect(JSON.parse(priced.out)).toEqual(expected)
  const wrong = await gimbal(...flags, '--price', '-1')
  expect([wrong.code, wrong.out]).toEqual([2, ''])
  expect(wrong.err).toContain('price: Too small')
  expect((await gimbal(...flags, '--volatility', 'much')).err).toContain('--volatility is not a number')
})
