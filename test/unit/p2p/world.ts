import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import { createRng } from '#base/rng.ts'
import { realClock } from '#cli/real-clock.ts'
import { createArtifacts } from '#p2p/artifacts.ts'
import type { Artifacts, Network } from '#p2p/network.ts'
import { createNetwork, type Libp2pNetwork, type NetworkOptions } from '#p2p/node.ts'

/** Nodes of one test, stopped and forgotten together. */
export interface World {
  /** A started node. In memory unless `transport` says otherwise. */
  node(options?: NetworkOptions & { clock?: Clock }): Promise<Libp2pNetwork>
  artifacts(
    network: Libp2pNetwork,
    options?: { sizeBytesMax?: number; directory?: string },
  ): Promise<Artifacts>
  directory(): Promise<string>
  /** Stops something before the nodes. */
  later(stop: () => Promise<unknown>): void
  end(): Promise<void>
}

let names = 0

export function createWorld(): World {
  const stops: (() => Promise<unknown>)[] = []

  async function node(options: NetworkOptions & { clock?: Clock } = {}): Promise<Libp2pNetwork> {
    const { clock = realClock, ...rest } = options
    const transport = rest.transport ?? 'memory'
    const listen = transport === 'memory' ? [`/memory/${process.pid}-${(names += 1)}`] : undefined
    const network = await createNetwork(
      { clock, rng: createRng(names) },
      { listen, ...rest, transport },
    )
    await network.start()
    stops.push(() => network.stop())
    return network
  }

  async function artifacts(
    network: Libp2pNetwork,
    options: { sizeBytesMax?: number; directory?: string } = {},
  ): Promise<Artifacts> {
    const made = createArtifacts(network, { directory: await directory(), ...options })
    await made.start()
    stops.push(() => made.stop())
    return made
  }

  async function directory(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'quern-p2p-'))
    stops.unshift(() => rm(path, { recursive: true, force: true, maxRetries: 5 }))
    return path
  }

  async function end(): Promise<void> {
    for (const stop of stops.splice(0).toReversed()) await stop()
  }

  return { node, artifacts, directory, later: (stop) => void stops.push(stop), end }
}

const dialsMax = 20

/** Connects two nodes: a machine that stops for seconds lets a dial fail, and the next one succeeds. */
export async function connect(
  from: Pick<Network, 'dial'>,
  to: Pick<Network, 'addresses'>,
  options?: { readonly keep?: boolean },
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await from.dial(to.addresses[0] as string, options)
      return
    } catch (error) {
      if (tries === dialsMax || !(error instanceof AppError && error.retryable)) throw error
    }
  }
}

/** Waits until a fact holds; fails after `limitMs`, which is against hanging only, with the fact's name. */
export async function until(fact: string, holds: () => boolean, limitMs = 120_000): Promise<void> {
  const end = Date.now() + limitMs
  while (!holds()) {
    if (Date.now() > end) throw new Error(`never came true: ${fact}`)
    await realClock.sleep(20)
  }
}

/** The code of the error that the promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(
    () => 'no rejection',
    (error: { code?: string; name?: string }) => error.code ?? error.name,
  )
}

/** The same bytes for the same seed. */
export function bytesOf(sizeBytes: number, seed = 1): Uint8Array {
  const rng = createRng(seed)
  const words = new Uint32Array(Math.ceil(sizeBytes / 4)).map(() => rng.nextU32())
  return new Uint8Array(words.buffer, 0, sizeBytes)
}

/** A short stand-in for many bytes in an expectation. */
export const digest = (bytes: Uint8Array) =>
  `${bytes.length} bytes ${createHash('sha256').update(bytes).digest('hex')}`

export const text = (value: string) => new TextEncoder().encode(value)
