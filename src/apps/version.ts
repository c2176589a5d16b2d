/** @file Version of this installation. */

import { readFileSync } from 'node:fs'

export function gimbalVersion(): string {
  return (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string })
    .version
}
