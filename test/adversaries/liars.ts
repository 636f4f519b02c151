import type { MisbehaveKind } from '#worker/misbehave.ts'

/** What becomes of a lie: its author pays for it, or nobody is harmed by it. */
export type Fate = 'caught' | 'harmless'

/** Which rule of the protocol answers a lie. */
export type Mechanism =
  | 'audited step'
  | 'window for drawn states'
  | 'content addresses and state roots'
  | 'tags and repeats'
  | 'dispute game'
  | 'clock of the dispute game'
  | 'slash split'

interface Row {
  readonly name: string
  /** What the liar hopes for, in one line. */
  readonly lie: string
  readonly fate: Fate
  readonly mechanism: Mechanism
}

/** A worker that cheats as `quern worker start --misbehave <kind>` does. */
export interface WorkerLiar extends Row {
  readonly side: 'worker'
  readonly kind: MisbehaveKind
}

/** An evaluator that judges without looking, or as it was told. */
interface EvaluatorLiar extends Row {
  readonly side: 'evaluator'
  readonly kind: 'bribed-pair' | 'lazy'
}

/** A side of a dispute. */
interface DisputeLiar extends Row {
  readonly side: 'dispute'
  readonly kind: 'false-challenger' | 'silent-challenger' | 'silent-defender' | 'self-reporter'
}

export type Liar = WorkerLiar | EvaluatorLiar | DisputeLiar

function worker(
  name: string,
  kind: MisbehaveKind,
  row: Pick<Row, 'lie' | 'mechanism'> & { fate?: Fate },
): WorkerLiar {
  return { side: 'worker', name, kind, fate: 'caught', ...row }
}

/** Workers that cheat: each is run by the simulator, by tests with real processes, and by the report. */
export const workerLiars: readonly WorkerLiar[] = [
  worker('skips 5 % of steps', 'skip-few', {
    lie: 'claims one step of twenty with an old transcript',
    mechanism: 'audited step',
  }),
  worker('zero learning rate', 'zero-rate', {
    lie: 'keeps its parameters and changes the moments alone',
    mechanism: 'audited step',
  }),
  worker('wrong data shard', 'wrong-shard', {
    lie: "trains on its neighbour's rows",
    mechanism: 'audited step',
  }),
  worker('wrong seed', 'wrong-seed', {
    lie: 'orders its rows as it pleases',
    mechanism: 'audited step',
  }),
  worker("reuses another's work", 'copy-update', {
    lie: "announces another worker's update as its own",
    mechanism: 'audited step',
  }),
  worker('one bit of one activation', 'flip-bit', {
    lie: 'flips one bit of what goes into the first layer',
    mechanism: 'audited step',
  }),
  worker('one ulp in one weight', 'ulp', {
    lie: 'changes the last bit of the first weight',
    mechanism: 'audited step',
  }),
  worker('commits noise', 'noise', {
    lie: 'claims every step and shakes its parameters',
    mechanism: 'audited step',
  }),
  worker('withholds state', 'withhold-states', {
    lie: 'never serves what was drawn',
    mechanism: 'window for drawn states',
  }),
  worker('different states to peers', 'two-states', {
    lie: 'announces a wrong state beside the right one',
    mechanism: 'content addresses and state roots',
    fate: 'harmless',
  }),
  worker('serves slowly', 'slow-states', {
    lie: 'lets evaluators wait for drawn states',
    mechanism: 'window for drawn states',
    fate: 'harmless',
  }),
  worker('ALIE poisoning', 'alie', {
    lie: 'shifts each weight by less than honest updates differ',
    mechanism: 'audited step',
  }),
  worker('sign-flip poisoning', 'sign-flip', {
    lie: 'follows its gradient uphill',
    mechanism: 'audited step',
  }),
]

const evaluatorLiars: readonly EvaluatorLiar[] = [
  {
    side: 'evaluator',
    kind: 'bribed-pair',
    name: 'bribed evaluator pair',
    lie: 'two of two call the work of a liar right',
    fate: 'caught',
    mechanism: 'dispute game',
  },
  {
    side: 'evaluator',
    kind: 'lazy',
    name: 'lazy evaluator',
    lie: 'says that all is well, with tags that it has heard',
    fate: 'caught',
    mechanism: 'tags and repeats',
  },
]

const disputeLiars: readonly DisputeLiar[] = [
  {
    side: 'dispute',
    kind: 'false-challenger',
    name: 'false challenger',
    lie: 'disputes an honest claim',
    fate: 'caught',
    mechanism: 'dispute game',
  },
  {
    side: 'dispute',
    kind: 'silent-challenger',
    name: 'challenger that goes silent',
    lie: 'opens a dispute and leaves',
    fate: 'caught',
    mechanism: 'clock of the dispute game',
  },
  {
    side: 'dispute',
    kind: 'silent-defender',
    name: 'defender that goes silent',
    lie: 'does not answer for its claim',
    fate: 'caught',
    mechanism: 'clock of the dispute game',
  },
  {
    side: 'dispute',
    kind: 'self-reporter',
    name: 'self-reporter',
    lie: 'disputes its own lie with a second key, for the share of the reporter',
    fate: 'caught',
    mechanism: 'slash split',
  },
]

/** All of the library. */
export const liars: readonly Liar[] = [...workerLiars, ...evaluatorLiars, ...disputeLiars]
