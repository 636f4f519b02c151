import { AppError } from '#base/error.ts'
import { createHttpRpc } from '#chain/client/light/http.ts'
import { systemAddresses } from '#wire/addresses.ts'
import type { Network } from './network-file.ts'

/**
 * A network of which only a node's address is known: the node names its chain, and the market's contracts stand at fixed
 * addresses. Good for looking, not for signing: whoever signs must know the chain beforehand. Throws RPC_DOWN,
 * NODE_UNFIT.
 */
export async function networkOfNode(rpcUrl: string): Promise<Network> {
  const told = await createHttpRpc(rpcUrl)('eth_chainId', []).catch((cause: unknown) => {
    const message = `no node answers at ${rpcUrl}; start one with "quern up" or set --rpc-url`
    throw new AppError({ code: 'RPC_DOWN', rpcUrl, message }, { cause })
  })
  const chainId = Number(told)
  if (typeof told !== 'string' || !Number.isSafeInteger(chainId) || chainId < 1) {
    const message = `what answers at ${rpcUrl} is no node: its chain id is ${JSON.stringify(told)}`
    throw new AppError({ code: 'NODE_UNFIT', rpcUrl, message })
  }
  const wsUrl = rpcUrl.replace(/^http/, 'ws')
  return { chainId, rpcUrl, wsUrl, bootstrap: [], contracts: systemAddresses }
}
