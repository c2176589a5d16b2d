import { resolve } from 'node:path'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // Whole, because some tests start programs in folders of their own, where a path from here leads nowhere.
    env: { GIMBAL_SHARED: resolve(import.meta.dirname, process.env['GIMBAL_SHARED'] ?? '../shared') },
    include: ['src/**/*.{test,bench}.ts', 'tests/**/*.test.ts'],
    setupFiles: ['tests/propertySeed.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
    reporters: ['default'],
  },
})
