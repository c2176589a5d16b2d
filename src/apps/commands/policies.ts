/** @file `gimbal policies`: which policies there are, with their settings, defaults and ranges. */

import { GimbalError } from '../../core/errors.ts'
import type { Setting } from '../../core/settings.ts'
import { POLICIES } from '../../policies/registry.ts'
import { EXIT, type Terminal, wrapped } from '../terminal.ts'

export async function policies(terminal: Terminal, _options: object, args: string[]): Promise<number> {
  const asked = args[0]
  if (asked !== undefined && !Object.hasOwn(POLICIES, asked))
    throw new GimbalError('argument-invalid', 'No such policy', {
      asked,
      known: Object.keys(POLICIES).join(' '),
    })
  const shown = Object.entries(POLICIES).filter(([name]) => asked === undefined || name === asked)
  const names = shown.flatMap(([, { settings }]) => Object.keys(settings))
  const width = Math.max(...names.map((name) => name.length))
  for (const [index, [name, { summary, settings }]] of shown.entries()) {
    if (index > 0) terminal.line()
    terminal.line(name)
    for (const line of wrapped(summary, 2)) terminal.line(line)
    for (const [key, setting] of Object.entries(settings)) {
      const text = `${setting.doc} ${standing(setting)}`
      const [first = '', ...rest] = wrapped(text, width + 4)
      terminal.line(`  ${key.padEnd(width)}  ${first.trimStart()}`)
      for (const line of rest) terminal.line(line)
    }
  }
  const [first] = shown
  const example = first && Object.entries(first[1].settings).find(([, { default: value }]) => typeof value === 'number')
  if (first && example) {
    terminal.line()
    terminal.line(
      `Use: gimbal backtest --catalog DIR --policy ${first[0]} --set ${example[0]}=${example[1].default} [--set …]`,
    )
  }
  terminal.result(
    shown.map(([name, { summary, settings }]) => ({
      name,
      summary,
      settings: Object.entries(settings).map(([key, setting]) => ({ name: key, ...setting })),
    })),
  )
  return EXIT.ok
}

/** Default and range: `Default 0.2, from 0.001 to 10.` */
function standing({ default: value, min, max, choices }: Setting): string {
  const shown = `Default ${value === '' ? 'empty' : value}`
  if (choices) return `${shown}; one of ${choices.join(', ')}.`
  if (min !== undefined && max !== undefined) return `${shown}, from ${min} to ${max}.`
  if (min !== undefined) return `${shown}, at least ${min}.`
  if (max !== undefined) return `${shown}, at most ${max}.`
  return `${shown}.`
}
