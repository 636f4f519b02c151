import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { AppError } from '#base/error.ts'
import { address, hash32 } from '#wire/primitives.ts'
import { writeFileAtomic } from './data-dir.ts'

/** How to reach a network: written by `quern up`, read by every other command. */
export const networkSchema = z.strictObject({
  chainId: z.int().positive(),
  rpcUrl: z.url({ protocol: /^https?$/ }),
  wsUrl: z.url({ protocol: /^wss?$/ }),
  /** Multiaddresses of peers to meet first. */
  bootstrap: z.array(z.string().min(1).max(512)).max(64),
  contracts: z.record(z.string().min(1).max(64), address),
  /** What light clients trust: it ties the chain to its genesis and to its first validators. */
  genesisRoot: hash32.optional(),
  /** Root of a final block, from which others may begin with a snapshot. */
  checkpoint: hash32.optional(),
})
export type Network = z.infer<typeof networkSchema>

export const networkFileName = 'network.json'

export function hasNetworkFile(dataDir: string): boolean {
  return existsSync(join(dataDir, networkFileName))
}

/** Reads `network.json`. Throws NETWORK_FILE_MISSING or NETWORK_FILE_INVALID. */
export function readNetworkFile(dataDir: string): Network {
  return readNetworkFileAt(join(dataDir, networkFileName))
}

/** Reads the file of a network at a path of its own. Throws as `readNetworkFile`. */
export function readNetworkFileAt(path: string): Network {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const ways = 'start a network with "quern up" or copy the file of one'
    const message = `there is no ${path}; ${ways}; to look only, --rpc-url is enough`
    throw new AppError({ code: 'NETWORK_FILE_MISSING', path, message }, { cause: error })
  }
  try {
    return networkSchema.parse(JSON.parse(text))
  } catch (error) {
    const reason = error instanceof z.ZodError ? issueOf(error) : 'it is not JSON'
    const message = `${path} is damaged: ${reason}; start the network again with "quern up" or copy its file anew`
    throw new AppError({ code: 'NETWORK_FILE_INVALID', path, message }, { cause: error })
  }
}

function issueOf({ issues: [issue] }: z.ZodError): string {
  return [issue?.path.join('.'), issue?.message].filter(Boolean).join(': ')
}

/** Writes `network.json`. */
export function writeNetworkFile(dataDir: string, network: Network): void {
  const text = JSON.stringify(networkSchema.parse(network), undefined, 2)
  writeFileAtomic(join(dataDir, networkFileName), `${text}\n`)
}
