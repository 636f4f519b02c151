import { toHex } from '#base/hex.ts'
import { type RpcContext, type RpcMethods, needBlock, pendingBlock } from '../context.ts'
import { outputOf } from '../errors.ts'
import { blockParam, callParam, hexQuantity, overridesParam, parse } from '../params.ts'

/** Messages run on the state and forgotten. */
export function callMethods(rpc: RpcContext): RpcMethods {
  const { chain, simulator } = rpc

  async function requestOf(params: readonly unknown[], byDefault: 'latest' | 'pending' = 'latest') {
    const at = blockParam.default(byDefault)
    const [request, param, overrides] = parse(params, callParam, at, overridesParam.optional())
    const header = param === 'pending' ? await pendingBlock(rpc) : undefined
    return { request, context: { block: needBlock(chain, param), header, overrides } }
  }

  return {
    async eth_call(params) {
      const { request, context } = await requestOf(params)
      return toHex(outputOf(await simulator.call(request, context)))
    },
    /** In the block to come: when idle, the newest one is seconds old, and deadlines may have passed. */
    async eth_estimateGas(params) {
      const { request, context } = await requestOf(params, 'pending')
      const outcome = await simulator.estimateGas(request, context)
      outputOf(outcome)
      return hexQuantity(outcome.gasUsed)
    },
    async eth_createAccessList(params) {
      const { request, context } = await requestOf(params)
      const { entries, outcome } = await simulator.accessList(request, context)
      const accessList = { accessList: entries, gasUsed: hexQuantity(outcome.gasUsed) }
      if (outcome.kind === 'done') return accessList
      const error = outcome.kind === 'failed' ? outcome.reason : 'execution reverted'
      return { ...accessList, error }
    },
  }
}
