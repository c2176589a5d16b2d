/** @file Impact models: how our own taking moves the market the recording knows nothing of. */

/** Shifts the prices we take at, against us only. */
export interface ImpactModel {
  readonly name: string
  readonly assumption: string
  /**
   * Ticks by which the market has moved, signed.
   *
   * @param netLots All we took so far in the instrument: bought less sold.
   */
  shiftTicks(netLots: number): number
}

/** The recording's market does not notice us. Optimistic for anything but small sizes. */
export function noImpact(): ImpactModel {
  return { name: 'none', assumption: 'impact: the market does not move because of us', shiftTicks: () => 0 }
}

/**
 * Every lot taken moves the price for good, in proportion (Kyle 1985; Huberman and Stanzl 2004: only linear permanent
 * impact admits no free lunch). Only the part against us is charged: having bought a lot makes buying dearer, and
 * selling no better.
 */
export function permanentLinearImpact(ticksPerLot: number): ImpactModel {
  return {
    name: 'permanent-linear',
    assumption: `impact: each lot we take moves the price by ${ticksPerLot} ticks for good, charged when against us`,
    shiftTicks: (netLots) => ticksPerLot * netLots,
  }
}
