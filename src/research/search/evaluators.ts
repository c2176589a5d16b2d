/** @file Evaluators by name. To add one: a file with an {@link Evaluator} and its line here. */

import { FORECAST_FIT } from './forecastFit.ts'
import { TEST_FUNCTION } from './testFunction.ts'
import type { Evaluator } from './trial.ts'

export const EVALUATORS: Readonly<Record<string, Evaluator>> = {
  'forecast-fit': FORECAST_FIT,
  'test-function': TEST_FUNCTION,
}
