/**
 * Goal: what is typed decides what runs: a limit, a breaker or sizing left out stays as it is, and margins are watched at every venue
 * an engine carries unless switched off.
 * Method: options as they are typed, into plans.
 */

import { describe, expect, test } from 'vitest'
import { testPerpetual } from '../../tests/testPerpetual.ts'
import { Instrument, Universe } from '../market/instrument.ts'
import { DEFAULT_RISK } from '../risk/riskConfig.ts'
import {
  completePlan,
  DEFAULT_EXCHANGE,
  marginsFrom,
  planFromJson,
  planToJson,
  type RunPlan,
  requireRunnable,
  riskFrom,
} from './runPlan.ts'

const usdc = (venue: string, base: string) =>
  new Instrument({ ...testPerpetual(base), venue, quote: 'USDC', settle: 'USDC', venueSymbol: `${base}-${venue}` })

describe('--risk', () => {
  test('sizing is on unless switched off, and its parts can be changed', () => {
    expect(riskFrom([])).toEqual(DEFAULT_RISK)
    expect(Object.hasOwn(riskFrom([]), 'sizing')).toBe(true)
    expect(Object.hasOwn(riskFrom(['sizing=off']), 'sizing')).toBe(false)
    expect(riskFrom(['sizing=on'])).toEqual(DEFAULT_RISK)
    expect(riskFrom(['sizing.turbulentFactor=0.2']).sizing).toEqual({ ...DEFAULT_RISK.sizing, turbulentFactor: 0.2 })
  })

  test.each(['sizing=maybe', 'sizing=0', 'sizing.nothing=1', 'breakers.margin-ration=off'])('%s is refused', (text) => {
    expect(() => riskFrom([text])).toThrow(expect.objectContaining({ code: 'config-invalid' }))
  })
})

describe('--margin', () => {
  const universe = new Universe([usdc('hyperliquid', 'BTC'), usdc('dydx', 'BTC'), new Instrument(testPerpetual('ETH'))])
  const own = { hyperliquid: 'hyperliquid', dydx: 'dydx-v4', test: 'listed-tiers' }

  test.each([
    [[], own],
    [['none'], {}],
    [['dydx=none'], { hyperliquid: 'hyperliquid', test: 'listed-tiers' }],
    [['dydx=none', 'hyperliquid=none', 'test=none'], {}],
    [['hyperliquid=dydx-v4'], { ...own, hyperliquid: 'dydx-v4' }],
  ])('%j watches %j', (asked, margins) => {
    expect(marginsFrom(asked, universe)).toEqual({ margins })
  })

  test('a plan that names none watches what it can, one that names some or none watches those', () => {
    const plan: RunPlan = {
      ...{ data: { from: 'feed' }, policies: [], risk: DEFAULT_RISK, exchange: DEFAULT_EXCHANGE },
      ...{ cash: { USDC: 1000 }, seed: 1 },
    }
    expect(completePlan(plan, universe).margins).toEqual(own)
    for (const asked of [['none'], ['dydx=none']])
      expect(completePlan({ ...plan, ...marginsFrom(asked, universe) }, universe).margins).toEqual(
        marginsFrom(asked, universe).margins,
      )
  })

  test('what is not key=value is refused', () => {
    expect(() => marginsFrom(['hyperliquid'], universe)).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
    expect(() => marginsFrom(['none', 'dydx=none'], universe)).toThrow(
      expect.objectContaining({ code: 'argument-invalid' }),
    )
  })

  test('the engine named reaches the engine that runs, through the header of a journal', () => {
    const plan = (asked: string[]): RunPlan => ({
      data: { from: 'feed' },
      policies: [],
      risk: DEFAULT_RISK,
      exchange: DEFAULT_EXCHANGE,
      cash: { USDC: 1000 },
      seed: 1,
      ...marginsFrom(asked, universe),
    })
    const recorded = planFromJson(planToJson(plan(['dydx=none'])))
    expect(recorded.margins).toEqual({ hyperliquid: 'hyperliquid', test: 'listed-tiers' })
    requireRunnable(recorded, universe)
    for (const asked of ['dydx=aave-v3', 'dydx=dydx', 'nowhere=dydx-v4'])
      expect(() => requireRunnable(planFromJson(planToJson(plan([asked]))), universe)).toThrow(
        expect.objectContaining({ code: 'config-invalid' }),
      )
  })
})
