import type { Rng } from '#base/rng.ts'
import { type Edit, type SyntaxNode, asNode, nodesOf, rewrite, textOf } from './syntax.ts'

/** One small change of a contract that its tests should notice. */
export interface Mutation {
  readonly file: string
  /** From 1. */
  readonly line: number
  /** The whole line, without the space around it. */
  readonly lineText: string
  readonly kind: 'operator' | 'condition' | 'statement' | 'branch'
  /** What stands there, shortened. */
  readonly text: string
  /** The place with the change in it where the mutant's number is this one, else as it was. */
  readonly edit: (number: number) => Edit
}

const otherOperator: Readonly<Record<string, string>> = {
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '==': '!=',
  '!=': '==',
  '&&': '||',
  '||': '&&',
  '+': '-',
  '-': '+',
  '*': '/',
  '/': '*',
  '%': '*',
}
const textMax = 60

/** All mutations of a source: operators turned, conditions negated, statements left out. */
export function mutationsOf(file: string, source: string): readonly Mutation[] {
  const nodes = nodesOf(source)
  const pointers = new Set(nodes.flatMap(([node]) => pointerIn(node)))
  return nodes.flatMap(([node, above]) => {
    if (above.some(isFixed) || isNeeded(node, pointers)) return []
    const found = operatorOf(source, node) ?? conditionOf(node) ?? statementOf(source, node, above)
    if (!found) return []
    const { start, end } = found.place
    const edit = (number: number) => ({ start, end, change: found.change(number) })
    const text = shortOf(source, found.place)
    return [{ file, ...lineOf(source, start), kind: found.kind, text, edit }]
  })
}

/**
 * Both ways of each condition of `if` and `?:` as mutations that revert where the way is taken: tests that notice all of
 * them take all branches. The two of a condition are one change, which knows both numbers: that of the way in which the
 * condition holds, and the next one.
 */
export function branchesOf(file: string, source: string): readonly Mutation[] {
  return nodesOf(source).flatMap(([node]) => {
    const isBranching = node.nodeType === 'IfStatement' || node.nodeType === 'Conditional'
    const place = isBranching ? asNode(node.parts['condition']) : undefined
    if (!place) return []
    const { start, end } = place
    const change = (number: number) => (inner: string) => `_branch(${number}, ${inner})`
    const text = shortOf(source, place)
    const one = { file, ...lineOf(source, start), kind: 'branch' } as const
    const holds = {
      ...one,
      text: `${text} holds`,
      edit: (n: number) => ({ start, end, change: change(n) }),
    }
    const isNot = { ...one, text: `${text} does not hold`, edit: () => unchanged }
    return [holds, isNot]
  })
}

/** The second of two mutations that are one change. */
const unchanged: Edit = { start: 0, end: 0, change: (inner) => inner }

/** So many mutations, drawn by `rng`, of which none stands in another one. */
export function drawMutations(all: readonly Mutation[], count: number, rng: Rng): Mutation[] {
  const left = [...all]
  const drawn: Mutation[] = []
  while (drawn.length < count && left.length > 0) {
    const [next] = left.splice(rng.below(left.length), 1)
    if (next && !drawn.some((other) => overlaps(other, next))) drawn.push(next)
  }
  return drawn
}

/** Not a mutant's: with it all branches are as they were, and each one that is taken is logged. */
export const loggingNumber = 2n ** 160n - 1n

/** The numbers of the branches that tests took which ran with `loggingNumber` and printed this. */
export function loggedBranches(output: string): ReadonlySet<number> {
  return new Set([...output.matchAll(/^\s*branch ([0-9]+)$/gm)].map(([, number]) => Number(number)))
}

/** A source that behaves as it did, but for the one mutant whose number `block.coinbase` is; numbers begin at 1. */
export function withMutants(
  source: string,
  mutants: readonly { readonly mutation: Mutation; readonly number: number }[],
): string {
  const edits = mutants.map(({ mutation, number }) => mutation.edit(number))
  return `${rewrite(source, edits)}\n${selector}`
}

function lineOf(source: string, start: number): Pick<Mutation, 'line' | 'lineText'> {
  const line = Buffer.from(source).subarray(0, start).toString().split('\n').length
  return { line, lineText: source.split('\n')[line - 1]?.trim() ?? '' }
}

function shortOf(source: string, place: SyntaxNode): string {
  return textOf(source, place).replaceAll(/\s+/g, ' ').slice(0, textMax)
}

interface Found {
  readonly kind: Mutation['kind']
  readonly place: SyntaxNode
  readonly change: (number: number) => Edit['change']
}

/** What the compiler must be able to compute, or what is no code of the contract. */
function isFixed({ nodeType, parts }: SyntaxNode): boolean {
  const isConstant = nodeType === 'VariableDeclaration' && parts['constant'] === true
  return isConstant || nodeType === 'InlineAssembly' || nodeType === 'ArrayTypeName'
}

/** The name of a pointer into storage. */
function pointerIn({ nodeType, parts }: SyntaxNode): string[] {
  const isPointer = nodeType === 'VariableDeclaration' && parts['storageLocation'] === 'storage'
  return isPointer ? [String(parts['name'])] : []
}

/** Without a pointer's assignment nothing compiles. */
function isNeeded({ nodeType, parts }: SyntaxNode, pointers: ReadonlySet<string>): boolean {
  if (nodeType !== 'ExpressionStatement') return false
  const target = asNode(asNode(parts['expression'])?.parts['leftHandSide'])
  return target?.nodeType === 'Identifier' && pointers.has(String(target.parts['name']))
}

function operatorOf(source: string, node: SyntaxNode): Found | undefined {
  if (node.nodeType !== 'BinaryOperation') return undefined
  const operator = otherOperator[String(node.parts['operator'])]
  const [left, right] = [
    asNode(node.parts['leftExpression']),
    asNode(node.parts['rightExpression']),
  ]
  if (operator === undefined || !left || !right) return undefined
  if (left.nodeType === 'Literal' && right.nodeType === 'Literal') return undefined
  const other = `${textOf(source, left)} ${operator} ${textOf(source, right)}`
  const change = (number: number) => (inner: string) =>
    `(${isActive(number)} ? (${other}) : (${inner}))`
  return { kind: 'operator', place: node, change }
}

function conditionOf(node: SyntaxNode): Found | undefined {
  const place = node.nodeType === 'IfStatement' ? asNode(node.parts['condition']) : undefined
  if (!place || place.nodeType === 'BinaryOperation') return undefined // its operator is turned
  const change = (number: number) => (inner: string) => `((${inner}) != ${isActive(number)})`
  return { kind: 'condition', place, change }
}

function statementOf(
  source: string,
  node: SyntaxNode,
  above: readonly SyntaxNode[],
): Found | undefined {
  const isStatement = ['ExpressionStatement', 'RevertStatement', 'EmitStatement']
  if (!isStatement.includes(node.nodeType)) return undefined
  if (above.at(-1)?.nodeType === 'ForStatement') return undefined // has no semicolon of its own
  const end = Buffer.from(source).indexOf(';', node.end) + 1
  const change = (number: number) => (inner: string) => `{ if (!${isActive(number)}) { ${inner} } }`
  return { kind: 'statement', place: { ...node, end }, change }
}

function overlaps(a: Mutation, b: Mutation): boolean {
  if (a.file !== b.file) return false
  const [one, other] = [a.edit(0), b.edit(0)]
  return one.start < other.end && other.start < one.end
}

const isActive = (number: number) => `_isMutant(${number})`

const selector = `
function _coinbase() view returns (uint256) {
    return uint256(uint160(address(block.coinbase)));
}

function _asPure(function() view returns (uint256) read) pure returns (function() pure returns (uint256) same) {
    assembly {
        same := read
    }
}

function _isMutant(uint256 number) pure returns (bool) {
    return _asPure(_coinbase)() == number;
}

function _log(uint256 number) view returns (uint256) {
    address console = 0x000000000000000000636F6e736F6c652e6c6f67;
    (bool isSent, ) = console.staticcall(abi.encodeWithSignature("log(string,uint256)", "branch", number));
    return isSent ? number : 0;
}

function _asPureLog(
    function(uint256) view returns (uint256) read
) pure returns (function(uint256) pure returns (uint256) same) {
    assembly {
        same := read
    }
}

function _branch(uint256 number, bool isSo) pure returns (bool) {
    uint256 taken = isSo ? number : number + 1;
    if (_isMutant(taken)) revert();
    if (_isMutant(type(uint160).max)) _asPureLog(_log)(taken);
    return isSo;
}
`
