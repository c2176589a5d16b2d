/** @file `gimbal price`: options in, prices, Greeks or implied volatilities out, a line each. */

import { createReadStream } from 'node:fs'
import { GimbalError } from '../../core/errors.ts'
import { inputLines } from '../inputLines.ts'
import { type PriceAnswer, priceLine, unreadable } from '../priceLine.ts'
import { EXIT, type Terminal } from '../terminal.ts'

interface PriceOptions {
  readonly json?: boolean
  readonly right?: string
  readonly strike?: string
  readonly forward?: string
  readonly spot?: string
  readonly years?: string
  readonly expiry?: string
  readonly at?: string
  readonly volatility?: string
  readonly price?: string
  readonly rate?: string
  readonly yield?: string
  readonly settle?: string
}

const NUMBERS = ['strike', 'forward', 'spot', 'years', 'volatility', 'price', 'rate', 'yield'] as const
const WORDS = ['right', 'expiry', 'at', 'settle'] as const

/**
 * One option from flags, or a JSON line each from files or standard input.
 *
 * Exit code 3 when some line was refused; the answers say which and why, and every other line is priced.
 */
export async function price(terminal: Terminal, options: PriceOptions, files: string[]): Promise<number> {
  if ([...NUMBERS, ...WORDS].some((name) => options[name] !== undefined)) {
    if (files.length > 0) {
      throw new GimbalError('argument-invalid', 'An option in flags and files of options at once', {
        files: files.join(' '),
      })
    }
    return one(terminal, options)
  }
  let refused = 0
  let lines = 0
  if (files.length === 0 && process.stdin.isTTY)
    terminal.notice(
      'Reading options from the terminal, a JSON line each; gimbal price --help shows flags and an example',
    )
  for (const file of files.length > 0 ? files : ['-']) {
    const blocks = inputLines(file === '-' ? process.stdin : createReadStream(file))
    for (;;) {
      const next = await blocks.next().catch((cause: unknown) => {
        const reason = (cause as Error).message
        throw new GimbalError('file-missing', 'A file of options cannot be read', { file, reason }, { cause })
      })
      if (next.done) break
      let told = ''
      for (const line of next.value) {
        if ('text' in line && line.text.trim() === '') continue
        lines++
        const answer = 'text' in line ? priceLine(line.text) : unreadable(line.fault)
        if ('error' in answer) refused++
        told += `${JSON.stringify('error' in answer ? { line: line.number, ...answer } : answer)}\n`
      }
      // The reader of our output may be slower than we are.
      if (told !== '' && !process.stdout.write(told)) await new Promise((go) => process.stdout.once('drain', go))
    }
  }
  if (refused > 0) terminal.notice(`${refused} of ${lines} lines were refused; their answers say why`)
  return refused > 0 ? EXIT.found : EXIT.ok
}

function one(terminal: Terminal, options: PriceOptions): number {
  const given: Record<string, unknown> = {}
  for (const name of WORDS) if (options[name] !== undefined) given[name] = options[name]
  for (const name of NUMBERS) {
    const text = options[name]
    if (text === undefined) continue
    if (text.trim() === '' || Number.isNaN(Number(text))) {
      throw new GimbalError('argument-invalid', `--${name} is not a number`, { given: text })
    }
    given[name] = Number(text)
  }
  const answer: PriceAnswer = priceLine(JSON.stringify(given))
  if ('error' in answer) {
    const { message } = answer['error'] as { message: string }
    throw new GimbalError('argument-invalid', 'The option cannot be priced', { reason: message })
  }
  terminal.table(
    ['figure', 'value'],
    Object.entries(answer).map(([name, value]) => [name, String(value)]),
  )
  terminal.result(answer)
  return EXIT.ok
}
