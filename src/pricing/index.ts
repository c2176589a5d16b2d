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
export { type DigitalPrice, type DigitalTerms, digitalBySpread, digitalOption } from './digital.ts'
export {
  type ExpiryFit,
  type ExpiryOutcome,
  fitSurface,
  type SurfaceFit,
  type SurfaceFitOptions,
} from './fitSurface.ts'
export { type FittedSlice, fitSlices, type SliceBands, type SliceOutcome, settleSlice } from './fitSvi.ts'
export {
  ForwardCurve,
  type ForwardNode,
  type ForwardSource,
  type ParityForward,
  type ParityLine,
  type ParityQuotes,
  parityForward,
  parityLine,
} from './forwardCurve.ts'
export {
  type HestonModel,
  type HestonOption,
  type HestonPrice,
  hestonEstimate,
  hestonMeanVariance,
  hestonPrice,
} from './heston.ts'
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
export {
  type CleanQuotes,
  cleanQuotes,
  forwardCurveOf,
  type OptionQuotes,
  QUOTE_STATUS_NAMES,
  type QuoteRules,
  QuoteStatus,
  type QuoteStatusName,
} from './optionQuotes.ts'
export {
  expectedPremium,
  PANOPTIC_SPREAD,
  type PerpetualGreeks,
  type PerpetualLeg,
  type PerpetualRun,
  type PoolStretch,
  perpetualOption,
  perpetualRange,
  premiumMultiples,
  type RangeUse,
  runPerpetual,
} from './perpetualOption.ts'
export {
  arbitrageShare,
  expectedPoolValue,
  feeImpliedVolatility,
  lambertVolatility,
  lossVersusRebalancing,
  type PoolGreeks,
  type PoolRange,
  type PoolTrading,
  poolFees,
  poolGreeks,
} from './poolLiquidity.ts'
export {
  nextNormalisation,
  type PowerGreeks,
  type PowerMarket,
  type PowerTerms,
  powerFundingRate,
  powerImpliedVolatility,
  powerPerpetual,
  powerRatio,
  SQUEETH,
} from './powerPerpetual.ts'
export { CALL, PUT, type Right } from './right.ts'
export { fitSabr, type Sabr, type SabrFit, sabrVolatility } from './sabr.ts'
export {
  phiHeston,
  phiPowerLaw,
  type SsviSlice,
  ssviButterflySufficient,
  ssviCalendarFree,
  ssviPhiWithin,
  ssviRaw,
  ssviVariance,
} from './ssvi.ts'
export { type MadeUpSlice, type SurfaceArbitrage, surfaceArbitrage } from './surfaceArbitrage.ts'
export {
  durrleman,
  fromJumpWings,
  type JumpWings,
  jumpWings,
  leeSlopes,
  type RawSvi,
  requireSvi,
  type SmilePoint,
  sviDensity,
  sviDurrleman,
  sviLeastVariance,
  sviPoint,
  sviVariance,
} from './svi.ts'
export {
  type ButterflyCheck,
  butterflyFree,
  type CalendarCheck,
  calendarFree,
  checkButterfly,
  checkCalendar,
  repairButterfly,
  type SliceRepair,
  type Verdict,
} from './sviArbitrage.ts'
export { type PlainSurface, type SurfaceSlice, SviSurface } from './sviSurface.ts'
export { fittedVolatilityIndex, varianceSwapVolatility } from './varianceSwap.ts'
export {
  type IndexExpiry,
  type ListedStrip,
  type ListedVariance,
  listedVariance,
  listedVolatilityIndex,
  type VolatilityIndex,
} from './volatilityIndex.ts'
export type { VolatilitySurface } from './volatilitySurface.ts'
