import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { networkSchema } from '#cli/network-file.ts'
import { bundleLightPage, openLightPage, provenIn, viewOfJob } from '#test/e2e/light-browser.ts'
import { startWorld, summaryOf } from '#test/e2e/local-world.ts'
import { rowsCsv } from '#test/e2e/rows.ts'
import { launchChromium } from '#test/unit/compute/browser.ts'

const pages = 7
const proofMsMax = 2_000

/**
 * A job on four validators has settled. In new pages of Chromium, each from the light client's code alone: how long it
 * takes to load that code, and then to prove the job's state from the genesis.
 */
export async function run(seed: number): Promise<Readonly<Record<string, number>>> {
  const browser = await launchChromium()
  if ('reason' in browser) throw new Error(browser.reason)
  const world = await startWorld(['--validators', '4', '--workers', '1', '--evaluators', '1'])
  try {
    const file = join(world.dataDir, 'rows.csv')
    writeFileSync(file, rowsCsv({ rows: 200, seed }))
    const job = await world.post([file], ['--workers', '1', '--evaluators', '1'])
    if (job.exitCode !== 0) throw new Error(job.err)
    const text = readFileSync(join(world.dataDir, 'network.json'), 'utf8')
    const network = networkSchema.parse(JSON.parse(text))
    const view = await viewOfJob(network, summaryOf(job).jobId)
    const code = await bundleLightPage()
    const [loads, proofs]: [number[], number[]] = [[], []]
    for (let i = 0; i < pages; i += 1) {
      const start = performance.now()
      const page = await openLightPage(browser, code)
      const loaded = performance.now()
      const proof = await provenIn(page, network, view)
      loads.push(loaded - start)
      proofs.push(performance.now() - loaded)
      if ((proof as { status?: string }).status !== 'settled')
        throw new Error(JSON.stringify(proof))
      await page.close()
    }
    const figures = {
      codeBytes: code.length,
      loadMs: medianOf(loads),
      proofMs: medianOf(proofs),
      proofMsMost: Math.round(Math.max(...proofs)),
    }
    if (figures.proofMs > proofMsMax) throw new Error(JSON.stringify(figures))
    return figures
  } finally {
    await world.stop()
    await browser.close()
  }
}

const medianOf = (values: readonly number[]) =>
  Math.round(values.toSorted((a, b) => a - b)[values.length >> 1] as number)
