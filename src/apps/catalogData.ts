/** @file A part of a catalog as the data of a run. */

import { Catalog } from '../store/catalog.ts'
import { openTapes, type TapeSelection } from '../store/openTapes.ts'
import type { RunData } from './backtestRun.ts'

/** Opens tapes and says where they come from. */
export async function catalogData(
  folder: string,
  selection: TapeSelection,
  onBuild?: (tape: string, rows: number) => void,
): Promise<RunData> {
  const opened = await openTapes(new Catalog(folder), selection, onBuild ? { onBuild } : {})
  const kind = opened.provenance === 'real' ? 'replayed' : 'synthetic'
  const shifted = Object.entries(opened.venueShiftUs).filter(([, shift]) => shift !== 0)
  return {
    universe: opened.universe,
    inputs: () => opened.reopen(),
    kind,
    rows: opened.rows,
    dataHash: opened.contentHash,
    tapes: [{ name: folder.split(/[\\/]/).at(-1) ?? 'catalog', sha256: opened.contentHash }],
    sources: opened.imports.map((manifest) => ({
      name: manifest.source.name,
      kind: manifest.provenance === 'real' ? 'replayed' : 'synthetic',
      sha256: manifest.source.sha256,
      importer: `${manifest.importer} ${manifest.version}`,
    })),
    assumptions: shifted.map(([venue, shiftUs]) => ({
      about: `${venue}: clock`,
      text: `the recording’s clock lagged the venue’s: venue times are moved by ${(shiftUs / 1000).toFixed(1)} ms, so that no message arrives before it was sent; feed latencies are lower bounds`,
    })),
  }
}
