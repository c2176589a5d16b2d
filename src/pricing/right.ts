/**
 * @file Call or put, as the sign of the exercise: what formulae and columns want.
 */

/** +1 call, −1 put. */
export type Right = 1 | -1
export const CALL: Right = 1
export const PUT: Right = -1
