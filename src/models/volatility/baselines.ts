/** @file The forecasters a learner has to beat before anyone should believe it. */

import { EwmaForecaster, RISK_METRICS_LAMBDA } from './ewma.ts'
import type { SeriesForecaster } from './forecaster.ts'
import { GarchForecaster } from './garch.ts'
import { CORSI_LAGS, HarForecaster } from './har.ts'

/**
 * Every baseline, from the naive to the good. `harq` is among them only where the series has quarticity.
 *
 * @param lags Spans of the HAR family in steps: a day, a week and a month of daily steps unless said otherwise; for steps of
 *   five minutes 12, 288 and 2016 are an hour, a day and a week.
 */
export function volatilityBaselines(lags: readonly number[] = CORSI_LAGS, quarticity = false): SeriesForecaster[] {
  return [
    new EwmaForecaster(0),
    new EwmaForecaster(RISK_METRICS_LAMBDA),
    new EwmaForecaster(),
    new GarchForecaster(),
    new GarchForecaster({ leverage: true }),
    new HarForecaster('har', lags),
    ...(quarticity ? [new HarForecaster('harq', lags)] : []),
    new HarForecaster('log-har', lags),
    new HarForecaster('har-leverage', lags),
    new HarForecaster('log-har-leverage', lags),
  ] as SeriesForecaster[]
}
