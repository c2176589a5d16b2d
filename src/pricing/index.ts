/** @file What `gimbal/pricing` promises to the outside: European options on forwards and spots, linear and coin-settled. */

export {
  type Black76Columns,
  type Black76Greeks,
  type Black76HigherColumns,
  type BlackScholesGreeks,
  black76,
  black76Batch,
  black76Price,
  blackScholes,
  type CoinColumns,
  type CoinGreeks,
  inverseBlack76,
  inverseBlack76Batch,
  type OptionColumns,
  type OptionTerms,
  PriceStatus,
  type SpotOptionTerms,
} from './black76.ts'
export {
  impliedTotalVolatility,
  impliedVolatility,
  impliedVolatilityBatch,
  type QuotedColumns,
  type QuotedOption,
  VOLATILITY_STATUS_NAMES,
  VolatilityStatus,
} from './impliedVolatility.ts'
export { normalisedBlack } from './normalisedBlack.ts'
export { CALL, PUT, type Right } from './right.ts'
