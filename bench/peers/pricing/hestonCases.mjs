/**
 * @file Options in Heston's model priced by gimbal and by QuantLib: strikes and expiries over five markets, among them the
 * one of Buehler et al. (2019), whose volatility of variance is high and whose variance touches 0.
 */

const markets = [
  { v0: 0.04, kappa: 1, theta: 0.04, xi: 2, rho: -0.7 },
  { v0: 0.49, kappa: 1, theta: 0.36, xi: 0.8, rho: -0.5 },
  { v0: 0.3, kappa: 3, theta: 0.25, xi: 2, rho: 0.2 },
  { v0: 0.01, kappa: 4, theta: 0.09, xi: 0.3, rho: 0 },
  { v0: 0.64, kappa: 0.5, theta: 0.5, xi: 1.2, rho: -0.95 },
]

/** For `hestonPrice`; forward 100, no rate. */
export const hestonCases = markets.flatMap((market) =>
  [7, 30, 180, 720].flatMap((days) =>
    [60, 80, 95, 100, 110, 140].map((strike) => ({ right: 1, forward: 100, strike, years: days / 365, ...market })),
  ),
)
