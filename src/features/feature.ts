/**
 * @file What a feature is: figures that follow the market row by row, the same object in research and in the engine.
 *
 * A family is one idea in one file: it hears the rows of the instruments it names and, when asked, writes a handful of
 * figures. Five rules hold for all of them, and `tests/features` holds them to it:
 *
 * 1. *Only the past.* A figure at time t depends on rows with `timeUs` <= t and on nothing else.
 * 2. *Streaming equals batch.* It equals the definition evaluated over all rows up to t, to 1e-12 relative.
 * 3. *Looking changes nothing.* `write` may be called at any time, any number of times: what it writes later does not depend
 *    on it. Windows are in time or in events, never in numbers of looks.
 * 4. *Missing is NaN.* A figure that is not known yet, or no longer (silence longer than its memory, a book that lost
 *    updates, a venue that is down), is NaN; never 0, never the last value pretended fresh, never infinite.
 * 5. *No bridge over a gap.* A difference is not taken between two sides of a `GAP`, an `OUTAGE` or a book's reset; a window
 *    that holds such a break keeps what was heard on both sides, unless its family says otherwise.
 *
 * `onRow` is called for every row and must not allocate.
 */

import type { SettingsShape, SettingValue } from '../core/settings.ts'
import type { Universe } from '../market/instrument.ts'
import type { MarketState } from '../market/marketState.ts'
import type { TapeBatch } from '../market/tape.ts'

/** What a feature is built into. */
export interface FeatureContext {
  readonly universe: Universe
  /** State by instrument; already holds a row when a feature hears of it. */
  readonly markets: readonly MarketState[]
  /** Index of the instrument that forecasts will be about. */
  readonly target: number
}

export interface Feature {
  /** Instruments whose rows it wants, by index. */
  readonly instruments: readonly number[]
  /**
   * A row of one of its instruments, received at `timeUs`, already applied to the market. Rows of one message share
   * their time; the last carries `Flag.END`, and only there is a book whole.
   */
  onRow(batch: TapeBatch, row: number, instrument: number, timeUs: number): void
  /** Writes its figures from `out[at]` on, as of `nowUs`: every row with `timeUs` <= `nowUs` has been heard. */
  write(out: Float64Array, at: number, nowUs: number): void
}

/** One figure of a family. */
export interface FeatureOutput {
  /** Kebab-case, unique within the family under given settings: `imbalance-5`. */
  readonly name: string
  /** `fraction`, `ticks`, `bps`, `1/s`, `per √s`, `quote`, …; '' for pure numbers. */
  readonly unit: string
  readonly doc: string
}

/** A family as the registry and the command line offer it. */
export interface FeatureFamily {
  /** Kebab-case. */
  readonly name: string
  readonly summary: string
  /** Raised whenever the same rows would give other figures: part of the schema hash. */
  readonly version: number
  /** Settings with defaults. Instruments are named by id; '' is the target. Times in names: `windowSeconds`. */
  readonly settings: SettingsShape
  outputs(settings: Readonly<Record<string, SettingValue>>): readonly FeatureOutput[]
  /**
   * Whether an instrument's market can feed it, for choosing families by themselves: asked with what the tape holds of the
   * target and its neighbours.
   */
  suits(tape: TapeContents): boolean
  /** @throws {GimbalError} `config-invalid`, `instrument-unknown`. */
  build(settings: Readonly<Record<string, SettingValue>>, context: FeatureContext): Feature
}

/** What a tape holds, as far as choosing features goes. Streams are those of `market/message.ts`: `book`, `trade`, `bar`, … */
export interface TapeContents {
  readonly universe: Universe
  readonly target: number
  /** Streams by instrument index. */
  readonly streams: readonly (readonly string[])[]
}
