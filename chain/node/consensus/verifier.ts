import type { Claim, Scheme } from '#base/crypto/bls/scheme.ts'
import {
  type Message,
  type Proposal,
  type Vote,
  signingBytes,
} from '#chain/core/consensus/messages.ts'
import { isSignedByQuorum } from '#chain/core/consensus/quorum.ts'
import type { ValidatorSet } from '#chain/core/consensus/validators.ts'

/** Whether messages were signed by whom they name, checked before the core sees them. */
export interface Verifier {
  /** Whether the message is of the present epoch. */
  isOfEpoch(message: Message): boolean
  /** Whether the message is a vote or a proposal of the epoch before, whose set is known. */
  isOfLastEpoch(message: Message): boolean
  /** Signatures that arrive together are checked together; wrong ones are found by bisection. */
  isSigned(message: Message): Promise<boolean>
}

interface Waiting {
  readonly claim: Claim
  readonly answer: (isRight: boolean) => void
}

const batchMax = 256

export interface VerifierOptions {
  readonly chainId: number
  /** The set of the present epoch. */
  readonly set: () => ValidatorSet
  /** That of an earlier one, where it is known. */
  readonly setOf: (epoch: number) => ValidatorSet | undefined
}

/** Creates the verifier. */
export function createVerifier(scheme: Scheme, { chainId, set, setOf }: VerifierOptions): Verifier {
  let waiting: Waiting[] = []

  function claimOf(statement: Vote | Proposal, index: number): Claim | undefined {
    const { epoch } = set()
    const signers = statement.epoch === epoch ? set() : setOf(statement.epoch)
    const validator = signers?.validators[index]
    if (validator === undefined) return undefined
    const message = signingBytes(chainId, statement)
    return { publicKey: validator.blsKey, message, signature: statement.signature }
  }

  function flush(): void {
    const batch = waiting
    waiting = []
    const wrong = new Set(scheme.verifyBatch(batch.map(({ claim }) => claim)))
    for (const [i, { answer }] of batch.entries()) answer(!wrong.has(i))
  }

  function check(claim: Claim | undefined): Promise<boolean> {
    if (claim === undefined) return Promise.resolve(false)
    return new Promise((answer) => {
      waiting.push({ claim, answer })
      if (waiting.length === 1) setImmediate(flush)
      else if (waiting.length >= batchMax) flush()
    })
  }

  return {
    isOfEpoch: (message) => epochOf(message) === set().epoch,
    isOfLastEpoch(message) {
      if (message.kind !== 'vote' && message.kind !== 'proposal') return false
      const epoch = epochOf(message)
      return epoch === set().epoch - 1 && setOf(epoch) !== undefined
    },
    async isSigned(message) {
      if (message.kind === 'vote') return check(claimOf(message.vote, message.vote.voter))
      if (message.kind === 'certificate') {
        return isSignedByQuorum(message.certificate, { chainId, set: set(), scheme })
      }
      if (message.kind === 'block') return true // only its hash makes it credible
      return check(claimOf(message.proposal, message.proposal.proposer))
    },
  }
}

/** The epoch that a message is of. */
export function epochOf(message: Message): number {
  if (message.kind === 'vote') return message.vote.epoch
  if (message.kind === 'certificate') return message.certificate.epoch
  return (message.kind === 'block' ? message.block : message.proposal).epoch
}
