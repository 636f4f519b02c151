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
]

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
