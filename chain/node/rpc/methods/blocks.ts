import { z } from 'zod'
import { toHex } from '#base/hex.ts'
import { type Payload, encodePayload } from '#chain/core/payload.ts'
import { type RpcContext, type RpcMethods, canonical, findBlock, pendingBlock } from '../context.ts'
import { blockJson, headerJson, transactionJson } from '../format.ts'
import { blockParam, hash, hexQuantity, parse } from '../params.ts'
import { blockReceipts } from './receipts.ts'

const isFull = z.boolean().default(false)
const pendingTransactionsMax = 1000

/** Blocks and what they hold. */
export function blockMethods(context: RpcContext): RpcMethods {
  const { chain } = context
  const byHash = (params: readonly unknown[]) => canonical(chain, parse(params, hash)[0])
  const byTag = (params: readonly unknown[]) => findBlock(chain, parse(params, blockParam)[0])
  return {
    eth_blockNumber: () => hexQuantity(chain.head().header.number),
    eth_getBlockByHash(params) {
      const [blockHash, withObjects] = parse(params, hash, isFull)
      return toJson(context, canonical(chain, blockHash), withObjects)
    },
    eth_getBlockByNumber(params) {
      const [block, withObjects] = parse(params, blockParam, isFull)
      if (block === 'pending') return pendingJson(context, withObjects)
      return toJson(context, findBlock(chain, block), withObjects)
    },
    eth_getBlockReceipts(params) {
      const [param] = parse(params, z.union([blockParam, hash.transform((h) => ({ hash: h }))]))
      const block = findBlock(chain, param)
      return block === undefined ? null : blockReceipts(context, block)
    },
    eth_getBlockTransactionCountByHash: (params) => count(byHash(params)),
    eth_getBlockTransactionCountByNumber: (params) => count(byTag(params)),
    eth_getUncleCountByBlockHash: (params) => (byHash(params) === undefined ? null : '0x0'),
    eth_getUncleCountByBlockNumber: (params) => (byTag(params) === undefined ? null : '0x0'),
  }
}

function count(block: Payload | undefined) {
  return block === undefined ? null : hexQuantity(block.transactions.length)
}

function toJson(
  { decode, keccak256 }: RpcContext,
  block: Payload | undefined,
  withObjects: boolean,
) {
  if (block === undefined) return null
  const transactions = block.transactions.map((raw, index) => {
    return withObjects ? transactionJson(decode(raw), { block, index }) : toHex(keccak256(raw))
  })
  return blockJson(block, { transactions, sizeBytes: encodePayload(block).length })
}

async function pendingJson(context: RpcContext, withObjects: boolean) {
  const header = await pendingBlock(context)
  const raws = await context.live.pending(header.baseFeePerGas, pendingTransactionsMax)
  const transactions = raws.map((raw) => {
    const decoded = context.decode(raw)
    return withObjects ? transactionJson(decoded) : decoded.hash
  })
  return {
    ...headerJson(null, header),
    nonce: null,
    miner: null,
    logsBloom: null,
    totalDifficulty: '0x0',
    size: '0x0',
    uncles: [],
    transactions,
    withdrawals: [],
  }
}
