import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AppError } from '#base/error.ts'
import type { Backend } from './backend.ts'
import { createTfBackend } from './tfjs.ts'
import type { TensorFlow } from './tfjs-types.ts'
import { type OnnxRuntime, createOnnxBackend } from './onnxruntime.ts'

/** A backend that can be used where its package is installed. */
export interface KnownBackend {
  readonly name: string
  readonly package: string
  /** Makes the backend of the loaded package. */
  readonly create: (loaded: unknown, name: string) => Backend
  /** What to do where the package is missing. */
  readonly install: string
}

const rootFolder = fileURLToPath(new URL('../..', import.meta.url))

/** Runs anywhere, and no faster than the exact engine: what other bits look like, without other hardware. */
const portable: KnownBackend = {
  name: 'onnxruntime-web wasm',
  package: 'onnxruntime-web',
  create(loaded, name) {
    const runtime = loaded as OnnxRuntime & {
      readonly env: { readonly wasm: { numThreads?: number } }
    }
    runtime.env.wasm.numThreads = 1
    return createOnnxBackend({ name, runtime, provider: 'wasm' })
  },
  install: 'npm install --no-save onnxruntime-web@1.30.0',
}

const onnxruntime = (provider: string): KnownBackend => ({
  name: `onnxruntime-node ${provider}`,
  package: 'onnxruntime-node',
  create: (loaded, name) => createOnnxBackend({ name, runtime: loaded as OnnxRuntime, provider }),
  install:
    provider === 'cuda'
      ? 'npm install --no-save onnxruntime-node@1.30.0 with CUDA 12 and cuDNN 9 on the machine'
      : 'ONNXRUNTIME_NODE_INSTALL=skip npm install --no-save onnxruntime-node@1.30.0',
})

/** Every backend, in the order in which they are told. */
export const knownBackends: readonly KnownBackend[] = [
  onnxruntime('cpu'),
  onnxruntime('webgpu'),
  onnxruntime('cuda'),
  {
    name: 'tfjs-node-gpu',
    package: '@tensorflow/tfjs-node-gpu',
    create: (loaded, name) => createTfBackend(loaded as TensorFlow, name),
    install:
      'npm install --no-save @tensorflow/tfjs-node-gpu@4.22.0, which downloads libtensorflow, with CUDA 11 on the machine',
  },
  portable,
]

/** Throws BACKEND_UNKNOWN. */
export function knownBackendOf(name: string): KnownBackend {
  const known = knownBackends.find((one) => one.name === name)
  if (known) return known
  const names = knownBackends.map((one) => one.name).join(', ')
  const message = `there is no backend "${name}"; known are ${names}; see quern doctor`
  throw new AppError({ code: 'BACKEND_UNKNOWN', backend: name, message })
}

/** Whether the package is installed where `folder` would find it. */
export function isInstalled(known: KnownBackend, folder = rootFolder): boolean {
  try {
    createRequire(join(folder, 'package.json')).resolve(known.package)
    return true
  } catch {
    return false
  }
}

/** Loads a backend's package into this process. Throws BACKEND_UNAVAILABLE with the reason. */
export function loadBackend(known: KnownBackend, folder = rootFolder): Backend {
  try {
    const load = createRequire(join(folder, 'package.json'))
    return known.create(load(known.package), known.name)
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
    throw new AppError({ code: 'BACKEND_UNAVAILABLE', backend: known.name, reason })
  }
}
