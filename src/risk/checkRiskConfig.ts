/** @file Whether a risk configuration from outside makes sense: every field looked at, no type trusted. */

import { type Facts, GimbalError } from '../core/errors.ts'
import type {
  BreakerName,
  BreakerRule,
  InstrumentLimits,
  LimitsConfig,
  LossRule,
  MessageRate,
  RiskConfig,
} from './riskConfig.ts'
import type { SizingConfig } from './sizing.ts'

type Check = 'positive' | 'not-negative' | 'fraction' | 'count' | 'limit'

const CHECKS: Readonly<Record<Check, { readonly rule: string; readonly holds: (x: number) => boolean }>> = {
  positive: { rule: 'a finite number above 0', holds: (x) => x > 0 && x < Number.POSITIVE_INFINITY },
  'not-negative': { rule: 'a finite number, 0 or more', holds: (x) => x >= 0 && x < Number.POSITIVE_INFINITY },
  fraction: { rule: 'a number above 0 and at most 1', holds: (x) => x > 0 && x <= 1 },
  count: { rule: 'a whole number, 1 or more', holds: (x) => Number.isSafeInteger(x) && x >= 1 },
  limit: { rule: 'a number, 0 or more, or Infinity for no limit', holds: (x) => x >= 0 },
}

const ACTS: readonly string[] = ['pause', 'cancel', 'reduce-only', 'flatten', 'halt']

const TAIL_NUMBERS = {
  limit: 'fraction',
  level: 'fraction',
  horizonUs: 'positive',
  sampleUs: 'positive',
  window: 'count',
  warmup: 'count',
} as const

const RULE_NUMBERS: Readonly<Record<BreakerName, Readonly<Record<string, Check>>>> = {
  'drawdown-from-peak': { limit: 'fraction' },
  'drawdown-from-start': { limit: 'fraction' },
  'daily-loss': { limit: 'fraction' },
  'trade-loss': { limit: 'fraction' },
  'equity-nan': { startupUs: 'not-negative' },
  'stale-data': { ageMaxUs: 'positive' },
  'gapped-data': { graceUs: 'not-negative' },
  'feed-latency': { latencyMaxUs: 'positive' },
  'clock-skew': { aheadMaxUs: 'positive', behindMaxUs: 'positive', driftMaxUs: 'positive', windowUs: 'positive' },
  'spread-shock': {
    blowoutRatio: 'positive',
    blowoutBpsMin: 'not-negative',
    collapseRatio: 'not-negative',
    samples: 'count',
    sampleUs: 'positive',
  },
  'depth-collapse': { ratioMin: 'fraction', levels: 'count', samples: 'count', sampleUs: 'positive' },
  'mark-divergence': { divergenceMaxBps: 'positive' },
  'funding-extreme': { rateMax: 'positive' },
  'volatility-jump': {
    ratioMax: 'positive',
    shortUs: 'positive',
    longUs: 'positive',
    warmupUs: 'not-negative',
    sampleUs: 'positive',
  },
  'correlation-to-one': { correlationMax: 'fraction', halfLife: 'positive', warmup: 'count', sampleUs: 'positive' },
  'reject-storm': { rejectsMax: 'count', windowUs: 'positive' },
  'model-range': { shareMax: 'fraction' },
  'value-at-risk': TAIL_NUMBERS,
  'expected-shortfall': TAIL_NUMBERS,
  'margin-ratio': { ratioMax: 'fraction' },
  'market-health': { healthMin: 'fraction', partsMin: 'count' },
}

/** Fields a rule may have besides its numbers. */
const RULE_OTHERS: Partial<Record<BreakerName, readonly string[]>> = {
  'drawdown-from-peak': ['policy', 'capital'],
  'drawdown-from-start': ['policy', 'capital'],
  'daily-loss': ['policy', 'capital'],
  'correlation-to-one': ['instruments'],
  'reject-storm': ['ignore'],
}

const INSTRUMENT_NUMBERS: Readonly<Record<keyof InstrumentLimits, Check>> = {
  collarBps: 'limit',
  takerCollarBps: 'limit',
  optionCollarBps: 'limit',
  optionQuoteAgeMaxUs: 'limit',
  orderLotsMax: 'limit',
  orderNotionalMax: 'limit',
  openOrdersMax: 'limit',
  positionLotsMax: 'limit',
  positionNotionalMax: 'limit',
  marketDepthShareMax: 'limit',
}

/** Rules that are blind while equity is unknown, and so need `equity-nan` beside them. */
const LOSSES: readonly string[] = [
  'drawdown-from-peak',
  'drawdown-from-start',
  'daily-loss',
  'trade-loss',
  'value-at-risk',
  'expected-shortfall',
]

/**
 * Returns the configuration unchanged when every part of it makes sense.
 *
 * @throws {GimbalError} `config-invalid`, naming the place, what stands there and what may.
 */
export function checkRiskConfig(config: RiskConfig): RiskConfig {
  known(config, 'risk', ['limits', 'breakers', 'checkUs', 'confirmUs', 'redemandUs', 'flattenLeaves', 'sizing'])
  for (const field of ['checkUs', 'confirmUs', 'redemandUs'] as const)
    number(config[field], `risk.${field}`, 'positive')
  const leaves: readonly unknown[] = [undefined, 'coin-hedges', 'nothing']
  if (!leaves.includes(config.flattenLeaves)) fail('risk.flattenLeaves', 'coin-hedges or nothing', config.flattenLeaves)
  checkLimits(config.limits)
  if (config.sizing !== undefined) checkSizing(config.sizing)
  if (!Array.isArray(config.breakers)) fail('risk.breakers', 'a list of rules', config.breakers)
  const seen = new Map<string, number>()
  for (const [index, rule] of config.breakers.entries()) {
    const at = `risk.breakers[${index}]`
    checkRule(rule, at)
    const policy = 'policy' in rule ? rule.policy : ''
    const key = `${rule.breaker} ${rule.act} ${policy ?? ''}`
    const earlier = seen.get(key)
    if (earlier !== undefined) fail(at, `one rule per breaker, act and policy; number ${earlier} is the same`, key)
    seen.set(key, index)
  }
  const names = config.breakers.map((rule) => rule.breaker)
  if (names.some((name) => LOSSES.includes(name)) && !names.includes('equity-nan'))
    fail(
      'risk.breakers',
      'a rule equity-nan beside every loss rule: an unknown equity must not switch them off',
      'none',
    )
  return config
}

function checkLimits(limits: LimitsConfig): void {
  const numbers: Record<string, Check> = {
    openOrdersMax: 'limit',
    grossExposureMax: 'limit',
    netExposureMax: 'limit',
    leverageMax: 'limit',
    marginUseMax: 'limit',
    initialMarginRate: 'fraction',
  }
  known(limits, 'risk.limits', [
    'instrument',
    'byInstrument',
    'messageRate',
    'messageRateByVenue',
    ...Object.keys(numbers),
  ])
  for (const [field, check] of Object.entries(numbers))
    number((limits as unknown as Record<string, unknown>)[field], `risk.limits.${field}`, check)
  const fields = Object.keys(INSTRUMENT_NUMBERS) as (keyof InstrumentLimits)[]
  known(limits.instrument, 'risk.limits.instrument', fields)
  for (const field of fields)
    number(limits.instrument[field], `risk.limits.instrument.${field}`, INSTRUMENT_NUMBERS[field])
  for (const [id, part] of Object.entries(limits.byInstrument)) {
    known(part, `risk.limits.byInstrument.${id}`, fields)
    for (const field of fields)
      if (part[field] !== undefined)
        number(part[field], `risk.limits.byInstrument.${id}.${field}`, INSTRUMENT_NUMBERS[field])
  }
  checkRate(limits.messageRate, 'risk.limits.messageRate')
  for (const [venue, rate] of Object.entries(limits.messageRateByVenue))
    checkRate(rate, `risk.limits.messageRateByVenue.${venue}`)
}

function checkSizing(sizing: SizingConfig): void {
  const numbers: Readonly<Record<keyof SizingConfig, Check>> = {
    turbulentFactor: 'fraction',
    healthFull: 'fraction',
    unwellFactor: 'fraction',
    drawdownBegin: 'not-negative',
    drawdownEnd: 'fraction',
    drawdownFactor: 'fraction',
  }
  const fields = Object.keys(numbers) as (keyof SizingConfig)[]
  known(sizing, 'risk.sizing', fields)
  for (const field of fields) number(sizing[field], `risk.sizing.${field}`, numbers[field])
  if (!(sizing.drawdownBegin < sizing.drawdownEnd))
    fail('risk.sizing', 'drawdownBegin below drawdownEnd', `${sizing.drawdownBegin} and ${sizing.drawdownEnd}`)
}

function checkRate(rate: MessageRate, at: string): void {
  known(rate, at, ['perSecond', 'burst', 'reserve'])
  number(rate.perSecond, `${at}.perSecond`, 'positive')
  number(rate.burst, `${at}.burst`, 'positive')
  number(rate.reserve, `${at}.reserve`, 'not-negative')
  if (rate.burst < rate.reserve + 1)
    fail(`${at}.burst`, 'at least one more than reserve, or nothing passes', rate.burst)
}

function checkRule(rule: BreakerRule, at: string): void {
  const numbers = RULE_NUMBERS[rule.breaker] as Readonly<Record<string, Check>> | undefined
  if (!numbers) fail(`${at}.breaker`, `one of ${Object.keys(RULE_NUMBERS).join(', ')}`, rule.breaker)
  const others = RULE_OTHERS[rule.breaker] ?? []
  known(rule, at, ['breaker', 'act', 'confirmations', 'cooldownUs', ...Object.keys(numbers), ...others])
  if (!ACTS.includes(rule.act)) fail(`${at}.act`, `one of ${ACTS.join(', ')}`, rule.act)
  number(rule.confirmations, `${at}.confirmations`, 'count')
  number(rule.cooldownUs, `${at}.cooldownUs`, 'not-negative')
  for (const [field, check] of Object.entries(numbers))
    number((rule as unknown as Record<string, unknown>)[field], `${at}.${field}`, check)
  if ('policy' in rule || 'capital' in rule) {
    const { policy, capital } = rule as LossRule
    if (!Number.isSafeInteger(policy) || policy! < 0) fail(`${at}.policy`, 'the number of a policy, from 0', policy)
    number(capital, `${at}.capital`, 'positive')
  }
  if (rule.breaker === 'reject-storm' && !Array.isArray(rule.ignore))
    fail(`${at}.ignore`, 'a list of reasons', rule.ignore)
  if (rule.breaker === 'correlation-to-one' && rule.instruments !== undefined && !(rule.instruments.length >= 2))
    fail(`${at}.instruments`, 'at least two instruments', rule.instruments)
  if (rule.breaker === 'spread-shock' && !(rule.collapseRatio < 1 && rule.blowoutRatio > 1))
    fail(at, 'collapseRatio below 1 and blowoutRatio above it', `${rule.collapseRatio} and ${rule.blowoutRatio}`)
  if (rule.breaker === 'value-at-risk' || rule.breaker === 'expected-shortfall') {
    const { level, warmup, window, sampleUs, horizonUs } = rule
    if (!(level > 0.5 && level < 1)) fail(`${at}.level`, 'between 0.5 and 1', level)
    if (!(warmup * (1 - level) >= 1 - 1e-9 && warmup <= window))
      fail(`${at}.warmup`, 'at least 1 / (1 − level) and at most window', warmup)
    if (!(horizonUs >= sampleUs)) fail(`${at}.horizonUs`, 'at least sampleUs', horizonUs)
  }
  if (rule.breaker === 'market-health' && !(rule.partsMin <= 4)) fail(`${at}.partsMin`, '1 to 4', rule.partsMin)
  if (rule.breaker === 'volatility-jump' && !(rule.shortUs < rule.longUs))
    fail(at, 'shortUs below longUs', `${rule.shortUs} and ${rule.longUs}`)
}

function known(value: unknown, at: string, fields: readonly string[]): void {
  if (typeof value !== 'object' || value === null) fail(at, 'an object', value)
  for (const field of Object.keys(value)) if (!fields.includes(field)) fail(at, `fields ${fields.join(', ')}`, field)
}

function number(value: unknown, at: string, check: Check): void {
  if (typeof value !== 'number' || !CHECKS[check].holds(value)) fail(at, CHECKS[check].rule, value)
}

function fail(at: string, expected: string, found: unknown): never {
  const facts: Facts = { at, expected, found: String(found) }
  throw new GimbalError('config-invalid', 'Unusable risk configuration', facts)
}
