/**
 * @file Public history of venues: one way to page through it, limited in rate, interruptible and resumable.
 *
 * A download is a text file that grows by pages; beside it lies a state file with the cursor and the length that was
 * complete when the cursor was written. An interrupted download is cut back to that length and goes on from there, so
 * a page is never half in it and never twice. The finished file gets its final name only at the end.
 */

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs'
import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GimbalError } from '../../core/errors.ts'

/** What to download. Times in µs, UTC; `toUs` is the moment after the last. */
export interface HistoryRequest {
  /** The venue's own name of the instrument or coin. */
  readonly coin: string
  readonly interval: string
  readonly fromUs: number
  readonly toUs: number
}

/** One answer of the venue, as lines of the file, and where to go on; no cursor: done. */
export interface HistoryPage {
  readonly lines: readonly string[]
  readonly cursor: string | undefined
}

/** A kind of history that comes in pages of rows. */
export interface PagedHistory {
  readonly venue: string
  readonly what: string
  readonly summary: string
  /** First line of the file. */
  readonly header: string
  readonly baseUrl: string
  /** Requests a second that the venue allows with room to spare. */
  readonly rate: number
  /** Options the request must have beyond coin and times. */
  readonly needsInterval: boolean
  /** The command that brings the finished file into a catalog. */
  importCommand(request: HistoryRequest, file: string): string
  /** @param cursor What the previous page returned; undefined for the first. */
  page(client: HistoryClient, request: HistoryRequest, cursor: string | undefined): Promise<HistoryPage>
}

/** A kind of history that comes as ready-made files. */
export interface FiledHistory {
  readonly venue: string
  readonly what: string
  readonly summary: string
  readonly baseUrl: string
  readonly rate: number
  readonly needsInterval: boolean
  importCommand(request: HistoryRequest, file: string): string
  /** Paths of the files below the base URL, with the path of a SHA-256 checksum file where there is one. */
  files(request: HistoryRequest): readonly { readonly path: string; readonly checksum?: string }[]
}

export type HistoryKind = PagedHistory | FiledHistory

/** How requests leave: rate-limited, retried, bounded in time. */
export interface HistoryClientOptions {
  readonly baseUrl: string
  /** Requests a second at most. */
  readonly rate: number
  /** Attempts at one request before giving up. */
  readonly attempts?: number
  /** Milliseconds before one attempt is abandoned. */
  readonly timeoutMs?: number
  /** First pause after a failure, doubled each time. */
  readonly backoffMs?: number
  /** Interrupts waiting and requests. */
  readonly signal?: AbortSignal
  /** Signs a request, for storage whose requester pays. */
  readonly sign?: (request: Request) => Promise<Request>
}

const RETRYABLE = new Set([408, 425, 429, 500, 502, 503, 504])

/** HTTP client of one download. */
export class HistoryClient {
  readonly #options: HistoryClientOptions
  #nextAt = 0
  requests = 0
  retries = 0

  constructor(options: HistoryClientOptions) {
    this.#options = options
  }

  /** GET with a query, answered as JSON. */
  async getJson(path: string, query: Readonly<Record<string, string | number>> = {}): Promise<unknown> {
    const search = new URLSearchParams(
      Object.entries(query).map(([key, value]): [string, string] => [key, String(value)]),
    )
    return this.#json(await this.#send(() => new Request(this.#url(path + (search.size > 0 ? `?${search}` : '')))))
  }

  /** POST of a JSON body, answered as JSON. */
  async postJson(path: string, body: unknown): Promise<unknown> {
    const text = JSON.stringify(body)
    return this.#json(
      await this.#send(
        () =>
          new Request(this.#url(path), { method: 'POST', body: text, headers: { 'content-type': 'application/json' } }),
      ),
    )
  }

  /** GET of a file; undefined when the server has none at that path. */
  async getBytes(path: string): Promise<Uint8Array | undefined> {
    const response = await this.#send(() => new Request(this.#url(path)), true)
    return response === undefined ? undefined : new Uint8Array(await response.arrayBuffer())
  }

  #url(path: string): string {
    return this.#options.baseUrl.replace(/\/$/, '') + path
  }

  async #json(response: Response | undefined): Promise<unknown> {
    const text = await response!.text()
    try {
      return JSON.parse(text)
    } catch (cause) {
      throw new GimbalError(
        'fetch-failed',
        'The server answered with something that is not JSON',
        { url: response!.url, start: text.slice(0, 80) },
        { cause },
      )
    }
  }

  async #send(make: () => Request, mayBeMissing = false): Promise<Response | undefined> {
    const { attempts = 6, timeoutMs = 30_000, backoffMs = 500, signal, sign } = this.#options
    let last = ''
    for (let attempt = 1; ; attempt++) {
      await this.#takeTurn()
      signal?.throwIfAborted()
      let pauseMs = backoffMs * 2 ** (attempt - 1)
      const request = sign ? await sign(make()) : make()
      try {
        this.requests++
        const limit = AbortSignal.timeout(timeoutMs)
        const response = await fetch(request, { signal: signal ? AbortSignal.any([signal, limit]) : limit })
        if (response.ok) return response
        if (response.status === 404 && mayBeMissing) return undefined
        last = `HTTP ${response.status} ${(await response.text()).slice(0, 120)}`
        if (!RETRYABLE.has(response.status)) throw this.#failed(request.url, attempt, last)
        const after = Number(response.headers.get('retry-after'))
        if (after > 0) pauseMs = Math.max(pauseMs, after * 1_000)
      } catch (error) {
        signal?.throwIfAborted()
        if (error instanceof GimbalError) throw error
        last = (error as Error).cause ? String((error as Error).cause) : String(error)
      }
      if (attempt >= attempts) throw this.#failed(request.url, attempt, last)
      this.retries++
      await pause(Math.min(pauseMs, 60_000), signal)
    }
  }

  #failed(url: string, attempts: number, last: string): GimbalError {
    return new GimbalError('fetch-failed', 'The venue did not answer as it should', { url, attempts, last })
  }

  /** Spaces requests evenly, so that a burst never leaves. */
  async #takeTurn(): Promise<void> {
    const now = performance.now()
    const at = Math.max(now, this.#nextAt)
    this.#nextAt = at + 1_000 / this.#options.rate
    if (at > now) await pause(at - now, this.#options.signal)
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal!.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    signal?.addEventListener('abort', stop, { once: true })
  })
}

/** What a download came to. */
export interface DownloadResult {
  readonly files: readonly string[]
  /** Rows written, or files downloaded. */
  readonly rows: number
  readonly pages: number
  /** Files that were there already, complete. */
  readonly skipped: number
  /** Files the venue does not have. */
  readonly missing: readonly string[]
  /** Whether an earlier, interrupted download was continued. */
  readonly resumed: boolean
}

/**
 * Downloads one kind of history into `folder`.
 *
 * @param onProgress Told after every page or file.
 * @throws {GimbalError} `fetch-failed`, `argument-invalid`. What was complete stays, and the next call goes on there.
 */
export async function download(
  kind: HistoryKind,
  client: HistoryClient,
  request: HistoryRequest,
  folder: string,
  onProgress: (text: string) => void = () => {},
): Promise<DownloadResult> {
  if (!(request.toUs > request.fromUs)) {
    throw new GimbalError('argument-invalid', 'The time range is empty', { from: request.fromUs, to: request.toUs })
  }
  if (kind.needsInterval && request.interval === '') {
    throw new GimbalError('argument-invalid', `${kind.venue} ${kind.what} need --interval`, { example: '1h' })
  }
  mkdirSync(folder, { recursive: true })
  return 'files' in kind
    ? downloadFiles(kind, client, request, folder, onProgress)
    : downloadPages(kind, client, request, folder, onProgress)
}

interface State {
  readonly cursor: string
  readonly bytes: number
  readonly rows: number
  readonly pages: number
}

/** `hyperliquid-candles-BTC-1h-20251001-20251012.csv` */
export function historyFileName(kind: PagedHistory, request: HistoryRequest): string {
  const day = (us: number) => new Date(us / 1000).toISOString().replace(/[-:]/g, '').slice(0, 13).replace(/T00$/, '')
  const coin = request.coin.replace(/[^\w.-]/g, '_')
  return (
    [
      kind.venue,
      kind.what,
      coin,
      ...(request.interval ? [request.interval] : []),
      day(request.fromUs),
      day(request.toUs),
    ].join('-') + '.csv'
  )
}

async function downloadPages(
  kind: PagedHistory,
  client: HistoryClient,
  request: HistoryRequest,
  folder: string,
  onProgress: (text: string) => void,
): Promise<DownloadResult> {
  const file = join(folder, historyFileName(kind, request))
  if (existsSync(file)) return { files: [file], rows: 0, pages: 0, skipped: 1, missing: [], resumed: false }
  const partial = `${file}.partial`
  const statePath = `${file}.state`
  let state: State | undefined
  if (existsSync(partial) && existsSync(statePath)) {
    state = JSON.parse(readFileSync(statePath, 'utf8')) as State
    if (statSync(partial).size < state.bytes) state = undefined
    else truncateSync(partial, state.bytes)
  }
  const resumed = state !== undefined
  let { cursor, bytes, rows, pages } = state ?? { cursor: undefined, bytes: 0, rows: 0, pages: 0 }
  if (!resumed) {
    await writeFile(partial, `${kind.header}\n`)
    bytes = kind.header.length + 1
  }
  for (;;) {
    const page = await kind.page(client, request, cursor)
    if (page.cursor !== undefined && page.cursor === cursor) {
      throw new GimbalError('fetch-failed', 'The venue keeps answering with the same page', {
        venue: kind.venue,
        cursor,
      })
    }
    const text = page.lines.map((line) => `${line}\n`).join('')
    await appendFile(partial, text)
    bytes += Buffer.byteLength(text)
    rows += page.lines.length
    pages++
    onProgress(`${kind.venue} ${kind.what} ${request.coin}: ${rows} rows in ${pages} pages`)
    if (page.cursor === undefined) break
    cursor = page.cursor
    await writeFile(`${statePath}.new`, JSON.stringify({ cursor, bytes, rows, pages } satisfies State))
    renameSync(`${statePath}.new`, statePath)
  }
  renameSync(partial, file)
  rmSync(statePath, { force: true })
  return { files: [file], rows, pages, skipped: 0, missing: [], resumed }
}

async function downloadFiles(
  kind: FiledHistory,
  client: HistoryClient,
  request: HistoryRequest,
  folder: string,
  onProgress: (text: string) => void,
): Promise<DownloadResult> {
  const files: string[] = []
  const missing: string[] = []
  let skipped = 0
  let loaded = 0
  for (const { path, checksum } of kind.files(request)) {
    const file = join(folder, ...flatName(path))
    if (existsSync(file)) {
      skipped++
      files.push(file)
      continue
    }
    const bytes = await client.getBytes(path)
    if (!bytes) {
      missing.push(path)
      continue
    }
    if (checksum) {
      const text = await client.getBytes(checksum)
      const wanted = text ? Buffer.from(text).toString('utf8').trim().split(/\s+/)[0]! : ''
      const found = createHash('sha256').update(bytes).digest('hex')
      if (wanted !== found) {
        throw new GimbalError('fetch-failed', 'A downloaded file does not match its checksum', {
          path,
          expected: wanted || 'none published',
          found,
        })
      }
    }
    mkdirSync(join(file, '..'), { recursive: true })
    await writeFile(`${file}.partial`, bytes)
    renameSync(`${file}.partial`, file)
    files.push(file)
    loaded++
    onProgress(
      `${kind.venue} ${kind.what} ${request.coin}: ${loaded} files, ${skipped} already here, ${missing.length} missing`,
    )
  }
  return { files, rows: loaded, pages: loaded, skipped, missing, resumed: skipped > 0 && loaded > 0 }
}

/** Keeps the venue's own path below the folder, so that an importer can tell market and interval from it. */
function flatName(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '')
  if (parts.includes('..'))
    throw new GimbalError('argument-invalid', 'A path may not climb out of its folder', { path })
  return parts
}

/** UTC days from the one holding `fromUs` to the one before `toUs`, as `2025-10-10`. */
export function daysBetween(fromUs: number, toUs: number): string[] {
  const days: string[] = []
  for (let ms = Math.floor(fromUs / 86_400e6) * 86_400e3; ms * 1000 < toUs; ms += 86_400e3)
    days.push(new Date(ms).toISOString().slice(0, 10))
  return days
}

/** Checks that an answer is an array. @throws {GimbalError} `fetch-failed`. */
export function expectArray(value: unknown, what: string): Record<string, unknown>[] {
  if (!Array.isArray(value)) {
    throw new GimbalError('fetch-failed', `Expected a list of ${what}`, {
      received: JSON.stringify(value)?.slice(0, 120) ?? 'nothing',
    })
  }
  return value as Record<string, unknown>[]
}

/** Reads a field that must be a finite number or numeric text. @throws {GimbalError} `fetch-failed`. */
export function numeric(record: Record<string, unknown>, field: string): number {
  const value = record[field]
  const number = typeof value === 'string' && value !== '' ? Number(value) : value
  if (typeof number !== 'number' || !Number.isFinite(number)) {
    throw new GimbalError('fetch-failed', `A record without a usable ${field}`, {
      record: JSON.stringify(record).slice(0, 160),
    })
  }
  return number
}
