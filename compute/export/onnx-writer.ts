import { concatBytes } from '#base/bytes.ts'
import { bytesField, floatField, integerField, type Bytes } from './protobuf.ts'

/** Element types as the ONNX format numbers them. */
export const elementTypes = { f32: 1, i32: 6, i64: 7, bool: 9 } as const
export type OnnxType = keyof typeof elementTypes

/** An integer or list of integers as it is; `{ float }` and `{ text }` where the operator wants those. */
export type OnnxAttribute =
  number | readonly number[] | { readonly float: number } | { readonly text: string }
export type OnnxAttributes = Readonly<Record<string, OnnxAttribute>>

export interface NodeOptions {
  readonly output?: string
  readonly attributes?: OnnxAttributes
}

/** Collects nodes and constants; values get names in the order in which they appear. */
export interface GraphWriter {
  readonly nodes: readonly Bytes[]
  readonly constants: readonly Bytes[]
  /** Adds a node with one output and gives the output's name. An input that is left out is ''. */
  node(operator: string, inputs: readonly string[], options?: NodeOptions): string
  /** Adds a node with these outputs. */
  nodeOf(
    operator: string,
    operands: { readonly inputs: readonly string[]; readonly outputs: readonly string[] },
    attributes?: OnnxAttributes,
  ): void
  floats(name: string, shape: readonly number[], values: ArrayLike<number>): string
  integers(name: string, values: readonly number[]): string
  constant(name: string, tensor: ConstantTensor): string
}

export interface ConstantTensor {
  readonly type: OnnxType
  readonly shape: readonly number[]
  readonly values: ArrayLike<number>
}

const opsetDefault = 17
const irVersionDefault = 8
const attributeTypes = { float: 1, integer: 2, text: 3, integers: 7 } as const

/** An empty graph. */
export function createGraphWriter(): GraphWriter {
  const nodes: Bytes[] = []
  const constants: Bytes[] = []

  const writer: GraphWriter = {
    nodes,
    constants,
    node(operator, inputs, { output = `v${nodes.length}`, attributes = {} } = {}) {
      writer.nodeOf(operator, { inputs, outputs: [output] }, attributes)
      return output
    },
    nodeOf(operator, { inputs, outputs }, attributes = {}) {
      const fields = [
        ...inputs.map((input) => bytesField(1, input)),
        ...outputs.map((output) => bytesField(2, output)),
        bytesField(3, `${operator}${nodes.length}`),
        bytesField(4, operator),
        ...Object.entries(attributes).map(([key, value]) =>
          bytesField(5, attributeFields(key, value)),
        ),
      ]
      nodes.push(bytesField(1, fields))
    },
    floats: (name, shape, values) => writer.constant(name, { type: 'f32', shape, values }),
    integers: (name, values) =>
      writer.constant(name, { type: 'i64', shape: [values.length], values }),
    constant(name, { type, shape, values }) {
      const sides = shape.map((side) => integerField(1, side))
      const fields = [
        ...sides,
        integerField(2, elementTypes[type]),
        bytesField(8, name),
        bytesField(9, rawOf(type, values)),
      ]
      constants.push(bytesField(5, fields))
      return name
    },
  }
  return writer
}

function rawOf(type: OnnxType, values: ArrayLike<number>): Uint8Array {
  switch (type) {
    case 'f32':
      return new Uint8Array(Float32Array.from(values).buffer)
    case 'i32':
      return new Uint8Array(Int32Array.from(values).buffer)
    case 'i64':
      return new Uint8Array(BigInt64Array.from(Array.from(values), BigInt).buffer)
    case 'bool':
      return Uint8Array.from(values)
  }
}

function attributeFields(name: string, value: OnnxAttribute): Bytes[] {
  const typed = (type: keyof typeof attributeTypes, ...fields: Bytes[]) => [
    bytesField(1, name),
    ...fields,
    integerField(20, attributeTypes[type]),
  ]
  if (typeof value === 'number') return typed('integer', integerField(3, value))
  if ('float' in value) return typed('float', floatField(2, value.float))
  if ('text' in value) return typed('text', bytesField(4, value.text))
  return typed('integers', ...value.map((item) => integerField(8, item)))
}

export interface Signature {
  readonly name: string
  readonly type: OnnxType
  /** A side that is text is named and left open. */
  readonly shape: readonly (number | string)[]
}

/** The bytes of a whole ONNX file. */
export function encodeModel(
  { nodes, constants }: GraphWriter,
  outside: {
    readonly inputs: readonly Signature[]
    readonly outputs: readonly Signature[]
    readonly properties?: Readonly<Record<string, unknown>>
    readonly opset?: number
    readonly irVersion?: number
  },
): Bytes {
  const { inputs, outputs, properties = {} } = outside
  const { opset = opsetDefault, irVersion = irVersionDefault } = outside
  const graph = [
    ...nodes,
    bytesField(2, 'quern'),
    ...constants,
    ...inputs.map((input) => signatureField(11, input)),
    ...outputs.map((output) => signatureField(12, output)),
  ]
  const model = [
    integerField(1, irVersion),
    bytesField(2, 'quern'),
    bytesField(7, graph),
    bytesField(8, [bytesField(1, ''), integerField(2, opset)]),
    ...Object.entries(properties).map(([key, value]) =>
      bytesField(14, [bytesField(1, key), bytesField(2, JSON.stringify(value))]),
    ),
  ]
  return concatBytes(...model)
}

function signatureField(field: number, { name, type, shape }: Signature): Bytes {
  const dimensions = shape.map((side) =>
    bytesField(1, [typeof side === 'string' ? bytesField(2, side) : integerField(1, side)]),
  )
  const tensor = [integerField(1, elementTypes[type]), bytesField(2, dimensions)]
  return bytesField(field, [bytesField(1, name), bytesField(2, [bytesField(1, tensor)])])
}
