/**
 * @file All importers, and which of them can read a file.
 *
 * Recognition never decides alone in doubt: where no importer is sure, or two are equally so, the answer is an error
 * that names the candidates, and the command line names one of them.
 */

import { GimbalError } from '../core/errors.ts'
import type { Importer } from '../store/importer.ts'
import { aaveMinute } from './aaveMinute.ts'
import { bars } from './bars.ts'
import { binanceRaw } from './binanceRaw.ts'
import { binanceVision } from './binanceVision.ts'
import { bybitArchive } from './bybitArchive.ts'
import { cryptofeed } from './cryptofeed.ts'
import { deribitChain } from './deribitChain.ts'
import { ethBlocks } from './ethBlocks.ts'
import { ethSwaps } from './ethSwaps.ts'
import { funding } from './funding.ts'
import { gas } from './gas.ts'
import { gmxMinute } from './gmxMinute.ts'
import { hyperliquidAdl } from './hyperliquidAdl.ts'
import { hyperliquidArchive } from './hyperliquidArchive.ts'
import { hyperliquidRaw } from './hyperliquidRaw.ts'
import { leanOptions } from './leanOptions.ts'
import { priceMinute } from './priceMinute.ts'
import { squeethMinute } from './squeethMinute.ts'
import { tardis } from './tardis.ts'
import { uniswapMinute } from './uniswapMinute.ts'

/** Every importer, raw recordings first, then archives and tables. */
export const IMPORTERS: readonly Importer[] = [
  binanceRaw,
  cryptofeed,
  hyperliquidRaw,
  bybitArchive,
  tardis,
  binanceVision,
  hyperliquidArchive,
  hyperliquidAdl,
  bars,
  funding,
  deribitChain,
  leanOptions,
  uniswapMinute,
  aaveMinute,
  gmxMinute,
  squeethMinute,
  priceMinute,
  gas,
  ethBlocks,
  ethSwaps,
]

/** Below this an importer only says that it might, given options: it is not chosen, but named. */
const SURE_MIN = 0.5

/** The importer of that name. @throws {GimbalError} `format-unknown` naming those there are. */
export function importerNamed(name: string): Importer {
  const found = IMPORTERS.find((importer) => importer.name === name)
  if (found) return found
  const known = IMPORTERS.map((importer) => importer.name).join(' ')
  throw new GimbalError('format-unknown', 'No such importer', { asked: name, known })
}

/**
 * The importer for a file.
 *
 * @param name Last part of the path, with the member of a zip after `!`.
 * @param head The first lines, at most 64 kB of unpacked text.
 * @throws {GimbalError} `format-unknown` when none is sure or two are equally so.
 */
export function recogniseImporter(name: string, head: string): Importer {
  const ranked = IMPORTERS.map((importer) => ({ importer, sure: importer.recognise(name, head) }))
    .filter(({ sure }) => sure > 0)
    .sort((a, b) => b.sure - a.sure)
  const [first, second] = ranked
  if (first && first.sure >= SURE_MIN && first.sure > (second?.sure ?? 0)) return first.importer
  throw new GimbalError('format-unknown', 'Not recognised: name the importer', {
    file: name,
    candidates: ranked.map(({ importer, sure }) => `${importer.name} (${sure})`).join(', ') || 'none',
    known: IMPORTERS.map((importer) => importer.name).join(' '),
  })
}
