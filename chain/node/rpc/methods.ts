import type { RpcContext, RpcMethods } from './context.ts'
import { accountMethods } from './methods/accounts.ts'
import { blockMethods } from './methods/blocks.ts'
import { callMethods } from './methods/calls.ts'
import { epochMethods } from './methods/epochs.ts'
import { feeMethods } from './methods/fees.ts'
import { finalityMethods } from './methods/finality.ts'
import { logMethods } from './methods/logs.ts'
import { networkMethods } from './methods/network.ts'
import { simulateMethods } from './methods/simulate.ts'
import { subscriptionMethods } from './methods/subscriptions.ts'
import { traceMethods } from './methods/traces.ts'
import { transactionMethods } from './methods/transactions.ts'
import { workMethods } from './methods/work.ts'

/** All methods of the node by name. */
export function createMethods(context: RpcContext): RpcMethods {
  return {
    ...blockMethods(context),
    ...transactionMethods(context),
    ...accountMethods(context),
    ...callMethods(context),
    ...simulateMethods(context),
    ...traceMethods(context),
    ...feeMethods(context),
    ...logMethods(context),
    ...subscriptionMethods(context),
    ...networkMethods(context),
    ...finalityMethods(context),
    ...epochMethods(context),
    ...workMethods(context),
  }
}
