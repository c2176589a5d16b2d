/** @file `gimbal price`: options in, prices, Greeks or implied volatilities out, a line each. */

import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { GimbalError } from '../../core/errors.ts'
import { type PriceAnswer, priceLine } from '../priceLine.ts'
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
  for (const file of files.length > 0 ? files : ['-']) {
    const input = file === '-' ? process.stdin : createReadStream(file)
    // Without a listener a missing file would end the process before the loop below sees it.
    const failed = new Promise<never>((_, reject) => input.once('error', reject))
    failed.catch(() => {})
    let number = 0
    try {
      const reader = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })
      const each = reader[Symbol.asyncIterator]()
      for (;;) {
        const next = await Promise.race([each.next(), failed])
        if (next.done) break
        number++
        if (next.value.trim() === '') continue
        lines++
        const answer = priceLine(next.value)
        if ('error' in answer) refused++
        const told = 'error' in answer ? { line: number, ...answer } : answer
        // The reader of our output may be slower than we are.
        if (!process.stdout.write(`${JSON.stringify(told)}\n`)) {
          await new Promise((resolve) => process.stdout.once('drain', resolve))
        }
      }
    } catch (cause) {
      throw new GimbalError(
        'file-missing',
        'A file of options cannot be read',
        { file, reason: String(cause) },
        { cause },
      )
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
