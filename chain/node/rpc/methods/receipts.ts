import type { Payload } from '#chain/core/payload.ts'
import type { Receipt } from '#chain/exec/embedded/receipt.ts'
import type { RpcContext } from '../context.ts'
import { receiptJson } from '../format.ts'

/** The receipts of a block, in order. */
export function blockReceipts(context: RpcContext, block: Payload) {
  const receipts = context.chain.receipts(block)
  let firstLog = 0
  return receipts.map((receipt, index) => {
    const json = toJson(context, receipt, { block, index, firstLog })
    firstLog += receipt.logs.length
    return json
  })
}

/** The receipt of one transaction of a block. */
export function oneReceipt(context: RpcContext, block: Payload, index: number) {
  const receipts = context.chain.receipts(block)
  const receipt = receipts[index]
  if (receipt === undefined) return null
  let firstLog = 0
  for (const before of receipts.slice(0, index)) firstLog += before.logs.length
  return toJson(context, receipt, { block, index, firstLog })
}

interface Spot {
  readonly block: Payload
  readonly index: number
  readonly firstLog: number
}

function toJson({ decode, keccak256 }: RpcContext, receipt: Receipt, spot: Spot) {
  const decoded = decode(spot.block.transactions[spot.index] as Uint8Array)
  return receiptJson(receipt, { ...spot, decoded, keccak256 })
}
