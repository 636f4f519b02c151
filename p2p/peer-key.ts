import { mkdir, open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { AppError } from '#base/error.ts'

/** The peer's Ed25519 key from a file that only its owner can read; made on the first call. */
export async function loadPeerKey(path: string): Promise<PrivateKey> {
  const stored = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw new AppError({ code: 'PEER_KEY_UNREADABLE', path }, { cause: error })
  })
  if (stored !== undefined && stored.length > 0) return parse(stored, path)
  const key = await createPeerKey()
  await mkdir(dirname(path), { recursive: true })
  const file = await open(path, 'w', 0o600)
  try {
    await file.writeFile(privateKeyToProtobuf(key))
    await file.sync()
  } finally {
    await file.close()
  }
  return key
}

/** A new key that is not kept. */
export function createPeerKey(): Promise<PrivateKey> {
  return generateKeyPair('Ed25519')
}

function parse(stored: Uint8Array, path: string): PrivateKey {
  try {
    return privateKeyFromProtobuf(stored)
  } catch (error) {
    throw new AppError({ code: 'PEER_KEY_INVALID', path }, { cause: error })
  }
}

/** The peer id of the key in a file, which is made when missing: known before the node runs. */
export async function peerIdOfKeyFile(path: string): Promise<string> {
  return peerIdFromPrivateKey(await loadPeerKey(path)).toString()
}
