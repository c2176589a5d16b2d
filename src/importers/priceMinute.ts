/**
 * @file Importer `price-minute`: tables of token prices by the minute, `,WETH,USDC`: a column a token, all in one quote.
 *
 * Each minute and token is an INDEX of TOKEN-QUOTE-SPOT@price-table. The quote is the token whose column is 1 on every line
 * or the one the option `quote` names; a quote whose price leaves 1 rejects the line. `price-table` is no venue: nothing trades there.
 */

import { Kind } from '../market/tape.ts'
import type { Importer, ImportOptions, ImportSink } from '../store/importer.ts'
import type { InputFile } from '../store/inputFile.ts'
import { firstLine, plainName, tableInvalid } from './csv.ts'
import { spot } from './csvInstrument.ts'
import { readMinutes } from './csvMinutes.ts'

const QUOTES = ['USDC', 'USDT', 'USD', 'DAI']

async function read(file: InputFile, sink: ImportSink, options: ImportOptions): Promise<void> {
  let tokens: { column: number; index: number }[] = []
  let quoteColumn = -1
  await readMinutes(
    file,
    sink,
    false,
    (row) => {
      const names = row.cells.slice(0, row.count).map((cell) => cell.trim())
      const quote = options['quote'] ?? QUOTES.find((name) => names.includes(name)) ?? ''
      quoteColumn = names.indexOf(quote)
      const sound = names.slice(1).every((name) => /^[A-Za-z][A-Za-z0-9.]*$/.test(name))
      if (!sound || quoteColumn < 1 || new Set(names).size !== names.length || names.length < 3) {
        throw tableInvalid(file, row, 'Not a table of prices', {
          expected: `an empty or time column, then tokens, one of them ${options['quote'] ?? QUOTES.join(' or ')}`,
          found: names.join(',').slice(0, 300),
        })
      }
      tokens = names.flatMap((name, column) => {
        if (column === 0 || column === quoteColumn) return []
        const steps = { tickSize: '0.00000001', lotSize: '0.00000001', source: 'gimbal: oracle prices lie on no grid' }
        return [{ column, index: sink.instrument({ ...spot('price-table', name, name, quote), ...steps }) }]
      })
      return 'header'
    },
    (row, { endUs, flags }) => {
      if (row.price(quoteColumn) !== 1) row.fault('quote-not-one', row.text(quoteColumn).slice(0, 40))
      const prices = tokens.map(({ column }) => row.price(column))
      if (row.faulty) return
      for (const [at, { index }] of tokens.entries()) {
        sink.begin('mark', index, endUs, endUs)
        sink.row(Kind.INDEX, 0, 0, 0, prices[at]!, flags)
        sink.end()
      }
    },
  )
}

export const priceMinute: Importer = {
  name: 'price-minute',
  version: 1,
  summary: 'Tables of token prices by the minute, a column a token',
  example: 'gimbal import --catalog DIR price_weth_usdc_0813_0817.csv.gz',
  options: { quote: `token all prices are in; default the first found of ${QUOTES.join(', ')}` },
  provenance: 'real',
  recognise(name, head) {
    const names = firstLine(head).split(',')
    const priced =
      names.length >= 3 && names[0] === '' && names.slice(1).every((token) => /^[A-Z][A-Z0-9.]*$/.test(token))
    if (!priced || !QUOTES.some((quote) => names.includes(quote))) return 0
    return /^price_/.test(plainName(name)) ? 0.9 : 0.6
  },
  read,
}
