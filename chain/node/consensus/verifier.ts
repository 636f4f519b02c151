import type { Claim, Scheme } from '#base/crypto/bls/scheme.ts'
import {
  type Certificate,
  type Message,
  type Proposal,
  type Vote,
  signingBytes,
} from '#chain/core/consensus/messages.ts'
import { isSignedByQuorum } from '#chain/core/consensus/quorum.ts'
import type { ValidatorSet } from '#chain/core/consensus/validators.ts'

/** Whether messages were signed by whom they name, checked before the core sees them. */
export interface Verifier {
  /** Whether the message is of the epoch whose set this verifier knows. */
  isOfEpoch(message: Message): boolean
  /** Signatures that arrive together are checked together; wrong ones are found by bisection. */
  isSigned(message: Message): Promise<boolean>
  isCertified(certificate: Certificate): boolean
}

interface Waiting {
  readonly claim: Claim
  readonly answer: (isRight: boolean) => void
}

const batchMax = 256

/** Creates the verifier for one set of validators. */
export function createVerifier(
  scheme: Scheme,
  { chainId, set }: { readonly chainId: number; readonly set: ValidatorSet },
): Verifier {
  let waiting: Waiting[] = []

  function claimOf(statement: Vote | Proposal, index: number): Claim | undefined {
    const validator = set.validators[index]
    if (validator === undefined || statement.epoch !== set.epoch) return undefined
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

  const isCertified = (certificate: Certificate) =>
    isSignedByQuorum(certificate, { chainId, set, scheme })

  function isOfEpoch(message: Message): boolean {
    if (message.kind === 'vote') return message.vote.epoch === set.epoch
    if (message.kind === 'certificate') return message.certificate.epoch === set.epoch
    return (message.kind === 'block' ? message.block : message.proposal).epoch === set.epoch
  }

  return {
    isOfEpoch,
    isCertified,
    async isSigned(message) {
      if (message.kind === 'vote') return check(claimOf(message.vote, message.vote.voter))
      if (message.kind === 'certificate') return isCertified(message.certificate)
      if (message.kind === 'block') return true // only its hash makes it credible
      return check(claimOf(message.proposal, message.proposal.proposer))
    },
  }
}
