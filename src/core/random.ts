/**
 * @file Chance as an argument: a small seeded generator, split by purpose.
 *
 * The generator is sfc32 (C. Doty-Humphrey, PractRand 2010; 128 bits of state, passes PractRand to 32 TB): all
 * 32-bit integer operations, so every platform draws the same numbers. Give each purpose its own stream with
 * `fork`, and a draw added in one place moves no other stream.
 */

/** 32-bit FNV-1a of a text: names a stream. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** Seeded pseudo-random numbers; not for keys or secrets. */
export class Random {
  readonly seed: number
  #a = 0
  #b = 0
  #c = 0
  #d = 1
  #spareNormal = Number.NaN

  /** @param seed Any integer; only its low 53 bits count. */
  constructor(seed: number) {
    this.seed = seed
    this.#a = 0
    this.#b = seed | 0
    this.#c = Math.floor(seed / 2 ** 32) | 0
    for (let i = 0; i < 15; i++) this.bits()
  }

  /** An independent stream for `purpose`, the same whenever it is asked for. */
  fork(purpose: string): Random {
    return new Random(((this.seed ^ hash32(purpose)) >>> 0) + hash32(`${this.seed}/${purpose}`) * 2 ** 20)
  }

  /** A uniform signed 32-bit integer. */
  bits(): number {
    const sum = (this.#a + this.#b + this.#d) | 0
    this.#d = (this.#d + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum
  }

  /** Uniform in [0, 1), with 53 random bits. */
  uniform(): number {
    const high = this.bits() >>> 5
    const low = this.bits() >>> 6
    return (high * 67108864 + low) / 9007199254740992
  }

  /** A uniform integer in [min, max], both included. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.uniform() * (max - min + 1))
  }

  /** A standard normal draw (Marsaglia's polar method). */
  normal(): number {
    if (!Number.isNaN(this.#spareNormal)) {
      const spare = this.#spareNormal
      this.#spareNormal = Number.NaN
      return spare
    }
    for (;;) {
      const x = 2 * this.uniform() - 1
      const y = 2 * this.uniform() - 1
      const square = x * x + y * y
      if (square > 0 && square < 1) {
        const scale = Math.sqrt((-2 * Math.log(square)) / square)
        this.#spareNormal = y * scale
        return x * scale
      }
    }
  }

  /** An exponential draw with the given mean. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.uniform())
  }
}
