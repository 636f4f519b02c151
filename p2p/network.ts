import type { Service } from '#base/service.ts'

/** A message that a topic delivered. `author` signed it; `from` is the neighbour that passed it on. */
export interface TopicMessage {
  readonly topic: string
  readonly author: string
  readonly from: string
  readonly body: Uint8Array
}

/** `ignore` drops a message without blame, `reject` also lowers the score of the peer that sent it. */
export type Verdict = 'accept' | 'ignore' | 'reject'

/** How a topic is opened: what may enter, and who hears of it. Own messages are not delivered. */
export interface TopicOptions {
  /** Should answer within 100 ms; longer than `validateTimeoutMs` counts as `ignore`, a throw too. */
  validate(message: TopicMessage): Verdict | Promise<Verdict>
  onMessage(message: TopicMessage): void
}

/** One gossip topic. Bodies are at most 64 KiB; nobody promises delivery. */
export interface Topic {
  readonly name: string
  /** Throws MESSAGE_TOO_LARGE. With no peer in the topic it succeeds and reaches nobody. */
  publish(body: Uint8Array): Promise<void>
  /** Peer ids known to follow this topic. */
  peers(): readonly string[]
  /** Calls the listener when a peer begins to follow the topic. Returns the way to stop that. */
  onJoin(listener: (peerId: string) => void): () => void
  close(): Promise<void>
}

/** Bounds of one wait for a peer. */
export interface WaitOptions {
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

/** Bounds of one request: how long, and how many bytes of answer. */
export interface RequestOptions extends WaitOptions {
  readonly responseBytesMax?: number
}

/** Answers one request. An AppError thrown here reaches the caller as PEER_REFUSED with its code. */
export type RequestHandler = (
  request: Uint8Array,
  from: string,
  signal: AbortSignal,
) => Promise<Uint8Array>

/**
 * The network as services see it: topics, and one question with one answer.
 * Error codes: PEER_UNREACHABLE, PEER_TIMEOUT, PEER_REFUSED, RESPONSE_TOO_LARGE, MESSAGE_TOO_LARGE.
 */
export interface Network extends Service {
  readonly peerId: string
  /** Dialable addresses, each ending in /p2p/<peerId>; empty before start. */
  readonly addresses: readonly string[]
  /** Connects; unless told otherwise the peer is dialled again whenever it is lost. Its peer id. */
  dial(address: string, options?: WaitOptions & { readonly keep?: boolean }): Promise<string>
  /** Remembers where a peer can be reached, so that requests and fetches may dial it when needed. */
  learn(peerId: string, addresses: readonly string[]): Promise<void>
  /** Peers connected now. */
  peers(): readonly string[]
  /** Hangs up on a peer and neither answers nor dials it for a while: it lied. */
  drop(peerId: string, options: { readonly forMs: number }): void
  openTopic(name: string, options: TopicOptions): Promise<Topic>
  /** Serves a protocol such as `/quern/job-log/1`. The returned function stops serving it. */
  handle(
    protocol: string,
    serve: RequestHandler,
    options?: HandlerOptions,
  ): Promise<() => Promise<void>>
  request(
    peerId: string,
    protocol: string,
    body: Uint8Array,
    options?: RequestOptions,
  ): Promise<Uint8Array>
  /** Signs with the peer's key, so that anyone who knows the peer id can verify. */
  sign(bytes: Uint8Array): Promise<Uint8Array>
}

/** What one protocol may cost this node. */
export interface HandlerOptions {
  readonly requestBytesMax?: number
  readonly concurrencyMax?: number
}

/** One entry of a job's log. (author, sequence) is unique; the author's peer key signed it. */
export interface JobEntry {
  readonly author: string
  readonly sequence: number
  readonly body: Uint8Array
}

/** A job's topic with its log: what assigned peers said, kept on disk and replayed to late joiners. */
export interface JobTopic {
  /** Writes to the own log, then publishes. Throws MESSAGE_TOO_LARGE or JOB_LOG_FULL. */
  append(body: Uint8Array): Promise<JobEntry>
  /** All entries so far, in the order in which this node got them. */
  entries(): readonly JobEntry[]
  /** Calls the listener for each new entry, own ones included. Returns the way to stop that. */
  onEntry(listener: (entry: JobEntry) => void): () => void
  /** Asks every peer of the topic for what is missing here; resolves when all have answered or failed. */
  sync(signal?: AbortSignal): Promise<void>
  peers(): readonly string[]
  close(): Promise<void>
}

/**
 * Bounds of fetching an artifact, and whom it is kept for. `timeoutMs` is the longest wait without a byte
 * arriving; until then peers are asked again, since an announcement can be ahead of its bytes.
 */
export interface GetOptions extends WaitOptions {
  /** Larger artifacts are refused with ARTIFACT_TOO_LARGE before anything is allocated. */
  readonly sizeBytesMax?: number
  /** Peers that are asked first, for instance the announcer. */
  readonly providers?: readonly string[]
  /** Pins the artifact for this owner in the same step. */
  readonly owner?: string
}

/** A named file of an artifact directory. */
export interface ArtifactFile {
  readonly name: string
  readonly bytes: Uint8Array
}

/** An entry of an artifact directory. */
export interface ArtifactEntry {
  readonly name: string
  readonly cid: string
  readonly sizeBytes: number
}

/**
 * Files by CID (UnixFS, CIDv1, sha2-256, 1 MiB raw leaves). Every block is verified on arrival.
 * Error codes: ARTIFACT_MISSING, ARTIFACT_TOO_LARGE, ARTIFACT_INVALID, BLOCKSTORE_FULL.
 */
export interface Artifacts extends Service {
  add(bytes: Uint8Array, options?: { owner?: string }): Promise<string>
  addFile(path: string, options?: { owner?: string }): Promise<string>
  addDirectory(files: readonly ArtifactFile[], options?: { owner?: string }): Promise<string>
  /** The bytes of a file. `directoryCid/name` paths are allowed. */
  get(cid: string, options?: GetOptions): Promise<Uint8Array>
  /** Streams a file to a path that must not exist yet; a failed one leaves nothing behind. */
  getFile(cid: string, toPath: string, options?: GetOptions): Promise<void>
  list(cid: string, options?: GetOptions): Promise<readonly ArtifactEntry[]>
  /** True when every block is held here. */
  has(cid: string): Promise<boolean>
  /** Keeps what is held of the artifact until `unpinOwner(owner)`. On disk when it resolves. */
  pin(cid: string, owner: string): Promise<void>
  unpinOwner(owner: string): Promise<void>
  /** Deletes every block that no pin reaches. */
  collect(): Promise<{ freedBytes: number }>
  usedBytes(): number
}
