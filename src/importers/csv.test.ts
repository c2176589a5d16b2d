/**
 * Goal: a table is read exactly or a line is refused by name and place; a time is exact or no time at all.
 *
 * Method: the splitter against every way of writing random cells; named damage; times against the platform's own
 * clock arithmetic; New York's clock against the platform's time-zone table.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HOUR_US, isoTime } from '../core/clock.ts'
import { decimal, readTable, splitCells, type TableRow } from './csv.ts'
import { Cadence } from './csvCadence.ts'
import { binanceInstrument, deribitInstrument, splitPair } from './csvInstrument.ts'
import { intervalUs, newYorkOffsetUs, parseEpochUs, parseIsoUs, parseStampUs, zoneOffsetUs } from './csvTime.ts'
import { memoryFile } from './fuzz.ts'
import { ListSink } from './listSink.ts'

/** What reading `a,b` pairs of numbers gives. */
async function readPairs(content: string, name = 'pairs.csv') {
  const sink = new ListSink()
  const pairs: [number, number][] = []
  const rejected: number[] = []
  await readTable(
    memoryFile(name, content),
    sink,
    (row) => (row.text(0) === 'a' ? 'header' : 'preamble'),
    (row) => {
      const pair: [number, number] = [row.decimal(0), row.decimal(1)]
      if (!row.faulty) pairs.push(pair)
    },
    (row: TableRow) => rejected.push(row.line),
  )
  return { pairs, rejected, rejects: sink.rejects }
}

describe('lines into cells', () => {
  test('any cells come back, however they are quoted', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', '1', '"', ',', ' ', 'é'), maxLength: 6 })
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, fc.boolean()), { minLength: 1, maxLength: 8 }), (cells) => {
        const line = cells
          .map(([text, quoted]) => (quoted || /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text))
          .join(',')
        const out: string[] = []
        expect(splitCells(line, out)).toBe(cells.length)
        expect(out.slice(0, cells.length)).toEqual(cells.map(([text]) => text))
      }),
    )
  })

  test.each(['"a', 'a"b,c', '"a"b,c', '"a""'])('quotes that make no sense are refused: %s', (line) => {
    expect(splitCells(line, [])).toBe(-1)
  })
})

describe('a table', () => {
  test('survives a byte-order mark, CRLF, a preamble and blank lines', async () => {
    const { pairs, rejects } = await readPairs('\ufeffhttps://example.org\r\na,b\r\n1,2\r\n\r\n3,4\r\n\r\n')
    expect(pairs).toEqual([[1, 2], [3, 4]]) // biome-ignore format: pairs
    expect(rejects).toEqual([])
  })

  test('rejects short, long and unreadable lines with their line and byte, and reads the rest', async () => {
    const { pairs, rejects, rejected } = await readPairs('a,b\n1\n1,2,3\n1,x\n"1,2\n5,6\n')
    expect(pairs).toEqual([[5, 6]])
    expect(rejected).toEqual([2, 3, 4, 5])
    expect(rejects.map(({ name, place }) => [name, place.line, place.byte])).toEqual([
      ['row-short', 2, 4],
      ['row-long', 3, 6],
      ['number-invalid', 4, 12],
      ['quote-invalid', 5, 16],
    ])
  })

  test('does not believe the last number of a plain file without a last line end', async () => {
    expect((await readPairs('a,b\n1,2\n3,41')).rejects).toMatchObject([{ name: 'line-cut', place: { line: 3 } }])
    expect((await readPairs('a,b\n1,2\n3,41', 'pairs.csv.gz')).pairs).toEqual([[1, 2], [3, 41]]) // biome-ignore format: pairs
  })

  test('without a line is no table', async () => {
    await expect(readPairs('')).rejects.toMatchObject({ code: 'file-invalid' })
  })

  test.each(['', ' 1', '0x10', 'NaN', 'Infinity', '1e999', '1_000', '١', '--1', '1e', '.'])(
    '%j is no number',
    (text) => {
      expect(decimal(text)).toBeNaN()
    },
  )

  test.each([
    ['-0.5', -0.5],
    ['1e-7', 1e-7],
    ['7.', 7],
    ['.25', 0.25],
    ['+3', 3],
  ])('%s is a number', (text, value) => {
    expect(decimal(text)).toBe(value)
  })
})

describe('times', () => {
  test('every microsecond of this century is read back from its date', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1_000_000_000, max: 4_000_000_000 }), fc.nat(999_999), (seconds, micros) => {
        const timeUs = seconds * 1e6 + micros
        expect(parseIsoUs(isoTime(timeUs))).toBe(timeUs)
        expect(parseIsoUs(isoTime(timeUs).replace('T', ' ').replace('Z', ''))).toBe(timeUs)
        expect(parseEpochUs(String(timeUs))).toBe(timeUs)
        expect(parseEpochUs(`${timeUs}999`)).toBe(timeUs)
        expect(parseEpochUs(String(seconds))).toBe(seconds * 1e6)
        expect(parseStampUs(String(seconds * 1000), 'ms')).toBe(seconds * 1e6)
      }),
    )
  })

  test('a zone in the text wins over the zone of the file', () => {
    expect(isoTime(parseIsoUs('2023-05-06 03:00:00', 3 * HOUR_US))).toBe('2023-05-06T00:00:00.000000Z')
    expect(isoTime(parseIsoUs('2023-05-06T03:00:00+00:00', 3 * HOUR_US))).toBe('2023-05-06T03:00:00.000000Z')
    expect(isoTime(parseIsoUs('2023-05-06T03:00:00-05:30'))).toBe('2023-05-06T08:30:00.000000Z')
  })

  const impossible = [
    '2023-02-29 00:00:00',
    '2023-13-01',
    '2023-01-01 24:00:00',
    '2023-1-1',
    '1970-01-01',
    '2023-01-01 00:60:00',
  ]
  test.each(impossible)('%s is no time', (text) => expect(parseIsoUs(text)).toBeNaN())

  test.each(['17356032000', '-1735603200', '1735603200000.5', '9999999999999', ''])('%j is no stamp', (text) => {
    expect(parseEpochUs(text)).toBeNaN()
  })

  test('offsets and intervals read as people write them', () => {
    expect([zoneOffsetUs('+3'), zoneOffsetUs('UTC+3'), zoneOffsetUs('-05:30')].map((us) => us / HOUR_US)).toEqual([
      3, 3, -5.5,
    ])
    expect(() => zoneOffsetUs('Moscow')).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
    expect([intervalUs('5m'), intervalUs('1h'), intervalUs('1d'), intervalUs('1mo')]).toEqual([
      3e8,
      3.6e9,
      8.64e10,
      undefined,
    ])
  })

  test('New York keeps the hours its time-zone table says, every day of forty years', () => {
    const hour = new Intl.DateTimeFormat('en-US', { timeZone: 'America/New_York', hour: 'numeric', hourCycle: 'h23' })
    for (let day = Date.UTC(1990, 0, 1, 17); day < Date.UTC(2030, 0, 1); day += 86_400_000) {
      const date = new Date(day)
      const offset = newYorkOffsetUs(date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()) / HOUR_US
      if (Number(hour.format(date)) !== 17 + offset) throw new Error(`${date.toISOString()}: ${offset}`)
    }
  })
})

describe('a pace', () => {
  test('says what is missing, repeated and out of order, and fills nothing in', () => {
    const sink = new ListSink()
    const cadence = new Cadence(sink, 'bars', HOUR_US)
    const place = { line: 1, byte: 0 }
    const hours = [1, 2, 5, 5, 4, 6].map((hour) => cadence.take(1.6e15 + hour * HOUR_US, place))
    expect(hours).toEqual(['next', 'next', 'next', 'repeated', 'backwards', 'next'])
    expect(sink.traps.map(({ name }) => name)).toEqual(['missing-bars', 'out-of-order'])
    expect(sink.counts.get('missing bars')).toBe(2)
  })
})

describe('names of instruments', () => {
  test.each([
    ['BTCUSDT', 'BTC', 'USDT'],
    ['ETH/FDUSD', 'ETH', 'FDUSD'],
    ['BNBFDUSD', 'BNB', 'FDUSD'],
    ['1000SHIBUSDC', '1000SHIB', 'USDC'],
  ])('%s is %s in %s', (symbol, base, quote) => expect(splitPair(symbol)).toEqual({ base, quote }))

  test('a symbol without a known quote is not guessed', () => {
    expect(splitPair('BTC')).toBeUndefined()
    expect(binanceInstrument('cm', 'BTCUSDT')).toBeUndefined()
    expect(binanceInstrument('spot', 'BTCUSDT_240927')).toBeUndefined()
  })

  test('Deribit names tell margin, expiry, strike and right', () => {
    expect(deribitInstrument('BTC-9JUN20-9875-P')).toMatchObject({
      kind: 'option', payoff: 'inverse', settle: 'BTC', expiry: '2020-06-09', strike: '9875', right: 'put',
    }) // biome-ignore format: one record
    expect(deribitInstrument('XRP_USDC-16JAN26-0d55-C')).toMatchObject({
      payoff: 'linear',
      quote: 'USDC',
      strike: '0.55',
    })
    expect(deribitInstrument('BTC-PERPETUAL')).toMatchObject({ kind: 'perp', payoff: 'inverse', multiplier: '1' })
    expect(deribitInstrument('BTC_USDC')).toMatchObject({ kind: 'spot', quote: 'USDC' })
    for (const name of ['BTC', 'BTC-9XXX20-1-C', 'BTC-9JUN20-9875', 'BTC-9JUN20-9875-X', 'BTC-PERPETUAL-1-C']) {
      expect(deribitInstrument(name)).toBeUndefined()
    }
  })
})
