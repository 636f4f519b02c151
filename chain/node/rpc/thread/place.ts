import type { Hex } from '#base/hex.ts'
import type { Founder } from '#chain/core/consensus-block.ts'
import type { Recorder } from '#chain/exec/embedded/system-calls.ts'

/** What the thread is given when it starts. */
export interface ThreadPlace {
  /** Where the store of the chain lies, which the other thread holds open. */
  readonly directory: string
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  readonly chainId: number
  readonly recorder: Recorder | undefined
  readonly genesisRoot: Hex
  readonly founders: readonly Founder[]
  readonly epochBlocks: number
  readonly historyBlocks: number | undefined
  readonly clientVersion: string
  readonly nowMs: number
}
