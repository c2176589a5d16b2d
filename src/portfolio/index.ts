/** @file What `gimbal/portfolio` promises to the outside: the ledger, and what may be read of it. */

export { type Holding, Ledger, type Portfolio, type PortfolioView } from './portfolio.ts'
