import type { RpcContext, RpcMethods } from './context.ts'
import { blockMethods } from './methods/blocks.ts'
import { feeMethods } from './methods/fees.ts'
import { logMethods } from './methods/logs.ts'
import { networkMethods } from './methods/network.ts'
import { stateMethods } from './methods/state.ts'
import { subscriptionMethods } from './methods/subscriptions.ts'

/** All methods of the node by name. */
export function createMethods(context: RpcContext): RpcMethods {
  return {
    ...blockMethods(context),
    ...stateMethods(context),
    ...feeMethods(context),
    ...logMethods(context),
    ...subscriptionMethods(context),
    ...networkMethods(context),
  }
}
