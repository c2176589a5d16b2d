/**
 * @file The run of the crash test: a process to be killed. Prints a line of JSON after every reconciliation: what was
 * found, and what the engine and the venue then each believe.
 */

import { runPaper, wallClockUs } from '../../src/apps/paper.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { SimulatedVenueClient } from '../../src/venues/simulated/client.ts'
import { buildRestless, universe } from '../restlessMarket.ts'

const [url = '', directory = ''] = process.argv.slice(2)
const controller = new AbortController()
let engine: Engine | undefined
let openBefore: number[] = []

const result = await runPaper({
  directory,
  gimbalVersion: 'crash-test',
  universe,
  seed: 1,
  settings: { policy: 'restless' },
  build: (header, ports) => {
    engine = buildRestless(header, ports)
    return engine
  },
  venue: (run) => {
    const client = new SimulatedVenueClient({ url, account: 'crash', run, universe, clock: wallClockUs })
    const snapshot = client.snapshot.bind(client)
    client.snapshot = (since, receive) =>
      snapshot(since, (said, timeUs) => {
        openBefore = [...(engine?.openOrders() ?? [])].map(({ id }) => id)
        receive(said, timeUs)
        if (!engine) return
        const report = {
          since,
          openBefore,
          openAfter: openBefore.filter((id) => engine!.order(id)),
          missedFills: said.fills.length,
          venueOpen: said.openOrders.map(({ orderId }) => orderId),
          venueLots: said.lots,
          venueCashAtoms: said.cashAtoms['USDT'],
          lots: universe.instruments.map((_, index) => engine!.ledger.lots(index)),
          cashAtoms: engine.ledger.cashAtoms('USDT'),
        }
        console.log(JSON.stringify({ report }))
      })
    return client
  },
  durability: 'process',
  cancelOnExit: false,
  print: () => {},
  signal: controller.signal,
})
console.log(JSON.stringify({ result }))
