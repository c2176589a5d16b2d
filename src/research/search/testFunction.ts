/**
 * @file Functions whose least value is known, at any cost: what the search machinery itself is measured with.
 *
 * Sources: F. H. Branin, "Widely convergent method for finding multiple solutions of simultaneous nonlinear equations", IBM J.
 * Research and Development 16 (1972); Hartmann's function of six variables as in L. C. W. Dixon, G. P. Szegö, "Towards
 * Global Optimisation 2" (1978).
 */

import { GimbalError } from '../../core/errors.ts'
import { Random } from '../../core/random.ts'
import { readSettings, type SettingsShape } from '../../core/settings.ts'
import type { SearchSpace } from './searchSpace.ts'
import type { Evaluator } from './trial.ts'

const SETTINGS = {
  function: { default: 'branin', choices: ['branin', 'hartmann6'], doc: 'Function to be made small.' },
  iterations: { default: 0, min: 0, max: 1e12, doc: 'Work a trial does besides: steps of a generator.' },
  noise: { default: 0, min: 0, max: 1e6, doc: 'Standard deviation of noise on the score, drawn from seed and place.' },
} as const satisfies SettingsShape

/** Where each function lives, and its least value there. */
export const TEST_FUNCTIONS = {
  branin: {
    space: { x1: { kind: 'uniform', min: -5, max: 10 }, x2: { kind: 'uniform', min: 0, max: 15 } },
    least: 0.39788735772973816,
    at: ([x1 = Number.NaN, x2 = Number.NaN]: readonly number[]) => branin(x1, x2),
  },
  hartmann6: {
    space: {
      x1: { kind: 'uniform', min: 0, max: 1 },
      x2: { kind: 'uniform', min: 0, max: 1 },
      x3: { kind: 'uniform', min: 0, max: 1 },
      x4: { kind: 'uniform', min: 0, max: 1 },
      x5: { kind: 'uniform', min: 0, max: 1 },
      x6: { kind: 'uniform', min: 0, max: 1 },
    },
    least: -3.322368011415515,
    at: hartmann6,
  },
} as const satisfies Record<string, { space: SearchSpace; least: number; at: (x: readonly number[]) => number }>

/** Scores `x1`, `x2`, … of a configuration by one of {@link TEST_FUNCTIONS}; lower is better. Looks at no data. */
export const TEST_FUNCTION: Evaluator = {
  summary: 'A function whose least value is known, at any cost: for measuring searches.',
  evaluate({ configuration, seed }) {
    const { function: name, iterations, noise, ...coordinates } = configuration
    const settings = readSettings('evaluator test-function', SETTINGS, {
      ...(name !== undefined && { function: name }),
      ...(iterations !== undefined && { iterations }),
      ...(noise !== undefined && { noise }),
    })
    const { space, at } = TEST_FUNCTIONS[settings.function as keyof typeof TEST_FUNCTIONS]
    const wanted = Object.keys(space)
    const x = wanted.map((each) => Number(coordinates[each]))
    if (Object.keys(coordinates).length !== wanted.length || x.some((each) => !Number.isFinite(each)))
      throw new GimbalError('config-invalid', 'A test function needs its coordinates and nothing else', {
        function: settings.function,
        wanted: wanted.join(' '),
        given: Object.keys(coordinates).join(' '),
      })
    const random = new Random(seed).fork(x.join(' '))
    let digest = 0
    for (let i = 0; i < settings.iterations; i++) digest = (digest + random.bits()) | 0
    return { score: at(x) + settings.noise * random.normal(), metrics: { digest } }
  },
}

function branin(x1: number, x2: number): number {
  const curve = x2 - (5.1 / (4 * Math.PI ** 2)) * x1 ** 2 + (5 / Math.PI) * x1 - 6
  return curve ** 2 + 10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x1) + 10
}

const ALPHA = [1, 1.2, 3, 3.2]
const A = [
  [10, 3, 17, 3.5, 1.7, 8],
  [0.05, 10, 17, 0.1, 8, 14],
  [3, 3.5, 1.7, 10, 17, 8],
  [17, 8, 0.05, 10, 0.1, 14],
]
const P = [
  [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
  [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
  [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.665],
  [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
]

function hartmann6(x: readonly number[]): number {
  let value = 0
  for (let i = 0; i < 4; i++) {
    let square = 0
    for (let j = 0; j < 6; j++) square += A[i]![j]! * (x[j]! - P[i]![j]!) ** 2
    value -= ALPHA[i]! * Math.exp(-square)
  }
  return value
}
