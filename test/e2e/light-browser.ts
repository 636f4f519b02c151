import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { noopLogger } from '#base/log.ts'
import { createJobFeed } from '#chain/client/feed.ts'
import type { JobView } from '#chain/client/view.ts'
import { accessOf } from '#cli/compose.ts'
import type { Network } from '#cli/network-file.ts'
import { realClock } from '#cli/real-clock.ts'
import { bundleModule } from '#scripts/bundle-engine.ts'
import { root } from '#scripts/tools.ts'
import type { Hex } from '#wire/primitives.ts'

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

/** A new page that has the module's code. */
export async function openLightPage(browser: Browser, code: string): Promise<Page> {
  const page = await browser.newPage()
  await page.addScriptTag({ type: 'module', content: code })
  await page.waitForFunction('"prove" in globalThis')
  return page
}

/** What the light client of a page says of a view. */
export function provenIn(page: Page, network: Network, view: object): Promise<unknown> {
  const { rpcUrl, chainId, genesisRoot, contracts } = network
  const job = { view, jobManager: contracts['JobManager'] }
  return page.evaluate(
    ([url, checkpoint, claim]) => {
      const { prove } = globalThis as unknown as { prove: (...args: unknown[]) => Promise<unknown> }
      return prove(url, checkpoint, claim)
    },
    [rpcUrl, { chainId, genesisRoot }, job] as const,
  )
}

/** A job as the node's events tell it. */
export async function viewOfJob(network: Network, jobId: Hex): Promise<JobView> {
  const { rpcUrl, chainId, contracts } = accessOf(network)
  const place = { rpcUrl, chainId, jobManager: contracts.JobManager }
  const feed = createJobFeed({ clock: realClock, log: noopLogger }, place)
  await feed.start()
  await feed.stop()
  return feed.job(jobId)!
}
