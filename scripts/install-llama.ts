/**
 * Installs node-llama-cpp with the build of this platform into node_modules/.cache/quern-llama, where the tests of GGUF
 * files look for it: `node boot.mjs scripts/install-llama.ts`. `npm ci` does not bring it.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const version = '3.22.1'
const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'node_modules', '.cache', 'quern-llama')
const builds: Readonly<Record<string, string>> = {
  'darwin-arm64': 'mac-arm64-metal',
  'darwin-x64': 'mac-x64',
  'linux-arm64': 'linux-arm64',
  'linux-x64': 'linux-x64',
  'win32-x64': 'win-x64',
}
const build = builds[`${process.platform}-${process.arch}`]
const wanted = ['node-llama-cpp', ...(build ? [`@node-llama-cpp/${build}`] : [])]
mkdirSync(folder, { recursive: true })
writeFileSync(join(folder, 'package.json'), '{"private":true}\n')
const flags = ['--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund', '--save-exact']
const packages = wanted.map((name) => `${name}@${version}`)
const { status } = spawnSync('npm', ['install', ...flags, ...packages], {
  cwd: folder,
  stdio: 'inherit',
  shell: process.platform === 'win32',
})
process.exit(status ?? 1)
