import { assert } from '#base/assert.ts'
import { type TrainSpec, momentsOf } from '#wire/spec.ts'
import type { Parameter } from '../graph/builder.ts'
import { type Node, type Value, sizeOf } from '../graph/graph.ts'
import { real } from '../graph/operator.ts'
import type { ModelGraph } from '../graph/training.ts'
import { rateCount } from '../exact/lowering.ts'
import { noiseLayersOf } from '../exact/noise.ts'
import { type TensorTask, bitsOf } from './task.ts'
import { givenOperators, tasksOf } from './tasks.ts'

/** Where an operand begins: an earlier tensor of the program, and a place in it, in elements. */
export interface Operand {
  readonly entry: number
  readonly base: number
}

/** One tensor of a step. Without a kind it is given: no contract computes it. */
export interface Entry {
  readonly name: string
  readonly sizeElements: number
  readonly kind?: number
  readonly sides: readonly bigint[]
  readonly operands: readonly Operand[]
  /** What the engine calls it; the others are named by `name` alone. */
  readonly value?: Value
}

/** All tensors of one training step, each after all that it is computed from. */
export interface Program {
  readonly entries: readonly Entry[]
  /** How many at the start are given: state, rates, keys of random streams, batch, constants. */
  readonly givenCount: number
  /** How many of them are the state: p, then the moments. */
  readonly stateCount: number
}

const wordsOfKey = 4

/** The program of a specification; the same for every step. */
export function programOf(model: ModelGraph, spec: TrainSpec): Program {
  const { nodes } = model.graph
  const isGiven = ({ operator }: Node) => givenOperators.includes(operator)
  const build = createBuilder(model)
  const momentNames = momentsOf(spec)
  for (const name of ['p', ...momentNames]) build.give(name, model.parameterCount)
  const stateCount = build.entries.length
  build.give('rates', rateCount)
  const layers = noiseLayersOf(model.graph)
  if (layers > 0) build.give('noise', layers * wordsOfKey)
  build.give('x', sizeOf(model.x.shape), model.x)
  build.give('y', sizeOf(model.y.shape), model.y)
  for (const node of nodes.filter(isGiven)) build.addNode(node)
  const givenCount = build.entries.length
  for (const node of nodes.filter((one) => !isGiven(one))) build.addNode(node)
  addState(build, { model, momentNames })
  return { entries: build.entries, givenCount, stateCount }
}

type Builder = ReturnType<typeof createBuilder>

function createBuilder({ graph }: ModelGraph) {
  const entries: Entry[] = []
  const places = new Map<Value, number>()
  const named = new Map<string, number>()
  const sources = new Map<Value, Value>()
  for (const { operator, inputs, outputs } of graph.nodes) {
    const [input] = inputs
    const [output] = outputs
    if (operator === 'Reshape' && input && output) sources.set(output, sources.get(input) ?? input)
  }

  function push(entry: Entry): void {
    if (entry.value) places.set(entry.value, entries.length)
    named.set(entry.name, entries.length)
    entries.push(entry)
  }

  function operandOf(value: Value | undefined): Operand {
    if (!value) return { entry: 0, base: 0 }
    const source = sources.get(value) ?? value
    if (source.home?.vector === 'p') return { entry: entryOf('p'), base: source.home.offset }
    const entry = places.get(source)
    assert(entry !== undefined, 'what is read was computed before')
    return { entry, base: 0 }
  }

  function entryOf(name: string): number {
    const entry = named.get(name)
    assert(entry !== undefined, `the program has ${name}`)
    return entry
  }

  function addTask(node: Node, { kind, of, sides, reads }: TensorTask, place: string): void {
    if (!of) return
    const isDropout = node.operator === 'Dropout'
    push({
      name: `${node.operator} ${place}`,
      sizeElements: sizeOf(of.shape),
      kind,
      sides: sides.map(BigInt),
      operands: [
        ...reads.map(operandOf),
        ...(isDropout ? [{ entry: entryOf('noise'), base: 0 }] : []),
      ],
      value: of,
    })
  }

  return {
    entries,
    operandOf,
    entryOf,
    push,
    give: (name: string, sizeElements: number, value?: Value) =>
      push({ name, sizeElements, sides: [], operands: [], value }),
    addNode(node: Node): void {
      const index = graph.nodes.indexOf(node)
      for (const [i, task] of tasksOf(node).entries()) addTask(node, task, `${index}.${i}`)
    },
  }
}

const kinds = { m: 29, v: 30, p: 31, folded: 19 } as const

/** What a step leaves: moments, parameters and the folded gradients, over all parameters at once. */
function addState(
  build: Builder,
  { model, momentNames }: { model: ModelGraph; momentNames: readonly ('m' | 'v')[] },
): void {
  const { parameters, parameterCount } = model
  const pieces = parameters.map((parameter) => pieceOf(parameter, model))
  const sides = pieces.map(({ word }) => word)
  const none = { entry: 0, base: 0 }
  const place = (name: 'm' | 'v') =>
    momentNames.includes(name) ? { entry: build.entryOf(name), base: 0 } : none
  const operands = [
    { entry: build.entryOf('p'), base: 0 },
    place('m'),
    place('v'),
    { entry: build.entryOf('rates'), base: 0 },
    ...pieces.map(({ moved }) => (moved ? build.operandOf(moved) : none)),
  ]
  for (const name of [...momentNames, 'p'] as const) {
    build.push({
      name: `${name} after`,
      sizeElements: parameterCount,
      kind: kinds[name],
      sides,
      operands,
    })
  }
  const folded = Math.ceil(parameterCount / 2048) * 32
  build.push({ name: 'folded', sizeElements: folded, kind: kinds.folded, sides, operands })
}

/** How a parameter is moved, packed as contracts/operators/Learning.sol reads it, and by what. */
function pieceOf({ offset, size }: Parameter, { graph }: ModelGraph) {
  const writer = graph.nodes.find(
    ({ operator, inputs: [p] }) =>
      rules[operator] !== undefined && p?.home?.vector === 'p' && p.home.offset === offset,
  )
  const end = BigInt(offset + size)
  if (!writer) return { word: end, moved: undefined }
  const { operator, attributes } = writer
  const isDecayed = operator === 'AdamW' && attributes['isDecayed'] === 1
  const rule = BigInt((rules[operator] ?? 0) + (isDecayed ? 1 : 0))
  const keep = operator === 'RunningMean' ? Math.fround(real(attributes, 'keep')) : 0
  const word =
    end | (rule << 64n) | (BigInt(bitsOf(keep)) << 72n) | (BigInt(bitsOf(1 - keep)) << 104n)
  return { word, moved: writer.inputs[1] }
}

const rules: Readonly<Record<string, number>> = { AdamW: 1, Sgd: 3, SgdMomentum: 4, RunningMean: 5 }
