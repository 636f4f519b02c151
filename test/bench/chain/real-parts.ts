import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '#base/clock.ts'
import { loadScheme } from '#base/crypto/bls/load.ts'
import { type Logger, noopLogger } from '#base/log.ts'
import type { GenesisInput } from '#chain/core/genesis.ts'
import { founderOf, validatorKeyOf } from '#chain/node/consensus/founders.ts'
import { createPeerThread } from '#cli/peer-thread.ts'
import type { Network } from '#p2p/network.ts'
import { benchChainId, benchGenesis, benchValidatorKey } from './genesis.ts'

/** This machine's clock. */
export const realClock: Clock = {
  nowMs: () => Date.now(),
  sleep: (durationMs, signal) => delay(durationMs, undefined, { signal }),
}

/** Says what went wrong, nothing else. */
export const errorLogger: Logger = {
  ...noopLogger,
  error: (fields: object, text?: string) => console.error(text, fields),
}

/** A peer on loopback, in a thread of its own as that of every node. */
export async function startPeer(bootstrap: readonly string[] = []): Promise<Network> {
  const listen = ['/ip4/127.0.0.1/tcp/0']
  const onFailure = (error: unknown) => {
    console.error(error)
    process.exit(1)
  }
  const network = await createPeerThread({ log: noopLogger, listen, bootstrap, onFailure })
  await network.start()
  return network
}

/** The benchmark's genesis with the first key as its only validator. */
export async function foundedGenesis(): Promise<GenesisInput> {
  const founder = founderOf(await loadScheme(), validatorKeyOf(benchValidatorKey(0)), benchChainId)
  return benchGenesis({ validators: [founder] })
}
