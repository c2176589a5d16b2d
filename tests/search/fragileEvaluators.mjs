/** @file Evaluators that break what runs them, for `search.test.ts`: named as gimbal's own are, loaded by threads. */

import { appendFileSync, existsSync, readFileSync } from 'node:fs'

/** How often a file was written to. */
const marks = (file) => (existsSync(file) ? readFileSync(file, 'utf8').length : 0)

export const EVALUATORS = {
  /** Ends its thread the first `deaths` times a trial is tried; says which thread then answered. */
  mortal: {
    summary: 'Dies.',
    evaluate({ number, configuration: { folder, deaths, x } }) {
      const file = `${folder}/${number}`
      appendFileSync(file, '.')
      if (marks(file) <= deaths) process.exit(1)
      return { score: x, metrics: {} }
    },
  },
  /** Waits before it answers, and leaves a mark when it begins. */
  slow: {
    summary: 'Waits.',
    async evaluate({ number, configuration: { folder, seconds, x } }) {
      appendFileSync(`${folder}/${number}`, '.')
      await new Promise((done) => setTimeout(done, seconds * 1000))
      return { score: x, metrics: {} }
    },
  },
  /** Looks at the data. */
  reading: {
    summary: 'Reads.',
    evaluate(_, load) {
      return { score: load().table.columns[0].reduce((sum, figure) => sum + figure, 0), metrics: {} }
    },
  },
  broken: {
    summary: 'Throws.',
    evaluate() {
      throw new TypeError('this learner cannot learn')
    },
  },
}
