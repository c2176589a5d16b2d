/**
 * @file The error function and the normal distribution with full relative accuracy, tails included.
 *
 * A wing option is worth a tail probability: 1 − N(x) has no correct digit beyond x = 8.3, and a series for N
 * is right in absolute terms only. Here every tail is computed as itself, scaled (`erfcx`) where it would underflow.
 *
 * Sources: W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23 (1969), 631-637, with the
 * coefficients of his CALERF; M. J. Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Applied
 * Statistics 37 (1988), 477-484.
 */

const ROOT_HALF = Math.SQRT1_2
const ROOT_HALF_PI = 1.2533141373155003
const ONE_OVER_ROOT_TWO_PI = 0.3989422804014327
const ONE_OVER_ROOT_PI = 0.5641895835477563
/** Below this erf is computed, above it erfcx, and beyond 4 the latter's expansion in 1/x². */
const SMALL = 0.46875

/** erf(x) for |x| <= 0.46875. */
function erfSmall(x: number): number {
  const y = x * x
  const top =
    (((0.18577770618460315 * y + 3.1611237438705655) * y + 113.86415415105016) * y + 377.485237685302) * y +
    3209.3775891384694
  const bottom = (((y + 23.601290952344122) * y + 244.02463793444417) * y + 1282.6165260773723) * y + 2844.236833439171
  return (x * top) / bottom
}

/** erfcx(y) for y >= 0.46875. */
function erfcxLarge(y: number): number {
  if (y <= 4) {
    const top =
      (((((((2.1531153547440383e-8 * y + 0.5641884969886701) * y + 8.883149794388377) * y + 66.11919063714163) * y +
        298.6351381974001) *
        y +
        881.952221241769) *
        y +
        1712.0476126340707) *
        y +
        2051.0783778260716) *
        y +
      1230.3393547979972
    const bottom =
      (((((((y + 15.744926110709835) * y + 117.6939508913125) * y + 537.1811018620099) * y + 1621.3895745666903) * y +
        3290.7992357334597) *
        y +
        4362.619090143247) *
        y +
        3439.3676741437216) *
        y +
      1230.3393548037495
    return top / bottom
  }
  const z = 1 / (y * y)
  const top =
    ((((0.016315387137302097 * z + 0.30532663496123236) * z + 0.36034489994980445) * z + 0.12578172611122926) * z +
      0.016083785148742275) *
      z +
    0.0006587491615298378
  const bottom =
    ((((z + 2.568520192289822) * z + 1.8729528499234604) * z + 0.5279051029514285) * z + 0.06051834131244132) * z +
    0.0023352049762686918
  return (ONE_OVER_ROOT_PI - (z * top) / bottom) / y
}

/** exp(−y²) without the rounding of y² being magnified: the square is split into an exact part and a small one. */
function expMinusSquare(y: number): number {
  const coarse = Math.trunc(y * 16) / 16
  return Math.exp(-coarse * coarse) * Math.exp(-(y - coarse) * (y + coarse))
}

/** exp(+y²), likewise. */
function expSquare(y: number): number {
  const coarse = Math.trunc(y * 16) / 16
  return Math.exp(coarse * coarse) * Math.exp((y - coarse) * (y + coarse))
}

/** exp(−x²/2), likewise: the shape of the normal density. 0 beyond 38.6, where no number is small enough. */
export function expMinusHalfSquare(x: number): number {
  if (x > 38.6 || x < -38.6) return 0
  if (x > -2 && x < 2) return Math.exp(-0.5 * x * x)
  const coarse = Math.trunc(x * 16) / 16
  return Math.exp(-0.5 * coarse * coarse) * Math.exp(-0.5 * (x - coarse) * (x + coarse))
}

/** The error function, to 1e-15 relative. */
export function erf(x: number): number {
  const y = Math.abs(x)
  if (y <= SMALL) return erfSmall(x)
  const tail = y > 6 ? 0 : expMinusSquare(y) * erfcxLarge(y)
  return x < 0 ? tail - 1 : 1 - tail
}

/** 1 − erf(x), to 1e-15 relative as far as a number can be that small (x < 26.5). */
export function erfc(x: number): number {
  const y = Math.abs(x)
  if (y <= SMALL) return 1 - erfSmall(x)
  const tail = y > 27.3 ? 0 : expMinusSquare(y) * erfcxLarge(y)
  return x < 0 ? 2 - tail : tail
}

/** exp(x²) erfc(x), to 1e-15 relative; infinite below −26.7. */
export function erfcx(x: number): number {
  if (x > SMALL) return erfcxLarge(x)
  if (x >= -SMALL) return Math.exp(x * x) * (1 - erfSmall(x))
  return 2 * expSquare(x) - erfcxLarge(-x)
}

/**
 * Standard normal distribution function, to 1e-15 relative down to the smallest number there is (x = −37.5).
 */
export function normalCdf(x: number): number {
  const y = Math.abs(x) * ROOT_HALF
  if (y <= SMALL) return 0.5 + 0.5 * erfSmall(x * ROOT_HALF)
  // The square is taken of x and not of x/√2, whose rounding the exponential would magnify.
  const tail = y > 27.3 ? 0 : 0.5 * expMinusHalfSquare(x) * erfcxLarge(y)
  return x < 0 ? tail : 1 - tail
}

/**
 * n(d), N(−|d|)/n(d) and N(−|d|) for the d1 and d2 of an option, which lie side by side in a row. One exponential serves all: K n(d2) =
 * F n(d1). Places in a row instead of numbers, because numbers passed between functions too large to be inlined are allocated.
 *
 * @param d Place of d1; d2 follows, as everywhere.
 * @param density Where n(d1) and n(d2) go; the place of the latter holds F/K.
 * @param ratio Where Mills' ratios go.
 * @param tail Where the probabilities go.
 */
export function fillTails(row: Float64Array, d: number, density: number, ratio: number, tail: number): void {
  const n = ONE_OVER_ROOT_TWO_PI * expMinusHalfSquare(row[d]!)
  row[density] = n
  row[density + 1]! *= n
  for (let k = 0; k < 2; k++) {
    const y = Math.abs(row[d + k]!) * ROOT_HALF
    if (y <= SMALL) {
      const probability = 0.5 - 0.5 * erfSmall(y)
      row[tail + k] = probability
      row[ratio + k] = probability / row[density + k]!
    } else {
      const mills = ROOT_HALF_PI * erfcxLarge(y)
      row[ratio + k] = mills
      row[tail + k] = row[density + k]! * mills
    }
  }
}

/**
 * The x at which {@link normalCdf} is `p`: 1e-15 relative for p to 1e-300; infinite at 0 and 1, NaN outside.
 */
export function normalQuantile(p: number): number {
  const q = p - 0.5
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q
    return (q * top241(r)) / bottom241(r)
  }
  const tail = q < 0 ? p : 1 - p
  if (!(tail > 0)) return tail === 0 ? (q < 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY) : Number.NaN
  const root = Math.sqrt(-Math.log(tail))
  const x = root <= 5 ? middle241(root - 1.6) : far241(root - 5)
  return q < 0 ? -x : x
}

function top241(r: number): number {
  return (
    ((((((2509.0809287301227 * r + 33430.57558358813) * r + 67265.7709270087) * r + 45921.95393154987) * r +
      13731.69376550946) *
      r +
      1971.5909503065513) *
      r +
      133.14166789178438) *
      r +
    3.3871328727963665
  )
}

function bottom241(r: number): number {
  return (
    ((((((5226.495278852854 * r + 28729.085735721943) * r + 39307.89580009271) * r + 21213.794301586597) * r +
      5394.196021424751) *
      r +
      687.1870074920579) *
      r +
      42.31333070160091) *
      r +
    1
  )
}

function middle241(r: number): number {
  const top =
    ((((((0.0007745450142783414 * r + 0.022723844989269184) * r + 0.2417807251774506) * r + 1.2704582524523684) * r +
      3.6478483247632045) *
      r +
      5.769497221460691) *
      r +
      4.630337846156546) *
      r +
    1.4234371107496835
  const bottom =
    ((((((1.0507500716444169e-9 * r + 0.0005475938084995345) * r + 0.015198666563616457) * r + 0.14810397642748008) *
      r +
      0.6897673349851) *
      r +
      1.6763848301838038) *
      r +
      2.053191626637759) *
      r +
    1
  return top / bottom
}

function far241(r: number): number {
  const top =
    ((((((2.0103343992922881e-7 * r + 2.7115555687434876e-5) * r + 0.0012426609473880784) * r + 0.026532189526576124) *
      r +
      0.29656057182850487) *
      r +
      1.7848265399172913) *
      r +
      5.463784911164114) *
      r +
    6.657904643501103
  const bottom =
    ((((((2.0442631033899397e-15 * r + 1.421511758316446e-7) * r + 1.8463183175100548e-5) * r + 0.0007868691311456133) *
      r +
      0.014875361290850615) *
      r +
      0.1369298809227358) *
      r +
      0.599832206555888) *
      r +
    1
  return top / bottom
}
