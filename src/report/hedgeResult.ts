/** @file What a hedging study found, as plain data: the same book sold several times, hedged differently each time. */

import type { ProfitParts } from '../portfolio/explain.ts'
import type { RiskEvent } from './collector.ts'
import type { Assumption, DataKind, ReportSource } from './runReport.ts'

/** Parts of a profit, with the coins the account began with apart: they are nobody's hedge. */
export interface StudyParts extends ProfitParts {
  /** Coins of the opening balance moving with their price, dollars. */
  collateral: number
}

/** One day, one venue, or the whole. Dollars. */
export interface ExplainedShare {
  /** `2026-01-05`, `deribit`. */
  readonly name: string
  readonly parts: StudyParts
  /** Sum of the parts. */
  readonly profit: number
}

/** A profit explained hour by hour and chain by chain. */
export interface StudyExplanation {
  readonly total: ExplainedShare
  readonly days: readonly ExplainedShare[]
  readonly venues: readonly ExplainedShare[]
  readonly steps: number
  /** Sums over all steps of absolute parts without residual and collateral, and of absolute residuals; dollars. */
  readonly gross: number
  readonly residual: number
  /** `residual` over `gross`: steps of opposite sign do not cancel. */
  readonly residualShare: number
  /** |residual| over the sum of absolute parts, both of the whole: what is left when they do. */
  readonly netResidualShare: number
  /** Greatest difference in a step between the explained change of worth and the ledger's change of equity, dollars. */
  readonly ledgerGap: number
  /** Holdings that had no price at the end of some step. */
  readonly unpriced: number
}

/** What a margin engine asked over the whole run. */
export interface StudyMargin {
  readonly venue: string
  readonly engine: string
  /** Greatest initial and maintenance margin as a share of the equity that counts; null where never anything was held. */
  readonly initialUseMax: number | null
  readonly maintenanceUseMax: number | null
  /** Greatest initial margin, dollars. */
  readonly initialMax: number
  /** Nearest liquidation, in deviations of a day's move at the implied volatility, and when; null where there was none. */
  readonly distanceMin: number | null
  readonly distanceMinUs: number | null
  /** Snapshots at which it could have been liquidated. */
  readonly liquidatable: number
  /** Maintenance over equity at each snapshot of the study; null where nothing was held. */
  readonly use: readonly (number | null)[]
}

/** What was paid, dollars; positive is a cost. */
export interface StudyCosts {
  /** Of options and of hedges. */
  readonly optionFees: number
  readonly optionSlippage: number
  readonly hedgeFees: number
  readonly hedgeSlippage: number
  /** Negative where it was received. */
  readonly funding: number
}

/** One run of the study. */
export interface HedgeVariant {
  readonly name: string
  /** In words. */
  readonly label: string
  readonly rule: string
  /** Instruments it hedged on; empty for the book left alone. */
  readonly hedges: readonly string[]
  readonly settings: Readonly<Record<string, string | number | boolean>>
  readonly journal: string
  /** Folder of the run, relative to the page. */
  readonly folder: string
  readonly seconds: number
  /** Ledger's equity at the first and last snapshot, dollars. */
  readonly equityStart: number
  readonly equityEnd: number
  /** Change of it beyond the opening coins' own. */
  readonly profit: number
  /** The same at each snapshot of the study; null while equity was unknown. */
  readonly curve: readonly (number | null)[]
  /** Of the changes between snapshots, dollars². */
  readonly variance: number
  /** Over that of the book left alone. */
  readonly varianceShare: number
  /** Mean of the worst twentieth of the changes between snapshots, a loss counted positive; dollars. */
  readonly expectedShortfall: number
  readonly worst: number
  readonly costs: StudyCosts
  /** Fees and slippage of hedges, and funding. */
  readonly hedgeCost: number
  readonly optionTurnover: number
  readonly hedgeTurnover: number
  readonly hedgeTrades: number
  /** Most base units of options sold at a time. */
  readonly soldMax: number
  /** Share of the time options were held at which their marks were carried (portfolio/marks.ts); null where none were held. */
  readonly optionsCarriedShare: number | null
  readonly explanation: StudyExplanation
  readonly margin: readonly StudyMargin[]
  readonly riskEvents: { readonly count: number; readonly entries: readonly RiskEvent[] }
  readonly refused: Readonly<Record<string, number>>
}

export interface HedgeStudyResult {
  readonly schema: 'gimbal-hedge-study'
  readonly schemaVersion: 1
  readonly gimbalVersion: string
  readonly title: string
  readonly provenance: DataKind
  readonly asset: string
  /** Moments the chain had been told whole: what everything is measured between, µs. */
  readonly snapshotsUs: readonly number[]
  readonly seed: number
  readonly dataHash: string
  readonly sources: readonly ReportSource[]
  /** Trials of the same policy on the same data so far, this study's included. */
  readonly trials: number
  /** The first is the book left alone. */
  readonly variants: readonly HedgeVariant[]
  readonly assumptions: readonly Assumption[]
  readonly seconds: number
}

/** The variant that left least variance. */
export function leastVariance({ variants }: Pick<HedgeStudyResult, 'variants'>): HedgeVariant {
  return variants.reduce((best, each) => (each.variance < best.variance ? each : best))
}
