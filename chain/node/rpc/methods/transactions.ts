import { type Hex, fromHex } from '#base/hex.ts'
import type { Payload } from '#chain/core/payload.ts'
import { type RpcContext, type RpcMethods, canonical, findBlock } from '../context.ts'
import { transactionJson } from '../format.ts'
import { blockParam, bytes, hash, parse, quantity } from '../params.ts'
import { oneReceipt } from './receipts.ts'

/** Transactions and their receipts, and sending them. */
export function transactionMethods(context: RpcContext): RpcMethods {
  const { chain, decode } = context

  function at(block: Payload | undefined, index: number) {
    const raw = block?.transactions[index]
    if (block === undefined || raw === undefined) return null
    return transactionJson(decode(raw), { block, index })
  }

  function inChain(transactionHash: Hex) {
    const place = chain.place(transactionHash)
    return place === undefined ? null : at(chain.byNumber(place.number), place.index)
  }

  async function byHash(transactionHash: Hex) {
    const known = inChain(transactionHash)
    if (known !== null) return known
    const waiting = await context.live.waiting(transactionHash)
    // Where it waits no longer, a block holds it that was told of before this answer.
    return waiting === undefined ? inChain(transactionHash) : transactionJson(decode(waiting))
  }

  function receipt(transactionHash: Hex) {
    const place = chain.place(transactionHash)
    const block = place === undefined ? undefined : chain.byNumber(place.number)
    if (block === undefined || place === undefined) return null
    return oneReceipt(context, block, place.index)
  }

  return {
    eth_sendRawTransaction: (params) => context.live.submit(fromHex(parse(params, bytes)[0])),
    eth_getTransactionByHash: (params) => byHash(parse(params, hash)[0]),
    eth_getTransactionReceipt: (params) => receipt(parse(params, hash)[0]),
    eth_getTransactionByBlockHashAndIndex(params) {
      const [blockHash, index] = parse(params, hash, quantity)
      return at(canonical(chain, blockHash), Number(index))
    },
    eth_getTransactionByBlockNumberAndIndex(params) {
      const [param, index] = parse(params, blockParam, quantity)
      return at(findBlock(chain, param), Number(index))
    },
  }
}
