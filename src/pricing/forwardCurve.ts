/**
 * @file What the market pays for delivery at each expiry: from listed futures, from a venue's own forwards, and from options
 * themselves by put-call parity.
 *
 * A call less a put of one strike is a forward bought at that strike: C − P = D (F − K) in quote, or, settled in the coin, 1 −
 * K/F coins, which no rate discounts. Each strike with both quoted gives not a number but a band of forwards, from selling the call at
 * its bid and buying the put at its ask to the reverse. The forward taken is one that most bands hold, each counted by how narrow
 * it is: wrong quotes do not move it, however wrong.
 */

import { GimbalError } from '../core/errors.ts'

const YEAR_US = 365 * 86_400_000_000

/** Where a forward comes from. */
export type ForwardSource =
  /** A listed future, or the venue's own forward. */
  | 'venue'
  /** Put-call parity: no other source. */
  | 'parity'
  /** The venue's, moved to the nearest forward that parity allows. */
  | 'venue-corrected'

/** Forward of one expiry. */
export interface ForwardNode {
  readonly expiryUs: number
  /** Quote per base. */
  readonly forward: number
  readonly source: ForwardSource
}

/**
 * Forwards at any expiry. Between nodes ln F is linear in time; before the first it starts from spot (the first node where spot is
 * unknown); beyond the last it grows at the rate from spot to the last node (flat where spot is unknown).
 */
export class ForwardCurve {
  readonly timeUs: number
  /** NaN where unknown. */
  readonly spot: number
  readonly nodes: readonly ForwardNode[]

  /** @throws {GimbalError} `argument-invalid` for no nodes, nodes out of order or not after `timeUs`, or prices not above 0. */
  constructor(timeUs: number, nodes: readonly ForwardNode[], spot = Number.NaN) {
    let previous = timeUs
    for (const { expiryUs, forward } of nodes) {
      const finite = Number.isFinite(expiryUs) && Number.isFinite(forward)
      if (!(finite && expiryUs > previous && forward > 0 && forward < 1e100))
        throw new GimbalError('argument-invalid', 'Nodes of a forward curve must ascend in time and have prices', {
          after: previous,
          expiryUs,
          forward,
        })
      previous = expiryUs
    }
    const spotSound = Number.isNaN(spot) || (Number.isFinite(spot) && spot > 0)
    if (!Number.isFinite(timeUs) || nodes.length === 0 || !spotSound)
      throw new GimbalError('argument-invalid', 'A forward curve needs a time, a node and a spot above 0 if any', {
        timeUs,
        nodes: nodes.length,
        spot,
      })
    this.timeUs = timeUs
    this.nodes = nodes
    this.spot = spot
  }

  /** Forward for delivery at `expiryUs`; spot at `timeUs`, NaN before it and for NaN: every option of a batch asks. */
  at(expiryUs: number): number {
    const { nodes, timeUs, spot } = this
    if (!(expiryUs >= timeUs)) return Number.NaN
    if (expiryUs === timeUs) return spot
    const last = nodes[nodes.length - 1]!
    if (expiryUs >= last.expiryUs) {
      if (Number.isNaN(spot)) return last.forward
      return last.forward * (last.forward / spot) ** ((expiryUs - last.expiryUs) / (last.expiryUs - timeUs))
    }
    let next = 0
    while (nodes[next]!.expiryUs < expiryUs) next++
    const { forward, expiryUs: to } = nodes[next]!
    if (to === expiryUs) return forward
    const before = next > 0 ? nodes[next - 1]! : { expiryUs: timeUs, forward: Number.isNaN(spot) ? forward : spot }
    return before.forward * (forward / before.forward) ** ((expiryUs - before.expiryUs) / (to - before.expiryUs))
  }

  /** Continuously compounded carry from spot to `expiryUs`, a year; NaN where spot is unknown. */
  carry(expiryUs: number): number {
    return (Math.log(this.at(expiryUs) / this.spot) * YEAR_US) / (expiryUs - this.timeUs)
  }
}

/** Bids and asks of calls and puts of one expiry, a row a strike, prices in the unit the options settle in. */
export interface ParityQuotes {
  readonly settlement: 'coin' | 'quote'
  readonly strike: ArrayLike<number>
  readonly callBid: ArrayLike<number>
  readonly callAsk: ArrayLike<number>
  readonly putBid: ArrayLike<number>
  readonly putAsk: ArrayLike<number>
  /**
   * Forward each row was quoted against, where the venue says: the answer is then a ratio to it, and rows quoted at different
   * moments agree. Same for all rows where absent.
   */
  readonly reference?: ArrayLike<number>
  /** D = e^(−rT) of quote-settled premiums; 1 when absent. */
  readonly discount?: number
}

/** What parity says of a forward, as ratios to the reference (forwards themselves where there is none). */
export interface ParityForward {
  /** Mids of the bands that hold the range, weighted by narrowness, no further out than the range. */
  readonly forward: number
  /** Range of forwards that most bands hold. */
  readonly low: number
  readonly high: number
  /** Strikes with both sides of both quoted and uncrossed. */
  readonly strikes: number
  /** Of these, how many bands hold the range. */
  readonly agreeing: number
}

/** Forward over reference (or forward) at which call less put is worth `difference`. */
function impliedForward(quotes: ParityQuotes, row: number, difference: number): number {
  const reference = quotes.reference === undefined ? 1 : quotes.reference[row]!
  const strike = quotes.strike[row]!
  const forward =
    quotes.settlement === 'coin' ? strike / (1 - difference) : strike + difference / (quotes.discount ?? 1)
  return forward / reference
}

/**
 * The forward by put-call parity of one expiry; undefined where no strike has all four quotes.
 *
 * The range is where the weight of the bands that hold a forward is greatest, found by walking over their sorted ends. A band
 * weighs one over its width, but none more than twice the median: a locked quote is not worth a chain.
 */
export function parityForward(quotes: ParityQuotes): ParityForward | undefined {
  const bands: { low: number; high: number; weight: number }[] = []
  for (let i = 0; i < quotes.strike.length; i++) {
    const { [i]: callBid = 0 } = quotes.callBid
    const { [i]: callAsk = 0 } = quotes.callAsk
    const { [i]: putBid = 0 } = quotes.putBid
    const { [i]: putAsk = 0 } = quotes.putAsk
    if (!(callBid > 0 && putBid > 0 && callAsk >= callBid && putAsk >= putBid && callAsk < 1e100 && putAsk < 1e100))
      continue
    const low = impliedForward(quotes, i, callBid - putAsk)
    const high = impliedForward(quotes, i, callAsk - putBid)
    if (low > 0 && high >= low && high < 1e100) bands.push({ low, high, weight: high / low - 1 })
  }
  if (bands.length === 0) return undefined
  const typical = bands.map(({ weight }) => weight).sort((p, q) => p - q)[bands.length >> 1]!
  for (const band of bands) band.weight = 1 / Math.max(band.weight, 0.5 * typical, 1e-12)
  // At one place bands open before others close: ends are part of them.
  const ends = bands.flatMap(({ low, high, weight }) => [
    { at: low, weight },
    { at: high, weight: -weight },
  ])
  ends.sort((p, q) => p.at - q.at || q.weight - p.weight)
  let held = 0
  let most = 0
  let low = Number.NaN
  let high = Number.NaN
  for (const [i, { at, weight }] of ends.entries()) {
    held += weight
    if (!(held > most * (1 + 1e-12))) continue
    most = held
    low = at
    high = ends[i + 1]!.at
  }
  let sum = 0
  let weights = 0
  let agreeing = 0
  for (const band of bands) {
    if (band.low > low || band.high < high) continue
    sum += band.weight * 0.5 * (band.low + band.high)
    weights += band.weight
    agreeing++
  }
  return { forward: Math.min(Math.max(sum / weights, low), high), low, high, strikes: bands.length, agreeing }
}

/** A line through parity differences: what discounts the premium, and the forward. */
export interface ParityLine {
  readonly discount: number
  readonly forward: number
  /** Root mean square distance of differences from the line, unit of the quotes. */
  readonly spread: number
}

/**
 * Discount and forward of quote-settled options whose rate is unknown: C − P = D F − D K is a line in K. Weighted least squares,
 * made robust by Huber's weights at 1.345 times the median distance over 0.6745.
 *
 * @param weight Of each strike, above 0: one over the variance of its difference.
 * @throws {GimbalError} `fit-failed` for fewer than two strikes or a line that does not fall.
 */
export function parityLine(
  strike: ArrayLike<number>,
  difference: ArrayLike<number>,
  weight: ArrayLike<number>,
): ParityLine {
  const rows = strike.length
  const robust = new Float64Array(rows).fill(1)
  let slope = Number.NaN
  let level = Number.NaN
  const distance = new Float64Array(rows)
  for (let pass = 0; pass < 20; pass++) {
    let sum = 0
    let centreX = 0
    let centreY = 0
    for (let i = 0; i < rows; i++) {
      const w = robust[i]! * weight[i]!
      sum += w
      centreX += w * strike[i]!
      centreY += w * difference[i]!
    }
    centreX /= sum
    centreY /= sum
    let xx = 0
    let xy = 0
    for (let i = 0; i < rows; i++) {
      const w = robust[i]! * weight[i]!
      const x = strike[i]! - centreX
      xx += w * x * x
      xy += w * x * (difference[i]! - centreY)
    }
    slope = xy / xx
    level = centreY - slope * centreX
    for (let i = 0; i < rows; i++) distance[i] = Math.abs(difference[i]! - level - slope * strike[i]!)
    const scale = (1.345 * [...distance].sort((p, q) => p - q)[rows >> 1]!) / 0.6745
    for (let i = 0; i < rows; i++) robust[i] = distance[i]! <= scale ? 1 : scale / distance[i]!
  }
  if (!(rows >= 2 && slope < 0 && level > 0))
    throw new GimbalError('fit-failed', 'Parity differences do not fall on a line that falls with the strike', {
      strikes: rows,
      slope,
      level,
    })
  let squares = 0
  for (const each of distance) squares += each * each
  return { discount: -slope, forward: -level / slope, spread: Math.sqrt(squares / rows) }
}
