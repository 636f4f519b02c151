import { modelError } from './fault.ts'
import { decodeTensor, type OnnxTensor } from './onnx-tensor.ts'
import {
  type Field,
  type Message,
  type Refuse,
  fieldsOf,
  floatsOf,
  integersOf,
  messageOf,
  textOf,
} from './protobuf.ts'

/** One value of an attribute, by the kinds that models of ours can use. */
export interface OnnxAttribute {
  readonly integers?: readonly number[]
  readonly float?: number
  readonly text?: string
  readonly tensor?: OnnxTensor
}

export interface OnnxNode {
  readonly name: string
  readonly operator: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: ReadonlyMap<string, OnnxAttribute>
  readonly byte: number
}

/** A graph input or output; a side that is no number is a name or nothing. */
export interface OnnxValue {
  readonly name: string
  readonly type: number
  readonly shape?: readonly (number | string)[]
}

export interface OnnxModel {
  readonly opset: number
  readonly nodes: readonly OnnxNode[]
  readonly tensors: ReadonlyMap<string, OnnxTensor>
  /** Inputs without those that have a tensor. */
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
}

/** Limits of an ONNX file; nothing is held beyond the file's own bytes and lists of these lengths. */
export const onnxBounds = {
  fileBytesMax: 2 ** 29,
  nodesMax: 4096,
  tensorsMax: 4096,
  operandsMax: 64,
  attributesMax: 64,
  integersMax: 65_536,
  textBytesMax: 1024,
  rankMax: 8,
  opsetMin: 13,
  opsetMax: 22,
} as const

const { textBytesMax, rankMax } = onnxBounds

interface Decoding {
  readonly file: string
  readonly refuse: Refuse
}

/**
 * Decodes an ONNX file: the model's graph without subgraphs. Tensors are views of the bytes where they can be. Throws
 * ONNX_INVALID with the byte, ONNX_TOO_LARGE, ONNX_OPSET, ONNX_EXTERNAL (weights outside of the file) or
 * ONNX_UNSUPPORTED (functions, sparse tensors, operators of other domains).
 */
export function decodeOnnx(bytes: Uint8Array, file: string): OnnxModel {
  if (bytes.length > onnxBounds.fileBytesMax) {
    const text = `${bytes.length} bytes are more than ${onnxBounds.fileBytesMax}`
    throw modelError('ONNX_TOO_LARGE', { file, byte: 0 }, text)
  }
  const refuse: Refuse = (byte, reason) => {
    throw modelError('ONNX_INVALID', { file, byte }, reason)
  }
  const decoding = { file, refuse }
  let opset: number | undefined
  let graph: Message | undefined
  for (const field of fieldsOf({ bytes, byte: 0 }, refuse)) {
    if (field.number === 7) graph = messageOf(field, refuse)
    else if (field.number === 8) opset = opsetOf(messageOf(field, refuse), refuse) ?? opset
    else if (field.number === 25) throw unsupported(decoding, field, 'functions of its own')
  }
  if (graph === undefined || opset === undefined) {
    return refuse(0, 'it holds no graph or no operator set: is it an ONNX file?')
  }
  const { opsetMin, opsetMax } = onnxBounds
  if (opset < opsetMin || opset > opsetMax) {
    const text = `operator set ${opset} is not supported; export with opset_version ${opsetMin} to ${opsetMax}`
    throw modelError('ONNX_OPSET', { file, byte: 0 }, text)
  }
  return { opset, ...decodeGraph(graph, decoding) }
}

function unsupported({ file }: Decoding, { byte }: { byte: number }, what: string) {
  return modelError('ONNX_UNSUPPORTED', { file, byte }, `the file uses ${what}`)
}

/** The version of the standard operators, undefined for other domains. */
function opsetOf(message: Message, refuse: Refuse): number | undefined {
  let domain = ''
  let version: number | undefined
  for (const field of fieldsOf(message, refuse)) {
    if (field.number === 1) domain = textOf(field, { most: textBytesMax, refuse })
    else if (field.number === 2) version = oneInteger(field, refuse)
  }
  return domain === '' || domain === 'ai.onnx' ? version : undefined
}

function oneInteger(field: Field, refuse: Refuse): number {
  if (field.integer === undefined) return refuse(field.byte, 'it is no integer')
  return integersOf(field, { most: 1, refuse })[0] as number
}

function decodeGraph(message: Message, decoding: Decoding): Omit<OnnxModel, 'opset'> {
  const { refuse } = decoding
  const nodes: OnnxNode[] = []
  const tensors = new Map<string, OnnxTensor>()
  const inputs: OnnxValue[] = []
  const outputs: OnnxValue[] = []
  const push = <T>(list: T[], item: T, byte: number) => {
    if (list.length === onnxBounds.nodesMax) refuse(byte, `more than ${onnxBounds.nodesMax} items`)
    list.push(item)
  }
  for (const field of fieldsOf(message, refuse)) {
    const { byte } = field
    if (field.number === 1) push(nodes, decodeNode(messageOf(field, refuse), decoding), byte)
    else if (field.number === 5) {
      const tensor = decodeTensor(messageOf(field, refuse), decoding)
      if (tensors.has(tensor.name)) refuse(byte, `the tensor ${tensor.name} stands twice`)
      if (tensors.size === onnxBounds.tensorsMax) refuse(byte, 'too many tensors')
      tensors.set(tensor.name, tensor)
    } else if (field.number === 11)
      push(inputs, decodeValue(messageOf(field, refuse), refuse), byte)
    else if (field.number === 12) push(outputs, decodeValue(messageOf(field, refuse), refuse), byte)
    else if (field.number === 15) throw unsupported(decoding, field, 'sparse tensors')
  }
  return { nodes, tensors, inputs: inputs.filter(({ name }) => !tensors.has(name)), outputs }
}

function decodeNode(message: Message, decoding: Decoding): OnnxNode {
  const { refuse } = decoding
  const inputs: string[] = []
  const outputs: string[] = []
  const attributes = new Map<string, OnnxAttribute>()
  const text = (field: Field) => textOf(field, { most: textBytesMax, refuse })
  const push = (list: string[], field: Field) => {
    if (list.length === onnxBounds.operandsMax) refuse(field.byte, 'a node has too many operands')
    list.push(text(field))
  }
  let [name, operator, domain] = ['', '', '']
  for (const field of fieldsOf(message, refuse)) {
    if (field.number === 1) push(inputs, field)
    else if (field.number === 2) push(outputs, field)
    else if (field.number === 3) name = text(field)
    else if (field.number === 4) operator = text(field)
    else if (field.number === 5) {
      if (attributes.size === onnxBounds.attributesMax) refuse(field.byte, 'too many attributes')
      attributes.set(...decodeAttribute(messageOf(field, refuse), decoding))
    } else if (field.number === 7) domain = text(field)
  }
  if (operator === '') refuse(message.byte, 'a node names no operator')
  if (outputs.length === 0) refuse(message.byte, `the node ${name} has no output`)
  const own = domain === '' || domain === 'ai.onnx' ? operator : `${domain}.${operator}`
  return {
    name: name === '' ? (outputs[0] as string) : name,
    operator: own,
    inputs,
    outputs,
    attributes,
    byte: message.byte,
  }
}

function decodeAttribute(message: Message, decoding: Decoding): [string, OnnxAttribute] {
  const { refuse } = decoding
  let name = ''
  let attribute: OnnxAttribute = {}
  const integers: number[] = []
  for (const field of fieldsOf(message, refuse)) {
    if (field.number === 1) name = textOf(field, { most: textBytesMax, refuse })
    else if (field.number === 2) attribute = { ...attribute, float: floatsOf(field, refuse)[0] }
    else if (field.number === 3 || field.number === 8) {
      const found = integersOf(field, { most: onnxBounds.integersMax, refuse })
      if (integers.length + found.length > onnxBounds.integersMax) {
        refuse(field.byte, 'an attribute has too many integers')
      }
      for (const one of found) integers.push(one)
    } else if (field.number === 4) {
      attribute = { ...attribute, text: textOf(field, { most: textBytesMax, refuse }) }
    } else if (field.number === 5) {
      attribute = { ...attribute, tensor: decodeTensor(messageOf(field, refuse), decoding) }
    }
  }
  return [name, integers.length === 0 ? attribute : { ...attribute, integers }]
}

function decodeValue(message: Message, refuse: Refuse): OnnxValue {
  let name = ''
  let tensor: { type: number; shape?: (number | string)[] } = { type: 0 }
  for (const field of fieldsOf(message, refuse)) {
    if (field.number === 1) name = textOf(field, { most: textBytesMax, refuse })
    else if (field.number === 2) {
      for (const inner of fieldsOf(messageOf(field, refuse), refuse)) {
        if (inner.number === 1) tensor = decodeTensorType(messageOf(inner, refuse), refuse)
      }
    }
  }
  return { name, ...tensor }
}

function decodeTensorType(message: Message, refuse: Refuse) {
  let type = 0
  let shape: (number | string)[] | undefined
  for (const field of fieldsOf(message, refuse)) {
    if (field.number === 1) type = oneInteger(field, refuse)
    else if (field.number === 2) {
      shape = []
      for (const side of fieldsOf(messageOf(field, refuse), refuse)) {
        if (side.number !== 1) continue
        if (shape.length === rankMax) refuse(side.byte, `more than ${rankMax} sides`)
        shape.push(decodeSide(messageOf(side, refuse), refuse))
      }
    }
  }
  return shape ? { type, shape } : { type }
}

function decodeSide(message: Message, refuse: Refuse): number | string {
  for (const field of fieldsOf(message, refuse)) {
    if (field.number === 1) return oneInteger(field, refuse)
    if (field.number === 2) return textOf(field, { most: textBytesMax, refuse })
  }
  return '?'
}
