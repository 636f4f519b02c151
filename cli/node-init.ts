import { join } from 'node:path'
import type { Command } from 'commander'
import { loadScheme } from '#base/crypto/bls/load.ts'
import { checkFounders, founderOf, validatorKeyOf } from '#chain/node/consensus/founders.ts'
import { type Genesis, parseGenesis } from '#chain/core/genesis.ts'
import { peerIdOfKeyFile } from '#p2p/peer-key.ts'
import type { Context } from './context.ts'
import { writeFileAtomic } from './data-dir.ts'
import { keepGenesis, peerKeyFileName, readGenesis } from './genesis-file.ts'
import { integerOf } from './job/flags.ts'
import { openKey } from './signer.ts'

interface InitFlags {
  readonly genesis?: string
  readonly validator?: string
  readonly clientGenesis?: string
  readonly chainId: string
}

/**
 * Checks a genesis and puts it into the data directory, makes the peer's key, and prints peer id and, for a
 * validator, its entry in a genesis with the proof that its key is its own.
 */
export async function initNode(context: Context, command: Command): Promise<void> {
  const flags = command.opts<InitFlags>()
  const dataDir = context.dataDir()
  const scheme = await loadScheme()
  let chainId = integerOf('chain-id', flags.chainId, { min: 1, max: Number.MAX_SAFE_INTEGER })
  if (flags.genesis !== undefined) {
    const input = readGenesis(flags.genesis)
    const genesis = parseGenesis(input)
    checkFounders(genesis, scheme)
    if (flags.clientGenesis !== undefined) await writeClientGenesis(flags.clientGenesis, genesis)
    keepGenesis(dataDir, input)
    chainId = genesis.chainId
  }
  const peerId = await peerIdOfKeyFile(join(dataDir, peerKeyFileName))
  const { passwordFile } = await context.settings(command)
  const account = flags.validator
  const key =
    account === undefined
      ? undefined
      : validatorKeyOf(await openKey({ account, dataDir, chainId, passwordFile }))
  const validator = key && founderOf(scheme, key, chainId)
  const lines = [`peer id    ${peerId}`]
  if (validator !== undefined) lines.push(`validator  ${JSON.stringify(validator)}`)
  context.output.print({ event: 'initialised', peerId, validator }, lines.join('\n'))
}

async function writeClientGenesis(path: string, genesis: Genesis): Promise<void> {
  const { clientGenesisOf } = await import('#chain/exec/engine-http/client-genesis.ts')
  writeFileAtomic(path, `${JSON.stringify(await clientGenesisOf(genesis), undefined, 2)}\n`)
}
