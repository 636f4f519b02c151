import { posix } from 'node:path'
import { type Import, hasDefaultExport, importsOf } from './imports.ts'
import { tokensOf } from './tokens.ts'

/** What the files of a folder may import: paths of ours by their beginning, packages by their name. */
interface Layer {
  readonly ours: readonly string[]
  readonly packages: readonly string[]
  /** Words of the run time that the folder leaves to `cli/`; the files named are exempt. */
  readonly mayUseHost?: readonly string[] | true
}

const light = ['base/', 'wire/']
const libp2p = ['libp2p', '@libp2p/', '@multiformats/', 'multiformats', 'helia', '@helia/']

/** The import table of ARCHITECTURE.md. A file belongs to the longest folder that begins its path. */
export const layers: Readonly<Record<string, Layer>> = {
  'base/': { ours: ['base/'], packages: [] },
  'base/crypto/': {
    ours: ['base/'],
    packages: ['@noble/', '@chainsafe/blst', '@hpke/core', 'node:crypto'],
  },
  'wire/': { ours: ['wire/', 'base/error.ts', 'base/assert.ts', 'base/hex.ts'], packages: ['zod'] },
  'store/': { ours: ['store/', ...light], packages: ['node:', 'classic-level'] },
  'p2p/': {
    ours: ['p2p/', ...light],
    packages: ['node:', ...libp2p, 'blockstore-', 'datastore-', 'interface-', 'zod'],
  },
  'compute/': { ours: ['compute/', ...light], packages: ['node:', 'zod'] },
  'chain/core/': { ours: ['chain/core/', ...light], packages: ['zod', '@ethereumjs/rlp'] },
  'chain/exec/': {
    ours: ['chain/exec/', 'chain/core/', 'store/', ...light],
    packages: [
      'node:',
      'zod',
      '@ethereumjs/',
      '@noble/',
      'secp256k1',
      'tiny-secp256k1',
      'hash-wasm',
      'mcl-wasm',
      '@chainsafe/blst',
    ],
  },
  'chain/node/': {
    ours: ['chain/node/', 'chain/core/', 'chain/exec/', 'store/', 'p2p/', ...light],
    packages: ['node:', 'ws', 'zod', '@ethereumjs/'],
  },
  'chain/client/': { ours: ['chain/client/', 'chain/core/', ...light], packages: ['viem', 'zod'] },
  'dispute/': {
    ours: ['dispute/', 'chain/client/', 'compute/', ...light],
    packages: ['viem'],
  },
  'worker/': {
    ours: ['worker/', 'dispute/', 'chain/client/', 'compute/', 'store/', 'p2p/', ...light],
    packages: ['multiformats', 'zod', 'viem'],
  },
  'evaluator/': {
    ours: ['evaluator/', 'dispute/', 'chain/client/', 'compute/', 'store/', 'p2p/', ...light],
    packages: ['multiformats', 'zod', 'viem'],
  },
  'cli/': { ours: [''], packages: [''], mayUseHost: true },
  'scripts/': { ours: [''], packages: [''], mayUseHost: true },
  'test/': { ours: [''], packages: [''], mayUseHost: true },
}

/** Nobody imports these. */
const importedByNobody = ['scripts/', 'test/', 'dashboard/']
/** But tests import what they test. */
const mayImportAll = 'test/'
/** Files that load what is only known at run time: the commands that lie in a folder. */
const mayCompute = ['cli/program.ts', 'scripts/', 'test/']

/** Every way in which a file leaves its layer, as "file:line: what is wrong". */
export function layerBreaches(file: string, source: string): readonly string[] {
  const folder = folderOf(file)
  if (folder === undefined) return isRootFile(file) ? [] : [`${file}: the folder is in no layer`]
  const layer = layers[folder] as Layer
  const breaches = importsOf(source).flatMap((found) => {
    const reason = breachOf(file, layer, found)
    return reason === undefined ? [] : [`${file}:${found.line}: ${reason}`]
  })
  if (hasDefaultExport(source) && !file.endsWith('.config.ts')) {
    breaches.push(`${file}: has a default export`)
  }
  if (layer.mayUseHost !== true) breaches.push(...hostUses(file, source))
  return breaches
}

function breachOf(file: string, layer: Layer, found: Import): string | undefined {
  const { kind, path } = found
  if (path === undefined) {
    return mayCompute.some((start) => file.startsWith(start))
      ? undefined
      : 'imports a computed path'
  }
  if (kind === 're-export') return `re-exports ${path}: import it where it is used`
  if (path.startsWith('../../')) return `climbs with ${path}: write #folder/file.ts`
  if (path.startsWith('.')) return relativeBreach(file, layer, path)
  if (path.startsWith('#')) return ourBreach(file, layer, path.slice(1))
  if (layer.packages.some((name) => matches(path, name))) return undefined
  return `imports the package ${path}`
}

function relativeBreach(file: string, layer: Layer, path: string): string | undefined {
  const target = posix.join(posix.dirname(file), path)
  if (topOf(target) !== topOf(file)) return `crosses folders with ${path}: write #${target}`
  return ourBreach(file, layer, target)
}

function ourBreach(file: string, layer: Layer, target: string): string | undefined {
  const closed = importedByNobody.find((start) => target.startsWith(start))
  const isClosed = closed !== undefined && topOf(target) !== topOf(file)
  if (isClosed && !file.startsWith(mayImportAll)) return `imports ${target}`
  return layer.ours.some((start) => target.startsWith(start)) ? undefined : `imports ${target}`
}

/** Clock, chance, arguments, environment and exit codes belong to `cli/`. */
function hostUses(file: string, source: string): readonly string[] {
  const tokens = tokensOf(source)
  return tokens.flatMap((token, i) => {
    const [owner, dot, member] = tokens.slice(i, i + 3).map(({ text }) => text)
    if (token.kind !== 'word' || dot !== '.' || tokens[i - 1]?.text === '.') return []
    const use = `${owner}.${member}`
    return hostWords.includes(use) ? [`${file}:${token.line}: uses ${use}`] : []
  })
}

const hostWords = [
  'Date.now',
  'Math.random',
  'process.argv',
  'process.env',
  'process.exit',
  'process.exitCode',
]

function matches(path: string, name: string): boolean {
  if (name === '' || path === name) return true
  return /[/:-]$/.test(name) ? path.startsWith(name) : path.startsWith(`${name}/`)
}

function folderOf(file: string): string | undefined {
  return Object.keys(layers)
    .filter((folder) => file.startsWith(folder))
    .toSorted((a, b) => b.length - a.length)[0]
}

function topOf(file: string): string {
  return file.split('/')[0] as string
}

function isRootFile(file: string): boolean {
  return !file.includes('/')
}
