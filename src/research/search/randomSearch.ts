/**
 * @file Random search: every trial drawn from the space by itself.
 *
 * Source: J. Bergstra, Y. Bengio, "Random search for hyper-parameter optimization", J. Machine Learning Research 13 (2012).
 */

import { Random } from '../../core/random.ts'
import type { Proposer } from './proposer.ts'
import { type Configuration, orderedParameters, type SearchSpace, sampleConfiguration } from './searchSpace.ts'

/** The draw of trial `number` in a search with this seed. */
export function drawOf(space: SearchSpace, seed: number, number: number): Configuration {
  return sampleConfiguration(space, new Random(seed).fork(`trial ${number}`))
}

/** @throws {GimbalError} `config-invalid` for a space that makes no sense. */
export function randomSearch(space: SearchSpace, seed: number): Proposer {
  orderedParameters(space)
  return { parallel: Number.POSITIVE_INFINITY, propose: (number) => drawOf(space, seed, number) }
}
