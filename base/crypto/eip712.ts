import { assert } from '../assert.ts'
import { concatBytes, utf8 } from '../bytes.ts'
import { type Hex, fromHex } from '../hex.ts'
import { keccak256, recoverAddress, signDigest } from './keys.ts'

/** One field of a struct, as EIP-712 writes it: Solidity's type names, or another struct of `types`. */
export interface TypedField {
  readonly name: string
  readonly type: string
}

export interface TypedDomain {
  readonly name?: string
  readonly version?: string
  readonly chainId?: bigint | number
  readonly verifyingContract?: string
  readonly salt?: string
}

/** What is signed. Integers are bigint or safe numbers, bytes and addresses hex texts. */
export interface TypedMessage {
  readonly domain: TypedDomain
  readonly types: Readonly<Record<string, readonly TypedField[]>>
  readonly primaryType: string
  readonly message: Readonly<Record<string, unknown>>
}

type Types = TypedMessage['types']

const domainFields: readonly TypedField[] = [
  { name: 'name', type: 'string' },
  { name: 'version', type: 'string' },
  { name: 'chainId', type: 'uint256' },
  { name: 'verifyingContract', type: 'address' },
  { name: 'salt', type: 'bytes32' },
]

/** The EIP-712 digest H(0x1901 | domain | struct), 32 bytes. */
export function typedDigest(typed: TypedMessage): Uint8Array<ArrayBuffer> {
  const domain = { ...typed.domain }
  const present = domainFields.filter(({ name }) => name in domain)
  return keccak256(
    concatBytes(
      Uint8Array.of(0x19, 0x01),
      hashStruct('EIP712Domain', domain, { EIP712Domain: present }),
      hashStruct(typed.primaryType, typed.message, typed.types),
    ),
  )
}

/** Signs typed data: r | s | v, 65 bytes as hex. */
export function signTyped(typed: TypedMessage, privateKey: Uint8Array): Hex {
  return signDigest(typedDigest(typed), privateKey)
}

/** The account that signed typed data, in lower case. Throws SIGNATURE_INVALID. */
export function recoverTyped(typed: TypedMessage, signature: string): Hex {
  return recoverAddress(typedDigest(typed), signature)
}

function hashStruct(name: string, value: object, types: Types): Uint8Array {
  const typeHash = keccak256(utf8(encodeType(name, types)))
  const words = fieldsOf(name, types).map((field) => {
    const inner = (value as Record<string, unknown>)[field.name]
    assert(inner !== undefined && inner !== null, `${name}.${field.name} is there`)
    return encodeWord(field.type, inner, types)
  })
  return keccak256(concatBytes(typeHash, ...words))
}

function encodeType(name: string, types: Types): string {
  const others = [...referenced(name, types, new Set<string>())].filter((other) => other !== name)
  return [name, ...others.toSorted()]
    .map(
      (struct) =>
        `${struct}(${fieldsOf(struct, types)
          .map((f) => `${f.type} ${f.name}`)
          .join(',')})`,
    )
    .join('')
}

function referenced(name: string, types: Types, found: Set<string>): Set<string> {
  if (found.has(name) || !(name in types)) return found
  found.add(name)
  for (const field of fieldsOf(name, types)) referenced(elementName(field.type), types, found)
  return found
}

function fieldsOf(name: string, types: Types): readonly TypedField[] {
  const fields = types[name]
  assert(fields !== undefined, `the type ${name} is described`)
  return fields
}

function elementName(type: string): string {
  return type.replace(/(\[[0-9]*\])+$/, '')
}

function encodeWord(type: string, value: unknown, types: Types): Uint8Array {
  if (type.endsWith(']')) {
    assert(Array.isArray(value), `${type} is a list`)
    const inner = type.slice(0, type.lastIndexOf('['))
    const size = type.slice(type.lastIndexOf('[') + 1, -1)
    assert(size === '' || value.length === Number(size), `${type} has its length`)
    return keccak256(concatBytes(...value.map((item) => encodeWord(inner, item, types))))
  }
  if (type in types) {
    assert(typeof value === 'object' && value !== null, `${type} is a struct`)
    return hashStruct(type, value, types)
  }
  return encodeAtom(type, value)
}

function encodeAtom(type: string, value: unknown): Uint8Array {
  if (type === 'bool') {
    assert(typeof value === 'boolean', 'a bool is true or false')
    return integerWord(value ? 1n : 0n)
  }
  if (/^u?int[0-9]*$/.test(type)) return encodeInteger(type, value)
  assert(typeof value === 'string', `${type} is a text`)
  if (type === 'string') return keccak256(utf8(value))
  const bytes = fromHex(value)
  if (type === 'bytes') return keccak256(bytes)
  if (type === 'address') {
    assert(bytes.length === 20, 'an address has 20 bytes')
    return concatBytes(new Uint8Array(12), bytes)
  }
  assert(/^bytes([1-9]|[12][0-9]|3[0-2])$/.test(type), `the type ${type} is known`)
  assert(bytes.length === Number(type.slice(5)), `${type} has its length`)
  return concatBytes(bytes, new Uint8Array(32 - bytes.length))
}

function encodeInteger(type: string, value: unknown): Uint8Array {
  const isBig = typeof value === 'bigint'
  assert(isBig || Number.isSafeInteger(value), `${type} is an exact integer`)
  const integer = BigInt(value as bigint | number)
  const bits = BigInt(type.replace(/^u?int/, '') || 256)
  const isUnsigned = type.startsWith('u')
  const low = isUnsigned ? 0n : -(1n << (bits - 1n))
  const high = isUnsigned ? 1n << bits : 1n << (bits - 1n)
  assert(integer >= low && integer < high, `the value fits ${type}`)
  return integerWord(integer)
}

function integerWord(integer: bigint): Uint8Array {
  return fromHex(BigInt.asUintN(256, integer).toString(16).padStart(64, '0'))
}
