/**
 * What it measures: a whole stress of a desk's book (57 positions on Deribit, two perpetuals, a loan): every named scenario twice,
 * heat map with frontier, reverse stress. It has to answer while somebody waits: under ten seconds.
 */

import { bench } from '../../../tests/bench.ts'
import { CALM, deskBook } from './deskBook.ts'
import { namedScenarios } from './namedScenarios.ts'
import { stressReport } from './stressReport.ts'

bench('stress: a scenario, its share of frontier and reverse', [1, 20], (events) => {
  const book = deskBook()
  const report = stressReport(book, CALM, {
    scenarios: namedScenarios(book).slice(0, events),
    // The whole only where all scenarios are run: figures times twenty are what a person waits for.
    ...(events < 20
      ? { heatMap: { spots: [0.8, 1, 1.2], volatilities: [0] }, reverse: { directions: 2, reach: 4 } }
      : {}),
  })
  return Math.round(report.scenarios.reduce((sum, each) => sum + each.protected.end, 0))
})
