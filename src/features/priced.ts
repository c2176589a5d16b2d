/** @file Which instruments have a price or trades to go by. */

import type { TapeContents } from './feature.ts'

/** Streams a price can be taken from: see clockedPrice.ts. */
const PRICED = ['book', 'quote', 'bar', 'trade']

/** Whether an instrument's tape holds anything a price can be taken from. */
export function priced({ streams }: TapeContents, instrument: number): boolean {
  return streams[instrument]?.some((stream) => PRICED.includes(stream)) ?? false
}

/** Whether an instrument's tape says what was traded. */
export function traded({ streams }: TapeContents, instrument: number): boolean {
  return streams[instrument]?.some((stream) => stream === 'trade' || stream === 'bar') ?? false
}
