import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleModule } from '#scripts/bundle-engine.ts'
import { root } from '#scripts/tools.ts'

/** The page's module as one minified text. */
export async function bundleLightPage(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'quern-light-'))
  try {
    const file = join(folder, 'light.mjs')
    const entry = join(root, 'test/e2e/light-page.ts')
    await bundleModule(entry, file, { minify: true, platform: 'browser' })
    return readFileSync(file, 'utf8')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
