/** @file `gimbal venue`: a simulated venue on this machine, playing a catalog or the generated market. */

import { GimbalError } from '../../core/errors.ts'
import { MergedTape } from '../../market/tape.ts'
import { defaultCash } from '../backtestRun.ts'
import { runData } from '../runData.ts'
import { buildExchange, type DataPlan, DEFAULT_EXCHANGE, riskFrom } from '../runPlan.ts'
import { runSimulatedVenue } from '../simulatedVenue.ts'
import { EXIT, numberOption, type Terminal, thousands } from '../terminal.ts'

interface VenueOptions {
  readonly port: string
  readonly catalog?: string
  readonly speed: string
  readonly hours: string
  readonly seed: string
  readonly seconds?: string
}

/** What a simulated venue plays: everything in a catalog, or the generated market. */
export function venueData(catalog: string | undefined, seed: number, hours: number): DataPlan {
  return catalog ? { from: 'catalog', instruments: [], fromUs: null, toUs: null } : { from: 'generated', seed, hours }
}

export async function venue(terminal: Terminal, options: VenueOptions): Promise<number> {
  const seed = numberOption(options.seed, '--seed', 0)
  const hours = numberOption(options.hours, '--hours', 0)
  const speed = numberOption(options.speed, '--speed', 0.001)
  const port = numberOption(options.port, '--port', 0)
  if (!Number.isInteger(port) || port > 65_535)
    throw new GimbalError('argument-invalid', '--port takes a whole number from 0 (any free port) to 65535', {
      given: options.port,
    })
  const seconds = options.seconds === undefined ? undefined : numberOption(options.seconds, '--seconds', 0)
  const data = await runData(venueData(options.catalog, seed, hours), options.catalog ?? '', (tape, rows) =>
    terminal.progress(`building the tape ${tape} of ${thousands(rows)} rows (once)`),
  )
  terminal.progress('', true)
  const { universe } = data
  const abort = new AbortController()
  const timer = seconds === undefined ? undefined : setTimeout(() => abort.abort(), seconds * 1000)
  try {
    await runSimulatedVenue({
      universe,
      tape: new MergedTape(data.inputs(), 'venue'),
      speed,
      openExchange: (cash) =>
        buildExchange(
          { data: { from: 'feed' }, policies: [], risk: riskFrom([]), exchange: DEFAULT_EXCHANGE, cash, seed },
          universe,
        ),
      cash: defaultCash(data),
      port,
      print: (line) => terminal.notice(line),
      onListening: (url) => {
        terminal.line(`${url}  [${data.kind.toUpperCase()}]  stop it with Ctrl-C`)
        for (const { id } of universe.instruments) terminal.line(`  ${id}`)
        terminal.line(
          `Trade on it: gimbal paper --venue ${url} --policy market-maker${options.catalog ? ` --catalog ${options.catalog}` : ''}`,
        )
        terminal.result({ url, kind: data.kind, speed, instruments: universe.instruments.map(({ id }) => id) })
      },
      signal: abort.signal,
    })
  } finally {
    clearTimeout(timer)
  }
  return EXIT.ok
}
