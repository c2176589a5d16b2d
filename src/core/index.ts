/** @file What `gimbal/core` promises to the outside: time, chance, decimals and errors. */

export { type Clock, DAY_US, HOUR_US, isoDay, isoTime, MINUTE_US, SECOND_US, startOfDayUs } from './clock.ts'
export { type Decimal, decimalText, decimalValue, Grid, parseDecimal, roundHalfAway, StepFinder } from './decimal.ts'
export { erf, erfc, erfcx, normalCdf, normalQuantile } from './errorFunction.ts'
export { assert, type ErrorCode, type Facts, GimbalError } from './errors.ts'
export { hash32, Random } from './random.ts'
export { readSettings, type Setting, type SettingsOf, type SettingsShape, type SettingValue } from './settings.ts'
