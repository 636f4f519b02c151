import { type Command, Option } from 'commander'
import { AppError } from '#base/error.ts'
import { type Account, findAccount, listAccounts, loadAccount, saveAccount } from '../accounts.ts'
import { addSettingFlags } from '../configuration.ts'
import type { Context } from '../context.ts'
import { firstLineOf, readPassword } from '../password.ts'

const lightHelp = 'derive the file’s key with little memory and time: for development accounts'

interface KeepFlags {
  readonly name: string
  readonly lightKdf?: boolean
}

interface ImportFlags extends KeepFlags {
  readonly privateKeyFile?: string
  readonly keystoreFile?: string
  readonly mnemonicFile?: string
  readonly index: string
}

/** `quern wallet new | import | list | show`: the accounts in the data directory's keystore. */
export function register(program: Command, context: Context): void {
  const wallet = program.command('wallet').description('make, import and show accounts')
  addSettingFlags(wallet.command('new'), ['passwordFile'])
    .description('make a new account')
    .option('--name <name>', 'what to call it', 'default')
    .option('--light-kdf', lightHelp)
    .action(async (flags: KeepFlags, command: Command) => {
      const privateKey = await newPrivateKey(context)
      await keep(context, command, { ...flags, privateKey })
    })
  addSettingFlags(wallet.command('import'), ['passwordFile'])
    .description('import an account; exactly one of the three files is given')
    .option('--name <name>', 'what to call it', 'default')
    .option('--light-kdf', lightHelp)
    .option('--private-key-file <path>', 'file with a private key in hex')
    .addOption(
      new Option('--keystore-file <path>', 'keystore file (version 3) with the same password'),
    )
    .option('--mnemonic-file <path>', 'file with the words of a mnemonic')
    .option('--index <number>', 'which account of the mnemonic', '0')
    .action(async (flags: ImportFlags, command: Command) => {
      const privateKey = await importedKey(context, command, flags)
      await keep(context, command, { ...flags, privateKey })
    })
  wallet
    .command('list')
    .description('list the accounts')
    .action(() => list(context))
  addSettingFlags(wallet.command('show'), ['passwordFile'])
    .description('show one account')
    .argument('[account]', 'its name or address', 'default')
    .option('--private-key', 'show the private key too (asks for the password)')
    .action(async (name: string, flags: { privateKey?: boolean }, command: Command) => {
      await show(context, command, { name, isSecretShown: flags.privateKey === true })
    })
}

async function newPrivateKey(context: Context): Promise<Uint8Array> {
  const { isPrivateKey } = await import('#base/crypto/keys.ts')
  for (;;) {
    const bytes = context.randomBytes(32)
    if (isPrivateKey(bytes)) return bytes // all but 2^-128 of them are
  }
}

async function importedKey(
  context: Context,
  command: Command,
  flags: ImportFlags,
): Promise<Uint8Array> {
  const { privateKeyFile, keystoreFile, mnemonicFile } = flags
  const given = [privateKeyFile, keystoreFile, mnemonicFile].filter((file) => file !== undefined)
  if (given.length !== 1) {
    const message = 'give one of --private-key-file, --keystore-file and --mnemonic-file'
    throw new AppError({ code: 'USAGE', message })
  }
  if (mnemonicFile !== undefined) {
    const { accountOfMnemonic } = await import('../mnemonic.ts')
    return accountOfMnemonic(firstLineOf(mnemonicFile).trim(), Number(flags.index)).privateKey
  }
  if (keystoreFile !== undefined) return keyOfKeystore(context, command, keystoreFile)
  const { fromHex } = await import('#base/hex.ts')
  const { isPrivateKey } = await import('#base/crypto/keys.ts')
  const privateKey = fromHex(firstLineOf(privateKeyFile as string).trim())
  if (!isPrivateKey(privateKey)) throw new AppError({ code: 'KEY_INVALID', path: privateKeyFile })
  return privateKey
}

async function keyOfKeystore(
  context: Context,
  command: Command,
  path: string,
): Promise<Uint8Array> {
  const { readFileSync } = await import('node:fs')
  const { decryptKey, parseKeystore } = await import('#base/crypto/keystore.ts')
  firstLineOf(path) // says which file cannot be read
  const { passwordFile } = await context.settings(command)
  return decryptKey(parseKeystore(readFileSync(path, 'utf8')), await readPassword({ passwordFile }))
}

async function keep(
  context: Context,
  command: Command,
  key: KeepFlags & { readonly privateKey: Uint8Array },
): Promise<void> {
  const { passwordFile } = await context.settings(command)
  const password = await readPassword({ passwordFile, isNew: true })
  const { scryptDefault, scryptLight } = await import('#base/crypto/keystore.ts')
  const scrypt = key.lightKdf === true ? scryptLight : scryptDefault
  const account = await saveAccount(context.dataDir(), { ...key, password }, { scrypt })
  print(context, account)
}

function list(context: Context): void {
  const accounts = listAccounts(context.dataDir())
  for (const account of accounts) print(context, account)
  if (accounts.length === 0 && !context.output.isJson) {
    context.output.print({ event: 'accounts' }, 'no accounts yet; "quern wallet new" makes one')
  }
}

async function show(
  context: Context,
  command: Command,
  { name, isSecretShown }: { readonly name: string; readonly isSecretShown: boolean },
): Promise<void> {
  const account = findAccount(context.dataDir(), name)
  if (!isSecretShown) return print(context, account)
  const { toHex } = await import('#base/hex.ts')
  const { passwordFile } = await context.settings(command)
  const password = await readPassword({ passwordFile })
  const privateKey = toHex(await loadAccount(context.dataDir(), { name: account.name, password }))
  context.output.print({ event: 'account', ...account, privateKey }, privateKey)
}

function print(context: Context, account: Account): void {
  const { name, address, path } = account
  context.output.print({ event: 'account', ...account }, `${name.padEnd(16)} ${address}  ${path}`)
}
