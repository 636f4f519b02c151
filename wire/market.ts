import type { ModelSpec } from './spec.ts'

/** How a job gets its workers: `Terms.matchMode`. */
export const matchModes = { volunteer: 0, offers: 1, direct: 2 } as const
export type MatchWay = keyof typeof matchModes

/**
 * What is right: `Terms.mode`. Of exact jobs the one outcome with the same bits everywhere; of tolerant ones what is close
 * to it, as engines on GPUs give it: these earn no units of work and are not disputed by arithmetic.
 */
export const jobModes = { exact: 0, tolerant: 1 } as const
export type JobMode = keyof typeof jobModes

/** Kinds of jobs that owners consent to: `Terms.kind`, and the bit of it in a consent record. */
export const jobKinds = {
  linear: 0,
  mlp: 1,
  cnn: 2,
  transformer: 3,
  graph: 4,
  embeddingBag: 5,
} as const
export type JobKind = keyof typeof jobKinds

const kindOfModel: Readonly<Record<ModelSpec['kind'], JobKind>> = {
  linear: 'linear',
  logistic: 'linear',
  mlp: 'mlp',
  cnn: 'cnn',
  embeddingBag: 'embeddingBag',
  transformer: 'transformer',
  graph: 'graph',
}

/** The kind under which a model is consented to. */
export function jobKindOf(model: Pick<ModelSpec, 'kind'>): JobKind {
  return kindOfModel[model.kind]
}
