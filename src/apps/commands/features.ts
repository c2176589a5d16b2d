/** @file `gimbal features`: what can be told of a market, recorded over data, with the figures a person checks first. */

import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { isoTime } from '../../core/clock.ts'
import { FAMILIES } from '../../features/families.ts'
import { describeFeatures } from '../../features/featureSet.ts'
import { type Dataset, saveDataset } from '../../research/dataset.ts'
import { leaksOf } from '../researchJob.ts'
import { featuresFor, openStudyData, recordStudy, type StudyDataOptions } from '../studyData.ts'
import { count, EXIT, interruptible, lengthOption, numberOption, type Terminal } from '../terminal.ts'

interface FeaturesOptions extends StudyDataOptions {
  readonly list?: boolean
  readonly out?: string
  readonly csv?: string
  readonly check?: string
}

export async function features(terminal: Terminal, options: FeaturesOptions): Promise<number> {
  if (options.list) return listFamilies(terminal)
  const study = await openStudyData(terminal, options)
  const samplingUs = options.every ? lengthOption(options.every, '--every') : study.barUs || 1_000_000
  const stepUs = study.barUs || Math.min(samplingUs, 1_000_000)
  const spec = featuresFor(study, options, { samplingUs, stepUs, horizonUs: 12 * samplingUs })
  const dataset = await interruptible((signal) => recordStudy(terminal, study, spec, stepUs, signal))
  if (!dataset) return EXIT.interrupted
  const cuts = options.check ? numberOption(options.check, '--check', 1) : 0
  const leaks = await leaksOf(terminal, study, dataset, stepUs, cuts)
  if (options.out) saveDataset(dataset, options.out)
  if (options.csv) writeCsv(dataset, options.csv)
  const described = describeFeatures(spec)
  const rows = dataset.table.names.map((name, i) => ({
    name,
    unit: described[i]!.unit,
    ...moments(dataset.table.columns[i]!),
  }))
  const { timesUs } = dataset
  terminal.line(
    `${count(dataset.table.rows, 'sample')} of ${count(rows.length, 'figure')} about ${spec.target}, ${isoTime(timesUs[0]!).slice(0, 19)} to ${isoTime(timesUs.at(-1)!).slice(0, 19)} [${dataset.source.kind.toUpperCase()}]`,
  )
  terminal.table(
    ['figure', 'unit', 'missing', 'mean', 'deviation', 'least', 'most'],
    rows.map(({ name, unit, missing, mean, deviation, least, most }) => [
      name,
      unit,
      `${(100 * missing).toFixed(1)} %`,
      ...[mean, deviation, least, most].map((value) => (Number.isNaN(value) ? '–' : value.toPrecision(4))),
    ]),
  )
  for (const { column, doc } of leaks) terminal.line(`KNOWS THE FUTURE  ${column}: ${doc}`)
  if (cuts > 0 && leaks.length === 0)
    terminal.line(`no column knows the future: ${count(cuts, 'cut')} of the tape, and what each says of the next steps`)
  terminal.line(`schema  ${dataset.schemaHash}`)
  terminal.line(`dataset ${dataset.hash}${options.out ? `, in ${options.out}` : ''}`)
  terminal.result({
    target: spec.target,
    samples: dataset.table.rows,
    fromUs: timesUs[0],
    toUs: timesUs.at(-1),
    provenance: dataset.source.kind,
    schemaHash: dataset.schemaHash,
    datasetHash: dataset.hash,
    features: spec,
    figures: rows,
    leaks,
  })
  return leaks.length > 0 ? EXIT.found : EXIT.ok
}

function listFamilies(terminal: Terminal): number {
  for (const family of Object.values(FAMILIES)) {
    terminal.line(`${family.name} (version ${family.version})`)
    terminal.prose(family.summary, 2)
    for (const [name, setting] of Object.entries(family.settings))
      terminal.prose(
        `--feature ${family.name}.${name}=${setting.default === '' ? '…' : setting.default}  ${setting.doc}`,
        4,
      )
  }
  terminal.result(
    Object.values(FAMILIES).map(({ name, version, summary, settings }) => ({ name, version, summary, settings })),
  )
  return EXIT.ok
}

/** Over the known figures of a column; NaN where there are none. */
function moments(column: Float64Array | Float32Array) {
  let known = 0
  let sum = 0
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  for (const value of column) {
    if (Number.isNaN(value)) continue
    known++
    sum += value
    least = Math.min(least, value)
    most = Math.max(most, value)
  }
  const mean = sum / known
  let squares = 0
  for (const value of column) if (!Number.isNaN(value)) squares += (value - mean) ** 2
  const missing = 1 - known / column.length
  if (known === 0) return { missing, mean: Number.NaN, deviation: Number.NaN, least: Number.NaN, most: Number.NaN }
  return { missing, mean, deviation: Math.sqrt(squares / known), least, most }
}

/** Rows between two writes. */
const ROWS_A_WRITE = 4096

function writeCsv({ timesUs, table }: Dataset, path: string): void {
  mkdirSync(dirname(path), { recursive: true })
  const file = openSync(path, 'w')
  try {
    writeSync(file, `time_us,${table.names.map((name) => `"${name}"`).join(',')}\n`)
    let lines: string[] = []
    for (let row = 0; row < table.rows; row++) {
      const cells = table.columns.map((column) => (Number.isNaN(column[row]!) ? '' : String(column[row]!)))
      lines.push(`${timesUs[row]!},${cells.join(',')}\n`)
      if (lines.length < ROWS_A_WRITE && row < table.rows - 1) continue
      writeSync(file, lines.join(''))
      lines = []
    }
  } finally {
    closeSync(file)
  }
}
