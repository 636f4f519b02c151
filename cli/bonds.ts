import type { Logger } from '#base/log.ts'
import type { ChainAccess, Transactor } from '#chain/client/transactor.ts'

/**
 * Brings what an operator has in the game for disputes up to an amount: with TRAIN of its own, and what it lacks from
 * its owner. Does nothing where the chain has no such game, or the amount is 0. Throws REVERTED, RPC_DOWN.
 */
export async function ensureBonds(
  owner: Transactor,
  self: Pick<Transactor, 'address' | 'read' | 'send'>,
  bonds: { readonly access: ChainAccess; readonly amountWei: bigint; readonly log: Logger },
): Promise<void> {
  const { access, amountWei, log } = bonds
  const game = access.contracts.DisputeGame
  if (game === undefined || amountWei === 0n) return
  type Balance = readonly [free: bigint, thawing: bigint]
  const [freeWei] = await self.read<Balance>('DisputeGame', 'balanceOf', [self.address])
  const missingWei = amountWei - freeWei
  if (missingWei <= 0n) return
  const ownWei = await self.read<bigint>('TrainToken', 'balanceOf', [self.address])
  const lackingWei = missingWei - ownWei
  await Promise.all([
    lackingWei > 0n && owner.send('TrainToken', 'transfer', [self.address, lackingWei]),
    self.send('TrainToken', 'approve', [game, missingWei]),
  ])
  await self.send('DisputeGame', 'deposit', [missingWei])
  log.info({ operator: self.address, addedWei: String(missingWei) }, 'bonds for disputes put up')
}
