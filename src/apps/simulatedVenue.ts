/** @file The simulated venue as a process: plays a tape to whoever connects, until SIGINT or SIGTERM. */

import type { Universe } from '../market/instrument.ts'
import type { MergedTape } from '../market/tape.ts'
import type { SimulatedVenue } from '../sim/backtest.ts'
import { startSimulatedVenue } from '../venues/simulated/server.ts'
import { wallClockUs } from './paper.ts'

export interface SimulatedVenueRun {
  readonly universe: Universe
  /** In the venue's order (`view: 'venue'`). */
  readonly tape: MergedTape
  /** Tape seconds for each second. */
  readonly speed: number
  /** Opens the exchange of a new account with the given balances: a `ReplayedExchange`. */
  readonly openExchange: (cash: Readonly<Record<string, number>>) => SimulatedVenue
  readonly cash: Readonly<Record<string, number>>
  /** 0 takes any free port. */
  readonly port: number
  readonly print: (line: string) => void
  /** Told once it listens. */
  readonly onListening?: (url: string) => void
  /** Ends it as SIGINT and SIGTERM do. */
  readonly signal?: AbortSignal
}

/** @throws {GimbalError} `venue-refused` when the port is taken. */
export async function runSimulatedVenue(options: SimulatedVenueRun): Promise<void> {
  const { print, signal, onListening, ...rest } = options
  const venue = await startSimulatedVenue({ ...rest, clock: wallClockUs })
  print(`simulated venue on ${venue.url}, ${options.speed} × real time`)
  onListening?.(venue.url)
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      if (!venue.ended) return
      clearInterval(timer)
      print(`the tape has ended after ${venue.rows} rows: the market stands still`)
    }, 1000)
    const stop = () => {
      clearInterval(timer)
      process.removeListener('SIGINT', stop)
      process.removeListener('SIGTERM', stop)
      resolve()
    }
    process.once('SIGINT', stop)
    process.once('SIGTERM', stop)
    signal?.addEventListener('abort', stop, { once: true })
    if (signal?.aborted) stop()
  })
  await venue.close()
}
