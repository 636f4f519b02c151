import { type Token, tokensOf } from './tokens.ts'

/** Words that say nothing; none is part of a name of ours. */
const emptyWords = ['data', 'info', 'manager', 'utils', 'helpers']
/** The listed exceptions: terms that users, Ethereum, JavaScript or the command line already have. */
const exceptions =
  /jobManager|dataView|extraData|dataPointer|dataDir|data-dir|typedData|test-data/gi
const exceptedPaths = ['compute/data/', 'test/unit/compute/data/', 'test/data/']

/** Names that a TypeScript file declares with an empty word in them, as "file:line: name". */
export function nameBreaches(file: string, source: string): readonly string[] {
  const isPathBad = hasEmptyWord(exceptedPaths.reduce((path, part) => path.replace(part, ''), file))
  const found = declaredNames(tokensOf(source))
    .filter((token) => hasEmptyWord(token.text))
    .map((token) => `${file}:${token.line}: the name ${token.text}`)
  return isPathBad ? [`${file}: the path`, ...found] : found
}

/** The same for what a Solidity file declares. */
export function solidityNameBreaches(file: string, source: string): readonly string[] {
  const code = source.replace(/\/\*[^]*?\*\/|\/\/.*/g, '')
  const declared = code.matchAll(
    /\b(?:contract|library|interface|struct|enum|event|error|function|modifier)\s+(\w+)/g,
  )
  return [...declared]
    .map((match) => match[1] as string)
    .filter(hasEmptyWord)
    .map((name) => `${file}: the name ${name}`)
}

/** Texts that have no place in any file: paths of one machine, hosts of package registries. */
export function textBreaches(file: string, source: string): readonly string[] {
  return source.split('\n').flatMap((text, i) => {
    const found = bannedTexts.find((pattern) => pattern.test(text))
    return found === undefined ? [] : [`${file}:${i + 1}: holds ${found.exec(text)?.[0]}`]
  })
}

// Written so that this file does not hold them itself.
const bannedTexts = [
  /(?<![\w.~-])\/(?:work|home|root|Users)\/[\w.-]+/,
  /[A-Z]:\\\\?Users\\/,
  /\bregistry\.(?:[a-z0-9-]+\.)+[a-z]{2,}/,
  /\b(?:artif[a]ctory|jf[r]og|nexus-?rep[o])\b/i,
  /\b(?:cl[a]ude|anthr[o]pic|cop[i]lot|chat[g]pt)\b/i,
  /\b(?:sub-?ag[e]nts?|coding ag[e]nts?|ai ass[i]stants?)\b/i,
]

function hasEmptyWord(name: string): boolean {
  const words = name
    .replace(exceptions, '')
    .split(/[^A-Za-z]+|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/)
    .map((word) => word.toLowerCase())
  return emptyWords.some((word) => words.includes(word))
}

/** What `const`, `let`, `function`, `class`, `interface` and `type` declare, and parameters. */
function declaredNames(tokens: readonly Token[]): readonly Token[] {
  return tokens.flatMap((token, i) => {
    if (token.text === '=>' && token.kind === 'punctuation') return parametersBefore(tokens, i)
    if (token.kind !== 'word' || tokens[i - 1]?.text === '.') return []
    const next = tokens[i + 1]
    if (next === undefined) return []
    if (/^(const|let|var)$/.test(token.text)) return bindingsFrom(tokens, i + 1)
    if (/^(class|interface|type)$/.test(token.text) && next.kind === 'word') return [next]
    if (token.text !== 'function') return []
    const open = tokens.findIndex((other, at) => at > i && other.text === '(')
    return [...(next.kind === 'word' ? [next] : []), ...parametersOf(tokens, open)]
  })
}

/** The names bound by `a = …`, `{ a, b: c } = …` or `[a, b] = …`. */
function bindingsFrom(tokens: readonly Token[], at: number): readonly Token[] {
  const first = tokens[at] as Token
  if (first.kind === 'word') return [first]
  if (first.text !== '{' && first.text !== '[') return []
  const end = closingOf(tokens, at)
  return tokens
    .slice(at + 1, end)
    .filter((token, i, inner) => token.kind === 'word' && inner[i + 1]?.text !== ':')
}

function parametersBefore(tokens: readonly Token[], arrow: number): readonly Token[] {
  const last = tokens[arrow - 1]
  if (last?.kind === 'word') return [last]
  return last?.text === ')' ? parametersOf(tokens, openingOf(tokens, arrow - 1)) : []
}

/** The words of a parameter list at its own level, in front of a type, a default, a comma or the end. */
function parametersOf(tokens: readonly Token[], open: number): readonly Token[] {
  const end = closingOf(tokens, open)
  let depth = 0
  return tokens.slice(open + 1, end).filter((token, i, inner) => {
    if (/^[([{<]$/.test(token.text)) depth += 1
    if (/^[)\]}>]$/.test(token.text)) depth -= 1
    const isFirst = i === 0 || inner[i - 1]?.text === ',' || inner[i - 1]?.text === '.'
    return token.kind === 'word' && depth === 0 && isFirst
  })
}

function closingOf(tokens: readonly Token[], open: number): number {
  let depth = 0
  for (let i = Math.max(open, 0); i < tokens.length; i += 1) {
    if (tokens[i]?.kind !== 'punctuation') continue
    if (/^[([{]$/.test(tokens[i]?.text ?? '')) depth += 1
    if (/^[)\]}]$/.test(tokens[i]?.text ?? '')) depth -= 1
    if (depth === 0) return i
  }
  return tokens.length
}

function openingOf(tokens: readonly Token[], close: number): number {
  let depth = 0
  for (let i = close; i >= 0; i -= 1) {
    if (tokens[i]?.kind !== 'punctuation') continue
    if (/^[)\]}]$/.test(tokens[i]?.text ?? '')) depth += 1
    if (/^[([{]$/.test(tokens[i]?.text ?? '')) depth -= 1
    if (depth === 0) return i
  }
  return 0
}
