export interface Token {
  readonly kind: 'word' | 'string' | 'punctuation' | 'number' | 'regex'
  /** A string token's text is what stands between its quotes. */
  readonly text: string
  readonly line: number
}

const wordStart = /[\p{ID_Start}$_#@]/u
const wordRest = /[\p{ID_Continue}$]/u
/** After these words a slash begins a regular expression, not a division. */
const beforeRegex = /^(return|typeof|case|in|of|do|else|void|delete|throw|new|await|yield)$/

/**
 * Cuts TypeScript into tokens, well enough to see its imports and declarations: comments are dropped,
 * strings, templates (with the code inside them) and regular expressions are told apart.
 */
export function tokensOf(source: string): readonly Token[] {
  const tokens: Token[] = []
  const braces: ('code' | 'template')[] = []
  let at = 0
  let line = 1

  const add = (kind: Token['kind'], text: string) => tokens.push({ kind, text, line })
  const move = (count: number) => {
    const end = at + count
    for (; at < end; at += 1) if (source[at] === '\n') line += 1
  }

  function readTemplate(): void {
    const from = at
    while (at < source.length) {
      if (source[at] === '\\') move(2)
      else if (source[at] === '`') {
        add('string', source.slice(from, at))
        return move(1)
      } else if (source.startsWith('${', at)) {
        add('string', source.slice(from, at))
        braces.push('template')
        return move(2)
      } else move(1)
    }
  }

  function readBrace(character: string): void {
    add('punctuation', character)
    move(1)
    if (character === '{') braces.push('code')
    else if (braces.pop() === 'template') {
      tokens.pop()
      readTemplate()
    }
  }

  while (at < source.length) {
    const character = source[at] as string
    const rest = source.slice(at, at + 2)
    if (rest === '//') move(lengthUntil(source, at, '\n'))
    else if (rest === '/*') move(lengthUntil(source, at, '*/') + 2)
    else if (character === '`') {
      move(1)
      readTemplate()
    } else if (character === '{' || character === '}') readBrace(character)
    else if (character === "'" || character === '"') {
      const length = quotedLength(source, at, character)
      add('string', source.slice(at + 1, at + length - 1))
      move(length)
    } else if (character === '/' && isRegexAfter(tokens.at(-1))) {
      const length = regexLength(source, at)
      add('regex', source.slice(at, at + length))
      move(length)
    } else if (wordStart.test(character)) {
      const word = readWhile(source, at, wordRest)
      add('word', word)
      move(word.length)
    } else if (/[0-9]/.test(character)) {
      const digits = readWhile(source, at, /[0-9a-zA-Z_.]/)
      add('number', digits)
      move(digits.length)
    } else {
      const text = rest === '=>' ? rest : character
      if (text.trim() !== '') add('punctuation', text)
      move(text.length)
    }
  }
  return tokens
}

function isRegexAfter(token: Token | undefined): boolean {
  if (token === undefined) return true
  if (token.kind === 'word') return beforeRegex.test(token.text)
  return token.kind === 'punctuation' && !/^[)\]}]$/.test(token.text)
}

function regexLength(source: string, from: number): number {
  let isInClass = false
  for (let at = from + 1; at < source.length; at += 1) {
    const character = source[at]
    if (character === '\\') at += 1
    else if (character === '[') isInClass = true
    else if (character === ']') isInClass = false
    else if (character === '\n')
      return 1 // it was a division
    else if (character === '/' && !isInClass) return at + 1 - from
  }
  return 1
}

function quotedLength(source: string, from: number, quote: string): number {
  let at = from + 1
  while (at < source.length && source[at] !== quote && source[at] !== '\n') {
    at += source[at] === '\\' ? 2 : 1
  }
  return at + 1 - from
}

function lengthUntil(source: string, from: number, end: string): number {
  const found = source.indexOf(end, from)
  return (found === -1 ? source.length : found) - from
}

function readWhile(source: string, from: number, pattern: RegExp): string {
  let end = from + 1
  while (end < source.length && pattern.test(source[end] as string)) end += 1
  return source.slice(from, end)
}
