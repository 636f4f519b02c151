import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { root } from './tools.ts'

/** Bundles a module with all that it imports, types stripped, into one ES module for any Node or browser. */
export async function bundleModule(
  entry: string,
  to: string,
  options: { readonly minify?: boolean; readonly platform?: 'node' | 'browser' } = {},
): Promise<void> {
  const bundle = await rolldown({
    input: entry,
    platform: options.platform ?? 'node',
    resolve: { alias: aliases() },
    logLevel: 'warn',
  })
  try {
    await bundle.write({
      file: to,
      format: 'esm',
      codeSplitting: false,
      minify: options.minify === true,
    })
  } finally {
    await bundle.close()
  }
}

function aliases(): Record<string, string> {
  const folders = ['base', 'chain', 'compute', 'test', 'wire']
  return Object.fromEntries(folders.map((folder) => [`#${folder}`, `${root}${folder}`]))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , to] = process.argv
  if (to === undefined) throw new Error('usage: node scripts/bundle-engine.ts <file to write>')
  await bundleModule(`${root}test/bits/entry.ts`, to)
}
