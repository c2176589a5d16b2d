/**
 * Goal: a configuration that would silently not protect is refused, with the place and what belongs there.
 * Method: the default passes, also through JSON; one fault at a time does not.
 */

import { expect, test } from 'vitest'
import { GimbalError } from '../core/errors.ts'
import { checkRiskConfig } from './checkRiskConfig.ts'
import { DEFAULT_RISK, type RiskConfig } from './riskConfig.ts'

test('the default configuration is sound, and names every breaker once', () => {
  expect(checkRiskConfig(DEFAULT_RISK)).toBe(DEFAULT_RISK)
  expect(new Set(DEFAULT_RISK.breakers.map(({ breaker }) => breaker)).size).toBe(20)
  expect(DEFAULT_RISK.breakers).toHaveLength(21)
})

test('rules survive JSON, so that another process can hold the same ones', () => {
  expect(JSON.parse(JSON.stringify(DEFAULT_RISK.breakers))).toEqual(DEFAULT_RISK.breakers)
})

/** The default with one value replaced, by its path; undefined takes it away. */
function faulty(path: string, value: unknown): RiskConfig {
  const config = structuredClone(DEFAULT_RISK)
  const steps = path.split('.')
  const last = steps.pop()!
  const place = steps.reduce<object>((at, step) => Reflect.get(at, step) as object, config)
  if (value === undefined) Reflect.deleteProperty(place, last)
  else Reflect.set(place, last, value)
  return config
}

const FIRST = DEFAULT_RISK.breakers[0]!

test.each([
  ['a limit that is NaN', 'limits.leverageMax', Number.NaN, 'limits.leverageMax'],
  ['a negative collar', 'limits.instrument.collarBps', -1, 'limits.instrument.collarBps'],
  ['a missing limit', 'limits.marginUseMax', undefined, 'limits.marginUseMax'],
  ['text for a number', 'limits.instrument.orderLotsMax', '5', 'limits.instrument.orderLotsMax'],
  ['a misspelt exception', 'limits.byInstrument.X', { colarBps: 5 }, 'limits.byInstrument.X'],
  ['an exception that is NaN', 'limits.byInstrument.X', { collarBps: Number.NaN }, 'limits.byInstrument.X.collarBps'],
  ['a bucket without a drop', 'limits.messageRate.reserve', 100, 'limits.messageRate.burst'],
  ['an unknown breaker', 'breakers.0.breaker', 'drawdown', 'breakers[0].breaker'],
  ['an unknown act', 'breakers.0.act', 'stop', 'breakers[0].act'],
  ['no confirmation at all', 'breakers.0.confirmations', 0, 'breakers[0].confirmations'],
  ['a drawdown of five hundred percent', 'breakers.0.limit', 5, 'breakers[0].limit'],
  ['an endless cool-down', 'breakers.0.cooldownUs', Number.POSITIVE_INFINITY, 'breakers[0].cooldownUs'],
  ['a field of another rule', 'breakers.3.capital', 5, 'breakers[3]'],
  ['a policy rule without its denominator', 'breakers.0.policy', 0, 'breakers[0].capital'],
  ['the same rule twice', 'breakers.21', FIRST, 'breakers[21]'],
  ['a level of certainty', 'breakers.17.level', 1, 'breakers[17].level'],
  ['a tail from fewer samples than it has', 'breakers.17.warmup', 30, 'breakers[17].warmup'],
  ['a margin beyond liquidation', 'breakers.18.ratioMax', 1.1, 'breakers[18].ratioMax'],
  ['more parts of health than there are', 'breakers.20.partsMin', 5, 'breakers[20].partsMin'],
  ['a sizing that grants more', 'sizing.turbulentFactor', 1.5, 'sizing.turbulentFactor'],
  ['a drawdown that ends before it begins', 'sizing.drawdownEnd', 0.01, 'sizing'],
  ['loss rules that an unknown equity would switch off', 'breakers', [FIRST], 'breakers'],
  ['averages the wrong way round', 'breakers.13.shortUs', 1e15, 'breakers[13]'],
  ['a spread that can only breach', 'breakers.9.collapseRatio', 1, 'breakers[9]'],
  ['checks at no interval', 'checkUs', 0, 'checkUs'],
  ['an unknown field', 'limits.leverage', 5, 'limits'],
])('%s is refused', (_, path, value, at) => {
  let error: unknown
  try {
    checkRiskConfig(faulty(path, value))
  } catch (thrown) {
    error = thrown
  }
  expect(error).toBeInstanceOf(GimbalError)
  expect(error).toMatchObject({ code: 'config-invalid', facts: { at: `risk.${at}` } })
})
