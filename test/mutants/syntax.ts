import { createRequire } from 'node:module'

/** A node of solc's syntax tree, before any types are known. Offsets count bytes. */
export interface SyntaxNode {
  readonly nodeType: string
  readonly start: number
  readonly end: number
  /** All that solc says of it: other nodes, lists of them, names, operators. */
  readonly parts: Readonly<Record<string, unknown>>
}

/** A change of a piece of a source, given that piece with the changes inside it. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly change: (inner: string) => string
}

interface Solc {
  compile(input: string): string
}

const solc = createRequire(import.meta.url)('solc') as Solc

/** Every node of a Solidity source, parents before their children, with the nodes that it stands in. */
export function nodesOf(source: string): readonly [SyntaxNode, readonly SyntaxNode[]][] {
  const settings = { stopAfter: 'parsing', outputSelection: { '*': { '': ['ast'] } } }
  const sources = { source: { content: source } }
  const output = solc.compile(JSON.stringify({ language: 'Solidity', sources, settings }))
  const found = JSON.parse(output) as { sources: { source: { ast: unknown } } }
  const nodes: [SyntaxNode, readonly SyntaxNode[]][] = []
  visit(found.sources.source.ast, [])
  return nodes

  function visit(value: unknown, above: readonly SyntaxNode[]): void {
    if (Array.isArray(value)) for (const one of value) visit(one, above)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return
    const node = asNode(value)
    if (node) nodes.push([node, above])
    for (const part of Object.values(value)) visit(part, node ? [...above, node] : above)
  }
}

/** The node that a part of another one is. */
export function asNode(value: unknown): SyntaxNode | undefined {
  if (typeof value !== 'object' || value === null || !('nodeType' in value)) return undefined
  const parts = value as Record<string, unknown>
  const [start = 0, length = 0] = String(parts['src']).split(':').map(Number)
  return { nodeType: String(parts['nodeType']), start, end: start + length, parts }
}

/** The text of a node. */
export function textOf(source: string, { start, end }: Pick<SyntaxNode, 'start' | 'end'>): string {
  return Buffer.from(source).subarray(start, end).toString()
}

/** A source with changes, which may stand inside of each other. */
export function rewrite(source: string, edits: readonly Edit[]): string {
  const bytes = Buffer.from(source)
  const ordered = edits.toSorted((a, b) => a.start - b.start || b.end - a.end)
  let next = 0

  function render(start: number, end: number): string {
    let text = ''
    let at = start
    for (let edit = ordered[next]; edit !== undefined && edit.end <= end; edit = ordered[next]) {
      next += 1
      text += bytes.subarray(at, edit.start).toString() + edit.change(render(edit.start, edit.end))
      at = edit.end
    }
    return text + bytes.subarray(at, end).toString()
  }

  return render(0, bytes.length)
}
