/**
 * @file Queue models: how much of a price level stands ahead of our order, when the venue only says the total.
 *
 * All but the exact one (l3Book.ts, used wherever a recording carries single orders) are estimates, and are those
 * hftbacktest publishes, formula for formula, so that runs can be compared fill by fill:
 *
 * - every model: a new order joins behind everything shown at its price; a trade at that price moves it forward;
 * - `risk-averse`: nothing else moves it, except that it cannot be further back than the level is large;
 * - the probability models: of every further decrease (a cancellation), a part `1 − p(front, back)` happened ahead of
 *   us. They differ in p, the probability that the decrease was behind us.
 *
 * Sources: hftbacktest 0.9.4 (the crate behind PyPI 2.4.4), `backtest/models/queue.rs`, MIT, read and rewritten;
 * E. Rigtorp, "Estimating order queue position" (2013); "How do we estimate position of our order in order book?",
 * quant.stackexchange.com 3782.
 *
 * Where they are optimistic: none knows of orders with priority over ours (hidden-order refresh, pro-rata shares);
 * the probability models credit us with cancellations that may all have been behind us.
 */

import { GimbalError } from '../core/errors.ts'

/** Where an order stands in its level. */
export interface QueuePlace {
  /** Lots of others believed ahead; infinite when the level cannot be seen. Negative: traded beyond us, not yet used. */
  frontLots: number
  /** Lots traded at this price since the level last changed: a decrease explained by them is no cancellation. */
  tradedLots: number
}

/** Moves an order forward when the size of its level changes. */
export interface QueueModel {
  /** As on the command line: `power:3`. */
  readonly name: string
  /** The assumption in a sentence, for reports. */
  readonly assumption: string
  /**
   * The level went from `before` to `after` lots.
   *
   * @param lotSize Contracts per lot: the logarithmic models are not scale-free and reckon in contracts.
   */
  depth(place: QueuePlace, before: number, after: number, lotSize: number): void
}

/** Rust's `f64::min`, which the published models rely on: a NaN loses against any number. */
function lesser(a: number, b: number): number {
  return Number.isNaN(a) ? b : Math.min(a, b)
}

/** Pessimistic: only trades move us forward. hftbacktest's `RiskAdverseQueueModel`. */
export function riskAverse(): QueueModel {
  return {
    name: 'risk-averse',
    assumption: 'queue: cancellations are all behind us; only trades at our price move us forward',
    depth: (place, _before, after) => {
      place.frontLots = lesser(place.frontLots, after)
      place.tradedLots = 0
    },
  }
}

/**
 * hftbacktest's `ProbQueueModel` around a probability that a decrease happened behind us.
 *
 * @param behind Takes the sizes ahead of and behind the order, in contracts.
 */
function probabilityQueue(name: string, formula: string, behind: (front: number, back: number) => number): QueueModel {
  return {
    name,
    assumption: `queue: a cancellation at our price is behind us with probability ${formula}`,
    depth: (place, before, after, lotSize) => {
      const decrease = before - after - place.tradedLots
      place.tradedLots = 0
      if (decrease < 0) {
        place.frontLots = lesser(place.frontLots, after)
        return
      }
      const front = place.frontLots
      const back = before - front
      let probability = behind(front * lotSize, back * lotSize)
      if (probability === Number.POSITIVE_INFINITY || probability === Number.NEGATIVE_INFINITY) probability = 1
      // What of the part behind us exceeds what is there must have been ahead after all.
      const estimate = front - (1 - probability) * decrease + lesser(back - probability * decrease, 0)
      place.frontLots = lesser(estimate, after)
    },
  }
}

/** p = backⁿ / (backⁿ + frontⁿ). `PowerProbQueueFunc`. */
export function powerProbability(n: number): QueueModel {
  return probabilityQueue(`power:${n}`, `back^${n} / (back^${n} + front^${n})`, (front, back) => {
    const behind = back ** n
    return behind / (behind + front ** n)
  })
}

/** p = backⁿ / (back + front)ⁿ. `PowerProbQueueFunc2`. */
export function powerProbability2(n: number): QueueModel {
  return probabilityQueue(
    `power2:${n}`,
    `back^${n} / (back + front)^${n}`,
    (front, back) => back ** n / (back + front) ** n,
  )
}

/** p = 1 − (front / (front + back))ⁿ. `PowerProbQueueFunc3`. */
export function powerProbability3(n: number): QueueModel {
  return probabilityQueue(
    `power3:${n}`,
    `1 - (front / (front + back))^${n}`,
    (front, back) => 1 - (front / (front + back)) ** n,
  )
}

/** p = ln(1 + back) / (ln(1 + back) + ln(1 + front)), sizes in contracts. `LogProbQueueFunc`. */
export function logProbability(): QueueModel {
  return probabilityQueue('log', 'ln(1 + back) / (ln(1 + back) + ln(1 + front))', (front, back) => {
    const behind = Math.log(1 + back)
    return behind / (behind + Math.log(1 + front))
  })
}

/** p = ln(1 + back) / ln(1 + back + front), sizes in contracts. `LogProbQueueFunc2`. */
export function logProbability2(): QueueModel {
  return probabilityQueue(
    'log2',
    'ln(1 + back) / ln(1 + back + front)',
    (front, back) => Math.log(1 + back) / Math.log(1 + back + front),
  )
}

/**
 * The model of that name: `risk-averse`, `power:N`, `power2:N`, `power3:N`, `log`, `log2`.
 *
 * @throws {GimbalError} `argument-invalid`.
 */
export function queueModelNamed(name: string): QueueModel {
  const [kind, exponent] = name.split(':')
  const n = Number(exponent)
  if (kind === 'risk-averse' && exponent === undefined) return riskAverse()
  if (kind === 'log' && exponent === undefined) return logProbability()
  if (kind === 'log2' && exponent === undefined) return logProbability2()
  if (kind === 'power' && n > 0) return powerProbability(n)
  if (kind === 'power2' && n > 0) return powerProbability2(n)
  if (kind === 'power3' && n > 0) return powerProbability3(n)
  throw new GimbalError('argument-invalid', 'No such queue model', {
    asked: name,
    known: 'risk-averse, power:N, power2:N, power3:N, log, log2',
  })
}
