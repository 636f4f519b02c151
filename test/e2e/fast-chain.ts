import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Hex } from '#base/hex.ts'

/** A chain of a given length, made in a fraction of its time, in a process of its own. */
export interface FastChain {
  readonly url: string
  /** Multiaddress of its peer. */
  readonly address: string
  readonly genesisRoot: Hex
  stop(): Promise<void>
}

const script = fileURLToPath(new URL('./fast-chain-main.ts', import.meta.url))
const root = fileURLToPath(new URL('../../', import.meta.url))

/** Makes a chain of `height` blocks with a transfer in each; `speed` is how much faster its clock runs. */
export async function startFastChain(
  dataDir: string,
  { height, speed }: { readonly height: number; readonly speed: number },
): Promise<FastChain> {
  const args = [script, dataDir, String(height), String(speed)]
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString('utf8')))
  const line = await new Promise<string>((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8')
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')))
    })
    child.once('exit', () => reject(new Error(`the chain ended: ${errors}`)))
  })
  const said = JSON.parse(line) as Omit<FastChain, 'stop'>
  return {
    ...said,
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}
