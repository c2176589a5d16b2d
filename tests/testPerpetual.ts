/** @file A perpetual of no venue in particular, for tests that care for nothing but its existence. */

import type { InstrumentSpec } from '../src/market/instrument.ts'

/** Linear, settled in USDT, a tick of 0.1 and a lot of 0.001. */
export function testPerpetual(base = 'BTC', more: Partial<InstrumentSpec> = {}): InstrumentSpec {
  return {
    base,
    quote: 'USDT',
    kind: 'perp',
    venue: 'test',
    venueSymbol: `${base}USDT`,
    payoff: 'linear',
    settle: 'USDT',
    tickSize: '0.1',
    lotSize: '0.001',
    multiplier: '1',
    source: 'test',
    ...more,
  }
}
