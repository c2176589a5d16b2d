/**
 * Goal: options that are held until their venue settles them are explained to the ledger's cent, fees and hedges and all.
 *
 * Method: the generated market of options through engine and replayed exchange, a policy told never to close; what trades and flows
 * made of the book in each step is set against the change of the ledger's equity.
 */

import { expect, test } from 'vitest'
import { HOUR_US } from '../core/clock.ts'
import { NoJournal } from '../journal/journal.ts'
import { MergedTape } from '../market/tape.ts'
import { runBacktest } from '../sim/backtest.ts'
import { optionMarket } from '../sim/market/optionMarket.ts'
import { openingCash } from './hedgeStudy.ts'
import { HedgeRecorder } from './hedgeStudyRecorder.ts'
import { buildEngine, buildExchange, completePlan, DEFAULT_EXCHANGE, riskFrom } from './runPlan.ts'

test('a straddle sold, hedged and settled: every step is the ledger’s, and the residual is small', () => {
  const market = optionMarket({ seed: 3, days: 5, realised: 0.5, implied: 0.6, expiryDays: [3], snapshotHours: 4 })
  const cash = { USDT: 100_000, BTC: 1 }
  const held = {
    tenorDays: 3,
    tenorDaysMin: 1,
    rollDays: 0,
    warmupHours: 4,
    entryEdge: -1,
    exitEdge: 1,
    collateral: 'keep',
  }
  const plan = completePlan(
    {
      data: { from: 'feed' },
      policies: [{ name: 'variance-premium', settings: held }],
      risk: riskFrom([]),
      exchange: DEFAULT_EXCHANGE,
      cash,
      seed: 1,
    },
    market.universe,
  )
  const recorder = new HedgeRecorder({
    asset: 'BTC',
    snapshotsUs: market.snapshotsUs,
    openingCash: openingCash(market.universe, cash),
  })
  const exchange = buildExchange(plan, market.universe)
  let settled = 0
  const tell = recorder.onAccountEvent.bind(recorder)
  recorder.onAccountEvent = (event) => {
    if (event.kind === 'settlement') settled++
    tell(event)
  }
  const engine = buildEngine(plan, market.universe, { journal: new NoJournal(), venue: exchange, observer: recorder })
  recorder.attach(engine)
  runBacktest(engine, exchange, new MergedTape(market.inputs(), 'venue'), new MergedTape(market.inputs(), 'received'))
  const { explanation, soldMax, hedgeTrades, equity } = recorder.finish()
  expect([settled, soldMax > 0, hedgeTrades > 0]).toEqual([4, true, true])
  // A step each hour and each chain, from the first chain to the last.
  const [first, last] = [market.snapshotsUs[0]!, market.snapshotsUs.at(-1)!]
  const hours = Math.floor(last / HOUR_US) - Math.floor(first / HOUR_US)
  expect(explanation.steps).toBe(market.snapshotsUs.length - 1 + hours)
  expect(explanation.ledgerGap).toBeLessThan(0.001)
  expect(explanation.total.profit).toBeCloseTo(equity.at(-1)! - equity[0]!, 3)
  expect(explanation.residualShare).toBeLessThan(0.02)
})
