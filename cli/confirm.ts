import { AppError } from '#base/error.ts'

/** Asks at the terminal whether to sign. Throws CONFIRMATION_MISSING where there is none. */
export async function askToSign(message: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    const text = 'there is no terminal to ask at; give --yes to sign without asking'
    throw new AppError({ code: 'CONFIRMATION_MISSING', message: text })
  }
  const { confirm, isCancel } = await import('@clack/prompts')
  const answer = await confirm({ message })
  return !isCancel(answer) && answer
}
