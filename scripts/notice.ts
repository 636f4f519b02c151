import { z } from 'zod'

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      license: z.string().optional(),
      dev: z.boolean().optional(),
      dependencies: z.record(z.string(), z.string()).optional(),
    }),
  ),
})

/** Development packages whose code stands, compiled, in committed files. */
const compiledIn = ['node_modules/@openzeppelin/contracts']

interface Notice {
  readonly name: string
  readonly version: string
  readonly license: string
}

/** The text of NOTICE, from package-lock.json: every package that runs, and what is compiled in. */
export function noticeText(lockText: string): string {
  const { packages } = lockSchema.parse(JSON.parse(lockText))
  const direct = new Set(Object.keys(packages['']?.dependencies ?? {}))
  const notices = Object.entries(packages)
    .filter(([path, entry]) => path !== '' && (entry.dev !== true || compiledIn.includes(path)))
    .map(([path, entry]) => noticeOf(path, entry))
  const unique = [...new Map(notices.map((notice) => [lineOf(notice), notice])).values()]
  const isDirect = ({ name }: Notice) =>
    direct.has(name) || compiledIn.includes(`node_modules/${name}`)
  return [
    'Quern',
    'Copyright (c) 2026 The Quern developers. MIT licence, see LICENSE.',
    '',
    'Quern runs with the packages below, each under its own licence, whose text lies in the package.',
    'npm installs them; none is distributed with this source. Of @openzeppelin/contracts, compiled code',
    'stands in wire/abi. This file is written by "npm run gen" from package-lock.json.',
    '',
    'Named in package.json',
    ...linesOf(unique.filter(isDirect)),
    '',
    'Needed by those',
    ...linesOf(unique.filter((notice) => !isDirect(notice))),
    '',
  ].join('\n')
}

function noticeOf(
  path: string,
  entry: { readonly version?: string; readonly license?: string },
): Notice {
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
  return { name, version: entry.version ?? '', license: entry.license ?? 'no licence stated' }
}

function linesOf(notices: readonly Notice[]): readonly string[] {
  return notices.map(lineOf).toSorted()
}

function lineOf({ name, version, license }: Notice): string {
  return `  ${name} ${version} (${license})`
}
