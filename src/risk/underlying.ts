/** @file Tokens that are claims on another asset: what hedges the one hedges the other. */

const WRAPPED: ReadonlyMap<string, string> = new Map([
  ...['WETH', 'stETH', 'STETH', 'wstETH', 'WSTETH', 'rETH', 'cbETH', 'weETH'].map((name) => [name, 'ETH'] as const),
  ...['WBTC', 'cbBTC', 'tBTC'].map((name) => [name, 'BTC'] as const),
])

/** What a token moves with: itself unless it is a claim on something else. */
export function underlyingOf(asset: string): string {
  return WRAPPED.get(asset) ?? asset
}
