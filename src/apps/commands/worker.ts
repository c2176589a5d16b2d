/** @file `gimbal worker`: runs trials of searches that were started elsewhere with `--queue`. */

import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { GimbalError } from '../../core/errors.ts'
import { openDatasetStore, type StorageAccess } from '../../research/search/datasetStore.ts'
import { serveTrials } from '../../research/search/queueWorker.ts'
import { ThreadRunner } from '../../research/search/threads.ts'
import { wallClockUs } from '../paper.ts'
import { count, EXIT, numberOption, type Terminal, wholeOption } from '../terminal.ts'
import { gimbalVersion } from '../version.ts'

interface WorkerOptions {
  readonly queue?: string
  readonly concurrency?: string
  readonly data?: string
  readonly seconds?: string
}

/** Credentials and place of S3-compatible storage as the usual variables say; undefined without a key. */
export function storageAccess(): StorageAccess | undefined {
  const { env } = process
  const [accessKeyId, secretAccessKey] = [env['AWS_ACCESS_KEY_ID'], env['AWS_SECRET_ACCESS_KEY']]
  if (!accessKeyId || !secretAccessKey) return undefined
  const endpoint = env['AWS_ENDPOINT_URL_S3'] || env['AWS_ENDPOINT_URL']
  const sessionToken = env['AWS_SESSION_TOKEN']
  return {
    accessKeyId,
    secretAccessKey,
    region: env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || 'us-east-1',
    ...(endpoint && { endpoint }),
    ...(sessionToken && { sessionToken }),
    cache: join(tmpdir(), 'gimbal-datasets'),
  }
}

/** Address of the queue: the option, or GIMBAL_QUEUE, which other users of the machine cannot read off the process list. */
export function queueAddress(option: string | undefined): string {
  const url = option ?? process.env['GIMBAL_QUEUE']
  if (url) return url
  throw new GimbalError('argument-invalid', 'A worker needs the address of a Redis server: --queue or GIMBAL_QUEUE', {
    example: 'gimbal worker --queue redis://127.0.0.1:6379',
  })
}

export async function worker(terminal: Terminal, options: WorkerOptions): Promise<number> {
  const url = queueAddress(options.queue)
  const threads = wholeOption(options.concurrency ?? `${availableParallelism()}`, '--concurrency', 1)
  const seconds = options.seconds === undefined ? undefined : numberOption(options.seconds, '--seconds', 0)
  const datasets = options.data === undefined ? undefined : openDatasetStore(options.data, storageAccess())
  const clock = {
    get nowUs() {
      return wallClockUs()
    },
  }
  const runner = new ThreadRunner({ clock, threads, ...(datasets && { datasets }) })
  const abort = new AbortController()
  const stop = () => {
    terminal.notice('finishing the trials under way; once more to leave them')
    abort.abort()
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  const timer = seconds === undefined ? undefined : setTimeout(() => abort.abort(), seconds * 1000)
  let sofar = 0
  try {
    const finished = await serveTrials({
      url,
      runner,
      version: gimbalVersion(),
      signal: abort.signal,
      onReady: (address) =>
        terminal.notice(`taking trials from ${address}, ${count(threads, 'at a time', 'at a time')}; stop with Ctrl-C`),
      onTrial: ({ search, number }, result) =>
        terminal.progress(
          `${count(++sofar, 'trial')}; ${search.slice(0, 8)} ${number}: ${result.score ?? 'not scored'}, ${result.seconds.toFixed(2)} s`,
        ),
    })
    terminal.progress('', true)
    terminal.line(`${count(finished, 'trial')} finished`)
    terminal.result({ trials: finished })
    return EXIT.ok
  } finally {
    clearTimeout(timer)
    process.removeListener('SIGINT', stop)
    process.removeListener('SIGTERM', stop)
    await runner.close()
  }
}
