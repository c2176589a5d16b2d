/**
 * @file A connection to the Redis server searches and workers meet on.
 *
 * The first attempt fails at once and says why; a connection that was up and is lost is tried again for a while, as
 * servers are restarted. Errors show the address without its password.
 */

import { Redis } from 'ioredis'
import { GimbalError } from '../../core/errors.ts'
import { reasonOf } from './trial.ts'

/** Queue that all searches and workers of a server share. */
export const QUEUE_NAME = 'gimbal-trials'

/** Attempts to get a lost connection back, up to two seconds apart: a bit over a minute. */
const RECONNECTS_MAX = 40

export interface QueueConnection {
  readonly redis: Redis
  /** The server without user and password. */
  readonly address: string
  /** Rejects when the connection is lost for good: `queue-failed`. Never resolves. */
  readonly lost: Promise<never>
  /** Takes errors of connections made from this one, so that `lost` can say what was wrong. */
  readonly note: (error: Error) => void
  close(): void
}

/**
 * @param url `redis://host:6379`, `rediss://user:password@host:6380/1`: TLS, login and database as the address says.
 * @throws {GimbalError} `argument-invalid` for another address; `queue-failed` when there is no server, or it refuses.
 */
export async function connectQueue(url: string): Promise<QueueConnection> {
  const address = addressOf(url)
  let connected = false
  let reason = 'it closed the connection'
  const redis = new Redis(url, {
    lazyConnect: true,
    // Workers wait in a blocking command for as long as there is nothing to do.
    maxRetriesPerRequest: null,
    connectTimeout: 10_000,
    retryStrategy: (times) => (connected && times <= RECONNECTS_MAX ? Math.min(100 * times, 2_000) : null),
  })
  const note = (error: Error) => {
    reason = reasonOf(error)
  }
  const failure = (what: string) =>
    new GimbalError('queue-failed', what, {
      queue: address,
      reason,
      remedy: 'start a Redis server there or name another: --queue redis://user:password@host:port',
    })
  redis.on('error', note)
  try {
    await redis.connect()
  } catch {
    // Of a connection that has ended, ioredis would wait two seconds for it to end.
    if (redis.status !== 'end') redis.disconnect()
    throw failure('The Redis server of the queue cannot be reached, or refuses')
  }
  connected = true
  const lost = new Promise<never>((_, reject) => {
    redis.once('end', () => reject(failure('The Redis server of the queue was lost')))
  })
  // Whoever waits hears of it; nobody waiting is no crash.
  lost.catch(() => {})
  return { redis, address, lost, note, close: () => redis.disconnect() }
}

function addressOf(url: string): string {
  try {
    const { protocol, host, pathname, username } = new URL(url)
    if ((protocol === 'redis:' || protocol === 'rediss:') && host !== '')
      return `${protocol}//${username === '' ? '' : `${username}@`}${host}${pathname}`
  } catch {
    // Said below, together with other protocols.
  }
  throw new GimbalError('argument-invalid', 'A queue is the address of a Redis server', {
    example: 'redis://127.0.0.1:6379 or rediss://user:password@host:6380',
  })
}
