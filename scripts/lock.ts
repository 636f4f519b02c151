import { z } from 'zod'

const entrySchema = z.looseObject({
  version: z.string().optional(),
  dev: z.boolean().optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
})
const lockSchema = z.looseObject({ packages: z.record(z.string(), entrySchema) })
type Packages = z.infer<typeof lockSchema>['packages']

const systems = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32']
const processors = ['arm64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64']

/**
 * package-lock.json with an entry for every optional platform package that one of its packages names: a
 * registry that lacks some of them makes npm leave them out, and "npm ci" then refuses the file everywhere.
 * What packages ask of the engine is dropped: npm would hold it against the host's Node and silently leave
 * out native parts of ours, which run with the packaged one.
 */
export function completeLock(lockText: string): string {
  const lock = lockSchema.parse(JSON.parse(lockText))
  const packages: Packages = {}
  for (const [path, entry] of Object.entries(lock.packages)) {
    const { engines, ...rest } = entry
    packages[path] = path === '' ? { ...rest, engines } : rest
  }
  for (const [from, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (isResolved(packages, from, name)) continue
      packages[`node_modules/${name}`] = platformEntry(name, { version, dev: entry.dev })
    }
  }
  const sorted = Object.entries(packages).toSorted(([a], [b]) => a.localeCompare(b, 'en'))
  return `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, undefined, 2)}\n`
}

/** Looks where Node would: in the package's own folder, then in each above. */
function isResolved(packages: Packages, from: string, name: string): boolean {
  for (let folder = from; ; folder = folder.slice(0, folder.lastIndexOf('node_modules/'))) {
    const above = folder.replace(/\/$/, '')
    if (`${above}${above === '' ? '' : '/'}node_modules/${name}` in packages) return true
    if (above === '') return false
  }
}

function platformEntry(
  name: string,
  { version, dev }: { readonly version: string; readonly dev: boolean | undefined },
): Packages[string] {
  const words = (name.split('/').at(-1) ?? '').split('-')
  const os = systems.filter((system) => words.includes(system))
  const cpu = processors.filter((processor) => words.includes(processor))
  if (!/^[0-9]/.test(version) || os.length !== 1 || cpu.length !== 1) {
    throw new Error(`${name}@${version} is no platform package: install it where it can be had`)
  }
  const libc = words.some((word) => word.startsWith('musl')) ? ['musl'] : undefined
  return {
    version,
    cpu,
    ...(dev === true ? { dev } : {}),
    ...(libc && { libc }),
    optional: true,
    os,
  }
}
