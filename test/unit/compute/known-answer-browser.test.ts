import { afterAll, describe, expect, test } from 'vitest'
import { knownAnswers } from '#test/bits/known.ts'
import { launchChromium } from './browser.ts'
import { serveModules } from './browser-server.ts'
import type { KnownName } from './known-answer.ts'

const browser = await launchChromium()
const modules = await serveModules()

/** As text: the test runner would rewrite the imports of a function. */
function scriptOf(name: KnownName, steps: number): string {
  return `(async () => {
    const { answerOf } = await import('/test/unit/compute/known-answer.ts')
    const response = await fetch('/compute/exact/kernels.wasm')
    return answerOf('${name}', new Uint8Array(await response.arrayBuffer()), { steps: ${steps} })
  })()`
}

afterAll(async () => {
  modules.close()
  if (!('reason' in browser)) await browser.close()
})

describe('training in Chromium ends in the committed hashes', () => {
  test.for([
    ['mlp', 200],
    ['cnn', 200],
    ['gpt', 20],
    ['llama', 200],
    ['bitnet', 200],
  ] as const)('%s after %i steps', async ([name, steps], { skip }) => {
    if ('reason' in browser) {
      skip(browser.reason)
      return
    }
    const page = await browser.newPage()
    const errors: string[] = []
    page.on('pageerror', (error) => errors.push(error.message))
    await page.goto(modules.url)
    const answer = await page.evaluate(scriptOf(name, steps))
    await page.close()
    expect(errors).toEqual([])
    expect(answer).toEqual(knownAnswers[name][steps])
  })
})
