import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '#base/clock.ts'
import { loadScheme } from '#base/crypto/bls/load.ts'
import { type Logger, noopLogger } from '#base/log.ts'
import { createRng } from '#base/rng.ts'
import type { GenesisInput } from '#chain/core/genesis.ts'
import { founderOf, validatorKeyOf } from '#chain/node/consensus/founders.ts'
import { type Libp2pNetwork, createNetwork } from '#p2p/node.ts'
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

/** A peer on loopback. */
export async function startPeer(bootstrap: readonly string[] = []): Promise<Libp2pNetwork> {
  const rng = createRng(randomInt(2 ** 32))
  const listen = ['/ip4/127.0.0.1/tcp/0']
  const network = await createNetwork({ clock: realClock, rng }, { listen, bootstrap })
  await network.start()
  return network
}

/** The benchmark's genesis with the first key as its only validator. */
export async function foundedGenesis(): Promise<GenesisInput> {
  const founder = founderOf(await loadScheme(), validatorKeyOf(benchValidatorKey(0)), benchChainId)
  return benchGenesis({ validators: [founder] })
}
