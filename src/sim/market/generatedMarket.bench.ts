/**
 * What it measures: making one row of the generated market. The demonstration makes each row twice, once for the venue and
 * once for us, so this bounds how much market fits into its minute.
 */

import { bench } from '../../../tests/bench.ts'
import { generateMarket } from './generatedMarket.ts'

bench('generated market: row', [20_000, 5_000_000], (rows) => {
  const tape = generateMarket({ hours: 12, seed: 1 }).receivedTape()
  let hash = 0
  for (let row = 0; row < rows && tape.advance(); row++)
    hash = (Math.imul(hash, 31) + tape.batch.tick[tape.row] + tape.batch.lots[tape.row]) | 0
  return hash
})
