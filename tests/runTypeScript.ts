/**
 * @file Runs one of our TypeScript files in a Node process of its own, which cannot read TypeScript.
 *
 * Only what the file imports is translated (types are stripped, nothing is checked), into the cache of node_modules,
 * so that packages resolve as usual. A whole build would take longer than the tests that need it.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import ts from 'typescript'

/** Translated files, ready to be run; `remove` deletes them. */
export interface Translated {
  spawn(entry: string, args: readonly string[]): ChildProcess
  /** Where a file's translation lies, for `import()`: what starts threads from files must itself run from one. */
  path(entry: string): string
  remove(): void
}

/** Translates the entries, paths from the root of the repository, and everything they import. */
export function translate(entries: readonly string[]): Translated {
  const root = resolve(import.meta.dirname, '..')
  const out = join(root, 'node_modules/.cache/gimbal', `run-${process.pid}`)
  const seen = new Set<string>()
  const queue = entries.map((entry) => join(root, entry))
  const target = (file: string) => join(out, relative(root, file)).replace(/\.ts$/, '.js')
  for (let file = queue.pop(); file; file = queue.pop()) {
    if (seen.has(file)) continue
    seen.add(file)
    const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), {
      compilerOptions: {
        target: ts.ScriptTarget.ES2023,
        module: ts.ModuleKind.ESNext,
        verbatimModuleSyntax: true,
        rewriteRelativeImportExtensions: true,
      },
    })
    mkdirSync(dirname(target(file)), { recursive: true })
    writeFileSync(target(file), outputText)
    for (const [, path] of outputText.matchAll(/(?:from|import)\s*\(?\s*['"](\.[^'"]+)\.js['"]/g))
      queue.push(resolve(dirname(file), `${path}.ts`))
  }
  return {
    spawn: (entry, args) =>
      spawn(process.execPath, [target(join(root, entry)), ...args], { stdio: ['ignore', 'pipe', 'inherit'] }),
    path: (entry) => target(join(root, entry)),
    remove: () => rmSync(out, { recursive: true, force: true }),
  }
}
