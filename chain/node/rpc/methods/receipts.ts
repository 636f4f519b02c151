import type { Payload } from '../../../core/payload.ts'
import type { RpcContext } from '../context.ts'
import { receiptJson } from '../format.ts'

/** The receipts of a block, in order. */
export function blockReceipts(context: RpcContext, block: Payload) {
  let firstLog = 0
  return context.chain.receipts(block).map((receipt, index) => {
    const decoded = context.decode(block.transactions[index] as Uint8Array)
    const place = { block, index, decoded, firstLog, keccak256: context.keccak256 }
    firstLog += receipt.logs.length
    return receiptJson(receipt, place)
  })
}
