/**
 * @file Placebos: the same data with the connection between features and labels cut, and everything else left as it was.
 *
 * A search that still finds skill in a placebo finds it in its own method. Both keep what makes markets hard to judge: labels
 * stay clustered within blocks, features stay as persistent as they were. (The third placebo, a market of pure noise, is
 * generated: `sim`.)
 */

import { GimbalError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import type { Table } from '../models/learner.ts'
import { completeDataset, type Dataset } from './dataset.ts'
import type { Labels } from './labels.ts'

/**
 * Labels exchanged in whole blocks of consecutive samples. Every known label is used once; samples whose label is unknown, and
 * the times labels end, stay where they are, so that the same splits apply.
 *
 * @param blockSamples Longer than the labels overlap and what clusters in them; at least two blocks must come of it.
 * @throws {GimbalError} `argument-invalid`.
 */
export function permuteLabels(labels: Labels, blockSamples: number, random: Random): Labels {
  const known = [...labels.label.keys()].filter((i) => !Number.isNaN(labels.label[i]!))
  const blocks = Math.ceil(known.length / blockSamples)
  if (!Number.isSafeInteger(blockSamples) || blockSamples < 1 || blocks < 2)
    throw new GimbalError('argument-invalid', 'Labels are permuted in at least two blocks', {
      known: known.length,
      blockSamples,
    })
  const order = Array.from({ length: blocks }, (_, block) => block)
  // Fisher and Yates; drawn again in the rare case that everything falls back into place.
  do {
    for (let i = blocks - 1; i > 0; i--) {
      const j = random.integer(0, i)
      ;[order[i], order[j]] = [order[j]!, order[i]!]
    }
  } while (order.every((block, i) => block === i))
  const moved = order.flatMap((block) => known.slice(block * blockSamples, (block + 1) * blockSamples))
  const label = labels.label.slice()
  for (const [place, i] of known.entries()) label[i] = labels.label[moved[place]!]!
  return { label, endsUs: labels.endsUs }
}

/**
 * Features of another time: every row's figures are those of the row `samples` before it, around the end. All columns move
 * together.
 *
 * @param first Rows before it stay as they are: figures of the warm-up, moved, would be holes where there are none.
 * @throws {GimbalError} `argument-invalid` unless the shift is a whole number that moves the rows.
 */
export function shiftFeatures(dataset: Dataset, samples: number, first = 0): Dataset {
  const rows = dataset.table.rows - first
  if (!Number.isSafeInteger(samples) || !(rows > 0) || samples % rows === 0)
    throw new GimbalError('argument-invalid', 'Such a shift leaves every figure in its place', { samples, rows })
  const by = ((samples % rows) + rows) % rows
  const columns = dataset.table.columns.map((column) => {
    const moved = column.slice()
    moved.set(column.subarray(first + rows - by), first)
    moved.set(column.subarray(first, first + rows - by), first + by)
    return moved
  })
  const table: Table = { ...dataset.table, columns }
  const source = { ...dataset.source, name: `${dataset.source.name}, features shifted by ${by} samples` }
  const { features, schemaHash, timesUs, path } = dataset
  return completeDataset({ features, schemaHash, timesUs, table, path, source })
}

/** A shift to draw: between a quarter and three quarters of the samples, far from every label it belongs to. */
export function drawShift(samples: number, random: Random): number {
  return random.integer(Math.max(1, Math.ceil(samples / 4)), Math.max(1, Math.floor((3 * samples) / 4)))
}
