/**
 * What it measures: a whole stress of a desk's book (57 positions on Deribit, two perpetuals, a loan): every named scenario twice,
 * heat map with frontier, reverse stress. It has to answer while somebody waits: under ten seconds.
 */

import { bench } from '../../../tests/bench.ts'
import { aaveV3 } from '../../portfolio/margin/aaveV3.ts'
import { marginEngine } from '../../portfolio/margin/registry.ts'
import { CALM, deskBook } from './deskBook.ts'
import { stressReport } from './stressReport.ts'

bench('stress: every scenario, frontier and reverse stress', [1, 1], () => {
  const book = deskBook(1)
  const engines = (name: string) => (name === 'aave-v3' ? aaveV3() : marginEngine(name))
  const report = stressReport(book, CALM, { engines })
  for (const { protected: guarded, unprotected, verdict } of report.scenarios) {
    if (process.env['BENCH'] !== '1') continue
    console.log(
      `${guarded.scenario.name.padEnd(26)} ${unprotected.outcome.padEnd(12)} ${unprotected.minimum.toFixed(0).padStart(10)}  ${verdict}`,
    )
  }
  if (process.env['BENCH'] === '1') {
    console.log(report.reverse.evaluations, report.reverse.liquidation.nearest, report.reverse.ruin.nearest)
    console.log(report.heatMap.frontier)
  }
  return Math.round(report.scenarios.reduce((sum, each) => sum + each.protected.end, 0))
})
