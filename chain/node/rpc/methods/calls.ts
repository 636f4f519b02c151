import { toHex } from '#base/hex.ts'
import { type RpcContext, type RpcMethods, needBlock } from '../context.ts'
import { outputOf } from '../errors.ts'
import { callParam, hexQuantity, latest, overridesParam, parse } from '../params.ts'

/** Messages run on the state and forgotten. */
export function callMethods({ chain, simulator }: RpcContext): RpcMethods {
  function requestOf(params: readonly unknown[]) {
    const [request, param, overrides] = parse(params, callParam, latest, overridesParam.optional())
    return { request, context: { block: needBlock(chain, param), overrides } }
  }

  return {
    async eth_call(params) {
      const { request, context } = requestOf(params)
      return toHex(outputOf(await simulator.call(request, context)))
    },
    async eth_estimateGas(params) {
      const { request, context } = requestOf(params)
      const outcome = await simulator.estimateGas(request, context)
      outputOf(outcome)
      return hexQuantity(outcome.gasUsed)
    },
    async eth_createAccessList(params) {
      const { request, context } = requestOf(params)
      const { entries, outcome } = await simulator.accessList(request, context)
      const accessList = { accessList: entries, gasUsed: hexQuantity(outcome.gasUsed) }
      if (outcome.kind === 'done') return accessList
      const error = outcome.kind === 'failed' ? outcome.reason : 'execution reverted'
      return { ...accessList, error }
    },
  }
}
