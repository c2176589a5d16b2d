/** @file `gimbal import`: foreign files into a catalog, with a summary of what was and was not understood. */

import { existsSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { GimbalError } from '../../core/errors.ts'
import { IMPORTERS, importerNamed, recogniseImporter } from '../../importers/registry.ts'
import { Catalog } from '../../store/catalog.ts'
import { type ImportResult, runImport } from '../../store/importRun.ts'
import { type InputFile, inputMembers, openInput } from '../../store/inputFile.ts'
import { count, EXIT, numberOption, pairs, type Terminal, thousands, wrapped } from '../terminal.ts'

interface ImportOptions {
  readonly catalog: string
  readonly importer?: string
  readonly list?: boolean
  readonly option: readonly string[]
  readonly rejectsMax: string
  readonly redo?: boolean
}

export async function importFiles(terminal: Terminal, options: ImportOptions, args: string[]): Promise<number> {
  if (options.list) {
    for (const importer of IMPORTERS) {
      terminal.line(`${importer.name} (version ${importer.version})`)
      terminal.prose(importer.summary, 2)
      terminal.line(`  ${importer.example}`)
      for (const [name, text] of Object.entries(importer.options)) {
        const [first = '', ...rest] = wrapped(`--option ${name}=…  ${text}`, 6)
        terminal.line(first.slice(2))
        for (const line of rest) terminal.line(line)
      }
    }
    terminal.result(
      IMPORTERS.map(({ name, version, summary, example, options }) => ({ name, version, summary, example, options })),
    )
    return EXIT.ok
  }
  if (args.length === 0)
    throw new GimbalError('argument-invalid', 'gimbal import needs files', {
      example: 'gimbal import btcusdt_20240718.jsonl.gz --catalog catalog',
    })
  const settings = pairs(options.option, '--option')
  const rejectsMax = numberOption(options.rejectsMax, '--rejects-max', 0)
  const catalog = new Catalog(options.catalog)
  const results: { file: string; result?: ImportResult; error?: GimbalError }[] = []
  for (const path of args) {
    if (!existsSync(path)) throw new GimbalError('file-missing', 'No such file', { path })
    if (!statSync(path).isFile()) {
      throw new GimbalError('argument-invalid', 'That is a folder: name its files, in the order they were recorded', {
        path,
        example: `gimbal import ${path}/*`,
      })
    }
    const members = await inputMembers(path)
    for (const member of members.length > 0 ? members : [undefined]) {
      const file = await openInput(path, member)
      try {
        const importer = options.importer
          ? importerNamed(options.importer)
          : recogniseImporter(file.name, await headOf(file))
        const result = await runImport(catalog, importer, file, settings, {
          rejectsMaxPercent: rejectsMax,
          redo: options.redo === true,
          onProgress: ({ lines, rows }) =>
            terminal.progress(`${basename(path)}: ${count(lines, 'line')}, ${count(rows, 'row')}`),
        })
        results.push({ file: file.name, result })
        terminal.progress('', true)
        summarise(terminal, file.name, result)
      } catch (error) {
        if (!(error instanceof GimbalError)) throw error
        terminal.progress('', true)
        terminal.notice(`${file.name}: ${error.message}`)
        results.push({ file: file.name, error })
      }
    }
  }
  const failed = results.filter(({ error }) => error).length
  const rows = results.reduce((sum, { result }) => sum + (result?.manifest.rows ?? 0), 0)
  terminal.line(
    `${thousands(results.length - failed)} of ${count(results.length, 'file')} imported, ${count(rows, 'row')} in ${options.catalog}`,
  )
  if (failed < results.length) terminal.line(`Next: gimbal catalog show --catalog ${options.catalog}`)
  terminal.result({
    catalog: options.catalog,
    rows,
    files: results.map(({ file, result, error }) => ({
      file,
      ...(result
        ? {
            status: result.status,
            id: result.manifest.id,
            importer: result.manifest.importer,
            rows: result.manifest.rows,
            gaps: result.manifest.gaps.count,
            manifest: result.manifest,
          }
        : {}),
      ...(error ? { error: { code: error.code, message: error.message, facts: error.facts } } : {}),
    })),
  })
  return failed > 0 ? EXIT.found : EXIT.ok
}

function summarise(terminal: Terminal, name: string, { status, manifest }: ImportResult): void {
  const streams = manifest.streams.map((stream) => `${stream.stream} ${thousands(stream.rows)}`).join(', ')
  const said: Record<ImportResult['status'], string> = {
    imported: `${count(manifest.rows, 'row')} (${streams})`,
    'already-imported': 'already imported, nothing written',
    outdated: 'imported before by this older version of the importer, nothing written; --redo replaces it',
  }
  terminal.line(`${name}  [${manifest.importer} ${manifest.version}]  ${said[status]}`)
  terminal.line(
    `  ${count(manifest.lines, 'line')}, ${count(manifest.gaps.count, 'gap')}, ${count(manifest.instruments, 'instrument')}`,
  )
  for (const { stream, venue, outOfOrderRows, duplicateRows } of manifest.streams) {
    if (outOfOrderRows > 0)
      terminal.line(`  out of order: ${count(outOfOrderRows, 'row')} of ${stream}@${venue}, kept as they came`)
    if (duplicateRows > 0)
      terminal.line(`  repeated: ${count(duplicateRows, 'row')} of ${stream}@${venue}, kept as they came`)
  }
  for (const [what, number] of Object.entries(manifest.counts)) terminal.line(`  counted ${what}: ${thousands(number)}`)
  for (const { name: reason, count: number, first } of manifest.rejects)
    terminal.line(
      `  rejected ${thousands(number)}: ${reason} (first at line ${first[0]?.line}, byte ${first[0]?.byte})`,
    )
  for (const { name: trap, count: number, first } of manifest.traps)
    terminal.line(`  trap ${trap}: ${thousands(number)}${first[0]?.detail ? ` (${first[0].detail})` : ''}`)
}

/** What recognition is judged on, in characters. */
const HEAD = 65_536

/** Thrown to stop reading once enough was seen. */
class Enough extends Error {}

/** The first lines of a file. Damage further on is the import's to report. */
async function headOf(file: InputFile): Promise<string> {
  let text = ''
  try {
    await file.lines((line) => {
      text += `${line}\n`
      if (text.length >= HEAD) throw new Enough()
    })
  } catch (error) {
    if (!(error instanceof Enough) && text === '') throw error
  }
  return text.slice(0, HEAD)
}
