import { loadScheme } from '#base/crypto/bls/load.ts'
import { codeOf } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import { joinArgs, seatNumberOf } from '#chain/client/seats.ts'
import type { ChainAccess, Transactor } from '#chain/client/transactor.ts'
import { validatorKeyOf } from '#chain/node/consensus/founders.ts'

const gwei = 1_000_000_000n

/**
 * Takes a leader's seat for the owner, unless it has a seat: with the BLS key that follows from the operator's,
 * and the bond that the chain asks for. Units of work are nothing that a worker needs: where it cannot be had,
 * this is logged and all else goes on.
 */
export async function ensureLeaderSeat(
  owner: Transactor,
  seat: {
    readonly access: ChainAccess
    readonly operatorKey: Uint8Array
    readonly peerId: string
    readonly log: Logger
  },
): Promise<void> {
  const { access, operatorKey, peerId, log } = seat
  try {
    const known = await seatNumberOf(owner, owner.address)
    if (known !== undefined) return log.info({ seat: known }, 'leads blocks by its work')
    const bondGwei = await owner.read<bigint>('ValidatorSet', 'bondMinGwei')
    const { blsSecret } = validatorKeyOf(operatorKey)
    const wanted = {
      chainId: access.chainId,
      owner: owner.address,
      blsSecret,
      votes: false,
      peerId,
    }
    const args = joinArgs(await loadScheme(), wanted)
    await owner.send('ValidatorSet', 'join', args, { valueWei: bondGwei * gwei })
    log.info({ bondGwei }, 'took a leader’s seat')
  } catch (error) {
    log.warn({ err: error, code: codeOf(error) }, 'has no leader’s seat: its work earns no units')
  }
}
