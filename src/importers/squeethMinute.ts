/**
 * @file Importer `squeeth-minute`: minute files of the Opyn squeeth controller.
 *
 * Each minute: SCALAR 1, the normalisation factor, and MARK, the price of oSQTH in WETH, of OSQTH-WETH-SPOT@squeeth-ethereum; and INDEX, the price of WETH in
 * dollars, of WETH-USD-SPOT@squeeth-ethereum. The normalisation factor only ever falls: it is funding paid in kind. A
 * rise is impossible on chain and rejects the line.
 */

import { Kind } from '../market/tape.ts'
import type { Importer, ImportSink, SketchedInstrument } from '../store/importer.ts'
import type { InputFile } from '../store/inputFile.ts'
import { expectHeader, firstLine, plainName } from './csv.ts'
import { spot } from './csvInstrument.ts'
import { readMinutes } from './csvMinutes.ts'

const HEADER = ['block_timestamp', 'norm_factor', 'WETH', 'OSQTH']
const NAME = /^([a-z]+)-squeeth-controller-(\d{4}-\d\d-\d\d)\.minute\.csv$/

function priced(venue: string, base: string, quote: string): SketchedInstrument {
  return {
    ...spot(venue, base, base, quote),
    tickSize: '0.00000001',
    lotSize: '0.00000001',
    source: 'gimbal: averages lie on no grid',
  }
}

async function read(file: InputFile, sink: ImportSink): Promise<void> {
  const venue = `squeeth-${NAME.exec(plainName(file.name))?.[1] ?? 'ethereum'}`
  let squeeth = -1
  let ether = -1
  let factorBefore = Number.POSITIVE_INFINITY
  await readMinutes(
    file,
    sink,
    true,
    (row) => {
      expectHeader(file, row, HEADER)
      squeeth = sink.instrument(priced(venue, 'OSQTH', 'WETH'))
      ether = sink.instrument(priced(venue, 'WETH', 'USD'))
      return 'header'
    },
    (row, { endUs, flags }) => {
      const factor = row.price(1)
      const etherPrice = row.price(2)
      const squeethPrice = row.price(3)
      if (factor > 1) row.fault('factor-above-one', row.text(1).slice(0, 40))
      if (flags === 0 && factor > factorBefore) row.fault('factor-rose', `${factorBefore} to ${factor}`)
      if (row.faulty) return
      if (flags === 0) factorBefore = factor
      sink.begin('scalar', squeeth, endUs, endUs)
      sink.row(Kind.SCALAR, 0, 0, 1, factor, flags)
      sink.end()
      sink.begin('mark', squeeth, endUs, endUs)
      sink.row(Kind.MARK, 0, 0, 0, squeethPrice, flags)
      sink.end()
      sink.begin('mark', ether, endUs, endUs)
      sink.row(Kind.INDEX, 0, 0, 0, etherPrice, flags)
      sink.end()
    },
  )
}

export const squeethMinute: Importer = {
  name: 'squeeth-minute',
  version: 1,
  summary: 'Minute files of the squeeth controller: normalisation factor, oSQTH and WETH prices',
  example: 'gimbal import --catalog DIR ethereum-squeeth-controller-2023-08-14.minute.csv.gz',
  options: {},
  provenance: 'real',
  recognise(name, head) {
    if (firstLine(head) !== HEADER.join(',')) return 0
    return NAME.test(plainName(name)) ? 0.98 : 0.8
  },
  read,
}
