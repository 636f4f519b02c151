import { type ParseArgsConfig, parseArgs } from 'node:util'

/** The flags of a script; where they are wrong it ends with 2 and says which there are. */
export function flagsOf<const T extends ParseArgsConfig>(
  config: T,
): ReturnType<typeof parseArgs<T>>['values'] {
  try {
    return parseArgs(config).values
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    const known = Object.keys(config.options ?? {}).map((name) => `--${name}`)
    return refuseFlags(`${error.message}\nflags: ${known.join(' ')}`)
  }
}

/** A whole number as it was typed; ends with 2 where it is none, or out of bounds. */
export function integerFlag(
  name: string,
  text: string,
  { min = 0, max = 999_999_999_999 }: { readonly min?: number; readonly max?: number } = {},
): number {
  const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  return refuseFlags(`--${name} is a whole number from ${min} to ${max}, not "${text}"`)
}

function refuseFlags(text: string): never {
  console.error(text)
  process.exit(2)
}
