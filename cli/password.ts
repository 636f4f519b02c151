import { readFileSync } from 'node:fs'
import { AppError } from '#base/error.ts'

/** The password of a keystore: the first line of `passwordFile`, else asked for at a terminal. */
export async function readPassword(options: {
  readonly passwordFile: string
  readonly isNew?: boolean
}): Promise<string> {
  const { passwordFile, isNew = false } = options
  if (passwordFile !== '') return firstLineOf(passwordFile)
  if (!process.stdin.isTTY) {
    const message = 'give --password-file or QUERN_PASSWORD_FILE: there is no terminal to ask at'
    throw new AppError({ code: 'PASSWORD_MISSING', message })
  }
  const password = await ask(isNew ? 'New password' : 'Password')
  if (isNew && (await ask('The same again')) !== password) {
    throw new AppError({ code: 'PASSWORD_MISSING', message: 'the two passwords differ' })
  }
  return password
}

/** The first line of a file that holds a secret. Throws FILE_UNREADABLE. */
export function firstLineOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').split(/\r?\n/, 1)[0] ?? ''
  } catch (error) {
    throw new AppError({ code: 'FILE_UNREADABLE', path }, { cause: error })
  }
}

async function ask(message: string): Promise<string> {
  const { isCancel, password } = await import('@clack/prompts')
  const answer = await password({ message })
  if (isCancel(answer)) throw new AppError({ code: 'INTERRUPTED', reason: 'the user' })
  return answer ?? ''
}
