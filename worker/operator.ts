import type { Clock } from '#base/clock.ts'
import { codeOf } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import type { Registry } from '#chain/client/registry.ts'
import type { Hex } from '#wire/primitives.ts'

export interface OperatorDeps {
  readonly registry: Pick<Registry, 'entryOf'>
  readonly clock: Clock
  readonly log: Logger
}

const triesMax = 20
const restMs = 500

/**
 * The operator key of an owner; undefined when it has none. While the chain is away it is asked again for a while: an
 * entry of a topic whose signer is not known is passed over, and never comes back.
 */
export async function operatorIn(deps: OperatorDeps, owner: Hex): Promise<Hex | undefined> {
  for (let tries = 1; ; tries += 1) {
    try {
      return (await deps.registry.entryOf(owner)).operator
    } catch (error) {
      if (codeOf(error) === 'NOT_REGISTERED' || tries === triesMax) {
        deps.log.warn({ err: error, owner }, 'operator not known')
        return undefined
      }
      await deps.clock.sleep(restMs)
    }
  }
}
