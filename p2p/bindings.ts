import type { Clock } from '#base/clock.ts'
import type { PeerBinding } from './binding.ts'

const bindingsMax = 4_096

/** Which account speaks through which peer. Holds verified bindings until they expire. */
export interface Bindings {
  /** Keeps a verified binding unless a newer one of its account is known. */
  add(binding: PeerBinding): void
  /** True when exactly this binding is held, so that it need not be verified again. */
  has(binding: PeerBinding): boolean
  accountsOf(peerId: string): readonly string[]
  peerOf(account: string): string | undefined
  all(): readonly PeerBinding[]
}

/** An empty table. When it is full the binding that expires first makes room. */
export function createBindings(clock: Clock): Bindings {
  const byAccount = new Map<string, PeerBinding>()

  function live(): PeerBinding[] {
    const nowMs = clock.nowMs()
    return [...byAccount.values()].filter((binding) => binding.expires * 1_000 > nowMs)
  }

  function add(binding: PeerBinding): void {
    const known = byAccount.get(binding.account)
    if (known !== undefined && known.sequence >= binding.sequence) return
    if (known === undefined && byAccount.size >= bindingsMax) {
      const [first] = [...byAccount.values()].toSorted((a, b) => a.expires - b.expires)
      if (first !== undefined) byAccount.delete(first.account)
    }
    byAccount.set(binding.account, binding)
  }

  function has(binding: PeerBinding): boolean {
    const known = byAccount.get(binding.account)
    return (
      known !== undefined &&
      known.expires * 1_000 > clock.nowMs() &&
      JSON.stringify(known) === JSON.stringify(binding)
    )
  }

  return {
    add,
    has,
    accountsOf: (peerId) =>
      live()
        .filter((binding) => binding.peerId === peerId)
        .map((binding) => binding.account),
    peerOf: (account) =>
      live().find((binding) => binding.account === account.toLowerCase())?.peerId,
    all: live,
  }
}
