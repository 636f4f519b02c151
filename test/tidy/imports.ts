import { type Token, tokensOf } from './tokens.ts'

export interface Import {
  /** A `type` import loads nothing at run time. */
  readonly kind: 'static' | 'type' | 'side effect' | 'dynamic' | 're-export' | 'require'
  /** What is imported; undefined when it is computed at run time. */
  readonly path: string | undefined
  readonly line: number
}

/** Every import of a file, however it is written. */
export function importsOf(source: string): readonly Import[] {
  const tokens = tokensOf(source)
  return tokens.flatMap((token, i) => {
    if (token.kind !== 'word' || tokens[i - 1]?.text === '.') return []
    if (token.text === 'import') return importAt(tokens, i)
    if (token.text === 'export') return reExportAt(tokens, i)
    if (token.text === 'require' && tokens[i + 1]?.text === '(') {
      return [{ kind: 'require' as const, path: argumentAt(tokens, i + 2), line: token.line }]
    }
    return []
  })
}

/** Whether a file has a default export. */
export function hasDefaultExport(source: string): boolean {
  const tokens = tokensOf(source)
  return tokens.some(
    (token, i) =>
      token.text === 'export' && token.kind === 'word' && tokens[i + 1]?.text === 'default',
  )
}

function importAt(tokens: readonly Token[], at: number): readonly Import[] {
  const next = tokens[at + 1]
  const line = tokens[at]?.line ?? 0
  if (next === undefined) return []
  if (next.text === '(' && next.kind === 'punctuation') {
    return [{ kind: 'dynamic', path: argumentAt(tokens, at + 2), line }]
  }
  if (next.text === '.') return resolveAt(tokens, at)
  if (next.kind === 'string') return [{ kind: 'side effect', path: next.text, line }]
  if (next.text === ':' || next.text === '?') return [] // a field called import
  const isType = next.text === 'type' && !/^(from|,)$/.test(tokens[at + 2]?.text ?? '')
  return fromAfter(tokens, at + 1, isType ? 'type' : 'static')
}

/** import.meta.resolve('x') reaches a module as an import does. */
function resolveAt(tokens: readonly Token[], at: number): readonly Import[] {
  const words = tokens.slice(at + 2, at + 6).map((token) => token.text)
  if (words.join('') !== 'meta.resolve(') return []
  const path = argumentAt(tokens, at + 6) // a computed one is only asked for, not loaded
  return path === undefined ? [] : [{ kind: 'dynamic', path, line: tokens[at]?.line ?? 0 }]
}

function reExportAt(tokens: readonly Token[], at: number): readonly Import[] {
  const start = tokens[at + 1]?.text === 'type' ? at + 2 : at + 1
  const opening = tokens[start]?.text
  return opening === '{' || opening === '*' ? fromAfter(tokens, start, 're-export') : []
}

/** The string after the word "from" that ends this clause, which holds names, braces, commas and stars only. */
function fromAfter(tokens: readonly Token[], at: number, kind: Import['kind']): readonly Import[] {
  for (let i = at; i < tokens.length; i += 1) {
    const token = tokens[i] as Token
    const next = tokens[i + 1]
    if (token.text === 'from' && next?.kind === 'string') {
      return [{ kind, path: next.text, line: next.line }]
    }
    if (token.kind !== 'word' && !/^[{},*]$/.test(token.text)) return []
    if (token.text === '}' && next?.text !== 'from') return []
  }
  return []
}

function argumentAt(tokens: readonly Token[], at: number): string | undefined {
  const token = tokens[at]
  const end = tokens[at + 1]?.text
  return token?.kind === 'string' && (end === ')' || end === ',') ? token.text : undefined
}
