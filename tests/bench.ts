/**
 * @file Micro-benchmarks that cannot rot.
 *
 * Every benchmark is also a test. Under `npm test` it runs small, in milliseconds, and prints nothing; under
 * `BENCH=1` it runs large and prints one line:
 *
 *   book: updates within 20 ticks   155 ns/event   0.2 bytes/event   hash efeb3b81
 *
 * The hash is of the result: it stops V8 from deleting the work, and you from "optimising" it by computing something
 * else. Figures compare two versions on one machine; they are not for press.
 */

import { test } from 'vitest'

const full = process.env['BENCH'] === '1'

/**
 * Runs `body(events)`, which must process that many events and return an integer digest of the outcome.
 *
 * @param events How many events to process: [as a test, as a benchmark].
 */
export function bench(
  name: string,
  events: readonly [smoke: number, full: number],
  body: (events: number) => number,
): void {
  test(`bench: ${name}`, { timeout: 300_000 }, () => {
    const count = full ? events[1] : events[0]
    body(events[0]) // Warm up: let V8 settle on types and optimise.
    globalThis.gc?.()

    const heapBefore = process.memoryUsage().heapUsed
    const cpuBefore = process.cpuUsage() // CPU time, not wall time: a busy neighbour disturbs it less.
    const hash = body(count)
    const cpu = process.cpuUsage(cpuBefore)
    const heapGrowth = process.memoryUsage().heapUsed - heapBefore

    if (!full) return
    const cost = `${(((cpu.user + cpu.system) * 1e3) / count).toFixed(0)} ns/event`
    const garbage = `${(heapGrowth / count).toFixed(1)} bytes/event`
    console.log(`${name.padEnd(48)} ${cost}   ${garbage}   hash ${(hash >>> 0).toString(16)}`)
  })
}
