/** @file The venue of the crash test: a process that survives. Prints its address, then plays until it is stopped. */

import { runSimulatedVenue } from '../../src/apps/simulatedVenue.ts'
import { MergedTape } from '../../src/market/tape.ts'
import { constantLatency } from '../../src/sim/latencyModels.ts'
import { ReplayedExchange } from '../../src/sim/replayedExchange.ts'
import { CASH, RestlessMarket, universe } from '../restlessMarket.ts'

const [seed = '1'] = process.argv.slice(2)

await runSimulatedVenue({
  universe,
  tape: new MergedTape([{ source: new RestlessMarket(Number(seed)) }], 'venue'),
  speed: 3,
  openExchange: (cash) =>
    new ReplayedExchange({ universe, cash, settings: { latency: constantLatency(3000), margin: 'none' } }),
  cash: CASH,
  port: 0,
  print: () => {},
  onListening: (url) => console.log(url),
})
