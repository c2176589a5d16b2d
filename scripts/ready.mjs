/**
 * @file Makes a fresh clone ready: installs what is missing, builds what is stale. Plain JavaScript, Node's own
 * modules only: it runs before anything is installed.
 */

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const STAMPS = join(ROOT, 'node_modules', '.cache', 'gimbal')

/** Runs a program in the repository and ends this one when it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', ...options })
  if (result.error) {
    console.error(`gimbal: could not start ${command}: ${result.error.message}`)
    process.exit(1)
  }
  if (result.signal) process.exit(1)
  if (result.status !== 0) process.exit(result.status ?? 1)
}

/** Path of a package's command-line entry, run with this same Node rather than through a shell. */
export function tool(name, entry) {
  return join(ROOT, 'node_modules', name, entry)
}

function digest(paths) {
  const hash = createHash('sha256')
  for (const path of paths) hash.update(path).update(readFileSync(join(ROOT, path)))
  return hash.digest('hex')
}

function fresh(stamp, value) {
  const path = join(STAMPS, stamp)
  return existsSync(path) && readFileSync(path, 'utf8') === value
}

function mark(stamp, value) {
  mkdirSync(STAMPS, { recursive: true })
  writeFileSync(join(STAMPS, stamp), value)
}

/** Installs dependencies when the lockfile has changed since the last time. */
export function ensureInstalled() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(
      `gimbal needs Node 20.19 or later; this is ${process.versions.node}. Install a current LTS from nodejs.org.`,
    )
    process.exit(1)
  }
  const wanted = digest(['package-lock.json'])
  if (existsSync(join(ROOT, 'node_modules', 'typescript')) && fresh('installed', wanted)) return
  console.error('gimbal: installing dependencies (once, about half a minute)…')
  const npm = process.env.npm_execpath
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error', '--include=dev']
  if (npm?.endsWith('.js')) run(process.execPath, [npm, ...args], { stdio: ['ignore', 2, 2] })
  else
    run(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, {
      stdio: ['ignore', 2, 2],
      shell: process.platform === 'win32',
    })
  mark('installed', wanted)
}

function sources(folder) {
  return readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
}

/** Removes what was compiled from sources that are gone: a package must not ship them. */
function removeOrphans() {
  if (!existsSync(join(ROOT, 'dist', 'apps', 'main.js'))) {
    // The compiler's own notes would say that all of it has been written already.
    rmSync(join(STAMPS, 'build.tsbuildinfo'), { force: true })
    return
  }
  for (const path of sources('dist')) {
    const source = join(ROOT, 'src', relative(join(ROOT, 'dist'), path)).replace(/\.(js|d\.ts)$/, '.ts')
    if (!existsSync(source)) rmSync(path)
  }
}

/** Compiles src into dist when any source is newer than the last build. */
export function ensureBuilt() {
  const newest = Math.max(
    ...sources('src').map((path) => statSync(path).mtimeMs),
    statSync(join(ROOT, 'tsconfig.build.json')).mtimeMs,
  )
  const wanted = `${newest}`
  if (existsSync(join(ROOT, 'dist', 'apps', 'main.js')) && fresh('built', wanted)) return
  console.error('gimbal: compiling…')
  removeOrphans()
  run(process.execPath, [tool('typescript', 'bin/tsc'), '-p', 'tsconfig.build.json'], { stdio: ['ignore', 2, 2] })
  mark('built', wanted)
}
