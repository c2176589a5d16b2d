/** @file The built program, started as a user starts it, and a file for it to import. */

import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Random } from '../src/core/random.ts'

const PROGRAM = resolve('dist/apps/main.js')

/** What a run said before it ended. */
export interface Said {
  /** Null when a signal ended it. */
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Starts `gimbal` in a folder, with `input` on its standard input, which is empty when absent and left open when null. */
export function startGimbal(folder: string, args: readonly string[], input?: string | null): ChildProcess {
  const told = input === undefined ? 'ignore' : 'pipe'
  const child = spawn(process.execPath, [PROGRAM, ...args], { cwd: folder, stdio: [told, 'pipe', 'pipe'] })
  if (input !== null) child.stdin?.end(input)
  return child
}

/** Waits for a started program and collects what it says. */
export async function ended(child: ChildProcess): Promise<Said> {
  let out = ''
  let err = ''
  child.stdout!.setEncoding('utf8').on('data', (text) => {
    out += text
  })
  child.stderr!.setEncoding('utf8').on('data', (text) => {
    err += text
  })
  const code = await new Promise<number | null>((done) => child.once('close', done))
  return { code, out, err }
}

/** Prices that wander, as bars from 1 January 2025 on in a layout that is recognised by its name. */
export function writeBars(path: string, bars: number, stepMs: number, seed: number): void {
  const random = new Random(seed)
  const lines = ['date,open,high,low,close,volume']
  let open = 50_000
  for (let bar = 0; bar < bars; bar++) {
    const close = Math.round(open * Math.exp(0.0005 * random.normal()) * 10) / 10
    const low = Math.min(open, close)
    lines.push([Date.UTC(2025, 0, 1) + bar * stepMs, open, Math.max(open, close), low, close, 100].join(','))
    open = close
  }
  writeFileSync(path, `${lines.join('\n')}\n`)
}
