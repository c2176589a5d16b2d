/**
 * @file Where datasets lie, by the hash of their content: a folder that hosts share, or S3-compatible storage.
 *
 * A dataset's name is its hash, so a host that has it need not ask again, nobody can put another in its place unnoticed,
 * and where it lies is no part of a trial. What comes from storage is checked before it is kept; what is read for a
 * trial is checked every time a thread opens it.
 *
 * Storage is spoken to over its HTTP interface, signed (AWS Signature Version 4), without anything to install.
 */

import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AwsClient } from 'aws4fetch'
import { GimbalError } from '../../core/errors.ts'
import { type Dataset, loadDataset } from '../dataset.ts'
import { NO_DATA, reasonOf } from './trial.ts'

/** Datasets by hash. */
export interface DatasetStore {
  /** The place in words, without secrets. */
  readonly place: string
  /**
   * Path of a dataset's file on this host, fetched first where it lies elsewhere; undefined for `NO_DATA`.
   *
   * @throws {GimbalError} `file-missing` when the store has none by this hash; `storage-failed`; `file-invalid` when what was
   *   fetched is not what the hash says.
   */
  locate(hash: string): Promise<string | undefined>
  /**
   * Puts a dataset's file into the store, unless it is there.
   *
   * @returns Its hash. @throws {GimbalError} `file-invalid`, `storage-failed`.
   */
  publish(path: string): Promise<string>
}

/** Who asks S3-compatible storage, and where it is; read from the environment at the edge. */
export interface StorageAccess {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  readonly region: string
  /** `https://storage.example.org:9000`, buckets as its folders; Amazon's own for the region when absent. */
  readonly endpoint?: string
  /** Folder that keeps what was fetched. */
  readonly cache: string
}

/**
 * Opens a store by its place: a folder, or `s3://bucket/prefix`.
 *
 * @param access Needed for `s3://` only.
 * @throws {GimbalError} `argument-invalid` for an address that is neither, or storage without credentials.
 */
export function openDatasetStore(place: string, access?: StorageAccess): DatasetStore {
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]*)(?:\/(.*))?$/.exec(place)
  if (match) {
    if (!access)
      throw new GimbalError('argument-invalid', 'Storage needs credentials in the environment', {
        place,
        wanted: 'AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION; AWS_ENDPOINT_URL where it is not Amazon’s',
      })
    return new S3DatasetStore(place, match[1]!, (match[2] ?? '').replace(/\/+$/, ''), access)
  }
  if (/^[a-z0-9]+:\/\//i.test(place))
    throw new GimbalError('argument-invalid', 'Datasets lie in a folder or in S3-compatible storage', {
      given: place,
      example: 'data/sets or s3://bucket/sets',
    })
  return new FolderDatasetStore(place)
}

/** A folder; on a shared file system, one for all hosts. */
export class FolderDatasetStore implements DatasetStore {
  readonly place: string

  constructor(folder: string) {
    this.place = folder
  }

  async locate(hash: string): Promise<string | undefined> {
    if (hash === NO_DATA) return undefined
    const path = join(this.place, fileName(hash))
    if (!existsSync(path)) throw missing(hash, this.place)
    return path
  }

  async publish(path: string): Promise<string> {
    const { hash } = loadDataset(path)
    const target = join(this.place, fileName(hash))
    if (existsSync(target)) return hash
    mkdirSync(this.place, { recursive: true })
    const draft = `${target}.${process.pid}.draft`
    copyFileSync(path, draft)
    renameSync(draft, target)
    return hash
  }
}

class S3DatasetStore implements DatasetStore {
  readonly place: string
  readonly #root: string
  readonly #cache: string
  readonly #client: AwsClient
  /** Downloads under way: threads that want the same dataset wait for one. */
  readonly #fetching = new Map<string, Promise<string>>()

  constructor(place: string, bucket: string, prefix: string, access: StorageAccess) {
    const { accessKeyId, secretAccessKey, sessionToken, region, endpoint, cache } = access
    const host = endpoint ? `${endpoint.replace(/\/+$/, '')}/${bucket}` : `https://${bucket}.s3.${region}.amazonaws.com`
    this.place = place
    this.#root = prefix === '' ? host : `${host}/${prefix}`
    this.#cache = cache
    this.#client = new AwsClient({
      accessKeyId,
      secretAccessKey,
      ...(sessionToken !== undefined && { sessionToken }),
      region,
      service: 's3',
      retries: 4,
    })
  }

  async locate(hash: string): Promise<string | undefined> {
    if (hash === NO_DATA) return undefined
    const path = join(this.#cache, fileName(hash))
    if (existsSync(path)) return path
    let fetching = this.#fetching.get(hash)
    if (!fetching) {
      fetching = this.#fetch(hash, path).finally(() => this.#fetching.delete(hash))
      this.#fetching.set(hash, fetching)
    }
    return fetching
  }

  async publish(path: string): Promise<string> {
    const { hash } = loadDataset(path)
    const there = await this.#ask('HEAD', hash)
    if (there.ok) return hash
    if (there.status !== 404) throw await this.#refused('HEAD', hash, there)
    const answer = await this.#ask('PUT', hash, readFileSync(path))
    if (!answer.ok) throw await this.#refused('PUT', hash, answer)
    return hash
  }

  async #fetch(hash: string, path: string): Promise<string> {
    const answer = await this.#ask('GET', hash)
    if (answer.status === 404) throw missing(hash, this.place)
    if (!answer.ok) throw await this.#refused('GET', hash, answer)
    mkdirSync(this.#cache, { recursive: true })
    const draft = `${path}.${process.pid}.draft`
    try {
      writeFileSync(draft, new Uint8Array(await answer.arrayBuffer()))
      requireHash(loadDataset(draft), hash, this.place)
      renameSync(draft, path)
    } catch (error) {
      if (error instanceof GimbalError) throw error
      throw this.#failed('GET', hash, error)
    } finally {
      rmSync(draft, { force: true })
    }
    return path
  }

  async #ask(method: 'GET' | 'HEAD' | 'PUT', hash: string, body?: Buffer): Promise<Response> {
    // The content is signed, too: over plain HTTP inside a cluster nothing else protects it.
    const content = createHash('sha256')
      .update(body ?? '')
      .digest('hex')
    try {
      return await this.#client.fetch(this.#url(hash), {
        method,
        headers: { 'x-amz-content-sha256': content },
        ...(body && { body: new Uint8Array(body) }),
      })
    } catch (error) {
      throw this.#failed(method, hash, error)
    }
  }

  #url(hash: string): string {
    return `${this.#root}/${fileName(hash)}`
  }

  #failed(method: string, hash: string, error: unknown): GimbalError {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
    return new GimbalError(
      'storage-failed',
      'The storage of datasets could not be reached',
      { request: `${method} ${this.#url(hash)}`, reason: reasonOf(cause) },
      { cause: error },
    )
  }

  async #refused(method: string, hash: string, answer: Response): Promise<GimbalError> {
    const words = await answer.text().catch(() => '')
    return new GimbalError('storage-failed', 'The storage of datasets refused', {
      request: `${method} ${this.#url(hash)}`,
      status: answer.status,
      answer: words.slice(0, 200),
    })
  }
}

/** Reads datasets for trials, each once as long as trials ask for the same, which those of one search do. */
export class DatasetReader {
  #latest: Dataset | undefined

  /**
   * @param path As a store located it.
   * @throws {GimbalError} `file-missing`; `file-invalid` when the file's content is not what `hash` says.
   */
  read(hash: string, path: string | undefined): Dataset {
    if (this.#latest?.hash === hash) return this.#latest
    if (path === undefined)
      throw new GimbalError('file-missing', 'A trial asks for data where none was given', {
        dataset: hash,
        remedy: hash === NO_DATA ? 'name a dataset in the search' : 'say where datasets lie: --data',
      })
    if (!existsSync(path)) throw missing(hash, path)
    const dataset = loadDataset(path)
    requireHash(dataset, hash, path)
    this.#latest = dataset
    return dataset
  }
}

function requireHash(dataset: Dataset, hash: string, place: string): void {
  if (dataset.hash !== hash)
    throw new GimbalError('file-invalid', 'A dataset is not the one its name says', {
      place,
      wanted: hash,
      found: dataset.hash,
    })
}

function missing(hash: string, place: string): GimbalError {
  return new GimbalError('file-missing', 'There is no such dataset', { dataset: hash, place })
}

function fileName(hash: string): string {
  return `${hash}.dataset`
}
