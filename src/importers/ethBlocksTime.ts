/**
 * @file When an Ethereum block was mined, as nearly as its number tells: for files that forgot to say.
 *
 * Straight lines between the mainnet's own milestones (activation blocks of its upgrades, whose times are public). The
 * test compares it with blocks whose time is known: days off in the worst case, because mining was not even. Good
 * enough to put a block on its shelf, never to line it up with a market: whoever uses it flags its rows.
 *
 * Source: https://ethereum.org/en/history (upgrades with block number and time).
 */

import { SECOND_US } from '../core/clock.ts'

/** Block number and its timestamp in seconds since 1970. */
const MILESTONES: readonly (readonly [block: number, seconds: number])[] = [
  [1, 1_438_269_988], // Frontier, 2015-07-30 15:26:28
  [4_370_000, 1_508_131_331], // Byzantium, 2017-10-16 05:22:11
  [7_280_000, 1_551_383_524], // Constantinople, 2019-02-28 19:52:04
  [9_069_000, 1_575_764_709], // Istanbul, 2019-12-08 00:25:09
  [12_244_000, 1_618_481_223], // Berlin, 2021-04-15 10:07:03
  [12_965_000, 1_628_166_822], // London, 2021-08-05 12:33:42
  [13_773_000, 1_639_079_723], // Arrow Glacier, 2021-12-09 19:55:23
  [15_050_000, 1_656_586_444], // Gray Glacier, 2022-06-30 10:54:04
  [15_537_394, 1_663_224_179], // The Merge, 2022-09-15 06:42:59
  [17_034_870, 1_681_338_455], // Shanghai, 2023-04-12 22:27:35
  [19_426_587, 1_710_338_135], // Cancun, 2024-03-13 13:55:35
]

/** First block with a base fee: EIP-1559 came with the London upgrade. */
export const LONDON_BLOCK = 12_965_000

/**
 * Estimated time of a mainnet block in whole µs; beyond the last milestone at one block every 12 s.
 *
 * @param block Number of a block, at least 1.
 */
export function estimatedBlockUs(block: number): number {
  const last = MILESTONES.at(-1)!
  if (block >= last[0]) return (last[1] + (block - last[0]) * 12) * SECOND_US
  const at = Math.max(
    1,
    MILESTONES.findIndex(([number]) => number > block),
  )
  const [fromBlock, fromSeconds] = MILESTONES[at - 1]!
  const [toBlock, toSeconds] = MILESTONES[at]!
  const share = (block - fromBlock) / (toBlock - fromBlock)
  return Math.round(fromSeconds + share * (toSeconds - fromSeconds)) * SECOND_US
}
