/**
 * @file Parquet through DuckDB: the only file that knows DuckDB.
 *
 * Rows are handed over a vector (2,048 rows) at a time through a table function, so neither writing nor reading holds
 * more than DuckDB's own limit of 256 MB. Times cross as doubles, which hold microseconds exactly until 2255, and are
 * BIGINT in the file. Writing two million rows so took 0.7 to 1.1 s; an appender into a table and then COPY took 1.2 to
 * 2.4 s and held the rows in memory.
 */

import { join } from 'node:path'
import {
  DOUBLE,
  type DuckDBConnection,
  DuckDBInstance,
  DuckDBTableFunction,
  type DuckDBType,
  TINYINT,
  UINTEGER,
  UTINYINT,
} from '@duckdb/node-api'
import { assert } from '../core/errors.ts'
import { BLOCK_ROWS, type RowBlock } from './rowSpill.ts'

/** Columns of every catalog file, with their units: also stored in the file's metadata. */
export const COLUMN_UNITS = {
  contract: 'what tells contracts of one family apart: expiry-strike-right, expiry, pool address; empty otherwise',
  time_us: 'microseconds since 1970-01-01 UTC: when it was received',
  venue_time_us: 'microseconds since 1970-01-01 UTC: when the venue says it happened',
  sequence: 'order within the import',
  row_kind: 'row kind, a number of Kind in gimbal market/tape.ts (`kind` is the partition: the stream)',
  side: '1 bid or buy, -1 ask or sell, 0 neither',
  price: 'quote per base (settlement coin per contract for coin-priced options); 0 where the kind has none',
  size: 'contracts; for funding kinds microseconds; 0 where the kind has none',
  value: 'depends on the kind',
  flags: 'bits: 1 last row of its message, 2 reset, 4 snapshot, 8 suspect, 16 special',
} as const

/** A file to read rows from. */
export interface ReadFile {
  readonly path: string
  /** Order among files for rows of the same time. */
  readonly rank: number
}

/** A vector's worth of rows as read. Valid until the next one. */
export interface ReadRows {
  count: number
  readonly timeUs: Float64Array
  readonly venueTimeUs: Float64Array
  readonly sequence: Float64Array
  readonly price: Float64Array
  readonly size: Float64Array
  readonly value: Float64Array
  /** Index in the list of contracts asked for. */
  readonly contract: Uint32Array
  readonly kind: Uint8Array
  readonly side: Int8Array
  readonly flags: Uint8Array
}

/** An embedded DuckDB with little memory. */
export class Database {
  readonly #instance: DuckDBInstance
  readonly #connection: DuckDBConnection
  /** What the table function `spilled` passes on at the moment, and the value of its column `place`. */
  #feed: () => RowBlock | undefined = () => undefined
  readonly #place = new Uint32Array(BLOCK_ROWS)
  #feedError: unknown

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#instance = instance
    this.#connection = connection
    connection.registerTableFunction(
      DuckDBTableFunction.create({
        name: 'spilled',
        bindFunction: (info) => {
          for (const [name, type] of SPILLED) info.addResultColumn(name, type)
        },
        initFunction: (info) => info.setMaxThreads(1), // One thread: the rows stay in order.
        mainFunction: (info, out) => {
          try {
            const block = this.#feed()
            out.rowCount = block?.count ?? 0
            if (!block) return
            for (let column = 0; column < SPILLED.length; column++) {
              const values = SPILLED[column]![2](block, this.#place)
              const vector = out.getColumnVector(column)
              for (let row = 0; row < block.count; row++) vector.setItem(row, values[row]!)
              vector.flush()
            }
          } catch (error) {
            this.#feedError = error
            info.setError(String(error))
          }
        },
      }),
    )
  }

  /** @param temporary Directory for what does not fit in memory; created and removed by DuckDB. */
  static async open(temporary: string, threads = 2): Promise<Database> {
    const instance = await DuckDBInstance.create(':memory:', {
      memory_limit: '256MB',
      threads: String(threads),
      temp_directory: temporary,
      autoinstall_known_extensions: 'false',
    })
    return new Database(instance, await instance.connect())
  }

  close(): void {
    this.#connection.closeSync()
    this.#instance.closeSync()
  }

  /**
   * Writes one Parquet file.
   *
   * @param contracts Names for the rows' contract indexes.
   * @param next The rows, a block at a time; a block must stay as it is until the next is asked for.
   * @returns How many rows were written.
   */
  async write(
    path: string,
    contracts: readonly string[],
    metadata: Readonly<Record<string, string>>,
    next: () => RowBlock | undefined,
  ): Promise<number> {
    const names = contracts.map(quoted).join(', ')
    const contract = contracts.length === 1 ? `${names}::VARCHAR` : `([${names}])[contract + 1]`
    this.#place.fill(0)
    return this.#copy(next, contract, '', path, metadata, '')
  }

  /**
   * Writes many small files with one statement each over shared state; whole imports are hardly faster, verifying them is.
   *
   * @param contract The contract all rows are of.
   * @param next The rows of file after file.
   * @param at Index of the file the block last returned by `next` belongs to.
   * @returns How many rows were written. File `index` lies at `smallFile(folder, index)`.
   */
  async writeSmall(
    folder: string,
    contract: string,
    metadata: Readonly<Record<string, string>>,
    next: () => RowBlock | undefined,
    at: () => number,
  ): Promise<number> {
    const feed = () => {
      const block = next()
      this.#place.fill(at())
      return block
    }
    const partition = ", PARTITION_BY (place), FILENAME_PATTERN 'rows'"
    return this.#copy(feed, `${quoted(contract)}::VARCHAR`, ', place', folder, metadata, partition)
  }

  async #copy(
    next: () => RowBlock | undefined,
    contract: string,
    extra: string,
    path: string,
    metadata: Readonly<Record<string, string>>,
    partition: string,
  ): Promise<number> {
    const pairs = Object.entries(metadata).map(([key, value]) => `${key}: ${quoted(value)}`)
    this.#feed = next
    this.#feedError = undefined
    try {
      const result = await this.#connection.run(
        `COPY (
           SELECT ${contract} AS contract, time_us::BIGINT AS time_us, venue_time_us::BIGINT AS venue_time_us,
             "sequence"::BIGINT AS "sequence", row_kind, side, price, size, value, flags${extra}
           FROM spilled()
         ) TO ${quoted(path)} (FORMAT parquet, COMPRESSION zstd, KV_METADATA {${pairs.join(', ')}}${partition})`,
      )
      return result.rowsChanged
    } catch (error) {
      throw this.#feedError ?? error
    }
  }

  /**
   * Reads rows of some files in the files' order, or sorted by time, rank of file and sequence.
   *
   * @param contracts Which contracts, and their indexes in what is passed on; undefined for files of a single one.
   * @param sorted Whether to sort. Unsorted, a file's rows come in their order within it.
   */
  async read(
    files: readonly ReadFile[],
    contracts: readonly string[] | undefined,
    sorted: boolean,
    onRows: (rows: ReadRows) => void,
  ): Promise<void> {
    const columns = 'time_us, venue_time_us, "sequence", row_kind, side, price, size, value, flags'
    const source = sorted
      ? files
          .map(({ path, rank }) => `SELECT ${columns}, contract, ${rank} AS rank FROM ${parquetTable([path])}`)
          .join(' UNION ALL ')
      : `SELECT ${columns}, contract FROM ${parquetTable(files.map(({ path }) => path))}`
    if (contracts) {
      const rows = contracts.map((name, index) => `(${quoted(name)}, ${index})`).join(', ')
      await this.#connection.run(
        `CREATE OR REPLACE TEMP TABLE chosen AS SELECT name, place::UINTEGER AS place FROM (VALUES ${rows}) t(name, place)`,
      )
    }
    const result = await this.#connection.stream(
      `SELECT time_us::DOUBLE, venue_time_us::DOUBLE, "sequence"::DOUBLE, price, size, value,
         ${contracts ? 'place' : '0::UINTEGER'}, row_kind, side, flags
       FROM (${source}) ${contracts ? 'JOIN chosen ON name = contract' : ''}
       ${sorted ? 'ORDER BY time_us, rank, "sequence"' : ''}`,
    )
    const rows = readRows()
    const columnsOut = [
      rows.timeUs,
      rows.venueTimeUs,
      rows.sequence,
      rows.price,
      rows.size,
      rows.value,
      rows.contract,
      rows.kind,
      rows.side,
      rows.flags,
    ]
    for (;;) {
      const chunk = await result.fetchChunk()
      if (!chunk || chunk.rowCount === 0) return
      const count = chunk.rowCount
      for (let column = 0; column < columnsOut.length; column++) {
        const vector = chunk.getColumnVector(column)
        const out = columnsOut[column]!
        for (let row = 0; row < count; row++) out[row] = vector.getItem(row) as number
      }
      rows.count = count
      onRows(rows)
    }
  }

  /** Runs one query and returns its rows as plain objects. */
  async query(sql: string): Promise<Record<string, unknown>[]> {
    const reader = await this.#connection.runAndReadAll(sql)
    return reader.getRowObjectsJS()
  }
}

const SPILLED: readonly [string, DuckDBType, (block: RowBlock, place: Uint32Array) => ArrayLike<number>][] = [
  ['place', UINTEGER, (_block, place) => place],
  ['time_us', DOUBLE, (block) => block.timeUs],
  ['venue_time_us', DOUBLE, (block) => block.venueTimeUs],
  ['sequence', DOUBLE, (block) => block.sequence],
  ['price', DOUBLE, (block) => block.price],
  ['size', DOUBLE, (block) => block.size],
  ['value', DOUBLE, (block) => block.value],
  ['contract', UINTEGER, (block) => block.contract],
  ['row_kind', UTINYINT, (block) => block.kind],
  ['side', TINYINT, (block) => block.side],
  ['flags', UTINYINT, (block) => block.flags],
]

function readRows(): ReadRows {
  const f64 = () => new Float64Array(2048)
  return {
    count: 0,
    timeUs: f64(),
    venueTimeUs: f64(),
    sequence: f64(),
    price: f64(),
    size: f64(),
    value: f64(),
    contract: new Uint32Array(2048),
    kind: new Uint8Array(2048),
    side: new Int8Array(2048),
    flags: new Uint8Array(2048),
  }
}

/** A text as an SQL literal. */
export function quoted(text: string): string {
  assert(!text.includes('\0'), 'SQL text holds no zero bytes')
  return `'${text.replaceAll("'", "''")}'`
}

/**
 * Parquet files as an SQL table. The names of their directories are not read as columns, as DuckDB would by itself,
 * nor their own names as patterns.
 */
export function parquetTable(paths: readonly string[], more = ''): string {
  const names = paths.map((path) => quoted(path.replace(/[*?[]/g, '[$&]')))
  return `read_parquet([${names.join(', ')}], hive_partitioning = false${more === '' ? '' : `, ${more}`})`
}

/** Where `Database.writeSmall` puts its files. */
export function smallFile(folder: string, index: number): string {
  return join(folder, `place=${index}`, 'rows0.parquet')
}
