import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { EngineName } from './peer.ts'

/** Packages of the engines that `npm ci` does not bring. */
export const peerPackages: Readonly<Partial<Record<EngineName, Readonly<Record<string, string>>>>> =
  {
    'onnxruntime-node': { 'onnxruntime-node': '1.30.0' },
    'tfjs-wasm': { '@tensorflow/tfjs': '4.22.0', '@tensorflow/tfjs-backend-wasm': '4.22.0' },
  }

const root = fileURLToPath(new URL('../../..', import.meta.url))
const installMsMax = 300_000

/** Where an engine's packages are; `reason` where they could not be installed. */
export interface Installation {
  readonly folder: string
  readonly reason?: string
}

/** Installs an engine's packages into a folder of its own, unless they are there. */
export function installPeer(
  engine: EngineName,
  cache = join(root, 'node_modules', '.cache', 'quern-bench'),
): Installation {
  const packages = peerPackages[engine]
  if (!packages) return { folder: root }
  const folder = join(cache, engine)
  if (Object.entries(packages).every(([name, version]) => isInstalled(folder, name, version))) {
    return { folder }
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"private":true}\n')
  const wanted = Object.entries(packages).map(([name, version]) => `${name}@${version}`)
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--save-exact', '--loglevel=error']
  const { status, error, stderr } = spawnSync('npm', ['install', ...flags, ...wanted], {
    cwd: folder,
    encoding: 'utf8',
    timeout: installMsMax,
    shell: process.platform === 'win32',
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
  })
  if (status === 0) return { folder }
  const why = error?.message ?? stderr.split('\n')[0] ?? ''
  return { folder, reason: `not installed: npm ended with ${status ?? 'no status'} ${why}`.trim() }
}

function isInstalled(folder: string, name: string, version: string): boolean {
  const path = join(folder, 'node_modules', name, 'package.json')
  if (!existsSync(path)) return false
  return (JSON.parse(readFileSync(path, 'utf8')) as { version?: string }).version === version
}
