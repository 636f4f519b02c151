import { operations } from './softfloat.ts'

/** Cases of Berkeley TestFloat's generator for one of its functions. */
export interface Vectors {
  readonly operation: number
  readonly pairs: Uint32Array
  readonly results: Uint32Array
}

/** The generator's functions, each with the operation of ours that does the same. */
export const testfloatFunctions: Readonly<Record<string, string>> = {
  f32_add: 'add',
  f32_sub: 'sub',
  f32_mul: 'mul',
  f32_div: 'div',
  f32_sqrt: 'sqrt',
  f32_lt: 'lt',
  f32_le: 'le',
  f32_eq: 'eq',
  i32_to_f32: 'fromInt',
  f32_to_i32: 'toInt',
}

const binaryFunctions = ['f32_add', 'f32_sub', 'f32_mul', 'f32_div', 'f32_lt', 'f32_le', 'f32_eq']
const nan = 0x7fc00000

/** Reads lines as the generator writes them: operands, result and flags as hex digits; the flags are not ours. */
export function vectorsOf(name: string, text: string): Vectors {
  const operation = operations.findIndex((one) => one.name === testfloatFunctions[name])
  const { domain = (word: number) => word } = operations[operation]!
  const isNumber = name.endsWith('f32') || /_(add|sub|mul|div|sqrt)$/.test(name)
  const pairs: number[] = []
  const results: number[] = []
  for (const line of text.trim().split('\n')) {
    const words = line.split(' ').map((digits) => Number.parseInt(digits, 16))
    const [a, b, result] = binaryFunctions.includes(name) ? words : [words[0], 0, words[1]]
    if (a === undefined || b === undefined || result === undefined) throw new Error(line)
    if (domain(a) !== a) continue // the operation does not take it
    pairs.push(a, b)
    results.push(isNumber && (result & 0x7fffffff) > 0x7f800000 ? nan : result) // we have one NaN
  }
  return { operation, pairs: Uint32Array.from(pairs), results: Uint32Array.from(results) }
}

/** Reads a file of several functions: a line with a name, then its cases. */
export function sectionsOf(text: string): readonly (readonly [name: string, vectors: Vectors])[] {
  return text
    .trim()
    .split(/\n(?=[fi]\d)/)
    .map((section) => {
      const end = section.indexOf('\n')
      const name = section.slice(0, end)
      return [name, vectorsOf(name, section.slice(end + 1))] as const
    })
}
