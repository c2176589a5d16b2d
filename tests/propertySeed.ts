/**
 * @file One seed for all property tests, so that a red run is red for everyone. `FC_SEED=n` searches elsewhere; a
 * counterexample found there becomes a named test.
 */

import fc from 'fast-check'

fc.configureGlobal({ seed: Number(process.env['FC_SEED'] ?? 20_261_122) })
