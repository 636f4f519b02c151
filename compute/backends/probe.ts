import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type KnownBackend, isInstalled, knownBackends } from './known.ts'

/** What was found of one backend. */
export type BackendFinding =
  | { readonly state: 'missing'; readonly name: string; readonly install: string }
  /** It is installed, but does not work here, or does not agree with the exact engine. */
  | { readonly state: 'refused'; readonly name: string; readonly reason: string }
  | {
      readonly state: 'ok'
      readonly name: string
      /** The greatest difference from the exact engine's change of the weights, as a share of it. */
      readonly relative: number
      /** Training steps of a 784-256-10 network, batch 128. */
      readonly stepsPerSecond: number
      /** The same in the exact engine, one thread. */
      readonly exactStepsPerSecond: number
    }

export interface ProbeRequest {
  readonly name: string
  readonly folder?: string
}

export type ProbeReply =
  | { readonly reason: string }
  | {
      readonly relative: number
      readonly stepsPerSecond: number
      readonly exactStepsPerSecond: number
    }

export interface ProbeOptions {
  /** All known backends by default. */
  readonly backends?: readonly KnownBackend[]
  /** Whose node_modules is searched; that of this package by default. */
  readonly folder?: string
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly msMax?: number
}

const msMaxDefault = 60_000
const childFile = fileURLToPath(new URL('./probe-child.ts', import.meta.url))

/** Looks for backends and tests those that are installed, each in a process of its own. */
export async function probeBackends(
  options: ProbeOptions = {},
): Promise<readonly BackendFinding[]> {
  const findings: BackendFinding[] = []
  for (const known of options.backends ?? knownBackends) findings.push(await probe(known, options))
  return findings
}

async function probe(known: KnownBackend, options: ProbeOptions): Promise<BackendFinding> {
  const { name, install } = known
  const { folder } = options
  if (!isInstalled(known, folder)) return { state: 'missing', name, install }
  const reply = await askChild({ name, ...(folder !== undefined && { folder }) }, options)
  return 'reason' in reply ? { state: 'refused', name, ...reply } : { state: 'ok', name, ...reply }
}

/** Foreign code may change how this processor treats denormal numbers, or crash: it runs elsewhere. */
async function askChild(request: ProbeRequest, options: ProbeOptions): Promise<ProbeReply> {
  const { environment = {}, msMax = msMaxDefault } = options
  const child = fork(childFile, {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    env: { ...environment, ORT_DISABLE_TELEMETRY: '1' },
  })
  const over = new AbortController()
  const signal = AbortSignal.any([over.signal, AbortSignal.timeout(msMax)])
  try {
    const answered = once(child, 'message', { signal })
    const ended = once(child, 'exit', { signal }).then(([code, by]) => ({
      reason: `its process ended with ${String(code ?? by)}`,
    }))
    child.send(request)
    const found = await Promise.race([answered.then(([reply]) => reply as ProbeReply), ended])
    return found
  } catch (error) {
    return { reason: signal.aborted ? `no answer in ${msMax} ms` : String(error) }
  } finally {
    over.abort()
    child.kill('SIGKILL')
  }
}
