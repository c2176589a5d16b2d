/** @file `gimbal doctor`: whether this installation can do its work, and what to do where it cannot. */

import { existsSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { availableParallelism, freemem, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Catalog, verifyCatalog } from '../../store/catalog.ts'
import { EXIT, type Terminal, thousands } from '../terminal.ts'
import { gimbalVersion } from '../version.ts'

interface Finding {
  readonly check: string
  readonly ok: boolean
  readonly found: string
  readonly remedy: string
}

export async function doctor(terminal: Terminal, options: { readonly catalog?: string }): Promise<number> {
  const findings: Finding[] = []
  const check = async (name: string, remedy: string, test: () => Promise<string> | string) => {
    try {
      findings.push({ check: name, ok: true, found: await test(), remedy })
    } catch (error) {
      findings.push({ check: name, ok: false, found: (error as Error).message.split('\n')[0]!, remedy })
    }
  }
  await check('gimbal', 'install it again', () => gimbalVersion())
  await check('Node', 'install Node 20.19 or later from nodejs.org', () => {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
    if (major < 20 || (major === 20 && minor < 19)) throw new Error(`${process.versions.node} is too old`)
    return process.versions.node
  })
  await check('DuckDB', 'run npm ci; its binary comes as a package of its own for each platform', async () => {
    const { DuckDBInstance } = await import('@duckdb/node-api')
    const connection = await (await DuckDBInstance.create(':memory:')).connect()
    const [[answer]] = (await (await connection.runAndReadAll('select version()')).getRows()) as [[string]]
    connection.closeSync()
    return answer
  })
  await check('temporary folder', 'set TMPDIR to a folder that can be written', () => {
    const folder = mkdtempSync(join(tmpdir(), 'gimbal-doctor-'))
    writeFileSync(join(folder, 'x'), 'x')
    rmSync(folder, { recursive: true })
    return tmpdir()
  })
  await check('disk', 'free some space: tapes take 41 bytes a row beside the catalog', () => {
    const { bavail, bsize } = statfsSync(options.catalog && existsSync(options.catalog) ? options.catalog : '.')
    const gigabytes = (bavail * bsize) / 1e9
    if (gigabytes < 1) throw new Error(`${gigabytes.toFixed(1)} GB free`)
    return `${gigabytes.toFixed(0)} GB free`
  })
  await check(
    'memory',
    'close something: building the tapes of a catalog for the first time takes up to 450 MB',
    () => {
      if (freemem() < 5e8) throw new Error(`${thousands(Math.round(freemem() / 1e6))} MB free`)
      return `${thousands(Math.round(freemem() / 1e6))} MB free, ${availableParallelism()} threads`
    },
  )
  if (options.catalog) {
    const folder = options.catalog
    await check(
      `catalog ${folder}`,
      existsSync(folder)
        ? 'gimbal catalog verify names each finding; import the named sources again'
        : 'gimbal import FILE --catalog DIR makes one',
      async () => {
        if (!existsSync(folder)) throw new Error('does not exist')
        const { files, rows, findings: problems } = await verifyCatalog(new Catalog(folder))
        if (problems.length > 0)
          throw new Error(`${problems.length} findings, first: ${problems[0]!.path}: ${problems[0]!.problem}`)
        return `${thousands(files)} files, ${thousands(rows)} rows, all as their manifests say`
      },
    )
  }
  for (const { check: name, ok, found, remedy } of findings)
    terminal.line(`${ok ? '✓' : '✗'} ${name}: ${found}${ok ? '' : `\n    ${remedy}`}`)
  terminal.result({ ok: findings.every(({ ok }) => ok), findings })
  return findings.every(({ ok }) => ok) ? EXIT.ok : EXIT.found
}
