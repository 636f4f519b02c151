import { type Hex } from '#base/hex.ts'
import { type Payload, encodePayload } from '../../../core/payload.ts'
import { type RpcContext, type RpcMethods, canonical, findBlock, pendingBlock } from '../context.ts'
import { blockJson, headerJson, receiptJson, transactionJson } from '../format.ts'
import { blockParam, hash, hexQuantity, parse, quantity } from '../params.ts'
import { z } from 'zod'

const isFull = z.boolean().default(false)

/** Blocks, their transactions and receipts. */
export function blockMethods(context: RpcContext): RpcMethods {
  const { chain, decode, pool } = context

  function toJson(block: Payload | undefined, withObjects: boolean) {
    if (block === undefined) return null
    const transactions = block.transactions.map((raw, index) => {
      const decoded = decode(raw)
      return withObjects ? transactionJson(decoded, { block, index }) : decoded.hash
    })
    return blockJson(block, { transactions, sizeBytes: encodePayload(block).length })
  }

  function pendingJson(withObjects: boolean) {
    const header = pendingBlock(context)
    const selection = pool.select(header.baseFeePerGas)
    const transactions: unknown[] = []
    for (let next = selection.next(); next !== undefined; next = selection.next()) {
      selection.accept()
      transactions.push(withObjects ? transactionJson(decode(next.raw)) : next.hash)
      if (transactions.length >= 1000) break
    }
    const json = { ...headerJson(null, header), nonce: null, miner: null, logsBloom: null }
    return {
      ...json,
      totalDifficulty: '0x0',
      size: '0x0',
      uncles: [],
      transactions,
      withdrawals: [],
    }
  }

  function receiptsOf(block: Payload) {
    let firstLog = 0
    return chain.receipts(block).map((receipt, index) => {
      const decoded = decode(block.transactions[index] as Uint8Array)
      const place = { block, index, decoded, firstLog, keccak256: context.keccak256 }
      firstLog += receipt.logs.length
      return receiptJson(receipt, place)
    })
  }

  function transactionAt(block: Payload | undefined, index: number) {
    const raw = block?.transactions[index]
    if (block === undefined || raw === undefined) return null
    return transactionJson(decode(raw), { block, index })
  }

  function byHash(transactionHash: Hex) {
    const place = chain.place(transactionHash)
    if (place !== undefined) return transactionAt(chain.byNumber(place.number), place.index)
    const waiting = context.transactions.waiting(transactionHash)
    return waiting === undefined ? null : transactionJson(waiting)
  }

  function receipt(transactionHash: Hex) {
    const place = chain.place(transactionHash)
    const block = place === undefined ? undefined : chain.byNumber(place.number)
    return block === undefined || place === undefined ? null : receiptsOf(block)[place.index]
  }

  function count(block: Payload | undefined) {
    return block === undefined ? null : hexQuantity(block.transactions.length)
  }

  function ommers(block: Payload | undefined) {
    return block === undefined ? null : '0x0'
  }

  return {
    eth_blockNumber: () => hexQuantity(chain.head().header.number),
    eth_getBlockByHash(params) {
      const [blockHash, withObjects] = parse(params, hash, isFull)
      return toJson(canonical(chain, blockHash), withObjects)
    },
    eth_getBlockByNumber(params) {
      const [block, withObjects] = parse(params, blockParam, isFull)
      return block === 'pending'
        ? pendingJson(withObjects)
        : toJson(findBlock(chain, block), withObjects)
    },
    eth_getBlockReceipts(params) {
      const [param] = parse(params, z.union([blockParam, hash.transform((h) => ({ hash: h }))]))
      const block = findBlock(chain, param)
      return block === undefined ? null : receiptsOf(block)
    },
    eth_getBlockTransactionCountByHash: (params) => count(canonical(chain, parse(params, hash)[0])),
    eth_getBlockTransactionCountByNumber: (params) =>
      count(findBlock(chain, parse(params, blockParam)[0])),
    eth_getUncleCountByBlockHash: (params) => ommers(canonical(chain, parse(params, hash)[0])),
    eth_getUncleCountByBlockNumber: (params) =>
      ommers(findBlock(chain, parse(params, blockParam)[0])),
    eth_getTransactionByHash: (params) => byHash(parse(params, hash)[0]),
    eth_getTransactionReceipt: (params) => receipt(parse(params, hash)[0]),
    eth_getTransactionByBlockHashAndIndex(params) {
      const [blockHash, index] = parse(params, hash, quantity)
      return transactionAt(canonical(chain, blockHash), Number(index))
    },
    eth_getTransactionByBlockNumberAndIndex(params) {
      const [param, index] = parse(params, blockParam, quantity)
      return transactionAt(findBlock(chain, param), Number(index))
    },
  }
}
