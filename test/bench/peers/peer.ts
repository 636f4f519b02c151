import type { Task } from './tasks.ts'

/** One task prepared in one engine. */
export interface Work {
  run(): void | Promise<void>
  close(): void | Promise<void>
  /** Other figures of the task, such as shares of time or bytes. */
  readonly figures?: Readonly<Record<string, number>>
}

/** An engine under comparison. */
export interface Peer {
  readonly version: string
  /** Throws where the engine lacks something for this task. */
  open(task: Task): Promise<Work>
}

export interface PeerOptions {
  readonly threads: number
  /** Folder in which the peer's package is installed. */
  readonly folder: string
}

export const engineNames = ['exact', 'onnxruntime-web', 'onnxruntime-node', 'tfjs-wasm'] as const
export type EngineName = (typeof engineNames)[number]

/** What the benchmark asks of an engine's process. */
export type PeerRequest =
  | { readonly kind: 'start'; readonly engine: EngineName; readonly options: PeerOptions }
  | { readonly kind: 'open'; readonly task: Task }
  /** Runs for about so long, at least once. */
  | { readonly kind: 'run'; readonly ms: number }
  | { readonly kind: 'close' }

export type PeerReply =
  | { readonly kind: 'started'; readonly version: string }
  | { readonly kind: 'opened'; readonly figures: Readonly<Record<string, number>> }
  | { readonly kind: 'ran'; readonly count: number; readonly ms: number; readonly bestMs: number }
  | { readonly kind: 'closed' }
  | { readonly kind: 'failed'; readonly reason: string }
