/**
 * @file What `gimbal/portfolio` promises to the outside: the ledger of a run; books over venues, their worth, Greeks and margin; the
 * capital they need. A solver of mixed-integer programs is the caller's to bring (`LinearSolver`): the layer brings no package.
 */

export type {
  Book,
  FuturePosition,
  LendingPosition,
  OptionPosition,
  PoolPosition,
  Position,
  PowerPosition,
  Transfer,
  VenueAccount,
} from './book.ts'
export { positionName } from './book.ts'
export {
  type Candidate,
  type CandidateTerms,
  type CapitalRequest,
  type CollateralChoice,
  type Contract,
  candidateFromView,
  type ExposureLimit,
  type SurvivedMove,
  sigmaMoves,
} from './capital/capitalRequest.ts'
export {
  type MovedAccount,
  type MoveProposal,
  type ProposedMove,
  proposeMoves,
  type TransferRoute,
  type WantedCollateral,
} from './capital/collateralMoves.ts'
export {
  LinearProgram,
  type LinearSolver,
  type ProgramAnswer,
  type ProgramColumn,
  type ProgramRow,
} from './capital/linearProgram.ts'
export {
  type BindingConstraint,
  type CapitalAlternative,
  type CapitalAnswer,
  optimiseCapital,
  type PlacedAccount,
  type PlacedCollateral,
  type PlacedTrade,
  type TradeReason,
  type Violation,
} from './capital/optimise.ts'
export {
  type AccountCollateral,
  type CollateralAtRisk,
  type CollateralView,
  type CurrencyCollateral,
  type CurrencyTotal,
  collateralAtRisk,
  collateralView,
  type NamedMove,
} from './collateral.ts'
export { BookOfRun, type BookOfRunSettings, UNASSIGNED, type Unpriced } from './engineBook.ts'
export {
  type CashFlow,
  type ExplainedAsset,
  type ExplainedHolding,
  type ExplainRequest,
  type Explanation,
  explainProfit,
  noProfit,
  type ProfitParts,
  type Trade,
} from './explain.ts'
export { addGreeks, clearGreeks, type Greeks, noGreeks } from './greeks.ts'
export {
  type AccountRow,
  type BucketRow,
  type BucketSettings,
  type CashGreeks,
  DELTA_BANDS,
  type GreeksRow,
  type GreeksTable,
  greeksTable,
  type UnpricedHolding,
  type VenueRow,
} from './greeksTable.ts'
export {
  exposedAssets,
  type LiquidationDistance,
  type LiquidationPrices,
  liquidationDistance,
  liquidationPrices,
} from './margin/liquidation.ts'
export type { MarginEngine, MarginLine, MarginPool, MarginReport } from './margin/marginEngine.ts'
export { freeCollateral } from './margin/marginReport.ts'
export { assessAccount, assessBook, MARGIN_ENGINES, marginEngine } from './margin/registry.ts'
export { marginAfter, marginalMargins, withTrade } from './margin/whatIf.ts'
export {
  type Liquidity,
  type MarketFacts,
  type MarketView,
  type Shift,
  ShiftedView,
  SnapshotView,
} from './marketView.ts'
export { type Holding, Ledger, type Portfolio, type PortfolioView } from './portfolio.ts'
export { missingPrices, noPositionGreeks, type PositionGreeks, positionGreeks } from './positionGreeks.ts'
export { accountValue, bookValue, futureMark, optionDollars, poolAmounts, positionValue } from './valuation.ts'
