/** @file The policies that come with gimbal, by the name the command line knows them by. */

import { GimbalError } from '../core/errors.ts'
import type { SettingsShape, SettingValue } from '../core/settings.ts'
import type { Universe } from '../market/instrument.ts'
import { CARRY_SETTINGS, Carry } from './carry.ts'
import { DELTA_HEDGER_SETTINGS, DeltaHedger } from './deltaHedger.ts'
import { GAMMA_SCALPER_SETTINGS, GammaScalper } from './gammaScalper.ts'
import { MARKET_MAKER_SETTINGS, MarketMaker } from './marketMaker.ts'
import { OPTION_VAULT_SETTINGS, OptionVault } from './optionVault.ts'
import type { Policy } from './policy.ts'
import { RELATIVE_VALUE_SETTINGS, RelativeValue } from './relativeValue.ts'
import { VARIANCE_PREMIUM_SETTINGS, VariancePremium } from './variancePremium.ts'
import { VOLATILITY_TARGET_SETTINGS, VolatilityTarget } from './volatilityTarget.ts'

/** A policy as the command line offers it. */
export interface PolicyOffer {
  /** One sentence for `--help`. */
  readonly summary: string
  /** Every setting with its default and a sentence. */
  readonly settings: SettingsShape
  /** @throws {GimbalError} `config-invalid`, `instrument-unknown`. */
  build(settings: Readonly<Record<string, SettingValue>>, universe: Universe): Policy
}

export const POLICIES: Readonly<Record<string, PolicyOffer>> = {
  'market-maker': {
    summary:
      'Quotes both sides around the mid, after Guéant-Lehalle-Fernandez-Tapia, with volatility and flow estimated online.',
    settings: MARKET_MAKER_SETTINGS,
    build: MarketMaker.fromSettings,
  },
  carry: {
    summary: 'Earns funding: short perpetual, long spot, sliced, rebalanced and kept within its margin.',
    settings: CARRY_SETTINGS,
    build: Carry.fromSettings,
  },
  'volatility-target': {
    summary: 'Holds so much that equity moves by a chosen volatility, always long or with the past return.',
    settings: VOLATILITY_TARGET_SETTINGS,
    build: (settings, universe) => VolatilityTarget.fromSettings(settings, universe),
  },
  'delta-hedger': {
    summary:
      'Keeps the delta of everything held on an asset at a target: at intervals, by a band, or by the best band for costs and gas.',
    settings: DELTA_HEDGER_SETTINGS,
    build: DeltaHedger.fromSettings,
  },
  'variance-premium': {
    summary:
      'Sells dear or buys cheap straddles and strangles against the volatility expected, covered by wings, delta hedged.',
    settings: VARIANCE_PREMIUM_SETTINGS,
    build: VariancePremium.fromSettings,
  },
  'gamma-scalper': {
    summary: 'Buys the straddle whose gamma costs least against the movement expected, and earns it by hedging.',
    settings: GAMMA_SCALPER_SETTINGS,
    build: GammaScalper.fromSettings,
  },
  'relative-value': {
    summary: 'Sells the option richest against a fitted surface, buys the cheapest, of equal vega: skew and calendar.',
    settings: RELATIVE_VALUE_SETTINGS,
    build: (settings, universe) => RelativeValue.fromSettings(settings, universe),
  },
  'option-vault': {
    summary: 'Sells calls on coins held, or collars them with puts, and rolls.',
    settings: OPTION_VAULT_SETTINGS,
    build: OptionVault.fromSettings,
  },
}

/**
 * Builds a policy by name.
 *
 * @throws {GimbalError} `config-invalid` for an unknown name or setting, `instrument-unknown`.
 */
export function buildPolicy(
  name: string,
  settings: Readonly<Record<string, SettingValue>>,
  universe: Universe,
): Policy {
  if (!Object.hasOwn(POLICIES, name))
    throw new GimbalError('config-invalid', 'No such policy', { asked: name, known: Object.keys(POLICIES).join(' ') })
  return POLICIES[name].build(settings, universe)
}
