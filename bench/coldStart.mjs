/** @file Cold start of the command line: wall time of `gimbal --help` as a whole process, beside an empty Node. */

import { spawnSync } from 'node:child_process'

const runs = Number(process.argv[2] ?? 21)
function time(args) {
  const samples = []
  for (let i = 0; i < runs; i++) {
    const start = performance.now()
    const { status } = spawnSync(process.execPath, args, { stdio: 'ignore' })
    if (status !== 0) throw new Error(`node ${args.join(' ')} exited with ${status}`)
    samples.push(performance.now() - start)
  }
  samples.sort((a, b) => a - b)
  return { medianMs: Math.round(samples[runs >> 1]), minMs: Math.round(samples[0]), maxMs: Math.round(samples.at(-1)) }
}
console.log(JSON.stringify({ emptyNode: time(['-e', '0']), help: time(['dist/apps/main.js', '--help']) }))
