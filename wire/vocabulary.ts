/**
 * The byte vocabulary of language models: one token for each byte, in the order of GPT-2's byte table (Radford et al.
 * 2019), then the token that begins a document and ends what is generated. Tokenizer `gpt2` of a GGUF file with
 * `tokenTexts` and `merges` splits a text into the same tokens.
 */
export const vocabulary = {
  name: 'bytes',
  size: 257,
  /** Begins every document of a training text; generation ends where the model says it. Stands for no byte. */
  endOfText: 256,
} as const

const bytes = Array.from({ length: 256 }, (_, byte) => byte)
const printable = bytes.filter(isPrintable)
const others = bytes.filter((byte) => !isPrintable(byte))

/** Byte of each token: the printable ones of Latin-1 in their order, then the others. */
const byteOfToken = Uint8Array.from([...printable, ...others])

const tokenOfByte = new Uint8Array(256)
for (const [token, byte] of byteOfToken.entries()) tokenOfByte[byte] = token

/** The text of every token as GPT-2 and GGUF write it: printable bytes as they are, the others from U+0100 on. */
export const tokenTexts: readonly string[] = [
  ...printable.map((byte) => String.fromCodePoint(byte)),
  ...others.map((_, i) => String.fromCodePoint(0x100 + i)),
  '<|endoftext|>',
]

/**
 * llama.cpp wants one merge at least. The product of this one is no token, so that llama.cpp falls back to the two
 * bytes, which are ASCII as that needs: every text is split into its bytes.
 */
export const merges: readonly string[] = ['~ }']

/** Tokens of bytes, one each. */
export function tokensOfBytes(bytes: Uint8Array): Int32Array<ArrayBuffer> {
  return Int32Array.from(bytes, (byte) => tokenOfByte[byte] as number)
}

/** The byte of a token; undefined for the end of text, and beyond the vocabulary. */
export function byteOf(token: number): number | undefined {
  return byteOfToken[token]
}

function isPrintable(byte: number): boolean {
  return (0x21 <= byte && byte <= 0x7e) || (0xa1 <= byte && byte !== 0xad)
}
