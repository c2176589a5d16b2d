/**
 * @file Who says what to try next, and what may be known for it.
 *
 * What is proposed for trial n may depend on the *results* of trials numbered below n − `parallel` and on nothing
 * else that time or machines could change: not on how many trials run at once, not on which of them finished first. One
 * worker, eight on two hosts, or a search killed and resumed all propose the same. `parallel` is therefore a setting of
 * the search: it bounds how many trials can run at once, and a larger one learns a little later.
 */

import type { Configuration } from './searchSpace.ts'

/** A trial as the proposer sees it. */
export interface Tried {
  readonly number: number
  readonly configuration: Configuration
  /** Lower is better, whichever way the search's own score goes; null where nothing could be scored. */
  readonly loss: number | null
}

/** Proposes configurations; a pure function of its settings and of what it is given. */
export interface Proposer {
  /** Results of trials below n − `parallel` are needed for trial n; infinite when none are ever needed. */
  readonly parallel: number
  /**
   * @param number Of the trial to propose, from 0.
   * @param known Trials below `number` − `parallel`, in order of number, all of them.
   * @param open Configurations of the trials between those and `number`, in order: their results are not looked at,
   *   finished or not.
   */
  propose(number: number, known: readonly Tried[], open: readonly Configuration[]): Configuration
}
