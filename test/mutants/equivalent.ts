import type { Mutation } from './mutations.ts'

/** A mutation after which the contract does what it did, in all that anybody can see, and why. */
export interface Equivalent {
  readonly file: string
  /** The line on which it stands, without the space around it. */
  readonly lineText: string
  readonly kind: Mutation['kind']
  readonly text: string
  readonly reason: string
}

const noNumber =
  'whoever has no number has that of no drawn evaluator or worker: the loop ends in the same error'
const inCourt =
  '`assignWorkers`, its only caller, sends jobs with volunteers to the court before it comes here'
const afterTheLast =
  'the manager calls it after the last reveal alone, and the court itself holds no job'
const allLocked =
  '`_payment` makes every payment of evaluators, and theirs are locked; `settleJob` posts its own'

/** Mutants that no test can notice, and ways that no call can take: judged one by one. */
export const equivalents: readonly Equivalent[] = [
  {
    file: 'job/JobBase.sol',
    lineText: 'if (id == 0) revert NotParty(msg.sender);',
    kind: 'statement',
    text: 'revert NotParty(msg.sender);',
    reason: noNumber,
  },
  {
    file: 'job/JobBase.sol',
    lineText: 'if (id == 0) revert NotParty(operator);',
    kind: 'statement',
    text: 'revert NotParty(operator);',
    reason: noNumber,
  },
  {
    file: 'job/JobCooperation.sol',
    lineText: 'if (ids > JobSlot.WORKERS_MASK) _more[jobId] = (ids >> JobSlot.WORKERS_BITS) << 64;',
    kind: 'operator',
    text: 'ids > JobSlot.WORKERS_MASK',
    reason: 'they are equal only for three workers with one number, who are refused before',
  },
  {
    file: 'job/JobMatching.sol',
    lineText: 'if (terms.matchMode() == MATCH_VOLUNTEER) revert BadTerms(14);',
    kind: 'statement',
    text: 'revert BadTerms(14);',
    reason: inCourt,
  },
  {
    file: 'job/JobMatching.sol',
    lineText: 'if (terms.matchMode() == MATCH_VOLUNTEER) revert BadTerms(14);',
    kind: 'branch',
    text: 'terms.matchMode() == MATCH_VOLUNTEER holds',
    reason: inCourt,
  },
  {
    file: 'job/JobSettlement.sol',
    lineText: 'uint256 lock = payment.hasLocks ? LOCK_EVALUATOR : 0;',
    kind: 'branch',
    text: 'payment.hasLocks does not hold',
    reason: allLocked,
  },
  {
    file: 'job/JobVerdicts.sol',
    lineText: 'if (!_hasAllRevealed(job)) revert TooEarly(job.deadline);',
    kind: 'statement',
    text: 'revert TooEarly(job.deadline);',
    reason: afterTheLast,
  },
  {
    file: 'job/JobVerdicts.sol',
    lineText: 'if (!_hasAllRevealed(job)) revert TooEarly(job.deadline);',
    kind: 'branch',
    text: '!_hasAllRevealed(job) holds',
    reason: afterTheLast,
  },
  {
    file: 'libraries/TermsRules.sol',
    lineText: 'uint256 lanes = windows & ((1 << 192) - 1);',
    kind: 'operator',
    text: '(1 << 192) - 1',
    reason: 'no window is seen in the quick check, which then leaves all to the slow one after it',
  },
  {
    file: 'JobCourt.sol',
    lineText: 'assert(false);',
    kind: 'statement',
    text: 'assert(false);',
    reason: 'nothing in the court calls it: the manager answers in its place',
  },
]

/** What is known of a mutation that no test can notice. */
export function equivalentOf({ file, lineText, kind, text }: Mutation): Equivalent | undefined {
  return equivalents.find(
    (one) =>
      one.file === file && one.lineText === lineText && one.kind === kind && one.text === text,
  )
}
