/**
 * @file gimbal's part of compare.mjs: one process, one line of JSON.
 *
 *   node bench/peers/pricing/ours.mjs FOLDER
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { black76Batch } from '../../../dist/pricing/black76.js'
import { hestonPrice } from '../../../dist/pricing/heston.js'
import { impliedVolatilityBatch } from '../../../dist/pricing/impliedVolatility.js'
import { hestonCases } from './hestonCases.mjs'

const [folder] = process.argv.slice(2)

function read(name) {
  const bytes = readFileSync(join(folder, `${name}.options`))
  const all = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
  const rows = all.length / 7
  const [right, forward, strike, years, volatility, rate, price] = Array.from({ length: 7 }, (_, k) =>
    all.slice(k * rows, (k + 1) * rows),
  )
  return { right: Int8Array.from(right), forward, strike, years, volatility, rate, price }
}

/** Calls a second of CPU: repeated until a second has passed, after one round that lets the compiler settle. */
function perSecond(count, body) {
  body()
  let rounds = 0
  const before = process.cpuUsage()
  let used = 0
  while (used < 1) {
    body()
    rounds++
    const { user, system } = process.cpuUsage(before)
    used = (user + system) / 1e6
  }
  return (rounds * count) / used
}

const listed = read('listed')
const rows = listed.right.length
const column = () => new Float64Array(rows)
const out = {
  price: column(),
  deltaForward: column(),
  gamma: column(),
  vega: column(),
  theta: column(),
  rho: column(),
  status: new Uint8Array(rows),
}
const found = column()
const greeksPerSecond = perSecond(rows, () => black76Batch(listed, out))
const volatilityPerSecond = perSecond(rows, () => impliedVolatilityBatch(listed, found, out.status))
const heston = hestonCases.map(hestonPrice)
const hestonPerSecond = perSecond(heston.length, () => {
  for (const one of hestonCases) hestonPrice(one)
})

const hard = read('hard')
const recovered = new Float64Array(hard.right.length)
impliedVolatilityBatch(hard, recovered, new Uint8Array(recovered.length))
// As the rivals': the price of the batch against that of the single option, which everybody was given.
writeFileSync(join(folder, 'gimbal.prices'), Buffer.from(out.price.buffer))
writeFileSync(join(folder, 'gimbal.volatility'), Buffer.from(recovered.buffer))
console.log(JSON.stringify({ greeksPerSecond, volatilityPerSecond, hestonPerSecond, heston }))
