/**
 * @file Placebos: the same data with the connection between features and labels cut, and everything else left as it was.
 *
 * A search that still finds skill in a placebo finds it in its own method. Both keep what makes markets hard to judge: labels
 * stay clustered within blocks, features as persistent. Neither keeps the hour of the day. (The third placebo, a market of pure
 * noise, is generated: `sim`.)
 */

import { GimbalError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import type { Table } from '../models/learner.ts'
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
 * Features of other times: every block of consecutive rows gets the figures of a stretch that lies a quarter of the rows away at
 * least, around the end, drawn for each block by itself. All columns move together.
 *
 * One shift for all rows would leave the hour of the day in every column that has one: moved by five hours for good, a clock
 * tells as much as before, and so does whatever follows the day. Moved by as many hours as there are blocks it tells nothing.
 *
 * @param blockSamples Longer than what clusters in the features; persistence is kept within a block and ends at its edge.
 * @param first Rows before it stay as they are: figures of the warm-up, moved, would be holes where there are none.
 * @throws {GimbalError} `argument-invalid` for fewer than four rows to move, or blocks that are not whole rows.
 */
export function shiftFeatures(table: Table, blockSamples: number, random: Random, first = 0): Table {
  const rows = table.rows - first
  if (!Number.isSafeInteger(blockSamples) || blockSamples < 1 || !(rows >= 4))
    throw new GimbalError('argument-invalid', 'Features are moved in blocks of whole rows, among four at least', {
      blockSamples,
      rows,
    })
  const from = Uint32Array.from({ length: table.rows }, (_, row) => row)
  for (let start = 0; start < rows; start += blockSamples) {
    const shift = random.integer(Math.ceil(rows / 4), Math.floor((3 * rows) / 4))
    for (let row = start; row < Math.min(rows, start + blockSamples); row++)
      from[first + row] = first + ((row + shift) % rows)
  }
  const columns = table.columns.map((column) => Float64Array.from(from, (row) => column[row]!))
  return { ...table, columns }
}
