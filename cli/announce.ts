import { cpus, totalmem } from 'node:os'
import type { Logger } from '#base/log.ts'
import { createBinding } from '#p2p/binding.ts'
import { type Capabilities, createCapabilities } from '#p2p/capabilities.ts'
import type { CapabilityClaim } from '#p2p/capability.ts'
import type { Station } from './compose.ts'
import type { Context } from './context.ts'

const bindingLifeSeconds = 30 * 86_400

/** What differs between the records of machines: the rest is read off this one. */
export type OwnClaim = Pick<CapabilityClaim, 'roles' | 'taskKinds' | 'pricePerGflopWei' | 'load'>

/** Binds the operator to this peer and announces, every half minute, what the machine can do. */
export async function announce(
  { clock }: Context,
  station: Pick<Station, 'network' | 'access'>,
  options: { operatorKey: Uint8Array; log: Logger; claim: () => OwnClaim },
): Promise<Capabilities> {
  const { network } = station
  const { chainId } = station.access
  const nowMs = clock.nowMs()
  const expires = Math.floor(nowMs / 1000) + bindingLifeSeconds
  const terms = { chainId, sequence: nowMs, expires }
  const binding = await createBinding(network, options.operatorKey, terms)
  const describe = (): CapabilityClaim => ({
    cores: cpus().length,
    memoryBytes: totalmem(),
    gpus: [],
    engines: ['exact'],
    ...options.claim(),
  })
  return createCapabilities(
    { network, clock, log: options.log },
    { chainId, self: { binding, describe } },
  )
}
