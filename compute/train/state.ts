import { AppError } from '#base/error.ts'
import type { Leaf } from '#wire/segment.ts'
import { decodeSafetensors, encodeSafetensors } from '../export/safetensors.ts'
import type { Engine } from '../exact/engine.ts'
import { partRootOf, zeroHash } from './commit.ts'

/** The carried state: flat parameters and moments, and the step count. Betas follow from the count. */
export interface State {
  readonly p: Float32Array
  readonly m: Float32Array
  readonly v: Float32Array
  readonly step: number
}

/**
 * No honest parameter is larger. The squares of this many in a vector of the greatest size still sum to a
 * finite number, so that one hostile update cannot make an aggregate overflow.
 */
export const magnitudeMax = 1e15

const stepPattern = /^(0|[1-9][0-9]{0,14})$/

/** A state file: safetensors p, m, v and the metadata `step`. */
export function encodeState({ p, m, v, step }: State): Uint8Array<ArrayBuffer> {
  const part = (values: Float32Array) => ({ dtype: 'F32' as const, shape: [values.length], values })
  return encodeSafetensors({ p: part(p), m: part(m), v: part(v) }, { step: String(step) })
}

/** Reads a state file. Throws STATE_INVALID, or SAFETENSORS_INVALID. */
export function decodeState(bytes: Uint8Array): State {
  const { tensors, metadata } = decodeSafetensors(bytes)
  const step = metadata['step'] ?? ''
  if (!stepPattern.test(step)) throw invalid('the metadata has no step')
  if (tensors.size !== 3) throw invalid(`${tensors.size} tensors instead of p, m and v`)
  const take = (name: string): Float32Array => {
    const tensor = tensors.get(name)
    if (tensor?.dtype !== 'F32') throw invalid(`${name} is missing or not F32`)
    return tensor.values
  }
  const state = { p: take('p'), m: take('m'), v: take('v'), step: Number(step) }
  checkRange('p', state.p, magnitudeMax)
  checkRange('m', state.m, Number.MAX_VALUE)
  checkRange('v', state.v, Number.MAX_VALUE)
  return state
}

/** An update file: raw little-endian parameters. Throws STATE_INVALID. */
export function decodeUpdate(bytes: Uint8Array): Float32Array {
  if (bytes.length % 4 !== 0) throw invalid(`${bytes.length} bytes are no floats`)
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice()
  const values = new Float32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4)
  checkRange('p', values, magnitudeMax)
  return values
}

/** Bytes of an update file. */
export function encodeUpdate(p: Float32Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new Float32Array(p).buffer)
}

/** Roots of a state that no step has led to yet. */
export function leafOfState({ p, m, v, step }: State): Leaf {
  return {
    p: partRootOf(p),
    m: partRootOf(m),
    v: partRootOf(v),
    step,
    transcript: zeroHash,
  }
}

/** The same of the state that an engine holds, hashed by its threads. */
export function leafOfEngine(engine: Engine): Leaf {
  const { p, m, v } = engine.partRoots()
  return { p, m, v, step: engine.step, transcript: zeroHash }
}

/** Puts a state into an engine. Throws STATE_INVALID when it is of another size. */
export function loadState(engine: Engine, state: State): void {
  for (const part of ['p', 'm', 'v'] as const) {
    if (state[part].length !== engine[part].length) {
      throw invalid(`${part} has ${state[part].length} values instead of ${engine[part].length}`)
    }
    engine[part].set(state[part])
  }
  engine.setStep(state.step)
}

function checkRange(name: string, values: Float32Array, largest: number): void {
  for (const value of values) {
    if (!(Math.abs(value) <= largest)) throw invalid(`${name} has a value out of range`)
  }
}

function invalid(reason: string): AppError {
  return new AppError({ code: 'STATE_INVALID', reason })
}
