import { RLP } from '@ethereumjs/rlp'
import { keccak256 } from '#base/crypto/keys.ts'
import { AppError } from '#base/error.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'

/** Root of a trie without entries. */
export const emptyRoot: Hex = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'
/** SHA-256 of no bytes: the requests hash of a block without requests (EIP-7685). */
export const emptyRequestsHash: Hex =
  '0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
export const zeroHash: Hex = `0x${'00'.repeat(32)}`
const emptyOmmersHash: Hex = '0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347'

/** An Ethereum header as of Prague and Osaka; what proof of stake fixes is left out. */
export interface Header {
  readonly parentHash: Hex
  readonly feeRecipient: Hex
  readonly stateRoot: Hex
  readonly transactionsRoot: Hex
  readonly receiptsRoot: Hex
  readonly logsBloom: Hex
  readonly number: number
  readonly gasLimit: bigint
  readonly gasUsed: bigint
  /** Unix time in whole seconds. */
  readonly timestamp: number
  /** 32 bytes: the model hash, zero where there is none. */
  readonly extraData: Hex
  readonly prevRandao: Hex
  readonly baseFeePerGas: bigint
  readonly withdrawalsRoot: Hex
  readonly parentBeaconBlockRoot: Hex
  readonly requestsHash: Hex
}

/** The header's fields in the order and form of the Ethereum specification. */
export function headerFields(header: Header): Uint8Array[] {
  return [
    fromHex(header.parentHash),
    fromHex(emptyOmmersHash),
    fromHex(header.feeRecipient),
    fromHex(header.stateRoot),
    fromHex(header.transactionsRoot),
    fromHex(header.receiptsRoot),
    fromHex(header.logsBloom),
    integer(0), // difficulty
    integer(header.number),
    integer(header.gasLimit),
    integer(header.gasUsed),
    integer(header.timestamp),
    fromHex(header.extraData),
    fromHex(header.prevRandao),
    new Uint8Array(8), // nonce
    integer(header.baseFeePerGas),
    fromHex(header.withdrawalsRoot),
    integer(0), // blob gas used: this chain carries no blobs
    integer(0), // excess blob gas
    fromHex(header.parentBeaconBlockRoot),
    fromHex(header.requestsHash),
  ]
}

/** The inverse of `headerFields`. */
export function headerFromFields(fields: readonly Uint8Array[]): Header {
  const hex = (index: number) => toHex(fields[index] ?? new Uint8Array())
  return {
    parentHash: hex(0),
    feeRecipient: hex(2),
    stateRoot: hex(3),
    transactionsRoot: hex(4),
    receiptsRoot: hex(5),
    logsBloom: hex(6),
    number: Number(quantity(fields[8])),
    gasLimit: quantity(fields[9]),
    gasUsed: quantity(fields[10]),
    timestamp: Number(quantity(fields[11])),
    extraData: hex(12),
    prevRandao: hex(13),
    baseFeePerGas: quantity(fields[15]),
    withdrawalsRoot: hex(16),
    parentBeaconBlockRoot: hex(19),
    requestsHash: hex(20),
  }
}

/** A header as RLP, in hex. */
export function encodeHeader(header: Header): Hex {
  return toHex(RLP.encode(headerFields(header)))
}

/** Decodes a header. Throws HEADER_INVALID; its hash still has to be compared. */
export function headerFromRlp(rlp: Uint8Array): Header {
  try {
    const fields = RLP.decode(rlp) as Uint8Array[]
    if (Array.isArray(fields) && fields.every((field) => field instanceof Uint8Array)) {
      return headerFromFields(fields)
    }
  } catch (error) {
    throw new AppError({ code: 'HEADER_INVALID' }, { cause: error })
  }
  throw new AppError({ code: 'HEADER_INVALID' })
}

/** The block's hash: Keccak-256 of the header's RLP. */
export function headerHash(header: Header): Hex {
  return toHex(keccak256(RLP.encode(headerFields(header))))
}

/** Big-endian bytes without leading zeros, as RLP wants integers. */
export function integer(value: bigint | number): Uint8Array {
  const digits = value.toString(16)
  if (digits === '0') return new Uint8Array()
  return fromHex(digits.length % 2 === 0 ? digits : `0${digits}`)
}

/** The integer of big-endian bytes; none are zero. */
export function quantity(bytes: Uint8Array | undefined): bigint {
  return bytes === undefined || bytes.length === 0 ? 0n : BigInt(toHex(bytes))
}
