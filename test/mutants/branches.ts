import { type Edit, type SyntaxNode, asNode, nodesOf, rewrite } from './syntax.ts'

/** A condition, and the lines of the rewritten source that run when it holds and when it does not. */
export interface Condition {
  /** Of the original source, from 1. */
  readonly line: number
  readonly lineIfTrue: number
  readonly lineIfFalse: number
}

/**
 * A source in which each condition of `if` and `?:` goes through a function of its own, whose two statements tell a
 * coverage by statements which way was taken.
 */
export function withBranches(
  source: string,
  fileNumber: number,
): { readonly source: string; readonly conditions: readonly Condition[] } {
  const conditions = nodesOf(source).flatMap(([node]) => conditionOf(node))
  const nameAt = (i: number) => `_branch${fileNumber}_${i}`
  const edits = conditions.map(({ start, end }, i): Edit => ({
    start,
    end,
    change: (inner) => `${nameAt(i)}(${inner})`,
  }))
  const rewritten = rewrite(source, edits)
  const first = rewritten.split('\n').length + 1
  const functions = conditions.map((_, i) => functionNamed(nameAt(i)))
  return {
    source: [rewritten, ...functions.flat()].join('\n'),
    conditions: conditions.map(({ start }, i) => ({
      line: Buffer.from(source).subarray(0, start).toString().split('\n').length,
      lineIfTrue: first + i * functionLines + 2,
      lineIfFalse: first + i * functionLines + 4,
    })),
  }
}

const functionLines = 8

function functionNamed(name: string): readonly string[] {
  return [
    `function ${name}(bool isSo) pure returns (bool) {`,
    '    if (isSo) {',
    '        isSo = true;',
    '    } else {',
    '        isSo = false;',
    '    }',
    '    return isSo;',
    '}',
  ]
}

function conditionOf(node: SyntaxNode): SyntaxNode[] {
  if (node.nodeType !== 'IfStatement' && node.nodeType !== 'Conditional') return []
  const condition = asNode(node.parts['condition'])
  return condition ? [condition] : []
}
