import { access } from 'node:fs/promises'
import { type Browser, chromium } from 'playwright-core'

const launchArguments = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const systemPaths = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** A headless Chromium: the system's, else the packaged one; or why there is none. */
export async function launchChromium(): Promise<Browser | { reason: string }> {
  try {
    const executablePath = (await systemChromium()) ?? (await packagedChromium())
    return await chromium.launch({ executablePath, args: launchArguments, headless: true })
  } catch (error) {
    return { reason: `no Chromium starts here: ${String(error).slice(0, 200)}` }
  }
}

async function systemChromium(): Promise<string | undefined> {
  for (const path of systemPaths) {
    const isThere = await access(path).then(
      () => true,
      () => false,
    )
    if (isThere) return path
  }
  return undefined
}

async function packagedChromium(): Promise<string> {
  process.env['AWS_EXECUTION_ENV'] ??= 'AWS_Lambda_nodejs22.x' // has it unpack its libraries too
  const { default: packaged } = await import('@sparticuz/chromium')
  return packaged.executablePath()
}
