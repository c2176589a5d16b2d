/**
 * Goal: a trial is evaluated on the very data its search names, wherever they lie, or not at all.
 *
 * Method: one small dataset in a folder and in storage: a server on this machine that keeps objects in memory and checks
 * every signature by Amazon's published algorithm, written here on its own. Then everything that can be wrong: absent,
 * altered, refused, unreachable.
 */

import { createHash, createHmac } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { completeDataset, loadDataset, saveDataset } from '../dataset.ts'
import { DatasetReader, FolderDatasetStore, openDatasetStore, type StorageAccess } from './datasetStore.ts'
import { InlineRunner } from './inline.ts'
import { type Evaluator, NO_DATA } from './trial.ts'

const folder = mkdtempSync(join(tmpdir(), 'gimbal-datasets-'))
const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
const KEY = 'AKIDEXAMPLE'

/** A dataset of one figure, at a price that goes up. */
function dataset(figure: number) {
  const times = Float64Array.of(1e6, 2e6, 3e6)
  const path = { startUs: 0, stepUs: 1e6, points: 4 }
  const zeros = new Float64Array(4)
  return completeDataset({
    features: {
      target: 'BTC-USD-PERP@test',
      sampling: { every: 'time', intervalUs: 1e6 },
      normaliseOver: 0,
      features: [],
    },
    schemaHash: 's'.repeat(64),
    timesUs: times,
    table: { rows: 3, names: ['figure'], columns: [Float64Array.of(figure, 2, Number.NaN)] },
    path: {
      ...path,
      price: Float64Array.of(1, 2, 3, 4),
      buyVolume: zeros,
      sellVolume: zeros,
      spread: zeros,
      depth: zeros,
      funding: zeros,
    },
    source: { kind: 'synthetic', name: 'ramp', dataHash: 'd'.repeat(64), rows: 3 },
  })
}

const DATASET = dataset(1)
const FILE = join(folder, 'recorded.gimbal')
saveDataset(DATASET, FILE)

/** Objects by path, and what was asked, in order. */
const objects = new Map<string, Buffer>()
const asked: string[] = []
/** Answers to give before the right ones. */
const troubles: number[] = []

const sha256 = (data: Buffer | string) => createHash('sha256').update(data).digest('hex')
const hmac = (key: Buffer | string, text: string) => createHmac('sha256', key).update(text).digest()

/** Whether a request carries the right signature: "Signature Version 4", Amazon S3 API reference. */
function signed(request: IncomingMessage, body: Buffer): boolean {
  const match = /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
    request.headers.authorization ?? '',
  )
  if (!match || request.headers['x-amz-content-sha256'] !== sha256(body)) return false
  const [, credential = '', names = '', signature] = match
  const [key, day = '', region = '', service = '', end] = credential.split('/')
  if (key !== KEY || service !== 's3' || end !== 'aws4_request') return false
  if (!['host', 'x-amz-content-sha256', 'x-amz-date'].every((name) => names.split(';').includes(name))) return false
  const headers = names.split(';').map((name) => `${name}:${String(request.headers[name]).trim()}\n`)
  const url = new URL(request.url!, 'http://host')
  const canonical = [request.method, url.pathname, '', headers.join(''), names, sha256(body)].join('\n')
  const scope = [day, region, service, end].join('/')
  const text = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], scope, sha256(canonical)].join('\n')
  const signing = [day, region, service, 'aws4_request'].reduce<Buffer | string>(hmac, `AWS4${SECRET}`)
  return hmac(signing, text).toString('hex') === signature
}

const server = createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  const path = request.url!
  asked.push(`${request.method} ${path}`)
  const trouble = troubles.shift()
  const object = objects.get(path)
  if (trouble !== undefined) response.writeHead(trouble).end('<Code>SlowDown</Code>')
  else if (!signed(request, body)) response.writeHead(403).end('<Code>SignatureDoesNotMatch</Code>')
  else if (request.method === 'PUT') {
    objects.set(path, body)
    response.writeHead(200).end()
  } else if (!object) response.writeHead(404).end('<Code>NoSuchKey</Code>')
  else response.writeHead(200, { 'content-length': object.length }).end(request.method === 'HEAD' ? '' : object)
})

let endpoint = ''
beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.close()
  rmSync(folder, { recursive: true })
})

let caches = 0
const access = (change: Partial<StorageAccess> = {}): StorageAccess => ({
  accessKeyId: KEY,
  secretAccessKey: SECRET,
  region: 'eu-test-1',
  endpoint,
  cache: join(folder, `cache-${++caches}`),
  ...change,
})
const code = (name: string) => expect.objectContaining({ code: name })

describe('a folder', () => {
  test('gives back what was put into it, by the hash of its content', async () => {
    const store = openDatasetStore(join(folder, 'store'))
    expect(await store.publish(FILE)).toBe(DATASET.hash)
    expect(await store.publish(FILE)).toBe(DATASET.hash)
    expect(readdirSync(join(folder, 'store'))).toEqual([`${DATASET.hash}.dataset`])
    expect(loadDataset((await store.locate(DATASET.hash))!).table.columns[0]![0]).toBe(1)
    await expect(store.locate('e'.repeat(64))).rejects.toThrow(code('file-missing'))
    expect(await store.locate(NO_DATA)).toBeUndefined()
  })

  test('a file put under another’s name is noticed before anything is learnt from it', async () => {
    const place = join(folder, 'wrong')
    const store = new FolderDatasetStore(place)
    saveDataset(dataset(2), join(place, `${DATASET.hash}.dataset`))
    const path = await store.locate(DATASET.hash)
    expect(() => new DatasetReader().read(DATASET.hash, path)).toThrow(code('file-invalid'))
  })
})

describe('storage', () => {
  test('keeps what was put into it and gives it to another host, whose signatures it checks', async () => {
    const here = openDatasetStore('s3://bucket/some/sets', access())
    expect(await here.publish(FILE)).toBe(DATASET.hash)
    expect(await here.publish(FILE)).toBe(DATASET.hash)
    const there = openDatasetStore('s3://bucket/some/sets/', access())
    asked.length = 0
    const paths = await Promise.all([there.locate(DATASET.hash), there.locate(DATASET.hash)])
    await there.locate(DATASET.hash)
    // Asked once, by whoever came first.
    expect(asked).toEqual([`GET /bucket/some/sets/${DATASET.hash}.dataset`])
    expect(readFileSync(paths[1]!).equals(readFileSync(FILE))).toBe(true)
  })

  test('is tried again while it is too busy', async () => {
    const store = openDatasetStore('s3://bucket', access())
    troubles.push(503, 500)
    expect(await store.publish(FILE)).toBe(DATASET.hash)
    troubles.push(503)
    expect(existsSync((await store.locate(DATASET.hash))!)).toBe(true)
  })

  test('what is altered on the way is not kept', async () => {
    const { cache, ...rest } = access()
    const store = openDatasetStore('s3://altered', { ...rest, cache })
    const bytes = readFileSync(FILE)
    bytes[bytes.length - 1]! ^= 1
    const path = `/altered/${DATASET.hash}.dataset`
    objects.set(path, bytes)
    await expect(store.locate(DATASET.hash)).rejects.toThrow(code('file-invalid'))
    saveDataset(dataset(2), join(folder, 'other.gimbal'))
    objects.set(path, readFileSync(join(folder, 'other.gimbal')))
    await expect(store.locate(DATASET.hash)).rejects.toThrow(code('file-invalid'))
    expect(readdirSync(cache)).toEqual([])
  })

  test('absent, refused and unreachable are three errors', async () => {
    const store = openDatasetStore('s3://bucket', access())
    await expect(store.locate('e'.repeat(64))).rejects.toThrow(code('file-missing'))
    const stranger = openDatasetStore('s3://bucket', access({ secretAccessKey: 'guessed' }))
    await expect(stranger.locate(DATASET.hash)).rejects.toThrow(
      expect.objectContaining({ code: 'storage-failed', facts: expect.objectContaining({ status: 403 }) }),
    )
    await expect(stranger.publish(FILE)).rejects.toThrow(code('storage-failed'))
    const nowhere = openDatasetStore('s3://bucket', access({ endpoint: 'http://127.0.0.1:1' }))
    await expect(nowhere.locate(DATASET.hash)).rejects.toThrow(code('storage-failed'))
  })

  test('needs credentials, and only storage and folders are known', () => {
    expect(() => openDatasetStore('s3://bucket')).toThrow(code('argument-invalid'))
    expect(() => openDatasetStore('ftp://host/sets')).toThrow(code('argument-invalid'))
  })
})

describe('a trial', () => {
  const MEAN: Evaluator = {
    summary: 'Sum of two figures.',
    evaluate(_, load) {
      const [figures] = load().table.columns
      return { score: figures![0]! + figures![1]!, metrics: {} }
    },
  }
  const task = {
    search: 'a'.repeat(64),
    number: 0,
    evaluator: 'mean',
    configuration: {},
    seed: 1,
    dataHash: DATASET.hash,
    version: '1',
  }
  const clock = { nowUs: 0 }
  const evaluators = { mean: MEAN }

  test('reads its dataset from the store', async () => {
    const datasets = new FolderDatasetStore(join(folder, 'trials'))
    await datasets.publish(FILE)
    const runner = new InlineRunner({ clock, datasets, evaluators })
    expect((await runner.run(task)).score).toBe(3)
    writeFileSync((await datasets.locate(DATASET.hash))!, 'gone bad')
    // It is held in memory by now; a runner that has to read it notices.
    expect((await runner.run(task)).score).toBe(3)
    await expect(new InlineRunner({ clock, datasets, evaluators }).run(task)).rejects.toThrow(code('file-invalid'))
  })

  test('without a store, or without a dataset in its search, says so', async () => {
    const runner = new InlineRunner({ clock, evaluators })
    await expect(runner.run(task)).rejects.toThrow(code('file-missing'))
    await expect(runner.run({ ...task, dataHash: NO_DATA })).rejects.toThrow(code('file-missing'))
  })
})
