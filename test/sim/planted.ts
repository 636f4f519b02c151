/** A bug of the core as changes of its text. The simulator must find it within so many seeds. */
export interface Planted {
  readonly title: string
  readonly edits: readonly {
    readonly file: string
    readonly from: string
    readonly to: string
  }[]
  readonly seedsMax: number
}

const seedsMax = 300

export const planted: readonly Planted[] = [
  {
    title: 'a quorum one vote too small',
    edits: [
      {
        file: 'validators.ts',
        from: 'Math.floor((2 * totalWeight) / 3) + 1',
        to: 'Math.floor((2 * totalWeight) / 3)',
      },
    ],
    seedsMax,
  },
  {
    title: 'a quorum of half the weight',
    edits: [
      {
        file: 'validators.ts',
        from: 'Math.floor((2 * totalWeight) / 3) + 1',
        to: 'Math.floor(totalWeight / 2) + 1',
      },
    ],
    seedsMax,
  },
  {
    title: 'what was signed is forgotten at a restart',
    edits: [{ file: 'recovery.ts', from: 'else replaySigned(state, entry)', to: '' }],
    seedsMax,
  },
  {
    title: 'a proposal is forgotten at a restart',
    edits: [{ file: 'recovery.ts', from: 'signed.proposal = proposal.root', to: '' }],
    seedsMax,
  },
  {
    title: 'finalize after nullify',
    edits: [
      {
        file: 'sign.ts',
        from: 'record.signed.finalize !== undefined || record.signed.isNullified)',
        to: 'record.signed.finalize !== undefined)',
      },
    ],
    seedsMax,
  },
  {
    title: 'nullify after finalize',
    edits: [
      {
        file: 'sign.ts',
        from: 'record.signed.isNullified || record.signed.finalize !== undefined)',
        to: 'record.signed.isNullified)',
      },
    ],
    seedsMax,
  },
  {
    title: 'a second vote in a view',
    edits: [
      {
        file: 'sign.ts',
        from: 'record.signed.notarize !== undefined || record.signed.isNullified)',
        to: 'record.signed.isNullified)',
      },
      { file: 'proposals.ts', from: 'signed.notarize === undefined && ', to: '' },
    ],
    seedsMax,
  },
  {
    title: 'views between parent and proposal unchecked',
    edits: [
      { file: 'ancestry.ts', from: "if (!isNullified(state, between)) return 'missing'", to: '' },
    ],
    seedsMax,
  },
  {
    title: 'a parent at any view',
    edits: [
      {
        file: 'ancestry.ts',
        from: "if (!isNullified(state, between)) return 'missing'",
        to: "if (!isNullified(state, between) && between !== view - 1) return 'missing'",
      },
    ],
    seedsMax: 400,
  },
  {
    title: 'a block that does not extend its parent',
    edits: [{ file: 'ancestry.ts', from: 'block.parentRoot === parent.root && ', to: '' }],
    seedsMax,
  },
  {
    title: 'the proposer unchecked',
    edits: [
      {
        file: 'ancestry.ts',
        from: "if (!state.rules.proposersOf(view, parent).includes(proposer)) return 'invalid'",
        to: '',
      },
    ],
    seedsMax,
  },
  {
    title: 'the elected proposer outlives the view after the parent',
    edits: [
      {
        file: 'rules.ts',
        from: 'parent.elected !== undefined && view === parent.view + 1',
        to: 'parent.elected !== undefined',
      },
    ],
    seedsMax,
  },
  {
    title: 'the verdict of certify ignored',
    edits: [
      { file: 'step.ts', from: 'record.isValid = verdict.isValid', to: 'record.isValid = true' },
    ],
    seedsMax,
  },
  {
    title: 'finalize before the verdict',
    edits: [
      {
        file: 'step.ts',
        from: 'if (record?.isValid === undefined) return pursue(state, view, root)',
        to: 'if (record?.isValid === undefined) { if (record) signFinalize(state, view, root); return pursue(state, view, root) }',
      },
    ],
    seedsMax,
  },
  {
    title: 'a certificate below the quorum',
    edits: [
      {
        file: 'certificates.ts',
        from: 'return weightOf(set, indices) >= set.quorumWeight',
        to: 'return true',
      },
    ],
    seedsMax,
  },
  {
    title: 'one voter counted twice',
    edits: [
      {
        file: 'votes.ts',
        from: 'if (votes.has(vote.voter)) return\n  votes.set(vote.voter, vote)',
        to: 'votes.set(votes.has(vote.voter) ? vote.voter + 1000 * votes.size : vote.voter, vote)',
      },
    ],
    seedsMax,
  },
  {
    title: 'votes for different blocks counted together',
    edits: [{ file: 'votes.ts', from: '.filter((vote) => vote.block === block)', to: '' }],
    seedsMax,
  },
  {
    title: 'whoever notarizes and nullifies is accused',
    edits: [
      {
        file: 'evidence.ts',
        from: "return a.kind !== 'notarize' && b.kind !== 'notarize'",
        to: 'return true',
      },
    ],
    seedsMax,
  },
  {
    title: 'the evidence names the next validator',
    edits: [
      {
        file: 'evidence.ts',
        from: 'votesConflict(first, second) ? [first.voter] : []',
        to: 'votesConflict(first, second) ? [(first.voter + 1) % set.validators.length] : []',
      },
    ],
    seedsMax,
  },
  {
    title: 'an absent leader is waited for',
    edits: [
      {
        file: 'step.ts',
        from: "if (name !== 'proposal' || signed?.notarize === undefined) signNullify(state, view)",
        to: '',
      },
    ],
    seedsMax,
  },
  {
    title: 'lost votes are not sent again',
    edits: [{ file: 'step.ts', from: '  rebroadcast(state)\n', to: '' }],
    seedsMax,
  },
  {
    title: 'nobody asks for what is missing',
    edits: [
      { file: 'catch-up.ts', from: "  emit(state, { kind: 'request', request, from })", to: '' },
    ],
    seedsMax,
  },
  {
    title: 'final blocks are not served',
    edits: [
      {
        file: 'catch-up.ts',
        from: "emit(state, { kind: 'serve', peer, fromHeight: request.height + 1 })",
        to: '',
      },
    ],
    seedsMax,
  },
  {
    title: 'a missing verdict counts as invalid',
    edits: [
      {
        file: 'step.ts',
        from: 'if (record?.isAsked === true) return\n',
        to: 'if (record?.isAsked === true) { record.isValid = false; return }\n',
      },
    ],
    seedsMax,
  },
  {
    title: 'the last block of an epoch has children',
    edits: [
      {
        file: 'ancestry.ts',
        from: 'if (parent.height === lastHeight) return root === parent.root',
        to: '',
      },
    ],
    seedsMax,
  },
  {
    title: 'only the newest of the final blocks is reported',
    edits: [
      {
        file: 'finality.ts',
        from: 'for (const record of path) finalize(state, record, certificate)',
        to: 'for (const record of path.slice(-1)) finalize(state, record, certificate)',
      },
    ],
    seedsMax,
  },
]
