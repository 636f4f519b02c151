import type { Logger } from '#base/log.ts'
import { type Transactor, createTransactor } from '#chain/client/transactor.ts'
import { devChainId } from '#wire/addresses.ts'
import { type Observer, composeObserver } from './compose.ts'
import type { Context } from './context.ts'
import { devRoles } from './dev-roles.ts'
import type { Network as NetworkFile } from './network-file.ts'
import { clientAccountOf, openSigner } from './signer.ts'

/** A client: a station and the account that pays. */
export interface Client extends Observer {
  readonly transactor: Transactor
  readonly dataDir: string
}

export interface ClientOptions {
  /** Holds blocks, pins and the peer's key. */
  readonly dataDir: string
  /** Holds `keystore/`. */
  readonly keystoreDir: string
  readonly networkFile: NetworkFile
  readonly log: Logger
  /** Keystore name, address or `dev:<index>`; by default `default`, on a development chain its client. */
  readonly account?: string
  readonly passwordFile: string
  readonly artifactGibMax?: number
}

/** Wires a client together. Nothing is started; a wrong password or account is found here. */
export async function composeClient(context: Context, options: ClientOptions): Promise<Client> {
  const { dataDir, keystoreDir, networkFile, log, passwordFile, artifactGibMax } = options
  const { chainId } = networkFile
  const account = clientAccountOf(options.account, {
    dataDir: keystoreDir,
    isDevelopment: chainId === devChainId,
    developmentIndex: devRoles.client,
  })
  const signer = await openSigner({ account, dataDir: keystoreDir, chainId, passwordFile })
  const station = await composeObserver(context, { dataDir, networkFile, log, artifactGibMax })
  return { ...station, dataDir, transactor: createTransactor(station.access, signer) }
}
